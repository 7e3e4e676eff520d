//! The text of a template: what of it is syntax, what is plain text, and what was put in for `${…}`.
//!
//! minijinja keeps its lexer to itself, and three questions need one: whether a literal stands between expressions and not
//! inside one, which filters and tests a template names (minijinja looks them up only when it renders), and what in an
//! address is an expression. This follows minijinja's rules for delimiters, strings and brackets and nothing more: whatever
//! it lets through is still compiled by minijinja, and a literal's text never becomes template source.

use super::TemplateError;
use crate::secret::Secret;

/// A templated text as the configuration gives it: what may hold template syntax, and what was put in for `${…}`, which
/// is literal. A literal may stand between expressions but not inside one.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Source {
    /// The pieces in order.
    pub parts: Vec<Part>,
}

/// One piece of a [`Source`].
#[derive(Clone, PartialEq, Eq)]
pub enum Part {
    /// Template source.
    Template(String),
    /// Literal text; secret, since header values and addresses hold keys.
    Literal(Secret),
}

impl Source {
    /// A source without literals.
    pub fn plain(text: &str) -> Self {
        Self { parts: vec![Part::Template(text.to_owned())] }
    }

    /// The parts with neighbouring template text joined, so that no delimiter is cut in two, and without the one line end
    /// at the end that Jinja takes off.
    pub(super) fn joined(&self) -> Vec<Part> {
        let mut joined: Vec<Part> = Vec::with_capacity(self.parts.len());
        for part in &self.parts {
            match (joined.last_mut(), part) {
                (Some(Part::Template(before)), Part::Template(text)) => before.push_str(text),
                (_, Part::Template(text)) if text.is_empty() => {}
                (_, part) => joined.push(part.clone()),
            }
        }
        if let Some(Part::Template(last)) = joined.last_mut()
            && last.ends_with('\n')
        {
            last.pop();
            if last.ends_with('\r') {
                last.pop();
            }
        }
        joined
    }
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.parts.iter().try_for_each(|part| part.fmt(f))
    }
}

impl std::fmt::Debug for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Template(text) => write!(f, "{text:?}"),
            Self::Literal(_) => f.write_str("***"),
        }
    }
}

/// A piece of template text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'s> {
    /// Plain text.
    Text(&'s str),
    /// `{{ … }}`.
    Expression {
        /// What stands between the delimiters.
        inner: &'s str,
        /// All of it.
        whole: &'s str,
    },
    /// `{% … %}`.
    Tag {
        /// What stands between the delimiters.
        inner: &'s str,
        /// All of it.
        whole: &'s str,
    },
    /// `{# … #}`, or a whole raw block.
    Inert(&'s str),
}

impl<'s> Token<'s> {
    /// All of it.
    pub(super) fn whole(&self) -> &'s str {
        match self {
            Self::Text(whole)
            | Self::Expression { whole, .. }
            | Self::Tag { whole, .. }
            | Self::Inert(whole) => whole,
        }
    }
}

/// Where a text ended although it was not at an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Open {
    Expression,
    Tag,
    Comment,
    Raw,
}

impl Open {
    fn what(self) -> &'static str {
        match self {
            Self::Expression => "an expression ({{ … }})",
            Self::Tag => "a tag ({% … %})",
            Self::Comment => "a comment ({# … #})",
            Self::Raw => "a raw block",
        }
    }

    /// A literal follows.
    pub(super) fn before_literal(self) -> TemplateError {
        TemplateError::new(format!(
            "a value from ${{…}} stands inside {}; it is literal text and may only stand beside it",
            self.what()
        ))
    }

    /// Nothing follows.
    pub(super) fn unclosed(self) -> TemplateError {
        TemplateError::new(format!("{} is not closed", self.what()))
    }
}

