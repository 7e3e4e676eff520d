//! What waits for the writer: bounded in number and bytes, and refused before it would wait too long.
//!
//! A sender that is told "not now" at once can try elsewhere or again; one that waits until its own time runs out does not
//! know what became of its event. So an event is refused when the commits before it are likely to take more than two
//! seconds, or when the commit under way already has.
//!
//! Nobody waits for an outcome to be settled but a later delivery of its order key, and each of them changes pages that new
//! events do not touch. So while there is much to do, outcomes gather for a moment and go together; when there is little,
//! they go at once.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::super::StoreError;
use super::now;
use super::operation::Operation;

/// The longest that an event may expect to wait.
const PATIENCE: Duration = Duration::from_secs(2);
/// Most events that wait.
const EVENTS_MAX: usize = 16_384;
/// Most bytes of events that wait. One alone may be larger.
const BYTES_MAX: usize = 64 << 20;
/// Most operations of other kinds that wait. Dispatch has at most 1,024 outcomes unsettled; the rest is asked by people.
const OTHERS_MAX: usize = 8_192;

/// How long outcomes gather after some were taken, at most.
const GATHER: Duration = Duration::from_millis(5);
/// How many outcomes are worth a transaction at once.
const GATHERED: usize = 64;

/// How much goes into one transaction.
#[derive(Debug, Clone, Copy)]
pub(super) struct Batch {
    /// Operations.
    pub(super) count: usize,
    /// Bytes; the first operation may exceed it.
    pub(super) bytes: usize,
}

#[derive(Debug)]
pub(super) struct Queue {
    batch: Batch,
    inner: Mutex<Inner>,
    arrived: Condvar,
}

#[derive(Debug, Default)]
struct Inner {
    waiting: VecDeque<Operation>,
    /// Outcomes, which may gather.
    outcomes: VecDeque<Operation>,
    /// When outcomes were last taken.
    settled: Option<Instant>,
    events: usize,
    bytes: usize,
    closed: bool,
    /// When the commit under way began.
    started: Option<Instant>,
    /// What a commit takes, smoothed.
    usual: Duration,
}

impl Queue {
    pub(super) fn new(batch: Batch) -> Self {
        Self { batch, inner: Mutex::default(), arrived: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing panics while it holds this lock.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lines it up, or gives it back with the reason.
    pub(super) fn push(
        &self,
        operation: Operation,
        now: Instant,
    ) -> Result<(), (Operation, StoreError)> {
        let mut inner = self.lock();
        if inner.closed {
            return Err((operation, StoreError::Closed));
        }
        if !inner.admits(&operation, self.batch, now) {
            return Err((operation, StoreError::Behind));
        }
        if matches!(operation, Operation::Append(_)) {
            inner.events += 1;
            inner.bytes += operation.weight();
        }
        inner.closed = matches!(operation, Operation::Close(_));
        // Waking costs a system call; whoever made a line begin has done it.
        let wake = match operation {
            Operation::Settle(_) => {
                inner.outcomes.push_back(operation);
                matches!(inner.outcomes.len(), 1 | GATHERED)
            }
            other => {
                inner.waiting.push_back(other);
                inner.waiting.len() == 1 || inner.closed
            }
        };
        drop(inner);
        if wake {
            self.arrived.notify_one();
        }
        Ok(())
    }

    /// Waits at most so long for something to do, and takes what fits in one transaction.
    pub(super) fn take(&self, patience: Duration) -> Vec<Operation> {
        let mut inner = self.lock();
        let mut time = now();
        let until = time + patience;
        while !inner.has_work(time) {
            let wait = until.min(inner.ripe_at().unwrap_or(until)).saturating_duration_since(time);
            if wait.is_zero() {
                return Vec::new();
            }
            let waited = self.arrived.wait_timeout(inner, wait);
            inner = waited.map_or_else(|poisoned| poisoned.into_inner().0, |(guard, _)| guard);
            time = now();
        }
        let mut taken = Vec::new();
        if inner.is_ripe(time) {
            inner.settled = Some(time);
            let count = inner.outcomes.len().min(self.batch.count);
            taken.extend(inner.outcomes.drain(..count));
        }
        let mut bytes = 0;
        while let Some(next) = inner.waiting.front() {
            let weight = next.weight();
            let full = taken.len() >= self.batch.count
                || (bytes > 0 && bytes + weight > self.batch.bytes)
                || (matches!(next, Operation::Close(_)) && !inner.outcomes.is_empty());
            if full {
                break;
            }
            bytes += weight;
            if matches!(next, Operation::Append(_)) {
                inner.events -= 1;
                inner.bytes -= weight;
            }
            taken.extend(inner.waiting.pop_front());
        }
        taken
    }

    /// Whether anything waits.
    pub(super) fn is_empty(&self) -> bool {
        self.lock().is_idle()
    }

    /// A commit begins.
    pub(super) fn begin(&self, now: Instant) {
        self.lock().started = Some(now);
    }

    /// It ended.
    pub(super) fn end(&self, now: Instant) {
        let mut inner = self.lock();
        let Some(started) = inner.started.take() else { return };
        let took = now.saturating_duration_since(started);
        inner.usual = (inner.usual * 7 + took) / 8;
    }

    /// Takes nothing in from now on.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_one();
    }

    /// Gives out all that waits.
    pub(super) fn drain(&self) -> Vec<Operation> {
        let mut inner = self.lock();
        (inner.events, inner.bytes) = (0, 0);
        let outcomes = std::mem::take(&mut inner.outcomes);
        outcomes.into_iter().chain(inner.waiting.drain(..)).collect()
    }

    /// Whether it was closed and everything was taken.
    pub(super) fn is_over(&self) -> bool {
        let inner = self.lock();
        inner.closed && inner.is_idle()
    }
}

impl Inner {
    /// Whether nothing waits.
    fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.outcomes.is_empty()
    }

