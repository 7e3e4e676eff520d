//! `test`: runs the tests of a configuration, or makes one of an event that arrived.

mod fixture;
mod junit;
mod replace;
mod save;

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde::Serialize;

use super::block_on;
use super::check;
use super::exit::{Exit, Failure};
use super::files;
use super::output::{self, Ink, Out, clean, count};
use crate::config::{Problems, Snapshot, Trial};
use crate::explain::Explanation;
use crate::rule::Rule;
use crate::trial::{self, Difference};

/// Most failing tests that are explained: an explanation of a thousand rules is long.
const EXPLAINED_MAX: usize = 20;

/// Run the tests of a configuration
///
/// Prints what differs from what a test expects, and why its event goes where it goes. Names the rules that no test exercised. Sends nothing and needs no running instance. Exits 1 if a test fails. Values from outside (`${VAR}`) are put in as `run` would. With --save it makes a test of an event that an instance stored.
#[derive(Debug, clap::Args)]
pub(super) struct Test {
    /// The file; `-` is standard input. Without it: `HOOKSWITCH_CONFIG`, ./rules.yaml, /etc/hookswitch/rules.yaml
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Only tests with this in their name, in any case
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Text for people, JSON for programs, or the XML of `JUnit` for build servers
    #[arg(long = "output", short = 'o', value_name = "FORM", value_enum, default_value_t)]
    form: Form,
    #[command(flatten)]
    save: save::Save,
}

/// `--output`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Form {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
    /// For build servers.
    Junit,
}

/// What came of it.
#[derive(Debug, Serialize)]
struct Outcome<'s> {
    file: String,
    ok: bool,
    passed: usize,
    failed: usize,
    tests: Vec<Case<'s>>,
    /// Left out if not all tests were run: then it would say too little.
    #[serde(skip_serializing_if = "Option::is_none")]
    unexercised: Option<Vec<Unexercised<'s>>>,
}

/// One test.
#[derive(Debug, Serialize)]
struct Case<'s> {
    name: &'s str,
    line: u32,
    ok: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    differences: Vec<Difference>,
    /// Of the first that fail.
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<Explanation>,
}

/// A rule that matched in no test.
#[derive(Debug, Serialize)]
struct Unexercised<'s> {
    rule: &'s str,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
}

impl Test {
    pub(super) fn execute(self) -> Result<Exit, Failure> {
        let path = files::configuration(self.file.as_deref(), Exit::Usage)?;
        if let Some(id) = self.save.id {
            return block_on(self.save.execute(id, &path));
        }
        let snapshot = match check::load(&path)? {
            Ok(snapshot) => snapshot,
            Err(problems) => return self.refused(&path, &problems),
        };
        let trials: Vec<&Trial> =
            snapshot.trials.iter().filter(|trial| self.wants(trial)).collect();
        if let Some(filter) = self.filter.as_ref().filter(|_| trials.is_empty()) {
            let text = format!("no test of {} has {filter:?} in its name", path.display());
            return Err(Failure::new(Exit::Usage, text));
        }
        let outcome = self.outcome(&path, &snapshot, &trials);
        let mut out = Out::stdout();
        let told = match self.form {
            Form::Json => out.json(&outcome),
            Form::Junit => out.line(junit::document(&outcome).trim_end()),
            Form::Text => tell(&outcome, &mut out),
        };
        if outcome.ok { Exit::Ok } else { Exit::Findings }.after(told)
    }

    /// No test can be run. Build servers are told in their form, too, or they would show the tests of the time before.
    fn refused(&self, path: &Path, problems: &Problems) -> Result<Exit, Failure> {
        match self.form {
            Form::Text => Err(check::refused(path, problems, output::Form::Text)),
            Form::Json => Err(check::refused(path, problems, output::Form::Json)),
            Form::Junit => {
                let document = junit::refused(path, problems);
                Exit::Findings.after(Out::stdout().line(document.trim_end()))
            }
        }
    }

    fn wants(&self, trial: &Trial) -> bool {
        let name = trial.name.as_str().to_lowercase();
        self.filter.as_ref().is_none_or(|filter| name.contains(&filter.to_lowercase()))
    }

    fn outcome<'s>(
        &self,
        path: &Path,
        snapshot: &'s Snapshot,
        trials: &[&'s Trial],
    ) -> Outcome<'s> {
        let report = trial::run(snapshot, trials.iter().copied(), None);
        let unexercised = report.unexercised(snapshot).into_iter().map(unexercised).collect();
        let mut explained = 0;
        let cases = trials.iter().zip(report.verdicts).map(|(trial, differences)| {
            let failed = !differences.is_empty();
            explained += usize::from(failed);
            let explain = failed && explained <= EXPLAINED_MAX;
            Case {
                name: trial.name.as_str(),
                line: trial.place.line,
                ok: !failed,
                differences,
                explanation: explain.then(|| trial::explain(snapshot, trial).ok()).flatten(),
            }
        });
        let tests: Vec<_> = cases.collect();
        let passed = tests.iter().filter(|case| case.ok).count();
        Outcome {
            file: path.display().to_string(),
            ok: passed == tests.len(),
            passed,
            failed: tests.len() - passed,
            tests,
            unexercised: self.filter.is_none().then_some(unexercised),
        }
    }
}

fn unexercised(rule: &Rule) -> Unexercised<'_> {
    Unexercised { rule: rule.name.as_str(), line: rule.line }
}

/// A line for each test, and for one that fails what differs and why.
fn tell(outcome: &Outcome<'_>, out: &mut Out) -> Result<(), Failure> {
    for case in &outcome.tests {
        let mark = if case.ok { out.paint(Ink::Good, "✓") } else { out.paint(Ink::Bad, "✗") };
        let place = out.paint(Ink::Faint, &format!("[line {}]", case.line));
        out.line(&format!("{mark} {} {place}", clean(case.name)))?;
        for difference in &case.differences {
            let text = readable(&difference.full());
            out.line(&format!("    {}", out.paint(Ink::Bad, &text)))?;
        }
        if let Some(explanation) = &case.explanation {
            out.line("")?;
            for line in explanation.text().lines() {
                out.line(format!("    {line}").trim_end())?;
            }
            out.line("")?;
        }
    }
    for Unexercised { rule, line } in outcome.unexercised.iter().flatten() {
        let place = line.map_or_else(String::new, |line| format!(" [line {line}]"));
        let text = format!("no test exercises the rule {}{place}", clean(rule));
        out.line(&out.paint(Ink::Careful, &text))?;
    }
    let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let total = count(number(outcome.tests.len()), "test");
    let text =
        format!("{}: {total}, {} passed, {} failed", outcome.file, outcome.passed, outcome.failed);
    let ink = if outcome.ok { Ink::Good } else { Ink::Bad };
    out.line(&out.paint(ink, &text))
}

/// On one line, with nothing in it that could steer a terminal.
fn readable(text: &str) -> String {
    crate::explain::readable(text).trim_end().to_owned()
}
