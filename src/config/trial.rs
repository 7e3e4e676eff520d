//! Tests of the file as they come out of it: an event and what must become of it. The module `trial` runs them.

use bytes::Bytes;
use serde_json::Value;

use crate::event::Pairs;
use crate::name::{RuleName, SourceName, TargetName, TestName};
use crate::path::Path;
use crate::secret::Secret;

/// Most tests of a file.
pub(super) const TRIALS_MAX: usize = 10_000;

/// One test.
#[derive(Debug, Clone)]
pub struct Trial {
    /// Its name.
    pub name: TestName,
    /// Where it stands.
    pub place: Place,
    /// The body of its event; or why there is none, which makes the test fail and not the file.
    pub event: Result<Bytes, String>,
    /// What is changed in it first, in this order.
    pub change: Vec<Change>,
    /// Where it arrives; at the first source if it says nothing.
    pub source: Option<SourceName>,
    /// Query parameters, percent-decoded.
    pub query: Pairs,
    /// Headers, names in lower case.
    pub headers: Pairs,
    /// What must become of it.
    pub expect: Expect,
}

/// Where a test stands in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its path: `tests[3]`.
    pub path: String,
    /// Byte offsets of its name.
    pub span: (usize, usize),
    /// The line where it begins.
    pub line: u32,
}

/// One edit of an event.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Puts the value at the path, which is singular.
    Set(Path, Value),
    /// Takes out what the path names.
    Remove(Path),
}

/// What must become of an event. What is not there is not looked at.
#[derive(Debug, Clone)]
pub struct Expect {
    /// That it goes nowhere, and how.
    pub fate: Option<Fate>,
    /// The targets that get it, and no others.
    pub to: Option<Vec<TargetName>>,
    /// The live rules that match, and no others.
    pub rules: Option<Vec<RuleName>>,
    /// The rules in shadow that match, and no others.
    pub shadow: Option<Vec<RuleName>>,
    /// What targets are sent.
    pub sends: Vec<ExpectedRequest>,
}

/// How an event goes nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// No rule matches and there is no fallback.
    Unrouted,
    /// A rule ignores it, and none before sends it.
    Ignored,
}

/// A request as a test expects it. What is not there is not looked at.
#[derive(Debug, Clone)]
pub struct ExpectedRequest {
    /// The target.
    pub target: TargetName,
    /// Its method.
    pub method: Option<String>,
    /// Its whole address.
    pub url: Option<Secret>,
    /// Headers, names in lower case.
    pub headers: Vec<(String, Secret)>,
    /// Its body: of a map the members that are there, anything else whole.
    pub body: Option<Value>,
}
