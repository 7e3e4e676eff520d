//! Whether one body can yield what is demanded of several places in it.
//!
//! Places hang together: where there is a value at `$.call.duration_ms` there is an object at `$.call`, and a text there
//! excludes it. So the places form a tree, and each node of it is missing, a plain value, an object or an array. The agent
//! and the metadata are places, too, once it is said which of `call`, `chat`, `call_inbound` and `chat_inbound` is the
//! first that is an object; each possibility is looked at.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::field::{Demand, One};
use super::value::{self, Domain, Formula};
use super::work::{Gap, Verdict, Ways, Work};
use crate::event::{KNOWN, Value};
use crate::path::{Path, Segment};
use crate::rule::Field;

/// The objects that can hold the agent and the metadata; the first that is there counts.
const BASES: [&str; 4] = ["call", "chat", "call_inbound", "chat_inbound"];
/// Longest array of an example.
const ELEMENTS_MAX: usize = 32;

/// Which of those objects is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Base {
    /// Nothing is said about them.
    Open,
    /// None of the four is an object.
    Missing,
    /// This one, and none before it is an object.
    Is(usize),
}

/// One place and what is demanded there.
#[derive(Debug)]
struct Node<'t> {
    /// Whether there may be no value.
    none: bool,
    /// What the value must be.
    value: Vec<Formula<'t>>,
    /// Whether it must be an object, or must not be one.
    object: Option<bool>,
    /// Whether it is the name of the event.
    event: bool,
    keys: BTreeMap<Arc<str>, Node<'t>>,
    elements: BTreeMap<usize, Node<'t>>,
}

impl Default for Node<'_> {
    fn default() -> Self {
        Self {
            none: true,
            value: Vec::new(),
            object: None,
            event: false,
            keys: BTreeMap::new(),
            elements: BTreeMap::new(),
        }
    }
}

/// The segments of a field that is one place in every body.
fn place(field: &Field) -> Option<Vec<Segment>> {
    match field {
        Field::Event => Some(vec![key("event")]),
        Field::Path(path) => path.singular().map(<[_]>::to_vec),
        _ => None,
    }
}

/// Whether two fields are the same place.
pub(super) fn is_same(left: &Field, right: &Field) -> bool {
    let is_event = |path: &Path| match path.singular() {
        Some([Segment::Key(key)]) => **key == *"event",
        _ => false,
    };
    match (left, right) {
        (Field::Event, Field::Path(path)) | (Field::Path(path), Field::Event) => is_event(path),
        (Field::Path(one), Field::Path(two)) => {
            one == two || one.singular().is_some_and(|one| two.singular() == Some(one))
        }
        (left, right) => left == right,
    }
}

fn key(name: &str) -> Segment {
    Segment::Key(name.into())
}

/// A body in which every field yields what is demanded; those that are no part of a body are left aside.
pub(super) fn solve(fields: &[(&Field, Vec<Demand<'_>>)], work: &Work) -> Verdict<Json> {
    let based = |field: &Field| matches!(field, Field::AgentId | Field::Metadata(_));
    let touches = |field: &Field| {
        place(field).is_some_and(|segments| match segments.first() {
            Some(Segment::Key(first)) => BASES.contains(&&**first),
            first => first.is_none(),
        })
    };
    let any_based = fields.iter().any(|(field, _)| based(field));
    let any_touches = fields.iter().any(|(field, _)| touches(field));
    // Where no other place lies in them the four are alike, and it does not matter which it is.
    let bases: &[Base] = match (any_based, any_touches) {
        (false, _) => &[Base::Open],
        (true, false) => &[Base::Is(0), Base::Missing],
        (true, true) => &[Base::Is(0), Base::Is(1), Base::Is(2), Base::Is(3), Base::Missing],
    };
    let mut ways = Ways::default();
    for base in bases {
        if let Err(gap) = work.spend(1 + fields.len()) {
            return Verdict::Unknown(gap);
        }
        if let Some(root) = tree(fields, *base)
            && let Some(body) = ways.took(root.present(work))
        {
            return Verdict::Yes(body);
        }
    }
    ways.end()
}

/// All places as a tree, if `base` is the object that holds agent and metadata; nothing if that cannot be.
fn tree<'t>(fields: &[(&Field, Vec<Demand<'t>>)], base: Base) -> Option<Node<'t>> {
    let mut root = Node { none: false, object: Some(true), ..Node::default() };
    let said_of = match base {
        Base::Open => 0,
        Base::Is(number) => number + 1,
        Base::Missing => BASES.len(),
    };
    for (number, name) in BASES.into_iter().enumerate().take(said_of) {
        let is_base = base == Base::Is(number);
        let node = root.reach(&[key(name)]);
        node.object = Some(is_base);
        node.none = !is_base;
    }
    let base = match base {
        Base::Is(number) => BASES.get(number).copied(),
        Base::Open | Base::Missing => None,
    };
    for (field, demands) in fields {
        let segments = match field {
            Field::AgentId => base.map(|base| vec![key(base), key("agent_id")]),
            Field::Metadata(name) => base.map(|base| vec![key(base), key("metadata"), key(name)]),
            _ => match place(field) {
                Some(segments) => Some(segments),
                None => continue,
            },
        };
        let one = One::new(demands);
        match segments {
            Some(segments) => {
                let node = root.reach(&segments);
                node.none &= one.none;
                node.value.push(one.value);
                node.event |= segments == [key("event")];
            }
            None if one.none => {}
            None => return None,
        }
    }
    Some(root)
}

