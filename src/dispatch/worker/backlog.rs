//! What the worker does with the part of its target's deliveries that is only in the store: reads what is nearest, and
//! gives up what is too old or has no target any more.

use tokio::time::Instant;
use tracing::warn;

use crate::clock::Timestamp;
use crate::delivery::DeadReason;
use crate::store::{Bury, Ready, StoreError};
use crate::telemetry::DeliveryResult;

use super::{READ_AGAIN, REMOVED_GRACE, Worker};

impl Worker {
    pub(super) fn begin_refill(&mut self) {
        let held_back = self.store_not_before.is_some_and(|at| Instant::now() < at);
        if held_back || self.is_winding_down() || !self.book.wants_refill() {
            return;
        }
        self.store_not_before = None;
        let limit = self.book.begin_refill();
        self.refill = Some(self.roster.parts.store.due(&self.lane.name, None, limit));
    }

    pub(super) fn end_refill(&mut self, rows: Result<Vec<Ready>, StoreError>) {
        self.refill = None;
        match rows {
            Ok(rows) => {
                let times = self.times();
                let rows = rows.into_iter().map(|ready| times.waiting(ready, None));
                self.book.end_refill(rows.collect());
            }
            Err(error) => {
                self.book.fail_refill();
                self.store_failed(&error, "what is due could not be read; trying again");
            }
        }
    }

    /// Gives up everything for a target that the configuration has not had for ten minutes.
    pub(super) fn bury_if_removed(&mut self) {
        let over = self.missing_since.is_some_and(|since| since.elapsed() >= REMOVED_GRACE);
        if over && !self.book.nothing_waits() {
            let everything = Timestamp::from_millis(i64::MAX);
            self.bury(DeadReason::TargetRemoved, everything, self.roster.parts.clock.now());
        }
    }

    /// Buries every delivery that waits, here or in the store, and whose age began at or before `cutoff`.
    pub(super) fn bury(&mut self, reason: DeadReason, cutoff: Timestamp, now: Timestamp) {
        if self.book.is_burying() || self.is_winding_down() {
            return;
        }
        self.book.begin_burial(cutoff, now);
        let buried = self.roster.parts.store.bury(Bury {
            target: self.lane.name.clone(),
            reason,
            older_than: (reason == DeadReason::Expired).then_some(cutoff),
            except: self.book.in_hand(),
            now,
        });
        self.burial = Some((reason, buried));
    }

    pub(super) fn end_burial(&mut self, count: Result<u64, StoreError>) {
        self.book.end_burial();
        let Some((reason, _)) = self.burial.take() else { return };
        match count {
            Ok(0) => {}
            Ok(count) => {
                let metrics = &self.roster.parts.metrics;
                metrics.delivery(&self.lane.name, DeliveryResult::Dead(reason), count);
                warn!(target = %self.lane.name, count, %reason, "dead letters: deliveries that waited were given up");
            }
            Err(error) => {
                self.store_failed(&error, "deliveries could not be given up; trying again later");
            }
        }
    }

    fn store_failed(&mut self, error: &StoreError, what: &'static str) {
        self.store_not_before = Some(Instant::now() + READ_AGAIN);
        if !self.is_fatal(error) {
            warn!(target = %self.lane.name, %error, "{what}");
        }
    }
}
