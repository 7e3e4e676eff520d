//! What may be seen of an event without seeing whose it is: `masked=true`, and `ui: { show_payloads: masked }`.
//!
//! It promises that no phone number, no name of a person and nothing that was said comes through, also in members that Retell
//! adds tomorrow: so it does not look for what is to be hidden, but lets through what is known not to be. Members keep their
//! names and their places, so one still sees what an event is made of.
//!
//! - A text comes through if its member is one of [`KEPT`]: ids, states, kinds, and names of agents and products. Every other
//!   text becomes `***`: transcripts, summaries, numbers, variables, addresses of recordings, and what nobody knows.
//! - Nothing comes through below one of [`OPEN`], whose members are named by callers and customers, whatever they are called.
//! - A number comes through unless it has seven digits before its point and could be one to dial; times may have as many.
//! - `true`, `false` and `null` come through.
//! - A member's name that has seven digits or an `@` becomes `***`, too.
//!
//! It is for eyes and not a permission: whoever may ask may ask without it. It says nothing about the rules' own words, which
//! may name somebody, and it is no way to make a body that can be given away.

use std::sync::Arc;

use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Number, Value};

use crate::explain::Explanation;
use crate::rule::PredicateTrace;

use super::wire;

/// What stands for what is not shown.
const MASK: &str = "***";
/// As many digits may be a number to dial.
const DIALLED: usize = 7;
/// Longest text that comes through, in bytes: ids and names are shorter.
const KEPT_MAX: usize = 128;

/// Members whose texts come through.
const KEPT: [&str; 27] = [
    "event",
    "call_id",
    "chat_id",
    "agent_id",
    "override_agent_id",
    "agent_name",
    "agent_tag",
    "agent_version",
    "version",
    "call_type",
    "chat_type",
    "call_status",
    "chat_status",
    "direction",
    "disconnection_reason",
    "data_storage_setting",
    "user_sentiment",
    "product",
    "role",
    "type",
    "transition_type",
    "tool_call_id",
    "message_id",
    "former_node_id",
    "new_node_id",
    "twilio_call_sid",
    "webhook_id",
];

/// Members below which nothing is known.
const OPEN: [&str; 9] = [
    "metadata",
    "retell_llm_dynamic_variables",
    "collected_dynamic_variables",
    "dynamic_variables",
    "custom_analysis_data",
    "custom_attributes",
    "custom_sip_headers",
    "args",
    "arguments",
];

/// What a member's place says about what is in it.
#[derive(Debug, Clone, Copy)]
enum Place<'n> {
    /// The member has this name, which is one of the payload's own; elements of a list have the list's.
    Named(&'n str),
    /// Below one of [`OPEN`].
    Open,
}

impl<'n> Place<'n> {
    /// Of a member of that name, in this place.
    fn member(self, name: &'n str) -> Self {
        match self {
            Self::Open => Self::Open,
            Self::Named(_) if OPEN.contains(&name) => Self::Open,
            Self::Named(_) => Self::Named(name),
        }
    }

    fn keeps(self, text: &str) -> bool {
        let Self::Named(name) = self else { return false };
        KEPT.contains(&name) && text.len() <= KEPT_MAX && !can_be_dialled(text)
    }

    /// Whether a number of many digits is a time or a span here.
    fn is_time(self) -> bool {
        matches!(self, Self::Named(name) if name.ends_with("timestamp") || name.ends_with("_ms"))
    }
}

/// A body, masked, as JSON. One that is none is hidden as a whole.
pub(super) fn body(bytes: &[u8]) -> Vec<u8> {
    let masked = match serde_json::from_slice(bytes) {
        Ok(value) => value_in(Place::Named(""), value),
        Err(_) => MASK.into(),
    };
    // A value can be written whatever it is.
    let mut text = masked.to_string().into_bytes();
    text.push(b'\n');
    text
}

fn value_in(place: Place<'_>, value: Value) -> Value {
    match value {
        Value::Null | Value::Bool(_) => value,
        Value::Number(number) => number_in(place, number),
        Value::String(text) if text.is_empty() || place.keeps(&text) => Value::String(text),
        Value::String(_) => MASK.into(),
        Value::Array(elements) => {
            elements.into_iter().map(|element| value_in(place, element)).collect()
        }
        Value::Object(members) => {
            let (mut masked, mut hidden) = (Map::new(), 0);
            for (name, value) in members {
                let value = value_in(place.member(&name), value);
                let name = name_in(name, &masked, &mut hidden);
                masked.insert(name, value);
            }
            Value::Object(masked)
        }
    }
}

