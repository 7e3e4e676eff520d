//! A condition as a tree of tests.

use std::fmt;

use super::test::Test;
use crate::event::{FieldId, Fields, ReaderBuilder, Wants};
use crate::path::Path;

/// A condition.
#[derive(Debug, Clone)]
pub enum Matcher {
    /// All of them hold; never empty.
    All(Vec<Matcher>),
    /// At least one of them holds; never empty.
    Any(Vec<Matcher>),
    /// It does not hold: plain negation.
    Not(Box<Matcher>),
    /// A test on what one field yields.
    Field(Field, Test),
    /// The same as what it holds, which stands at that line of the file.
    At(u32, Box<Matcher>),
}

/// Where a test looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// The event's name: `$.event`.
    Event,
    /// `agent_id` of call or chat.
    AgentId,
    /// A member of the metadata of call or chat, by its plain name.
    Metadata(String),
    /// The source's name.
    Source,
    /// A query parameter, percent-decoded.
    Query(String),
    /// A header of the request; the name in lower case.
    Header(String),
    /// A place, or places, in the body.
    Path(Path),
}

/// A condition whose fields are places in an event's fields.
#[derive(Debug)]
pub(super) enum Condition {
    All(Box<[Condition]>),
    Any(Box<[Condition]>),
    Not(Box<Condition>),
    Test(FieldId, Test),
}

impl Field {
    fn ask(&self, reader: &mut ReaderBuilder, wants: Wants) -> FieldId {
        match self {
            Self::Event => reader.event(wants),
            Self::AgentId => reader.agent_id(wants),
            Self::Metadata(name) => reader.metadata(name, wants),
            Self::Source => reader.source(wants),
            Self::Query(name) => reader.query(name, wants),
            Self::Header(name) => reader.header(name, wants),
            Self::Path(path) => match path.singular() {
                Some(segments) => reader.singular(segments, wants),
                None => reader.general(path, wants),
            },
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event => f.write_str("event"),
            Self::AgentId => f.write_str("agent_id"),
            Self::Metadata(name) => write!(f, "metadata.{name}"),
            Self::Source => f.write_str("source"),
            Self::Query(name) => write!(f, "query.{name}"),
            Self::Header(name) => write!(f, "header.{name}"),
            Self::Path(path) => path.fmt(f),
        }
    }
}

impl Condition {
    /// Compiles `matcher` and asks `reader` for what it looks at.
    pub(super) fn new(matcher: &Matcher, reader: &mut ReaderBuilder) -> Self {
        let mut parts =
            |parts: &[Matcher]| parts.iter().map(|part| Self::new(part, reader)).collect();
        match matcher {
            Matcher::All(list) => Self::All(parts(list)),
            Matcher::Any(list) => Self::Any(parts(list)),
            Matcher::Not(part) => Self::Not(Box::new(Self::new(part, reader))),
            Matcher::Field(field, test) => {
                Self::Test(field.ask(reader, test.wants()), test.clone())
            }
            // Places are for people; what is matched with does without.
            Matcher::At(_, matcher) => Self::new(matcher, reader),
        }
    }

    /// Whether it holds. It nests as deep as the configuration does.
    pub(super) fn holds(&self, fields: &Fields) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.holds(fields)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(fields)),
            Self::Not(part) => !part.holds(fields),
            Self::Test(field, test) => test.holds(fields.get(*field)),
        }
    }
}
