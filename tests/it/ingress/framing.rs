//! Requests whose end is in doubt: nothing that one server could take for a request and another for a body is stored.

use crate::support::{Rig, post};

use super::{EVENT, assert_problem};

const CHUNKED_EVENT: &str = "10\r\n{\"event\":\"call_e\r\n1b;x=y\r\nnded\",\"call\":{\"call_id\":\"c1\r\n13\r\n\",\
                             \"agent_id\":\"a1\"}}\r\n0\r\nx-trailer: 1\r\n\r\n";

fn chunked(headers: &str, chunks: &str) -> String {
    format!("POST /webhook HTTP/1.1\r\nhost: t\r\n{headers}\r\n{chunks}")
}

#[tokio::test]
async fn chunks_make_a_body() {
    let rig = Rig::start().await;
    let answer = rig.ask(chunked("transfer-encoding: Chunked\r\n", CHUNKED_EVENT)).await;
    assert_eq!(answer.status, 204);
    assert_eq!(rig.body(rig.events().await[0].envelope.id).await, EVENT);
}

/// hyper's own refusals have no body, and close.
#[tokio::test]
async fn lengths_that_disagree_or_are_none_are_400_and_close() {
    let rig = Rig::start().await;
    for headers in [
        "content-length: 2\r\ncontent-length: 3\r\n",
        "content-length: 2, 3\r\n",
        "content-length: +2\r\n",
        "content-length: 0x2\r\n",
        "content-length: -1\r\n",
        "content-length: 2 \r\n content-length: 3\r\n",
        "content-length: 99999999999999999999999\r\n",
        "content-length:\r\n",
        "content-length : 2\r\n",
    ] {
        let mut wire = rig.connect().await;
        wire.send(chunked(headers, "{}")).await;
        assert_eq!(wire.expect().await.status, 400, "{headers:?}");
        wire.expect_end().await;
    }
    rig.refused_become("bad_head", 9).await;
    assert!(rig.events().await.is_empty());
    // The same length twice is one length (RFC 9110 section 8.6).
    let same = chunked("content-length: 15\r\ncontent-length: 15\r\n", "{\"event\":\"x.x\"}");
    assert_eq!(rig.ask(same).await.status, 204);
}

#[tokio::test]
async fn a_transfer_encoding_other_than_one_chunked_is_400_and_closes() {
    let rig = Rig::start().await;
    let ours =
        ["gzip, chunked\r\n", "gzip\r\ntransfer-encoding: chunked\r\n", "chunked, chunked\r\n"];
    let hyper = ["chunked, identity\r\n", "xchunked\r\n", "gzip\r\n", "identity\r\n", "\r\n"];
    for coding in ours.iter().chain(&hyper) {
        let mut wire = rig.connect().await;
        let headers = format!("transfer-encoding: {coding}");
        wire.send(chunked(&headers, CHUNKED_EVENT)).await;
        let answer = wire.expect().await;
        assert_eq!(answer.status, 400, "{coding:?}");
        if ours.contains(coding) {
            assert_problem(&answer, 400, "chunked");
        }
        wire.expect_end().await;
    }
    assert_eq!(rig.refused("framing"), 3);
    rig.refused_become("bad_head", 5).await;

    let mut wire = rig.connect().await;
    let old =
        format!("POST /webhook HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n{CHUNKED_EVENT}");
    wire.send(old).await;
    assert_eq!(wire.expect().await.status, 400);
    wire.expect_end().await;
    assert!(rig.events().await.is_empty());
}

#[tokio::test]
async fn a_length_beside_a_transfer_encoding_is_ignored_and_what_follows_is_never_a_request() {
    for headers in [
        "content-length: 4\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 4\r\n",
    ] {
        let rig = Rig::start().await;
        let mut wire = rig.connect().await;
        let smuggled = post("/webhook", "", br#"{"event":"smuggled"}"#);
        wire.send([chunked(headers, CHUNKED_EVENT).as_bytes(), &smuggled].concat()).await;
        assert_eq!(wire.expect().await.status, 204);
        wire.expect_end().await;
        let events = rig.events().await;
        assert_eq!(events.len(), 1);
        assert_eq!(rig.body(events[0].envelope.id).await, EVENT);
    }
}

#[tokio::test]
async fn chunks_that_break_the_rules_are_400_and_close() {
    let rig = Rig::start().await;
    let long = format!("2;{}\r\n{{}}\r\n0\r\n\r\n", "x".repeat(17 << 10));
    let broken = [
        "fffffffffffffffff\r\n{}",
        "2\n{}\n0\n\n",
        "2;a\nb\r\n{}\r\n0\r\n\r\n",
        "+2\r\n{}\r\n0\r\n\r\n",
        "0x2\r\n{}\r\n0\r\n\r\n",
        "2\r\n{}0\r\n\r\n",
        "\r\n{}\r\n0\r\n\r\n",
        long.as_str(),
    ];
    for chunks in broken {
        let mut wire = rig.connect().await;
        wire.send(chunked("transfer-encoding: chunked\r\n", chunks)).await;
        assert_problem(&wire.expect().await, 400, "chunked");
        wire.expect_end().await;
    }
    assert_eq!(rig.results("open", "bad_request"), 8);
    assert!(rig.events().await.is_empty());
}

#[tokio::test]
async fn heads_that_are_none_are_400_and_close() {
    let rig = Rig::start().await;
    for head in [
        "GET\r\n\r\n",
        "POST /webhook HTTP/3.0\r\n\r\n",
        "POST /webhook HTTP/1.1\r\nno colon\r\n\r\n",
        "POST /webhook HTTP/1.1\r\nhost: a\r\n folded: b\r\n\r\n",
        "POST /webhook HTTP/1.1\r\nx: a\0b\r\n\r\n",
        "POST /webhook HTTP/1.1\r\nx: a\rb\r\n\r\n",
        "\u{16}\u{3}\u{1}\u{2}",
    ] {
        let mut wire = rig.connect().await;
        wire.send(head).await;
        assert_eq!(wire.expect().await.status, 400, "{head:?}");
        wire.expect_end().await;
    }
    rig.refused_become("bad_head", 7).await;
}

#[tokio::test]
async fn requests_sent_ahead_are_answered_in_turn() {
    let rig = Rig::start().await;
    let bodies: Vec<String> = (0..20).map(|n| format!(r#"{{"event":"e{n}"}}"#)).collect();
    let requests: Vec<u8> =
        bodies.iter().flat_map(|body| post("/webhook", "", body.as_bytes())).collect();
    let mut wire = rig.connect().await;
    wire.send(requests).await.finish().await;
    let mut ids = Vec::new();
    for _ in &bodies {
        let answer = wire.expect().await;
        assert_eq!(answer.status, 204);
        ids.push(answer.header("x-hookswitch-event-id").unwrap().to_owned());
    }
    wire.expect_end().await;
    for (id, body) in ids.iter().zip(&bodies) {
        assert_eq!(rig.body(id.parse().unwrap()).await, body.as_bytes());
    }
}
