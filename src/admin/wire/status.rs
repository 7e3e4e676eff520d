//! How the instance is, and where events reach it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Problem, Revision};

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
