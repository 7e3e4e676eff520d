//! The store against a reference, action by action, with crashes and restarts among the actions.
//!
//! A crash copies the files of the open store and cuts the log at any byte behind the last synced commit, so that some of
//! the last actions were never acknowledged: what is recovered must be exactly the state after those that were synced, no
//! less (acknowledged ⊆ recovered) and no more (recovered ⊆ appended). After every action the counters of the store are held
//! against a recount, its lists against the reference, and a reopened store must say the same when it is opened again.
//!
//! Short by default; `HOOKSWITCH_FULL=1` runs many times as many cases.

#![expect(clippy::print_stdout, reason = "what was measured is told")]

mod disk;
mod ledger;

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use bytes::Bytes;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest};

use super::*;
use crate::delivery::DeadReason;
use crate::store::conformance::{
    all_events, at, attempt, done, due, envelope, event, id, stats, target,
};
use crate::store::memory::Memory;
use crate::store::{
    AttemptResult, Bury, Change as SettleChange, DeadSelection, DeliveryState, EventState, Fate,
    Identity, IdentityKey, NewDelivery, Replay, Settle, Store,
};
use disk::{Log, Tail, crash};
use ledger::{Action, Change, Kind, Ledger, New, RETENTION, TARGETS, WINDOW, Which};

/// One step of the machine.
#[derive(Debug, Clone)]
enum Step {
    Act(Action),
    /// Moves the log into the database, and empties it or not.
    Checkpoint {
        truncate: bool,
    },
    /// Time passes, and what is too old goes.
    Prune {
        days: i64,
    },
    /// Closes and opens.
    Close,
    /// Dies after `synced` of these actions: the commit after it is torn at `part` of its way.
    Crash {
        actions: Vec<Action>,
        synced: usize,
        part: u16,
        tail: Tail,
    },
}

/// The reference machine; whether it may do what only a disk can.
struct Reference<const DISK: bool>;

impl<const DISK: bool> ReferenceStateMachine for Reference<DISK> {
    type State = Ledger;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Ledger> {
        Just(Ledger::default()).boxed()
    }

    fn transitions(_: &Ledger) -> BoxedStrategy<Step> {
        let close = Just(Step::Close);
        if !DISK {
            return prop_oneof![20 => action().prop_map(Step::Act), 1 => close].boxed();
        }
        let tail =
            prop_oneof![Just(Tail::Cut), Just(Tail::Zeros), any::<u8>().prop_map(Tail::Garbage)];
        let torn = (prop::collection::vec(action(), 1..5), any::<u8>(), any::<u16>(), tail)
            .prop_map(|(actions, synced, part, tail)| Step::Crash {
                synced: usize::from(synced) % (actions.len() + 1),
                actions,
                part,
                tail,
            });
        prop_oneof![
            20 => action().prop_map(Step::Act),
            2 => any::<bool>().prop_map(|truncate| Step::Checkpoint { truncate }),
            1 => (1_i64..40).prop_map(|days| Step::Prune { days }),
            1 => close,
            3 => torn,
        ]
        .boxed()
    }

    fn apply(mut ledger: Ledger, step: &Step) -> Ledger {
        match step {
            Step::Act(action) => drop(ledger.apply(action)),
            Step::Prune { days } => ledger.grow_old(*days),
            Step::Crash { actions, synced, .. } => {
                for action in &actions[..*synced] {
                    ledger.apply(action);
                }
                // What was lost took its time, and its numbers are not given again.
                let mut lost = ledger.clone();
                for action in &actions[*synced..] {
                    lost.apply(action);
                }
                (ledger.now, ledger.numbers) = (lost.now, lost.numbers);
            }
            Step::Checkpoint { .. } | Step::Close => {}
        }
        ledger
    }
}

