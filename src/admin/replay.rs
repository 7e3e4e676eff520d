//! Sending a stored event once more: new deliveries with the same `webhook-id`, past dedupe, at the tail of their order.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use tracing::info;

use crate::clock::Timestamp;
use crate::config::Snapshot;
use crate::event::{Event, EventId};
use crate::name::{RuleName, TargetName};
use crate::rule::Disposition;
use crate::store::{Body, DeliveryRecord, EventRecord, NewDelivery, Replay, Tried};
use crate::telemetry::DeliveryResult;

use super::failure::{Failure, json};
use super::query::event_id;
use super::{Admin, Parts, body, convert, edit, wire};

/// What a replay comes to: where to, and what was left out.
struct Planned {
    deliveries: Vec<NewDelivery>,
    skipped: Vec<String>,
}

/// `POST /api/v1/events/{id}/replay`.
pub(super) async fn replay(
    State(parts): Admin,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Failure> {
    let id = event_id(&id)?;
    let snapshot = parts.published.load();
    // As JSON, an edited body is longer by what has to be escaped in it.
    let most = body::COMMAND_MAX + 2 * body::largest(&snapshot);
    let wanted: wire::ReplayRequest = body::command_of(request, most).await?;
    if let Some(body) = wanted.body {
        if wanted.original {
            return Err(Failure::bad(
                "`body` and `original` exclude each other: an edited body goes where the rules say",
            ));
        }
        let answer = edit::send(&parts, &snapshot, id, (body, wanted.to.as_deref())).await?;
        return Ok(json(StatusCode::OK, &answer));
    }
    let stored = parts.store.body(id).await?;
    let planned = match (&wanted.to, wanted.original) {
        (Some(_), true) => {
            return Err(Failure::bad("`to` and `original` exclude each other: give one of them"));
        }
        (Some(to), false) => to_one(&snapshot, &stored, to)?,
        (None, true) => as_stored(&snapshot, &stored, parts.store.event(id).await?)?,
        (None, false) => anew(&snapshot, &stored)?,
    };
    let now = parts.clock.now();
    let deliveries = make(&parts, &snapshot, stored, &planned.deliveries, now).await?;
    let answer = wire::Replayed {
        event: id.to_string(),
        edited_from: None,
        revision: snapshot.revision.number,
        deliveries,
        skipped: planned.skipped,
    };
    Ok(json(StatusCode::OK, &answer))
}

/// By the running revision.
fn anew(snapshot: &Snapshot, stored: &Body) -> Result<Planned, Failure> {
    let event =
        snapshot.rules.reader().reread(&stored.envelope, &stored.body).map_err(|reason| {
            Failure::refused(format!(
                "rules cannot look at this event ({reason}): name a target with `to`"
            ))
        })?;
    let number = snapshot.revision.number;
    let planned = match snapshot.rules.plan(&event).disposition {
        Disposition::Routed(planned) => planned,
        Disposition::Ignored => {
            return Err(Failure::refused(format!(
                "a rule of revision {number} ignores this event: name a target with `to`"
            )));
        }
        Disposition::Unrouted => {
            return Err(Failure::refused(format!(
                "no rule of revision {number} matches this event: name a target with `to`"
            )));
        }
    };
    let deliveries = planned
        .into_iter()
        .map(|planned| NewDelivery { target: planned.target, order_key: planned.order_key })
        .collect();
    Ok(Planned { deliveries, skipped: Vec::new() })
}

/// To one target, whatever the rules say; also an event that they cannot look at.
fn to_one(snapshot: &Snapshot, stored: &Body, to: &str) -> Result<Planned, Failure> {
    let Some(target) = snapshot.targets.keys().find(|target| target.as_str() == to) else {
        let known: Vec<&str> = snapshot.targets.keys().map(TargetName::as_str).collect();
        let known = known.join(", ");
        return Err(Failure::refused(format!("there is no target {to:?}; there are: {known}")));
    };
    let event = snapshot.rules.reader().reread(&stored.envelope, &stored.body).ok();
    let deliveries = vec![ordered(snapshot, event.as_ref(), target)];
    Ok(Planned { deliveries, skipped: Vec::new() })
}

/// To the targets that were planned on arrival.
fn as_stored(
    snapshot: &Snapshot,
    stored: &Body,
    (record, tried): (EventRecord, Tried),
) -> Result<Planned, Failure> {
    // Those of an edited event are replays from the first on.
    let edited_at = record.edited_from.map(|_| record.envelope.received_at);
    let planned =
        |delivery: &DeliveryRecord| !delivery.replay || Some(delivery.created_at) == edited_at;
    let event = snapshot.rules.reader().reread(&stored.envelope, &stored.body).ok();
    let mut deliveries: Vec<NewDelivery> = Vec::new();
    let mut skipped = Vec::new();
    for (first, _) in tried.into_iter().filter(|(delivery, _)| planned(delivery)) {
        if snapshot.targets.contains_key(&first.target) {
            deliveries.push(ordered(snapshot, event.as_ref(), &first.target));
        } else {
            skipped.push(first.target.to_string());
        }
    }
    match (deliveries.is_empty(), skipped.is_empty()) {
        (false, _) => Ok(Planned { deliveries, skipped }),
        (true, true) => Err(Failure::refused(format!(
            "the stored plan of this event names no target (it is {}): replay it without `original`, or name a target with `to`",
            stored.state.as_str()
        ))),
        (true, false) => Err(Failure::refused(format!(
            "the configuration has none of the targets of the stored plan any more: {}",
            skipped.join(", ")
        ))),
    }
}

fn ordered(snapshot: &Snapshot, event: Option<&Event>, target: &TargetName) -> NewDelivery {
    let order_key = event.and_then(|event| snapshot.rules.order_key(event, target));
    NewDelivery { target: target.clone(), order_key }
}

/// Stores the new deliveries, hands them on, and tells them as they are stored.
async fn make(
    parts: &Parts,
    snapshot: &Snapshot,
    stored: Body,
    planned: &[NewDelivery],
    now: Timestamp,
) -> Result<Vec<wire::Delivery>, Failure> {
    let id: EventId = stored.envelope.id;
    let replay =
        Replay { event: id, deliveries: planned.to_vec(), revision: snapshot.revision.number, now };
    let ready = parts.store.replay(replay).await?;
    for delivery in planned {
        parts.metrics.delivery(&delivery.target, DeliveryResult::Created, 1);
    }
    info!(event = %id, deliveries = planned.len(), "an event was replayed");
    // What the rules were on arrival is what every later reading of the store gives, so all attempts are alike.
    let rules: Arc<[RuleName]> = stored.rules.into();
    let event = Arc::new(Event::restored(stored.envelope, stored.body));
    parts.dispatch.offer(&event, &rules, ready);
    let (_, tried) = parts.store.event(id).await?;
    let new = tried.iter().filter(|(delivery, _)| delivery.replay && delivery.created_at == now);
    Ok(new.map(|(delivery, history)| convert::delivery(delivery, history)).collect())
}
