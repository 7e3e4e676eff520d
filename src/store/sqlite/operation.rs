//! What the writer is asked to do, each with the promise that waits for it.

use std::sync::Arc;

use rusqlite::OptionalExtension;

use crate::clock::Timestamp;
use crate::name::{ContentHash, Revision, TargetName};

use super::super::{Appended, Fate, Promise, Ready, Receipt, Replay, Settle, Settled, StoreError};
use super::append::{self, Prepared};
use super::chore::Chore;
use super::row::{integer, number};
use super::settle;
use super::work::{Trouble, Work};

/// Something to do, who waits for it, and, once it was done, what came of it.
#[derive(Debug)]
pub(super) struct Task<I, O, P = O> {
    input: I,
    promise: Promise<P>,
    result: Option<Result<O, StoreError>>,
}

/// A revision to record.
#[derive(Debug)]
pub(super) struct NewRevision {
    pub(super) text: Arc<str>,
    pub(super) hash: ContentHash,
    pub(super) now: Timestamp,
}

/// What the writer does.
#[derive(Debug)]
pub(super) enum Operation {
    Append(Box<Task<Prepared, Fate, Appended>>),
    Settle(Box<Task<Settle, Settled>>),
    Replay(Box<Task<Replay, Vec<Ready>>>),
    Pause(Box<Task<(TargetName, bool), ()>>),
    Revision(Box<Task<NewRevision, Revision>>),
    Chore(Box<Chore>, Promise<u64>),
    Close(Promise<()>),
}

impl<I, O, P> Task<I, O, P> {
    pub(super) fn new(input: I, promise: Promise<P>) -> Self {
        Self { input, promise, result: None }
    }

    /// Keeps what came of it until it is durable; a refusal of this one alone is an outcome, too.
    fn record(
        &mut self,
        work: &mut Work<'_>,
        run: impl FnOnce(&mut I, &mut Work<'_>) -> Result<O, Trouble>,
    ) -> Result<(), rusqlite::Error> {
        self.result = Some(match run(&mut self.input, work) {
            Ok(done) => Ok(done),
            Err(Trouble::Refused(error)) => Err(error),
            Err(Trouble::Sql(error)) => return Err(error),
        });
        Ok(())
    }

    fn answer(self, finish: impl FnOnce(O) -> P) {
        let result = self.result.unwrap_or(Err(StoreError::Closed));
        self.promise.answer(result.map(finish));
    }
}

impl Operation {
    /// Bytes that it holds in memory, about.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Append(task) => task.input.weight(),
            Self::Revision(task) => task.input.text.len(),
            _ => 512,
        }
    }

    /// Whether it is refused when space is short.
    pub(super) fn grows(&self) -> bool {
        matches!(self, Self::Append(_) | Self::Replay(_))
    }

    /// Whether it waits for space instead of being refused.
    pub(super) fn must_be_done(&self) -> bool {
        matches!(self, Self::Settle(_))
    }

    /// Does it inside a transaction. An error is one of the transaction; it may be run again after that was taken back.
    pub(super) fn run(&mut self, work: &mut Work<'_>) -> Result<(), rusqlite::Error> {
        match self {
            Self::Append(task) => task.record(work, Prepared::run),
            Self::Settle(task) => task.record(work, |input, work| settle::settle(work, input)),
            Self::Replay(task) => task.record(work, |input, work| append::replay(work, input)),
            Self::Pause(task) => task.record(work, |input, work| pause(work, input)),
            Self::Revision(task) => task.record(work, |input, work| revision(work, input)),
            // The writer keeps these apart: they take several transactions, or none.
            Self::Chore(..) | Self::Close(_) => Ok(()),
        }
    }

    /// Answers with what came of it: it is durable.
    pub(super) fn answer(self) {
        match self {
            // The one place where a receipt is made: after the commit.
            Self::Append(task) => task.answer(|fate| Appended { receipt: Receipt::new(), fate }),
            Self::Settle(task) => task.answer(|settled| settled),
            Self::Replay(task) => task.answer(|ready| ready),
            Self::Pause(task) => task.answer(|()| ()),
            Self::Revision(task) => task.answer(|revision| revision),
            Self::Chore(chore, promise) => promise.answer(Ok(chore.done)),
            Self::Close(promise) => promise.answer(Ok(())),
        }
    }

    /// Answers that it was not done.
    pub(super) fn refuse(self, error: StoreError) {
        match self {
            Self::Append(task) => task.promise.answer(Err(error)),
            Self::Settle(task) => task.promise.answer(Err(error)),
            Self::Replay(task) => task.promise.answer(Err(error)),
            Self::Pause(task) => task.promise.answer(Err(error)),
            Self::Revision(task) => task.promise.answer(Err(error)),
            Self::Chore(_, promise) => promise.answer(Err(error)),
            Self::Close(promise) => promise.answer(Err(error)),
        }
    }
}

fn pause(work: &mut Work<'_>, (target, paused): &(TargetName, bool)) -> Result<(), Trouble> {
    let id = work.known.targets.number(work.sql, target)?;
    let query = "UPDATE targets SET paused = ?2 WHERE id = ?1";
    work.sql.prepare_cached(query)?.execute((id, paused))?;
    work.delta.of(id).paused = Some(*paused);
    Ok(())
}

fn revision(work: &mut Work<'_>, new: &NewRevision) -> Result<Revision, Trouble> {
    let query = "SELECT number, hash, text = ?1 FROM revisions ORDER BY number DESC LIMIT 1";
    let latest: Option<(i64, [u8; 32], bool)> = work
        .sql
        .prepare_cached(query)?
        .query_row([&*new.text], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    if let Some((latest, hash, true)) = latest {
        return Ok(Revision { number: number(latest), hash: ContentHash(hash) });
    }
    let next = latest.map_or(1, |(latest, ..)| latest + 1);
    let query = "INSERT INTO revisions (number, hash, text, since) VALUES (?1, ?2, ?3, ?4)";
    let row = (integer(next), new.hash.0, &*new.text, new.now.millis());
    work.sql.prepare_cached(query)?.execute(row)?;
    Ok(Revision { number: number(next), hash: new.hash })
}
