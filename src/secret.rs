//! A text that must not be seen: keys, tokens, passwords in addresses.
//!
//! It has no `Display`, no serde and a `Debug` that shows nothing, so printing one takes the word [`Secret::expose`],
//! which is easy to search for.

use std::fmt;
use std::sync::Arc;

/// A secret text. Cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Takes `text` into hiding.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The text itself: for computing with it or sending it to where it belongs, never for printing.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether it is the empty text, which is never a usable key.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Secret::new("key_canary")), "***");
        assert_eq!(format!("{:#?}", Some(Secret::new("key_canary"))), "Some(\n    ***,\n)");
    }
}
