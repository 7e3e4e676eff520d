//! Rules: listed, loaded again.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use crate::name::TargetName;
use crate::reload::Reloaded;
use crate::rule::{Effect, Flow, Rule};
use crate::telemetry::RuleMatches;

use super::failure::{Failure, json};
use super::{Admin, convert, health, wire};

/// `GET /api/v1/rules`.
pub(super) async fn list(State(parts): Admin) -> Response {
    let snapshot = parts.published.load();
    let rules = snapshot.rules.rules().iter();
    let rules = wire::Rules {
        revision: convert::revision(snapshot.revision),
        text_revision: snapshot.revision.number,
        counted_since: parts.started_at.rfc3339(),
        rules: rules.map(|told| rule(told, parts.metrics.rule_matches(&told.name))).collect(),
        fallback: names(snapshot.rules.fallback()),
        findings: convert::problems(&snapshot.warnings),
    };
    json(StatusCode::OK, &rules)
}

fn rule(rule: &Rule, matches: RuleMatches) -> wire::Rule {
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
        mode: rule.mode.as_str().to_owned(),
        line: rule.line,
        end_line: rule.end_line,
        matches: matches.count,
        last_match: matches
            .last
            .map(|(event, at)| wire::Match { at: at.rfc3339(), event: event.to_string() }),
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
