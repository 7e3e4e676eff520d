//! What stands between the program and one target's worker: an inbox with a bell, and what the worker shows of itself.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::clock::Timestamp;
use crate::event::Event;
use crate::name::{RuleName, TargetName};
use crate::store::Ready;

use super::book::Place;
use super::budget::Charge;

/// Most offers that wait for the worker to look. It looks within microseconds; what comes on top stays in the store.
const INBOX_MAX: usize = 1024;

/// An event that came along with its delivery, so that no disk has to be read.
#[derive(Debug)]
pub(super) struct Fresh {
    /// The event.
    pub(super) event: Arc<Event>,
    /// The rules that matched.
    pub(super) rules: Arc<[RuleName]>,
    /// Its body's share of the memory, given back when this is dropped.
    pub(super) _charge: Charge,
}

/// A delivery that was just committed.
#[derive(Debug)]
pub(super) struct Offer {
    /// The delivery.
    pub(super) ready: Ready,
    /// Its event, if there was memory for it.
    pub(super) fresh: Option<Fresh>,
}

/// What the inbox held.
#[derive(Debug, Default)]
pub(super) struct Mail {
    /// New deliveries.
    pub(super) offers: VecDeque<Offer>,
    /// The nearest delivery for which there was no room.
    pub(super) missed: Option<Place>,
    /// The store may have anything.
    pub(super) refresh: bool,
}

#[derive(Debug, Default)]
struct Inbox {
    mail: Mail,
    /// The worker has gone; whoever comes needs another lane.
    closed: bool,
}

/// One target's lane. The worker alone takes from it; everybody may put in and look.
#[derive(Debug)]
pub(super) struct Lane {
    /// The target's name.
    pub(super) name: TargetName,
    inbox: Mutex<Inbox>,
    bell: Notify,
    paused: AtomicBool,
    in_flight: AtomicU32,
    circuit: AtomicU8,
    at_rest: AtomicBool,
    last_failure: Mutex<Option<(String, Timestamp)>>,
}

/// How a circuit is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// Everything goes.
    Closed,
    /// Nothing goes.
    Open,
    /// A probe is under way.
    Probing,
}

impl Shown {
    /// Its name in the API.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::Probing => "probing",
        }
    }
}

impl Lane {
    /// A lane whose worker has yet to begin.
    pub(super) fn new(name: TargetName, paused: bool) -> Self {
        Self {
            name,
            inbox: Mutex::default(),
            bell: Notify::new(),
            paused: AtomicBool::new(paused),
            in_flight: AtomicU32::new(0),
            circuit: AtomicU8::new(0),
            at_rest: AtomicBool::new(false),
            last_failure: Mutex::default(),
        }
    }

    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        // Nothing panics while it is held.
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a delivery in, or remembers that one had no room. Gives it back if the worker has gone.
    pub(super) fn offer(&self, offer: Offer) -> Result<(), Offer> {
        let mut inbox = self.inbox();
        if inbox.closed {
            return Err(offer);
        }
        if inbox.mail.offers.len() < INBOX_MAX {
            inbox.mail.offers.push_back(offer);
        } else {
            let place = (offer.ready.due, offer.ready.id);
            let missed = &mut inbox.mail.missed;
            *missed = Some(missed.map_or(place, |nearest| nearest.min(place)));
        }
        drop(inbox);
        self.ring();
        Ok(())
    }

    /// Has the worker look into the store.
    pub(super) fn refresh(&self) {
        self.inbox().mail.refresh = true;
        self.ring();
    }

    /// Whether it has a worker.
    pub(super) fn is_open(&self) -> bool {
        !self.inbox().closed
    }

    /// Takes everything out.
    pub(super) fn take(&self) -> Mail {
        std::mem::take(&mut self.inbox().mail)
    }

    /// Closes the inbox if it is empty, for good: the worker goes. What comes later finds it closed, so nothing is left in
    /// it unseen.
    pub(super) fn close_if_empty(&self) -> bool {
        let mut inbox = self.inbox();
        let mail = &inbox.mail;
        let empty = mail.offers.is_empty() && mail.missed.is_none() && !mail.refresh;
        inbox.closed = empty;
        empty
    }

    /// Closes the inbox and forgets what is in it: the store has it.
    pub(super) fn close(&self) {
        let mut inbox = self.inbox();
        inbox.closed = true;
        inbox.mail = Mail::default();
    }

    /// Wakes the worker, now or when it next waits.
    pub(super) fn ring(&self) {
        self.bell.notify_one();
    }

    /// Resolves when somebody rang since the last time.
    pub(super) async fn rung(&self) {
        self.bell.notified().await;
    }

    /// Whether a person paused the target.
    pub(super) fn is_paused(&self) -> bool {
        self.paused.load(Ordering::Acquire)
    }

    /// A person paused or resumed it.
    pub(super) fn set_paused(&self, paused: bool) {
        self.paused.store(paused, Ordering::Release);
        self.ring();
    }

    /// The worker shows how it is. `at_rest`: as far as it knows, nothing is pending.
    pub(super) fn show(&self, in_flight: usize, circuit: Shown, at_rest: bool) {
        self.in_flight.store(u32::try_from(in_flight).unwrap_or(u32::MAX), Ordering::Relaxed);
        self.circuit.store(circuit as u8, Ordering::Relaxed);
        self.at_rest.store(at_rest, Ordering::Relaxed);
    }

    /// The worker shows an attempt that failed.
    pub(super) fn show_failure(&self, detail: &str, at: Timestamp) {
        let mut last = self.last_failure.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Some((detail.to_owned(), at));
    }

    /// Attempts under way.
    pub(super) fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// How the circuit is.
    pub(super) fn circuit(&self) -> Shown {
        match self.circuit.load(Ordering::Relaxed) {
            0 => Shown::Closed,
            1 => Shown::Open,
            _ => Shown::Probing,
        }
    }

    /// Whether the worker believes that nothing is pending.
    pub(super) fn is_at_rest(&self) -> bool {
        self.at_rest.load(Ordering::Relaxed)
    }

    /// The last attempt that failed, and when.
    pub(super) fn last_failure(&self) -> Option<(String, Timestamp)> {
        self.last_failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
