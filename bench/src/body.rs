//! The events: shaped like Retell's, of a given size, and each of its own number.
//!
//! What differs from event to event stands at the end of the body. So the signature of one costs the sender the same at any
//! size (the state of the digest before the end is kept), and the sender does not measure itself.

use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::{Buf, Bytes};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The key of all signed sources here.
pub const KEY: &str = "key_of_the_benchmark";
/// Digits of an event's number.
const DIGITS: usize = 10;
/// What stands behind the number.
const END: &str = "\"}}";
const WORDS: [&str; 12] = [
    "thanks", "for", "calling", "the", "front", "desk", "may", "I", "have", "your", "date",
    "please",
];

/// One kind of event.
#[derive(Debug)]
pub struct Body {
    prefix: Bytes,
    mac: Option<Hmac<Sha256>>,
}

impl Body {
    /// Of about `size` bytes, which are more than 600; signed or not.
    pub fn new(size: usize, signed: bool) -> Self {
        let prefix = prefix(size);
        let mac = signed.then(|| {
            let mut mac = Hmac::<Sha256>::new_from_slice(KEY.as_bytes()).expect("any key will do");
            mac.update(prefix.as_bytes());
            mac
        });
        Self { prefix: prefix.into(), mac }
    }

    /// A whole request with the event of this number and agent.
    pub fn request(&self, number: u64, agent: u32) -> impl Buf + use<> {
        let tail =
            format!("\"agent_id\":\"agent_{agent:06}\",\"call_id\":\"call_{number:0DIGITS$}{END}");
        let mut head = format!(
            "POST /webhook HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n",
            self.prefix.len() + tail.len()
        );
        if let Some(mac) = &self.mac {
            let mut mac = mac.clone();
            let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
            let millis = since.as_millis().to_string();
            mac.update(tail.as_bytes());
            mac.update(millis.as_bytes());
            write!(head, "x-retell-signature: v={millis},d=").expect("a String takes it");
            for byte in mac.finalize().into_bytes() {
                write!(head, "{byte:02x}").expect("a String takes it");
            }
            head.push_str("\r\n");
        }
        head.push_str("\r\n");
        Bytes::from(head).chain(self.prefix.clone()).chain(Bytes::from(tail))
    }
}

/// The number of an event by the end of its body, if it is one of ours.
pub fn number(body: &[u8]) -> Option<u64> {
    let digits = body.strip_suffix(END.as_bytes())?.last_chunk::<DIGITS>()?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// All but the end: a call with its words, filled up with its transcript.
fn prefix(size: usize) -> String {
    let tail = "\"agent_id\":\"agent_000000\",\"call_id\":\"call_\"".len() + DIGITS + END.len();
    let mut text = r#"{"event":"call_analyzed","call":{"call_type":"phone_call","agent_name":"Front Desk","metadata":{"tenant":"bayside","priority":2},"call_status":"ended","start_timestamp":1772553601234,"end_timestamp":1772553903642,"duration_ms":302408,"disconnection_reason":"agent_hangup","from_number":"+15550100142","to_number":"+15550100188","direction":"inbound","call_analysis":{"call_summary":"A patient asked for an appointment and got one.","in_voicemail":false,"user_sentiment":"Positive","call_successful":true},"transcript_object":["#.to_owned();
    let rest = "],\"transcript\":\"\",".len() + tail;
    let mut at = 0_usize;
    // Most of a real body are the words with their times.
    while text.len() + rest + 700 < size {
        if at > 0 {
            text.push(',');
        }
        write!(text, "{{\"role\":\"agent\",\"content\":\"{}\",\"words\":[", WORDS.join(" "))
            .expect("a String takes it");
        for (place, word) in WORDS.iter().enumerate() {
            let comma = if place > 0 { "," } else { "" };
            let start = at * WORDS.len() + place;
            write!(text, "{comma}{{\"word\":\"{word}\",\"start\":{start}.25,\"end\":{start}.75}}")
                .expect("a String takes it");
        }
        text.push_str("]}");
        at += 1;
    }
    text.push_str("],\"transcript\":\"");
    let end = "\",".len() + tail;
    for letter in "Agent: thanks for calling.\\nUser: hello. ".chars().cycle() {
        if text.len() + end >= size && !text.ends_with('\\') {
            break;
        }
        text.push(letter);
    }
    text.push_str("\",");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_json_of_the_size_that_was_asked_for_and_tell_their_number() {
        for size in [1 << 10, 16 << 10, 80 << 10] {
            let body = Body::new(size, true);
            let mut request = body.request(1_234, 7);
            let request =
                String::from_utf8(request.copy_to_bytes(request.remaining()).into()).unwrap();
            let (head, body) = request.split_once("\r\n\r\n").unwrap();
            assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{head}");
            assert!(body.len().abs_diff(size) < 50, "{} bytes", body.len());
            assert_eq!(number(body.as_bytes()), Some(1_234));
            let event: serde_json::Value = serde_json::from_str(body).unwrap();
            assert_eq!(event["call"]["agent_id"], "agent_000007");
        }
    }
}
