//! One event, from its whole body to its answer: verify, read, plan, append, offer. It runs in a task of its own, which a
//! client that hangs up does not end.

use std::sync::Arc;

use bytes::Bytes;
use hyper::header::HeaderValue;
use serde::Deserialize;
use serde::de::IgnoredAny;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::time::Instant;
use tracing::{debug, info, warn};

use crate::config::{Snapshot, Source};
use crate::event::{Envelope, Event, EventId, Intake, Pairs, RequestParts, Unreadable};
use crate::name::{RuleName, SourceName, TargetName};
use crate::rule::{Disposition, Plan, Planned};
use crate::store::{Append, Appended, EventState, Fate, NewDelivery};
use crate::telemetry::{DeliveryResult, EventResult};

use super::answer::{self, Answer, Occurrence, Problem};
use super::budget::Share;
use super::identity::identity;
use super::serve::Shared;

/// From this size on, what is computed over a body would hold up the other connections of its thread for milliseconds.
const LARGE: usize = 512 << 10;

/// A source in the one snapshot that its request sees.
#[derive(Debug, Clone)]
pub(super) struct Chosen {
    snapshot: Arc<Snapshot>,
    at: usize,
}

impl Chosen {
    /// The source at `path`.
    pub(super) fn find(snapshot: Arc<Snapshot>, path: &str) -> Option<Self> {
        let at = snapshot.sources.iter().position(|source| source.path == path)?;
        Some(Self { snapshot, at })
    }

    pub(super) fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    pub(super) fn source(&self) -> &Source {
        self.snapshot.sources.get(self.at).expect("it was found in this snapshot")
    }
}

/// A request that was read whole.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) chosen: Chosen,
    pub(super) body: Bytes,
    /// The body's share of the memory, held until it is answered.
    pub(super) share: Share,
    pub(super) signatures: Vec<HeaderValue>,
    pub(super) request: RequestParts,
    pub(super) headers: Pairs,
    pub(super) query: Pairs,
    pub(super) whole_at: Instant,
}

/// What is needed of an event once it is stored.
#[derive(Debug)]
struct Prepared {
    envelope: Arc<Envelope>,
    /// None if it is quarantined.
    event: Option<Arc<Event>>,
    rules: Arc<[RuleName]>,
    shadow: Vec<RuleName>,
    targets: Vec<TargetName>,
    result: EventResult,
}

/// Takes an event in, and answers it.
pub(super) async fn take(shared: Arc<Shared>, received: Received) -> Answer {
    let Received { chosen, body, share: _held, signatures, request, headers, query, whole_at } =
        received;
    let source = chosen.source();
    let large = body.len() >= LARGE;
    let request = (request, headers, query);
    let prepare = || {
        let now = shared.parts.clock.now();
        let signatures: Vec<_> = signatures.iter().map(HeaderValue::as_bytes).collect();
        let verified = source.check.verify(&source.name, body, &signatures, now);
        let verified = verified.map_err(Problem::Signature)?;
        let id = EventId::new(now, rand::random());
        let (request, headers, query) = request;
        let reader = chosen.snapshot().rules.reader();
        prepare(&chosen, reader.read(verified, id, request, headers, query))
    };
    let (append, prepared) = match if large { aside(prepare) } else { prepare() } {
        Ok(prepared) => prepared,
        Err(problem) => return shared.refuse(source, &problem),
    };
    match shared.parts.store.append(append).await {
        Ok(appended) => {
            let is_new = !matches!(appended.fate, Fate::Duplicate { .. });
            let answer = tell(&shared, source, &prepared, appended);
            let took = whole_at.elapsed();
            shared.parts.metrics.acknowledged(took);
            if is_new {
                shared.parts.metrics.answered(prepared.envelope.id, took);
            }
            answer
        }
        Err(error) => shared.refuse(source, &Problem::Store(error)),
    }
}

/// Computes without holding up this thread's other tasks. Only a runtime with several threads can do that.
fn aside<T>(compute: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(compute),
        _ => compute(),
    }
}

