//! Rules, their tests, and the revisions they came in.

use serde::{Deserialize, Serialize};

use super::{Problem, Revision};

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
    #[serde(default, skip_serializing_if = "super::is_zero")]
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
