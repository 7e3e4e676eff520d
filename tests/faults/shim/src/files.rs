//! Which descriptors are files of the folder.

use std::ffi::c_int;
use std::os::unix::ffi::OsStringExt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// The database.
pub(crate) const DATABASE: u64 = 1;
/// Its log.
pub(crate) const LOG: u64 = 2;
/// The memory that connections share.
pub(crate) const SHARED: u64 = 4;
/// The file that keeps others out.
pub(crate) const LOCK: u64 = 8;
/// The folder itself.
pub(crate) const FOLDER: u64 = 16;
/// A new database, before it has its place, with what belongs to it.
pub(crate) const DRAFT: u64 = 32;
/// Anything else in the folder.
pub(crate) const OTHER: u64 = 64;

/// Descriptors above this are not followed; the program has at most some dozens of files.
const MOST: usize = 16_384;

/// An open file.
#[derive(Clone, Copy)]
pub(crate) struct File {
    pub(crate) inode: u64,
    pub(crate) class: u64,
}

struct Slot {
    inode: AtomicU64,
    /// 0: not one of ours.
    class: AtomicU64,
}

static SLOTS: [Slot; MOST] =
    [const { Slot { inode: AtomicU64::new(0), class: AtomicU64::new(0) } }; MOST];

fn slot(fd: c_int) -> Option<&'static Slot> {
    SLOTS.get(usize::try_from(fd).ok()?)
}

/// The file behind a descriptor, if it is one of the folder.
pub(crate) fn of(fd: c_int) -> Option<File> {
    let slot = slot(fd)?;
    let class = slot.class.load(Ordering::Acquire);
    (class != 0).then(|| File { inode: slot.inode.load(Ordering::Acquire), class })
}

/// A descriptor was opened.
pub(crate) fn remember(fd: c_int, class: u64) -> u64 {
    // SAFETY: `found` is what the call fills, and is read only if it did.
    let inode = unsafe {
        let mut found: libc::stat = std::mem::zeroed();
        if libc::fstat(fd, &mut found) == 0 { found.st_ino } else { 0 }
    };
    if let Some(slot) = slot(fd) {
        slot.inode.store(inode, Ordering::Release);
        slot.class.store(class, Ordering::Release);
    }
    inode
}

/// A descriptor is closed.
pub(crate) fn forget(fd: c_int) {
    if let Some(slot) = slot(fd) {
        slot.class.store(0, Ordering::Release);
    }
}

fn folder() -> &'static [u8] {
    static FOLDER: OnceLock<Vec<u8>> = OnceLock::new();
    FOLDER.get_or_init(|| {
        std::env::var_os("HOOKSWITCH_SHIM_FOLDER").map_or_else(Vec::new, OsStringExt::into_vec)
    })
}

/// What a path is to the folder; none if it lies elsewhere.
pub(crate) fn class(path: &[u8]) -> Option<u64> {
    let folder = folder();
    if folder.is_empty() {
        return None;
    }
    match path.strip_prefix(folder)? {
        [] => Some(FOLDER),
        [b'/', name @ ..] => Some(match name {
            b"hookswitch.db" => DATABASE,
            b"hookswitch.db-wal" => LOG,
            b"hookswitch.db-shm" => SHARED,
            b"hookswitch.lock" => LOCK,
            name if name.starts_with(b"hookswitch.db.new") => DRAFT,
            _ => OTHER,
        }),
        _ => None,
    }
}
