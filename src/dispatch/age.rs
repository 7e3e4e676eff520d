//! How old a delivery is when the wall clock jumps.
//!
//! Age is a difference of two readings of the wall clock, so a clock that leaps ahead (a machine that boots in 1970 and then
//! learns the date) would make everything too old at once, and the next failure would give all of it up. This compares the
//! wall clock with the one that does not jump, and does not count a leap as age. It knows only what this run saw: after a
//! restart, and across a machine's sleep, the wall clock is believed.

use std::time::Duration;

use tokio::time::Instant;

use crate::clock::Timestamp;

/// What moves the clock by less is counted as time.
const LEAP_MIN: Duration = Duration::from_mins(1);

/// The clocks beside each other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ages {
    seen: (Instant, Timestamp),
    leap: Option<Leap>,
}

/// The wall clock went ahead.
#[derive(Debug, Clone, Copy)]
struct Leap {
    /// What it showed afterwards.
    to: Timestamp,
    /// How far.
    by: Duration,
}

impl Ages {
    /// The clocks agree now.
    pub(super) fn new(now: Instant, wall: Timestamp) -> Self {
        Self { seen: (now, wall), leap: None }
    }

    /// Both clocks are read.
    pub(super) fn observe(&mut self, now: Instant, wall: Timestamp) {
        let (then, before) = std::mem::replace(&mut self.seen, (now, wall));
        let expected = before.plus(now.saturating_duration_since(then));
        let (ahead, behind) = (wall.since(expected), expected.since(wall));
        let by = self.leap.map_or(Duration::ZERO, |leap| leap.by);
        if ahead >= LEAP_MIN {
            self.leap = Some(Leap { to: wall, by: by.saturating_add(ahead) });
        } else if behind >= LEAP_MIN {
            // Back again, perhaps only partly.
            let by = by.saturating_sub(behind);
            self.leap = (!by.is_zero()).then_some(Leap { to: wall, by });
        }
    }

    /// Where the age of what began at `from` is to be counted from, for one who gives up after `limit`.
    pub(super) fn count_from(&self, from: Timestamp, limit: Duration) -> Timestamp {
        match self.leap_within(limit) {
            Some(leap) if from < leap.to => from.plus(leap.by).min(leap.to),
            _ => from,
        }
    }

    /// What began then or before is older than `limit`.
    pub(super) fn cutoff(&self, limit: Duration) -> Timestamp {
        let leap = self.leap_within(limit).map_or(Duration::ZERO, |leap| leap.by);
        self.seen.1.minus(limit).minus(leap)
    }

    /// The leap, if what began right after it is still younger than `limit`. Once it is not, all from before is older.
    fn leap_within(&self, limit: Duration) -> Option<Leap> {
        self.leap.filter(|leap| self.seen.1.since(leap.to) < limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);
    const YEARS: Duration = Duration::from_hours(10 * 365 * 24);

    fn wall(hours: u32) -> Timestamp {
        Timestamp::from_millis(1_714_608_000_000).plus(hours * HOUR)
    }

    #[test]
    fn without_a_leap_age_is_what_the_clock_says() {
        let now = Instant::now();
        let mut ages = Ages::new(now, wall(0));
        ages.observe(now + HOUR, wall(1).plus(Duration::from_secs(59)));
        assert_eq!(ages.count_from(wall(0), HOUR), wall(0));
        assert_eq!(ages.cutoff(HOUR), wall(0).plus(Duration::from_secs(59)));
    }

    #[test]
    fn a_leap_makes_nothing_old_and_what_is_old_in_truth_stays_so() {
        let now = Instant::now();
        let mut ages = Ages::new(now, wall(10));
        ages.observe(now + HOUR, wall(11).plus(YEARS));
        // Five hours old before, six hours now.
        let from = ages.count_from(wall(5), 24 * HOUR);
        assert_eq!(wall(11).plus(YEARS).since(from), 6 * HOUR);
        assert_eq!(ages.cutoff(6 * HOUR), wall(5));
        // What began after the leap is as old as it is, and nothing is younger than the leap itself.
        let after = wall(12).plus(YEARS);
        assert_eq!(ages.count_from(after, 24 * HOUR), after);
        assert_eq!(ages.count_from(wall(9000), 24 * HOUR), wall(11).plus(YEARS));
        // A day later there is no difference: all from before is older than a day.
        ages.observe(now + 25 * HOUR, wall(35).plus(YEARS));
        assert_eq!(ages.count_from(wall(5), 24 * HOUR), wall(5));
        assert_eq!(ages.cutoff(24 * HOUR), wall(11).plus(YEARS));
    }

    #[test]
    fn a_leap_that_is_taken_back_is_none() {
        let now = Instant::now();
        let mut ages = Ages::new(now, wall(0));
        ages.observe(now + HOUR, wall(1).plus(YEARS));
        ages.observe(now + 2 * HOUR, wall(2));
        assert_eq!(ages.cutoff(HOUR), wall(1));
        // Backwards alone makes nothing older.
        ages.observe(now + 3 * HOUR, wall(3).minus(YEARS));
        assert_eq!(ages.cutoff(HOUR), wall(2).minus(YEARS));
    }
}
