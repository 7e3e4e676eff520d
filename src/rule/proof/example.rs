//! Examples: an event that was made up, and what the rules really do with it.

use std::fmt;

use bytes::Bytes;
use serde_json::Value as Json;

use super::logic::Draft;
use crate::clock::Timestamp;
use crate::event::{Event, EventId, Intake, RequestParts};
use crate::name::SourceName;
use crate::rule::RuleSet;
use crate::signature::Check;

/// Largest example that is made smaller, in bytes.
const SHRUNK_MAX: usize = 2_000;
/// Most attempts to take something out of one example.
const TRIES_MAX: usize = 200;

/// An event that two rules match: both were run on it.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// Its body.
    pub body: Json,
    /// Its source, if that matters.
    pub source: Option<SourceName>,
    /// Parameters of its query.
    pub query: Vec<(String, String)>,
    /// Headers of its request.
    pub headers: Vec<(String, String)>,
}

impl fmt::Display for Example {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.body.fmt(f)?;
        if let Some(source) = &self.source {
            write!(f, " from the source `{source}`")?;
        }
        for (name, value) in &self.query {
            write!(f, " with the query parameter {name:?} = {value:?}")?;
        }
        for (name, value) in &self.headers {
            write!(f, " with the header {name}: {value:?}")?;
        }
        Ok(())
    }
}

impl From<Draft> for Example {
    fn from(draft: Draft) -> Self {
        let Draft { body, source, query, headers } = draft;
        Self { body, source, query, headers }
    }
}

impl Draft {
    /// The event as `rules` read it; nothing if they cannot. `source` is where it comes from if the draft leaves it open.
    pub(super) fn event(&self, rules: &RuleSet, source: Option<&SourceName>) -> Option<Event> {
        let open = SourceName::new("retell").ok();
        let source = self.source.as_ref().or(source).or(open.as_ref())?;
        let body = Bytes::from(self.body.to_string());
        let verified = Check::Unsigned.verify(source, body, &[], Timestamp::default()).ok()?;
        let (headers, query) = (self.headers.clone(), self.query.clone());
        let id = EventId::from_bytes([0; 16]);
        match rules.reader().read(verified, id, RequestParts::default(), headers, query) {
            Intake::Readable(event) => Some(event),
            Intake::Quarantined { .. } => None,
        }
    }

    /// How much there is to read.
    pub(super) fn size(&self) -> usize {
        let pairs = self.query.iter().chain(&self.headers);
        let pairs: usize = pairs.map(|(name, value)| name.len() + value.len() + 1).sum();
        let source = self.source.as_ref().map_or(0, |source| source.as_str().len());
        self.body.to_string().len() + pairs + source
    }

    /// The same without everything that is not needed for `holds`; as it is, if it is larger than [`SHRUNK_MAX`].
    pub(super) fn shrunk(mut self, holds: &dyn Fn(&Self) -> bool) -> Self {
        let mut tries = 0;
        if self.size() > SHRUNK_MAX {
            return self;
        }
        loop {
            let smaller = self.parts().into_iter().find(|part| {
                tries += 1;
                tries < TRIES_MAX && holds(part)
            });
            match smaller {
                Some(smaller) => self = smaller,
                None => return self,
            }
        }
    }

    /// The same with one thing less, in every way.
    fn parts(&self) -> Vec<Self> {
        let mut parts = Vec::new();
        if self.source.is_some() {
            parts.push(Self { source: None, ..self.clone() });
        }
        for at in 0..self.query.len() {
            let mut part = self.clone();
            part.query.remove(at);
            parts.push(part);
        }
        for at in 0..self.headers.len() {
            let mut part = self.clone();
            part.headers.remove(at);
            parts.push(part);
        }
        let bodies = without_one(&self.body);
        parts.extend(bodies.into_iter().map(|body| Self { body, ..self.clone() }));
        parts
    }
}

/// A value without one member or last element, in every way. It nests as deep as what was made up does.
fn without_one(value: &Json) -> Vec<Json> {
    let mut smaller = Vec::new();
    match value {
        Json::Object(members) => {
            for (key, member) in members {
                let mut without = members.clone();
                without.shift_remove(key);
                smaller.push(Json::Object(without));
                for member in without_one(member) {
                    let mut with = members.clone();
                    with.insert(key.clone(), member);
                    smaller.push(Json::Object(with));
                }
            }
        }
        Json::Array(elements) => {
            if let Some((_, shorter)) = elements.split_last() {
                smaller.push(Json::Array(shorter.to_vec()));
            }
            for (at, element) in elements.iter().enumerate() {
                for element in without_one(element) {
                    let mut with = elements.clone();
                    if let Some(place) = with.get_mut(at) {
                        *place = element;
                    }
                    smaller.push(Json::Array(with));
                }
            }
        }
        _ => {}
    }
    smaller
}
