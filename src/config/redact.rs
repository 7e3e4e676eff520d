//! A text of the configuration as it may be shown: with its comments and layout, and without what is secret by its place.
//!
//! Promises: what is written at a place that `shape` calls secret is not in what comes out, however YAML lets one write it there
//! (in quotes, as a block, over several lines, by an alias), nor is a default that stands for it; `${NAME}` is a name and stays.
//! Every line stays where it was. A text that cannot be read as it once was is masked but for the keys, and so is one of which
//! the outcome, read again, is not what was meant: nothing here relies on a parser's word for where a value ends.
//!
//! It leaves out comments, and keys: what somebody writes there is shown.

use std::collections::BTreeMap;

use super::document::{Kind, Node, Scalar, Span, Tree};
use super::findings::Findings;
use super::shape::keys;
use super::shape::secret::{Secrecy, secrets};
use super::{agree, env, mask, position};

/// What stands for something secret.
pub(super) const MASK: &str = "***";

/// `text` with every secret in it replaced by `***`, and as many lines.
pub fn without_secrets(text: &str) -> String {
    let (mark, body) = match text.strip_prefix('\u{feff}') {
        Some(body) => ("\u{feff}", body),
        None => ("", text),
    };
    let shown = redacted(body)
        .unwrap_or_else(|| mask::masked(body, &mut mask::known_words(body, keys::is_known)));
    format!("{mark}{shown}")
}

/// None if it cannot be told where the secrets are.
fn redacted(text: &str) -> Option<String> {
    let tree = read(text)?;
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for ((from, to), shown) in replacements(&tree) {
        let (from, written) = without_anchor(text.get(from..to)?, from);
        out.push_str(text.get(done..from)?);
        out.push_str(&shown);
        let breaks = |text: &str| text.matches('\n').count();
        out.extend(std::iter::repeat_n('\n', breaks(written).saturating_sub(breaks(&shown))));
        done = from + written.len();
    }
    out.push_str(text.get(done..)?);
    let lines = |text: &str| text.matches('\n').count();
    (lines(&out) == lines(text) && is_clean(&out, &tree)).then_some(out)
}

/// What is written of a value behind its anchor, and where. What YAML counts to it may reach up to the next value.
fn without_anchor(written: &str, from: usize) -> (usize, &str) {
    let mut rest = written.trim_end();
    if rest.starts_with('&') {
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        rest = rest.get(end..).unwrap_or_default().trim_start();
        // Comments may come between, and so does the head of a block.
        while rest.starts_with(['#', '|', '>']) {
            let end = rest.find('\n').unwrap_or(rest.len());
            rest = rest.get(end..).unwrap_or_default().trim_start();
        }
    }
    (from + written.trim_end().len() - rest.len(), rest)
}

/// The tree of a text in which nothing is wrong as YAML.
fn read(text: &str) -> Option<Tree> {
    let mut findings = Findings::default();
    let tree = position::read(text, &mut findings)?;
    (!findings.has_errors() && agree::difference(text, &tree).is_none()).then_some(tree)
}

/// What is put in for which part of the text, in order. A value that an alias names stands at several places, and is as secret
/// as the most secret of them.
fn replacements(tree: &Tree) -> BTreeMap<Span, String> {
    let mut found: BTreeMap<Span, (Secrecy, &Scalar)> = BTreeMap::new();
    each_secret(tree, &mut |node, scalar, secrecy| {
        let place = found.entry(node.span()).or_insert((secrecy, scalar));
        place.0 = place.0.max(secrecy);
    });
    let shown = |(span, (secrecy, scalar)): (Span, (Secrecy, &Scalar))| {
        let shown = shown(&scalar.written, secrecy);
        let quoted = |text: String| serde_json::Value::String(text).to_string();
        // If nothing of it is secret, it stays as it is written.
        (shown != *scalar.written).then(|| {
            (span, if scalar.block { shown.trim().replace('\n', " ") } else { quoted(shown) })
        })
    };
    found.into_iter().filter_map(shown).collect()
}

