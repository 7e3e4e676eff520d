//! The forms on the wire: what the API takes and gives, apart from the types that the program works with, so that those can
//! change and these do not. `docs/api.md` describes them; `cli` reads them back.
//!
//! Times are RFC 3339 in UTC. A member that has no value is left out. Later versions may add members.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A revision of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    /// Its number; grows with each.
    pub number: u64,
    /// SHA-256 of its text, in hex.
    pub hash: String,
}

/// One problem of a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// What kind of problem it is: `HS302`. `docs/lint.md` has a section for each.
    pub code: String,
    /// `error` or `warning`.
    pub level: String,
    /// Where in the document: `targets.crm.url`.
    pub path: String,
    /// Line, from 1, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// Column, from 1, in characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
    /// What is wrong.
    pub text: String,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// Every error: `application/problem+json`, RFC 9457.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// What kind of error, in few words.
    pub title: String,
    /// The status of the answer.
    pub status: u16,
    /// What is wrong and what to do.
    pub detail: String,
    /// The problems of a refused configuration.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Problem>,
    /// The same as a text for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// `GET /readyz`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// Whether events are accepted.
    pub ready: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
}

/// `GET /api/v1/status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Version of the program.
    pub version: String,
    /// Whether events are accepted, and why not.
    #[serde(flatten)]
    pub ready: Ready,
    /// When the program started.
    pub started_at: String,
    /// What its clock says.
    pub now: String,
    /// The configuration.
    pub configuration: Configuration,
    /// The store.
    pub store: Store,
    /// What the page shows.
    pub ui: Ui,
    /// Whether the API asks for a token.
    pub token_needed: bool,
}

/// What the page shows, in [`Status`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ui {
    /// `all` or `masked`.
    pub show_payloads: String,
}

/// The configuration, in [`Status`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Configuration {
    /// The file.
    pub file: String,
    /// The running revision.
    pub revision: Revision,
    /// What is legal but unwise in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Problem>,
    /// Why the file as it is now is refused, if it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<Problem>,
    /// Keys that were changed in the file and wait for a restart.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub restart_pending: Vec<String>,
    /// Names of the sources.
    pub sources: Vec<String>,
    /// Number of targets.
    pub targets: usize,
    /// Number of rules.
    pub rules: usize,
}

/// The store, in [`Status`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Store {
    /// `writable`, `full` or `failed`.
    pub health: String,
    /// Events that are listed.
    pub events: u64,
    /// Quarantined events that are listed.
    pub quarantined: u64,
    /// Deliveries that wait or are under way.
    pub pending: u64,
    /// Dead letters that are listed.
    pub dead_letters: u64,
    /// Bytes on disk.
    pub bytes: u64,
    /// Most bytes on disk.
    pub max_bytes: u64,
    /// How durable it is: file system, engine, sync settings as read back.
    pub facts: BTreeMap<String, String>,
    /// What of that may lose what was acknowledged, or show it to others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

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
    #[serde(default, skip_serializing_if = "is_false")]
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

/// A dead letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// The delivery.
    #[serde(flatten)]
    pub delivery: Delivery,
    /// Its event's id.
    pub event_id: String,
    /// Its event's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// The call's or chat's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<String>,
    /// What happened at the last attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// `GET /api/v1/dead-letters`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetters {
    /// Newest first.
    pub dead_letters: Vec<DeadLetter>,
    /// What to ask for as `cursor` to get the next page; missing at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// The body of `POST /api/v1/dead-letters/retry` and `/drop`. Its members narrow one another; at least one must be there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Selection {
    /// These deliveries; not empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ids: Option<Vec<i64>>,
    /// Those of this target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Those with this reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Those of this event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// Says that nothing else is meant to narrow it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub all: bool,
}

/// How many were changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    /// So many dead letters.
    pub count: u64,
}

/// `GET /api/v1/targets`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Targets {
    /// By name.
    pub targets: Vec<Target>,
}

/// A target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Its name.
    pub name: String,
    /// Whether the running configuration has it.
    pub configured: bool,
    /// `http`, `slack` or `log`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Origin of its address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Deliveries that wait or are under way.
    pub pending: u64,
    /// Where the age of the oldest of them began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest_pending: Option<String>,
    /// Dead letters that are listed.
    pub dead_letters: u64,
    /// Attempts under way.
    pub in_flight: u32,
    /// `closed`, `open` or `probing`.
    pub circuit: String,
    /// Whether a person paused it.
    pub paused: bool,
    /// The last attempt that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<Failure>,
}

