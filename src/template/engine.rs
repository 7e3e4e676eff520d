//! Compiling and rendering one template.

use super::Context;
use crate::secret::Secret;

/// What happens to inserted values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Autoescape {
    /// Nothing.
    None,
    /// `&`, `<` and `>` are escaped as Slack asks; the filter `safe` is refused.
    Slack,
    /// Percent-encoded as a path segment or query value.
    Url,
}

/// Why a template cannot be compiled, or failed on an event. Its text names the place in the template, the missing name or
/// the limit, and never a value of the payload.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TemplateError {
    pub(crate) message: String,
}

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
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for part in &self.parts {
            match part {
                Part::Template(text) => write!(f, "{text:?}")?,
                Part::Literal(_) => f.write_str("***")?,
            }
        }
        Ok(())
    }
}

/// A compiled template. Cheap to clone.
#[derive(Debug, Clone)]
pub struct TextTemplate {}

impl TextTemplate {
    /// Compiles `source`.
    pub fn new(_source: &Source, _autoescape: Autoescape) -> Result<Self, TemplateError> {
        todo!()
    }

    /// Renders to text.
    pub fn render(&self, _context: &Context) -> Result<String, TemplateError> {
        todo!()
    }
}
