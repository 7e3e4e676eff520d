//! The metrics of design section 7, in OpenMetrics text.
//!
//! Labels come from the running configuration or from a fixed list, so nothing that a sender or target does makes a series.
//! A name that the configuration no longer has (its last deliveries die, its dead letters stay listed) is counted under
//! the name `_removed`, which no name can be: the sums stay true.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;
use tokio::time::Instant;

use crate::clock::Timestamp;
use crate::event::EventId;
use crate::name::{Revision, RuleName, SourceName, TargetName};

use super::answers::Answers;
use super::labels::{AttemptLabel, DeliveryResult, EventResult, Refused};
use super::minutes::{self, Minute, Minutes};
use super::series::{Counts, Flag, Histogram, Table, Value};

/// The label of names that the configuration no longer has.
pub(super) const REMOVED: &str = "_removed";
/// Most names without a configuration whose gauges are kept apart, to be summed.
const REMOVED_MAX: usize = 1024;

/// Upper bounds in seconds. The sender gives us 10 s, and a commit takes a few milliseconds.
const ACK_BOUNDS: &[f64] =
    &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
const COMMIT_BOUNDS: &[f64] =
    &[0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];
/// Targets answer in anything from a millisecond to their timeout, 10 s unless the file says otherwise.
const ATTEMPT_BOUNDS: &[f64] =
    &[0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// What is set of one target.
#[derive(Debug, Default)]
pub(super) struct Gauges {
    pub(super) pending: Value,
    pub(super) oldest_seconds: Value,
    pub(super) dead: Value,
    pub(super) circuit_open: Flag,
    pub(super) paused: Flag,
}

/// Everything of one target.
#[derive(Debug)]
pub(super) struct TargetSeries {
    pub(super) deliveries: Counts<{ DeliveryResult::COUNT }>,
    pub(super) attempts: Counts<{ AttemptLabel::ALL.len() }>,
    pub(super) seconds: Histogram,
    pub(super) gauges: Gauges,
    /// Touched by the target's worker, by the gauges every few seconds, and by whoever looks at them; never by a scrape.
    minutes: Mutex<Minutes>,
}

impl TargetSeries {
    fn minutes(&self) -> MutexGuard<'_, Minutes> {
        self.minutes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for TargetSeries {
    fn default() -> Self {
        Self {
            deliveries: Counts::default(),
            attempts: Counts::default(),
            seconds: Histogram::new(ATTEMPT_BOUNDS),
            gauges: Gauges::default(),
            minutes: Mutex::default(),
        }
    }
}

type SourceSeries = Counts<{ EventResult::ALL.len() }>;

/// What the attempts of targets came to in the last minutes.
#[derive(Debug)]
pub struct RecentMinutes {
    /// How much of the running minute, the last of each target, is over.
    pub into: Duration,
    /// How many minutes there are of each target.
    pub count: usize,
    /// By target, in the order of the configuration.
    pub targets: Vec<(TargetName, Vec<Minute>)>,
}

/// Everything of one rule. The last match is no series, since an event's id is no label; it is locked for as long as it takes
/// to copy it.
#[derive(Debug, Default)]
pub(super) struct RuleSeries {
    pub(super) matches: Value,
    last: Mutex<Option<(EventId, Timestamp)>>,
}

impl RuleSeries {
    fn add(&self, event: EventId, at: Timestamp) {
        self.matches.add(1);
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((event, at));
    }
}

/// How often a rule matched since the program began, or since a reload added it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RuleMatches {
    /// So many events.
    pub count: u64,
    /// The last of them, and when it arrived.
    pub last: Option<(EventId, Timestamp)>,
}

/// The series of all names that the configuration no longer has; shown once there is something in it.
#[derive(Debug, Default)]
pub(super) struct Removed<S> {
    used: Flag,
    series: S,
}

impl<S> Removed<S> {
    fn touch(&self) -> &S {
        self.used.set(true);
        &self.series
    }

    pub(super) fn used(&self) -> Option<&S> {
        self.used.get().then_some(&self.series)
    }
}

/// Every metric. Cheap to share behind an `Arc`; recording takes no lock that a scrape holds.
#[derive(Debug)]
pub struct Metrics {
    inner: Arc<Inner>,
    registry: Registry,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) sources: ArcSwap<Table<SourceName, SourceSeries>>,
    pub(super) rules: ArcSwap<Table<RuleName, RuleSeries>>,
    pub(super) shadows: ArcSwap<Table<RuleName, RuleSeries>>,
    pub(super) targets: ArcSwap<Table<TargetName, TargetSeries>>,
    /// Where minutes are counted from.
    began: Instant,
    /// One reload at a time; recording does not take it.
    configuring: Mutex<()>,
    pub(super) removed_source: Removed<SourceSeries>,
    pub(super) removed_target: Removed<TargetSeries>,
    /// Gauges are set and not added to, so those of removed targets are kept one by one.
    removed_gauges: Mutex<HashMap<TargetName, Gauges>>,
    pub(super) refused: Counts<{ Refused::ALL.len() }>,
    pub(super) connections: Value,
    pub(super) acknowledged: Histogram,
    answers: Answers,
    pub(super) committed: Histogram,
    pub(super) store_bytes: Value,
    pub(super) quarantined: Value,
    pub(super) reload_successful: Flag,
    pub(super) restart_pending: Value,
    /// The running revision, and when it was published in milliseconds since 1970.
    pub(super) published: ArcSwapOption<(Revision, u64)>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All at zero.
    pub fn new() -> Self {
        let inner = Arc::new(Inner {
            sources: ArcSwap::default(),
            rules: ArcSwap::default(),
            shadows: ArcSwap::default(),
            targets: ArcSwap::default(),
            began: Instant::now(),
            configuring: Mutex::default(),
            removed_source: Removed::default(),
            removed_target: Removed::default(),
            removed_gauges: Mutex::default(),
            refused: Counts::default(),
            connections: Value::default(),
            acknowledged: Histogram::new(ACK_BOUNDS),
            answers: Answers::default(),
            committed: Histogram::new(COMMIT_BOUNDS),
            store_bytes: Value::default(),
            quarantined: Value::default(),
            reload_successful: Flag::default(),
            restart_pending: Value::default(),
            published: ArcSwapOption::empty(),
        });
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Arc::clone(&inner)));
        Self { inner, registry }
    }

    /// One request to a source.
    pub fn event(&self, source: &SourceName, result: EventResult) {
        let sources = self.inner.sources.load();
        let series =
            sources.get(source).map_or_else(|| self.inner.removed_source.touch(), Arc::as_ref);
        series.add(result as usize, 1);
    }

    /// A connection or request was refused before it reached a source.
    pub fn refused(&self, reason: Refused) {
        self.inner.refused.add(reason as usize, 1);
    }

    /// Connections to the listener that are open.
    pub fn connections(&self, open: u64) {
        self.inner.connections.set(open);
    }

    /// A rule matched an event that arrived `at`. A rule that a reload took out in this moment is not counted.
    pub fn rule_matched(&self, rule: &RuleName, event: EventId, at: Timestamp) {
        if let Some(series) = self.inner.rules.load().get(rule) {
            series.add(event, at);
        }
    }

    /// A rule in shadow matched an event that arrived `at`.
    pub fn rule_watched(&self, rule: &RuleName, event: EventId, at: Timestamp) {
        if let Some(series) = self.inner.shadows.load().get(rule) {
            series.add(event, at);
        }
    }

    /// What a rule of the configuration matched, live or in shadow; nothing of any other.
    pub fn rule_matches(&self, rule: &RuleName) -> RuleMatches {
        let (shadows, rules) = (self.inner.shadows.load(), self.inner.rules.load());
        let series = shadows.get(rule).or_else(|| rules.get(rule));
        series.map_or_else(RuleMatches::default, |series| RuleMatches {
            count: series.matches.get(),
            last: *series.last.lock().unwrap_or_else(PoisonError::into_inner),
        })
    }

    /// A delivery began or ended.
    pub fn delivery(&self, target: &TargetName, result: DeliveryResult, count: u64) {
        self.inner.target(target, |series| series.deliveries.add(result.index(), count));
    }

    /// An attempt ended.
    pub fn attempt(&self, target: &TargetName, outcome: AttemptLabel, took: Duration) {
        self.inner.target(target, |series| {
            series.attempts.add(outcome as usize, 1);
            series.seconds.observe(took);
        });
        let targets = self.inner.targets.load();
        if let Some(series) = targets.get(target) {
            let (minute, kept) = (self.inner.minute().0, minutes::kept(targets.len()));
            let accepted = outcome == AttemptLabel::Accepted;
            series.minutes().attempt(minute, kept, accepted, took);
        }
    }

    /// The last minutes of the targets of the configuration, or of one of them: at most `most`, and no more than there were.
    pub fn recent_minutes(&self, most: usize, only: Option<&TargetName>) -> RecentMinutes {
        let targets = self.inner.targets.load();
        let (minute, into) = self.inner.minute();
        let count = most.min(minutes::kept(targets.len())).min(minute as usize + 1);
        let wanted = targets.iter().filter(|(name, _)| only.is_none_or(|wanted| wanted == *name));
        let told =
            wanted.map(|(name, series)| (name.clone(), series.minutes().told(minute, count)));
        RecentMinutes { into, count, targets: told.collect() }
    }

    /// An event was answered after `took` from its last byte.
    pub fn acknowledged(&self, took: Duration) {
        self.inner.acknowledged.observe(took);
    }

    /// The answer to an event that was new is ready.
    pub fn answered(&self, event: EventId, took: Duration) {
        self.inner.answers.note(event, took);
    }

    /// How long an event took to be answered, if it is one of the newest.
    pub fn answer_time(&self, event: EventId) -> Option<Duration> {
        self.inner.answers.of(event)
    }

    /// The store committed a batch.
    pub fn committed(&self, took: Duration) {
        self.inner.committed.observe(took);
    }

    /// Bytes of the store on disk.
    pub fn store_bytes(&self, bytes: u64) {
        self.inner.store_bytes.set(bytes);
    }

    /// Deliveries that wait or are under way, and the arrival of the oldest. For a target that the configuration no longer
    /// has, say zero when there are none left.
    pub fn pending(&self, target: &TargetName, count: u64, oldest_seconds: f64) {
        self.inner.gauges(target, |gauges| {
            gauges.pending.set(count);
            gauges.oldest_seconds.set_float(oldest_seconds);
        });
        let targets = self.inner.targets.load();
        if let Some(series) = targets.get(target) {
            let (minute, kept) = (self.inner.minute().0, minutes::kept(targets.len()));
            series.minutes().pending(minute, kept, count);
        }
    }

    /// Dead letters that are listed. For a target that the configuration no longer has, say zero when there are none left.
    pub fn dead_letters(&self, target: &TargetName, count: u64) {
        self.inner.gauges(target, |gauges| gauges.dead.set(count));
    }

    /// Quarantined events that are listed.
    pub fn quarantined(&self, count: u64) {
        self.inner.quarantined.set(count);
    }

    /// Whether a target's circuit is open, and whether a person paused it.
    #[expect(clippy::fn_params_excessive_bools, reason = "two gauges that are read together")]
    pub fn target_state(&self, target: &TargetName, circuit_open: bool, paused: bool) {
        self.inner.gauges(target, |gauges| {
            gauges.circuit_open.set(circuit_open);
            gauges.paused.set(paused);
        });
    }

    /// Removes the series of names that the configuration no longer has, and adds those it has, at zero.
    pub fn configured(&self, sources: &[SourceName], rules: &[RuleName], targets: &[TargetName]) {
        let inner = &self.inner;
        let _one = inner.configuring.lock().unwrap_or_else(PoisonError::into_inner);
        inner.sources.store(Arc::new(inner.sources.load().with(sources)));
        inner.rules.store(Arc::new(inner.rules.load().with(rules)));
        inner.targets.store(Arc::new(inner.targets.load().with(targets)));
        inner.removed().retain(|name, _| !targets.contains(name));
    }

    /// The rules in shadow: series of others are removed, and those of new ones begin at zero.
    pub fn in_shadow(&self, rules: &[RuleName]) {
        let inner = &self.inner;
        let _one = inner.configuring.lock().unwrap_or_else(PoisonError::into_inner);
        inner.shadows.store(Arc::new(inner.shadows.load().with(rules)));
    }

    /// A reload ended: the running revision and when, or a refusal.
    pub fn reloaded(&self, published: Option<(Revision, Timestamp)>) {
        self.inner.reload_successful.set(published.is_some());
        if let Some((revision, at)) = published {
            let millis = u64::try_from(at.millis()).unwrap_or(0);
            self.inner.published.store(Some(Arc::new((revision, millis))));
        }
    }

    /// Keys that were changed in the file and wait for a restart.
    pub fn restart_pending(&self, count: u64) {
        self.inner.restart_pending.set(count);
    }

    /// OpenMetrics text.
    pub fn encode(&self) -> String {
        let mut out = String::new();
        // Writing into a string cannot fail, and none of ours refuses to be written.
        if text::encode(&mut out, &self.registry).is_err() {
            tracing::error!("the metrics could not be written");
        }
        out
    }
}

