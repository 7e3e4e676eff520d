//! `dead-letters`: what was given up, and what to do with it.

use super::api::{AdminArgs, Api};
use super::exit::{Exit, Failure};
use super::output::{Ink, Out, OutputArgs, Table, cell, count, inked, moment};
use crate::admin::wire;

/// List, retry or drop what was given up
#[derive(Debug, clap::Subcommand)]
pub(super) enum DeadLetters {
    /// List them, the last to die first, each with its reason
    List(List),
    /// Try them again, with a fresh age; without a choice, all of them
    Retry(Retry),
    /// Drop them for good; they stay in the history
    Drop(Discard),
}

/// Which dead letters.
#[derive(Debug, clap::Args)]
struct Choice {
    /// Of this target
    #[arg(long, value_name = "NAME")]
    target: Option<String>,
    /// With this reason: expired, rejected, redirect, gone, template, unreadable, `target_removed`
    #[arg(long, value_name = "REASON")]
    reason: Option<String>,
    /// Of this event
    #[arg(long, value_name = "EVENT_ID")]
    event: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(super) struct List {
    #[command(flatten)]
    choice: Choice,
    /// At most so many, up to 1,000
    #[arg(long, value_name = "NUMBER", default_value = "50")]
    limit: u16,
    /// Go on behind the cursor that an earlier listing ended with
    #[arg(long, value_name = "CURSOR")]
    cursor: Option<String>,
    #[command(flatten)]
    admin: AdminArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Debug, clap::Args)]
pub(super) struct Retry {
    /// These, by the ids that `list` shows
    #[arg(value_name = "ID")]
    ids: Vec<i64>,
    #[command(flatten)]
    choice: Choice,
    #[command(flatten)]
    admin: AdminArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("chosen").required(true).multiple(true)
    .args(["ids", "all", "target", "reason", "event"]))]
pub(super) struct Discard {
    /// These, by the ids that `list` shows
    #[arg(value_name = "ID")]
    ids: Vec<i64>,
    /// All that the other options leave
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    choice: Choice,
    #[command(flatten)]
    admin: AdminArgs,
    #[command(flatten)]
    output: OutputArgs,
}

impl DeadLetters {
    pub(super) async fn execute(self) -> Result<Exit, Failure> {
        match self {
            Self::List(list) => list.execute().await,
            Self::Retry(Retry { ids, choice, admin, output }) => {
                change("retry", choice.with(ids), &admin, output).await
            }
            Self::Drop(Discard { ids, all: _, choice, admin, output }) => {
                change("drop", choice.with(ids), &admin, output).await
            }
        }
    }
}

impl Choice {
    /// The selection for the API, which wants it said if everything is meant.
    fn with(self, ids: Vec<i64>) -> wire::Selection {
        let Self { target, reason, event } = self;
        let ids = (!ids.is_empty()).then_some(ids);
        let all = ids.is_none() && target.is_none() && reason.is_none() && event.is_none();
        wire::Selection { ids, target, reason, event, all }
    }
}

impl List {
    async fn execute(self) -> Result<Exit, Failure> {
        let query = [
            ("target", self.choice.target),
            ("reason", self.choice.reason),
            ("event", self.choice.event),
            ("limit", Some(self.limit.to_string())),
            ("cursor", self.cursor),
        ];
        let told = Api::new(&self.admin)?.get(&["api", "v1", "dead-letters"], &query).await?;
        self.output.show(&told, text)?;
        Ok(Exit::Ok)
    }
}

async fn change(
    verb: &str,
    selection: wire::Selection,
    admin: &AdminArgs,
    output: OutputArgs,
) -> Result<Exit, Failure> {
    let told = Api::new(admin)?.post(&["api", "v1", "dead-letters", verb], &selection).await?;
    let done = if verb == "drop" { "dropped" } else { "due again" };
    let changed: wire::Changed = told.read()?;
    output.show(&told, |changed: &wire::Changed, _| outcome(changed, done))?;
    let in_vain = changed.count == 0 && selection.ids.is_some();
    Ok(if in_vain { Exit::Findings } else { Exit::Ok })
}

/// How many were changed, and how many ids were given for nothing.
fn outcome(changed: &wire::Changed, done: &str) -> String {
    let text = format!("{} {done}", count(changed.count, "dead letter"));
    match changed.missing {
        None | Some(0) => text,
        Some(1) => format!("{text}; 1 of the ids is no dead letter"),
        Some(missing) => format!("{text}; {missing} of the ids are no dead letters"),
    }
}

fn text(page: &wire::DeadLetters, out: &Out) -> String {
    if page.dead_letters.is_empty() {
        return "no dead letters".to_owned();
    }
    let mut table =
        Table::new(&["ID", "GIVEN UP", "TARGET", "REASON", "EVENT", "TRIES", "LAST ATTEMPT"]);
    for letter in &page.dead_letters {
        let delivery = &letter.delivery;
        table.row([
            cell(delivery.id.to_string()),
            cell(delivery.ended_at.as_deref().map(moment).unwrap_or_default()),
            inked(&delivery.target, Ink::Name),
            inked(delivery.reason.as_deref().unwrap_or("-"), Ink::Bad),
            cell(format!("{} {}", letter.event.as_deref().unwrap_or("-"), letter.event_id)),
            cell(delivery.attempts.to_string()),
            cell(letter.detail.as_deref().unwrap_or("-")),
        ]);
    }
    let mut text = table.lines(out.coloured());
    if let Some(next) = &page.next {
        text.push_str(&out.paint(Ink::Faint, &format!("\nmore: --cursor {next}")));
    }
    text
}
