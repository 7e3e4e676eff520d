//! The whole body as a tree, for general paths and templates.

use std::sync::Arc;

use serde_json::Value;

/// Why a body cannot be looked at. It names a place, never the text found there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unreadable {
    /// It is not UTF-8.
    #[error("not UTF-8 from byte {at} on")]
    Utf8 {
        /// The offset of the first bad byte.
        at: usize,
    },
    /// It is not JSON.
    #[error("not JSON at byte {at}: {what}")]
    Syntax {
        /// Where.
        at: usize,
        /// What is wrong there.
        what: &'static str,
    },
    /// It nests deeper than 128.
    #[error("nested deeper than 128 at byte {at}")]
    Depth {
        /// Where.
        at: usize,
    },
    /// It is JSON, but not an object.
    #[error("a JSON {found}, not an object")]
    NotAnObject {
        /// What it is instead.
        found: &'static str,
    },
    /// A key that a rule reads occurs twice, so that readers could see different values.
    #[error("the key at {path} occurs more than once")]
    DuplicateKey {
        /// The place, in the words of the rules (never of the payload).
        path: String,
    },
}

/// A parsed body. Numbers keep their literal, members their order; depth is at most 128. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Document {
    value: Arc<Value>,
}

impl Document {
    /// Parses a whole body.
    pub(crate) fn parse(_body: &[u8]) -> Result<Self, Unreadable> {
        todo!()
    }

    /// The document.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// The document, to be held on to: templates look into it in place.
    pub fn shared(&self) -> Arc<Value> {
        Arc::clone(&self.value)
    }
}
