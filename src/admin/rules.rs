//! Rules: listed, loaded again.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use crate::name::TargetName;
use crate::reload::Reloaded;
use crate::rule::{Effect, Flow, Rule};

use super::failure::{Failure, json};
use super::{Admin, convert, health, wire};

/// `GET /api/v1/rules`.
pub(super) async fn list(State(parts): Admin) -> Response {
    let snapshot = parts.published.load();
    let rules = wire::Rules {
        revision: convert::revision(snapshot.revision),
        rules: snapshot.rules.rules().iter().map(rule).collect(),
        fallback: names(snapshot.rules.fallback()),
    };
    json(StatusCode::OK, &rules)
}

fn rule(rule: &Rule) -> wire::Rule {
    let (to, ignore) = match &rule.effect {
        Effect::Send(targets) => (names(targets), false),
        Effect::Ignore => (Vec::new(), true),
    };
    wire::Rule {
        name: rule.name.to_string(),
        enabled: rule.enabled,
        conditional: rule.when.is_some(),
        to,
        ignore,
        stop: rule.flow == Flow::Stop,
    }
}

fn names(targets: &[TargetName]) -> Vec<String> {
    targets.iter().map(ToString::to_string).collect()
}

/// `POST /-/reload`: loads the file now and says what came of it.
pub(super) async fn reload(State(parts): Admin) -> Result<Response, Failure> {
    let (result, revision) = match parts.reload.now().await? {
        Reloaded::Published(revision) => ("published", revision),
        Reloaded::Unchanged(revision) => ("unchanged", revision),
    };
    let answer = wire::Reloaded {
        result: result.to_owned(),
        revision: convert::revision(revision),
        warnings: convert::problems(&parts.published.load().warnings),
        restart_pending: health::pending(&parts),
    };
    Ok(json(StatusCode::OK, &answer))
}
