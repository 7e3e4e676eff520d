//! Wall-clock time as a value, and the one place that reads the clock.
//!
//! Everything below `app` takes its time from a [`Clock`], so a test can set it. Timers inside the process run on tokio's
//! monotonic time instead: a wall clock that jumps must neither fire everything nor park it for years.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// A moment, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From milliseconds since the epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// This moment plus `span`, held at the largest there is.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }

    /// This moment minus `span`, held at the smallest there is.
    #[must_use]
    pub fn minus(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }

    /// How long after `earlier` this is; zero if it is not.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// As RFC 3339 in UTC with milliseconds, for people and JSON. Moments before 1970 or after 9999 print as their
    /// number of milliseconds.
    pub fn rfc3339(self) -> String {
        let millis = u64::try_from(self.0).ok().filter(|&millis| millis < 253_402_300_800_000);
        millis.map_or_else(
            || format!("{}ms", self.0),
            |millis| {
                humantime::format_rfc3339_millis(UNIX_EPOCH + Duration::from_millis(millis))
                    .to_string()
            },
        )
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rfc3339())
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rfc3339())
    }
}

/// What tells the wall-clock time.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The time now. It may go backwards: whoever compares two readings must bear that.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct System;

impl Clock for System {
    #[expect(clippy::disallowed_methods, reason = "the one reading of the wall clock")]
    fn now(&self) -> Timestamp {
        let now = SystemTime::now();
        let millis = match now.duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_millis()).unwrap_or(i64::MAX),
            Err(before) => {
                i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |millis| -millis)
            }
        };
        Timestamp(millis)
    }
}

/// A clock that stands still until it is told otherwise: for tests.
#[derive(Debug, Default)]
pub struct Manual(AtomicI64);

impl Manual {
    /// Stands at `at`.
    pub fn new(at: Timestamp) -> Self {
        Self(AtomicI64::new(at.0))
    }

    /// Moves it to `at`, forwards or backwards.
    pub fn set(&self, at: Timestamp) {
        self.0.store(at.0, Ordering::SeqCst);
    }

    /// Moves it forwards.
    pub fn advance(&self, span: Duration) {
        self.set(self.now().plus(span));
    }
}

impl Clock for Manual {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_never_wraps() {
        let late = Timestamp::from_millis(i64::MAX);
        assert_eq!(late.plus(Duration::from_secs(1)), late);
        assert_eq!(late.plus(Duration::MAX), late);
        let early = Timestamp::from_millis(i64::MIN);
        assert_eq!(early.minus(Duration::MAX), early);
        assert_eq!(early.since(late), Duration::ZERO);
        assert_eq!(
            Timestamp::from_millis(1500).since(Timestamp::from_millis(500)),
            Duration::from_secs(1)
        );
    }

    #[test]
    fn prints_as_rfc3339_or_as_a_number() {
        assert_eq!(
            Timestamp::from_millis(1_714_608_475_945).to_string(),
            "2024-05-02T00:07:55.945Z"
        );
        assert_eq!(Timestamp::from_millis(-5).to_string(), "-5ms");
        assert_eq!(Timestamp::from_millis(i64::MAX).to_string(), format!("{}ms", i64::MAX));
    }

    #[test]
    fn a_manual_clock_obeys() {
        let clock = Manual::new(Timestamp::from_millis(10));
        clock.advance(Duration::from_millis(5));
        assert_eq!(clock.now().millis(), 15);
    }
}
