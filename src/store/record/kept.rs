//! What comes out of a store as it is kept.

use std::sync::Arc;

use bytes::Bytes;

use crate::clock::Timestamp;
use crate::delivery::{DeadReason, DeliveryId};
use crate::event::{Envelope, EventId};
use crate::name::{RuleName, TargetName};

use super::{Attempt, EventState};

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
    /// Those that only watched.
    pub shadow: Vec<RuleName>,
    /// What became of it on arrival.
    pub state: EventState,
    /// The revision that routed it.
    pub revision: u64,
    /// The event that a person made it of.
    pub edited_from: Option<EventId>,
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
