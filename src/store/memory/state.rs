//! What the store in memory holds, and every change to it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;

use crate::clock::Timestamp;
use crate::delivery::{DeadReason, DeliveryId};
use crate::event::{Envelope, EventId};
use crate::name::{ContentHash, Revision, RuleName, TargetName};

use super::super::{
    Append, Appended, Attempt, Body, Bounds, Bury, Change, DeadSelection, DeliveryState,
    EventState, Fate, Identity, IdentityKey, NewDelivery, Promise, Ready, Receipt, Replay, Settle,
    Settled, StoreError,
};

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) events: BTreeMap<u64, Stored>,
    pub(super) places: HashMap<EventId, u64>,
    pub(super) deliveries: BTreeMap<DeliveryId, Held>,
    pub(super) queues: BTreeMap<TargetName, Queue>,
    pub(super) revisions: Vec<(Revision, Arc<str>, Timestamp)>,
    pub(super) watchers: Vec<Promise<String>>,
    pub(super) bounds: Option<Bounds>,
    pub(super) refuse: Option<StoreError>,
    pub(super) poison: Option<String>,
    pub(super) damaged: HashSet<EventId>,
    pub(super) bytes: u64,
    /// The events of one identity in one window: the first, then the revised ones.
    seen: HashMap<String, Vec<u64>>,
    next_event: u64,
    next_delivery: i64,
}

#[derive(Debug)]
pub(super) struct Stored {
    pub(super) envelope: Arc<Envelope>,
    pub(super) body: Bytes,
    pub(super) state: EventState,
    pub(super) rules: Vec<RuleName>,
    pub(super) shadow: Vec<RuleName>,
    pub(super) revision: u64,
    pub(super) duplicates: u64,
    pub(super) edited_from: Option<EventId>,
    pub(super) deliveries: Vec<DeliveryId>,
}

#[derive(Debug)]
pub(super) struct Held {
    pub(super) event: u64,
    pub(super) ready: Ready,
    pub(super) state: DeliveryState,
    pub(super) created_at: Timestamp,
    pub(super) revision: u64,
    pub(super) tried: Vec<Attempt>,
}

/// One target's deliveries.
#[derive(Debug, Default)]
pub(super) struct Queue {
    pub(super) paused: bool,
    /// All that are pending, by age.
    pub(super) pending: BTreeSet<(Timestamp, DeliveryId)>,
    /// Those that are listed as dead.
    pub(super) dead: BTreeSet<DeliveryId>,
    /// Those that may go out: unordered ones and the first of each key.
    ready: BTreeSet<(Timestamp, DeliveryId)>,
    ordered: HashMap<Arc<str>, BTreeSet<DeliveryId>>,
}

impl State {
    pub(super) fn is_full(&self) -> bool {
        self.bounds.is_some_and(|bounds| self.bytes >= bounds.max_size)
    }

    pub(super) fn append(&mut self, event: Append) -> Result<Appended, StoreError> {
        if let Some(error) = &self.refuse {
            return Err(error.clone());
        }
        if self.is_full() {
            return Err(StoreError::Full("store.max_size is reached".to_owned()));
        }
        let key = event.identity.as_ref().map(|identity| key_text(&identity.key));
        let of = match (&key, &event.identity) {
            (Some(key), Some(identity)) => match self.repeat(key, identity, &event) {
                Some(Fate::Duplicate { of }) => {
                    return Ok(Appended { receipt: Receipt::new(), fate: Fate::Duplicate { of } });
                }
                Some(Fate::Revised { of }) => Some(of),
                _ => None,
            },
            _ => None,
        };
        let (state, planned) = match of {
            Some(of) => (EventState::Revised { of }, Vec::new()),
            None => (event.state, event.deliveries),
        };
        let place = self.next_event;
        self.next_event += 1;
        self.remember(key, place, &state);
        self.bytes += event.body.len() as u64;
        self.places.insert(event.envelope.id, place);
        let at = event.envelope.received_at;
        self.events.insert(
            place,
            Stored {
                envelope: event.envelope,
                body: event.body,
                state,
                rules: event.rules,
                shadow: event.shadow,
                revision: event.revision,
                duplicates: 0,
                edited_from: event.edited_from,
                deliveries: Vec::new(),
            },
        );
        let asked_for = event.edited_from.is_some();
        let ready = self.add_deliveries(place, planned, at, (event.revision, asked_for));
        let fate = of.map_or(Fate::Stored(ready), |of| Fate::Revised { of });
        Ok(Appended { receipt: Receipt::new(), fate })
    }

