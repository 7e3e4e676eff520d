//! Whether a request is what its source says it is, and how we sign what we send.
//!
//! This module stands below `event` on purpose: an event can be made only from the [`Verified`] body that
//! [`Check::verify`] hands out, so the order of the modules is the order of trust.

pub mod retell;
pub mod standard;

#[cfg(test)]
mod tests;

use std::time::Duration;

use bytes::Bytes;

use crate::clock::Timestamp;
use crate::name::SourceName;
use crate::secret::Secret;

/// The header that carries Retell's signature, in lower case.
pub const RETELL_HEADER: &str = "x-retell-signature";

/// How a source's requests are checked.
#[derive(Debug, Clone)]
pub enum Check {
    /// `verify: none`, written out by the operator: anyone who reaches the listener can send events.
    Unsigned,
    /// Retell's signature, under any of the keys.
    Retell(RetellCheck),
}

/// Retell's signature check: one or more keys, and how far its timestamp may be from our clock.
#[derive(Debug, Clone)]
pub struct RetellCheck {
    keys: Vec<Secret>,
    tolerance: Duration,
}

/// Why a [`RetellCheck`] cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The list of keys is empty.
    #[error("there is no key")]
    None,
    /// A key is the empty text.
    #[error("the key is empty")]
    Empty,
}

impl RetellCheck {
    /// A check that accepts a signature made with any of `keys`, at most `tolerance` old or ahead.
    pub fn new(keys: Vec<Secret>, tolerance: Duration) -> Result<Self, KeyError> {
        if keys.is_empty() {
            return Err(KeyError::None);
        }
        if keys.iter().any(Secret::is_empty) {
            return Err(KeyError::Empty);
        }
        Ok(Self { keys, tolerance })
    }
}

/// Why a request was refused. Nothing of the request is kept in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no signature header.
    #[error("the signature header is missing")]
    Missing,
    /// There is more than one signature header.
    #[error("the signature header occurs more than once")]
    Repeated,
    /// The header is not `v=<13 digits>,d=<64 lower-case hex digits>`.
    #[error("the signature header is malformed")]
    Malformed,
    /// No key makes this digest over this body and timestamp.
    #[error("the signature does not match the body under any key")]
    Wrong,
    /// The digest is right, but the timestamp is too far from our clock: the sender's clock or ours is off, or the
    /// request is a replay.
    #[error("the signature is right but {} s {}", .skew_ms.unsigned_abs() / 1000, if *.skew_ms > 0 { "old" } else { "ahead of the clock" })]
    Stale {
        /// Our clock minus the signature's timestamp, in milliseconds.
        skew_ms: i64,
    },
}

/// A body that passed its source's check. Only [`Check::verify`] makes one.
#[derive(Debug, Clone)]
pub struct Verified {
    source: SourceName,
    body: Bytes,
    received_at: Timestamp,
    signed: bool,
}

impl Verified {
    /// The source whose check it passed.
    pub fn source(&self) -> &SourceName {
        &self.source
    }

    /// The exact bytes.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// When it arrived.
    pub fn received_at(&self) -> Timestamp {
        self.received_at
    }

    /// Whether a signature was checked, rather than `verify: none`.
    pub fn signed(&self) -> bool {
        self.signed
    }
}

impl Check {
    /// Checks `body` against the values of its signature headers. Every key is tried whichever matches, and digests are
    /// compared in constant time, so the time taken tells nothing.
    pub fn verify(
        &self,
        source: &SourceName,
        body: Bytes,
        headers: &[&[u8]],
        now: Timestamp,
    ) -> Result<Verified, Refusal> {
        let signed = match self {
            Self::Unsigned => false,
            Self::Retell(check) => {
                let header = match headers {
                    [] => return Err(Refusal::Missing),
                    [header] => header,
                    _ => return Err(Refusal::Repeated),
                };
                retell::verify(&check.keys, check.tolerance, &body, header, now)?;
                true
            }
        };
        Ok(Verified { source: source.clone(), body, received_at: now, signed })
    }
}
