//! `check --against`: what a file would change for the events that an instance stored. The instance compares
//! (`POST /api/v1/preview`) and sends nothing; here it is asked, shown how far it is, and told to stop by hanging up.

use std::io::{self, IsTerminal, Write as _};
use std::path::Path;

use serde::{Deserialize as _, Serialize};
use serde_json::Value;
use url::Url;

use super::api::{self, Api};
use super::block_on;
use super::exit::{Exit, Failure};
use super::http::Flow;
use super::output::{Form, Ink, Out, Table, cell, clean, count, inked, moment};
use super::run::Stops;
use super::status::problem_line;
use crate::admin::wire::{
    Differing, Preview, PreviewLine, PreviewProgress, PreviewRequest, Problem, Sides, TargetChange,
};
use crate::config::{Code, Snapshot};

/// The most that one line may take, in bytes.
const LINE_MAX: usize = 64 << 20;
/// Most events that are listed for people; programs get all that the instance tells.
const EVENTS_SHOWN: usize = 50;

/// What to compare with.
#[derive(Debug, clap::Args)]
pub(super) struct AgainstArgs {
    /// Show what the file would change for the events that the instance at this address stored. Its token, if it has one, is read from `HOOKSWITCH_ADMIN_TOKEN`
    #[arg(long, value_name = "URL", value_parser = api::address)]
    against: Option<Url>,
    /// With --against: only events that arrived since: a time (`2026-01-31T08:00:00Z`) or how long ago
    #[arg(long, value_name = "WHEN", default_value = "24h", requires = "against")]
    since: String,
}

/// What `--output json` prints.
#[derive(Debug, Serialize)]
struct Report<'r> {
    file: &'r str,
    against: &'r str,
    #[serde(flatten)]
    preview: Value,
}

impl AgainstArgs {
    /// Whether there is something to compare with.
    pub(super) fn is_wanted(&self) -> bool {
        self.against.is_some()
    }

    /// Compares, and prints what came of it. Whether the traffic of the instance is a reason for a warning that the file alone is not.
    pub(super) fn compare(
        &self,
        path: &Path,
        snapshot: &Snapshot,
        form: Form,
    ) -> Result<bool, Failure> {
        let Some(url) = &self.against else { return Ok(false) };
        let api = Api::at(url.clone(), "--against")?;
        let since = Some(self.since.clone());
        let wanted = PreviewRequest { text: snapshot.text.to_string(), since, until: None };
        let told = block_on(async {
            let mut stops = Stops::listen()?;
            // What is dropped here closes the connection, and the instance stops.
            tokio::select! {
                stop = stops.next() => Err(Failure::Silent(stop.exit())),
                told = ask(&api, &wanted) => told,
            }
        })?;
        let preview = Preview::deserialize(&told).map_err(|error| {
            Failure::because(Exit::Unreachable, "the answer is no preview", &error)
                .hint("is the instance of another version?")
        })?;
        let mut out = Out::stdout();
        match form {
            Form::Json => out.json(&Report {
                file: &path.to_string_lossy(),
                against: &api.origin(),
                preview: told,
            })?,
            Form::Text => {
                let text = text(&preview, &api.origin(), &out);
                out.line(&format!("\n{text}"))?;
            }
        }
        Ok(of_traffic(&preview).next().is_some())
    }
}

/// Asks, and reads the lines until the one that ends it.
async fn ask(api: &Api, wanted: &PreviewRequest) -> Result<Value, Failure> {
    let mut meter = Meter::new();
    let mut flow = api.post_lines(&["api", "v1", "preview"], wanted).await?;
    let mut said = Vec::new();
    while let Some(line) = next(&mut flow, &mut said).await {
        match serde_json::from_slice::<PreviewLine>(&line) {
            Ok(PreviewLine::Progress(progress)) => meter.show(progress),
            Ok(PreviewLine::Result(_)) => {
                // As it was told, with members that only a newer instance knows.
                let mut line: Value = serde_json::from_slice(&line).unwrap_or_default();
                return Ok(line.get_mut("result").map(Value::take).unwrap_or_default());
            }
            Ok(PreviewLine::Error(error)) => {
                return Err(Failure::new(Exit::Unreachable, clean(&error.detail)));
            }
            // A later version may say something else in between.
            Err(_) => {}
        }
    }
    Err(Failure::new(Exit::Unreachable, "the instance ended before it had compared everything")
        .hint("it may have been stopped; its log says more"))
}

