//! What goes into a store and what comes out. These are working types; the forms on disk are the engine's own.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::clock::Timestamp;
use crate::delivery::{DeadReason, DeliveryId};
use crate::event::{Envelope, EventId};
use crate::name::{RuleName, TargetName};

use super::Receipt;

/// What makes two requests the same event, within a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// What must agree. Two identities are equal if their digests are.
    pub key: IdentityKey,
    /// How long after the first a repeat is one.
    pub window: Duration,
}

/// The two ways of being the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdentityKey {
    /// Source, event name, call or chat id and agent id; the text joins them unambiguously. A repeat may have another
    /// body (`Revised`).
    Id(String),
    /// Source and body: a repeat is always a duplicate.
    Body {
        /// SHA-256 over the source's name, a zero byte and the body.
        digest: [u8; 32],
    },
}

/// A new event.
#[derive(Debug)]
pub struct Append {
    /// Everything but the body.
    pub envelope: Arc<Envelope>,
    /// The exact bytes.
    pub body: Bytes,
    /// What the plan came to.
    pub state: EventState,
    /// The rules that matched.
    pub rules: Vec<RuleName>,
    /// The rules that matched and only watch: they send nothing.
    pub shadow: Vec<RuleName>,
    /// The number of the revision that routed it.
    pub revision: u64,
    /// Its deliveries; empty unless routed. A person asked for those of an edited event, so they are replays.
    pub deliveries: Vec<NewDelivery>,
    /// What a repeat is told by; none with `dedupe: off`. Every event is looked up, but only routed, ignored and revised
    /// ones are remembered: unrouted and quarantined events suppress nothing.
    pub identity: Option<Identity>,
    /// The event whose body a person edited to make this one.
    pub edited_from: Option<EventId>,
}

/// A delivery to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDelivery {
    /// Where to.
    pub target: TargetName,
    /// Its place in the target's order.
    pub order_key: Option<Arc<str>>,
}

/// What became of an event on arrival.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventState {
    /// It has deliveries.
    Routed,
    /// No rule matched.
    Unrouted,
    /// A rule said `ignore`.
    Ignored,
    /// A repeat of an earlier event with another body: stored, not delivered. Only the store finds this.
    Revised {
        /// The first of its kind in the window.
        of: EventId,
    },
    /// Authentic but unreadable.
    Quarantined {
        /// Why.
        reason: String,
    },
}

impl EventState {
    /// Its name in the API and in filters.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Routed => "routed",
            Self::Unrouted => "unrouted",
            Self::Ignored => "ignored",
            Self::Revised { .. } => "revised",
            Self::Quarantined { .. } => "quarantined",
        }
    }
}

/// The answer to an append.
#[derive(Debug)]
pub struct Appended {
    /// The proof.
    pub receipt: Receipt,
    /// What became of it.
    pub fate: Fate,
}

/// What became of an append.
#[derive(Debug)]
pub enum Fate {
    /// Stored; these of its deliveries may go out now (heads of their order key, and unordered ones).
    Stored(Vec<Ready>),
    /// A repeat with the same body: counted on the event that has that body.
    Duplicate {
        /// The event with that body: the first, or a revised one.
        of: EventId,
    },
    /// A repeat with another body: stored, no deliveries.
    Revised {
        /// The first.
        of: EventId,
    },
}

/// A delivery that may go out once it is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ready {
    /// Its id.
    pub id: DeliveryId,
    /// Its event.
    pub event: EventId,
    /// Where to.
    pub target: TargetName,
    /// When.
    pub due: Timestamp,
    /// Attempts made.
    pub attempts: u32,
    /// When its age began.
    pub age_from: Timestamp,
    /// Its place in the target's order.
    pub order_key: Option<Arc<str>>,
    /// Whether a person asked for it.
    pub replay: bool,
}

/// An attempt and what follows.
#[derive(Debug, Clone)]
pub struct Settle {
    /// Which delivery.
    pub delivery: DeliveryId,
    /// What was tried, or why nothing was sent (the body is damaged). None if there is nothing to tell.
    pub attempt: Option<Attempt>,
    /// What follows.
    pub change: Change,
    /// When.
    pub now: Timestamp,
}

/// What follows for a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It is delivered.
    Delivered,
    /// It is due again.
    Again(Timestamp),
    /// It is a dead letter.
    Dead(DeadReason),
}

/// The answer to a settle.
#[derive(Debug)]
pub struct Settled {
    /// Whether the delivery was still pending, so that the change counts.
    pub applied: bool,
    /// The next delivery of the same order key, if this one's end let it go.
    pub next: Option<Ready>,
}

