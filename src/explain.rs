//! Why an event goes where it goes: the engine behind the command and the API.

use serde::Serialize;

use crate::clock::Timestamp;
use crate::config::Snapshot;
use crate::event::Event;
use crate::rule::RuleTrace;

/// Everything about one event under one snapshot.
#[derive(Debug, Serialize)]
pub struct Explanation {
    /// `routed`, `ignored`, `unrouted`, `quarantined`.
    pub disposition: String,
    /// Why it is quarantined.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether its targets come from `fallback`.
    pub fallback: bool,
    /// Per rule.
    pub rules: Vec<RuleTrace>,
    /// The requests that would go out, secrets masked.
    pub requests: Vec<ExplainedRequest>,
}

/// One request that would go out.
#[derive(Debug, Serialize)]
pub struct ExplainedRequest {
    /// Where to.
    pub target: String,
    /// Kind of the target.
    pub kind: &'static str,
    /// The place in its order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_key: Option<String>,
    /// Method and masked address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// Headers, secret values as `***`.
    pub headers: Vec<(String, String)>,
    /// The body: JSON if it is, else text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<serde_json::Value>,
    /// Why there would be no request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// Explains `event`, which the snapshot's reader must have read. Sends nothing.
pub fn explain(_snapshot: &Snapshot, _event: &Event, _now: Timestamp) -> Explanation {
    todo!()
}

impl Explanation {
    /// For people.
    pub fn text(&self) -> String {
        todo!()
    }
}
