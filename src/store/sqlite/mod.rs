//! The store on disk: SQLite, with one thread that writes and a few that read.
//!
//! Promises: what it acknowledges is synced; one process has a data folder; what was found after an unclean end is made
//! durable before anything is told; a body that changed on the disk is noticed; a full disk refuses new events and
//! nothing else; doubt ends it. It leaves out what depends on the whole log being there: SQLite takes the first bad frame
//! of its log for the log's end, so damage there looks like a crash before that frame.
//!
//! By role: `folder`, `schema` and `migrate` are the files, `queue` and `writer` the way in, `operation`, `append`, `settle` and
//! `chore` what is done inside a transaction, `known` and `tally` what is kept in memory beside it, `blocks` what lets a
//! search pass events by, `lanes`, `read`, `search` and `list` the ways out, `upkeep`, `retention`, `checkpoint` and `space` what keeps it small.

mod append;
mod blocks;
mod checkpoint;
mod chore;
mod facts;
mod folder;
mod known;
mod lanes;
mod list;
mod migrate;
mod operation;
mod queue;
mod read;
mod retention;
mod row;
mod schema;
mod search;
mod settle;
mod shared;
mod space;
mod tally;
#[cfg(test)]
mod tests;
mod upkeep;
mod work;
mod writer;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::clock::{Clock, Timestamp};
use crate::delivery::DeliveryId;
use crate::event::EventId;
use crate::fault::{self, Plant};
use crate::name::{ContentHash, Revision, TargetName};
use crate::telemetry::Metrics;

use super::{
    Append, Appended, Arrivals, Body, Bounds, Bury, Counts, DeadLetter, DeadSelection,
    DeliveryRecord, EventFilter, EventPage, EventRecord, Health, Page, Pending, Promise, Ready,
    Replay, Settle, Settled, Stats, Store, StoreError, Stretch, Tried,
};
use append::Prepared;
use checkpoint::{Checkpointer, truncate};
use chore::{Action, Chore};
use facts::Facts;
use folder::{Folder, Place};
use known::Known;
use lanes::{Lane, READ_MAX};
use operation::{NewRevision, Operation, Task};
use queue::{Batch, Queue};
use schema::{Role, connect};
use search::{FEW, Reach};
use shared::Shared;
use space::Lines;
use tally::Tally;
use upkeep::Upkeep;
use writer::{Parts, Writer};

pub use folder::OpenError;

/// What a store is opened with.
#[derive(Debug, Clone)]
pub struct Options {
    /// The data folder; it is made if it is not there.
    pub folder: PathBuf,
    /// Its bounds, until a reload changes them.
    pub bounds: Bounds,
    /// The wall clock, by which history grows old.
    pub clock: Arc<dyn Clock>,
    /// Where commits and size are counted.
    pub metrics: Arc<Metrics>,
}

/// What only tests change.
#[derive(Debug, Clone, Copy)]
struct Tuning {
    batch: Batch,
    /// How often history is looked through.
    sweep_every: Duration,
    /// The longest that a read may take.
    read_max: Duration,
    /// How long a listing looks for what it was asked for.
    look_max: Duration,
    /// Most pages that the database may have, as if the disk were full then.
    pages_max: Option<i64>,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            batch: Batch { count: 1_024, bytes: 8 << 20 },
            sweep_every: Duration::from_mins(1),
            read_max: READ_MAX,
            look_max: LOOK_MAX,
            pages_max: None,
        }
    }
}

/// A listing is answered after this time, with what was found by then, and goes on with the next page.
const LOOK_MAX: Duration = Duration::from_millis(30);

/// The store. When it is dropped without being closed, what was queued is still done, and the log is left as a crash would
/// leave it.
#[derive(Debug)]
pub struct Sqlite {
    shared: Arc<Shared>,
    queue: Arc<Queue>,
    /// For dispatch.
    quick: Arc<Lane>,
    /// For people.
    slow: Arc<Lane>,
    facts: Vec<(&'static str, String)>,
    warnings: Vec<String>,
    look_max: Duration,
    writer: Mutex<Option<JoinHandle<()>>>,
}

/// The store's threads live outside of tokio, whose clock can be paused.
#[expect(clippy::disallowed_methods, reason = "threads of the store know no tokio time")]
fn now() -> Instant {
    Instant::now()
}

impl Sqlite {
    /// Opens the store in the folder, or makes one. Ready when it returns.
    pub fn open(options: Options) -> Result<Self, OpenError> {
        Self::open_tuned(options, Tuning::default())
    }

    fn open_tuned(options: Options, tuning: Tuning) -> Result<Self, OpenError> {
        let folder = Folder::open(&options.folder)?;
        let path = folder.database.clone();
        Self::start(folder, options, tuning).map_err(|source| OpenError::Engine { path, source })
    }

