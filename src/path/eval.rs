//! Evaluating a general path.
//!
//! The work is linear in the document, times the length of the path: siblings have disjoint subtrees, a path has one `..`
//! at most, a step's nodes are kept once each however many selectors name them (with their number, for `count`), and
//! queries from the root are answered once.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde_json::Value;

use super::Number;

/// A general path.
#[derive(Debug)]
pub(super) struct Program {
    /// Queries from the root that filters use, each before those that use it.
    pub(super) constants: Vec<Vec<Step>>,
    pub(super) steps: Vec<Step>,
}

#[derive(Debug)]
pub(super) enum Step {
    Child(Vec<Pick>),
    Descend(Vec<Pick>),
}

#[derive(Debug)]
pub(super) enum Pick {
    Name(Arc<str>),
    Index(i64),
    All,
    Slice { start: Option<i64>, end: Option<i64>, step: i64 },
    Filter(Condition),
}

#[derive(Debug)]
pub(super) enum Condition {
    Any(Vec<Condition>),
    All(Vec<Condition>),
    Not(Box<Condition>),
    Exists(Query),
    Compare(Operand, Operator, Operand),
}

#[derive(Debug)]
pub(super) enum Query {
    /// From the node that is filtered.
    Here(Vec<Step>),
    /// From the root: its place in [`Program::constants`].
    Constant(usize),
}

#[derive(Debug)]
pub(super) enum Operand {
    Literal(Value),
    /// The value of a query that yields exactly one.
    Value(Query),
    Count(Query),
    Length(Box<Operand>),
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
}

/// What a query yields: each node once, and how often the path names it.
type Nodes<'v> = Vec<(&'v Value, u64)>;

/// One value of a comparison: of the document or the path, or a number that a function made.
enum Seen<'v> {
    Value(&'v Value),
    Number(Number),
}

impl Program {
    pub(super) fn values<'v>(&self, document: &'v Value) -> Vec<&'v Value> {
        let mut evaluation = Evaluation { constants: Vec::with_capacity(self.constants.len()) };
        for steps in &self.constants {
            let nodes = evaluation.query(steps, document);
            evaluation.constants.push(Constant::new(&nodes));
        }
        evaluation.query(&self.steps, document).into_iter().map(|(value, _)| value).collect()
    }

    pub(super) fn remove(&self, document: &mut Value) -> usize {
        // A node is known by its address, which holds as long as nothing moves: `strip` empties from below.
        let places: HashSet<usize> = self.values(document).into_iter().map(address).collect();
        if places.is_empty() {
            return 0;
        }
        if places.contains(&address(document)) {
            *document = Value::Null;
            return 1;
        }
        strip(document, &places)
    }
}

fn address(value: &Value) -> usize {
    std::ptr::from_ref(value).addr()
}

/// Takes the values at `places` out from below `value`. The depth is that of the document, at most 128.
fn strip(value: &mut Value, places: &HashSet<usize>) -> usize {
    match value {
        Value::Array(elements) => elements
            .iter_mut()
            .map(|element| {
                if places.contains(&address(element)) {
                    *element = Value::Null;
                    1
                } else {
                    strip(element, places)
                }
            })
            .sum(),
        Value::Object(members) => {
            // Removing moves the others, so every address is asked before anything moves.
            let goes: Vec<bool> =
                members.values().map(|member| places.contains(&address(member))).collect();
            let mut gone = goes.iter().filter(|&&goes| goes).count();
            for (member, _) in members.values_mut().zip(&goes).filter(|(_, goes)| !**goes) {
                gone += strip(member, places);
            }
            let mut goes = goes.into_iter();
            members.retain(|_, _| !goes.next().unwrap_or(false));
            gone
        }
        _ => 0,
    }
}

struct Evaluation<'v> {
    constants: Vec<Constant<'v>>,
}

/// What a query from the root yields, and what `count` and `length` say of it: asked for each node that is filtered, so
/// worked out once.
struct Constant<'v> {
    value: Option<&'v Value>,
    count: u64,
    length: Option<usize>,
}

impl<'v> Constant<'v> {
    fn new(nodes: &Nodes<'v>) -> Self {
        let value = only(nodes);
        Self { value, count: count(nodes), length: value.and_then(length) }
    }
}

