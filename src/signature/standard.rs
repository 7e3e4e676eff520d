//! Standard Webhooks (<https://github.com/standard-webhooks/standard-webhooks>): HMAC-SHA256 over
//! `id.timestamp.body`, keyed with the base64 after `whsec_`.

use crate::clock::Timestamp;
use crate::secret::Secret;

/// A decoded `whsec_…` key.
#[derive(Clone)]
pub struct StandardKey(#[expect(dead_code, reason = "read by sign")] Vec<u8>);

impl std::fmt::Debug for StandardKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// Why a text is not a Standard Webhooks key. It never repeats the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StandardKeyError {
    /// It is empty.
    #[error("the key is empty")]
    Empty,
    /// What follows `whsec_` is not base64.
    #[error("the key is not `whsec_` followed by base64")]
    Encoding,
    /// It decodes to fewer than 24 or more than 64 bytes.
    #[error("the key decodes to {0} bytes; Standard Webhooks asks for 24 to 64")]
    Length(usize),
}

impl StandardKey {
    /// Decodes a key, with or without its `whsec_` prefix.
    pub fn parse(_key: &Secret) -> Result<Self, StandardKeyError> {
        todo!()
    }

    /// The value of `webhook-signature` for `body` under message id `id` at `now` (whose seconds go into
    /// `webhook-timestamp`).
    pub fn sign(&self, _id: &str, _now: Timestamp, _body: &[u8]) -> String {
        todo!()
    }
}
