//! One target's worker: claims what is due, as far as its target may be pressed, and has the store settle what comes of it.
//!
//! It is one loop over everything that can happen: somebody rings, an attempt ends, an outcome is committed, the store was
//! read, another configuration runs, a time has come. All state is its own, so nothing here is locked. It sleeps without a
//! timer when nothing is due.

mod backlog;
mod claim;
mod prefetch;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio::sync::watch;
use tokio::time::{Instant, Sleep};
use tokio_util::task::task_tracker::TaskTrackerToken;
use tracing::info;

use crate::clock::Timestamp;
use crate::delivery::{DeadReason, RETRY_AFTER_MAX};
use crate::store::{Pending, Ready, StoreError};
use crate::target::Target;

use super::book::{Book, Waiting};
use super::gate::{Gate, Pass};
use super::lane::{Fresh, Lane, Shown};
use super::roster::Roster;
use claim::{Landing, Settling};
use prefetch::{Bodies, Prefetch};

/// How long the deliveries of a target that the configuration no longer has are kept: a rename is often two saves.
pub(super) const REMOVED_GRACE: Duration = Duration::from_mins(10);
/// The wait after the store failed to read.
const READ_AGAIN: Duration = Duration::from_secs(1);
/// No timer is set for longer: a bound on what a configuration can ask of the timer.
const FAR: Duration = Duration::from_hours(366 * 24);

/// The worker.
pub(super) struct Worker {
    roster: Arc<Roster>,
    lane: Arc<Lane>,
    /// Offsets for the gate count from here.
    epoch: Instant,
    changed: watch::Receiver<u64>,
    definition: Option<Arc<Target>>,
    /// The last definition's, kept while there is none.
    fingerprint: Option<u64>,
    /// Since when there is no definition.
    missing_since: Option<Instant>,
    gate: Gate,
    book: Book,
    flights: FuturesUnordered<BoxFuture<'static, Landing>>,
    settles: FuturesUnordered<BoxFuture<'static, Settling>>,
    refill: Option<Pending<Vec<Ready>>>,
    prefetch: Prefetch,
    /// After the store failed.
    store_not_before: Option<Instant>,
    burial: Option<(DeadReason, Pending<u64>)>,
    /// The store is done for, and so is this.
    halted: bool,
    shown: Option<(Shown, bool)>,
    _alive: TaskTrackerToken,
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").field("target", &self.lane.name).finish_non_exhaustive()
    }
}

/// What happened.
enum Happening {
    /// Somebody has something for it to look at: mail, a configuration, a pause, the end.
    Rung,
    Landed(Landing),
    Settled(Settling),
    Refilled(Result<Vec<Ready>, StoreError>),
    Fetched(Result<Bodies, StoreError>),
    Buried(Result<u64, StoreError>),
    Time,
}

impl Worker {
    /// A worker that has looked at nothing yet.
    pub(super) fn new(roster: Arc<Roster>, lane: Arc<Lane>) -> Self {
        let mut changed = roster.parts.published.subscribe();
        // The first look at the configuration is always due.
        changed.mark_changed();
        Self {
            epoch: Instant::now(),
            changed,
            definition: None,
            fingerprint: None,
            missing_since: None,
            gate: Gate::new(None, Duration::ZERO),
            book: Book::new(roster.window(), true),
            flights: FuturesUnordered::new(),
            settles: FuturesUnordered::new(),
            refill: None,
            prefetch: Prefetch::default(),
            store_not_before: None,
            burial: None,
            halted: false,
            shown: None,
            _alive: roster.alive(),
            roster,
            lane,
        }
    }

    /// Works until there is nothing left to do for this target, or everything stops.
    pub(super) async fn run(mut self) -> Arc<Lane> {
        let mut timer = Box::pin(tokio::time::sleep_until(self.epoch));
        loop {
            if self.roster.is_stopped() {
                break;
            }
            self.read_inbox();
            self.adopt_definition();
            self.bury_if_removed();
            self.begin_refill();
            self.claim();
            self.begin_prefetch();
            self.show();
            if self.is_done() {
                break;
            }
            let wake = self.next_time();
            if let Some(wake) = wake.filter(|wake| timer.deadline() != *wake) {
                timer.as_mut().reset(wake);
            }
            match self.happening(timer.as_mut(), wake.is_some()).await {
                Happening::Landed(landing) => self.land(landing),
                Happening::Settled(settling) => self.settled(settling),
                Happening::Refilled(rows) => self.end_refill(rows),
                Happening::Fetched(bodies) => self.end_prefetch(bodies),
                Happening::Buried(count) => self.end_burial(count),
                Happening::Rung | Happening::Time => {}
            }
            self.take_in_ended();
        }
        // What is in flight is aborted with `flights`; the store has it as pending.
        self.lane.close();
        self.lane.show(0, Shown::Closed, true);
        Arc::clone(&self.lane)
    }

    async fn happening(&mut self, timer: Pin<&mut Sleep>, timed: bool) -> Happening {
        tokio::select! {
            () = self.lane.rung() => Happening::Rung,
            Some(landing) = self.flights.next() => Happening::Landed(landing),
            Some(settling) = self.settles.next() => Happening::Settled(settling),
            rows = answer(self.refill.as_mut()) => Happening::Refilled(rows),
            bodies = answer(self.prefetch.reading.as_mut().map(|(_, bodies)| bodies)) => Happening::Fetched(bodies),
            count = answer(self.burial.as_mut().map(|(_, count)| count)) => Happening::Buried(count),
            () = timer, if timed => Happening::Time,
        }
    }

