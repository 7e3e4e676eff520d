//! A store in memory, for tests and benches: the same semantics as the real one, none of its promises. What it
//! acknowledges is gone with the process.
//!
//! It can be told to fail, so that whoever stands before a store can be tested: [`Memory::refuse`], [`Memory::poison`],
//! [`Memory::damage`]. There is no retention: it forgets nothing.

mod list;
mod state;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::clock::Timestamp;
use crate::delivery::DeliveryId;
use crate::event::EventId;
use crate::name::{ContentHash, Revision, TargetName};

use super::{
    Append, Appended, Arrivals, Body, Bounds, Bury, DeadLetter, DeadSelection, DeliveryRecord,
    EventFilter, EventPage, EventRecord, Health, Page, Pending, Ready, Replay, Settle, Settled,
    Stats, Store, StoreError, Stretch, Tried,
};
use state::State;

/// The store. Cheap to clone; clones share what is stored.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    state: Arc<Mutex<State>>,
    closed: Arc<AtomicBool>,
}

impl Memory {
    /// Empty, and without a bound on its size.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same contents, open again: what a restart is to a store on disk.
    #[must_use]
    pub fn reopened(&self) -> Self {
        Self { state: Arc::clone(&self.state), closed: Arc::default() }
    }

    /// Every append from now on fails with `error`; with none, they succeed again.
    pub fn refuse(&self, error: Option<StoreError>) {
        self.lock().refuse = error;
    }

    /// It is done for: every operation fails from now on.
    pub fn poison(&self, reason: &str) {
        let mut state = self.lock();
        state.poison = Some(reason.to_owned());
        for promise in state.watchers.drain(..) {
            promise.answer(Ok(reason.to_owned()));
        }
    }

    /// The body of this event no longer matches its checksum.
    pub fn damage(&self, event: EventId) {
        self.lock().damaged.insert(event);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing here panics half-way through a change, and a test that did panic has its own message.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> Result<T, StoreError>) -> Pending<T> {
        if self.closed.load(Ordering::SeqCst) {
            return Pending::ready(Err(StoreError::Closed));
        }
        let mut state = self.lock();
        let result = match &state.poison {
            Some(reason) => Err(StoreError::Poisoned(reason.clone())),
            None => work(&mut state),
        };
        Pending::ready(result)
    }
}

impl Store for Memory {
    fn append(&self, event: Append) -> Pending<Appended> {
        self.with(|state| state.append(event))
    }

    fn settle(&self, settle: Settle) -> Pending<Settled> {
        self.with(|state| Ok(state.settle(settle)))
    }

    fn replay(&self, replay: Replay) -> Pending<Vec<Ready>> {
        self.with(|state| state.replay(&replay))
    }

    fn reopen(&self, selection: DeadSelection, now: Timestamp) -> Pending<u64> {
        self.with(|state| Ok(state.reopen(&selection, now)))
    }

    fn drop_dead(&self, selection: DeadSelection, now: Timestamp) -> Pending<u64> {
        self.with(|state| Ok(state.drop_dead(&selection, now)))
    }

    fn bury(&self, bury: Bury) -> Pending<u64> {
        self.with(|state| Ok(state.bury(&bury)))
    }

    fn set_paused(&self, target: TargetName, paused: bool) -> Pending<()> {
        self.with(|state| {
            state.queues.entry(target).or_default().paused = paused;
            Ok(())
        })
    }

    fn add_revision(&self, text: Arc<str>, hash: ContentHash, now: Timestamp) -> Pending<Revision> {
        self.with(|state| Ok(state.add_revision(text, hash, now)))
    }

    fn due(
        &self,
        target: &TargetName,
        after: Option<(Timestamp, DeliveryId)>,
        limit: usize,
    ) -> Pending<Vec<Ready>> {
        self.with(|state| Ok(state.due(target, after, limit)))
    }

    fn body(&self, event: EventId) -> Pending<Body> {
        self.with(|state| state.body(event))
    }

    fn bodies(&self, events: Vec<EventId>, most: usize) -> Pending<Vec<(EventId, Body)>> {
        self.with(|state| {
            let bodies = events.into_iter().filter_map(|id| Some((id, state.body(id).ok()?)));
            let mut bytes = 0;
            Ok(bodies
                .take_while(|(_, body)| {
                    bytes += body.body.len();
                    bytes <= most
                })
                .collect())
        })
    }

    fn stats(&self) -> Pending<Stats> {
        self.with(|state| Ok(state.stats()))
    }

    fn events(&self, filter: EventFilter, page: Page) -> Pending<EventPage> {
        self.with(|state| state.events(&filter, &page))
    }

    fn arrivals(&self, filter: EventFilter, from: u64, limit: usize) -> Pending<Arrivals> {
        self.with(|state| state.arrivals(&filter, from, limit))
    }

    fn listed(&self, ids: Vec<EventId>) -> Pending<Vec<(EventRecord, Vec<DeliveryRecord>)>> {
        self.with(|state| Ok(state.listed(&ids)))
    }

    fn stretch(
        &self,
        filter: EventFilter,
        from: u64,
        limit: usize,
        most: usize,
    ) -> Pending<Stretch> {
        self.with(|state| state.stretch(&filter, from, (limit, most)))
    }

    fn event(&self, id: EventId) -> Pending<(EventRecord, Tried)> {
        self.with(|state| state.event(id))
    }

    fn dead_letters(&self, selection: DeadSelection, page: Page) -> Pending<Vec<DeadLetter>> {
        self.with(|state| state.dead_letters(&selection, &page))
    }

    fn revision(&self, number: u64) -> Pending<(Revision, Arc<str>, Timestamp)> {
        self.with(|state| {
            let found = state.revisions.iter().find(|(revision, ..)| revision.number == number);
            found.cloned().ok_or(StoreError::NotFound)
        })
    }

    fn revisions(&self, limit: usize) -> Pending<Vec<(Revision, Timestamp)>> {
        self.with(|state| {
            let newest = state.revisions.iter().rev().take(limit);
            Ok(newest.map(|(revision, _, since)| (*revision, *since)).collect())
        })
    }

    fn health(&self) -> Health {
        let state = self.lock();
        if state.poison.is_some() {
            Health::Poisoned
        } else if matches!(state.refuse, Some(StoreError::Full(_))) || state.is_full() {
            Health::Full
        } else {
            Health::Writable
        }
    }

    fn poisoned(&self) -> Pending<String> {
        if self.closed.load(Ordering::SeqCst) {
            return Pending::ready(Err(StoreError::Closed));
        }
        let mut state = self.lock();
        let (promise, pending) = Pending::new();
        match state.poison.clone() {
            Some(reason) => promise.answer(Ok(reason)),
            None => state.watchers.push(promise),
        }
        pending
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        vec![("engine", "memory".to_owned()), ("durable", "no".to_owned())]
    }

    fn warnings(&self) -> Vec<String> {
        vec!["events are in memory only, and are gone when the program ends".to_owned()]
    }

    fn set_bounds(&self, bounds: Bounds) {
        self.lock().bounds = Some(bounds);
    }

    fn close(&self) -> Pending<()> {
        self.closed.store(true, Ordering::SeqCst);
        self.lock().watchers.clear();
        Pending::ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::conformance::Subject;

    #[derive(Default)]
    struct Kept(Memory);

    impl Subject for Kept {
        fn open(&mut self) -> Arc<dyn Store> {
            Arc::new(self.0.reopened())
        }

        fn damage(&mut self, event: EventId) {
            self.0.damage(event);
        }
    }

    crate::store_conformance!(Kept::default());
}
