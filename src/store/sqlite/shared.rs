//! What every thread of the store sees: how it is, what it counts, what its bounds are.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::telemetry::Metrics;

use super::super::{Bounds, Health, Pending, Promise, StoreError};
use super::tally::Tally;

/// Shared by the store's handle and its threads.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) metrics: Arc<Metrics>,
    /// Transactions that were committed.
    pub(super) commits: AtomicU64,
    /// Bytes on disk, as of the last look.
    pub(super) bytes: AtomicU64,
    /// A fast look at whether there is anything in `full`.
    is_full: AtomicBool,
    is_poisoned: AtomicBool,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    bounds: Bounds,
    full: Option<String>,
    fate: Fate,
    watchers: Vec<Promise<String>>,
    tally: Tally,
}

#[derive(Debug)]
enum Fate {
    Open,
    Poisoned(String),
    Closed,
}

impl Shared {
    pub(super) fn new(bounds: Bounds, metrics: Arc<Metrics>, tally: Tally) -> Self {
        Self {
            metrics,
            commits: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            is_full: AtomicBool::new(false),
            is_poisoned: AtomicBool::new(false),
            inner: Mutex::new(Inner {
                bounds,
                full: None,
                fate: Fate::Open,
                watchers: Vec::new(),
                tally,
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Every change is one assignment, so what a panic left behind is whole.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn bounds(&self) -> Bounds {
        self.lock().bounds
    }

    pub(super) fn set_bounds(&self, bounds: Bounds) {
        self.lock().bounds = bounds;
    }

    pub(super) fn health(&self) -> Health {
        if self.is_poisoned.load(Ordering::Acquire) {
            Health::Poisoned
        } else if self.is_full.load(Ordering::Acquire) {
            Health::Full
        } else {
            Health::Writable
        }
    }

    /// Why nothing can be asked of it any more, if so.
    pub(super) fn refusal(&self) -> Option<StoreError> {
        match &self.lock().fate {
            Fate::Open => None,
            Fate::Poisoned(reason) => Some(StoreError::Poisoned(reason.clone())),
            Fate::Closed => Some(StoreError::Closed),
        }
    }

    /// Why new events are refused, if they are.
    pub(super) fn full(&self) -> Option<String> {
        if !self.is_full.load(Ordering::Acquire) {
            return None;
        }
        self.lock().full.clone()
    }

    /// New events are refused from now on, or no longer.
    pub(super) fn set_full(&self, reason: Option<String>) {
        let mut inner = self.lock();
        match (&inner.full, &reason) {
            (None, Some(reason)) => tracing::error!(reason, "new events are refused"),
            (Some(_), None) => tracing::info!("new events are accepted again"),
            _ => {}
        }
        self.is_full.store(reason.is_some(), Ordering::Release);
        inner.full = reason;
    }

    /// It is done for. The first reason counts.
    pub(super) fn poison(&self, reason: &str) {
        let mut inner = self.lock();
        if !matches!(inner.fate, Fate::Open) {
            return;
        }
        tracing::error!(reason, "the store failed; nothing is acknowledged any more");
        inner.fate = Fate::Poisoned(reason.to_owned());
        self.is_poisoned.store(true, Ordering::Release);
        for promise in inner.watchers.drain(..) {
            promise.answer(Ok(reason.to_owned()));
        }
    }

    /// Nothing is asked of it from now on.
    pub(super) fn close(&self) {
        let mut inner = self.lock();
        if matches!(inner.fate, Fate::Open) {
            inner.fate = Fate::Closed;
        }
        inner.watchers.clear();
    }

    /// Resolves when it is poisoned.
    pub(super) fn watch(&self) -> Pending<String> {
        let (promise, pending) = Pending::new();
        let mut inner = self.lock();
        match &inner.fate {
            Fate::Open => inner.watchers.push(promise),
            Fate::Poisoned(reason) => promise.answer(Ok(reason.clone())),
            Fate::Closed => promise.answer(Err(StoreError::Closed)),
        }
        pending
    }

    /// Looks at, or changes, the counts.
    pub(super) fn tally<T>(&self, look: impl FnOnce(&mut Tally) -> T) -> T {
        look(&mut self.lock().tally)
    }
}
