//! The names that a configuration gives to things, checked once, and the name of a configuration itself.
//!
//! A name that exists as one of these types is short, printable and safe as a metric label, a log field and a path
//! segment. Nothing here says whether the thing it names exists: that is settled when the configuration is lowered.

use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

/// Longest source or target name, in bytes.
pub const NAME_MAX: usize = 64;
/// Longest rule name, in characters.
pub const RULE_NAME_MAX: usize = 200;

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing was written.
    #[error("a name cannot be empty")]
    Empty,
    /// It is longer than it may be.
    #[error("a name has at most {max} characters, this one has {len}")]
    TooLong {
        /// Its length in characters.
        len: usize,
        /// The most it may have.
        max: usize,
    },
    /// It has a character that a name cannot have.
    #[error("{found:?} cannot stand in a name: {allowed}")]
    Character {
        /// The first such character.
        found: char,
        /// What may stand there.
        allowed: &'static str,
    },
}

fn check_plain(text: &str) -> Result<(), NameError> {
    let Some(first) = text.chars().next() else { return Err(NameError::Empty) };
    if text.len() > NAME_MAX {
        return Err(NameError::TooLong { len: text.chars().count(), max: NAME_MAX });
    }
    if !first.is_ascii_alphanumeric() {
        return Err(NameError::Character {
            found: first,
            allowed: "it begins with a letter or digit",
        });
    }
    let odd = text.chars().find(|c| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '.'));
    odd.map_or(Ok(()), |found| {
        Err(NameError::Character { found, allowed: "letters, digits, '-', '_' and '.' may" })
    })
}

fn check_free(text: &str) -> Result<(), NameError> {
    if text.trim().is_empty() {
        return Err(NameError::Empty);
    }
    let len = text.chars().count();
    if len > RULE_NAME_MAX {
        return Err(NameError::TooLong { len, max: RULE_NAME_MAX });
    }
    let odd = text.chars().find(|c| c.is_control());
    odd.map_or(Ok(()), |found| {
        Err(NameError::Character { found, allowed: "a name is one line of printable text" })
    })
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $check:path) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $type(Arc<str>);

        impl $type {
            /// Checks `text` and takes it as a name.
            pub fn new(text: &str) -> Result<Self, NameError> {
                $check(text)?;
                Ok(Self(text.into()))
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }

        impl std::borrow::Borrow<str> for $type {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }
    };
}

name! {
    /// The name of a source: a key of `sources`.
    SourceName, check_plain
}
name! {
    /// The name of a target: a key of `targets`.
    TargetName, check_plain
}
name! {
    /// The name of a rule: free text on one line, unique in its file.
    RuleName, check_free
}
name! {
    /// The name of a test in the file: free text on one line, unique in its file.
    TestName, check_free
}

/// The SHA-256 of a configuration's text, before anything is put in for `${…}`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ContentHash(pub [u8; 32]);

impl ContentHash {
    /// The first twelve hex digits: enough to tell revisions apart in a log line.
    pub fn short(&self) -> String {
        let mut text = self.to_string();
        text.truncate(12);
        text
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// One published version of the configuration: a number that grows with each, and the hash of its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Revision {
    /// Counts from 1 in each data folder; 0 stands for a configuration that was never published (`check`, `explain`).
    pub number: u64,
    /// What the text hashes to.
    pub hash: ContentHash,
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.number, self.hash.short())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_plain() {
        assert!(TargetName::new("sales-slack").is_ok());
        assert!(TargetName::new("crm_2.eu").is_ok());
        assert_eq!(TargetName::new(""), Err(NameError::Empty));
        assert!(matches!(TargetName::new("-x"), Err(NameError::Character { found: '-', .. })));
        assert!(matches!(TargetName::new("a b"), Err(NameError::Character { found: ' ', .. })));
        assert!(matches!(TargetName::new("é"), Err(NameError::Character { .. })));
        assert!(TargetName::new(&"a".repeat(NAME_MAX)).is_ok());
        assert!(matches!(
            TargetName::new(&"a".repeat(NAME_MAX + 1)),
            Err(NameError::TooLong { .. })
        ));
    }

    #[test]
    fn rule_names_are_one_line_of_text() {
        assert!(RuleName::new("angry callers, día").is_ok());
        assert_eq!(RuleName::new("  "), Err(NameError::Empty));
        assert!(matches!(RuleName::new("a\nb"), Err(NameError::Character { found: '\n', .. })));
        assert!(matches!(
            RuleName::new(&"é".repeat(201)),
            Err(NameError::TooLong { len: 201, .. })
        ));
    }

    #[test]
    fn a_revision_prints_its_number_and_short_hash() {
        let revision = Revision { number: 7, hash: ContentHash([0xab; 32]) };
        assert_eq!(revision.to_string(), "7 (abababababab)");
    }
}
