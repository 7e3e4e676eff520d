//! A store that holds appends back until it is told to let them through.

use std::sync::Arc;

use hookswitch::clock::Timestamp;
use hookswitch::delivery::DeliveryId;
use hookswitch::event::EventId;
use hookswitch::name::{ContentHash, Revision, TargetName};
use hookswitch::store::memory::Memory;
use hookswitch::store::{
    Append, Appended, Arrivals, Body, Bounds, Bury, DeadLetter, DeadSelection, DeliveryRecord,
    EventFilter, EventPage, EventRecord, Health, Page, Pending, Ready, Replay, Settle, Settled,
    Stats, Store, Stretch, Tried,
};
use hookswitch::tasks::Tasks;
use tokio::sync::watch;

/// The store in memory behind a gate.
#[derive(Debug)]
pub(crate) struct Gate {
    inner: Memory,
    tasks: Tasks,
    open: watch::Sender<bool>,
    /// How many appends came, let through or not.
    came: watch::Sender<usize>,
    /// Whether stretches are let through.
    stretches: watch::Sender<bool>,
}

impl Gate {
    /// An open one.
    pub(crate) fn new(inner: Memory, tasks: Tasks) -> Self {
        let open = || watch::Sender::new(true);
        Self { inner, tasks, open: open(), came: watch::Sender::new(0), stretches: open() }
    }

    pub(crate) fn close_gate(&self) {
        self.open.send_replace(false);
    }

    pub(crate) fn open_gate(&self) {
        self.open.send_replace(true);
    }

    /// Holds back who goes through all events, or no longer.
    pub(crate) fn hold_stretches(&self, hold: bool) {
        self.stretches.send_replace(!hold);
    }

    /// Waits until so many appends came.
    pub(crate) async fn came(&self, count: usize) {
        let waiting =
            async { self.came.subscribe().wait_for(|came| *came >= count).await.map(drop) };
        let came = tokio::time::timeout(super::PATIENCE, waiting).await;
        came.expect("the appends come").expect("the gate is there");
    }
}

macro_rules! pass {
    ($($name:ident($($arg:ident: $type:ty),*) -> $answer:ty;)*) => {
        $(fn $name(&self, $($arg: $type),*) -> $answer {
            self.inner.$name($($arg),*)
        })*
    };
}

impl Store for Gate {
    fn append(&self, event: Append) -> Pending<Appended> {
        let (promise, pending) = Pending::new();
        let (inner, mut open) = (self.inner.clone(), self.open.subscribe());
        drop(self.tasks.piece("gate", async move {
            if open.wait_for(|open| *open).await.is_ok() {
                promise.answer(inner.append(event).await);
            }
        }));
        self.came.send_modify(|came| *came += 1);
        pending
    }

    fn stretch(
        &self,
        filter: EventFilter,
        from: u64,
        limit: usize,
        most: usize,
    ) -> Pending<Stretch> {
        let (promise, pending) = Pending::new();
        let (inner, mut open) = (self.inner.clone(), self.stretches.subscribe());
        drop(self.tasks.piece("gate", async move {
            if open.wait_for(|open| *open).await.is_ok() {
                promise.answer(inner.stretch(filter, from, limit, most).await);
            }
        }));
        pending
    }

    pass! {
        settle(settle: Settle) -> Pending<Settled>;
        replay(replay: Replay) -> Pending<Vec<Ready>>;
        reopen(selection: DeadSelection, now: Timestamp) -> Pending<u64>;
        drop_dead(selection: DeadSelection, now: Timestamp) -> Pending<u64>;
        bury(bury: Bury) -> Pending<u64>;
        set_paused(target: TargetName, paused: bool) -> Pending<()>;
        add_revision(text: Arc<str>, hash: ContentHash, now: Timestamp) -> Pending<Revision>;
        due(target: &TargetName, after: Option<(Timestamp, DeliveryId)>, limit: usize) -> Pending<Vec<Ready>>;
        body(event: EventId) -> Pending<Body>;
        bodies(events: Vec<EventId>, most: usize) -> Pending<Vec<(EventId, Body)>>;
        stats() -> Pending<Stats>;
        events(filter: EventFilter, page: Page) -> Pending<EventPage>;
        arrivals(filter: EventFilter, from: u64, limit: usize) -> Pending<Arrivals>;
        listed(ids: Vec<EventId>) -> Pending<Vec<(EventRecord, Vec<DeliveryRecord>)>>;
        event(id: EventId) -> Pending<(EventRecord, Tried)>;
        dead_letters(selection: DeadSelection, page: Page) -> Pending<Vec<DeadLetter>>;
        revision(number: u64) -> Pending<(Revision, Arc<str>, Timestamp)>;
        revisions(limit: usize) -> Pending<Vec<(Revision, Timestamp)>>;
        health() -> Health;
        poisoned() -> Pending<String>;
        facts() -> Vec<(&'static str, String)>;
        warnings() -> Vec<String>;
        set_bounds(bounds: Bounds) -> ();
        close() -> Pending<()>;
    }
}