    /// What an earlier event makes of this one.
    fn repeat(&mut self, key: &str, identity: &Identity, event: &Append) -> Option<Fate> {
        let known = self.seen.get(key)?;
        let first = self.events.get(known.first()?)?;
        if event.envelope.received_at > first.envelope.received_at.plus(identity.window) {
            return None;
        }
        let of = first.envelope.id;
        let same = |place: &&u64| {
            self.events.get(*place).is_some_and(|earlier| earlier.body == event.body)
        };
        let Some(same) = known.iter().find(same) else { return Some(Fate::Revised { of }) };
        let earlier = self.events.get_mut(same)?;
        earlier.duplicates += 1;
        Some(Fate::Duplicate { of: earlier.envelope.id })
    }

    fn remember(&mut self, key: Option<String>, place: u64, state: &EventState) {
        let Some(key) = key else { return };
        match state {
            EventState::Routed | EventState::Ignored => {
                self.seen.insert(key, vec![place]);
            }
            EventState::Revised { .. } => self.seen.entry(key).or_default().push(place),
            EventState::Unrouted | EventState::Quarantined { .. } => {}
        }
    }

    fn add_deliveries(
        &mut self,
        place: u64,
        planned: Vec<NewDelivery>,
        now: Timestamp,
        (revision, replay): (u64, bool),
    ) -> Vec<Ready> {
        let Some(stored) = self.events.get_mut(&place) else { return Vec::new() };
        let event = stored.envelope.id;
        let mut out = Vec::new();
        for new in planned {
            self.next_delivery += 1;
            let id = DeliveryId(self.next_delivery);
            stored.deliveries.push(id);
            let ready = Ready {
                id,
                event,
                target: new.target,
                due: now,
                attempts: 0,
                age_from: now,
                order_key: new.order_key,
                replay,
            };
            let queue = self.queues.entry(ready.target.clone()).or_default();
            if queue.enter(&ready).0 {
                out.push(ready.clone());
            }
            let state = DeliveryState::Pending { due: now };
            let held =
                Held { event: place, ready, state, created_at: now, revision, tried: Vec::new() };
            self.deliveries.insert(id, held);
        }
        out
    }

    pub(super) fn settle(&mut self, settle: Settle) -> Settled {
        let nothing = Settled { applied: false, next: None };
        let Some(held) = self.deliveries.get_mut(&settle.delivery) else { return nothing };
        if let Some(mut attempt) = settle.attempt {
            let last = held.tried.last().map_or(0, |last| last.number);
            attempt.number = attempt.number.max(last + 1);
            held.ready.attempts = held.ready.attempts.max(attempt.number);
            held.tried.push(attempt);
        }
        if !matches!(held.state, DeliveryState::Pending { .. }) {
            return nothing;
        }
        let now = settle.now;
        let next = match settle.change {
            Change::Delivered => self.end(settle.delivery, DeliveryState::Delivered { at: now }),
            Change::Dead(reason) => {
                self.end(settle.delivery, DeliveryState::Dead { reason, at: now })
            }
            Change::Again(due) => {
                if let Some(queue) = self.queues.get_mut(&held.ready.target)
                    && queue.ready.remove(&(held.ready.due, held.ready.id))
                {
                    queue.ready.insert((due, held.ready.id));
                }
                held.ready.due = due;
                held.state = DeliveryState::Pending { due };
                None
            }
        };
        Settled { applied: true, next }
    }

    /// Ends a pending delivery, and finds the next of its key if this one held it back.
    fn end(&mut self, id: DeliveryId, state: DeliveryState) -> Option<Ready> {
        let held = self.deliveries.get_mut(&id)?;
        held.state = state;
        let ready = held.ready.clone();
        let queue = self.queues.get_mut(&ready.target)?;
        if matches!(state, DeliveryState::Dead { reason, .. } if reason != DeadReason::Dropped) {
            queue.dead.insert(id);
        }
        let next = queue.leave(&ready)?;
        let next = self.deliveries.get(&next)?.ready.clone();
        let queue = self.queues.get_mut(&ready.target)?;
        queue.ready.insert((next.due, next.id));
        Some(next)
    }

    pub(super) fn replay(&mut self, replay: &Replay) -> Result<Vec<Ready>, StoreError> {
        let place = *self.places.get(&replay.event).ok_or(StoreError::NotFound)?;
        let planned = replay.deliveries.clone();
        Ok(self.add_deliveries(place, planned, replay.now, (replay.revision, true)))
    }

