//! One target with its deliveries in virtual time: faults that follow a seed for thirty days, then health. Whatever the
//! seed, each delivery ends once, nothing is tried after its end or before the target said, and the target is never pressed
//! harder than allowed; once it is healthy, everything ends soon.
//!
//! `HOOKSWITCH_FULL=1` simulates a thousand years.

#![expect(clippy::print_stdout, reason = "what was measured is told")]

use std::collections::VecDeque;

use rand::rngs::SmallRng;
use rand::{Rng, RngExt, SeedableRng};

use super::*;

const SEEDS: u64 = 150;
/// So many seeds of thirty days are a thousand years.
const SEEDS_FULL: u64 = 12_175;
const DELIVERIES: usize = 40;
const CONCURRENCY: usize = 3;
/// Arrivals and faults end after so long; everything must have ended soon after.
const FAULTY: Duration = Duration::from_hours(30 * 24);
/// The longest that an attempt takes.
const TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Due(Timestamp),
    InFlight,
    Delivered,
    Dead(DeadReason),
}

/// A delivery, and what was learned of it.
struct Item {
    fate: Fate,
    state: State,
    /// The target asked for no attempt before.
    asked: Timestamp,
}

/// An attempt under way.
struct Flight {
    ends: Duration,
    item: usize,
    probe: bool,
}

struct World {
    dice: SmallRng,
    now: Duration,
    circuit: Circuit,
    bucket: Bucket,
    pause: Duration,
    items: Vec<Item>,
    flights: Vec<Flight>,
    /// The last five starts.
    starts: VecDeque<Duration>,
    attempts: u64,
    probes: u32,
    /// No probe may go before.
    quiet_until: Duration,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut dice = SmallRng::seed_from_u64(seed);
        let mut item = || {
            // Half of them come at once, as after an outage of the sender's.
            let late = dice.random_bool(0.5).then(|| dice.random_range(0..FAULTY.as_secs()));
            let arrived = at(0).plus(secs(late.unwrap_or(0)));
            let state = State { attempts: 0, age_from: arrived };
            Item { fate: Fate::Due(arrived), state, asked: at(0) }
        };
        let items = (0..DELIVERIES).map(|_| item()).collect();
        Self {
            dice,
            now: Duration::ZERO,
            circuit: Circuit::default(),
            bucket: Bucket::new(Rate::parse("5/s").expect("a rate"), Duration::ZERO),
            pause: Duration::ZERO,
            items,
            flights: Vec::new(),
            starts: VecDeque::new(),
            attempts: 0,
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
        // Days on which nothing works, and days on which something does.
        let bad = (self.now.as_secs() / 86_400).is_multiple_of(3);
        let status = match self.dice.random_range(0..100) {
            0..60 => 500,
            60..70 => 429,
            70..78 => 503,
            78..82 if bad => 502,
            78..94 if bad => 500,
            78..94 => 200,
            94..96 => 400,
            96 => 410,
            97 => 302,
            _ => 999,
        };
        let asked = self.dice.random_range(0..10_000_u32).to_string();
        let header = self.dice.random_bool(0.5).then_some(asked.as_str());
        classify(status, header, &Overrides::default(), self.wall())
    }

    /// The next thing: an attempt ends, or one begins, or time moves to where something can.
    fn turn(&mut self) {
        let ending = (0..self.flights.len()).min_by_key(|&flight| self.flights[flight].ends);
        let beginning = self.next_start();
        match (ending.map(|flight| (self.flights[flight].ends, flight)), beginning) {
            (Some((ends, flight)), start) if start.is_none_or(|(when, _)| ends <= when) => {
                self.now = self.now.max(ends);
                self.end(flight);
            }
            (_, Some((when, _))) if when > self.now => self.now = when,
            (_, Some((_, item))) => self.begin(item),
            (_, None) => {}
        }
    }

    /// Which delivery may go next, and when.
    fn next_start(&self) -> Option<(Duration, usize)> {
        if self.flights.len() == CONCURRENCY {
            return None;
        }
        let due = |item: &Item| match item.fate {
            Fate::Due(at) => Some(at),
            _ => None,
        };
        let (item, nearest) = (0..DELIVERIES)
            .filter_map(|item| Some((item, due(&self.items[item])?)))
            .min_by_key(|(_, at)| *at)?;
        let allowed = match self.circuit.state(self.now) {
            CircuitState::Open { probe_at } => probe_at,
            CircuitState::Closed | CircuitState::ProbeDue => self.now,
            CircuitState::Probing => return None,
        };
        let when = nearest.since(at(0)).max(allowed).max(self.pause).max(self.bucket.ready_at());
        Some((when.max(self.now), item))
    }