/// Takes a text apart. What is left open at its end is not among the tokens.
pub(super) fn scan(text: &str) -> (Vec<Token<'_>>, Option<Open>) {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(at) = next_delimiter(rest) {
        let (plain, from) = rest.split_at(at);
        if !plain.is_empty() {
            tokens.push(Token::Text(plain));
        }
        let (token, len) = match read_token(from) {
            Ok(read) => read,
            Err(open) => return (tokens, Some(open)),
        };
        tokens.push(token);
        rest = from.split_at(len).1;
    }
    if !rest.is_empty() {
        tokens.push(Token::Text(rest));
    }
    (tokens, None)
}

fn next_delimiter(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    bytes.windows(2).position(|pair| matches!(pair, b"{{" | b"{%" | b"{#"))
}

/// Reads the token at the beginning of `from`, which is a delimiter.
fn read_token(from: &str) -> Result<(Token<'_>, usize), Open> {
    let (opening, after) = from.split_at(2);
    if opening == "{#" {
        let end = after.find("#}").ok_or(Open::Comment)?;
        let len = 2 + end + 2;
        return Ok((Token::Inert(from.split_at(len).0), len));
    }
    let signed = after.starts_with(['-', '+']);
    let body = after.split_at(usize::from(signed)).1;
    if opening == "{%" {
        if let Some(raw) = basic_tag(body, "raw") {
            let start = from.len() - body.len() + raw;
            let len = end_of_raw(from, start).ok_or(Open::Raw)?;
            return Ok((Token::Inert(from.split_at(len).0), len));
        }
        let (inner, closing) = until(body, "%}").ok_or(Open::Tag)?;
        let len = from.len() - body.len() + inner.len() + closing;
        return Ok((Token::Tag { inner, whole: from.split_at(len).0 }, len));
    }
    let (inner, closing) = until(body, "}}").ok_or(Open::Expression)?;
    let len = from.len() - body.len() + inner.len() + closing;
    Ok((Token::Expression { inner, whole: from.split_at(len).0 }, len))
}

/// The text before `closing` (or its forms with a sign before it), and the length of that closing. Strings are skipped, and
/// a closing inside brackets is none.
fn until<'t>(text: &'t str, closing: &str) -> Option<(&'t str, usize)> {
    let bytes = text.as_bytes();
    let mut depth = 0_i32;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if depth == 0 {
            let rest = bytes.get(at..).unwrap_or_default();
            if rest.starts_with(closing.as_bytes()) {
                return Some((text.split_at(at).0, closing.len()));
            }
            let signed = matches!(byte, b'-' | b'+')
                && rest.get(1..).is_some_and(|rest| rest.starts_with(closing.as_bytes()));
            if signed {
                return Some((text.split_at(at).0, closing.len() + 1));
            }
        }
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth -= 1,
            b'\'' | b'"' => at += string_len(bytes.get(at..).unwrap_or_default())? - 1,
            _ => {}
        }
        at += 1;
    }
    None
}

/// The length of the string at the beginning of `bytes`, quotes included.
fn string_len(bytes: &[u8]) -> Option<usize> {
    let (quote, inside) = bytes.split_first()?;
    let mut escaped = false;
    let end = inside.iter().position(|byte| {
        let ends = !escaped && byte == quote;
        escaped = !escaped && *byte == b'\\';
        ends
    })?;
    Some(end + 2)
}

/// The length up to and with `%}` if `body`, which follows `{%`, is the tag `name` and nothing else.
fn basic_tag(body: &str, name: &str) -> Option<usize> {
    let rest = body.trim_ascii_start().strip_prefix(name)?.trim_ascii_start();
    let rest = rest.strip_prefix(['-', '+']).unwrap_or(rest).strip_prefix("%}")?;
    Some(body.len() - rest.len())
}

/// Where the raw block whose content begins at `start` ends, its end tag included.
fn end_of_raw(from: &str, start: usize) -> Option<usize> {
    let content = from.split_at(start).1;
    content.match_indices("{%").find_map(|(at, _)| {
        let body = content.split_at(at + 2).1;
        let body = body.strip_prefix(['-', '+']).unwrap_or(body);
        basic_tag(body, "endraw").map(|len| from.len() - body.len() + len)
    })
}

