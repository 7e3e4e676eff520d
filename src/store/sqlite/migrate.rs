//! Bringing a store of an earlier format to today's: whole, or not at all.
//!
//! It is done with a rollback journal instead of the log. With the log, the new version would stand in the log first, and an
//! earlier version of the program, which looks at the beginning of the file, would not see it and write on. With the journal,
//! the version changes in the same step as everything else: whoever looks finds a store that it knows, or one that it refuses.
//! A crash half-way leaves a journal, and whoever opens the file next is given the store as it was.
//!
//! The log must be gone for good before, and the journal after: either of them, come back with the folder's old entries after
//! a power cut, would put old pages over new ones. So both times the folder is synced.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use rusqlite::{Connection, Error};

use crate::fault;

use super::checkpoint::truncate;
use super::folder::{log_of, sync};
use super::io_error;
use super::schema::{FORMAT, Role, STEPS, connect};

/// Brings the store in `folder` from format `from` to today's. Nobody else has it.
pub(super) fn migrate(folder: &Path, database: &Path, from: u32) -> rusqlite::Result<()> {
    let path = folder.display();
    tracing::info!(
        folder = %path, from, to = FORMAT,
        "the store is brought to this version's format; earlier versions will refuse it"
    );
    let mut sql = connect(database, Role::Writer)?;
    leave_log(&sql, database)?;
    synced(sync(folder))?;
    step_up(&mut sql, from)?;
    sql.close().map_err(|(_, error)| error)?;
    synced(sync(folder))
}

/// Takes back what a migration that was cut off has done: SQLite does, when it finds the journal.
pub(super) fn take_back(database: &Path) -> rusqlite::Result<()> {
    tracing::warn!("bringing the store to this version's format was cut off; it is begun anew");
    let sql = connect(database, Role::Writer)?;
    sql.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    sql.close().map_err(|(_, error)| error)
}

/// Moves what the log holds into the database, and does without a log from now on.
pub(super) fn leave_log(sql: &Connection, database: &Path) -> rusqlite::Result<()> {
    if !truncate(sql)? {
        return Err(in_use());
    }
    let log = log_of(database);
    if fs::exists(&log).map_err(io_error)? {
        synced(File::open(&log).and_then(|log| log.sync_all()))?;
    }
    let mode: String =
        sql.pragma_update_and_check(None, "journal_mode", "delete", |row| row.get(0))?;
    if mode == "delete" { Ok(()) } else { Err(in_use()) }
}

/// Changes tables and version in one transaction.
pub(super) fn step_up(sql: &mut Connection, from: u32) -> rusqlite::Result<()> {
    let change = sql.transaction()?;
    for step in STEPS.iter().skip(from.saturating_sub(1) as usize) {
        change.execute_batch(step)?;
    }
    change.pragma_update(None, "user_version", FORMAT)?;
    fault::point("store.migrate");
    change.commit()
}

fn in_use() -> Error {
    io_error(io::Error::other("another program holds the database open"))
}

fn synced(result: io::Result<()>) -> rusqlite::Result<()> {
    result.map_err(io_error)
}
