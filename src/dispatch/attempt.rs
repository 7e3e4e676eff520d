//! One attempt, from the event to the report. It runs in a task of its own.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::clock::Timestamp;
use crate::delivery::{DeadReason, Outcome};
use crate::event::Event;
use crate::store::{Ready, StoreError};
use crate::target::{AttemptInfo, Report, Target};
use crate::telemetry::AttemptLabel;

use super::lane::Fresh;
use super::roster::Roster;

/// A courier promises to end within the target's timeout. One that is so much later is broken, and must not keep a slot.
const GRACE: Duration = Duration::from_secs(5);

/// What came of an attempt.
#[derive(Debug)]
pub(super) enum Made {
    /// It was made, or could not be and never will.
    Reported {
        /// What it came to.
        report: Report,
        /// When it began.
        started_at: Timestamp,
        /// How long it took.
        took: Duration,
    },
    /// The store did not give the event; nothing was sent.
    Unread(StoreError),
}

/// Makes one attempt of `ready`, with the event that came along or else read from the store.
pub(super) async fn make(
    roster: Arc<Roster>,
    target: Arc<Target>,
    ready: Ready,
    fresh: Option<Fresh>,
) -> Made {
    let parts = &roster.parts;
    let read_at = (parts.clock.now(), Instant::now());
    let fresh = match fresh {
        Some(fresh) => fresh,
        None => match read(&roster, &ready).await {
            Ok(fresh) => fresh,
            Err(error) => return unread(error, read_at),
        },
    };
    let (started_at, started) = (parts.clock.now(), Instant::now());
    let info = AttemptInfo {
        number: ready.attempts.saturating_add(1),
        replay: ready.replay,
        now: started_at,
    };
    let (event, rules) = (Arc::clone(&fresh.event), Arc::clone(&fresh.rules));
    let limit = target.timeout.saturating_add(GRACE);
    let sending = parts.courier.attempt(target, event, rules, info);
    let report = timeout(limit, sending).await.unwrap_or_else(|_elapsed| Report {
        outcome: Outcome::Retry { not_before: None, busy: false },
        label: AttemptLabel::Timeout,
        status: None,
        detail: "the attempt did not end within its timeout".to_owned(),
        answer: None,
    });
    Made::Reported { report, started_at, took: started.elapsed() }
}

async fn read(roster: &Roster, ready: &Ready) -> Result<Fresh, StoreError> {
    let stored = roster.parts.store.body(ready.event).await?;
    let charge = roster.budget.for_attempt(stored.body.len());
    Ok(Fresh {
        event: Arc::new(Event::restored(stored.envelope, stored.body)),
        rules: stored.rules.into(),
        _charge: charge,
    })
}

/// An event that is damaged or missing will not get better; any other trouble of the store may pass.
fn unread(error: StoreError, (started_at, started): (Timestamp, Instant)) -> Made {
    match error {
        StoreError::Damaged(_) | StoreError::NotFound => Made::Reported {
            report: Report {
                outcome: Outcome::Reject(DeadReason::Unreadable),
                label: AttemptLabel::Unrendered,
                status: None,
                detail: format!("nothing was sent, the event cannot be read back: {error}"),
                answer: None,
            },
            started_at,
            took: started.elapsed(),
        },
        error => Made::Unread(error),
    }
}

/// The report of an attempt whose task panicked.
pub(super) fn panicked() -> Report {
    Report {
        outcome: Outcome::Retry { not_before: None, busy: false },
        label: AttemptLabel::Panicked,
        status: None,
        detail: "the attempt failed inside hookswitch; please report this".to_owned(),
        answer: None,
    }
}
