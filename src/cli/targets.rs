//! `targets`: how they are; pausing and resuming them.

use serde_json::json;

use super::api::{AdminArgs, Api};
use super::exit::{Exit, Failure};
use super::output::{Ink, Out, OutputArgs, Table, cell, inked, moment};
use crate::admin::wire;

/// List, pause or resume targets
#[derive(Debug, clap::Subcommand)]
pub(super) enum Targets {
    /// List them: what waits, what was given up, circuit, last failure
    List(List),
    /// Send nothing to a target until it is resumed; its deliveries wait
    Pause(Named),
    /// Send to it again
    Resume(Named),
}

#[derive(Debug, clap::Args)]
pub(super) struct List {
    #[command(flatten)]
    admin: AdminArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Debug, clap::Args)]
pub(super) struct Named {
    /// The target
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    admin: AdminArgs,
    #[command(flatten)]
    output: OutputArgs,
}

impl Targets {
    pub(super) async fn execute(self) -> Result<Exit, Failure> {
        match self {
            Self::List(List { admin, output }) => {
                let told = Api::new(&admin)?.get(&["api", "v1", "targets"], &[]).await?;
                output.show(&told, |page: &wire::Targets, out| text(&page.targets, out))?;
            }
            Self::Pause(named) => named.change("pause").await?,
            Self::Resume(named) => named.change("resume").await?,
        }
        Ok(Exit::Ok)
    }
}

impl Named {
    async fn change(self, verb: &str) -> Result<(), Failure> {
        let api = Api::new(&self.admin)?;
        let told = api.post(&["api", "v1", "targets", &self.name, verb], &json!({})).await?;
        self.output
            .show(&told, |target: &wire::Target, out| text(std::slice::from_ref(target), out))
    }
}

fn text(targets: &[wire::Target], out: &Out) -> String {
    if targets.is_empty() {
        return "no targets".to_owned();
    }
    let mut table =
        Table::new(&["TARGET", "KIND", "ADDRESS", "STATE", "PENDING", "DEAD", "LAST FAILURE"]);
    for target in targets {
        let (state, ink) = state(target);
        let failure = target.last_failure.as_ref();
        table.row([
            inked(&target.name, Ink::Name),
            cell(target.kind.as_deref().unwrap_or("-")),
            cell(target.address.as_deref().unwrap_or("-")),
            inked(state, ink),
            cell(target.pending.to_string()),
            cell(target.dead_letters.to_string()),
            cell(failure.map_or_else(
                || "-".to_owned(),
                |failure| format!("{} {}", moment(&failure.at), failure.detail),
            )),
        ]);
    }
    table.lines(out.coloured())
}

fn state(target: &wire::Target) -> (&'static str, Ink) {
    match (target.configured, target.paused, target.circuit.as_str()) {
        (false, _, _) => ("not configured", Ink::Careful),
        (true, true, _) => ("paused", Ink::Careful),
        (true, false, "open") => ("circuit open", Ink::Bad),
        (true, false, "probing") => ("probing", Ink::Careful),
        (true, false, _) => ("good", Ink::Good),
    }
}
