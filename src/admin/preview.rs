//! `POST /api/v1/preview`: where the events of a window would go under a configuration that does not run yet. The answer is
//! lines of JSON: how far it is, then what it came to.
//!
//! Promises: nothing is sent, stored or published; the text is lent no value that the running revision does not show
//! ([`crate::config::load_posted`]); it works in small parts and rests after each for twice as long as that took, on the
//! readers of listings, so neither ingress nor delivery waits for it; it holds no more than one part of the events at a time,
//! and ends within a part once its reader is gone, when the program stops, and before its connection does.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream::unfold;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::clock::Timestamp;
use crate::config::FILE_MAX;
use crate::preview::{Comparison, Differing, RuleChange, Tally, TargetChange};
use crate::store::{EventFilter, Stretch};

use super::failure::Failure;
use super::query::moment_of;
use super::serve::Ends;
use super::{Admin, Parts, body, convert, wire};

/// Most previews at once: each keeps two configurations in memory.
const PREVIEWS_MAX: usize = 2;
/// Largest request: a text of the largest size, of which every character may be escaped.
const REQUEST_MAX: usize = 3 * FILE_MAX;
/// How far back it looks if nobody says.
const WINDOW: Duration = Duration::from_hours(24);
/// Most events of one part.
const PART_EVENTS: usize = 200;
/// Most bytes of their bodies; one event may be larger.
const PART_BYTES: usize = 1 << 20;
/// So many times as long as a part took it rests after it.
const REST: u32 = 2;
/// How often it tells how far it is.
const REPORT: Duration = Duration::from_millis(250);
/// How long it goes on: it ends before its connection does.
const LIFE: Duration = Duration::from_mins(4);

/// The previews that there can be.
#[derive(Debug, Clone)]
pub(super) struct Seats(Arc<Semaphore>);

impl Default for Seats {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(PREVIEWS_MAX)))
    }
}

/// Answers with lines that follow as they come.
pub(super) async fn open(
    State(parts): Admin,
    Extension(Seats(seats)): Extension<Seats>,
    Extension(Ends(ends)): Extension<Ends>,
    request: Request,
) -> Result<Response, Failure> {
    let seat = seats.try_acquire_owned().map_err(|_all_taken| {
        Failure::new(
            StatusCode::SERVICE_UNAVAILABLE,
            format!("{PREVIEWS_MAX} previews are under way, which is the most: try again"),
        )
    })?;
    let ends = (Instant::now() + LIFE).min(ends);
    let wanted: wire::PreviewRequest = body::command_of(request, REQUEST_MAX).await?;
    if wanted.text.is_empty() {
        return Err(Failure::bad("send the configuration as `text`"));
    }
    let (since, until) = window(&wanted, parts.clock.now())?;
    let running = parts.published.load();
    let new = parts.reload.read_posted(wanted.text, Arc::clone(&running)).await;
    let new = new.map_err(|problems| {
        Failure::with_problems("the text has problems, so nothing was compared", &problems)
    })?;
    let preview = Preview {
        comparison: Comparison::new(running, Arc::new(new)),
        window: (since, until),
        from: 0,
        looked: 0,
        of: None,
        ends,
        stopping: parts.tasks.stopping(),
        parts,
        _seat: seat,
    };
    let lines = unfold(Step::Begin(preview), |step| async move {
        let (line, next) = step.take().await?;
        Some((Ok::<_, Infallible>(written(&line)), next))
    });
    let headers =
        [(header::CONTENT_TYPE.as_str(), "application/x-ndjson"), ("x-accel-buffering", "no")];
    Ok((StatusCode::OK, headers, Body::from_stream(lines)).into_response())
}

/// From when to when.
fn window(
    wanted: &wire::PreviewRequest,
    now: Timestamp,
) -> Result<(Timestamp, Timestamp), Failure> {
    let moment = |name: &str, text: &Option<String>, otherwise: Timestamp| match text {
        Some(text) => moment_of(name, text, now),
        None => Ok(otherwise),
    };
    let since = moment("since", &wanted.since, now.minus(WINDOW))?;
    // What arrives from now on is left out, or it might never end.
    let until = moment("until", &wanted.until, now.plus(Duration::from_millis(1)))?;
    if since >= until {
        return Err(Failure::bad("since is not before until, so there is nothing to look at"));
    }
    Ok((since, until))
}

fn written(line: &wire::PreviewLine) -> String {
    // JSON without indentation has no line end in it.
    let mut text = serde_json::to_string(line).unwrap_or_default();
    text.push('\n');
    text
}

/// What follows next.
enum Step {
    /// That it has begun, so that who asked knows at once.
    Begin(Preview),
    /// The next report, or what it came to.
    Go(Preview),
    /// Nothing.
    End,
}

impl Step {
    async fn take(self) -> Option<(wire::PreviewLine, Self)> {
        match self {
            Self::Begin(preview) => Some((preview.progress(), Self::Go(preview))),
            Self::Go(preview) => preview.go().await,
            Self::End => None,
        }
    }
}

/// One preview under way.
struct Preview {
    parts: Arc<Parts>,
    comparison: Comparison,
    window: (Timestamp, Timestamp),
    /// Everything before this place was looked at.
    from: u64,
    looked: u64,
    of: Option<u64>,
    ends: Instant,
    stopping: CancellationToken,
    _seat: OwnedSemaphorePermit,
}