/// The next line; none at the end, and if there is no end to it.
async fn next(flow: &mut Flow, said: &mut Vec<u8>) -> Option<Vec<u8>> {
    let mut looked = 0;
    loop {
        if let Some(at) = said.iter().skip(looked).position(|byte| *byte == b'\n') {
            return Some(said.drain(..=looked + at).collect());
        }
        looked = said.len();
        if looked > LINE_MAX {
            return None;
        }
        said.extend_from_slice(&flow.part().await?);
    }
}

/// How far it is, on one line of a terminal that is taken away again.
struct Meter {
    terminal: bool,
}

impl Meter {
    fn new() -> Self {
        Self { terminal: io::stderr().is_terminal() }
    }

    fn show(&mut self, progress: PreviewProgress) {
        if self.terminal {
            let PreviewProgress { looked, of, differ } = progress;
            let of = of.map_or_else(String::new, |of| format!(" of {of}"));
            // That it cannot be shown is no reason not to go on.
            drop(write!(io::stderr(), "\r\u{1b}[Klooked at {looked}{of} events, {differ} differ"));
        }
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        if self.terminal {
            drop(write!(io::stderr(), "\r\u{1b}[K"));
        }
    }
}

/// For people.
fn text(preview: &Preview, origin: &str, out: &Out) -> String {
    let mut text = headline(preview, origin, out);
    let tables = [targets(preview), rules(preview), totals(preview), events(preview)];
    for table in tables.into_iter().flatten() {
        text.push_str("\n\n");
        text.push_str(&table.lines(out.coloured()));
    }
    let listed = preview.differing.len().min(EVENTS_SHOWN) as u64;
    let more = preview.differing_total.saturating_sub(listed);
    if more > 0 {
        push(&mut text, &format!("and {}", count(more, "more event")));
    }
    if preview.differing_total > 0 {
        push(
            &mut text,
            "\n`hookswitch explain ID --revision running` shows why an event goes where it goes",
        );
    }
    for problem in of_traffic(preview) {
        push(&mut text, &format!("\nWarning: {}", problem_line(problem)));
    }
    for note in &preview.notes {
        push(&mut text, &format!("\nNote: {}", clean(note)));
    }
    text
}

/// The warnings that only events can be a reason for; the others were found in the file.
fn of_traffic(preview: &Preview) -> impl Iterator<Item = &Problem> {
    let code = Code::RateExceeded.to_string();
    preview.warnings.iter().filter(move |problem| problem.code == code)
}

fn push(text: &mut String, line: &str) {
    text.push('\n');
    text.push_str(line);
}

fn headline(preview: &Preview, origin: &str, out: &Out) -> String {
    let hash: String = preview.running.hash.chars().take(12).collect();
    let unreadable = match preview.unreadable {
        0 => String::new(),
        number => format!(", and {number} that no rule can look at"),
    };
    let mut text = format!(
        "against revision {} ({}) at {origin}: {} since {}{unreadable}",
        preview.running.number,
        clean(&hash),
        count(preview.events, "event"),
        moment(&preview.since),
    );
    let verdict = match preview.differing_total {
        0 => "nothing would go elsewhere".to_owned(),
        differ => {
            let moved = preview.targets.iter().filter_map(moved);
            let moved: Vec<String> = moved.collect();
            let moved = if moved.is_empty() { "no delivery".to_owned() } else { moved.join(", ") };
            format!("{} would differ: {moved}", count(differ, "event"))
        }
    };
    let ink = if preview.differing_total == 0 { Ink::Good } else { Ink::Strong };
    push(&mut text, &out.paint(ink, &verdict));
    text
}

/// `+12 crm`, `−3 sales-slack`, `+2 −1 warehouse`.
fn moved(target: &TargetChange) -> Option<String> {
    Some(format!("{} {}", change(target)?, clean(&target.name)))
}

