//! What a template sees.
//!
//! The document is not converted: a template walks through it in place, and only the texts and containers that it touches
//! become values, once per context. Numbers that minijinja cannot hold (over 128 bits, or beyond a double) print as they
//! were written; the others compute.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use minijinja::value::{Enumerator, Object, ObjectRepr, Value};
use serde_json::{Map, Number, Value as Json};

use crate::event::{Document, Envelope};
use crate::name::RuleName;

/// The names that a template sees.
pub(super) const NAMES: [&str; 8] =
    ["event", "agent_id", "call", "chat", "metadata", "rules", "received_at", "payload"];

/// The members of a document that tell whose event it is, in the order of looking.
const SUBJECTS: [&str; 4] = ["call", "chat", "call_inbound", "chat_inbound"];

/// The values of one event for templates: `event`, `agent_id`, `call`, `chat`, `metadata`, `rules`, `received_at`,
/// `payload`. Cheap to make anew for each target, and to clone.
#[derive(Clone)]
pub struct Context(Arc<Root>);

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Context")
    }
}

/// One step of a path that an expression is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// `.name` or `["name"]`.
    Key(Box<str>),
    /// `[n]`.
    Index(usize),
}

impl Context {
    /// The context of an event.
    pub fn new(envelope: &Envelope, document: &Document, rules: &[RuleName]) -> Self {
        Self::of(envelope, document.shared(), rules)
    }

    /// The context of an envelope and any tree.
    pub(super) fn of(envelope: &Envelope, document: Arc<Json>, rules: &[RuleName]) -> Self {
        Self(Arc::new(Root {
            event: envelope.name.clone(),
            agent_id: envelope.agent_id.clone(),
            rules: rules.to_vec(),
            received_at: envelope.received_at.rfc3339(),
            document,
            seen: <[OnceLock<_>; NAMES.len()]>::default(),
        }))
    }

    /// The root for minijinja.
    pub(super) fn value(&self) -> Value {
        Value::from_dyn_object(Arc::clone(&self.0))
    }

    /// What a path names, as it stands in the document; nothing if it names nothing, or something only minijinja knows.
    pub(super) fn exact(&self, path: &[Step]) -> Option<Cow<'_, Json>> {
        let (first, rest) = path.split_first()?;
        let Step::Key(name) = first else { return None };
        let mut at = self.0.member(name)?;
        for step in rest {
            at = match (at, step) {
                (Cow::Borrowed(value), Step::Key(key)) => Cow::Borrowed(value.get(&**key)?),
                (Cow::Borrowed(value), Step::Index(index)) => Cow::Borrowed(value.get(*index)?),
                (Cow::Owned(value), Step::Index(index)) => Cow::Owned(value.get(*index)?.clone()),
                (Cow::Owned(_), Step::Key(_)) => return None,
            };
        }
        Some(at)
    }
}

/// The root of a context.
struct Root {
    event: Option<String>,
    agent_id: Option<String>,
    rules: Vec<RuleName>,
    received_at: String,
    document: Arc<Json>,
    seen: [OnceLock<Option<Value>>; NAMES.len()],
}

impl Root {
    /// One of [`NAMES`] as JSON.
    fn member(&self, name: &str) -> Option<Cow<'_, Json>> {
        let text = |text: &str| Cow::Owned(Json::String(text.to_owned()));
        match name {
            "event" => self.event.as_deref().map(text),
            "agent_id" => self.agent_id.as_deref().map(text),
            "received_at" => Some(text(&self.received_at)),
            "rules" => {
                Some(Cow::Owned(self.rules.iter().map(|rule| Json::from(rule.as_str())).collect()))
            }
            "payload" => Some(Cow::Borrowed(&self.document)),
            "call" | "chat" | "metadata" => {
                let way = self.way(name)?;
                let place = way.iter().try_fold(&*self.document, |at, key| at.get(key));
                Some(match place.filter(|place| place.is_object()) {
                    Some(place) => Cow::Borrowed(place),
                    None => Cow::Owned(Json::Object(Map::new())),
                })
            }
            _ => None,
        }
    }

    /// The keys that lead to `payload`, `call`, `chat` or `metadata`.
    fn way(&self, name: &str) -> Option<Vec<&'static str>> {
        match name {
            "payload" => Some(vec![]),
            "call" => Some(vec!["call"]),
            "chat" => Some(vec!["chat"]),
            "metadata" => {
                let is_object = |key: &&str| self.document.get(key).is_some_and(Json::is_object);
                let subject = SUBJECTS.into_iter().find(is_object).unwrap_or("call");
                Some(vec![subject, "metadata"])
            }
            _ => None,
        }
    }

    fn make(&self, name: &str) -> Option<Value> {
        match name {
            "event" => self.event.as_deref().map(Value::from),
            "agent_id" => self.agent_id.as_deref().map(Value::from),
            "received_at" => Some(Value::from(self.received_at.as_str())),
            "rules" => Some(self.rules.iter().map(RuleName::as_str).collect()),
            _ => {
                let payload = Node::root(Arc::clone(&self.document));
                let below = |at: Node, key: &&str| at.below(Step::Key((*key).into()));
                let node = self.way(name)?.iter().fold(payload, below);
                let is_object = name == "payload" || node.json().is_some_and(Json::is_object);
                let none = || Node::root(Arc::new(Json::Object(Map::new())));
                Some(Value::from_object(if is_object { node } else { none() }))
            }
        }
    }
}