impl Preview {
    /// Works until there is something to tell; nothing more if the program stops.
    async fn go(mut self) -> Option<(wire::PreviewLine, Step)> {
        let report = Instant::now() + REPORT;
        let failed =
            |failure: Failure| Some((wire::PreviewLine::Error(failure.into_body()), Step::End));
        loop {
            let begun = Instant::now();
            let (since, until) = self.window;
            let filter =
                EventFilter { since: Some(since), until: Some(until), ..EventFilter::default() };
            let part = self.parts.store.stretch(filter, self.from, PART_EVENTS, PART_BYTES).await;
            let part = match part {
                Ok(part) => part,
                Err(error) => return failed(error.into()),
            };
            self.from = part.next;
            self.looked += part.events.len() as u64;
            self.of = Some(self.looked + part.head.saturating_sub(part.next));
            let last = part.events.last().and_then(|(_, body)| body.as_ref());
            let reached = last.map(|body| body.envelope.received_at);
            let done = part.next >= part.head;
            let Some(comparison) = looked_at(self.comparison, part).await else {
                return failed(Failure::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "comparing failed by a bug of hookswitch; the log says more",
                ));
            };
            self.comparison = comparison;
            if done {
                return Some((self.result(None), Step::End));
            }
            if Instant::now() >= self.ends {
                return Some((self.result(reached), Step::End));
            }
            self.stopping.clone().run_until_cancelled(sleep(begun.elapsed() * REST)).await?;
            if Instant::now() >= report {
                return Some((self.progress(), Step::Go(self)));
            }
        }
    }

    fn progress(&self) -> wire::PreviewLine {
        wire::PreviewLine::Progress(wire::PreviewProgress {
            looked: self.looked,
            of: self.of,
            differ: self.comparison.differing_total,
        })
    }

    /// What it came to; `reached` says how far if it did not look at all of them.
    fn result(&self, reached: Option<Timestamp>) -> wire::PreviewLine {
        let comparison = &self.comparison;
        let (before, after) = comparison.totals();
        let sides = |running, new| wire::Sides { running, new };
        wire::PreviewLine::Result(Box::new(wire::Preview {
            running: convert::revision(comparison.running().revision),
            since: self.window.0.rfc3339(),
            until: reached.unwrap_or(self.window.1).rfc3339(),
            events: comparison.events,
            unreadable: comparison.unreadable,
            deliveries: sides(before.deliveries, after.deliveries),
            rules: comparison.rules().iter().map(rule).collect(),
            targets: comparison.targets().iter().map(target).collect(),
            fallback: sides(before.fallback, after.fallback),
            unrouted: sides(before.unrouted, after.unrouted),
            ignored: sides(before.ignored, after.ignored),
            quarantined: sides(before.quarantined, after.quarantined),
            differing: comparison.differing.iter().map(differing).collect(),
            differing_total: comparison.differing_total,
            warnings: convert::problems(&comparison.warnings()),
            notes: notes(comparison, reached),
        }))
    }
}

/// Compares one part where it may take its time. None if it panicked, which is our bug and is logged.
async fn looked_at(mut comparison: Comparison, part: Stretch) -> Option<Comparison> {
    let compare = move || {
        part.events.iter().for_each(|(_, body)| comparison.look(body.as_ref()));
        comparison
    };
    spawn_blocking(compare).await.ok()
}

fn notes(comparison: &Comparison, reached: Option<Timestamp>) -> Vec<String> {
    const HEADERS_MAX: usize = 20;
    let lost: BTreeSet<&str> = comparison.lost_headers();
    let headers = (!lost.is_empty()).then(|| {
        let shown: Vec<&str> = lost.iter().copied().take(HEADERS_MAX).collect();
        let more = lost.len() - shown.len();
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        format!(
            "conditions on the header {}{more} find nothing here: only content-type, user-agent and x-retell-signature are kept with an event",
            shown.join(", ")
        )
    });
    let cut = reached.map(|_| {
        "time was up, so what arrived after `until` was not looked at: ask for a shorter window"
            .to_owned()
    });
    headers.into_iter().chain(cut).collect()
}

fn rule(change: &RuleChange) -> wire::RuleChange {
    let only = match (change.running, change.new) {
        (Some(_), None) => Some("running".to_owned()),
        (None, Some(_)) => Some("new".to_owned()),
        _ => None,
    };
    let (running, new): (Tally, Tally) =
        (change.running.unwrap_or_default(), change.new.unwrap_or_default());
    let shadow = (running.shadow.or(new.shadow)).map(|_| wire::Sides {
        running: running.shadow.unwrap_or(0),
        new: new.shadow.unwrap_or(0),
    });
    wire::RuleChange {
        name: change.name.to_string(),
        running: running.matches,
        new: new.matches,
        only,
        deliveries: wire::Sides { running: running.deliveries, new: new.deliveries },
        shadow,
    }
}

fn target(change: &TargetChange) -> wire::TargetChange {
    let TargetChange { name, running, new, gained, lost } = change;
    let (running, new, gained, lost) = (*running, *new, *gained, *lost);
    wire::TargetChange { name: name.to_string(), running, new, gained, lost }
}

fn differing(event: &Differing) -> wire::Differing {
    fn texts<T: ToString>(names: &[T]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }
    wire::Differing {
        event: event.event.to_string(),
        received_at: event.received_at.rfc3339(),
        name: event.name.clone(),
        agent: event.agent.clone(),
        call: event.call.clone(),
        gains: texts(&event.gains),
        loses: texts(&event.loses),
        before: event.before.disposition.to_owned(),
        after: event.after.disposition.to_owned(),
        rules_before: texts(&event.before.rules),
        rules_after: texts(&event.after.rules),
        shadow_before: texts(&event.before.shadow),
        shadow_after: texts(&event.after.shadow),
    }
}
