//! Where a new test can stand in a file, told from the text alone: only at its end can it be added without touching anything
//! else, so for every other place there is a reason, and a form that fits there.

use serde_json::Value;

/// How the tests of a file are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// There are none, and a key can follow at the end.
    Missing,
    /// They end the file, indented so far.
    Last(String),
    /// Another key follows them; they are indented so far.
    NotLast(String),
    /// In brackets.
    Brackets {
        /// Nothing is in them.
        empty: bool,
    },
    /// The whole file is in braces, as JSON is, without tests.
    Braces,
    /// In a way that is not known here.
    Odd,
}

impl Place {
    /// The place in a text that was loaded and has that many tests.
    pub fn of(text: &str, tests: usize) -> Self {
        let brackets = Self::Brackets { empty: tests == 0 };
        if is_in_braces(text) {
            let has_key = tests > 0 || has_key_in_braces(text);
            return if has_key { brackets } else { Self::Braces };
        }
        let mut lines = text.lines().skip_while(|line| !line.starts_with("tests:"));
        let Some(key) = lines.next() else {
            return if tests == 0 { Self::Missing } else { Self::Odd };
        };
        let rest: Vec<&str> = lines.collect();
        let behind = key.strip_prefix("tests:").unwrap_or_default();
        let first = if is_filled(&behind) {
            behind.trim_start()
        } else {
            rest.iter().copied().find(is_filled).unwrap_or_default()
        };
        let is_block = !is_filled(&behind);
        let indent = || first.chars().take_while(|c| *c == ' ').collect();
        match first.trim_start().chars().next() {
            Some('[') => brackets,
            Some('-') if is_block && rest.iter().all(is_inside) => Self::Last(indent()),
            Some('-') if is_block => Self::NotLast(indent()),
            // Nothing stands at the key.
            None => Self::Last("  ".to_owned()),
            Some(_) if is_block && !is_inside(&first) => Self::NotLast("  ".to_owned()),
            Some(_) => Self::Odd,
        }
    }

    /// Why a test cannot be added here; nothing if it can.
    pub fn against(&self) -> Option<&'static str> {
        match self {
            Self::Missing | Self::Last(_) => None,
            Self::NotLast(_) => Some("`tests` is not the last key of the file"),
            Self::Brackets { .. } => Some("`tests` is written in brackets"),
            Self::Braces => Some("the file is written in braces"),
            Self::Odd => Some("`tests` is not written as a plain list"),
        }
    }

    /// What people do with a test that fits here, in a file of that name.
    pub fn advice(&self, file: &str) -> String {
        match self {
            Self::Missing => format!("add this to {file}:"),
            Self::Last(_) | Self::NotLast(_) | Self::Odd => {
                format!("add this to `tests` in {file}:")
            }
            Self::Brackets { empty: true } => {
                format!("add this between the brackets of `tests` in {file}:")
            }
            Self::Brackets { empty: false } => {
                format!("add this, after a comma, to the end of the brackets of `tests` in {file}:")
            }
            Self::Braces => format!("add this, after a comma, before the last brace of {file}:"),
        }
    }
}

/// Whether more than a comment stands on a line.
fn is_filled(line: &&str) -> bool {
    let line = line.trim_start();
    !line.is_empty() && !line.starts_with('#')
}

/// Whether a line behind a key at the margin can belong to what stands at it.
fn is_inside(line: &&str) -> bool {
    line.is_empty() || line.starts_with([' ', '\t', '#', '-', '\r'])
}

fn is_in_braces(text: &str) -> bool {
    let lines = text.lines().map(|line| line.strip_prefix("---").unwrap_or(line).trim());
    let mut filled = lines.filter(|line| is_filled(line) && !line.starts_with('%'));
    filled.next().is_some_and(|line| line.starts_with('{'))
}

/// Whether a file in braces has the key; a guess if it is no JSON.
fn has_key_in_braces(text: &str) -> bool {
    serde_json::from_str::<Value>(text)
        .map_or_else(|_| text.contains("tests:"), |whole| whole.get("tests").is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_told_from_the_text() {
        let last = |indent: &str| Place::Last(indent.to_owned());
        let not_last = |indent: &str| Place::NotLast(indent.to_owned());
        for (text, tests, place) in [
            ("a: 1\n", 0, Place::Missing),
            ("a: 1\n\"tests\":\n  - name: x\n", 1, Place::Odd),
            ("tests:\n", 0, last("  ")),
            ("tests: # ours\n\n# more\n- name: x\n  event: y\n# end\n", 1, last("")),
            ("tests:\r\n    - name: x\r\n\r\n", 1, last("    ")),
            ("tests:\n    - name: x\nrules: []\n", 1, not_last("    ")),
            ("tests:\nrules: []\n", 0, not_last("  ")),
            ("tests: []\n", 0, Place::Brackets { empty: true }),
            ("tests: [{ name: x }]\n", 1, Place::Brackets { empty: false }),
            ("tests:\n  [\n    { name: x }\n  ]\n", 1, Place::Brackets { empty: false }),
            ("tests: &all\n  - name: x\n", 1, Place::Odd),
            ("tests: *all\n", 1, Place::Odd),
            ("# ours\n--- {\n  a: 1 }\n", 0, Place::Braces),
            ("{\"a\": \"tests:\"}\n", 0, Place::Braces),
            ("{\"tests\": []}", 0, Place::Brackets { empty: true }),
            ("{ tests: [] }", 0, Place::Brackets { empty: true }),
            ("{\n\"tests\": [{}]\n}", 1, Place::Brackets { empty: false }),
        ] {
            assert_eq!(Place::of(text, tests), place, "{text:?}");
        }
    }

    #[test]
    fn where_it_cannot_be_added_there_is_a_reason() {
        for (text, tests) in [("a: 1\n", 0), ("tests:\n", 0), ("tests:\n- name: x\n", 1)] {
            assert_eq!(Place::of(text, tests).against(), None, "{text:?}");
        }
        for (text, tests, part) in [
            ("tests: []\n", 0, "brackets"),
            ("{}\n", 0, "braces"),
            ("tests:\n- name: x\nrules: []\n", 1, "last key"),
            ("tests: *all\n", 1, "plain list"),
        ] {
            let place = Place::of(text, tests);
            assert!(place.against().is_some_and(|why| why.contains(part)), "{text:?}");
            assert!(place.advice("rules.yaml").contains("rules.yaml"));
        }
    }
}
