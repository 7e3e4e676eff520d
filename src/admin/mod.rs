//! The admin listener: health, metrics and the API of design section 7, for people, probes and the command line.
//!
//! Promises: what changes something is durable before it is answered 2xx; a client that hangs up stops nothing half-way;
//! every error says what is wrong and what to do, as `application/problem+json`; nobody is let in whom [`guard`] does not
//! know. Secrets never leave: the API has no way to read one. Bodies of events do leave, by [`events`] and [`explain`] alone.
//!
//! It leaves out TLS, which is for a proxy in front, and users: there is one token.

mod body;
mod convert;
mod dead_letters;
mod events;
mod explain;
mod failure;
mod guard;
mod health;
mod query;
mod replay;
mod rules;
mod serve;
mod targets;
pub mod wire;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
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

/// What every handler is given.
type Admin = axum::extract::State<Arc<Parts>>;

/// Serves `listener` until the tasks are told to stop.
pub fn start(parts: Parts, listener: TcpListener) {
    let tasks = parts.tasks.clone();
    let parts = Arc::new(parts);
    tasks.service("admin", serve::serve(Arc::clone(&parts), routes(parts), listener));
}

fn routes(parts: Arc<Parts>) -> Router {
    let api = Router::new()
        .route("/status", get(health::status))
        .route("/events", get(events::list))
        .route("/events/{id}", get(events::one))
        .route("/events/{id}/body", get(events::body))
        .route("/events/{id}/explanation", get(explain::of_event))
        .route("/events/{id}/replay", post(replay::replay))
        .route("/dead-letters", get(dead_letters::list))
        .route("/dead-letters/retry", post(dead_letters::retry))
        .route("/dead-letters/drop", post(dead_letters::drop_dead))
        .route("/targets", get(targets::list))
        .route("/targets/{name}/pause", post(targets::pause))
        .route("/targets/{name}/resume", post(targets::resume))
        .route("/rules", get(rules::list))
        .route("/explain", post(explain::explain));
    Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .route("/-/reload", post(rules::reload))
        .nest("/api/v1", api)
        .with_state(parts)
}
