//! A JSON body as a tree whose string leaves are templates.

use serde_json::Value;

use super::{Context, TemplateError, TextTemplate};

/// A body: structure is literal, leaves are templates. A leaf that is one expression keeps the JSON type of its value.
#[derive(Debug, Clone)]
pub enum BodyTemplate {
    /// A number, `true`, `false` or `null`.
    Literal(Value),
    /// A text with expressions in it, rendered to text; or one expression, rendered to its value.
    Leaf(TextTemplate),
    /// An array.
    List(Vec<BodyTemplate>),
    /// An object, in the order of the file.
    Map(Vec<(String, BodyTemplate)>),
}

impl BodyTemplate {
    /// Renders to a JSON value.
    pub fn render(&self, _context: &Context) -> Result<Value, TemplateError> {
        todo!()
    }
}
