//! The id of an event: a UUID of version 7 (RFC 9562), so ids sort by arrival.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use uuid::Uuid;

use crate::clock::Timestamp;

/// An event's id.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventId(Uuid);

/// A text that is not an event id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an event id: ids look like 0197f0a2-6b1c-7c3e-9f00-1d2c3b4a5968")]
pub struct EventIdError;

impl EventId {
    /// The id of an event that arrived `at`, with `chance` filling the rest.
    pub fn new(at: Timestamp, chance: [u8; 10]) -> Self {
        let millis = u64::try_from(at.millis()).unwrap_or(0);
        Self(uuid::Builder::from_unix_timestamp_millis(millis, &chance).into_uuid())
    }

    /// From the sixteen bytes that the store keeps.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// Its sixteen bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl FromStr for EventId {
    type Err = EventIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::try_parse(text).ok().filter(|_| text.len() == 36).map(Self).ok_or(EventIdError)
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl Serialize for EventId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_arrival_and_read_back() {
        let early = EventId::new(Timestamp::from_millis(1_700_000_000_000), [0xff; 10]);
        let late = EventId::new(Timestamp::from_millis(1_700_000_000_001), [0; 10]);
        assert!(early < late);
        assert_eq!(early.to_string().parse(), Ok(early));
        assert_eq!(EventId::from_bytes(*late.as_bytes()), late);
        assert_eq!("0197f0a26b1c7c3e9f001d2c3b4a5968".parse::<EventId>(), Err(EventIdError));
    }
}
