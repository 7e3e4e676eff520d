//! What the demo says. It is the first thing that a newcomer sees: short, and each line means something.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::{Exit, Failure, Out, Received};
use crate::cli::output::{Ink, clean, count};
use crate::cli::sink;
use crate::name::RuleName;
use crate::rule::{PredicateTrace, RuleOutcome, RuleTrace};
use crate::store::{Attempt, DeliveryRecord, DeliveryState};

/// Most lines of a message that are shown.
const MESSAGE_LINES: usize = 8;
/// Most characters of such a line.
const MESSAGE_WIDTH: usize = 96;

/// Where things are.
#[derive(Debug)]
pub(super) struct Places {
    pub(super) listen: SocketAddr,
    pub(super) admin: SocketAddr,
    pub(super) receiver: SocketAddr,
    pub(super) rules: PathBuf,
}

/// What became of one event.
#[derive(Debug)]
pub(super) struct Routed {
    /// From sending to the answer.
    pub(super) took: Duration,
    /// The rules that matched.
    pub(super) rules: Vec<RuleName>,
    /// All rules, and why.
    pub(super) traces: Vec<RuleTrace>,
    /// Its deliveries with their attempts.
    pub(super) deliveries: Vec<(DeliveryRecord, Vec<Attempt>)>,
}

impl Routed {
    /// A failure that names the first delivery that was not made.
    pub(super) fn all_delivered(&self) -> Result<(), Failure> {
        let missing = self
            .deliveries
            .iter()
            .find(|(delivery, _)| !matches!(delivery.state, DeliveryState::Delivered { .. }));
        missing.map_or(Ok(()), |(delivery, attempts)| {
            let last = attempts.last().map_or("it was never tried", |attempt| &attempt.detail);
            let text = format!("the delivery to {} was not made: {last}", delivery.target);
            Err(Failure::new(Exit::Findings, text))
        })
    }
}

/// The heading and the addresses.
pub(super) fn opening(places: &Places, out: &Out) -> String {
    let Places { listen, admin, receiver, rules } = places;
    let line = |name: &str, address: &str, note: &str| {
        format!(
            "  {}  {address:<32}  {}",
            out.paint(Ink::Faint, &format!("{name:<9}")),
            out.paint(Ink::Faint, note)
        )
    };
    [
        format!(
            "{}: one call of a voice agent, routed as it happens",
            out.paint(Ink::Strong, "hookswitch demo")
        ),
        String::new(),
        line("webhooks", &format!("http://{listen}/webhook"), "what you would give to Retell"),
        line("API", &format!("http://{admin}"), "status, events, replay, metrics"),
        line("stand-ins", &format!("http://{receiver}"), "plays Slack and the CRM"),
        line("rules", &rules.display().to_string(), "edit it: it is read again while this runs"),
    ]
    .map(|line| line.trim_end().to_owned())
    .join("\n")
}

/// One event: how it was answered, which rules matched and why, what each target answered.
pub(super) fn event(name: &str, routed: &Routed, arrived: &[Received], out: &Out) -> String {
    let mut text = format!(
        "\n{}  {} in {}",
        out.paint(Ink::Strong, name),
        out.paint(Ink::Good, "204"),
        shown(routed.took)
    );
    for trace in routed.traces.iter().filter(|trace| routed.rules.contains(&trace.rule)) {
        let because = reason(trace);
        let because = if because.is_empty() { "matches every event".to_owned() } else { because };
        push(&mut text, &format!("  {} {}", out.paint(Ink::Good, "✓"), trace.rule));
        push(&mut text, &format!("      {}", out.paint(Ink::Faint, &because)));
    }
    let passed = routed.traces.iter().filter(|t| t.outcome == RuleOutcome::NotMatched).count();
    if routed.rules.is_empty() {
        push(&mut text, "  no rule matched");
    }
    if passed > 0 {
        let others = count(u64::try_from(passed).unwrap_or(0), "other rule");
        push(&mut text, &out.paint(Ink::Faint, &format!("  – {others} did not match")));
    }
    for (delivery, attempts) in &routed.deliveries {
        push(&mut text, &self::delivery(delivery, attempts, out));
        for request in arrived.iter().filter(|request| to(request, delivery)) {
            message(&mut text, request, out);
        }
    }
    text
}

