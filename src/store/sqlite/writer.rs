//! The thread that writes. It takes everything that waits into one transaction, commits, and only then answers.
//!
//! What can go wrong with a transaction is one of three things. There was no room: it is taken back, events are told so,
//! and what must be written waits for room. Another program holds the lock: it is tried again. Anything else leaves doubt
//! about what is on the disk: the store is poisoned, every waiting operation learns it, and nothing is tried again. A
//! panic of this thread is the third thing, too.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::fault::{self, Plant};

use super::super::{Promise, StoreError};
use super::checkpoint::truncate;
use super::chore::{Chore, Step};
use super::folder::{Folder, Place};
use super::known::Known;
use super::lanes::Lane;
use super::now;
use super::operation::Operation;
use super::queue::Queue;
use super::shared::Shared;
use super::space::{Failure, Lines, Space, Usage, classify};
use super::tally::Delta;
use super::upkeep::Upkeep;
use super::work::{Trouble, Work};

/// How long it sleeps when there is nothing to do, and when it waits for room.
const IDLE: Duration = Duration::from_secs(1);
const WAITING: Duration = Duration::from_millis(250);

/// Everything that the thread owns or shares.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) sql: Connection,
    pub(super) folder: Folder,
    pub(super) place: Place,
    pub(super) shared: Arc<Shared>,
    pub(super) queue: Arc<Queue>,
    pub(super) lanes: [Arc<Lane>; 2],
    pub(super) known: Known,
    pub(super) space: Space,
    pub(super) usage: Usage,
    pub(super) upkeep: Upkeep,
    /// What is in the transaction under way. It is kept here so that a panic does not lose the promises.
    batch: Vec<Operation>,
    chores: VecDeque<(Chore, Promise<u64>)>,
    /// When it last complained that another program holds the lock.
    complained: Option<Instant>,
}

/// What a writer is made of.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) sql: Connection,
    pub(super) folder: Folder,
    pub(super) place: Place,
    pub(super) shared: Arc<Shared>,
    pub(super) queue: Arc<Queue>,
    pub(super) lanes: [Arc<Lane>; 2],
    pub(super) known: Known,
    pub(super) upkeep: Upkeep,
}

impl Writer {
    pub(super) fn new(parts: Parts) -> rusqlite::Result<Self> {
        let Parts { sql, folder, place, shared, queue, lanes, known, upkeep } = parts;
        let usage = Usage::measure(&sql, &folder)?;
        let space = Space::new(&folder);
        let mut writer = Self {
            sql,
            folder,
            place,
            shared,
            queue,
            lanes,
            known,
            space,
            usage,
            upkeep,
            batch: Vec::new(),
            chores: VecDeque::new(),
            complained: None,
        };
        writer.publish();
        Ok(writer)
    }

    /// Runs until it is closed, let go of, or poisoned.
    pub(super) fn run(mut self) {
        let ended = catch_unwind(AssertUnwindSafe(|| self.serve()));
        if ended.is_err() {
            // What a panic says may quote an event; where it was is in the log.
            self.shared.poison("the writing thread panicked");
        }
        self.queue.close();
        self.shared.close();
        let error = self.shared.refusal().unwrap_or(StoreError::Closed);
        for operation in self.batch.drain(..).chain(self.queue.drain()) {
            operation.refuse(error.clone());
        }
        for (_, promise) in self.chores.drain(..) {
            promise.answer(Err(error.clone()));
        }
    }

    fn serve(&mut self) {
        loop {
            let mut taken = self.queue.take(self.patience());
            let closing = taken.pop_if(|last| matches!(last, Operation::Close(_)));
            for operation in taken {
                match operation {
                    Operation::Chore(chore, promise) => self.chores.push_back((*chore, promise)),
                    operation => self.batch.push(operation),
                }
            }
            if !self.batch.is_empty() || !self.chores.is_empty() {
                self.commit();
            }
            self.publish();
            if self.is_poisoned() {
                if let Some(closing) = closing {
                    self.batch.push(closing);
                }
                return;
            }
            if let Some(closing) = closing {
                self.close(closing);
                return;
            }
            if self.queue.is_over() && self.chores.is_empty() {
                return;
            }
            if let Err(error) = super::upkeep::run(self) {
                self.failed(&error, "tidying");
            }
        }
    }

