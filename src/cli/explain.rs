//! `explain`: where an event would go and why, offline; or why one that an instance stored went where it went.

use std::path::PathBuf;

use clap::ValueEnum;

use super::api::{AdminArgs, Api};
use super::block_on;
use super::check;
use super::exit::{Exit, Failure};
use super::files;
use super::output::{Form, Out, OutputArgs};
use crate::clock::{Clock, System};
use crate::config::{Snapshot, Source};
use crate::event::{EventId, query_pairs};
use crate::explain::{Sample, explain_sample};
use crate::name::SourceName;

/// Show where an event would go, and why
///
/// Per rule what was expected, what was found and the line of the file, then the requests that would go out, secrets masked. Sends nothing. With a file it needs no running instance, and the signature is not checked. With the id of a stored event it asks the instance, which explains it by the rules that routed it.
#[derive(Debug, clap::Args)]
pub(super) struct Explain {
    /// The event as JSON, `-` is standard input; or the id of an event that a running instance stored
    #[arg(value_name = "EVENT.json|ID")]
    event: PathBuf,
    /// The configuration. Without it: `HOOKSWITCH_CONFIG`, ./rules.yaml, /etc/hookswitch/rules.yaml
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The source it arrives at; without it the first of the configuration
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// The query string it arrives with, for conditions on `query`: `tenant=a&test=1`
    #[arg(long, value_name = "QUERY", default_value = "")]
    query: String,
    /// A header it arrives with, for conditions on `header`: `x-region: eu`. May be given several times
    #[arg(long = "header", short = 'H', value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<(String, String)>,
    /// For a stored event: by the rules that routed it, or by those that run now
    #[arg(long, value_name = "WHICH", value_enum, default_value_t)]
    revision: Which,
    #[command(flatten)]
    admin: AdminArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// Which rules explain a stored event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Which {
    /// Those that routed it.
    #[default]
    Stored,
    /// Those that run now.
    Running,
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("a header looks like `x-region: eu`")?;
    let name = name.trim().to_ascii_lowercase();
    let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if name.is_empty() || !name.chars().all(token) {
        return Err(format!("{name:?} is no header name"));
    }
    Ok((name, value.trim().to_owned()))
}

impl Explain {
    pub(super) fn execute(self) -> Result<Exit, Failure> {
        let id = self.event.to_str().and_then(|text| text.parse::<EventId>().ok());
        match id.filter(|_| !self.event.exists()) {
            Some(id) => block_on(self.of_stored(id)),
            None => self.of_file(),
        }
    }

    async fn of_stored(self, id: EventId) -> Result<Exit, Failure> {
        if self.source.is_some() || !self.query.is_empty() || !self.headers.is_empty() {
            let text = "--source, --query and --header are for an event in a file";
            return Err(Failure::new(Exit::Usage, text)
                .hint("a stored event has those that it arrived with"));
        }
        if self.config.is_some() {
            let text = "--config is for an event in a file: a stored event is explained by the rules of the instance";
            return Err(Failure::new(Exit::Usage, text).hint(
                "save its body (the page shows it), or see what a new file changes with `hookswitch check FILE --against URL`",
            ));
        }
        let api = Api::new(&self.admin)?;
        let id = id.to_string();
        let path = ["api", "v1", "events", &id, "explanation"];
        let running = (self.revision == Which::Running).then(|| "running".to_owned());
        let query = [("revision", running)];
        match self.output.form {
            Form::Json => {
                let told = api.get(&path, &query).await?.read::<serde_json::Value>()?;
                Out::stdout().json(&told)?;
            }
            Form::Text => Out::stdout().line(api.get_text(&path, &query).await?.trim_end())?,
        }
        Ok(Exit::Ok)
    }

    fn of_file(self) -> Result<Exit, Failure> {
        let path = files::configuration(self.config.as_deref(), Exit::Usage)?;
        if self.revision == Which::Running {
            let text = "--revision is for an event that an instance stored";
            return Err(Failure::new(Exit::Usage, text));
        }
        let refused = |problems| check::refused(&path, &problems, self.output.form);
        let snapshot = check::load(&path)?.map_err(refused)?;
        let body = files::event(&self.event)?;
        let sample = Sample {
            source: Some(self.source(&snapshot)?),
            query: query_pairs(&self.query),
            headers: self.headers,
        };
        let explanation = explain_sample(&snapshot, body, sample, System.now());
        let mut out = Out::stdout();
        let told = match self.output.form {
            Form::Json => out.json(&explanation),
            Form::Text => out.line(explanation.text().trim_end()),
        };
        // What no rule can look at is a finding; an event that goes nowhere may be meant to.
        let unread = explanation.disposition == "quarantined";
        if unread { Exit::Findings } else { Exit::Ok }.after(told)
    }

    fn source(&self, snapshot: &Snapshot) -> Result<SourceName, Failure> {
        let named = |source: &&Source| {
            self.source.as_deref().is_none_or(|name| source.name.as_str() == name)
        };
        snapshot.sources.iter().find(named).map(|source| source.name.clone()).ok_or_else(|| {
            let known: Vec<_> = snapshot.sources.iter().map(|s| s.name.as_str()).collect();
            let wanted = self.source.as_deref().unwrap_or_default();
            Failure::new(Exit::Usage, format!("the configuration has no source {wanted:?}"))
                .hint(format!("it has: {}", known.join(", ")))
        })
    }
}
