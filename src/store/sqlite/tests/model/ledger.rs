//! The reference: what a store should hold, as a list of events with the state of each delivery, and every action on it
//! written down as plainly as possible. It shares no code with any store.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::delivery::DeadReason;

pub(super) const TARGETS: [&str; 2] = ["crm", "slack"];
/// How long a repeat is one, in milliseconds.
pub(super) const WINDOW: i64 = 60;
/// How long history is kept, in milliseconds: seven days.
pub(super) const RETENTION: i64 = 7 * DAY;
/// How long dead letters and quarantined events are kept.
const DEAD_RETENTION: i64 = 30 * DAY;
pub(super) const DAY: i64 = 86_400_000;

/// A new event.
#[derive(Debug, Clone, Copy)]
pub(super) struct New {
    pub(super) kind: Kind,
    /// What it is told from others by.
    pub(super) identity: Option<u8>,
    pub(super) body: u8,
    /// Which deliveries it has, if it is routed: targets and order keys.
    pub(super) deliveries: [Option<(usize, Option<u8>)>; 2],
}

/// What the plan came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Routed,
    Unrouted,
    Ignored,
    Quarantined,
}

/// One action. What is picked is picked by a number, of which the remainder counts.
#[derive(Debug, Clone)]
pub(super) enum Action {
    /// Appended at once, so that they may share a transaction.
    Append(Vec<New>),
    Settle {
        pick: usize,
        change: Change,
    },
    Bury {
        target: usize,
        back: Option<i64>,
    },
    Replay {
        pick: usize,
        target: usize,
        key: Option<u8>,
    },
    Reopen(Which),
    Drop(Which),
    Pause {
        target: usize,
        paused: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Delivered,
    Again(i64),
    Dead(DeadReason),
}

/// Which dead letters.
#[derive(Debug, Clone, Copy)]
pub(super) enum Which {
    All,
    Target(usize),
    One(usize),
}

/// Everything that a store should hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Ledger {
    pub(super) now: i64,
    /// Numbers that were given to events, kept or not.
    pub(super) numbers: u16,
    pub(super) events: Vec<Event>,
    pub(super) paused: [bool; 2],
    /// The events of one identity in its window: the first, then the revised ones.
    seen: BTreeMap<u8, Vec<u16>>,
    next_delivery: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) number: u16,
    pub(super) at: i64,
    pub(super) body: u8,
    pub(super) state: State,
    duplicates: u64,
    pub(super) deliveries: Vec<Delivery>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Plain(Kind),
    Revised(u16),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Delivery {
    /// Grows with arrival, replays included.
    place: u64,
    pub(super) target: usize,
    key: Option<u8>,
    pub(super) fate: Fate,
    /// When it is due, or ended.
    moment: i64,
    age_from: i64,
    attempts: u32,
    replay: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Pending,
    Delivered,
    /// Listed as a dead letter.
    Dead(DeadReason),
    /// A dead letter that is history.
    Forgotten(DeadReason),
}

impl Ledger {
    /// Does an action, and returns what a store must answer.
    pub(super) fn apply(&mut self, action: &Action) -> String {
        self.now += 2;
        let now = self.now;
        match action {
            Action::Append(all) => {
                all.iter().fold(String::new(), |said, new| said + &self.append(new) + "; ")
            }
            Action::Settle { pick, change } => self.settle(*pick, *change),
            Action::Bury { target, back } => {
                let old = |age: i64| back.is_none_or(|back| age <= now - back);
                self.change(now, |delivery| {
                    let bury = delivery.fate == Fate::Pending
                        && delivery.target == *target
                        && old(delivery.age_from);
                    bury.then_some(Fate::Dead(DeadReason::TargetRemoved))
                })
            }
            Action::Replay { pick, target, key } => {
                let Some(event) = self.events.len().checked_sub(1).map(|last| pick % (last + 1))
                else {
                    return "nothing".to_owned();
                };
                self.add(event, [Some((*target, *key)), None], true);
                "replayed".to_owned()
            }
            Action::Reopen(which) => {
                let chosen = self.dead(*which);
                let count = chosen.len();
                for (event, delivery) in chosen {
                    let delivery = &mut self.events[event].deliveries[delivery];
                    (delivery.fate, delivery.moment, delivery.age_from) = (Fate::Pending, now, now);
                }
                format!("{count}")
            }
            Action::Drop(which) => {
                let chosen = self.dead(*which);
                let count = chosen.len();
                for (event, delivery) in chosen {
                    let delivery = &mut self.events[event].deliveries[delivery];
                    (delivery.fate, delivery.moment) = (Fate::Forgotten(DeadReason::Dropped), now);
                }
                format!("{count}")
            }
            Action::Pause { target, paused } => {
                self.paused[*target] = *paused;
                String::new()
            }
        }
    }

