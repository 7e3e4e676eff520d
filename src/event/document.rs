//! The whole body as a tree, for general paths and templates.
//!
//! The tree is built by our own scanner and not by `serde_json`, whose features for exact numbers and raw values make it
//! read the object `{"$serde_json::private::RawValue": "[1]"}` as the array `[1]`: a sender could show targets something
//! else than what it sent. It also writes `1e0` as `1e+0`, while here every number keeps its digits.

use std::sync::Arc;

use serde_json::{Map, Number, Value};

use super::scan::Scanner;

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
    /// A string that is read has half of a surrogate pair, which stands for no character.
    #[error("half a surrogate pair at byte {at}")]
    Surrogate {
        /// Where its escape begins.
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

impl Unreadable {
    /// The same fault in a text of which the one that was read is a part that begins at `start`.
    pub(super) fn shifted(self, start: usize) -> Self {
        match self {
            Self::Utf8 { at } => Self::Utf8 { at: at + start },
            Self::Syntax { at, what } => Self::Syntax { at: at + start, what },
            Self::Depth { at } => Self::Depth { at: at + start },
            Self::Surrogate { at } => Self::Surrogate { at: at + start },
            other => other,
        }
    }
}

/// A parsed body. Numbers keep their literal, members their order; depth is at most 128. Of a key that occurs twice the
/// last value counts, at the place of the first. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Document {
    value: Arc<Value>,
}

impl Document {
    /// Parses a whole body.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, Unreadable> {
        let mut scanner = Scanner::new(body)?;
        let value = build(&mut scanner)?;
        scanner.end()?;
        Ok(Self { value: Arc::new(value) })
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

/// Reads one value as a tree. It calls itself at most 128 times deep.
fn build(scanner: &mut Scanner<'_>) -> Result<Value, Unreadable> {
    Ok(match scanner.peek() {
        Some(b'"') => Value::String(string(scanner)?),
        Some(b'{') => {
            scanner.enter()?;
            let mut members = Map::new();
            let mut first = true;
            while scanner.next_part(b'}', first)? {
                first = false;
                let literal = scanner.key()?;
                let mut key = String::with_capacity(literal.raw.len());
                Scanner::unescape(literal, &mut key)?;
                members.insert(key, build(scanner)?);
            }
            Value::Object(members)
        }
        Some(b'[') => {
            scanner.enter()?;
            let mut elements = Vec::new();
            while scanner.next_part(b']', elements.is_empty())? {
                elements.push(build(scanner)?);
            }
            Value::Array(elements)
        }
        Some(b'-' | b'0'..=b'9') => {
            Value::Number(Number::from_string_unchecked(scanner.number()?.to_owned()))
        }
        _ => scanner.word()?.map_or(Value::Null, Value::Bool),
    })
}

fn string(scanner: &mut Scanner<'_>) -> Result<String, Unreadable> {
    let literal = scanner.string()?;
    let mut text = String::with_capacity(literal.raw.len());
    Scanner::unescape(literal, &mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Arc<Value> {
        Document::parse(text.as_bytes()).unwrap().shared()
    }

    #[test]
    fn keeps_digits_order_and_the_last_of_twins() {
        let text =
            r#"{"z":1.10,"a":[1e0,-0,12345678901234567890123,1E+5],"z":{"q":null},"é":"\u00e9\n"}"#;
        assert_eq!(
            value(text).to_string(),
            r#"{"z":{"q":null},"a":[1e0,-0,12345678901234567890123,1E+5],"é":"é\n"}"#
        );
    }

    #[test]
    fn the_private_names_of_serde_json_are_ordinary_keys() {
        for text in [
            r#"{"$serde_json::private::RawValue":"[1]"}"#,
            r#"{"$serde_json::private::Number":"1"}"#,
            r#"{"$serde_json::private::Number":"x"}"#,
        ] {
            assert!(value(text).is_object());
            assert_eq!(value(text).to_string(), text);
        }
    }

    #[test]
    fn says_where_it_cannot_go_on() {
        let fault = |text: &[u8]| Document::parse(text).unwrap_err().to_string();
        assert_eq!(fault(b"{\"a\":\xff}"), "not UTF-8 from byte 5 on");
        assert_eq!(fault(br#"{"a":"\ud800"}"#), "half a surrogate pair at byte 6");
        assert_eq!(fault(br#"{"\udc00":1}"#), "half a surrogate pair at byte 2");
        assert_eq!(fault(b"{} x"), "not JSON at byte 3: text after the end of the document");
        let deep = |levels| [vec![b'['; levels], vec![b']'; levels]].concat();
        assert!(Document::parse(&deep(128)).is_ok());
        assert_eq!(fault(&deep(129)), "nested deeper than 128 at byte 128");
    }
}
