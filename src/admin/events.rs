//! What arrived: listed, looked at, taken out.

use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};

use crate::clock::Timestamp;
use crate::store::EventFilter;

use super::failure::{Failure, json};
use super::query::{Query, event_id};
use super::{Admin, convert, mask, wire};

/// The filters of the listing.
const FILTERS: [&str; 9] =
    ["event", "agent", "call", "target", "state", "since", "until", "limit", "cursor"];
/// The states that can be asked for: of the event, then of a delivery.
const STATES: [&str; 8] =
    ["routed", "unrouted", "ignored", "revised", "quarantined", "pending", "delivered", "dead"];

/// `GET /api/v1/events`.
pub(super) async fn list(State(parts): Admin, uri: Uri) -> Result<Response, Failure> {
    let query = Query::parse(&uri, &FILTERS)?;
    let filter = filter(&query, &STATES, parts.clock.now())?;
    let page = parts.store.events(filter, query.page()?).await?;
    let events = page
        .events
        .iter()
        .map(|(record, deliveries)| {
            let deliveries =
                deliveries.iter().map(|delivery| convert::delivery(delivery, &[])).collect();
            convert::event(record, deliveries)
        })
        .collect();
    Ok(json(StatusCode::OK, &wire::Events { events, next: page.next }))
}

/// Which events are asked for; `states` are those that can be.
pub(super) fn filter(
    query: &Query,
    states: &[&str],
    now: Timestamp,
) -> Result<EventFilter, Failure> {
    Ok(EventFilter {
        name: query.text("event"),
        agent_id: query.text("agent"),
        subject: query.text("call"),
        target: query.text("target"),
        state: query.one_of("state", states)?,
        since: query.moment("since", now)?,
        until: query.moment("until", now)?,
    })
}

/// `GET /api/v1/events/{id}`: with what is kept of its request, its deliveries and their attempts; with `?masked=true` without what
/// may tell whose it is.
pub(super) async fn one(
    State(parts): Admin,
    Path(id): Path<String>,
    uri: Uri,
) -> Result<Response, Failure> {
    let masked = Query::parse(&uri, &["masked"])?.flag("masked")?;
    let (record, tried) = parts.store.event(event_id(&id)?).await?;
    let deliveries =
        tried.iter().map(|(delivery, history)| convert::delivery(delivery, history)).collect();
    let mut event = convert::event(&record, deliveries);
    event.request = Some(convert::request(&record));
    if masked {
        mask::event(&mut event);
    }
    Ok(json(StatusCode::OK, &event))
}

/// `GET /api/v1/events/{id}/body`: the exact bytes, or with `?masked=true` what may be seen of them. They came from outside, so
/// they are never given a type that a browser would run, and never shown in place.
pub(super) async fn body(
    State(parts): Admin,
    Path(id): Path<String>,
    uri: Uri,
) -> Result<Response, Failure> {
    let masked = Query::parse(&uri, &["masked"])?.flag("masked")?;
    let id = event_id(&id)?;
    let stored = parts.store.body(id).await?;
    let given = stored.envelope.request.content_type.as_deref().unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim();
    let (kind, ending) = if masked {
        ("application/json", "masked.json")
    } else if essence.eq_ignore_ascii_case("application/json") {
        ("application/json", "json")
    } else {
        ("application/octet-stream", "bin")
    };
    let headers = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{id}.{ending}\"")),
    ];
    let body = if masked { mask::body(&stored.body).into() } else { stored.body };
    Ok((StatusCode::OK, headers, body).into_response())
}
