//! A store of format 1 becomes one of today's, whole or not at all, wherever the way is cut off.

use std::fs;
use std::path::Path;

use conformance::all_events;
use rusqlite::Connection;

use super::super::folder::log_of;
use super::super::migrate::{leave_log, migrate, step_up};
use super::super::schema::{FORMAT, STEPS};
use super::*;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/store/v1");

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// A folder as format 1 left it.
fn old(name: &str) -> OnDisk {
    let store = OnDisk::default();
    copy(&Path::new(FIXTURES).join(name), &store.path());
    store
}

/// The format, as it stands at the beginning of the file.
fn format(database: &Path) -> u32 {
    u32::from_be_bytes(*fs::read(database).unwrap()[60..].first_chunk().unwrap())
}

fn forms(sql: &Connection) -> Vec<String> {
    let query = "SELECT t.name || '.' || c.name || ' ' || c.type || ' ' || c.\"notnull\" || ' ' || coalesce(c.dflt_value, '') \
                 FROM sqlite_schema t, pragma_table_info(t.name) c WHERE t.type = 'table' \
                 UNION ALL SELECT sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL ORDER BY 1";
    let mut select = sql.prepare(query).unwrap();
    select.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

#[tokio::test]
async fn a_store_that_was_brought_up_is_like_a_new_one() {
    let (old, new) = (old("closed"), OnDisk::default());
    assert_eq!(format(&old.database()), 1);
    drop(new.sqlite());
    let open = old.sqlite();
    assert_eq!(format(&old.database()), FORMAT, "at once, not with the next checkpoint");
    drop(open);
    let (was, is) = (forms(&old.raw()), forms(&new.raw()));
    assert!(was.len() > 50, "{was:#?}");
    assert_eq!(was, is);
}

/// Two crashes: before the commit, with pages written over; and in the middle of it, with all of them written and the journal
/// still there. Either way it is a store of format 1, and the next start brings it up.
#[tokio::test]
async fn a_way_that_was_cut_off_is_begun_anew() {
    for (name, wanted) in [("closed", 6), ("killed", 7)] {
        let (work, before, amid) = (old(name), OnDisk::default(), OnDisk::default());
        let mut sql = work.raw();
        leave_log(&sql, &work.database()).unwrap();
        assert!(!fs::exists(log_of(&work.database())).unwrap());
        let change = sql.transaction().unwrap();
        for step in STEPS {
            change.execute_batch(step).unwrap();
        }
        change.pragma_update(None, "user_version", FORMAT).unwrap();
        change.cache_flush().unwrap();
        copy(&work.path(), &before.path());
        change.rollback().unwrap();
        step_up(&mut sql, 1).unwrap();
        drop(sql);
        copy(&work.path(), &amid.path());
        assert_eq!(format(&amid.database()), FORMAT);
        let journal = "hookswitch.db-journal";
        fs::copy(before.path().join(journal), amid.path().join(journal)).unwrap();

        for crashed in [before, amid] {
            let seen = OnDisk::default();
            copy(&crashed.path(), &seen.path());
            let version: u32 =
                seen.raw().pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
            assert_eq!(version, 1, "{name}: it is taken back");
            let open = crashed.sqlite();
            assert_eq!(all_events(&open).await.len(), wanted, "{name}");
            drop(open);
            assert_eq!(format(&crashed.database()), FORMAT);
        }
    }
}

#[test]
fn a_store_that_somebody_reads_is_not_brought_up() {
    let store = old("closed");
    let reader = Connection::open(store.database()).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM events").unwrap();
    assert!(migrate(&store.path(), &store.database(), 1).is_err());
    drop(reader);
    assert_eq!(format(&store.database()), 1);
    migrate(&store.path(), &store.database(), 1).unwrap();
    assert_eq!(format(&store.database()), FORMAT);
}
