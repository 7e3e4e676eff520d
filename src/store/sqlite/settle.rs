//! Recording an attempt and what follows.

use rusqlite::params;

use crate::delivery::DeadReason;

use super::super::{Attempt, AttemptResult, Change, Settle, Settled};
use super::row::integer;
use super::schema::{BURIED, DEAD, DELIVERED, PENDING};
use super::work::{DeliveryRow, Trouble, Work};

/// Settles.
pub(super) fn settle(work: &mut Work<'_>, settle: &Settle) -> Result<Settled, Trouble> {
    let nothing = Settled { applied: false, next: None };
    let Some(mut row) = DeliveryRow::find(work.sql, settle.delivery.0)? else { return Ok(nothing) };
    if let Some(attempt) = &settle.attempt {
        // An attempt never takes the place of another: a delivery that was reopened while it was in flight has two that
        // both think they are the next.
        let number = i64::from(attempt.number).max(row.attempts + 1);
        insert(work, row.id, number, attempt)?;
        row.attempts = number;
    }
    if row.state != PENDING {
        row.update(work.sql)?;
        return Ok(nothing);
    }
    let next = match settle.change {
        Change::Delivered => work.end(row, DELIVERED, settle.now)?,
        Change::Dead(reason) => {
            row.reason = Some(reason.as_str().to_owned());
            work.end(row, dead_state(reason), settle.now)?
        }
        Change::Again(due) => {
            row.moment = due.millis();
            row.update(work.sql)?;
            None
        }
    };
    let next = match next {
        Some(next) => {
            let (event, target) = (work.event_id(next.event)?, work.target_name(next.target)?);
            Some(next.ready(event, target))
        }
        None => None,
    };
    Ok(Settled { applied: true, next })
}

/// What a person dropped is history; the rest is listed.
pub(super) fn dead_state(reason: DeadReason) -> i64 {
    if reason == DeadReason::Dropped { BURIED } else { DEAD }
}

fn insert(work: &Work<'_>, delivery: i64, number: i64, attempt: &Attempt) -> Result<(), Trouble> {
    let result = match attempt.result {
        AttemptResult::Accepted => 0,
        AttemptResult::Retry => 1,
        AttemptResult::Rejected => 2,
    };
    let query = "INSERT INTO attempts (delivery, number, started_at, took, result, status, detail, answer) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    work.sql.prepare_cached(query)?.execute(params![
        delivery,
        number,
        attempt.started_at.millis(),
        integer(attempt.took.as_micros()),
        result,
        attempt.status,
        attempt.detail,
        attempt.answer,
    ])?;
    Ok(())
}
