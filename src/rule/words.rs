//! Tests and values in words, for people who ask why a rule matched.

use super::test::{Check, Constant, Literal, Operator, Parts, Test};
use crate::event::{Number, Text, Value, Values};

/// Most characters of what was found.
const FOUND_MAX: usize = 120;
/// Most characters, as they are written, that are shown before the part that was looked for.
const BEFORE_MAX: usize = 30;
/// Most literals of a list that are written out.
const LISTED_MAX: usize = 8;

/// What a test expects: `begins with "eu-" and is not "eu-west"`.
pub(super) fn expected(operators: &[Operator], ignore_case: bool) -> String {
    let parts: Vec<String> = operators.iter().map(operator).collect();
    let case = if ignore_case { ", ignoring case" } else { "" };
    format!("{}{case}", parts.join(" and "))
}

fn operator(operator: &Operator) -> String {
    match operator {
        Operator::Is(own) => format!("is {}", literal(own)),
        Operator::Not(own) => format!("is not {}", literal(own)),
        Operator::In(list) => format!("is one of {}", literals(list)),
        Operator::NotIn(list) => format!("is none of {}", literals(list)),
        Operator::Prefix(text) => format!("begins with {text:?}"),
        Operator::Suffix(text) => format!("ends with {text:?}"),
        Operator::Glob(text) => format!("matches the glob {text:?}"),
        Operator::Regex(text) => format!("matches the expression {text:?}"),
        Operator::Contains(own) => format!("contains {}", literal(own)),
        Operator::Exists(true) => "exists".to_owned(),
        Operator::Exists(false) => "is missing".to_owned(),
        Operator::Gt(number) => format!("more than {number}"),
        Operator::Gte(number) => format!("at least {number}"),
        Operator::Lt(number) => format!("less than {number}"),
        Operator::Lte(number) => format!("at most {number}"),
    }
}

fn literal(literal: &Literal) -> String {
    match literal {
        Literal::Null => "null".to_owned(),
        Literal::Bool(truth) => truth.to_string(),
        Literal::Number(number) => number.to_string(),
        Literal::Text(text) => format!("{text:?}"),
    }
}

fn literals(list: &[Literal]) -> String {
    let shown: Vec<String> = list.iter().take(LISTED_MAX).map(literal).collect();
    let more = list.len() - shown.len();
    let rest = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("{}{rest}", shown.join(", "))
}

/// What was found; `missing` if nothing. If it is too long to be shown whole, it begins with what decides whether `test` holds:
/// the value, and of a long text the part.
pub(super) fn found(values: Values<'_>, test: &Test) -> String {
    if values.is_empty() {
        return "missing".to_owned();
    }
    let mut text = String::new();
    list(values.iter(), &mut text);
    if text.chars().nth(FOUND_MAX).is_none() {
        return text;
    }
    let parts = test.parts();
    let first = decisive(values, parts);
    text.clear();
    match values.iter().nth(first) {
        Some(Value::Text(found)) => text.push_str(&excerpt(found.plain, hit(found, parts))),
        Some(Value::Array(elements)) if !elements.is_empty() => {
            text.push('[');
            list(beginning_with(elements, element(elements, parts)), &mut text);
            text.push(']');
        }
        value => list(value.into_iter(), &mut text),
    }
    for value in beginning_with(values, first).skip(1) {
        text.push_str(", ");
        if text.len() > 4 * FOUND_MAX {
            break;
        }
        list(std::iter::once(value), &mut text);
    }
    let mut shown: String = text.chars().take(FOUND_MAX).collect();
    if shown.len() < text.len() {
        shown.pop();
        shown.push('…');
    }
    shown
}

/// The place of the value that decides: one that is excluded, or else one that suits; the first if there is none.
fn decisive(values: Values<'_>, parts: Parts<'_>) -> usize {
    let holds = |check: &Check, value| check.holds(value, parts.folded);
    let excluded =
        values.iter().position(|value| parts.none.iter().any(|check| holds(check, value)));
    let suits = |value| parts.some.iter().all(|check| holds(check, value));
    excluded.or_else(|| values.iter().position(suits)).unwrap_or_default()
}

/// The place of the element that is looked for; the first if there is none.
fn element(elements: Values<'_>, parts: Parts<'_>) -> usize {
    let sought = parts.some.iter().find_map(|check| match check {
        Check::Contains(own) => elements.iter().position(|element| own.is(element, parts.folded)),
        _ => None,
    });
    sought.unwrap_or_default()
}

/// Where in a text the part begins that is looked for; 0 if there is none, or it can be anywhere.
fn hit(text: Text<'_>, parts: Parts<'_>) -> usize {
    let seen = if parts.folded { text.folded } else { text.plain };
    let found = parts.some.iter().find_map(|check| match check {
        Check::Contains(Constant::Text(own)) => seen.find(own.as_str()),
        Check::Suffix(own) if seen.ends_with(own.as_str()) => Some(seen.len() - own.len()),
        _ => None,
    });
    // Folding keeps the number of characters, not that of bytes.
    let before = found.and_then(|at| seen.get(..at)).map_or(0, |before| before.chars().count());
    text.plain.char_indices().nth(before).map_or(text.plain.len(), |(at, _)| at)
}

/// The text from a little before `hit`.
fn excerpt(text: &str, hit: usize) -> String {
    let mut left = BEFORE_MAX;
    let mut start = hit;
    for c in text.get(..hit).unwrap_or_default().chars().rev() {
        let Some(less) = left.checked_sub(c.escape_debug().count()) else { break };
        left = less;
        start -= c.len_utf8();
    }
    let shown: String = text.get(start..).unwrap_or_default().chars().take(FOUND_MAX).collect();
    format!("{}{shown:?}", if start > 0 { "…" } else { "" })
}

/// All of them, that at the place `first` before all others.
fn beginning_with(values: Values<'_>, first: usize) -> impl Iterator<Item = Value<'_>> {
    let others = values.iter().enumerate().filter(move |(place, _)| *place != first);
    values.iter().nth(first).into_iter().chain(others.map(|(_, value)| value))
}

/// Writes values with commas between, until there is more than is shown.
fn list<'e>(values: impl Iterator<Item = Value<'e>>, text: &mut String) {
    for (number, value) in values.enumerate() {
        if text.len() > 4 * FOUND_MAX {
            return;
        }
        if number > 0 {
            text.push_str(", ");
        }
        match value {
            Value::Null => text.push_str("null"),
            Value::Bool(truth) => text.push_str(if truth { "true" } else { "false" }),
            Value::Number(_, Some(written)) => text.push_str(written),
            Value::Number(Number::Int(int), None) => text.push_str(&int.to_string()),
            Value::Number(Number::Float(float), None) => text.push_str(&float.to_string()),
            Value::Text(found) => text.push_str(&excerpt(found.plain, 0)),
            Value::Array(elements) if elements.is_empty() => text.push_str("an array"),
            Value::Array(elements) => {
                text.push('[');
                list(elements.iter(), text);
                text.push(']');
            }
            Value::Object => text.push_str("an object"),
        }
    }
}