    /// Which event and which of its deliveries a settle is for.
    pub(super) fn picked(&self, pick: usize) -> Option<(usize, usize)> {
        let all: Vec<_> = self.places().collect();
        // Mostly one that is pending: those stand first.
        let (pending, ended): (Vec<_>, Vec<_>) = all.into_iter().partition(|&(event, delivery)| {
            self.events[event].deliveries[delivery].fate == Fate::Pending
        });
        let all = if pick.is_multiple_of(8) || pending.is_empty() { ended } else { pending };
        all.get(pick.checked_rem(all.len())?).copied()
    }

    fn places(&self) -> impl Iterator<Item = (usize, usize)> {
        let events = self.events.iter().enumerate();
        events.flat_map(|(at, event)| (0..event.deliveries.len()).map(move |one| (at, one)))
    }

    /// The dead letters that are chosen.
    pub(super) fn dead(&self, which: Which) -> Vec<(usize, usize)> {
        let is_dead = |&(event, delivery): &(usize, usize)| {
            let delivery: &Delivery = &self.events[event].deliveries[delivery];
            matches!(delivery.fate, Fate::Dead(_))
                && !matches!(which, Which::Target(target) if target != delivery.target)
        };
        let dead: Vec<_> = self.places().filter(is_dead).collect();
        match which {
            Which::One(pick) => {
                dead.get(pick.checked_rem(dead.len()).unwrap_or(0)).copied().into_iter().collect()
            }
            Which::All | Which::Target(_) => dead,
        }
    }

    fn append(&mut self, new: &New) -> String {
        self.numbers += 1;
        let number = self.numbers;
        let first = new
            .identity
            .and_then(|key| self.seen.get(&key))
            .and_then(|seen| self.event(*seen.first()?))
            .filter(|first| self.now <= first.at + WINDOW)
            .map(|first| first.number);
        let mut state = State::Plain(new.kind);
        if let (Some(key), Some(first)) = (new.identity, first) {
            let same = self.seen[&key]
                .iter()
                .copied()
                .find(|number| self.event(*number).is_some_and(|event| event.body == new.body));
            if let Some(same) = same {
                let event = self.events.iter_mut().find(|event| event.number == same);
                event.expect("it was just found").duplicates += 1;
                return format!("duplicate of {same}");
            }
            state = State::Revised(first);
        }
        self.events.push(Event {
            number,
            at: self.now,
            body: new.body,
            state,
            duplicates: 0,
            deliveries: Vec::new(),
        });
        match (state, new.identity) {
            (State::Revised(_), Some(key)) => self.seen.entry(key).or_default().push(number),
            (State::Plain(Kind::Routed | Kind::Ignored), Some(key)) => {
                self.seen.insert(key, vec![number]);
            }
            _ => {}
        }
        if let State::Revised(of) = state {
            return format!("revised {of}");
        }
        if new.kind == Kind::Routed {
            self.add(self.events.len() - 1, new.deliveries, false);
        }
        "stored".to_owned()
    }

    fn add(&mut self, event: usize, deliveries: [Option<(usize, Option<u8>)>; 2], replay: bool) {
        for (target, key) in deliveries.into_iter().flatten() {
            self.next_delivery += 1;
            self.events[event].deliveries.push(Delivery {
                place: self.next_delivery,
                target,
                key,
                fate: Fate::Pending,
                moment: self.now,
                age_from: self.now,
                attempts: 0,
                replay,
            });
        }
    }

    fn settle(&mut self, pick: usize, change: Change) -> String {
        let now = self.now;
        let Some((event, delivery)) = self.picked(pick) else { return "nothing".to_owned() };
        let delivery = &mut self.events[event].deliveries[delivery];
        delivery.attempts += 1;
        if delivery.fate != Fate::Pending {
            return "too late".to_owned();
        }
        (delivery.fate, delivery.moment) = match change {
            Change::Delivered => (Fate::Delivered, now),
            Change::Again(after) => (Fate::Pending, now + after),
            Change::Dead(DeadReason::Dropped) => (Fate::Forgotten(DeadReason::Dropped), now),
            Change::Dead(reason) => (Fate::Dead(reason), now),
        };
        "settled".to_owned()
    }

