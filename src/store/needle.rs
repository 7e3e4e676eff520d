//! A text to look for, without regard to case, in what an event says of itself and in its body.
//!
//! Bodies are searched as the bytes that came. JSON may have a character in several forms, and some writers have `\u00fc` for
//! every letter that is not of ASCII, so each character is looked for in the forms that writers have for it. Letters, digits and
//! most signs of ASCII are written as they are by everybody, and are looked for in no other form: that keeps the search fast.

use std::str;

use regex::bytes::{Regex, RegexBuilder};

use super::StoreError;
use crate::event::equal_chars;

/// The longest text that can be looked for, in bytes.
pub const TEXT_MAX: usize = 256;

/// The text, made ready.
#[derive(Debug)]
pub(super) struct Needle(Regex);

impl Needle {
    pub(super) fn new(text: &str) -> Result<Self, StoreError> {
        let too_long =
            || StoreError::Read(format!("a text to look for has at most {TEXT_MAX} bytes"));
        if text.len() > TEXT_MAX {
            return Err(too_long());
        }
        let pattern: String = text.chars().map(forms).collect();
        let made = RegexBuilder::new(&pattern).case_insensitive(true).build();
        made.ok().map(Self).ok_or_else(too_long)
    }

    /// Whether it is in there.
    pub(super) fn is_in(&self, bytes: &[u8]) -> bool {
        self.0.is_match(bytes)
    }

    /// Whether it is in one of these.
    pub(super) fn is_in_any<'a>(&self, texts: impl IntoIterator<Item = Option<&'a str>>) -> bool {
        texts.into_iter().flatten().any(|text| self.is_in(text.as_bytes()))
    }
}

/// What is looked for in place of a character: itself, or what writers of JSON have for it.
fn forms(c: char) -> String {
    let mut buffer = [0; 4];
    let plain = regex::escape(c.encode_utf8(&mut buffer));
    // Browsers and servers that put JSON into pages escape the signs of HTML, too.
    let as_it_is = c.is_ascii_graphic() || c == ' ';
    if as_it_is && !matches!(c, '"' | '\\' | '/' | '<' | '>' | '&' | '\'' | '+' | '=' | '`') {
        return plain;
    }
    let short = match c {
        '"' | '\\' | '/' => Some(c),
        '\n' => Some('n'),
        '\r' => Some('r'),
        '\t' => Some('t'),
        '\u{8}' => Some('b'),
        '\u{c}' => Some('f'),
        _ => None,
    };
    let mut either = format!("(?:{plain}");
    if let Some(short) = short {
        either.extend(["|", &regex::escape(&format!("\\{short}"))]);
    }
    for c in equal_chars(c) {
        either.push('|');
        either.extend(c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!(r"\\u{unit:04x}")));
    }
    either + ")"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_in_either_form_and_in_any_case() {
        let found = |needle: &str, text: &str| Needle::new(needle).unwrap().is_in(text.as_bytes());
        assert!(found("MÜLLER", "Frau Müller, bitte"));
        assert!(found("say \"hi\"", r#"{"a":"Say \"Hi\" now"}"#));
        assert!(found("say \"hi\"", "he may say \"hi\""));
        assert!(found("a\nb", r#"{"a":"A\nB"}"#));
        assert!(found("\"a\":", r#"{"a":1}"#), "names of members, too");
        assert!(found("MÜLLER", r#"{"a":"Frau M\u00fcller"}"#) && found("müller", r"M\u00DCLLER"));
        assert!(found("Müller und Söhne", r"M\u00fcller und Söhne"), "both in one text");
        assert!(
            found("ok 😀", r#""ok \ud83d\ude00""#) && found("ΟΔΟΣ", r"\u03bf\u03b4\u03bf\u03c2")
        );
        assert!(found("http://a/?b=1&c", r"http:\/\/a\/?b\u003d1\u0026c"));
        assert!(found("a\tb", r"a\tb") && found("a\tb", "a\tb") && found("a\u{1}b", r"a\u0001b"));
        assert!(found(r"a\b", r"a\\b") && found(r"\u00fc", r"\u00fc"), "as it is written, too");
        assert!(!found("ü", r"\u00fd") && !found("ü", "u00fc"));
        assert!(!found("a.c", "abc"), "it is a text, not an expression");
        assert!(!found("x", "abc"));
        let needle = Needle::new("x").unwrap();
        assert!(needle.is_in(b"\xff\xfeX\x00"), "whatever else is there");
        assert!(needle.is_in_any([None, Some("axb")]) && !needle.is_in_any([None, Some("ab")]));
    }

    #[test]
    fn a_long_text_is_refused() {
        assert!(Needle::new(&"\"".repeat(TEXT_MAX)).is_ok());
        assert!(Needle::new(&"ſ".repeat(TEXT_MAX / 2)).is_ok(), "with all its forms");
        for c in ['"', 'Ω', 'ᾳ', '中', '😀', '\u{1}'] {
            let text = c.to_string().repeat(TEXT_MAX / c.len_utf8());
            assert!(Needle::new(&text).is_ok(), "{c:?}");
        }
        assert!(Needle::new(&"x".repeat(TEXT_MAX + 1)).is_err());
    }
}
