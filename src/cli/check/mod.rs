//! `check`: every problem of a configuration with its place.

mod github;
mod sarif;

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde::Serialize;

use super::against::AgainstArgs;
use super::exit::{Exit, Failure};
use super::files;
use super::output::{self, Ink, Out, count, stderr_style};
use crate::config::{
    self, Advice, Level, Overrides, Places, Problem, Problems, ProcessEnvironment, Snapshot, Style,
};
use crate::trial;

/// Check a configuration: every problem with its place, and what is unwise
///
/// Runs the tests of the file, too. Exits 1 if there is an error, and with --strict also if there is a warning. Values from outside (`${VAR}`) are put in
/// as `run` would, so set them as they will be. With --against it also asks a running instance where the events that it stored would go under this file, and shows what differs from the rules that run, and which `rate` is below that traffic; nothing is sent. docs/lint.md explains each code, and how to allow a warning at one place.
#[derive(Debug, clap::Args)]
pub(super) struct Check {
    /// The file; `-` is standard input. Without it: `HOOKSWITCH_CONFIG`, ./rules.yaml, /etc/hookswitch/rules.yaml
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Treat warnings as errors
    #[arg(long)]
    strict: bool,
    /// Show notes, too: what is worth knowing, and no reason to change anything
    #[arg(long, short = 'v')]
    verbose: bool,
    #[command(flatten)]
    against: AgainstArgs,
    /// Text for people, JSON for programs, annotations for GitHub Actions, or SARIF for code scanning
    #[arg(
        long = "output",
        short = 'o',
        visible_alias = "format",
        value_name = "FORM",
        value_enum,
        default_value_t
    )]
    form: Form,
}

/// `--output`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Form {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
    /// For GitHub Actions.
    Github,
    /// For code scanning.
    Sarif,
}

/// What `--output json` prints.
#[derive(Debug, Serialize)]
struct Report<'r> {
    file: Cow<'r, str>,
    ok: bool,
    errors: usize,
    warnings: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    notes: Option<usize>,
    problems: Vec<Finding<'r>>,
}

#[derive(Debug, Serialize)]
struct Finding<'r> {
    code: String,
    level: &'static str,
    path: &'r str,
    line: Option<usize>,
    column: Option<usize>,
    text: &'r str,
    hint: Option<&'r str>,
}

impl Check {
    pub(super) fn execute(self) -> Result<Exit, Failure> {
        let against = self.against()?;
        let path = files::configuration(self.file.as_deref(), Exit::Usage)?;
        let advice = if self.verbose { Advice::Notes } else { Advice::Warnings };
        let overrides = Overrides { advice, ..Overrides::default() };
        let loaded = load_with(&path, &overrides)?.and_then(trial::prove);
        let (snapshot, problems) = match &loaded {
            Ok(snapshot) => (Some(snapshot), &snapshot.warnings),
            Err(problems) => (None, problems),
        };
        let found = Found::of(&path, snapshot, problems);
        let ok = found.errors == 0 && snapshot.is_some() && !(self.strict && found.warnings > 0);
        // For programs what follows tells all that there is, since nothing is wrong here.
        let compared = snapshot.zip(against).filter(|_| ok);
        let exit = if ok { Exit::Ok } else { Exit::Findings };
        let exit = if compared.is_some() && self.form == Form::Json {
            exit
        } else {
            exit.after(self.tell(&found, ok))?
        };
        let Some((snapshot, form)) = compared else { return Ok(exit) };
        let warned = self.against.compare(&path, snapshot, form)?;
        Ok(if self.strict && warned { Exit::Findings } else { exit })
    }

    fn tell(&self, found: &Found<'_>, ok: bool) -> Result<(), Failure> {
        let Found { path, problems, .. } = found;
        let mut out = Out::stdout();
        match self.form {
            Form::Json => {
                let notes = problems.list.iter().filter(|p| p.level == Level::Note);
                out.json(&found.report(ok, self.verbose.then(|| notes.count())))
            }
            Form::Sarif => out.json(&sarif::log(path, problems)),
            Form::Github => {
                let places = problems.places();
                for problem in &problems.list {
                    out.line(&github::command(path, &places, problem))?;
                }
                // A line that begins with two colons would be one more command.
                out.line(&format!("checked {}", found.summary()))
            }
            Form::Text => {
                if !problems.list.is_empty() {
                    let style = if out.coloured() { Style::Coloured } else { Style::Plain };
                    out.line(problems.show(style).trim_end())?;
                    out.line("")?;
                }
                let ink = if ok { Ink::Good } else { Ink::Bad };
                let line = out.paint(ink, &found.summary());
                out.line(&line)
            }
        }
    }