fn change(target: &TargetChange) -> Option<String> {
    match (target.gained, target.lost) {
        (0, 0) => None,
        (gained, 0) => Some(format!("+{gained}")),
        (0, lost) => Some(format!("−{lost}")),
        (gained, lost) => Some(format!("+{gained} −{lost}")),
    }
}

fn arrow(running: u64, new: u64) -> String {
    if running == new { running.to_string() } else { format!("{running} → {new}") }
}

fn targets(preview: &Preview) -> Option<Table> {
    let changed = || preview.targets.iter().filter_map(|target| Some((target, change(target)?)));
    changed().next()?;
    let mut table = Table::new(&["TARGET", "DELIVERIES", "CHANGE"]);
    for (target, change) in changed() {
        let deliveries = arrow(target.running, target.new);
        table.row([inked(&target.name, Ink::Name), cell(deliveries), cell(change)]);
    }
    Some(table)
}

fn rules(preview: &Preview) -> Option<Table> {
    let changed = || {
        preview.rules.iter().filter(|rule| {
            let Sides { running, new } = rule.deliveries;
            let shadow = rule.shadow.is_some_and(|shadow| shadow.new > 0);
            rule.running != rule.new || running != new || rule.only.is_some() || shadow
        })
    };
    changed().next()?;
    let mut table = Table::new(&["RULE", "MATCHES", "DELIVERIES", ""]);
    for rule in changed() {
        let only = match rule.only.as_deref() {
            Some("running") => "taken out",
            Some(_) => "new",
            None => "",
        };
        let only = match rule.shadow {
            Some(Sides { new, .. }) => {
                let comma = if only.is_empty() { "" } else { ", " };
                format!("{only}{comma}in shadow: would add {new}")
            }
            None => only.to_owned(),
        };
        let deliveries = arrow(rule.deliveries.running, rule.deliveries.new);
        table.row([
            inked(&rule.name, Ink::Name),
            cell(arrow(rule.running, rule.new)),
            cell(deliveries),
            inked(only, Ink::Faint),
        ]);
    }
    Some(table)
}

fn totals(preview: &Preview) -> Option<Table> {
    let all = [
        ("deliveries in all", preview.deliveries),
        ("deliveries by the fallback", preview.fallback),
        ("events that no rule matches", preview.unrouted),
        ("events that a rule ignores", preview.ignored),
        ("events that rules cannot look at", preview.quarantined),
    ];
    let changed = || all.iter().filter(|(_, sides)| sides.running != sides.new);
    changed().next()?;
    let mut table = Table::bare();
    for (what, sides) in changed() {
        table.row([cell(*what), cell(arrow(sides.running, sides.new))]);
    }
    Some(table)
}

fn events(preview: &Preview) -> Option<Table> {
    preview.differing.first()?;
    let mut table = Table::new(&["EVENT", "ARRIVED", "NAME", "CALL", "CHANGE"]);
    for event in preview.differing.iter().take(EVENTS_SHOWN) {
        let or_dash = |text: &Option<String>| cell(text.as_deref().unwrap_or("-"));
        table.row([
            cell(&event.event),
            cell(moment(&event.received_at)),
            or_dash(&event.name),
            or_dash(&event.call),
            cell(elsewhere(event)),
        ]);
    }
    Some(table)
}

