//! From a report to what the store is told. Pure.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::delivery::{DeadReason, Outcome, RetryPolicy, State, Transition, step};
use crate::store::{Attempt, AttemptResult, Change, Ready, Settle};
use crate::target::Report;

/// When an attempt was, and when it is judged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timing {
    /// When it began.
    pub(super) started_at: Timestamp,
    /// How long it took.
    pub(super) took: Duration,
    /// The time now.
    pub(super) now: Timestamp,
    /// Where the delivery's age counts from.
    pub(super) age_from: Timestamp,
    /// The dice for the jitter, in `0.0..1.0`.
    pub(super) fraction: f64,
}

/// What becomes of the delivery once the store has it.
#[derive(Debug)]
pub(super) enum Verdict {
    /// Delivered.
    Delivered,
    /// Due again, as this.
    Again(Ready),
    /// A dead letter, and what a person may want to know.
    Dead(DeadReason, String),
}

/// What follows from the report of an attempt of `ready`.
pub(super) fn judge(
    ready: &Ready,
    report: Report,
    timing: Timing,
    policy: &RetryPolicy,
) -> (Settle, Verdict) {
    let attempts = ready.attempts.saturating_add(1);
    let state = State { attempts, age_from: timing.age_from };
    let transition = step(state, &report.outcome, timing.now, timing.fraction, policy);
    let (change, result, verdict) = match transition {
        Transition::Done => (Change::Delivered, AttemptResult::Accepted, Verdict::Delivered),
        Transition::Again { at } => {
            let again = Ready { due: at, attempts, ..ready.clone() };
            (Change::Again(at), AttemptResult::Retry, Verdict::Again(again))
        }
        Transition::Bury(reason) => {
            // The last attempt of one that has grown too old failed like those before it: the target did not refuse it for good.
            let result = match report.outcome {
                Outcome::Retry { .. } => AttemptResult::Retry,
                Outcome::Accepted | Outcome::Reject(_) => AttemptResult::Rejected,
            };
            let verdict = Verdict::Dead(reason, report.detail.clone());
            (Change::Dead(reason), result, verdict)
        }
    };
    let attempt = Attempt {
        number: attempts,
        started_at: timing.started_at,
        took: timing.took,
        result,
        status: report.status,
        detail: report.detail,
        answer: report.answer,
    };
    let settle = Settle { delivery: ready.id, attempt: Some(attempt), change, now: timing.now };
    (settle, verdict)
}