impl Inner {
    fn removed(&self) -> MutexGuard<'_, HashMap<TargetName, Gauges>> {
        self.removed_gauges.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of the running minute, and how much of it is over.
    fn minute(&self) -> (u32, Duration) {
        let since = self.began.elapsed();
        let minute = u32::try_from(since.as_secs() / 60).unwrap_or(u32::MAX);
        (minute, since.saturating_sub(Duration::from_mins(minute.into())))
    }

    fn target(&self, name: &TargetName, record: impl FnOnce(&TargetSeries)) {
        let targets = self.targets.load();
        record(targets.get(name).map_or_else(|| self.removed_target.touch(), Arc::as_ref));
    }

    fn gauges(&self, name: &TargetName, record: impl FnOnce(&Gauges)) {
        if let Some(series) = self.targets.load().get(name) {
            record(&series.gauges);
            return;
        }
        let mut removed = self.removed();
        if removed.len() < REMOVED_MAX || removed.contains_key(name) {
            let gauges = removed.entry(name.clone()).or_default();
            record(gauges);
            if gauges.pending.get() == 0 && gauges.dead.get() == 0 {
                removed.remove(name);
            }
        }
    }

    /// The gauges of all removed targets together: sums, and the age of the oldest.
    pub(super) fn removed_gauges(&self) -> Option<Gauges> {
        let removed = self.removed();
        let all = Gauges::default();
        for gauges in removed.values() {
            all.pending.add(gauges.pending.get());
            all.dead.add(gauges.dead.get());
            let oldest = all.oldest_seconds.get_float().max(gauges.oldest_seconds.get_float());
            all.oldest_seconds.set_float(oldest);
        }
        (!removed.is_empty()).then_some(all)
    }
}
