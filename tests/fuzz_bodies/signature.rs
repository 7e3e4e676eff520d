//! Retell's signature header: what [`Check::verify`] says of a request is what an independent reading of the scheme says.
//!
//! The bytes are a programme: a request is signed as Retell signs, under a right or a wrong key, and then header, body and
//! clock are changed. The reference reads the header with its own grammar and makes HMAC out of SHA-256 by RFC 2104.

use std::time::Duration;

use bytes::Bytes;
use hookswitch::clock::Timestamp;
use hookswitch::name::SourceName;
use hookswitch::secret::Secret;
use hookswitch::signature::{Check, Refusal, RetellCheck, retell};
use sha2::{Digest, Sha256};

use super::{NOW, hex};

const KEYS: [&str; 2] = ["key_fixture_only_not_a_real_key_01", "key_of_tomorrow"];
const WRONG: &str = "key_fixture_only_not_a_real_key_02";
const TOLERANCE: Duration = Duration::from_mins(5);

/// One changed request.
struct Request {
    headers: Vec<Vec<u8>>,
    body: Vec<u8>,
    now: Timestamp,
}

/// Runs the programme in `data`.
pub fn check(data: &[u8]) {
    let Some((&[shape, edits, skew @ ..], rest)) = data.split_first_chunk::<6>() else { return };
    let skew = i64::from(i32::from_le_bytes(skew));
    let edits = usize::from(edits % 5);
    let (programme, body) = rest.split_at(rest.len().min(edits * 4));
    let key = match shape % 4 {
        0 | 1 => KEYS[0],
        2 => KEYS[1],
        _ => WRONG,
    };
    let header = retell::sign(&Secret::new(key), body, NOW).into_bytes();
    let mut request = Request {
        headers: vec![header],
        body: body.to_vec(),
        now: Timestamp::from_millis(NOW.millis() + skew),
    };
    for edit in programme.chunks_exact(4) {
        request.change(edit[0], usize::from(u16::from_le_bytes([edit[1], edit[2]])), edit[3]);
    }
    agree(&request);
    // The rest as a header of its own: whatever it is, nobody signed it.
    agree(&Request { headers: vec![rest.to_vec()], body: Vec::new(), now: NOW });
}

impl Request {
    fn change(&mut self, kind: u8, place: usize, byte: u8) {
        let Some(header) = self.headers.first_mut() else { return };
        match kind % 12 {
            0 => {
                let at = place % (header.len() + 1);
                header.insert(at, byte);
            }
            1 if !header.is_empty() => {
                let at = place % header.len();
                header.remove(at);
            }
            2 if !header.is_empty() => {
                let at = place % header.len();
                header[at] = byte;
            }
            3 => header.truncate(place % (header.len() + 1)),
            4 if !self.body.is_empty() => {
                let at = place % self.body.len();
                self.body[at] ^= byte;
            }
            5 => self.body.push(byte),
            6 => self.body.truncate(place % (self.body.len() + 1)),
            // The boundary shift: digits of the timestamp go to the end of the body, which HMAC cannot tell.
            7 => {
                let digits = place % 14;
                if let Some(moved) = header.get(2..2 + digits).map(<[u8]>::to_vec) {
                    header.drain(2..2 + digits);
                    self.body.extend(moved);
                }
            }
            // The other way round.
            8 => {
                let digits = (place % 14).min(self.body.len());
                let moved = self.body.split_off(self.body.len() - digits);
                let at = header.len().min(2);
                header.splice(at..at, moved);
            }
            9 => header.make_ascii_uppercase(),
            10 => self.headers.push(vec![byte; place % 100]),
            11 => self.headers.clear(),
            _ => {}
        }
    }
}

fn agree(request: &Request) {
    let keys = KEYS.map(Secret::new).to_vec();
    let check = Check::Retell(RetellCheck::new(keys, TOLERANCE).unwrap());
    let source = SourceName::new("retell").unwrap();
    let headers: Vec<&[u8]> = request.headers.iter().map(Vec::as_slice).collect();
    let body = Bytes::copy_from_slice(&request.body);
    let verdict = check.verify(&source, body, &headers, request.now);
    if let Ok(verified) = &verdict {
        assert_eq!(verified.body(), &request.body, "the body is handed on as it came");
        assert!(verified.signed());
    }
    assert_eq!(verdict.err(), reference(request), "{:?}", request.headers);
}

/// The scheme, read independently.
fn reference(request: &Request) -> Option<Refusal> {
    let header = match request.headers.as_slice() {
        [] => return Some(Refusal::Missing),
        [header] => header,
        _ => return Some(Refusal::Repeated),
    };
    let Some((digits, digest)) = claim(header) else { return Some(Refusal::Malformed) };
    let message = [&request.body, digits.as_bytes()].concat();
    if KEYS.iter().all(|key| hex(&hmac(key.as_bytes(), &message)) != digest) {
        return Some(Refusal::Wrong);
    }
    let skew_ms = request.now.millis() - digits.parse::<i64>().unwrap();
    let within = skew_ms.abs() <= i64::try_from(TOLERANCE.as_millis()).unwrap();
    (!within).then_some(Refusal::Stale { skew_ms })
}

/// `v=` 13 digits, the first not zero, `,d=` 64 digits or letters a to f.
fn claim(header: &[u8]) -> Option<(&str, &str)> {
    let text = std::str::from_utf8(header).ok()?;
    let (left, right) = text.split_once(',')?;
    let (digits, digest) = (left.strip_prefix("v=")?, right.strip_prefix("d=")?);
    let timestamp = digits.len() == 13
        && digits.chars().all(|c| c.is_ascii_digit())
        && !digits.starts_with('0');
    let lower_hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    (timestamp && digest.len() == 64 && digest.chars().all(lower_hex)).then_some((digits, digest))
}

/// RFC 2104.
fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut block = [0_u8; 64];
    block[..key.len()].copy_from_slice(key);
    let inner = block.map(|byte| byte ^ 0x36);
    let outer = block.map(|byte| byte ^ 0x5c);
    let inside = Sha256::new().chain_update(inner).chain_update(message).finalize();
    Sha256::new().chain_update(outer).chain_update(inside).finalize().into()
}
