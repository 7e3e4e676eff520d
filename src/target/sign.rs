//! Signing what goes out, and the headers that every request carries.

use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};

use crate::event::Event;
use crate::secret::Secret;
use crate::signature::standard::{StandardKey, seconds};
use crate::signature::{RETELL_HEADER, retell};

use super::AttemptInfo;
use super::request::{header_value, hidden_value};

/// How a target's requests are signed.
#[derive(Debug, Clone)]
pub enum Sign {
    /// Like Retell, with a fresh timestamp at every attempt.
    Retell(Secret),
    /// Standard Webhooks.
    Standard(StandardKey),
}

/// Who sends.
const SENDER: &str = concat!("hookswitch/", env!("CARGO_PKG_VERSION"));
/// Longest event name that goes into a header.
const EVENT_NAME_MAX: usize = 64;

const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");
const EVENT: HeaderName = HeaderName::from_static("x-hookswitch-event");
const ATTEMPT: HeaderName = HeaderName::from_static("x-hookswitch-attempt");
const REPLAY: HeaderName = HeaderName::from_static("x-hookswitch-replay");
const ORIGINAL: HeaderName = HeaderName::from_static(RETELL_HEADER);

/// The headers of our own, in a fixed order.
pub(super) fn own_headers(
    event: &Event,
    info: AttemptInfo,
    content_type: HeaderValue,
) -> HeaderMap {
    let envelope = event.envelope();
    let mut headers = HeaderMap::with_capacity(10);
    headers.append(CONTENT_TYPE, content_type);
    headers.append(USER_AGENT, HeaderValue::from_static(SENDER));
    headers.append(WEBHOOK_ID, shown(&envelope.id.to_string()));
    if let Some(name) = envelope.name.as_deref().filter(|name| is_token(name)) {
        headers.append(EVENT, shown(name));
    }
    headers.append(ATTEMPT, info.number.into());
    if info.replay {
        headers.append(REPLAY, HeaderValue::from_static("true"));
    }
    headers
}

const PRINTABLE: &str = "ids, tokens and signatures are short printable ASCII";

fn shown(value: &str) -> HeaderValue {
    header_value(value).expect(PRINTABLE)
}

fn hidden(value: &str) -> HeaderValue {
    hidden_value(value).expect(PRINTABLE)
}

impl Sign {
    /// Adds the headers that sign `body` for this attempt.
    pub(super) fn add_to(
        &self,
        headers: &mut HeaderMap,
        event: &Event,
        info: AttemptInfo,
        body: &[u8],
    ) {
        match self {
            Self::Retell(key) => {
                headers.append(ORIGINAL, hidden(&retell::sign(key, body, info.now)));
            }
            Self::Standard(key) => {
                let signature = key.sign(&event.envelope().id.to_string(), info.now, body);
                headers.append(WEBHOOK_TIMESTAMP, hidden(&seconds(info.now).to_string()));
                headers.append(WEBHOOK_SIGNATURE, hidden(&signature));
            }
        }
    }
}

/// Adds the sender's own signature, which goes along only with the sender's own bytes.
pub(super) fn add_original_signature(headers: &mut HeaderMap, event: &Event) {
    let original = event.envelope().request.signature.as_deref();
    if let Some(value) = original.and_then(|value| hidden_value(value).ok()) {
        headers.append(ORIGINAL, value);
    }
}

/// A token of RFC 9110 section 5.6.2.
fn is_token(text: &str) -> bool {
    (1..=EVENT_NAME_MAX).contains(&text.len())
        && text.bytes().all(|c| c.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&c))
}
