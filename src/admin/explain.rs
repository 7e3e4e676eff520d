//! Explanations: of an event that never arrived, and of one that did. They show what is in a body, so whoever may not read
//! bodies may not read them; the guard is the same. With `?masked=true` they show what may be seen of one ([`mask`]).

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use serde::Deserialize;

use crate::config::Snapshot;
use crate::event::EventId;
use crate::explain::{Explanation, Sample, explain_kept, explain_sample, explain_stored};
use crate::name::SourceName;
use crate::store::StoreError;

use super::failure::{Failure, json};
use super::query::{Query, event_id};
use super::{Admin, Parts, body, edit, mask};

/// Largest event to explain if no source takes larger ones, in bytes.
const EXPLAIN_MAX: usize = 10 << 20;

/// A body that names a stored event instead of being one.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    event_id: String,
}

/// `POST /api/v1/explain`: where an event would go under the running revision, and why. The body is the event, or names a
/// stored one; with `?like=` it is an edit of a stored one, and arrives as that did. The answer is JSON, or text for whoever
/// accepts only that.
pub(super) async fn explain(State(parts): Admin, request: Request) -> Result<Response, Failure> {
    let query = Query::parse(request.uri(), &["source", "like", "masked"])?;
    let (arrival, masked) = (Arrival::of(&query)?, query.flag("masked")?);
    let as_text = wants_text(request.headers());
    let snapshot = parts.published.load();
    let most = body::largest(&snapshot).max(EXPLAIN_MAX);
    let body = body::read(request, most).await?;
    let mut explanation = explained(&parts, &snapshot, body, arrival).await?;
    if masked {
        mask::explanation(&mut explanation);
    }
    Ok(if as_text { plain(explanation.text()) } else { json(StatusCode::OK, &explanation) })
}

async fn explained(
    parts: &Parts,
    snapshot: &Snapshot,
    body: Bytes,
    arrival: Arrival,
) -> Result<Explanation, Failure> {
    let now = parts.clock.now();
    if body.is_empty() {
        return Err(Failure::bad("send the event as the body, or {\"event_id\": \"…\"}"));
    }
    let sample = match arrival {
        Arrival::Like(id) => edit::like(&parts.store.event(id).await?.0.envelope),
        Arrival::At(source) => {
            if let Ok(Stored { event_id: id }) = serde_json::from_slice(&body) {
                let stored = parts.store.body(event_id(&id)?).await?;
                return Ok(explain_stored(snapshot, &stored.envelope, &stored.body, now));
            }
            let source = source.map(|name| known(snapshot, &name)).transpose()?;
            Sample { source, ..Sample::default() }
        }
    };
    Ok(explain_sample(snapshot, body, sample, now))
}

/// How a body is taken to arrive.
enum Arrival {
    /// At this source, or at the first one.
    At(Option<String>),
    /// As an edit of this event would.
    Like(EventId),
}

impl Arrival {
    fn of(query: &Query) -> Result<Self, Failure> {
        match (query.text("source"), query.text("like")) {
            (Some(_), Some(_)) => Err(Failure::bad(
                "`source` and `like` exclude each other: an edited event arrives where its original did",
            )),
            (None, Some(id)) => Ok(Self::Like(event_id(&id)?)),
            (source, None) => Ok(Self::At(source)),
        }
    }
}

/// `GET /api/v1/events/{id}/explanation`: why a stored event went where it went, by the revision that routed it, or with
/// `?revision=running` by the one that runs.
pub(super) async fn of_event(
    State(parts): Admin,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let query = Query::parse(&uri, &["revision", "masked"])?;
    let wanted = query.one_of("revision", &["stored", "running"])?;
    let masked = query.flag("masked")?;
    let stored = parts.store.body(event_id(&id)?).await?;
    let mut snapshot = parts.published.load();
    if wanted.as_deref() != Some("running") && snapshot.revision.number != stored.revision {
        snapshot = Arc::new(made_again(&parts, stored.revision).await?);
    }
    let mut kept = explain_kept(&snapshot, &stored, parts.clock.now());
    if masked {
        mask::explanation(&mut kept.explanation);
    }
    Ok(if wants_text(&headers) { plain(kept.text()) } else { json(StatusCode::OK, &kept) })
}

/// The revision with that number, made from its text once more.
async fn made_again(parts: &Parts, number: u64) -> Result<Snapshot, Failure> {
    const INSTEAD: &str = "ask with ?revision=running for what the running one says";
    let (revision, text, _) = parts.store.revision(number).await.map_err(|error| match error {
        StoreError::NotFound => Failure::missing(format!(
            "the text of revision {number}, which routed this event, is not kept any more; {INSTEAD}"
        )),
        error => error.into(),
    })?;
    let mut snapshot = parts.reload.read(text).await.map_err(|mut problems| {
        problems.file = format!("revision {number} of {}", problems.file);
        let why = "values from outside, files that it names, or what this version of hookswitch takes have changed";
        let detail = format!(
            "revision {number}, which routed this event, does not load any more: {why}; {INSTEAD}"
        );
        Failure::with_problems(detail, &problems)
    })?;
    snapshot.revision = revision;
    Ok(snapshot)
}

fn plain(text: String) -> Response {
    (StatusCode::OK, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
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
