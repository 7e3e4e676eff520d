//! Many schedules, each made by its seed: arrivals, answers of every kind, slow commits, pauses, wakes, and a wall clock that
//! jumps. Whatever the order in which things happen, order keys hold, nobody is pressed harder than allowed, nobody starves
//! beside a neighbour that hangs, nothing goes twice, and once the faults stop everything ends.
//!
//! Dispatch is made of tasks and timers on tokio, so schedules are made by moving its paused clock and not by a scheduler of
//! threads, which would need another runtime under all of it. `HOOKSWITCH_FULL=1` runs 100 times as many seeds.

#![expect(clippy::print_stdout, reason = "what was measured is told")]

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::harness::*;
use crate::clock::Clock;
use crate::delivery::{DeadReason, Outcome};
use crate::store::{AttemptResult, DeliveryState};

const SEEDS: u64 = 10;
const SECOND: Duration = Duration::from_secs(1);
/// Arrivals and faults end after so long.
const FAULTY: Duration = Duration::from_mins(5);
/// Everything ends so long after that: a `Retry-After` or a target that said it is gone takes an hour, a retry 36 minutes.
const SETTLED: Duration = Duration::from_hours(3);
const TARGETS: [&str; 4] = ["good", "flaky", "paced", "narrow"];
const KEYS: [Option<&str>; 4] = [None, None, Some("a"), Some("b")];

/// What follows from an attempt for those after it.
#[derive(Debug, Clone, Copy)]
struct Told {
    ends: Duration,
    /// The next attempt of this delivery comes no earlier.
    next: Duration,
    /// The next attempt to this target comes no earlier.
    busy: Duration,
}

type Ledger = Arc<Mutex<HashMap<(String, u64, u32), Told>>>;

