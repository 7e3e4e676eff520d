//! What hostile targets do, and what must come of a delivery to each.

use std::borrow::Cow;

use super::server::{Do, Script, Scripts};

/// What must come of a delivery.
#[derive(Debug, Clone, Copy)]
pub enum Expect {
    /// Delivered at this attempt; the last one's description has this in it.
    Delivered(usize, &'static str),
    /// Still pending after two failures or more; the last one's description has this in it.
    Again(&'static str),
    /// A dead letter for this reason.
    Dead(&'static str),
    /// Delivered at the second attempt, so many milliseconds after the first or more, as the target asked.
    After(u64),
    /// Pending, and asked once: the target wants an hour or more.
    Parked,
}

/// How a target is configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Http,
    Slack,
    /// Gives up after a second.
    Short,
}

/// One row.
#[derive(Debug)]
pub struct Behaviour {
    pub name: String,
    pub kind: Kind,
    pub scripts: Scripts,
    pub expect: Expect,
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
/// A head without its end.
const OPEN: &str = "HTTP/1.1 200 OK\r\nserver: half\r\n";

fn say(text: impl Into<Cow<'static, str>>) -> Do {
    Do::Say(match text.into() {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    })
}

fn script(status: u16, steps: impl IntoIterator<Item = Do>) -> Script {
    Script { status, steps: [Do::Body].into_iter().chain(steps).collect() }
}

/// An answer with header lines and a body.
fn answer(status: u16, lines: &str, body: &str) -> Script {
    let length = body.len();
    let text =
        format!("HTTP/1.1 {status} Scripted\r\n{lines}content-length: {length}\r\n\r\n{body}");
    script(status, [say(text)])
}

fn row(name: impl Into<String>, script: Script, expect: Expect) -> Behaviour {
    Behaviour { name: name.into(), kind: Kind::Http, scripts: vec![script], expect }
}

/// All of them but those that never read, which need a listener of their own.
pub fn table() -> Vec<Behaviour> {
    let mut rows = statuses();
    rows.extend(no_answers());
    rows.extend(no_http());
    rows.extend(bodies());
    rows.extend(redirects());
    rows.extend(slack());
    rows.extend(retry_after());
    rows.push(Behaviour {
        scripts: vec![answer(401, "", ""), script(200, [say(OK)])],
        ..row("alternating-401", answer(401, "", ""), Expect::Delivered(2, "answered 200"))
    });
    rows.push(Behaviour {
        kind: Kind::Short,
        ..row("500-until-old", answer(500, "", ""), Expect::Dead("expired"))
    });
    rows
}

fn statuses() -> Vec<Behaviour> {
    let mut rows = Vec::new();
    for status in [200, 201, 202, 206, 299] {
        rows.push((status, Expect::Delivered(1, "answered 2")));
    }
    for status in [400, 402, 405, 406, 409, 413, 415, 422, 431, 451, 499, 501] {
        rows.push((status, Expect::Dead("rejected")));
    }
    for status in [401, 403, 404, 407, 408, 425, 429, 500, 502, 503, 504, 505, 599, 600, 999] {
        rows.push((status, Expect::Again("answered ")));
    }
    rows.push((410, Expect::Dead("gone")));
    let row = |(status, expect)| row(format!("status-{status}"), answer(status, "", ""), expect);
    rows.into_iter().map(row).collect()
}

/// No head of an answer ever comes, or not all of it.
fn no_answers() -> Vec<Behaviour> {
    let late = Expect::Again("no answer within 1s");
    let closed = Expect::Again("closed the connection before it answered");
    let reset = Expect::Again("reset the connection");
    let interim = "HTTP/1.1 100 Continue\r\n\r\n";
    vec![
        row("silent", script(0, [Do::Hold]), late),
        row("head-drips", script(0, [Do::Drip(OPEN)]), late),
        row("half-head-then-silent", script(0, [say(OPEN), Do::Hold]), late),
        row(super::INTERIM, script(0, [Do::Flood(interim.as_bytes().into())]), late),
        row("interim-then-silent", script(0, [say(interim), Do::Hold]), late),
        row("fin", script(0, []), closed),
        row("half-head-then-fin", script(0, [say(OPEN)]), closed),
        row("half-status-then-fin", script(0, [say("HTTP/1.1 2")]), closed),
        // A 1xx that nobody knows is no final answer.
        row("status-199", script(0, [say("HTTP/1.1 199 What\r\n\r\n")]), closed),
        row("reset", script(0, [Do::Reset]), reset),
        row("half-head-then-reset", script(0, [say(OPEN), Do::Reset]), Expect::Again("connection")),
        row(
            "status-101",
            answer(101, "upgrade: x\r\nconnection: upgrade\r\n", ""),
            Expect::Again(""),
        ),
    ]
}

/// What comes is no HTTP, or far too much of it.
fn no_http() -> Vec<Behaviour> {
    let not = Expect::Again("is not HTTP");
    let large = Expect::Again("too large");
    let line = |bytes: usize| format!("x-long: {}\r\n", "a".repeat(bytes));
    let with = |lines: String| format!("HTTP/1.1 200 OK\r\n{lines}content-length: 0\r\n\r\n");
    let many = (0..10_000).map(|at| format!("x-{at}: a\r\n")).collect();
    let mut rows = vec![
        row(
            "header-64-kb",
            script(200, [say(with(line(64 << 10)))]),
            Expect::Delivered(1, "answered 200"),
        ),
        row("header-8-mb", script(0, [say(with(line(8 << 20)))]), large),
        row("headers-10000", script(0, [say(with(many))]), large),
        row(
            "headers-endless",
            script(0, [say(OPEN), Do::Flood(line(1_000).into_bytes().into())]),
            large,
        ),
    ];
    for (name, text) in [
        ("garbage", "\u{1}\u{2}\u{3} nothing of this is HTTP\r\n\r\n"),
        ("http-0-9", "<html>hello</html>"),
        ("http-2-status", "HTTP/2 200\r\n\r\n"),
        ("tls-alert", "\u{15}\u{3}\u{3}\0\u{2}\u{2}\u{28}"),
        ("ssh", "SSH-2.0-OpenSSH_9.9\r\n"),
        ("status-099", "HTTP/1.1 099 Odd\r\ncontent-length: 0\r\n\r\n"),
        ("status-1000", "HTTP/1.1 1000 Odd\r\ncontent-length: 0\r\n\r\n"),
        ("status-words", "HTTP/1.1 OK 200\r\ncontent-length: 0\r\n\r\n"),
        ("nul-in-header", "HTTP/1.1 200 OK\r\nx: a\0b\r\ncontent-length: 0\r\n\r\n"),
        ("lengths-differ", "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab"),
        ("length-negative", "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n"),
        (
            "length-30-digits",
            "HTTP/1.1 200 OK\r\ncontent-length: 999999999999999999999999999999\r\n\r\n",
        ),
    ] {
        rows.push(row(name, script(0, [say(text)]), not));
    }
    rows
}

/// The head says 200, so the target has the event; what follows must do no harm.
fn bodies() -> Vec<Behaviour> {
    let done = Expect::Delivered(1, "answered 200");
    let broken = Expect::Delivered(1, "broke off");
    let late = Expect::Delivered(1, "did not end in time");
    let with = |lines: &str| say(format!("HTTP/1.1 200 OK\r\n{lines}\r\n"));
    let length = |length: u64| with(&format!("content-length: {length}\r\n"));
    let chunked = || with("transfer-encoding: chunked\r\n");
    let block: Cow<'static, [u8]> = vec![b'a'; 16 << 10].into();
    let chunk: Cow<'static, [u8]> = [&b"4000\r\n"[..], &block, b"\r\n"].concat().into();
    let interims = "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n".repeat(10_000);
    let mut rows = Vec::new();
    let mut add =
        |name: &str, expect, steps: Vec<Do>| rows.push(row(name, script(200, steps), expect));
    add("http-1-0", done, vec![say("HTTP/1.0 200 OK\r\n\r\nhello")]);
    add("interim-10000", done, vec![say(interims), say(OK)]);
    add(
        "204-with-a-body",
        Expect::Delivered(1, "answered 204"),
        vec![say("HTTP/1.1 204 No\r\ncontent-length: 5\r\n\r\nhello")],
    );
    add("half-body-then-fin", broken, vec![length(10), say("half")]);
    add("half-body-then-reset", done, vec![length(10), say("half"), Do::Reset]);
    add("length-too-long", late, vec![length(10), say("half"), Do::Hold]);
    add("length-too-short", done, vec![length(4), say("more than four")]);
    add(
        "body-drips",
        late,
        vec![length(100), Do::Drip("a hundred bytes would take ten seconds to come this way")],
    );
    add("two-answers", done, vec![say(OK), say(OK)]);
    add("chunk-size-bad", broken, vec![chunked(), say("zz\r\nhello\r\n0\r\n\r\n")]);
    add("chunk-size-huge", broken, vec![chunked(), say("fffffffffffffffff\r\nhello\r\n")]);
    add("chunk-size-negative", broken, vec![chunked(), say("-5\r\nhello\r\n0\r\n\r\n")]);
    add("chunk-too-long", broken, vec![chunked(), say("5\r\nhello and more\r\n0\r\n\r\n")]);
    add("chunks-without-end", broken, vec![chunked(), say("5\r\nhello\r\n")]);
    add("chunk-extension-endless", done, vec![chunked(), say("5;"), Do::Flood(block.clone())]);
    add("trailers-endless", done, vec![chunked(), say("0\r\nx: "), Do::Flood(block.clone())]);
    add("chunks-endless", done, vec![chunked(), Do::Flood(chunk)]);
    add("body-endless", done, vec![with(""), Do::Flood(block.clone())]);
    add("body-10-gb", done, vec![length(10_000_000_000), Do::Flood(block)]);
    // Who decoded this would find that it is no gzip beyond its first bytes, and that the answer broke off.
    add(
        "gzip",
        done,
        vec![
            with("content-encoding: gzip\r\ncontent-length: 13\r\n"),
            Do::Say(Cow::Borrowed(b"\x1f\x8b\x08\0\0\0\0\0\0\xffbad")),
        ],
    );
    rows
}

/// Never followed, wherever they point; `/trap` must not be asked.
fn redirects() -> Vec<Behaviour> {
    let dead = Expect::Dead("redirect");
    let mut rows = Vec::new();
    for status in [300, 301, 302, 303, 307, 308] {
        rows.push((format!("redirect-{status}-trap"), status, "location: /trap\r\n".to_owned()));
        let metadata = "location: http://169.254.169.254/latest/meta-data/\r\n";
        rows.push((format!("redirect-{status}-metadata"), status, metadata.to_owned()));
    }
    rows.push(("redirect-loop".to_owned(), 307, "location: /redirect-loop\r\n".to_owned()));
    rows.push(("redirect-nowhere".to_owned(), 302, String::new()));
    rows.push(("redirect-file".to_owned(), 302, "location: file:///etc/passwd\r\n".to_owned()));
    rows.push(("redirect-304".to_owned(), 304, String::new()));
    let row =
        |(name, status, lines): (String, u16, String)| row(name, answer(status, &lines, ""), dead);
    rows.into_iter().map(row).collect()
}

fn slack() -> Vec<Behaviour> {
    let rows = [
        ("ok", 200, "ok", Expect::Delivered(1, "answered 200")),
        ("payload", 400, "invalid_payload", Expect::Dead("rejected")),
        ("service", 404, "no_service", Expect::Dead("gone")),
        ("archived", 410, "channel_is_archived", Expect::Dead("gone")),
        ("not-found", 404, "a page that was not found", Expect::Again("answered 404")),
        ("not-ok", 200, r#"{"ok":false,"error":"invalid_blocks"}"#, Expect::Dead("rejected")),
        ("limited", 200, r#"{"ok":false,"error":"ratelimited"}"#, Expect::Again("ratelimited")),
        ("error", 500, "server_error", Expect::Again("server_error")),
    ];
    let row = |(name, status, body, expect)| {
        // A 200 that says no is no acceptance.
        let seen =
            if matches!(expect, Expect::Delivered(..)) || status != 200 { status } else { 0 };
        let script = Script { status: seen, ..answer(status, "", body) };
        Behaviour { kind: Kind::Slack, ..row(format!("slack-{name}"), script, expect) }
    };
    rows.into_iter().map(row).collect()
}

/// The forms of `Retry-After`, each with 429 and 503, and what they ask for.
fn retry_after() -> Vec<Behaviour> {
    let forms = [
        ("none", "", Expect::After(0)),
        ("zero", "retry-after: 0\r\n", Expect::After(0)),
        ("one", "retry-after: 1\r\n", Expect::After(1_000)),
        ("two", "Retry-After:    2  \r\n", Expect::After(2_000)),
        ("zeros", "retry-after: 0000000000000000000000001\r\n", Expect::After(1_000)),
        ("negative", "retry-after: -1\r\n", Expect::After(0)),
        ("signed", "retry-after: +30\r\n", Expect::After(0)),
        ("fraction", "retry-after: 30.5\r\n", Expect::After(0)),
        ("hex", "retry-after: 0x1e\r\n", Expect::After(0)),
        ("unit", "retry-after: 30s\r\n", Expect::After(0)),
        ("empty", "retry-after:\r\n", Expect::After(0)),
        ("list", "retry-after: 30, 60\r\n", Expect::After(0)),
        ("word", "retry-after: soon\r\n", Expect::After(0)),
        ("bytes", "retry-after: \u{e9}\r\n", Expect::After(0)),
        ("past", "retry-after: Sun, 06 Nov 1994 08:49:37 GMT\r\n", Expect::After(0)),
        ("past-850", "retry-after: Sunday, 06-Nov-94 08:49:37 GMT\r\n", Expect::After(0)),
        ("past-asctime", "retry-after: Sun Nov  6 08:49:37 1994\r\n", Expect::After(0)),
        ("no-date", "retry-after: Sun, 99 Nov 1994 08:49:37 GMT\r\n", Expect::After(0)),
        // The first counts.
        ("doubled", "retry-after: 2\r\nretry-after: 0\r\n", Expect::After(2_000)),
        ("day", "retry-after: 86400\r\n", Expect::Parked),
        ("digits-20", "retry-after: 99999999999999999999\r\n", Expect::Parked),
        ("year-9999", "retry-after: Fri, 31 Dec 9999 23:59:59 GMT\r\n", Expect::Parked),
    ];
    let mut rows = Vec::new();
    for status in [429, 503] {
        for (name, lines, expect) in forms {
            let scripts = vec![answer(status, lines, ""), script(200, [say(OK)])];
            let name = format!("retry-after-{status}-{name}");
            rows.push(Behaviour { name, kind: Kind::Http, scripts, expect });
        }
    }
    // Whatever is retried may say when.
    let scripts = vec![answer(500, "retry-after: 1\r\n", ""), script(200, [say(OK)])];
    let name = "retry-after-500-one".to_owned();
    rows.push(Behaviour { name, kind: Kind::Http, scripts, expect: Expect::After(1_000) });
    rows
}

/// Those that are sent a large body: they answer before they have read it, and reset.
pub fn early() -> Vec<Behaviour> {
    let script = |status, text| Script { status, steps: vec![say(text), Do::Reset] };
    let unwell = "HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n";
    vec![
        // Whether the answer or the reset is seen first is a race; neither may lose the event.
        row("early-503-then-reset", script(503, unwell), Expect::Again("")),
        row("early-reset", Script { status: 0, steps: vec![Do::Reset] }, Expect::Again("")),
    ]
}
