//! Globs over a whole text: `*` any run of characters, `?` one, `[a-z]` one of, `[!a-z]` one of all others, `\` takes the
//! next literally.
//!
//! Nothing is special about `/`, `.` or a new line: these are texts, not file names. A glob is cut at its stars into
//! pieces of a fixed length, and each is looked for once, from left to right: there is no way back, so the time is at
//! most that of the text times the longest piece.

use super::TestError;
use crate::event::{fold_char, fold_range};

/// A compiled glob.
#[derive(Debug, PartialEq)]
pub(super) struct Glob {
    /// What stands before the first star; everything if there is none.
    head: Piece,
    /// What stands between two stars, in order; never empty pieces.
    middle: Vec<Piece>,
    /// What stands after the last star, if there is a star.
    tail: Option<Piece>,
}

/// A run without a star.
#[derive(Debug, PartialEq)]
enum Piece {
    Literal(String),
    Tokens(Vec<Token>),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// This character.
    Char(char),
    /// Any one.
    One,
    /// One of those in the ranges, or one of all others.
    Class {
        /// Whether all others are meant.
        negated: bool,
        /// From the first to the second, both included.
        ranges: Vec<(char, char)>,
    },
}

impl Glob {
    /// Compiles `pattern`. With `folded`, the texts to come are folded.
    pub(super) fn new(pattern: &str, folded: bool) -> Result<Self, TestError> {
        let mut pieces = Vec::new();
        let mut piece = Vec::new();
        let mut rest = pattern.chars();
        while let Some(c) = rest.next() {
            let token = match c {
                '*' => {
                    pieces.push(Piece::new(std::mem::take(&mut piece)));
                    continue;
                }
                '?' => Token::One,
                '[' => class(&mut rest, folded)?,
                '\\' => Token::Char(rest.next().ok_or(TestError::Glob(
                    "a backslash takes the next character literally, and there is none",
                ))?),
                c => Token::Char(c),
            };
            piece.push(match token {
                Token::Char(c) if folded => Token::Char(fold_char(c)),
                token => token,
            });
        }
        let last = Piece::new(piece);
        let mut before = pieces.into_iter();
        Ok(match before.next() {
            None => Self { head: last, middle: Vec::new(), tail: None },
            Some(head) => Self {
                head,
                middle: before.filter(|piece| !piece.is_empty()).collect(),
                tail: Some(last),
            },
        })
    }

    /// Its characters one by one, with `None` for a star.
    pub(super) fn steps(&self) -> Vec<Option<Token>> {
        let mut steps = self.head.tokens();
        if let Some(tail) = &self.tail {
            for piece in self.middle.iter().chain([tail]) {
                steps.push(None);
                steps.extend(piece.tokens());
            }
        }
        steps
    }

    /// Whether the whole of `text` matches.
    pub(super) fn is_match(&self, text: &str) -> bool {
        let Some(mut rest) = self.head.strip(text) else { return false };
        let Some(tail) = &self.tail else { return rest.is_empty() };
        for piece in &self.middle {
            let Some(after) = piece.find(rest) else { return false };
            rest = after;
        }
        tail.ends(rest)
    }
}

/// Reads a class, whose opening bracket is behind us.
fn class(rest: &mut std::str::Chars<'_>, folded: bool) -> Result<Token, TestError> {
    const OPEN: TestError = TestError::Glob("`[` has no `]`; write `\\[` for the character itself");
    let mut negated = false;
    let mut ranges: Vec<(char, char)> = Vec::new();
    if let Some(after) = rest.as_str().strip_prefix(['!', '^']) {
        negated = true;
        *rest = after.chars();
    }
    loop {
        let low = match rest.next().ok_or(OPEN)? {
            ']' if ranges.is_empty() => {
                return Err(TestError::Glob(
                    "`[]` names no character; write `[\\]]` for the bracket",
                ));
            }
            ']' => break,
            '\\' => rest.next().ok_or(OPEN)?,
            c => c,
        };
        let mut ahead = rest.clone();
        let high = match (ahead.next(), ahead.next()) {
            (Some('-'), Some(high)) if high != ']' => {
                *rest = ahead;
                if high == '\\' { rest.next().ok_or(OPEN)? } else { high }
            }
            _ => low,
        };
        if high < low {
            return Err(TestError::Glob("a range in `[…]` goes backwards"));
        }
        ranges.push((low, high));
    }
    if folded {
        // A range is a set of characters, and folding its ends is not enough: all of `a-z` belong to `[0-Z]`. Its capitals stay,
        // since no folded text has one.
        let own = ranges.clone();
        let other = own.iter().flat_map(|(low, high)| fold_range(*low, *high));
        ranges.extend(other.map(|c| (c, c)));
        ranges = merged(ranges);
    }
    Ok(Token::Class { negated, ranges })
}