/// One try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Counts from 1.
    pub number: u32,
    /// When it began.
    pub started_at: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// What it came to.
    pub result: AttemptResult,
    /// The status of the answer, if there was one.
    pub status: Option<u16>,
    /// What happened, for a person: never a secret, never payload text of ours.
    pub detail: String,
    /// The beginning of the answer's body, at most 4 KiB, lossily decoded.
    pub answer: Option<String>,
}

/// What a try came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptResult {
    /// The target has it.
    Accepted,
    /// It is tried again.
    Retry,
    /// It is not.
    Rejected,
}

/// New deliveries of a stored event.
#[derive(Debug, Clone)]
pub struct Replay {
    /// Which event.
    pub event: EventId,
    /// Where to.
    pub deliveries: Vec<NewDelivery>,
    /// The revision that planned them.
    pub revision: u64,
    /// When: also where their age begins.
    pub now: Timestamp,
}

/// Which pending deliveries to give up.
#[derive(Debug, Clone)]
pub struct Bury {
    /// Of which target.
    pub target: TargetName,
    /// Why. With `dropped` they go straight to the history.
    pub reason: DeadReason,
    /// Only those whose age began then or before.
    pub older_than: Option<Timestamp>,
    /// Not these: they are in flight.
    pub except: Vec<DeliveryId>,
    /// When.
    pub now: Timestamp,
}

/// Which dead letters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeadSelection {
    /// Only these; empty means all that the other members select.
    pub ids: Vec<DeliveryId>,
    /// Only of this target.
    pub target: Option<TargetName>,
    /// Only with this reason.
    pub reason: Option<DeadReason>,
    /// Only of this event.
    pub event: Option<EventId>,
}

/// A dead letter, listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The delivery.
    pub delivery: DeliveryRecord,
    /// Its event.
    pub event: EventId,
    /// The event's name.
    pub event_name: Option<String>,
    /// The call or chat.
    pub subject: Option<String>,
    /// The last attempt's detail.
    pub detail: Option<String>,
}

impl DeadLetter {
    /// The cursor for what comes after this one.
    pub fn cursor(&self) -> String {
        let ended = match self.delivery.state {
            DeliveryState::Pending { due: at }
            | DeliveryState::Delivered { at }
            | DeliveryState::Dead { at, .. } => at,
        };
        format!("{}-{}", ended.millis(), self.delivery.id)
    }

    /// Takes such a cursor apart again. Milliseconds may be negative, ids are not.
    pub(in crate::store) fn place(cursor: &str) -> Option<(Timestamp, DeliveryId)> {
        let (ended, id) = cursor.rsplit_once('-')?;
        Some((Timestamp::from_millis(ended.parse().ok()?), DeliveryId(id.parse().ok()?)))
    }
}

/// Which events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// With this name.
    pub name: Option<String>,
    /// Of this agent.
    pub agent_id: Option<String>,
    /// Of this call or chat.
    pub subject: Option<String>,
    /// With a delivery to this target.
    pub target: Option<String>,
    /// In this state: `routed`, `unrouted`, `ignored`, `revised`, `quarantined`, or of a delivery: `pending`, `delivered`,
    /// `dead`.
    pub state: Option<String>,
    /// Arrived at or after.
    pub since: Option<Timestamp>,
    /// Arrived before.
    pub until: Option<Timestamp>,
    /// Matched by this rule, whether it sends or only watches.
    pub rule: Option<String>,
    /// With this text, in any case, in its id, name, agent, call or body; at most [`TEXT_MAX`](super::TEXT_MAX) bytes.
    pub text: Option<String>,
}

/// The states of a delivery that a filter can ask for.
const DELIVERY_STATES: [&str; 3] = ["pending", "delivered", "dead"];

impl EventFilter {
    /// The state of the event itself that is asked for. One that there is not matches nothing.
    pub(in crate::store) fn event_state(&self) -> Option<&str> {
        self.state.as_deref().filter(|state| !DELIVERY_STATES.contains(state))
    }

    /// The state of a delivery that is asked for.
    pub(in crate::store) fn delivery_state(&self) -> Option<&str> {
        self.state.as_deref().filter(|state| DELIVERY_STATES.contains(state))
    }

    /// Whether the event must have a certain delivery.
    pub(in crate::store) fn wants_delivery(&self) -> bool {
        self.target.is_some() || self.delivery_state().is_some()
    }

