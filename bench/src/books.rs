//! What was sent, what was accepted and what arrived, by the number of each event. A run that loses one is void.

use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

/// Most events of one run.
const CAPACITY: usize = 1 << 21;
const ACCEPTED: u8 = 1;
/// Sent, and no answer came: the event may be there or not.
const UNKNOWN: u8 = 2;

/// Microseconds up to two minutes, to three digits.
pub type Times = Histogram<u64>;

pub fn times() -> Times {
    Histogram::new_with_bounds(1, 120_000_000, 3).expect("the bounds are possible")
}

#[derive(Debug)]
pub struct Books {
    began: Instant,
    next: AtomicU64,
    /// When each was sent, in microseconds since the beginning.
    sent: Box<[AtomicU32]>,
    answer: Box<[AtomicU8]>,
    /// The targets that each reached, a bit each.
    reached: Box<[AtomicU8]>,
    delivered: AtomicU64,
    repeated: AtomicU64,
    strange: AtomicU64,
    last: AtomicU64,
    arrival: Mutex<Times>,
}

/// The books closed.
#[derive(Debug, Clone, Copy)]
pub struct Balance {
    pub accepted: u64,
    /// Deliveries of accepted events that did not arrive.
    pub lost: u64,
    /// Deliveries that came twice.
    pub repeated: u64,
    /// What no target should have received.
    pub strange: u64,
}

fn zeros<T: Default>() -> Box<[T]> {
    (0..CAPACITY).map(|_| T::default()).collect()
}

impl Books {
    pub fn new() -> Self {
        Self {
            began: Instant::now(),
            next: AtomicU64::new(0),
            sent: zeros(),
            answer: zeros(),
            reached: zeros(),
            delivered: AtomicU64::new(0),
            repeated: AtomicU64::new(0),
            strange: AtomicU64::new(0),
            last: AtomicU64::new(0),
            arrival: Mutex::new(times()),
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// The number of the next event, which is sent now; none if the books are full.
    pub fn send(&self) -> Option<u64> {
        let number = self.next.fetch_add(1, Relaxed);
        let now = u32::try_from(self.now()).unwrap_or(u32::MAX);
        self.sent.get(usize::try_from(number).ok()?)?.store(now, Relaxed);
        Some(number)
    }

    pub fn accepted(&self, number: u64) {
        self.answer[number as usize].store(ACCEPTED, Relaxed);
    }

    pub fn unknown(&self, number: u64) {
        self.answer[number as usize].store(UNKNOWN, Relaxed);
    }

    /// A target received the event of this number.
    pub fn arrived(&self, target: usize, number: Option<u64>) {
        let now = self.now();
        let known = number
            .and_then(|number| usize::try_from(number).ok())
            .filter(|at| *at < CAPACITY && (*at as u64) < self.next.load(Relaxed));
        let Some(at) = known else {
            self.strange.fetch_add(1, Relaxed);
            return;
        };
        let bit = 1 << (target % 8);
        if self.reached[at].fetch_or(bit, Relaxed) & bit != 0 {
            self.repeated.fetch_add(1, Relaxed);
            return;
        }
        self.delivered.fetch_add(1, Relaxed);
        self.last.fetch_max(now, Relaxed);
        let took = now.saturating_sub(self.sent[at].load(Relaxed).into());
        let mut arrival = self.arrival.lock().unwrap_or_else(PoisonError::into_inner);
        arrival.saturating_record(took);
    }

    /// Waits until what was accepted has reached so many targets, for as long as that may take, and closes them.
    pub async fn settled(&self, targets: u32, patience: Duration) -> Balance {
        let until = Instant::now() + patience;
        let expected = self.balance(targets).accepted * u64::from(targets);
        while self.delivered.load(Relaxed) < expected && Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.balance(targets)
    }

    /// From the beginning to the last arrival, in seconds.
    pub fn last(&self) -> f64 {
        self.last.load(Relaxed) as f64 / 1e6
    }

    /// From sending to arrival at a target.
    pub fn arrival(&self) -> Times {
        self.arrival.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Closes them: each accepted event must have reached so many targets.
    pub fn balance(&self, targets: u32) -> Balance {
        let mut balance = Balance {
            accepted: 0,
            lost: 0,
            repeated: self.repeated.load(Relaxed),
            strange: self.strange.load(Relaxed),
        };
        for (answer, reached) in self.answer.iter().zip(&self.reached) {
            let arrived = reached.load(Relaxed).count_ones();
            match answer.load(Relaxed) {
                ACCEPTED => {
                    balance.accepted += 1;
                    balance.lost += u64::from(targets.saturating_sub(arrived));
                }
                UNKNOWN => {}
                // What was refused must not arrive.
                _ => balance.strange += u64::from(arrived),
            }
        }
        balance
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_that_did_not_reach_both_targets_is_noticed() {
        let books = Books::new();
        for _ in 0..3 {
            let number = books.send().unwrap();
            books.accepted(number);
            books.arrived(0, Some(number));
            if number != 1 {
                books.arrived(1, Some(number));
            }
        }
        books.arrived(1, Some(2));
        books.arrived(1, Some(9));
        let balance = books.balance(2);
        assert_eq!((balance.accepted, balance.lost), (3, 1));
        assert_eq!((balance.repeated, balance.strange), (1, 1));
    }
}
