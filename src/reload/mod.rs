//! Watching the configuration and swapping in what is new: everything that can fail comes before anything that changes.
//!
//! Promises: a broken, missing or half-written file changes nothing, and is told once in the log and in [`Reload::refused`];
//! what is published is complete and its text is stored; loads never overlap, so revisions only grow; a change is seen
//! within seconds whatever the file system tells, since a poll stands behind the watcher and only content counts.
//!
//! It leaves out what a new snapshot means to others: they read it when they next need one. A file that was written by half
//! but is valid all the same cannot be told from one that was meant so; write beside it and rename.

mod history;
mod keep;
mod mount;
mod quiet;
mod swap;
mod watch;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use tokio::sync::{Mutex, Notify, mpsc, oneshot};
use tokio::time::{Instant, sleep_until};
use tracing::warn;

use crate::clock::Clock;
use crate::config::{self, Advice, Environment, Overrides, Problems, Published, Snapshot};
use crate::name::Revision;
use crate::store::{Store, StoreError};
use crate::tasks::Tasks;
use crate::telemetry::Metrics;

use history::History;
use quiet::Heard;
use swap::{Swap, blocking};
use watch::Watch;

pub use history::{AskedBy, Came, Told};
pub use quiet::{QUIET, UNREST};
pub(crate) use swap::log_problems;

/// How often the files are looked at although nothing was heard.
pub const POLL: Duration = Duration::from_secs(5);
/// Most calls of [`Reload::now`] that wait in line; they share one load.
const CALLS_MAX: usize = 16;

/// What reloading works with.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The file.
    pub path: PathBuf,
    /// Where `${…}` looks.
    pub environment: Arc<dyn Environment>,
    /// What stands above the file.
    pub overrides: Overrides,
    /// Where revisions are kept.
    pub store: Arc<dyn Store>,
    /// The running snapshot.
    pub published: Published,
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Who owns the watcher.
    pub tasks: Tasks,
}

/// How changes are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finding {
    /// Whether the file system is listened to.
    pub watch: bool,
    /// How often the files are looked at although nothing was heard.
    pub poll: Duration,
}

impl Default for Finding {
    fn default() -> Self {
        Self { watch: true, poll: POLL }
    }
}

/// What a load came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reloaded {
    /// Another revision runs now, or the same text with other contents of the files that it names.
    Published(Revision),
    /// Everything is as it was.
    Unchanged(Revision),
}

/// Why nothing changed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReloadError {
    /// The file is broken.
    #[error("the configuration has problems")]
    Refused(#[source] Problems),
    /// The revision could not be stored.
    #[error("the revision could not be stored")]
    Store(#[source] StoreError),
}

/// Where the answer to one call of [`Reload::now`] goes.
type Call = oneshot::Sender<Result<Reloaded, ReloadError>>;

/// The face of reloading. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Reload {
    /// The other end is with the service, which drops it when the program stops.
    calls: mpsc::Sender<Call>,
    path: Arc<Path>,
    /// One at a time: a text of 4 MiB takes a hundred times that while it is read.
    reading: Arc<Mutex<Reading>>,
    refused: Arc<ArcSwapOption<Problems>>,
    waiting: Arc<ArcSwap<Vec<&'static str>>>,
    history: Arc<History>,
}

impl Reload {
    /// Starts watching. The published snapshot is the one to compare with.
    pub fn start(parts: Parts) -> Self {
        Self::start_with(parts, Finding::default())
    }

    /// Starts watching as `finding` says.
    pub fn start_with(parts: Parts, finding: Finding) -> Self {
        if mount::is_mount_point(&parts.path) {
            warn!(
                file = %parts.path.display(),
                "the configuration file is itself a mount point: a new file that replaces it outside never arrives here; mount its folder instead"
            );
        }
        let (calls, received) = mpsc::channel(CALLS_MAX);
        let path: Arc<Path> = parts.path.as_path().into();
        let refused = Arc::new(ArcSwapOption::empty());
        let waiting = Arc::new(ArcSwap::default());
        let history = Arc::new(History::new(parts.clock.now(), parts.published.load().revision));
        let tasks = parts.tasks.clone();
        let reading = Arc::new(Mutex::new(Reading {
            environment: Arc::clone(&parts.environment),
            overrides: parts.overrides.clone(),
        }));
        let service = Service {
            swap: Swap::new(
                parts,
                Arc::clone(&refused),
                Arc::clone(&waiting),
                Arc::clone(&history),
            ),
            calls: received,
            poll: finding.poll,
        };
        let stopping = tasks.stopping();
        tasks.service("reload", async move {
            stopping.run_until_cancelled(service.run(finding.watch)).await;
        });
        Self { calls, path, reading, refused, waiting, history }
    }

