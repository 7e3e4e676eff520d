//! `replay`: a stored event once more.

use std::path::{Path, PathBuf};

use super::api::{AdminArgs, Api};
use super::exit::{Exit, Failure};
use super::files;
use super::output::{Ink, Out, OutputArgs, count};
use crate::admin::wire;

/// Send a stored event once more, under the rules that run now
///
/// Makes new deliveries with the same `webhook-id`, past the check for repeats. With --edit it makes a new event of another body, which goes only to targets that the rules name for it.
#[derive(Debug, clap::Args)]
pub(super) struct Replay {
    /// The event's id, as `events` shows it
    #[arg(value_name = "ID")]
    id: String,
    /// Only to this target, whatever the rules say
    #[arg(long, value_name = "TARGET", conflicts_with = "original")]
    to: Option<String>,
    /// To the targets that were planned on arrival
    #[arg(long)]
    original: bool,
    /// With this body instead, as a new event, where the rules send it; `-` is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "original")]
    edit: Option<PathBuf>,
    #[command(flatten)]
    admin: AdminArgs,
    #[command(flatten)]
    output: OutputArgs,
}

impl Replay {
    pub(super) async fn execute(self) -> Result<Exit, Failure> {
        let body = self.edit.as_deref().map(edited).transpose()?;
        let wanted = wire::ReplayRequest { to: self.to, original: self.original, body };
        let api = Api::new(&self.admin)?;
        let told = api.post(&["api", "v1", "events", &self.id, "replay"], &wanted).await;
        let told = told.map_err(in_options)?;
        self.output.show(&told, text)?;
        Ok(Exit::Ok)
    }
}

/// What the API advises, in the words of the command: its members are options here.
fn in_options(mut failure: Failure) -> Failure {
    if let Failure::Told { message, .. } = &mut failure {
        for (member, option) in [("`to`", "`--to`"), ("`original`", "`--original`")] {
            *message = message.replace(member, option);
        }
    }
    failure
}

/// The edited body.
fn edited(file: &Path) -> Result<String, Failure> {
    String::from_utf8(files::event(file)?.into()).map_err(|error| {
        Failure::because(Exit::Usage, &format!("{} is no text", file.display()), &error)
    })
}

fn text(replayed: &wire::Replayed, out: &Out) -> String {
    let number = u64::try_from(replayed.deliveries.len()).unwrap_or(u64::MAX);
    let targets: Vec<_> =
        replayed.deliveries.iter().map(|delivery| out.paint(Ink::Name, &delivery.target)).collect();
    let made = format!(
        "{} made by revision {}: {}",
        count(number, "delivery"),
        replayed.revision,
        targets.join(", ")
    );
    if replayed.edited_from.is_some() {
        return format!("{}  {made}", replayed.event);
    }
    if replayed.skipped.is_empty() {
        return made;
    }
    let skipped = replayed.skipped.join(", ");
    format!("{made}\nnot made, because the configuration has no such target any more: {skipped}")
}
