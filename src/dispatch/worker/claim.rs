//! From a due delivery to a committed outcome: claim, attempt, settle.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinError;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;
use tracing::{debug, info, warn};

use crate::clock::Timestamp;
use crate::delivery::{DeadReason, Outcome, Turn};
use crate::fault::{self, Plant};
use crate::store::{Ready, Settled, StoreError};
use crate::target::Target;
use crate::telemetry::{DeliveryResult, log};

use super::super::attempt::{self, Made};
use super::super::book::{Ended, Waiting};
use super::super::gate::Pass;
use super::super::settle::{self, Timing, Verdict};
use super::{READ_AGAIN, Worker};

/// What an attempt under way must have when it ends.
#[derive(Debug)]
pub(super) struct Flight {
    ready: Ready,
    target: Arc<Target>,
    probe: bool,
    started_at: Timestamp,
    started: Instant,
}

/// An attempt that ended, and its place among the outcomes that wait to be committed.
pub(super) type Landing = (Flight, Result<Made, JoinError>, Option<OwnedSemaphorePermit>);

/// An outcome that was queued, and what the store said to it.
pub(super) type Settling = (Ready, Verdict, Result<Settled, StoreError>);

impl Worker {
    /// Claims what may go now.
    pub(super) fn claim(&mut self) {
        while let Some((target, pass)) = self.may_claim() {
            let now = Instant::now();
            let claimed = match pass {
                Pass::Any => self.book.claim_first(now),
                Pass::Probe => self.book.claim_least_tried(now),
                Pass::NotBefore(_) | Pass::NotDuringProbe => None,
            };
            let Some(claimed) = claimed else { return };
            let probe = pass == Pass::Probe;
            self.gate.begin(probe, self.offset(now));
            self.prefetch.claimed();
            self.launch(target, claimed, probe);
        }
    }

    /// The definition and what its gate lets through, unless nothing may be claimed whatever is due.
    pub(super) fn may_claim(&self) -> Option<(Arc<Target>, Pass)> {
        let target = self.definition.as_ref()?;
        let limit = usize::try_from(target.concurrency.get()).unwrap_or(usize::MAX);
        let held_back = self.is_winding_down()
            || self.lane.is_paused()
            || self.flights.len() >= limit
            // Others need the memory; what is in flight here rouses this worker when it ends.
            || (!self.flights.is_empty() && self.roster.budget.is_tight());
        let pass = self.gate.check(self.offset(Instant::now()));
        (!held_back).then(|| (Arc::clone(target), pass))
    }

    fn launch(&mut self, target: Arc<Target>, claimed: Waiting, probe: bool) {
        let Waiting { ready, fresh, due: _ } = claimed;
        assert!(
            !fault::planted(Plant::SwallowPanic) || ready.id.0 % 1_000 != 999,
            "planted: a worker panics"
        );
        let flight = Flight {
            ready: ready.clone(),
            target: Arc::clone(&target),
            probe,
            started_at: self.roster.parts.clock.now(),
            started: Instant::now(),
        };
        let making = attempt::make(Arc::clone(&self.roster), target, ready, fresh);
        let task = AbortOnDropHandle::new(self.roster.parts.tasks.piece("attempt", making));
        let unsettled = Arc::clone(&self.roster.unsettled);
        self.flights.push(Box::pin(async move {
            let made = task.await;
            // The slot stays taken until the outcome has a place in the queue to the store.
            let permit = unsettled.acquire_owned().await.ok();
            (flight, made, permit)
        }));
    }

