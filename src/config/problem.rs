//! What is wrong with a configuration, where, and what to do.

use std::fmt;

use super::Inputs;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// The configuration cannot be used.
    Error,
    /// It is legal but unwise.
    Warning,
}

/// One problem. No secret and nothing of a `${…}` value in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
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
    pub text: String,
    /// The problems, in file order.
    pub list: Vec<Problem>,
    /// What was read before it was refused, so that a reload can tell whether anything changed since.
    pub inputs: Inputs,
}

/// How problems are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// With colours.
    Coloured,
    /// Without.
    Plain,
}

impl Problems {
    /// With file, line, column, the line, a caret and what to do, for a terminal.
    pub fn show(&self, _style: Style) -> String {
        todo!()
    }

    /// Line and column (from 1, in characters) of a problem.
    pub fn place(&self, _problem: &Problem) -> Option<(usize, usize)> {
        todo!()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.show(Style::Plain))
    }
}

impl std::error::Error for Problems {}
