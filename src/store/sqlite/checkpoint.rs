//! Moving the log into the database, beside the writer.
//!
//! A checkpoint of 64 MiB takes as long as the disk takes to write and sync them, and commits must not wait for that. So a
//! thread with a connection of its own does the bulk; the log can begin anew only when nothing is left in it, which under
//! load is never the case then, so the writer moves the small rest itself.

use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use rusqlite::Connection;

use super::schema::{Role, connect};

/// The thread. It stops when this is dropped.
#[derive(Debug)]
pub(super) struct Checkpointer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Idle,
    Asked,
    Done(rusqlite::Result<()>),
    Stopped,
}

impl Checkpointer {
    pub(super) fn start(database: &Path) -> rusqlite::Result<Self> {
        let sql = connect(database, Role::Checkpointer)?;
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("store-checkpoint".to_owned())
            .spawn(move || theirs.serve(&sql))
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Asks for a checkpoint, unless one is under way.
    pub(super) fn ask(&self) {
        let mut state = self.shared.lock();
        if matches!(*state, State::Idle) {
            *state = State::Asked;
            drop(state);
            self.shared.changed.notify_one();
        }
    }

    /// What came of one that has ended since the last call.
    pub(super) fn done(&self) -> Option<rusqlite::Result<()>> {
        let mut state = self.shared.lock();
        match std::mem::take(&mut *state) {
            State::Done(result) => Some(result),
            other => {
                *state = other;
                None
            }
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        *self.shared.lock() = State::Stopped;
        self.shared.changed.notify_one();
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the checkpointing thread of the store had panicked");
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, sql: &Connection) {
        let mut state = self.lock();
        loop {
            match *state {
                State::Stopped => return,
                State::Asked => {
                    drop(state);
                    let result = passive(sql);
                    state = self.lock();
                    if matches!(*state, State::Asked) {
                        *state = State::Done(result);
                    }
                }
                State::Idle | State::Done(_) => {
                    state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }
}

/// Moves what can be moved without waiting for anybody, and syncs.
pub(super) fn passive(sql: &Connection) -> rusqlite::Result<()> {
    sql.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
}

/// Moves everything, syncs, and empties the log. False if another program is in the way.
pub(super) fn truncate(sql: &Connection) -> rusqlite::Result<bool> {
    sql.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0))
        .map(|busy| busy == 0)
}
