//! What an HTTP answer means, as a table.

use std::time::Duration;

use crate::clock::Timestamp;

use super::Outcome;

/// The longest wait that a `Retry-After` can ask for.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);

/// Statuses that a target's definition treats otherwise than the table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// Retried although the table says no.
    pub also_on: Vec<StatusRange>,
    /// Rejected although the table says retry.
    pub never_on: Vec<StatusRange>,
}

/// A status, or `5xx`-like hundred of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusRange {
    /// The first.
    pub first: u16,
    /// The last.
    pub last: u16,
}

/// What the answer `status` with the header `Retry-After: retry_after` means.
pub fn classify(
    _status: u16,
    _retry_after: Option<&str>,
    _overrides: &Overrides,
    _now: Timestamp,
) -> Outcome {
    todo!()
}

/// Reads a `Retry-After` (RFC 9110 section 10.2.3: seconds, or a date in any of the three forms), clamped to
/// `now ..= now + RETRY_AFTER_MAX`; nothing if it is neither.
pub fn retry_after(_value: &str, _now: Timestamp) -> Option<Timestamp> {
    todo!()
}
