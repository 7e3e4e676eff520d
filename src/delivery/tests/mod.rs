//! Tables for what is a table, properties for what is arithmetic, and simulated time for what takes years.

mod circuit;
mod pace;
mod reply;
mod retry;
mod retry_after_forms;
mod simulation;

use std::time::Duration;

use super::*;

fn policy() -> RetryPolicy {
    RetryPolicy::new(secs(2), 2.0, secs(1800), secs(86_400)).expect("it makes sense")
}

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

const FAILED: Outcome = Outcome::Retry { not_before: None, busy: false };
const BUSY: Outcome = Outcome::Retry { not_before: None, busy: true };