    fn change(&mut self, now: i64, fate: impl Fn(&Delivery) -> Option<Fate>) -> String {
        let mut count = 0;
        for delivery in self.events.iter_mut().flat_map(|event| &mut event.deliveries) {
            if let Some(fate) = fate(delivery) {
                (delivery.fate, delivery.moment) = (fate, now);
                count += 1;
            }
        }
        format!("{count}")
    }

    fn event(&self, number: u16) -> Option<&Event> {
        self.events.iter().find(|event| event.number == number)
    }

    /// Time passes, and what is too old is forgotten.
    pub(super) fn grow_old(&mut self, days: i64) {
        self.now += days * DAY;
        let now = self.now;
        for delivery in self.events.iter_mut().flat_map(|event| &mut event.deliveries) {
            if let Fate::Dead(reason) = delivery.fate
                && delivery.moment < now - DEAD_RETENTION
            {
                delivery.fate = Fate::Forgotten(reason);
            }
        }
        self.events.retain(|event| {
            let kept = match event.state {
                State::Plain(Kind::Quarantined) => DEAD_RETENTION,
                _ => RETENTION,
            };
            let history = |delivery: &Delivery| {
                matches!(delivery.fate, Fate::Delivered | Fate::Forgotten(_))
                    && delivery.moment < now - RETENTION
            };
            !(event.at < now - kept && event.deliveries.iter().all(history))
        });
    }

    /// The deliveries that may go out to a target: when, and which.
    pub(super) fn ready(&self, target: usize) -> Vec<(i64, u16, usize)> {
        let mine = |&(event, delivery): &(usize, usize)| {
            let delivery: &Delivery = &self.events[event].deliveries[delivery];
            delivery.target == target && delivery.fate == Fate::Pending
        };
        let pending: Vec<_> = self.places().filter(mine).collect();
        let of = |(event, delivery): (usize, usize)| &self.events[event].deliveries[delivery];
        let mut ready: Vec<_> = pending
            .iter()
            .copied()
            .filter(|&place| {
                let own = of(place);
                own.key.is_none()
                    || pending
                        .iter()
                        .all(|&other| of(other).key != own.key || of(other).place >= own.place)
            })
            .collect();
        ready.sort_by_key(|&place| (of(place).moment, of(place).place));
        ready
            .into_iter()
            .map(|place| (of(place).moment, self.events[place.0].number, place.1))
            .collect()
    }

    /// Pending, dead and the oldest age of a target.
    pub(super) fn counts(&self, target: usize) -> (u64, u64, Option<i64>) {
        let mine = self
            .events
            .iter()
            .flat_map(|event| &event.deliveries)
            .filter(|delivery| delivery.target == target);
        let (mut pending, mut dead, mut oldest) = (0, 0, None::<i64>);
        for delivery in mine {
            match delivery.fate {
                Fate::Pending => {
                    pending += 1;
                    oldest =
                        Some(oldest.map_or(delivery.age_from, |old| old.min(delivery.age_from)));
                }
                Fate::Dead(_) => dead += 1,
                Fate::Delivered | Fate::Forgotten(_) => {}
            }
        }
        (pending, dead, oldest)
    }

    /// Everything as text, one line for each event.
    pub(super) fn listing(&self) -> String {
        let mut text = String::new();
        for event in &self.events {
            let state = match event.state {
                State::Plain(Kind::Routed) => "routed".to_owned(),
                State::Plain(Kind::Unrouted) => "unrouted".to_owned(),
                State::Plain(Kind::Ignored) => "ignored".to_owned(),
                State::Plain(Kind::Quarantined) => "quarantined".to_owned(),
                State::Revised(of) => format!("revised of {of}"),
            };
            let deliveries: Vec<_> = event.deliveries.iter().map(Delivery::shown).collect();
            writeln!(
                text,
                "{} at {} {state} body {} repeated {} [{}]",
                event.number,
                event.at,
                event.body,
                event.duplicates,
                deliveries.join(", ")
            )
            .expect("a String takes it");
        }
        text
    }
}

impl Delivery {
    fn shown(&self) -> String {
        let fate = match self.fate {
            Fate::Pending => format!("due {}", self.moment),
            Fate::Delivered => format!("delivered {}", self.moment),
            Fate::Dead(reason) | Fate::Forgotten(reason) => format!("{reason} {}", self.moment),
        };
        let Self { target, key, attempts, age_from, replay, .. } = self;
        format!("{} {key:?} {fate} tries {attempts} age {age_from} {replay}", TARGETS[*target])
    }
}
