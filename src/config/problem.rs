//! What is wrong with a configuration, where, and what to do.

use std::fmt;

use annotate_snippets::{AnnotationKind, Group, Level as Severity, Origin, Renderer, Snippet};

use super::allow::Allows;
use super::code::Stage;
use super::lines::Lines;
use super::{Code, Inputs};

/// Most problems that are shown with their lines; the others get one line each.
const SHOWN_MAX: usize = 100;
/// Longest line that is shown, in bytes.
const LINE_MAX: usize = 4_096;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// The configuration cannot be used.
    Error,
    /// It is legal but unwise.
    Warning,
    /// It is worth knowing.
    Note,
}

impl Level {
    /// As it is written: `error`, `warning`, `note`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// One problem. No secret and nothing of a `${…}` value in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What kind of problem it is.
    pub code: Code,
    /// How bad it is.
    pub level: Level,
    /// Where in the document: `targets.crm.url`.
    pub path: String,
    /// Byte offsets of the place in the text, if it is known.
    pub span: Option<(usize, usize)>,
    /// What is wrong.
    pub text: String,
    /// What to do.
    pub hint: Option<String>,
}

/// All problems of one text.
#[derive(Debug, Clone, Default)]
pub struct Problems {
    /// The file's name as the user gave it.
    pub file: String,
    /// The text, for showing lines of it: every character that could belong to a secret is masked.
    pub text: Box<str>,
    /// The problems, in file order.
    pub list: Vec<Problem>,
    /// What comments of the file allow; applied to what is in the list already.
    pub allows: Box<Allows>,
    /// What was read before it was refused, so that a reload can tell whether anything changed since.
    pub inputs: Inputs,
}

/// Where a problem stands: lines and columns from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    /// Where it begins.
    pub from: (usize, usize),
    /// Behind its last character.
    pub to: (usize, usize),
}

/// Where the problems of a text stand; those without a place stand nowhere.
#[derive(Debug)]
pub struct Places<'p>(Lines<'p>);

impl Places<'_> {
    /// Line and column (from 1, in characters) where a problem begins.
    pub fn of(&self, problem: &Problem) -> Option<(usize, usize)> {
        self.0.place(problem.span?.0)
    }

    /// Where it begins and ends.
    pub fn region(&self, problem: &Problem) -> Option<Region> {
        let (from, to) = problem.span?;
        Some(Region { from: self.0.place(from)?, to: self.0.place(to)? })
    }
}

/// How problems are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// With colours.
    Coloured,
    /// Without.
    Plain,
}

impl Problem {
    /// One that has no place in the file.
    pub fn unplaced(code: Code, text: String) -> Self {
        Self { code, level: code.level(), path: String::new(), span: None, text, hint: None }
    }

    /// What is wrong and where, without the text of the file: `targets.crm.url: …`.
    fn title(&self) -> String {
        if self.path.is_empty() {
            self.text.clone()
        } else {
            format!("{}: {}", self.path, self.text)
        }
    }
}

impl Problems {
    /// With file, line, column, the line, a caret and what to do, for a terminal.
    pub fn show(&self, style: Style) -> String {
        let renderer = match style {
            Style::Coloured => Renderer::styled(),
            Style::Plain => Renderer::plain(),
        };
        let (mut shown, places) = (String::new(), self.places());
        for (at, problem) in self.list.iter().enumerate() {
            if at < SHOWN_MAX {
                shown.push_str(&renderer.render(&[self.group(problem, &places)]));
                shown.push_str("\n\n");
            } else {
                shown.push_str(&self.line(problem, &places));
                shown.push('\n');
            }
        }
        shown.truncate(shown.trim_end().len());
        shown
    }

    /// Errors, then warnings, then notes, each in the order of the list: where only the first are shown, none that matters may be
    /// behind many that do not.
    pub fn worst_first(&self) -> impl Iterator<Item = &Problem> {
        let levels = [Level::Error, Level::Warning, Level::Note].into_iter();
        levels.flat_map(|level| self.list.iter().filter(move |problem| problem.level == level))
    }

    /// Where its problems stand: for many of them.
    pub fn places(&self) -> Places<'_> {
        Places(Lines::new(&self.text))
    }

    /// Line and column (from 1, in characters) where one problem begins.
    pub fn place(&self, problem: &Problem) -> Option<(usize, usize)> {
        self.places().of(problem)
    }

    /// Adds what tests found, but what comments of the file allow. Without any problem there is no use for the text.
    pub(crate) fn add_tested(&mut self, tested: Vec<Problem>) {
        self.add(Stage::Trials, tested);
        if self.list.is_empty() {
            self.text = Box::default();
        }
    }

    /// Adds what was found at `stage`, but what comments of the file allow.
    pub(super) fn add(&mut self, stage: Stage, found: Vec<Problem>) {
        self.list.extend(found);
        self.list.sort_by_key(|problem| (problem.span.is_none(), problem.span));
        self.allows.silence(stage, &self.text, &mut self.list);
    }

    /// One line: `rules.yaml:3:5: error[HS101]: …`.
    fn line(&self, problem: &Problem, places: &Places<'_>) -> String {
        let Self { file, .. } = self;
        let (level, code, title) = (problem.level.as_str(), problem.code, problem.title());
        match places.of(problem) {
            Some((line, column)) => format!("{file}:{line}:{column}: {level}[{code}]: {title}"),
            None => format!("{file}: {level}[{code}]: {title}"),
        }
    }

    fn group<'a>(&'a self, problem: &'a Problem, places: &Places<'_>) -> Group<'a> {
        let severity = match problem.level {
            Level::Error => Severity::ERROR,
            Level::Warning => Severity::WARNING,
            Level::Note => Severity::NOTE,
        };
        let title = severity.primary_title(problem.title()).id(problem.code.to_string());
        let group = if let Some((line, excerpt, span)) = self.excerpt(problem) {
            title.element(
                Snippet::source(excerpt)
                    .path(self.file.as_str())
                    .line_start(line)
                    .annotation(AnnotationKind::Primary.span(span)),
            )
        } else {
            let origin = Origin::path(self.file.as_str());
            title.element(match places.of(problem) {
                Some((line, column)) => origin.line(line).char_column(column),
                None => origin,
            })
        };
        match &problem.hint {
            Some(hint) => group.element(Severity::HELP.message(hint.as_str())),
            None => group,
        }
    }

    /// The first line of a problem's place: its number, its text, and the place in it. Only this line is given to the
    /// renderer, which goes through all that it is given.
    fn excerpt(&self, problem: &Problem) -> Option<(usize, &str, std::ops::Range<usize>)> {
        let (from, to) = problem.span?;
        let before = self.text.get(..from)?;
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        let rest = self.text.get(start..)?;
        let line = rest.split('\n').next()?.trim_end_matches('\r');
        if line.len() > LINE_MAX {
            return None;
        }
        let from = (from - start).min(line.len());
        let to = to.saturating_sub(start).clamp(from, line.len());
        Some((before.matches('\n').count() + 1, line, from..to))
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.show(Style::Plain))
    }
}

impl std::error::Error for Problems {}
