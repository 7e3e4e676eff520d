//! All lanes by target, and the service that owns their workers.
//!
//! Reading the roster takes no lock: `offer` is called for every committed event. A worker that has nothing left to do for
//! a target that the configuration no longer has goes, so names that come and go leave nothing behind.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tracing::error;

use crate::clock::Timestamp;
use crate::config::Snapshot;
use crate::fault::{self, Plant};
use crate::name::TargetName;

use super::Parts;
use super::age::Ages;
use super::budget::Budget;
use super::lane::{Lane, Offer};
use super::worker::Worker;

/// Most outcomes that wait to be committed, over all targets.
pub(super) const UNSETTLED_MAX: usize = 1024;
/// Most deliveries that wait in one window.
pub(super) const WINDOW_MAX: usize = 1024;
/// Fewest, however many targets there are.
const WINDOW_MIN: usize = 64;
/// Most deliveries that wait in all windows, as long as each has [`WINDOW_MIN`].
const WINDOWS_TOTAL: usize = 65_536;

type Lanes = HashMap<TargetName, Arc<Lane>>;

/// What all of dispatch shares.
#[derive(Debug)]
pub(super) struct Roster {
    pub(super) parts: Parts,
    pub(super) budget: Arc<Budget>,
    ages: Mutex<Ages>,
    /// One permit for each outcome that may wait to be committed.
    pub(super) unsettled: Arc<Semaphore>,
    lanes: ArcSwap<Lanes>,
    changing: Mutex<Changing>,
    /// Rings when `changing` has workers to own.
    spawned: Notify,
    draining: AtomicBool,
    /// What is in flight is to be left as it is.
    stopped: AtomicBool,
    alive: TaskTracker,
}

/// What only one may change at a time.
#[derive(Debug)]
struct Changing {
    paused: BTreeSet<TargetName>,
    workers: Vec<JoinHandle<Arc<Lane>>>,
}

impl Roster {
    /// Without lanes.
    pub(super) fn new(parts: Parts, paused: BTreeSet<TargetName>) -> Self {
        let body_memory = parts.published.load().settings.body_memory;
        let ages = Ages::new(Instant::now(), parts.clock.now());
        Self {
            parts,
            budget: Arc::new(Budget::new(body_memory)),
            ages: Mutex::new(ages),
            unsettled: Arc::new(Semaphore::new(UNSETTLED_MAX)),
            lanes: ArcSwap::default(),
            changing: Mutex::new(Changing { paused, workers: Vec::new() }),
            spawned: Notify::new(),
            draining: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
            alive: TaskTracker::new(),
        }
    }

    fn changing(&self) -> MutexGuard<'_, Changing> {
        // Nothing in the locked sections can panic half-way.
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the wall clock, and what it means for the age of deliveries.
    pub(super) fn ages(&self) -> (Timestamp, Ages) {
        let mut ages = self.ages.lock().unwrap_or_else(PoisonError::into_inner);
        let wall = self.parts.clock.now();
        ages.observe(Instant::now(), wall);
        (wall, *ages)
    }

    /// The lane of a target, if there is one.
    pub(super) fn lane(&self, target: &TargetName) -> Option<Arc<Lane>> {
        self.lanes.load().get(target).cloned()
    }

    /// All lanes.
    pub(super) fn lanes(&self) -> Arc<Lanes> {
        self.lanes.load_full()
    }

    /// How many deliveries may wait in one window now.
    pub(super) fn window(&self) -> usize {
        let lanes = self.lanes.load().len().max(1);
        (WINDOWS_TOTAL / lanes).clamp(WINDOW_MIN, WINDOW_MAX)
    }

    /// Hands a delivery to its worker.
    pub(super) fn offer(self: &Arc<Self>, offer: Offer) {
        let refused = match self.lanes.load().get(&offer.ready.target) {
            Some(lane) => lane.offer(offer),
            None => Err(offer),
        };
        if let Err(offer) = refused {
            self.open(std::iter::once(&offer.ready.target));
            if let Some(lane) = self.lane(&offer.ready.target) {
                // Refused again only while everything ends; the store has it.
                drop(lane.offer(offer));
            }
        }
    }

