//! The labels of the metrics that are fixed lists.

use crate::delivery::DeadReason;

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
    /// 500: a fault of ours.
    Internal,
}

impl EventResult {
    /// All of them, in the order of declaration.
    pub const ALL: [Self; 18] = [
        Self::Routed,
        Self::Unrouted,
        Self::Ignored,
        Self::Revised,
        Self::Quarantined,
        Self::Duplicate,
        Self::Unauthentic,
        Self::Stale,
        Self::NotJson,
        Self::BadRequest,
        Self::TooLarge,
        Self::Encoded,
        Self::Timeout,
        Self::Aborted,
        Self::Busy,
        Self::StoreFull,
        Self::StoreFailed,
        Self::Internal,
    ];

    /// The label's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Routed => "routed",
            Self::Unrouted => "unrouted",
            Self::Ignored => "ignored",
            Self::Revised => "revised",
            Self::Quarantined => "quarantined",
            Self::Duplicate => "duplicate",
            Self::Unauthentic => "unauthentic",
            Self::Stale => "stale",
            Self::NotJson => "not_json",
            Self::BadRequest => "bad_request",
            Self::TooLarge => "too_large",
            Self::Encoded => "encoded",
            Self::Timeout => "timeout",
            Self::Aborted => "aborted",
            Self::Busy => "busy",
            Self::StoreFull => "store_full",
            Self::StoreFailed => "store_failed",
            Self::Internal => "internal",
        }
    }
}

/// Why a connection or request was refused before it reached a source: the label `reason` of `hookswitch_refused_total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Refused {
    /// There were `limits.connections` already.
    Connections,
    /// Its address had `limits.connections_per_address` already.
    ConnectionsOfAddress,
    /// Its headers did not come in time.
    HeadTimeout,
    /// Its headers are larger than they may be.
    HeadTooLarge,
    /// It is not HTTP, or its `Content-Length` is none.
    BadHead,
    /// Its `Transfer-Encoding` leaves open where it ends.
    Framing,
    /// Nothing is at its path.
    NotFound,
    /// Its path knows other methods.
    Method,
}

impl Refused {
    /// All of them, in the order of declaration.
    pub const ALL: [Self; 8] = [
        Self::Connections,
        Self::ConnectionsOfAddress,
        Self::HeadTimeout,
        Self::HeadTooLarge,
        Self::BadHead,
        Self::Framing,
        Self::NotFound,
        Self::Method,
    ];

    /// The label's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::ConnectionsOfAddress => "connections_of_address",
            Self::HeadTimeout => "head_timeout",
            Self::HeadTooLarge => "head_too_large",
            Self::BadHead => "bad_head",
            Self::Framing => "framing",
            Self::NotFound => "not_found",
            Self::Method => "method",
        }
    }
}

/// How a delivery ended or began: the label `result` of `hookswitch_deliveries_total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeliveryResult {
    /// Stored, to be delivered.
    Created,
    /// Delivered.
    Delivered,
    /// A dead letter reopened.
    Reopened,
    /// A dead letter.
    Dead(DeadReason),
}

impl DeliveryResult {
    pub(super) const COUNT: usize = 3 + DeadReason::ALL.len();

    /// All of them, in the order of [`DeliveryResult::index`].
    pub fn all() -> impl Iterator<Item = Self> {
        [Self::Created, Self::Delivered, Self::Reopened]
            .into_iter()
            .chain(DeadReason::ALL.into_iter().map(Self::Dead))
    }

    /// The label's value: a dead letter's is `dead_` and its reason.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Delivered => "delivered",
            Self::Reopened => "reopened",
            Self::Dead(DeadReason::Expired) => "dead_expired",
            Self::Dead(DeadReason::Rejected) => "dead_rejected",
            Self::Dead(DeadReason::Redirect) => "dead_redirect",
            Self::Dead(DeadReason::Gone) => "dead_gone",
            Self::Dead(DeadReason::Template) => "dead_template",
            Self::Dead(DeadReason::Unreadable) => "dead_unreadable",
            Self::Dead(DeadReason::TargetRemoved) => "dead_target_removed",
            Self::Dead(DeadReason::Dropped) => "dead_dropped",
        }
    }

    pub(super) fn index(self) -> usize {
        match self {
            Self::Created => 0,
            Self::Delivered => 1,
            Self::Reopened => 2,
            Self::Dead(reason) => 3 + reason as usize,
        }
    }
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

impl AttemptLabel {
    /// All of them, in the order of declaration.
    pub const ALL: [Self; 8] = [
        Self::Accepted,
        Self::Retried,
        Self::Busy,
        Self::Unreachable,
        Self::Timeout,
        Self::Rejected,
        Self::Unrendered,
        Self::Panicked,
    ];

    /// The label's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Retried => "retried",
            Self::Busy => "busy",
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::Rejected => "rejected",
            Self::Unrendered => "unrendered",
            Self::Panicked => "panicked",
        }
    }
}
