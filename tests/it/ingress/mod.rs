//! The listener over raw sockets: every row of the answer table, and the faults that clients of HTTP and JSON can commit.

mod answers;
mod bounds;
mod events;
mod framing;
mod lifetime;
mod log;

use hookswitch::clock::Clock;
use hookswitch::secret::Secret;
use hookswitch::signature::retell;

use crate::support::{Answer, Rig, post};

const KEY: &str = "key_fixture_only_not_a_real_key_01";
const NEXT_KEY: &str = "key_of_tomorrow";
const EVENT: &[u8] = br#"{"event":"call_ended","call":{"call_id":"c1","agent_id":"a1"}}"#;

/// A POST to `/signed`, signed with `key` at the rig's time.
fn signed(rig: &Rig, key: &str, body: &[u8]) -> Vec<u8> {
    let signature = retell::sign(&Secret::new(key), body, rig.clock.now());
    post("/signed", &format!("x-retell-signature: {signature}\r\n"), body)
}

/// Checks a refusal: its status and form, and that `says` stands in what the sender is told.
fn assert_problem(answer: &Answer, status: u16, says: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    let problem = answer.json();
    assert_eq!(problem["status"], status);
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains(says), "{detail:?} does not say {says:?}");
}
