//! A test made of an event that arrived, for the command line and the API. What it expects is what the rules make of the event
//! now; that this is what is meant, and that what is left in the event may be kept, is for whoever asked to see.

mod entry;
mod place;
mod redact;
mod yaml;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use crate::config::{EVENT_MAX, MapEnvironment, Overrides, Snapshot, load_text};
use crate::event::{Document, Number, Pairs, query_pairs};
use crate::explain::{Explanation, Sample, explain_sample};
use crate::name::{SourceName, TestName};
use crate::rule::{Mode, RuleOutcome};

use super::NOW;
use entry::{EventAs, Expected};
use redact::{plain_query, redact};

pub use entry::Entry;
pub use place::Place;

/// What an event arrived with, beside its body, as far as it is kept.
#[derive(Debug, Clone, Default)]
pub struct Arrived {
    /// The name of its source.
    pub source: String,
    /// `content-type`.
    pub content_type: Option<String>,
    /// `user-agent`.
    pub user_agent: Option<String>,
    /// The raw query string.
    pub query: Option<String>,
}

/// Why an event makes no test.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoTest {
    /// A test could not arrive where it did.
    #[error("the configuration has no source {0:?}, where it arrived")]
    NoSource(String),
    /// Rules cannot look at it, or it is too long.
    #[error("this event cannot be a test: {0}")]
    Unfit(String),
    /// What a test must not have decides where it goes.
    #[error("without what looks like a credential, the event goes elsewhere")]
    Elsewhere {
        /// The places of what would be removed.
        removed: Vec<String>,
    },
    /// It can be a test, but its event cannot stand in the file.
    #[error(
        "YAML cannot hold this event as it is: it nests too deeply, has too many values, or has keys or numbers that YAML has not got"
    )]
    NotYaml,
}

impl NoTest {
    /// What to do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Elsewhere { removed } => Some(format!(
                "write the test by hand; these would be removed: {}",
                removed.join(", ")
            )),
            Self::NotYaml => {
                Some("`hookswitch test --save` puts it into a file of its own".to_owned())
            }
            Self::NoSource(_) | Self::Unfit(_) => None,
        }
    }
}

/// An event of which a test can be made, and what the test expects.
#[derive(Debug)]
pub struct Saved {
    /// The event as people read it, without what looks like a credential. It ends with a line break, and is on one line if it
    /// would be too long otherwise.
    pub text: String,
    /// The places of what was taken out.
    pub removed: Vec<String>,
    event: Value,
    arrival: Arrival,
    fate: Fate,
}

/// Makes a test of an event that arrived with this body.
pub fn save(snapshot: &Snapshot, arrived: Arrived, body: &Bytes) -> Result<Saved, NoTest> {
    let document = Document::parse(body).map_err(|why| NoTest::Unfit(why.to_string()))?;
    let mut event = Arc::unwrap_or_clone(document.shared());
    let mut removed = redact(&mut event);
    let text = readable(&event)?;
    let plain = Bytes::copy_from_slice(text.as_bytes());
    let arrival = Arrival::new(arrived, snapshot)?;
    let fate = arrival.fate(snapshot, body)?;
    let arrival = Arrival { query: plain_query(arrival.query, &mut removed), ..arrival };
    if arrival.fate(snapshot, &plain)? != fate {
        return Err(NoTest::Elsewhere { removed });
    }
    let arrival = arrival.least(snapshot, &plain, &fate)?;
    Ok(Saved { text, removed, event, arrival, fate })
}

/// As people read it; on one line if it is too long otherwise.
fn readable(event: &Value) -> Result<String, NoTest> {
    let pretty = serde_json::to_string_pretty(event)
        .map_err(|error| NoTest::Unfit(format!("it has no JSON: {error}")))?;
    let forms = [pretty, event.to_string()].into_iter().map(|text| text + "\n");
    let mut fitting = forms.filter(|text| text.len() <= EVENT_MAX);
    fitting.next().ok_or_else(|| NoTest::Unfit(format!("it has more than {EVENT_MAX} bytes")))
}

/// Whether they are the same to rules: numbers can be written in several ways. It nests as deep as an event may.
fn is_same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => Number::from(left) == Number::from(right),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len()
                && left.iter().zip(right).all(|(left, right)| is_same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            let in_right = |(key, member): (&String, &Value)| {
                right.get(key).is_some_and(|other| is_same(member, other))
            };
            left.len() == right.len() && left.iter().all(in_right)
        }
        (left, right) => left == right,
    }
}

impl Saved {
    /// The rules that match the event now.
    pub fn rules(&self) -> &[String] {
        &self.fate.rules
    }

    /// The test, with its event in a file of that name.
    pub fn beside(&self, name: &TestName, file: String) -> Entry {
        self.entry(name, EventAs::File(file))
    }

