//! Why a request is not answered as it was meant: one message for whoever asked, and a line in the log only where the
//! program itself is at fault.

use std::error::Error;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tracing::error;

use crate::config::Problems;
use crate::reload::ReloadError;
use crate::store::StoreError;

use super::{convert, wire};

/// The media type of every error (RFC 9457).
pub(super) const PROBLEM_JSON: &str = "application/problem+json";

/// An answer that says what is wrong. Boxed, since it travels in every `Result`.
#[derive(Debug)]
pub(super) struct Failure(Box<wire::ErrorBody>);

impl Failure {
    /// With a status and what to do.
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        let title = status.canonical_reason().unwrap_or("Error").to_owned();
        let detail = detail.into();
        let body = wire::ErrorBody { title, status: status.as_u16(), detail, ..Default::default() };
        Self(Box::new(body))
    }

    /// 400: the request is not one.
    pub(super) fn bad(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// 422: the request is well formed, but cannot be done.
    pub(super) fn refused(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
    }

    /// 404.
    pub(super) fn missing(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// What is said of it where an answer has begun already.
    pub(super) fn into_body(self) -> wire::ErrorBody {
        *self.0
    }

    /// 422 with every problem of a configuration.
    fn problems(problems: &Problems) -> Self {
        Self::with_problems("the configuration has problems; nothing changed", problems)
    }

    /// 422 with every problem of a configuration, and what follows from them.
    pub(super) fn with_problems(detail: impl Into<String>, problems: &Problems) -> Self {
        let mut failure = Self::refused(detail);
        failure.0.problems = convert::problems(problems);
        failure.0.text = Some(problems.to_string());
        failure
    }
}

impl From<StoreError> for Failure {
    fn from(cause: StoreError) -> Self {
        let text = cause.to_string();
        match cause {
            StoreError::NotFound => {
                Self::missing("there is no such event or delivery; it may have been pruned")
            }
            StoreError::Cursor => Self::bad(format!("cursor: {text}")),
            StoreError::Damaged(_) => Self::new(StatusCode::INTERNAL_SERVER_ERROR, text),
            StoreError::Full(_)
            | StoreError::Behind
            | StoreError::Poisoned(_)
            | StoreError::Read(_)
            | StoreError::Closed => Self::new(StatusCode::SERVICE_UNAVAILABLE, text),
        }
    }
}

impl From<ReloadError> for Failure {
    fn from(cause: ReloadError) -> Self {
        match &cause {
            ReloadError::Refused(problems) => Self::problems(problems),
            ReloadError::Store(store) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, format!("{cause}: {store}"))
            }
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status =
            StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            error!(detail = self.0.detail, "the API could not answer");
        }
        let mut response = encoded(status, PROBLEM_JSON, &*self.0);
        let headers = response.headers_mut();
        match status {
            StatusCode::UNAUTHORIZED => {
                let challenge = HeaderValue::from_static("Bearer realm=\"hookswitch\"");
                headers.insert(header::WWW_AUTHENTICATE, challenge);
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
            }
            _ => {}
        }
        response
    }
}

/// An answer in JSON.
pub(super) fn json<T: serde::Serialize>(status: StatusCode, value: &T) -> Response {
    encoded(status, "application/json", value)
}

fn encoded<T: serde::Serialize>(
    status: StatusCode,
    media_type: &'static str,
    value: &T,
) -> Response {
    match serde_json::to_vec(value) {
        Ok(mut bytes) => {
            // So that a terminal's prompt starts on a line of its own.
            bytes.push(b'\n');
            (status, [(header::CONTENT_TYPE, media_type)], bytes).into_response()
        }
        Err(cause) => {
            let cause: &dyn Error = &cause;
            error!(cause, "an answer could not be written as JSON");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
