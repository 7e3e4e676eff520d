use super::server::Server;
use super::*;
use crate::delivery::{DeadReason, StatusRange};

const RETRY: Outcome = Outcome::Retry { not_before: None, busy: false };

async fn once(target: Target, event: &Event) -> Report {
    attempt(&Arc::new(target), event, &rules(), INFO).await
}

async fn post(address: &str) -> Report {
    once(http_target(http(address)), &fixture("minimal")).await
}

/// What an attempt comes to when the server answers like this and closes.
async fn answered(answer: impl Into<Vec<u8>>) -> Report {
    let server = Server::answering(answer).await;
    let report = post(&server.url("/hook")).await;
    assert_eq!(server.requests().len(), 1, "exactly one request: {report:?}");
    report
}

/// What it comes to with a deadline that is meant to pass.
async fn in_vain(server: &Server, timeout_ms: u64) -> Report {
    let timeout = Duration::from_millis(timeout_ms);
    let target = Target { timeout, ..http_target(http(&server.url("/"))) };
    once(target, &fixture("minimal")).await
}

#[tokio::test]
async fn every_status_has_its_meaning() {
    for (status, outcome, label) in [
        (200, Outcome::Accepted, AttemptLabel::Accepted),
        (204, Outcome::Accepted, AttemptLabel::Accepted),
        (301, Outcome::Reject(DeadReason::Redirect), AttemptLabel::Rejected),
        (400, Outcome::Reject(DeadReason::Rejected), AttemptLabel::Rejected),
        (401, RETRY, AttemptLabel::Retried),
        (404, RETRY, AttemptLabel::Retried),
        (410, Outcome::Reject(DeadReason::Gone), AttemptLabel::Rejected),
        (422, Outcome::Reject(DeadReason::Rejected), AttemptLabel::Rejected),
        (429, Outcome::Retry { not_before: None, busy: true }, AttemptLabel::Busy),
        (500, RETRY, AttemptLabel::Retried),
        (501, Outcome::Reject(DeadReason::Rejected), AttemptLabel::Rejected),
        (503, RETRY, AttemptLabel::Retried),
        (599, RETRY, AttemptLabel::Retried),
        (999, RETRY, AttemptLabel::Retried),
    ] {
        let report = answered(format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n")).await;
        assert_eq!((&report.outcome, report.label), (&outcome, label), "{status}");
        assert_eq!(report.status, Some(status));
        assert!(report.detail.contains(&format!(" answered {status}")), "{}", report.detail);
        assert_eq!(report.answer, None);
    }
}

#[tokio::test]
async fn the_request_arrives_as_it_was_rendered() {
    let server = Server::answering("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    let header = header("authorization", literal("Bearer t0k3n"));
    let target = http_target(HttpTarget {
        method: Method::Put,
        headers: vec![header],
        ..http(&server.url("/hook/{{ call.call_id }}?agent={{ agent_id | default('a b') }}"))
    });
    let target = Arc::new(target);
    let event = fixture("minimal");
    for _ in 0..2 {
        let report = attempt(&target, &event, &rules(), INFO).await;
        assert_eq!(report.outcome, Outcome::Accepted);
        assert_eq!(report.answer.as_deref(), Some("ok"));
    }
    assert_eq!(server.connections(), 1, "the connection is kept");
    let request = server.requests().swap_remove(0);
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("PUT /hook/"), "{head}");
    assert!(head.contains("?agent=a%20b HTTP/1.1"), "{head}");
    assert!(head.contains("authorization: Bearer t0k3n"), "{head}");
    assert!(!head.contains("accept-encoding") && !head.contains("referer"), "{head}");
    assert_eq!(body.as_bytes(), event.body());
}

#[tokio::test]
async fn a_wait_that_is_asked_for_is_kept_and_told() {
    let report = answered(
        "HTTP/1.1 429 X\r\nretry-after: 120\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n",
    )
    .await;
    let Outcome::Retry { not_before: Some(at), busy: true } = report.outcome else {
        panic!("{report:?}")
    };
    assert!(at >= NOW.plus(Duration::from_mins(2)));
    assert!(
        report.detail.contains("the whole target waits until 2026-03-03T16:03:4"),
        "{}",
        report.detail
    );
}

#[tokio::test]
async fn a_redirect_is_never_followed_and_shows_no_more_than_an_origin() {
    let lure = Server::answering("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    let lured = format!(
        "HTTP/1.1 302 Found\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n",
        lure.url("/canary?k=canary")
    );
    let report = answered(lured).await;
    assert!(
        report.detail.contains(&format!("a redirect to {};", lure.url(""))),
        "{}",
        report.detail
    );
    assert!(!report.detail.contains("canary"), "{}", report.detail);
    assert_eq!(lure.connections(), 0);
    for (location, shown) in [
        ("/hook/", "with or without a slash"),
        ("/canary", "another path of the same host"),
        ("http://169.254.169.254/canary", "http://169.254.169.254;"),
        ("javascript:canary", "no web address"),
        ("//", "without a usable address"),
        ("\u{9b}31m", "without a usable address"),
    ] {
        let report = answered(format!(
            "HTTP/1.1 307 X\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n"
        ))
        .await;
        assert_eq!(report.outcome, Outcome::Reject(DeadReason::Redirect));
        assert!(report.detail.contains(shown), "{location}: {}", report.detail);
        assert!(!report.detail.contains("canary") && !report.detail.contains('\u{9b}'));
    }
    let report = answered("HTTP/1.1 302 Found\r\ncontent-length: 0\r\n\r\n").await;
    assert!(report.detail.contains("without a usable address"), "{}", report.detail);
}

#[tokio::test]
async fn the_operator_may_say_otherwise() {
    let server = Server::answering("HTTP/1.1 409 Conflict\r\ncontent-length: 0\r\n\r\n").await;
    let also_on = vec![StatusRange { first: 409, last: 409 }];
    let overrides = Overrides { also_on, never_on: Vec::new() };
    let target = Target { overrides, ..http_target(http(&server.url("/"))) };
    assert_eq!(once(target, &fixture("minimal")).await.outcome, RETRY);
}

#[tokio::test]
async fn of_an_answer_the_beginning_is_kept_and_cleaned() {
    let body = format!("\u{1b}[31mred\r\n\u{202e}\0{}", "é".repeat(60_000));
    let head = format!(
        "HTTP/1.1 400 X\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let report = answered(format!("{head}{body}")).await;
    let kept = report.answer.unwrap();
    assert!(kept.starts_with(" [31mred \n  é"), "{kept:?}");
    assert!(kept.len() <= 4096 && kept.ends_with('é'));
    let lossy = answered(&b"HTTP/1.1 400 X\r\ncontent-length: 3\r\n\r\n\xffab"[..]).await;
    assert_eq!(lossy.answer.as_deref(), Some("\u{fffd}ab"));
}

#[tokio::test]
async fn an_endless_answer_is_left_after_its_beginning() {
    let server = Server::new(|mut connection| async move {
        connection.request().await;
        connection.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
        while connection.send(b"400\r\n").await
            && connection.send(&[b'x'; 0x400]).await
            && connection.send(b"\r\n").await
        {}
    })
    .await;
    let report = post(&server.url("/")).await;
    assert_eq!(report.outcome, Outcome::Accepted);
    assert_eq!(report.answer.unwrap().len(), 4096);
}

#[tokio::test]
async fn an_answer_that_lies_about_its_length_counts_by_its_status() {
    let long = answered("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf").await;
    assert_eq!((long.outcome, long.answer.as_deref()), (Outcome::Accepted, Some("half")));
    assert!(long.detail.ends_with("; the answer broke off"), "{}", long.detail);
    let short = answered("HTTP/1.1 500 X\r\ncontent-length: 2\r\n\r\nmore than that").await;
    assert_eq!((short.outcome, short.answer.as_deref()), (RETRY, Some("mo")));
    let chunked = answered("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n").await;
    assert_eq!(chunked.outcome, Outcome::Accepted);
}

#[tokio::test]
async fn what_is_no_answer_is_told_apart() {
    for (answer, told) in [
        ("garbage\r\n\r\n", "not HTTP"),
        ("HTTP/1.1 abc\r\n\r\n", "not HTTP"),
        ("SSH-2.0-OpenSSH_9.9\r\n", "not HTTP"),
        ("", "closed the connection before it answered"),
        ("HTTP/1.1 200 OK\r\ncontent-le", "closed the connection before it answered"),
        ("HTTP/1.1 100 Continue\r\n\r\n", "closed the connection before it answered"),
    ] {
        let report = answered(answer).await;
        assert_eq!((report.outcome, report.label), (RETRY, AttemptLabel::Unreachable), "{answer}");
        assert!(report.detail.contains(told), "{answer:?}: {}", report.detail);
        assert_eq!(report.status, None);
    }
    let endless_head =
        format!("HTTP/1.1 200 OK\r\n{}", format!("x-a: {}\r\n", "y".repeat(8_000)).repeat(90));
    let report = answered(endless_head).await;
    assert!(report.detail.contains("the head of the answer is too large"), "{}", report.detail);
    let large_head = format!(
        "HTTP/1.1 200 OK\r\n{}content-length: 0\r\n\r\n",
        format!("x-a: {}\r\n", "y".repeat(8_000)).repeat(8)
    );
    assert_eq!(answered(large_head).await.outcome, Outcome::Accepted);
    let flood = format!(
        "{}HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(10_000)
    );
    assert_eq!(answered(flood).await.outcome, Outcome::Accepted);
}

#[tokio::test]
async fn a_target_that_cannot_be_reached_says_why() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let free = listener.local_addr().unwrap();
    drop(listener);
    let refused = post(&format!("http://{free}/canary")).await;
    assert_eq!((refused.outcome, refused.label), (RETRY, AttemptLabel::Unreachable));
    assert!(
        refused.detail.starts_with(&format!("http://{free}: connection refused")),
        "{}",
        refused.detail
    );
    let nameless = post(&format!("http://{}.example/canary", "a".repeat(64))).await;
    assert!(nameless.detail.contains("cannot be resolved"), "{}", nameless.detail);
    for host in ["169.254.169.254", "[fe80::1]", "[::ffff:169.254.169.254]", "2852039166"] {
        let report = post(&format!("http://{host}/latest/canary")).await;
        assert_eq!((report.outcome, report.label), (RETRY, AttemptLabel::Unreachable));
        assert!(report.detail.contains("never dialled"), "{}", report.detail);
        assert!(!report.detail.contains("canary"));
    }
}

#[tokio::test]
async fn a_target_that_resets_is_tried_again() {
    // What was not read when a socket is closed makes the kernel reset the connection.
    let server = Server::new(|mut connection| async move {
        connection.head().await;
    })
    .await;
    let body = format!(r#"{{"x":"{}"}}"#, "x".repeat(1 << 20));
    let report = once(http_target(http(&server.url("/"))), &event(body)).await;
    assert_eq!((&report.outcome, report.label), (&RETRY, AttemptLabel::Unreachable), "{report:?}");
}

#[tokio::test]
async fn an_answer_that_comes_before_the_body_is_read_counts() {
    let server = Server::new(|mut connection| async move {
        connection.head().await;
        connection.send(b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n").await;
        connection.closed().await;
    })
    .await;
    let body = format!(r#"{{"x":"{}"}}"#, "x".repeat(8 << 20));
    let report = once(http_target(http(&server.url("/"))), &event(body)).await;
    assert_eq!(report.outcome, Outcome::Reject(DeadReason::Rejected), "{report:?}");
    assert!(report.detail.contains("too large for it"), "{}", report.detail);
}

#[tokio::test]
async fn a_connection_closed_at_reuse_costs_no_attempt_and_no_second_request() {
    let server = Server::new(|mut connection| async move {
        connection.request().await;
        connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    })
    .await;
    let target = Arc::new(http_target(http(&server.url("/"))));
    let event = fixture("minimal");
    for _ in 0..20 {
        let before = server.requests().len();
        let report = attempt(&target, &event, &rules(), INFO).await;
        let made = server.requests().len() - before;
        // If the close is seen before anything is written, another connection serves; if after, the attempt failed.
        assert!(made == 1 || report.label == AttemptLabel::Unreachable, "{made}: {report:?}");
    }
}

#[tokio::test]
async fn one_deadline_holds_over_everything() {
    let silent = Server::new(|mut connection| async move { connection.closed().await }).await;
    let report = in_vain(&silent, 300).await;
    assert_eq!((&report.outcome, report.label), (&RETRY, AttemptLabel::Timeout));
    assert!(report.detail.contains("no answer within 300ms; raise `timeout`"), "{}", report.detail);

    // A limit on each read would never be met.
    let dripping = Server::new(|mut connection| async move {
        connection.request().await;
        let mut beat = tokio::time::interval(Duration::from_millis(5));
        connection.send(b"HTTP/1.1 200 OK\r\nx-a: ").await;
        while connection.send(b"y").await {
            beat.tick().await;
        }
    })
    .await;
    assert_eq!(in_vain(&dripping, 300).await.label, AttemptLabel::Timeout);

    let interim = Server::new(|mut connection| async move {
        connection.request().await;
        while connection.send(b"HTTP/1.1 103 Early Hints\r\n\r\n").await {}
    })
    .await;
    assert_eq!(in_vain(&interim, 300).await.label, AttemptLabel::Timeout);

    let unread = Server::new(|connection| async move {
        let _open = connection;
        std::future::pending::<()>().await;
    })
    .await;
    assert_eq!(in_vain(&unread, 300).await.label, AttemptLabel::Timeout);
}

#[tokio::test]
async fn a_body_that_drips_after_a_status_ends_in_time_and_the_status_counts() {
    let dripping = Server::new(|mut connection| async move {
        connection.request().await;
        let mut beat = tokio::time::interval(Duration::from_millis(5));
        connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: 99999\r\n\r\n").await;
        while connection.send(b"y").await {
            beat.tick().await;
        }
    })
    .await;
    let report = in_vain(&dripping, 2_000).await;
    assert_eq!((&report.outcome, report.status), (&Outcome::Accepted, Some(200)));
    assert!(report.detail.ends_with("; the answer did not end in time"), "{}", report.detail);
}

#[tokio::test]
async fn what_cannot_be_rendered_is_not_sent() {
    let server = Server::answering("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    let body = Body::Template(leaf("{{ call.nope }}"));
    let report =
        once(http_target(HttpTarget { body, ..http(&server.url("/")) }), &fixture("minimal")).await;
    assert_eq!(report.outcome, Outcome::Reject(DeadReason::Template));
    assert_eq!(report.label, AttemptLabel::Unrendered);
    let url = url(&server.url("/{{ call.call_id }}"));
    let report = once(http_target(HttpTarget { url, ..http("http://x/") }), &event("[1")).await;
    assert_eq!(report.outcome, Outcome::Reject(DeadReason::Unreadable));
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_log_line_is_written_and_delivered() {
    let report = once(target(Kind::Log), &fixture("minimal")).await;
    assert_eq!((&report.outcome, report.label), (&Outcome::Accepted, AttemptLabel::Accepted));
    assert_eq!((report.status, report.detail.as_str()), (None, "written to standard output"));
}

#[tokio::test]
async fn no_secret_gets_into_anything_that_is_shown() {
    let echo = Server::new(|mut connection| async move {
        let request = connection.request().await.unwrap_or_default();
        let head = format!("HTTP/1.1 400 X\r\ncontent-length: {}\r\n\r\n", request.len());
        connection.send(head.as_bytes()).await;
        connection.send(request.as_bytes()).await;
    })
    .await;
    let secrets = ["Bearer canary_header", "canary_templated {{ event }}"];
    let headers = secrets
        .into_iter()
        .enumerate()
        .map(|(at, value)| header(&format!("x-secret-{at}"), text(value)));
    let address =
        format!("http://user:canary_pass@{}/canary_path/x?key=canary_query", echo.address);
    let target = http_target(HttpTarget {
        headers: headers.collect(),
        sign: Some(Sign::Retell(Secret::new("canary_key"))),
        ..http(&address)
    });
    let event = event(r#"{"event":"x","call":{"note":"payload"}}"#);
    let request = target.render(&event, &rules(), INFO).unwrap();
    let mut shown = vec![format!("{target:?}"), format!("{request:?}"), target.shown_address()];
    let target = Arc::new(target);
    let report = attempt(&target, &event, &rules(), INFO).await;
    assert!(report.answer.as_deref().is_some_and(|answer| answer.contains("***")), "{report:?}");
    shown.push(format!("{report:?}"));
    for address in ["http://u:canary@127.0.0.1:1/canary?canary", "http://u:canary@[fe80::1]/canary"]
    {
        shown.push(format!("{:?}", post(address).await));
    }
    for text in shown {
        assert!(!text.contains("canary"), "{text}");
    }
}

mod slack {
    use super::*;

    fn target_at(server: &Server) -> Target {
        target(Kind::Slack(Box::new(SlackTarget {
            url: url(&server.url("/services/T/B/x")),
            text: None,
            blocks: None,
            client: Client::new(None).unwrap(),
        })))
    }

    async fn said(status: u16, body: &str) -> Report {
        let length = body.len();
        let server = Server::answering(format!(
            "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n\r\n{body}"
        ))
        .await;
        once(target_at(&server), &fixture("call_ended")).await
    }

    #[tokio::test]
    async fn its_words_decide() {
        let gone = Outcome::Reject(DeadReason::Gone);
        let rejected = Outcome::Reject(DeadReason::Rejected);
        let busy = Outcome::Retry { not_before: None, busy: true };
        for (status, body, outcome) in [
            (200, "ok", Outcome::Accepted),
            (200, "", Outcome::Accepted),
            (200, r#"{"ok":true}"#, Outcome::Accepted),
            (200, "no_text", Outcome::Accepted),
            (200, r#"{"ok":false,"error":"invalid_blocks"}"#, rejected.clone()),
            (200, r#"{"ok":false,"error":"channel_is_archived"}"#, gone.clone()),
            (200, r#"{"ok":false,"error":"ratelimited"}"#, busy.clone()),
            (200, r#"{"ok":false}"#, rejected.clone()),
            (400, "invalid_payload", rejected.clone()),
            (400, "no_text\n", rejected.clone()),
            (403, "action_prohibited", RETRY),
            (403, "invalid_token", RETRY),
            (404, "no_service", gone.clone()),
            (404, "channel_not_found", gone.clone()),
            (404, "<html>not a word</html>", RETRY),
            (410, "channel_is_archived", gone),
            (429, "rate_limited", busy),
            (500, "rollup_error", RETRY),
            (500, "no_text", rejected),
        ] {
            let report = said(status, body).await;
            assert_eq!(report.outcome, outcome, "{status} {body}");
            assert_eq!(report.status, Some(status));
        }
        let detail = said(404, "no_service").await.detail;
        assert!(
            detail.contains(
                "no_service, the webhook was removed, disabled or mistyped (https://docs.slack.dev/"
            ),
            "{detail}"
        );
    }

    #[tokio::test]
    async fn the_operator_stands_above_its_words() {
        let server =
            Server::answering("HTTP/1.1 404 X\r\ncontent-length: 10\r\n\r\nno_service").await;
        let also_on = vec![StatusRange { first: 400, last: 499 }];
        let overrides = Overrides { also_on, never_on: Vec::new() };
        let target = Target { overrides, ..target_at(&server) };
        assert_eq!(once(target, &fixture("call_ended")).await.outcome, RETRY);
    }
}
