//! What is stored of an event, and what becomes of repeats.

use std::path::Path;
use std::time::Duration;

use hookswitch::clock::{Clock, Timestamp};
use serde_json::Value;

use crate::support::{Rig, SOURCES, Setup, Wire, eventually, fixture, post};

use super::{EVENT, KEY, signed};

#[tokio::test]
async fn every_payload_fixture_is_taken_as_it_is() {
    let rig = Rig::start().await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/retell");
    let mut taken = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let about = ["signature_vectors.json", "call_inbound_response_example.json"];
        let is_json = Path::new(&name).extension().is_some_and(|extension| extension == "json");
        if !is_json || about.contains(&name.as_str()) {
            continue;
        }
        let body = fixture(&name);
        for request in [post("/webhook", "", &body), signed(&rig, KEY, &body)] {
            let answer = rig.ask(request).await;
            assert_eq!(answer.status, 204, "{name}: {answer:?}");
            let id = answer.header("x-hookswitch-event-id").unwrap().parse().unwrap();
            assert_eq!(rig.body(id).await, body, "{name}");
        }
        taken += 1;
    }
    assert!(taken >= 20, "only {taken} fixtures found");
    let events = rig.events().await;
    assert_eq!(events.len(), 2 * taken);
    assert!(events.iter().all(|event| event.state.as_str() != "quarantined"));
}

#[tokio::test]
async fn the_seeds_own_request_is_answered_204() {
    let rig = Rig::start().await;
    let body = fixture("seed_curl.json");
    let headers = "user-agent: curl/8.5.0\r\naccept: */*\r\ncontent-type: application/json\r\n";
    assert_eq!(rig.ask(post("/webhook", headers, &body)).await.status, 204);
    let event = rig.events().await.swap_remove(0);
    let envelope = &event.envelope;
    assert_eq!(event.state.as_str(), "routed");
    assert_eq!(envelope.name.as_deref(), Some("call_ended"));
    assert_eq!(envelope.subject.as_deref(), Some("Jabr9TXYYJHfvl6Syypi88rdAHYHmcq6"));
    assert_eq!(envelope.agent_id.as_deref(), Some("oBeDLoLOeuAbiuaMFXRtDOLriTJ5tSxD"));
    assert!(!envelope.signed);
    assert_eq!(envelope.request.content_type.as_deref(), Some("application/json"));
    assert_eq!(envelope.request.user_agent.as_deref(), Some("curl/8.5.0"));
    assert_eq!(envelope.request.peer.as_deref(), Some("127.0.0.1"));
    let made = eventually("the delivery", || async { rig.courier.made().pop() }).await;
    assert_eq!(made, ("sheet".to_owned(), envelope.id, body));
}

#[tokio::test]
async fn a_body_of_five_megabytes_is_taken_in_one_piece_or_in_chunks() {
    let rig = Rig::start().await;
    let mut call: Value = serde_json::from_slice(&fixture("call_analyzed.json")).unwrap();
    call["call"]["transcript"] = "word ".repeat(1 << 20).into();
    let body = serde_json::to_vec(&call).unwrap();
    assert!(body.len() > 5 << 20);
    let first = rig.ask(signed(&rig, KEY, &body)).await;
    assert_eq!(first.status, 204);

    let mut request =
        b"POST /webhook HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    for chunk in body.chunks(70_001) {
        request.extend_from_slice(format!("{:X}\r\n", chunk.len()).as_bytes());
        request.extend_from_slice(chunk);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"0\r\n\r\n");
    assert_eq!(rig.ask(request).await.status, 204);
    for event in rig.events().await {
        assert_eq!(event.state.as_str(), "routed");
        assert!(rig.body(event.envelope.id).await == body, "the bytes are the same");
    }
}

#[tokio::test]
async fn every_signature_vector_is_answered_as_it_says() {
    let rig = Rig::start().await;
    let vectors: Value = serde_json::from_slice(&fixture("signature_vectors.json")).unwrap();
    let (mut opened, mut refused) = (0, 0);
    for vector in vectors["vectors"].as_array().unwrap() {
        if vector["api_key"] != KEY {
            continue;
        }
        let body = match vector["body_file"].as_str() {
            Some(file) => fixture(file),
            None => vector["body"].as_str().unwrap().as_bytes().to_vec(),
        };
        let Some(header) = vector["header"].as_str() else { continue };
        let sendable = header.bytes().all(|byte| matches!(byte, b'\t' | 0x20..=0x7e | 0x80..));
        let trimmed = header.trim() == header;
        if !sendable || !trimmed {
            continue;
        }
        let at = vector["now_ms"].as_i64().unwrap();
        rig.clock.set(Timestamp::from_millis(at));
        let request = post("/signed", &format!("x-retell-signature: {header}\r\n"), &body);
        let status = rig.ask(request).await.status;
        let valid = vector["valid"].as_bool().unwrap();
        assert_eq!(status, if valid { 204 } else { 401 }, "{}", vector["id"]);
        if valid { opened += 1 } else { refused += 1 }
    }
    assert!(opened >= 10 && refused >= 10, "{opened} opened, {refused} refused");
}