    fn begin(&mut self, item: usize) {
        let wall = self.wall();
        self.bucket.take(self.now).expect("it was asked");
        let probe = self.circuit.state(self.now) == CircuitState::ProbeDue;
        if probe {
            self.circuit.begin_probe();
            assert!(self.now >= self.quiet_until, "probes keep their distance");
            self.probes += 1;
        }
        self.starts.push_back(self.now);
        if self.starts.len() > 5 {
            let first = self.starts.pop_front().expect("there are six");
            assert!(self.now >= first + Duration::from_millis(200), "five a second, from five");
        }
        assert!(self.now >= self.pause, "the target wanted quiet");
        let Item { fate, state, asked } = &mut self.items[item];
        assert!(
            matches!(fate, Fate::Due(at) if *at <= wall),
            "only what is due is tried, nothing twice, and nothing after its end"
        );
        assert!(wall >= *asked, "never before the target said");
        *fate = Fate::InFlight;
        state.attempts += 1;
        self.attempts += 1;
        let took = Duration::from_millis(self.dice.random_range(1..=10_000));
        self.flights.push(Flight { ends: self.now + took.min(TIMEOUT), item, probe });
        assert!(self.flights.len() <= CONCURRENCY);
    }

    fn end(&mut self, flight: usize) {
        let Flight { item, probe, .. } = self.flights.swap_remove(flight);
        let outcome = self.answer();
        let wall = self.wall();
        let fraction = f64::from(self.dice.next_u32()) / f64::from(u32::MAX);
        let Item { fate, state, asked } = &mut self.items[item];
        assert_eq!(*fate, Fate::InFlight);
        *fate = match step(*state, &outcome, wall, fraction, &policy()) {
            Transition::Done => Fate::Delivered,
            Transition::Again { at } => {
                assert!(at > wall && at <= wall.plus(RETRY_AFTER_MAX.max(secs(2160))));
                Fate::Due(at)
            }
            Transition::Bury(reason) => Fate::Dead(reason),
        };
        if let Outcome::Retry { not_before: Some(until), busy } = outcome {
            *asked = until;
            if busy {
                self.pause = self.pause.max(self.now + until.since(wall));
            }
        }
        let decides = probe && self.circuit.state(self.now) == CircuitState::Probing;
        let turn = if probe {
            self.circuit.record_probe(&outcome, self.now)
        } else {
            self.circuit.record(&outcome, self.now)
        };
        match turn {
            // Another attempt that was still under way came back well: a new row of failures begins from the start.
            Turn::Closed => self.quiet_until = Duration::ZERO,
            Turn::Same if decides && outcome.is_failure() => {
                self.quiet_until = self.now + 2 * PROBE_INTERVAL_MIN;
            }
            Turn::Same | Turn::Opened => {}
        }
    }

    fn is_at_rest(&self) -> bool {
        self.items.iter().all(|item| matches!(item.fate, Fate::Delivered | Fate::Dead(_)))
    }
}

#[test]
fn whatever_a_target_does_every_delivery_ends_and_the_target_is_not_pressed() {
    let full = std::env::var_os("HOOKSWITCH_FULL").is_some();
    let seeds = if full { SEEDS_FULL } else { SEEDS };
    let (mut delivered, mut dead, mut probes, mut attempts) = (0, 0, 0, 0);
    let mut simulated = Duration::ZERO;
    for seed in 0..seeds {
        let mut world = World::new(seed);
        let mut turns = 0;
        while !world.is_at_rest() {
            world.turn();
            turns += 1;
            assert!(turns < 1_000_000, "seed {seed}: it does not come to rest");
        }
        let limit = FAULTY + RETRY_AFTER_MAX + secs(2160) + 2 * TIMEOUT;
        assert!(world.now <= limit, "seed {seed}: at rest only after {:?}", world.now);
        for Item { fate, state, .. } in &world.items {
            match fate {
                Fate::Delivered => delivered += 1,
                Fate::Dead(_) => dead += 1,
                Fate::Due(_) | Fate::InFlight => unreachable!("all have ended"),
            }
            assert!(state.attempts > 0, "seed {seed}: nothing ends untried");
        }
        (probes, attempts) = (probes + world.probes, attempts + world.attempts);
        simulated += world.now.max(FAULTY);
    }
    assert!(delivered > 100 && dead > 100, "both ends are met: {delivered} and {dead}");
    assert!(probes > 100, "circuits open: {probes}");
    let years = simulated.as_secs() / (365 * 86_400);
    println!(
        "measured: {years} simulated years, {delivered} delivered, {dead} dead, {attempts} attempts"
    );
}