/// Whether a request came from a delivery's target; the stand-ins tell targets apart by their path.
fn to(request: &Received, delivery: &DeliveryRecord) -> bool {
    let path = request.target.trim_start_matches('/');
    delivery.target.as_str().contains(path)
}

fn delivery(delivery: &DeliveryRecord, attempts: &[Attempt], out: &Out) -> String {
    let target = out.paint(Ink::Name, delivery.target.as_str());
    let arrow = out.paint(Ink::Strong, "→");
    let last = attempts.last();
    let answer = last.map_or_else(String::new, |attempt| {
        let status =
            attempt.status.map_or_else(|| clean(&attempt.detail), |status| status.to_string());
        format!("{status} in {}", shown(attempt.took))
    });
    let state = match delivery.state {
        DeliveryState::Delivered { .. } => out.paint(Ink::Good, "delivered"),
        DeliveryState::Dead { reason, .. } => {
            out.paint(Ink::Bad, &format!("dead letter: {reason}"))
        }
        DeliveryState::Pending { .. } => out.paint(Ink::Careful, "waits"),
    };
    format!("  {arrow} {target}  {state}  {}", out.paint(Ink::Faint, &answer)).trim_end().to_owned()
}

/// The message as the target sees it, shortened.
fn message(text: &mut String, request: &Received, out: &Out) {
    let lines = sink::body(&request.body);
    for line in lines.iter().filter(|line| !line.trim().is_empty()).take(MESSAGE_LINES) {
        let mut cut: String = line.chars().take(MESSAGE_WIDTH).collect();
        if line.chars().nth(MESSAGE_WIDTH).is_some() {
            cut.push('…');
        }
        push(text, &format!("      {} {cut}", out.paint(Ink::Faint, "│")));
    }
    if lines.len() > MESSAGE_LINES {
        push(text, &format!("      {}", out.paint(Ink::Faint, "│ …")));
    }
}

/// What is left to say.
pub(super) fn closing(places: &Places, made: usize, once: bool, out: &Out) -> String {
    let deliveries = count(u64::try_from(made).unwrap_or(0), "delivery");
    let done = format!("\n{deliveries} made, each with its event on disk before the 204.");
    let done = out.paint(Ink::Good, &done);
    if once {
        return done;
    }
    let Places { listen, admin, .. } = places;
    format!(
        "{done}\n\nTry one of your own:\n\n  curl -i http://{listen}/webhook -H 'content-type: application/json' \\\n    \
         --data '{SAMPLE}'\n\n  hookswitch events --admin http://{admin}\n\nWhat the stand-ins receive is shown here. \
         Ctrl-C ends the demo and removes its files."
    )
}

/// A small event that the example rules route.
const SAMPLE: &str = r#"{"event":"call_ended","call":{"call_id":"call_mine","agent_id":"agent_mine","duration_ms":61000}}"#;

/// Why a rule matched, on one line: every predicate that held.
fn reason(trace: &RuleTrace) -> String {
    let mut parts = Vec::new();
    for predicate in &trace.predicates {
        leaves(predicate, "", &mut parts);
    }
    parts.join(", ")
}

fn leaves(predicate: &PredicateTrace, prefix: &str, parts: &mut Vec<String>) {
    if predicate.parts.is_empty() {
        parts.push(format!("{prefix}{} {}", predicate.field, predicate.expected));
        return;
    }
    let prefix = if predicate.field == "not" { "not " } else { prefix };
    for part in predicate.parts.iter().filter(|part| part.holds || predicate.field != "any") {
        leaves(part, prefix, parts);
    }
}

fn push(text: &mut String, line: &str) {
    // Writing to a `String` cannot fail.
    let written = write!(text, "\n{}", line.trim_end());
    debug_assert!(written.is_ok());
}

fn shown(took: Duration) -> String {
    format!("{:.1} ms", took.as_secs_f64() * 1000.0)
}