    /// Sees to it that each of these targets has a worker. New ones look into the store at once.
    pub(super) fn open<'a>(self: &Arc<Self>, targets: impl Iterator<Item = &'a TargetName>) {
        let mut changing = self.changing();
        if self.is_draining() || self.is_stopped() {
            return;
        }
        let current = self.lanes.load_full();
        let served = |name: &TargetName| current.get(name).is_some_and(|lane| lane.is_open());
        // A set: whoever asks may name one twice.
        let missing: BTreeSet<_> = targets.filter(|name| !served(name)).collect();
        if missing.is_empty() {
            return;
        }
        let mut lanes = Lanes::clone(&current);
        for name in missing {
            let lane = Arc::new(Lane::new(name.clone(), changing.paused.contains(name)));
            lanes.insert(name.clone(), Arc::clone(&lane));
            let worker = Worker::new(Arc::clone(self), lane);
            changing.workers.push(self.parts.tasks.piece("dispatch worker", worker.run()));
        }
        self.lanes.store(Arc::new(lanes));
        drop(changing);
        self.spawned.notify_one();
    }

    /// A worker has gone, and closed its lane first. Another one may have its name by now.
    pub(super) fn forget(&self, lane: &Arc<Lane>) {
        let _changing = self.changing();
        let current = self.lanes.load_full();
        if current.get(&lane.name).is_some_and(|known| Arc::ptr_eq(known, lane)) {
            let mut lanes = Lanes::clone(&current);
            lanes.remove(&lane.name);
            self.lanes.store(Arc::new(lanes));
        }
    }

    /// A person paused or resumed a target, and the store has it.
    pub(super) fn set_paused(&self, target: &TargetName, paused: bool) {
        let mut changing = self.changing();
        if paused {
            changing.paused.insert(target.clone());
        } else {
            changing.paused.remove(target);
        }
        if let Some(lane) = self.lane(target) {
            lane.set_paused(paused);
        }
    }

    /// Whether a person paused it.
    pub(super) fn is_paused(&self, target: &TargetName) -> bool {
        self.changing().paused.contains(target)
    }

    /// A worker's token: draining waits until it is dropped.
    pub(super) fn alive(&self) -> TaskTrackerToken {
        self.alive.token()
    }

    /// Whether nothing more is to be claimed.
    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    /// Claims nothing more, waits for what is in hand until `deadline`, then leaves it.
    pub(super) async fn drain(&self, deadline: Instant) {
        {
            let _changing = self.changing();
            self.draining.store(true, Ordering::Release);
        }
        self.ring_all();
        self.alive.close();
        if tokio::time::timeout_at(deadline, self.alive.wait()).await.is_err() {
            self.stop();
            self.alive.wait().await;
        }
    }

    /// Has every worker end, whatever is in flight.
    fn stop(&self) {
        {
            let _changing = self.changing();
            self.stopped.store(true, Ordering::Release);
        }
        self.ring_all();
    }

    /// Whether every worker is to end.
    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    fn ring_all(&self) {
        self.lanes().values().for_each(|lane| lane.ring());
    }

    fn adopt(self: &Arc<Self>, snapshot: &Snapshot) {
        self.budget.set_body_memory(snapshot.settings.body_memory);
        self.open(snapshot.targets.keys());
    }
}

/// Owns the workers until everything stops, and tells them what concerns all of them: they listen to their lane alone, so
/// what is shared is not touched for every delivery. A worker that panics ends this, too, and with it the program: its target would
/// stand still unseen otherwise.
pub(super) async fn supervise(roster: Arc<Roster>) {
    let mut changed = roster.parts.published.subscribe();
    let stopping = roster.parts.tasks.stopping();
    let mut workers = FuturesUnordered::new();
    // What was published between the start and the subscription.
    roster.adopt(&roster.parts.published.load());
    roster.ring_all();
    loop {
        workers.extend(std::mem::take(&mut roster.changing().workers));
        tokio::select! {
            () = stopping.cancelled() => return roster.stop(),
            () = roster.spawned.notified() => {}
            Ok(()) = changed.changed() => {
                roster.adopt(&roster.parts.published.load());
                roster.ring_all();
            }
            Some(ended) = workers.next() => match ended {
                Ok(lane) => {
                    roster.forget(&lane);
                    // Its target may have come back at the last moment.
                    roster.adopt(&roster.parts.published.load());
                }
                Err(end) if end.is_panic() && fault::planted(Plant::SwallowPanic) => {}
                Err(end) if end.is_panic() => {
                    error!("a dispatch worker panicked");
                    return roster.stop();
                }
                // It was aborted, which only a shutdown does.
                Err(_) => {}
            },
        }
    }
}