    /// How a comparison is printed, if one is wanted. It is neither an annotation of a line nor a result of an analysis.
    fn against(&self) -> Result<Option<output::Form>, Failure> {
        let form = match self.form {
            _ if !self.against.is_wanted() => return Ok(None),
            Form::Text => output::Form::Text,
            Form::Json => output::Form::Json,
            Form::Github | Form::Sarif => {
                let text = "with --against, --output is text or json";
                return Err(Failure::new(Exit::Usage, text));
            }
        };
        Ok(Some(form))
    }
}

/// What was found in a file.
struct Found<'f> {
    path: &'f Path,
    /// None if it cannot be used.
    snapshot: Option<&'f Snapshot>,
    problems: &'f Problems,
    errors: usize,
    warnings: usize,
}

impl<'f> Found<'f> {
    fn of(path: &'f Path, snapshot: Option<&'f Snapshot>, problems: &'f Problems) -> Self {
        let number = |level| problems.list.iter().filter(|p| p.level == level).count();
        let (errors, warnings) = (number(Level::Error), number(Level::Warning));
        Self { path, snapshot, problems, errors, warnings }
    }

    /// For programs; notes are counted if they were asked for.
    fn report(&self, ok: bool, notes: Option<usize>) -> Report<'f> {
        let Self { path, problems, errors, warnings, .. } = *self;
        let places = problems.places();
        Report {
            file: path.to_string_lossy(),
            ok,
            errors,
            warnings,
            notes,
            problems: problems.list.iter().map(|p| finding(&places, p)).collect(),
        }
    }

    fn summary(&self) -> String {
        let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let file = self.path.display();
        let warned = count(number(self.warnings), "warning");
        let Some(snapshot) = self.snapshot else {
            return format!("{file}: {}, {warned}", count(number(self.errors), "error"));
        };
        format!(
            "{file}: {}: {}, {}, {}",
            if self.warnings == 0 { "good".to_owned() } else { warned },
            count(number(snapshot.sources.len()), "source"),
            count(number(snapshot.rules.rules().len()), "rule"),
            count(number(snapshot.targets.len()), "target"),
        )
    }
}

/// The configuration that a command cannot do without has problems. People read them on standard error; programs get what `check`
/// tells them.
pub(super) fn refused(path: &Path, problems: &Problems, form: output::Form) -> Failure {
    let told = match form {
        output::Form::Text => {
            return Failure::new(Exit::Findings, format!("{} has problems", problems.file))
                .after(&problems.show(stderr_style()));
        }
        output::Form::Json => {
            Out::stdout().json(&Found::of(path, None, problems).report(false, None))
        }
    };
    Exit::Findings.after(told).map_or_else(|failure| failure, Failure::Silent)
}

/// Loads the file, or what comes in on standard input as if it stood in the working directory.
pub(super) fn load(path: &Path) -> Result<Result<Snapshot, Problems>, Failure> {
    load_with(path, &Overrides::default())
}

fn load_with(path: &Path, overrides: &Overrides) -> Result<Result<Snapshot, Problems>, Failure> {
    if path.as_os_str() != files::STDIN {
        return Ok(config::load(path, &ProcessEnvironment, overrides));
    }
    let body = files::event(path)?;
    let text = std::str::from_utf8(&body).map_err(|error| {
        Failure::because(Exit::Findings, "the configuration is not UTF-8", &error)
    })?;
    Ok(config::load_text(text, Path::new("<stdin>"), &ProcessEnvironment, overrides))
}

fn finding<'r>(places: &Places<'_>, problem: &'r Problem) -> Finding<'r> {
    let (line, column) = places.of(problem).unzip();
    Finding {
        code: problem.code.to_string(),
        level: problem.level.as_str(),
        path: &problem.path,
        line,
        column,
        text: &problem.text,
        hint: problem.hint.as_deref(),
    }
}

/// What a problem says where its path and its hint have no place of their own.
fn message(problem: &Problem) -> String {
    let Problem { path, text, hint, .. } = problem;
    let path = if path.is_empty() { String::new() } else { format!("{path}: ") };
    let hint = hint.as_ref().map_or_else(String::new, |hint| format!("\nhelp: {hint}"));
    format!("{path}{text}{hint}")
}
