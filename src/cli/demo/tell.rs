//! What the demo says. It is the first thing that a newcomer sees: short, and each line means something.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::{Exit, Failure, Out, Received};
use crate::cli::output::{Ink, Table, cell, clean, count, inked};
use crate::cli::sink;
use crate::explain::Explanation;
use crate::rule::PredicateTrace;
use crate::store::{Attempt, DeliveryRecord, DeliveryState, EventRecord, EventState};

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
    /// From sending to the answer, if it was sent here.
    pub(super) took: Option<Duration>,
    /// The event as it is stored.
    pub(super) event: EventRecord,
    /// Why it went where it went.
    pub(super) explanation: Explanation,
    /// Its deliveries with their attempts, and what the stand-in received.
    pub(super) deliveries: Vec<(DeliveryRecord, Vec<Attempt>, Option<Received>)>,
}

impl Routed {
    /// A failure that names the first delivery that was not made.
    pub(super) fn all_delivered(&self) -> Result<(), Failure> {
        let missing = self
            .deliveries
            .iter()
            .find(|(delivery, ..)| !matches!(delivery.state, DeliveryState::Delivered { .. }));
        missing.map_or(Ok(()), |(delivery, attempts, _)| {
            let last = attempts.last().map_or("it was never tried", |attempt| &attempt.detail);
            let text = format!("the delivery to {} was not made: {last}", delivery.target);
            Err(Failure::new(Exit::Findings, text))
        })
    }
}

/// What was played before the call.
#[derive(Debug, Default)]
pub(super) struct Played {
    /// Events sent.
    pub(super) events: u64,
    /// Deliveries that wait.
    pub(super) waiting: u64,
    /// Dead letters.
    pub(super) dead: u64,
}

/// The heading and the addresses.
pub(super) fn opening(places: &Places, once: bool, out: &Out) -> String {
    let Places { listen, admin, receiver, rules } = places;
    let lines = [
        ("webhooks", format!("http://{listen}/webhook"), "what you would give to Retell"),
        (
            "page",
            format!("http://{admin}"),
            "open it in a browser; the API and metrics are there, too",
        ),
        ("stand-ins", format!("http://{receiver}"), "plays Slack, the CRM and a warehouse"),
        ("rules", rules.display().to_string(), "edit it: it is read again while this runs"),
    ];
    let mut table = Table::bare();
    for (name, place, note) in lines {
        table.row([inked(format!("  {name}"), Ink::Faint), cell(place), inked(note, Ink::Faint)]);
    }
    let title = out.paint(Ink::Strong, "hookswitch demo");
    let what = if once {
        "one call of a voice agent, routed as it happens"
    } else {
        "an agency's voice agents, routed as it happens"
    };
    format!("{title}: {what}\n\n{}", table.lines(out.coloured()))
}

/// What the samples of the past came to.
pub(super) fn played(played: &Played, out: &Out) -> String {
    let Played { events, waiting, dead } = *played;
    let what = format!(
        "\nThe last four minutes, played in seconds: {}. The warehouse is out of order ({} waiting), the CRM\nrefuses one tenant ({}). More comes while this runs.\n\nOne call in full:",
        count(events, "event"),
        count(waiting, "delivery"),
        count(dead, "dead letter"),
    );
    out.paint(Ink::Faint, &what)
}

/// One sample, in one line.
pub(super) fn sample<'d>(
    event: &EventRecord,
    deliveries: impl Iterator<Item = &'d DeliveryRecord>,
    out: &Out,
) -> String {
    let name = clean(event.envelope.name.as_deref().unwrap_or("an event without a name"));
    let subject = clean(event.envelope.subject.as_deref().unwrap_or_default());
    let targets: Vec<_> = deliveries.map(|delivery| delivery.target.as_str()).collect();
    let to = if targets.is_empty() {
        out.paint(Ink::Faint, event.state.as_str())
    } else {
        format!("→ {}", out.paint(Ink::Name, &targets.join(", ")))
    };
    format!("{name}  {}  {to}", out.paint(Ink::Faint, &subject))
}

