//! How many deliveries a target would get in its busiest hour, from the times at which their events arrived. It takes the same
//! memory however many there are.

use std::collections::VecDeque;

use crate::clock::Timestamp;
use crate::config::Busiest;

const MINUTE_MS: i64 = 60_000;
/// How many minutes an hour has.
const HOUR: i64 = 60;

/// The minutes of the last hour, and the busiest hour so far. An hour begins with any minute.
#[derive(Debug, Default)]
pub(super) struct Hours {
    /// Number and count of each minute that has any, the oldest first.
    minutes: VecDeque<(i64, u64)>,
    within: u64,
    pub(super) busiest: Option<Busiest>,
}

impl Hours {
    /// One more, of an event that arrived `at` and not before those that were added. A clock that was set back for less than an
    /// hour counts for its last minute; one that was set back further begins anew.
    pub(super) fn add(&mut self, at: Timestamp) {
        let mut minute = at.millis().div_euclid(MINUTE_MS);
        if let Some((last, _)) = self.minutes.back() {
            if minute.saturating_add(HOUR) <= *last {
                self.minutes.clear();
                self.within = 0;
            } else {
                minute = minute.max(*last);
            }
        }
        match self.minutes.back_mut() {
            Some((last, count)) if *last == minute => *count += 1,
            _ => self.minutes.push_back((minute, 1)),
        }
        self.within += 1;
        while let Some((_, count)) =
            self.minutes.pop_front_if(|(first, _)| first.saturating_add(HOUR) <= minute)
        {
            self.within -= count;
        }
        let from = self.minutes.front().map_or(minute, |(first, _)| *first);
        if self.busiest.is_none_or(|busiest| busiest.deliveries < self.within) {
            let from = Timestamp::from_millis(from.saturating_mul(MINUTE_MS));
            self.busiest = Some(Busiest { from, deliveries: self.within });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The busiest hour of deliveries at these seconds, as the second at which it begins and its number.
    fn busiest(seconds: impl IntoIterator<Item = i64>) -> Option<(i64, u64)> {
        let mut hours = Hours::default();
        seconds.into_iter().for_each(|second| hours.add(Timestamp::from_millis(second * 1000)));
        assert!(hours.minutes.len() <= 60);
        assert_eq!(hours.within, hours.minutes.iter().map(|(_, count)| count).sum::<u64>());
        hours.busiest.map(|busiest| (busiest.from.millis() / 1000, busiest.deliveries))
    }

    #[test]
    fn an_hour_begins_with_any_minute() {
        assert_eq!(busiest([]), None);
        assert_eq!(busiest([30]), Some((0, 1)));
        assert_eq!(busiest([0, 59, 3599]), Some((0, 3)));
        assert_eq!(busiest([0, 3600]), Some((0, 1)));
        assert_eq!(busiest([0, 1800, 3600, 3700, 9000]), Some((1800, 3)));
        assert_eq!(busiest(0..7200), Some((0, 3600)));
        assert_eq!(busiest((0..7200).step_by(60).chain(7200..7260)), Some((3660, 119)));
    }

    #[test]
    fn a_clock_that_is_set_back_makes_no_hour_longer() {
        assert_eq!(busiest([7200, 7190, 7260]), Some((7200, 3)), "a little: as if it had stood");
        assert_eq!(busiest([72_000, 0, 60, 120]), Some((0, 3)), "far: what was is over");
        assert_eq!(busiest([i64::MAX / 1000, i64::MIN / 1000]).map(|(_, most)| most), Some(1));
        assert_eq!(busiest([-30, 30]), Some((-60, 2)));
    }
}
