//! What attempts came to, minute by minute: for whoever looks at a target and wonders since when it is slow.
//!
//! Minutes are those of a clock that does not jump, counted from the start. A minute in which nothing happened takes no place,
//! so a target that rests costs nothing; one that is busy in every minute takes about 7 KB. With more than 5,500 targets fewer
//! minutes are kept, so that all of them together stay below a million. How long attempts took is kept apart for the running
//! minute alone, in buckets that grow by an eighth; of a past one the two percentiles are left.

use std::collections::VecDeque;
use std::time::Duration;

/// Most minutes that are kept of a target.
pub const MINUTES_MAX: usize = 180;
/// Fewest, however many targets there are.
const MINUTES_MIN: usize = 10;
/// Most minutes of all targets, as long as each has [`MINUTES_MIN`].
const MINUTES_TOTAL: usize = 1_000_000;

/// How many minutes are kept of each of so many targets.
pub(super) fn kept(targets: usize) -> usize {
    (MINUTES_TOTAL / targets.max(1)).clamp(MINUTES_MIN, MINUTES_MAX)
}

/// What one minute came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Minute {
    /// Attempts that the target accepted.
    pub accepted: u32,
    /// Attempts that failed, for whatever reason.
    pub failed: u32,
    /// Deliveries that waited or were under way when it ended, or as it was counted last.
    pub pending: u32,
    /// The time that half of the attempts did not exceed, in microseconds; none without attempts.
    pub p50: Option<u32>,
    /// The time that 95 of 100 did not.
    pub p95: Option<u32>,
}

impl Minute {
    fn is_empty(&self) -> bool {
        self.accepted == 0 && self.failed == 0 && self.pending == 0
    }
}

/// The minutes of one target.
#[derive(Debug, Default)]
pub(super) struct Minutes {
    /// Those in which something happened, oldest first, each with its number.
    past: VecDeque<(u32, Minute)>,
    number: u32,
    running: Minute,
    took: Option<Box<Took>>,
}

impl Minutes {
    /// An attempt ended.
    pub(super) fn attempt(&mut self, minute: u32, kept: usize, accepted: bool, took: Duration) {
        self.turn(minute, kept);
        let count = if accepted { &mut self.running.accepted } else { &mut self.running.failed };
        *count = count.saturating_add(1);
        self.took.get_or_insert_default().add(took);
    }

    /// So many deliveries wait or are under way.
    pub(super) fn pending(&mut self, minute: u32, kept: usize, count: u64) {
        self.turn(minute, kept);
        self.running.pending = u32::try_from(count).unwrap_or(u32::MAX);
    }

    /// The last so many minutes, the running one at the end.
    pub(super) fn told(&self, minute: u32, count: usize) -> Vec<Minute> {
        let mut told = vec![Minute::default(); count];
        let running = (self.number, self.closed());
        for (number, past) in self.past.iter().copied().chain([running]) {
            let ago = minute.checked_sub(number).and_then(|ago| usize::try_from(ago).ok());
            let place = ago.and_then(|ago| count.checked_sub(ago + 1));
            if let Some(place) = place.and_then(|place| told.get_mut(place)) {
                *place = past;
            }
        }
        told
    }

    /// The running minute is `minute`, unless a later one is already: who was told the minute before may come after.
    fn turn(&mut self, minute: u32, kept: usize) {
        if minute <= self.number {
            return;
        }
        let closed = self.closed();
        if !closed.is_empty() {
            self.past.push_back((self.number, closed));
        }
        let old = |number: u32| (minute.saturating_sub(number) as usize) >= kept;
        while self.past.front().is_some_and(|(number, _)| old(*number)) {
            self.past.pop_front();
        }
        (self.number, self.running, self.took) = (minute, Minute::default(), None);
    }

    /// The running minute as it is by now.
    fn closed(&self) -> Minute {
        let took = self.took.as_deref();
        let p50 = took.and_then(|took| took.percentile(50));
        let p95 = took.and_then(|took| took.percentile(95));
        Minute { p50, p95, ..self.running }
    }
}

/// Buckets: one for each of the first eight microseconds, then eight for each doubling, up to 18 minutes.
const BUCKETS: usize = 224;
/// What takes longer is counted as this, in microseconds.
const LONGEST: u32 = (1 << 30) - 1;

/// How long attempts took.
#[derive(Debug)]
struct Took([u32; BUCKETS]);

impl Default for Took {
    fn default() -> Self {
        Self([0; BUCKETS])
    }
}

impl Took {
    fn add(&mut self, took: Duration) {
        let micros = u32::try_from(took.as_micros()).unwrap_or(LONGEST).min(LONGEST);
        if let Some(count) = self.0.get_mut(bucket(micros)) {
            *count = count.saturating_add(1);
        }
    }

