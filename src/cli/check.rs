//! `check`: every problem of a configuration with its place.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::against::AgainstArgs;
use super::exit::{Exit, Failure};
use super::files;
use super::output::{Form, Ink, Out, OutputArgs, count};
use crate::config::{
    self, Level, Overrides, Problem, Problems, ProcessEnvironment, Snapshot, Style,
};
use crate::trial;

/// Check a configuration: every problem with its place, and what is unwise
///
/// Runs the tests of the file, too. Exits 1 if there is an error, and with --strict also if there is a warning. Values from outside (`${VAR}`) are put in
/// as `run` would, so set them as they will be. With --against it also asks a running instance where the events that it stored would go under this file, and shows what differs from the rules that run; nothing is sent.
#[derive(Debug, clap::Args)]
pub(super) struct Check {
    /// The file; `-` is standard input. Without it: `HOOKSWITCH_CONFIG`, ./rules.yaml, /etc/hookswitch/rules.yaml
    #[arg(value_name = "FILE", env = "HOOKSWITCH_CONFIG", hide_env = true)]
    file: Option<PathBuf>,
    /// Treat warnings as errors
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    against: AgainstArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// What `--output json` prints.
#[derive(Debug, Serialize)]
struct Report<'r> {
    file: &'r str,
    ok: bool,
    errors: usize,
    warnings: usize,
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
        let path = files::configuration(self.file.as_deref(), Exit::Usage)?;
        let loaded = load(&path)?.and_then(trial::prove);
        let (snapshot, problems) = match &loaded {
            Ok(snapshot) => (Some(snapshot), &snapshot.warnings),
            Err(problems) => (None, problems),
        };
        let mut out = Out::stdout();
        let errors = problems.list.iter().filter(|p| p.level == Level::Error).count();
        let warnings = problems.list.len() - errors;
        let ok = errors == 0 && snapshot.is_some() && !(self.strict && warnings > 0);
        // For programs what follows tells all that there is, since nothing is wrong here.
        let compared = snapshot.filter(|_| ok && self.against.is_wanted());
        match self.output.form {
            Form::Json if compared.is_some() => {}
            Form::Json => out.json(&Report {
                file: &path.to_string_lossy(),
                ok,
                errors,
                warnings,
                problems: problems.list.iter().map(|p| finding(problems, p)).collect(),
            })?,
            Form::Text => {
                if !problems.list.is_empty() {
                    let style = if out.coloured() { Style::Coloured } else { Style::Plain };
                    out.line(problems.show(style).trim_end())?;
                    out.line("")?;
                }
                let line = summary(&path, snapshot, errors, warnings);
                let ink = if ok { Ink::Good } else { Ink::Bad };
                let line = out.paint(ink, &line);
                out.line(&line)?;
            }
        }
        match compared {
            Some(snapshot) => self.against.compare(&path, snapshot, self.output.form),
            None => Ok(if ok { Exit::Ok } else { Exit::Findings }),
        }
    }
}

/// Loads the file, or what comes in on standard input as if it stood in the working directory.
pub(super) fn load(path: &Path) -> Result<Result<Snapshot, Problems>, Failure> {
    let overrides = Overrides::default();
    if path.as_os_str() != files::STDIN {
        return Ok(config::load(path, &ProcessEnvironment, &overrides));
    }
    let body = files::event(path)?;
    let text = std::str::from_utf8(&body).map_err(|error| {
        Failure::because(Exit::Findings, "the configuration is not UTF-8", &error)
    })?;
    Ok(config::load_text(text, Path::new("<stdin>"), &ProcessEnvironment, &overrides))
}

fn finding<'r>(problems: &'r Problems, problem: &'r Problem) -> Finding<'r> {
    let (line, column) = problems.place(problem).unzip();
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
