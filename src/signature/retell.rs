//! Retell's scheme: `x-retell-signature: v=<unix ms>,d=<hex>`, where `d` is HMAC-SHA256 keyed with the API key over the
//! body followed by the digits of `v`.
//!
//! Nothing separates body and timestamp, so the grammar is kept strict (13 digits without a leading zero, 64 lower-case
//! hex digits): with a variable length, digits could be moved from the timestamp to the end of the body.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::secret::Secret;

use super::Refusal;

/// The header value for `body`, signed with `key` at `now`.
pub fn sign(_key: &Secret, _body: &[u8], _now: Timestamp) -> String {
    todo!()
}

/// Checks one header value; see [`super::Check::verify`].
pub(super) fn verify(
    _keys: &[Secret],
    _tolerance: Duration,
    _body: &[u8],
    _header: &[u8],
    _now: Timestamp,
) -> Result<(), Refusal> {
    todo!()
}
