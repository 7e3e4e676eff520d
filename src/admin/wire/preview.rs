//! What a file that does not run yet would change.

use serde::{Deserialize, Serialize};

use super::{ErrorBody, Problem, Revision};

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
    /// What is legal but unwise in the text, and rates below what these events would ask for.
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
