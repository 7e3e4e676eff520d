//! The trace: a file of records in the order in which things happened.
//!
//! A record is: kind (1 byte), three numbers (8 bytes each), the length of a name and of data (4 bytes each), name, data;
//! all little-endian. A change is made and recorded under one lock, so the order is the true one. A sync is recorded
//! twice, since others write while it goes on.

use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// Kinds of records, with what the three numbers, the name and the data are.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(crate) enum Kind {
    /// inode, 1 if it was made by this, - · path
    Open = 1,
    /// inode, offset, - · data
    Write = 2,
    /// inode, length, -
    Truncate = 3,
    /// inode, ticket, 1 for a folder
    SyncBegin = 4,
    /// The same, if it succeeded.
    SyncEnd = 5,
    /// - · path
    Unlink = 6,
    /// - · old path, new path as data
    Rename = 7,
    /// - · the beginning of the answer as data
    Reply = 8,
}

/// Held while something is changed and recorded.
pub(crate) fn order() -> MutexGuard<'static, ()> {
    static ORDER: Mutex<()> = Mutex::new(());
    ORDER.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Tells one sync from another.
pub(crate) fn ticket() -> u64 {
    static TICKETS: AtomicU64 = AtomicU64::new(1);
    TICKETS.fetch_add(1, Ordering::Relaxed)
}

fn descriptor() -> Option<i64> {
    static DESCRIPTOR: OnceLock<Option<i64>> = OnceLock::new();
    *DESCRIPTOR.get_or_init(|| {
        let path = std::env::var_os("HOOKSWITCH_SHIM_TRACE")?;
        let path = std::ffi::CString::new(path.as_bytes()).ok()?;
        let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_APPEND | libc::O_CLOEXEC;
        // SAFETY: a system call with a path that lives through it.
        let fd =
            unsafe { libc::syscall(libc::SYS_openat, libc::AT_FDCWD, path.as_ptr(), flags, 0o600) };
        (fd >= 0).then_some(fd)
    })
}

/// Whether anything is recorded.
pub(crate) fn is_on() -> bool {
    descriptor().is_some()
}

/// Adds a record. `_order` is what `order` gave.
pub(crate) fn record(
    _order: &MutexGuard<'static, ()>,
    kind: Kind,
    (first, second, third): (u64, u64, u64),
    name: &[u8],
    data: &[u8],
) {
    let Some(fd) = descriptor() else { return };
    let mut head = [0; 33];
    head[0] = kind as u8;
    head[1..9].copy_from_slice(&first.to_le_bytes());
    head[9..17].copy_from_slice(&second.to_le_bytes());
    head[17..25].copy_from_slice(&third.to_le_bytes());
    head[25..29].copy_from_slice(&(name.len() as u32).to_le_bytes());
    head[29..33].copy_from_slice(&(data.len() as u32).to_le_bytes());
    let part = |bytes: &[u8]| libc::iovec {
        iov_base: bytes.as_ptr().cast_mut().cast(),
        iov_len: bytes.len(),
    };
    let parts = [part(&head), part(name), part(data)];
    // One call, so that a process that is killed leaves no half record. SAFETY: the parts live through it.
    unsafe { libc::syscall(libc::SYS_writev, fd, parts.as_ptr(), parts.len()) };
}