impl<'v> Evaluation<'v> {
    fn query(&self, steps: &[Step], start: &'v Value) -> Nodes<'v> {
        steps.iter().fold(vec![(start, 1)], |nodes, step| self.step(step, nodes))
    }

    fn step(&self, step: &Step, nodes: Nodes<'v>) -> Nodes<'v> {
        let mut found = Vec::new();
        let picks = match step {
            Step::Child(picks) => {
                for (node, times) in nodes {
                    self.pick_all(picks, node, times, &mut found);
                }
                picks
            }
            Step::Descend(picks) => {
                for (node, times) in nodes {
                    self.descend(picks, node, times, &mut found);
                }
                picks
            }
        };
        // One selector names no node twice; several may.
        if picks.len() > 1 { once_each(found) } else { found }
    }

    fn descend(&self, picks: &[Pick], node: &'v Value, times: u64, found: &mut Nodes<'v>) {
        self.pick_all(picks, node, times, found);
        match node {
            Value::Array(elements) => {
                for element in elements {
                    self.descend(picks, element, times, found);
                }
            }
            Value::Object(members) => {
                for member in members.values() {
                    self.descend(picks, member, times, found);
                }
            }
            _ => {}
        }
    }

    fn pick_all(&self, picks: &[Pick], node: &'v Value, times: u64, found: &mut Nodes<'v>) {
        for pick in picks {
            match (pick, node) {
                (Pick::Name(name), Value::Object(members)) => {
                    found.extend(members.get(&**name).map(|member| (member, times)));
                }
                (Pick::Index(index), Value::Array(elements)) => {
                    let element = from_either_end(*index, elements.len())
                        .and_then(|index| elements.get(index));
                    found.extend(element.map(|element| (element, times)));
                }
                (Pick::All, Value::Object(members)) => {
                    found.extend(members.values().map(|member| (member, times)));
                }
                (Pick::All, Value::Array(elements)) => {
                    found.extend(elements.iter().map(|element| (element, times)));
                }
                (Pick::Slice { start, end, step }, Value::Array(elements)) => {
                    let picked = slice(elements, *start, *end, *step);
                    found.extend(picked.into_iter().map(|element| (element, times)));
                }
                (Pick::Filter(condition), Value::Object(members)) => {
                    let holding = members.values().filter(|&member| self.holds(condition, member));
                    found.extend(holding.map(|member| (member, times)));
                }
                (Pick::Filter(condition), Value::Array(elements)) => {
                    let holding = elements.iter().filter(|&element| self.holds(condition, element));
                    found.extend(holding.map(|element| (element, times)));
                }
                _ => {}
            }
        }
    }

    fn holds(&self, condition: &Condition, here: &'v Value) -> bool {
        match condition {
            Condition::Any(parts) => parts.iter().any(|part| self.holds(part, here)),
            Condition::All(parts) => parts.iter().all(|part| self.holds(part, here)),
            Condition::Not(part) => !self.holds(part, here),
            Condition::Exists(query) => self.exists(query, here),
            Condition::Compare(left, operator, right) => {
                let (left, right) = (self.operand(left, here), self.operand(right, here));
                let equal = || match (&left, &right) {
                    (Some(left), Some(right)) => seen_equal(left, right),
                    (left, right) => left.is_none() && right.is_none(),
                };
                let less = || match (&left, &right) {
                    (Some(left), Some(right)) => seen_less(left, right),
                    _ => false,
                };
                match operator {
                    Operator::Equal => equal(),
                    Operator::NotEqual => !equal(),
                    Operator::Less => less(),
                    Operator::LessOrEqual => less() || equal(),
                }
            }
        }
    }

    fn constant(&self, index: usize) -> &Constant<'v> {
        self.constants.get(index).expect("a constant stands before what uses it")
    }

    fn exists(&self, query: &Query, here: &'v Value) -> bool {
        match query {
            Query::Here(steps) => !self.query(steps, here).is_empty(),
            Query::Constant(index) => self.constant(*index).count > 0,
        }
    }

    fn operand<'o>(&self, operand: &'o Operand, here: &'v Value) -> Option<Seen<'o>>
    where
        'v: 'o,
    {
        match operand {
            Operand::Literal(value) => Some(Seen::Value(value)),
            Operand::Value(Query::Here(steps)) => only(&self.query(steps, here)).map(Seen::Value),
            Operand::Value(Query::Constant(index)) => self.constant(*index).value.map(Seen::Value),
            Operand::Count(Query::Here(steps)) => Some(integer(count(&self.query(steps, here)))),
            Operand::Count(Query::Constant(index)) => Some(integer(self.constant(*index).count)),
            Operand::Length(operand) => match &**operand {
                Operand::Value(Query::Constant(index)) => self.constant(*index).length,
                operand => match self.operand(operand, here)? {
                    Seen::Value(value) => length(value),
                    Seen::Number(_) => None,
                },
            }
            .map(|length| integer(u64::try_from(length).unwrap_or(u64::MAX))),
        }
    }
}

fn integer<'o>(int: u64) -> Seen<'o> {
    Seen::Number(Number::Int(int.into()))
}

/// The value of exactly one node.
fn only<'v>(nodes: &Nodes<'v>) -> Option<&'v Value> {
    match nodes.as_slice() {
        [(value, 1)] => Some(value),
        _ => None,
    }
}

