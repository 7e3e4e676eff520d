//! Which events and dead letters are meant, and pages of them.

use crate::clock::Timestamp;
use crate::delivery::{DeadReason, DeliveryId};
use crate::event::EventId;
use crate::name::TargetName;

use super::{Body, DeliveryRecord, DeliveryState, EventRecord};

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
    /// With this text, in any case, in its id, name, agent, call or body; at most [`TEXT_MAX`](crate::store::TEXT_MAX) bytes.
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
