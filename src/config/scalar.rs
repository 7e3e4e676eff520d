//! What YAML 1.2's core schema reads a plain scalar as. The same rules as `serde_yaml`'s, held by `agree`: they are needed
//! here a second time because a value from outside is read again after it was put in.

use serde_json::Number;

/// What a scalar is read as.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Plain {
    /// Nothing, `~` or `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number; an integer keeps every digit.
    Number(Number),
    /// Anything else.
    Text,
}

/// Reads a plain scalar.
pub(super) fn resolve(text: &str) -> Plain {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Plain::Null,
        "true" | "True" | "TRUE" => Plain::Bool(true),
        "false" | "False" | "FALSE" => Plain::Bool(false),
        _ => number(text).map_or(Plain::Text, Plain::Number),
    }
}

fn number(text: &str) -> Option<Number> {
    // Most scalars are words: look at one byte before anything is parsed.
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) {
        return None;
    }
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(rest) = digits.strip_prefix(prefix) {
            return radix_number(negative, rest, radix);
        }
    }
    let all_digits = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    // A leading zero makes a text of it, as in a postal code.
    if all_digits && digits.len() > 1 && digits.starts_with('0') {
        return None;
    }
    if all_digits {
        let finite = digits.parse::<f64>().is_ok_and(f64::is_finite);
        let text = if negative && digits != "0" { text } else { digits };
        return finite.then(|| text.parse().ok()).flatten();
    }
    float(text, digits, negative)
}

fn radix_number(negative: bool, digits: &str, radix: u32) -> Option<Number> {
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let value = i128::from_str_radix(digits, radix).ok()?;
    Number::from_i128(if negative { -value } else { value })
}

/// A number with a fraction or exponent. Its literal is kept where JSON has the same.
fn float(text: &str, digits: &str, negative: bool) -> Option<Number> {
    let value: f64 = digits.parse().ok()?;
    if !value.is_finite() {
        return None;
    }
    let literal = text.strip_prefix('+').unwrap_or(text);
    literal.parse().ok().or_else(|| Number::from_f64(if negative { -value } else { value }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_keep_their_types() {
        let number = |literal: &str| Plain::Number(literal.parse().unwrap());
        for (text, expected) in [
            ("1", number("1")),
            ("+1", number("1")),
            ("-7", number("-7")),
            ("-0", number("0")),
            ("1.0", number("1.0")),
            ("1e3", number("1e3")),
            ("0x1F", number("31")),
            ("-0o17", number("-15")),
            ("0b101", number("5")),
            ("9007199254740993", number("9007199254740993")),
            ("123456789012345678901234567890", number("123456789012345678901234567890")),
            ("true", Plain::Bool(true)),
            ("False", Plain::Bool(false)),
            ("~", Plain::Null),
            ("", Plain::Null),
            ("yes", Plain::Text),
            ("on", Plain::Text),
            ("007", Plain::Text),
            ("1_000", Plain::Text),
            ("12:30", Plain::Text),
            ("+-1", Plain::Text),
            ("1e999", Plain::Text),
            ("inf", Plain::Text),
            ("-", Plain::Text),
            (".", Plain::Text),
        ] {
            assert_eq!(resolve(text), expected, "{text:?}");
        }
        assert!(matches!(resolve(".5"), Plain::Number(n) if n.as_f64() == Some(0.5)));
        assert!(matches!(resolve("-1."), Plain::Number(n) if n.as_f64() == Some(-1.0)));
    }
}
