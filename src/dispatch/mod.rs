//! Dispatch: per target, what is due, and how much of it may be under way.
//!
//! Each target has a worker task of its own, so a target that hangs delays nobody. A worker holds a bounded window of the
//! nearest deliveries and refills it from the store; claiming is in memory and writes nothing.
//!
//! Promises: a delivery is attempted by one worker at a time, and again only once its last outcome is on stable storage. At
//! most 1,024 outcomes wait to be committed; together with what is in flight they are all that a crash can repeat. No
//! delivery is without a timer or an owner: what a worker missed, the next look at the store's counts finds.
//!
//! It leaves out what a request looks like and what an answer means (`target`), and what follows from it (`delivery`).

mod age;
mod attempt;
mod book;
mod budget;
mod gate;
mod gauges;
mod lane;
mod roster;
mod settle;
mod worker;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use serde::Serialize;
use tokio::sync::Mutex;

use crate::clock::{Clock, Timestamp};
use crate::config::Published;
use crate::event::Event;
use crate::name::{RuleName, TargetName};
use crate::store::{Counts, Ready, Store, StoreError};
use crate::target::{AttemptInfo, Report, Target};
use crate::tasks::Tasks;
use crate::telemetry::Metrics;

use lane::{Fresh, Lane, Offer, Shown};
use roster::Roster;

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
pub struct Dispatch {
    roster: Arc<Roster>,
    /// Pauses are made one after the other, so that memory and store agree on the last.
    pausing: Arc<Mutex<()>>,
}

impl Dispatch {
    /// Starts a worker for every target that is configured or has deliveries, and keeps doing so as snapshots are
    /// published.
    pub async fn start(parts: Parts) -> Result<Self, StoreError> {
        let stats = parts.store.stats().await?;
        let having = |wanted: fn(&Counts) -> bool| {
            let found = stats.targets.iter().filter(move |(_, counts)| wanted(counts));
            found.map(|(name, _)| name.clone()).collect::<BTreeSet<_>>()
        };
        let tasks = parts.tasks.clone();
        let configured = parts.published.load();
        let roster = Arc::new(Roster::new(parts, having(|counts| counts.paused)));
        roster.open(having(|counts| counts.pending > 0).iter().chain(configured.targets.keys()));
        tasks.service("dispatch", roster::supervise(Arc::clone(&roster)));
        tasks.service("dispatch gauges", gauges::watch(Arc::clone(&roster)));
        Ok(Self { roster, pausing: Arc::default() })
    }

    /// Hands over deliveries whose event was just committed, or replayed, or reopened. Never waits: what does not fit in a
    /// worker's window stays in the store.
    pub fn offer(&self, event: &Arc<Event>, rules: &Arc<[RuleName]>, ready: Vec<Ready>) {
        for ready in ready {
            let charge = self.roster.budget.for_waiting(event.body().len());
            let fresh = charge.map(|charge| Fresh {
                event: Arc::clone(event),
                rules: Arc::clone(rules),
                _charge: charge,
            });
            self.roster.offer(Offer { ready, fresh });
        }
    }

    /// Tells the workers of these targets (all, if none is named) to look into the store: dead letters were reopened, say.
    pub fn wake(&self, target: Option<&TargetName>) {
        match target {
            None => self.roster.lanes().values().for_each(|lane| lane.refresh()),
            Some(name) => {
                // A worker that this opens looks into the store first of all.
                self.roster.open([name].into_iter());
                if let Some(lane) = self.roster.lane(name) {
                    lane.refresh();
                }
            }
        }
    }

    /// Pauses or resumes a target by name; durable once it returns.
    pub async fn set_paused(&self, target: &TargetName, paused: bool) -> Result<(), StoreError> {
        let (roster, pausing, target) =
            (Arc::clone(&self.roster), Arc::clone(&self.pausing), target.clone());
        // In a task of its own: a caller that hangs up must not leave store and memory in disagreement.
        let setting = self.roster.parts.tasks.piece("pause", async move {
            let _one_at_a_time = pausing.lock().await;
            roster.parts.store.set_paused(target.clone(), paused).await?;
            roster.set_paused(&target, paused);
            Ok(())
        });
        setting.await.unwrap_or(Err(StoreError::Closed))
    }

    /// How the targets are: those configured, and those that have deliveries, dead letters or a pause.
    pub async fn targets(&self) -> Result<Vec<TargetStatus>, StoreError> {
        let stats = self.roster.parts.store.stats().await?;
        let snapshot = self.roster.parts.published.load();
        let mut all: BTreeMap<TargetName, Counts> =
            snapshot.targets.keys().map(|name| (name.clone(), Counts::default())).collect();
        all.extend(stats.targets);
        let status = |(name, counts): (TargetName, Counts)| {
            let target = snapshot.targets.get(&name);
            let lane = self.roster.lane(&name);
            TargetStatus {
                configured: target.is_some(),
                kind: target.map(|target| target.kind_name()),
                address: target.map(|target| target.shown_address()),
                pending: counts.pending,
                oldest_pending: counts.oldest_pending,
                dead_letters: counts.dead,
                in_flight: lane.as_deref().map_or(0, Lane::in_flight),
                circuit: lane.as_deref().map_or(Shown::Closed, Lane::circuit).as_str(),
                paused: self.roster.is_paused(&name),
                last_failure: lane.as_deref().and_then(Lane::last_failure),
                name,
            }
        };
        Ok(all.into_iter().map(status).collect())
    }

    /// Claims nothing more and waits until what is in flight is settled, at most until `deadline`; what is not is left
    /// pending in the store.
    pub async fn drain(&self, deadline: tokio::time::Instant) {
        self.roster.drain(deadline).await;
    }

    /// The names that have a worker.
    #[cfg(test)]
    fn lanes(&self) -> Vec<String> {
        let mut names: Vec<String> = self.roster.lanes().keys().map(ToString::to_string).collect();
        names.sort();
        names
    }
}