fn number_in(place: Place<'_>, number: Number) -> Value {
    let text = number.to_string();
    if place.is_time() || is_small(&text) { Value::Number(number) } else { MASK.into() }
}

/// Whether a number, as it is written, has too few digits before its point to be dialled. With an exponent nobody can tell.
fn is_small(number: &str) -> bool {
    let whole = number.split('.').next().unwrap_or(number);
    digits(whole) < DIALLED && !number.contains(['e', 'E'])
}

/// A member's own name, or one that tells nothing and is not taken yet. `hidden` counts those, so that an object with very many
/// is not searched from its beginning for each.
fn name_in(name: String, taken: &Map<String, Value>, hidden: &mut u64) -> String {
    if digits(&name) < DIALLED && !name.contains('@') {
        return name;
    }
    loop {
        *hidden = hidden.saturating_add(1);
        let free = if *hidden == 1 { MASK.to_owned() } else { format!("{MASK} {hidden}") };
        if !taken.contains_key(&free) {
            return free;
        }
    }
}

/// Whether it is a telephone number and nothing else.
fn can_be_dialled(text: &str) -> bool {
    let written = |c: char| c.is_ascii_digit() || " +-().,/#*x;:".contains(c);
    let address = text.strip_prefix("tel:").or_else(|| text.strip_prefix("sip:"));
    digits(text) >= DIALLED && (address.is_some() || text.chars().all(written))
}

fn digits(text: &str) -> usize {
    text.bytes().filter(u8::is_ascii_digit).count()
}

/// An event, masked: what targets answered may repeat what they were sent, and places in an order and queries are made of what
/// the event says.
pub(super) fn event(event: &mut wire::Event) {
    let query = event.request.as_mut().and_then(|request| request.query.as_mut());
    let keys = event.deliveries.iter_mut().flat_map(|delivery| {
        let answers = delivery.history.iter_mut().filter_map(|attempt| attempt.answer.as_mut());
        answers.chain(delivery.order_key.as_mut())
    });
    keys.chain(query).for_each(|text| MASK.clone_into(text));
}

/// An explanation, masked: what was found in the event, and what would be made of it.
pub(super) fn explanation(explanation: &mut Explanation) {
    for rule in &mut explanation.rules {
        rule.predicates.iter_mut().for_each(predicate);
    }
    for request in explanation.requests.iter_mut().chain(&mut explanation.shadow_requests) {
        if let Some(key) = &mut request.order_key {
            MASK.clone_into(key);
        }
        if let Some(body) = &mut request.body {
            *body = raw(body);
        }
    }
}

fn raw(body: &RawValue) -> Arc<RawValue> {
    // It is JSON, and what nests too deeply to be read is hidden.
    let value = serde_json::from_str(body.get()).unwrap_or_else(|_| MASK.into());
    let masked = to_raw_value(&value_in(Place::Named(""), value));
    masked.map_or_else(|_| Arc::from(RawValue::NULL.to_owned()), Arc::from)
}

fn predicate(told: &mut PredicateTrace) {
    if !is_plain(&told.field, &told.found) {
        MASK.clone_into(&mut told.found);
    }
    told.parts.iter_mut().for_each(predicate);
}

/// Whether what was found comes through, as it is written in words. A place is looked at by its names, so one whose names are
/// not all there hides what it finds.
fn is_plain(field: &str, found: &str) -> bool {
    const WORDS: [&str; 7] = ["", "missing", "null", "true", "false", "an array", "an object"];
    if WORDS.contains(&found) {
        return true;
    }
    let place = place(field);
    if found.parse::<f64>().is_ok() {
        return place.is_time() || is_small(found);
    }
    let text = found.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    // With a backslash or a second quote it is more than one text, or not what it looks like.
    text.is_some_and(|text| !text.contains(['"', '\\']) && place.keeps(text))
}

fn place(field: &str) -> Place<'_> {
    if field == "source" {
        // A name of the file.
        return Place::Named("event");
    }
    if matches!(field, "event" | "agent_id") {
        return Place::Named(field);
    }
    let Some(path) = field.strip_prefix("$.") else { return Place::Open };
    let plain = |name: &str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    if path.split('.').all(plain) {
        path.split('.').fold(Place::Named(""), Place::member)
    } else {
        Place::Open
    }
}

#[cfg(test)]
mod tests;