    pub(super) fn reopen(&mut self, selection: &DeadSelection, now: Timestamp) -> u64 {
        let chosen = self.dead(selection);
        for id in &chosen {
            let Some(held) = self.deliveries.get_mut(id) else { continue };
            held.state = DeliveryState::Pending { due: now };
            held.ready.due = now;
            held.ready.age_from = now;
            let ready = held.ready.clone();
            let Some(queue) = self.queues.get_mut(&ready.target) else { continue };
            queue.dead.remove(id);
            let (_, behind) = queue.enter(&ready);
            let due = behind.and_then(|id| self.deliveries.get(&id)).map(|held| held.ready.due);
            if let (Some(due), Some(id)) = (due, behind) {
                queue.ready.remove(&(due, id));
            }
        }
        chosen.len() as u64
    }

    pub(super) fn drop_dead(&mut self, selection: &DeadSelection, now: Timestamp) -> u64 {
        let chosen = self.dead(selection);
        for id in &chosen {
            let Some(held) = self.deliveries.get_mut(id) else { continue };
            held.state = DeliveryState::Dead { reason: DeadReason::Dropped, at: now };
            if let Some(queue) = self.queues.get_mut(&held.ready.target) {
                queue.dead.remove(id);
            }
        }
        chosen.len() as u64
    }

    pub(super) fn bury(&mut self, bury: &Bury) -> u64 {
        let Some(queue) = self.queues.get(&bury.target) else { return 0 };
        let old = |age: Timestamp| bury.older_than.is_none_or(|limit| age <= limit);
        let waiting = queue.pending.iter();
        let chosen = waiting.filter(|(age, id)| old(*age) && !bury.except.contains(id));
        let chosen: Vec<DeliveryId> = chosen.map(|(_, id)| *id).collect();
        for id in &chosen {
            self.end(*id, DeliveryState::Dead { reason: bury.reason, at: bury.now });
        }
        chosen.len() as u64
    }

    pub(super) fn add_revision(
        &mut self,
        text: Arc<str>,
        hash: ContentHash,
        now: Timestamp,
    ) -> Revision {
        if let Some((latest, known, _)) = self.revisions.last()
            && *known == text
        {
            return *latest;
        }
        let number = self.revisions.last().map_or(1, |(latest, ..)| latest.number + 1);
        let revision = Revision { number, hash };
        self.revisions.push((revision, text, now));
        revision
    }

    pub(super) fn due(
        &self,
        target: &TargetName,
        after: Option<(Timestamp, DeliveryId)>,
        limit: usize,
    ) -> Vec<Ready> {
        let Some(queue) = self.queues.get(target) else { return Vec::new() };
        let lowest = (Timestamp::from_millis(i64::MIN), DeliveryId(i64::MIN));
        let behind = queue.ready.range(after.unwrap_or(lowest)..);
        let behind = behind.filter(|place| Some(**place) != after).take(limit);
        behind
            .filter_map(|(_, id)| self.deliveries.get(id))
            .map(|held| held.ready.clone())
            .collect()
    }

    pub(super) fn body(&self, id: EventId) -> Result<Body, StoreError> {
        let stored = self.places.get(&id).and_then(|place| self.events.get(place));
        let stored = stored.ok_or(StoreError::NotFound)?;
        if self.damaged.contains(&id) {
            return Err(StoreError::Damaged(id));
        }
        Ok(Body {
            envelope: Arc::clone(&stored.envelope),
            rules: stored.rules.clone(),
            shadow: stored.shadow.clone(),
            state: stored.state.clone(),
            revision: stored.revision,
            edited_from: stored.edited_from,
            body: stored.body.clone(),
        })
    }
}

impl Queue {
    /// A delivery becomes pending. Returns whether it may go out, and which one is behind it now that was first before.
    fn enter(&mut self, new: &Ready) -> (bool, Option<DeliveryId>) {
        self.pending.insert((new.age_from, new.id));
        let mut behind = None;
        if let Some(key) = &new.order_key {
            let line = self.ordered.entry(Arc::clone(key)).or_default();
            let first = line.first().copied();
            line.insert(new.id);
            if first.is_some_and(|first| first < new.id) {
                return (false, None);
            }
            behind = first;
        }
        self.ready.insert((new.due, new.id));
        (true, behind)
    }

    /// A delivery is no longer pending. Returns the one that it held back, if it was the first of its key.
    fn leave(&mut self, old: &Ready) -> Option<DeliveryId> {
        self.pending.remove(&(old.age_from, old.id));
        let was_ready = self.ready.remove(&(old.due, old.id));
        let key = old.order_key.as_ref()?;
        let line = self.ordered.get_mut(key)?;
        line.remove(&old.id);
        let next = line.first().copied();
        if next.is_none() {
            self.ordered.remove(key);
        }
        next.filter(|_| was_ready)
    }
}

fn key_text(key: &IdentityKey) -> String {
    match key {
        IdentityKey::Id(text) => format!("id {text}"),
        IdentityKey::Body { digest } => format!("body {digest:?}"),
    }
}