    /// Whether a delivery is such a one: to the target, and in the state, if either is asked for.
    pub(in crate::store) fn wants(&self, target: &TargetName, state: DeliveryState) -> bool {
        self.target.as_deref().is_none_or(|wanted| wanted == target.as_str())
            && self.delivery_state().is_none_or(|wanted| wanted == state.as_str())
    }
}

/// Which part of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// At most so many: 1 to 1,000.
    pub limit: usize,
    /// Only what comes after this cursor of an earlier page.
    pub after: Option<String>,
}

/// A part of the events.
#[derive(Debug, Clone, PartialEq)]
pub struct EventPage {
    /// Newest first, each with its deliveries.
    pub events: Vec<(EventRecord, Vec<DeliveryRecord>)>,
    /// The cursor of the next page; none at the end.
    pub next: Option<String>,
    /// When the last event arrived that was looked at, if it was not the end and the page is not full.
    pub looked_to: Option<Timestamp>,
}

/// What arrived from a place on.
#[derive(Debug, Clone, PartialEq)]
pub struct Arrivals {
    /// Oldest first, each with its deliveries, after the place to go on from once it is dealt with.
    pub events: Vec<(u64, EventRecord, Vec<DeliveryRecord>)>,
    /// The place to go on from: everything before it was looked at.
    pub next: u64,
    /// The place behind the newest event, whatever the filter; 0 if there is none.
    pub head: u64,
}

/// A part of all that arrived, with bodies.
#[derive(Debug, Clone)]
pub struct Stretch {
    /// Oldest first. One whose body is damaged has none.
    pub events: Vec<(EventId, Option<Body>)>,
    /// The place to go on from: everything before it was looked at.
    pub next: u64,
    /// The place behind the newest event, whatever the filter; 0 if there is none.
    pub head: u64,
}

/// An event as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRecord {
    /// Everything but the body.
    pub envelope: Arc<Envelope>,
    /// The body's length in bytes.
    pub body_len: u64,
    /// What became of it.
    pub state: EventState,
    /// The rules that matched.
    pub rules: Vec<RuleName>,
    /// The rules that matched and only watch.
    pub shadow: Vec<RuleName>,
    /// The revision that routed it.
    pub revision: u64,
    /// How often it was sent again with the same body.
    pub duplicates: u64,
    /// The event whose body a person edited to make this one.
    pub edited_from: Option<EventId>,
}

/// The deliveries of an event, each with its attempts.
pub type Tried = Vec<(DeliveryRecord, Vec<Attempt>)>;

/// A delivery as it is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryRecord {
    /// Its id.
    pub id: DeliveryId,
    /// Where to.
    pub target: TargetName,
    /// How it is.
    pub state: DeliveryState,
    /// Attempts made.
    pub attempts: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its age began.
    pub age_from: Timestamp,
    /// Its place in the target's order.
    pub order_key: Option<Arc<str>>,
    /// Whether a person asked for it.
    pub replay: bool,
    /// The revision that planned it: the event's, or for a replay the one that ran then.
    pub revision: u64,
}

/// How a delivery is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryState {
    /// It waits or is under way.
    Pending {
        /// When it is due.
        due: Timestamp,
    },
    /// The target has it.
    Delivered {
        /// Since when.
        at: Timestamp,
    },
    /// It ended without success.
    Dead {
        /// Why.
        reason: DeadReason,
        /// Since when.
        at: Timestamp,
    },
}

impl DeliveryState {
    /// Its name in the API and in filters.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Pending { .. } => "pending",
            Self::Delivered { .. } => "delivered",
            Self::Dead { .. } => "dead",
        }
    }
}

/// A stored event with its body.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_field_names,
    reason = "the bytes are the body of the event, and so called everywhere"
)]
pub struct Body {
    /// Everything but the body.
    pub envelope: Arc<Envelope>,
    /// The rules that matched on arrival.
    pub rules: Vec<RuleName>,
    /// What became of it on arrival.
    pub state: EventState,
    /// The revision that routed it.
    pub revision: u64,
    /// The exact bytes, checked.
    pub body: Bytes,
}

/// What the store counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// Per target.
    pub targets: Vec<(TargetName, Counts)>,
    /// Quarantined events that are listed.
    pub quarantined: u64,
    /// Events that are listed.
    pub events: u64,
    /// Bytes on disk.
    pub bytes: u64,
}

/// What the store counts of one target.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Deliveries that wait or are under way.
    pub pending: u64,
    /// Where the age of the oldest of them began.
    pub oldest_pending: Option<Timestamp>,
    /// Dead letters that are listed.
    pub dead: u64,
    /// Whether a person paused it.
    pub paused: bool,
}
