//! Rules: listed, explained, loaded again.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use serde::Deserialize;

use crate::config::Snapshot;
use crate::explain::{Explanation, Sample, explain_sample, explain_stored};
use crate::name::{SourceName, TargetName};
use crate::reload::Reloaded;
use crate::rule::{Effect, Flow, Rule};

use super::failure::{Failure, json};
use super::query::{Query, event_id};
use super::{Admin, Parts, body, convert, health, wire};

/// Largest event to explain if no source takes larger ones, in bytes.
const EXPLAIN_MAX: usize = 10 << 20;

/// `GET /api/v1/rules`.
pub(super) async fn list(State(parts): Admin) -> Response {
    let snapshot = parts.published.load();
    let rules = wire::Rules {
        revision: convert::revision(snapshot.revision),
        rules: snapshot.rules.rules().iter().map(rule).collect(),
        fallback: names(snapshot.rules.fallback()),
    };
    json(StatusCode::OK, &rules)
}

fn rule(rule: &Rule) -> wire::Rule {
    let (to, ignore) = match &rule.effect {
        Effect::Send(targets) => (names(targets), false),
        Effect::Ignore => (Vec::new(), true),
    };
    wire::Rule {
        name: rule.name.to_string(),
        enabled: rule.enabled,
        conditional: rule.when.is_some(),
        to,
        ignore,
        stop: rule.flow == Flow::Stop,
    }
}

fn names(targets: &[TargetName]) -> Vec<String> {
    targets.iter().map(ToString::to_string).collect()
}

/// `POST /-/reload`: loads the file now and says what came of it.
pub(super) async fn reload(State(parts): Admin) -> Result<Response, Failure> {
    let (result, revision) = match parts.reload.now().await? {
        Reloaded::Published(revision) => ("published", revision),
        Reloaded::Unchanged(revision) => ("unchanged", revision),
    };
    let answer = wire::Reloaded {
        result: result.to_owned(),
        revision: convert::revision(revision),
        warnings: convert::problems(&parts.published.load().warnings),
        restart_pending: health::pending(&parts),
    };
    Ok(json(StatusCode::OK, &answer))
}

/// A body that names a stored event instead of being one.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    event_id: String,
}

/// `POST /api/v1/explain`: where an event would go under the running revision, and why. The body is the event, or names a
/// stored one. The answer is JSON, or text for whoever accepts only that.
pub(super) async fn explain(State(parts): Admin, request: Request) -> Result<Response, Failure> {
    let source = source(request.uri())?;
    let as_text = wants_text(request.headers());
    let snapshot = parts.published.load();
    let most = snapshot.sources.iter().map(|source| source.max_body).max().unwrap_or(0);
    let body = body::read(request, most.max(EXPLAIN_MAX)).await?;
    let explanation = explained(&parts, &snapshot, body, source).await?;
    Ok(if as_text {
        let kind = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
        (StatusCode::OK, kind, explanation.text()).into_response()
    } else {
        json(StatusCode::OK, &explanation)
    })
}

async fn explained(
    parts: &Parts,
    snapshot: &Snapshot,
    body: Bytes,
    source: Option<String>,
) -> Result<Explanation, Failure> {
    let now = parts.clock.now();
    if let Ok(Stored { event_id: id }) = serde_json::from_slice(&body) {
        let stored = parts.store.body(event_id(&id)?).await?;
        return Ok(explain_stored(snapshot, &stored.envelope, &stored.body, now));
    }
    if body.is_empty() {
        return Err(Failure::bad("send the event as the body, or {\"event_id\": \"…\"}"));
    }
    let source = source.map(|name| known(snapshot, &name)).transpose()?;
    let sample = Sample { source, ..Sample::default() };
    Ok(explain_sample(snapshot, body, sample, now))
}

fn source(uri: &Uri) -> Result<Option<String>, Failure> {
    Ok(Query::parse(uri, &["source"])?.text("source"))
}

fn known(snapshot: &Snapshot, name: &str) -> Result<SourceName, Failure> {
    let found = snapshot.sources.iter().find(|source| source.name.as_str() == name);
    found.map(|source| source.name.clone()).ok_or_else(|| {
        let known: Vec<&str> = snapshot.sources.iter().map(|source| source.name.as_str()).collect();
        Failure::refused(format!("there is no source {name:?}; there are: {}", known.join(", ")))
    })
}

fn wants_text(headers: &HeaderMap) -> bool {
    headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.trim_start().starts_with("text/plain"))
}