fn action() -> impl Strategy<Value = Action> {
    let target = 0..TARGETS.len();
    let key = prop::option::weighted(0.5, 0_u8..2);
    let delivery = prop::option::weighted(0.7, (target.clone(), key.clone()));
    let kind = prop_oneof![
        6 => Just(Kind::Routed),
        1 => Just(Kind::Unrouted),
        1 => Just(Kind::Ignored),
        1 => Just(Kind::Quarantined),
    ];
    let new = (kind, prop::option::weighted(0.6, 0_u8..6), 0_u8..3, [delivery.clone(), delivery])
        .prop_map(|(kind, identity, body, deliveries)| New { kind, identity, body, deliveries });
    let reason = prop::sample::select(&DeadReason::ALL);
    let change = prop_oneof![
        3 => Just(Change::Delivered),
        2 => (0_i64..500).prop_map(Change::Again),
        2 => reason.prop_map(Change::Dead),
    ];
    let which = prop_oneof![
        Just(Which::All),
        target.clone().prop_map(Which::Target),
        any::<usize>().prop_map(Which::One),
    ];
    prop_oneof![
        8 => prop::collection::vec(new, 1..5).prop_map(Action::Append),
        8 => (any::<usize>(), change).prop_map(|(pick, change)| Action::Settle { pick, change }),
        1 => (target.clone(), prop::option::of(0_i64..100))
            .prop_map(|(target, back)| Action::Bury { target, back }),
        1 => (any::<usize>(), target.clone(), key)
            .prop_map(|(pick, target, key)| Action::Replay { pick, target, key }),
        2 => which.clone().prop_map(Action::Reopen),
        1 => which.prop_map(Action::Drop),
        1 => (target, any::<bool>()).prop_map(|(target, paused)| Action::Pause { target, paused }),
    ]
}

/// A store with the ledger that it is held against.
struct Subject {
    runtime: tokio::runtime::Runtime,
    ledger: Ledger,
    /// `None` for the store in memory.
    disk: Option<OnDisk>,
    store: Arc<dyn Store>,
    memory: Memory,
}

static STEPS: AtomicU64 = AtomicU64::new(0);
static CRASHES: AtomicU64 = AtomicU64::new(0);
/// Crashes after which something that was written and not synced was gone.
static LOST: AtomicU64 = AtomicU64::new(0);

struct Machine<const DISK: bool>;

impl<const DISK: bool> StateMachineTest for Machine<DISK> {
    type SystemUnderTest = Subject;
    type Reference = Reference<DISK>;

    fn init_test(ledger: &Ledger) -> Subject {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let bounds = Bounds {
            max_size: 10 << 30,
            retention: Duration::from_millis(RETENTION.unsigned_abs()),
        };
        let disk = DISK.then(|| on_disk(bounds));
        let memory = Memory::new();
        let store: Arc<dyn Store> = match &disk {
            Some(disk) => Arc::new(disk.sqlite()),
            None => Arc::new(memory.clone()),
        };
        Subject { runtime, ledger: ledger.clone(), disk, store, memory }
    }

    fn apply(mut subject: Subject, reference: &Ledger, step: Step) -> Subject {
        STEPS.fetch_add(u64::from(DISK), Ordering::Relaxed);
        match step {
            Step::Act(action) => subject.act(&action),
            Step::Checkpoint { truncate } => subject.checkpoint(truncate),
            Step::Prune { days } => subject.prune(days),
            Step::Close => subject.close(),
            Step::Crash { actions, synced, part, tail } => {
                CRASHES.fetch_add(1, Ordering::Relaxed);
                subject.crash(&actions, synced, (part, tail));
            }
        }
        assert_eq!(subject.ledger, *reference, "both did the same");
        subject
    }

    fn check_invariants(subject: &Subject, ledger: &Ledger) {
        subject.runtime.block_on(holds(&*subject.store, ledger));
    }
}

/// A folder in memory if there is one: a crash here is made of bytes, so nothing depends on the disk's own syncing.
fn on_disk(bounds: Bounds) -> OnDisk {
    let folder = TempDir::new_in("/dev/shm").or_else(|_| TempDir::new()).unwrap();
    OnDisk { folder, bounds, ..OnDisk::default() }
}

impl Subject {
    fn act(&mut self, action: &Action) {
        let before = self.ledger.clone();
        let expected = self.ledger.apply(action);
        let said = self.runtime.block_on(run(&*self.store, &before, action));
        assert_eq!(said, expected, "{action:?}");
    }

    fn on_disk(&self) -> &OnDisk {
        self.disk.as_ref().expect("only a store on disk does this")
    }