    fn start(folder: Folder, options: Options, tuning: Tuning) -> rusqlite::Result<Self> {
        let Options { bounds, clock, metrics, folder: _ } = options;
        let mut sql = connect(&folder.database, Role::Writer)?;
        recover(&sql, &folder)?;
        let log_pages = Arc::new(AtomicU64::new(0));
        let told = Arc::clone(&log_pages);
        sql.wal_hook(Some(move |_: &mut _, pages| {
            told.store(u64::try_from(pages).unwrap_or(0), Ordering::Relaxed);
            Ok(())
        }))?;
        sql.pragma_update(None, "journal_size_limit", row::integer(Lines::of(bounds).log))?;
        if let Some(pages) = tuning.pages_max {
            sql.pragma_update(None, "max_page_count", pages)?;
        }
        // The first write: whether it works is known before anything is promised.
        sql.execute_batch(
            "INSERT INTO meta (key, value) VALUES ('starts', 1) \
             ON CONFLICT (key) DO UPDATE SET value = value + 1",
        )?;
        let place = Place::of(&folder).map_err(io_error)?;
        let known = Known::load(&sql, clock.now().millis())?;
        let tally = Tally::count(&sql, &known.targets)?;
        let Facts { facts, warnings } = facts::collect(&sql, &folder)?;
        let database = folder.database.clone();
        let quick = Arc::new(Lane::start("due", &database, (1, 8_192, tuning.read_max))?);
        let slow = Arc::new(Lane::start("list", &database, (2, 256, tuning.read_max))?);
        let checkpointer = Checkpointer::start(&database)?;
        let upkeep = Upkeep::new(clock, checkpointer, log_pages, tuning.sweep_every);
        let shared = Arc::new(Shared::new(bounds, metrics, tally));
        let queue = Arc::new(Queue::new(tuning.batch));
        let writer = Writer::new(Parts {
            sql,
            folder,
            place,
            shared: Arc::clone(&shared),
            queue: Arc::clone(&queue),
            lanes: [Arc::clone(&quick), Arc::clone(&slow)],
            known,
            upkeep,
        })?;
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || writer.run())
            .map_err(io_error)?;
        let (look_max, writer) = (tuning.look_max, Mutex::new(Some(thread)));
        Ok(Self { shared, queue, quick, slow, facts, warnings, look_max, writer })
    }

    /// Transactions that were committed since it was opened: fewer than operations, if many went together.
    pub fn commits(&self) -> u64 {
        self.shared.commits.load(Ordering::Relaxed)
    }

    /// Lines an operation up for the writer.
    fn write<T>(&self, make: impl FnOnce(Promise<T>) -> Operation) -> Pending<T> {
        if let Some(error) = self.shared.refusal() {
            return Pending::ready(Err(error));
        }
        let (promise, pending) = Pending::new();
        if let Err((operation, error)) = self.queue.push(make(promise), now()) {
            operation.refuse(self.shared.refusal().unwrap_or(error));
        }
        pending
    }

    /// Pending deliveries, of the target that a filter names, or all.
    fn pending(&self, filter: &EventFilter) -> u64 {
        self.shared.tally(|tally| match &filter.target {
            Some(name) => tally.targets.get(name.as_str()).map_or(0, |target| target.pending),
            None => tally.targets.values().map(|target| target.pending).sum(),
        })
    }

    fn write_chore(&self, chore: Chore) -> Pending<u64> {
        self.write(|promise| Operation::Chore(Box::new(chore), promise))
    }

    /// Has something read, unless the store is no more.
    fn read<T: Send + 'static>(
        &self,
        lane: &Lane,
        read: impl FnOnce(&rusqlite::Connection) -> Result<T, lanes::ReadError> + Send + 'static,
    ) -> Pending<T> {
        match self.shared.refusal() {
            Some(error) => Pending::ready(Err(error)),
            None => lane.read(read),
        }
    }
}

/// What a process that ended without closing left in the log may be in memory only: it is moved into the database and
/// synced, so that what is told from now on is on the disk.
fn recover(sql: &rusqlite::Connection, folder: &Folder) -> rusqlite::Result<()> {
    let mode: String =
        sql.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    if mode != "wal" {
        return Err(io_error(std::io::Error::other(format!(
            "the file system allows no shared memory, so the journal is {mode:?} instead of \"wal\""
        ))));
    }
    let left = std::fs::metadata(folder.log()).map_or(0, |log| log.len());
    if left > 0 {
        tracing::info!(bytes = left, "the store was not closed; making durable what it holds");
    }
    if !truncate(sql)? {
        return Err(io_error(std::io::Error::other("another program holds the database open")));
    }
    Ok(())
}

/// An error of the system's, in the engine's terms.
fn io_error(error: std::io::Error) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(Box::new(error))
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        self.queue.close();
        let thread = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the store's writing thread had panicked");
        }
    }
}

impl Store for Sqlite {
    fn append(&self, event: Append) -> Pending<Appended> {
        if let Some(reason) = self.shared.full() {
            if fault::planted(Plant::DropOnFull) {
                let (receipt, fate) = (super::Receipt::new(), super::Fate::Stored(Vec::new()));
                return Pending::ready(Ok(Appended { receipt, fate }));
            }
            return Pending::ready(Err(StoreError::Full(reason)));
        }
        let prepared = Prepared::new(event);
        self.write(|promise| Operation::Append(Box::new(Task::new(prepared, promise))))
    }

