//! From minijinja's values back to JSON and to text, within a budget.
//!
//! Inserted values print as JSON does (`true`, `null`, `10.5`, `{"a":1}`) and texts as they are: what goes out is read by
//! programs that know JSON, not Python.

use std::borrow::Cow;

use minijinja::value::{Value, ValueKind};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Number, Value as Json};

use crate::fault::{self, Plant};

use super::Autoescape;
use super::context::{BigNumber, Node};
use super::error::Blame;

/// Longest text that one template renders, in bytes.
pub(super) const TEXT_MAX: usize = 4 << 20;
/// Largest JSON value that one body template renders, in bytes as [`Budget`] counts.
pub(super) const JSON_MAX: usize = 128 << 20;
/// Deepest JSON value; as deep as a document may be, and some for the template around it.
const DEPTH_MAX: usize = 256;
/// What a JSON value costs beside its text, about its size in memory.
const NODE_COST: usize = 64;

/// Everything but the unreserved characters of RFC 3986: a value can never end its segment or query value.
const URL_VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What means something to Slack: <https://docs.slack.dev/messaging/formatting-message-text/#escaping>.
const SLACK_SIGNS: [char; 3] = ['&', '<', '>'];

/// How much may still be made.
#[derive(Debug)]
pub(super) struct Budget(usize);

impl Budget {
    pub(super) fn new(bytes: usize) -> Self {
        Self(bytes)
    }

    fn take(&mut self, bytes: usize) -> Result<(), Blame> {
        self.0 = self.0.checked_sub(bytes).ok_or(Blame("the result is too large"))?;
        Ok(())
    }

    /// Takes what a copy of `json` costs.
    pub(super) fn take_copy(&mut self, json: &Json) -> Result<(), Blame> {
        self.take(NODE_COST)?;
        match json {
            Json::String(text) => self.take(text.len()),
            Json::Number(number) => self.take(number.as_str().len()),
            Json::Array(items) => items.iter().try_for_each(|item| self.take_copy(item)),
            Json::Object(members) => members.iter().try_for_each(|(key, value)| {
                self.take(key.len())?;
                self.take_copy(value)
            }),
            Json::Null | Json::Bool(_) => Ok(()),
        }
    }
}

/// A value as JSON. Undefined values are refused before this is asked.
pub(super) fn to_json(value: &Value, budget: &mut Budget) -> Result<Json, Blame> {
    below(value, budget, 0)
}

fn below(value: &Value, budget: &mut Budget, depth: usize) -> Result<Json, Blame> {
    if depth > DEPTH_MAX {
        return Err(Blame("the result nests too deeply"));
    }
    budget.take(NODE_COST)?;
    if let Some(node) = value.downcast_object_ref::<Node>() {
        let json = node.json().ok_or(Blame("the value is gone"))?;
        budget.take_copy(json)?;
        return Ok(json.clone());
    }
    if let Some(number) = value.downcast_object_ref::<BigNumber>() {
        return Ok(Json::Number(number.0.clone()));
    }
    match value.kind() {
        ValueKind::Undefined => Err(Blame("a value inside is undefined")),
        ValueKind::None => Ok(Json::Null),
        ValueKind::Bool => Ok(Json::Bool(value.is_true())),
        ValueKind::Number => to_number(value).map(Json::Number),
        ValueKind::String => {
            let text = value.as_str().unwrap_or_default();
            budget.take(text.len())?;
            Ok(Json::String(text.to_owned()))
        }
        ValueKind::Seq | ValueKind::Iterable => {
            let items = listed(value.try_iter())?.checked();
            let item = |item: Result<Value, _>| below(&listed(item)?, budget, depth + 1);
            items.map(item).collect::<Result<Vec<_>, _>>().map(Json::Array)
        }
        ValueKind::Map => to_object(value, budget, depth),
        _ => Err(Blame("a function, or bytes, cannot be inserted")),
    }
}

fn listed<T>(result: Result<T, minijinja::Error>) -> Result<T, Blame> {
    result.ok().ok_or(Blame("this cannot be listed"))
}