    /// Loads now, whether or not anything changed: SIGHUP and `POST /-/reload`. What is loaded is at least as new as this
    /// call. Once the program stops, the answer is that the store is closed.
    pub async fn now(&self) -> Result<Reloaded, ReloadError> {
        let (answer, answered) = oneshot::channel();
        // If nobody takes the call, `answer` is dropped with it, and that is what is seen here.
        drop(self.calls.send(answer).await);
        answered.await.unwrap_or(Err(ReloadError::Store(StoreError::Closed)))
    }

    /// Reads `text` as if it stood in the file, with the values from outside as they are now. Nothing is published: this is
    /// for looking at what the store kept.
    pub async fn read(&self, text: Arc<str>) -> Result<Snapshot, Problems> {
        let reading = self.reading.lock().await;
        let (path, environment) = (Arc::clone(&self.path), Arc::clone(&reading.environment));
        let overrides = Overrides { advice: Advice::Quick, ..reading.overrides.clone() };
        let read =
            blocking(move || config::load_text(&text, &path, &*environment, &overrides)).await;
        read.unwrap_or_else(|| Err(swap::panicked(&self.path)))
    }

    /// Reads a text that somebody posted, to see where it would send events. It is lent no value that `running` does not
    /// show, and no file is read ([`config::load_posted`]).
    pub async fn read_posted(
        &self,
        text: String,
        running: Arc<Snapshot>,
    ) -> Result<Snapshot, Problems> {
        let reading = self.reading.lock().await;
        let (environment, overrides) =
            (Arc::clone(&reading.environment), reading.overrides.clone());
        let read = move || config::load_posted(&text, &running, &*environment, &overrides);
        blocking(read).await.unwrap_or_else(|| Err(swap::panicked(Path::new("<posted>"))))
    }

    /// `text` as it may be shown, with as many lines: see [`config::without_secrets`]. None after a bug of ours.
    pub async fn without_secrets(&self, text: Arc<str>) -> Option<String> {
        let _one_at_a_time = self.reading.lock().await;
        blocking(move || config::without_secrets(&text)).await
    }

    /// What the last loads came to, the newest first, the one at the start included while it is not too long ago.
    pub fn history(&self) -> Vec<Told> {
        self.history.told()
    }

    /// The problems of the last load, if it was refused.
    pub fn refused(&self) -> Option<Problems> {
        self.refused.load().as_deref().cloned()
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Keys that were changed in the file and wait for a restart.
    pub fn restart_pending(&self) -> Vec<&'static str> {
        self.waiting.load().as_ref().clone()
    }
}

/// What a text is read with.
#[derive(Debug)]
struct Reading {
    environment: Arc<dyn Environment>,
    overrides: Overrides,
}

/// The task that watches and loads.
#[derive(Debug)]
struct Service {
    swap: Swap,
    calls: mpsc::Receiver<Call>,
    poll: Duration,
}

impl Service {
    async fn run(mut self, listen: bool) {
        let maybe = Arc::new(Notify::new());
        let mut watch = if listen { Watch::new(Arc::clone(&maybe)) } else { None };
        let mut heard = Heard::default();
        // What changed between the first load and the first watch is found by the look that follows it.
        self.follow(&mut watch, &mut heard).await;
        heard.maybe(Instant::now());
        let mut next_poll = Instant::now() + self.poll;
        loop {
            let due = heard.due().map_or(next_poll, |due| due.min(next_poll));
            tokio::select! {
                biased;
                // Once every `Reload` is gone this is never ready, and only files ask for a load.
                Some(call) = self.calls.recv() => {
                    heard.clear();
                    self.answer(call).await;
                }
                () = sleep_until(due) => {
                    if Instant::now() >= next_poll {
                        next_poll = Instant::now() + self.poll;
                    }
                    heard.clear();
                    self.swap.check().await;
                }
                () = maybe.notified() => {
                    heard.maybe(Instant::now());
                    continue;
                }
            }
            self.follow(&mut watch, &mut heard).await;
        }
    }

    /// One load for everyone who waits.
    async fn answer(&mut self, first: Call) {
        let mut waiting = vec![first];
        while let Ok(call) = self.calls.try_recv() {
            waiting.push(call);
        }
        let loaded = self.swap.load(AskedBy::Person).await;
        for call in waiting {
            // Whoever asked may be gone, which is fine.
            drop(call.send(loaded.clone()));
        }
    }

    /// Watches what the configuration reads. A folder that is new among the watched ones may have changed before
    /// it was, so it is looked into.
    async fn follow(&self, watch: &mut Option<Watch>, heard: &mut Heard) {
        let Some(mut watching) = watch.take() else { return };
        let files = self.swap.files();
        let followed = blocking(move || {
            let more = watching.follow(files.iter().map(PathBuf::as_path));
            (watching, more)
        });
        if let Some((watching, more)) = followed.await {
            *watch = Some(watching);
            if more {
                heard.maybe(Instant::now());
            }
        }
    }
}
