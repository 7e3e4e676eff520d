//! Dispatch with the store in memory, a courier that follows a script, and a wall clock that goes with tokio's.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use tokio::time::Instant;

use super::super::{Courier, Dispatch, Parts, TargetStatus};
use super::*;
use crate::clock::Clock;
use crate::config::{Inputs, Problems, Published, Settings, Shown, Snapshot};
use crate::delivery::{DeadReason, DeliveryId, Outcome, Overrides, Rate, RetryPolicy};
use crate::event::Event;
use crate::name::{ContentHash, Revision, RuleName};
use crate::rule::RuleSet;
use crate::store::memory::Memory;
use crate::store::{
    Appended, Arrivals, Attempt, Body, Bounds, Bury, DeadLetter, DeadSelection, DeliveryRecord,
    DeliveryState, EventFilter, EventPage, EventRecord, Fate, Health, Page, Pending, Ready, Replay,
    Settle, Settled, Stats, Store, StoreError, Stretch, Tried,
};
use crate::target::{AttemptInfo, Kind, Report, Target};
use crate::tasks::Tasks;
use crate::telemetry::{AttemptLabel, Metrics};

/// 2024-05-02T00:00:00Z.
const START: i64 = 1_714_608_000_000;

/// Wall-clock time that passes as tokio's does, and can be moved.
#[derive(Debug)]
pub(super) struct Wall {
    start: Instant,
    pub(super) moved: AtomicI64,
}

impl Clock for Wall {
    fn now(&self) -> Timestamp {
        let passed = Timestamp::from_millis(START).plus(self.start.elapsed());
        Timestamp::from_millis(passed.millis() + self.moved.load(Ordering::SeqCst))
    }
}

/// One attempt that the courier was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) target: String,
    pub(super) fingerprint: u64,
    /// The event's number.
    pub(super) event: u64,
    pub(super) attempt: u32,
    pub(super) replay: bool,
    /// Since the harness began.
    pub(super) at: Duration,
}

/// How the courier takes it.
#[derive(Debug, Clone)]
pub(super) enum Reply {
    After(Duration, Outcome),
    Hang,
    Panic,
}

pub(super) const OK: Reply = Reply::After(Duration::from_millis(10), Outcome::Accepted);
pub(super) const FAILS: Reply =
    Reply::After(Duration::from_millis(10), Outcome::Retry { not_before: None, busy: false });
pub(super) const REFUSES: Reply =
    Reply::After(Duration::from_millis(10), Outcome::Reject(DeadReason::Rejected));

type Plan = Box<dyn Fn(&Call) -> Reply + Send + Sync>;

/// A courier that follows a script and remembers every call.
pub(super) struct Script {
    start: Instant,
    plan: Mutex<Plan>,
    calls: Mutex<Vec<Call>>,
    under_way: Mutex<HashMap<String, (usize, usize)>>,
}

impl std::fmt::Debug for Script {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Script")
    }
}

/// Counts an attempt as under way until it is dropped.
struct UnderWay(Arc<Script>, String);

