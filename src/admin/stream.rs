//! Events as they arrive, as server-sent events: for whoever watches.
//!
//! The store is the buffer. A stream asks it what arrived behind the place that it has come to, at most four times a second, and
//! only while its reader takes what it is given. So watching costs ingress nothing but those reads, a slow reader holds one page
//! in memory, and nothing is missed: the place is the `id` of what is sent, and `Last-Event-ID` goes on from it, over a restart,
//! too. A reader that is far behind is told how many events it is not shown, and goes on with the newest; the listing has all.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream::unfold;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::store::{Arrivals, EventFilter, Pending, StoreError};

use super::failure::Failure;
use super::query::Query;
use super::serve::Ends;
use super::{Admin, Parts, events, wire};

/// The filters; what bounds the time or pages is for the listing.
const FILTERS: [&str; 7] = ["event", "agent", "call", "target", "state", "rule", "text"];
/// The states that an event can arrive in.
const STATES: [&str; 5] = ["routed", "unrouted", "ignored", "revised", "quarantined"];
/// How long a stream rests before it asks the store again.
const REST: Duration = Duration::from_millis(250);
/// Most events that it asks for.
const PAGE: usize = 200;
/// A reader that is further behind does not get everything.
const BEHIND_MAX: u64 = 2_000;
/// After how long a silence something is said, so that both sides know that the other is there.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How long a stream goes on: it ends before its connection does, and its reader asks again.
const LIFE: Duration = Duration::from_mins(4);
/// Most streams at once, of the 64 connections that there can be.
const STREAMS_MAX: usize = 16;
/// How long a browser waits before it asks again, in milliseconds.
const RETRY_MS: u64 = 1_000;

/// The streams that there can be.
#[derive(Debug, Clone)]
pub(super) struct Seats(Arc<Semaphore>);

impl Default for Seats {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(STREAMS_MAX)))
    }
}

/// `GET /api/v1/events/stream`.
pub(super) async fn open(
    State(parts): Admin,
    Extension(Seats(seats)): Extension<Seats>,
    Extension(Ends(ends)): Extension<Ends>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let query = Query::parse(&uri, &FILTERS)?;
    let filter = events::filter(&query, &STATES, parts.clock.now())?;
    let place = last_event_id(&headers)?;
    let seat = seats.try_acquire_owned().map_err(|_all_taken| {
        Failure::new(
            StatusCode::SERVICE_UNAVAILABLE,
            format!("{STREAMS_MAX} streams are open, which is the most: close one"),
        )
    })?;
    let head = parts.store.arrivals(filter.clone(), u64::MAX, 1).await?.head;
    let stopping = parts.tasks.stopping();
    let (from, ends) = (place.unwrap_or(head), (Instant::now() + LIFE).min(ends));
    let stream = Stream { parts, filter, from, opened: false, ends, stopping, _seat: seat };
    let pieces = unfold(stream, |mut stream| async move {
        let piece = stream.next().await?;
        Some((Ok::<_, Infallible>(piece), stream))
    });
    // Proxies that hold answers back until they are whole would never let go of this one.
    let headers = [("content-type", "text/event-stream"), ("x-accel-buffering", "no")];
    Ok((StatusCode::OK, headers, Body::from_stream(pieces)).into_response())
}

/// The place that an earlier stream had come to.
fn last_event_id(headers: &HeaderMap) -> Result<Option<u64>, Failure> {
    let Some(value) = headers.get("last-event-id").filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    let place = value.to_str().ok().and_then(|text| text.parse().ok());
    let refused = || Failure::bad("last-event-id is a number that this stream gave as `id`");
    place.map(Some).ok_or_else(refused)
}

struct Stream {
    parts: Arc<Parts>,
    filter: EventFilter,
    /// Everything before this place was dealt with.
    from: u64,
    opened: bool,
    ends: Instant,
    stopping: CancellationToken,
    _seat: OwnedSemaphorePermit,
}

impl Stream {
    /// What is said next; nothing at the end, which comes with time, at shutdown, and when the store cannot answer.
    async fn next(&mut self) -> Option<String> {
        if !self.opened {
            self.opened = true;
            return Some(format!("retry: {RETRY_MS}\nid: {}\n\n", self.from));
        }
        let silent = Instant::now() + KEEP_ALIVE;
        loop {
            self.stopping.run_until_cancelled(sleep(REST)).await?;
            if Instant::now() >= self.ends {
                return None;
            }
            let text = self.arrived().await.ok()?;
            if !text.is_empty() {
                return Some(text);
            }
            if Instant::now() >= silent {
                // With the place, since events that the filter leaves out move it, too.
                return Some(format!(": nothing new\nid: {}\n\n", self.from));
            }
        }
    }

    async fn arrived(&mut self) -> Result<String, StoreError> {
        let mut text = String::new();
        let mut found = self.read().await?;
        let (from, skipped) = resume(self.from, found.head);
        if from != self.from {
            self.from = from;
            if skipped > 0 {
                frame(&mut text, "event: lagged\n", from, &wire::Lagged { skipped });
            }
            found = self.read().await?;
        }
        for (place, record, deliveries) in &found.events {
            frame(&mut text, "", *place, &events::listed(&self.parts, record, deliveries));
        }
        self.from = found.next;
        Ok(text)
    }

    fn read(&self) -> Pending<Arrivals> {
        self.parts.store.arrivals(self.filter.clone(), self.from, PAGE)
    }
}

/// Where to go on, and how many events are passed over on the way. A place that lies ahead of everything is one of another
/// store, whose newest events are as good a beginning as any.
fn resume(from: u64, head: u64) -> (u64, u64) {
    let newest = head.saturating_sub(PAGE as u64);
    match head.checked_sub(from) {
        None if head > 0 => (newest, 0),
        Some(behind) if behind > BEHIND_MAX => (newest, newest - from),
        _ => (from, 0),
    }
}

/// Adds one server-sent event. JSON without indentation has no line end in it.
fn frame<T: serde::Serialize>(text: &mut String, name: &str, place: u64, data: &T) {
    if let Ok(data) = serde_json::to_string(data) {
        text.extend([name, "id: ", &place.to_string(), "\ndata: ", &data, "\n\n"]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_is_far_behind_is_not_shown_everything() {
        assert_eq!(resume(5, 5), (5, 0));
        assert_eq!(resume(0, BEHIND_MAX), (0, 0));
        assert_eq!(resume(0, BEHIND_MAX + 1), (1_801, 1_801));
        assert_eq!(resume(7, 10_000), (9_800, 9_793));
    }

    #[test]
    fn a_place_of_another_store_begins_with_the_newest() {
        assert_eq!(resume(5_000, 10), (0, 0));
        assert_eq!(resume(5_000, 1_000), (800, 0));
        assert_eq!(resume(5_000, 0), (5_000, 0), "an empty store tells nothing");
    }
}