    /// The test, with its event in it. What is given was read back as the file's reader does.
    pub fn whole(&self, name: &TestName) -> Result<Entry, NoTest> {
        let entry = self.entry(name, EventAs::Inline(self.event.clone()));
        if self.reads_back(&entry) { Ok(entry) } else { Err(NoTest::NotYaml) }
    }

    fn entry(&self, name: &TestName, event: EventAs) -> Entry {
        let Self { arrival, fate, .. } = self;
        let rules = ("rules", Expected::Names(fate.rules.clone()));
        let mut expect = match fate.disposition.as_str() {
            "unrouted" => vec![("unrouted", Expected::True)],
            "ignored" => vec![("ignored", Expected::True), rules],
            _ => vec![("to", Expected::Names(fate.to.clone())), rules],
        };
        if !fate.shadow.is_empty() {
            expect.push(("shadow", Expected::Names(fate.shadow.clone())));
        }
        Entry {
            name: name.to_string(),
            event,
            source: arrival.source.as_ref().map(ToString::to_string),
            query: arrival.query.clone(),
            headers: arrival.headers.clone(),
            expect,
        }
    }

    /// Whether a file with this test has the same event. Names that it expects are left out: they are of one line.
    fn reads_back(&self, entry: &Entry) -> bool {
        const HEAD: &str = "version: 1\nsources: { a: { path: /a, verify: none } }\ntests:\n";
        let expect = vec![("unrouted", Expected::True)];
        let entry = Entry { source: None, expect, ..entry.clone() };
        let text = format!("{HEAD}{}", entry.yaml("  "));
        let nothing = MapEnvironment::default();
        let read = load_text(&text, Path::new("rules.yaml"), &nothing, &Overrides::default());
        let Ok(snapshot) = read else { return false };
        let [trial] = &snapshot.trials[..] else { return false };
        let event = trial.event.as_ref().ok().and_then(|body| Document::parse(body).ok());
        event.is_some_and(|event| is_same(event.value(), &self.event))
            && trial.headers == entry.headers
            && trial.query == query_pairs(entry.query.as_deref().unwrap_or_default())
    }
}

/// What decides where an event goes, beside its body.
#[derive(Debug, Clone)]
struct Arrival {
    /// None if it is the one that a test takes by itself.
    source: Option<SourceName>,
    query: Option<String>,
    headers: Pairs,
}

impl Arrival {
    fn new(arrived: Arrived, snapshot: &Snapshot) -> Result<Self, NoTest> {
        let Arrived { source, content_type, user_agent, query } = arrived;
        let place = snapshot.sources.iter().position(|known| known.name.as_str() == source);
        let place = place.ok_or(NoTest::NoSource(source))?;
        let source = snapshot.sources.get(place).filter(|_| place > 0);
        let named = |name: &str, value: Option<String>| Some((name.to_owned(), value?));
        let headers = [named("content-type", content_type), named("user-agent", user_agent)];
        Ok(Self {
            source: source.map(|source| source.name.clone()),
            query,
            headers: headers.into_iter().flatten().collect(),
        })
    }

    /// What an event with this body comes to.
    fn fate(&self, snapshot: &Snapshot, body: &Bytes) -> Result<Fate, NoTest> {
        let sample = Sample {
            source: self.source.clone(),
            headers: self.headers.clone(),
            query: query_pairs(self.query.as_deref().unwrap_or_default()),
        };
        let told = explain_sample(snapshot, body.clone(), sample, NOW);
        match told.reason {
            Some(reason) => Err(NoTest::Unfit(reason)),
            None => Ok(Fate::of(&told)),
        }
    }

    /// Without query and headers, unless they decide: either may hold what nobody should keep.
    fn least(self, snapshot: &Snapshot, body: &Bytes, fate: &Fate) -> Result<Self, NoTest> {
        let mut least = self;
        for less in [
            |arrival: &Self| Self { query: None, ..arrival.clone() },
            |arrival: &Self| Self { headers: Pairs::new(), ..arrival.clone() },
        ] {
            let less = less(&least);
            if less.fate(snapshot, body)? == *fate {
                least = less;
            }
        }
        Ok(least)
    }
}

/// What an event comes to: what a test can expect of it.
#[derive(Debug, PartialEq, Eq)]
struct Fate {
    disposition: String,
    rules: Vec<String>,
    shadow: Vec<String>,
    to: Vec<String>,
}

impl Fate {
    fn of(told: &Explanation) -> Self {
        let matched = |mode: Mode| {
            let matched = told.rules.iter().filter(|rule| rule.outcome == RuleOutcome::Matched);
            let rules = matched.filter(|rule| rule.mode == mode);
            rules.map(|rule| rule.rule.to_string()).collect()
        };
        Self {
            disposition: told.disposition.clone(),
            rules: matched(Mode::Live),
            shadow: matched(Mode::Shadow),
            to: told.requests.iter().map(|request| request.target.clone()).collect(),
        }
    }
}
