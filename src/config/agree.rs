//! The second reading of the file, by `serde_yaml`: what the two readers see differently is refused, because then at least
//! one of them, and maybe the operator, sees something else than what is meant. Only this file knows `serde_yaml`.
//!
//! Nothing is built: the visitor walks along the tree of the first reading and stops at the first difference.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::document::{Node, Span, Tree};
use super::scalar::Plain;

/// Where `serde_yaml` reads something else than what is in a tree.
#[derive(Debug)]
pub(super) enum Difference {
    /// At this value, or behind it.
    Value(Span),
    /// At this tab, with which it takes nothing to begin.
    Tab(Span),
}

/// The place where `serde_yaml` reads something else than what is in `tree`, if there is one.
pub(super) fn difference(text: &str, tree: &Tree) -> Option<Difference> {
    let root = tree.root()?;
    let place = std::cell::Cell::new(root.span());
    let seed = Same { node: root, place: &place };
    let error = seed.deserialize(serde_yaml::Deserializer::from_str(text)).err()?;
    let tab = error.location().and_then(|location| indenting_tab(text, location.line()));
    Some(tab.map_or(Difference::Value(place.get()), Difference::Tab))
}

/// The first tab of the white space that a line, counted from 1, begins with.
fn indenting_tab(text: &str, line: usize) -> Option<Span> {
    let (before, line) = text
        .split_inclusive('\n')
        .scan(0, |at, line| {
            let from = *at;
            *at += line.len();
            Some((from, line))
        })
        .nth(line.checked_sub(1)?)?;
    let tab = line.len() - line.trim_start_matches(' ').len();
    let at = before + tab;
    (line.as_bytes().get(tab) == Some(&b'\t')).then_some((at, at + 1))
}

fn agreed<E: Error>(same: bool) -> Result<(), E> {
    if same { Ok(()) } else { Err(E::custom("read differently")) }
}

#[derive(Clone, Copy)]
struct Same<'t, 'p> {
    node: Node<'t>,
    place: &'p std::cell::Cell<Span>,
}

impl Same<'_, '_> {
    fn plain(self) -> Option<Plain> {
        self.node.scalar().map(super::document::Scalar::read)
    }

    fn number<E: Error>(self, same: impl Fn(&serde_json::Number) -> bool) -> Result<(), E> {
        agreed(matches!(self.plain(), Some(Plain::Number(number)) if same(&number)))
    }
}

impl<'de> DeserializeSeed<'de> for Same<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.place.set(self.node.mark());
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Same<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the same as the first reading")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        agreed(self.plain() == Some(Plain::Null))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        agreed(self.plain() == Some(Plain::Bool(value)))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.number(|number| number.as_i64() == Some(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.number(|number| number.as_u64() == Some(value))
    }

    fn visit_i128<E: Error>(self, value: i128) -> Result<(), E> {
        self.number(|number| number.to_string() == value.to_string())
    }

    fn visit_u128<E: Error>(self, value: u128) -> Result<(), E> {
        self.number(|number| number.to_string() == value.to_string())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.number(|number| number.as_f64().is_some_and(|own| own.total_cmp(&value).is_eq()))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        let same = self
            .node
            .scalar()
            .is_some_and(|scalar| &*scalar.written == value && scalar.read() == Plain::Text);
        agreed(same)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Some(nodes) = self.node.list() else { return agreed(false) };
        for node in nodes {
            let read = list.next_element_seed(Same { node, place: self.place })?;
            agreed(read.is_some())?;
        }
        agreed(list.next_element::<serde::de::IgnoredAny>()?.is_none())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some(nodes) = self.node.map() else { return agreed(false) };
        for node in nodes {
            self.place.set(node.key_mark());
            let key = map.next_key::<String>()?;
            agreed(key.as_deref() == Some(node.key()))?;
            map.next_value_seed(Same { node, place: self.place })?;
        }
        agreed(map.next_key::<serde::de::IgnoredAny>()?.is_none())
    }
}
