//! The program put together: opened in order, stopped in order.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use crate::clock::Clock;
use crate::config::{Environment, Overrides, Problems};
use crate::store::Store;

/// What to run.
#[derive(Debug, Clone)]
pub struct Options {
    /// The configuration file.
    pub config: PathBuf,
    /// What stands above it.
    pub overrides: Overrides,
    /// Where `${…}` looks.
    pub environment: Arc<dyn Environment>,
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
    /// A store to use instead of the one in the data folder: for tests and benches.
    pub store: Option<Arc<dyn Store>>,
}

/// Why it does not run. Each has its exit code.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// 78: the configuration is refused.
    #[error("the configuration has problems")]
    Config(#[source] Problems),
    /// 73: the data folder cannot be used.
    #[error("{0}")]
    DataFolder(String),
    /// 74: the store failed while running.
    #[error("{0}")]
    Store(String),
    /// 69: an address cannot be listened on.
    #[error("{0}")]
    Listen(String),
    /// 70: a task of ours ended or panicked.
    #[error("internal: {0} ended unexpectedly")]
    Task(&'static str),
}

/// The running program.
#[derive(Debug)]
pub struct App {}

impl App {
    /// Opens everything in order: configuration, store, listeners, dispatch. Ready when it returns.
    pub async fn start(_options: Options) -> Result<Self, AppError> {
        todo!()
    }

    /// Where webhooks arrive: the address really bound.
    pub fn listen(&self) -> SocketAddr {
        todo!()
    }

    /// Where the API answers.
    pub fn admin(&self) -> SocketAddr {
        todo!()
    }

    /// Resolves if it cannot go on: the store is poisoned, or a task failed.
    pub async fn failed(&self) -> AppError {
        todo!()
    }

    /// Unready, accept through `drain_delay`, close, finish or park, within `shutdown_timeout`.
    pub async fn stop(self) -> Result<(), AppError> {
        todo!()
    }
}
