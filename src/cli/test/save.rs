//! `test --save`: makes a test of a stored event. What it expects is what the file makes of the event now; that this is what
//! is meant, and that what is left in the event may be kept, is for whoever asked to see.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use super::entry::{Entry, Expected};
use super::readable;
use super::redact::redact;
use crate::admin::wire;
use crate::cli::api::{AdminArgs, Api};
use crate::cli::check;
use crate::cli::exit::{Exit, Failure};
use crate::cli::files;
use crate::cli::output::{Ink, Out, clean, stderr_style};
use crate::config::{self, EVENT_MAX, Overrides, ProcessEnvironment, Snapshot, Trial};
use crate::event::{Document, EventId, Pairs};
use crate::explain::{Explanation, Sample, explain_sample};
use crate::name::{SourceName, TestName};
use crate::rule::RuleOutcome;
use crate::trial;

/// The folder of the files with events, beside the configuration.
const FOLDER: &str = "fixtures";
/// Longest name of such a file, without its ending.
const FILE_NAME_MAX: usize = 60;

/// The options of saving.
#[derive(Debug, clap::Args)]
pub(super) struct Save {
    /// Make a test of an event that a running instance stored: its body goes to a file in fixtures/, without what looks like a
    /// credential, and the test to the end of the configuration
    #[arg(long = "save", value_name = "EVENT_ID", requires = "name", conflicts_with_all = ["filter", "form"])]
    pub(super) id: Option<EventId>,
    /// The name of the new test
    #[arg(long, value_name = "NAME", requires = "id")]
    name: Option<String>,
    /// Print the new test instead of adding it to the configuration
    #[arg(long, requires = "id")]
    print: bool,
    #[command(flatten)]
    admin: AdminArgs,
}

/// What an event comes to: what a test can expect of it.
#[derive(Debug, PartialEq, Eq)]
struct Fate {
    disposition: String,
    rules: Vec<String>,
    to: Vec<String>,
}

impl Save {
    pub(super) async fn execute(self, id: EventId, path: &Path) -> Result<Exit, Failure> {
        if path.as_os_str() == files::STDIN {
            let text = "a test is saved beside a file, and standard input is none";
            return Err(Failure::new(Exit::Usage, text));
        }
        let snapshot = check::load(path)?.map_err(|problems| {
            Failure::new(Exit::Findings, format!("{} has problems", problems.file))
                .after(&problems.show(stderr_style()))
        })?;
        let name = new_name(self.name.as_deref().unwrap_or_default(), &snapshot)?;
        let api = Api::new(&self.admin)?;
        let shown = id.to_string();
        let event: wire::Event = api.get(&["api", "v1", "events", &shown], &[]).await?.read()?;
        let body = api.get_bytes(&["api", "v1", "events", &shown, "body"]).await?;

        let (plain, removed) = without_credentials(&body)?;
        let arrival = Arrival::new(&event, &snapshot)?;
        let fate = arrival.fate(&snapshot, &body)?;
        if arrival.fate(&snapshot, &plain)? != fate {
            let text = "without what looks like a credential, the event goes elsewhere";
            return Err(Failure::new(Exit::Findings, text).hint(format!(
                "write the test by hand; these would be removed: {}",
                removed.join(", ")
            )));
        }
        let arrival = arrival.least(&snapshot, &plain, &fate)?;
        let file = fixture(path, &name, &plain)?;
        let entry = entry(&name, file.clone(), arrival, &fate);
        let added = !self.print && added(&entry, path, &snapshot)?;
        let mut out = Out::stdout();
        out.line(&format!("wrote {file}"))?;
        for place in &removed {
            out.line(&format!("  removed {}", clean(place)))?;
        }
        let careful =
            |out: &mut Out, text: &str| out.line(&out.paint(Ink::Careful, &readable(text)));
        careful(&mut out, "it still has what was said and who called: look before you share it")?;
        let path = path.display();
        out.line(&if added {
            format!("added to {path}:")
        } else {
            format!("add this to `tests` in {path}:")
        })?;
        out.line(entry.yaml("  ").trim_end())?;
        if fate.rules != event.rules {
            let matched = if event.rules.is_empty() { "no rule" } else { &*event.rules.join(", ") };
            let text =
                format!("when it arrived, {matched} matched: is the test what is meant now?");
            careful(&mut out, &text)?;
        }
        Ok(Exit::Ok)
    }
}

