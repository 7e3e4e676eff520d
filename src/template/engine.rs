//! Compiling and rendering one template: minijinja with our limits and escapes. The only place that runs it.
//!
//! What a template may cost is bounded: by minijinja's fuel (instructions, and every byte that its operators, filters and
//! output make), by its recursion limit, and by the length of the result. minijinja itself leaves one hole: a list times a
//! number is free until `~` or `format` makes a text of it, whose length no hook bounds, and list and number may both come
//! from an event. So `draft` refuses templates that hold both.

use std::sync::Arc;

use minijinja::value::Value;
use minijinja::{Environment, Error, Expression};
use serde_json::Value as Json;

use super::Context;
use super::context::Step;
use super::convert::{self, Budget, JSON_MAX, TEXT_MAX};
use super::draft::{Draft, check_names};
use super::environment::{Bounded, NAME, shared};
use super::error::{Blame, TemplateError};
use super::source::{self, Part, Source, Token, scan};
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

/// A compiled template. Cheap to clone.
#[derive(Clone)]
pub struct TextTemplate(Arc<Form>);

enum Form {
    /// Nothing in it is syntax.
    Fixed(Secret),
    /// It is one expression and nothing else.
    Expression {
        source: Box<str>,
        /// The path, if the expression is nothing but one.
        path: Option<Vec<Step>>,
        compiled: Expression<'static, 'static>,
        autoescape: Autoescape,
    },
    /// Anything else, in an environment of its own that knows its literals.
    Text { source: Box<str>, environment: Environment<'static> },
}

impl std::fmt::Debug for TextTemplate {
    /// Shows nothing of it: header values and addresses are templates, and secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TextTemplate")
    }
}

impl TextTemplate {
    /// Compiles `source`.
    pub fn new(source: &Source, autoescape: Autoescape) -> Result<Self, TemplateError> {
        let parts = source.joined();
        let draft = Draft::new(&parts, autoescape)?;
        if !draft.has_syntax {
            return Ok(Self(Arc::new(Form::Fixed(fixed(&parts)))));
        }
        if let [Part::Template(text)] = parts.as_slice()
            && let (tokens, None) = scan(text)
            && let [Token::Expression { inner, .. }] = tokens.as_slice()
        {
            return Self::expression(inner, autoescape);
        }
        let (source, environment) = draft.compile(autoescape)?;
        Ok(Self(Arc::new(Form::Text { source, environment })))
    }

    /// Compiles what stands inside `{{ }}`, which [`Draft::check`] has looked at.
    fn expression(inner: &str, autoescape: Autoescape) -> Result<Self, TemplateError> {
        let compiled = shared(autoescape)
            .compile_expression_owned(inner.to_owned())
            .map_err(|error| TemplateError::compiling(&error, inner))?;
        check_names(compiled.undeclared_variables(false), &[])?;
        let path = path_of(inner);
        Ok(Self(Arc::new(Form::Expression { source: inner.into(), path, compiled, autoescape })))
    }

    /// Renders to text.
    pub fn render(&self, context: &Context) -> Result<String, TemplateError> {
        match &*self.0 {
            Form::Fixed(text) => Ok(text.expose().to_owned()),
            Form::Expression { source, path, compiled, autoescape } => {
                let blame = |why: Blame| TemplateError::blaming(why, source);
                let text = if let Some(exact) = path.as_ref().and_then(|path| context.exact(path)) {
                    Budget::new(JSON_MAX).take_copy(&exact).map_err(blame)?;
                    convert::json_text(&exact, *autoescape).map_err(blame)?.into_owned()
                } else if let Some(made) = evaluate(compiled, source, *autoescape, context)? {
                    convert::to_text(&made, *autoescape).map_err(blame)?.into_owned()
                } else {
                    String::new()
                };
                (text.len() <= TEXT_MAX)
                    .then_some(text)
                    .ok_or(blame(Blame("the result is too long")))
            }
            Form::Text { source, environment } => {
                let fail = |error: Error| TemplateError::rendering(&error, source);
                let template = environment.get_template(NAME).map_err(fail)?;
                let mut text = Bounded::default();
                template.render_captured_to(context.value(), &mut text).map_err(fail)?;
                Ok(text.into_text())
            }
        }
    }

    /// Renders to JSON: the value of the expression if it is one and nothing else, else the text.
    pub(super) fn render_json(
        &self,
        context: &Context,
        budget: &mut Budget,
    ) -> Result<Json, TemplateError> {
        let Form::Expression { source, path, compiled, autoescape } = &*self.0 else {
            return self.render(context).map(Json::String);
        };
        let blame = |why: Blame| TemplateError::blaming(why, source);
        let exact = path.as_ref().and_then(|path| context.exact(path));
        let json = if let Some(exact) = exact {
            budget.take_copy(&exact).map_err(blame)?;
            exact.into_owned()
        } else {
            match evaluate(compiled, source, *autoescape, context)? {
                Some(value) => convert::to_json(&value, budget).map_err(blame)?,
                None => Json::Null,
            }
        };
        Ok(if *autoescape == Autoescape::Slack { convert::slack_escape_json(json) } else { json })
    }

    /// Whether an event is needed to render it.
    pub fn is_templated(&self) -> bool {
        self.fixed().is_none()
    }

    /// The text, if no event is needed to render it.
    pub fn fixed(&self) -> Option<&Secret> {
        match &*self.0 {
            Form::Fixed(text) => Some(text),
            _ => None,
        }
    }
}

/// The value of an expression; nothing for `x if y` without an `else` when `y` is false.
fn evaluate(
    compiled: &Expression<'_, '_>,
    source: &str,
    autoescape: Autoescape,
    context: &Context,
) -> Result<Option<Value>, TemplateError> {
    let fail = |error: Error| TemplateError::rendering(&error, source);
    let value = compiled.eval(context.value()).map_err(fail)?;
    if !value.is_undefined() {
        return Ok(Some(value));
    }
    // Only the formatter knows one undefined value from the other.
    match shared(autoescape).empty_state().format(value) {
        Ok(_) => Ok(None),
        Err(_) => Err(TemplateError::undefined(source)),
    }
}

/// The path that an expression is, if it is nothing else.
fn path_of(inner: &str) -> Option<Vec<Step>> {
    let name = |text: &mut &str| {
        let len = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
        let (name, rest) = text.split_at(len);
        *text = rest;
        source::is_name(name).then(|| Step::Key(name.into()))
    };
    let mut rest = inner.trim();
    let mut path = vec![name(&mut rest)?];
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('.') {
            rest = after;
            path.push(name(&mut rest)?);
            continue;
        }
        let (index, after) = rest.strip_prefix('[')?.split_once(']')?;
        rest = after;
        path.push(match index.parse() {
            Ok(index) => Step::Index(index),
            Err(_) => Step::Key(unquoted(index)?.into()),
        });
    }
    Some(path)
}

/// The text in quotes, if there is nothing in it that an escape could change.
fn unquoted(text: &str) -> Option<&str> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let inner = text.strip_prefix(quote)?.strip_suffix(quote)?;
    (!inner.contains([quote, '\\'])).then_some(inner)
}

/// The text of parts that hold no syntax.
fn fixed(parts: &[Part]) -> Secret {
    let text: String = parts
        .iter()
        .map(|part| match part {
            Part::Template(text) => text.as_str(),
            Part::Literal(text) => text.expose(),
        })
        .collect();
    Secret::new(text)
}
