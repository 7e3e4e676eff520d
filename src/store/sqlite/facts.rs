//! What the store knows about its own durability, as read back and not as wished for.

use rusqlite::Connection;

use super::folder::Folder;

/// File systems by the numbers that Linux gives them (`statfs`, `linux/magic.h`), with what is wrong with some.
const FILE_SYSTEMS: [(u64, &str, Option<&str>); 11] = [
    (0xef53, "ext4", None),
    (0x5846_5342, "xfs", None),
    (0x9123_683e, "btrfs", None),
    (0x2fc1_2fc1, "zfs", None),
    (0xf2f5_2010, "f2fs", None),
    (0x0102_1994, "tmpfs", Some("it is gone with the machine or the container")),
    (0x794c_7630, "overlayfs", Some("it is gone with the container; mount a volume")),
    (0x6969, "nfs", Some("locks and syncs of a network file system cannot be relied on")),
    (0xff53_4d42, "cifs", Some("locks and syncs of a network file system cannot be relied on")),
    (0xfe53_4d42, "smb2", Some("locks and syncs of a network file system cannot be relied on")),
    (0x6573_5546, "fuse", Some("what a sync is worth depends on what stands behind it")),
];

/// What was read back when the store was opened.
#[derive(Debug)]
pub(super) struct Facts {
    /// In the order in which they are shown.
    pub(super) facts: Vec<(&'static str, String)>,
    /// What is unsafe about them, one sentence each.
    pub(super) warnings: Vec<String>,
}

/// Reads the facts. Logs a warning about a file system that may lose what is acknowledged.
pub(super) fn collect(sql: &Connection, folder: &Folder) -> rusqlite::Result<Facts> {
    let text = |pragma: &str| sql.query_row(pragma, [], |row| row.get::<_, String>(0));
    let number = |pragma: &str| sql.query_row(pragma, [], |row| row.get::<_, i64>(0));
    let synchronous = match number("PRAGMA synchronous")? {
        0 => "off",
        1 => "normal",
        2 => "full",
        _ => "extra",
    };
    let mut warnings = Vec::new();
    let (name, flaw) = file_system(folder);
    if let Some(flaw) = flaw {
        let folder = folder.path.display();
        tracing::warn!(%folder, file_system = name, "the data folder is in an unsafe place: {flaw}");
        warnings.push(format!("the data folder is on {name}: {flaw}"));
    }
    if let Some(mode) = folder.open_to_others() {
        warnings.push(format!(
            "other users may reach the data folder, which holds calls word by word (mode {mode:o} at the start); chmod 700 closes it"
        ));
    }
    if matches!(synchronous, "off" | "normal") {
        warnings.push(format!(
            "syncing is {synchronous}, so a power cut may lose what was acknowledged"
        ));
    }
    let name = flaw.map_or_else(|| name.clone(), |flaw| format!("{name}: {flaw}"));
    let mut facts = vec![
        ("data_dir", folder.path.display().to_string()),
        ("file_system", name),
        ("engine", format!("SQLite {}", rusqlite::version())),
        ("journal_mode", text("PRAGMA journal_mode")?),
        ("synchronous", synchronous.to_owned()),
        ("page_size", number("PRAGMA page_size")?.to_string()),
        ("format", number("PRAGMA user_version")?.to_string()),
    ];
    if cfg!(target_os = "macos") {
        let full = number("PRAGMA fullfsync")? == 1 && number("PRAGMA checkpoint_fullfsync")? == 1;
        facts.push(("fullfsync", if full { "on" } else { "off" }.to_owned()));
        if !full {
            warnings.push("the disk is not told to write its cache, so a power cut may lose what was acknowledged".to_owned());
        }
    }
    Ok(Facts { facts, warnings })
}

#[cfg(target_os = "linux")]
fn file_system(folder: &Folder) -> (String, Option<&'static str>) {
    let Ok(found) = rustix::fs::statfs(&folder.path) else { return ("unknown".to_owned(), None) };
    // The type is a signed word on some machines; the numbers are 32 bits wide.
    let kind = u64::try_from(i128::from(found.f_type) & 0xffff_ffff).unwrap_or(0);
    match FILE_SYSTEMS.iter().find(|(number, ..)| *number == kind) {
        Some((_, name, flaw)) => ((*name).to_owned(), *flaw),
        None => (format!("unknown ({kind:#x})"), None),
    }
}

#[cfg(not(target_os = "linux"))]
fn file_system(_folder: &Folder) -> (String, Option<&'static str>) {
    ("unknown".to_owned(), None)
}
