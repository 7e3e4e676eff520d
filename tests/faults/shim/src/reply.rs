//! Answers that leave by a socket. A 204 is recorded before it is written, so what the trace holds before it is all that
//! the answer may rely on.

use crate::control::{self, Op};
use crate::trace::{self, Kind};

/// Marks every answer for an event that was stored.
const START: &[u8] = b"HTTP/1.1 204";
/// As much of an answer as is recorded: its head.
const HEAD: usize = 1_024;

/// Bytes are about to leave.
pub(crate) fn leaving(bytes: &[u8]) {
    if bytes.starts_with(START) {
        control::before(Op::Reply, u64::MAX);
        if trace::is_on() {
            let head = &bytes[..bytes.len().min(HEAD)];
            trace::record(&trace::order(), Kind::Reply, (0, 0, 0), b"", head);
        }
    }
}

/// The same in parts; an answer's head is in the first one.
///
/// # Safety
/// That of `writev`.
pub(crate) unsafe fn leaving_in(parts: *const libc::iovec, count: usize) {
    if count == 0 || parts.is_null() {
        return;
    }
    // SAFETY: there is one at least.
    let first = unsafe { &*parts };
    if !first.iov_base.is_null() {
        // SAFETY: promised by the caller.
        leaving(unsafe { std::slice::from_raw_parts(first.iov_base.cast(), first.iov_len) });
    }
}
