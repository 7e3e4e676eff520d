//! `events --follow`: new events as they arrive, one line each, until Ctrl-C.
//!
//! It goes on where it stopped: each event that the stream tells has a place, and the next connection begins behind it. So a
//! restart of the instance, and the end that each stream has after some minutes, leave nothing out and show nothing twice.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::Value;
use tokio::time::sleep;
use tracing::warn;

use super::api::Api;
use super::events::line;
use super::exit::{Exit, Failure};
use super::http::Flow;
use super::output::{Form, Out};
use super::run::Stops;
use crate::admin::wire;

/// The stream.
const STREAM: [&str; 4] = ["api", "v1", "events", "stream"];
/// The wait before a stream that ended is opened again; each is twice as long as the one before.
const WAIT: Duration = Duration::from_millis(100);
/// The longest wait.
const WAIT_MAX: Duration = Duration::from_secs(2);
/// The most that one thing which a stream says may take, in bytes.
const SAID_MAX: usize = 8 << 20;

/// Parameters of a request.
type Parameters = Vec<(&'static str, Option<String>)>;

/// What is followed.
#[derive(Debug)]
pub(super) struct Follow {
    /// Which events.
    pub(super) filter: Parameters,
    /// Which are listed before.
    pub(super) recent: Parameters,
    /// How they are printed.
    pub(super) form: Form,
}

impl Follow {
    pub(super) async fn execute(self, api: &Api) -> Result<Exit, Failure> {
        let mut stops = Stops::listen()?;
        tokio::select! {
            _ = stops.next() => Ok(Exit::Ok),
            ended = self.follow(api) => ended,
        }
    }

    async fn follow(&self, api: &Api) -> Result<Exit, Failure> {
        let mut out = Out::stdout();
        let mut flow = api.open(&STREAM, &self.filter, None).await?;
        let mut said = Said::default();
        let mut place = None;
        // The stream is open before the list is asked for, so an event can be in both, but not in neither.
        let mut shown = None;
        loop {
            let Some(frame) = said.next(&mut flow).await else {
                flow = self.again(api, place.as_deref()).await?;
                said = Said::default();
                continue;
            };
            place = frame.id.or(place);
            if shown.is_none() {
                shown = Some(self.recent(api, &mut out).await?);
            }
            match (frame.event.as_deref(), frame.data) {
                (None, Some(data)) => {
                    let Ok(event) = serde_json::from_str::<wire::Event>(&data) else { continue };
                    if !shown.as_mut().is_some_and(|shown| shown.remove(&event.id)) {
                        self.show(&event, &data, &mut out)?;
                    }
                }
                (Some("lagged"), Some(data)) => {
                    let lagged = serde_json::from_str(&data).ok();
                    let skipped = lagged.map_or(0, |wire::Lagged { skipped }| skipped);
                    warn!(
                        skipped,
                        "more arrived than can be shown; `hookswitch events` lists them"
                    );
                }
                _ => {}
            }
        }
    }

    /// Prints what arrived before, oldest first, and tells which that was.
    async fn recent(&self, api: &Api, out: &mut Out) -> Result<HashSet<String>, Failure> {
        let told = api.get(&["api", "v1", "events"], &self.recent).await?;
        let page: Value = told.read()?;
        let events = page.get("events").and_then(Value::as_array).map(Vec::as_slice);
        let mut shown = HashSet::new();
        for value in events.unwrap_or_default().iter().rev() {
            let text = value.to_string();
            let Ok(event) = serde_json::from_str::<wire::Event>(&text) else { continue };
            self.show(&event, &text, out)?;
            shown.insert(event.id);
        }
        Ok(shown)
    }

    /// Prints one; for programs as it was told.
    fn show(&self, event: &wire::Event, told: &str, out: &mut Out) -> Result<(), Failure> {
        match self.form {
            Form::Text => {
                let text = line(event, out);
                out.line(&text)
            }
            Form::Json => out.line(told),
        }
    }

    /// Opens the stream again, once the instance is there.
    async fn again(&self, api: &Api, place: Option<&str>) -> Result<Flow, Failure> {
        let mut wait = WAIT;
        loop {
            sleep(wait).await;
            match api.open(&STREAM, &self.filter, place).await {
                Err(failure) if failure.exit() == Exit::Unreachable => {
                    if wait == WAIT {
                        warn!("the instance does not answer; it is asked until it does");
                    }
                    wait = (wait * 2).min(WAIT_MAX);
                }
                opened => return opened,
            }
        }
    }
}

/// What a stream has said so far and nobody took yet.
#[derive(Debug, Default)]
struct Said {
    bytes: Vec<u8>,
}

/// One thing that a stream says.
#[derive(Debug, Default, PartialEq, Eq)]
struct Frame {
    id: Option<String>,
    event: Option<String>,
    data: Option<String>,
}

impl Said {
    /// The next thing; none at the end of the stream, and if it says something too long to be true.
    async fn next(&mut self, flow: &mut Flow) -> Option<Frame> {
        loop {
            if let Some(frame) = self.take() {
                return Some(frame);
            }
            if self.bytes.len() > SAID_MAX {
                return None;
            }
            self.bytes.extend_from_slice(&flow.part().await?);
        }
    }

    /// One that is there in full.
    fn take(&mut self) -> Option<Frame> {
        let end = self.bytes.windows(2).position(|two| two == b"\n\n")?;
        let text: Vec<u8> = self.bytes.drain(..end + 2).collect();
        let mut frame = Frame::default();
        for line in String::from_utf8_lossy(&text).lines() {
            let (name, value) = line.split_once(": ").unwrap_or((line, ""));
            match name {
                // It goes into a header.
                "id" if value.bytes().all(|byte| byte.is_ascii_digit()) => {
                    frame.id = Some(value.to_owned());
                }
                "event" => frame.event = Some(value.to_owned()),
                "data" => frame.data = Some(value.to_owned()),
                _ => {}
            }
        }
        Some(frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_taken_whole_however_it_is_cut() {
        let text = "retry: 1000\nid: 7\n\nid: 8\ndata: {\"a\": \"b: c\"}\n\n: nothing new\nid: 9\n\nevent: lagged\nid: 10\ndata: {}\n\n";
        let mut said = Said::default();
        let mut frames = Vec::new();
        for byte in text.bytes() {
            said.bytes.push(byte);
            frames.extend(said.take());
        }
        let frame = |id: &str, event: Option<&str>, data: Option<&str>| Frame {
            id: Some(id.to_owned()),
            event: event.map(str::to_owned),
            data: data.map(str::to_owned),
        };
        let data = Some(r#"{"a": "b: c"}"#);
        let lagged = frame("10", Some("lagged"), Some("{}"));
        assert_eq!(
            frames,
            [frame("7", None, None), frame("8", None, data), frame("9", None, None), lagged]
        );
        assert!(said.bytes.is_empty());
    }
}
