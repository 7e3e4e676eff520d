//! What targets render and what attempts come to, against scripted servers on loopback.

mod attempt;
mod render;
mod server;
mod tls;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

use super::*;
use crate::event::{Envelope, EventId, RequestParts};
use crate::name::SourceName;
use crate::secret::Secret;
use crate::template::{Autoescape, BodyTemplate, Part, Source, TextTemplate, UrlTemplate};

/// 2026-03-03T16:01:40.123Z.
pub(in crate::target) const NOW: Timestamp = Timestamp::from_millis(1_772_553_700_123);

pub(in crate::target) const INFO: AttemptInfo = AttemptInfo { number: 1, replay: false, now: NOW };

/// An event with these bytes, as the reader would make it.
pub(in crate::target) fn event(body: impl Into<Bytes>) -> Event {
    let body = body.into();
    let document: Value = serde_json::from_slice(&body).unwrap_or_default();
    let text = |pointer: &str| document.pointer(pointer)?.as_str().map(str::to_owned);
    let envelope = Envelope {
        id: EventId::new(NOW, [7; 10]),
        source: SourceName::new("retell").unwrap(),
        received_at: NOW,
        signed: true,
        name: text("/event"),
        agent_id: text("/call/agent_id").or_else(|| text("/chat/agent_id")),
        subject: text("/call/call_id").or_else(|| text("/chat/chat_id")),
        request: RequestParts {
            content_type: Some("application/json; charset=utf-8".to_owned()),
            signature: Some("v=1772553700123,d=original".to_owned()),
            ..RequestParts::default()
        },
    };
    Event::restored(Arc::new(envelope), body)
}

pub(in crate::target) fn fixture(name: &str) -> Event {
    event(std::fs::read(format!("tests/fixtures/retell/{name}.json")).unwrap())
}

pub(in crate::target) fn rules() -> Vec<RuleName> {
    vec![RuleName::new("sales calls to Slack").unwrap()]
}

fn text(template: &str) -> TextTemplate {
    TextTemplate::new(&Source::plain(template), Autoescape::None).unwrap()
}

fn header(name: &str, value: TextTemplate) -> HeaderTemplate {
    HeaderTemplate::new(name.parse().unwrap(), value)
}

fn literal(secret: &str) -> TextTemplate {
    let source = Source { parts: vec![Part::Literal(Secret::new(secret))] };
    TextTemplate::new(&source, Autoescape::None).unwrap()
}

pub(in crate::target) fn url(template: &str) -> UrlTemplate {
    UrlTemplate::new(&Source::plain(template)).unwrap()
}

fn http(address: &str) -> HttpTarget {
    HttpTarget {
        method: Method::Post,
        url: url(address),
        headers: Vec::new(),
        body: Body::Original,
        sign: None,
        client: Client::new(None).unwrap(),
    }
}

/// A target of that kind with a deadline that no healthy attempt meets.
pub(in crate::target) fn target(kind: Kind) -> Target {
    let minute = Duration::from_mins(1);
    Target {
        name: TargetName::new("crm").unwrap(),
        kind,
        timeout: minute,
        concurrency: NonZeroU32::MIN,
        rate: None,
        retry: RetryPolicy::new(minute, 2.0, minute, Duration::from_hours(24)).unwrap(),
        overrides: Overrides::default(),
        order_by: None,
        fingerprint: 0,
    }
}

fn http_target(http: HttpTarget) -> Target {
    target(Kind::Http(Box::new(http)))
}

/// The values of a header of a request.
fn values<'r>(request: &'r Request, name: &str) -> Vec<&'r str> {
    request.headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
}

fn leaf(template: &str) -> BodyTemplate {
    BodyTemplate::Leaf(text(template))
}
