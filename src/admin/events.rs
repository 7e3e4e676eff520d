//! What arrived: listed, looked at, taken out.

use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};

use crate::clock::Timestamp;
use crate::event::EventId;
use crate::store::{DeliveryRecord, EventFilter, EventPage, EventRecord, TEXT_MAX};

use super::failure::{Failure, json};
use super::query::{Query, event_id};
use super::{Admin, Parts, convert, mask, wire};

/// The filters of the listing.
const FILTERS: [&str; 12] = [
    "event", "agent", "call", "target", "state", "rule", "text", "since", "until", "limit",
    "cursor", "ids",
];
/// Most events that are asked for by their ids.
const IDS_MAX: usize = 200;
/// The states that can be asked for: of the event, then of a delivery.
const STATES: [&str; 8] =
    ["routed", "unrouted", "ignored", "revised", "quarantined", "pending", "delivered", "dead"];

/// `GET /api/v1/events`.
pub(super) async fn list(State(parts): Admin, uri: Uri) -> Result<Response, Failure> {
    let query = Query::parse(&uri, &FILTERS)?;
    let page = match query.text("ids") {
        Some(_) if query.count() > 1 => {
            return Err(Failure::bad("`ids` excludes every other parameter: ask for either"));
        }
        Some(ids) => {
            let events = parts.store.listed(event_ids(&ids)?).await?;
            EventPage { events, next: None, looked_to: None }
        }
        None => {
            let filter = filter(&query, &STATES, parts.clock.now())?;
            parts.store.events(filter, query.page()?).await?
        }
    };
    let events = page.events.iter().map(|(record, deliveries)| listed(&parts, record, deliveries));
    let answer = wire::Events {
        events: events.collect(),
        next: page.next,
        looked_to: page.looked_to.map(Timestamp::rfc3339),
    };
    Ok(json(StatusCode::OK, &answer))
}

/// An event as it is listed.
pub(super) fn listed(
    parts: &Parts,
    record: &EventRecord,
    deliveries: &[DeliveryRecord],
) -> wire::Event {
    let deliveries = deliveries.iter().map(|delivery| convert::delivery(delivery, &[])).collect();
    let mut event = convert::event(record, deliveries);
    event.answered_ms = answered_ms(parts, record);
    event
}

/// How long it took to be answered, to a hundredth of a millisecond.
fn answered_ms(parts: &Parts, record: &EventRecord) -> Option<f64> {
    let took = parts.metrics.answer_time(record.envelope.id)?;
    Some((took.as_secs_f64() * 100_000.0).round() / 100.0)
}

/// Ids of events, with commas between them.
fn event_ids(text: &str) -> Result<Vec<EventId>, Failure> {
    let ids: Vec<&str> = text.split(',').take(IDS_MAX + 1).collect();
    if ids.len() > IDS_MAX {
        return Err(Failure::bad(format!("ids names at most {IDS_MAX} events")));
    }
    ids.into_iter().map(event_id).collect()
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
        rule: query.text("rule"),
        text: query.at_most("text", TEXT_MAX)?,
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
    event.answered_ms = answered_ms(&parts, &record);
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
