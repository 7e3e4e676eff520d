//! Reading a body whole: within its size, its time and the memory that all bodies share, and with at most one copy.
//!
//! Memory is paid for as bytes arrive, not as they are announced: a client that announces ten megabytes and sends nothing
//! takes nothing from the others. What is allocated ahead is only as much as it announced, at most [`AHEAD`], and the
//! operating system gives it out page by page as it is written to.

use std::error::Error;
use std::io;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::time::{Instant, timeout_at};

use crate::fault::{self, Plant};

use super::budget::Share;

/// Memory is paid for in steps of so many bytes.
const STEP: usize = 64 << 10;
/// Most bytes that are allocated before they arrive.
const AHEAD: usize = 1 << 20;
/// A body that came in one piece is kept as it is from this size on; a smaller one is copied, so that it does not keep the
/// connection's whole buffer alive for as long as the event is.
const KEPT_WHOLE: usize = 8 << 10;

/// Why a body was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyError {
    /// It is, or says it is, larger than it may be.
    TooLarge,
    /// It did not come in time.
    Timeout,
    /// There is no memory for it now.
    Memory,
    /// It breaks the rules of chunks.
    Malformed,
    /// The client went away before it was whole.
    Aborted,
}

/// The bounds of one body.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Most bytes.
    pub(super) max_body: usize,
    /// Most bytes of all bodies together.
    pub(super) memory: usize,
    /// When it must be whole.
    pub(super) deadline: Instant,
}

/// Reads `body` and takes its memory out of the budget.
pub(super) async fn read(
    body: Incoming,
    share: &mut Share,
    bounds: Bounds,
) -> Result<Bytes, BodyError> {
    let announced = body.size_hint().exact();
    let announced = match announced.map(usize::try_from) {
        None => None,
        Some(Ok(length)) if length <= bounds.max_body => Some(length),
        Some(Ok(length)) if fault::planted(Plant::NoBodyLimit) => Some(length),
        Some(_) => return Err(BodyError::TooLarge),
    };
    // Refused before a byte is asked for: a client that waits for `100 Continue` need not send it.
    if !share.grow_to(announced.unwrap_or(0).min(STEP), bounds.memory) {
        return Err(BodyError::Memory);
    }
    match timeout_at(bounds.deadline, collect(body, announced, share, bounds)).await {
        Ok(collected) => collected,
        Err(_) => Err(BodyError::Timeout),
    }
}

async fn collect(
    mut body: Incoming,
    announced: Option<usize>,
    share: &mut Share,
    bounds: Bounds,
) -> Result<Bytes, BodyError> {
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        // Trailers say nothing that we read.
        let Ok(data) = frame.map_err(|error| classify(&error))?.into_data() else { continue };
        let length = whole.len() + data.len();
        if length > bounds.max_body && !fault::planted(Plant::NoBodyLimit) {
            return Err(BodyError::TooLarge);
        }
        let paid = length.next_multiple_of(STEP).min(announced.unwrap_or(usize::MAX));
        if !share.grow_to(paid, bounds.memory) {
            return Err(BodyError::Memory);
        }
        if whole.is_empty() && announced == Some(length) && length >= KEPT_WHOLE {
            return Ok(data);
        }
        make_room(&mut whole, length, announced)?;
        whole.extend_from_slice(&data);
    }
    if whole.capacity() - whole.len() > STEP {
        whole.shrink_to_fit();
    }
    Ok(whole.into())
}

fn make_room(
    whole: &mut Vec<u8>,
    length: usize,
    announced: Option<usize>,
) -> Result<(), BodyError> {
    if length <= whole.capacity() {
        return Ok(());
    }
    let wanted = match announced {
        Some(all) => all.min(AHEAD.max(2 * whole.capacity())),
        None => (2 * whole.capacity()).max(STEP),
    };
    let more = wanted.max(length) - whole.len();
    // All that it tells is that there is none.
    if whole.try_reserve_exact(more).is_ok() { Ok(()) } else { Err(BodyError::Memory) }
}

/// What hyper tells of a body is an error of its own around one of input and output.
fn classify(error: &hyper::Error) -> BodyError {
    let kind = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
    match kind.map(io::Error::kind) {
        Some(io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData) => BodyError::Malformed,
        _ => BodyError::Aborted,
    }
}