#[tokio::test]
async fn the_same_again_is_a_duplicate_and_another_body_a_revision() {
    let rig = Rig::start().await;
    let first = rig.ask(post("/webhook", "", EVENT)).await;
    let id = first.header("x-hookswitch-event-id").unwrap().to_owned();

    let again = rig.ask(post("/webhook", "", EVENT)).await;
    assert_eq!(again.status, 204);
    assert_eq!(again.header("x-hookswitch-event-id"), Some(id.as_str()));
    assert_eq!(again.header("x-hookswitch-duplicate"), Some("true"));

    let rerun = br#"{"event":"call_ended","call":{"call_id":"c1","agent_id":"a1","x":1}}"#;
    let revised = rig.ask(post("/webhook", "", rerun)).await;
    assert_eq!(revised.status, 204);
    assert_ne!(revised.header("x-hookswitch-event-id"), Some(id.as_str()));
    assert_eq!(revised.header("x-hookswitch-duplicate"), Some("revised"));
    let revision = revised.header("x-hookswitch-event-id").unwrap().to_owned();

    // The revised body again is a repeat of the event that it is.
    let again = rig.ask(post("/webhook", "", rerun)).await;
    assert_eq!(again.header("x-hookswitch-event-id"), Some(revision.as_str()));
    assert_eq!(again.header("x-hookswitch-duplicate"), Some("true"));

    // What is the same at another source, or after the window, is none of it.
    assert_eq!(rig.ask(signed(&rig, KEY, EVENT)).await.header("x-hookswitch-duplicate"), None);
    rig.clock.advance(Duration::from_mins(11));
    let late = rig.ask(post("/webhook", "", EVENT)).await;
    assert_eq!(late.header("x-hookswitch-duplicate"), None);

    assert_eq!(rig.results("open", "routed"), 2);
    assert_eq!(rig.results("open", "duplicate"), 2);
    assert_eq!(rig.results("open", "revised"), 1);
    let created = r#"hookswitch_deliveries_total{target="sheet",result="created"}"#;
    assert_eq!(rig.metric(created), 3);
    eventually("three deliveries", || async { (rig.courier.made().len() == 3).then_some(()) })
        .await;
    assert!(rig.courier.made().iter().all(|(_, _, body)| body == EVENT));
}

#[tokio::test]
async fn two_at_once_are_one_delivery() {
    let rig = Rig::start().await;
    rig.gate.close_gate();
    let mut wires = [rig.connect().await, rig.connect().await];
    for wire in &mut wires {
        wire.send(post("/webhook", "", EVENT)).await;
    }
    rig.gate.came(2).await;
    assert!(wires.iter_mut().all(Wire::is_silent));
    rig.gate.open_gate();
    let mut repeats = 0;
    for wire in &mut wires {
        let answer = wire.expect().await;
        assert_eq!(answer.status, 204);
        repeats += usize::from(answer.header("x-hookswitch-duplicate").is_some());
    }
    assert_eq!(repeats, 1);
    assert_eq!(rig.results("open", "routed"), 1);
}

