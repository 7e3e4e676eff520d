//! Every answer of the listener. The only way to say that an event is stored takes the store's [`Receipt`].
//!
//! An error is `application/problem+json` (RFC 9457) that says what the sender did wrong, or when to try again, and
//! nothing of the inside.

use std::fmt;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{
    ALLOW, CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
};
use hyper::{Response, StatusCode};
use serde_json::json;

use crate::event::{EventId, Unreadable};
use crate::signature::{self, RETELL_HEADER};
use crate::store::{Receipt, StoreError};
use crate::telemetry::EventResult;

use super::body::BodyError;

/// The header with the id of the stored event; of the first one, for a repeat with the same body.
const EVENT_ID: HeaderName = HeaderName::from_static("x-hookswitch-event-id");
/// The header that tells what was sent before: `true` for the same body, `revised` for another one, which is an event of its own.
const DUPLICATE: HeaderName = HeaderName::from_static("x-hookswitch-duplicate");

/// An answer, made by one of the functions of this module.
#[derive(Debug)]
pub(super) struct Answer(Response<Full<Bytes>>);

/// Whether an event was sent before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Occurrence {
    First,
    /// With this body: the id is that of the event that is stored already.
    Repeat,
    /// With another body: it is stored under an id of its own, and goes nowhere.
    Revised,
}

impl Occurrence {
    fn header(self) -> Option<HeaderValue> {
        match self {
            Self::First => None,
            Self::Repeat => Some(HeaderValue::from_static("true")),
            Self::Revised => Some(HeaderValue::from_static("revised")),
        }
    }
}

/// 204: the event `id` is on stable storage, which the receipt proves.
pub(super) fn stored(_receipt: Receipt, id: EventId, occurrence: Occurrence) -> Answer {
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let id = HeaderValue::try_from(id.to_string()).expect("an id is printable ASCII");
    response.headers_mut().insert(EVENT_ID, id);
    if let Some(value) = occurrence.header() {
        response.headers_mut().insert(DUPLICATE, value);
    }
    Answer(response)
}

/// What a probe gets: 200, or 503 with the reasons.
pub(super) fn probed(reasons: &[&'static str]) -> Answer {
    let (status, body) = if reasons.is_empty() {
        (StatusCode::OK, json!({ "ready": true }))
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, json!({ "ready": false, "reasons": reasons }))
    };
    Answer(with_body(status, "application/json", body.to_string()))
}

/// The process answers.
pub(super) fn alive() -> Answer {
    Answer(with_body(StatusCode::OK, "text/plain; charset=utf-8", "ok\n".to_owned()))
}

fn with_body(status: StatusCode, media_type: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

impl Answer {
    /// The response as hyper sends it, which then closes the connection.
    pub(super) fn closing(self) -> Response<Full<Bytes>> {
        let mut response = self.0;
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        response
    }

    /// The response as hyper sends it.
    pub(super) fn keeping(self) -> Response<Full<Bytes>> {
        self.0
    }
}

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Problem {
    /// There are `limits.connections` already.
    Connections,
    /// `Transfer-Encoding` leaves open where the body ends.
    Framing,
    /// Nothing is at this path.
    NotFound,
    /// The path knows only these methods.
    Method(&'static str),
    /// The body is encoded.
    Encoded,
    /// The body was not read; it may have so many bytes.
    Body(BodyError, usize),
    /// The signature does not hold.
    Signature(signature::Refusal),
    /// Nobody vouches for the body, and it is not a JSON object.
    NotJson(Unreadable),
    /// The store does not take it.
    Store(StoreError),
    /// A fault of ours.
    Internal,
}

/// What the log is told: the reason behind it, too.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signature(refusal) => refusal.fmt(f),
            Self::Store(error) => error.fmt(f),
            _ => f.write_str(&self.detail()),
        }
    }
}

/// After how many seconds a sender that could not be served may try again.
const RETRY_SOON: u32 = 1;
/// The same for what takes longer: a full store, a restart.
const RETRY_LATER: u32 = 15;

