//! Room: within `store.max_size`, and on the file system.
//!
//! New events are refused while there is still room for what must be written all the same: that an event was delivered,
//! that another is a dead letter. A store without that room could never become emptier. A file system that is smaller than
//! `store.max_size` is a bound like it, so that there, too, history makes room for what is new.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, ffi};
use rustix::process::{Resource, getrlimit};

use crate::fault::{self, Plant};

use super::super::Bounds;
use super::folder::Folder;
use super::row::number;
use super::schema::PAGE_SIZE;
use super::work::Room;

/// How often the file system is asked.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long events are refused after a write found no room, if the file system says that there is some.
const AFTER_FAILURE: Duration = Duration::from_millis(1_500);
/// The log is moved into the database when it has grown to this; smaller stores have smaller logs.
const LOG_MAX: u64 = 64 << 20;
/// An event needs at least this.
const EVENT_MIN: u64 = 64 << 10;

/// Free space below which new events are refused: a twentieth of the file system, within these.
const FLOOR: (u64, u64) = (256 << 10, 16 << 20);

/// What the store takes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Usage {
    /// Bytes of pages that hold something.
    pub(super) used: u64,
    /// Bytes of pages in the file that hold nothing.
    pub(super) free: u64,
    /// Bytes of the log's file.
    pub(super) log: u64,
}

impl Usage {
    /// Looks.
    pub(super) fn measure(sql: &Connection, folder: &Folder) -> rusqlite::Result<Self> {
        let pages = |pragma: &str| -> rusqlite::Result<u64> {
            sql.prepare_cached(pragma)?.query_row([], |row| row.get(0)).map(number)
        };
        let (all, free) = (pages("PRAGMA page_count")?, pages("PRAGMA freelist_count")?);
        let log = fs::metadata(folder.log()).map_or(0, |log| log.len());
        let page = u64::from(PAGE_SIZE);
        Ok(Self { used: all.saturating_sub(free) * page, free: free * page, log })
    }

    /// Bytes on disk.
    pub(super) fn bytes(self) -> u64 {
        self.used + self.free + self.log
    }
}

/// The lines that follow from the bounds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lines {
    /// Above this, new events are refused.
    pub(super) hard: u64,
    /// Above this, history is removed.
    pub(super) soft: u64,
    /// Until that is reached.
    pub(super) goal: u64,
    /// The log is moved into the database when it is larger than this.
    pub(super) log: u64,
}

impl Lines {
    pub(super) fn of(bounds: Bounds) -> Self {
        let log = LOG_MAX.min(bounds.max_size / 8);
        // The log grows on while it is moved.
        let hard = bounds.max_size.saturating_sub(2 * log);
        // Before it is so full that a small event would be refused.
        let soft = hard.saturating_sub((hard / 16).max(3 * EVENT_MIN));
        Self { hard, soft, goal: soft - soft / 64, log }
    }
}

/// Watches the file system.
#[derive(Debug)]
pub(super) struct Space {
    folder: PathBuf,
    looked: Option<Instant>,
    /// Bytes that the store may take before the floor is reached, those it has included.
    capacity: u64,
    low: Option<String>,
    /// A write found no room then.
    failed: Option<Instant>,
}

impl Space {
    pub(super) fn new(folder: &Folder) -> Self {
        let folder = folder.path.clone();
        Self { folder, looked: None, capacity: u64::MAX, low: None, failed: None }
    }

    /// A write found no room.
    pub(super) fn write_failed(&mut self, now: Instant) {
        self.failed = Some(now);
    }

    /// The bounds that hold: those that were set, and the file system's.
    pub(super) fn bounds(&self, bounds: Bounds) -> Bounds {
        Bounds { max_size: bounds.max_size.min(self.capacity), ..bounds }
    }

    /// Whether it is the file system that has no room.
    pub(super) fn is_disk_short(&self) -> bool {
        self.low.is_some() || self.failed.is_some()
    }

    /// Room for new events.
    pub(super) fn room(&self, usage: Usage, bounds: Bounds) -> Room {
        let mut room = room(usage, self.bounds(bounds));
        if self.capacity < bounds.max_size {
            let (has, used) = (self.capacity >> 20, usage.used >> 20);
            room.reason = format!(
                "the file system of {} has room for {has} MiB of store, of which {used} MiB hold what is pending, dead \
                 or quarantined; make room, or see to the dead letters",
                self.folder.display()
            );
        }
        room
    }

