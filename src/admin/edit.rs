//! A stored event with another body, sent as a person wants it to be: a new event, marked with the one that it was made of.
//!
//! Promises: it is on stable storage before that is answered; it goes only to targets that the running rules name for it; it is
//! no repeat of anything, and nothing is one of it; where it would go nowhere, nothing is stored. Its requests say that a person
//! asked for them. The sender's signature stays with the original, since it would not hold for other bytes, and nobody vouches
//! for what a person wrote: it is an event without a signature.

use std::sync::Arc;

use axum::http::StatusCode;
use bytes::Bytes;
use tracing::info;

use crate::config::Snapshot;
use crate::event::{Envelope, Event, EventId, Intake, RequestParts, query_pairs};
use crate::explain::Sample;
use crate::name::RuleName;
use crate::rule::{Disposition, Plan, Planned};
use crate::signature::Check;
use crate::store::{Append, EventState, Fate, NewDelivery};
use crate::telemetry::DeliveryResult;

use super::failure::Failure;
use super::{Parts, body, convert, wire};

/// Stores the event `id` with this body, and sends it where the rules say; only to one of these targets, if one is named.
pub(super) async fn send(
    parts: &Parts,
    snapshot: &Snapshot,
    id: EventId,
    (body, to): (String, Option<&str>),
) -> Result<wire::Replayed, Failure> {
    let most = body::largest(snapshot);
    if body.len() > most {
        return Err(Failure::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("the edited body has more than {most} bytes, the largest `max_body`"),
        ));
    }
    let (original, _) = parts.store.event(id).await?;
    let event = read(parts, snapshot, &original.envelope, body.into())?;
    let Matched { rules, shadow, planned } = plan(snapshot, &event, to)?;
    let append = Append {
        envelope: Arc::clone(event.envelope()),
        body: event.body().clone(),
        state: EventState::Routed,
        rules: rules.clone(),
        shadow: shadow.clone(),
        revision: snapshot.revision.number,
        edited_from: Some(id),
        deliveries: planned
            .into_iter()
            .map(|Planned { target, order_key }| NewDelivery { target, order_key })
            .collect(),
        identity: None,
    };
    let (new, at) = (event.envelope().id, event.envelope().received_at);
    if let Fate::Stored(ready) = parts.store.append(append).await?.fate {
        for rule in &rules {
            parts.metrics.rule_matched(rule, new, at);
        }
        for rule in &shadow {
            parts.metrics.rule_watched(rule, new, at);
        }
        for delivery in &ready {
            parts.metrics.delivery(&delivery.target, DeliveryResult::Created, 1);
        }
        info!(event = %new, edited_from = %id, deliveries = ready.len(), "an edited event was sent");
        parts.dispatch.offer(&Arc::new(event), &rules.into(), ready);
    }
    let (_, tried) = parts.store.event(new).await?;
    Ok(wire::Replayed {
        event: new.to_string(),
        edited_from: Some(id.to_string()),
        revision: snapshot.revision.number,
        deliveries: tried.iter().map(|(one, history)| convert::delivery(one, history)).collect(),
        skipped: Vec::new(),
    })
}

/// The event as rules see it: arrived now, with what is kept of the original's request but its signature.
fn read(
    parts: &Parts,
    snapshot: &Snapshot,
    original: &Envelope,
    body: Bytes,
) -> Result<Event, Failure> {
    let now = parts.clock.now();
    let verified = Check::Unsigned.verify(&original.source, body, &[], now);
    let verified = verified.map_err(|refusal| Failure::refused(refusal.to_string()))?;
    let request = RequestParts { signature: None, ..original.request.clone() };
    let Sample { headers, query, .. } = like(original);
    let id = EventId::new(now, rand::random());
    match snapshot.rules.reader().read(verified, id, request, headers, query) {
        Intake::Readable(event) => Ok(event),
        Intake::Quarantined { reason, .. } => Err(Failure::refused(format!(
            "rules cannot look at the edited body ({reason}); nothing was stored"
        ))),
    }
}

/// Where an edit of `original` is taken to arrive, and with what: what is kept of the original's request but its signature.
pub(super) fn like(original: &Envelope) -> Sample {
    let request = &original.request;
    let headers = [("content-type", &request.content_type), ("user-agent", &request.user_agent)];
    let headers =
        headers.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?)));
    Sample {
        source: Some(original.source.clone()),
        headers: headers.collect(),
        query: request.query.as_deref().map(query_pairs).unwrap_or_default(),
    }
}

/// The rules that match, those that only watch, and where it is sent.
struct Matched {
    rules: Vec<RuleName>,
    shadow: Vec<RuleName>,
    planned: Vec<Planned>,
}

/// What the rules make of it; only to one of these targets, if one is named.
fn plan(snapshot: &Snapshot, event: &Event, to: Option<&str>) -> Result<Matched, Failure> {
    let number = snapshot.revision.number;
    let refused = |why: String| Failure::refused(format!("{why}; nothing was stored"));
    let Plan { rules, shadow, disposition } = snapshot.rules.plan(event);
    let mut planned = match disposition {
        Disposition::Routed(planned) => planned,
        Disposition::Ignored => {
            return Err(refused(format!("a rule of revision {number} ignores the edited event")));
        }
        Disposition::Unrouted => {
            return Err(refused(format!("no rule of revision {number} matches the edited event")));
        }
    };
    if let Some(to) = to {
        let named: Vec<_> = planned.iter().map(|planned| planned.target.to_string()).collect();
        planned.retain(|planned| planned.target.as_str() == to);
        if planned.is_empty() {
            let named = named.join(", ");
            return Err(refused(format!(
                "the rules do not send the edited event to {to:?}; they send it to: {named}"
            )));
        }
    }
    Ok(Matched { rules, shadow, planned })
}
