//! What goes into a store: new events, settles, replays, and what is answered to them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::clock::Timestamp;
use crate::delivery::{DeadReason, DeliveryId};
use crate::event::{Envelope, EventId};
use crate::name::{RuleName, TargetName};

use super::super::Receipt;

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
    /// It failed in a way that may pass: it is tried again, unless the delivery has grown too old.
    Retry,
    /// It failed for good.
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
