//! How long the newest events took to be answered: in memory, for whoever looks at what arrives.
//!
//! It is noted when the answer is ready, which is after the event was stored, so the store cannot know it. Only the newest
//! [`ANSWERS_MAX`] are known, and none after a restart.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::event::EventId;

/// Most events whose time is known. With both tables this is at most a megabyte.
const ANSWERS_MAX: usize = 10_000;

/// The times.
#[derive(Debug, Default)]
pub(super) struct Answers(Mutex<Ring>);

#[derive(Debug, Default)]
struct Ring {
    /// The oldest first.
    order: VecDeque<EventId>,
    micros: HashMap<EventId, u32>,
}

impl Answers {
    /// The answer to an event is ready.
    pub(super) fn note(&self, event: EventId, took: Duration) {
        let mut ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Ring { order, micros } = &mut *ring;
        if order.len() >= ANSWERS_MAX
            && let Some(oldest) = order.pop_front()
        {
            micros.remove(&oldest);
        }
        order.push_back(event);
        micros.insert(event, u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
    }

    /// How long it took, if that is still known.
    pub(super) fn of(&self, event: EventId) -> Option<Duration> {
        let ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ring.micros.get(&event).map(|micros| Duration::from_micros(u64::from(*micros)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    #[test]
    fn the_newest_are_known() {
        let answers = Answers::default();
        let id = |number: usize| {
            let mut chance = [0; 10];
            chance[2..].copy_from_slice(&number.to_be_bytes());
            EventId::new(Timestamp::from_millis(0), chance)
        };
        for number in 0..=ANSWERS_MAX {
            answers.note(id(number), Duration::from_micros(7 + number as u64));
        }
        assert_eq!(answers.of(id(0)), None);
        assert_eq!(answers.of(id(1)), Some(Duration::from_micros(8)));
        assert_eq!(answers.of(id(ANSWERS_MAX)), Some(Duration::from_micros(10_007)));
        let ring = answers.0.lock().unwrap();
        assert_eq!((ring.order.len(), ring.micros.len()), (ANSWERS_MAX, ANSWERS_MAX));
    }
}
