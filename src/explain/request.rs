//! A request that would go out, with everything secret masked.

use std::sync::Arc;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::clock::Timestamp;
use crate::config::Snapshot;
use crate::event::Event;
use crate::name::RuleName;
use crate::rule::Planned;
use crate::target::{AttemptInfo, Kind, Request, Target};

/// Largest body that is shown, in bytes: an explanation has one for each target, so it needs a bound.
pub const BODY_SHOWN_MAX: usize = 256 << 10;

/// What stands for a secret.
pub(super) const MASK: &str = "***";

/// One request that would go out.
#[derive(Debug, Serialize)]
pub struct ExplainedRequest {
    /// Where to.
    pub target: String,
    /// Kind of the target.
    pub kind: &'static str,
    /// The place in its order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_key: Option<String>,
    /// Method and masked address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// Headers, secret values as `***`.
    pub headers: Vec<(String, String)>,
    /// Whether the body is the event's, byte for byte.
    pub unchanged: bool,
    /// The body's length in bytes.
    pub body_bytes: usize,
    /// The body: as JSON if it is, else as a JSON text. Left out if it is larger than [`BODY_SHOWN_MAX`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Arc<RawValue>>,
    /// Why there would be no request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// The request of one planned delivery's first attempt.
pub(super) fn explained(
    snapshot: &Snapshot,
    event: &Event,
    rules: &[RuleName],
    planned: &Planned,
    now: Timestamp,
) -> ExplainedRequest {
    let mut shown = ExplainedRequest {
        target: planned.target.to_string(),
        kind: "unknown",
        order_key: planned.order_key.as_deref().map(str::to_owned),
        request: None,
        headers: Vec::new(),
        unchanged: false,
        body_bytes: 0,
        body: None,
        failure: None,
    };
    let Some(target) = snapshot.targets.get(&planned.target) else {
        shown.failure = Some("the configuration has no such target".to_owned());
        return shown;
    };
    shown.kind = target.kind_name();
    match target.render(event, rules, AttemptInfo { number: 1, replay: false, now }) {
        Ok(request) => fill(&mut shown, target, &request, event),
        Err(failure) => shown.failure = Some(format!("{}: {failure}", failure.reason)),
    }
    shown
}

fn fill(shown: &mut ExplainedRequest, target: &Target, request: &Request, event: &Event) {
    shown.request = Some(match target.kind {
        Kind::Log => "one line on standard output".to_owned(),
        Kind::Http(_) | Kind::Slack(_) => {
            let url = request.address.as_ref().map_or("", |address| address.expose().as_str());
            format!("{} {}", request.method, masked(url, request.origin()))
        }
    });
    shown.headers = request
        .headers
        .iter()
        .map(|(name, value)| {
            let shown = value.to_str().ok().filter(|_| !value.is_sensitive());
            (name.as_str().to_owned(), shown.unwrap_or(MASK).to_owned())
        })
        .collect();
    shown.unchanged = request.body == *event.body();
    shown.body_bytes = request.body.len();
    shown.body = shown_body(&request.body);
}

/// The origin, and `/***` for whatever follows it: a path or a query of a target can be its whole credential.
fn masked(url: &str, origin: &str) -> String {
    let rest = url.strip_prefix(origin);
    if rest.is_some_and(|rest| rest.is_empty() || rest == "/") {
        origin.to_owned()
    } else {
        format!("{origin}/{MASK}")
    }
}

fn shown_body(body: &[u8]) -> Option<Arc<RawValue>> {
    if body.len() > BODY_SHOWN_MAX {
        return None;
    }
    let json = std::str::from_utf8(body)
        .ok()
        .and_then(|text| serde_json::from_str::<&RawValue>(text).ok())
        .map(ToOwned::to_owned);
    json.or_else(|| serde_json::value::to_raw_value(&String::from_utf8_lossy(body)).ok())
        .map(Arc::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_its_origin_and_no_more() {
        let origin = "https://hooks.slack.com";
        assert_eq!(
            masked("https://hooks.slack.com/services/T0/B0/canary", origin),
            "https://hooks.slack.com/***"
        );
        assert_eq!(
            masked("https://hooks.slack.com?key=canary", origin),
            "https://hooks.slack.com/***"
        );
        assert_eq!(
            masked("https://user:canary@hooks.slack.com/", origin),
            "https://hooks.slack.com/***"
        );
        assert_eq!(masked("https://hooks.slack.com/", origin), origin);
        assert_eq!(masked("https://hooks.slack.com", origin), origin);
    }

    #[test]
    fn a_body_is_json_if_it_can_be_and_text_if_not() {
        assert_eq!(shown_body(br#"{"a": 1.50}"#).expect("json").get(), r#"{"a": 1.50}"#);
        assert_eq!(shown_body(b"plain\n").expect("text").get(), r#""plain\n""#);
        assert_eq!(shown_body(b"\xff{").expect("text").get(), "\"\u{fffd}{\"");
        assert!(shown_body(&vec![b' '; BODY_SHOWN_MAX + 1]).is_none());
    }
}
