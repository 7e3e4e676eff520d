//! Taking out of an event what lets somebody in, before it becomes a file that people commit.
//!
//! It goes by the names of members and by the form of addresses. What was said, by whom and from which number stays: rules may
//! need it, and only people can tell whether it may be kept.

use serde_json::Value;
use url::form_urlencoded;

use crate::secret::{is_a_secret_parameter, names_a_count, names_a_secret};

use super::super::compare::member_of;

/// Most places that are named.
const NAMED_MAX: usize = 50;

/// Takes credentials out of `document`: members that are named like one, with all that is in them, and of addresses the query and whatever stands before
/// the host. Returns the places.
pub(super) fn redact(document: &mut Value) -> Vec<String> {
    let mut places = Vec::new();
    walk(document, "$", &mut places);
    places
}

/// A query without the parameters that are named like a credential; their places are added.
pub(super) fn plain_query(query: Option<String>, places: &mut Vec<String>) -> Option<String> {
    let query = query?;
    let stays = |pair: &&str| {
        let mut parameters = form_urlencoded::parse(pair.as_bytes());
        let secret = parameters.find(|(name, value)| is_a_secret_parameter(name, value));
        if let Some((name, _)) = &secret {
            note(places, member_of("query", name));
        }
        secret.is_none()
    };
    Some(query.split('&').filter(stays).collect::<Vec<_>>().join("&"))
}

/// It nests at most as deep as an event may.
fn walk(value: &mut Value, place: &str, places: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            members.retain(|key, member| {
                let stays = !names_a_secret(key) || lets_nobody_in(key, member);
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

/// Whether a member is no credential although it is named like one: how many tokens there were, or whether somebody signed.
/// Rules read such things.
fn lets_nobody_in(key: &str, member: &Value) -> bool {
    match member {
        Value::Null | Value::Bool(_) => true,
        Value::Number(_) => names_a_count(key),
        Value::String(_) | Value::Array(_) | Value::Object(_) => false,
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
                "transcript": "see https://example.com/a?b of mine", "secret": { "hint": "canary" },
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
                "transcript": "see https://example.com/a?b of mine",
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

    #[test]
    fn a_credential_goes_whatever_its_form_and_a_count_stays() {
        let mut event = json!({ "call": { "metadata": {
            "api_key": ["canary"], "authorization": { "value": "canary" }, "credentials": "canary", "tokens": ["canary"],
            "secrets": { "a": { "b": "canary" } }, "pwd": "canary", "cookie": "canary", "auth": "canary", "bearer": "canary",
            "jwt": "canary", "password": 1234, "passphrase": "canary", "author": "Ann",
            "total_tokens": 812, "max_tokens": 4096.5, "consent_signature": true, "token": null,
        } } });
        let places = redact(&mut event);
        let kept = json!({
            "author": "Ann", "total_tokens": 812, "max_tokens": 4096.5, "consent_signature": true, "token": null,
        });
        assert_eq!(event["call"]["metadata"], kept);
        assert_eq!(places.len(), 12, "{places:?}");
        assert!(places.contains(&"$.call.metadata.authorization".to_owned()), "{places:?}");
    }

    #[test]
    fn of_what_retell_sends_only_the_access_token_goes() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/retell");
        let mut events = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let Ok(text) = std::fs::read_to_string(&path) else { continue };
            let Ok(mut event) = serde_json::from_str::<Value>(&text) else { continue };
            if event.get("vectors").is_some() {
                continue; // No event: keys and signatures to test with.
            }
            let mut places = redact(&mut event);
            places.retain(|place| !place.ends_with(" (a part)"));
            let token = path.ends_with("call_analyzed_web.json").then_some("$.call.access_token");
            assert_eq!(places, Vec::from_iter(token), "{}", path.display());
            events += 1;
        }
        assert!(events > 20, "{events} events in {folder}");
    }
}
