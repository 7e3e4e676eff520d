//! Does the time that a check takes tell how much of a digest is right? Two classes of wrong signatures, after dudect
//! (<https://eprint.iacr.org/2016/1123>): in one the first byte of the digest is wrong, in the other the last. Welch's t
//! between their times must stay below 4.5; a comparison that stops at the first difference, measured the same way,
//! must not, or else nothing was measured.
//!
//! Each sample has a timestamp of its own, so that both digests look random to whatever reads them. `HOOKSWITCH_FULL=1`
//! takes a million.

#![expect(clippy::print_stdout, reason = "what was measured is told")]

use std::hint::black_box;
use std::time::Duration;

use bytes::Bytes;
use hookswitch::clock::Timestamp;
use hookswitch::name::SourceName;
use hookswitch::secret::Secret;
use hookswitch::signature::{Check, Refusal, RetellCheck, retell};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

const T_MAX: f64 = 4.5;
/// Samples between two looks at the clock's habits.
const BATCH: usize = 10_000;

/// One wrong signature.
struct Sample {
    is_late: bool,
    digits: i64,
    header: String,
}

fn sample(key: &Secret, body: &[u8], dice: &mut SmallRng) -> Sample {
    let digits = dice.random_range(1_700_000_000_000..1_800_000_000_000_i64);
    let mut header = retell::sign(key, body, Timestamp::from_millis(digits));
    let is_late = dice.random();
    // After `v=`, the digits and `,d=`; the last pair ends the header.
    let at = if is_late { header.len() - 2 } else { 18 };
    let other = if header.as_bytes()[at] == b'0' { "1" } else { "0" };
    header.replace_range(at..=at, other);
    Sample { is_late, digits, header }
}

/// Count, mean and sum of squared differences of one class.
#[derive(Default, Clone, Copy)]
struct Class {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Class {
    fn add(&mut self, value: f64) {
        self.count += 1.0;
        let before = value - self.mean;
        self.mean += before / self.count;
        self.squares += before * (value - self.mean);
    }

    fn share(self) -> f64 {
        self.squares / (self.count - 1.0) / self.count
    }
}

/// Welch's t between the classes, over the fastest nine tenths of each batch: what is slower was interrupted.
fn t_of(samples: usize, seed: u64, mut check: impl FnMut(&Sample)) -> f64 {
    let key = Secret::new("key_fixture_only_not_a_real_key_01");
    let mut dice = SmallRng::seed_from_u64(seed);
    let mut classes = [Class::default(); 2];
    for _ in 0..samples.div_ceil(BATCH) {
        let batch: Vec<_> = (0..BATCH).map(|_| sample(&key, b"{}", &mut dice)).collect();
        let times: Vec<u64> = batch.iter().map(|sample| time_of(|| check(sample))).collect();
        let mut sorted = times.clone();
        sorted.sort_unstable();
        let slowest = sorted[BATCH * 9 / 10];
        for (sample, time) in batch.iter().zip(times).filter(|(_, time)| *time < slowest) {
            #[expect(clippy::cast_precision_loss, reason = "nanoseconds of one check are few")]
            classes[usize::from(sample.is_late)].add(time as f64);
        }
    }
    let [early, late] = classes;
    (late.mean - early.mean) / (early.share() + late.share()).sqrt()
}

fn time_of(run: impl FnOnce()) -> u64 {
    #[expect(clippy::disallowed_methods, reason = "time itself is what is measured")]
    let began = std::time::Instant::now();
    run();
    u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

#[test]
fn the_time_of_a_check_does_not_tell_how_much_of_a_digest_is_right() {
    let full = std::env::var_os("HOOKSWITCH_FULL").is_some();
    let samples = if full { 1_000_000 } else { 20_000 };
    let key = Secret::new("key_fixture_only_not_a_real_key_01");
    let check = RetellCheck::new(vec![key.clone()], Duration::from_mins(5)).unwrap();
    let check = Check::Retell(check);
    let source = SourceName::new("retell").unwrap();
    let ours = t_of(samples, 1, |sample| {
        let headers = [sample.header.as_bytes()];
        let now = Timestamp::from_millis(sample.digits);
        let verdict = check.verify(&source, Bytes::from_static(b"{}"), &headers, now);
        assert_eq!(black_box(verdict).err(), Some(Refusal::Wrong));
    });
    let hasty = t_of(samples, 2, |sample| {
        let right = retell::sign(&key, b"{}", Timestamp::from_millis(sample.digits));
        let differs = right.bytes().zip(sample.header.bytes()).position(|(a, b)| a != b);
        assert!(black_box(differs).is_some());
    });
    println!(
        "measured: |t| {:.2} over {samples} wrong signatures, {:.1} where the first difference ends the comparison",
        ours.abs(),
        hasty.abs()
    );
    assert!(ours.abs() < T_MAX, "t is {ours}");
    assert!(hasty.abs() > T_MAX, "the control was not seen: t is {hasty}");
}