fn each_secret<'t>(tree: &'t Tree, found: &mut impl FnMut(Node<'t>, &'t Scalar, Secrecy)) {
    let Some(root) = tree.root() else { return };
    secrets(root, Some(&keys::ROOT), &mut |node, secrecy| {
        if let Kind::Scalar(scalar) = node.kind() {
            found(node, scalar, secrecy);
        }
    });
}

/// What may be shown of a value.
fn shown(written: &str, secrecy: Secrecy) -> String {
    let origin = match secrecy {
        Secrecy::BeyondHost => origin(written),
        Secrecy::Whole => "",
    };
    let rest = written.strip_prefix(origin).unwrap_or(written);
    format!("{origin}{}", env::names_alone(rest, MASK))
}

/// Scheme, host and port of an address, and the slash behind them. Name and password stand before the host and may hold anything,
/// so with an `@`, or with anything else that is no end of a host, nothing is shown.
fn origin(written: &str) -> &str {
    let Some((scheme, rest)) = written.split_once("://") else { return "" };
    let is_scheme = !scheme.is_empty() && scheme.chars().all(|c| c.is_ascii_alphabetic());
    if !is_scheme || rest.contains('@') {
        return "";
    }
    let of_host = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
    let of_address = |c: char| c.is_ascii_hexdigit() || matches!(c, ':' | '.');
    let host = match rest.strip_prefix('[').map(|within| within.trim_start_matches(of_address)) {
        Some(behind) => behind.strip_prefix(']'),
        None => Some(rest.trim_start_matches(of_host)),
    };
    let Some(behind) = host else { return "" };
    let behind = match behind.strip_prefix(':') {
        Some(port) => port.trim_start_matches(|c: char| c.is_ascii_digit()),
        None => behind,
    };
    let behind = match behind.chars().next() {
        // A star is what is masked already.
        None | Some('?' | '#' | '$' | '*') => behind,
        Some('/') => behind.trim_start_matches('/'),
        Some(_) => return "",
    };
    written.get(..written.len() - behind.len()).unwrap_or_default()
}

/// Whether `text` says the same as `before`, but for the secrets, which are masked.
fn is_clean(text: &str, before: &Tree) -> bool {
    let Some(tree) = read(text) else { return false };
    let mut clean = tree.len() == before.len();
    each_secret(&tree, &mut |_, scalar, secrecy| {
        clean &= shown(&scalar.written, secrecy) == *scalar.written;
    });
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_address_the_host_is_shown() {
        for (written, expected) in [
            ("https://example.com/path?x", "https://example.com/***"),
            ("http://127.0.0.1:8082?x", "http://127.0.0.1:8082***"),
            ("http://[::1]:80/x", "http://[::1]:80/***"),
            ("http://[::1]", "http://[::1]"),
            ("https://example.com", "https://example.com"),
            ("https://example.com/", "https://example.com/"),
            ("https://ü.example.com/${A}/x/${B:-c}", "https://ü.example.com/${A}***${B:-***}"),
            ("https://${HOST}/x", "https://${HOST}***"),
            ("https://a.${HOST}/x", "https://a.${HOST}***"),
            ("${URL:-https://example.com/x}", "${URL:-***}"),
            ("https://user:password@example.com/", "***"),
            ("https://user:${PASSWORD:-a/b}@example.com/", "***${PASSWORD:-***}***"),
            ("https://user:password", "***"),
            ("https://example.com\\secret", "***"),
            ("http://[secret/x", "***"),
            ("https:/secret://x", "***"),
            ("://secret", "***"),
            ("secret", "***"),
            ("${A}${file:/b}", "${A}${file:/b}"),
            ("a${A:?secret}", "***${A:?***}"),
            ("$${secret}", "***"),
            ("${A", "***"),
        ] {
            assert_eq!(shown(written, Secrecy::BeyondHost), expected, "{written}");
            assert_eq!(shown(expected, Secrecy::BeyondHost), expected, "{written}");
        }
    }
}
