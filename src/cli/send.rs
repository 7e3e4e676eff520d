//! `send`: one event to a running instance, signed like Retell signs.

use std::path::PathBuf;

use serde::Serialize;
use url::Url;

use super::api;
use super::exit::{Exit, Failure};
use super::files;
use super::http::{Answer, Ask, Http};
use super::output::{Form, Ink, Out, OutputArgs};
use crate::clock::{Clock, System};
use crate::config::{Environment, ProcessEnvironment};
use crate::secret::Secret;
use crate::signature::retell;

/// Post an event to a running instance, signed like Retell if you give a key
#[derive(Debug, clap::Args)]
pub(super) struct Send {
    /// The event as JSON; `-` is standard input
    #[arg(value_name = "EVENT.json")]
    event: PathBuf,
    /// The source's address
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080/webhook", value_parser = api::address)]
    to: Url,
    /// Sign with this key. Other users of this machine can see it while it runs: --sign-env hides it
    #[arg(long, value_name = "KEY", conflicts_with = "sign_env")]
    sign: Option<String>,
    /// Sign with the key in this environment variable, `RETELL_API_KEY` say
    #[arg(long, value_name = "VARIABLE")]
    sign_env: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
}

/// What `--output json` prints.
#[derive(Debug, Serialize)]
struct Sent<'s> {
    status: u16,
    event_id: Option<&'s str>,
    /// Whether it is a repeat with the same body: the id is that of the event that is stored already.
    duplicate: bool,
    /// Whether it has the identity of an earlier event and another body: it is stored, and goes nowhere.
    revised: bool,
    problem: Option<String>,
}

impl Send {
    pub(super) async fn execute(self) -> Result<Exit, Failure> {
        let body = files::event(&self.event)?;
        let mut headers = vec![("content-type", "application/json".to_owned())];
        if let Some(key) = self.key()? {
            headers.push(("x-retell-signature", retell::sign(&key, &body, System.now())));
        }
        let answer = Http::new()?.ask(&self.to, Ask { headers, body: Some(body) }).await;
        let answer = answer.map_err(|why| {
            let message = format!("cannot reach {}: {why}", shown(&self.to));
            Failure::new(Exit::Unreachable, message)
                .hint("is `hookswitch run` running there? Its log shows the address; `--to` chooses another")
        })?;
        let exit = if answer.ok() { Exit::Ok } else { Exit::Findings };
        exit.after(self.tell(&answer))
    }

    fn key(&self) -> Result<Option<Secret>, Failure> {
        let key = match (&self.sign, &self.sign_env) {
            (Some(key), _) => Some(key.clone()),
            (None, Some(name)) => Some(ProcessEnvironment.variable(name).ok_or_else(|| {
                // A key that was given in place of its name must not be repeated.
                let upper = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
                let name = if name.chars().all(upper) { &**name } else { "that --sign-env names" };
                Failure::new(Exit::Usage, format!("the environment variable {name} is not set"))
            })?),
            (None, None) => None,
        };
        if key.as_deref() == Some("") {
            return Err(Failure::new(Exit::Usage, "the key to sign with is empty"));
        }
        Ok(key.map(Secret::new))
    }

    fn tell(&self, answer: &Answer) -> Result<(), Failure> {
        let mut out = Out::stdout();
        let event_id = answer.header("x-hookswitch-event-id");
        let before = answer.header("x-hookswitch-duplicate");
        let (duplicate, revised) = (before == Some("true"), before == Some("revised"));
        let problem = if answer.ok() { None } else { answer.complaint() };
        if self.output.form == Form::Json {
            return out.json(&Sent {
                status: answer.status,
                event_id,
                duplicate,
                revised,
                problem,
            });
        }
        let ink = if answer.ok() { Ink::Good } else { Ink::Bad };
        let status = out.paint(ink, &answer.status.to_string());
        out.line(&match (answer.ok(), event_id, problem) {
            (true, Some(id), _) if duplicate => {
                format!("{status}  a repeat of {id}, with the same body: nothing is stored or sent again")
            }
            (true, Some(id), _) if revised => format!(
                "{status}  stored as {id}, but an event with the same identity came before with another body, so it goes \
                 nowhere; `hookswitch replay {id}` sends it"
            ),
            (true, Some(id), _) => format!("{status}  stored as {id}"),
            (true, None, _) => {
                format!("{status}  without an event id: is it hookswitch that listens there?")
            }
            (false, _, Some(problem)) => format!("{status}  refused: {problem}"),
            (false, _, None) => format!("{status}  refused"),
        })
    }
}

/// An address without what may be secret in it.
fn shown(url: &Url) -> String {
    format!("{}{}", url.origin().ascii_serialization(), url.path())
}
