//! Every task of the program: spawned here, owned here, ended here.
//!
//! A task that panics or ends before it was told to is reported to [`Tasks::failed`], and `app` ends the process: nothing
//! dies silently. What a panic says may hold anything, so only the task's name is logged here; the process's panic hook
//! tells the place.
//!
//! It leaves out threads: the store owns its writer itself, and tasks that compute for long belong on tokio's blocking pool.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinHandle};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, warn};

/// How long [`Tasks::stop`] waits for aborted tasks to be gone.
const ABORT_GRACE: Duration = Duration::from_millis(500);

/// The owner of all tasks. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Tasks {
    inner: Arc<Inner>,
    /// Where they run, if not in the runtime of whoever spawns them.
    on: Option<Handle>,
}

#[derive(Debug)]
struct Inner {
    tracker: TaskTracker,
    stopping: CancellationToken,
    failed: watch::Sender<Option<&'static str>>,
    running: Mutex<Running>,
}

/// What runs, so that it can be named and aborted. The lock is held for a few instructions.
#[derive(Debug, Default)]
struct Running {
    next: u64,
    /// Set once everything left was aborted: what is spawned after that is aborted at once.
    over: bool,
    /// The handle is missing for the moment between listing and spawning.
    tasks: HashMap<u64, (&'static str, Option<AbortHandle>)>,
}

/// Takes a task out of the list when its future is dropped, however it ended.
struct Listed {
    inner: Arc<Inner>,
    key: u64,
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.inner.running().tasks.remove(&self.key);
    }
}

impl Inner {
    fn running(&self) -> MutexGuard<'_, Running> {
        // Nothing in the locked sections can panic half-way.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Aborts whatever is left; returns how many there were of each name.
    fn abort(&self) -> BTreeMap<&'static str, u64> {
        let mut left = BTreeMap::new();
        let mut running = self.running();
        running.over = true;
        let handles: Vec<_> = running
            .tasks
            .values()
            .filter_map(|(name, handle)| {
                *left.entry(*name).or_default() += 1;
                handle.clone()
            })
            .collect();
        drop(running);
        handles.iter().for_each(AbortHandle::abort);
        left
    }

    fn fail(&self, name: &'static str) {
        self.failed.send_if_modified(|first| {
            let new = first.is_none();
            first.get_or_insert(name);
            new
        });
    }
}

impl Default for Tasks {
    fn default() -> Self {
        Self::new()
    }
}

impl Tasks {
    /// Owns nothing yet. Must be made inside a tokio runtime.
    pub fn new() -> Self {
        let inner = Inner {
            tracker: TaskTracker::new(),
            stopping: CancellationToken::new(),
            failed: watch::Sender::new(None),
            running: Mutex::default(),
        };
        Self { inner: Arc::new(inner), on: None }
    }

    /// The same owner, spawning into that runtime.
    #[must_use]
    pub fn on(&self, runtime: Handle) -> Self {
        Self { inner: Arc::clone(&self.inner), on: Some(runtime) }
    }

    /// Spawns a task that runs until the program stops: its end before that, or its panic, is a failure.
    pub fn service(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let inner = Arc::clone(&self.inner);
        let watched = async move {
            match caught(task).await {
                Ok(()) if inner.stopping.is_cancelled() => {}
                Ok(()) => {
                    error!(task = name, "a task ended although nobody told it to");
                    inner.fail(name);
                }
                Err(_) => {
                    error!(task = name, "a task panicked");
                    inner.fail(name);
                }
            }
        };
        drop(self.spawn(name, watched));
    }