/// The same characters in as few ranges as may be.
fn merged(mut ranges: Vec<(char, char)>) -> Vec<(char, char)> {
    ranges.sort_unstable();
    let mut fewer: Vec<(char, char)> = Vec::new();
    for (low, high) in ranges {
        match fewer.last_mut() {
            Some((_, end)) if u32::from(low) <= u32::from(*end) + 1 => *end = high.max(*end),
            _ => fewer.push((low, high)),
        }
    }
    fewer
}

impl Token {
    /// Whether `c` is one of its characters.
    pub(super) fn takes(&self, c: char) -> bool {
        match self {
            Self::Char(own) => *own == c,
            Self::One => true,
            Self::Class { negated, ranges } => {
                ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != *negated
            }
        }
    }
}

impl Piece {
    fn new(tokens: Vec<Token>) -> Self {
        let literal: Option<String> = tokens
            .iter()
            .map(|token| if let Token::Char(c) = token { Some(*c) } else { None })
            .collect();
        literal.map_or(Self::Tokens(tokens), Self::Literal)
    }

    fn tokens(&self) -> Vec<Option<Token>> {
        match self {
            Self::Literal(text) => text.chars().map(|c| Some(Token::Char(c))).collect(),
            Self::Tokens(tokens) => tokens.iter().cloned().map(Some).collect(),
        }
    }

    fn is_empty(&self) -> bool {
        matches!(self, Self::Literal(text) if text.is_empty())
    }

