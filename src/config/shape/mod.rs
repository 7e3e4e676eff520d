//! What may stand where: every key of the file with its shape, in tables. One check walks the tree along them and reports
//! unknown keys, wrong types and numbers out of bounds, all of them; the JSON Schema is made from the same tables, so the
//! two cannot drift apart. What the values mean together is for `lower`.
//!
//! The check also decides what may be shown: a value is cleared for showing only where its shape is no secret.

pub(super) mod check;
pub(super) mod keys;
mod place;
pub(super) mod secret;

use std::time::Duration;

use super::document::{Node, Scalar};

pub(super) use check::check;
pub(super) use place::Place;

/// What may stand at a place.
pub(super) enum Shape {
    /// Any text; a plain number or `true` is taken as it is written.
    Text,
    /// A text that is never shown and not empty.
    Secret,
    /// A text that is never shown; empty means none.
    SecretOrNone,
    /// An address, shown up to its host.
    Url,
    /// A template whose text is no secret.
    Template,
    /// A template whose text is a secret.
    SecretTemplate,
    /// Any YAML whose texts are templates.
    Body,
    /// Any YAML, as it is.
    Data,
    /// `true` or `false`.
    Flag,
    /// A whole number within bounds.
    Whole(u64, u64),
    /// A number within bounds.
    Decimal(f64, f64),
    /// Any number.
    Number,
    /// Any scalar, `null` included.
    Literal,
    /// A duration within bounds.
    Duration(Duration, Duration),
    /// A size in bytes within bounds.
    Size(u64, u64),
    /// An IP address with a port.
    Address,
    /// A rate such as `1/s`.
    Rate,
    /// A status such as `409`, or a hundred of them such as `5xx`.
    Status,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A map with these keys.
    Object(&'static Object),
    /// A map with these keys, by the word at the first of them.
    Variants(&'static Variants),
    /// A map with free keys.
    Entries(&'static Shape),
    /// A list with at least so many elements.
    List(&'static Shape, usize),
    /// Depends on what is written: a scalar, a list or a map.
    Either(&'static Either),
}

/// Shapes by what is written.
pub(super) struct Either {
    /// In words, all of them.
    pub(super) what: &'static str,
    /// For a scalar.
    pub(super) scalar: Option<Shape>,
    /// For a list.
    pub(super) list: Option<Shape>,
    /// For a map.
    pub(super) map: Option<Shape>,
}

/// A map with known keys.
pub(super) struct Object {
    /// Its name in the schema.
    pub(super) name: &'static str,
    /// In words: `a source`.
    pub(super) what: &'static str,
    /// For a reader of the schema.
    pub(super) about: &'static str,
    /// Its keys.
    pub(super) keys: &'static [Key],
    /// It has at least so many keys.
    pub(super) keys_min: usize,
    /// It has at most so many keys.
    pub(super) keys_max: usize,
    /// It has exactly one of these keys, for the schema; `lower` says it in better words.
    pub(super) one_of: &'static [&'static str],
}

/// Objects told apart by the word at one key.
pub(super) struct Variants {
    /// Its name in the schema.
    pub(super) name: &'static str,
    /// In words: `a target`.
    pub(super) what: &'static str,
    /// The key.
    pub(super) tag: &'static str,
    /// The words and what they stand for. Each object has the key, too.
    pub(super) of: &'static [(&'static str, &'static Object)],
}

/// A key of an [`Object`].
pub(super) struct Key {
    /// As it is written.
    pub(super) name: &'static str,
    /// What may stand there.
    pub(super) shape: Shape,
    /// For a reader of the schema.
    pub(super) about: &'static str,
    /// What it is if it is not written, as YAML.
    pub(super) default: Option<&'static str>,
    /// Whether it must be written.
    pub(super) required: bool,
}

impl Key {
    const fn new(name: &'static str, shape: Shape, about: &'static str) -> Self {
        Self { name, shape, about, default: None, required: false }
    }

    const fn or(self, default: &'static str) -> Self {
        Self { default: Some(default), ..self }
    }

    const fn required(self) -> Self {
        Self { required: true, ..self }
    }
}

/// The values of a map that was checked against `object`. Reading a key that the object has not got is a slip of ours.
#[derive(Clone, Copy)]
pub(super) struct Fields<'t> {
    node: Node<'t>,
    object: &'static Object,
    /// Whether there is such a map at all; without one, everything stands at its default.
    written: bool,
}

impl<'t> Fields<'t> {
    /// The values of `node`; none if it is no map.
    pub(super) fn new(node: Node<'t>, object: &'static Object) -> Self {
        Self { node, object, written: true }
    }

    /// The map itself, or the one that could have held it.
    pub(super) fn node(self) -> Node<'t> {
        self.node
    }

    /// The node at `key`.
    pub(super) fn get(self, key: &str) -> Option<Node<'t>> {
        debug_assert!(self.object.key(key).is_some(), "{} has no key {key}", self.object.name);
        if self.written { self.node.get(key) } else { None }
    }

    /// The values of the map at `key`, if it is written.
    pub(super) fn fields(self, key: &str) -> Option<Fields<'t>> {
        match self.object.key(key)?.shape {
            Shape::Object(object) => Some(Fields::new(self.get(key)?, object)),
            _ => None,
        }
    }

    /// The values of the map at `key`, at their defaults if it is not written.
    pub(super) fn fields_or_default(self, key: &str) -> Fields<'t> {
        match self.object.key(key).map(|key| &key.shape) {
            Some(Shape::Object(object)) => {
                let node = self.get(key);
                Fields { node: node.unwrap_or(self.node), object, written: node.is_some() }
            }
            _ => Fields { written: false, ..self },
        }
    }

    /// What is written at `key`, if it is what `read` reads.
    pub(super) fn own<T>(self, key: &str, read: impl Fn(&Scalar) -> Option<T>) -> Option<T> {
        self.get(key)?.scalar().and_then(read)
    }

    /// What is written at `key`, or its default.
    pub(super) fn value<T>(self, key: &str, read: impl Fn(&Scalar) -> Option<T>) -> T {
        self.own(key, &read).unwrap_or_else(|| self.object.default(key, read))
    }
}

impl Object {
    /// The key of that name.
    pub(super) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// The default at `key`.
    pub(super) fn default<T>(&self, key: &str, read: impl Fn(&Scalar) -> Option<T>) -> T {
        let written = self.key(key).and_then(|key| key.default);
        written
            .map(|text| Scalar { written: text.into(), plain: true, block: false, pieces: None })
            .and_then(|scalar| read(&scalar))
            .expect("a test reads every default of the tables")
    }
}
