//! The running snapshot: swapped in one step, read without waiting.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::watch;

use super::Snapshot;

/// The running snapshot. Cheap to clone; all clones see the same.
#[derive(Debug, Clone)]
pub struct Published {
    current: Arc<ArcSwap<Snapshot>>,
    changed: watch::Sender<u64>,
}

impl Published {
    /// Begins with `first`.
    pub fn new(first: Arc<Snapshot>) -> Self {
        let changed = watch::Sender::new(first.revision.number);
        Self { current: Arc::new(ArcSwap::new(first)), changed }
    }

    /// The running snapshot, to be held for one request or one attempt.
    pub fn load(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// Swaps in another.
    pub fn publish(&self, next: Arc<Snapshot>) {
        let number = next.revision.number;
        self.current.store(next);
        self.changed.send_replace(number);
    }

    /// Tells of each swap by its revision's number.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }
}
