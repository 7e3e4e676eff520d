//! Signing what goes out, and the headers that every request carries.

use crate::event::Event;
use crate::secret::Secret;
use crate::signature::standard::{StandardKey, seconds};
use crate::signature::{RETELL_HEADER, retell};

use super::AttemptInfo;
use super::request::check_header_value;

/// How a target's requests are signed.
#[derive(Debug, Clone)]
pub enum Sign {
    /// Like Retell, with a fresh timestamp at every attempt.
    Retell(Secret),
    /// Standard Webhooks.
    Standard(StandardKey),
}

/// Who sends.
const USER_AGENT: &str = concat!("hookswitch/", env!("CARGO_PKG_VERSION"));
/// Longest event name that goes into a header.
const EVENT_NAME_MAX: usize = 64;

/// Header names, values, and whether a value may be shown.
pub(super) type Headers = Vec<(String, Secret, bool)>;

/// The headers of our own, in a fixed order.
pub(super) fn own_headers(event: &Event, info: AttemptInfo, content_type: &str) -> Headers {
    let envelope = event.envelope();
    let mut headers = Headers::with_capacity(10);
    let mut add =
        |name: &str, value: &str| headers.push((name.to_owned(), Secret::new(value), true));
    add("content-type", content_type);
    add("user-agent", USER_AGENT);
    add("webhook-id", &envelope.id.to_string());
    if let Some(name) = envelope.name.as_deref().filter(|name| is_token(name)) {
        add("x-hookswitch-event", name);
    }
    add("x-hookswitch-attempt", &info.number.to_string());
    if info.replay {
        add("x-hookswitch-replay", "true");
    }
    headers
}

impl Sign {
    /// The headers that sign `body` for this attempt.
    pub(super) fn headers(&self, event: &Event, info: AttemptInfo, body: &[u8]) -> Headers {
        let hidden = |name: &str, value: String| (name.to_owned(), Secret::new(value), false);
        match self {
            Self::Retell(key) => vec![hidden(RETELL_HEADER, retell::sign(key, body, info.now))],
            Self::Standard(key) => {
                let signature = key.sign(&event.envelope().id.to_string(), info.now, body);
                vec![
                    hidden("webhook-timestamp", seconds(info.now).to_string()),
                    hidden("webhook-signature", signature),
                ]
            }
        }
    }
}

/// The sender's own signature, which goes along only with the sender's own bytes.
pub(super) fn original_signature(event: &Event) -> Headers {
    let original = event.envelope().request.signature.as_deref();
    let sendable = original.filter(|value| check_header_value(value).is_ok());
    let header = |value| (RETELL_HEADER.to_owned(), Secret::new(value), false);
    sendable.map(header).into_iter().collect()
}

/// A token of RFC 9110 section 5.6.2.
fn is_token(text: &str) -> bool {
    (1..=EVENT_NAME_MAX).contains(&text.len())
        && text.bytes().all(|c| c.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&c))
}
