//! Whether a target may be sent something now: circuit, rate, and the pause it asked for, put together.
//!
//! Times are offsets from a fixed moment on the clock that does not jump.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::delivery::{
    Bucket, Circuit, CircuitState, Outcome, PROBE_INTERVAL_MAX, RETRY_AFTER_MAX, Rate, RetryPolicy,
    Turn, backoff,
};

use super::lane::Shown;

/// What may go now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pass {
    /// Any delivery that is due.
    Any,
    /// One, as a probe.
    Probe,
    /// Nothing before that offset.
    NotBefore(Duration),
    /// Nothing until the probe under way has ended.
    NotDuringProbe,
}

/// One target's gate. A new definition gets a new one.
#[derive(Debug)]
pub(super) struct Gate {
    circuit: Circuit,
    bucket: Option<Bucket>,
    quiet_until: Duration,
    /// Answers in a row that said busy and named no time.
    busy: u32,
}

impl Gate {
    /// Closed circuit, full bucket, no pause.
    pub(super) fn new(rate: Option<Rate>, now: Duration) -> Self {
        let bucket = rate.map(|rate| Bucket::new(rate, now));
        Self { circuit: Circuit::default(), bucket, quiet_until: Duration::ZERO, busy: 0 }
    }

    /// What may go at `now`.
    pub(super) fn check(&self, now: Duration) -> Pass {
        let tokens = self.bucket.as_ref().map_or(Duration::ZERO, Bucket::ready_at);
        let quiet = self.quiet_until.max(tokens);
        match self.circuit.state(now) {
            CircuitState::Probing => Pass::NotDuringProbe,
            CircuitState::Open { probe_at } => Pass::NotBefore(probe_at.max(quiet)),
            CircuitState::Closed | CircuitState::ProbeDue if now < quiet => Pass::NotBefore(quiet),
            CircuitState::Closed => Pass::Any,
            CircuitState::ProbeDue => Pass::Probe,
        }
    }

    /// An attempt begins, as [`Gate::check`] allowed.
    pub(super) fn begin(&mut self, probe: bool, now: Duration) {
        if probe {
            self.circuit.begin_probe();
        }
        if let Some(bucket) = &mut self.bucket {
            let taken = bucket.take(now);
            debug_assert!(taken.is_ok(), "a token was there at this same moment");
        }
    }

    /// Takes in the outcome of an attempt that ended at `now`, or on the wall clock at `wall`.
    pub(super) fn record(
        &mut self,
        outcome: &Outcome,
        probe: bool,
        (now, wall): (Duration, Timestamp),
        policy: &RetryPolicy,
    ) -> Turn {
        if let Outcome::Retry { busy: true, not_before } = outcome {
            let asked = not_before.map_or(Duration::ZERO, |until| until.since(wall));
            let wait = if asked.is_zero() {
                // Busy, but no word for how long: longer each time, as for a delivery.
                self.busy = self.busy.saturating_add(1);
                backoff(self.busy, 0.5, policy).min(PROBE_INTERVAL_MAX)
            } else {
                asked.min(RETRY_AFTER_MAX)
            };
            self.quiet_until = self.quiet_until.max(now.saturating_add(wait));
        } else {
            self.busy = 0;
        }
        if probe {
            self.circuit.record_probe(outcome, now)
        } else {
            self.circuit.record(outcome, now)
        }
    }

    /// How the circuit is shown.
    pub(super) fn shown(&self, now: Duration) -> Shown {
        match self.circuit.state(now) {
            CircuitState::Closed => Shown::Closed,
            CircuitState::Open { .. } | CircuitState::ProbeDue => Shown::Open,
            CircuitState::Probing => Shown::Probing,
        }
    }
}