/// An attempt that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What happened.
    pub detail: String,
    /// When.
    pub at: String,
}

/// `GET /api/v1/targets/series`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// When the first step began.
    pub from: String,
    /// How long a step is, in seconds.
    pub step_s: u64,
    /// The targets of the running configuration, by name.
    pub targets: Vec<TargetSeries>,
}

/// What attempts of a target came to, step by step. The last step is not over yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TargetSeries {
    /// Its name.
    pub name: String,
    /// Attempts that it accepted.
    pub accepted: Vec<u64>,
    /// Attempts that failed.
    pub failed: Vec<u64>,
    /// The time that half of the attempts did not exceed, in milliseconds; null without attempts.
    pub p50_ms: Vec<Option<f64>>,
    /// The time that 95 of 100 did not.
    pub p95_ms: Vec<Option<f64>>,
    /// Deliveries that waited or were under way at the end of the step.
    pub pending: Vec<u64>,
}

/// `GET /api/v1/rules`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_field_names, reason = "the words of the file")]
pub struct Rules {
    /// The running revision.
    pub revision: Revision,
    /// In file order.
    pub rules: Vec<Rule>,
    /// The targets of events that no rule matched.
    pub fallback: Vec<String>,
    /// Of which revision's text the lines are.
    pub text_revision: u64,
    /// Since when matches are counted: since the program began. Those of a rule that a reload added count from then.
    pub counted_since: String,
    /// What is legal but unwise in the running revision.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Problem>,
}

/// A rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "members of a document, not states")]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// Whether it is looked at.
    pub enabled: bool,
    /// Whether it has a condition; one without matches every event.
    pub conditional: bool,
    /// The targets that it sends to.
    pub to: Vec<String>,
    /// Whether it says `ignore`.
    pub ignore: bool,
    /// Whether later rules are not looked at once it matched.
    pub stop: bool,
    /// `live`, or `shadow` if it only watches.
    pub mode: String,
    /// The line of the text where it begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The line where it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_line: Option<u32>,
    /// So many events matched.
    pub matches: u64,
    /// The last of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_match: Option<Match>,
}

/// An event that a rule matched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Match {
    /// When it arrived.
    pub at: String,
    /// Its id.
    pub event: String,
}

/// `GET /api/v1/rules/tests`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TestRun {
    /// The number of the revision whose tests they are.
    pub revision: u64,
    /// In file order.
    pub tests: Vec<TestVerdict>,
    /// The enabled rules that no test exercises; left out if not all were run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub untested: Option<Vec<String>>,
    /// So many were not run, because time was up.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub not_run: u64,
}

/// What came of a test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TestVerdict {
    /// Its name.
    pub name: String,
    /// The line of the file where it begins.
    pub line: u32,
    /// Whether all is as it expects.
    pub passed: bool,
    /// Why its event could not be looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
    /// What is not as it expects, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<String>,
    /// How long it took, in milliseconds.
    pub took_ms: f64,
}

/// `GET /api/v1/revisions`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_field_names, reason = "the words of the documents")]
pub struct Revisions {
    /// The number of the one that runs.
    pub running: u64,
    /// Those whose texts are kept, newest first.
    pub revisions: Vec<KeptRevision>,
    /// What the last loads came to, newest first; only of this run of the program.
    pub reloads: Vec<Load>,
}

/// A revision whose text is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptRevision {
    /// Its number.
    pub number: u64,
    /// SHA-256 of its text, in hex.
    pub hash: String,
    /// When it was recorded.
    pub at: String,
}

/// `GET /api/v1/revisions/{number}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevisionText {
    /// The revision.
    #[serde(flatten)]
    pub revision: KeptRevision,
    /// Its text, line by line as it was, with `***` for what is secret.
    pub text: String,
}

/// One load of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Load {
    /// When it ended.
    pub at: String,
    /// `published`, `unchanged`, `refused` or `failed`.
    pub result: String,
    /// `start`, `person` or `files`.
    pub asked_by: String,
    /// The number of the revision that ran after it, if it was not refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    /// Why it was refused: the first of its problems.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Problem>,
    /// Why it failed, or how many more problems there were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// `GET /api/v1/webhook`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// The address at which events arrive.
    pub listen: String,
    /// The sources, in file order.
    pub sources: Vec<WebhookSource>,
    /// What to give to Retell: addresses under which they can be reached from outside, as far as a local ngrok agent knows.
    pub public: Vec<PublicAddress>,
    /// `running`, `not_found` or `failed`.
    pub ngrok: String,
    /// What to do, or what is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// A source, in [`Webhook`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookSource {
    /// Its name.
    pub name: String,
    /// Its path.
    pub path: String,
    /// Whether it checks signatures.
    pub signed: bool,
}

