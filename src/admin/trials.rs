//! Tests of the file: run now, and made of an event that arrived. Either may take seconds and much memory, so only one is done at
//! a time, where it may block.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use crate::config::{Snapshot, Trial};
use crate::name::TestName;
use crate::trial::saved::{self, Arrived, NoTest};
use crate::trial::{self, Difference, Report, TIME_MAX};

use super::failure::{Failure, json};
use super::query::{Query, event_id};
use super::{Admin, wire};

/// How long a request waits for its turn.
const PATIENCE: Duration = Duration::from_secs(10);

/// The place of the one that is done now.
#[derive(Debug, Clone)]
pub(super) struct Turn(Arc<Semaphore>);

impl Default for Turn {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(1)))
    }
}

impl Turn {
    async fn take(self) -> Result<OwnedSemaphorePermit, Failure> {
        let turn = timeout(PATIENCE, self.0.acquire_owned()).await;
        turn.ok().and_then(Result::ok).ok_or_else(|| {
            let text = "tests are being run for somebody else: ask again in some seconds";
            Failure::new(StatusCode::SERVICE_UNAVAILABLE, text)
        })
    }
}

/// Computes where it may block. The turn goes on until it is done, even if nobody waits for it any more.
async fn compute<T: Send + 'static>(
    turn: OwnedSemaphorePermit,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Failure> {
    let done = tokio::task::spawn_blocking(move || {
        let _until_the_end = turn;
        work()
    });
    done.await.map_err(|_panicked| {
        let text = "it failed by a bug of hookswitch: please report it";
        Failure::new(StatusCode::INTERNAL_SERVER_ERROR, text)
    })
}

/// `GET /api/v1/rules/tests`: runs the tests of the running revision, with the files of their events as they are now.
pub(super) async fn run(
    State(parts): Admin,
    Extension(turn): Extension<Turn>,
    uri: Uri,
) -> Result<Response, Failure> {
    let masked = Query::parse(&uri, &["masked"])?.flag("masked")?;
    let turn = turn.take().await?;
    let running = parts.published.load();
    // What runs has no tests any more: they are large.
    let read = parts.reload.read(Arc::clone(&running.text)).await.map_err(|problems| {
        let text = "the text of the running revision does not load any more, so its tests cannot be run: a value from outside \
                    or a file that it names has changed";
        Failure::with_problems(text, &problems)
    })?;
    let answer = compute(turn, move || {
        let report = trial::run(&running, &read.trials, Some(Instant::now() + TIME_MAX));
        told(&running, &read.trials, &report, masked)
    });
    Ok(json(StatusCode::OK, &answer.await?))
}

fn told(running: &Snapshot, trials: &[Trial], report: &Report, masked: bool) -> wire::TestRun {
    let ran = trials.iter().zip(report.verdicts.iter().zip(&report.took));
    let tests = ran.map(|(trial, (differences, took))| verdict(trial, differences, *took, masked));
    let tests: Vec<_> = tests.collect();
    let not_run = trials.len().saturating_sub(tests.len());
    let untested = report.unexercised(running).into_iter().map(|rule| rule.name.to_string());
    wire::TestRun {
        revision: running.revision.number,
        tests,
        untested: (not_run == 0).then(|| untested.collect()),
        not_run: u64::try_from(not_run).unwrap_or(u64::MAX),
    }
}

fn verdict(
    trial: &Trial,
    differences: &[Difference],
    took: Duration,
    masked: bool,
) -> wire::TestVerdict {
    let text = |difference: &Difference| {
        if masked { difference.brief() } else { difference.full() }
    };
    let (problems, differences): (Vec<_>, Vec<_>) =
        differences.iter().partition(|difference| difference.is_of_reading());
    wire::TestVerdict {
        name: trial.name.to_string(),
        line: trial.place.line,
        passed: problems.is_empty() && differences.is_empty(),
        problems: problems.into_iter().map(|problem| problem.found.clone()).collect(),
        differences: differences.into_iter().map(text).collect(),
        took_ms: super::convert::millis(took),
    }
}

/// `GET /api/v1/events/{id}/test`: an entry for `tests` of the file, made of a stored event.
pub(super) async fn of_event(
    State(parts): Admin,
    Extension(turn): Extension<Turn>,
    Path(id): Path<String>,
    uri: Uri,
) -> Result<Response, Failure> {
    let name = Query::parse(&uri, &["name"])?.text("name");
    let id = event_id(&id)?;
    let name = TestName::new(&name.unwrap_or_else(|| format!("event {id}")))
        .map_err(|error| Failure::bad(format!("name: {error}")))?;
    let turn = turn.take().await?;
    let stored = parts.store.body(id).await?;
    let running = parts.published.load();
    let request = &stored.envelope.request;
    let arrived = Arrived {
        source: stored.envelope.source.to_string(),
        content_type: request.content_type.clone(),
        user_agent: request.user_agent.clone(),
        query: request.query.clone(),
    };
    let made = compute(turn, move || entry(&running, arrived, &stored.body, &name)).await?;
    let text = made.map_err(|why| {
        let hint = why.hint().map_or_else(String::new, |hint| format!("; {hint}"));
        Failure::refused(format!("{why}{hint}"))
    })?;
    let kind = [(header::CONTENT_TYPE, "text/yaml; charset=utf-8")];
    Ok((StatusCode::OK, kind, text).into_response())
}

/// The entry as it stands in a file, after what one should know of it.
fn entry(
    running: &Snapshot,
    arrived: Arrived,
    body: &bytes::Bytes,
    name: &TestName,
) -> Result<String, NoTest> {
    let saved = saved::save(running, arrived, body)?;
    let mut text =
        "  # It still has what was said and who called: look before you share it.\n".to_owned();
    for place in &saved.removed {
        text.extend(["  # Removed: ", place, "\n"]);
    }
    text.push_str(&saved.whole(name)?.yaml("  "));
    Ok(text)
}
