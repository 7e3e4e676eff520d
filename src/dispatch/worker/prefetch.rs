//! Events of deliveries that go out next and have to be read from the store: many at once, since each read is a trip to
//! another thread and back. One that is not there yet when its turn comes is read alone.

use std::sync::Arc;

use tokio::time::Instant;

use crate::delivery::DeliveryId;
use crate::event::{Event, EventId};
use crate::store::{Body, Pending, StoreError};

use super::super::lane::{Fresh, Shown};
use super::Worker;

/// How far ahead it looks, in deliveries.
const AHEAD: usize = 64;
/// Fewer are not worth it.
const WORTH: usize = 16;
/// Most bytes of bodies that are read at once.
const BYTES_MAX: usize = 1 << 20;
/// With less memory for bodies that wait, each is read when its turn comes.
const ROOM_MIN: usize = 64 << 10;

/// Deliveries without their event.
pub(super) type Bare = Vec<(DeliveryId, EventId)>;
/// Events as the store gives them.
pub(super) type Bodies = Vec<(EventId, Body)>;

/// A read under way, and how many are claimed until the next.
#[derive(Debug, Default)]
pub(super) struct Prefetch {
    /// What is read, and for which deliveries.
    pub(super) reading: Option<(Bare, Pending<Bodies>)>,
    rest: usize,
}

impl Prefetch {
    /// A delivery was claimed.
    pub(super) fn claimed(&mut self) {
        self.rest = self.rest.saturating_sub(1);
    }
}

impl Worker {
    /// Whether deliveries go out one after the other now, as far as anybody knows.
    fn sends(&self) -> bool {
        let open = self.gate.shown(self.offset(Instant::now())) == Shown::Closed;
        open && self.definition.is_some() && !self.lane.is_paused() && !self.is_winding_down()
    }

    pub(super) fn begin_prefetch(&mut self) {
        let idle = self.prefetch.reading.is_none() && self.prefetch.rest == 0;
        if !idle || self.store_not_before.is_some() || !self.sends() {
            return;
        }
        let room = self.roster.budget.room_for_waiting().min(BYTES_MAX);
        let bare = self.book.without_event(AHEAD, Instant::now());
        if bare.len() < WORTH || room < ROOM_MIN {
            // What waits has its event, or there is little of it, or no memory for more: a while later again.
            self.prefetch.rest = WORTH;
            return;
        }
        let events = bare.iter().map(|(_, event)| *event).collect();
        let bodies = self.roster.parts.store.bodies(events, room);
        self.prefetch.reading = Some((bare, bodies));
    }

    pub(super) fn end_prefetch(&mut self, bodies: Result<Bodies, StoreError>) {
        self.prefetch.rest = AHEAD / 2;
        let Some((bare, _)) = self.prefetch.reading.take() else { return };
        // Whatever the store has to say, it says to those who read alone.
        let mut asked = bare.into_iter();
        for (id, stored) in bodies.unwrap_or_default() {
            // They come in the order in which they were asked for, some left out.
            let Some((to, _)) = asked.find(|(_, event)| *event == id) else { return };
            let Some(charge) = self.roster.budget.for_waiting(stored.body.len()) else { return };
            let fresh = Fresh {
                event: Arc::new(Event::restored(stored.envelope, stored.body)),
                rules: stored.rules.into(),
                _charge: charge,
            };
            self.book.bring(to, fresh);
        }
    }
}
