//! `status`: how a running instance is.

use super::api::{AdminArgs, Api};
use super::exit::{Exit, Failure};
use super::output::{Ink, Out, OutputArgs, Table, bytes, cell, count, inked};
use crate::admin::wire;

/// Show how a running instance is: configuration, store, backlog
#[derive(Debug, clap::Args)]
pub(super) struct Status {
    #[command(flatten)]
    admin: AdminArgs,
    #[command(flatten)]
    output: OutputArgs,
}

impl Status {
    pub(super) async fn execute(self) -> Result<Exit, Failure> {
        let told = Api::new(&self.admin)?.get(&["api", "v1", "status"], &[]).await?;
        self.output.show(&told, text)?;
        Ok(Exit::Ok)
    }
}

fn text(status: &wire::Status, out: &Out) -> String {
    let wire::Status { version, ready, configuration, store, .. } = status;
    let mut table = Table::bare();
    let mut row = |name: &str, text: String, ink: Option<Ink>| {
        table.row([inked(format!("  {name}"), Ink::Faint), (text, ink)]);
    };
    let revision = &configuration.revision;
    row("configuration", configuration.file.clone(), None);
    row(
        "revision",
        format!(
            "{} ({}): {}, {}, {}",
            revision.number,
            revision.hash.chars().take(12).collect::<String>(),
            count(wide(configuration.sources.len()), "source"),
            count(wide(configuration.rules), "rule"),
            count(wide(configuration.targets), "target"),
        ),
        None,
    );
    for problem in &configuration.refused {
        row("file refused", problem_line(problem), Some(Ink::Bad));
    }
    for problem in &configuration.warnings {
        row("warning", problem_line(problem), Some(Ink::Careful));
    }
    for key in &configuration.restart_pending {
        row("needs a restart", key.clone(), Some(Ink::Careful));
    }
    let healthy = (store.health != "writable").then_some(Ink::Bad);
    row("store", store.health.clone(), healthy);
    row(
        "holds",
        format!(
            "{}, {} of {}",
            count(store.events, "event"),
            bytes(store.bytes),
            bytes(store.max_bytes)
        ),
        None,
    );
    let ink = |number: u64, ink| (number > 0).then_some(ink);
    row("pending", count(store.pending, "delivery"), None);
    row(
        "given up",
        count(store.dead_letters, "dead letter"),
        ink(store.dead_letters, Ink::Careful),
    );
    row("quarantined", count(store.quarantined, "event"), ink(store.quarantined, Ink::Careful));
    for warning in &store.warnings {
        row("store warning", warning.clone(), Some(Ink::Careful));
    }
    for (name, value) in &store.facts {
        row(name, value.clone(), None);
    }
    let state = if ready.ready {
        out.paint(Ink::Good, "ready")
    } else {
        out.paint(Ink::Bad, &format!("not ready: {}", ready.reasons.join(", ")))
    };
    format!("hookswitch {version}, {state}\n{}", table.lines(out.coloured()))
}

/// One problem on one line: place, text, what to do.
pub(super) fn problem_line(problem: &wire::Problem) -> String {
    let place = match (problem.line, problem.column) {
        (Some(line), Some(column)) => format!("{line}:{column} "),
        _ => String::new(),
    };
    let hint = problem.hint.as_ref().map_or_else(String::new, |hint| format!(" ({hint})"));
    let path = if problem.path.is_empty() { String::new() } else { format!("{}: ", problem.path) };
    cell(format!("{place}{} {path}{}{hint}", problem.code, problem.text)).0
}

fn wide(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
