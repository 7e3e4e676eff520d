//! One owner, one format, and nothing touched that is not ours.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::Path;

use super::super::schema::FORMAT;
use super::*;

fn refusal(store: &OnDisk) -> OpenError {
    store.try_open().expect_err("it is refused")
}

/// Every file with its bytes.
fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.map(|file| (file.display().to_string(), fs::read(&file).unwrap())).collect()
}

#[test]
fn a_folder_has_one_owner_who_is_named() {
    let store = OnDisk::default();
    let first = store.sqlite();
    let refused = refusal(&store);
    let pid = std::process::id();
    assert!(matches!(refused, OpenError::InUse { owner: Some(owner), .. } if owner == pid));
    assert!(refused.to_string().contains(&format!("in use by process {pid}")));
    assert!(refused.to_string().contains("--data-dir"));
    assert_eq!(refused.exit_code(), 73);
    drop(first);
    drop(store.sqlite());
}

/// Found by eight processes that started at once: who came second read the file before the owner had written into it.
#[test]
fn an_owner_that_has_just_begun_is_named() {
    for before in ["", "4194304\n", "12"] {
        let store = OnDisk::default();
        fs::create_dir(store.path()).unwrap();
        let file = fs::File::create(store.path().join("hookswitch.lock")).unwrap();
        file.lock().unwrap();
        file.write_all_at(before.as_bytes(), 0).unwrap();
        let (looked, written) = (store.path(), format!("{}\n", std::process::id()));
        let late = std::thread::spawn(move || {
            // The other one has opened the file when there are two descriptors of it.
            let opened = || {
                let open = fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
                let links = open.filter_map(|entry| fs::read_link(entry.path()).ok());
                links.filter(|link| link.starts_with(&looked)).count()
            };
            let until = now() + Duration::from_millis(100);
            while opened() < 2 && now() < until {
                std::thread::yield_now();
            }
            file.set_len(0).unwrap();
            file.write_all_at(written.as_bytes(), 0).unwrap();
            file
        });
        let refused = refusal(&store);
        let pid = std::process::id();
        assert!(matches!(refused, OpenError::InUse { owner: Some(owner), .. } if owner == pid));
        drop(late.join().unwrap());
    }
}

#[test]
fn it_is_made_for_us_alone() {
    let store = OnDisk::default();
    drop(store.sqlite());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&store.path()), 0o700);
    assert_eq!(mode(&store.database()), 0o600);
    // A folder that is there stays as it is.
    fs::set_permissions(store.path(), fs::Permissions::from_mode(0o750)).unwrap();
    drop(store.sqlite());
    assert_eq!(mode(&store.path()), 0o750);
}

#[test]
fn a_newer_format_is_left_as_it_is() {
    let store = OnDisk::default();
    drop(store.sqlite());
    let sql = store.raw();
    sql.pragma_update(None, "user_version", FORMAT + 1).unwrap();
    assert!(truncate(&sql).unwrap());
    drop(sql);
    let before = contents(&store.path());
    let refused = refusal(&store);
    assert!(matches!(refused, OpenError::Newer { found, .. } if found == FORMAT + 1), "{refused}");
    assert_eq!(refused.exit_code(), 73);
    assert_eq!(contents(&store.path()), before);
}

#[test]
fn what_is_not_a_store_is_left_as_it_is() {
    let empty = OnDisk::default();
    let foreign = empty.folder.path().join("foreign.db");
    let sql = rusqlite::Connection::open(&foreign).unwrap();
    sql.execute_batch("CREATE TABLE t (x)").unwrap();
    drop(sql);
    let foreign = fs::read(foreign).unwrap();
    drop(empty.sqlite());
    let ours = fs::read(empty.database()).unwrap();
    let cases = [foreign, Vec::new(), b"{}".to_vec(), vec![0; 100_000], ours[..71].to_vec()];
    for (number, bytes) in cases.iter().enumerate() {
        let store = OnDisk::default();
        fs::create_dir(store.path()).unwrap();
        fs::write(store.database(), bytes).unwrap();
        let refused = refusal(&store);
        assert!(matches!(refused, OpenError::NotAStore { .. }), "case {number}: {refused}");
        assert_eq!(contents(&store.path()).len(), 1, "nothing was added");
        assert_eq!(fs::read(store.database()).unwrap(), *bytes);
    }
}

#[test]
fn a_log_without_its_database_is_not_taken_for_another_one() {
    let store = OnDisk::default();
    drop(store.sqlite());
    assert!(fs::metadata(store.path().join("hookswitch.db-wal")).unwrap().len() > 0);
    fs::remove_file(store.database()).unwrap();
    let refused = refusal(&store);
    assert!(matches!(refused, OpenError::Incomplete { .. }), "{refused}");
    assert_eq!(refused.exit_code(), 74);
    assert!(!store.database().exists());
}

#[test]
fn a_folder_that_cannot_be_used_is_named() {
    let store = OnDisk::default();
    fs::write(store.path(), "a file").unwrap();
    let refused = refusal(&store);
    assert!(matches!(refused, OpenError::Folder { .. }), "{refused}");
    assert!(refused.to_string().contains(&store.path().display().to_string()));

    let store = OnDisk::default();
    let below_a_file = store.folder.path().join("file");
    fs::write(&below_a_file, "").unwrap();
    let refused = Sqlite::open(store.options(below_a_file.join("data"))).err().unwrap();
    assert!(matches!(refused, OpenError::Folder { .. }), "{refused}");

    // What stands where a file of ours has to be; for a user without rights it is the same error.
    for name in ["hookswitch.lock", "hookswitch.db.new"] {
        let store = OnDisk::default();
        fs::create_dir_all(store.path().join(name)).unwrap();
        let refused = refusal(&store);
        assert!(matches!(refused, OpenError::NotWritable { .. }), "{refused}");
        assert_eq!(refused.exit_code(), 73);
    }
}

#[test]
fn a_draft_that_a_crash_left_is_made_again() {
    let store = OnDisk::default();
    fs::create_dir(store.path()).unwrap();
    fs::write(store.path().join("hookswitch.db.new"), "half").unwrap();
    fs::write(store.path().join("hookswitch.db.new-journal"), "half").unwrap();
    drop(store.sqlite());
    assert!(!store.path().join("hookswitch.db.new").exists());
}

#[test]
fn the_facts_are_read_back() {
    let store = OnDisk::default();
    let facts = store.sqlite().facts();
    for expected in [("journal_mode", "wal"), ("synchronous", "full"), ("page_size", "16384")] {
        assert!(facts.iter().any(|(name, value)| (*name, &**value) == expected), "{facts:?}");
    }
    assert!(facts.iter().any(|(name, _)| *name == "file_system"));
}

#[test]
fn a_folder_that_others_can_read_is_warned_about() {
    let store = OnDisk::default();
    let closed =
        |warnings: Vec<String>| !warnings.iter().any(|warning| warning.contains("chmod 700"));
    assert!(closed(store.sqlite().warnings()));
    fs::set_permissions(store.path(), fs::Permissions::from_mode(0o750)).unwrap();
    let warnings = store.sqlite().warnings();
    assert!(
        !closed(warnings.clone()) && warnings.iter().any(|warning| warning.contains("mode 750")),
        "{warnings:?}"
    );
}
