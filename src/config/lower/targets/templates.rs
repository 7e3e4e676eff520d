//! Templated values.

use serde_json::Value;

use crate::template::{Autoescape, BodyTemplate, TextTemplate};

use super::super::super::document::{Kind, Node, Scalar};
use super::super::super::findings::Findings;
use super::super::super::read;
use super::super::super::scalar::Plain;

/// A templated text.
pub(super) fn text(
    node: Node<'_>,
    scalar: &Scalar,
    autoescape: Autoescape,
    findings: &mut Findings,
) -> Option<TextTemplate> {
    match TextTemplate::new(&read::source(scalar), autoescape) {
        Ok(template) => Some(template),
        Err(error) => {
            let nested = scalar.is_filled() && scalar.written.contains("{{");
            let hint = nested.then(|| {
                "a ${…} is literal text: it may stand beside a {{ … }} but not inside one"
                    .to_owned()
            });
            findings.error_hint(node, error.to_string(), hint);
            None
        }
    }
}

/// A body: texts become templates, everything else stays what YAML reads it as.
pub(super) fn body(
    node: Node<'_>,
    autoescape: Autoescape,
    findings: &mut Findings,
) -> Option<BodyTemplate> {
    match node.kind() {
        Kind::Broken => None,
        Kind::List(_) => {
            let items: Vec<_> = node.list()?.map(|item| body(item, autoescape, findings)).collect();
            Some(BodyTemplate::List(items.into_iter().collect::<Option<_>>()?))
        }
        Kind::Map(_) => {
            let values: Vec<_> = node
                .map()?
                .map(|value| Some((value.key().to_owned(), body(value, autoescape, findings)?)))
                .collect();
            Some(BodyTemplate::Map(values.into_iter().collect::<Option<_>>()?))
        }
        Kind::Scalar(scalar) => Some(match scalar.read() {
            Plain::Null => BodyTemplate::Literal(Value::Null),
            Plain::Bool(flag) => BodyTemplate::Literal(Value::Bool(flag)),
            Plain::Number(number) => BodyTemplate::Literal(Value::Number(number)),
            Plain::Text => BodyTemplate::Leaf(text(node, scalar, autoescape, findings)?),
        }),
    }
}