impl fmt::Debug for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("context")
    }
}

impl Object for Root {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        let place = NAMES.iter().position(|name| *name == key)?;
        self.seen.get(place)?.get_or_init(|| self.make(key)).clone()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Str(&NAMES)
    }
}

/// A value inside a document, looked at in place. Its children are made once: a template that asks for the same long text
/// a thousand times copies it once. It knows its way from the root and not its parent: a parent that keeps its children and
/// is kept by them would never be let go of, nor would the document.
pub(super) struct Node {
    document: Arc<Json>,
    way: Box<[Step]>,
    keys: Mutex<HashMap<Box<str>, Value>>,
    items: Mutex<HashMap<usize, Value>>,
}

impl Node {
    fn root(document: Arc<Json>) -> Self {
        Self { document, way: Box::default(), keys: Mutex::default(), items: Mutex::default() }
    }

    fn below(&self, step: Step) -> Self {
        let way = self.way.iter().cloned().chain([step]).collect();
        Self { way, ..Self::root(Arc::clone(&self.document)) }
    }

    /// What stands there.
    pub(super) fn json(&self) -> Option<&Json> {
        self.way.iter().try_fold(&*self.document, |at, step| match step {
            Step::Key(key) => at.get(&**key),
            Step::Index(index) => at.get(*index),
        })
    }

    fn child(&self, step: Step, json: &Json) -> Value {
        match json {
            Json::Null => Value::from(()),
            Json::Bool(flag) => Value::from(*flag),
            Json::Number(number) => from_number(number),
            Json::String(text) => Value::from(text.as_str()),
            Json::Array(_) | Json::Object(_) => Value::from_object(self.below(step)),
        }
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl Object for Node {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        if matches!(self.json(), Some(Json::Array(_))) { ObjectRepr::Seq } else { ObjectRepr::Map }
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        if let Some(key) = key.as_str() {
            return self.get_value_by_str(key);
        }
        let index = key.as_usize()?;
        let json = self.json()?.as_array()?.get(index)?;
        let mut items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
        let made = items.entry(index).or_insert_with(|| self.child(Step::Index(index), json));
        Some(made.clone())
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        let json = self.json()?.as_object()?.get(key)?;
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(made) = keys.get(key) {
            return Some(made.clone());
        }
        let made = self.child(Step::Key(key.into()), json);
        keys.insert(key.into(), made.clone());
        Some(made)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        match self.json() {
            Some(Json::Array(items)) => Enumerator::Seq(items.len()),
            Some(Json::Object(members)) => {
                Enumerator::Values(members.keys().map(|key| Value::from(key.as_str())).collect())
            }
            _ => Enumerator::Empty,
        }
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        match self.json() {
            Some(Json::Array(items)) => Some(items.len()),
            Some(Json::Object(members)) => Some(members.len()),
            _ => Some(0),
        }
    }
}

/// A number that minijinja cannot hold; it prints as it was written.
#[derive(Debug)]
pub(super) struct BigNumber(pub(super) Number);

impl Object for BigNumber {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

fn from_number(number: &Number) -> Value {
    if let Some(whole) = number.as_i64() {
        return Value::from(whole);
    }
    if let Some(whole) = number.as_i128() {
        return Value::from(whole);
    }
    if let Some(whole) = number.as_u128() {
        return Value::from(whole);
    }
    let is_whole = !number.as_str().contains(['.', 'e', 'E']);
    match number.as_f64().filter(|float| float.is_finite() && !is_whole) {
        Some(float) => Value::from(float),
        None => Value::from_object(BigNumber(number.clone())),
    }
}