#[tokio::test]
async fn turns_of_a_call_are_not_repeats_and_what_nobody_wanted_suppresses_nothing() {
    let rig = Rig::start().await;
    let turn = |number: u32| {
        format!(r#"{{"event":"transcript_updated","call":{{"call_id":"c1"}},"turn":{number}}}"#)
    };
    for number in 0..3 {
        rig.ask(post("/webhook", "", turn(number).as_bytes())).await;
    }
    rig.ask(post("/webhook", "", turn(1).as_bytes())).await;
    assert_eq!(rig.results("open", "ignored"), 3);
    assert_eq!(rig.results("open", "duplicate"), 1);
    for _ in 0..2 {
        let answer = rig.ask(post("/webhook", "", br#"{"event":"new_today"}"#)).await;
        assert_eq!(answer.header("x-hookswitch-duplicate"), None);
        let answer = rig.ask(signed(&rig, KEY, b"[1]")).await;
        assert_eq!(answer.header("x-hookswitch-duplicate"), None);
    }
    assert_eq!(rig.results("open", "unrouted"), 2);
    assert_eq!(rig.results("signed", "quarantined"), 2);
}

#[tokio::test]
async fn dedupe_can_go_by_the_body_or_be_off() {
    let yaml = SOURCES.replacen("verify: none", "verify: none, dedupe: { by: off }", 1);
    let yaml = yaml.replacen("max_body: 1 KiB", "max_body: 1 KiB, dedupe: { by: body }", 1);
    let rig = Rig::with(Setup { yaml, ..Setup::default() }).await;
    let other = br#"{"event":"call_ended","call":{"call_id":"c1","agent_id":"a1","x":1}}"#;
    for path in ["/webhook", "/small"] {
        for body in [EVENT, EVENT, other] {
            assert_eq!(rig.ask(post(path, "", body)).await.status, 204);
        }
    }
    assert_eq!(rig.results("open", "routed"), 3);
    assert_eq!(rig.results("small", "routed"), 2);
    assert_eq!(rig.results("small", "duplicate"), 1);
}

#[tokio::test]
async fn rules_see_source_query_and_headers() {
    let rules = r"
rules:
  - name: by the request
    when: { source: open, query: { tenant: acme corp }, header: { X-Team: sales } }
    to: [sheet]
";
    let yaml = SOURCES.split("rules:").next().unwrap().to_owned() + rules.trim_start();
    let rig = Rig::with(Setup { yaml, ..Setup::default() }).await;
    let headers = "x-team: support\r\nX-TEAM: sales\r\n";
    rig.ask(post("/webhook?tenant=acme+corp", headers, br#"{"event":"a"}"#)).await;
    rig.ask(post("/webhook?tenant=acme", headers, br#"{"event":"b"}"#)).await;
    rig.ask(post("/webhook?tenant=acme%20corp", "", br#"{"event":"c"}"#)).await;
    assert_eq!(rig.results("open", "routed"), 1);
    assert_eq!(rig.results("open", "unrouted"), 2);
}

/// A part of a query may be another query: with `tenant=acme` of `tenant=acme-beta` a replay would go to somebody else.
#[tokio::test]
async fn what_rules_look_at_again_is_kept_whole() {
    let rig = Rig::start().await;
    let pad = "x".repeat(1 << 10);
    let path = format!("/webhook?pad={pad}&tenant=acme-beta");
    let headers = format!("user-agent: {pad}-one\r\n");
    rig.ask(post(&path, &headers, br#"{"event":"a"}"#)).await;
    let events = rig.events().await;
    let request = &events[0].envelope.request;
    assert_eq!(request.query.as_deref(), path.strip_prefix("/webhook?"));
    assert_eq!(request.user_agent.as_deref(), Some(&*format!("{pad}-one")));
}

/// The window of a signature goes both ways, and what was seen once stays seen, wherever the wall clock goes.
#[tokio::test]
async fn a_clock_that_moves_neither_opens_the_door_nor_doubles_an_event() {
    let rig = Rig::start().await;
    let begun = rig.clock.now();
    let first = signed(&rig, KEY, EVENT);
    assert_eq!(rig.ask(&first).await.status, 204);
    let (hour, year) = (Duration::from_hours(1), Duration::from_hours(24 * 365));
    let moves = [
        begun.plus(hour),
        begun.minus(hour),
        begun.plus(40 * year),
        begun.minus(year),
        Timestamp::from_millis(0),
        Timestamp::from_millis(-1),
    ];
    for moved in moves {
        rig.clock.set(moved);
        assert_eq!(rig.ask(&first).await.status, 401, "{moved}: an old signature stays old");
    }
    // Freshly signed after a step back, it is the same event all the same.
    for moved in [begun.minus(hour), begun.minus(year), begun] {
        rig.clock.set(moved);
        let answer = rig.ask(signed(&rig, KEY, EVENT)).await;
        assert_eq!(answer.status, 204, "{moved}");
        assert_eq!(answer.header("x-hookswitch-duplicate"), Some("true"), "{moved}");
    }
    assert_eq!(rig.events().await.len(), 1);
    // Only when its window has passed it is a new one.
    rig.clock.set(begun.plus(hour));
    let answer = rig.ask(signed(&rig, KEY, EVENT)).await;
    assert_eq!((answer.status, answer.header("x-hookswitch-duplicate")), (204, None));
    assert_eq!(rig.events().await.len(), 2);
}
