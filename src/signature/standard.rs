//! Standard Webhooks (<https://github.com/standard-webhooks/standard-webhooks>): HMAC-SHA256 over
//! `id.timestamp.body`, keyed with the base64 after `whsec_`.
//!
//! Only the symmetric scheme `v1` and only signing: nothing that we receive is signed this way.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::clock::Timestamp;
use crate::secret::Secret;

/// Sizes of a key in bytes, from the specification.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// Keys are copied from web pages, where the padding gets lost; what we write is padded.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A decoded `whsec_…` key.
#[derive(Clone)]
pub struct StandardKey(Vec<u8>);

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
    pub fn parse(key: &Secret) -> Result<Self, StandardKeyError> {
        let text = key.expose();
        let encoded = text.strip_prefix("whsec_").unwrap_or(text);
        if encoded.is_empty() {
            return Err(StandardKeyError::Empty);
        }
        // The cause names a byte of the key, so it is not kept.
        let Ok(bytes) = BASE64.decode(encoded) else { return Err(StandardKeyError::Encoding) };
        if !KEY_BYTES.contains(&bytes.len()) {
            return Err(StandardKeyError::Length(bytes.len()));
        }
        Ok(Self(bytes))
    }

    /// The value of `webhook-signature` for `body` under message id `id` at `now` (whose [`seconds`] go into
    /// `webhook-timestamp`).
    pub fn sign(&self, id: &str, now: Timestamp, body: &[u8]) -> String {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(id.as_bytes());
        mac.update(b".");
        mac.update(seconds(now).to_string().as_bytes());
        mac.update(b".");
        mac.update(body);
        format!("v1,{}", BASE64.encode(mac.finalize().into_bytes()))
    }
}

/// The value of `webhook-timestamp` at `now`: whole seconds since 1970.
pub fn seconds(now: Timestamp) -> i64 {
    now.millis().div_euclid(1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, System};
    use proptest::prelude::*;

    fn key(bytes: usize) -> String {
        format!("whsec_{}", BASE64.encode(vec![7_u8; bytes]))
    }

    #[test]
    fn keys_have_24_to_64_bytes_of_base64() {
        let parse = |text: &str| StandardKey::parse(&Secret::new(text)).map(|_| ());
        assert_eq!(parse(&key(24)), Ok(()));
        assert_eq!(parse(&key(64)), Ok(()));
        assert_eq!(parse(key(32).trim_start_matches("whsec_").trim_end_matches('=')), Ok(()));
        assert_eq!(parse(&key(23)), Err(StandardKeyError::Length(23)));
        assert_eq!(parse(&key(65)), Err(StandardKeyError::Length(65)));
        assert_eq!(parse(""), Err(StandardKeyError::Empty));
        assert_eq!(parse("whsec_"), Err(StandardKeyError::Empty));
        assert_eq!(parse("whsec_no spaces please"), Err(StandardKeyError::Encoding));
        assert_eq!(format!("{:?}", StandardKey::parse(&Secret::new(key(24)))), "Ok(***)");
    }

    #[test]
    fn agrees_with_the_example_of_the_specification() {
        let key = StandardKey::parse(&Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"));
        let signature = key.unwrap().sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            Timestamp::from_millis(1_614_265_330_999),
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    proptest! {
        #[test]
        fn the_reference_crate_verifies_what_we_sign(
            bytes in prop::collection::vec(any::<u8>(), 24..=64),
            body in any::<String>(),
        ) {
            let text = format!("whsec_{}", BASE64.encode(bytes));
            let now = System.now();
            let id = "0197f0a2-6b1c-7c3e-9f00-1d2c3b4a5968";
            let key = StandardKey::parse(&Secret::new(text.as_str())).unwrap();
            let mut headers = hyper::HeaderMap::new();
            headers.insert("webhook-id", id.parse().unwrap());
            headers.insert("webhook-timestamp", seconds(now).to_string().parse().unwrap());
            headers.insert("webhook-signature", key.sign(id, now, body.as_bytes()).parse().unwrap());
            let reference = standardwebhooks::Webhook::new(&text).unwrap();
            prop_assert!(reference.verify(body.as_bytes(), &headers).is_ok());
            headers.insert("webhook-id", "another".parse().unwrap());
            prop_assert!(reference.verify(body.as_bytes(), &headers).is_err());
        }
    }
}
