//! Comments that silence a finding at one place: `# hookswitch: allow HS302 because …`.
//!
//! A comment speaks of its own line, or if it stands alone on one, of the next that is no comment. It needs a reason, and it must
//! silence something: what is not understood, or not needed any more, is a finding of its own, because a file that says more than
//! is true misleads whoever reads it next. Errors cannot be silenced.
//!
//! YAML readers pass over comments, so they are looked for in the text: a `#` that no scalar and no key covers.

use std::collections::HashMap;

use super::code::Stage;
use super::document::{Span, Tree};
use super::findings::Findings;
use super::lines::Lines;
use super::near::nearest;
use super::{Code, Level, Problem};

/// Most comments of this kind.
pub(super) const ALLOWS_MAX: usize = 1_000;
/// Most lines of comments between one and what it speaks of.
const BLOCK_MAX: usize = 100;
/// Most bytes of one that are read.
const LENGTH_MAX: usize = 1_024;
const EXAMPLE: &str = "write `# hookswitch: allow HS302 because …`, with a reason";

/// What the comments of a file allow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Allows {
    list: Vec<Allow>,
}

/// One code of one comment.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Allow {
    code: Code,
    /// The line that it speaks of, from 0.
    line: usize,
    span: Span,
    used: bool,
}

impl Allows {
    /// Reads the comments of `text`, whose values are in `tree`. What is wrong with one is reported.
    pub(super) fn read(text: &str, tree: &Tree, findings: &mut Findings) -> Self {
        let mut allows = Self::default();
        let candidates: Vec<_> = candidates(text).collect();
        if candidates.is_empty() {
            return allows;
        }
        let covered = covered(tree);
        let lines = Lines::new(text);
        let comments = candidates.into_iter().filter(|comment| !covered.hold(comment.at));
        for (count, comment) in comments.enumerate() {
            if count == ALLOWS_MAX {
                let text = format!(
                    "this comment and those after it are not read: there are more than {ALLOWS_MAX}"
                );
                findings.warn_at(Code::BadAllow, comment.head(), text, None);
                break;
            }
            allows.take(&comment, comment.speaks_of(text, &lines), findings);
        }
        allows
    }

    fn take(&mut self, comment: &Comment<'_>, line: usize, findings: &mut Findings) {
        findings.clear(comment.head());
        if comment.misspelt {
            let text = "this comment says nothing to hookswitch";
            let hint = "did you mean `allow`?".to_owned();
            return findings.warn_at(Code::BadAllow, comment.head(), text, hint);
        }
        let (codes, reason) = match comment.rest.split_once("because") {
            Some((codes, reason)) => (codes, reason.trim()),
            None => (comment.rest, ""),
        };
        let (mut known, mut named) = (Vec::new(), false);
        for (at, word) in words(codes) {
            named = true;
            let span = (comment.rest_at + at, comment.rest_at + at + word.len());
            match Code::parse(word) {
                Some(code) => known.push((code, span)),
                None => unknown(word, span, findings),
            }
        }
        if !named {
            let text = "this comment allows nothing: it names no code";
            findings.warn_at(Code::BadAllow, comment.head(), text, EXAMPLE.to_owned());
        }
        for (code, span) in known {
            findings.clear(span);
            if !code.can_be_allowed() {
                let text = format!("{code} cannot be allowed: {}", why_not(code));
                findings.warn_at(Code::BadAllow, span, text, None);
            } else if reason.is_empty() {
                let text = format!("it is not said why {code} is allowed, so it is not");
                findings.warn_at(Code::BadAllow, span, text, EXAMPLE.to_owned());
            } else {
                self.list.push(Allow { code, line, span, used: false });
            }
        }
    }

    /// Whether there are any.
    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Takes out of `problems` what is allowed, as far as it can be seen at `stage`, and says what was not needed. The problems are
    /// those of `text`.
    pub(super) fn silence(&mut self, stage: Stage, text: &str, problems: &mut Vec<Problem>) {
        if self.list.is_empty() {
            return;
        }
        let lines = Lines::new(text);
        let mut places: HashMap<(usize, Code), Vec<usize>> = HashMap::new();
        for (at, allow) in self.list.iter().enumerate() {
            places.entry((allow.line, allow.code)).or_default().push(at);
        }
        problems.retain(|problem| {
            let allowed = problem.span.filter(|_| problem.level != Level::Error);
            let allowed = allowed.and_then(|(at, _)| places.get(&(lines.of(at), problem.code)));
            let Some((first, _)) = allowed.and_then(|list| list.split_first()) else { return true };
            if let Some(allow) = self.list.get_mut(*first) {
                allow.used = true;
            }
            false
        });
        // A file with an error was not looked through for what is unwise.
        if problems.iter().any(|problem| problem.level == Level::Error) {
            return;
        }
        for Allow { code, span, .. } in self.list.iter().filter(|allow| Self::is_idle(allow, stage))
        {
            let text = format!("there is no {code} here, so this allows nothing");
            let hint = "take it out, or move it to the line that it is for, or above".to_owned();
            problems.push(Problem {
                code: Code::UnusedAllow,
                level: Level::Warning,
                path: String::new(),
                span: Some(*span),
                text,
                hint: Some(hint),
            });
        }
        problems.sort_by_key(|problem| (problem.span.is_none(), problem.span));
    }