    /// The middle of the bucket where so many of a hundred are reached.
    fn percentile(&self, of_hundred: u64) -> Option<u32> {
        let all: u64 = self.0.iter().copied().map(u64::from).sum();
        let rank = (all * of_hundred).div_ceil(100);
        let mut below = 0;
        (all > 0).then_some(())?;
        let bucket = self.0.iter().position(|count| {
            below += u64::from(*count);
            below >= rank
        });
        bucket.map(middle)
    }
}

fn bucket(micros: u32) -> usize {
    let octave = micros.max(1).ilog2();
    if octave < 3 {
        return micros as usize;
    }
    let eighth = (micros >> (octave - 3)) & 7;
    ((octave - 2) * 8 + eighth) as usize
}

fn middle(bucket: usize) -> u32 {
    let bucket = u32::try_from(bucket).unwrap_or(u32::MAX);
    if bucket < 8 {
        return bucket;
    }
    let width = 1_u32 << (bucket / 8 - 1).min(27);
    (8 + bucket % 8) * width + width / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEPT: usize = 5;

    #[test]
    fn what_comes_after_its_minute_is_counted_in_the_next() {
        let mut minutes = Minutes::default();
        for minute in [6, 5, 6] {
            minutes.attempt(minute, KEPT, true, Duration::from_millis(1));
        }
        let told: Vec<u32> = minutes.told(6, 2).iter().map(|minute| minute.accepted).collect();
        assert_eq!(told, [0, 3]);
    }

    #[test]
    fn a_bucket_is_never_far_from_what_is_in_it() {
        let mut last = 0;
        for micros in (0..100_000_u32).chain((1..1_000).map(|step| step * 1_000_003)) {
            let at = bucket(micros);
            assert!(at < BUCKETS, "{micros}");
            if micros < 100_000 {
                assert!(at == last || at == last + 1, "{micros}: {last}, {at}");
                last = at;
            }
            let off = middle(at).abs_diff(micros);
            assert!(u64::from(off) * 16 <= u64::from(micros), "{micros}: {}", middle(at));
        }
        assert_eq!(bucket(LONGEST), BUCKETS - 1);
    }

    #[test]
    fn percentiles_are_those_of_the_attempts() {
        let mut minutes = Minutes::default();
        for millis in 1..=100 {
            minutes.attempt(0, KEPT, millis <= 90, Duration::from_millis(millis));
        }
        let [minute] = minutes.told(0, 1)[..] else { panic!("one minute was asked for") };
        assert_eq!((minute.accepted, minute.failed), (90, 10));
        let near = |found: Option<u32>, wanted: u32| found.unwrap().abs_diff(wanted) * 16 <= wanted;
        assert!(near(minute.p50, 50_000) && near(minute.p95, 95_000), "{minute:?}");
        let mut slow = Minutes::default();
        slow.attempt(0, KEPT, false, Duration::from_hours(100));
        assert!(near(slow.told(0, 1)[0].p95, LONGEST));
    }

    #[test]
    fn a_minute_stays_in_its_place_until_it_is_too_old() {
        let mut minutes = Minutes::default();
        minutes.attempt(7, KEPT, true, Duration::from_micros(5));
        minutes.pending(7, KEPT, 4);
        minutes.pending(8, KEPT, 3);
        minutes.pending(8, KEPT, 2);
        minutes.pending(10, KEPT, 0);
        let pending = |minute, count| -> Vec<u32> {
            minutes.told(minute, count).iter().map(|minute| minute.pending).collect()
        };
        assert_eq!(pending(10, 5), [0, 4, 2, 0, 0]);
        assert_eq!(pending(10, 2), [0, 0]);
        assert_eq!(pending(11, 4), [2, 0, 0, 0], "nothing happened in the running one");
        assert_eq!(minutes.told(7, 1)[0].p50, Some(5));
        assert_eq!(minutes.told(10, 5)[2].p50, None);
        assert_eq!(minutes.past.len(), 2, "the empty ones take no place");

        minutes.pending(12, KEPT, 1);
        assert_eq!(minutes.past.len(), 1, "the seventh is too old");
        for minute in 13..1_000 {
            minutes.pending(minute, KEPT, 1);
        }
        assert_eq!(minutes.past.len(), KEPT - 1);
        assert_eq!(minutes.told(999, 5), [Minute { pending: 1, ..Minute::default() }; 5]);
    }

    #[test]
    fn many_targets_have_fewer_minutes() {
        assert_eq!([0, 1, 5_555].map(kept), [MINUTES_MAX; 3]);
        assert_eq!([10_000, 25_000, 1_000_000].map(kept), [100, 40, MINUTES_MIN]);
    }
}