fn count(nodes: &Nodes<'_>) -> u64 {
    nodes.iter().fold(0, |sum, (_, times)| sum.saturating_add(*times))
}

fn length(value: &Value) -> Option<usize> {
    match value {
        Value::String(text) => Some(text.chars().count()),
        Value::Array(elements) => Some(elements.len()),
        Value::Object(members) => Some(members.len()),
        _ => None,
    }
}

/// Keeps the first mention of each node and adds up how often it was named.
fn once_each(found: Nodes<'_>) -> Nodes<'_> {
    let mut places: HashMap<usize, usize> = HashMap::with_capacity(found.len());
    let mut once: Nodes<'_> = Vec::with_capacity(found.len());
    for (value, times) in found {
        let place = *places.entry(address(value)).or_insert(once.len());
        match once.get_mut(place) {
            Some((_, sum)) => *sum = sum.saturating_add(times),
            None => once.push((value, times)),
        }
    }
    once
}

fn from_either_end(index: i64, len: usize) -> Option<usize> {
    let distance = usize::try_from(index.unsigned_abs()).ok()?;
    if index < 0 { len.checked_sub(distance) } else { Some(distance) }
}

/// RFC 9535, section 2.3.4.2.
fn slice(elements: &[Value], start: Option<i64>, end: Option<i64>, step: i64) -> Vec<&Value> {
    let len = i64::try_from(elements.len()).unwrap_or(i64::MAX);
    let from_begin = |index: i64| if index >= 0 { index } else { len.saturating_add(index) };
    let width = usize::try_from(step.unsigned_abs()).unwrap_or(usize::MAX);
    let between = |low: i64, high: i64| {
        let low = usize::try_from(low).unwrap_or(0);
        let high = usize::try_from(high).unwrap_or(0);
        elements.get(low..high).unwrap_or_default()
    };
    match step {
        0 => Vec::new(),
        1.. => {
            let low = from_begin(start.unwrap_or(0)).clamp(0, len);
            let high = from_begin(end.unwrap_or(len)).clamp(0, len);
            between(low, high).iter().step_by(width).collect()
        }
        _ => {
            let high = from_begin(start.unwrap_or(len - 1)).clamp(-1, len - 1);
            let low = end.map_or(-1, from_begin).clamp(-1, len - 1);
            between(low + 1, high + 1).iter().rev().step_by(width).collect()
        }
    }
}

fn seen_equal(left: &Seen<'_>, right: &Seen<'_>) -> bool {
    match (left, right) {
        (Seen::Value(left), Seen::Value(right)) => equal(left, right),
        (Seen::Number(left), Seen::Number(right)) => left == right,
        (Seen::Value(Value::Number(number)), Seen::Number(other))
        | (Seen::Number(other), Seen::Value(Value::Number(number))) => {
            Number::from(number) == *other
        }
        _ => false,
    }
}

fn seen_less(left: &Seen<'_>, right: &Seen<'_>) -> bool {
    if let (Seen::Value(Value::String(left)), Seen::Value(Value::String(right))) = (left, right) {
        return left < right;
    }
    let number = |seen: &Seen<'_>| match seen {
        Seen::Value(Value::Number(number)) => Some(Number::from(number)),
        Seen::Number(number) => Some(*number),
        Seen::Value(_) => None,
    };
    number(left)
        .zip(number(right))
        .is_some_and(|(left, right)| left.partial_cmp(&right) == Some(Ordering::Less))
}

/// Equality of the RFC: numbers by value, objects without order.
fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => Number::from(left) == Number::from(right),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len()
                && left.iter().zip(right).all(|(left, right)| equal(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .all(|(key, member)| right.get(key).is_some_and(|other| equal(member, other)))
        }
        (left, right) => left == right,
    }
}
