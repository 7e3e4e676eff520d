//! What an HTTP answer means, as a table.
//!
//! Anything that a person can mend on the target's side (a token, a path, an outage) is retried; what can only fail again
//! is not. Statuses outside 100 to 599 are treated as 5xx, as RFC 9110 section 15 asks of a client.

use std::time::{Duration, UNIX_EPOCH};

use crate::clock::Timestamp;
use crate::fault::{self, Plant};

use super::{DeadReason, Outcome};

/// The longest wait that a `Retry-After` can ask for.
pub const RETRY_AFTER_MAX: Duration = Duration::from_hours(1);

/// Statuses that a target's definition treats otherwise than the table. A 2xx is a delivery whatever they say; a status
/// in both lists is retried, since a retry can be regretted and a dead letter may be overlooked.
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

impl StatusRange {
    /// Whether `status` is one of them.
    pub fn contains(self, status: u16) -> bool {
        (self.first..=self.last).contains(&status)
    }
}

/// What the table says of a status.
enum Verdict {
    Accepted,
    Retry,
    Reject(DeadReason),
}

/// What the answer `status` with the header `Retry-After: retry_after` means.
pub fn classify(
    status: u16,
    retry_after: Option<&str>,
    overrides: &Overrides,
    now: Timestamp,
) -> Outcome {
    let listed = |ranges: &[StatusRange]| ranges.iter().any(|range| range.contains(status));
    let verdict = match table(status) {
        Verdict::Accepted => Verdict::Accepted,
        _ if listed(&overrides.also_on) => Verdict::Retry,
        Verdict::Retry if listed(&overrides.never_on) => Verdict::Reject(DeadReason::Rejected),
        other => other,
    };
    match verdict {
        Verdict::Accepted => Outcome::Accepted,
        Verdict::Reject(reason) => Outcome::Reject(reason),
        Verdict::Retry => {
            let heeded = retry_after.filter(|_| !fault::planted(Plant::IgnoreRetryAfter));
            let not_before = heeded.and_then(|value| self::retry_after(value, now));
            let busy = status == 429 || (status == 503 && not_before.is_some());
            Outcome::Retry { not_before, busy }
        }
    }
}

fn table(status: u16) -> Verdict {
    match status {
        200..=299 => Verdict::Accepted,
        300..=399 => Verdict::Reject(DeadReason::Redirect),
        401 | 403 | 404 | 407 | 408 | 425 | 429 => Verdict::Retry,
        410 => Verdict::Reject(DeadReason::Gone),
        400..=499 | 501 => Verdict::Reject(DeadReason::Rejected),
        // 5xx; a 1xx is no final answer, and what is outside 100 to 599 is nonsense: neither condemns an event.
        _ => Verdict::Retry,
    }
}

/// Reads a `Retry-After` (RFC 9110 section 10.2.3: seconds, or a date in any of the three forms), clamped to
/// `now ..= now + RETRY_AFTER_MAX`; nothing if it is neither.
pub fn retry_after(value: &str, now: Timestamp) -> Option<Timestamp> {
    let value = value.trim_matches([' ', '\t']);
    let latest = now.plus(RETRY_AFTER_MAX);
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // Only a number too long for 64 bits fails here, and that is certainly more than an hour.
        let seconds = value.parse().unwrap_or(u64::MAX);
        return Some(now.plus(Duration::from_secs(seconds)).min(latest));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    let since_epoch = date.duration_since(UNIX_EPOCH).ok()?;
    Some(Timestamp::from_millis(0).plus(since_epoch).clamp(now, latest))
}
