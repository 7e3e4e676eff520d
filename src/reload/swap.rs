//! One load, whole: read, check, store, and only then swap. Whatever fails leaves everything as it was.

use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use tracing::{debug, error, info, warn};

use crate::config::{self, Level, Problem, Problems, Snapshot};
use crate::telemetry::log::clean;

use super::keep::keep;
use super::seen::{Look, Seen};
use super::{Parts, ReloadError, Reloaded};

/// Most problems that are logged one by one.
const LOGGED_MAX: usize = 20;
/// How often a load is repeated because the new text names files that were not looked at before reading it.
const ROUNDS: usize = 3;

/// What loading works with and remembers. One task owns it, so loads never overlap.
#[derive(Debug)]
pub(super) struct Swap {
    parts: Parts,
    /// How the files looked when they were last looked at and, if they had changed, loaded; none before the first look.
    looked: Option<Seen>,
    /// How those looked that the running snapshot was made from, as far as we know.
    running: Option<Seen>,
    /// The problems of the last load, for [`super::Reload::refused`].
    refused: Arc<ArcSwapOption<Problems>>,
    /// The failure of the last load, so that each is logged once.
    failed: Option<String>,
}

impl Swap {
    pub(super) fn new(parts: Parts, refused: Arc<ArcSwapOption<Problems>>) -> Self {
        Self { parts, looked: None, running: None, refused, failed: None }
    }

    /// Looks at the files and loads them if they changed. `again` also loads what failed before: it may name a file that
    /// has appeared since, or the store may work again.
    pub(super) async fn check(&mut self, again: bool) {
        let running = self.parts.published.load();
        let path = self.parts.path.clone();
        let files = running.inputs.files.clone();
        let Some(seen) = blocking(move || Seen::look(&path, &files)).await else { return };
        if self.looked.is_none() && self.is_running(&seen, &running) {
            self.looked = Some(seen);
            return;
        }
        if self.looked.as_ref() == Some(&seen) && !(again && self.failed.is_some()) {
            return;
        }
        match self.load().await {
            // Logged where it happened.
            Ok(Reloaded::Published(_)) | Err(_) => {}
            Ok(Reloaded::Unchanged(revision)) => {
                debug!(%revision, "the configuration is as it was");
            }
        }
    }

    /// Whether this is certainly what runs already, so that the first look needs no load. Nobody knows what named files
    /// held when the program started, so those are loaded again.
    fn is_running(&self, seen: &Seen, running: &Snapshot) -> bool {
        if let Look::NotAFile(what) = seen.main() {
            warn!(file = %self.parts.path.display(), "the configuration was read from {what}, so changes of it go unseen");
            return true;
        }
        running.inputs.files.is_empty() && *seen.main() == Look::Content(running.revision.hash.0)
    }

    /// Loads, whether or not anything changed.
    pub(super) async fn load(&mut self) -> Result<Reloaded, ReloadError> {
        let loaded = self.try_load().await;
        match &loaded {
            Ok(Reloaded::Published(revision) | Reloaded::Unchanged(revision)) => {
                self.refused.store(None);
                if self.failed.take().is_some() {
                    info!(%revision, "the configuration can be loaded again");
                }
                let now = self.parts.clock.now();
                self.parts.metrics.reloaded(Some((*revision, now)));
            }
            Err(failure) => {
                self.parts.metrics.reloaded(None);
                let text = match failure {
                    ReloadError::Refused(problems) => {
                        self.refused.store(Some(Arc::new(problems.clone())));
                        problems.to_string()
                    }
                    ReloadError::Store(cause) => cause.to_string(),
                };
                if self.failed.as_ref() != Some(&text) {
                    self.log(failure);
                    self.failed = Some(text);
                }
            }
        }
        loaded
    }

    async fn try_load(&mut self) -> Result<Reloaded, ReloadError> {
        let running = self.parts.published.load();
        let parts = self.parts.clone();
        let files = running.inputs.files.clone();
        let read = blocking(move || read(&parts, files)).await;
        let Some((seen, loaded)) = read else {
            return Err(ReloadError::Refused(bug(&self.parts.path)));
        };
        let snapshot = match loaded {
            Ok(snapshot) => snapshot,
            Err(problems) => {
                self.looked = Some(seen);
                return Err(ReloadError::Refused(problems));
            }
        };
        let seen = seen.narrowed(&snapshot.inputs.files);
        let same_files = self.running.as_ref().is_some_and(|before| before.same_named(&seen));
        if snapshot.text == running.text && (same_files || snapshot.inputs.files.is_empty()) {
            self.looked = Some(seen);
            return Ok(Reloaded::Unchanged(running.revision));
        }
        self.publish(&running, snapshot, seen).await
    }

