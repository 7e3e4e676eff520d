//! Dead letters: listed, retried, dropped.

use std::collections::HashSet;

use axum::extract::{Request, State};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use tracing::info;

use crate::delivery::{DeadReason, DeliveryId};
use crate::name::TargetName;
use crate::store::{DeadLetter, DeadSelection};
use crate::telemetry::DeliveryResult;

use super::failure::{Failure, json};
use super::query::{Query, event_id};
use super::targets::known;
use super::{Admin, Parts, body, convert, wire};

/// `GET /api/v1/dead-letters`.
pub(super) async fn list(State(parts): Admin, uri: Uri) -> Result<Response, Failure> {
    let query = Query::parse(&uri, &["target", "reason", "event", "limit", "cursor"])?;
    let selection = DeadSelection {
        ids: Vec::new(),
        target: query.text("target").as_deref().map(target).transpose()?,
        reason: query.text("reason").as_deref().map(reason).transpose()?,
        event: query.text("event").as_deref().map(event_id).transpose()?,
    };
    let page = query.page()?;
    let limit = page.limit;
    let letters = parts.store.dead_letters(selection, page).await?;
    let next = letters.last().filter(|_| letters.len() >= limit).map(DeadLetter::cursor);
    let dead_letters = letters.iter().map(convert::dead_letter).collect();
    Ok(json(StatusCode::OK, &wire::DeadLetters { dead_letters, next }))
}

/// `POST /api/v1/dead-letters/retry`: pending again, due now, with a fresh age.
pub(super) async fn retry(State(parts): Admin, request: Request) -> Result<Response, Failure> {
    change(&parts, request, Change::Reopen).await
}

/// `POST /api/v1/dead-letters/drop`: no longer listed, and never delivered; they stay in the history.
pub(super) async fn drop_dead(State(parts): Admin, request: Request) -> Result<Response, Failure> {
    change(&parts, request, Change::Drop).await
}

#[derive(Debug, Clone, Copy)]
enum Change {
    Reopen,
    Drop,
}

/// Target by target, so that each can be counted.
async fn change(parts: &Parts, request: Request, change: Change) -> Result<Response, Failure> {
    let selection = selection(body::command(request).await?)?;
    let ids: HashSet<_> = selection.ids.iter().copied().collect();
    let targets = if let Some(target) = &selection.target {
        // A misspelt one has no dead letters, and never will.
        vec![known(parts, target.as_str(), Failure::refused).await?]
    } else {
        let stats = parts.store.stats().await?;
        let dead = stats.targets.into_iter().filter(|(_, counts)| counts.dead > 0);
        dead.map(|(name, _)| name).collect()
    };
    let mut total = 0;
    for target in targets {
        let selection = DeadSelection { target: Some(target.clone()), ..selection.clone() };
        let now = parts.clock.now();
        let (count, result) = match change {
            Change::Reopen => (parts.store.reopen(selection, now).await?, DeliveryResult::Reopened),
            Change::Drop => {
                let dropped = DeliveryResult::Dead(DeadReason::Dropped);
                (parts.store.drop_dead(selection, now).await?, dropped)
            }
        };
        if count == 0 {
            continue;
        }
        total += count;
        parts.metrics.delivery(&target, result, count);
        match change {
            Change::Reopen => {
                info!(%target, count, "dead letters were reopened");
                parts.dispatch.wake(Some(&target));
            }
            Change::Drop => info!(%target, count, "dead letters were dropped"),
        }
    }
    let named = u64::try_from(ids.len()).unwrap_or(u64::MAX);
    let missing = (named > 0).then(|| named.saturating_sub(total));
    Ok(json(StatusCode::OK, &wire::Changed { count: total, missing }))
}

/// An empty selection means every dead letter to the store, so it must have been said.
fn selection(asked: wire::Selection) -> Result<DeadSelection, Failure> {
    let wire::Selection { ids, target: to, reason: why, event, all } = asked;
    if ids.as_ref().is_some_and(Vec::is_empty) {
        return Err(Failure::bad("`ids` is empty, so nothing is selected"));
    }
    if ids.is_none() && to.is_none() && why.is_none() && event.is_none() && !all {
        return Err(Failure::bad(
            "nothing is selected: give `ids`, `target`, `reason` or `event`, or say `\"all\": true`",
        ));
    }
    Ok(DeadSelection {
        ids: ids.unwrap_or_default().into_iter().map(DeliveryId).collect(),
        target: to.as_deref().map(target).transpose()?,
        reason: why.as_deref().map(reason).transpose()?,
        event: event.as_deref().map(event_id).transpose()?,
    })
}

fn target(text: &str) -> Result<TargetName, Failure> {
    TargetName::new(text).map_err(|cause| Failure::bad(format!("target: {cause}")))
}

/// A reason of what is listed: what was dropped is no dead letter any more.
fn reason(text: &str) -> Result<DeadReason, Failure> {
    let listed = |reason: &DeadReason| *reason != DeadReason::Dropped;
    DeadReason::from_name(text).filter(listed).ok_or_else(|| {
        let all = DeadReason::ALL.into_iter().filter(listed).map(DeadReason::as_str);
        let all = all.collect::<Vec<_>>().join(", ");
        Failure::bad(format!("{text:?} is no reason; there are: {all}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selected(json: &str) -> Result<DeadSelection, Failure> {
        selection(serde_json::from_str(json).unwrap())
    }

    #[test]
    fn everything_must_be_said() {
        assert!(selected("{}").is_err());
        assert!(selected(r#"{"ids": []}"#).is_err());
        assert!(selected(r#"{"ids": [], "all": true}"#).is_err());
        assert!(selected(r#"{"all": false}"#).is_err());
        assert_eq!(selected(r#"{"all": true}"#).unwrap(), DeadSelection::default());
    }

    #[test]
    fn members_narrow_one_another() {
        let chosen = selected(r#"{"ids": [7], "target": "crm", "reason": "gone"}"#).unwrap();
        assert_eq!(chosen.ids, [DeliveryId(7)]);
        assert_eq!(chosen.target, Some(TargetName::new("crm").unwrap()));
        assert_eq!(chosen.reason, Some(DeadReason::Gone));
        for wrong in ["bored", "dropped"] {
            let said = selected(&format!(r#"{{"reason": "{wrong}"}}"#)).unwrap_err();
            let said = said.into_body().detail;
            assert!(said.ends_with(", unreadable, target_removed"), "{said}");
        }
        assert!(selected(r#"{"event": "7"}"#).is_err());
        assert!(
            serde_json::from_str::<wire::Selection>(r#"{"tagret": "crm", "all": true}"#).is_err()
        );
    }
}
