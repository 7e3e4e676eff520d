//! `open` and its kin.
//!
//! In C they take a third argument only with `O_CREAT`. It is declared here as if it were always there: on the processors
//! that Linux runs on, it then holds whatever its register held, which is passed on and not looked at.

use std::ffi::{CStr, c_char, c_int};

use libc::mode_t;

use crate::control::{self, Op, Verdict};
use crate::trace::{self, Kind};
use crate::{fail, files};

/// # Safety
/// That of `openat`.
pub(crate) unsafe fn at(folder: c_int, path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    // What `open64` would add.
    let flags = flags | libc::O_LARGEFILE;
    // SAFETY: as called.
    let open = || unsafe { libc::syscall(libc::SYS_openat, folder, path, flags, mode) as c_int };
    if path.is_null() {
        return open();
    }
    // SAFETY: a path is a C string.
    let name = unsafe { CStr::from_ptr(path) }.to_bytes();
    let Some(class) = files::class(name) else { return open() };
    let order = trace::order();
    let (verdict, hit) = control::before(Op::Open, class);
    if let Verdict::Fail(errno) = verdict {
        return fail(errno) as c_int;
    }
    // SAFETY: a system call with the caller's path.
    let was_there = unsafe { libc::syscall(libc::SYS_faccessat, folder, path, libc::F_OK) } == 0;
    let fd = open();
    if fd >= 0 {
        let inode = files::remember(fd, class);
        trace::record(&order, Kind::Open, (inode, u64::from(!was_there), 0), name, b"");
        if was_there && flags & libc::O_TRUNC != 0 {
            trace::record(&order, Kind::Truncate, (inode, 0, 0), b"", b"");
        }
    }
    control::after(hit);
    fd
}
