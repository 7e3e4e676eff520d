//! The form on disk, and how every connection is set up.
//!
//! Rows that a request writes are appended in the order of arrival, to every table and index, so that a commit touches few
//! pages: there is no index over a random key. What waits for delivery is indexed by partial indexes, which hold pending
//! rows only.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::fault::{self, Plant};

/// Marks the file as ours: "Hsws". (SQLite header, offset 68.)
pub(super) const APPLICATION_ID: u32 = 0x4873_7773;
/// The version of this form. (SQLite header, offset 60.)
pub(super) const FORMAT: u32 = 2;

/// Bytes of a page. Cannot change later. Measured against 4, 8 and 32 KiB: bodies of 16 and 80 KB are stored 1.4 and 1.6
/// times as fast as with 4 KiB, and one event alone is written with half of what 32 KiB take.
pub(super) const PAGE_SIZE: u32 = 16_384;

/// States of a delivery.
pub(super) const PENDING: i64 = 0;
pub(super) const DELIVERED: i64 = 1;
/// A dead letter that is listed.
pub(super) const DEAD: i64 = 2;
/// It ended without success and is history: dropped by a person, or listed for long enough.
pub(super) const BURIED: i64 = 3;

/// The tables. A delivery's `moment` is when it is due while it is pending, and when it ended after that. `waiting` is 1
/// while an earlier one of its order key is pending. The deliveries that were planned when an event arrived have the ids
/// `first` to `first + planned - 1`; replays are found by an index of their own. A row of `blocks` tells what a run of events
/// has in it, so that whoever looks for something can pass over the run; what has no row is looked through. `lost` has what
/// ended without success, in the order of arrival.
pub(super) const SCHEMA: &str = "
CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE revisions (
    number INTEGER PRIMARY KEY, hash BLOB NOT NULL, text TEXT NOT NULL, since INTEGER NOT NULL
) STRICT;
CREATE TABLE targets (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, paused INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE events (
    seq INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    at INTEGER NOT NULL,
    source TEXT NOT NULL,
    signed INTEGER NOT NULL,
    name TEXT,
    agent TEXT,
    subject TEXT,
    request TEXT,
    state INTEGER NOT NULL,
    of BLOB,
    reason TEXT,
    rules TEXT NOT NULL,
    revision INTEGER NOT NULL,
    length INTEGER NOT NULL,
    codec INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    identity BLOB,
    first INTEGER NOT NULL,
    planned INTEGER NOT NULL,
    replayed INTEGER NOT NULL DEFAULT 0,
    duplicates INTEGER NOT NULL DEFAULT 0,
    edited_from BLOB,
    shadow TEXT
) STRICT;
CREATE INDEX quarantined ON events (at) WHERE state = 4;
CREATE TABLE blocks (
    number INTEGER PRIMARY KEY, first_at INTEGER NOT NULL, last_at INTEGER NOT NULL, words BLOB NOT NULL
) STRICT;
CREATE TABLE bodies (seq INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;
CREATE TABLE seen (
    seq INTEGER PRIMARY KEY, fingerprint INTEGER NOT NULL, until INTEGER NOT NULL
) STRICT;
CREATE TABLE deliveries (
    id INTEGER PRIMARY KEY,
    event INTEGER NOT NULL,
    target INTEGER NOT NULL,
    state INTEGER NOT NULL,
    waiting INTEGER NOT NULL,
    moment INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    age_from INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    order_key TEXT,
    replay INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    reason TEXT
) STRICT;
CREATE INDEX due ON deliveries (target, waiting, moment) WHERE state = 0;
CREATE INDEX retried ON deliveries (target, age_from) WHERE state = 0 AND moment <> age_from;
CREATE INDEX line ON deliveries (target, order_key) WHERE state = 0 AND order_key IS NOT NULL;
CREATE INDEX dead ON deliveries (moment, id, target, reason) WHERE state = 2;
CREATE INDEX replays ON deliveries (event) WHERE replay = 1;
CREATE INDEX lost ON deliveries (event, target) WHERE state >= 2;
CREATE TABLE attempts (
    delivery INTEGER NOT NULL,
    number INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    took INTEGER NOT NULL,
    result INTEGER NOT NULL,
    status INTEGER,
    detail TEXT NOT NULL,
    answer TEXT,
    PRIMARY KEY (delivery, number)
) STRICT, WITHOUT ROWID;
";

/// What makes format 2 of format 1, format 3 of format 2, and so on.
pub(super) const STEPS: [&str; FORMAT as usize - 1] = ["
ALTER TABLE events ADD COLUMN edited_from BLOB;
ALTER TABLE events ADD COLUMN shadow TEXT;
CREATE TABLE blocks (
    number INTEGER PRIMARY KEY, first_at INTEGER NOT NULL, last_at INTEGER NOT NULL, words BLOB NOT NULL
) STRICT;
CREATE INDEX lost ON deliveries (event, target) WHERE state >= 2;
"];

/// What a connection is for; each kind has its share of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// The one that writes.
    Writer,
    /// One that only moves pages from the log to the file.
    Checkpointer,
    /// One that reads.
    Reader,
}

impl Role {
    fn cache_kib(self) -> i64 {
        match self {
            Self::Writer => 16_384,
            Self::Checkpointer => 64,
            Self::Reader => 4_096,
        }
    }
}

/// A connection to an existing file, set up. Nobody checkpoints by chance: neither a commit nor the end of a connection.
pub(super) fn connect(file: &Path, role: Role) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let sql = Connection::open_with_flags(file, flags)?;
    sql.busy_timeout(Duration::from_secs(1))?;
    sql.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    sql.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    sql.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    sql.set_prepared_statement_cache_capacity(64);
    // FULL makes every commit wait for the log to be on stable storage; macOS needs the other two for that.
    for (pragma, value) in [
        ("synchronous", if fault::planted(Plant::SynchronousOff) { 0 } else { 2 }),
        ("fullfsync", 1),
        ("checkpoint_fullfsync", 1),
        ("wal_autocheckpoint", 0),
        ("cell_size_check", 1),
        ("mmap_size", 0),
        ("cache_size", -role.cache_kib()),
        ("query_only", i64::from(role == Role::Reader)),
    ] {
        sql.pragma_update(None, pragma, value)?;
    }
    Ok(sql)
}

/// Makes the file of an empty store, whole and synced, or fails. `file` must exist and be empty.
pub(super) fn create(file: &Path) -> rusqlite::Result<()> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let sql = Connection::open_with_flags(file, flags)?;
    sql.pragma_update(None, "page_size", PAGE_SIZE)?;
    // Incremental: space can be given back to the file system, when we choose.
    sql.pragma_update(None, "auto_vacuum", 2)?;
    sql.pragma_update(None, "synchronous", 2)?;
    sql.pragma_update(None, "fullfsync", 1)?;
    sql.execute_batch("BEGIN")?;
    sql.execute_batch(SCHEMA)?;
    sql.pragma_update(None, "application_id", APPLICATION_ID)?;
    sql.pragma_update(None, "user_version", FORMAT)?;
    sql.execute_batch("COMMIT")?;
    let mode: String =
        sql.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    debug_assert_eq!(mode, "wal", "any local file system can");
    sql.close().map_err(|(_, error)| error)
}
