//! Why an event goes where it goes: the engine behind `hookswitch explain`, `POST /api/v1/explain` and the explanation of a
//! stored event.
//!
//! It runs what ingress and dispatch run (the reader, the plan, the rendering of requests) and tells what they would do.
//! It promises to send nothing, to store nothing, and to show no secret: of an address it shows the origin, of a
//! configured header the name. It does not guess what a target would answer, nor whether a source would accept the
//! request: signatures are not looked at.

mod request;
mod stored;
mod text;

use std::collections::HashSet;

use bytes::Bytes;
use serde::Serialize;

use crate::clock::Timestamp;
use crate::config::Snapshot;
use crate::event::{Envelope, Event, EventId, Intake, Pairs, RequestParts, Unreadable};
use crate::name::{RuleName, SourceName, TargetName};
use crate::rule::{
    Disposition, Effect, Flow, Mode, Plan, Planned, PredicateTrace, Rule, RuleOutcome, RuleTrace,
};
use crate::signature::Check;

pub use request::{BODY_SHOWN_MAX, ExplainedRequest};
pub use stored::{StoredExplanation, explain_kept};
pub use text::readable;

/// Everything about one event under one snapshot.
#[derive(Debug, Serialize)]
pub struct Explanation {
    /// `routed`, `ignored`, `unrouted`, `quarantined`.
    pub disposition: String,
    /// Why it is quarantined.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether its targets come from `fallback`.
    pub fallback: bool,
    /// Per rule, in file order; none of a quarantined event, which no rule is asked about.
    pub rules: Vec<ExplainedRule>,
    /// The requests that would go out, secrets masked.
    pub requests: Vec<ExplainedRequest>,
    /// Those that would go out, too, if the rules in shadow that matched were live.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shadow_requests: Vec<ExplainedRequest>,
}

/// One rule's account, and what the rule is for.
#[derive(Debug, Serialize)]
pub struct ExplainedRule {
    /// The rule.
    pub rule: RuleName,
    /// What became of it.
    pub outcome: RuleOutcome,
    /// Its predicates; empty for a rule without a condition or one that was not looked at.
    pub predicates: Vec<PredicateTrace>,
    /// The targets that it sends to.
    pub to: Vec<TargetName>,
    /// Whether it says `ignore`.
    pub ignore: bool,
    /// Whether later rules are not looked at once it matched.
    pub stop: bool,
    /// Whether it decides any of that, or only watches.
    pub mode: Mode,
    /// The line of the file where it begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
}

/// What a body that never arrived is to be taken for.
#[derive(Debug, Clone, Default)]
pub struct Sample {
    /// The source that would have received it; the first of the file if none is given.
    pub source: Option<SourceName>,
    /// Headers of its request, names in lower case.
    pub headers: Pairs,
    /// Query parameters of its request, percent-decoded.
    pub query: Pairs,
}

/// Explains `event`, which the snapshot's reader must have read.
pub fn explain(snapshot: &Snapshot, event: &Event, now: Timestamp) -> Explanation {
    let plan = snapshot.rules.plan(event);
    let rules = explained_rules(snapshot.rules.rules(), snapshot.rules.trace(event));
    let (disposition, planned) = match &plan.disposition {
        Disposition::Routed(planned) => ("routed", planned.as_slice()),
        Disposition::Ignored => ("ignored", [].as_slice()),
        Disposition::Unrouted => ("unrouted", [].as_slice()),
    };
    let requests = planned
        .iter()
        .map(|delivery| request::explained(snapshot, event, &plan.rules, delivery, now))
        .collect();
    Explanation {
        disposition: disposition.to_owned(),
        reason: None,
        fallback: by_fallback(&plan),
        shadow_requests: shadow_requests(snapshot, event, planned, &rules, now),
        rules,
        requests,
    }
}

