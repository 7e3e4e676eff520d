//! Templated values.

use serde_json::Value;

use crate::config::Code;
use crate::config::document::{Kind, Node, Scalar};
use crate::config::findings::Findings;
use crate::config::read;
use crate::config::scalar::Plain;
use crate::template::{Autoescape, BodyTemplate, TemplateError, TextTemplate};

/// Whether a template stands at a secret place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// Its text may be repeated.
    Yes,
    /// It may not.
    No,
}

/// A templated text.
pub(super) fn text(
    node: Node<'_>,
    (autoescape, shown): (Autoescape, Shown),
    findings: &mut Findings,
) -> Option<TextTemplate> {
    let scalar = node.scalar()?;
    match TextTemplate::new(&read::source(scalar), autoescape) {
        Ok(template) => Some(template),
        Err(error) => {
            report(node, &error, shown, findings);
            None
        }
    }
}

/// Reports that the template at `node` does not compile.
pub(super) fn report(node: Node<'_>, error: &TemplateError, shown: Shown, findings: &mut Findings) {
    let Some(scalar) = node.scalar() else { return };
    let nested = scalar.is_filled() && scalar.written.contains("{{");
    let hint = nested.then(|| {
        "a ${…} is literal text: it may stand beside a {{ … }} but not inside one".to_owned()
    });
    let text = match shown {
        Shown::Yes => error.to_string(),
        Shown::No => unrevealing(&error.to_string(), scalar),
    };
    findings.error_hint(Code::BadTemplate, node, text, hint);
}

/// An error's text without the piece of the template that it ends with, if no other word of it is the template's either.
fn unrevealing(error: &str, scalar: &Scalar) -> String {
    let head = error.split(" (at `").next().unwrap_or_default();
    let mut words = head.split(|c: char| !c.is_alphanumeric());
    if words.any(|word| word.len() > 2 && scalar.written.contains(word)) {
        "the template does not compile (what stands here is secret, so it is not repeated)"
            .to_owned()
    } else {
        head.to_owned()
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
            Plain::Text => BodyTemplate::Leaf(text(node, (autoescape, Shown::Yes), findings)?),
        }),
    }
}
