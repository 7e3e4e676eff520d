//! A rendered request.

use bytes::Bytes;
use hyper::header::{HeaderMap, HeaderValue};

use crate::delivery::DeadReason;
use crate::event::Unreadable;
use crate::template::{Address, TemplateError};

use super::log;

/// Longest header value, in bytes. Servers commonly take 8 KiB for a whole head.
const HEADER_MAX: usize = 8 << 10;

/// What would go out. `Debug` shows no header value and no body.
#[derive(Clone)]
pub struct Request {
    /// `POST`, `PUT` or `PATCH`; `LOG` for a line on standard output.
    pub method: &'static str,
    /// Where it goes; none is standard output.
    pub address: Option<Address>,
    /// Headers in the order in which they are sent. Values that must not be shown are marked as sensitive: those that are
    /// configured, and signatures.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} ({} bytes)", self.method, self.origin(), self.body.len())
    }
}

impl Request {
    /// `scheme://host:port` of its address, which may be shown.
    pub fn origin(&self) -> &str {
        self.address.as_ref().map_or(log::ADDRESS, Address::origin)
    }
}

/// Why there is no request: a dead letter `template` or `unreadable`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RenderFailure {
    /// `Template` or `Unreadable`.
    pub reason: DeadReason,
    /// What failed, without payload text.
    pub message: String,
}

impl RenderFailure {
    /// The template of `place` failed.
    pub(super) fn template(place: &str, why: &TemplateError) -> Self {
        Self { reason: DeadReason::Template, message: format!("{place}: {why}") }
    }

    /// What `place` rendered to cannot be sent.
    pub(super) fn unsendable(place: &str, why: &str) -> Self {
        Self { reason: DeadReason::Template, message: format!("{place}: {why}") }
    }

    /// The body cannot be looked at as a whole.
    pub(super) fn unreadable(why: &Unreadable) -> Self {
        Self { reason: DeadReason::Unreadable, message: format!("the body is {why}") }
    }
}

/// `value` as a header's: printable ASCII of at most 8 KiB.
pub(super) fn header_value(value: &str) -> Result<HeaderValue, &'static str> {
    if value.len() > HEADER_MAX {
        return Err("the value is longer than 8 KiB");
    }
    match value.chars().find(|c| !matches!(c, ' '..='~')) {
        None => HeaderValue::from_str(value).map_err(|_odd| "the value cannot be sent"),
        Some('\r' | '\n') => Err("the value has a line break in it"),
        Some(c) if c.is_control() => Err("the value has a control character in it"),
        Some(_) => Err("the value has a character in it that is not ASCII"),
    }
}

/// The same, marked so that nothing prints it.
pub(super) fn hidden_value(value: &str) -> Result<HeaderValue, &'static str> {
    let mut value = header_value(value)?;
    value.set_sensitive(true);
    Ok(value)
}
