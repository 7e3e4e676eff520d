//! Stands between the real binary and libc (`LD_PRELOAD`, Linux), to record and to fail what it does to its data folder.
//!
//! `HOOKSWITCH_SHIM_FOLDER` is the folder, absolute and without links; everything else passes untouched. With
//! `HOOKSWITCH_SHIM_TRACE` every change goes into that file (`trace`), answers that leave by a socket too, so that one file
//! tells in which order they were. With `HOOKSWITCH_SHIM_CONTROL` calls fail, wait or end the process as that file says
//! (`control`); the driver may change it at any moment.
//!
//! What it does not see: system calls that do not go through libc's functions, and stores into mapped memory. In
//! hookswitch that is `statvfs` and `getrlimit` (rustix), which change nothing, and the `-shm` file, which SQLite rebuilds
//! after every crash. Files are known by absolute paths; a path relative to a folder's descriptor is not looked at.

#![expect(
    clippy::missing_safety_doc,
    reason = "these are libc's own functions, whose contracts their manual pages tell"
)]

mod control;
mod files;
mod open;
mod reply;
mod trace;

use std::ffi::{CStr, c_char, c_int, c_void};

use libc::{mode_t, off_t, size_t, ssize_t};

use control::{Op, Verdict};
use trace::Kind;

/// Sets `errno` and returns -1 as the kind of number that is wanted.
pub(crate) fn fail(errno: c_int) -> isize {
    // SAFETY: the address of this thread's own errno.
    unsafe { *libc::__errno_location() = errno };
    -1
}

/// The bytes of an argument.
///
/// # Safety
/// What the caller of a `write` promises.
unsafe fn bytes<'a>(from: *const c_void, count: size_t) -> &'a [u8] {
    if from.is_null() {
        return &[];
    }
    // SAFETY: promised by the caller.
    unsafe { std::slice::from_raw_parts(from.cast(), count) }
}