    /// How long it may sleep.
    fn patience(&self) -> Duration {
        if !self.chores.is_empty() || self.upkeep.is_busy() {
            Duration::ZERO
        } else if !self.batch.is_empty() || self.shared.full().is_some() {
            WAITING
        } else {
            IDLE
        }
    }

    /// The lines that hold now.
    pub(super) fn lines(&self) -> Lines {
        Lines::of(self.space.bounds(self.shared.bounds()))
    }

    fn is_poisoned(&self) -> bool {
        matches!(self.shared.refusal(), Some(StoreError::Poisoned(_)))
    }

    /// Commits the batch, and one step of what takes many, and answers. What found no room and must be done stays in the
    /// batch.
    fn commit(&mut self) {
        let began = now();
        self.queue.begin(began);
        if let Some(reason) = self.shared.full() {
            self.refuse(Operation::grows, &StoreError::Full(reason));
        }
        loop {
            let mut delta = Delta::default();
            match self.transaction(&mut delta) {
                Ok(step) => {
                    self.committed(began, &delta, step);
                    break;
                }
                Err(error) => {
                    if self.failed(&error, "a transaction") {
                        break;
                    }
                }
            }
        }
        self.queue.end(now());
    }

    fn transaction(
        &mut self,
        delta: &mut Delta,
    ) -> rusqlite::Result<Option<Result<Step, StoreError>>> {
        let mut room = self.space.room(self.usage, self.shared.bounds());
        self.sql.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let mut work = Work { sql: &self.sql, known: &mut self.known, delta, room: &mut room };
        for operation in &mut self.batch {
            operation.run(&mut work)?;
        }
        let step = match self.chores.front().map(|(chore, _)| chore.step(&mut work)) {
            None => None,
            Some(Ok(step)) => Some(Ok(step)),
            Some(Err(Trouble::Refused(error))) => Some(Err(error)),
            Some(Err(Trouble::Sql(error))) => return Err(error),
        };
        if fault::planted(Plant::ReplyBeforeCommit) {
            self.batch.drain(..).for_each(Operation::answer);
            // Long enough for the answers to leave before the point below.
            #[expect(
                clippy::disallowed_methods,
                reason = "a thread of the store's own, and a planted bug"
            )]
            std::thread::sleep(Duration::from_millis(20));
        }
        fault::point("store.before-commit");
        self.sql.prepare_cached("COMMIT")?.execute([])?;
        Ok(step)
    }

    /// It is on stable storage.
    fn committed(&mut self, began: Instant, delta: &Delta, step: Option<Result<Step, StoreError>>) {
        if !self.keep(delta) {
            return;
        }
        fault::point("store.after-commit");
        self.shared.metrics.committed(now().saturating_duration_since(began));
        for operation in self.batch.drain(..) {
            operation.answer();
        }
        let Some((mut chore, promise)) = step.as_ref().and_then(|_| self.chores.pop_front()) else {
            return;
        };
        match step {
            Some(Ok(step)) => {
                if chore.advance(step) {
                    self.chores.push_front((chore, promise));
                } else {
                    promise.answer(Ok(chore.done));
                }
            }
            Some(Err(error)) => promise.answer(Err(error)),
            None => {}
        }
    }

    /// Takes in what a committed transaction changed. False if the files that it went to are no longer ours: then it is as
    /// good as lost.
    pub(super) fn keep(&mut self, delta: &Delta) -> bool {
        self.known.keep();
        if Place::of(&self.folder).ok() != Some(self.place) {
            let folder = self.folder.path.display();
            self.shared.poison(&format!(
                "the files in {folder} were removed or replaced while the store was open"
            ));
            return false;
        }
        self.shared.commits.fetch_add(1, Ordering::Relaxed);
        self.shared.tally(|tally| tally.add(delta, &self.known.targets));
        self.upkeep.note(&delta.ended);
        self.measure();
        true
    }

    /// Looks what it takes.
    pub(super) fn measure(&mut self) {
        // If that cannot be read, neither can anything else, and the next transaction tells.
        if let Ok(usage) = Usage::measure(&self.sql, &self.folder) {
            self.usage = usage;
        }
    }

    /// A transaction failed: takes it back, and does what its failure asks for. Returns whether the batch is done with for
    /// now; if not, it is to be tried again.
    pub(super) fn failed(&mut self, error: &rusqlite::Error, what: &str) -> bool {
        self.known.take_back();
        if !self.sql.is_autocommit()
            && let Err(error) = self.sql.execute_batch("ROLLBACK")
        {
            self.shared.poison(&format!("{what} could not be taken back: {error}"));
            return true;
        }
        match classify(error, &self.folder) {
            Failure::Fatal(reason) => {
                self.shared.poison(&format!("{what} failed: {reason}"));
                true
            }
            Failure::Full => self.found_no_room(),
            Failure::Busy => self.found_it_locked(),
        }
    }

    /// Whoever need not be served is told; the rest is tried again, and then waits.
    fn found_no_room(&mut self) -> bool {
        let now = now();
        self.space.write_failed(now);
        let reason = self.space.refusal(now, self.usage, self.shared.bounds());
        let reason = reason.unwrap_or_else(|| "the disk is full".to_owned());
        self.shared.set_full(Some(reason.clone()));
        let full = StoreError::Full(reason);
        if self.refuse(Operation::grows, &full) {
            return false;
        }
        for (_, promise) in self.chores.drain(..) {
            promise.answer(Err(full.clone()));
        }
        !self.refuse(|operation| !operation.must_be_done(), &full) || self.batch.is_empty()
    }

    /// Events have waited for a second by now: they are sent away. The rest waits on, but not for ever at the end.
    fn found_it_locked(&mut self) -> bool {
        let now = now();
        let silent = |since: Instant| now.saturating_duration_since(since).as_secs() < 10;
        if !self.complained.is_some_and(silent) {
            self.complained = Some(now);
            let folder = self.folder.path.display();
            tracing::warn!(%folder, "another program holds the store's lock; events are refused");
        }
        self.refuse(Operation::grows, &StoreError::Behind);
        if self.queue.is_over() {
            self.refuse(|_| true, &StoreError::Behind);
        }
        true
    }

    /// Refuses those of the batch that are such. Returns whether there were any.
    fn refuse(&mut self, such: impl Fn(&Operation) -> bool, error: &StoreError) -> bool {
        let before = self.batch.len();
        for operation in self.batch.extract_if(.., |operation| such(operation)) {
            operation.refuse(error.clone());
        }
        self.batch.len() < before
    }

    /// Tells the others how it is.
    fn publish(&mut self) {
        let bytes = self.usage.bytes();
        self.shared.bytes.store(bytes, Ordering::Relaxed);
        self.shared.metrics.store_bytes(bytes);
        let reason = self.space.refusal(now(), self.usage, self.shared.bounds());
        self.shared.set_full(reason);
    }

    /// Leaves a store that needs no recovery, and no thread behind.
    fn close(&mut self, closing: Operation) {
        let closed = StoreError::Closed;
        self.refuse(|_| true, &closed);
        for (_, promise) in self.chores.drain(..) {
            promise.answer(Err(closed.clone()));
        }
        self.shared.close();
        for lane in &self.lanes {
            lane.stop();
        }
        self.upkeep.stop();
        match truncate(&self.sql) {
            Ok(true) => closing.answer(),
            Ok(false) => {
                tracing::warn!(
                    "another program reads the store, so its log stays; nothing is lost"
                );
                closing.answer();
            }
            // Everything that was acknowledged is in the log, which is synced.
            Err(error) => closing.refuse(StoreError::Poisoned(error.to_string())),
        }
    }
}