    /// Whether there is something to commit now.
    fn has_work(&self, now: Instant) -> bool {
        !self.waiting.is_empty() || self.closed || self.is_ripe(now)
    }

    /// Whether the outcomes that wait, if any, go into the next transaction.
    fn is_ripe(&self, now: Instant) -> bool {
        let many = self.outcomes.len() >= GATHERED || self.closed;
        let rested = self.settled.is_none_or(|settled| settled + GATHER <= now);
        !self.outcomes.is_empty() && (many || rested)
    }

    /// When those that wait go at the latest.
    fn ripe_at(&self) -> Option<Instant> {
        let settled = self.settled.filter(|_| !self.outcomes.is_empty());
        settled.map(|settled| settled + GATHER)
    }

    fn admits(&self, operation: &Operation, batch: Batch, now: Instant) -> bool {
        match operation {
            Operation::Append(_) => {
                let weight = operation.weight();
                // When nobody waits, somebody has to find out how long a commit takes now.
                let idle = self.waiting.is_empty() && self.started.is_none();
                let fits = self.events < EVENTS_MAX
                    && (self.bytes == 0 || self.bytes + weight <= BYTES_MAX);
                fits && (idle || self.expected(weight, batch, now) <= PATIENCE)
            }
            Operation::Close(_) => true,
            Operation::Settle(_) => self.outcomes.len() < OTHERS_MAX,
            _ => self.waiting.len() - self.events < OTHERS_MAX,
        }
    }

