//! How much memory the bodies of waiting and running deliveries may take, over all targets.
//!
//! A body counts once for each delivery that holds it, so the sum is never less than the truth. A delivery whose body finds
//! no room waits without it and reads it from the store when its turn comes. Of what is in flight, one attempt per target
//! is always allowed, whatever the sum: no target's bodies can stop another target.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What an event takes beside its body: envelope, fields, bookkeeping.
const OVERHEAD: usize = 1024;

/// The memory for bodies.
#[derive(Debug)]
pub(super) struct Budget {
    used: AtomicUsize,
    /// `limits.body_memory`, which ingress has for itself; dispatch takes up to half as much again.
    body_memory: AtomicUsize,
}

/// A part of the budget, given back on drop.
#[derive(Debug)]
pub(super) struct Charge {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}

impl Budget {
    /// Nothing used yet.
    pub(super) fn new(body_memory: usize) -> Self {
        Self { used: AtomicUsize::new(0), body_memory: AtomicUsize::new(body_memory) }
    }

    /// The configuration gives another bound.
    pub(super) fn set_body_memory(&self, bytes: usize) {
        self.body_memory.store(bytes, Ordering::Relaxed);
    }

    /// Room for a waiting body of `len` bytes, if waiting bodies take less than a quarter of the memory then.
    pub(super) fn for_waiting(self: &Arc<Self>, len: usize) -> Option<Charge> {
        let charge = self.for_attempt(len);
        let limit = self.body_memory.load(Ordering::Relaxed) / 4;
        (self.used.load(Ordering::Acquire) <= limit).then_some(charge)
    }

    /// How many bytes more may wait.
    pub(super) fn room_for_waiting(&self) -> usize {
        let limit = self.body_memory.load(Ordering::Relaxed) / 4;
        limit.saturating_sub(self.used.load(Ordering::Acquire))
    }

    /// Room for the body of an attempt: always, but [`Budget::is_tight`] tells others to hold back.
    pub(super) fn for_attempt(self: &Arc<Self>, len: usize) -> Charge {
        let bytes = len.saturating_add(OVERHEAD);
        self.used.fetch_add(bytes, Ordering::AcqRel);
        Charge { budget: Arc::clone(self), bytes }
    }

    /// Whether no target should have more than one attempt under way.
    pub(super) fn is_tight(&self) -> bool {
        self.used.load(Ordering::Acquire) >= self.body_memory.load(Ordering::Relaxed) / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_bodies_find_room_until_a_quarter_is_used_and_give_it_back() {
        let budget = Arc::new(Budget::new(64 * 1024));
        let held: Vec<Charge> = std::iter::from_fn(|| budget.for_waiting(1024)).collect();
        assert_eq!(held.len(), 8, "2 KiB each, overhead included, of 16 KiB");
        assert!(budget.for_waiting(0).is_none());
        assert!(!budget.is_tight());
        let forced: Vec<Charge> = (0..8).map(|_| budget.for_attempt(1024)).collect();
        assert!(budget.is_tight());
        drop((held, forced));
        assert!(!budget.is_tight());
        assert_eq!(budget.used.load(Ordering::Relaxed), 0);
        budget.set_body_memory(0);
        assert!(budget.for_waiting(0).is_none());
    }
}