impl Problem {
    /// How it is counted, if it is about a source.
    pub(super) fn result(&self) -> EventResult {
        match self {
            Self::Connections | Self::Body(BodyError::Memory, _) => EventResult::Busy,
            Self::Store(StoreError::Behind) => EventResult::Busy,
            Self::Framing | Self::NotFound | Self::Method(_) => EventResult::BadRequest,
            Self::Body(BodyError::Malformed, _) => EventResult::BadRequest,
            Self::Encoded => EventResult::Encoded,
            Self::Body(BodyError::TooLarge, _) => EventResult::TooLarge,
            Self::Body(BodyError::Timeout, _) => EventResult::Timeout,
            Self::Body(BodyError::Aborted, _) => EventResult::Aborted,
            Self::Signature(signature::Refusal::Stale { .. }) => EventResult::Stale,
            Self::Signature(_) => EventResult::Unauthentic,
            Self::NotJson(_) => EventResult::NotJson,
            Self::Store(StoreError::Full(_)) => EventResult::StoreFull,
            Self::Store(_) => EventResult::StoreFailed,
            Self::Internal => EventResult::Internal,
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Framing | Self::NotJson(_) => StatusCode::BAD_REQUEST,
            Self::Body(BodyError::Malformed | BodyError::Aborted, _) => StatusCode::BAD_REQUEST,
            Self::Signature(_) => StatusCode::UNAUTHORIZED,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::Body(BodyError::Timeout, _) => StatusCode::REQUEST_TIMEOUT,
            Self::Body(BodyError::TooLarge, _) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Encoded => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Connections | Self::Body(BodyError::Memory, _) | Self::Store(_) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
        }
    }

    /// What the sender is told.
    fn detail(&self) -> String {
        let text = match self {
            Self::Connections => "there are too many connections at the moment",
            Self::Framing => "the transfer encoding must be chunked, once, or absent",
            Self::NotFound => "no source is at this path",
            Self::Method(allowed) => return format!("this path knows only {allowed}"),
            Self::Encoded => "the body must be sent as it is, without a content encoding",
            Self::Body(BodyError::TooLarge, max) => {
                return format!("the body is larger than {max} bytes");
            }
            Self::Body(BodyError::Timeout, _) => "the body did not arrive in time",
            Self::Body(BodyError::Memory, _) => "there is too much under way at the moment",
            Self::Body(BodyError::Malformed, _) => "the body is not chunked as it should be",
            Self::Body(BodyError::Aborted, _) => "the body ended before it was whole",
            Self::Signature(signature::Refusal::Stale { .. }) => {
                "the signature is right, but its timestamp is too far from the time here"
            }
            Self::Signature(refusal) => return refusal.to_string(),
            Self::NotJson(reason) => return format!("the body is not a JSON object: {reason}"),
            Self::Store(StoreError::Behind) => "there is too much under way at the moment",
            Self::Store(_) => "events cannot be stored at the moment",
            Self::Internal => "something went wrong here; the event is not known to be stored",
        };
        text.to_owned()
    }

    fn retry_after(&self) -> Option<u32> {
        match self {
            Self::Store(StoreError::Behind) => Some(RETRY_SOON),
            Self::Store(_) => Some(RETRY_LATER),
            Self::Connections | Self::Body(BodyError::Memory, _) => Some(RETRY_SOON),
            _ => None,
        }
    }

    fn body(&self) -> String {
        let status = self.status();
        let problem = json!({
            "type": "about:blank",
            "title": status.canonical_reason().unwrap_or_default(),
            "status": status.as_u16(),
            "detail": self.detail(),
        });
        problem.to_string()
    }

    /// As an answer.
    pub(super) fn answer(&self) -> Answer {
        let mut response = with_body(self.status(), "application/problem+json", self.body());
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after() {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        match self {
            Self::Method(allowed) => {
                headers.insert(ALLOW, HeaderValue::from_static(allowed));
            }
            // RFC 9110 section 15.5.2 asks for a challenge; the name of the header says what is missing.
            Self::Signature(_) => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(RETELL_HEADER));
            }
            _ => {}
        }
        Answer(response)
    }

    /// As bytes on a connection that no HTTP is spoken on, which is then closed.
    pub(super) fn raw(&self) -> String {
        let status = self.status();
        let body = self.body();
        let retry =
            self.retry_after().map(|after| format!("retry-after: {after}\r\n")).unwrap_or_default();
        format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/problem+json\r\n{retry}connection: \
             close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_say_nothing_of_the_inside() {
        let secret = "/var/lib/hookswitch/canary.db: disk I/O error";
        for problem in [
            Problem::Store(StoreError::Full(secret.to_owned())),
            Problem::Store(StoreError::Poisoned(secret.to_owned())),
            Problem::Signature(signature::Refusal::Stale { skew_ms: 424_242 }),
        ] {
            let body = problem.body();
            assert!(!body.contains("canary") && !body.contains("424"), "{body}");
        }
    }

    #[test]
    fn a_raw_answer_is_whole() {
        let raw = Problem::Connections.raw();
        let (head, body) = raw.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{head}");
        assert!(head.contains("\r\nretry-after: 1\r\n"));
        assert!(head.ends_with(&format!("\r\ncontent-length: {}", body.len())));
        let problem: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(problem["status"], 503);
    }
}
