//! The book beside the store in memory: offers, reads, outcomes and reopenings arrive late and in any order.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use futures_util::FutureExt;
use proptest::prelude::*;
use tokio::time::Instant;

use super::super::book::{Book, Ended, Waiting};
use super::*;
use crate::delivery::{DeadReason, DeliveryId};
use crate::store::memory::Memory;
use crate::store::{Change, DeadSelection, Fate, Pending, Ready, Settle, Settled, Store};

const TARGET: &str = "crm";
const KEYS: [Option<&str>; 4] = [None, Some("a"), Some("b"), None];

#[derive(Debug, Clone, Copy)]
enum Action {
    /// An event arrives; the offer comes at once, later, or had no room.
    Arrive {
        key: usize,
        offer: Offering,
    },
    Offer,
    Claim,
    ClaimLeastTried,
    GiveBack,
    /// An attempt ends; what the store says comes later.
    Finish {
        end: Finish,
    },
    Settled,
    BeginRefill,
    EndRefill,
    FailRefill,
    Reopen,
    Capacity {
        waiting: usize,
    },
    Pass {
        millis: u32,
    },
    Bury {
        older_by: u32,
    },
    Buried,
}

#[derive(Debug, Clone, Copy)]
enum Offering {
    Now,
    Later,
    Missed,
}

#[derive(Debug, Clone, Copy)]
enum Finish {
    Delivered,
    Dead,
    Again { millis: u32 },
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let offering = prop_oneof![Just(Offering::Now), Just(Offering::Later), Just(Offering::Missed)];
    let finish = prop_oneof![
        2 => Just(Finish::Delivered),
        1 => Just(Finish::Dead),
        2 => (0_u32..5000).prop_map(|millis| Finish::Again { millis }),
    ];
    let action = prop_oneof![
        6 => (0..KEYS.len(), offering).prop_map(|(key, offer)| Action::Arrive { key, offer }),
        3 => Just(Action::Offer),
        5 => Just(Action::Claim),
        1 => Just(Action::ClaimLeastTried),
        1 => Just(Action::GiveBack),
        5 => finish.prop_map(|end| Action::Finish { end }),
        5 => Just(Action::Settled),
        3 => Just(Action::BeginRefill),
        3 => Just(Action::EndRefill),
        1 => Just(Action::FailRefill),
        1 => Just(Action::Reopen),
        1 => (1_usize..6).prop_map(|waiting| Action::Capacity { waiting }),
        3 => (0_u32..3000).prop_map(|millis| Action::Pass { millis }),
        1 => (0_u32..4000).prop_map(|older_by| Action::Bury { older_by }),
        1 => Just(Action::Buried),
    ];
    proptest::collection::vec(action, 1..150)
}

struct World {
    store: Memory,
    book: Book,
    start: Instant,
    passed: Duration,
    events: u64,
    offers: Vec<Ready>,
    in_flight: Vec<Waiting>,
    outcomes: Vec<(DeliveryId, Option<Ready>, Settled)>,
    read: Option<Vec<Ready>>,
    /// Everything claimed and not settled, with its key.
    held: HashMap<DeliveryId, Option<Arc<str>>>,
    /// What the store knows to be due when.
    due: HashMap<DeliveryId, Timestamp>,
    alive: HashSet<DeliveryId>,
    buried: bool,
}

fn now<T>(pending: Pending<T>) -> T {
    pending.now_or_never().expect("the store in memory answers at once").expect("and well")
}

impl World {
    fn new() -> Self {
        Self {
            store: Memory::new(),
            book: Book::new(3, true),
            start: Instant::now(),
            passed: Duration::from_mins(1),
            events: 0,
            offers: Vec::new(),
            in_flight: Vec::new(),
            outcomes: Vec::new(),
            read: None,
            held: HashMap::new(),
            due: HashMap::new(),
            alive: HashSet::new(),
            buried: false,
        }
    }

    fn wall(&self) -> Timestamp {
        Timestamp::from_millis(0).plus(self.passed)
    }

