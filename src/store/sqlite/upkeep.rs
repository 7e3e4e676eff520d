//! What the writer does between the transactions of others: moving the log, forgetting, giving space back. Each call does
//! a little, so that nobody waits long.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::clock::Clock;
use crate::fault;

use super::blocks::{number_of, summarise};
use super::checkpoint::{Checkpointer, passive, truncate};
use super::now;
use super::retention::{Step, Sweep, remove_ended, uncrowd_seen};
use super::schema::PAGE_SIZE;
use super::space::{Failure, classify};
use super::tally::Delta;
use super::work::{CHUNK, Room, Trouble, Work};
use super::writer::Writer;

/// Events that a step of a sweep looks at when others wait, and when nobody does.
const HURRIED: usize = 64;
/// Pages that are given back in one step: 1 MiB.
const GIVE_BACK: u32 = 64;
/// Most events that are remembered as having ended, while space is short.
const ENDED_MAX: usize = 10_000;
/// How often a log on a short disk is asked to give back what it can.
const RELIEVE_EVERY: Duration = Duration::from_secs(1);
/// A sweep rests for this many times as long as it took.
const REST: u32 = 20;

/// When what is to be done next.
#[derive(Debug)]
pub(super) struct Upkeep {
    clock: Arc<dyn Clock>,
    /// Pages in the log, as SQLite counts them after each commit.
    log_pages: Arc<AtomicU64>,
    checkpointer: Option<Checkpointer>,
    every: Duration,
    by_age: Timed,
    by_size: Timed,
    /// Events that may have become history, while there is nothing else to remove.
    ended: VecDeque<i64>,
    shrink: Shrink,
    /// Blocks from this one down may have no row that tells what is in them; none once all have.
    unsummed: Option<i64>,
    /// When the log last gave back what it could.
    relieved: Instant,
    /// Something was done in the last call, and there may be more.
    busy: bool,
}

/// Whether history is removed for its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shrink {
    /// There is room.
    No,
    /// Space is short, and has been since.
    Yes,
    /// It is short, and a sweep has seen all and found nothing: for now, what there is is not history.
    Exhausted,
}

/// A sweep, or when the next one begins.
#[derive(Debug)]
struct Timed {
    sweep: Option<Sweep>,
    began: Instant,
    next: Instant,
}

impl Timed {
    fn new(next: Instant) -> Self {
        Self { sweep: None, began: next, next }
    }

    fn begin(&mut self, sweep: Sweep) {
        (self.sweep, self.began) = (Some(sweep), now());
    }

    fn end(&mut self, rest: Duration) {
        let took = self.began.elapsed();
        self.sweep = None;
        self.next = now() + rest.max(took.saturating_mul(REST));
    }
}

impl Upkeep {
    /// Sweeps by age begin `every` so often.
    pub(super) fn new(
        clock: Arc<dyn Clock>,
        checkpointer: Checkpointer,
        log_pages: Arc<AtomicU64>,
        every: Duration,
    ) -> Self {
        Self {
            clock,
            log_pages,
            checkpointer: Some(checkpointer),
            every,
            by_age: Timed::new(now() + every),
            by_size: Timed::new(now()),
            ended: VecDeque::new(),
            shrink: Shrink::No,
            unsummed: Some(i64::MAX),
            relieved: now(),
            busy: false,
        }
    }

    pub(super) fn is_busy(&self) -> bool {
        self.busy
    }

    /// These events may have become history.
    pub(super) fn note(&mut self, ended: &[i64]) {
        if self.shrink != Shrink::Exhausted {
            return;
        }
        self.ended.extend(ended);
        if self.ended.len() > ENDED_MAX {
            self.ended.clear();
            self.shrink = Shrink::Yes;
        }
    }

    /// Ends its thread.
    pub(super) fn stop(&mut self) {
        self.checkpointer = None;
    }
}

