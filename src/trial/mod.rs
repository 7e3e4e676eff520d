//! The tests of a configuration: its events are read and planned as ingress does it, and what comes of them is compared with
//! what the file expects.
//!
//! Promises: nothing is sent or stored; the outcome depends on the configuration and on the files of its events alone, so
//! the clock of a test stands still at [`NOW`]; what may be logged or shown by the API ([`Difference::brief`]) holds no value
//! of an event. It leaves out what needs a target's answer, and signatures of sources.

mod compare;
mod prove;
pub mod saved;

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use tokio::time::Instant;

use crate::clock::Timestamp;
use crate::config::{Change, Expect, Fate, Snapshot, Trial};
use crate::event::{Document, Event};
use crate::explain::{Explanation, Sample, explain_sample, sampled};
use crate::name::{RuleName, TargetName};
use crate::rule::{Disposition, Plan, Planned, Rule};
use crate::target::AttemptInfo;

pub use prove::{TIME_MAX, load, prove};

/// When every event of a test arrives: the beginning of 2026, UTC.
pub const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);
/// Where a test fails whose event could not be looked at.
const UNREAD: &str = "event";
/// Most differences that are told of one test.
const DIFFERENCES_MAX: usize = 20;

/// What came of running tests.
#[derive(Debug)]
pub struct Report {
    /// For each test that was run, in order: what differs from what it expects; nothing if it passes. Fewer than there are
    /// tests if time was up.
    pub verdicts: Vec<Vec<Difference>>,
    /// How long each of them took.
    pub took: Vec<Duration>,
    /// The rules that matched in any of them, live or in shadow.
    exercised: HashSet<RuleName>,
}

/// One thing that is not as a test expects it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Where: `to`, `rules`, `sends.crm.body.minutes`.
    pub place: String,
    /// What was expected, in words.
    pub expected: String,
    /// What was found, in words.
    pub found: String,
    /// Whether values of the event, or of what was made of it, are in the words.
    #[serde(skip)]
    of_event: bool,
}

impl Difference {
    /// One that holds names of the configuration alone.
    fn plain(place: &str, expected: impl Into<String>, found: impl Into<String>) -> Self {
        let (expected, found) = (expected.into(), found.into());
        Self { place: place.to_owned(), expected, found, of_event: false }
    }

    /// Whether it is why its event could not be looked at; then nothing else was.
    pub fn is_of_reading(&self) -> bool {
        self.place == UNREAD
    }

    /// With values of the event.
    pub fn full(&self) -> String {
        let Self { place, expected, found, .. } = self;
        format!("{place}: expected {expected}, found {found}")
    }

    /// Without any value of the event: for logs, and for those who may not read bodies.
    pub fn brief(&self) -> String {
        if self.of_event {
            format!("{}: found another value than expected", self.place)
        } else {
            self.full()
        }
    }
}

impl Report {
    /// The enabled rules that no test exercised, in file order.
    pub fn unexercised<'s>(&self, snapshot: &'s Snapshot) -> Vec<&'s Rule> {
        let rules = snapshot.rules.rules().iter();
        rules.filter(|rule| rule.enabled && !self.exercised.contains(&rule.name)).collect()
    }
}

/// Runs `trials` under the rules of `snapshot`, until time is up.
pub fn run<'t>(
    snapshot: &Snapshot,
    trials: impl IntoIterator<Item = &'t Trial>,
    until: Option<Instant>,
) -> Report {
    let mut report = Report { verdicts: Vec::new(), took: Vec::new(), exercised: HashSet::new() };
    for trial in trials {
        if until.is_some_and(|until| Instant::now() >= until) {
            break;
        }
        let began = Instant::now();
        let (differences, matched) = verdict(snapshot, trial);
        report.took.push(began.elapsed());
        report.verdicts.push(differences);
        report.exercised.extend(matched);
    }
    report
}

/// Where the event of a test goes, and why; or why it has none.
pub fn explain(snapshot: &Snapshot, trial: &Trial) -> Result<Explanation, String> {
    Ok(explain_sample(snapshot, body(trial)?, sample(trial), NOW))
}

