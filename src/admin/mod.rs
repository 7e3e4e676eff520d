//! The admin listener: health, metrics and the API of design section 7.

use std::sync::Arc;

use tokio::net::TcpListener;

use crate::clock::Clock;
use crate::config::Published;
use crate::dispatch::Dispatch;
use crate::ingress::Readiness;
use crate::reload::Reload;
use crate::store::Store;
use crate::tasks::Tasks;
use crate::telemetry::Metrics;

/// What the admin listener works with.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Where events are.
    pub store: Arc<dyn Store>,
    /// Who delivers them.
    pub dispatch: Dispatch,
    /// Who reloads.
    pub reload: Reload,
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

/// Serves `listener` until the tasks are told to stop.
pub fn start(_parts: Parts, _listener: TcpListener) {
    todo!()
}
