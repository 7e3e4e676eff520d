//! Where every stage puts what it finds, so that all of it is reported and in the order of the file.

use super::allow::Allows;
use super::code::Stage;
use super::document::{Node, Span};
use super::mask;
use super::{Advice, Code, Inputs, Level, Problem, Problems};

/// Most problems that are kept; a file with more is not the file that was meant.
const KEPT_MAX: usize = 1_000;

/// What was found so far, and which parts of the text may be shown with it.
#[derive(Default)]
pub(super) struct Findings {
    list: Vec<Problem>,
    dropped: usize,
    advice: Advice,
    /// Apart from the others, so that they take no room of theirs.
    noted: Vec<Problem>,
    noted_dropped: usize,
    /// What comments of the file allow.
    allows: Allows,
    /// Whether the text is needed though nothing was found.
    keep_text: bool,
    clear: Vec<Span>,
}

impl Findings {
    /// Nothing found yet.
    pub(super) fn new(advice: Advice) -> Self {
        Self { advice, ..Self::default() }
    }

    /// Something is wrong with `node`.
    pub(super) fn error(&mut self, code: Code, node: Node<'_>, text: impl Into<String>) {
        self.error_hint(code, node, text, None);
    }

    /// Something is wrong with `node`, and this is what to do.
    pub(super) fn error_hint(
        &mut self,
        code: Code,
        node: Node<'_>,
        text: impl Into<String>,
        hint: impl Into<Option<String>>,
    ) {
        self.error_at(code, (Some(node.mark()), node.path()), text, hint);
    }

    /// Something is wrong with the key of `node`.
    pub(super) fn key_error(
        &mut self,
        code: Code,
        node: Node<'_>,
        text: impl Into<String>,
        hint: impl Into<Option<String>>,
    ) {
        self.error_at(code, (Some(node.key_mark()), node.path()), text, hint);
    }

    /// `node` is legal but unwise.
    pub(super) fn warn(
        &mut self,
        code: Code,
        node: Node<'_>,
        text: impl Into<String>,
        hint: impl Into<Option<String>>,
    ) {
        self.add((code, Level::Warning), (Some(node.mark()), node.path()), text, hint);
    }

    /// What is written at a place that has no node is legal but unwise.
    pub(super) fn warn_at(
        &mut self,
        code: Code,
        span: Span,
        text: impl Into<String>,
        hint: impl Into<Option<String>>,
    ) {
        self.add((code, Level::Warning), (Some(span), String::new()), text, hint);
    }

    /// Something worth knowing about `node`. Nobody sees it but who [wants notes](Self::wants_notes).
    pub(super) fn note(
        &mut self,
        code: Code,
        node: Node<'_>,
        text: impl Into<String>,
        hint: impl Into<Option<String>>,
    ) {
        if !self.wants_notes() {
            return;
        }
        if self.noted.len() >= KEPT_MAX {
            self.noted_dropped += 1;
            return;
        }
        let (path, span) = (node.path(), Some(node.mark()));
        let (text, hint) = (text.into(), hint.into());
        self.noted.push(Problem { code, level: Level::Note, path, span, text, hint });
    }

    /// Whether notes are looked for: what it takes to find them is not worth it otherwise.
    pub(super) fn wants_notes(&self) -> bool {
        self.advice == Advice::Notes
    }

    /// Whether what takes long is looked for.
    pub(super) fn wants_proofs(&self) -> bool {
        self.advice != Advice::Quick
    }

    /// Something is wrong at a place, which may have no node.
    pub(super) fn error_at(
        &mut self,
        code: Code,
        place: (Option<Span>, String),
        text: impl Into<String>,
        hint: impl Into<Option<String>>,
    ) {
        self.add((code, Level::Error), place, text, hint);
    }

    fn add(
        &mut self,
        (code, level): (Code, Level),
        (span, path): (Option<Span>, String),
        text: impl Into<String>,
        hint: impl Into<Option<String>>,
    ) {
        if self.is_full() {
            self.dropped += 1;
        } else {
            let (text, hint) = (text.into(), hint.into());
            self.list.push(Problem { code, level, path, span, text, hint });
        }
    }

    /// Whether so much is wrong that the next problem is only counted: no use in looking for a good hint.
    pub(super) fn is_full(&self) -> bool {
        self.list.len() >= KEPT_MAX
    }

    /// What comments of the file allow is known.
    pub(super) fn allow(&mut self, allows: Allows) {
        self.allows = allows;
    }

    /// The bytes of `span` hold no secret and may be shown.
    pub(super) fn clear(&mut self, span: Span) {
        self.clear.push(span);
    }

    /// More may be found in what was loaded, and is to be shown with its line, too.
    pub(super) fn keep_text(&mut self) {
        self.keep_text = true;
    }

    /// Whether anything is wrong, rather than unwise.
    pub(super) fn has_errors(&self) -> bool {
        self.dropped > 0 || self.list.iter().any(|problem| problem.level == Level::Error)
    }

    /// Everything but what is allowed, in the order of the file, with the text masked wherever it was not cleared.
    pub(super) fn finish(mut self, file: &str, text: &str, inputs: Inputs) -> Problems {
        self.list.append(&mut self.noted);
        self.list.sort_by_key(|problem| problem.span);
        for (count, level, what) in
            [(self.dropped, Level::Error, "problems"), (self.noted_dropped, Level::Note, "notes")]
        {
            if count > 0 {
                let text = format!("and {count} more {what}");
                self.list.push(Problem { level, ..Problem::unplaced(Code::MoreProblems, text) });
            }
        }
        let later = self.keep_text || !self.allows.is_empty();
        self.allows.silence(Stage::Reading, text, &mut self.list);
        let shown = later || !self.list.is_empty();
        let text = if shown { mask::masked(text, &mut self.clear) } else { String::new() };
        let (file, text, allows) = (file.to_owned(), text.into(), Box::new(self.allows));
        Problems { file, text, list: self.list, allows, inputs }
    }
}

/// One problem without a place: the file cannot be read at all.
pub(super) fn unplaced(code: Code, file: &str, text: String, hint: Option<String>) -> Problems {
    let problem = Problem { hint, ..Problem::unplaced(code, text) };
    Problems { file: file.to_owned(), list: vec![problem], ..Problems::default() }
}
