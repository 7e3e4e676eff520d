//! Dispatch: per target, what is due, and how much of it may be under way.
//!
//! Each target has a worker task of its own, so a target that hangs delays nobody. A worker holds a bounded window of the
//! nearest deliveries and refills it from the store; claiming is in memory and writes nothing.

mod worker;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use serde::Serialize;

use crate::clock::{Clock, Timestamp};
use crate::config::Published;
use crate::event::Event;
use crate::name::{RuleName, TargetName};
use crate::store::{Ready, Store, StoreError};
use crate::target::{AttemptInfo, Report, Target};
use crate::tasks::Tasks;
use crate::telemetry::Metrics;

/// What makes an attempt: [`crate::target::attempt`], or a script in a test.
pub trait Courier: Send + Sync + std::fmt::Debug {
    /// Makes one attempt.
    fn attempt(
        &self,
        target: Arc<Target>,
        event: Arc<Event>,
        rules: Arc<[RuleName]>,
        info: AttemptInfo,
    ) -> Pin<Box<dyn Future<Output = Report> + Send>>;
}

/// The courier that sends.
#[derive(Debug, Clone, Copy, Default)]
pub struct Post;

impl Courier for Post {
    fn attempt(
        &self,
        target: Arc<Target>,
        event: Arc<Event>,
        rules: Arc<[RuleName]>,
        info: AttemptInfo,
    ) -> Pin<Box<dyn Future<Output = Report> + Send>> {
        Box::pin(async move { crate::target::attempt(&target, &event, &rules, info).await })
    }
}

/// What dispatch works with.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Where deliveries are.
    pub store: Arc<dyn Store>,
    /// The running snapshot.
    pub published: Published,
    /// What makes attempts.
    pub courier: Arc<dyn Courier>,
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Who owns the workers.
    pub tasks: Tasks,
}

/// How a target is, for `targets list` and the API.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TargetStatus {
    /// Its name.
    pub name: TargetName,
    /// Whether the running configuration has it.
    pub configured: bool,
    /// Kind, if configured.
    pub kind: Option<&'static str>,
    /// Origin of its address, if configured.
    pub address: Option<String>,
    /// Deliveries that wait or are under way.
    pub pending: u64,
    /// When the oldest of them arrived.
    pub oldest_pending: Option<Timestamp>,
    /// Dead letters that are listed.
    pub dead_letters: u64,
    /// Attempts under way.
    pub in_flight: u32,
    /// `closed`, `open` or `probing`.
    pub circuit: &'static str,
    /// Paused by a person.
    pub paused: bool,
    /// The last attempt that failed, for people, and when.
    pub last_failure: Option<(String, Timestamp)>,
}

/// The face of dispatch. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Dispatch {}

impl Dispatch {
    /// Starts a worker for every target that is configured or has deliveries, and keeps doing so as snapshots are
    /// published.
    pub async fn start(_parts: Parts) -> Result<Self, StoreError> {
        todo!()
    }

    /// Hands over deliveries whose event was just committed, or replayed, or reopened. Never waits: what does not fit in a
    /// worker's window stays in the store.
    pub fn offer(&self, _event: &Arc<Event>, _rules: &Arc<[RuleName]>, _ready: Vec<Ready>) {
        todo!()
    }

    /// Tells the workers of these targets (all, if none is named) to look into the store: dead letters were reopened, say.
    pub fn wake(&self, _target: Option<&TargetName>) {
        todo!()
    }

    /// Pauses or resumes a target by name; durable once it returns.
    pub async fn set_paused(&self, _target: &TargetName, _paused: bool) -> Result<(), StoreError> {
        todo!()
    }

    /// How the targets are.
    pub async fn targets(&self) -> Result<Vec<TargetStatus>, StoreError> {
        todo!()
    }

    /// Claims nothing more and waits until what is in flight is settled, at most until `deadline`; what is not is left
    /// pending in the store.
    pub async fn drain(&self, _deadline: tokio::time::Instant) {
        todo!()
    }
}