    /// Whether a comment was not needed, and that is certain now. Notes are not looked for each time, nor is traffic.
    fn is_idle(allow: &Allow, stage: Stage) -> bool {
        let looked = match allow.code {
            Code::RateExceeded => false,
            code => code.level() == Level::Warning,
        };
        !allow.used && looked && allow.code.stage() == stage
    }
}

fn why_not(code: Code) -> &'static str {
    if code.level() == Level::Error {
        "with an error the file cannot be used"
    } else {
        "it is about comments like this one"
    }
}

fn unknown(word: &str, span: Span, findings: &mut Findings) {
    // Anything can stand in a comment, so only what looks like a code is shown.
    let looks = word.len() <= 8 && word.get(..2).is_some_and(|two| two.eq_ignore_ascii_case("hs"));
    let upper = word.to_ascii_uppercase();
    if looks {
        findings.clear(span);
    }
    let (text, hint) = match Code::parse(&upper) {
        Some(code) => (format!("`{word}` is not a code"), format!("did you mean `{code}`?")),
        None if looks => {
            (format!("there is no code `{word}`"), "docs/lint.md lists all codes".to_owned())
        }
        None => (
            "what stands here is not a code, such as HS302".to_owned(),
            "codes are separated by commas, and the reason comes after `because`".to_owned(),
        ),
    };
    findings.warn_at(Code::BadAllow, span, text, hint);
}

/// A comment that begins with `hookswitch: allow`, or something like it.
struct Comment<'t> {
    /// Where its `#` is.
    at: usize,
    /// Whether the word is only something like `allow`.
    misspelt: bool,
    /// Behind the word `allow`.
    rest: &'t str,
    /// Where that is.
    rest_at: usize,
}

impl Comment<'_> {
    /// From its `#` to the word `allow`.
    fn head(&self) -> Span {
        (self.at, self.rest_at)
    }

    /// The line that it speaks of, from 0.
    fn speaks_of(&self, text: &str, lines: &Lines<'_>) -> usize {
        let own = lines.of(self.at);
        let before = text.get(lines.start(own)..self.at).unwrap_or_default();
        if !before.trim().is_empty() {
            return own;
        }
        let after = text.get(self.at..).unwrap_or_default().split('\n').skip(1).take(BLOCK_MAX);
        own + 1 + after.take_while(|line| line.trim_start().starts_with('#')).count()
    }
}

/// The words between commas and spaces, each with its place.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut next = 0;
    let words = text.split([',', ' ', '\t']).map(move |word| {
        let at = next;
        next += word.len() + 1;
        (at, word)
    });
    words.filter(|(_, word)| !word.is_empty())
}

/// Every `# hookswitch: allow` of a text, whether or not it is a comment there.
fn candidates(text: &str) -> impl Iterator<Item = Comment<'_>> {
    text.match_indices('#').filter_map(|(at, _)| {
        let before = text.get(..at)?.chars().next_back();
        let begins = before.is_none_or(char::is_whitespace);
        let end = text.floor_char_boundary(at + LENGTH_MAX);
        let near = text.get(at..end).filter(|_| begins)?;
        // Most comments are none of ours: that is to be seen without looking for their end.
        near.get(1..)?.trim_start_matches([' ', '\t']).strip_prefix("hookswitch:")?;
        let line = near.split(['\n', '\r']).next()?;
        let said = line.strip_prefix('#')?.trim_start().strip_prefix("hookswitch:")?.trim_start();
        let length = said.find(char::is_whitespace).unwrap_or(said.len());
        let (word, rest) = said.split_at(length);
        let rest_at = at + line.len() - rest.len();
        // What begins otherwise is a comment that happens to begin with our name.
        (nearest(word, ["allow"]) == Some("allow")).then_some(Comment {
            at,
            misspelt: word != "allow",
            rest,
            rest_at,
        })
    })
}

/// What scalars and keys cover.
struct Covered(Vec<Span>);

fn covered(tree: &Tree) -> Covered {
    let ids = 0..u32::try_from(tree.len()).unwrap_or(u32::MAX);
    let nodes = ids.map(|id| tree.node(id));
    let mut spans: Vec<Span> = nodes
        .flat_map(|node| {
            let key = (!node.key().is_empty()).then(|| node.key_mark());
            key.into_iter().chain(node.is_scalar().then(|| node.span()))
        })
        .collect();
    spans.sort_unstable();
    Covered(spans)
}

impl Covered {
    /// Whether a place is in one of them. They do not overlap, but for copies that aliases make of the same place.
    fn hold(&self, at: usize) -> bool {
        let after = self.0.partition_point(|(from, _)| *from <= at);
        let before = self.0.get(..after).unwrap_or_default();
        before.last().is_some_and(|(_, to)| at < *to)
    }
}
