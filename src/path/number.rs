//! JSON numbers as rules and paths compare them: exact within 64 bits, else as doubles.
//!
//! `serde_json` keeps the digits of every number here (`arbitrary_precision`), so that what is forwarded or rendered is
//! what was sent. Its own equality then compares digits, by which `1` is not `1.0`; nothing in this program uses it.

use std::cmp::Ordering;

/// A JSON number. Two integers within `i64` or `u64` compare exactly, all other pairs as doubles; a number that is too
/// large for a double (`1e400`) is infinite, and so equal to every other such number of its sign.
#[derive(Debug, Clone, Copy)]
pub enum Number {
    /// An integer within `i64` or `u64`, written without a fraction or an exponent.
    Int(i128),
    /// Anything else; never NaN.
    Float(f64),
}

impl Number {
    /// Reads a literal that follows JSON's grammar for numbers.
    pub(crate) fn of_literal(literal: &str) -> Self {
        let digits = literal.strip_prefix('-').unwrap_or(literal);
        if digits.len() <= 20 && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            let exact = literal.parse::<i64>().map(i128::from);
            if let Ok(int) = exact.or_else(|_| literal.parse::<u64>().map(i128::from)) {
                return Self::Int(int);
            }
        }
        Self::Float(literal.parse().unwrap_or(0.0))
    }

    /// The nearest double.
    #[expect(clippy::cast_precision_loss, reason = "comparing as doubles is what is promised")]
    pub fn as_f64(self) -> f64 {
        match self {
            Self::Int(int) => int as f64,
            Self::Float(float) => float,
        }
    }
}

impl From<&serde_json::Number> for Number {
    fn from(number: &serde_json::Number) -> Self {
        Self::of_literal(number.as_str())
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.partial_cmp(other) == Some(Ordering::Equal)
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Int(left), Self::Int(right)) => Some(left.cmp(right)),
            (left, right) => left.as_f64().partial_cmp(&right.as_f64()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compares_exactly_within_64_bits_and_as_doubles_beyond() {
        let equal = |left: &str, right: &str| Number::of_literal(left) == Number::of_literal(right);
        assert!(equal("1", "1.0"));
        assert!(equal("1000", "1e3"));
        assert!(equal("0", "-0.0"));
        assert!(equal("-0", "0"));
        assert!(!equal("9007199254740993", "9007199254740992"));
        assert!(!equal("18446744073709551615", "18446744073709551614"));
        assert!(equal("18446744073709551617", "18446744073709551616"));
        assert!(equal("1e400", "1e500"));
        assert!(!equal("1e400", "-1e400"));
        assert!(Number::of_literal("-9223372036854775808") < Number::of_literal("0.5"));
        assert!(Number::of_literal("1e400") > Number::of_literal("18446744073709551615"));
        let long = "9".repeat(1_000_000);
        assert!(matches!(Number::of_literal(&long), Number::Float(float) if float.is_infinite()));
    }
}
