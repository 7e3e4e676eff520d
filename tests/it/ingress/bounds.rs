//! Sizes, times and numbers that a client cannot pass.

use std::time::Duration;

use hookswitch::ingress::Limits;

use crate::support::{Rig, SOURCES, Setup, Wire, eventually, post};

use super::{EVENT, assert_problem};

/// Limits that a test can wait for.
fn short() -> Limits {
    Limits {
        head: Duration::from_secs(1),
        body: Duration::from_secs(1),
        idle: Duration::from_secs(1),
        ..Limits::default()
    }
}

async fn hasty() -> Rig {
    Rig::with(Setup { limits: short(), ..Setup::default() }).await
}

/// One source whose largest body takes all the memory there is.
const SHARED: &str = "
version: 1
limits: { body_memory: 1 MiB }
sources: { open: { path: /webhook, verify: none, max_body: 1 MiB } }
targets: { sheet: { kind: log } }
rules: [{ name: all, to: [sheet] }]
";

fn object(length: usize) -> Vec<u8> {
    let text = format!(r#"{{"event":"x","pad":"{}"}}"#, "a".repeat(length - 22));
    assert_eq!(text.len(), length);
    text.into_bytes()
}

#[tokio::test]
async fn the_largest_body_is_taken_and_one_byte_more_is_413() {
    let rig = Rig::start().await;
    assert_eq!(rig.ask(post("/small", "", &object(1024))).await.status, 204);
    let answer = rig.ask(post("/small", "", &object(1025))).await;
    assert_problem(&answer, 413, "larger than 1024 bytes");
    assert_eq!(answer.header("connection"), Some("close"));

    let in_chunks = |length: usize| {
        let body = String::from_utf8(object(length)).unwrap();
        let (first, second) = body.split_at(600);
        format!(
            "POST /small HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\n258\r\n{first}\r\n{:x}\r\n{second}\r\n0\r\n\r\n",
            second.len()
        )
    };
    assert_eq!(rig.ask(in_chunks(1024)).await.status, 204);
    assert_problem(&rig.ask(in_chunks(1025)).await, 413, "larger than 1024 bytes");
    assert_eq!(rig.results("small", "too_large"), 2);
}

#[tokio::test]
async fn an_announced_length_is_refused_before_a_byte_is_asked_for() {
    let rig = Rig::start().await;
    let mut wire = rig.connect().await;
    wire.send(
        "POST /small HTTP/1.1\r\nhost: t\r\nexpect: 100-continue\r\ncontent-length: 1025\r\n\r\n",
    )
    .await;
    assert_problem(&wire.expect().await, 413, "larger");
    wire.expect_end().await;

    let mut wire = rig.connect().await;
    wire.send(
        "POST /small HTTP/1.1\r\nhost: t\r\nexpect: 100-continue\r\ncontent-length: 13\r\n\r\n",
    )
    .await;
    assert_eq!(wire.expect().await.status, 100);
    wire.send(r#"{"event":"x"}"#).await;
    assert_eq!(wire.expect().await.status, 204);
}

/// A close with unread bytes in the kernel's buffer would be a reset. Linux then still gives the client what it has not
/// read, others throw it away, so the test looks at the sending.
#[tokio::test]
async fn a_client_that_sends_on_still_reads_why_it_is_refused() {
    let limits = Limits { linger: crate::support::PATIENCE, ..Limits::default() };
    let rig = Rig::with(Setup { limits, ..Setup::default() }).await;
    let mut wire = rig.connect().await;
    // More than the buffers of both sides hold.
    assert!(wire.is_taken(&post("/small", "", &vec![b'x'; 20 << 20])).await, "it is reset");
    assert_problem(&wire.expect().await, 413, "larger");
    wire.finish().await.expect_end().await;
}

#[tokio::test]
async fn headers_up_to_32_kib_are_taken_and_larger_ones_431() {
    let rig = Rig::start().await;
    let with_header =
        |length: usize| post("/webhook", &format!("x: {}\r\n", "a".repeat(length)), EVENT);
    assert_eq!(rig.ask(with_header(32_000)).await.status, 204);
    for request in [with_header(33_000), with_header(1 << 20)] {
        let mut wire = rig.connect().await;
        wire.send(request).await;
        assert_eq!(wire.expect().await.status, 431);
        wire.expect_end().await;
    }
    let many = |count: usize| "x: y\r\n".repeat(count);
    assert_eq!(rig.ask(post("/webhook", &many(90), br#"{"event":"y"}"#)).await.status, 204);
    assert_eq!(rig.ask(post("/webhook", &many(101), EVENT)).await.status, 431);
    assert_eq!(rig.ask(post("/webhook", &many(10_000), EVENT)).await.status, 431);
    rig.refused_become("head_too_large", 4).await;
    let long = format!("/webhook?{}", "q".repeat(40_000));
    assert_eq!(rig.ask(post(&long, "", EVENT)).await.status, 431);
}

#[tokio::test]
async fn headers_that_do_not_come_in_time_end_the_connection() {
    let rig = hasty().await;
    let mut nothing = rig.connect().await;
    let mut begun = rig.connect().await;
    begun.send("POST /webhook HTTP/1.1\r\nhost: t\r\nx: ").await;
    let mut later = rig.connect().await;
    later.send(post("/webhook", "", EVENT)).await;
    assert_eq!(later.expect().await.status, 204);
    later.send("POST /web").await;
    nothing.expect_end().await;
    begun.expect_end().await;
    later.expect_end().await;
    assert_eq!(rig.refused("head_timeout"), 3);
}

#[tokio::test]
async fn a_client_that_drips_its_headers_gains_no_time() {
    let rig = hasty().await;
    let mut wire = rig.connect().await;
    let dripping = async {
        // Far more than the limit, were every byte to renew it; the connection ends long before.
        for _ in 0..10_000 {
            wire.send("x").await;
            if rig.refused("head_timeout") == 1 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(crate::support::PATIENCE, dripping).await.expect("the drip is cut");
    assert_eq!(rig.refused("head_timeout"), 1);
}

#[tokio::test]
async fn a_connection_may_rest_for_longer_than_headers_may_take() {
    let limits = Limits { idle: crate::support::PATIENCE, ..short() };
    let rig = Rig::with(Setup { limits, ..Setup::default() }).await;
    let mut wire = rig.connect().await;
    wire.send(post("/webhook", "", EVENT)).await;
    assert_eq!(wire.expect().await.status, 204);
    // The rest is what is tested, so there is nothing else to wait for.
    tokio::time::sleep(limits.head + Duration::from_millis(500)).await;
    wire.send(post("/webhook", "", EVENT)).await;
    assert_eq!(wire.expect().await.status, 204);
    assert_eq!(rig.refused("head_timeout"), 0, "a rest is not a slow head");
}

#[tokio::test]
async fn a_connection_that_rests_too_long_is_closed() {
    let rig = hasty().await;
    let mut wire = rig.connect().await;
    wire.send(post("/webhook", "", EVENT)).await;
    assert_eq!(wire.expect().await.status, 204);
    wire.expect_end().await;
    assert_eq!(rig.refused("head_timeout"), 0, "that is no refusal");
}

#[tokio::test]
async fn a_body_that_does_not_come_in_time_is_408() {
    let rig = hasty().await;
    let mut half = rig.connect().await;
    half.send("POST /webhook HTTP/1.1\r\nhost: t\r\ncontent-length: 100\r\n\r\n{\"event\":").await;
    let mut endless = rig.connect().await;
    endless
        .send("POST /webhook HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\n1\r\n{\r\n")
        .await;
    for wire in [&mut half, &mut endless] {
        let answer = wire.expect().await;
        assert_problem(&answer, 408, "in time");
        assert_eq!(answer.header("connection"), Some("close"));
        wire.finish().await.expect_end().await;
    }
    assert_eq!(rig.results("open", "timeout"), 2);
    assert!(rig.events().await.is_empty());
}

/// Sends the head and a part of a body that will be `length` long, and waits until that part is counted.
async fn begin(rig: &Rig, path: &str, length: usize, part: usize) -> Wire {
    let mut wire = rig.connect().await;
    let head = format!("POST {path} HTTP/1.1\r\nhost: t\r\ncontent-length: {length}\r\n\r\n");
    wire.send([head.as_bytes(), &object(length)[..part]].concat()).await;
    wire
}

#[tokio::test]
async fn bodies_share_one_memory_and_what_does_not_fit_is_503() {
    let rig = Rig::with(Setup { yaml: SHARED.to_owned(), ..Setup::default() }).await;
    // Three quarters are taken by a body that is under way. What is only announced takes little.
    let (length, part) = (1 << 20, 768 << 10);
    let mut first = begin(&rig, "/webhook", length, part).await;
    let refused = eventually("the memory is taken", || async {
        let answer = rig.ask(post("/webhook", "", &object(512 << 10))).await;
        (answer.status == 503).then_some(answer)
    })
    .await;
    assert_problem(&refused, 503, "too much under way");
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert!(rig.results("open", "busy") >= 1);
    assert_eq!(rig.ask(post("/webhook", "", EVENT)).await.status, 204, "a small one still fits");

    first.send(&object(length)[part..]).await;
    assert_eq!(first.expect().await.status, 204, "what was let in is finished");
    let again = rig.ask(post("/webhook", "", &object(513 << 10))).await;
    assert_eq!(again.status, 204, "its memory is given back");
}

#[tokio::test]
async fn what_is_only_announced_takes_little_memory() {
    let rig = Rig::with(Setup { yaml: SHARED.to_owned(), ..Setup::default() }).await;
    let mut waiting = Vec::new();
    for _ in 0..8 {
        waiting.push(begin(&rig, "/webhook", 1 << 20, 1).await);
    }
    assert_eq!(rig.ask(post("/webhook", "", &object(256 << 10))).await.status, 204);
    assert_eq!(rig.results("open", "busy"), 0);
}

#[tokio::test]
async fn connections_over_the_limit_are_told_so() {
    let yaml = format!("limits: {{ connections: 2 }}\n{}", SOURCES.trim_start());
    let rig = Rig::with(Setup { yaml, ..Setup::default() }).await;
    let mut first = rig.connect().await;
    let mut second = rig.connect().await;
    for wire in [&mut first, &mut second] {
        wire.send(post("/webhook", "", EVENT)).await;
        assert_eq!(wire.expect().await.status, 204);
    }
    assert_eq!(rig.metric("hookswitch_connections"), 2);
    let mut third = rig.connect().await;
    third.send(post("/webhook", "", EVENT)).await;
    let answer = third.expect().await;
    assert_problem(&answer, 503, "too many connections");
    assert_eq!(answer.header("retry-after"), Some("1"));
    third.finish().await.expect_end().await;
    assert_eq!(rig.refused("connections"), 1);

    first.send(post("/webhook", "", EVENT)).await;
    assert_eq!(first.expect().await.status, 204, "those that are in are served on");
    drop(first);
    eventually("a place is free again", || async {
        let mut wire = rig.connect().await;
        wire.send(post("/webhook", "", EVENT)).await;
        wire.answer().await.filter(|answer| answer.status == 204)
    })
    .await;
}

/// Only Linux lets anybody use every address of 127.0.0.0/8.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn one_address_cannot_take_the_connections_of_the_others() {
    let yaml = format!("limits: {{ connections_per_address: 2 }}\n{}", SOURCES.trim_start());
    let rig = Rig::with(Setup { yaml, ..Setup::default() }).await;
    let mut greedy = vec![rig.connect().await, rig.connect().await];
    for wire in &mut greedy {
        wire.send(post("/webhook", "", EVENT)).await;
        assert_eq!(wire.expect().await.status, 204);
    }
    let mut third = rig.connect().await;
    third.send(post("/webhook", "", EVENT)).await;
    assert_problem(&third.expect().await, 503, "too many connections");
    third.finish().await.expect_end().await;
    assert_eq!((rig.refused("connections_of_address"), rig.refused("connections")), (1, 0));

    let mut other = Wire::connect_from([127, 0, 0, 2], rig.address).await;
    other.send(post("/webhook", "", EVENT)).await;
    assert_eq!(other.expect().await.status, 204);

    greedy.pop();
    eventually("the place is free again", || async {
        let mut wire = rig.connect().await;
        wire.send(post("/webhook", "", EVENT)).await;
        wire.answer().await.filter(|answer| answer.status == 204)
    })
    .await;
}