    /// Opens again what the last store left, twice: the second time nothing may have changed.
    fn open_again(&mut self) {
        for _ in 0..2 {
            // The folder has one owner: the old one goes first.
            self.store = Arc::new(Memory::new());
            self.store = match &self.disk {
                Some(disk) => Arc::new(disk.sqlite()),
                None => Arc::new(self.memory.reopened()),
            };
            self.runtime.block_on(holds(&*self.store, &self.ledger));
        }
    }

    fn close(&mut self) {
        self.runtime.block_on(done(self.store.close()));
        self.open_again();
    }

    fn checkpoint(&self, truncate: bool) {
        let kind = if truncate { "TRUNCATE" } else { "PASSIVE" };
        let query = format!("PRAGMA wal_checkpoint({kind})");
        let busy = self.on_disk().raw().query_row(&query, [], |row| row.get::<_, i64>(0));
        assert_eq!(busy, Ok(0), "nobody is in the way");
    }

    fn prune(&mut self, days: i64) {
        self.ledger.grow_old(days);
        let disk = self.disk.as_mut().expect("only a store on disk forgets");
        disk.clock.set(at(self.ledger.now));
        disk.tuning.sweep_every = Duration::ZERO;
        self.store = Arc::new(Memory::new());
        self.store = Arc::new(disk.sqlite());
        let (store, ledger) = (Arc::clone(&self.store), &self.ledger);
        self.runtime.block_on(eventually("what is old is gone", || async {
            listing(&*store).await == ledger.listing() && counted(&*store).await == counts(ledger)
        }));
        drop(store);
        self.disk.as_mut().expect("as above").tuning.sweep_every = Tuning::default().sweep_every;
        self.open_again();
    }

    fn crash(&mut self, actions: &[Action], synced: usize, (part, tail): (u16, Tail)) {
        let path = self.on_disk().path();
        let before = Log::read(&path);
        let mut ends = vec![before.end()];
        let mut anew = false;
        let mut kept = self.ledger.clone();
        for (number, action) in (1..).zip(actions) {
            self.act(action);
            let log = Log::read(&path);
            if log.is_newer(&before) && !anew {
                anew = true;
                // It had been moved whole, and this action is the first that writes: all before it is in the database.
                assert!(ends.iter().all(|end| *end == before.end()));
                ends.fill(disk::HEADER as u64);
            }
            ends.push(log.end().max(*ends.last().expect("it has one")));
            if number == synced {
                kept = self.ledger.clone();
            }
        }
        let end = ends[synced];
        let log = Log::read(&path);
        let cut = log.cut_behind(end, part);
        let copy = on_disk(self.on_disk().bounds);
        copy.clock.set(self.on_disk().clock.now());
        crash(&path, &copy.path(), Some((cut, tail)));
        (kept.now, kept.numbers) = (self.ledger.now, self.ledger.numbers);
        LOST.fetch_add(u64::from(kept != self.ledger), Ordering::Relaxed);
        self.ledger = kept;
        self.store = Arc::new(Memory::new());
        self.disk = Some(copy);
        self.open_again();
    }
}

/// Does an action, and tells what was answered.
async fn run(store: &dyn Store, before: &Ledger, action: &Action) -> String {
    let now = before.now + 2;
    match action {
        Action::Append(all) => {
            let pending: Vec<_> = (before.numbers + 1..)
                .zip(all)
                .map(|(number, new)| store.append(append(number, now, new)))
                .collect();
            let mut said = String::new();
            for pending in pending {
                let fate = match done(pending).await.fate {
                    Fate::Stored(_) => "stored".to_owned(),
                    Fate::Duplicate { of } => format!("duplicate of {}", number(of)),
                    Fate::Revised { of } => format!("revised {}", number(of)),
                };
                said.extend([&fate, "; "]);
            }
            said
        }
        Action::Settle { pick, change } => {
            let Some(place) = before.picked(*pick) else { return "nothing".to_owned() };
            let (delivery, tried) = delivery_at(store, before, place).await;
            let change = match change {
                Change::Delivered => SettleChange::Delivered,
                Change::Again(after) => SettleChange::Again(at(now + after)),
                Change::Dead(reason) => SettleChange::Dead(*reason),
            };
            let attempt = Some(attempt(tried + 1, now, AttemptResult::Retry));
            let settle = Settle { delivery, attempt, change, now: at(now) };
            let settled = done(store.settle(settle)).await;
            (if settled.applied { "settled" } else { "too late" }).to_owned()
        }
        Action::Bury { target: name, back } => {
            let bury = Bury {
                target: target(TARGETS[*name]),
                reason: DeadReason::TargetRemoved,
                older_than: back.map(|back| at(now - back)),
                except: Vec::new(),
                now: at(now),
            };
            done(store.bury(bury)).await.to_string()
        }
        Action::Replay { .. } if before.events.is_empty() => "nothing".to_owned(),
        Action::Replay { pick, target: name, key } => {
            let event = &before.events[pick % before.events.len()];
            let replay = Replay {
                event: id(event.number, event.at),
                deliveries: vec![new_delivery(*name, *key)],
                revision: 2,
                now: at(now),
            };
            done(store.replay(replay)).await;
            "replayed".to_owned()
        }
        Action::Reopen(which) => {
            let selection = selection(store, before, *which).await;
            done(store.reopen(selection, at(now))).await.to_string()
        }
        Action::Drop(which) => {
            let selection = selection(store, before, *which).await;
            done(store.drop_dead(selection, at(now))).await.to_string()
        }
        Action::Pause { target: name, paused } => {
            done(store.set_paused(target(TARGETS[*name]), *paused)).await;
            String::new()
        }
    }
}