    fn settle(&self, settle: Settle) -> Pending<Settled> {
        self.write(|promise| Operation::Settle(Box::new(Task::new(settle, promise))))
    }

    fn replay(&self, replay: Replay) -> Pending<Vec<Ready>> {
        self.write(|promise| Operation::Replay(Box::new(Task::new(replay, promise))))
    }

    fn reopen(&self, selection: DeadSelection, now: Timestamp) -> Pending<u64> {
        self.write_chore(Chore::dead(selection, now, Action::Reopen))
    }

    fn drop_dead(&self, selection: DeadSelection, now: Timestamp) -> Pending<u64> {
        self.write_chore(Chore::dead(selection, now, Action::Drop))
    }

    fn bury(&self, bury: Bury) -> Pending<u64> {
        self.write_chore(Chore::bury(bury))
    }

    fn set_paused(&self, target: TargetName, paused: bool) -> Pending<()> {
        self.write(|promise| Operation::Pause(Box::new(Task::new((target, paused), promise))))
    }

    fn add_revision(&self, text: Arc<str>, hash: ContentHash, now: Timestamp) -> Pending<Revision> {
        let new = NewRevision { text, hash, now };
        self.write(|promise| Operation::Revision(Box::new(Task::new(new, promise))))
    }

    fn due(
        &self,
        target: &TargetName,
        after: Option<(Timestamp, DeliveryId)>,
        limit: usize,
    ) -> Pending<Vec<Ready>> {
        let target = target.clone();
        self.read(&self.quick, move |sql| read::due(sql, &target, after, limit))
    }

    fn body(&self, event: EventId) -> Pending<Body> {
        self.read(&self.quick, move |sql| read::body(sql, event))
    }

    fn bodies(&self, events: Vec<EventId>, most: usize) -> Pending<Vec<(EventId, Body)>> {
        self.read(&self.quick, move |sql| read::bodies(sql, events, most))
    }

    fn stats(&self) -> Pending<Stats> {
        let shared = Arc::clone(&self.shared);
        self.read(&self.quick, move |sql| {
            let (targets, quarantined, events) =
                shared.tally(|tally| (tally.targets.clone(), tally.quarantined, tally.events));
            let waiting = targets.values().filter(|target| target.pending > 0);
            let oldest = read::oldest(sql, waiting.map(|target| target.id).collect())?;
            let counted = targets.into_iter().map(|(name, target)| {
                let counts = Counts {
                    pending: target.pending,
                    oldest_pending: oldest.get(&target.id).copied(),
                    dead: target.dead,
                    paused: target.paused,
                };
                (name, counts)
            });
            let targets = counted.filter(|(_, counts)| *counts != Counts::default()).collect();
            let bytes = shared.bytes.load(Ordering::Relaxed);
            Ok(Stats { targets, quarantined, events, bytes })
        })
    }

    fn events(&self, filter: EventFilter, page: Page) -> Pending<EventPage> {
        let reach = Reach { time: self.look_max, few_pending: self.pending(&filter) <= FEW };
        self.read(&self.slow, move |sql| search::events(sql, &filter, &page, reach))
    }

    fn arrivals(&self, filter: EventFilter, from: u64, limit: usize) -> Pending<Arrivals> {
        let reach = self.look_max;
        self.read(&self.slow, move |sql| search::arrivals(sql, &filter, (from, limit), reach))
    }

    fn listed(&self, ids: Vec<EventId>) -> Pending<Vec<(EventRecord, Vec<DeliveryRecord>)>> {
        self.read(&self.slow, move |sql| search::listed(sql, &ids))
    }

    fn stretch(
        &self,
        filter: EventFilter,
        from: u64,
        limit: usize,
        most: usize,
    ) -> Pending<Stretch> {
        self.read(&self.slow, move |sql| search::stretch(sql, &filter, from, (limit, most)))
    }

    fn event(&self, id: EventId) -> Pending<(EventRecord, Tried)> {
        self.read(&self.slow, move |sql| list::event(sql, id))
    }

    fn dead_letters(&self, selection: DeadSelection, page: Page) -> Pending<Vec<DeadLetter>> {
        self.read(&self.slow, move |sql| list::dead_letters(sql, &selection, &page))
    }

    fn revision(&self, number: u64) -> Pending<(Revision, Arc<str>, Timestamp)> {
        self.read(&self.slow, move |sql| list::revision(sql, number))
    }

    fn revisions(&self, limit: usize) -> Pending<Vec<(Revision, Timestamp)>> {
        self.read(&self.slow, move |sql| list::revisions(sql, limit))
    }

    fn health(&self) -> Health {
        self.shared.health()
    }

    fn poisoned(&self) -> Pending<String> {
        self.shared.watch()
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        self.facts.clone()
    }

    fn warnings(&self) -> Vec<String> {
        self.warnings.clone()
    }

    fn set_bounds(&self, bounds: Bounds) {
        self.shared.set_bounds(bounds);
    }

    fn close(&self) -> Pending<()> {
        self.write(Operation::Close)
    }
}
