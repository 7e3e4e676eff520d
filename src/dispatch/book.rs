//! What a worker holds of its target's deliveries: a window of those that wait, and those in hand.
//!
//! The store has every pending delivery; the book has the nearest of them. Two things are always true, whatever is offered,
//! evicted or read back, and in whatever order:
//!
//! * A delivery is in the book once or not at all, so it cannot be claimed twice: it waits, is in flight, or its outcome is
//!   queued and not yet committed. What the store says of one that is in the book is older than what the book knows.
//! * A pending delivery that could go out and is not in the book lies at or behind the *horizon*, a place in the store's
//!   order; no horizon means there is none. Where that may be untrue, `refresh` is set and the store is read again.
//!
//! The store hands out only the first of each order key; the book makes sure that two of one key never go out together
//! when a reopened dead letter steps in front of one that is under way.

use std::collections::HashMap;
use std::collections::btree_map::{BTreeMap, Entry};
use std::sync::Arc;

use tokio::time::Instant;

use crate::clock::Timestamp;
use crate::delivery::DeliveryId;
use crate::event::EventId;
use crate::store::Ready;

use super::lane::Fresh;

/// A place in the store's order of deliveries.
pub(super) type Place = (Timestamp, DeliveryId);

/// A delivery that waits for its turn.
#[derive(Debug)]
pub(super) struct Waiting {
    /// What the store says of it.
    pub(super) ready: Ready,
    /// Its event, if that came along; else it is read when the turn comes.
    pub(super) fresh: Option<Fresh>,
    /// When it is due, on the clock that does not jump.
    pub(super) due: Instant,
}

impl Waiting {
    fn place(&self) -> Place {
        (self.ready.due, self.ready.id)
    }
}

/// What follows for a delivery whose outcome was committed.
#[derive(Debug)]
pub(super) enum Ended {
    /// It waits again.
    Again(Waiting),
    /// It ended, and let this one of its key go.
    Done(Option<Waiting>),
    /// The store knew better: it had ended before. What is next is for the store to say.
    Unknown,
}

/// The book of one target.
#[derive(Debug)]
pub(super) struct Book {
    capacity: usize,
    waiting: BTreeMap<(Instant, DeliveryId), Waiting>,
    /// Where in `waiting` each of them is.
    due_of: HashMap<DeliveryId, Instant>,
    /// Claimed and not yet settled.
    in_hand: HashMap<DeliveryId, InHand>,
    /// Which delivery of the book has an order key; at most one.
    owners: HashMap<Arc<str>, DeliveryId>,
    /// What the store says is first of a key whose owner is in hand.
    parked: HashMap<Arc<str>, Waiting>,
    horizon: Option<Place>,
    refresh: bool,
    refill: Option<Refill>,
    /// The newest delivery that was ever read back. Ids grow in the order of commits, so whatever is not newer was there to
    /// be read: an offer of it comes too late, and may be of a delivery that is long delivered.
    seen: Option<DeliveryId>,
    /// While older ones are being buried, nothing of that age is taken in.
    burying: Option<Timestamp>,
    /// The latest age that was ever buried: what was said of such a one may be from before, and has to be looked up.
    buried: Option<Timestamp>,
}

/// One that was claimed.
#[derive(Debug)]
struct InHand {
    order_key: Option<Arc<str>>,
    /// It is to be a dead letter, which a person may reopen before word of that comes back.
    dying: bool,
    /// The store was read while it was dying, and had it as pending.
    doubted: bool,
}

/// A read of the store under way.
#[derive(Debug, Default)]
struct Refill {
    limit: usize,
    /// Settled since it began: what it says of them is old, unless they died and were reopened.
    settled: HashMap<DeliveryId, bool>,
    /// The nearest that was turned away since it began.
    missed: Option<Place>,
    /// It began before a burial, so it is worth nothing.
    void: bool,
}