fn append(number: u16, now: i64, new: &New) -> Append {
    let state = match new.kind {
        Kind::Routed => EventState::Routed,
        Kind::Unrouted => EventState::Unrouted,
        Kind::Ignored => EventState::Ignored,
        Kind::Quarantined => EventState::Quarantined { reason: "odd".to_owned() },
    };
    let planned = new.deliveries.iter().flatten().filter(|_| new.kind == Kind::Routed);
    Append {
        envelope: Arc::new(envelope(number, now)),
        // Some take several pages.
        body: body_of(new.body),
        state,
        deliveries: planned.map(|(target, key)| new_delivery(*target, *key)).collect(),
        identity: new.identity.map(|key| Identity {
            key: IdentityKey::Id(format!("identity {key}")),
            window: Duration::from_millis(WINDOW.unsigned_abs()),
        }),
        ..event(number, now, &[])
    }
}

fn body_of(body: u8) -> Bytes {
    format!("{{\"body\":{body}}}").repeat(1 + usize::from(body) * 2_000).into()
}

fn new_delivery(name: usize, key: Option<u8>) -> NewDelivery {
    let order_key = key.map(|key| Arc::from(format!("key {key}")));
    NewDelivery { target: target(TARGETS[name]), order_key }
}

/// The number in an id that the model has made.
fn number(event: EventId) -> u16 {
    let bytes = event.as_bytes();
    u16::from_be_bytes([bytes[14], bytes[15]])
}

/// A delivery's id, and its attempts.
async fn delivery_at(
    store: &dyn Store,
    ledger: &Ledger,
    (at, delivery): (usize, usize),
) -> (DeliveryId, u32) {
    let event = &ledger.events[at];
    let (_, deliveries) = done(store.event(id(event.number, event.at))).await;
    let record = &deliveries[delivery].0;
    (record.id, record.attempts)
}

async fn selection(store: &dyn Store, ledger: &Ledger, which: Which) -> DeadSelection {
    match which {
        Which::All => DeadSelection::default(),
        Which::Target(name) => {
            DeadSelection { target: Some(target(TARGETS[name])), ..DeadSelection::default() }
        }
        Which::One(_) => {
            let mut ids = Vec::new();
            for place in ledger.dead(which) {
                ids.push(delivery_at(store, ledger, place).await.0);
            }
            if ids.is_empty() {
                // An empty list would select everything.
                ids.push(DeliveryId(i64::MAX));
            }
            DeadSelection { ids, ..DeadSelection::default() }
        }
    }
}

/// The store is what the ledger says: its lists, its counters, what is due, and every body.
async fn holds(store: &dyn Store, ledger: &Ledger) {
    assert_eq!(listing(store).await, ledger.listing());
    assert_eq!(counted(store).await, counts(ledger));
    for (at_target, name) in TARGETS.iter().enumerate() {
        let mut found = Vec::new();
        for ready in due(store, name).await {
            let (_, deliveries) = done(store.event(ready.event)).await;
            let place = deliveries.iter().position(|(delivery, _)| delivery.id == ready.id);
            let due = ready.due.millis() - at(0).millis();
            found.push((due, number(ready.event), place.expect("it is its event's")));
        }
        assert_eq!(found, ledger.ready(at_target), "due for {name}");
    }
    for event in &ledger.events {
        let kept = done(store.body(id(event.number, event.at))).await;
        assert_eq!(kept.body, body_of(event.body));
    }
}

