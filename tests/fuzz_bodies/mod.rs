//! What the fuzz targets check, one module for each. The same functions run under `cargo test` as property tests
//! (`tests/fuzz.rs`) and under libFuzzer (`fuzz/`), so that no check exists in one of them only.
//!
//! A body takes bytes and panics if a promise is broken. It uses only the public face of the crate, reads no clock and rolls no
//! dice: the same bytes always do the same.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::allow_attributes,
    unreachable_pub,
    missing_docs,
    reason = "a check fails by panicking, and each fuzz target uses one module of these"
)]

pub mod connection;
pub mod extraction;
pub mod request;
pub mod retry_after;
pub mod rules_file;
pub mod signature;
pub mod template_source;
pub mod templates;

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use hookswitch::clock::Timestamp;
use hookswitch::config::{self, MapEnvironment, Overrides, Snapshot};
use hookswitch::event::{EventId, Intake, Pairs, Reader, RequestParts};
use hookswitch::name::SourceName;
use hookswitch::signature::{Check, Verified};

/// When everything happens: the time of the signature vectors of the fixtures.
pub const NOW: Timestamp = Timestamp::from_millis(1_772_553_700_973);

/// The configuration in `text`, which must be good.
pub fn snapshot(text: &str) -> Snapshot {
    config::load_text(
        text,
        Path::new("rules.yaml"),
        &MapEnvironment::default(),
        &Overrides::default(),
    )
    .unwrap_or_else(|problems| panic!("{problems}"))
}

/// A body that nobody signed.
pub fn unsigned(body: &[u8]) -> Verified {
    let source = SourceName::new("retell").unwrap();
    Check::Unsigned.verify(&source, Bytes::copy_from_slice(body), &[], NOW).unwrap()
}

/// Reads a body as `reader` does, without headers and query.
pub fn read(reader: &Reader, body: &[u8]) -> Intake {
    reader.read(
        unsigned(body),
        EventId::new(NOW, [7; 10]),
        RequestParts::default(),
        Pairs::new(),
        Pairs::new(),
    )
}

/// The first bytes as a number, and the rest.
pub fn number(data: &[u8]) -> (u64, &[u8]) {
    let (first, rest) = data.split_at(data.len().min(8));
    let mut bytes = [0; 8];
    bytes[..first.len()].copy_from_slice(first);
    (u64::from_le_bytes(bytes), rest)
}

/// Bytes as text, what is none replaced.
pub fn text(data: &[u8]) -> Arc<str> {
    String::from_utf8_lossy(data).into()
}

/// Bytes as hex digits, in lower case.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes it");
        text
    })
}
