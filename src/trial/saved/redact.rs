//! Taking out of an event what lets somebody in, before it becomes a file that people commit.
//!
//! It goes by the names of members and by the form of addresses. What was said, by whom and from which number stays: rules may
//! need it, and only people can tell whether it may be kept.

use serde_json::Value;

use crate::secret::names_a_secret;

use super::super::compare::member_of;

/// Most places that are named.
const NAMED_MAX: usize = 50;

/// Takes credentials out of `document`: members that are named like one, and of addresses the query and whatever stands before
/// the host. Returns the places.
pub(super) fn redact(document: &mut Value) -> Vec<String> {
    let mut places = Vec::new();
    walk(document, "$", &mut places);
    places
}

/// It nests at most as deep as an event may.
fn walk(value: &mut Value, place: &str, places: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            members.retain(|key, member| {
                let stays = member.is_object() || member.is_array() || !names_a_secret(key);
                if !stays {
                    note(places, member_of(place, key));
                }
                stays
            });
            for (key, member) in members {
                walk(member, &member_of(place, key), places);
            }
        }
        Value::Array(elements) => {
            for (at, element) in elements.iter_mut().enumerate() {
                walk(element, &format!("{place}[{at}]"), places);
            }
        }
        Value::String(text) => {
            if let Some(plain) = plain_address(text) {
                note(places, format!("{place} (a part)"));
                *text = plain;
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn note(places: &mut Vec<String>, place: String) {
    if places.len() < NAMED_MAX {
        places.push(place);
    }
}

/// The address without its query, name and password; none if `text` is no address, or has nothing of these.
fn plain_address(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once("://")?;
    let known = ["http", "https", "ws", "wss"].iter().any(|one| scheme.eq_ignore_ascii_case(one));
    if !known || rest.contains(char::is_whitespace) {
        return None;
    }
    let end = rest.find(['?', '#']).unwrap_or(rest.len());
    let (plain, cut) = rest.split_at_checked(end)?;
    let authority = plain.split('/').next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let path = plain.strip_prefix(authority).unwrap_or_default();
    let changed = !cut.is_empty() || host.len() < authority.len();
    changed.then(|| format!("{scheme}://{host}{path}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn credentials_go_and_everything_else_stays() {
        let mut event = json!({
            "event": "call_analyzed",
            "call": {
                "access_token": "canary", "API-Key": "canary", "accessToken": "canary", "X-Retell-Signature": "canary",
                "llm_token_usage": { "values": [1, 2], "average": 1.5 }, "from_number": "+12025550123",
                "transcript": "see https://example.com/a?b of mine", "secret": { "password": 5, "hint": "x" },
                "recording_url": "https://user:canary@media.example.com/a.wav?X-Amz-Signature=canary#canary",
                "public_log_url": "https://media.example.com/a.txt",
                "odd key": ["wss://example.com?canary", null],
            }
        });
        let places = redact(&mut event);
        let expected = json!({
            "event": "call_analyzed",
            "call": {
                "llm_token_usage": { "values": [1, 2], "average": 1.5 }, "from_number": "+12025550123",
                "transcript": "see https://example.com/a?b of mine", "secret": { "hint": "x" },
                "recording_url": "https://media.example.com/a.wav",
                "public_log_url": "https://media.example.com/a.txt",
                "odd key": ["wss://example.com", null],
            }
        });
        assert_eq!(event, expected);
        assert_eq!(places.len(), 7, "{places:?}");
        assert!(places.contains(&"$.call.access_token".to_owned()));
        assert!(places.contains(&"$.call[\"odd key\"][0] (a part)".to_owned()), "{places:?}");
    }
}
