//! Watching the configuration and swapping in what is new: everything that can fail comes before anything that changes.

use std::path::PathBuf;
use std::sync::Arc;

use crate::clock::Clock;
use crate::config::{Environment, Overrides, Problems, Published};
use crate::name::Revision;
use crate::store::{Store, StoreError};
use crate::tasks::Tasks;
use crate::telemetry::Metrics;

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

/// What a load came to.
#[derive(Debug)]
pub enum Reloaded {
    /// Another revision runs now.
    Published(Revision),
    /// The file is as it was.
    Unchanged(Revision),
}

/// Why nothing changed.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// The file is broken.
    #[error("the configuration has problems")]
    Refused(#[source] Problems),
    /// The revision could not be stored.
    #[error("the revision could not be stored")]
    Store(#[source] StoreError),
}

/// The face of reloading. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Reload {}

impl Reload {
    /// Starts watching.
    pub fn start(_parts: Parts) -> Self {
        todo!()
    }

    /// Loads now, whether or not anything changed: SIGHUP and `POST /-/reload`.
    pub async fn now(&self) -> Result<Reloaded, ReloadError> {
        todo!()
    }

    /// The problems of the last load, if it was refused.
    pub fn refused(&self) -> Option<Problems> {
        todo!()
    }
}