/// `+crm −sales-slack`, or how it goes nowhere.
fn elsewhere(event: &Differing) -> String {
    let gains = event.gains.iter().map(|target| format!("+{target}"));
    let loses = event.loses.iter().map(|target| format!("−{target}"));
    let mut moves: Vec<String> = gains.chain(loses).collect();
    if event.before != event.after {
        moves.push(format!("({} → {})", event.before, event.after));
    }
    moves.join(" ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn preview() -> Preview {
        serde_json::from_value(json!({
            "running": { "number": 7, "hash": "5f0c1234567890abcdef" },
            "since": "2026-01-30T08:00:00.000Z", "until": "2026-01-31T08:00:00.000Z",
            "events": 1204, "unreadable": 2, "deliveries": { "running": 13, "new": 22 },
            "rules": [
                { "name": "angry", "running": 3, "new": 12, "deliveries": { "running": 3, "new": 12 } },
                { "name": "same", "running": 1, "new": 1, "deliveries": { "running": 1, "new": 1 } },
                { "name": "trial", "running": 0, "new": 7, "only": "new", "deliveries": { "running": 0, "new": 0 }, "shadow": { "running": 0, "new": 5 } },
                { "name": "sales", "running": 3, "new": 0, "only": "running", "deliveries": { "running": 3, "new": 0 } },
            ],
            "targets": [
                { "name": "crm", "running": 10, "new": 22, "gained": 12, "lost": 0 },
                { "name": "quiet", "running": 1, "new": 1, "gained": 0, "lost": 0 },
                { "name": "sales-slack", "running": 3, "new": 0, "gained": 0, "lost": 3 },
            ],
            "fallback": { "running": 0, "new": 0 }, "unrouted": { "running": 4, "new": 0 },
            "ignored": { "running": 1, "new": 1 }, "quarantined": { "running": 0, "new": 0 },
            "differing": [
                {
                    "event": "0197f0a2-6b1c-7c3e-9f00-1d2c3b4a5968", "received_at": "2026-01-30T09:00:00.000Z",
                    "name": "call_analyzed", "call": "call_1\u{1b}[2J", "gains": ["crm"], "loses": ["sales-slack"],
                    "before": "routed", "after": "routed", "rules_before": ["sales"], "rules_after": ["angry"],
                },
                {
                    "event": "0197f0a2-6b1c-7c3e-9f00-1d2c3b4a5969", "received_at": "2026-01-30T09:00:00.000Z",
                    "gains": ["crm"], "loses": [], "before": "unrouted", "after": "routed",
                    "rules_before": [], "rules_after": ["angry"],
                },
            ],
            "differing_total": 15, "warnings": [], "notes": ["a header is not kept"],
        }))
        .unwrap()
    }

    #[test]
    fn what_differs_is_told_and_what_does_not_is_left_out() {
        let text = text(&preview(), "http://127.0.0.1:8081", &Out::stdout());
        let expected = "\
against revision 7 (5f0c12345678) at http://127.0.0.1:8081: 1204 events since 2026-01-30 08:00:00Z, and 2 that no rule can look at
15 events would differ: +12 crm, −3 sales-slack

TARGET       DELIVERIES  CHANGE
crm          10 → 22     +12
sales-slack  3 → 0       −3

RULE   MATCHES  DELIVERIES
angry  3 → 12   3 → 12
trial  0 → 7    0           new, in shadow: would add 5
sales  3 → 0    3 → 0       taken out

deliveries in all            13 → 22
events that no rule matches  4 → 0

EVENT                                 ARRIVED               NAME           CALL             CHANGE
0197f0a2-6b1c-7c3e-9f00-1d2c3b4a5968  2026-01-30 09:00:00Z  call_analyzed  call_1\\u{1b}[2J  +crm −sales-slack
0197f0a2-6b1c-7c3e-9f00-1d2c3b4a5969  2026-01-30 09:00:00Z  -              -                +crm (unrouted → routed)
and 13 more events

`hookswitch explain ID --revision running` shows why an event goes where it goes

Note: a header is not kept";
        assert_eq!(text, expected);
    }

    #[test]
    fn where_nothing_differs_it_says_so() {
        let same = Preview {
            differing: Vec::new(),
            differing_total: 0,
            targets: Vec::new(),
            rules: Vec::new(),
            unrouted: Sides { running: 0, new: 0 },
            deliveries: Sides { running: 1, new: 1 },
            notes: Vec::new(),
            unreadable: 0,
            events: 1,
            ..preview()
        };
        let text = text(&same, "http://127.0.0.1:8081", &Out::stdout());
        assert_eq!(
            text,
            "against revision 7 (5f0c12345678) at http://127.0.0.1:8081: 1 event since 2026-01-30 08:00:00Z\n\
             nothing would go elsewhere"
        );
    }
}