    /// An attempt has ended: what follows is queued to the store, and the slot is free.
    pub(super) fn land(&mut self, (flight, made, permit): Landing) {
        let (report, started_at, took) = match made {
            Ok(Made::Reported { report, started_at, took }) => (report, started_at, took),
            Ok(Made::Unread(error)) => return self.unread(flight, &error),
            Err(end) if end.is_panic() => {
                (attempt::panicked(), flight.started_at, flight.started.elapsed())
            }
            // Aborted, which only a shutdown does: it stays pending in the store.
            Err(_) => return,
        };
        let (wall, ages) = self.roster.ages();
        let Flight { ready, target, probe, .. } = flight;
        self.roster.parts.metrics.attempt(&target.name, report.label, took);
        debug!(
            target = %target.name, delivery = %ready.id, event = %ready.event, attempt = ready.attempts.saturating_add(1),
            status = report.status, outcome = ?report.outcome, "an attempt ended"
        );
        if report.outcome != Outcome::Accepted {
            self.lane.show_failure(&report.detail, wall);
        }
        let outcome = report.outcome.clone();
        let timing = Timing {
            started_at,
            took,
            now: wall,
            age_from: ages.count_from(ready.age_from, target.retry.give_up_after()),
            fraction: rand::random(),
        };
        let (settle, verdict) = settle::judge(&ready, report, timing, &target.retry);
        if matches!(verdict, Verdict::Dead(..)) {
            self.book.dies(ready.id);
        }
        fault::point("dispatch.before-settle");
        if fault::planted(Plant::LoseSettle) && settle.delivery.0 % 50 == 0 {
            return;
        }
        let queued = self.roster.parts.store.settle(settle);
        self.settles.push(Box::pin(async move {
            let settled = queued.await;
            drop(permit);
            (ready, verdict, settled)
        }));
        self.learn(&outcome, probe, &target, wall);
    }

    /// What an outcome says of the target.
    fn learn(&mut self, outcome: &Outcome, probe: bool, target: &Target, wall: Timestamp) {
        if self.fingerprint != Some(target.fingerprint) {
            // An attempt with an earlier definition says nothing of this one.
            return;
        }
        let now = self.offset(Instant::now());
        match self.gate.record(outcome, probe, (now, wall), &target.retry) {
            Turn::Same => {}
            Turn::Opened => {
                info!(target = %target.name, "circuit opened: only probes go out until the target answers again");
            }
            Turn::Closed => {
                info!(target = %target.name, "circuit closed: the target answers again");
            }
        }
        if probe && outcome.is_failure() {
            let (now, ages) = self.roster.ages();
            self.bury(DeadReason::Expired, ages.cutoff(target.retry.give_up_after()), now);
        }
    }

    /// The store could not be read, so nothing was sent: later again.
    fn unread(&mut self, flight: Flight, error: &StoreError) {
        let Flight { ready, target, probe, .. } = flight;
        if probe {
            // It says nothing of the target, so the next probe is due.
            let nothing = Outcome::Reject(DeadReason::Unreadable);
            self.learn(&nothing, true, &target, self.roster.parts.clock.now());
        }
        if !self.is_fatal(error) {
            warn!(target = %target.name, delivery = %ready.id, %error, "an event could not be read; trying again");
        }
        let due = Instant::now() + READ_AGAIN;
        self.book.give_back(Waiting { ready, fresh: None, due });
    }

    /// An outcome was committed, or will never be.
    pub(super) fn settled(&mut self, (ready, verdict, settled): Settling) {
        let id = ready.id;
        let settled = match settled {
            Ok(settled) => settled,
            Err(error) if self.is_fatal(&error) => return,
            Err(error) => {
                warn!(target = %ready.target, delivery = %id, %error, "an outcome could not be stored");
                return self.book.settled(id, Ended::Unknown);
            }
        };
        if !settled.applied {
            // It was buried or dropped meanwhile.
            return self.book.settled(id, Ended::Unknown);
        }
        let times = self.times();
        let metrics = &self.roster.parts.metrics;
        match verdict {
            Verdict::Again(again) => {
                return self.book.settled(id, Ended::Again(times.waiting(again, None)));
            }
            Verdict::Delivered => metrics.delivery(&ready.target, DeliveryResult::Delivered, 1),
            Verdict::Dead(reason, detail) => {
                metrics.delivery(&ready.target, DeliveryResult::Dead(reason), 1);
                let detail = log::clean(&detail);
                warn!(target = %ready.target, delivery = %id, event = %ready.event, %reason, detail, "dead letter");
            }
        }
        let next = settled.next.map(|next| times.waiting(next, None));
        self.book.settled(id, Ended::Done(next));
    }
}
