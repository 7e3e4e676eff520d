//! A rendered request.

use bytes::Bytes;

use crate::delivery::DeadReason;
use crate::secret::Secret;

/// What would go out. `Debug` shows no header value and no body.
#[derive(Clone)]
pub struct Request {
    /// `POST`, `PUT` or `PATCH`.
    pub method: &'static str,
    /// The whole address.
    pub url: Secret,
    /// `scheme://host:port` of it.
    pub origin: String,
    /// Header names in lower case and values, each with whether the value may be shown (ours may, configured ones not).
    pub headers: Vec<(String, Secret, bool)>,
    /// The body.
    pub body: Bytes,
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} ({} bytes)", self.method, self.origin, self.body.len())
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
