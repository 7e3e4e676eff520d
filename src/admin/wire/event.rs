//! Events, their deliveries and attempts, and what a replay is asked with.

use serde::{Deserialize, Serialize};

/// An event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(clippy::struct_field_names, reason = "the words of Retell's payloads")]
pub struct Event {
    /// Its id.
    pub id: String,
    /// When it arrived.
    pub received_at: String,
    /// The source that received it.
    pub source: String,
    /// Whether a signature was checked.
    pub signed: bool,
    /// Its name: `call_analyzed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// The agent's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// The call's or chat's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<String>,
    /// `routed`, `unrouted`, `ignored`, `revised` or `quarantined`.
    pub state: String,
    /// Why it is quarantined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The event that it repeats with another body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revises: Option<String>,
    /// The event whose body a person edited to make this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited_from: Option<String>,
    /// The rules that matched.
    pub rules: Vec<String>,
    /// The rules with `mode: shadow` that matched: they send nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shadow: Vec<String>,
    /// The number of the revision that routed it.
    pub revision: u64,
    /// How often it was sent again with the same body.
    pub duplicates: u64,
    /// How long it took from its last byte to its answer, in milliseconds: known of the newest events, until a restart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_ms: Option<f64>,
    /// The body's length in bytes.
    pub body_bytes: u64,
    /// What is kept of its request: only where one event is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Request>,
    /// Its deliveries.
    pub deliveries: Vec<Delivery>,
}

/// What is kept of an event's request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// `content-type`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// `user-agent`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// The query, as it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// The peer's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// What is known of its signature.
    pub signature: Signature,
}

/// What is known of the signature of an event's request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// `valid` or `not_checked`: one that is wrong is no event's.
    pub verdict: String,
    /// Why that is so.
    pub reason: String,
    /// When the sender signed it, by the sender's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_at: Option<String>,
}

/// A delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Its id.
    pub id: i64,
    /// Where to.
    pub target: String,
    /// `pending`, `delivered` or `dead`.
    pub state: String,
    /// When the next attempt is due, while it is pending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<String>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<String>,
    /// Why it is dead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Attempts made.
    pub attempts: u32,
    /// When it was made.
    pub created_at: String,
    /// When its age began: at its event's arrival, or when it was replayed or reopened.
    pub age_from: String,
    /// Its place in the target's order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_key: Option<String>,
    /// Whether a person asked for it.
    pub replay: bool,
    /// Its attempts, oldest first: only where one event is asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<Attempt>,
}

/// One attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Counts from 1.
    pub number: u32,
    /// When it began.
    pub started_at: String,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// `accepted`, `retry` or `rejected`.
    pub result: String,
    /// The status of the answer, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// What happened.
    pub detail: String,
    /// The beginning of the answer's body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
}

/// `GET /api/v1/events`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(clippy::struct_field_names, reason = "the words of the API")]
pub struct Events {
    /// Newest first.
    pub events: Vec<Event>,
    /// What to ask for as `cursor` to get the next page; missing at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// When the last event arrived that was looked at, where time was up before the page was full: the next one goes on there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looked_to: Option<String>,
}

/// What `GET /api/v1/events/stream` says, under the name `lagged`, to a reader that is far behind; everything else it says is
/// an [`Event`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lagged {
    /// So many events are not shown, whether the filter would have let them through or not.
    pub skipped: u64,
}

/// The body of `POST /api/v1/events/{id}/replay`. Without anything: plan it by the running revision.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplayRequest {
    /// Only to this target, whatever the rules say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// To the targets of its stored plan.
    #[serde(default, skip_serializing_if = "super::is_false")]
    pub original: bool,
    /// Another body: it becomes a new event, which goes to targets that the rules name for it. `to` chooses one of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

/// The answer to a replay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replayed {
    /// The event; with an edited body, the new one.
    pub event: String,
    /// The event that it was made of, with an edited body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited_from: Option<String>,
    /// The number of the revision that planned it.
    pub revision: u64,
    /// The new deliveries.
    pub deliveries: Vec<Delivery>,
    /// Targets of the stored plan that the running revision does not have: nothing was made for them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<String>,
}
