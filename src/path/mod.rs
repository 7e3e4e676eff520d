//! JSONPath (RFC 9535): the only place that knows jsonpath-rust.
//!
//! A path that names at most one place (`$.call.duration_ms`) is *singular* and becomes plain segments, which the reader
//! of `event` follows while it passes over the bytes. Every other path is *general* and asks the whole document.
//!
//! jsonpath-rust reads the text; what it read is lowered once ([`compile`]) and evaluated here ([`eval`]). Its own
//! evaluator is not used: it writes out the normalized path of every node it touches, which is quadratic on a document
//! with one long key; it compares numbers by their digits when `serde_json` keeps them; and it finds nothing below a
//! filter that is applied to `@` itself. Ours is linear in the document for any path that compiles.
//!
//! Left out: `match` and `search` (the `regex` operator of rules does their work with a compiled expression), functions
//! that are not in the RFC, and a second `..`, which would make the work quadratic.

mod compile;
mod eval;
mod number;

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

pub use number::Number;

use eval::Program;

/// Longest path, in characters.
pub const PATH_MAX: usize = 512;

/// One step of a singular path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Segment {
    /// A member of an object.
    Key(Arc<str>),
    /// An element of an array, counted from its beginning.
    Index(usize),
}

/// Why a text is not a usable path. [`PathError::hint`] says what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    /// There is no text.
    #[error("a path cannot be empty")]
    Empty,
    /// It does not begin at the root.
    #[error("a path begins with `$`, the whole document, and this one does not")]
    NoRoot {
        /// What was written.
        text: String,
    },
    /// It is too long.
    #[error("a path has at most {PATH_MAX} characters, this one has {len}")]
    TooLong {
        /// Its length in characters.
        len: usize,
    },
    /// It does not follow RFC 9535.
    #[error("not a JSONPath: {what} at character {at}")]
    Syntax {
        /// Where, counted from 1.
        at: usize,
        /// What is wrong there.
        what: String,
    },
    /// It has more than one `..`.
    #[error("`..` can stand in a path once, here it stands {count} times")]
    Descendants {
        /// How many there are.
        count: usize,
    },
    /// Its brackets or functions nest too deeply.
    #[error(
        "brackets nest at most {} deep in a path, functions {}",
        compile::NEST_MAX,
        compile::FUNCTION_NEST_MAX
    )]
    Nested,
    /// It calls a function that is not offered.
    #[error("the function `{name}` cannot be used in a path")]
    Function {
        /// Its name.
        name: String,
    },
    /// It uses a function in a way that can never hold.
    #[error("{what}")]
    IllTyped {
        /// What is wrong.
        what: &'static str,
    },
}

impl PathError {
    /// What to write instead.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Empty => Some("write `$` and the way to a value, like `$.call.duration_ms`".into()),
            Self::NoRoot { text } => {
                let rest = text.trim_start_matches(['.', '/', '@', ' ']);
                Some(if rest.is_empty() || rest.chars().count() > 60 {
                    "like `$.call.duration_ms`".into()
                } else {
                    format!("write `$.{}`", rest.replace('/', "."))
                })
            }
            Self::TooLong { .. } => None,
            Self::Syntax { .. } => Some(
                "a member whose name is not a plain word stands in quotes: `$.call['custom field']`; elements count \
                 from 0: `$.items[0]`"
                    .into(),
            ),
            Self::Descendants { .. } | Self::Nested => {
                Some("write the way to the value out, or test several paths".into())
            }
            Self::Function { name } if name == "match" || name == "search" => {
                Some("end the path at the text and test it with `regex:`".into())
            }
            Self::Function { .. } => Some("`length`, `count` and `value` can be used".into()),
            Self::IllTyped { .. } => {
                Some("compare the result: `[?length(@.name) > 3]`, `[?count(@.words[*]) >= 10]`".into())
            }
        }
    }
}

/// A compiled path. Cheap to clone; two are equal if they were written alike.
#[derive(Clone)]
pub struct Path {
    text: Arc<str>,
    prefix: Arc<[Segment]>,
    /// What a general path does; a singular one is its prefix.
    program: Option<Arc<Program>>,
}