    fn waiting(&self, ready: Ready) -> Waiting {
        let due = self.start + ready.due.since(Timestamp::from_millis(0));
        Waiting { ready, fresh: None, due }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Arrive { key, offer } => self.arrive(KEYS[key], offer),
            Action::Offer => {
                if let Some(ready) = self.offers.pop() {
                    let waiting = self.waiting(ready);
                    self.book.offer(waiting);
                }
            }
            Action::Claim => {
                let claimed = self.book.claim_first(self.start + self.passed);
                self.claimed(claimed);
            }
            Action::ClaimLeastTried => {
                let claimed = self.book.claim_least_tried(self.start + self.passed);
                self.claimed(claimed);
            }
            Action::GiveBack => {
                if let Some(unused) = self.in_flight.pop() {
                    self.held.remove(&unused.ready.id);
                    self.book.give_back(unused);
                }
            }
            Action::Finish { end } => self.finish(end),
            Action::Settled => self.settled(),
            Action::BeginRefill => self.begin_refill(),
            Action::EndRefill => {
                if let Some(rows) = self.read.take() {
                    let rows = rows.into_iter().map(|row| self.waiting(row)).collect();
                    self.book.end_refill(rows);
                }
            }
            Action::FailRefill => {
                if self.read.take().is_some() {
                    self.book.fail_refill();
                }
            }
            Action::Reopen => {
                let before = now(self.store.stats());
                now(self.store.reopen(DeadSelection::default(), self.wall()));
                if before.targets.iter().any(|(_, counts)| counts.dead > 0) {
                    self.recount();
                    self.book.refresh();
                }
            }
            Action::Capacity { waiting } => self.book.set_capacity(waiting),
            Action::Pass { millis } => self.passed += Duration::from_millis(millis.into()),
            Action::Bury { older_by } => self.bury(older_by),
            Action::Buried => self.end_burial(),
        }
    }

    fn arrive(&mut self, key: Option<&str>, offer: Offering) {
        self.events += 1;
        let appended = now(self.store.append(append(self.events, self.wall(), &[(TARGET, key)])));
        self.recount();
        let Fate::Stored(ready) = appended.fate else { panic!("nothing repeats here") };
        for ready in ready {
            match offer {
                Offering::Now => {
                    let waiting = self.waiting(ready);
                    self.book.offer(waiting);
                }
                Offering::Later => self.offers.push(ready),
                Offering::Missed => self.book.missed((ready.due, ready.id)),
            }
        }
    }

    /// What the store has as pending, with when it is due.
    fn recount(&mut self) {
        let filter = crate::store::EventFilter::default();
        let page = crate::store::Page { limit: 1000, after: None };
        self.alive.clear();
        for (_, deliveries) in now(self.store.events(filter, page)).events {
            for delivery in deliveries {
                if let crate::store::DeliveryState::Pending { due } = delivery.state {
                    self.due.insert(delivery.id, due);
                    self.alive.insert(delivery.id);
                }
            }
        }
    }

    fn claimed(&mut self, claimed: Option<Waiting>) {
        let Some(claimed) = claimed else { return };
        let (id, key) = (claimed.ready.id, claimed.ready.order_key.clone());
        assert!(self.alive.contains(&id), "{id} is claimed and not pending");
        assert!(self.due[&id] <= self.wall(), "{id} is claimed before it is due");
        let same_key = |held: &Option<Arc<str>>| key.is_some() && *held == key;
        assert!(!self.held.values().any(same_key), "two of one key are under way");
        assert!(self.held.insert(id, key).is_none(), "{id} is claimed twice");
        self.in_flight.push(claimed);
    }

    fn finish(&mut self, end: Finish) {
        if self.in_flight.is_empty() {
            return;
        }
        let flight = self.in_flight.remove(0);
        let mut again = None;
        let change = match end {
            Finish::Delivered => Change::Delivered,
            Finish::Dead => {
                self.book.dies(flight.ready.id);
                Change::Dead(DeadReason::Rejected)
            }
            Finish::Again { millis } => {
                let due = self.wall().plus(Duration::from_millis(millis.into()));
                let attempts = flight.ready.attempts + 1;
                again = Some(Ready { due, attempts, ..flight.ready.clone() });
                Change::Again(due)
            }
        };
        let id = flight.ready.id;
        let settle = Settle { delivery: id, attempt: None, change, now: self.wall() };
        let settled = now(self.store.settle(settle));
        assert!(settled.applied, "what is in hand is not buried");
        self.recount();
        self.outcomes.push((id, again, settled));
    }

    fn settled(&mut self) {
        if self.outcomes.is_empty() {
            return;
        }
        let (id, again, settled) = self.outcomes.remove(0);
        self.held.remove(&id);
        let ended = match again {
            Some(again) => Ended::Again(self.waiting(again)),
            None => Ended::Done(settled.next.map(|next| self.waiting(next))),
        };
        self.book.settled(id, ended);
    }

    fn begin_refill(&mut self) {
        if self.read.is_none() && self.book.wants_refill() {
            let limit = self.book.begin_refill();
            self.read = Some(now(self.store.due(&target_name(TARGET), None, limit)));
        }
    }

    fn bury(&mut self, older_by: u32) {
        if self.book.is_burying() {
            return;
        }
        let cutoff = self.wall().minus(Duration::from_millis(older_by.into()));
        self.book.begin_burial(cutoff, self.wall());
        now(self.store.bury(crate::store::Bury {
            target: target_name(TARGET),
            reason: DeadReason::Expired,
            older_than: Some(cutoff),
            except: self.book.in_hand(),
            now: self.wall(),
        }));
        self.buried = true;
        self.recount();
    }

    fn end_burial(&mut self) {
        if std::mem::take(&mut self.buried) {
            self.book.end_burial();
        }
    }

    /// Everything that is under way arrives, and every attempt succeeds: nothing may be left behind.
    fn come_to_rest(&mut self) {
        for round in 0.. {
            assert!(round < 1000, "it does not come to rest: {:?}", self.book);
            self.passed += Duration::from_secs(10);
            self.end_burial();
            while !self.offers.is_empty() {
                self.act(Action::Offer);
            }
            self.act(Action::EndRefill);
            self.begin_refill();
            self.act(Action::EndRefill);
            let claimed = self.book.claim_first(self.start + self.passed);
            self.claimed(claimed);
            self.finish(Finish::Delivered);
            self.settled();
            let quiet = self.in_flight.is_empty() && self.outcomes.is_empty();
            if quiet && self.book.nothing_pending() {
                break;
            }
        }
        self.recount();
        assert!(self.alive.is_empty(), "left behind: {:?} in {:?}", self.alive, self.book);
        assert!(self.book.hands_empty());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 250, ..ProptestConfig::default() })]
    #[test]
    fn nothing_goes_twice_or_early_or_gets_lost(actions in actions()) {
        let mut world = World::new();
        for action in actions {
            world.act(action);
        }
        world.come_to_rest();
    }
}
