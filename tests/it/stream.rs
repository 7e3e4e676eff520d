//! The stream of events over real sockets: what it shows, where it goes on, and how it ends.

use std::sync::Arc;

use bytes::Bytes;
use hookswitch::admin::wire;
use hookswitch::event::{Envelope, EventId, RequestParts};
use hookswitch::store::{Append, EventState, Store};

use crate::admin::{Checked, World};
use crate::support::{PATIENCE, Wire};

const RULES: &str = r"
version: 1
sources:
  retell: { path: /webhook, verify: none }
targets:
  crm: { kind: http, url: 'https://crm.example.com/hooks' }
rules:
  - { name: analyzed calls, when: { event: call_analyzed }, to: [crm] }
";

/// A stream of which the beginning was read, and the place where it begins.
async fn open(world: &World, query: &str, headers: &str) -> (Wire, u64) {
    let mut wire = Wire::connect(world.address).await;
    let path = format!("/api/v1/events/stream{query}");
    wire.send(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n")).await;
    let head = wire.until("\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert!(head.contains("content-type: text/event-stream\r\n"), "{head}");
    let begin = wire.until("\n\n").await;
    assert!(begin.contains("retry: "), "{begin}");
    (wire, place(&begin))
}

fn field<'a>(said: &'a str, name: &str) -> Option<&'a str> {
    said.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

fn place(said: &str) -> u64 {
    field(said, "id").and_then(|id| id.parse().ok()).unwrap_or_else(|| panic!("no id: {said}"))
}

/// The next event that is said, and the place behind it.
async fn next(wire: &mut Wire) -> (wire::Event, u64) {
    loop {
        let said = wire.until("\n\n").await;
        let Some(data) = field(&said, "data") else { continue };
        assert_eq!(field(&said, "event"), None, "{said}");
        return (serde_json::from_str(data).unwrap(), place(&said));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_arrives_is_shown_as_it_arrived() {
    let world = World::new(RULES).await;
    world.analyzed("before").await;
    let (mut all, _) = open(&world, "", "").await;
    let (mut one_call, _) = open(&world, "?call=call_2", "").await;
    let (mut unrouted, _) = open(&world, "?state=unrouted", "").await;
    world.analyzed("call_1").await;
    let second = world.analyzed("call_2").await;
    let third = world.arrive(r#"{"event":"call_started"}"#).await;
    let (first, place) = next(&mut all).await;
    assert_eq!((first.call.as_deref(), first.state.as_str()), (Some("call_1"), "routed"));
    assert_eq!(first.deliveries[0].target, "crm");
    let (event, further) = next(&mut all).await;
    assert_eq!(event.id, second.to_string());
    assert!(further > place);
    assert_eq!(next(&mut all).await.0.id, third.to_string());
    assert_eq!(next(&mut one_call).await.0.id, second.to_string());
    assert_eq!(next(&mut unrouted).await.0.id, third.to_string());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_stream_goes_on_without_a_gap() {
    let world = World::new(RULES).await;
    let (mut stream, begin) = open(&world, "", "").await;
    let first = world.analyzed("call_1").await;
    let (event, place) = next(&mut stream).await;
    assert_eq!(event.id, first.to_string());
    stream.reset();
    let missed = [world.analyzed("call_2").await, world.analyzed("call_3").await];
    let (mut again, from) = open(&world, "", &format!("last-event-id: {place}\r\n")).await;
    assert_eq!(from, place);
    for id in missed {
        assert_eq!(next(&mut again).await.0.id, id.to_string());
    }
    // One that saw nothing knows where it began all the same.
    let (mut whole, _) = open(&world, "", &format!("last-event-id: {begin}\r\n")).await;
    assert_eq!(next(&mut whole).await.0.id, first.to_string());
    // A place of another store is no place here.
    let (mut other, _) = open(&world, "", "last-event-id: 70000\r\n").await;
    assert_eq!(next(&mut other).await.0.id, first.to_string());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_far_behind_is_told_and_goes_on_with_the_newest() {
    let world = World::new(RULES).await;
    let (stream, begin) = open(&world, "", "").await;
    drop(stream);
    let source = world.source();
    for number in 0..2_300_u16 {
        let mut chance = [0; 10];
        chance[..2].copy_from_slice(&number.to_be_bytes());
        let envelope = Envelope {
            id: EventId::new(world.now(), chance),
            source: source.clone(),
            received_at: world.now(),
            signed: false,
            name: None,
            agent_id: None,
            subject: Some(number.to_string()),
            request: RequestParts::default(),
        };
        let append = Append {
            envelope: Arc::new(envelope),
            body: Bytes::from_static(b"{}"),
            state: EventState::Unrouted,
            rules: vec![],
            shadow: Vec::new(),
            revision: 1,
            edited_from: None,
            deliveries: vec![],
            identity: None,
        };
        drop(world.store.append(append).await.unwrap());
    }
    let (mut again, _) = open(&world, "", &format!("last-event-id: {begin}\r\n")).await;
    let said = again.until("\n\n").await;
    assert_eq!(field(&said, "event"), Some("lagged"), "{said}");
    let lagged: wire::Lagged = serde_json::from_str(field(&said, "data").unwrap()).unwrap();
    assert_eq!(lagged.skipped, 2_100);
    assert_eq!(place(&said), begin + 2_100);
    for number in 2_100..2_300 {
        assert_eq!(next(&mut again).await.0.call, Some(number.to_string()));
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_whole_when_the_program_stops() {
    let world = World::new(RULES).await;
    let (mut stream, _) = open(&world, "", "").await;
    let (stopped, rest) = tokio::join!(world.tasks.stop(PATIENCE), stream.read_to_end());
    let rest = String::from_utf8(rest).unwrap();
    assert!(rest.ends_with("0\r\n\r\n"), "{rest:?}");
    assert!(stopped, "nothing had to be aborted");
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_have_bounds_and_say_what_they_do_not_take() {
    let world = World::new(RULES).await;
    let path = "/api/v1/events/stream";
    for (query, word) in [
        ("?state=delivered", "unrouted"),
        ("?since=24h", "is no parameter"),
        ("?limit=1", "event, agent"),
    ] {
        let detail = world.get(&format!("{path}{query}")).await.problem(400);
        assert!(detail.contains(word), "{query}: {detail}");
    }
    let odd = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nlast-event-id: x\r\n\r\n");
    assert!(world.raw(&odd).await.problem(400).contains("last-event-id"));
    let foreign = format!("GET {path} HTTP/1.1\r\nhost: evil.example\r\n\r\n");
    world.raw(&foreign).await.problem(403);
    let mut streams = Vec::new();
    for _ in 0..16 {
        streams.push(open(&world, "", "").await);
    }
    assert!(world.get(path).await.problem(503).contains("16 streams"));
    streams.pop();
    crate::support::eventually("a place is free again", async || {
        (world.get(path).await.status == 200).then_some(())
    })
    .await;
    world.end().await;
}
