//! How many attempts a target gets per unit of time: a token bucket.

use std::time::Duration;

/// At most `count` attempts per `per`, written `10/s`, `100/m`, `1/2s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    count: u32,
    /// Per how long.
    per: Duration,
}

/// Why a text is not a rate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a rate is a whole number of attempts per time, such as `1/s`, `100/m` or `1/2s`")]
pub struct RateError;

impl Rate {
    /// Reads `10/s`, `100/m`, `5/h`, `1/2s`.
    pub fn parse(_text: &str) -> Result<Self, RateError> {
        todo!()
    }

    /// How many per [`Rate::per`].
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Per how long.
    pub fn per(&self) -> Duration {
        self.per
    }
}

/// A bucket of at most one second's worth of tokens, at least one. Times are monotonic offsets.
#[derive(Debug, Clone)]
pub struct Bucket {}

impl Bucket {
    /// A full bucket at `now`.
    pub fn new(_rate: Rate, _now: Duration) -> Self {
        todo!()
    }

    /// Takes a token, or says when there will be one.
    pub fn take(&mut self, _now: Duration) -> Result<(), Duration> {
        todo!()
    }
}
