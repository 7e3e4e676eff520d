//! Tests and values in words, for people who ask why a rule matched.

use super::test::{Literal, Operator};
use crate::event::{Value, Values};

/// Most characters of what was found.
const FOUND_MAX: usize = 120;
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

/// What was found, shortened; `missing` if nothing.
pub(super) fn found(values: Values<'_>) -> String {
    if values.is_empty() {
        return "missing".to_owned();
    }
    let mut text = String::new();
    list(values, &mut text);
    let mut shown: String = text.chars().take(FOUND_MAX).collect();
    if shown.len() < text.len() {
        shown.pop();
        shown.push('…');
    }
    shown
}

/// Writes values with commas between, until there is more than is shown.
fn list(values: Values<'_>, text: &mut String) {
    for (number, value) in values.iter().enumerate() {
        if text.len() > 4 * FOUND_MAX {
            return;
        }
        if number > 0 {
            text.push_str(", ");
        }
        match value {
            Value::Null => text.push_str("null"),
            Value::Bool(truth) => text.push_str(if truth { "true" } else { "false" }),
            Value::Number(crate::event::Number::Int(int)) => text.push_str(&int.to_string()),
            Value::Number(crate::event::Number::Float(float)) => text.push_str(&float.to_string()),
            Value::Text(found) => {
                let begin: String = found.plain.chars().take(FOUND_MAX).collect();
                let quoted = format!("{begin:?}");
                text.push_str(&quoted);
            }
            Value::Array(elements) if elements.is_empty() => text.push_str("an array"),
            Value::Array(elements) => {
                text.push('[');
                list(elements, text);
                text.push(']');
            }
            Value::Object => text.push_str("an object"),
        }
    }
}
