//! Targets: how they are, paused and resumed.

use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use tracing::info;

use crate::name::TargetName;
use crate::telemetry::MINUTES_MAX;

use super::failure::{Failure, json};
use super::query::Query;
use super::{Admin, Parts, convert, wire};

/// `GET /api/v1/targets`: those of the running configuration, and those that still have something.
pub(super) async fn list(State(parts): Admin) -> Result<Response, Failure> {
    let targets = parts.dispatch.targets().await?.iter().map(convert::target).collect();
    Ok(json(StatusCode::OK, &wire::Targets { targets }))
}

/// How many minutes are told if nobody says.
const MINUTES: usize = 60;
/// How long a step of the series is.
const STEP: Duration = Duration::from_mins(1);

/// `GET /api/v1/targets/series`: what attempts came to, minute by minute, from memory.
pub(super) async fn series(State(parts): Admin, uri: Uri) -> Result<Response, Failure> {
    let query = Query::parse(&uri, &["minutes", "target"])?;
    let minutes = query.text("minutes").map_or(Some(MINUTES), |text| text.parse().ok());
    let minutes = minutes
        .filter(|minutes| (1..=MINUTES_MAX).contains(minutes))
        .ok_or_else(|| Failure::bad(format!("minutes is a number from 1 to {MINUTES_MAX}")))?;
    let only = match query.text("target") {
        Some(name) => Some(known(&parts, &name, Failure::missing).await?),
        None => None,
    };
    let recent = parts.metrics.recent_minutes(minutes, only.as_ref());
    let steps = u32::try_from(recent.count.saturating_sub(1)).unwrap_or(u32::MAX);
    let from = parts.clock.now().minus(recent.into).minus(STEP.saturating_mul(steps));
    let answer = wire::Series {
        from: from.rfc3339(),
        step_s: STEP.as_secs(),
        targets: recent.targets.iter().map(|(name, told)| convert::series(name, told)).collect(),
    };
    Ok(json(StatusCode::OK, &answer))
}

/// `POST /api/v1/targets/{name}/pause`: nothing is sent there until it is resumed, through restarts and reloads.
pub(super) async fn pause(
    State(parts): Admin,
    Path(name): Path<String>,
) -> Result<Response, Failure> {
    set_paused(&parts, &name, true).await
}

/// `POST /api/v1/targets/{name}/resume`.
pub(super) async fn resume(
    State(parts): Admin,
    Path(name): Path<String>,
) -> Result<Response, Failure> {
    set_paused(&parts, &name, false).await
}

async fn set_paused(parts: &Parts, name: &str, paused: bool) -> Result<Response, Failure> {
    let target = known(parts, name, Failure::missing).await?;
    parts.dispatch.set_paused(&target, paused).await?;
    info!(%target, paused, "a target was paused or resumed");
    let now = parts.dispatch.targets().await?;
    match now.iter().find(|status| status.name == target) {
        Some(status) => Ok(json(StatusCode::OK, &convert::target(status))),
        // A target that the configuration does not have is only listed while something is left of it.
        None => Ok(json(StatusCode::OK, &wire::Target { paused, ..nothing_left(&target) })),
    }
}

/// A target that is configured or listed: a misspelt name must not be paused for ever, unseen. Another one fails as `unknown` says.
pub(super) async fn known(
    parts: &Parts,
    name: &str,
    unknown: impl FnOnce(String) -> Failure,
) -> Result<TargetName, Failure> {
    let targets = parts.dispatch.targets().await?;
    if let Some(status) = targets.iter().find(|status| status.name.as_str() == name) {
        return Ok(status.name.clone());
    }
    let known: Vec<&str> = targets.iter().map(|status| status.name.as_str()).collect();
    Err(unknown(format!("there is no target {name:?}; there are: {}", known.join(", "))))
}

fn nothing_left(target: &TargetName) -> wire::Target {
    wire::Target {
        name: target.to_string(),
        configured: false,
        kind: None,
        address: None,
        pending: 0,
        oldest_pending: None,
        dead_letters: 0,
        in_flight: 0,
        circuit: "closed".to_owned(),
        paused: false,
        last_failure: None,
    }
}
