//! The forms on the wire: what the API takes and gives, apart from the types that the program works with, so that those can
//! change and these do not. `docs/api.md` describes them; `cli` reads them back.
//!
//! Times are RFC 3339 in UTC. A member that has no value is left out. Later versions may add members.

mod dead_letter;
mod event;
mod preview;
mod rule;
mod status;
mod target;

use serde::{Deserialize, Serialize};

pub use dead_letter::{Changed, DeadLetter, DeadLetters, Selection};
pub use event::{
    Attempt, Delivery, Event, Events, Lagged, ReplayRequest, Replayed, Request, Signature,
};
pub use preview::{
    Differing, Preview, PreviewLine, PreviewProgress, PreviewRequest, RuleChange, Sides,
    TargetChange,
};
pub use rule::{
    KeptRevision, Load, Match, Reloaded, RevisionText, Revisions, Rule, Rules, TestRun, TestVerdict,
};
pub use status::{Configuration, PublicAddress, Ready, Status, Store, Ui, Webhook, WebhookSource};
pub use target::{Failure, Series, Target, TargetSeries, Targets};

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

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for this form")]
fn is_false(value: &bool) -> bool {
    !value
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for this form")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}
