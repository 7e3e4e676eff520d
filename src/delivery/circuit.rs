//! The circuit of a target: five failures in a row open it, one probe at a time looks whether it is back.
//! Times are monotonic, as an offset from any fixed start.

use std::time::Duration;

use super::Outcome;

/// A target's circuit.
#[derive(Debug, Clone, Default)]
pub struct Circuit {}

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

impl Circuit {
    /// What it allows at `now`.
    pub fn state(&self, _now: Duration) -> CircuitState {
        todo!()
    }

    /// A probe goes out.
    pub fn begin_probe(&mut self) {
        todo!()
    }

    /// Takes in the outcome of an attempt that ended at `now`. Returns whether the circuit opened or closed by it.
    pub fn record(&mut self, _outcome: &Outcome, _now: Duration) -> bool {
        todo!()
    }

    /// Closes it: the target's definition changed.
    pub fn reset(&mut self) {
        *self = Self::default();
    }
}