fn new_name(name: &str, snapshot: &Snapshot) -> Result<TestName, Failure> {
    let name =
        TestName::new(name).map_err(|error| Failure::because(Exit::Usage, "--name", &error))?;
    if snapshot.trials.iter().any(|trial| trial.name == name) {
        return Err(Failure::new(Exit::Usage, format!("there is a test {name:?} already")));
    }
    Ok(name)
}

/// The event as people read it, and the places of what was taken out.
fn without_credentials(body: &[u8]) -> Result<(Bytes, Vec<String>), Failure> {
    let document = Document::parse(body).map_err(|why| no_test(&why.to_string()))?;
    let mut value = Arc::unwrap_or_clone(document.shared());
    let removed = redact(&mut value);
    let mut text = serde_json::to_string_pretty(&value)
        .map_err(|error| Failure::because(Exit::Internal, "the event has no JSON", &error))?;
    text.push('\n');
    if text.len() > EVENT_MAX {
        return Err(no_test(&format!("it has more than {EVENT_MAX} bytes")));
    }
    Ok((text.into(), removed))
}

/// What the event arrived with, beside its body.
#[derive(Debug, Clone)]
struct Arrival {
    /// None if it is the one that a test takes by itself.
    source: Option<SourceName>,
    query: Option<String>,
    headers: Pairs,
}

impl Arrival {
    fn new(event: &wire::Event, snapshot: &Snapshot) -> Result<Self, Failure> {
        let place = snapshot.sources.iter().position(|source| source.name.as_str() == event.source);
        let place = place.ok_or_else(|| {
            let text =
                format!("the configuration has no source {:?}, where it arrived", event.source);
            Failure::new(Exit::Findings, text)
        })?;
        let source = snapshot.sources.get(place).filter(|_| place > 0);
        let request = event.request.clone().unwrap_or_default();
        let named = |name: &str, value: Option<String>| Some((name.to_owned(), value?));
        let headers =
            [named("content-type", request.content_type), named("user-agent", request.user_agent)];
        Ok(Self {
            source: source.map(|source| source.name.clone()),
            query: request.query,
            headers: headers.into_iter().flatten().collect(),
        })
    }

    /// What an event with this body comes to.
    fn fate(&self, snapshot: &Snapshot, body: &Bytes) -> Result<Fate, Failure> {
        let query = self.query.as_deref().unwrap_or_default();
        let sample = Sample {
            source: self.source.clone(),
            headers: self.headers.clone(),
            query: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        };
        let told = explain_sample(snapshot, body.clone(), sample, trial::NOW);
        match told.reason {
            Some(reason) => Err(no_test(&reason)),
            None => Ok(Fate::of(&told)),
        }
    }

    /// Without query and headers, unless they decide: either may hold what nobody should keep.
    fn least(self, snapshot: &Snapshot, body: &Bytes, fate: &Fate) -> Result<Self, Failure> {
        let mut least = self;
        for less in [
            |arrival: &Self| Self { query: None, ..arrival.clone() },
            |arrival: &Self| Self { headers: Pairs::new(), ..arrival.clone() },
        ] {
            let less = less(&least);
            if less.fate(snapshot, body)? == *fate {
                least = less;
            }
        }
        Ok(least)
    }
}

fn no_test(why: &str) -> Failure {
    Failure::new(Exit::Findings, format!("this event cannot be a test: {why}"))
}

