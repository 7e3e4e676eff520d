//! A request beside what a test expects of it.

use serde_json::Value;

use crate::config::ExpectedRequest;
use crate::event::{Document, Number};
use crate::target::Request;

use super::{DIFFERENCES_MAX, Difference};

/// Most characters of a value that is told.
const SHOWN_MAX: usize = 120;
/// What stands for a value that is never shown.
const MASK: &str = "***";

/// Adds what of `request` is not as `expected`. `place` is where the expectation stands: `sends.crm`.
pub(super) fn request(
    place: &str,
    expected: &ExpectedRequest,
    request: &Request,
    differences: &mut Vec<Difference>,
) {
    if let Some(method) = expected.method.as_deref().filter(|method| *method != request.method) {
        let place = format!("{place}.method");
        differences.push(Difference::plain(&place, method, request.method));
    }
    let address = request.address.as_ref().map_or("", |address| address.expose().as_str());
    if expected.url.as_ref().is_some_and(|url| url.expose() != address) {
        let found =
            format!("another one at {} (of addresses only the host is shown)", request.origin());
        differences.push(Difference::plain(
            &format!("{place}.url"),
            "the address in the file",
            found,
        ));
    }
    for (name, wanted) in &expected.headers {
        let found = request.headers.get(name);
        if found.is_some_and(|value| value == wanted.expose()) {
            continue;
        }
        let found = match found {
            None => "missing".to_owned(),
            Some(value) if value.is_sensitive() => format!("another value ({MASK})"),
            Some(value) => shortened(&format!("{:?}", value.to_str().unwrap_or(MASK))),
        };
        differences.push(of_event(
            format!("{place}.headers.{name}"),
            "the value in the file",
            found,
        ));
    }
    if let Some(wanted) = &expected.body {
        body(&format!("{place}.body"), wanted, &request.body, differences);
    }
}

fn body(place: &str, wanted: &Value, found: &[u8], differences: &mut Vec<Difference>) {
    match (Document::parse(found), wanted) {
        (Ok(document), _) => value(place.to_owned(), wanted, Some(document.value()), differences),
        (Err(_), Value::String(text)) if text.as_bytes() == found => {}
        (Err(_), _) => {
            let found = format!("{} bytes that are no JSON", found.len());
            differences.push(Difference::plain(place, shown(wanted), found));
        }
    }
}

/// Of a map the members that are expected, anything else whole. It nests as deep as the file does.
fn value(place: String, wanted: &Value, found: Option<&Value>, differences: &mut Vec<Difference>) {
    if differences.len() >= DIFFERENCES_MAX {
        return;
    }
    match (wanted, found) {
        (Value::Object(wanted), Some(Value::Object(found))) => {
            for (key, member) in wanted {
                value(member_of(&place, key), member, found.get(key), differences);
            }
        }
        (Value::Array(wanted), Some(Value::Array(found))) if wanted.len() == found.len() => {
            for (at, (wanted, found)) in wanted.iter().zip(found).enumerate() {
                value(format!("{place}[{at}]"), wanted, Some(found), differences);
            }
        }
        (Value::Array(wanted), Some(Value::Array(found))) => {
            let count = |list: &[Value]| format!("a list of {}", list.len());
            differences.push(of_event(place, &count(wanted), count(found)));
        }
        (Value::Number(wanted), Some(Value::Number(found)))
            if Number::from(wanted) == Number::from(found) => {}
        (wanted, Some(found)) if !wanted.is_number() && wanted == found => {}
        (wanted, found) => {
            let found = found.map_or_else(|| "missing".to_owned(), shown);
            differences.push(of_event(place, &shown(wanted), found));
        }
    }
}

/// The place of a member, as a path.
pub(super) fn member_of(place: &str, key: &str) -> String {
    let plain = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if plain { format!("{place}.{key}") } else { format!("{place}[{key:?}]") }
}

fn of_event(place: String, expected: &str, found: String) -> Difference {
    Difference { place, expected: expected.to_owned(), found, of_event: true }
}

fn shown(value: &Value) -> String {
    shortened(&value.to_string())
}

fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(SHOWN_MAX).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