/// The samples have come to their end.
pub(super) fn no_more_samples(out: &Out) -> String {
    out.paint(Ink::Faint, "No more samples are sent; events of your own are still shown.")
}

/// One event: how it was answered, which rules matched and why, what each target answered and received.
pub(super) fn event(routed: &Routed, out: &Out) -> String {
    let Routed { took, event, explanation, deliveries } = routed;
    let name = event.envelope.name.as_deref().unwrap_or("an event without a name");
    let answered = took.map_or_else(String::new, |took| format!(" in {}", shown(took)));
    let mut lines = vec![
        String::new(),
        format!(
            "{}  {}{answered}",
            out.paint(Ink::Strong, &clean(name)),
            out.paint(Ink::Good, "204")
        ),
    ];
    let mut others = 0_usize;
    for rule in &explanation.rules {
        let (mark, watches) = if event.rules.contains(&rule.rule) {
            (out.paint(Ink::Good, "✓"), "")
        } else if event.shadow.contains(&rule.rule) {
            (out.paint(Ink::Faint, "✓"), " (in shadow: it matches, and sends nothing)")
        } else {
            others += 1;
            continue;
        };
        lines.push(format!("  {mark} {}{watches}", rule.rule));
        lines.push(out.paint(Ink::Faint, &format!("      {}", reason(&rule.predicates))));
    }
    let others = count(u64::try_from(others).unwrap_or(0), "rule");
    let others = match (&event.state, event.rules.is_empty(), deliveries.is_empty()) {
        (EventState::Routed, true, false) => {
            format!("no rule matched, so `fallback` decides ({others})")
        }
        (EventState::Routed, ..) => format!("{others} did not match"),
        (state, ..) => format!("{}: sent nowhere", state.as_str()),
    };
    lines.push(out.paint(Ink::Faint, &format!("  – {others}")));
    for (made, attempts, received) in deliveries {
        lines.push(delivery(made, attempts, out));
        lines.extend(received.iter().flat_map(|request| message(request, out)));
    }
    lines.join("\n")
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
fn message(request: &Received, out: &Out) -> Vec<String> {
    let lines = sink::body(&request.body);
    let bar = out.paint(Ink::Faint, "│");
    let mut shown: Vec<_> = lines
        .iter()
        .filter(|line| !line.trim().is_empty())
        .take(MESSAGE_LINES)
        .map(|line| {
            let more = if line.chars().nth(MESSAGE_WIDTH).is_some() { "…" } else { "" };
            format!("      {bar} {}{more}", line.chars().take(MESSAGE_WIDTH).collect::<String>())
        })
        .collect();
    if lines.len() > MESSAGE_LINES {
        shown.push(format!("      {bar} …"));
    }
    shown
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
    [
        done,
        String::new(),
        "Try one of your own; what becomes of it is shown here:".to_owned(),
        String::new(),
        format!("  curl -i http://{listen}/webhook -H 'content-type: application/json' \\\n    --data '{SAMPLE}'"),
        String::new(),
        format!("  hookswitch events --admin http://{admin}"),
        format!("  hookswitch dead-letters list --admin http://{admin}"),
        String::new(),
        out.paint(Ink::Faint, "Ctrl-C ends the demo and removes its files."),
    ]
    .join("\n")
}

/// A small event that the example rules route.
const SAMPLE: &str = r#"{"event":"call_analyzed","call":{"call_id":"call_mine","agent_id":"agent_mine","duration_ms":61000,"call_analysis":{"user_sentiment":"Negative","call_summary":"They waited too long."}}}"#;

/// Why a rule matched, on one line: every predicate that held.
fn reason(predicates: &[PredicateTrace]) -> String {
    let mut parts = Vec::new();
    for predicate in predicates {
        leaves(predicate, "", &mut parts);
    }
    if parts.is_empty() { "matches every event".to_owned() } else { parts.join(", ") }
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

fn shown(took: Duration) -> String {
    format!("{:.1} ms", took.as_secs_f64() * 1000.0)
}