/// What the store counts.
async fn counted(store: &dyn Store) -> String {
    let told = stats(store).await;
    let mut text = format!("{} events, {} quarantined", told.events, told.quarantined);
    for name in TARGETS {
        let counts = told.targets.iter().find(|(told, _)| told.as_str() == name);
        let counts = counts.map(|(_, counts)| counts.clone()).unwrap_or_default();
        let oldest = counts.oldest_pending.map(|oldest| oldest.millis() - at(0).millis());
        let line = (counts.pending, counts.dead, oldest, counts.paused);
        write!(text, "; {name} {line:?}").unwrap();
    }
    text
}

/// What it should count.
fn counts(ledger: &Ledger) -> String {
    let is_quarantined =
        |event: &&ledger::Event| event.state == ledger::State::Plain(Kind::Quarantined);
    let quarantined = ledger.events.iter().filter(is_quarantined).count();
    let mut text = format!("{} events, {quarantined} quarantined", ledger.events.len());
    for (at, name) in TARGETS.iter().enumerate() {
        let (pending, dead, oldest) = ledger.counts(at);
        write!(text, "; {name} {:?}", (pending, dead, oldest, ledger.paused[at])).unwrap();
    }
    text
}

/// What the store lists, as [`Ledger::listing`] writes it.
async fn listing(store: &dyn Store) -> String {
    let mut text = String::new();
    let since = |moment: Timestamp| moment.millis() - at(0).millis();
    for (event, deliveries) in all_events(store).await.into_iter().rev() {
        let state = match event.state {
            EventState::Revised { of } => format!("revised of {}", number(of)),
            state => state.as_str().to_owned(),
        };
        let shown = deliveries.iter().map(|delivery| {
            let fate = match delivery.state {
                DeliveryState::Pending { due } => format!("due {}", since(due)),
                DeliveryState::Delivered { at } => format!("delivered {}", since(at)),
                DeliveryState::Dead { reason, at } => format!("{reason} {}", since(at)),
            };
            let key = delivery.order_key.as_ref();
            let key = key.map(|key| key.trim_start_matches("key ").parse::<u8>().unwrap());
            format!(
                "{} {key:?} {fate} tries {} age {} {}",
                delivery.target,
                delivery.attempts,
                since(delivery.age_from),
                delivery.replay
            )
        });
        let shown: Vec<_> = shown.collect();
        let body = (0..3).find(|body| body_of(*body).len() as u64 == event.body_len);
        writeln!(
            text,
            "{} at {} {state} body {} repeated {} [{}]",
            number(event.envelope.id),
            since(event.envelope.received_at),
            body.expect("a body of the model"),
            event.duplicates,
            shown.join(", ")
        )
        .unwrap();
    }
    text
}

fn hold<const DISK: bool>(cases: u32, steps: usize) {
    let full = std::env::var_os("HOOKSWITCH_FULL").is_some();
    let cases = if full { cases * 60 } else { cases };
    let config = ProptestConfig {
        cases,
        failure_persistence: None,
        max_shrink_iters: 2_000,
        ..ProptestConfig::default()
    };
    let strategy = Reference::<DISK>::sequential_strategy(1..steps);
    let outcome = TestRunner::new(config.clone()).run(&strategy, |(state, steps, seen)| {
        Machine::<DISK>::test_sequential(config.clone(), state, steps, seen);
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn the_store_on_disk_is_what_the_reference_says_crashes_included() {
    hold::<true>(20, 25);
    let [steps, crashes, lost] =
        [&STEPS, &CRASHES, &LOST].map(|count| count.load(Ordering::Relaxed));
    assert!(lost > 0, "crashes took something");
    println!(
        "measured: {steps} steps of the store's model, {crashes} crashes, of which {lost} took what was not synced"
    );
}

#[test]
fn the_store_in_memory_is_what_the_reference_says() {
    hold::<false>(40, 40);
}
