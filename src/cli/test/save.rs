//! `test --save`: makes a test of a stored event. What it expects is what the file makes of the event now; that this is what
//! is meant, and that what is left in the event may be kept, is for whoever asked to see.

use std::path::Path;

use super::fixture::fixture;
use super::readable;
use super::replace::replace;
use crate::admin::wire;
use crate::cli::api::{AdminArgs, Api};
use crate::cli::check;
use crate::cli::exit::{Exit, Failure};
use crate::cli::files;
use crate::cli::output::{Ink, Out, clean, stderr_style};
use crate::config::{self, Advice, Overrides, ProcessEnvironment, Snapshot, Trial};
use crate::event::EventId;
use crate::name::TestName;
use crate::trial;
use crate::trial::saved::{self, Arrived, Entry, NoTest, Place};

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

        let saved =
            saved::save(&snapshot, arrived(event.clone()), &body).map_err(|why| no_test(&why))?;
        let file = fixture(path, &name, saved.text.as_bytes())?;
        let entry = saved.beside(&name, file.name.clone());
        let place = Place::of(&snapshot.text, snapshot.trials.len());
        let added = if self.print { Added::Asked } else { added(&entry, &place, path, &snapshot) };
        let mut out = Out::stdout();
        let is_there = if file.is_new { "wrote" } else { "it is already in" };
        out.line(&format!("{is_there} {}", file.name))?;
        for place in &saved.removed {
            out.line(&format!("  removed {}", clean(place)))?;
        }
        careful(&mut out, "it still has what was said and who called: look before you share it")?;
        let path = path.display().to_string();
        match &added {
            Added::Yes => out.line(&format!("added to {path}:"))?,
            Added::Not(why) => careful(&mut out, &format!("not added to {path}: {why}"))?,
            Added::Asked | Added::Refused(_) => {}
        }
        if !matches!(added, Added::Yes) {
            out.line(&place.advice(&path))?;
        }
        out.line(entry.fitting(&place).trim_end())?;
        if saved.rules() != event.rules {
            let matched = if event.rules.is_empty() { "no rule" } else { &*event.rules.join(", ") };
            let text =
                format!("when it arrived, {matched} matched: is the test what is meant now?");
            careful(&mut out, &text)?;
        }
        match added {
            Added::Refused(why) => Err(why),
            Added::Yes | Added::Asked | Added::Not(_) => Ok(Exit::Ok),
        }
    }
}

fn careful(out: &mut Out, text: &str) -> Result<(), Failure> {
    out.line(&out.paint(Ink::Careful, &readable(text)))
}

fn new_name(name: &str, snapshot: &Snapshot) -> Result<TestName, Failure> {
    let name =
        TestName::new(name).map_err(|error| Failure::because(Exit::Usage, "--name", &error))?;
    if snapshot.trials.iter().any(|trial| trial.name == name) {
        return Err(Failure::new(Exit::Usage, format!("there is a test {name:?} already")));
    }
    Ok(name)
}

fn arrived(event: wire::Event) -> Arrived {
    let request = event.request.unwrap_or_default();
    Arrived {
        source: event.source,
        content_type: request.content_type,
        user_agent: request.user_agent,
        query: request.query,
    }
}

fn no_test(why: &NoTest) -> Failure {
    let failure = Failure::new(Exit::Findings, why.to_string());
    match why.hint() {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// What became of the file.
enum Added {
    /// The test is in it.
    Yes,
    /// It is to be printed only.
    Asked,
    /// The file is no such file that it can be added, for this reason.
    Not(&'static str),
    /// The file could not be written, and is as it was.
    Refused(Failure),
}

/// Adds the test to the file, if that can be done without touching anything else. What would be written is loaded first:
/// it must be the same configuration with one more test, which passes.
fn added(entry: &Entry, place: &Place, path: &Path, before: &Snapshot) -> Added {
    let Some(text) = entry.appended(&before.text, place) else {
        return Added::Not(place.against().unwrap_or("there is no place for it"));
    };
    let overrides = Overrides { advice: Advice::Quick, ..Overrides::default() };
    let Ok(after) = config::load_text(&text, path, &ProcessEnvironment, &overrides) else {
        return Added::Not("with the test at its end it could not be read");
    };
    let names = |trials: &[Trial]| -> Vec<TestName> {
        trials.iter().map(|trial| trial.name.clone()).collect()
    };
    let new = after.trials.split_last().filter(|(new, old)| {
        new.name.as_str() == entry.name() && names(old) == names(&before.trials)
    });
    let Some((new, _)) = new else {
        return Added::Not("at its end the test would not be read as one");
    };
    if !trial::run(&after, [new], None).verdicts.iter().all(Vec::is_empty) {
        return Added::Not("at its end the test would not pass");
    }
    match replace(path, &text) {
        Ok(()) => Added::Yes,
        Err(why) => Added::Refused(
            Failure::because(Exit::CannotCreate, &format!("cannot write {}", path.display()), &why)
                .hint("it is as it was, and the event is written: add the test by hand"),
        ),
    }
}
