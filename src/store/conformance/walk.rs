//! Long random walks: what a store counts is what it lists after every step, and two stores give the same answers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;

use crate::clock::Timestamp;
use crate::delivery::{DeadReason, DeliveryId};
use crate::event::EventId;

use super::super::{
    AttemptResult, Bury, Change, Counts, DeadSelection, DeliveryState, EventState, Fate,
    NewDelivery, Page, Replay, Settle, Store,
};
use super::{
    Subject, all_events, at, attempt, done, due, event, everything_dead, fate, id, known, stats,
    target,
};

const TARGETS: [&str; 3] = ["crm", "slack", "log"];

/// A small generator of pseudo-random numbers (splitmix64): the same seed makes the same walk everywhere.
#[derive(Debug)]
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below.max(1)
    }

    fn pick<T: Clone>(&mut self, of: &[T]) -> Option<T> {
        of.get(usize::try_from(self.roll(of.len() as u64)).ok()?).cloned()
    }

    fn reason(&mut self) -> DeadReason {
        self.pick(&DeadReason::ALL).unwrap_or(DeadReason::Gone)
    }
}

/// One walk over a store.
#[derive(Debug)]
struct Walk {
    dice: Dice,
    /// Events so far; each arrives two milliseconds after the one before.
    number: u16,
    now: i64,
    events: Vec<EventId>,
    deliveries: Vec<DeliveryId>,
}

impl Walk {
    fn new(seed: u64) -> Self {
        Self { dice: Dice(seed), number: 0, now: 0, events: Vec::new(), deliveries: Vec::new() }
    }

    /// Does one thing, and tells what was answered.
    async fn step(&mut self, store: &dyn Store) -> String {
        self.now += 2;
        match self.dice.roll(20) {
            0..8 => self.append(store).await,
            8..14 => self.settle(store).await,
            14 => self.replay(store).await,
            15 => {
                let selection = self.selection();
                format!("reopened {}", done(store.reopen(selection, at(self.now))).await)
            }
            16 => {
                let selection = self.selection();
                format!("dropped {}", done(store.drop_dead(selection, at(self.now))).await)
            }
            17 => self.bury(store).await,
            18 => {
                let (name, paused) = (self.target(), self.dice.roll(2) == 0);
                done(store.set_paused(target(name), paused)).await;
                format!("paused {name} {paused}")
            }
            _ => {
                let text: Arc<str> = format!("text {}", self.dice.roll(3)).into();
                let revision = done(store.add_revision(text, super::hash(1), at(self.now))).await;
                format!("revision {revision}")
            }
        }
    }

    fn target(&mut self) -> &'static str {
        self.dice.pick(&TARGETS).unwrap_or("crm")
    }

    fn delivery(&mut self) -> NewDelivery {
        let order_key = match self.dice.roll(4) {
            0 | 1 => None,
            key => Some(Arc::from(format!("key {key}"))),
        };
        NewDelivery { target: target(self.target()), order_key }
    }

    fn selection(&mut self) -> DeadSelection {
        let mut selection = DeadSelection::default();
        match self.dice.roll(5) {
            0 => {}
            1 => selection.target = Some(target(self.target())),
            2 => selection.reason = Some(self.dice.reason()),
            3 => selection.event = self.dice.pick(&self.events),
            _ => {
                for _ in 0..4 {
                    selection.ids.extend(self.dice.pick(&self.deliveries));
                }
            }
        }
        selection
    }

    async fn append(&mut self, store: &dyn Store) -> String {
        self.number += 1;
        let mut new = event(self.number, self.now, &[]);
        for _ in 0..self.dice.roll(4) {
            new.deliveries.push(self.delivery());
        }
        if new.deliveries.is_empty() {
            let reason = "odd".to_owned();
            let states =
                [EventState::Unrouted, EventState::Ignored, EventState::Quarantined { reason }];
            new.state = self.dice.pick(&states).unwrap_or(EventState::Unrouted);
        }
        new.body = Bytes::from(format!("{{\"body\":{}}}", self.dice.roll(3)));
        let key = self.dice.roll(12);
        if key < 8 {
            let mut new_known = known(&format!("identity {key}"), new);
            if let Some(identity) = &mut new_known.identity {
                identity.window = std::time::Duration::from_millis(60);
            }
            new = new_known;
        }
        let id = new.envelope.id;
        let fate = fate(store, new).await;
        if !matches!(fate, Fate::Duplicate { .. }) {
            self.events.push(id);
        }
        let (_, deliveries) = match fate {
            Fate::Stored(_) => done(store.event(id)).await,
            _ => return format!("{fate:?}"),
        };
        self.deliveries.extend(deliveries.iter().map(|(delivery, _)| delivery.id));
        format!("{fate:?}")
    }

    async fn settle(&mut self, store: &dyn Store) -> String {
        // Mostly what is due, sometimes anything at all.
        let name = self.target();
        let ready = due(store, name).await;
        let ids: Vec<_> = ready.iter().map(|ready| ready.id).collect();
        let from = if self.dice.roll(8) == 0 { &self.deliveries } else { &ids };
        let Some(delivery) = self.dice.pick(from) else { return "nothing is due".to_owned() };
        let number = ready.iter().find(|ready| ready.id == delivery).map_or(1, |r| r.attempts + 1);
        let change = match self.dice.roll(4) {
            0 => Change::Again(at(self.now + i64::try_from(self.dice.roll(500)).unwrap_or(0))),
            1 => Change::Dead(self.dice.reason()),
            _ => Change::Delivered,
        };
        let tried = self.dice.roll(6) != 0;
        let attempt = tried.then(|| attempt(number, self.now - 1, AttemptResult::Retry));
        let settle = Settle { delivery, attempt, change, now: at(self.now) };
        format!("{delivery} {change:?}: {:?}", done(store.settle(settle)).await)
    }

    async fn replay(&mut self, store: &dyn Store) -> String {
        let Some(event) = self.dice.pick(&self.events) else { return "no event".to_owned() };
        let deliveries = vec![self.delivery(), self.delivery()];
        let replay = Replay { event, deliveries, revision: 2, now: at(self.now) };
        format!("replayed {:?}", done(store.replay(replay)).await)
    }

    async fn bury(&mut self, store: &dyn Store) -> String {
        let back = i64::try_from(self.dice.roll(200)).unwrap_or(0);
        let bury = Bury {
            target: target(self.target()),
            reason: self.dice.reason(),
            older_than: (self.dice.roll(3) != 0).then(|| at(self.now - back)),
            except: self.dice.pick(&self.deliveries).into_iter().collect(),
            now: at(self.now),
        };
        format!("buried {}", done(store.bury(bury)).await)
    }
}

