//! A text to look for, without regard to case, in what an event says of itself and in its body.
//!
//! Bodies are searched as the bytes that came. A text with a quote, a backslash or a line end stands in JSON in another form, so
//! it is looked for in that form, too; what a sender wrote in yet another way, as `\u00fc`, is not found.

use std::str;

use regex::bytes::{Regex, RegexBuilder};

use super::StoreError;

/// The longest text that can be looked for, in bytes.
pub const TEXT_MAX: usize = 256;

/// The text, made ready.
#[derive(Debug)]
pub(super) struct Needle(Regex);

impl Needle {
    pub(super) fn new(text: &str) -> Result<Self, StoreError> {
        let plain = regex::escape(text);
        let json = serde_json::to_string(text).unwrap_or_default();
        let json = regex::escape(json.trim_start_matches('"').strip_suffix('"').unwrap_or(""));
        let either = if json == plain { plain } else { format!("{plain}|{json}") };
        let made = RegexBuilder::new(&either).case_insensitive(true).build();
        let too_long = format!("a text to look for has at most {TEXT_MAX} bytes");
        made.ok().filter(|_| text.len() <= TEXT_MAX).map(Self).ok_or(StoreError::Read(too_long))
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
        assert!(Needle::new(&"x".repeat(TEXT_MAX + 1)).is_err());
    }
}