impl Book {
    /// Empty. With `refresh` it does not know yet what the store has.
    pub(super) fn new(capacity: usize, refresh: bool) -> Self {
        Self {
            capacity,
            waiting: BTreeMap::new(),
            due_of: HashMap::new(),
            in_hand: HashMap::new(),
            owners: HashMap::new(),
            parked: HashMap::new(),
            horizon: None,
            refresh,
            refill: None,
            seen: None,
            burying: None,
            buried: None,
        }
    }

    /// Another bound on what may wait here.
    pub(super) fn set_capacity(&mut self, capacity: usize) {
        self.capacity = capacity;
        self.trim();
    }

    /// Takes in a delivery that was just committed, unless a read of the store was faster.
    pub(super) fn offer(&mut self, new: Waiting) {
        if self.may_be_buried(&new) {
            self.refresh = true;
            return;
        }
        if self.seen.is_none_or(|seen| new.ready.id > seen) {
            return self.admit(new);
        }
        // It may wait here without its event, which saves a read.
        if let Some(due) = self.due_of.get(&new.ready.id)
            && let Some(waiting) = self.waiting.get_mut(&(*due, new.ready.id))
            && waiting.fresh.is_none()
        {
            waiting.fresh = new.fresh;
        }
    }

    /// Takes in a delivery that the store says may go out, if it is new and nearer than the horizon.
    fn admit(&mut self, new: Waiting) {
        let place = new.place();
        if self.holds(new.ready.id) {
            return;
        }
        if self.is_being_buried(&new) {
            self.refresh = true;
        } else if self.horizon.is_some_and(|horizon| place >= horizon) {
            self.missed(place);
        } else {
            self.take_in(new);
            self.trim();
        }
    }

    /// A delivery at `place` was turned away before it came here: it is in the store only.
    pub(super) fn missed(&mut self, place: Place) {
        self.refresh |= self.horizon.is_none_or(|horizon| place < horizon);
        if let Some(refill) = &mut self.refill {
            refill.missed = Some(refill.missed.map_or(place, |nearest| nearest.min(place)));
        }
    }

    /// The store may have anything.
    pub(super) fn refresh(&mut self) {
        self.refresh = true;
    }

