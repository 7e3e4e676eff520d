//! What is to go wrong: a file of sixteen numbers that the driver and this library both map. All are little-endian `u64`;
//! 0 means no.
//!
//! | place | what |
//! | --- | --- |
//! | 0, 1 | calls (bits of `Op`) and files (bits of `files`) that may fail |
//! | 2 | how: an errno, or 1000 for a write of half the bytes |
//! | 3, 4 | from the which such call on, and how many of them |
//! | 5 | milliseconds that each sync takes longer |
//! | 6, 7, 8, 9 | calls and files at which the process is killed, at the which, and whether after instead of before |
//! | 10, 11, 12 | written here: such calls so far, faults made, calls of places 6 and 7 so far |

use std::ffi::c_int;
use std::os::unix::ffi::OsStrExt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Kinds of calls.
#[derive(Clone, Copy)]
#[repr(u64)]
pub(crate) enum Op {
    Open = 1,
    Write = 2,
    Sync = 4,
    Truncate = 8,
    Allocate = 16,
    Unlink = 32,
    Rename = 64,
    Map = 128,
    Read = 256,
    /// A 204 leaves by a socket.
    Reply = 512,
}

/// What becomes of a call.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Go,
    Fail(c_int),
    Short,
}

const SHORT: u64 = 1_000;
type Numbers = [AtomicU64; 16];

fn numbers() -> Option<&'static Numbers> {
    static NUMBERS: OnceLock<Option<&'static Numbers>> = OnceLock::new();
    *NUMBERS.get_or_init(|| {
        let path = std::env::var_os("HOOKSWITCH_SHIM_CONTROL")?;
        let path = std::ffi::CString::new(path.as_bytes()).ok()?;
        let size = size_of::<Numbers>();
        // SAFETY: system calls with a path that lives through them; the mapping stays for ever, is aligned to a page and as
        // long as the numbers, which the driver made sure of.
        unsafe {
            let fd = libc::syscall(libc::SYS_openat, libc::AT_FDCWD, path.as_ptr(), libc::O_RDWR);
            // `mmap` takes whole registers, so every number is as wide as one.
            let both = libc::c_long::from(libc::PROT_READ | libc::PROT_WRITE);
            let shared = libc::c_long::from(libc::MAP_SHARED);
            let none: libc::c_long = 0;
            let at = libc::syscall(libc::SYS_mmap, none, size, both, shared, fd, none);
            (fd >= 0 && at > 0).then(|| &*(at as *const Numbers))
        }
    })
}

/// Before a call: what is to become of it, and whether the process ends after it.
pub(crate) fn before(op: Op, class: u64) -> (Verdict, bool) {
    let Some(numbers) = numbers() else { return (Verdict::Go, false) };
    let [ops, classes, how, from, count, _, kill_ops, kill_classes, kill_at, kill_after, ..] =
        numbers;
    let read = |number: &AtomicU64| number.load(Ordering::Acquire);
    let mut ends_after = false;
    if read(kill_ops) & op as u64 != 0 && read(kill_classes) & class != 0 {
        let number = numbers[12].fetch_add(1, Ordering::AcqRel) + 1;
        if number == read(kill_at) {
            if read(kill_after) == 0 {
                end();
            }
            ends_after = true;
        }
    }
    if read(ops) & op as u64 == 0 || read(classes) & class == 0 {
        return (Verdict::Go, ends_after);
    }
    let number = numbers[10].fetch_add(1, Ordering::AcqRel) + 1;
    let (how, from) = (read(how), read(from));
    if how == 0 || number < from || number - from >= read(count) {
        return (Verdict::Go, ends_after);
    }
    numbers[11].fetch_add(1, Ordering::AcqRel);
    let verdict = if how == SHORT { Verdict::Short } else { Verdict::Fail(how as c_int) };
    (verdict, ends_after)
}

/// After a call, with what `before` said.
pub(crate) fn after(ends: bool) {
    if ends {
        end();
    }
}

/// A disk that takes its time.
pub(crate) fn delay() {
    let millis = numbers().map_or(0, |numbers| numbers[5].load(Ordering::Acquire));
    if millis > 0 {
        let time = libc::timespec {
            tv_sec: (millis / 1_000) as libc::time_t,
            tv_nsec: (millis % 1_000 * 1_000_000) as libc::c_long,
        };
        // SAFETY: reads the time and writes nothing.
        unsafe { libc::nanosleep(&raw const time, std::ptr::null_mut()) };
    }
}

/// SIGKILL, here and now.
fn end() -> ! {
    // SAFETY: no memory is touched.
    unsafe {
        libc::kill(libc::getpid(), libc::SIGKILL);
        loop {
            libc::pause();
        }
    }
}
