//! Conditions: what must hold for a rule to match.

use crate::config::Code;
use crate::config::document::Node;
use crate::config::findings::Findings;
use crate::config::near::did_you_mean;
use crate::config::read;
use crate::config::scalar::Plain;
use crate::event::KNOWN;
use crate::rule::{Field, Literal, Matcher, Operator, Test, TestError};

use super::targets::is_token;
use super::{json_path, without_values};

/// The headers that are kept with an event; a replay sees no other.
const KEPT: [&str; 3] = ["content-type", "user-agent", "x-retell-signature"];

/// Lowers a condition. Nothing if it has a problem, which is reported by then.
pub(super) fn condition(node: Node<'_>, findings: &mut Findings) -> Option<Matcher> {
    let mut parts = Vec::new();
    let mut whole = true;
    for value in node.map()? {
        match part(value, findings) {
            Some(more) => parts.extend(more),
            None => whole = false,
        }
    }
    whole.then(|| all(parts)).flatten()
}

fn all(mut parts: Vec<Matcher>) -> Option<Matcher> {
    if parts.len() > 1 { Some(Matcher::All(parts)) } else { parts.pop() }
}

/// The same, with its line: so that an explanation can point at it.
fn placed(node: Node<'_>, matcher: Matcher) -> Matcher {
    Matcher::At(node.line(), Box::new(matcher))
}

/// What one key of a condition asks for: several things if it is a map.
fn part(value: Node<'_>, findings: &mut Findings) -> Option<Vec<Matcher>> {
    let one = |matcher: Option<Matcher>| matcher.map(|matcher| vec![placed(value, matcher)]);
    match value.key() {
        "event" => {
            advise_event(value, findings);
            one(test(value, Field::Event, findings))
        }
        "agent_id" => one(test(value, Field::AgentId, findings)),
        "source" => one(test(value, Field::Source, findings)),
        "metadata" => each(value, findings, |node, _| Some(Field::Metadata(node.key().to_owned()))),
        "query" => each(value, findings, |node, _| Some(Field::Query(node.key().to_owned()))),
        "header" => each(value, findings, header),
        "fields" => each(value, findings, |node, findings| {
            json_path(node, node.key(), findings).map(Field::Path)
        }),
        "all" => one(list(value, findings).and_then(all)),
        "any" => one(list(value, findings).map(Matcher::Any)),
        "not" => one(condition(value, findings).map(|matcher| Matcher::Not(Box::new(matcher)))),
        _ => None,
    }
}