fn verdict(snapshot: &Snapshot, trial: &Trial) -> (Vec<Difference>, Vec<RuleName>) {
    let read = body(trial).and_then(|body| {
        sampled(snapshot, body, sample(trial), NOW).map_err(|why| why.to_string())
    });
    let event = match read {
        Ok(event) => event,
        Err(why) => {
            let difference = Difference::plain(UNREAD, "one that rules can look at", why);
            return (vec![difference], Vec::new());
        }
    };
    let plan = snapshot.rules.plan(&event);
    let mut differences = Vec::new();
    routing(&trial.expect, &plan, &mut differences);
    sends(snapshot, &event, &trial.expect, &plan, &mut differences);
    differences.truncate(DIFFERENCES_MAX);
    let Plan { mut rules, shadow, .. } = plan;
    rules.extend(shadow);
    (differences, rules)
}

fn sample(trial: &Trial) -> Sample {
    Sample {
        source: trial.source.clone(),
        headers: trial.headers.clone(),
        query: trial.query.clone(),
    }
}

/// The body of a test's event, changed as it says.
fn body(trial: &Trial) -> Result<Bytes, String> {
    let body = trial.event.clone()?;
    if trial.change.is_empty() {
        return Ok(body);
    }
    let document = Document::parse(&body).map_err(|why| why.to_string())?;
    let mut value = Arc::unwrap_or_clone(document.shared());
    for change in &trial.change {
        match change {
            Change::Set(path, new) => path
                .set(&mut value, new.clone())
                .map_err(|why| format!("{path} cannot be changed: {why}"))?,
            Change::Remove(path) => {
                path.remove(&mut value);
            }
        }
    }
    Ok(value.to_string().into())
}

/// Compares where the event goes.
fn routing(expect: &Expect, plan: &Plan, differences: &mut Vec<Difference>) {
    let found = match &plan.disposition {
        Disposition::Routed(planned) => listed(planned.iter().map(|p| p.target.as_str())),
        Disposition::Ignored => "nobody: it is ignored".to_owned(),
        Disposition::Unrouted => "nobody: it is unrouted".to_owned(),
    };
    if let Some(fate) = expect.fate {
        let (place, holds) = match fate {
            Fate::Unrouted => ("unrouted", plan.disposition == Disposition::Unrouted),
            Fate::Ignored => ("ignored", plan.disposition == Disposition::Ignored),
        };
        if !holds {
            differences.push(Difference::plain(
                place,
                "it to go nowhere",
                format!("it goes to {found}"),
            ));
        }
    }
    if let Some(to) = &expect.to {
        let wanted: BTreeSet<&TargetName> = to.iter().collect();
        if wanted != planned(plan).iter().map(|planned| &planned.target).collect() {
            let expected = listed(to.iter().map(TargetName::as_str));
            differences.push(Difference::plain("to", expected, found));
        }
    }
    let matched = [("rules", &expect.rules, &plan.rules), ("shadow", &expect.shadow, &plan.shadow)];
    for (place, expected, found) in matched {
        let Some(expected) = expected else { continue };
        let wanted: BTreeSet<&RuleName> = expected.iter().collect();
        if wanted != found.iter().collect() {
            let names = |rules: &[RuleName]| listed(rules.iter().map(RuleName::as_str));
            differences.push(Difference::plain(place, names(expected), names(found)));
        }
    }
}

fn planned(plan: &Plan) -> &[Planned] {
    match &plan.disposition {
        Disposition::Routed(planned) => planned,
        Disposition::Ignored | Disposition::Unrouted => &[],
    }
}

/// Compares what targets are sent.
fn sends(
    snapshot: &Snapshot,
    event: &Event,
    expect: &Expect,
    plan: &Plan,
    differences: &mut Vec<Difference>,
) {
    let info = AttemptInfo { number: 1, replay: false, now: NOW };
    for expected in &expect.sends {
        let place = format!("sends.{}", expected.target);
        let goes = planned(plan).iter().any(|planned| planned.target == expected.target);
        let target = snapshot.targets.get(&expected.target).filter(|_| goes);
        match target.map(|target| target.render(event, &plan.rules, info)) {
            None => differences.push(Difference::plain(
                &place,
                "a request",
                "none: the event does not go there",
            )),
            Some(Err(failure)) => {
                let found = format!("none: {}: {failure}", failure.reason);
                differences.push(Difference::plain(&place, "a request", found));
            }
            Some(Ok(request)) => compare::request(&place, expected, &request, differences),
        }
    }
}

fn listed<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let names: Vec<&str> = names.collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
