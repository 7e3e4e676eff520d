//! `reload`: reads the configuration again, now.

use serde_json::{Value, json};

use super::api::{AdminArgs, Api};
use super::exit::{Exit, Failure};
use super::output::{Form, Ink, Out, OutputArgs};
use super::status::problem_line;
use crate::admin::wire;

/// Read the configuration again, now
///
/// It is read by itself when it changes; this tells how that went. Exits 1 with every problem if it is refused, which
/// changes nothing.
#[derive(Debug, clap::Args)]
pub(super) struct Reload {
    #[command(flatten)]
    admin: AdminArgs,
    #[command(flatten)]
    output: OutputArgs,
}

impl Reload {
    pub(super) async fn execute(self) -> Result<Exit, Failure> {
        match Api::new(&self.admin)?.try_post(&["-", "reload"], &json!({})).await? {
            Ok(told) => Exit::Ok.after(self.output.show(&told, text)),
            // Programs get the problems one by one.
            Err((told, _)) if self.output.form == Form::Json => {
                Exit::Findings.after(Out::stdout().json(&told.read::<Value>()?))
            }
            Err((_, failure)) => Err(failure),
        }
    }
}

fn text(reloaded: &wire::Reloaded, out: &Out) -> String {
    let number = reloaded.revision.number;
    let mut text = if reloaded.result == "published" {
        out.paint(Ink::Good, &format!("revision {number} runs now"))
    } else {
        format!("nothing changed: revision {number} goes on")
    };
    for problem in &reloaded.warnings {
        let line = format!("\nwarning: {}", problem_line(problem));
        text.push_str(&out.paint(Ink::Careful, &line));
    }
    for key in &reloaded.restart_pending {
        let line = format!("\n{key} was changed and keeps its old value until a restart");
        text.push_str(&out.paint(Ink::Careful, &line));
    }
    text
}