    /// Why new events are refused, if they are. Asks the file system at most twice a second.
    pub(super) fn refusal(&mut self, now: Instant, usage: Usage, bounds: Bounds) -> Option<String> {
        let within = |since: Option<Instant>, span: Duration| {
            since.is_some_and(|since| now.saturating_duration_since(since) < span)
        };
        if !within(self.looked, LOOK_EVERY) {
            self.looked = Some(now);
            self.look(usage);
        }
        if within(self.failed, AFTER_FAILURE) {
            return Some(format!("no room was left to write in {}", self.folder.display()));
        }
        self.failed = None;
        let room = self.room(usage, bounds);
        self.low.clone().or_else(|| (room.bytes < EVENT_MIN).then_some(room.reason))
    }

    fn look(&mut self, usage: Usage) {
        // A file system that does not say is taken to have room; the write itself will tell.
        let Ok(found) = rustix::fs::statvfs(&self.folder) else { return };
        let unit = found.f_frsize.max(1);
        let (all, free) =
            (found.f_blocks.saturating_mul(unit), found.f_bavail.saturating_mul(unit));
        let floor = (all / 20).clamp(FLOOR.0, FLOOR.1);
        self.capacity = usage.bytes().saturating_add(free).saturating_sub(floor);
        self.low = (free < floor).then(|| {
            let (free, floor, folder) = (free >> 10, floor >> 10, self.folder.display());
            format!(
                "{free} KiB are free in {folder}, and below {floor} KiB nothing new is taken in"
            )
        });
    }
}

/// Room for new events within `store.max_size`.
fn room(usage: Usage, bounds: Bounds) -> Room {
    let lines = Lines::of(bounds);
    let (max, used) = (bounds.max_size >> 20, usage.used >> 20);
    Room {
        bytes: lines.hard.saturating_sub(usage.used),
        reason: format!(
            "store.max_size is {max} MiB, of which {used} MiB hold what is pending, dead or quarantined; \
             raise it, or see to the dead letters"
        ),
    }
}

/// How a transaction failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// There was no room. It was taken back and leaves no doubt.
    Full,
    /// Another program holds the lock.
    Busy,
    /// Anything else: what is on the disk is in doubt, or beyond repair.
    Fatal(String),
}

/// Tells them apart. A write that failed for lack of room is no doubt, since nothing of it was synced or believed; a sync
/// that failed always is.
pub(super) fn classify(error: &rusqlite::Error, folder: &Folder) -> Failure {
    let extended = error.sqlite_error().map_or(0, |error| error.extended_code);
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => Failure::Full,
        Some(ErrorCode::SystemIoFailure) if fault::planted(Plant::RetrySync) => Failure::Full,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Failure::Busy,
        Some(ErrorCode::SystemIoFailure)
            if matches!(extended, ffi::SQLITE_IOERR_WRITE | ffi::SQLITE_IOERR_SHMSIZE)
                && (is_at_file_limit(folder) || has_no_room(folder)) =>
        {
            Failure::Full
        }
        _ => Failure::Fatal(format!("{error} (SQLite code {extended})")),
    }
}

/// Whether a file is as large as this process may make one (`ulimit -f`): SQLite reports that as a failed write.
fn is_at_file_limit(folder: &Folder) -> bool {
    let Some(limit) = getrlimit(Resource::Fsize).current else { return false };
    let near = limit.saturating_sub(4 * u64::from(PAGE_SIZE));
    let files = [folder.log(), folder.database.clone()];
    files.iter().any(|file| fs::metadata(file).is_ok_and(|file| file.len() >= near))
}

fn has_no_room(folder: &Folder) -> bool {
    rustix::fs::statvfs(&folder.path)
        .is_ok_and(|found| found.f_bavail.saturating_mul(found.f_frsize) < 4 * u64::from(PAGE_SIZE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_leave_room_for_the_log() {
        for max_size in [512 << 10, 1 << 20, 64 << 20, 10 << 30, u64::MAX] {
            let bounds = Bounds { max_size, retention: Duration::from_secs(1) };
            let lines = Lines::of(bounds);
            assert!(lines.goal < lines.soft && lines.soft + 2 * EVENT_MIN < lines.hard);
            assert!(lines.hard + 2 * lines.log <= max_size && lines.hard >= max_size / 4 * 3);
        }
    }

    #[test]
    fn a_store_at_its_size_has_no_room() {
        let bounds = Bounds { max_size: 8 << 20, retention: Duration::from_secs(1) };
        let usage = Usage { used: 6 << 20, ..Usage::default() };
        assert_eq!(room(usage, bounds).bytes, 0);
        assert_eq!(room(Usage::default(), bounds).bytes, 6 << 20);
    }
}
