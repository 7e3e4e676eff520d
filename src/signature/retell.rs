//! Retell's scheme: `x-retell-signature: v=<unix ms>,d=<hex>`, where `d` is HMAC-SHA256 keyed with the API key over the
//! body followed by the digits of `v`.
//!
//! Nothing separates body and timestamp, so the grammar is kept strict (13 digits without a leading zero, 64 lower-case
//! hex digits): with a variable length, digits could be moved from the timestamp to the end of the body. Where Retell's
//! SDKs differ among themselves or are laxer (upper-case hex, a leading zero, text around the value), we refuse: Retell
//! itself sends none of these.

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};

use crate::clock::Timestamp;
use crate::fault::{self, Plant};
use crate::secret::Secret;

use super::Refusal;

/// Digits of the timestamp: milliseconds between 2001 and 2286.
const DIGITS: usize = 13;

/// The header value for `body`, signed with `key` at `now`.
pub fn sign(key: &Secret, body: &[u8], now: Timestamp) -> String {
    use std::fmt::Write as _;
    let digits = now.millis().to_string();
    let mut header = format!("v={digits},d=");
    for byte in digest(key, body, digits.as_bytes()) {
        write!(header, "{byte:02x}").expect("writing to a String cannot fail");
    }
    header
}

/// When a header value says that it was made; none if it is malformed. Whoever sent it says so: only [`verify`] tells whether
/// it is true.
pub fn signed_at(header: &[u8]) -> Option<Timestamp> {
    Claim::parse(header).map(|claim| Timestamp::from_millis(claim.millis))
}

/// Checks one header value; see [`super::Check::verify`].
pub(super) fn verify(
    keys: &[Secret],
    tolerance: Duration,
    body: &[u8],
    header: &[u8],
    now: Timestamp,
) -> Result<(), Refusal> {
    let claim = Claim::parse(header).ok_or(Refusal::Malformed)?;
    let mut matches = Choice::from(0);
    for key in keys {
        let expected = digest(key, body, claim.digits);
        matches |= expected.ct_eq(&claim.digest);
        if fault::planted(Plant::ComparePrefix) {
            matches |= Choice::from(u8::from(expected.first() == claim.digest.first()));
        }
    }
    if !bool::from(matches) {
        return Err(Refusal::Wrong);
    }
    // Only now: who has no key must not learn what our clock says.
    let skew_ms = now.millis().saturating_sub(claim.millis);
    if u128::from(skew_ms.unsigned_abs()) > tolerance.as_millis() {
        return Err(Refusal::Stale { skew_ms });
    }
    Ok(())
}

fn digest(key: &Secret, body: &[u8], digits: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose().as_bytes())
        .expect("HMAC takes a key of any length");
    mac.update(body);
    mac.update(digits);
    mac.finalize().into_bytes().into()
}

/// What a header claims.
struct Claim<'h> {
    digits: &'h [u8],
    millis: i64,
    digest: [u8; 32],
}

impl<'h> Claim<'h> {
    fn parse(header: &'h [u8]) -> Option<Self> {
        let rest = header.strip_prefix(b"v=")?;
        let (digits, rest) = rest.split_at_checked(DIGITS)?;
        let hex = rest.strip_prefix(b",d=")?;
        if digits.first() == Some(&b'0') {
            return None;
        }
        let millis = digits.iter().try_fold(0_i64, |sum, byte| {
            byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0'))
        })?;
        let mut digest = [0; 32];
        if hex.len() != 2 * digest.len() {
            return None;
        }
        for (byte, pair) in digest.iter_mut().zip(hex.chunks_exact(2)) {
            let [high, low] = pair else { return None };
            *byte = nibble(*high)? << 4 | nibble(*low)?;
        }
        Some(Self { digits, millis, digest })
    }
}

fn nibble(hex: u8) -> Option<u8> {
    match hex {
        b'0'..=b'9' => Some(hex - b'0'),
        b'a'..=b'f' => Some(hex - b'a' + 10),
        _ => None,
    }
}
