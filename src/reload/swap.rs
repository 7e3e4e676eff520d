//! One load, whole: read, check, store, and only then swap. Whatever fails leaves everything as it was.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};
use tracing::{debug, error, info, warn};

use crate::config::{self, Code, Inputs, Level, Problem, Problems, Snapshot};
use crate::fault::{self, Plant};
use crate::store::Bounds;
use crate::telemetry::log::clean;
use crate::trial;

use super::history::{AskedBy, Came, History};
use super::keep::keep;
use super::{Parts, ReloadError, Reloaded};

/// Most problems that are logged one by one.
const LOGGED_MAX: usize = 20;
const PANICKED: &str = "reading it failed by a bug of hookswitch: please report it";

/// What loading works with and remembers. One task owns it, so loads never overlap.
#[derive(Debug)]
pub(super) struct Swap {
    parts: Parts,
    /// What was last loaded, published or refused: what the files are compared with.
    looked: Inputs,
    /// The problems of the last load, for [`super::Reload::refused`].
    refused: Arc<ArcSwapOption<Problems>>,
    /// Keys that wait for a restart, for [`super::Reload::restart_pending`].
    waiting: Arc<ArcSwap<Vec<&'static str>>>,
    history: Arc<History>,
    /// The failure of the last load, so that each is logged once.
    failed: Option<String>,
}

impl Swap {
    pub(super) fn new(
        parts: Parts,
        refused: Arc<ArcSwapOption<Problems>>,
        waiting: Arc<ArcSwap<Vec<&'static str>>>,
        history: Arc<History>,
    ) -> Self {
        let looked = parts.published.load().inputs.clone();
        Self { parts, looked, refused, waiting, history, failed: None }
    }

    /// What is to be watched: the file, and what it named when it was last loaded, even if that was refused.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        let mut files = self.looked.files.clone().into_vec();
        files.push(self.parts.path.clone());
        files
    }

    /// Looks at the files and loads them if they changed.
    pub(super) async fn check(&mut self) {
        let path = self.parts.path.clone();
        let files = self.looked.files.clone();
        let looked = self.looked.hash;
        let changed = blocking(move || {
            std::iter::once(&path).chain(&files).all(|path| odd(path).is_none())
                && Inputs::hash_now(&path, &files) != looked
        });
        if changed.await != Some(true) {
            return;
        }
        // Whatever happens is logged there.
        if let Ok(Reloaded::Unchanged(revision)) = self.load(AskedBy::Files).await {
            debug!(%revision, "the configuration is as it was");
        }
    }

    /// Loads, whether or not anything changed. A person is told each time what is wrong; of what the files' changes come to,
    /// each failure is told once.
    pub(super) async fn load(&mut self, asked: AskedBy) -> Result<Reloaded, ReloadError> {
        let loaded = self.try_load().await;
        let now = self.parts.clock.now();
        match &loaded {
            Ok(Reloaded::Published(revision) | Reloaded::Unchanged(revision)) => {
                self.parts.metrics.reloaded(Some((*revision, now)));
                if self.failed.take().is_some() {
                    info!(%revision, "the configuration can be loaded again");
                }
                self.refused.store(None);
                self.history.add(now, asked, Came::of(&loaded));
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
                if asked == AskedBy::Person || self.failed.as_ref() != Some(&text) {
                    self.history.add(now, asked, Came::of(&loaded));
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
        let loaded = blocking(move || read(&parts)).await;
        let loaded = loaded.unwrap_or_else(|| Err(panicked(&self.parts.path)));
        let snapshot = match loaded {
            Ok(snapshot) => snapshot,
            Err(_) if fault::planted(Plant::PublishUnchecked) => {
                let half = "version: 1\nsources: { retell: { path: /webhook, verify: none } }\n";
                let Parts { path, environment, overrides, .. } = &self.parts;
                config::load_text(half, path, &**environment, overrides)
                    .map_err(ReloadError::Refused)?
            }
            Err(problems) => {
                self.looked = problems.inputs.clone();
                return Err(ReloadError::Refused(problems));
            }
        };
        if snapshot.inputs.hash == running.inputs.hash {
            self.looked = snapshot.inputs;
            return Ok(Reloaded::Unchanged(running.revision));
        }
        self.publish(&running, snapshot).await
    }

    async fn publish(
        &mut self,
        running: &Snapshot,
        mut next: Snapshot,
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
        store.set_bounds(Bounds {
            max_size: next.settings.max_size,
            retention: next.settings.retention,
        });
        self.looked = next.inputs.clone();

        let sources: Vec<_> = next.sources.iter().map(|source| source.name.clone()).collect();
        let rules: Vec<_> = next.rules.rules().iter().map(|rule| rule.name.clone()).collect();
        let targets: Vec<_> = next.targets.keys().cloned().collect();
        metrics.configured(&sources, &rules, &targets);
        metrics.in_shadow(&next.rules.shadows());
        metrics.restart_pending(u64::try_from(waiting.len()).unwrap_or(u64::MAX));
        if !waiting.is_empty() {
            warn!(keys = waiting.join(", "), "changed keys keep their old value until a restart");
        }
        self.waiting.store(Arc::new(waiting));
        info!(%revision, warnings = next.warnings.list.len(), "a configuration was published");
        log_problems(&next.warnings);
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
                log_problems(problems);
            }
        }
    }
}

/// The worst problems of a file, a line each with its code and place.
pub(crate) fn log_problems(problems: &Problems) {
    for problem in problems.worst_first().take(LOGGED_MAX) {
        log_problem(problems, problem);
    }
}

fn log_problem(problems: &Problems, problem: &Problem) {
    let place = problems.place(problem).map_or_else(
        || problems.file.clone(),
        |(line, column)| format!("{}:{line}:{column}", problems.file),
    );
    let hint = problem.hint.as_deref().unwrap_or_default();
    let code = problem.code.to_string();
    match problem.level {
        Level::Error => {
            error!(
                code,
                place,
                path = clean(&problem.path),
                hint = clean(hint),
                "{}",
                clean(&problem.text)
            );
        }
        Level::Warning | Level::Note => {
            warn!(
                code,
                place,
                path = clean(&problem.path),
                hint = clean(hint),
                "{}",
                clean(&problem.text)
            );
        }
    }
}

/// Loads the file, unless reading it would wait.
fn read(parts: &Parts) -> Result<Snapshot, Problems> {
    match odd(&parts.path) {
        Some(what) => Err(problem(Code::Unreadable, &parts.path, what)),
        None => trial::load(&parts.path, &*parts.environment, &parts.overrides),
    }
}

/// Why a path is not looked at: opening a pipe can wait for ever. Folders are left to the reader, which refuses them.
fn odd(path: &Path) -> Option<&'static str> {
    let meta = std::fs::metadata(path).ok()?;
    (!meta.is_file() && !meta.is_dir())
        .then_some("this is a pipe, a socket or a device, which cannot be read again")
}

/// Runs `work` where it may block. None if it panicked, which is our bug and must not end the program.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
}

/// Reading the file at `path` came to a bug of ours.
pub(super) fn panicked(path: &Path) -> Problems {
    problem(Code::Internal, path, PANICKED)
}

fn problem(code: Code, path: &Path, text: &str) -> Problems {
    let problem = Problem::unplaced(code, text.to_owned());
    Problems { file: path.display().to_string(), list: vec![problem], ..Problems::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_wait_for_ever_is_not_opened() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        assert!(odd(&pipe).is_some());
        assert!(odd(folder.path()).is_none());
        assert!(odd(&folder.path().join("missing")).is_none());
    }
}
