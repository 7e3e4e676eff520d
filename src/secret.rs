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

/// What the name of something that is a credential ends with, its letters in lower case and nothing between them.
const NAMES: [&str; 9] = [
    "token",
    "secret",
    "password",
    "passwd",
    "apikey",
    "authorization",
    "credential",
    "privatekey",
    "signature",
];

/// Whether a name says that it stands for a secret: `access_token`, `X-Api-Key`.
pub fn names_a_secret(name: &str) -> bool {
    let letters = name.chars().filter(char::is_ascii_alphanumeric);
    let plain: String = letters.map(|c| c.to_ascii_lowercase()).collect();
    NAMES.iter().any(|ending| plain.ends_with(ending))
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
    fn names_say_what_they_stand_for() {
        for name in ["access_token", "X-Api-Key", "Authorization", "apiKey", "db.password"] {
            assert!(names_a_secret(name), "{name}");
        }
        for name in ["tokens_used", "key", "x-region", "", "secretary"] {
            assert!(!names_a_secret(name), "{name}");
        }
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Secret::new("key_canary")), "***");
        assert_eq!(format!("{:#?}", Some(Secret::new("key_canary"))), "Some(\n    ***,\n)");
    }
}
