//! Where every stage puts what it finds, so that all of it is reported and in the order of the file.

use super::allow::Allows;
use super::code::Stage;
use super::document::{Node, Span};
use super::mask;
use super::{Advice, Code, Inputs, Level, Problem, Problems};

/// Most problems of each level that are kept.
const KEPT_MAX: usize = 1_000;

/// What was found so far, and which parts of the text may be shown with it.
#[derive(Default)]
pub(super) struct Findings {
    // Apart, so that no level takes the room of another.
    errors: Kept,
    warnings: Kept,
    notes: Kept,
    advice: Advice,
    /// What comments of the file allow.
    allows: Allows,
    /// Whether the text is needed though nothing was found.
    keep_text: bool,
    clear: Vec<Span>,
}

/// The first problems of one level, and how many there were beyond them.
#[derive(Default)]
struct Kept {
    list: Vec<Problem>,
    dropped: usize,
}

impl Kept {
    fn is_full(&self) -> bool {
        self.list.len() >= KEPT_MAX
    }

    fn add(&mut self, problem: impl FnOnce() -> Problem) {
        if self.is_full() {
            self.dropped += 1;
        } else {
            self.list.push(problem());
        }
    }
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
        if self.wants_notes() {
            self.add((code, Level::Note), (Some(node.mark()), node.path()), text, hint);
        }
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
        let kept = match level {
            Level::Error => &mut self.errors,
            Level::Warning => &mut self.warnings,
            Level::Note => &mut self.notes,
        };
        kept.add(|| Problem { code, level, path, span, text: text.into(), hint: hint.into() });
    }

    /// Whether so much is wrong that the next error is only counted: no use in looking for a good hint.
    pub(super) fn is_full(&self) -> bool {
        self.errors.is_full()
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
        !self.errors.list.is_empty()
    }

    /// Everything but what is allowed, in the order of the file, with the text masked wherever it was not cleared.
    pub(super) fn finish(mut self, file: &str, text: &str, inputs: Inputs) -> Problems {
        let levels = [
            (self.errors, Level::Error, "error"),
            (self.warnings, Level::Warning, "warning"),
            (self.notes, Level::Note, "note"),
        ];
        let (mut list, mut more) = (Vec::new(), Vec::new());
        for (mut kept, level, noun) in levels {
            list.append(&mut kept.list);
            if kept.dropped > 0 {
                let plural = if kept.dropped == 1 { "" } else { "s" };
                let text = format!("and {} more {noun}{plural}", kept.dropped);
                more.push(Problem { level, ..Problem::unplaced(Code::MoreProblems, text) });
            }
        }
        list.sort_by_key(|problem| problem.span);
        list.append(&mut more);
        let later = self.keep_text || !self.allows.is_empty();
        self.allows.silence(Stage::Reading, text, &mut list);
        let shown = later || !list.is_empty();
        let text = if shown { mask::masked(text, &mut self.clear) } else { String::new() };
        let (file, text, allows) = (file.to_owned(), text.into(), Box::new(self.allows));
        Problems { file, text, list, allows, inputs }
    }
}

/// One problem without a place: the file cannot be read at all.
pub(super) fn unplaced(code: Code, file: &str, text: String, hint: Option<String>) -> Problems {
    let problem = Problem { hint, ..Problem::unplaced(code, text) };
    Problems { file: file.to_owned(), list: vec![problem], ..Problems::default() }
}