fn to_object(value: &Value, budget: &mut Budget, depth: usize) -> Result<Json, Blame> {
    let mut members = Map::new();
    for key in listed(value.try_iter())?.checked() {
        let key = listed(key)?;
        let member = listed(value.get_item(&key))?;
        let name = match key.as_str() {
            Some(text) => text.to_owned(),
            None => to_text(&key, Autoescape::None)?.into_owned(),
        };
        budget.take(name.len())?;
        members.insert(name, below(&member, budget, depth + 1)?);
    }
    Ok(Json::Object(members))
}

fn to_number(value: &Value) -> Result<Number, Blame> {
    let whole = value.is_integer();
    if let Some(number) = i128::try_from(value.clone()).ok().filter(|_| whole) {
        return Number::from_i128(number).ok_or(Blame("the number is too large"));
    }
    if let Some(number) = u128::try_from(value.clone()).ok().filter(|_| whole) {
        return Number::from_u128(number).ok_or(Blame("the number is too large"));
    }
    let float = f64::try_from(value.clone()).ok().ok_or(Blame("the number is too large"))?;
    Number::from_f64(float).ok_or(Blame("the number is not finite"))
}

/// A value as text, escaped.
pub(super) fn to_text(value: &Value, autoescape: Autoescape) -> Result<Cow<'_, str>, Blame> {
    if value.is_undefined() {
        return Err(Blame("undefined"));
    }
    if let Some(text) = value.as_str() {
        return escape(Cow::Borrowed(text), autoescape);
    }
    let json = to_json(value, &mut Budget::new(JSON_MAX))?;
    Ok(Cow::Owned(json_text(&json, autoescape)?.into_owned()))
}

/// A JSON value as text, escaped: texts as they are, all else as JSON.
pub(super) fn json_text(json: &Json, autoescape: Autoescape) -> Result<Cow<'_, str>, Blame> {
    match (json, autoescape) {
        (Json::String(text), _) => escape(Cow::Borrowed(text), autoescape),
        // Only what has one obvious text may stand in an address.
        (Json::Null, Autoescape::Url) => Err(Blame("null cannot stand in an address")),
        (Json::Array(_) | Json::Object(_), Autoescape::Url) => {
            Err(Blame("a list or object cannot stand in an address"))
        }
        _ => escape(Cow::Owned(json.to_string()), autoescape),
    }
}

fn escape(text: Cow<'_, str>, autoescape: Autoescape) -> Result<Cow<'_, str>, Blame> {
    match autoescape {
        Autoescape::None => Ok(text),
        Autoescape::Slack if !text.contains(SLACK_SIGNS) => Ok(text),
        Autoescape::Slack if fault::planted(Plant::NoEscape) => Ok(text),
        Autoescape::Slack => Ok(Cow::Owned(slack_escape(&text).into_owned())),
        Autoescape::Url if text.contains(char::is_control) => {
            Err(Blame("a control character cannot stand in an address"))
        }
        Autoescape::Url => Ok(Cow::Owned(percent_encode(&text))),
    }
}

/// A text as a path segment or query value.
pub(super) fn percent_encode(text: &str) -> String {
    utf8_percent_encode(text, URL_VALUE).to_string()
}

/// `&`, `<` and `>` as Slack asks, and nothing else.
pub(crate) fn slack_escape(text: &str) -> Cow<'_, str> {
    if !text.contains(SLACK_SIGNS) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"))
}

/// Escapes every text inside, keys included.
pub(super) fn slack_escape_json(json: Json) -> Json {
    match json {
        Json::String(text) => Json::String(match slack_escape(&text) {
            Cow::Owned(escaped) => escaped,
            Cow::Borrowed(_) => text,
        }),
        Json::Array(items) => Json::Array(items.into_iter().map(slack_escape_json).collect()),
        Json::Object(members) => Json::Object(
            members
                .into_iter()
                .map(|(key, value)| (slack_escape(&key).into_owned(), slack_escape_json(value)))
                .collect(),
        ),
        other => other,
    }
}