    /// Takes in what else has ended by now, so that under load the rest of the loop is gone through once for many. The waker
    /// that this leaves behind is replaced before the worker sleeps.
    fn take_in_ended(&mut self) {
        while let Some(Some(landing)) = self.flights.next().now_or_never() {
            self.land(landing);
        }
        while let Some(Some(settling)) = self.settles.next().now_or_never() {
            self.settled(settling);
        }
    }

    fn offset(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.epoch)
    }

    fn read_inbox(&mut self) {
        let mail = self.lane.take();
        if !mail.offers.is_empty() {
            let times = self.times();
            for offer in mail.offers {
                self.book.offer(times.waiting(offer.ready, offer.fresh));
            }
        }
        if let Some(place) = mail.missed {
            self.book.missed(place);
        }
        if mail.refresh {
            self.book.refresh();
        }
    }

    /// Looks whether another configuration runs. A changed definition closes the circuit and fills the bucket.
    fn adopt_definition(&mut self) {
        if !self.changed.has_changed().unwrap_or(false) {
            return;
        }
        // Seen first, then read: what is published in between is looked at once more.
        self.changed.mark_unchanged();
        self.definition = self.roster.parts.published.load().targets.get(&self.lane.name).cloned();
        self.book.set_capacity(self.roster.window());
        let now = Instant::now();
        let Some(target) = &self.definition else {
            self.missing_since.get_or_insert(now);
            return;
        };
        self.missing_since = None;
        self.shown = None;
        if self.fingerprint != Some(target.fingerprint) {
            self.fingerprint = Some(target.fingerprint);
            let offset = self.offset(now);
            if self.gate.shown(offset) != Shown::Closed {
                info!(target = %self.lane.name, "circuit closed: the target has a new definition");
            }
            self.gate = Gate::new(target.rate, offset);
        }
    }

    /// Whether the store is done for. Then this worker does nothing more: the program is about to end.
    fn is_fatal(&mut self, error: &StoreError) -> bool {
        self.halted |= matches!(error, StoreError::Poisoned(_) | StoreError::Closed);
        self.halted
    }

    /// Whether nothing new may be begun.
    fn is_winding_down(&self) -> bool {
        self.halted || self.roster.is_draining()
    }

    fn is_done(&self) -> bool {
        if self.roster.is_draining() {
            return self.flights.is_empty() && self.settles.is_empty();
        }
        self.definition.is_none() && self.is_at_rest() && self.lane.close_if_empty()
    }

    fn is_at_rest(&self) -> bool {
        self.book.nothing_pending() && self.book.hands_empty()
    }

    /// When something has to be done although nothing happens.
    fn next_time(&self) -> Option<Instant> {
        if self.is_winding_down() {
            return None;
        }
        let due = self.book.next_due();
        let claim = match self.may_claim() {
            Some((_, Pass::Any | Pass::Probe)) => due,
            Some((_, Pass::NotBefore(at))) => due.map(|due| due.max(self.epoch + at.min(FAR))),
            Some((_, Pass::NotDuringProbe)) | None => None,
        };
        let refill = self.store_not_before.filter(|_| self.book.wants_refill());
        let removal = self.missing_since.map(|since| since + REMOVED_GRACE);
        // After that, whatever comes is buried at once.
        let removal = removal.filter(|at| Instant::now() < *at);
        [claim, refill, removal].into_iter().flatten().min()
    }

    fn show(&mut self) {
        let circuit = self.gate.shown(self.offset(Instant::now()));
        self.lane.show(self.flights.len(), circuit, self.is_at_rest());
        let shown = (circuit, self.lane.is_paused());
        if self.definition.is_some() && self.shown != Some(shown) {
            self.shown = Some(shown);
            let open = circuit != Shown::Closed;
            self.roster.parts.metrics.target_state(&self.lane.name, open, shown.1);
        }
    }

    fn times(&self) -> Times {
        let policy_max = self.definition.as_ref().map_or(Duration::ZERO, |target| {
            // What jitter can make of it.
            target.retry.max().saturating_mul(6) / 5
        });
        Times {
            now: Instant::now(),
            wall: self.roster.parts.clock.now(),
            longest: policy_max.max(RETRY_AFTER_MAX).min(FAR),
        }
    }
}

/// Turns wall-clock due times into times on the clock that does not jump: once, when a delivery comes in, and never
/// farther away than any wait can be. One that was never tried waits for nothing: if its time is to come, the clock was
/// ahead when it arrived.
#[derive(Debug, Clone, Copy)]
struct Times {
    now: Instant,
    wall: Timestamp,
    longest: Duration,
}

impl Times {
    fn waiting(&self, ready: Ready, fresh: Option<Fresh>) -> Waiting {
        let wait = match ready.attempts {
            0 => Duration::ZERO,
            _ => ready.due.since(self.wall).min(self.longest),
        };
        let due = self.now + wait;
        Waiting { ready, fresh, due }
    }
}

/// The answer of the store, if it was asked something.
async fn answer<T>(asked: Option<&mut Pending<T>>) -> Result<T, StoreError> {
    match asked {
        Some(asked) => asked.await,
        None => std::future::pending().await,
    }
}
