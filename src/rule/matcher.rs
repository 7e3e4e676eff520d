//! A condition as a tree of tests.

use crate::path::Path;

use super::test::Test;

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
