//! What was found where the rules look: a sparse list, so that an event costs what it contains and not what is asked.

use std::ops::Range;

use serde_json::Value as Tree;

use super::Unreadable;
use super::fold::fold;
use super::reader::{FieldId, Wants};
use crate::path::Number;

/// One value as a test sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Value<'e> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, and how it is written if that is not how `Number` would be.
    Number(Number, Option<&'e str>),
    /// A text.
    Text(Text<'e>),
    /// An array; its elements if a test asks for them, one level deep.
    Array(Values<'e>),
    /// An object, which equals nothing.
    Object,
}

/// A text, unescaped.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Text<'e> {
    /// As it came.
    pub(crate) plain: &'e str,
    /// Folded if the field was asked for so; else as it came.
    pub(crate) folded: &'e str,
}

/// What one field yields: nothing, one value, or several.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Values<'e> {
    fields: &'e Fields,
    scalars: &'e [Scalar],
}

impl<'e> Values<'e> {
    pub(crate) fn is_empty(self) -> bool {
        self.scalars.is_empty()
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = Value<'e>> {
        self.scalars.iter().map(move |scalar| self.fields.value(scalar))
    }
}

/// What the rules asked for, by [`FieldId`].
#[derive(Debug, Default)]
pub(crate) struct Fields {
    /// Sorted by field once reading is done.
    found: Vec<Mention>,
    values: Vec<Scalar>,
    elements: Vec<Scalar>,
    /// All texts one after the other.
    text: String,
}

/// One field and its values.
#[derive(Debug)]
pub(super) struct Mention {
    pub(super) field: FieldId,
    /// The object among `call`, `chat`, … that it lies in; it counts only if that one is looked at.
    pub(super) base: Option<u8>,
    start: usize,
    end: usize,
}

/// A value as it is kept.
#[derive(Debug, Clone)]
pub(super) enum Scalar {
    Null,
    Bool(bool),
    /// With its literal, unless that is what the integer looks like: people are shown what was written.
    Number(Number, Option<Range<usize>>),
    Text {
        plain: Range<usize>,
        folded: Range<usize>,
    },
    Array(Range<usize>),
    Object,
}

impl Fields {
    /// What `field` yields.
    pub(crate) fn get(&self, field: FieldId) -> Values<'_> {
        let place = self.found.binary_search_by_key(&field, |mention| mention.field);
        let mention = place.ok().and_then(|place| self.found.get(place));
        let scalars = mention.and_then(|mention| self.values.get(mention.start..mention.end));
        Values { fields: self, scalars: scalars.unwrap_or_default() }
    }

    /// Every field that yields something.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (FieldId, Values<'_>)> {
        self.found.iter().map(|mention| {
            let scalars = self.values.get(mention.start..mention.end).unwrap_or_default();
            (mention.field, Values { fields: self, scalars })
        })
    }

    /// The first value of `field`, if it is a text.
    pub(crate) fn text_of(&self, field: FieldId) -> Option<&str> {
        match self.get(field).iter().next() {
            Some(Value::Text(text)) => Some(text.plain),
            _ => None,
        }
    }

    fn value(&self, scalar: &Scalar) -> Value<'_> {
        match scalar {
            Scalar::Null => Value::Null,
            Scalar::Bool(truth) => Value::Bool(*truth),
            Scalar::Number(number, written) => {
                let written = written.clone().and_then(|written| self.text.get(written));
                Value::Number(*number, written)
            }
            Scalar::Text { plain, folded } => Value::Text(Text {
                plain: self.text.get(plain.clone()).unwrap_or_default(),
                folded: self.text.get(folded.clone()).unwrap_or_default(),
            }),
            Scalar::Array(elements) => {
                let scalars = self.elements.get(elements.clone()).unwrap_or_default();
                Value::Array(Values { fields: self, scalars })
            }
            Scalar::Object => Value::Object,
        }
    }

    /// Keeps a text: what `write` appends.
    pub(super) fn keep_text(
        &mut self,
        folded: bool,
        write: impl FnOnce(&mut String) -> Result<(), Unreadable>,
    ) -> Result<Scalar, Unreadable> {
        let start = self.text.len();
        write(&mut self.text)?;
        let plain = start..self.text.len();
        let other = if folded { self.text.get(plain.clone()).and_then(fold) } else { None };
        let folded = match other {
            Some(other) => {
                self.text.push_str(&other);
                plain.end..self.text.len()
            }
            None => plain.clone(),
        };
        Ok(Scalar::Text { plain, folded })
    }

    /// Keeps a number by its literal.
    pub(super) fn keep_number(&mut self, literal: &str) -> Scalar {
        let number = Number::of_literal(literal);
        let plain = matches!(number, Number::Int(_)) && literal != "-0";
        let start = self.text.len();
        if !plain {
            self.text.push_str(literal);
        }
        Scalar::Number(number, (!plain).then_some(start..self.text.len()))
    }

    /// Keeps the elements of an array.
    pub(super) fn keep_elements(&mut self, elements: Vec<Scalar>) -> Scalar {
        let start = self.elements.len();
        self.elements.extend(elements);
        Scalar::Array(start..self.elements.len())
    }

    /// Keeps a value of a tree.
    pub(super) fn keep_tree(&mut self, tree: &Tree, wants: Wants) -> Scalar {
        match tree {
            Tree::Null => Scalar::Null,
            Tree::Bool(truth) => Scalar::Bool(*truth),
            Tree::Number(number) => self.keep_number(number.as_str()),
            Tree::String(text) => self.keep_plain(text, wants.folded),
            Tree::Array(parts) if wants.elements => {
                let wants = Wants { elements: false, ..wants };
                let kept = parts.iter().map(|part| self.keep_tree(part, wants)).collect();
                self.keep_elements(kept)
            }
            Tree::Array(_) => Scalar::Array(0..0),
            Tree::Object(_) => Scalar::Object,
        }
    }

    /// Keeps a text that needs no unescaping.
    pub(super) fn keep_plain(&mut self, text: &str, folded: bool) -> Scalar {
        let kept = self.keep_text(folded, |all| {
            all.push_str(text);
            Ok(())
        });
        kept.unwrap_or(Scalar::Null)
    }

    /// Adds the values of one place, which several fields may name.
    pub(super) fn add(
        &mut self,
        fields: impl IntoIterator<Item = (FieldId, Option<u8>)>,
        scalars: impl IntoIterator<Item = Scalar>,
    ) {
        let start = self.values.len();
        self.values.extend(scalars);
        let end = self.values.len();
        let mentions = fields.into_iter().map(|(field, base)| Mention { field, base, start, end });
        self.found.extend(mentions);
    }

    /// Reading is done: only what lies in the object `base` counts beside what lies in none.
    pub(super) fn finish(&mut self, base: Option<u8>) {
        self.found.retain(|mention| mention.base.is_none() || mention.base == base);
        self.found.sort_unstable_by_key(|mention| mention.field);
    }
}