/// A test for each key of a map.
fn each(
    map: Node<'_>,
    findings: &mut Findings,
    field: impl Fn(Node<'_>, &mut Findings) -> Option<Field>,
) -> Option<Vec<Matcher>> {
    let values = map.map()?;
    if values.len() == 0 {
        findings.error(Code::NothingInIt, map, "there is nothing to test: the map is empty");
        return None;
    }
    let tests: Vec<_> = values
        .map(|value| {
            let field = field(value, findings);
            test(value, field?, findings).map(|matcher| placed(value, matcher))
        })
        .collect();
    tests.into_iter().collect()
}

fn list(node: Node<'_>, findings: &mut Findings) -> Option<Vec<Matcher>> {
    let part = |item| condition(item, findings).map(|matcher| placed(item, matcher));
    let parts: Vec<_> = node.list()?.map(part).collect();
    parts.into_iter().collect::<Option<Vec<_>>>().filter(|parts| !parts.is_empty())
}

fn header(node: Node<'_>, findings: &mut Findings) -> Option<Field> {
    let name = node.key().to_ascii_lowercase();
    if name.is_empty() || !name.bytes().all(is_token) {
        findings.key_error(Code::BadHeaderName, node, "this is not the name of a header", None);
        return None;
    }
    if !KEPT.contains(&name.as_str()) {
        let hint = format!("only {} are kept with an event", KEPT.join(", "));
        let text = "a replay cannot see this header, so this test fails then";
        findings.warn(Code::HeaderNotKept, node, text, hint);
    }
    Some(Field::Header(name))
}

fn test(node: Node<'_>, field: Field, findings: &mut Findings) -> Option<Matcher> {
    let ignore_case = node.get("ignore_case").and_then(Node::scalar).and_then(read::flag);
    let operators: Option<Vec<_>> = if node.is_scalar() {
        Some(vec![Operator::Is(read::literal(node)?)])
    } else if node.list().is_some() {
        Some(vec![Operator::In(literals(node)?)])
    } else {
        let written = node.map()?.filter(|value| value.key() != "ignore_case");
        let operators: Vec<_> = written.map(operator).collect();
        operators.into_iter().collect()
    };
    let operators = operators?;
    advise_type(node, &field, &operators, findings);
    match Test::new(operators, ignore_case.unwrap_or(false)) {
        Ok(test) => Some(Matcher::Field(field, test)),
        Err(error) => {
            let at = match error {
                TestError::Regex(_) => node.get("regex"),
                TestError::Glob(_) => node.get("glob"),
                TestError::NoText => node.get("ignore_case"),
                TestError::Never => node.get("exists"),
                TestError::Empty => None,
            };
            let at = at.unwrap_or(node);
            findings.error(Code::BadTest, at, without_values(at, &error));
            None
        }
    }
}

fn operator(node: Node<'_>) -> Option<Operator> {
    let number = || match read::typed(node.scalar()?) {
        Plain::Number(number) => Some(number),
        _ => None,
    };
    Some(match node.key() {
        "is" => Operator::Is(read::literal(node)?),
        "not" => Operator::Not(read::literal(node)?),
        "in" => Operator::In(literals(node)?),
        "not_in" => Operator::NotIn(literals(node)?),
        "prefix" => Operator::Prefix(read::node_text(node)?),
        "suffix" => Operator::Suffix(read::node_text(node)?),
        "glob" => Operator::Glob(read::node_text(node)?),
        "regex" => Operator::Regex(read::node_text(node)?),
        "contains" => Operator::Contains(read::literal(node)?),
        "exists" => Operator::Exists(node.scalar().and_then(read::flag)?),
        "gt" => Operator::Gt(number()?),
        "gte" => Operator::Gte(number()?),
        "lt" => Operator::Lt(number()?),
        "lte" => Operator::Lte(number()?),
        _ => return None,
    })
}

fn literals(node: Node<'_>) -> Option<Vec<Literal>> {
    let literals: Vec<_> = node.list()?.map(read::literal).collect();
    literals.into_iter().collect::<Option<Vec<_>>>().filter(|literals| !literals.is_empty())
}

/// What these fields yield is always a text, so a number never equals it.
fn advise_type(node: Node<'_>, field: &Field, operators: &[Operator], findings: &mut Findings) {
    if matches!(field, Field::Metadata(_) | Field::Path(_)) {
        return;
    }
    let typed = |literal: &Literal| !matches!(literal, Literal::Text(_));
    let never = operators.iter().any(|operator| match operator {
        Operator::Is(literal) | Operator::Not(literal) | Operator::Contains(literal) => {
            typed(literal)
        }
        Operator::In(literals) | Operator::NotIn(literals) => literals.iter().any(typed),
        Operator::Gt(_) | Operator::Gte(_) | Operator::Lt(_) | Operator::Lte(_) => true,
        _ => false,
    });
    if never {
        let hint = "put the value in quotes: 1 is a number, \"1\" a text".to_owned();
        findings.warn(
            Code::NeverEqual,
            node,
            "what is looked at here is always a text, and equals no other type",
            hint,
        );
    }
}

/// What a test wants, or does not want, the value to be equal to.
pub(super) fn compared(test: Node<'_>) -> impl Iterator<Item = Node<'_>> {
    let plain = test.is_scalar().then_some(test);
    let single = ["is", "not"].into_iter().filter_map(move |key| test.get(key));
    let listed = test.list().into_iter().flatten();
    let lists = ["in", "not_in"].into_iter().filter_map(move |key| test.get(key)?.list());
    plain.into_iter().chain(listed).chain(single).chain(lists.flatten())
}

/// Names of events that Retell does not send: almost always a slip.
fn advise_event(node: Node<'_>, findings: &mut Findings) {
    for name in compared(node) {
        let Some(Literal::Text(text)) = read::literal(name) else { continue };
        if !KNOWN.contains(&text.as_str()) {
            let hint = did_you_mean(&text, KNOWN);
            let shown = name.scalar().map_or("", |scalar| &scalar.written);
            let text = format!("`{shown}` is not an event that Retell sends today");
            findings.warn(
                Code::UnknownEvent,
                name,
                text,
                hint.or_else(|| Some(format!("it sends {}", KNOWN.join(", ")))),
            );
        }
    }
}