    async fn publish(
        &mut self,
        running: &Snapshot,
        mut next: Snapshot,
        seen: Seen,
    ) -> Result<Reloaded, ReloadError> {
        let waiting = keep(&running.settings, &mut next.settings);
        let Parts { store, published, metrics, clock, .. } = &self.parts;
        let revision = store
            .add_revision(Arc::clone(&next.text), next.revision.hash, clock.now())
            .await
            .map_err(ReloadError::Store)?;
        next.revision = revision;
        let next = Arc::new(next);
        published.publish(Arc::clone(&next));
        self.looked = Some(seen.clone());
        self.running = Some(seen);

        let sources: Vec<_> = next.sources.iter().map(|source| source.name.clone()).collect();
        let rules: Vec<_> = next.rules.rules().iter().map(|rule| rule.name.clone()).collect();
        let targets: Vec<_> = next.targets.keys().cloned().collect();
        metrics.configured(&sources, &rules, &targets);
        metrics.restart_pending(u64::try_from(waiting.len()).unwrap_or(u64::MAX));
        if !waiting.is_empty() {
            warn!(keys = waiting.join(", "), "changed keys keep their old value until a restart");
        }
        info!(%revision, warnings = next.warnings.list.len(), "a configuration was published");
        Ok(Reloaded::Published(revision))
    }

    fn log(&self, failure: &ReloadError) {
        let running = self.parts.published.load().revision;
        match failure {
            ReloadError::Store(cause) => {
                error!(%running, %cause, "the new configuration could not be stored; the running one stays");
            }
            ReloadError::Refused(problems) => {
                error!(%running, problems = problems.list.len(), "the new configuration is refused; the running one stays");
                for problem in problems.list.iter().take(LOGGED_MAX) {
                    log_problem(problems, problem);
                }
            }
        }
    }
}

fn log_problem(problems: &Problems, problem: &Problem) {
    let place = problems.place(problem).map_or_else(
        || problems.file.clone(),
        |(line, column)| format!("{}:{line}:{column}", problems.file),
    );
    let hint = problem.hint.as_deref().unwrap_or_default();
    match problem.level {
        Level::Error => {
            error!(
                place,
                path = clean(&problem.path),
                hint = clean(hint),
                "{}",
                clean(&problem.text)
            );
        }
        Level::Warning => {
            warn!(
                place,
                path = clean(&problem.path),
                hint = clean(hint),
                "{}",
                clean(&problem.text)
            );
        }
    }
}

/// Reads everything. How the files looked is taken before they are read, so what changes meanwhile differs at the next look;
/// if the text names files that were not looked at, both are done again.
fn read(parts: &Parts, mut files: Vec<std::path::PathBuf>) -> (Seen, Result<Snapshot, Problems>) {
    let mut round = 1;
    loop {
        let seen = Seen::look(&parts.path, &files);
        if let Look::NotAFile(what) = seen.main() {
            return (
                seen.clone(),
                Err(problem(&parts.path, format!("this is {what}, not a file"))),
            );
        }
        match config::load(&parts.path, &*parts.environment, &parts.overrides) {
            Ok(snapshot) if round < ROUNDS && !seen.covers(&snapshot.inputs.files) => {
                files = snapshot.inputs.files;
            }
            loaded => return (seen, loaded),
        }
        round += 1;
    }
}

/// Runs `work` where it may block. None if it panicked, which is our bug and must not end the program.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
}

fn problem(path: &Path, text: String) -> Problems {
    let problem =
        Problem { level: Level::Error, path: String::new(), span: None, text, hint: None };
    Problems { file: path.display().to_string(), list: vec![problem], ..Problems::default() }
}

fn bug(path: &Path) -> Problems {
    problem(path, "loading it panicked, which is a bug of hookswitch: please report it".to_owned())
}