/// A write to a file of the folder, at a place.
///
/// # Safety
/// That of `pwrite`.
unsafe fn write_at(fd: c_int, from: *const c_void, count: size_t, at: off_t) -> ssize_t {
    let Some(file) = files::of(fd) else {
        // SAFETY: as called.
        return unsafe { libc::syscall(libc::SYS_pwrite64, fd, from, count, at) as ssize_t };
    };
    let order = trace::order();
    let (verdict, hit) = control::before(Op::Write, file.class);
    let count = match verdict {
        Verdict::Fail(errno) => return fail(errno),
        Verdict::Short if count > 1 => count / 2,
        _ => count,
    };
    // SAFETY: as called, or less of it.
    let done = unsafe { libc::syscall(libc::SYS_pwrite64, fd, from, count, at) as ssize_t };
    if done > 0 {
        // SAFETY: the system has read as much.
        let written = unsafe { bytes(from, done as usize) };
        trace::record(&order, Kind::Write, (file.inode, at as u64, 0), b"", written);
    }
    control::after(hit);
    done
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwrite(
    fd: c_int,
    from: *const c_void,
    count: size_t,
    at: off_t,
) -> ssize_t {
    // SAFETY: as called.
    unsafe { write_at(fd, from, count, at) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pwrite64(
    fd: c_int,
    from: *const c_void,
    count: size_t,
    at: off_t,
) -> ssize_t {
    // SAFETY: as called.
    unsafe { write_at(fd, from, count, at) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn write(fd: c_int, from: *const c_void, count: size_t) -> ssize_t {
    if files::of(fd).is_none() {
        // SAFETY: as called.
        return unsafe {
            reply::leaving(bytes(from, count));
            libc::syscall(libc::SYS_write, fd, from, count) as ssize_t
        };
    }
    // SAFETY: moves the place of this descriptor as the write would have. Nothing appends in this folder.
    unsafe {
        let at = libc::lseek(fd, 0, libc::SEEK_CUR);
        let done = write_at(fd, from, count, at);
        if done > 0 {
            libc::lseek(fd, at + done as off_t, libc::SEEK_SET);
        }
        done
    }
}

/// A read, which may fail.
///
/// # Safety
/// That of `pread`.
unsafe fn read_at(fd: c_int, to: *mut c_void, count: size_t, at: off_t) -> ssize_t {
    if let Some(file) = files::of(fd)
        && let (Verdict::Fail(errno), _) = control::before(Op::Read, file.class)
    {
        return fail(errno);
    }
    // SAFETY: as called.
    unsafe { libc::syscall(libc::SYS_pread64, fd, to, count, at) as ssize_t }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pread(fd: c_int, to: *mut c_void, count: size_t, at: off_t) -> ssize_t {
    // SAFETY: as called.
    unsafe { read_at(fd, to, count, at) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn pread64(fd: c_int, to: *mut c_void, count: size_t, at: off_t) -> ssize_t {
    // SAFETY: as called.
    unsafe { read_at(fd, to, count, at) }
}

/// A sync: recorded when it begins, for what it covers, and when it has returned, for what it proves.
fn sync(fd: c_int, number: libc::c_long) -> c_int {
    let Some(file) = files::of(fd) else {
        // SAFETY: takes a descriptor, whatever it is.
        return unsafe { libc::syscall(number, fd) as c_int };
    };
    // The process may end here, and must not cut a record of another thread in two.
    let order = trace::order();
    let (verdict, hit) = control::before(Op::Sync, file.class);
    let ticket = trace::ticket();
    let folder = u64::from(file.class == files::FOLDER);
    trace::record(&order, Kind::SyncBegin, (file.inode, ticket, folder), b"", b"");
    drop(order);
    control::delay();
    if let Verdict::Fail(errno) = verdict {
        return fail(errno) as c_int;
    }
    // SAFETY: takes a descriptor of a file that is open.
    let done = unsafe { libc::syscall(number, fd) as c_int };
    let order = trace::order();
    if done == 0 {
        trace::record(&order, Kind::SyncEnd, (file.inode, ticket, folder), b"", b"");
    }
    control::after(hit);
    done
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fsync(fd: c_int) -> c_int {
    sync(fd, libc::SYS_fsync)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn fdatasync(fd: c_int) -> c_int {
    sync(fd, libc::SYS_fdatasync)
}

fn truncate(fd: c_int, length: off_t) -> c_int {
    let file = files::of(fd);
    let order = trace::order();
    let mut hit = false;
    if let Some(file) = file {
        let verdict;
        (verdict, hit) = control::before(Op::Truncate, file.class);
        if let Verdict::Fail(errno) = verdict {
            return fail(errno) as c_int;
        }
    }
    // SAFETY: takes numbers.
    let done = unsafe { libc::syscall(libc::SYS_ftruncate, fd, length) as c_int };
    if let Some(file) = file.filter(|_| done == 0) {
        trace::record(&order, Kind::Truncate, (file.inode, length as u64, 0), b"", b"");
    }
    control::after(hit);
    done
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ftruncate(fd: c_int, length: off_t) -> c_int {
    truncate(fd, length)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ftruncate64(fd: c_int, length: off_t) -> c_int {
    truncate(fd, length)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_fallocate(fd: c_int, at: off_t, count: off_t) -> c_int {
    if let Some(file) = files::of(fd)
        && let (Verdict::Fail(errno), _) = control::before(Op::Allocate, file.class)
    {
        return errno;
    }
    // SAFETY: takes numbers.
    let done = unsafe { libc::syscall(libc::SYS_fallocate, fd, 0, at, count) };
    // SAFETY: this thread's own errno.
    if done == 0 { 0 } else { unsafe { *libc::__errno_location() } }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn unlink(path: *const c_char) -> c_int {
    // SAFETY: a path is a C string.
    let name = unsafe { CStr::from_ptr(path) }.to_bytes();
    let class = files::class(name);
    let order = trace::order();
    let mut hit = false;
    if let Some(class) = class {
        let verdict;
        (verdict, hit) = control::before(Op::Unlink, class);
        if let Verdict::Fail(errno) = verdict {
            return fail(errno) as c_int;
        }
    }
    // SAFETY: as called.
    let done = unsafe { libc::syscall(libc::SYS_unlinkat, libc::AT_FDCWD, path, 0) as c_int };
    if class.is_some() && done == 0 {
        trace::record(&order, Kind::Unlink, (0, 0, 0), name, b"");
    }
    control::after(hit);
    done
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn rename(from: *const c_char, to: *const c_char) -> c_int {
    // SAFETY: paths are C strings.
    let (old, new) = unsafe { (CStr::from_ptr(from).to_bytes(), CStr::from_ptr(to).to_bytes()) };
    let class = files::class(new);
    let order = trace::order();
    let mut hit = false;
    if let Some(class) = class {
        let verdict;
        (verdict, hit) = control::before(Op::Rename, class);
        if let Verdict::Fail(errno) = verdict {
            return fail(errno) as c_int;
        }
    }
    // SAFETY: as called.
    let done = unsafe {
        libc::syscall(libc::SYS_renameat2, libc::AT_FDCWD, from, libc::AT_FDCWD, to, 0) as c_int
    };
    if class.is_some() && done == 0 {
        trace::record(&order, Kind::Rename, (0, 0, 0), old, new);
    }
    control::after(hit);
    done
}

fn map(fd: c_int, arguments: (*mut c_void, size_t, c_int, c_int), at: off_t) -> *mut c_void {
    let (to, length, protection, flags) = arguments;
    // Memory that is no file's is asked for before this library is ready: nothing else may be touched then.
    if fd >= 0
        && let Some(file) = files::of(fd)
        && let (Verdict::Fail(errno), _) = control::before(Op::Map, file.class)
    {
        fail(errno);
        return libc::MAP_FAILED;
    }
    let [protection, flags, fd] = [protection, flags, fd].map(libc::c_long::from);
    // SAFETY: as called. The kernel takes whole registers here, so every number is as wide as one.
    unsafe { libc::syscall(libc::SYS_mmap, to, length, protection, flags, fd, at) as *mut c_void }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn mmap(
    to: *mut c_void,
    length: size_t,
    protection: c_int,
    flags: c_int,
    fd: c_int,
    at: off_t,
) -> *mut c_void {
    map(fd, (to, length, protection, flags), at)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn mmap64(
    to: *mut c_void,
    length: size_t,
    protection: c_int,
    flags: c_int,
    fd: c_int,
    at: off_t,
) -> *mut c_void {
    map(fd, (to, length, protection, flags), at)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn open(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    // SAFETY: as called; see `open` for the third argument.
    unsafe { open::at(libc::AT_FDCWD, path, flags, mode) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn open64(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    // SAFETY: as called.
    unsafe { open::at(libc::AT_FDCWD, path, flags, mode) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn openat(
    folder: c_int,
    path: *const c_char,
    flags: c_int,
    mode: mode_t,
) -> c_int {
    // SAFETY: as called.
    unsafe { open::at(folder, path, flags, mode) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn openat64(
    folder: c_int,
    path: *const c_char,
    flags: c_int,
    mode: mode_t,
) -> c_int {
    // SAFETY: as called.
    unsafe { open::at(folder, path, flags, mode) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn close(fd: c_int) -> c_int {
    files::forget(fd);
    // SAFETY: as called.
    unsafe { libc::syscall(libc::SYS_close, fd) as c_int }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn send(
    fd: c_int,
    from: *const c_void,
    count: size_t,
    flags: c_int,
) -> ssize_t {
    // SAFETY: as called; `send` is `sendto` without an address.
    unsafe { sendto(fd, from, count, flags, std::ptr::null(), 0) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn sendto(
    fd: c_int,
    from: *const c_void,
    count: size_t,
    flags: c_int,
    to: *const libc::sockaddr,
    to_length: libc::socklen_t,
) -> ssize_t {
    // SAFETY: as called.
    unsafe {
        reply::leaving(bytes(from, count));
        libc::syscall(libc::SYS_sendto, fd, from, count, flags, to, to_length) as ssize_t
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn sendmsg(fd: c_int, message: *const libc::msghdr, flags: c_int) -> ssize_t {
    // SAFETY: as called.
    unsafe {
        reply::leaving_in((*message).msg_iov, (*message).msg_iovlen);
        libc::syscall(libc::SYS_sendmsg, fd, message, flags) as ssize_t
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn writev(fd: c_int, parts: *const libc::iovec, count: c_int) -> ssize_t {
    // SAFETY: as called. No file of the folder is written this way: neither SQLite nor the program does.
    unsafe {
        reply::leaving_in(parts, count as usize);
        libc::syscall(libc::SYS_writev, fd, parts, libc::c_long::from(count)) as ssize_t
    }
}