/// Does the next little thing.
pub(super) fn run(writer: &mut Writer) -> rusqlite::Result<()> {
    writer.upkeep.busy = false;
    move_log(writer)?;
    if writer.known.seen.is_crowded() {
        tracing::warn!(
            "repeats come faster than can be remembered; the oldest are forgotten early"
        );
        transaction(writer, uncrowd_seen)?;
        writer.upkeep.busy = true;
    }
    let now = now();
    let lines = writer.lines();
    let upkeep = &mut writer.upkeep;
    let line = if upkeep.shrink == Shrink::No { lines.soft } else { lines.goal };
    if writer.usage.used <= line {
        upkeep.shrink = Shrink::No;
    } else {
        if upkeep.shrink == Shrink::No {
            upkeep.shrink = Shrink::Yes;
        }
        shrink(writer, now)?;
    }
    let upkeep = &mut writer.upkeep;
    if upkeep.by_age.sweep.is_none() && now >= upkeep.by_age.next {
        let bounds = writer.shared.bounds();
        upkeep.by_age.begin(Sweep::by_age(bounds, upkeep.clock.now()));
    }
    if upkeep.by_age.sweep.is_some() && !sweep(writer, |upkeep| &mut upkeep.by_age)? {
        let every = writer.upkeep.every;
        writer.upkeep.by_age.end(every);
    }
    relieve(writer, now)?;
    sum_up(writer)?;
    give_back(writer)
}

/// Writes what an old block has in it, while nobody waits and there is room.
fn sum_up(writer: &mut Writer) -> rusqlite::Result<()> {
    let Some(from) = writer.upkeep.unsummed else { return Ok(()) };
    let short = writer.upkeep.shrink != Shrink::No || writer.space.is_disk_short();
    if writer.upkeep.busy || short || !writer.queue.is_empty() {
        return Ok(());
    }
    // The current one is not whole yet.
    let from = from.min(number_of(writer.known.next_event) - 1);
    let next = transaction(writer, |work| Ok(summarise(work.sql, from)?))?;
    writer.upkeep.unsummed = next.flatten();
    writer.upkeep.busy = writer.upkeep.unsummed.is_some();
    Ok(())
}

/// Asks for a checkpoint when the log is long, and finishes one that was made.
fn move_log(writer: &Writer) -> rusqlite::Result<()> {
    let Some(checkpointer) = &writer.upkeep.checkpointer else { return Ok(()) };
    let log = writer.upkeep.log_pages.load(Ordering::Relaxed) * u64::from(PAGE_SIZE);
    let limit = writer.lines().log;
    match checkpointer.done() {
        Some(Ok(())) => finish_log(writer)?,
        // The log keeps what could not be moved, and it is tried again. Only doubt ends the store.
        Some(Err(error)) => match classify(&error, &writer.folder) {
            Failure::Fatal(_) => return Err(error),
            Failure::Full | Failure::Busy => {
                tracing::warn!(%error, "the log could not be moved into the database");
            }
        },
        // It grew faster than it was moved, or there is no room for it to grow at all: now commits have to wait.
        None if log > 2 * limit || (log > limit && writer.space.is_disk_short()) => {
            finish_log(writer)?;
        }
        None if log > limit => checkpointer.ask(),
        None => {}
    }
    Ok(())
}

/// Moves what is left in the log. The next commit begins it anew, unless somebody still reads it, and tells its length.
fn finish_log(writer: &Writer) -> rusqlite::Result<()> {
    fault::point("store.checkpoint");
    passive(&writer.sql)?;
    fault::point("store.after-checkpoint");
    writer.upkeep.log_pages.store(0, Ordering::Relaxed);
    Ok(())
}

