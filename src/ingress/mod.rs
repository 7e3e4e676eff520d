//! Ingress: receives, checks, reads, plans, stores, and only then answers.

mod answer;
mod handler;
mod serve;

use std::sync::Arc;

use crate::clock::Clock;
use crate::config::Published;
use crate::dispatch::Dispatch;
use crate::store::Store;
use crate::tasks::Tasks;
use crate::telemetry::Metrics;

pub use serve::Ingress;

/// What ingress works with.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Where events go.
    pub store: Arc<dyn Store>,
    /// Who delivers them.
    pub dispatch: Dispatch,
    /// The running snapshot.
    pub published: Published,
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Who owns connections.
    pub tasks: Tasks,
    /// Whether we are ready.
    pub readiness: Readiness,
}

/// Whether the program is ready for traffic: shared by both listeners. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<std::sync::atomic::AtomicBool>);

impl Readiness {
    /// We were told to stop: unready from now on.
    pub fn drain(&self) {
        self.0.store(true, std::sync::atomic::Ordering::SeqCst);
    }

    /// Whether we were told to stop.
    pub fn draining(&self) -> bool {
        self.0.load(std::sync::atomic::Ordering::SeqCst)
    }
}
