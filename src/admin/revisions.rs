//! Revisions: those that are kept, what came of reloading, and a text without its secrets.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;

use crate::clock::Timestamp;
use crate::name::Revision;
use crate::reload::{Came, Told};
use crate::store::StoreError;

use super::failure::{Failure, json};
use super::{Admin, convert, wire};

/// Most revisions that are listed.
const LISTED_MAX: usize = 100;

/// `GET /api/v1/revisions`.
pub(super) async fn list(State(parts): Admin) -> Result<Response, Failure> {
    let kept = parts.store.revisions(LISTED_MAX).await?;
    let answer = wire::Revisions {
        running: parts.published.load().revision.number,
        revisions: kept.into_iter().map(|(revision, since)| listed(revision, since)).collect(),
        reloads: parts.reload.history().iter().map(load).collect(),
    };
    Ok(json(StatusCode::OK, &answer))
}

/// `GET /api/v1/revisions/{number}`: the text of one, as it may be shown.
pub(super) async fn one(
    State(parts): Admin,
    Path(number): Path<String>,
) -> Result<Response, Failure> {
    let wanted = number.parse().map_err(|_no_number| {
        Failure::bad(format!("{number:?} is not the number of a revision"))
    })?;
    let (revision, text, since) = parts.store.revision(wanted).await.map_err(|error| match error {
        StoreError::NotFound => Failure::missing(format!(
            "there is no text of revision {wanted}: none was given that number, or no stored event refers to it any more"
        )),
        error => error.into(),
    })?;
    let text = parts.reload.without_secrets(Arc::clone(&text)).await.ok_or_else(|| {
        let text = "the text cannot be shown, by a bug of hookswitch: please report it";
        Failure::new(StatusCode::INTERNAL_SERVER_ERROR, text)
    })?;
    let answer = wire::RevisionText { revision: listed(revision, since), text };
    Ok(json(StatusCode::OK, &answer))
}

fn listed(revision: Revision, since: Timestamp) -> wire::KeptRevision {
    wire::KeptRevision {
        number: revision.number,
        hash: revision.hash.to_string(),
        at: since.rfc3339(),
    }
}

fn load(told: &Told) -> wire::Load {
    let (result, revision) = match &told.came {
        Came::Published(revision) => ("published", Some(revision.number)),
        Came::Unchanged(revision) => ("unchanged", Some(revision.number)),
        Came::Refused { .. } => ("refused", None),
        Came::Failed(_) => ("failed", None),
    };
    let (problems, detail) = match &told.came {
        Came::Published(_) | Came::Unchanged(_) => (Vec::new(), None),
        Came::Refused { problems, more } => (
            problems.iter().map(|(problem, place)| convert::problem(problem, *place)).collect(),
            (*more > 0).then(|| format!("and {more} more problems")),
        ),
        Came::Failed(why) => (Vec::new(), Some(why.clone())),
    };
    wire::Load {
        at: told.at.rfc3339(),
        result: result.to_owned(),
        asked_by: told.asked.as_str().to_owned(),
        revision,
        problems,
        detail,
    }
}
