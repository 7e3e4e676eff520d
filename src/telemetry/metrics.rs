//! The metrics of design section 7, in OpenMetrics text.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::delivery::DeadReason;
use crate::name::{Revision, RuleName, SourceName, TargetName};

/// What became of one request to a source: the label `result` of `hookswitch_events_total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventResult {
    /// Stored with deliveries.
    Routed,
    /// Stored, no rule matched.
    Unrouted,
    /// Stored, a rule said `ignore`.
    Ignored,
    /// Stored, a repeat with another body.
    Revised,
    /// Stored, authentic but unreadable.
    Quarantined,
    /// A repeat with the same body: counted on the first, not stored.
    Duplicate,
    /// 401: no, malformed or wrong signature.
    Unauthentic,
    /// 401: right but stale.
    Stale,
    /// 400: not a JSON object, on an unsigned source.
    NotJson,
    /// 400: the request breaks HTTP's framing rules.
    BadRequest,
    /// 413.
    TooLarge,
    /// 415.
    Encoded,
    /// 408: slow headers or body.
    Timeout,
    /// The client went away before its body was whole.
    Aborted,
    /// 503: memory, connections or commits behind.
    Busy,
    /// 503: the store is full.
    StoreFull,
    /// 503: the store failed.
    StoreFailed,
}

/// How a delivery ended or began: the label `result` of `hookswitch_deliveries_total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeliveryResult {
    /// Stored, to be delivered.
    Created,
    /// Delivered.
    Delivered,
    /// A dead letter.
    Dead(DeadReason),
    /// A dead letter reopened.
    Reopened,
}

/// What an attempt came to: the label `outcome` of `hookswitch_attempts_total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AttemptLabel {
    /// The target has it.
    Accepted,
    /// An answer that is retried.
    Retried,
    /// 429, or 503 with `Retry-After`.
    Busy,
    /// No answer: connection, DNS, TLS.
    Unreachable,
    /// No answer in time.
    Timeout,
    /// Refused for good.
    Rejected,
    /// Not sent: it could not be rendered.
    Unrendered,
    /// The attempt's task panicked.
    Panicked,
}

/// Every metric. Cheap to share behind an `Arc`; recording takes no lock that a scrape holds.
#[derive(Debug)]
pub struct Metrics {}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All at zero.
    pub fn new() -> Self {
        todo!()
    }

    /// One request to a source.
    pub fn event(&self, _source: &SourceName, _result: EventResult) {
        todo!()
    }

    /// A rule matched.
    pub fn rule_matched(&self, _rule: &RuleName) {
        todo!()
    }

    /// A delivery began or ended.
    pub fn delivery(&self, _target: &TargetName, _result: DeliveryResult, _count: u64) {
        todo!()
    }

    /// An attempt ended.
    pub fn attempt(&self, _target: &TargetName, _outcome: AttemptLabel, _took: Duration) {
        todo!()
    }

    /// An event was answered after `took` from its last byte.
    pub fn acknowledged(&self, _took: Duration) {
        todo!()
    }

    /// The store committed a batch.
    pub fn committed(&self, _took: Duration) {
        todo!()
    }

    /// Bytes of the store on disk.
    pub fn store_bytes(&self, _bytes: u64) {
        todo!()
    }

    /// Deliveries that wait or are under way, and the arrival of the oldest.
    pub fn pending(&self, _target: &TargetName, _count: u64, _oldest_seconds: f64) {
        todo!()
    }

    /// Dead letters that are listed.
    pub fn dead_letters(&self, _target: &TargetName, _count: u64) {
        todo!()
    }

    /// Quarantined events that are listed.
    pub fn quarantined(&self, _count: u64) {
        todo!()
    }

    /// Whether a target's circuit is open, and whether a person paused it.
    pub fn target_state(&self, _target: &TargetName, _circuit_open: bool, _paused: bool) {
        todo!()
    }

    /// Removes the series of names that the configuration no longer has, and adds those it has, at zero.
    pub fn configured(
        &self,
        _sources: &[SourceName],
        _rules: &[RuleName],
        _targets: &[TargetName],
    ) {
        todo!()
    }

    /// A reload ended: the running revision and when, or a refusal.
    pub fn reloaded(&self, _published: Option<(Revision, Timestamp)>) {
        todo!()
    }

    /// Keys that were changed in the file and wait for a restart.
    pub fn restart_pending(&self, _count: u64) {
        todo!()
    }

    /// OpenMetrics text.
    pub fn encode(&self) -> String {
        todo!()
    }
}
