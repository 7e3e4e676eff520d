//! One target with its deliveries in virtual time: faults that follow a seed, then health. Whatever the seed, each
//! delivery ends once and the target is never pressed harder than allowed; once it is healthy, everything ends soon.

use rand::rngs::SmallRng;
use rand::{Rng, RngExt, SeedableRng};

use super::*;

const SEEDS: u64 = 300;
const DELIVERIES: usize = 40;
/// Faults end after so long; everything must have ended soon after.
const FAULTY: Duration = Duration::from_hours(30);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Due(Timestamp),
    Delivered,
    Dead(DeadReason),
}

struct World {
    dice: SmallRng,
    now: Duration,
    circuit: Circuit,
    bucket: Bucket,
    pause: Duration,
    fates: Vec<(Fate, State)>,
    probes: u32,
    /// No probe may go before.
    quiet_until: Duration,
}

impl World {
    fn new(seed: u64) -> Self {
        let state = State { attempts: 0, age_from: at(0) };
        Self {
            dice: SmallRng::seed_from_u64(seed),
            now: Duration::ZERO,
            circuit: Circuit::default(),
            bucket: Bucket::new(Rate::parse("5/s").expect("a rate"), Duration::ZERO),
            pause: Duration::ZERO,
            fates: vec![(Fate::Due(at(0)), state); DELIVERIES],
            probes: 0,
            quiet_until: Duration::ZERO,
        }
    }

    fn wall(&self) -> Timestamp {
        at(0).plus(self.now)
    }

    fn answer(&mut self) -> Outcome {
        if self.now >= FAULTY {
            return Outcome::Accepted;
        }
        let status = match self.dice.random_range(0..100) {
            0..70 => 500,
            70..80 => 429,
            80..88 => 503,
            88..92 => 200,
            92..94 => 400,
            94..96 => 410,
            _ => 999,
        };
        let asked = self.dice.random_range(0..10_000_u32).to_string();
        let header = self.dice.random_bool(0.5).then_some(asked.as_str());
        classify(status, header, &Overrides::default(), self.wall())
    }

    /// Lets the nearest due delivery go if everything allows it, else moves time to when something changes.
    fn turn(&mut self) {
        let due = |(fate, _): &(Fate, State)| match fate {
            Fate::Due(at) => Some(*at),
            Fate::Delivered | Fate::Dead(_) => None,
        };
        let Some((index, nearest)) = (0..DELIVERIES)
            .filter_map(|i| Some((i, due(&self.fates[i])?)))
            .min_by_key(|(_, at)| *at)
        else {
            return;
        };
        let ready =
            Duration::from_millis(u64::try_from(nearest.millis()).expect("after the start"));
        let allowed = match self.circuit.state(self.now) {
            CircuitState::Open { probe_at } => probe_at,
            CircuitState::Closed | CircuitState::ProbeDue | CircuitState::Probing => self.now,
        };
        let when = ready.max(allowed).max(self.pause).max(self.bucket.ready_at());
        if when > self.now {
            self.now = when;
            return;
        }
        self.bucket.take(self.now).expect("it was asked");
        let probe = self.circuit.state(self.now) == CircuitState::ProbeDue;
        if probe {
            self.circuit.begin_probe();
            assert!(self.now >= self.quiet_until, "probes keep their distance");
            self.probes += 1;
        }
        self.attempt(index, probe);
    }

    fn attempt(&mut self, index: usize, probe: bool) {
        let outcome = self.answer();
        let wall = self.wall();
        let (fate, state) = &mut self.fates[index];
        assert!(
            matches!(fate, Fate::Due(at) if *at <= wall),
            "only what is due is tried, and nothing twice"
        );
        state.attempts += 1;
        let fraction = f64::from(self.dice.next_u32()) / f64::from(u32::MAX);
        *fate = match step(*state, &outcome, wall, fraction, &policy()) {
            Transition::Done => Fate::Delivered,
            Transition::Again { at } => {
                assert!(at > wall && at <= wall.plus(RETRY_AFTER_MAX.max(secs(2160))));
                Fate::Due(at)
            }
            Transition::Bury(reason) => Fate::Dead(reason),
        };
        if let Outcome::Retry { not_before: Some(until), busy: true } = outcome {
            self.pause = self.now + until.since(wall);
        }
        if probe {
            self.circuit.record_probe(&outcome, self.now);
            if outcome.is_failure() {
                self.quiet_until = self.now + 2 * PROBE_INTERVAL_MIN;
            }
        } else {
            self.circuit.record(&outcome, self.now);
        }
    }
}

#[test]
fn whatever_a_target_does_every_delivery_ends_and_the_target_is_not_pressed() {
    let (mut delivered, mut dead, mut probes) = (0, 0, 0);
    for seed in 0..SEEDS {
        let mut world = World::new(seed);
        let mut turns = 0;
        while world.fates.iter().any(|(fate, _)| matches!(fate, Fate::Due(_))) {
            world.turn();
            turns += 1;
            assert!(turns < 200_000, "seed {seed}: it does not come to rest");
        }
        let limit = FAULTY + RETRY_AFTER_MAX + secs(2160);
        assert!(world.now <= limit, "seed {seed}: at rest only after {:?}", world.now);
        for (fate, state) in &world.fates {
            match fate {
                Fate::Delivered => delivered += 1,
                Fate::Dead(_) => dead += 1,
                Fate::Due(_) => unreachable!("all have ended"),
            }
            assert!(state.attempts > 0, "seed {seed}: nothing ends untried");
        }
        probes += world.probes;
    }
    assert!(delivered > 1000 && dead > 1000, "both ends are met: {delivered} and {dead}");
    assert!(probes > 1000, "circuits open: {probes}");
}
