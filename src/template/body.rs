//! A JSON body as a tree whose string leaves are templates. It is never put together as text, so no value can change its
//! structure.

use serde_json::Value;

use super::convert::{Budget, JSON_MAX};
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
    /// Renders to a JSON value. An error begins with the place of its leaf.
    pub fn render(&self, context: &Context) -> Result<Value, TemplateError> {
        self.below(context, &mut Budget::new(JSON_MAX), &mut Vec::new())
    }

    fn below<'t>(
        &'t self,
        context: &Context,
        budget: &mut Budget,
        place: &mut Vec<Place<'t>>,
    ) -> Result<Value, TemplateError> {
        match self {
            Self::Literal(value) => Ok(value.clone()),
            Self::Leaf(template) => template
                .render_json(context, budget)
                .map_err(|error| TemplateError::new(format!("{}{error}", shown(place)))),
            Self::List(items) => {
                let item = |(at, item): (usize, &'t Self)| {
                    place.push(Place::Index(at));
                    let value = item.below(context, budget, place)?;
                    place.pop();
                    Ok(value)
                };
                items.iter().enumerate().map(item).collect::<Result<_, _>>().map(Value::Array)
            }
            Self::Map(members) => {
                let member = |(key, value): &'t (String, Self)| {
                    place.push(Place::Key(key));
                    let value = value.below(context, budget, place)?;
                    place.pop();
                    Ok((key.clone(), value))
                };
                members.iter().map(member).collect::<Result<_, _>>().map(Value::Object)
            }
        }
    }
}

/// One step from the body's root to a leaf.
enum Place<'t> {
    Key(&'t str),
    Index(usize),
}

fn shown(place: &[Place<'_>]) -> String {
    let mut text = String::new();
    for step in place {
        match step {
            Place::Key(key) if text.is_empty() => text.push_str(key),
            Place::Key(key) => text.extend([".", key]),
            Place::Index(at) => text.extend(["[", &at.to_string(), "]"]),
        }
    }
    if text.is_empty() { text } else { format!("{text}: ") }
}