/// An address of a source from outside, in [`Webhook`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicAddress {
    /// The whole address.
    pub url: String,
    /// The source's name.
    pub source: String,
}

/// The answer to `POST /-/reload`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reloaded {
    /// `published` or `unchanged`.
    pub result: String,
    /// The running revision.
    pub revision: Revision,
    /// What is legal but unwise in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Problem>,
    /// Keys that were changed in the file and wait for a restart.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub restart_pending: Vec<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for this form")]
fn is_false(value: &bool) -> bool {
    !value
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for this form")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// `POST /api/v1/preview`: a configuration that does not run yet, and the events to look at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreviewRequest {
    /// Its text.
    pub text: String,
    /// Events that arrived then or later; without it, in the last 24 hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// And before then; without it, until now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

/// One line of the answer to a [`PreviewRequest`]: some that tell how far it is, then one that ends it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PreviewLine {
    /// It goes on.
    Progress(PreviewProgress),
    /// It is done.
    Result(Box<Preview>),
    /// It could not be done to its end.
    Error(ErrorBody),
}

/// How far a preview is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviewProgress {
    /// Events that were looked at.
    pub looked: u64,
    /// Of how many, about.
    #[serde(default)]
    pub of: Option<u64>,
    /// How many of them differ.
    pub differ: u64,
}

/// What a preview came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preview {
    /// The revision that runs, and was compared with.
    pub running: Revision,
    /// Where the window begins.
    pub since: String,
    /// Where it ends.
    pub until: String,
    /// Events that were compared.
    pub events: u64,
    /// Events that neither revision can look at.
    pub unreadable: u64,
    /// Deliveries in all.
    pub deliveries: Sides,
    /// Every rule of the running revision, then those that are new.
    pub rules: Vec<RuleChange>,
    /// Every target that gets anything.
    pub targets: Vec<TargetChange>,
    /// Deliveries that the fallback asks for.
    pub fallback: Sides,
    /// Events that no rule matches, without a fallback.
    pub unrouted: Sides,
    /// Events that a rule ignores.
    pub ignored: Sides,
    /// Events that this revision cannot look at, though the other can.
    pub quarantined: Sides,
    /// Events that go elsewhere, or nowhere for another reason: the first 1,000, oldest first.
    pub differing: Vec<Differing>,
    /// How many there are.
    pub differing_total: u64,
    /// What is legal but unwise in the text.
    pub warnings: Vec<Problem>,
    /// What to know before one relies on it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// A number under the running revision, and under the new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sides {
    /// Under the running one.
    pub running: u64,
    /// Under the new one.
    pub new: u64,
}

/// A rule, in [`Preview`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleChange {
    /// Its name.
    pub name: String,
    /// Events that it matches under the running revision; 0 if that has no such rule.
    pub running: u64,
    /// Events that it matches under the new one.
    pub new: u64,
    /// `running` or `new`, if only that revision has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<String>,
    /// Deliveries that it is the first to ask for.
    pub deliveries: Sides,
    /// Of a rule in shadow: deliveries that it would add if it were live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow: Option<Sides>,
}

/// A target, in [`Preview`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetChange {
    /// Its name.
    pub name: String,
    /// Deliveries under the running revision.
    pub running: u64,
    /// Deliveries under the new one.
    pub new: u64,
    /// Events that go there under the new one only.
    pub gained: u64,
    /// Events that go there under the running one only.
    pub lost: u64,
}

/// An event that differs, in [`Preview`]. Of each list the first 50 names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Differing {
    /// Its id.
    pub event: String,
    /// When it arrived.
    pub received_at: String,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// Its call or chat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<String>,
    /// Targets that the new revision adds.
    pub gains: Vec<String>,
    /// Targets that it takes away.
    pub loses: Vec<String>,
    /// What the running revision does with it: `routed`, `ignored`, `unrouted`, `quarantined`.
    pub before: String,
    /// What the new one does.
    pub after: String,
    /// The rules that match under the running revision.
    pub rules_before: Vec<String>,
    /// And under the new one.
    pub rules_after: Vec<String>,
    /// The rules in shadow that match under the running revision.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shadow_before: Vec<String>,
    /// And under the new one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shadow_after: Vec<String>,
}