/// Removes history, the oldest first. A sweep goes on where it stopped when there was room again: what it has passed by is
/// pending, and walking past a million of those each time would take too long.
fn shrink(writer: &mut Writer, now: Instant) -> rusqlite::Result<()> {
    let upkeep = &mut writer.upkeep;
    if upkeep.shrink == Shrink::Exhausted && now < upkeep.by_size.next {
        let count = upkeep.ended.len().min(CHUNK);
        let places: Vec<i64> = upkeep.ended.drain(..count).collect();
        if !places.is_empty() {
            transaction(writer, |work| remove_ended(work, &places))?;
            writer.upkeep.busy = true;
        }
        return Ok(());
    }
    if upkeep.by_size.sweep.is_none() {
        (upkeep.shrink, upkeep.ended) = (Shrink::Yes, VecDeque::new());
        upkeep.by_size.begin(Sweep::by_size());
    }
    if !sweep(writer, |upkeep| &mut upkeep.by_size)? {
        let found = writer.upkeep.by_size.sweep.as_ref().map_or(0, |sweep| sweep.removed);
        if found == 0 {
            writer.upkeep.shrink = Shrink::Exhausted;
        }
        writer.upkeep.by_size.end(Duration::from_secs(1));
    }
    Ok(())
}

/// One step of a sweep. Returns whether there is more to do.
fn sweep(writer: &mut Writer, which: impl Fn(&mut Upkeep) -> &mut Timed) -> rusqlite::Result<bool> {
    let limit = if writer.queue.is_empty() { CHUNK } else { HURRIED };
    let Some(mut sweep) = which(&mut writer.upkeep).sweep.take() else { return Ok(false) };
    let step: Option<Step> = transaction(writer, |work| sweep.step(work, limit))?;
    let more = step.is_some_and(|step| sweep.advance(step));
    writer.upkeep.busy |= more;
    which(&mut writer.upkeep).sweep = Some(sweep);
    Ok(more)
}

/// A transaction of our own. None if it was refused for a reason of one row's, which is logged.
fn transaction<T>(
    writer: &mut Writer,
    run: impl FnOnce(&mut Work<'_>) -> Result<T, Trouble>,
) -> rusqlite::Result<Option<T>> {
    let (mut delta, mut room) = (Delta::default(), Room::default());
    writer.sql.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    let mut work =
        Work { sql: &writer.sql, known: &mut writer.known, delta: &mut delta, room: &mut room };
    let done = match run(&mut work) {
        Ok(done) => Some(done),
        Err(Trouble::Refused(error)) => {
            tracing::error!(%error, "a part of the store cannot be tidied");
            None
        }
        Err(Trouble::Sql(error)) => return Err(error),
    };
    fault::point("store.prune");
    writer.sql.prepare_cached("COMMIT")?.execute([])?;
    writer.keep(&delta);
    Ok(done)
}

/// On a disk that is short, the log gives back what it can, and so does the database: its file shrinks only when the log is
/// moved.
fn relieve(writer: &mut Writer, now: Instant) -> rusqlite::Result<()> {
    let due = now >= writer.upkeep.relieved + RELIEVE_EVERY;
    if !due || !writer.space.is_disk_short() || writer.usage.log == 0 {
        return Ok(());
    }
    writer.upkeep.relieved = now;
    match truncate(&writer.sql) {
        Ok(_) => {
            writer.upkeep.log_pages.store(0, Ordering::Relaxed);
            writer.measure();
            Ok(())
        }
        Err(error) => match classify(&error, &writer.folder) {
            Failure::Fatal(_) => Err(error),
            Failure::Full | Failure::Busy => Ok(()),
        },
    }
}

/// Gives space back to the file system, when much of the file is empty and nobody waits.
fn give_back(writer: &mut Writer) -> rusqlite::Result<()> {
    let usage = writer.usage;
    let much = usage.free > 16 << 20 && usage.free > usage.used / 3;
    let needed = usage.free > 0 && writer.space.is_disk_short();
    if !(much || needed) || writer.upkeep.busy || !writer.queue.is_empty() {
        return Ok(());
    }
    // Each row that this statement gives is one page; it has to be asked for all of them.
    let mut vacuum = writer.sql.prepare(&format!("PRAGMA incremental_vacuum({GIVE_BACK})"))?;
    let mut rows = vacuum.query([])?;
    while rows.next()?.is_some() {}
    drop(rows);
    drop(vacuum);
    writer.keep(&Delta::default());
    writer.upkeep.busy = true;
    Ok(())
}