    /// How long it is likely to take until an event of that weight is committed.
    fn expected(&self, weight: usize, batch: Batch, now: Instant) -> Duration {
        let by_count = self.waiting.len() / batch.count.max(1);
        let by_bytes = (self.bytes + weight) / batch.bytes.max(1);
        let batches = u32::try_from(by_count.max(by_bytes) + 1).unwrap_or(u32::MAX);
        let running = match self.started {
            Some(started) => {
                let gone = now.saturating_duration_since(started);
                gone.max(self.usual.saturating_sub(gone))
            }
            None => Duration::ZERO,
        };
        running + self.usual.saturating_mul(batches)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::DeliveryId;
    use crate::store::conformance;
    use crate::store::sqlite::append::Prepared;
    use crate::store::sqlite::operation::Task;
    use crate::store::{Change, Pending, Settle};

    fn append(bytes: usize) -> Operation {
        let (promise, _pending) = Pending::new();
        let mut event = conformance::event(1, 0, &[]);
        event.body = vec![0; bytes].into();
        Operation::Append(Box::new(Task::new(Prepared::new(event), promise)))
    }

    fn settle() -> Operation {
        let (promise, _pending) = Pending::new();
        let settle = Settle {
            delivery: DeliveryId(1),
            attempt: None,
            change: Change::Delivered,
            now: conformance::at(0),
        };
        Operation::Settle(Box::new(Task::new(settle, promise)))
    }

    const BATCH: Batch = Batch { count: 4, bytes: 1 << 20 };

    #[test]
    fn a_batch_is_bounded_in_number_and_bytes() {
        let (queue, now) = (Queue::new(BATCH), now());
        for _ in 0..6 {
            assert!(queue.push(append(100), now).is_ok());
        }
        for _ in 0..3 {
            assert!(queue.push(append(700 << 10), now).is_ok());
        }
        assert!(queue.push(append(5 << 20), now).is_ok());
        let sizes = std::iter::from_fn(|| {
            let taken = queue.take(Duration::ZERO).len();
            (taken > 0).then_some(taken)
        });
        assert_eq!(sizes.collect::<Vec<_>>(), [4, 3, 1, 1, 1]);
        let left = queue.lock();
        assert_eq!((left.events, left.bytes), (0, 0));
    }

    #[test]
    fn outcomes_go_at_once_when_alone_and_gather_when_there_are_many() {
        let (queue, start) = (Queue::new(Batch { count: 128, bytes: 1 << 20 }), now());
        let ripe = |at| queue.lock().is_ripe(at);
        assert!(!ripe(start));
        assert!(queue.push(settle(), start).is_ok());
        assert_eq!(queue.take(Duration::ZERO).len(), 1, "nothing was settled before it");
        let settled = queue.lock().settled.unwrap();
        assert!(queue.push(settle(), start).is_ok());
        assert!(!ripe(settled + GATHER / 2) && ripe(settled + GATHER));
        assert_eq!(queue.lock().ripe_at(), Some(settled + GATHER));
        // However early it is, an event does not wait, and takes no outcome along.
        queue.lock().settled = Some(settled + Duration::from_hours(1));
        assert!(queue.push(append(100), start).is_ok());
        assert_eq!(queue.take(Duration::ZERO).len(), 1);
        assert_eq!(queue.lock().outcomes.len(), 1);
        for _ in 1..GATHERED {
            assert!(queue.take(Duration::ZERO).is_empty());
            assert!(queue.push(settle(), start).is_ok());
        }
        assert_eq!(queue.take(Duration::ZERO).len(), GATHERED);
    }

    #[test]
    fn the_end_comes_after_every_outcome() {
        let (queue, now) = (Queue::new(BATCH), now());
        for _ in 0..6 {
            assert!(queue.push(settle(), now).is_ok());
        }
        assert!(queue.push(append(100), now).is_ok());
        let (promise, _pending) = Pending::new();
        assert!(queue.push(Operation::Close(promise), now).is_ok());
        let ends = |taken: &[Operation]| taken.iter().any(|one| matches!(one, Operation::Close(_)));
        let (first, second) = (queue.take(Duration::ZERO), queue.take(Duration::ZERO));
        assert_eq!((first.len(), ends(&first)), (4, false));
        assert_eq!((second.len(), ends(&second)), (4, true));
        assert!(queue.is_over());
    }

    #[test]
    fn events_are_refused_when_commits_are_slow_or_stuck() {
        let (queue, start) = (Queue::new(BATCH), now());
        // A commit that takes 0.9 s: two fit into the patience, three do not.
        for _ in 0..200 {
            queue.begin(start);
            queue.end(start + Duration::from_millis(900));
        }
        for _ in 0..8 {
            assert!(queue.push(append(100), start).is_ok());
        }
        assert!(matches!(queue.push(append(100), start), Err((_, StoreError::Behind))));
        assert!(queue.push(settle(), start).is_ok(), "a settle is never refused for that");
        // Nobody waits, but the commit under way is stuck.
        let (queue, start) = (Queue::new(BATCH), start);
        queue.begin(start);
        assert!(queue.push(append(100), start + Duration::from_millis(1_900)).is_ok());
        let late = start + Duration::from_millis(2_100);
        assert!(matches!(queue.push(append(100), late), Err((_, StoreError::Behind))));
        queue.end(late);
        assert!(queue.push(append(100), late).is_ok());
        // However slow it was, an idle store takes one in.
        let queue = Queue::new(BATCH);
        for _ in 0..100 {
            queue.begin(start);
            queue.end(start + Duration::from_secs(9));
        }
        assert!(queue.push(append(100), start).is_ok());
        assert!(matches!(queue.push(append(100), start), Err((_, StoreError::Behind))));
    }

    #[test]
    fn a_full_queue_refuses_but_one_large_event_fits() {
        let (queue, now) = (Queue::new(BATCH), now());
        assert!(queue.push(append(BYTES_MAX + 1), now).is_ok());
        assert!(matches!(queue.push(append(1), now), Err((_, StoreError::Behind))));
        queue.close();
        assert!(!queue.is_over());
        assert_eq!(queue.drain().len(), 1);
        assert!(matches!(queue.push(append(1), now), Err((_, StoreError::Closed))));
        assert!(queue.is_over());
    }
}