impl<'t> Node<'t> {
    fn reach(&mut self, segments: &[Segment]) -> &mut Self {
        let mut node = self;
        for segment in segments {
            node = match segment {
                Segment::Key(key) => node.keys.entry(Arc::clone(key)).or_default(),
                Segment::Index(index) => node.elements.entry(*index).or_default(),
            };
        }
        node
    }

    /// Whether there may be no value here, and so none below.
    fn can_miss(&self) -> bool {
        self.none && self.keys_can_miss() && self.elements_can_miss()
    }

    fn keys_can_miss(&self) -> bool {
        self.keys.values().all(Self::can_miss)
    }

    fn elements_can_miss(&self) -> bool {
        self.elements.values().all(Self::can_miss)
    }

    /// A value that may be here, with everything below. It nests as deep as the longest path.
    fn present(&self, work: &Work) -> Verdict<Json> {
        let mut ways = Ways::default();
        let formula = Formula::All(self.value.clone());
        if self.object != Some(true) && self.keys_can_miss() && self.elements_can_miss() {
            let domain = if self.object.is_none() { Domain::Json } else { Domain::NoObject };
            let likely: &[&str] = if self.event { &KNOWN } else { &[] };
            if let Some(found) = ways.took(value::solve(&formula, domain, likely, work)) {
                return Verdict::Yes(found);
            }
        }
        if self.object != Some(false)
            && self.elements_can_miss()
            && formula.holds(Value::Object)
            && let Some(members) = ways.took(self.members(work))
        {
            return Verdict::Yes(Json::Object(members));
        }
        if self.object != Some(true)
            && self.keys_can_miss()
            && !self.elements_can_miss()
            && let Some(elements) = ways.took(self.array(&formula, work))
        {
            return Verdict::Yes(Json::Array(elements));
        }
        ways.end()
    }

    fn members(&self, work: &Work) -> Verdict<Map<String, Json>> {
        let mut members = Map::new();
        for (key, node) in &self.keys {
            if node.can_miss() {
                continue;
            }
            match node.present(work) {
                Verdict::Yes(value) => members.insert(key.to_string(), value),
                Verdict::No => return Verdict::No,
                Verdict::Unknown(gap) => return Verdict::Unknown(gap),
            };
        }
        Verdict::Yes(members)
    }

    /// An array that is as long as its last element demands. What `contains` demands of it besides is added behind, and
    /// may not fit the rest; so that is a guess, while what cannot be an array at all, or lacks an element, is certain.
    fn array(&self, formula: &Formula<'t>, work: &Work) -> Verdict<Vec<Json>> {
        let contained = match value::array(formula, work) {
            Verdict::Yes(contained) => contained,
            other => return other,
        };
        let needed = self.elements.iter().filter(|(_, node)| !node.can_miss());
        let length = needed.map(|(index, _)| index.saturating_add(1)).max().unwrap_or(0);
        if length > ELEMENTS_MAX {
            return Verdict::Unknown(Gap::Size);
        }
        let mut elements = Vec::with_capacity(length);
        for index in 0..length {
            match self.elements.get(&index).map(|node| node.present(work)) {
                None => elements.push(Json::Null),
                Some(Verdict::Yes(value)) => elements.push(value),
                Some(Verdict::No) => return Verdict::No,
                Some(Verdict::Unknown(gap)) => return Verdict::Unknown(gap),
            }
        }
        elements.extend(contained);
        Verdict::Yes(elements)
    }
}
