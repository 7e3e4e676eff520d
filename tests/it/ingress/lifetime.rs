//! The life of a connection: when it is answered, what a client that goes away takes with it, and the end.

use std::sync::Arc;
use std::time::Duration;

use crate::support::{Rig, SOURCES, eventually, post, snapshot};

use super::EVENT;

#[tokio::test]
async fn nothing_is_said_before_the_commit() {
    let rig = Rig::start().await;
    rig.gate.close_gate();
    let mut wire = rig.connect().await;
    wire.send(post("/webhook", "", EVENT)).await;
    rig.gate.came(1).await;
    // Other requests are answered meanwhile, so it is not that nothing moves.
    let probe = rig.ask("GET /healthz HTTP/1.1\r\nhost: t\r\n\r\n").await;
    assert_eq!(probe.status, 200);
    assert!(wire.is_silent());
    assert!(rig.events().await.is_empty());
    assert!(rig.courier.made().is_empty());
    rig.gate.open_gate();
    assert_eq!(wire.expect().await.status, 204);
    assert_eq!(rig.events().await.len(), 1);
}

#[tokio::test]
async fn a_client_that_hangs_up_after_its_body_cancels_nothing() {
    let rig = Rig::start().await;
    rig.gate.close_gate();
    for (count, reset) in (1..).zip([false, true]) {
        let mut wire = rig.connect().await;
        let body = format!(r#"{{"event":"call_ended","call":{{"call_id":"c{count}"}}}}"#);
        wire.send(post("/webhook", "", body.as_bytes())).await;
        rig.gate.came(count).await;
        if reset {
            wire.reset();
        }
    }
    rig.gate.open_gate();
    eventually("both are stored and delivered", || async {
        (rig.courier.made().len() == 2).then_some(())
    })
    .await;
    assert_eq!(rig.results("open", "routed"), 2);
}

#[tokio::test]
async fn a_client_that_closes_its_side_is_answered() {
    let rig = Rig::start().await;
    rig.gate.close_gate();
    let mut wire = rig.connect().await;
    wire.send(post("/webhook", "", EVENT)).await.finish().await;
    rig.gate.came(1).await;
    rig.gate.open_gate();
    assert_eq!(wire.expect().await.status, 204);
    wire.expect_end().await;
}

#[tokio::test]
async fn a_body_that_ends_early_is_no_event() {
    let rig = Rig::start().await;
    let half = "POST /webhook HTTP/1.1\r\nhost: t\r\ncontent-length: 100\r\n\r\n{\"event\":\"x\"}";
    let chunked = "POST /webhook HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\nd\r\n{\"event\":\"x\"}\r\n";
    for (request, reset) in [(half, false), (half, true), (chunked, false), (chunked, true)] {
        let before = rig.results("open", "aborted");
        let mut wire = rig.connect().await;
        wire.send(request).await;
        if reset {
            // Only once the request is being read does the reset meet a body.
            let mut other = rig.connect().await;
            other.send("GET /healthz HTTP/1.1\r\nhost: t\r\n\r\n").await;
            other.expect().await;
            wire.reset();
        } else {
            wire.finish().await;
            assert!(wire.answer().await.is_none_or(|answer| answer.status == 400));
        }
        eventually("it is counted", || async {
            (rig.results("open", "aborted") == before + 1).then_some(())
        })
        .await;
    }
    assert!(rig.events().await.is_empty());
}

#[tokio::test]
async fn one_connection_carries_many_events() {
    let rig = Rig::start().await;
    let mut wire = rig.connect().await;
    for number in 0..50 {
        let body = format!(r#"{{"event":"e{number}"}}"#);
        wire.send(post("/webhook", "", body.as_bytes())).await;
        assert_eq!(wire.expect().await.status, 204);
        // A refusal that left nothing unread does not end it.
        wire.send("GET /nothing HTTP/1.1\r\nhost: t\r\n\r\n").await;
        assert_eq!(wire.expect().await.status, 404);
    }
    wire.send(post("/webhook", "connection: close\r\n", EVENT)).await;
    assert_eq!(wire.expect().await.status, 204);
    wire.expect_end().await;
    assert_eq!(rig.events().await.len(), 51);
}

/// One under way sees the snapshot that it began with, the next one another.
#[tokio::test]
async fn a_new_snapshot_counts_from_the_next_request_on() {
    let rig = Rig::start().await;
    let mut wire = rig.connect().await;
    let body = br#"{"event":"call_ended","call":{"call_id":"c1"}}"#;
    let request = post("/webhook", "", body);
    let (first, second) = request.split_at(request.len() - body.len());
    wire.send([first, &second[..1]].concat()).await;
    // The head is read by the time that another request is answered.
    rig.ask("GET /healthz HTTP/1.1\r\nhost: t\r\n\r\n").await;
    let moved =
        SOURCES.replace("path: /webhook", "path: /moved").replace("name: calls", "name: new");
    rig.published.publish(Arc::new(snapshot(&moved)));
    wire.send(&second[1..]).await;
    assert_eq!(wire.expect().await.status, 204);
    assert_eq!(rig.events().await[0].rules[0].as_str(), "calls");
    wire.send(post("/webhook", "", EVENT)).await;
    assert_eq!(wire.expect().await.status, 404);
    assert_eq!(rig.ask(post("/moved", "", EVENT)).await.status, 204);
    assert_eq!(rig.events().await[0].rules[0].as_str(), "new");
}

#[tokio::test]
async fn a_request_without_keep_alive_is_served_too() {
    let rig = Rig::start().await;
    let mut wire = rig.connect().await;
    let length = EVENT.len();
    let head = format!("POST /webhook HTTP/1.0\r\ncontent-length: {length}\r\n\r\n");
    wire.send([head.as_bytes(), EVENT].concat()).await;
    assert_eq!(wire.expect().await.status, 204);
    wire.expect_end().await;
}

#[tokio::test]
async fn a_drain_answers_what_is_under_way_and_closes_what_rests() {
    let rig = Rig::start().await;
    let mut resting = rig.connect().await;
    resting.send(post("/webhook", "", br#"{"event":"earlier"}"#)).await;
    assert_eq!(resting.expect().await.status, 204);
    let mut fresh = rig.connect().await;
    rig.gate.close_gate();
    let mut waiting = rig.connect().await;
    waiting.send(post("/webhook", "", EVENT)).await;
    rig.gate.came(2).await;
    let mut sending = rig.connect().await;
    let late = br#"{"event":"late"}"#;
    let request = post("/webhook", "", late);
    let (first, second) = request.split_at(request.len() - late.len());
    sending.send(first).await;
    rig.ask("GET /healthz HTTP/1.1\r\nhost: t\r\n\r\n").await;

    let ends = async {
        resting.expect_end().await;
        fresh.expect_end().await;
        sending.send(second).await;
        rig.gate.came(3).await;
        rig.gate.open_gate();
        for wire in [&mut waiting, &mut sending] {
            let answer = wire.expect().await;
            assert_eq!(answer.status, 204);
            assert_eq!(answer.header("connection"), Some("close"));
            wire.expect_end().await;
        }
    };
    tokio::join!(rig.drain(crate::support::PATIENCE), ends);
    assert_eq!(rig.events().await.len(), 3);
    let refused = tokio::net::TcpStream::connect(rig.address).await;
    assert!(refused.is_err(), "the listener is closed");
}

#[tokio::test]
async fn a_drain_cuts_at_its_deadline_and_what_was_whole_is_stored() {
    let rig = Rig::start().await;
    rig.gate.close_gate();
    let mut slow = rig.connect().await;
    slow.send("POST /webhook HTTP/1.1\r\nhost: t\r\ncontent-length: 9\r\n\r\n{").await;
    let mut waiting = rig.connect().await;
    waiting.send(post("/webhook", "", EVENT)).await;
    rig.gate.came(1).await;
    rig.drain(Duration::from_millis(50)).await;
    slow.expect_end().await;
    waiting.expect_end().await;
    rig.gate.open_gate();
    eventually("the event is stored and delivered", || async { rig.courier.made().pop() }).await;
    assert_eq!(rig.results("open", "routed"), 1);
    assert!(rig.tasks.stop(crate::support::PATIENCE).await, "nothing is left behind");
}

#[tokio::test]
async fn when_everything_stops_so_does_the_listener() {
    let rig = Rig::start().await;
    let mut wire = rig.connect().await;
    wire.send(post("/webhook", "", EVENT)).await;
    assert_eq!(wire.expect().await.status, 204);
    assert!(rig.tasks.stop(crate::support::PATIENCE).await);
    wire.expect_end().await;
}
