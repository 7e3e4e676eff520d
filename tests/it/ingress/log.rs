//! What the log says of requests: why, once in a while, and nothing of what they carry.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tracing::subscriber::DefaultGuard;

use crate::support::{Rig, fixture, post};

use super::{EVENT, KEY, signed};

/// What is logged on this thread while it lives: a test's runtime has no other.
struct Log {
    lines: Arc<Mutex<Vec<u8>>>,
    _guard: DefaultGuard,
}

#[derive(Clone)]
struct Sheet(Arc<Mutex<Vec<u8>>>);

impl io::Write for Sheet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn begin() -> Self {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let sheet = Sheet(Arc::clone(&lines));
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_max_level(tracing::Level::TRACE)
            .with_writer(move || sheet.clone())
            .finish();
        Self { lines, _guard: tracing::subscriber::set_default(subscriber) }
    }

    /// The lines at WARN.
    fn warnings(&self) -> Vec<String> {
        let lines = String::from_utf8(self.lines.lock().unwrap().clone()).unwrap();
        lines.lines().filter(|line| line.contains(" WARN ")).map(str::to_owned).collect()
    }

    /// Everything, at any level.
    fn all(&self) -> String {
        String::from_utf8_lossy(&self.lines.lock().unwrap()).into_owned()
    }
}

#[tokio::test]
async fn a_stale_signature_tells_by_how_much_and_a_flood_tells_it_once() {
    let log = Log::begin();
    let rig = Rig::start().await;
    let request = signed(&rig, KEY, EVENT);
    rig.clock.advance(Duration::from_secs(4242));
    for _ in 0..20 {
        assert_eq!(rig.ask(&request).await.status, 401);
    }
    let warnings = log.warnings();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    for word in ["4242 s old", "signed", "stale"] {
        assert!(warnings[0].contains(word), "{warnings:?}");
    }
    assert_eq!(rig.results("signed", "stale"), 20);
}

#[tokio::test]
async fn questions_that_want_an_answer_are_warned_of_with_their_source() {
    let log = Log::begin();
    let rig = Rig::start().await;
    for (count, (name, word)) in (1..).zip([
        ("call_inbound.json", "call_inbound"),
        ("chat_inbound.json", "chat_inbound"),
        ("custom_function_request.json", "custom function"),
    ]) {
        for _ in 0..3 {
            assert_eq!(rig.ask(post("/webhook", "", &fixture(name))).await.status, 204);
        }
        let warnings = log.warnings();
        assert_eq!(warnings.len(), count, "{warnings:?}");
        let last = warnings.last().unwrap();
        assert!(last.contains(word) && last.contains("source=open"), "{last}");
    }
    rig.ask(post("/webhook", "", br#"{"name":"x"}"#)).await;
    assert_eq!(log.warnings().len(), 3, "an event without a name is no question by that alone");
}

#[tokio::test]
async fn nothing_of_a_request_is_logged() {
    let log = Log::begin();
    let rig = Rig::start().await;
    let bodies = [
        r#"{"event":"canary","call":{"call_id":"canary","agent_id":"canary"},"canary":"canary"}"#,
        r#"{"event":"call_inbound","call_inbound":{"from_number":"canary"}}"#,
        r#"{"name":"canary","args":"canary"}"#,
        r#"["canary"]"#,
        r#"{"canary":"canary""#,
        r#"{"event":"canary","event":"canary"}"#,
    ];
    for body in bodies {
        let body = body.as_bytes();
        let headers = "x-canary: canary\r\nx-retell-signature: canary\r\nuser-agent: canary\r\n";
        rig.ask(post("/webhook?canary=canary", headers, body)).await;
        rig.ask(post("/webhook?canary=canary", headers, body)).await;
        rig.ask(post("/signed", headers, body)).await;
        rig.ask(post("/small?canary", "content-encoding: canary\r\n", body)).await;
        rig.ask(post("/canary", "", body)).await;
        rig.ask("CANARY /canary HTTP/9.9\r\n\r\n").await;
    }
    let lines = log.all();
    let ours: Vec<_> =
        lines.lines().filter(|line| line.to_lowercase().contains("canary")).collect();
    assert!(ours.is_empty(), "{ours:?}");
    assert!(lines.lines().count() > 10, "the log was looked at: {lines}");
}
