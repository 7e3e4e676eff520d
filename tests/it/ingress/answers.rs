//! The answer table, row by row.

use std::time::Duration;

use hookswitch::name::RuleName;
use hookswitch::store::{EventRecord, StoreError};

use crate::support::{Rig, Setup, post};

use super::{EVENT, KEY, NEXT_KEY, assert_problem, signed};

#[tokio::test]
async fn a_stored_event_is_answered_204_with_its_id() {
    let rig = Rig::start().await;
    let answer = rig.ask(post("/webhook", "", EVENT)).await;
    assert_eq!(answer.status, 204);
    assert!(answer.body.is_empty());
    let events = rig.events().await;
    assert_eq!(events.len(), 1);
    let id = events[0].envelope.id;
    assert_eq!(answer.header("x-hookswitch-event-id"), Some(id.to_string().as_str()));
    assert_eq!(answer.header("x-hookswitch-duplicate"), None);
    assert_eq!(rig.body(id).await, EVENT);
    assert_eq!(rig.results("open", "routed"), 1);
    assert_eq!(rig.metric("hookswitch_ack_seconds_count"), 1);
    let took = rig.answer_time(id).unwrap();
    // A repeat has its own time, which is nobody's.
    assert_eq!(
        rig.ask(post("/webhook", "", EVENT)).await.header("x-hookswitch-duplicate"),
        Some("true")
    );
    assert_eq!(rig.answer_time(id), Some(took));
    assert_eq!(rig.metric(r#"hookswitch_rule_matches_total{rule="calls"}"#), 1);
    let created = r#"hookswitch_deliveries_total{target="sheet",result="created"}"#;
    assert_eq!(rig.metric(created), 1);
}

#[tokio::test]
async fn a_rule_in_shadow_is_counted_and_listed_and_changes_nothing() {
    let rules = "
version: 1
sources: { open: { path: /webhook, verify: none } }
targets: { sheet: { kind: log }, next: { kind: log } }
rules:
  - { name: trial, mode: shadow, to: [next], stop: true }
  - { name: silence, mode: shadow, ignore: true }
  - { name: calls, when: { event: call_ended }, to: [sheet] }
";
    let rig = Rig::with(Setup { yaml: rules.to_owned(), ..Setup::default() }).await;
    let routed = rig.ask(post("/webhook", "", br#"{"event":"call_ended"}"#)).await;
    let unrouted = rig.ask(post("/webhook", "", br#"{"event":"other"}"#)).await;
    assert_eq!((routed.status, unrouted.status), (204, 204));
    let told = |event: &EventRecord| {
        let names = |rules: &[RuleName]| rules.iter().map(ToString::to_string).collect::<Vec<_>>();
        (event.state.as_str(), names(&event.rules), names(&event.shadow))
    };
    let both = || vec!["trial".to_owned(), "silence".to_owned()];
    let events: Vec<_> = rig.events().await.iter().map(told).collect();
    let calls = vec!["calls".to_owned()];
    assert_eq!(events, [("unrouted", vec![], both()), ("routed", calls, both())]);
    let watched = |rule: &str| format!("hookswitch_rule_shadow_matches_total{{rule=\"{rule}\"}}");
    assert_eq!((rig.metric(&watched("trial")), rig.metric(&watched("silence"))), (2, 2));
    assert_eq!(rig.metric(r#"hookswitch_rule_matches_total{rule="trial"}"#), 0);
    assert_eq!(rig.metric(r#"hookswitch_deliveries_total{target="next",result="created"}"#), 0);
}

#[tokio::test]
async fn a_signature_under_either_key_opens_and_anything_else_is_401() {
    let rig = Rig::start().await;
    assert_eq!(rig.ask(signed(&rig, KEY, EVENT)).await.status, 204);
    assert_eq!(rig.ask(signed(&rig, NEXT_KEY, br#"{"event":"x"}"#)).await.status, 204);

    let unsigned = rig.ask(post("/signed", "", EVENT)).await;
    assert_problem(&unsigned, 401, "missing");
    assert!(unsigned.header("www-authenticate").is_some());
    let malformed = rig.ask(post("/signed", "x-retell-signature: v=1,d=2\r\n", EVENT)).await;
    assert_problem(&malformed, 401, "malformed");
    let wrong = rig.ask(signed(&rig, "another key", EVENT)).await;
    assert_problem(&wrong, 401, "does not match");
    let twice = format!("x-retell-signature: v=1\r\n{}", "x-retell-signature: v=1\r\n");
    assert_problem(&rig.ask(post("/signed", &twice, EVENT)).await, 401, "more than once");
    let mut tampered = signed(&rig, KEY, EVENT);
    *tampered.last_mut().unwrap() = b' ';
    assert_problem(&rig.ask(tampered).await, 401, "does not match");
    assert_eq!(rig.results("signed", "unauthentic"), 5);
    assert_eq!(rig.events().await.len(), 2, "nothing else is stored");
}

#[tokio::test]
async fn a_right_signature_that_is_stale_is_counted_apart() {
    let rig = Rig::start().await;
    let request = signed(&rig, KEY, EVENT);
    rig.clock.advance(Duration::from_mins(5));
    assert_eq!(rig.ask(&request).await.status, 204, "the tolerance includes its end");
    rig.clock.advance(Duration::from_millis(1));
    let stale = rig.ask(&request).await;
    assert_problem(&stale, 401, "timestamp is too far");
    assert_eq!(rig.results("signed", "stale"), 1);
}

#[tokio::test]
async fn what_is_no_object_is_quarantined_if_signed_and_400_if_not() {
    let bodies: [&[u8]; 9] = [
        b"",
        b"[]",
        b"\"text\"",
        b"17",
        b"{\"a\":1} {\"b\":2}",
        b"{\"a\":",
        b"\xef\xbb\xbf{}",
        b"{\"a\":\"\xff\"}",
        b"{\"a\":\"\x00\"}",
    ];
    let rig = Rig::start().await;
    for (count, body) in (1..).zip(bodies) {
        assert_problem(&rig.ask(post("/webhook", "", body)).await, 400, "not a JSON object");
        let answer = rig.ask(signed(&rig, KEY, body)).await;
        assert_eq!(answer.status, 204, "{:?}", String::from_utf8_lossy(body));
        let events = rig.events().await;
        assert_eq!(events.len(), count);
        assert_eq!(events[0].state.as_str(), "quarantined");
        assert_eq!(rig.body(events[0].envelope.id).await, body);
    }
    assert_eq!(rig.results("open", "not_json"), 9);
    assert_eq!(rig.results("signed", "quarantined"), 9);
    assert!(rig.courier.made().is_empty());
}

#[tokio::test]
async fn a_deep_body_is_quarantined_if_signed_and_400_if_not() {
    let rig = Rig::start().await;
    let deep =
        [r#"{"a":"#.repeat(100_000).as_bytes(), b"1", "}".repeat(100_000).as_bytes()].concat();
    assert_problem(&rig.ask(post("/webhook", "", &deep)).await, 400, "nested deeper");
    assert_eq!(rig.ask(signed(&rig, KEY, &deep)).await.status, 204);
    assert_eq!(rig.events().await[0].state.as_str(), "quarantined");
}

#[tokio::test]
async fn a_key_twice_where_rules_read_is_quarantined_whoever_sent_it() {
    let rig = Rig::start().await;
    let twice = br#"{"event":"call_ended","\u0065vent":"call_started","call":{}}"#;
    assert_eq!(rig.ask(post("/webhook", "", twice)).await.status, 204);
    assert_eq!(rig.ask(signed(&rig, KEY, twice)).await.status, 204);
    let events = rig.events().await;
    assert!(events.iter().all(|event| event.state.as_str() == "quarantined"), "{events:?}");
    assert_eq!(events.len(), 2);
}

#[tokio::test]
async fn other_paths_are_404_and_other_methods_405() {
    let rig = Rig::start().await;
    for path in ["/", "/webhook/", "/Webhook", "/%77ebhook", "/metrics"] {
        assert_problem(&rig.ask(post(path, "", EVENT)).await, 404, "no source");
    }
    for method in ["GET", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW"] {
        let request = format!("{method} /webhook HTTP/1.1\r\nhost: t\r\n\r\n");
        let answer = rig.ask(request).await;
        assert_problem(&answer, 405, "POST");
        assert_eq!(answer.header("allow"), Some("POST"));
    }
    let answer = rig.ask(post("/readyz", "", b"")).await;
    assert_problem(&answer, 405, "GET");
    assert_eq!(answer.header("allow"), Some("GET, HEAD"));
    assert_eq!(rig.refused("not_found"), 5);
    assert_eq!(rig.refused("method"), 7);
    // The query is no part of the path.
    assert_eq!(rig.ask(post("/webhook?name=Jo&x=%20", "", EVENT)).await.status, 204);
    let events = rig.events().await;
    assert_eq!(events[0].envelope.request.query.as_deref(), Some("name=Jo&x=%20"));
}

#[tokio::test]
async fn an_encoded_body_is_415() {
    let rig = Rig::start().await;
    for coding in ["gzip", "br", "identity, gzip", "zstd"] {
        let headers = format!("content-encoding: {coding}\r\n");
        let answer = rig.ask(post("/webhook", &headers, EVENT)).await;
        assert_problem(&answer, 415, "content encoding");
    }
    assert_eq!(rig.results("open", "encoded"), 4);
    let plain = rig.ask(post("/webhook", "content-encoding: Identity\r\n", EVENT)).await;
    assert_eq!(plain.status, 204);
}

#[tokio::test]
async fn a_store_that_does_not_take_it_is_503_with_a_time() {
    let rig = Rig::start().await;
    for (error, result, after) in [
        (StoreError::Behind, "busy", "1"),
        (StoreError::Full("9 of 9 bytes".to_owned()), "store_full", "15"),
        (StoreError::Poisoned("fsync: EIO".to_owned()), "store_failed", "15"),
        (StoreError::Closed, "store_failed", "15"),
    ] {
        let before = rig.results("open", result);
        rig.memory.refuse(Some(error));
        let answer = rig.ask(post("/webhook", "", EVENT)).await;
        assert_problem(&answer, 503, "at the moment");
        assert_eq!(answer.header("retry-after"), Some(after));
        assert!(!answer.json()["detail"].as_str().unwrap().contains("EIO"));
        assert_eq!(rig.results("open", result), before + 1);
    }
    rig.memory.refuse(None);
    assert_eq!(rig.ask(post("/webhook", "", EVENT)).await.status, 204);
}

#[tokio::test]
async fn probes_are_answered_here() {
    let rig = Rig::start().await;
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: t\r\n\r\n");
    assert_eq!(rig.ask(get("/healthz")).await.status, 200);
    let ready = rig.ask(get("/readyz")).await;
    assert_eq!((ready.status, ready.json()["ready"].as_bool()), (200, Some(true)));
    let mut wire = rig.connect().await;
    wire.send("HEAD /readyz HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n").await;
    // The answer to HEAD has the length of a body that does not come.
    wire.expect_head(200).await;

    rig.readiness.drain();
    let draining = rig.ask(get("/readyz")).await;
    assert_eq!(draining.status, 503);
    assert_eq!(draining.json()["reasons"][0], "shutting down");
    assert_eq!(rig.ask(get("/healthz")).await.status, 200);
    assert_eq!(rig.ask(post("/webhook", "", EVENT)).await.status, 204, "it still accepts");
    rig.memory.poison("gone");
    assert_eq!(rig.ask(get("/readyz")).await.json()["reasons"][1], "the store failed");
}