/// Everything that is counted, and everything that is due, counted again from the listing.
async fn recount(store: &dyn Store) {
    let mut counts: BTreeMap<String, Counts> = BTreeMap::new();
    let mut heads: BTreeMap<(String, Arc<str>), (DeliveryId, Timestamp)> = BTreeMap::new();
    let mut ready: BTreeMap<String, BTreeSet<(Timestamp, DeliveryId)>> = BTreeMap::new();
    let events = all_events(store).await;
    let deliveries = events.iter().flat_map(|(_, deliveries)| deliveries);
    for delivery in deliveries {
        let name = delivery.target.as_str().to_owned();
        let counted = counts.entry(name.clone()).or_default();
        match delivery.state {
            DeliveryState::Pending { due } => {
                counted.pending += 1;
                let age = delivery.age_from;
                counted.oldest_pending =
                    Some(counted.oldest_pending.map_or(age, |oldest| oldest.min(age)));
                let Some(key) = delivery.order_key.clone() else {
                    ready.entry(name).or_default().insert((due, delivery.id));
                    continue;
                };
                let head = heads.entry((name, key)).or_insert((delivery.id, due));
                if delivery.id < head.0 {
                    *head = (delivery.id, due);
                }
            }
            DeliveryState::Dead { reason, .. } if reason != DeadReason::Dropped => {
                counted.dead += 1;
            }
            _ => {}
        }
    }
    for ((name, _), (id, due)) in heads {
        ready.entry(name).or_default().insert((due, id));
    }
    let told = stats(store).await;
    let quarantined = events
        .iter()
        .filter(|(event, _)| matches!(event.state, EventState::Quarantined { .. }))
        .count();
    assert_eq!((told.events, told.quarantined), (events.len() as u64, quarantined as u64));
    for name in TARGETS {
        let mut expected = counts.remove(name).unwrap_or_default();
        let told = told.targets.iter().find(|(told, _)| told.as_str() == name);
        let told = told.map(|(_, counts)| counts.clone()).unwrap_or_default();
        expected.paused = told.paused;
        assert_eq!(told, expected, "{name}");
        let found: Vec<_> = due(store, name).await.iter().map(|r| (r.due, r.id)).collect();
        let expected: Vec<_> = ready.remove(name).unwrap_or_default().into_iter().collect();
        assert_eq!(found, expected, "what is due for {name}");
    }
    let (selection, page) = everything_dead();
    let dead = done(store.dead_letters(selection, page)).await.len() as u64;
    assert_eq!(dead, told.targets.iter().map(|(_, counts)| counts.dead).sum::<u64>());
}

/// Counters and lists never part, restarts included.
pub async fn counts_are_right_after_every_step<S: Subject>(subject: &mut S) {
    let mut walk = Walk::new(7);
    let mut store = subject.open();
    for step in 0..400 {
        if step % 50 == 49 {
            drop(store);
            store = subject.open();
        }
        walk.step(&*store).await;
        recount(&*store).await;
    }
    assert!(walk.deliveries.len() > 100, "the walk went somewhere");
}

/// Both give the same answer at every one of `steps`, and list the same in the end.
pub async fn two_stores_agree<A: Subject, B: Subject>(
    a: &mut A,
    b: &mut B,
    (seed, steps): (u64, u32),
) {
    let (mut walk_a, mut walk_b) = (Walk::new(seed), Walk::new(seed));
    let (store_a, mut store_b) = (a.open(), b.open());
    for step in 0..steps {
        if step % 97 == 96 {
            drop(store_b);
            store_b = b.open();
        }
        let (told_a, told_b) = (walk_a.step(&*store_a).await, walk_b.step(&*store_b).await);
        assert_eq!(told_a, told_b, "step {step} of the walk with seed {seed}");
        for name in TARGETS {
            let (due_a, due_b) = (due(&*store_a, name).await, due(&*store_b, name).await);
            assert_eq!(due_a, due_b, "due for {name} after step {step}, seed {seed}");
        }
    }
    for event in &walk_a.events {
        let (event_a, event_b) =
            (done(store_a.event(*event)).await, done(store_b.event(*event)).await);
        assert_eq!(event_a, event_b, "seed {seed}");
    }
    let (selection, _) = everything_dead();
    let page = || Page { limit: 1000, after: None };
    let dead_a = done(store_a.dead_letters(selection.clone(), page())).await;
    assert_eq!(dead_a, done(store_b.dead_letters(selection, page())).await, "seed {seed}");
    let never = id(u16::MAX, 0);
    assert!(!walk_a.events.contains(&never), "the walk stays within its numbers");
}