impl UnderWay {
    fn new(script: &Arc<Script>, target: &str) -> Self {
        let mut all = lock(&script.under_way);
        let (now, most) = all.entry(target.to_owned()).or_default();
        *now += 1;
        *most = (*most).max(*now);
        Self(Arc::clone(script), target.to_owned())
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if let Some((now, _)) = lock(&self.0.under_way).get_mut(&self.1) {
            *now -= 1;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// The courier that dispatch sees.
#[derive(Debug, Clone)]
struct Hand(Arc<Script>);

impl Courier for Hand {
    fn attempt(
        &self,
        target: Arc<Target>,
        event: Arc<Event>,
        _rules: Arc<[RuleName]>,
        info: AttemptInfo,
    ) -> Pin<Box<dyn Future<Output = Report> + Send>> {
        let digits: String = std::str::from_utf8(event.body())
            .expect("the body is ours")
            .chars()
            .filter(char::is_ascii_digit)
            .collect();
        let call = Call {
            target: target.name.to_string(),
            fingerprint: target.fingerprint,
            event: digits.parse().expect("it is a number"),
            attempt: info.number,
            replay: info.replay,
            at: self.0.start.elapsed(),
        };
        let reply = lock(&self.0.plan)(&call);
        let under_way = UnderWay::new(&self.0, &call.target);
        lock(&self.0.calls).push(call);
        Box::pin(async move {
            let _under_way = under_way;
            let outcome = match reply {
                Reply::After(wait, outcome) => {
                    tokio::time::sleep(wait).await;
                    outcome
                }
                Reply::Hang => std::future::pending().await,
                Reply::Panic => panic!("the script says so"),
            };
            let label = match outcome {
                Outcome::Accepted => AttemptLabel::Accepted,
                _ => AttemptLabel::Retried,
            };
            Report { outcome, label, status: Some(200), detail: "scripted".into(), answer: None }
        })
    }
}

/// The store in memory with a brake on settling, and counters.
#[derive(Debug)]
pub(super) struct Braked {
    pub(super) inner: Memory,
    /// Outcomes are committed so many milliseconds after they were queued.
    pub(super) settle_after: AtomicU64,
    /// Outcomes queued and not committed.
    pub(super) unsettled: Arc<AtomicUsize>,
    /// Bodies that were read.
    pub(super) bodies: AtomicUsize,
    /// Reads of many bodies at once.
    pub(super) prefetches: AtomicUsize,
    /// Reads of what is due.
    pub(super) refills: AtomicUsize,
    /// Reads fail.
    pub(super) reads_fail: AtomicBool,
    tasks: Tasks,
}

impl Store for Braked {
    fn settle(&self, settle: Settle) -> Pending<Settled> {
        let wait = Duration::from_millis(self.settle_after.load(Ordering::SeqCst));
        if wait.is_zero() {
            return self.inner.settle(settle);
        }
        let (promise, pending) = Pending::new();
        let (inner, unsettled) = (self.inner.clone(), Arc::clone(&self.unsettled));
        unsettled.fetch_add(1, Ordering::SeqCst);
        drop(self.tasks.piece("slow settle", async move {
            tokio::time::sleep(wait).await;
            unsettled.fetch_sub(1, Ordering::SeqCst);
            promise.answer(inner.settle(settle).await);
        }));
        pending
    }

    fn due(
        &self,
        target: &TargetName,
        after: Option<(Timestamp, DeliveryId)>,
        limit: usize,
    ) -> Pending<Vec<Ready>> {
        self.refills.fetch_add(1, Ordering::SeqCst);
        if self.reads_fail.load(Ordering::SeqCst) {
            return Pending::ready(Err(StoreError::Read("slow disk".into())));
        }
        self.inner.due(target, after, limit)
    }

    fn body(&self, event: EventId) -> Pending<Body> {
        self.bodies.fetch_add(1, Ordering::SeqCst);
        if self.reads_fail.load(Ordering::SeqCst) {
            return Pending::ready(Err(StoreError::Read("slow disk".into())));
        }
        self.inner.body(event)
    }

    fn bodies(&self, events: Vec<EventId>, most: usize) -> Pending<Vec<(EventId, Body)>> {
        self.prefetches.fetch_add(1, Ordering::SeqCst);
        if self.reads_fail.load(Ordering::SeqCst) {
            return Pending::ready(Err(StoreError::Read("slow disk".into())));
        }
        self.inner.bodies(events, most)
    }

    fn stretch(
        &self,
        filter: EventFilter,
        from: u64,
        limit: usize,
        most: usize,
    ) -> Pending<Stretch> {
        self.inner.stretch(filter, from, limit, most)
    }

    fn append(&self, event: Append) -> Pending<Appended> {
        self.inner.append(event)
    }
    fn replay(&self, replay: Replay) -> Pending<Vec<Ready>> {
        self.inner.replay(replay)
    }
    fn reopen(&self, selection: DeadSelection, now: Timestamp) -> Pending<u64> {
        self.inner.reopen(selection, now)
    }
    fn drop_dead(&self, selection: DeadSelection, now: Timestamp) -> Pending<u64> {
        self.inner.drop_dead(selection, now)
    }
    fn bury(&self, bury: Bury) -> Pending<u64> {
        self.inner.bury(bury)
    }
    fn set_paused(&self, target: TargetName, paused: bool) -> Pending<()> {
        self.inner.set_paused(target, paused)
    }
    fn add_revision(&self, text: Arc<str>, hash: ContentHash, now: Timestamp) -> Pending<Revision> {
        self.inner.add_revision(text, hash, now)
    }
    fn stats(&self) -> Pending<Stats> {
        self.inner.stats()
    }
    fn events(&self, filter: EventFilter, page: Page) -> Pending<EventPage> {
        self.inner.events(filter, page)
    }
    fn arrivals(&self, filter: EventFilter, from: u64, limit: usize) -> Pending<Arrivals> {
        self.inner.arrivals(filter, from, limit)
    }
    fn listed(&self, ids: Vec<EventId>) -> Pending<Vec<(EventRecord, Vec<DeliveryRecord>)>> {
        self.inner.listed(ids)
    }
    fn event(&self, id: EventId) -> Pending<(EventRecord, Tried)> {
        self.inner.event(id)
    }
    fn dead_letters(&self, selection: DeadSelection, page: Page) -> Pending<Vec<DeadLetter>> {
        self.inner.dead_letters(selection, page)
    }
    fn revision(&self, number: u64) -> Pending<(Revision, Arc<str>, Timestamp)> {
        self.inner.revision(number)
    }
    fn revisions(&self, limit: usize) -> Pending<Vec<(Revision, Timestamp)>> {
        self.inner.revisions(limit)
    }
    fn health(&self) -> Health {
        self.inner.health()
    }
    fn poisoned(&self) -> Pending<String> {
        self.inner.poisoned()
    }
    fn facts(&self) -> Vec<(&'static str, String)> {
        self.inner.facts()
    }
    fn warnings(&self) -> Vec<String> {
        self.inner.warnings()
    }
    fn set_bounds(&self, bounds: Bounds) {
        self.inner.set_bounds(bounds);
    }
    fn close(&self) -> Pending<()> {
        self.inner.close()
    }
}

/// A target of a test.
#[derive(Debug, Clone)]
pub(super) struct Spec {
    pub(super) name: String,
    pub(super) concurrency: u32,
    pub(super) rate: Option<&'static str>,
    pub(super) give_up_after: Duration,
    pub(super) fingerprint: u64,
}

/// Eight at once, no rate, retries after 2 s and more, given up after a day.
pub(super) fn spec(name: &str) -> Spec {
    Spec {
        name: name.to_owned(),
        concurrency: 8,
        rate: None,
        give_up_after: Duration::from_hours(24),
        fingerprint: 1,
    }
}

fn snapshot(number: u64, specs: &[Spec], body_memory: usize) -> Snapshot {
    let target = |spec: &Spec| {
        let retry = RetryPolicy::new(
            Duration::from_secs(2),
            2.0,
            Duration::from_mins(30),
            spec.give_up_after,
        );
        let target = Target {
            name: target_name(&spec.name),
            kind: Kind::Log,
            timeout: Duration::from_secs(10),
            concurrency: NonZeroU32::new(spec.concurrency).expect("at least one"),
            rate: spec.rate.map(|rate| Rate::parse(rate).expect("a rate")),
            retry: retry.expect("it makes sense"),
            overrides: Overrides::default(),
            order_by: None,
            fingerprint: spec.fingerprint,
        };
        (target.name.clone(), Arc::new(target))
    };
    Snapshot {
        revision: Revision { number, hash: ContentHash([0; 32]) },
        text: "".into(),
        settings: Settings { body_memory, ..Settings::for_tests() },
        outside: Vec::new(),
        shown: Shown::default(),
        trials: Vec::new(),
        sources: Vec::new(),
        targets: specs.iter().map(target).collect(),
        rules: RuleSet::new(Vec::new(), Vec::new(), Vec::new()),
        warnings: Problems::default(),
        inputs: Inputs::default(),
    }
}

/// Everything, running.
pub(super) struct Harness {
    pub(super) store: Arc<Braked>,
    pub(super) script: Arc<Script>,
    pub(super) wall: Arc<Wall>,
    pub(super) tasks: Tasks,
    pub(super) dispatch: Dispatch,
    pub(super) metrics: Arc<Metrics>,
    published: Published,
    revision: u64,
    events: u64,
}

impl Harness {
    /// Runs with an empty store.
    pub(super) async fn start(specs: &[Spec]) -> Self {
        Self::over(Memory::new(), specs, 256 << 20).await
    }

    /// Runs with what `memory` holds.
    pub(super) async fn over(memory: Memory, specs: &[Spec], body_memory: usize) -> Self {
        let (start, tasks) = (Instant::now(), Tasks::new());
        let store = Arc::new(Braked {
            inner: memory,
            settle_after: AtomicU64::new(0),
            unsettled: Arc::default(),
            bodies: AtomicUsize::new(0),
            prefetches: AtomicUsize::new(0),
            refills: AtomicUsize::new(0),
            reads_fail: AtomicBool::new(false),
            tasks: tasks.clone(),
        });
        let script = Arc::new(Script {
            start,
            plan: Mutex::new(Box::new(|_| OK)),
            calls: Mutex::default(),
            under_way: Mutex::default(),
        });
        let wall = Arc::new(Wall { start, moved: AtomicI64::new(0) });
        let published = Published::new(Arc::new(snapshot(1, specs, body_memory)));
        let metrics = Arc::new(Metrics::new());
        let names: Vec<TargetName> = specs.iter().map(|spec| target_name(&spec.name)).collect();
        metrics.configured(&[], &[], &names);
        let parts = Parts {
            store: Arc::clone(&store) as Arc<dyn Store>,
            published: published.clone(),
            courier: Arc::new(Hand(Arc::clone(&script))),
            clock: Arc::clone(&wall) as Arc<dyn Clock>,
            metrics: Arc::clone(&metrics),
            tasks: tasks.clone(),
        };
        let dispatch = Dispatch::start(parts).await.expect("the store answers");
        Self { store, script, wall, tasks, dispatch, metrics, published, revision: 1, events: 0 }
    }

    /// Follows another script from now on.
    pub(super) fn plan(&self, plan: impl Fn(&Call) -> Reply + Send + Sync + 'static) {
        *lock(&self.script.plan) = Box::new(plan);
    }

    /// Publishes other targets.
    pub(super) fn publish(&mut self, specs: &[Spec]) {
        self.revision += 1;
        self.published.publish(Arc::new(snapshot(self.revision, specs, 256 << 20)));
    }

    /// Stores an event and offers its deliveries. Returns the event's number.
    pub(super) async fn send(&mut self, to: &[(&str, Option<&str>)]) -> u64 {
        let (event, ready) = self.store_only(to).await;
        self.dispatch.offer(&event, &Arc::from(Vec::new()), ready);
        self.events
    }

    /// Stores an event, and offers nothing.
    pub(super) async fn store_only(
        &mut self,
        to: &[(&str, Option<&str>)],
    ) -> (Arc<Event>, Vec<Ready>) {
        self.events += 1;
        let append = append(self.events, self.wall.now(), to);
        let event = Event::restored(Arc::clone(&append.envelope), append.body.clone());
        let appended = self.store.append(append).await.expect("the store takes it");
        let Fate::Stored(ready) = appended.fate else { panic!("nothing repeats here") };
        (Arc::new(event), ready)
    }

    /// The wall-clock time.
    pub(super) fn now(&self) -> Timestamp {
        self.wall.now()
    }

    /// Events are numbered from behind these: an earlier run had them.
    pub(super) fn skip_numbers(&mut self, numbers: u64) {
        self.events += numbers;
    }

    /// The calls so far.
    pub(super) fn calls(&self) -> Vec<Call> {
        lock(&self.script.calls).clone()
    }

    /// The calls to one target so far, as event numbers.
    pub(super) fn called(&self, target: &str) -> Vec<u64> {
        let calls = self.calls().into_iter().filter(|call| call.target == target);
        calls.map(|call| call.event).collect()
    }

    /// The most attempts of a target that were under way at once.
    pub(super) fn most_at_once(&self, target: &str) -> usize {
        lock(&self.script.under_way).get(target).map_or(0, |(_, most)| *most)
    }

    /// Every delivery with its attempts.
    pub(super) async fn deliveries(&self) -> Vec<(DeliveryRecord, Vec<Attempt>)> {
        let mut all = Vec::new();
        let mut after = None;
        loop {
            let page = Page { limit: 1000, after };
            let page = self.store.events(EventFilter::default(), page).await.expect("it lists");
            for (event, _) in page.events {
                let (_, tried) = self.store.event(event.envelope.id).await.expect("it is there");
                all.extend(tried);
            }
            after = page.next;
            if after.is_none() {
                all.sort_by_key(|(delivery, _)| delivery.id);
                return all;
            }
        }
    }

    /// How many are delivered, dead and pending.
    pub(super) async fn counts(&self) -> (usize, usize, usize) {
        let all = self.deliveries().await;
        let count = |wanted: fn(&DeliveryState) -> bool| {
            all.iter().filter(|(delivery, _)| wanted(&delivery.state)).count()
        };
        (
            count(|state| matches!(state, DeliveryState::Delivered { .. })),
            count(|state| matches!(state, DeliveryState::Dead { .. })),
            count(|state| matches!(state, DeliveryState::Pending { .. })),
        )
    }

    /// Dead letters by reason.
    pub(super) async fn dead(&self, reason: DeadReason) -> Vec<DeadLetter> {
        let selection = DeadSelection { reason: Some(reason), ..DeadSelection::default() };
        let page = Page { limit: 1000, after: None };
        self.store.dead_letters(selection, page).await.expect("it lists")
    }

    /// Lets time pass until nothing is pending, at most so long. Returns about how long it took.
    pub(super) async fn until_at_rest(&self, within: Duration) -> Duration {
        let pending = async || {
            let stats = self.store.stats().await.expect("it counts");
            stats.targets.iter().map(|(_, counts)| counts.pending).sum::<u64>()
        };
        self.until(within, async || pending().await == 0).await
    }

    /// Lets time pass until `holds`, at most so long.
    pub(super) async fn until(&self, within: Duration, holds: impl AsyncFn() -> bool) -> Duration {
        let begun = Instant::now();
        while !holds().await {
            assert!(
                begun.elapsed() <= within,
                "not within {within:?}; calls: {:#?}",
                self.calls().iter().rev().take(20).collect::<Vec<_>>()
            );
            self.pass((within / 1000).max(Duration::from_millis(100))).await;
        }
        begun.elapsed()
    }

    /// Lets time pass; on paused time this waits for nobody.
    pub(super) async fn pass(&self, span: Duration) {
        tokio::time::sleep(span).await;
    }

    /// How one target is.
    pub(super) async fn status(&self, target: &str) -> TargetStatus {
        let all = self.dispatch.targets().await.expect("it counts");
        all.into_iter().find(|status| status.name.as_str() == target).expect("it is listed")
    }
}
