//! Where every stage puts what it finds, so that all of it is reported and in the order of the file.

use super::document::{Node, Span};
use super::mask;
use super::{Inputs, Level, Problem, Problems};

/// Most problems that are kept; a file with more is not the file that was meant.
const KEPT_MAX: usize = 1_000;

/// What was found so far, and which parts of the text may be shown with it.
#[derive(Default)]
pub(super) struct Findings {
    list: Vec<Problem>,
    dropped: usize,
    /// Whether the text is needed though nothing was found.
    keep_text: bool,
    clear: Vec<Span>,
}

impl Findings {
    /// Something is wrong with `node`.
    pub(super) fn error(&mut self, node: Node<'_>, text: impl Into<String>) {
        self.error_hint(node, text, None);
    }

    /// Something is wrong with `node`, and this is what to do.
    pub(super) fn error_hint(
        &mut self,
        node: Node<'_>,
        text: impl Into<String>,
        hint: impl Into<Option<String>>,
    ) {
        self.error_at(Some(node.mark()), node.path(), text, hint);
    }

    /// Something is wrong with the key of `node`.
    pub(super) fn key_error(
        &mut self,
        node: Node<'_>,
        text: impl Into<String>,
        hint: impl Into<Option<String>>,
    ) {
        self.error_at(Some(node.key_mark()), node.path(), text, hint);
    }

    /// `node` is legal but unwise.
    pub(super) fn warn(
        &mut self,
        node: Node<'_>,
        text: impl Into<String>,
        hint: impl Into<Option<String>>,
    ) {
        let (path, span) = (node.path(), Some(node.mark()));
        let (text, hint) = (text.into(), hint.into());
        self.push(Problem { level: Level::Warning, path, span, text, hint });
    }

    /// Something is wrong at a place that has no node.
    pub(super) fn error_at(
        &mut self,
        span: Option<Span>,
        path: String,
        text: impl Into<String>,
        hint: impl Into<Option<String>>,
    ) {
        let (text, hint) = (text.into(), hint.into());
        self.push(Problem { level: Level::Error, path, span, text, hint });
    }

    fn push(&mut self, problem: Problem) {
        if self.is_full() {
            self.dropped += 1;
        } else {
            self.list.push(problem);
        }
    }

    /// Whether so much is wrong that the next problem is only counted: no use in looking for a good hint.
    pub(super) fn is_full(&self) -> bool {
        self.list.len() >= KEPT_MAX
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

    /// Everything, in the order of the file, with the text masked wherever it was not cleared.
    pub(super) fn finish(mut self, file: &str, text: &str, inputs: Inputs) -> Problems {
        self.list.sort_by_key(|problem| problem.span);
        if self.dropped > 0 {
            let text = format!("and {} more problems", self.dropped);
            let path = String::new();
            self.list.push(Problem { level: Level::Error, path, span: None, text, hint: None });
        }
        let shown = self.keep_text || !self.list.is_empty();
        let text = if shown { mask::masked(text, &mut self.clear) } else { String::new() };
        Problems { file: file.to_owned(), text, list: self.list, inputs }
    }
}

/// One problem without a place: the file cannot be read at all.
pub(super) fn unplaced(file: &str, text: String, hint: Option<String>) -> Problems {
    let problem = Problem { level: Level::Error, path: String::new(), span: None, text, hint };
    Problems { file: file.to_owned(), list: vec![problem], ..Problems::default() }
}