/// What is to be stored. Nobody vouches for the body of an unsigned source, so one that is no JSON object is refused; an
/// object with a key twice is kept for a person to look at, as from a signed source.
fn prepare(chosen: &Chosen, intake: Intake) -> Result<(Append, Prepared), Problem> {
    let rules = &chosen.snapshot().rules;
    let (event, envelope, body, plan) = match intake {
        Intake::Readable(event) => {
            let plan = rules.plan(&event);
            let (envelope, body) = (Arc::clone(event.envelope()), event.body().clone());
            (Some(Arc::new(event)), envelope, body, Ok(plan))
        }
        Intake::Quarantined { envelope, body, reason } => {
            let vouched = envelope.signed || matches!(reason, Unreadable::DuplicateKey { .. });
            if !vouched {
                return Err(Problem::NotJson(reason));
            }
            (None, envelope, body, Err(reason))
        }
    };
    let (rules, shadow, fate) = match plan {
        Ok(Plan { rules, shadow, disposition }) => (rules, shadow, Ok(disposition)),
        Err(reason) => (Vec::new(), Vec::new(), Err(reason)),
    };
    let (state, planned, result) = match fate {
        Ok(Disposition::Routed(planned)) => (EventState::Routed, planned, EventResult::Routed),
        Ok(Disposition::Ignored) => (EventState::Ignored, Vec::new(), EventResult::Ignored),
        Ok(Disposition::Unrouted) => (EventState::Unrouted, Vec::new(), EventResult::Unrouted),
        Err(reason) => {
            let state = EventState::Quarantined { reason: reason.to_string() };
            (state, Vec::new(), EventResult::Quarantined)
        }
    };
    let prepared = Prepared {
        envelope: Arc::clone(&envelope),
        event,
        rules: rules.as_slice().into(),
        shadow: shadow.clone(),
        targets: planned.iter().map(|planned| planned.target.clone()).collect(),
        result,
    };
    let append = Append {
        identity: identity(chosen.source().dedupe, &envelope, &body),
        envelope,
        body,
        state,
        rules,
        shadow,
        revision: chosen.snapshot().revision.number,
        edited_from: None,
        deliveries: planned
            .into_iter()
            .map(|Planned { target, order_key }| NewDelivery { target, order_key })
            .collect(),
    };
    Ok((append, prepared))
}

/// The event is on stable storage: its deliveries go out, it is counted, and it is answered.
fn tell(shared: &Shared, source: &Source, prepared: &Prepared, appended: Appended) -> Answer {
    let Prepared { envelope, event, rules, shadow, targets, result } = prepared;
    let metrics = &shared.parts.metrics;
    let id = envelope.id;
    let source = &source.name;
    let (result, answer) = match appended.fate {
        Fate::Stored(ready) => {
            if let Some(event) = event {
                shared.parts.dispatch.offer(event, rules, ready);
            }
            for rule in rules.iter() {
                metrics.rule_matched(rule, id, envelope.received_at);
            }
            for rule in shadow {
                metrics.rule_watched(rule, id, envelope.received_at);
            }
            for target in targets {
                metrics.delivery(target, DeliveryResult::Created, 1);
            }
            debug!(
                event = %id, %source, result = result.as_str(), rules = rules.len(),
                deliveries = targets.len(), "stored"
            );
            (*result, answer::stored(appended.receipt, id, Occurrence::First))
        }
        Fate::Duplicate { of } => {
            info!(event = %of, %source, "sent again with the same body");
            let answer = answer::stored(appended.receipt, of, Occurrence::Repeat);
            (EventResult::Duplicate, answer)
        }
        Fate::Revised { of } => {
            info!(event = %id, first = %of, %source, "sent again with another body, stored and not delivered");
            let answer = answer::stored(appended.receipt, id, Occurrence::Revised);
            (EventResult::Revised, answer)
        }
    };
    metrics.event(source, result);
    if result == EventResult::Quarantined
        && let Some(unsaid) = shared.notices.may_say(source, "quarantined")
    {
        warn!(event = %id, %source, unsaid, "quarantined: it is stored, but rules cannot look at it");
    }
    warn_of_question(shared, source, event.as_deref());
    answer
}

/// Warns of a request that waits for an answer which a router has not got.
fn warn_of_question(shared: &Shared, source: &SourceName, event: Option<&Event>) {
    let Some(event) = event else { return };
    let kind = match event.envelope().name.as_deref() {
        Some("call_inbound") => "call_inbound",
        Some("chat_inbound") => "chat_inbound",
        Some(_) => return,
        // A custom function's request carries no event. Its shape is looked at only if it may be said.
        None => "custom function",
    };
    let Some(unsaid) = shared.notices.may_say(source, kind) else { return };
    if event.envelope().name.is_some() || is_function_request(event.body()) {
        warn!(
            event = %event.envelope().id, %source, unsaid,
            "a {kind} request wants an answer that hookswitch has not got; it was stored and answered 204: point it at \
             your own server"
        );
    }
}

/// Whether a body has the members of a custom function's request.
fn is_function_request(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Request {
        event: Option<IgnoredAny>,
        name: Option<IgnoredAny>,
        args: Option<IgnoredAny>,
    }
    serde_json::from_slice::<Request>(body).is_ok_and(|request| {
        request.event.is_none() && request.name.is_some() && request.args.is_some()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_request_is_told_by_its_members() {
        assert!(is_function_request(br#"{"name":"f","call":{},"args":{"a":1}}"#));
        assert!(!is_function_request(br#"{"event":"x","name":"f","args":{}}"#));
        assert!(!is_function_request(br#"{"name":"f"}"#));
        assert!(!is_function_request(b"["));
    }
}
