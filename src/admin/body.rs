//! Reading the body of a request: bounded in bytes and time.

use std::time::Duration;

use axum::extract::Request;
use axum::http::StatusCode;
use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use crate::config::Snapshot;

use super::failure::Failure;

/// How long a whole body may take.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// Largest body of a command, in bytes.
pub(super) const COMMAND_MAX: usize = 256 << 10;

/// Largest body of an event, in bytes: what the most generous source takes.
pub(super) fn largest(snapshot: &Snapshot) -> usize {
    snapshot.sources.iter().map(|source| source.max_body).max().unwrap_or(0)
}

/// Reads a body of at most `max` bytes.
pub(super) async fn read(request: Request, max: usize) -> Result<Bytes, Failure> {
    let body = Limited::new(request.into_body(), max);
    let collected = timeout(BODY_TIMEOUT, body.collect()).await.map_err(|_elapsed| {
        Failure::new(StatusCode::REQUEST_TIMEOUT, "the body took longer than 10 seconds")
    })?;
    collected.map(http_body_util::Collected::to_bytes).map_err(|cause| {
        if cause.is::<LengthLimitError>() {
            Failure::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("the body has more than {max} bytes"),
            )
        } else {
            Failure::bad("the body broke off")
        }
    })
}

/// Reads a command; an empty body is one without any member.
pub(super) async fn command<T: DeserializeOwned + Default>(request: Request) -> Result<T, Failure> {
    command_of(request, COMMAND_MAX).await
}

/// The same, of at most `max` bytes.
pub(super) async fn command_of<T: DeserializeOwned + Default>(
    request: Request,
    max: usize,
) -> Result<T, Failure> {
    let bytes = read(request, max).await?;
    if bytes.is_empty() {
        return Ok(T::default());
    }
    serde_json::from_slice(&bytes).map_err(|cause| Failure::bad(format!("the body: {cause}")))
}
