//! What becomes of a delivery after an attempt: a pure step, and the pure parts of pacing a target.
//!
//! Nothing here reads a clock or rolls dice: time and chance are arguments, so years can be simulated in a test. What is
//! due when, and who may go, is `dispatch`'s business; here stands only what follows from what.

mod circuit;
mod pace;
mod reply;
mod retry;
#[cfg(test)]
mod tests;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

pub use circuit::{
    Circuit, CircuitState, FAILURES_TO_OPEN, GONE_PAUSE, PROBE_INTERVAL_MAX, PROBE_INTERVAL_MIN,
    Turn,
};
pub use pace::{Bucket, Rate, RateError};
pub use reply::{Overrides, RETRY_AFTER_MAX, StatusRange, classify, retry_after};
pub use retry::{RetryPolicy, RetryPolicyError, State, Transition, backoff, step};

/// The id of a delivery, given by the store; grows with arrival, replays included.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeliveryId(pub i64);

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// What an attempt came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The target has it.
    Accepted,
    /// It may work later.
    Retry {
        /// The target asked to wait until then (`Retry-After`), already clamped to [`RETRY_AFTER_MAX`] from now.
        not_before: Option<Timestamp>,
        /// Whether the whole target is to pause until `not_before`: 429, or 503 with `Retry-After`. No circuit failure.
        busy: bool,
    },
    /// It will not work.
    Reject(DeadReason),
}

impl Outcome {
    /// Whether it speaks against the target as a whole: no answer, an answer that is retried, a redirect, a 410. A target
    /// that is busy, or that refuses this one delivery, is alive; what was never sent says nothing.
    pub fn is_failure(&self) -> bool {
        match self {
            Self::Accepted => false,
            Self::Retry { busy, .. } => !busy,
            Self::Reject(reason) => matches!(reason, DeadReason::Redirect | DeadReason::Gone),
        }
    }
}

/// Why a delivery ended without success.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeadReason {
    /// Failures until it was older than `give_up_after`.
    Expired,
    /// The target refused it for good.
    Rejected,
    /// The target answered with a redirect, which is never followed.
    Redirect,
    /// The target says that it is gone (410, or Slack's words for it).
    Gone,
    /// A template failed on this event.
    Template,
    /// The body cannot be parsed as a whole.
    Unreadable,
    /// The configuration has no such target any more.
    TargetRemoved,
    /// A person dropped it.
    Dropped,
}

impl DeadReason {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 8] = [
        Self::Expired,
        Self::Rejected,
        Self::Redirect,
        Self::Gone,
        Self::Template,
        Self::Unreadable,
        Self::TargetRemoved,
        Self::Dropped,
    ];

    /// Its name in the API, the store and the documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Rejected => "rejected",
            Self::Redirect => "redirect",
            Self::Gone => "gone",
            Self::Template => "template",
            Self::Unreadable => "unreadable",
            Self::TargetRemoved => "target_removed",
            Self::Dropped => "dropped",
        }
    }

    /// From its name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == name)
    }
}

impl fmt::Display for DeadReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