    /// What follows this piece at the beginning of `text`.
    fn strip<'t>(&self, text: &'t str) -> Option<&'t str> {
        match self {
            Self::Literal(own) => text.strip_prefix(own.as_str()),
            Self::Tokens(tokens) => {
                let mut rest = text.chars();
                tokens
                    .iter()
                    .all(|token| rest.next().is_some_and(|c| token.takes(c)))
                    .then_some(rest.as_str())
            }
        }
    }

    /// What follows this piece where it first stands in `text`.
    fn find<'t>(&self, text: &'t str) -> Option<&'t str> {
        match self {
            Self::Literal(own) => text.split_once(own.as_str()).map(|(_, after)| after),
            Self::Tokens(_) => {
                let mut rest = text.chars();
                loop {
                    if let Some(after) = self.strip(rest.as_str()) {
                        return Some(after);
                    }
                    rest.next()?;
                }
            }
        }
    }

    /// Whether `text` ends with this piece.
    fn ends(&self, text: &str) -> bool {
        match self {
            Self::Literal(own) => text.ends_with(own.as_str()),
            Self::Tokens(tokens) => {
                let mut rest = text.chars().rev();
                tokens.iter().rev().all(|token| rest.next().is_some_and(|c| token.takes(c)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        Glob::new(pattern, false).unwrap().is_match(text)
    }

    #[test]
    fn matches_whole_texts() {
        let cases: &[(&str, &[&str], &[&str])] = &[
            ("", &[""], &["a"]),
            ("*", &["", "a", "é\n/."], &[]),
            ("eu-*", &["eu-", "eu-west"], &["eu", "xeu-"]),
            ("*@example.com", &["a@example.com"], &["a@example.com "]),
            ("a*b*c", &["abc", "aXbYc", "abbcc"], &["ab", "acb", "abcd"]),
            ("a*a", &["aa", "aba"], &["a"]),
            ("?", &["é", "a"], &["", "ab"]),
            ("+1*5?5*", &["+1555", "+12505x"], &["+1", "+1 5a"]),
            ("[a-cx]*", &["a", "xyz"], &["d", ""]),
            ("[!a-c]?", &["dd"], &["ad", "d"]),
            ("[^a]", &["b"], &["a"]),
            ("[a-]", &["-", "a"], &["b"]),
            (r"[\]\\]", &["]", "\\"], &["a"]),
            (r"\*\?\[a]", &["*?[a]"], &["x"]),
            ("*[0-9][0-9]", &["a12", "12"], &["1", "a1b"]),
            ("*?[ab]?*", &["xay"], &["ay", "xa"]),
        ];
        for (pattern, yes, no) in cases {
            yes.iter().for_each(|text| assert!(matches(pattern, text), "{pattern} {text}"));
            no.iter().for_each(|text| assert!(!matches(pattern, text), "{pattern} {text}"));
        }
        let folded = Glob::new("ÄB[A-Z]*", true).unwrap();
        assert!(folded.is_match("äbq"));
        for wrong in ["[", "[a", "[]", "a\\", "[b-a]", "[\\", "[a-\\"] {
            assert!(matches!(Glob::new(wrong, false), Err(TestError::Glob(_))), "{wrong}");
        }
    }

    #[test]
    fn a_class_ignores_case_as_an_expression_does() {
        let rare = "\u{212a}ſéÉσςΣßẞıİµμΜåÅ\u{212b}ǅǆǄᲀвВⴀႠⅷⅧꙊꭰᎠ𐐀𐐨";
        let all: String = ('\0'..='\u{7f}').chain(rare.chars()).collect();
        let escaped = |c: char| format!("\\u{{{:x}}}", u32::from(c));
        let expressed = |low: char, high: char| -> String {
            let expression = format!("(?i)[{}-{}]", escaped(low), escaped(high));
            let expression = regex::Regex::new(&expression).unwrap();
            expression.find_iter(&all).map(|found| found.as_str()).collect()
        };
        let taken = |low: char, high: char, negated: &str| -> String {
            let written = format!("{negated}\\{low}-\\{high}]");
            let class = class(&mut written.chars(), true).unwrap();
            all.chars().filter(|c| class.takes(fold_char(*c))).collect()
        };
        // A range takes what one of its characters takes: compiling an expression for each would take long.
        let singles: Vec<String> = ('\0'..='\u{7f}').map(|c| expressed(c, c)).collect();
        for low in '\0'..='\u{7f}' {
            let mut own = std::collections::BTreeSet::new();
            for high in low..='\u{7f}' {
                own.extend(singles[high as usize].chars());
                let expected: String = all.chars().filter(|c| own.contains(c)).collect();
                assert_eq!(taken(low, high, ""), expected, "[{low:?}-{high:?}]");
            }
        }
        let ends = ['0', 'Z', '_', 'a', 'é', 'Σ', 'ß', '\u{212a}', '𐐀', char::MAX];
        for (low, high) in
            rare.chars().chain("\0@A[Z".chars()).flat_map(|low| ends.map(|high| (low, high)))
        {
            if low <= high {
                let expected = expressed(low, high);
                assert_eq!(taken(low, high, ""), expected, "[{low:?}-{high:?}]");
                let others: String = all.chars().filter(|c| !expected.contains(*c)).collect();
                assert_eq!(taken(low, high, "!"), others, "[!{low:?}-{high:?}]");
            }
        }
    }

    #[test]
    fn has_no_way_back() {
        let text = "a".repeat(100_000);
        assert!(!matches(&format!("{}b", "a*".repeat(50)), &text));
        assert!(!matches(&format!("*{}b*c", "?".repeat(20)), &text));
    }

    proptest! {
        #[test]
        fn agrees_with_the_same_as_an_expression(
            pieces in prop::collection::vec(prop::sample::select(vec!["a", "b", "*", "?", "[ab]", "[!a]", r"\*", "é"]), 0..8),
            text in "[ab*é]{0,8}",
        ) {
            let pattern = pieces.concat();
            let expression: String = pieces
                .iter()
                .map(|piece| match *piece {
                    "*" => ".*",
                    "?" => ".",
                    "[!a]" => "[^a]",
                    other => other,
                })
                .collect();
            let expression = regex::Regex::new(&format!("^(?s:{expression})$")).unwrap();
            prop_assert_eq!(matches(&pattern, &text), expression.is_match(&text), "{} on {}", pattern, text);
        }
    }
}
