//! Health, metrics and the status page's facts.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use crate::store::Health;

use super::failure::{Failure, json};
use super::{Admin, Parts, convert, wire};

/// The media type of OpenMetrics text.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// `GET /healthz`: the process answers. Says nothing about whether it can do its work.
pub(super) async fn alive() -> Response {
    (StatusCode::OK, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], "ok\n").into_response()
}

/// `GET /readyz`: whether events are accepted. A dead target never makes it unready.
pub(super) async fn ready(State(parts): Admin) -> Response {
    let ready = readiness(&parts);
    let status = if ready.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    json(status, &ready)
}

fn readiness(parts: &Parts) -> wire::Ready {
    let reasons = parts.readiness.missing(&*parts.store);
    wire::Ready {
        ready: reasons.is_empty(),
        reasons: reasons.into_iter().map(str::to_owned).collect(),
    }
}

/// `GET /metrics`.
pub(super) async fn metrics(State(parts): Admin) -> Response {
    (StatusCode::OK, [(header::CONTENT_TYPE, OPENMETRICS)], parts.metrics.encode()).into_response()
}

/// `GET /api/v1/status`.
pub(super) async fn status(State(parts): Admin) -> Result<Response, Failure> {
    let snapshot = parts.published.load();
    let stats = parts.store.stats().await?;
    let health = match parts.store.health() {
        Health::Writable => "writable",
        Health::Full => "full",
        Health::Poisoned => "failed",
    };
    let refused = parts.reload.refused();
    let status = wire::Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ready: readiness(&parts),
        started_at: parts.started_at.rfc3339(),
        now: parts.clock.now().rfc3339(),
        configuration: wire::Configuration {
            file: parts.reload.path().display().to_string(),
            revision: convert::revision(snapshot.revision),
            warnings: convert::problems(&snapshot.warnings),
            refused: refused.as_ref().map(convert::problems).unwrap_or_default(),
            restart_pending: pending(&parts),
            sources: snapshot.sources.iter().map(|source| source.name.to_string()).collect(),
            targets: snapshot.targets.len(),
            rules: snapshot.rules.rules().len(),
        },
        store: wire::Store {
            health: health.to_owned(),
            events: stats.events,
            quarantined: stats.quarantined,
            pending: stats.targets.iter().map(|(_, counts)| counts.pending).sum(),
            dead_letters: stats.targets.iter().map(|(_, counts)| counts.dead).sum(),
            bytes: stats.bytes,
            max_bytes: snapshot.settings.max_size,
            facts: parts
                .store
                .facts()
                .into_iter()
                .map(|(key, fact)| (key.to_owned(), fact))
                .collect(),
            warnings: parts.store.warnings(),
        },
        ui: wire::Ui { show_payloads: snapshot.settings.show_payloads.as_str().to_owned() },
        token_needed: snapshot.settings.admin_token.is_some(),
    };
    Ok(json(StatusCode::OK, &status))
}

/// Keys that wait for a restart.
pub(super) fn pending(parts: &Arc<Parts>) -> Vec<String> {
    parts.reload.restart_pending().into_iter().map(str::to_owned).collect()
}