/// What the targets of the rules in shadow would be sent, as if those rules were live; but not those that get the event
/// anyhow.
fn shadow_requests(
    snapshot: &Snapshot,
    event: &Event,
    planned: &[Planned],
    rules: &[ExplainedRule],
    now: Timestamp,
) -> Vec<ExplainedRequest> {
    let matched = || rules.iter().filter(|rule| rule.outcome == RuleOutcome::Matched);
    let mut names = None;
    let mut seen: HashSet<&TargetName> = planned.iter().map(|planned| &planned.target).collect();
    let in_shadow = matched().filter(|rule| rule.mode == Mode::Shadow);
    let targets = in_shadow.flat_map(|rule| &rule.to).filter(|target| seen.insert(target));
    let request = |target: &TargetName| {
        let names = names
            .get_or_insert_with(|| matched().map(|rule| rule.rule.clone()).collect::<Vec<_>>());
        let order_key = snapshot.rules.order_key(event, target);
        let planned = Planned { target: target.clone(), order_key };
        request::explained(snapshot, event, names, &planned, now)
    };
    targets.map(request).collect()
}

/// Explains a body as if it arrived now.
pub fn explain_sample(
    snapshot: &Snapshot,
    body: Bytes,
    sample: Sample,
    now: Timestamp,
) -> Explanation {
    match sampled(snapshot, body, sample, now) {
        Ok(event) => explain(snapshot, &event, now),
        Err(why) => unasked(why.to_string()),
    }
}

/// Why a body that never arrived is no event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoEvent {
    /// There is nothing that it could arrive at.
    #[error("the configuration has no source that could receive it")]
    NoSource,
    /// Rules cannot look at it.
    #[error("{0}")]
    Unreadable(Unreadable),
}

/// Reads a body as if it arrived now. Nothing is checked, on purpose: it was never received, and is not kept.
pub fn sampled(
    snapshot: &Snapshot,
    body: Bytes,
    sample: Sample,
    now: Timestamp,
) -> Result<Event, NoEvent> {
    let source =
        sample.source.or_else(|| snapshot.sources.first().map(|source| source.name.clone()));
    let source = source.ok_or(NoEvent::NoSource)?;
    let verified = Check::Unsigned
        .verify(&source, body, &[], now)
        .map_err(|_never_refused| NoEvent::NoSource)?;
    let read = snapshot.rules.reader().read(
        verified,
        EventId::new(now, [0; 10]),
        RequestParts::default(),
        sample.headers,
        sample.query,
    );
    match read {
        Intake::Readable(event) => Ok(event),
        Intake::Quarantined { reason, .. } => Err(NoEvent::Unreadable(reason)),
    }
}

/// Explains a stored event as if it were planned now. Of the headers of its request only those that are stored are left,
/// so a condition on another finds nothing here.
pub fn explain_stored(
    snapshot: &Snapshot,
    envelope: &Envelope,
    body: &Bytes,
    now: Timestamp,
) -> Explanation {
    match snapshot.rules.reader().reread(envelope, body) {
        Ok(event) => explain(snapshot, &event, now),
        Err(reason) => quarantined(&reason),
    }
}

/// Explains an event that rules cannot look at.
pub fn quarantined(reason: &Unreadable) -> Explanation {
    unasked(reason.to_string())
}

fn unasked(reason: String) -> Explanation {
    Explanation {
        disposition: "quarantined".to_owned(),
        reason: Some(reason),
        fallback: false,
        rules: Vec::new(),
        requests: Vec::new(),
        shadow_requests: Vec::new(),
    }
}

/// A plan that names targets although no rule matched has them from `fallback`.
fn by_fallback(plan: &Plan) -> bool {
    plan.rules.is_empty() && matches!(plan.disposition, Disposition::Routed(_))
}

/// Joins each rule with its trace; there is one for each, in file order.
fn explained_rules(rules: &[Rule], traces: Vec<RuleTrace>) -> Vec<ExplainedRule> {
    rules
        .iter()
        .zip(traces)
        .map(|(rule, trace)| ExplainedRule {
            rule: trace.rule,
            outcome: trace.outcome,
            predicates: trace.predicates,
            to: match &rule.effect {
                Effect::Send(targets) => targets.clone(),
                Effect::Ignore => Vec::new(),
            },
            ignore: rule.effect == Effect::Ignore,
            stop: rule.flow == Flow::Stop,
            mode: rule.mode,
            line: rule.line,
        })
        .collect()
}