/// What was sent: per target and event, its key and when.
type Sent = BTreeMap<(String, u64), (Option<&'static str>, Duration)>;

fn specs() -> [Spec; 4] {
    [
        spec("good"),
        Spec { concurrency: 3, ..spec("flaky") },
        Spec { rate: Some("2/s"), ..spec("paced") },
        Spec { concurrency: 1, give_up_after: Duration::from_mins(30), ..spec("narrow") },
    ]
}

/// The answer to a call: the same for the same seed, whenever it is asked.
fn reply(seed: u64, call: &Call, wall: &Wall) -> (Reply, Told) {
    let mut hasher = DefaultHasher::new();
    (seed, &call.target, call.event, call.attempt).hash(&mut hasher);
    let mut dice = SmallRng::seed_from_u64(hasher.finish());
    let mut told = Told { ends: call.at, next: Duration::ZERO, busy: Duration::ZERO };
    if call.target == "good" {
        // Every tenth holds its key and one slot for long, and nothing else.
        let wait = if call.event.is_multiple_of(10) { 9 * SECOND } else { SECOND / 100 };
        told.ends += wait;
        return (Reply::After(wait, Outcome::Accepted), told);
    }
    let wait = Duration::from_millis(dice.random_range(1..3_000));
    told.ends += wait;
    if call.at >= FAULTY {
        return (Reply::After(wait, Outcome::Accepted), told);
    }
    let outcome = match dice.random_range(0..100) {
        0..45 => Outcome::Accepted,
        45..70 => Outcome::Retry { not_before: None, busy: false },
        70..80 => {
            let asked = Duration::from_secs(dice.random_range(1..120));
            (told.next, told.busy) = (call.at + asked, call.at + asked);
            Outcome::Retry { not_before: Some(wall.now().plus(asked)), busy: true }
        }
        80..86 => {
            let asked = Duration::from_secs(dice.random_range(1..600));
            told.next = call.at + asked;
            Outcome::Retry { not_before: Some(wall.now().plus(asked)), busy: false }
        }
        86..92 => Outcome::Reject(DeadReason::Rejected),
        92..94 => Outcome::Reject(DeadReason::Redirect),
        94 => Outcome::Reject(DeadReason::Gone),
        95..98 => {
            told.ends = call.at + 10 * SECOND;
            return (Reply::Hang, told);
        }
        _ => {
            told.ends = call.at;
            return (Reply::Panic, told);
        }
    };
    (Reply::After(wait, outcome), told)
}

/// One seed, with a wall clock that jumps or does not.
async fn schedule(seed: u64, jumps: bool) -> (usize, Duration) {
    let mut dice = SmallRng::seed_from_u64(seed);
    let mut it = Harness::start(&specs()).await;
    let ledger: Ledger = Arc::default();
    {
        let (ledger, wall) = (Arc::clone(&ledger), Arc::clone(&it.wall));
        it.plan(move |call| {
            let (reply, told) = reply(seed, call, &wall);
            ledger.lock().unwrap().insert((call.target.clone(), call.event, call.attempt), told);
            reply
        });
    }
    let begun = tokio::time::Instant::now();
    let mut sent = Sent::new();
    let mut pauses: Vec<(&str, Duration, Duration)> = Vec::new();
    while begun.elapsed() < FAULTY {
        match dice.random_range(0..20) {
            0..6 => {
                for _ in 0..dice.random_range(1..4) {
                    send(&mut it, &mut dice, (&mut sent, begun.elapsed())).await;
                }
            }
            12 => it.dispatch.wake(None),
            13 => {
                let slow = [0, 0, 50, 2_000][dice.random_range(0..4)];
                it.store.settle_after.store(slow, Ordering::SeqCst);
            }
            14 => {
                let name = TARGETS[dice.random_range(1..4)];
                let target = super::target_name(name);
                it.dispatch.set_paused(&target, true).await.unwrap();
                let from = begun.elapsed();
                it.pass(Duration::from_secs(dice.random_range(1..30))).await;
                pauses.push((name, from, begun.elapsed()));
                it.dispatch.set_paused(&target, false).await.unwrap();
            }
            15 if jumps => {
                let hours = [1, 5, 24 * 365, 24 * 365 * 40][dice.random_range(0..4)];
                let back = if dice.random_bool(0.5) { -1 } else { 1 };
                it.wall.moved.store(back * hours * 3_600_000, Ordering::SeqCst);
            }
            // 1970 is long before the harness begins.
            16 if jumps => {
                let now = it.now().millis() - it.wall.moved.load(Ordering::SeqCst);
                it.wall.moved.store(-now, Ordering::SeqCst);
            }
            17 if jumps => it.wall.moved.store(0, Ordering::SeqCst),
            _ => it.pass(Duration::from_millis(dice.random_range(1..5_000))).await,
        }
    }
    it.store.settle_after.store(0, Ordering::SeqCst);
    it.until_at_rest(SETTLED).await;
    let took = begun.elapsed();
    let ledger = ledger.lock().unwrap().clone();
    politely(&it, &ledger, jumps);
    in_order(&it, &sent, &ledger);
    undisturbed(&it, &sent, &pauses);
    once(&it, &sent).await;
    it.dispatch.drain(tokio::time::Instant::now() + SECOND).await;
    assert!(it.tasks.stop(SECOND).await);
    (sent.len(), took)
}

async fn send(it: &mut Harness, dice: &mut SmallRng, (sent, at): (&mut Sent, Duration)) {
    let mut to: Vec<(&str, Option<&'static str>)> = Vec::new();
    for target in TARGETS {
        if dice.random_bool(0.5) {
            to.push((target, KEYS[dice.random_range(0..KEYS.len())]));
        }
    }
    if to.is_empty() {
        return;
    }
    let number = it.send(&to).await;
    for (target, key) in to {
        sent.insert((target.to_owned(), number), (key, at));
    }
}

/// Never more at once than allowed, never more often, never before the target said.
fn politely(it: &Harness, ledger: &HashMap<(String, u64, u32), Told>, jumps: bool) {
    for spec in specs() {
        assert!(it.most_at_once(&spec.name) <= spec.concurrency as usize, "{}", spec.name);
    }
    let calls = it.calls();
    let paced: Vec<_> = calls.iter().filter(|call| call.target == "paced").collect();
    // Two a second, from a bucket of two.
    for (first, third) in paced.iter().zip(paced.iter().skip(2)) {
        assert!(third.at >= first.at + SECOND / 2, "{first:?} {third:?}");
    }
    let mut quiet: BTreeMap<&str, Vec<(Duration, Duration)>> = BTreeMap::new();
    for call in &calls {
        let told = ledger[&(call.target.clone(), call.event, call.attempt)];
        if !told.busy.is_zero() {
            quiet.entry(&call.target).or_default().push((told.ends, told.busy));
        }
        let before = ledger.get(&(call.target.clone(), call.event, call.attempt.wrapping_sub(1)));
        if let Some(before) = before {
            assert!(call.at >= before.ends, "two attempts of one delivery at once: {call:?}");
            // A millisecond is what the wall clock knows. Where it jumps, what it said of a later time means another.
            let early = before.next.saturating_sub(SECOND / 500);
            assert!(jumps || call.at >= early, "{call:?} came before {:?}", before.next);
        }
    }
    for call in &calls {
        for (said, until) in quiet.get(&*call.target).into_iter().flatten() {
            let during = call.at > *said && call.at + SECOND / 500 < *until;
            assert!(jumps || !during, "{call:?} while the target wanted quiet until {until:?}");
        }
    }
}

/// Of one key, one at a time, in order of arrival, and the next only when the one before has ended.
fn in_order(it: &Harness, sent: &Sent, ledger: &HashMap<(String, u64, u32), Told>) {
    let mut last: BTreeMap<(String, &str), (u64, Duration)> = BTreeMap::new();
    let mut ordered = 0;
    for call in it.calls() {
        let (Some(key), _) = sent[&(call.target.clone(), call.event)] else { continue };
        let ends = ledger[&(call.target.clone(), call.event, call.attempt)].ends;
        let place = (call.target.clone(), key);
        if let Some((event, ended)) = last.insert(place, (call.event, ends)) {
            assert!(event <= call.event, "{call:?} overtook {event}");
            assert!(ended <= call.at, "{call:?} goes beside {event}");
        }
        ordered += 1;
    }
    assert!(ordered > 0, "keys were used");
}

/// The good target gets what is not held back by its key at once, whatever its neighbours do; a paused one gets nothing.
fn undisturbed(it: &Harness, sent: &Sent, pauses: &[(&str, Duration, Duration)]) {
    for call in it.calls() {
        let (key, at) = sent[&(call.target.clone(), call.event)];
        if call.target == "good" && key.is_none() {
            assert!(call.at <= at + SECOND, "{call:?} was sent at {at:?}");
        }
        let within = |(name, from, to): &(&str, Duration, Duration)| {
            *name == call.target && call.at > *from && call.at < *to
        };
        assert!(!pauses.iter().any(within), "{call:?} while it was paused");
    }
}

/// Each delivery has one end, its attempts are numbered, and none comes after the end.
async fn once(it: &Harness, sent: &Sent) {
    let mut calls: BTreeMap<(String, u64), Vec<u32>> = BTreeMap::new();
    for call in it.calls() {
        calls.entry((call.target, call.event)).or_default().push(call.attempt);
    }
    let all = it.deliveries().await;
    assert_eq!(all.len(), sent.len(), "every delivery is there");
    let mut made = 0;
    for (delivery, attempts) in &all {
        let accepted = attempts.iter().filter(|one| one.result == AttemptResult::Accepted).count();
        match delivery.state {
            DeliveryState::Delivered { .. } => {
                assert_eq!(accepted, 1);
                let last = attempts.last().map(|last| last.result);
                assert_eq!(last, Some(AttemptResult::Accepted), "nothing after the end");
            }
            DeliveryState::Dead { .. } => assert_eq!(accepted, 0),
            DeliveryState::Pending { .. } => panic!("it is at rest"),
        }
        made += attempts.len();
    }
    for (place, attempts) in &calls {
        let expected: Vec<u32> = (1..).take(attempts.len()).collect();
        assert_eq!(*attempts, expected, "{place:?}");
    }
    assert_eq!(made, it.calls().len(), "every attempt is recorded once");
}

async fn seeds(what: &str, jumps: bool) {
    let full = std::env::var_os("HOOKSWITCH_FULL").is_some();
    let seeds = if full { SEEDS * 100 } else { SEEDS };
    let (mut deliveries, mut virtually) = (0, Duration::ZERO);
    for seed in 0..seeds {
        println!("seed {seed}");
        let (sent, took) = schedule(seed, jumps).await;
        deliveries += sent;
        virtually += took;
    }
    let hours = virtually.as_secs() / 3600;
    println!("measured: {seeds} schedules{what}, {deliveries} deliveries, {hours} virtual hours");
}

#[tokio::test(start_paused = true)]
async fn whatever_the_schedule_order_and_bounds_hold_and_nobody_starves() {
    seeds("", false).await;
}

#[tokio::test(start_paused = true)]
async fn whatever_the_wall_clock_does_there_is_no_storm_and_nothing_is_parked() {
    seeds(" under a wall clock that jumps by hours, by years and to 1970", true).await;
}