impl Path {
    /// Compiles `text`; refuses what jsonpath-rust accepts though it means nothing, `match`/`search`, more than one `..`
    /// and more than [`PATH_MAX`] characters.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        let (prefix, program) = compile::compile(text)?;
        Ok(Self { text: text.into(), prefix: prefix.into(), program: program.map(Arc::new) })
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The segments, if this path names at most one place whatever the document.
    pub fn singular(&self) -> Option<&[Segment]> {
        self.program.is_none().then_some(&*self.prefix)
    }

    /// The segments that every match begins with: all of them for a singular path.
    pub fn prefix(&self) -> &[Segment] {
        &self.prefix
    }

    /// Every value that the path names in `document`, each once, in the order in which the path selects.
    pub fn values<'v>(&self, document: &'v Value) -> Vec<&'v Value> {
        match &self.program {
            Some(program) => program.values(document),
            None => walk(document, &self.prefix).into_iter().collect(),
        }
    }

    /// Puts `value` where a singular path points. Objects and lists on the way that are missing, or `null`, are made; an
    /// element is replaced, or added at the end of its list.
    pub fn set(&self, document: &mut Value, value: Value) -> Result<(), SetError> {
        let segments = self.singular().ok_or(SetError::General)?;
        let mut place = document;
        for segment in segments {
            place = match segment {
                Segment::Key(key) => {
                    if place.is_null() {
                        *place = Value::Object(serde_json::Map::new());
                    }
                    let members = place.as_object_mut().ok_or(SetError::NoObject)?;
                    members.entry(key.to_string()).or_insert(Value::Null)
                }
                Segment::Index(index) => {
                    if place.is_null() {
                        *place = Value::Array(Vec::new());
                    }
                    let elements = place.as_array_mut().ok_or(SetError::NoElement)?;
                    if elements.len() == *index {
                        elements.push(Value::Null);
                    }
                    elements.get_mut(*index).ok_or(SetError::NoElement)?
                }
            };
        }
        *place = value;
        Ok(())
    }

    /// Takes every value that the path names out of `document`: a member of an object is removed, an element of an array
    /// becomes `null` so that the others keep their places, and so does the document itself for `$`. Returns how many
    /// went; what lay inside another one that went is not counted.
    pub fn remove(&self, document: &mut Value) -> usize {
        match &self.program {
            Some(program) => program.remove(document),
            None => remove_one(document, &self.prefix),
        }
    }
}

/// Why a value cannot be put somewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SetError {
    /// The path can name several places.
    #[error("it can name several places")]
    General,
    /// Something on the way is there and holds no members.
    #[error("something on the way to it is there and no object")]
    NoObject,
    /// It names an element that is neither in the list nor the next one.
    #[error("the list has no such element, and it is not the next one")]
    NoElement,
}

/// The value at a singular place.
fn walk<'v>(document: &'v Value, segments: &[Segment]) -> Option<&'v Value> {
    segments.iter().try_fold(document, |value, segment| match segment {
        Segment::Key(key) => value.as_object()?.get(&**key),
        Segment::Index(index) => value.as_array()?.get(*index),
    })
}

fn remove_one(document: &mut Value, segments: &[Segment]) -> usize {
    let Some((last, way)) = segments.split_last() else {
        *document = Value::Null;
        return 1;
    };
    let parent = way.iter().try_fold(document, |value, segment| match segment {
        Segment::Key(key) => value.as_object_mut()?.get_mut(&**key),
        Segment::Index(index) => value.as_array_mut()?.get_mut(*index),
    });
    let gone = match (parent, last) {
        (Some(Value::Object(members)), Segment::Key(key)) => members.shift_remove(&**key).is_some(),
        (Some(Value::Array(elements)), Segment::Index(index)) => {
            elements.get_mut(*index).map(Value::take).is_some()
        }
        _ => false,
    };
    usize::from(gone)
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for Path {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Path {}

#[cfg(test)]
mod tests;