/// The test.
fn entry(name: &TestName, event: String, arrival: Arrival, fate: &Fate) -> Entry {
    let rules = ("rules", Expected::Names(fate.rules.clone()));
    let expect = match fate.disposition.as_str() {
        "unrouted" => vec![("unrouted", Expected::True)],
        "ignored" => vec![("ignored", Expected::True), rules],
        _ => vec![("to", Expected::Names(fate.to.clone())), rules],
    };
    Entry {
        name: name.to_string(),
        event,
        source: arrival.source.as_ref().map(ToString::to_string),
        query: arrival.query,
        headers: arrival.headers,
        expect,
    }
}

impl Fate {
    fn of(told: &Explanation) -> Self {
        let matched = told.rules.iter().filter(|rule| rule.outcome == RuleOutcome::Matched);
        Self {
            disposition: told.disposition.clone(),
            rules: matched.map(|rule| rule.rule.to_string()).collect(),
            to: told.requests.iter().map(|request| request.target.clone()).collect(),
        }
    }
}

/// Writes the event to a new file beside the configuration, and returns its name as a test names it.
fn fixture(config: &Path, name: &TestName, body: &[u8]) -> Result<String, Failure> {
    let mut plain = String::new();
    for c in name.as_str().chars() {
        let c = c.to_ascii_lowercase();
        if c.is_ascii_alphanumeric() && plain.len() < FILE_NAME_MAX {
            plain.push(c);
        } else if !plain.is_empty() && !plain.ends_with('-') && plain.len() < FILE_NAME_MAX {
            plain.push('-');
        }
    }
    let plain = plain.trim_end_matches('-');
    let file = format!("{FOLDER}/{}.json", if plain.is_empty() { "event" } else { plain });
    let folder = config.parent().unwrap_or(Path::new(""));
    let path = folder.join(&file);
    let written = fs::create_dir_all(folder.join(FOLDER))
        .and_then(|()| OpenOptions::new().write(true).create_new(true).open(&path))
        .and_then(|mut open| open.write_all(body));
    written.map_err(|error| {
        let failure = Failure::because(
            Exit::CannotCreate,
            &format!("cannot write {}", path.display()),
            &error,
        );
        match error.kind() {
            io::ErrorKind::AlreadyExists => failure.hint("give the test another name"),
            _ => failure,
        }
    })?;
    Ok(file)
}

/// Adds the test to the file, if that can be done without touching anything else. What would be written is loaded first:
/// it must be the same configuration with one more test, which passes.
fn added(entry: &Entry, path: &Path, before: &Snapshot) -> Result<bool, Failure> {
    let Some(text) = entry.appended(&before.text) else { return Ok(false) };
    let Ok(after) = config::load_text(&text, path, &ProcessEnvironment, &Overrides::default())
    else {
        return Ok(false);
    };
    let Some((new, old)) = after.trials.split_last() else { return Ok(false) };
    let names = |trials: &[Trial]| -> Vec<TestName> {
        trials.iter().map(|trial| trial.name.clone()).collect()
    };
    let passes = trial::run(&after, [new], None).verdicts.iter().all(Vec::is_empty);
    if new.name.as_str() != entry.name || names(old) != names(&before.trials) || !passes {
        return Ok(false);
    }
    replace(path, &text).map_err(|error| {
        Failure::because(Exit::CannotCreate, &format!("cannot write {}", path.display()), &error)
            .hint("the event is written; with --print the test is shown instead")
    })?;
    Ok(true)
}

/// Writes beside the file and renames, so that nobody sees half of it. A link stays, and what it leads to is replaced.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let real = path.canonicalize()?;
    let mut beside: PathBuf = real.clone();
    beside.set_extension(format!("yaml.{}.tmp", std::process::id()));
    let written = File::create_new(&beside).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.set_permissions(fs::metadata(&real)?.permissions())?;
        file.sync_all()
    });
    let replaced = written.and_then(|()| fs::rename(&beside, &real));
    if replaced.is_err() {
        // There may be nothing to remove, and the first failure is the one to tell.
        drop(fs::remove_file(&beside));
    }
    replaced
}