/// What an expression or tag names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mention<'s> {
    /// After `|`, or in `{% filter … %}`.
    Filter(&'s str),
    /// After `is` or `is not`.
    Test(&'s str),
}

/// The filters and tests that `inner`, the inside of an expression or tag, names.
pub(super) fn mentions(inner: &str) -> Vec<Mention<'_>> {
    let words = words(inner);
    let mut found = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let next = |step: usize| words.get(at + step).copied().filter(|word| is_name(word));
        match *word {
            "|" => found.extend(next(1).map(Mention::Filter)),
            "filter" if at == 0 => found.extend(next(1).map(Mention::Filter)),
            "is" if at > 0 && words.get(at - 1) != Some(&".") => {
                let test = if next(1) == Some("not") { next(2) } else { next(1) };
                found.extend(test.map(Mention::Test));
            }
            _ => {}
        }
    }
    found
}

/// The words and signs of `inner`; strings, numbers and white space are left out.
pub(super) fn words(inner: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = inner;
    while let Some(first) = rest.chars().next() {
        let len = match first {
            '\'' | '"' => string_len(rest.as_bytes()).unwrap_or(rest.len()),
            c if c.is_ascii_alphanumeric() || c == '_' => {
                rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len())
            }
            c => c.len_utf8(),
        };
        let (word, after) = rest.split_at(len);
        if !matches!(first, '\'' | '"') && !first.is_whitespace() && !first.is_ascii_digit() {
            words.push(word);
        }
        rest = after;
    }
    words
}

/// Whether `word` is a name rather than a sign.
pub(super) fn is_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<String> {
        let (tokens, open) = scan(text);
        let mut kinds: Vec<_> = tokens
            .iter()
            .map(|token| match token {
                Token::Text(text) => format!("text {text}"),
                Token::Expression { inner, .. } => format!("expression{inner}"),
                Token::Tag { inner, .. } => format!("tag{inner}"),
                Token::Inert(whole) => format!("inert {whole}"),
            })
            .collect();
        kinds.extend(open.map(|open| format!("open {open:?}")));
        kinds
    }

    #[test]
    fn text_expressions_and_tags_are_told_apart() {
        assert_eq!(kinds("a {b} {{ c }}d"), ["text a {b} ", "expression c ", "text d"]);
        assert_eq!(kinds("{{- {'}}': \"}}\\\"\"} -}}"), ["expression {'}}': \"}}\\\"\"} "]);
        assert_eq!(kinds("{{ {'a': {}}}}."), ["expression {'a': {}}", "text ."]);
        assert_eq!(kinds("{% if x %}y{%- endif %}"), ["tag if x ", "text y", "tag endif "]);
        assert_eq!(kinds("{# {{ #}{{x}}"), ["inert {# {{ #}", "expressionx"]);
        let raw = "{% raw -%}{{ x }}{% endraw %}";
        assert_eq!(kinds(&format!("{raw}é")), [format!("inert {raw}"), "text é".to_owned()]);
    }

    #[test]
    fn what_is_left_open_is_named() {
        assert_eq!(kinds("a{{ x"), ["text a", "open Expression"]);
        assert_eq!(kinds("{{ '}}'"), ["open Expression"]);
        assert_eq!(kinds("{% if"), ["open Tag"]);
        assert_eq!(kinds("{# x }}"), ["open Comment"]);
        assert_eq!(kinds("{% raw %}{{ x }}"), ["open Raw"]);
    }

    #[test]
    fn filters_and_tests_are_found_outside_strings() {
        use Mention::{Filter, Test};
        assert_eq!(mentions("a | upper|default('| x')"), [Filter("upper"), Filter("default")]);
        assert_eq!(mentions("filter trim"), [Filter("trim")]);
        assert_eq!(mentions("set x | e"), [Filter("e")]);
        assert_eq!(mentions("a is not defined and b is odd"), [Test("defined"), Test("odd")]);
        assert_eq!(mentions("a.is"), []);
    }
}
