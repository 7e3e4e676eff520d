//! The admin listener: health, metrics and the API of design section 7, for people, probes and the command line, and the [`page`]
//! that people look at.
//!
//! Promises: what changes something is durable before it is answered 2xx; a client that hangs up stops nothing half-way;
//! every error says what is wrong and what to do, as `application/problem+json`; nobody is let in whom [`guard`] does not
//! know. Secrets never leave: the API has no way to read one. Bodies of events do leave, by [`events`] and [`explain`] alone.
//!
//! It leaves out TLS, which is for a proxy in front, and users: there is one token, for which a browser gets a [`session`].

mod body;
mod convert;
mod dead_letters;
mod description;
mod edit;
mod events;
mod explain;
mod failure;
mod guard;
mod health;
mod mask;
mod ngrok;
mod page;
mod preview;
mod query;
mod replay;
mod revisions;
mod rules;
mod serve;
mod session;
mod stream;
mod targets;
mod trials;
mod webhook;
pub mod wire;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::routing::{MethodRouter, get, post};
use axum::{Extension, Router};
use tokio::net::TcpListener;

use crate::clock::{Clock, Timestamp};
use crate::config::Published;
use crate::dispatch::Dispatch;
use crate::ingress::Readiness;
use crate::reload::Reload;
use crate::store::Store;
use crate::tasks::Tasks;
use crate::telemetry::Metrics;

pub use ngrok::AGENT as NGROK;

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
    /// Where webhooks arrive: the address really bound.
    pub listen: SocketAddr,
    /// Where a local ngrok agent answers, if there is one: [`NGROK`].
    pub ngrok: SocketAddr,
    /// When the program started.
    pub started_at: Timestamp,
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
    let router = Router::new();
    paths()
        .into_iter()
        .chain(page::paths())
        .fold(router, |router, (path, take)| router.route(path, take))
        .fallback(page::missing)
        .with_state(parts)
}

/// Everything that can be asked, beside the page. `docs/openapi.yaml` describes the same.
fn paths() -> [(&'static str, MethodRouter<Arc<Parts>>); 29] {
    let turn = trials::Turn::default();
    [
        ("/healthz", get(health::alive)),
        ("/readyz", get(health::ready)),
        ("/metrics", get(health::metrics)),
        ("/-/reload", post(rules::reload)),
        ("/api/v1/openapi.yaml", get(description::document)),
        (session::LOGIN, post(session::login)),
        (session::LOGOUT, post(session::logout)),
        ("/api/v1/status", get(health::status)),
        ("/api/v1/webhook", get(webhook::show)),
        ("/api/v1/events", get(events::list)),
        ("/api/v1/events/stream", get(stream::open).layer(Extension(stream::Seats::default()))),
        ("/api/v1/events/{id}", get(events::one)),
        ("/api/v1/events/{id}/body", get(events::body)),
        ("/api/v1/events/{id}/explanation", get(explain::of_event)),
        ("/api/v1/events/{id}/test", get(trials::of_event).layer(Extension(turn.clone()))),
        ("/api/v1/events/{id}/replay", post(replay::replay)),
        ("/api/v1/dead-letters", get(dead_letters::list)),
        ("/api/v1/dead-letters/retry", post(dead_letters::retry)),
        ("/api/v1/dead-letters/drop", post(dead_letters::drop_dead)),
        ("/api/v1/targets", get(targets::list)),
        ("/api/v1/targets/series", get(targets::series)),
        ("/api/v1/targets/{name}/pause", post(targets::pause)),
        ("/api/v1/targets/{name}/resume", post(targets::resume)),
        ("/api/v1/rules", get(rules::list)),
        ("/api/v1/rules/tests", get(trials::run).layer(Extension(turn))),
        ("/api/v1/revisions", get(revisions::list)),
        ("/api/v1/revisions/{number}", get(revisions::one)),
        ("/api/v1/explain", post(explain::explain)),
        ("/api/v1/preview", post(preview::open).layer(Extension(preview::Seats::default()))),
    ]
}
