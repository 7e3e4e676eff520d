//! `kind: log`: one JSON line per delivery on standard output, for trying rules out. Ids and names only: a payload does not
//! belong into a log.

use std::fmt::Write as _;
use std::io::Write;
use std::time::Duration;

use bytes::Bytes;
use hyper::header::HeaderMap;
use serde::Serialize;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::clock::Timestamp;
use crate::delivery::Outcome;
use crate::event::EventId;
use crate::name::{RuleName, SourceName, TargetName};
use crate::telemetry::AttemptLabel;

use super::answer::is_steering;
use super::scope::Scope;
use super::{Report, Request};

/// Where it writes, for people.
pub(super) const ADDRESS: &str = "standard output";

/// One line.
#[derive(Serialize)]
struct Line<'e> {
    time: String,
    target: &'e TargetName,
    event_id: EventId,
    source: &'e SourceName,
    received_at: String,
    event: Option<&'e str>,
    agent_id: Option<&'e str>,
    subject: Option<&'e str>,
    rules: &'e [RuleName],
    body_bytes: usize,
    attempt: u32,
    replay: bool,
}

/// The line as a request, so that `explain` can show it.
pub(super) fn render(target: &TargetName, scope: &Scope<'_>) -> Request {
    let envelope = scope.event().envelope();
    let info = scope.info();
    let rfc3339 = |at: Timestamp| at.rfc3339();
    let line = Line {
        time: rfc3339(info.now),
        target,
        event_id: envelope.id,
        source: &envelope.source,
        received_at: rfc3339(envelope.received_at),
        event: envelope.name.as_deref(),
        agent_id: envelope.agent_id.as_deref(),
        subject: envelope.subject.as_deref(),
        rules: scope.rules(),
        body_bytes: scope.event().body().len(),
        attempt: info.number,
        replay: info.replay,
    };
    let mut text = plain(&serde_json::to_string(&line).expect("names and numbers are always JSON"));
    text.push('\n');
    Request { method: "LOG", address: None, headers: HeaderMap::new(), body: Bytes::from(text) }
}

/// JSON may have more in its strings than a terminal should see: DEL, the control characters of C1 (one of them begins an
/// escape sequence), separators of lines, and what turns the direction of writing. They are escaped, which is the same JSON.
fn plain(json: &str) -> String {
    let mut text = String::with_capacity(json.len() + 1);
    for c in json.chars() {
        // All of them have one UTF-16 unit.
        if c.is_control() || is_steering(c) {
            write!(text, "\\u{:04x}", u32::from(c)).expect("a String takes it");
        } else {
            text.push(c);
        }
    }
    text
}

/// Held while a line is written, so that a reader who stopped holds one thread and not one for each attempt.
static WRITER: Semaphore = Semaphore::const_new(1);

/// Writes the line. Whoever reads standard output may have stopped or gone: neither holds up the runtime, and neither is a
/// panic, as it would be with `println!`.
pub(super) async fn write(line: Bytes, within: Duration) -> Report {
    let writing = async {
        let turn = WRITER.acquire().await;
        tokio::task::spawn_blocking(move || {
            let written = write_to(&mut std::io::stdout().lock(), &line);
            drop(turn);
            written
        })
        .await
    };
    let failed = |label, detail: &str| Report::unanswered(label, detail.to_owned());
    match timeout(within, writing).await {
        Ok(Ok(Ok(()))) => Report {
            outcome: Outcome::Accepted,
            label: AttemptLabel::Accepted,
            status: None,
            detail: "written to standard output".to_owned(),
            answer: None,
        },
        Ok(_) => failed(
            AttemptLabel::Unreachable,
            "standard output cannot be written to; it may be closed",
        ),
        Err(_elapsed) => failed(AttemptLabel::Timeout, "nobody reads standard output"),
    }
}

fn write_to(output: &mut impl Write, line: &[u8]) -> std::io::Result<()> {
    output.write_all(line)?;
    output.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_escaped_and_still_the_same_text() {
        let hostile = "a\u{7f}\u{9b}31m\u{85}\u{2028}\u{202e}\u{2066}\n\\ \"😀é";
        let json = serde_json::to_string(hostile).unwrap();
        let escaped = plain(&json);
        assert!(!escaped.contains(|c: char| c.is_control() || is_steering(c)), "{escaped:?}");
        assert_eq!(serde_json::from_str::<String>(&escaped).unwrap(), hostile);
        assert_eq!(plain("{\"a\":\"é😀\"}"), "{\"a\":\"é😀\"}");
    }

    #[test]
    fn a_closed_output_is_an_error_and_no_panic() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _bytes: &[u8]) -> std::io::Result<usize> {
                Err(std::io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        assert!(write_to(&mut Closed, b"x").is_err());
        let mut written = Vec::new();
        write_to(&mut written, b"line\n").unwrap();
        assert_eq!(written, b"line\n");
    }
}
