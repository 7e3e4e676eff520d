//! `test --save`: makes a test of a stored event. What it expects is what the file makes of the event now; that this is what
//! is meant, and that what is left in the event may be kept, is for whoever asked to see.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::readable;
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
use crate::trial::saved::{self, Arrived, Entry, NoTest};

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
        let entry = saved.beside(&name, file.clone());
        let added = !self.print && added(&entry, path, &snapshot)?;
        let mut out = Out::stdout();
        out.line(&format!("wrote {file}"))?;
        for place in &saved.removed {
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
        if saved.rules() != event.rules {
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
    let overrides = Overrides { advice: Advice::Quick, ..Overrides::default() };
    let Ok(after) = config::load_text(&text, path, &ProcessEnvironment, &overrides) else {
        return Ok(false);
    };
    let Some((new, old)) = after.trials.split_last() else { return Ok(false) };
    let names = |trials: &[Trial]| -> Vec<TestName> {
        trials.iter().map(|trial| trial.name.clone()).collect()
    };
    let passes = trial::run(&after, [new], None).verdicts.iter().all(Vec::is_empty);
    if new.name.as_str() != entry.name() || names(old) != names(&before.trials) || !passes {
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