    /// Spawns a task that ends by itself; its panic is logged and not a failure. Its owner sees it end by the returned
    /// handle.
    pub fn piece<T: Send + 'static>(
        &self,
        name: &'static str,
        task: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        // Each async block that takes a future in holds it twice, before and while it is awaited; there are thousands of these.
        let task = Box::pin(task);
        self.spawn(name, async move {
            match caught(task).await {
                Ok(value) => value,
                Err(panic) => {
                    error!(task = name, "a task panicked");
                    // The owner sees it at the handle.
                    resume_unwind(panic)
                }
            }
        })
    }

    fn spawn<T: Send + 'static>(
        &self,
        name: &'static str,
        task: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        // Listed before it is spawned, so that one which ends at once is not listed afterwards. The lock is not held while
        // spawning or aborting: a runtime that is shutting down drops the future there and then, and with it `Listed`.
        let mut running = self.inner.running();
        let key = running.next;
        running.next += 1;
        running.tasks.insert(key, (name, None));
        drop(running);
        let listed = Listed { inner: Arc::clone(&self.inner), key };
        let task = async move {
            let _listed = listed;
            task.await
        };
        let handle = match &self.on {
            Some(runtime) => self.inner.tracker.spawn_on(task, runtime),
            None => self.inner.tracker.spawn(task),
        };
        let mut running = self.inner.running();
        if let Some((_, abort)) = running.tasks.get_mut(&key) {
            *abort = Some(handle.abort_handle());
        }
        let over = running.over;
        drop(running);
        if over {
            handle.abort();
        }
        handle
    }

    /// Cancelled when everything is to stop.
    pub fn stopping(&self) -> CancellationToken {
        self.inner.stopping.clone()
    }

    /// Resolves with the name of the first service that ended although nobody told it to.
    pub async fn failed(&self) -> &'static str {
        let mut failed = self.inner.failed.subscribe();
        loop {
            if let Some(name) = *failed.borrow_and_update() {
                return name;
            }
            if failed.changed().await.is_err() {
                // The sender lives as long as `self`, so this is never reached; waiting is right all the same.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Tells everything to stop and waits for it, at most `deadline`. Returns whether all ended; what has not by then is
    /// aborted.
    pub async fn stop(&self, deadline: Duration) -> bool {
        self.inner.stopping.cancel();
        self.inner.tracker.close();
        if tokio::time::timeout(deadline, self.inner.tracker.wait()).await.is_ok() {
            return true;
        }
        let left = self.inner.abort();
        warn!(tasks = ?left, "tasks did not end in time and are aborted");
        if tokio::time::timeout(ABORT_GRACE, self.inner.tracker.wait()).await.is_err() {
            warn!("a task is busy and cannot be aborted");
        }
        false
    }
}

/// Runs `task`; a panic becomes a value.
async fn caught<T>(task: impl Future<Output = T>) -> std::thread::Result<T> {
    let mut task = pin!(task);
    std::future::poll_fn(|cx| {
        // A future is not polled again after it panicked, so nobody sees what the panic left half-done.
        match catch_unwind(AssertUnwindSafe(|| task.as_mut().poll(cx))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(value)) => Poll::Ready(Ok(value)),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn services_end_when_told_and_are_no_failure_then() {
        let tasks = Tasks::new();
        let stopping = tasks.stopping();
        tasks.service("obeys", async move { stopping.cancelled().await });
        assert!(tasks.stop(Duration::from_secs(1)).await);
        assert!(tasks.inner.running().tasks.is_empty());
        let failed = tokio::time::timeout(Duration::from_secs(1), tasks.failed()).await;
        assert!(failed.is_err(), "nothing failed");
    }

    #[tokio::test]
    async fn a_service_that_ends_early_or_panics_is_named() {
        let tasks = Tasks::new();
        tasks.service("ends", async {});
        assert_eq!(tasks.failed().await, "ends");
        // The first failure is the one that counts.
        tasks.service("later", async {});
        tasks.stop(Duration::from_secs(5)).await;
        assert_eq!(tasks.failed().await, "ends");

        let tasks = Tasks::new();
        tasks.service("panics", async { panic!("on purpose") });
        assert_eq!(tasks.failed().await, "panics");
    }

    #[tokio::test(start_paused = true)]
    async fn the_panic_of_a_piece_is_seen_by_its_owner_alone() {
        let tasks = Tasks::new();
        assert_eq!(tasks.piece("sum", async { 1 + 1 }).await.unwrap(), 2);
        let panicked = tasks.piece("panics", async { panic!("on purpose") }).await;
        assert!(panicked.is_err_and(|error| error.is_panic()));
        assert!(tokio::time::timeout(Duration::from_secs(1), tasks.failed()).await.is_err());
        assert!(tasks.stop(Duration::from_secs(1)).await);
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_end_in_time_is_aborted() {
        let tasks = Tasks::new();
        let stubborn = tasks.piece("stubborn", std::future::pending::<()>());
        assert!(!tasks.stop(Duration::from_secs(8)).await);
        assert!(stubborn.await.is_err_and(|error| error.is_cancelled()));
        let late = tasks.piece("late", std::future::pending::<()>());
        assert!(late.await.is_err_and(|error| error.is_cancelled()));
    }
}