    /// When the nearest one is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.waiting.first_key_value().map(|((due, _), _)| *due)
    }

    /// Claims the one that has been due for longest at `now`.
    pub(super) fn claim_first(&mut self, now: Instant) -> Option<Waiting> {
        let (key, _) = self.waiting.first_key_value().filter(|((due, _), _)| *due <= now)?;
        let key = *key;
        self.claim(key)
    }

    /// Claims, of those due at `now`, the one that was tried least, so that one that always fails does not take every
    /// probe.
    pub(super) fn claim_least_tried(&mut self, now: Instant) -> Option<Waiting> {
        let due = self.waiting.range(..=(now, DeliveryId(i64::MAX)));
        let (key, _) = due.min_by_key(|(key, waiting)| (waiting.ready.attempts, **key))?;
        let key = *key;
        self.claim(key)
    }

    /// Of the nearest `most` that are due at `now`, those whose event has to be read.
    pub(super) fn without_event(&self, most: usize, now: Instant) -> Vec<(DeliveryId, EventId)> {
        let due = self.waiting.iter().take(most).take_while(|((due, _), _)| *due <= now);
        let bare = due.filter(|(_, waiting)| waiting.fresh.is_none());
        bare.map(|((_, id), waiting)| (*id, waiting.ready.event)).collect()
    }

    /// The event of a delivery was read; if it still waits without it, it has it now.
    pub(super) fn bring(&mut self, to: DeliveryId, fresh: Fresh) {
        let place = self.due_of.get(&to).map(|due| (*due, to));
        if let Some(waiting) = place.and_then(|place| self.waiting.get_mut(&place)) {
            waiting.fresh.get_or_insert(fresh);
        }
    }

    fn claim(&mut self, key: (Instant, DeliveryId)) -> Option<Waiting> {
        let claimed = self.waiting.remove(&key)?;
        self.due_of.remove(&key.1);
        let order_key = claimed.ready.order_key.clone();
        self.in_hand.insert(key.1, InHand { order_key, dying: false, doubted: false });
        Some(claimed)
    }

    /// A claimed one was not tried after all.
    pub(super) fn give_back(&mut self, unused: Waiting) {
        let key = self.in_hand.remove(&unused.ready.id).and_then(|claimed| claimed.order_key);
        let parked = key.and_then(|key| self.parked.remove(&key));
        self.take_in(unused);
        if let Some(parked) = parked {
            self.take_in(parked);
        }
        self.trim();
    }

    /// The store is told that a claimed one is a dead letter.
    pub(super) fn dies(&mut self, id: DeliveryId) {
        if let Some(claimed) = self.in_hand.get_mut(&id) {
            claimed.dying = true;
        }
    }

    /// The outcome of a claimed one was committed.
    pub(super) fn settled(&mut self, id: DeliveryId, ended: Ended) {
        let Some(InHand { order_key, dying, doubted }) = self.in_hand.remove(&id) else { return };
        self.refresh |= doubted;
        if let Some(refill) = &mut self.refill {
            refill.settled.insert(id, dying);
        }
        let parked = order_key.and_then(|key| {
            self.owners.remove(&key);
            self.parked.remove(&key)
        });
        let other = match ended {
            Ended::Again(again) => Some(again),
            // The store let it go before it buried it.
            Ended::Done(Some(next)) if self.may_be_buried(&next) => {
                self.refresh = true;
                None
            }
            Ended::Done(next) => next,
            Ended::Unknown => {
                self.refresh = true;
                None
            }
        };
        // If there are two of one key here, the earlier one gets it. The other one is not the first in the store, either,
        // and is handed over when the first ends.
        for candidate in [parked, other].into_iter().flatten() {
            self.admit(candidate);
        }
    }

    /// Those claimed and not yet settled.
    pub(super) fn in_hand(&self) -> Vec<DeliveryId> {
        self.in_hand.keys().copied().collect()
    }

    /// Whether nothing is claimed.
    pub(super) fn hands_empty(&self) -> bool {
        self.in_hand.is_empty()
    }

    /// Whether nothing waits here.
    pub(super) fn nothing_waits(&self) -> bool {
        self.waiting.is_empty() && self.parked.is_empty()
    }

    /// Whether it is certain that the target has nothing pending but what is in hand.
    pub(super) fn nothing_pending(&self) -> bool {
        self.nothing_waits()
            && self.horizon.is_none()
            && !self.refresh
            && self.refill.is_none()
            && self.burying.is_none()
    }

    /// Whether the store should be read: the window runs low and the store may have more, or nobody knows.
    pub(super) fn wants_refill(&self) -> bool {
        let low = self.waiting.len() <= self.capacity / 4;
        let more = self.refresh || (self.horizon.is_some() && low);
        more && self.refill.is_none() && self.burying.is_none()
    }

    /// A read of the store begins; it is to ask for so many.
    pub(super) fn begin_refill(&mut self) -> usize {
        self.refresh = false;
        // Those in hand may be among what is read, and must not crowd out the rest.
        let limit = self.capacity.saturating_add(self.in_hand.len()).max(1);
        self.refill = Some(Refill { limit, ..Refill::default() });
        limit
    }

    /// The read failed; it has to be made again.
    pub(super) fn fail_refill(&mut self) {
        self.refill = None;
        self.refresh = true;
    }

    /// The read ended with these, nearest first.
    pub(super) fn end_refill(&mut self, rows: Vec<Waiting>) {
        let Some(refill) = self.refill.take() else { return };
        if refill.void {
            self.refresh = true;
            return;
        }
        // Behind the last row there may be more, unless there were fewer than asked for.
        let last = rows.last().map(Waiting::place).filter(|_| rows.len() >= refill.limit);
        let read_to = last.map(|(due, id)| (due, DeliveryId(id.0.saturating_add(1))));
        self.horizon = nearer(read_to, refill.missed);
        self.seen = self.seen.max(rows.iter().map(|row| row.ready.id).max());
        for row in rows {
            let id = row.ready.id;
            // Read before it died, or after it was reopened? Another look tells, but not before word of its death is here:
            // until then it would show the same, and there would be no end of looking.
            if let Some(died) = refill.settled.get(&id) {
                self.refresh |= died;
            } else if let Some(claimed) = self.in_hand.get_mut(&id) {
                claimed.doubted |= claimed.dying;
            } else if !self.holds(id) {
                self.take_in(row);
            }
        }
        self.trim();
    }

    /// Those whose age began at or before `cutoff` are about to be buried in the store: those that wait here go.
    pub(super) fn begin_burial(&mut self, cutoff: Timestamp, now: Timestamp) {
        self.burying = Some(cutoff);
        self.buried = self.buried.max(Some(cutoff.min(now)));
        if let Some(refill) = &mut self.refill {
            refill.void = true;
        }
        let old: Vec<_> = self
            .waiting
            .iter()
            .filter(|(_, waiting)| waiting.ready.age_from <= cutoff)
            .map(|(key, _)| *key)
            .collect();
        for key in old {
            self.remove(key);
        }
        self.parked.retain(|_, parked| parked.ready.age_from > cutoff);
        self.refresh = true;
    }

    /// The burial is over.
    pub(super) fn end_burial(&mut self) {
        self.burying = None;
    }

    /// Whether a burial is under way.
    pub(super) fn is_burying(&self) -> bool {
        self.burying.is_some()
    }

    fn may_be_buried(&self, new: &Waiting) -> bool {
        self.buried.is_some_and(|buried| new.ready.age_from <= buried)
    }

    fn is_being_buried(&self, new: &Waiting) -> bool {
        self.burying.is_some_and(|cutoff| new.ready.age_from <= cutoff)
    }

    fn holds(&self, id: DeliveryId) -> bool {
        self.due_of.contains_key(&id) || self.in_hand.contains_key(&id)
    }

    /// Puts one that is not in the book where it belongs, by its order key.
    fn take_in(&mut self, new: Waiting) {
        let id = new.ready.id;
        if let Some(key) = new.ready.order_key.clone() {
            match self.owners.get(&key).copied() {
                Some(owner) if owner == id => {}
                None => drop(self.owners.insert(key, id)),
                Some(owner) if self.in_hand.contains_key(&owner) => {
                    let earlier = self.parked.get(&key).is_some_and(|parked| parked.ready.id <= id);
                    if !earlier {
                        self.parked.insert(key, new);
                    }
                    return;
                }
                // Only the first of a key can go out, and the one that waits here was first before this one was reopened.
                Some(owner) if id < owner => {
                    if let Some(due) = self.due_of.get(&owner).copied() {
                        self.remove((due, owner));
                    }
                    self.owners.insert(key, id);
                }
                Some(_) => return,
            }
        }
        self.due_of.insert(id, new.due);
        if let Entry::Vacant(free) = self.waiting.entry((new.due, id)) {
            free.insert(new);
        }
    }

    fn remove(&mut self, key: (Instant, DeliveryId)) -> Option<Waiting> {
        let removed = self.waiting.remove(&key)?;
        self.due_of.remove(&key.1);
        if let Some(key) = &removed.ready.order_key {
            self.owners.remove(key);
        }
        Some(removed)
    }

    /// Lets the farthest go until no more wait than may; the store has them.
    fn trim(&mut self) {
        while self.waiting.len() > self.capacity {
            let Some((key, _)) = self.waiting.last_key_value() else { return };
            let key = *key;
            let Some(evicted) = self.remove(key) else { return };
            let place = evicted.place();
            self.horizon = nearer(self.horizon, Some(place));
            if let Some(refill) = &mut self.refill {
                refill.missed = nearer(refill.missed, Some(place));
            }
        }
    }
}

/// The nearer of two places, either of which may not be.
fn nearer(one: Option<Place>, other: Option<Place>) -> Option<Place> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
