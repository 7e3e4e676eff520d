//! `check`: every problem of a configuration with its place.

mod github;
mod sarif;

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde::Serialize;

use super::against::AgainstArgs;
use super::exit::{Exit, Failure};
use super::files;
use super::output::{self, Ink, Out, count};
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
    #[arg(value_name = "FILE", env = "HOOKSWITCH_CONFIG", hide_env = true)]
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
    file: &'r str,
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
        let mut out = Out::stdout();
        let number = |level| problems.list.iter().filter(|p| p.level == level).count();
        let (errors, warnings) = (number(Level::Error), number(Level::Warning));
        let ok = errors == 0 && snapshot.is_some() && !(self.strict && warnings > 0);
        let line = summary(&path, snapshot, errors, warnings);
        // For programs what follows tells all that there is, since nothing is wrong here.
        let compared = snapshot.zip(against).filter(|_| ok);
        let places = problems.places();
        match self.form {
            Form::Json if compared.is_some() => {}
            Form::Json => out.json(&Report {
                file: &path.to_string_lossy(),
                ok,
                errors,
                warnings,
                notes: self.verbose.then(|| number(Level::Note)),
                problems: problems.list.iter().map(|p| finding(&places, p)).collect(),
            })?,
            Form::Sarif => out.json(&sarif::log(&path, problems))?,
            Form::Github => {
                for problem in &problems.list {
                    out.line(&github::command(&path, &places, problem))?;
                }
                // A line that begins with two colons would be one more command.
                out.line(&format!("checked {line}"))?;
            }
            Form::Text => {
                if !problems.list.is_empty() {
                    let style = if out.coloured() { Style::Coloured } else { Style::Plain };
                    out.line(problems.show(style).trim_end())?;
                    out.line("")?;
                }
                let ink = if ok { Ink::Good } else { Ink::Bad };
                let line = out.paint(ink, &line);
                out.line(&line)?;
            }
        }
        let warned = match compared {
            Some((snapshot, form)) => self.against.compare(&path, snapshot, form)?,
            None => false,
        };
        Ok(if ok && !(self.strict && warned) { Exit::Ok } else { Exit::Findings })
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

fn summary(path: &Path, snapshot: Option<&Snapshot>, errors: usize, warnings: usize) -> String {
    let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let file = path.display();
    let warned = count(number(warnings), "warning");
    let Some(snapshot) = snapshot else {
        return format!("{file}: {}, {warned}", count(number(errors), "error"));
    };
    format!(
        "{file}: {}: {}, {}, {}",
        if warnings == 0 { "good".to_owned() } else { warned },
        count(number(snapshot.sources.len()), "source"),
        count(number(snapshot.rules.rules().len()), "rule"),
        count(number(snapshot.targets.len()), "target"),
    )
}
