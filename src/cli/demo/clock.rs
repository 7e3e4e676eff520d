//! A clock that is behind, for the traffic that came before the curtain rose.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::clock::{Clock, System, Timestamp};

/// The machine's clock, minus a lag that only gets smaller: minutes pass in seconds, and no moment comes twice.
#[derive(Debug)]
pub(super) struct Lagging(AtomicI64);

impl Lagging {
    /// One that is `lag` behind.
    pub(super) fn behind(lag: Duration) -> Self {
        Self(AtomicI64::new(millis(lag)))
    }

    /// Catches up until it is no more than `lag` behind.
    pub(super) fn catch_up(&self, lag: Duration) {
        self.0.fetch_min(millis(lag), Ordering::Relaxed);
    }
}

impl Clock for Lagging {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(System.now().millis().saturating_sub(self.0.load(Ordering::Relaxed)))
    }
}

fn millis(lag: Duration) -> i64 {
    i64::try_from(lag.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_catches_up_and_never_falls_back() {
        let clock = Lagging::behind(Duration::from_mins(4));
        let behind = || System.now().since(clock.now());
        assert!(behind() > Duration::from_mins(3));
        clock.catch_up(Duration::from_secs(10));
        clock.catch_up(Duration::from_mins(2));
        assert!(behind() < Duration::from_mins(1));
        clock.catch_up(Duration::ZERO);
        assert!(behind() < Duration::from_secs(1));
    }
}
