//! The step: what an outcome does to a delivery.

use std::time::Duration;

use crate::clock::Timestamp;

use super::{DeadReason, Outcome};

/// How a target's deliveries are retried. Private fields: a policy that exists makes sense.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RetryPolicy {
    initial: Duration,
    factor: f64,
    max: Duration,
    give_up_after: Duration,
}

/// Why a retry policy makes no sense.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum RetryPolicyError {
    /// `initial` is zero.
    #[error("initial must be longer than nothing")]
    InitialZero,
    /// `factor` is below 1, infinite or not a number.
    #[error("factor must be a number from 1 to 100, not {0}")]
    Factor(f64),
    /// `max` is below `initial`.
    #[error("max is shorter than initial")]
    MaxBelowInitial,
    /// `give_up_after` is zero, or longer than a year.
    #[error("give_up_after must be between 1 s and 365 d")]
    GiveUp,
}

impl RetryPolicy {
    /// Checks and takes the four numbers.
    pub fn new(
        initial: Duration,
        factor: f64,
        max: Duration,
        give_up_after: Duration,
    ) -> Result<Self, RetryPolicyError> {
        if initial.is_zero() {
            return Err(RetryPolicyError::InitialZero);
        }
        if !(1.0..=100.0).contains(&factor) {
            return Err(RetryPolicyError::Factor(factor));
        }
        if max < initial {
            return Err(RetryPolicyError::MaxBelowInitial);
        }
        if give_up_after < Duration::from_secs(1) || give_up_after > Duration::from_hours(365 * 24)
        {
            return Err(RetryPolicyError::GiveUp);
        }
        Ok(Self { initial, factor, max, give_up_after })
    }

    /// The wait after the first failure, before jitter.
    pub fn initial(&self) -> Duration {
        self.initial
    }

    /// What each further wait is multiplied with.
    pub fn factor(&self) -> f64 {
        self.factor
    }

    /// The longest wait, before jitter.
    pub fn max(&self) -> Duration {
        self.max
    }

    /// The age at which a failure is the last.
    pub fn give_up_after(&self) -> Duration {
        self.give_up_after
    }
}

/// What the step needs to know of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    /// Attempts made, the one whose outcome is judged included; at least 1.
    pub attempts: u32,
    /// When its age began: arrival, or when a dead letter was reopened.
    pub age_from: Timestamp,
}

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transition {
    /// Delivered.
    Done,
    /// Due again at that time.
    Again {
        /// When.
        at: Timestamp,
    },
    /// A dead letter.
    Bury(DeadReason),
}

/// What `outcome` does to a delivery in `state` at `now`. `fraction` in `0.0..1.0` is the dice for the jitter.
///
/// A wait is [`backoff`] or until the target's own `not_before`, whichever is later. Age alone ends nothing: only a failure
/// does, so a slow target loses no delivery for being slow.
pub fn step(
    state: State,
    outcome: &Outcome,
    now: Timestamp,
    fraction: f64,
    policy: &RetryPolicy,
) -> Transition {
    match outcome {
        Outcome::Accepted => Transition::Done,
        Outcome::Reject(reason) => Transition::Bury(*reason),
        Outcome::Retry { .. } if now.since(state.age_from) >= policy.give_up_after => {
            Transition::Bury(DeadReason::Expired)
        }
        Outcome::Retry { not_before, .. } => {
            let own = now.plus(backoff(state.attempts, fraction, policy));
            Transition::Again { at: not_before.map_or(own, |asked| own.max(asked)) }
        }
    }
}

/// The wait after the failure of attempt number `attempts`: `initial · factor^(attempts - 1)`, at most `max`, and then
/// moved by up to 20 % either way, so what failed together does not come back together. Never above 1.2 · `max`.
pub fn backoff(attempts: u32, fraction: f64, policy: &RetryPolicy) -> Duration {
    const JITTER: f64 = 0.2;
    let grown = policy.initial.as_secs_f64() * policy.factor.powf(f64::from(attempts.max(1) - 1));
    // Far attempts are infinitely long here, which `min` puts right.
    let wait = grown.min(policy.max.as_secs_f64());
    let dice = if fraction.is_nan() { 0.5 } else { fraction.clamp(0.0, 1.0) };
    let moved = wait * (1.0 - JITTER + 2.0 * JITTER * dice);
    Duration::try_from_secs_f64(moved).unwrap_or(Duration::MAX)
}
