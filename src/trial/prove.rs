//! Loading with the tests: those that fail are warnings, or with `require_tests` errors.

use std::path::Path;
use std::time::Duration;

use tokio::time::Instant;

use crate::config::{
    self, Code, Environment, Level, Overrides, Place, Problem, Problems, Snapshot, Trial,
};

use super::{Difference, run};

/// How long the tests of one load may take. A thousand take less than a second; a load must end whatever is in them.
pub const TIME_MAX: Duration = Duration::from_secs(5);
/// Most failing tests that are told one by one.
const TOLD_MAX: usize = 100;
/// Most differences of one test that are told.
const DIFFERENCES_TOLD: usize = 3;

/// Loads the file at `path` and runs its tests.
pub fn load(
    path: &Path,
    environment: &dyn Environment,
    overrides: &Overrides,
) -> Result<Snapshot, Problems> {
    config::load(path, environment, overrides).and_then(prove)
}

/// Runs the tests of `snapshot` and adds what fails to its warnings, or refuses it if it wants them to pass. The tests are
/// taken out of it: they are done, and may be large.
pub fn prove(snapshot: Snapshot) -> Result<Snapshot, Problems> {
    prove_until(snapshot, Instant::now() + TIME_MAX)
}

pub(super) fn prove_until(mut snapshot: Snapshot, until: Instant) -> Result<Snapshot, Problems> {
    let trials = std::mem::take(&mut snapshot.trials);
    let tested = tested(&snapshot, &trials, until);
    let refused = snapshot.settings.require_tests && !tested.is_empty();
    snapshot.warnings.add_tested(tested);
    if refused {
        return Err(Problems { inputs: snapshot.inputs, ..snapshot.warnings });
    }
    Ok(snapshot)
}

/// What is wrong with the tests.
fn tested(snapshot: &Snapshot, trials: &[Trial], until: Instant) -> Vec<Problem> {
    let mut problems = Vec::new();
    if trials.is_empty() {
        return problems;
    }
    let verdicts = run(snapshot, trials, Some(until)).verdicts;
    let level = if snapshot.settings.require_tests { Level::Error } else { Level::Warning };
    let failing = || trials.iter().zip(&verdicts).filter(|(_, verdict)| !verdict.is_empty());
    for (trial, differences) in failing().take(TOLD_MAX) {
        let text = format!("the test {:?} fails: {}", trial.name.as_str(), brief(differences));
        let hint = "`hookswitch test` shows why";
        problems.push(placed(&trial.place, (Code::TestFails, level), text, hint));
    }
    if let Some((trial, _)) = failing().nth(TOLD_MAX) {
        let text = format!("and {} more tests fail", failing().count() - TOLD_MAX);
        let hint = "`hookswitch test` shows all";
        problems.push(placed(&trial.place, (Code::TestFails, level), text, hint));
    }
    if let Some(first) = trials.get(verdicts.len()) {
        let left = trials.len() - verdicts.len();
        let text = format!(
            "this test and those after it were not run ({left} of {}): all together take longer than {} s",
            trials.len(),
            TIME_MAX.as_secs()
        );
        let hint = "fewer tests, or smaller events; `hookswitch test` runs them all";
        problems.push(placed(&first.place, (Code::TestsNotRun, level), text, hint));
    }
    problems
}

fn placed(place: &Place, (code, level): (Code, Level), text: String, hint: &str) -> Problem {
    let (path, span) = (place.path.clone(), Some(place.span));
    Problem { code, level, path, span, text, hint: Some(hint.to_owned()) }
}

fn brief(differences: &[Difference]) -> String {
    let told: Vec<_> = differences.iter().take(DIFFERENCES_TOLD).map(Difference::brief).collect();
    let more = differences.len().saturating_sub(DIFFERENCES_TOLD);
    let more = if more == 0 { String::new() } else { format!("; and {more} more") };
    format!("{}{more}", told.join("; "))
}
