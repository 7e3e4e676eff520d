//! Threads that read, each with a connection of its own. What dispatch reads has its own lane, so that a slow listing
//! cannot keep deliveries waiting.

use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode};

use super::super::{Pending, StoreError};
use super::now;
use super::schema::{Role, connect};

/// The longest that a read may take, waiting included.
pub(super) const READ_MAX: Duration = Duration::from_secs(5);
/// How many steps of SQLite's machine go by between two looks at the clock: some tens of microseconds.
const STEPS: i32 = 1_000;

/// A number of threads that read what is asked of them, in order.
#[derive(Debug)]
pub(super) struct Lane {
    inner: Arc<Inner>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

struct Inner {
    limit: usize,
    longest: Duration,
    queue: Mutex<Queue>,
    arrived: Condvar,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner").field("limit", &self.limit).finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Queue {
    reads: VecDeque<Read>,
    closed: bool,
}

/// What a thread is given: the connection, and whether there is time left.
type Work = Box<dyn FnOnce(&Connection, bool) + Send>;

struct Read {
    deadline: Instant,
    work: Work,
}

/// A read's own errors, and the engine's.
#[derive(Debug)]
pub(super) enum ReadError {
    Store(StoreError),
    Sql(rusqlite::Error),
}

impl From<StoreError> for ReadError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<rusqlite::Error> for ReadError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<ReadError> for StoreError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Store(error) => error,
            ReadError::Sql(error)
                if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) =>
            {
                too_long()
            }
            ReadError::Sql(error) => Self::Read(error.to_string()),
        }
    }
}

fn too_long() -> StoreError {
    StoreError::Read("it took too long, and was stopped".to_owned())
}

impl Lane {
    /// Starts `threads` of them. At most `limit` reads wait, and none takes longer than `longest`.
    pub(super) fn start(
        name: &str,
        database: &Path,
        (threads, limit, longest): (usize, usize, Duration),
    ) -> rusqlite::Result<Self> {
        let (queue, arrived) = (Mutex::default(), Condvar::new());
        let inner = Arc::new(Inner { limit, longest, queue, arrived });
        let mut started = Vec::new();
        for number in 0..threads {
            let sql = connect(database, Role::Reader)?;
            let inner = Arc::clone(&inner);
            let name = format!("store-{name}-{number}");
            let thread = std::thread::Builder::new().name(name).spawn(move || inner.serve(sql));
            // Without a thread there is nothing to read with; the system says why.
            started.push(
                thread.map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?,
            );
        }
        Ok(Self { inner, threads: Mutex::new(started) })
    }

    /// Has something read.
    pub(super) fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, ReadError> + Send + 'static,
    ) -> Pending<T> {
        let (promise, pending) = Pending::new();
        let work = Box::new(move |sql: &Connection, in_time: bool| {
            let result = if in_time { read(sql) } else { Err(too_long().into()) };
            promise.answer(result.map_err(StoreError::from));
        });
        let mut queue = self.inner.lock();
        if queue.closed {
            return Pending::ready(Err(StoreError::Closed));
        }
        if queue.reads.len() >= self.inner.limit {
            return Pending::ready(Err(StoreError::Read("too many reads wait".to_owned())));
        }
        queue.reads.push_back(Read { deadline: now() + self.inner.longest, work });
        drop(queue);
        self.inner.arrived.notify_one();
        pending
    }

    /// Stops them. What waits is let go; what is under way is interrupted.
    pub(super) fn stop(&self) {
        let waiting = {
            let mut queue = self.inner.lock();
            queue.closed = true;
            std::mem::take(&mut queue.reads)
        };
        drop(waiting);
        self.inner.arrived.notify_all();
        let threads =
            std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a reading thread of the store had panicked");
            }
        }
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        // Nothing panics while it holds this lock.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next(&self) -> Option<Read> {
        let mut queue = self.lock();
        while queue.reads.is_empty() && !queue.closed {
            queue = self.arrived.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        queue.reads.pop_front()
    }

    fn serve(self: Arc<Self>, mut sql: Connection) {
        while let Some(read) = self.next() {
            let (deadline, watch) = (read.deadline, Arc::clone(&self));
            let stop = move || now() > deadline || watch.lock().closed;
            let watched = sql.progress_handler(STEPS, Some(stop)).is_ok();
            let work = AssertUnwindSafe(|| (read.work)(&sql, watched && now() <= deadline));
            if catch_unwind(work).is_err() {
                tracing::error!("a read of the store panicked");
            }
        }
    }
}
