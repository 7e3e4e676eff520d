//! The circuit of a target: five failures in a row open it, one probe at a time looks whether it is back.
//!
//! What counts is what an outcome says of the target, not of the delivery. A target that refuses one delivery (400) is
//! alive and closes its circuit like one that accepts; a redirect counts as a failure, because it would meet every further
//! delivery, too, and an open circuit keeps those until the address is mended. A busy target neither fails nor recovers,
//! and what was never sent (a template failed) says nothing.
//!
//! Times are monotonic, as an offset from any fixed start.

use std::time::Duration;

use super::{DeadReason, Outcome};

/// So many failures in a row open a circuit.
pub const FAILURES_TO_OPEN: u32 = 5;
/// The wait before the first probe.
pub const PROBE_INTERVAL_MIN: Duration = Duration::from_secs(5);
/// The longest wait between two probes; each failed one doubles it until then.
pub const PROBE_INTERVAL_MAX: Duration = Duration::from_mins(5);
/// How long a target that says it is gone is left alone.
pub const GONE_PAUSE: Duration = Duration::from_hours(1);

/// A target's circuit.
#[derive(Debug, Clone)]
pub struct Circuit {
    phase: Phase,
    /// Failures in a row while closed.
    failures: u32,
    /// The wait that a failed probe doubles.
    interval: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Closed,
    Open { probe_at: Duration },
    Probing,
}

impl Default for Circuit {
    fn default() -> Self {
        Self { phase: Phase::Closed, failures: 0, interval: PROBE_INTERVAL_MIN }
    }
}

/// What the circuit allows now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CircuitState {
    /// Everything.
    Closed,
    /// Nothing before that offset.
    Open {
        /// When the next probe may go.
        probe_at: Duration,
    },
    /// One probe.
    ProbeDue,
    /// Nothing: a probe is under way.
    Probing,
}

/// Whether an outcome opened or closed a circuit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It did neither.
    Same,
    /// It was closed and is open.
    Opened,
    /// It was open and is closed.
    Closed,
}

/// What an outcome says of the target.
enum Sign {
    Alive,
    Failed,
    Gone,
    Busy,
    Nothing,
}

impl Sign {
    fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Accepted | Outcome::Reject(DeadReason::Rejected) => Self::Alive,
            Outcome::Retry { busy: true, .. } => Self::Busy,
            Outcome::Retry { busy: false, .. } | Outcome::Reject(DeadReason::Redirect) => {
                Self::Failed
            }
            Outcome::Reject(DeadReason::Gone) => Self::Gone,
            Outcome::Reject(
                DeadReason::Expired
                | DeadReason::Template
                | DeadReason::Unreadable
                | DeadReason::TargetRemoved
                | DeadReason::Dropped,
            ) => Self::Nothing,
        }
    }
}

impl Circuit {
    /// What it allows at `now`.
    pub fn state(&self, now: Duration) -> CircuitState {
        match self.phase {
            Phase::Closed => CircuitState::Closed,
            Phase::Open { probe_at } if now < probe_at => CircuitState::Open { probe_at },
            Phase::Open { .. } => CircuitState::ProbeDue,
            Phase::Probing => CircuitState::Probing,
        }
    }

    /// A probe goes out; its outcome goes to [`Circuit::record_probe`].
    pub fn begin_probe(&mut self) {
        self.phase = Phase::Probing;
    }

    /// Takes in the outcome of an attempt that ended at `now` and was no probe: it began while the circuit was closed. If
    /// that is no longer so, its failure is no news, but a sign of life is.
    pub fn record(&mut self, outcome: &Outcome, now: Duration) -> Turn {
        match Sign::of(outcome) {
            Sign::Alive => self.close(),
            Sign::Gone => self.open_until(now.saturating_add(GONE_PAUSE)),
            Sign::Failed if self.phase == Phase::Closed => {
                self.failures = self.failures.saturating_add(1);
                if self.failures < FAILURES_TO_OPEN {
                    return Turn::Same;
                }
                self.open_until(now.saturating_add(self.interval))
            }
            Sign::Failed | Sign::Busy | Sign::Nothing => Turn::Same,
        }
    }

    /// Takes in the outcome of the probe, which ended at `now`.
    pub fn record_probe(&mut self, outcome: &Outcome, now: Duration) -> Turn {
        if self.phase != Phase::Probing {
            // Another attempt, or a new definition, decided meanwhile.
            return self.record(outcome, now);
        }
        match Sign::of(outcome) {
            Sign::Alive => self.close(),
            Sign::Gone => self.open_until(now.saturating_add(GONE_PAUSE)),
            Sign::Failed => {
                self.interval = self.interval.saturating_mul(2).min(PROBE_INTERVAL_MAX);
                self.open_until(now.saturating_add(self.interval))
            }
            // It showed nothing: the next probe is due at once, or when the pause of a busy target ends.
            Sign::Busy | Sign::Nothing => self.open_until(now),
        }
    }

    /// Closes it: the target's definition changed.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    fn close(&mut self) -> Turn {
        let was = std::mem::take(self).phase;
        if was == Phase::Closed { Turn::Same } else { Turn::Closed }
    }

    fn open_until(&mut self, probe_at: Duration) -> Turn {
        let was = std::mem::replace(&mut self.phase, Phase::Open { probe_at });
        self.failures = 0;
        if was == Phase::Closed { Turn::Opened } else { Turn::Same }
    }
}
