//! JSONPath (RFC 9535): the only place that knows jsonpath-rust.
//!
//! A path that names at most one place (`$.call.duration_ms`) is *singular* and becomes plain segments, which the reader
//! of `event` follows while it passes over the bytes. Every other path is *general* and asks the whole document.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

/// Longest path, in characters.
pub const PATH_MAX: usize = 512;

/// One step of a singular path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Segment {
    /// A member of an object.
    Key(Arc<str>),
    /// An element of an array, counted from its beginning.
    Index(usize),
}

/// Why a text is not a usable path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    /// It does not follow RFC 9535.
    #[error("not a JSONPath: {0}")]
    Syntax(String),
}

/// A compiled path.
#[derive(Clone)]
pub struct Path {
    text: Arc<str>,
    segments: Vec<Segment>,
}

impl Path {
    /// Compiles `text`; refuses what jsonpath-rust accepts but never matches, `match`/`search`, more than one `..` and
    /// more than [`PATH_MAX`] characters.
    pub fn parse(_text: &str) -> Result<Self, PathError> {
        todo!()
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The segments, if this path names at most one place.
    pub fn singular(&self) -> Option<&[Segment]> {
        todo!()
    }

    /// The segments that every match begins with: all of them for a singular path.
    pub fn prefix(&self) -> &[Segment] {
        &self.segments
    }

    /// Every value that the path names in `document`, in document order.
    pub fn values<'v>(&self, _document: &'v Value) -> Vec<&'v Value> {
        todo!()
    }

    /// Takes every value that the path names out of `document`: a member of an object is removed, an element of an array
    /// becomes `null` so that the others keep their places. Returns how many went.
    pub fn remove(&self, _document: &mut Value) -> usize {
        todo!()
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for Path {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Path {}
