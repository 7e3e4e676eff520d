//! Rules: which targets an event goes to. Matching is a function of the event alone and cannot fail.
//!
//! `docs/rules.md` is the specification; its worked examples are test cases of this module.

mod glob;
mod index;
mod matcher;
pub mod proof;
mod ruleset;
mod test;
mod trace;
mod words;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::name::{RuleName, TargetName};

pub use matcher::{Field, Matcher};
pub use ruleset::{ORDER_KEY_MAX, RuleSet};
pub use test::{Literal, Operator, REGEX_MAX, Test, TestError};
pub use trace::{PredicateTrace, RuleOutcome, RuleTrace};

/// One rule of the file.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Its name, unique in its file.
    pub name: RuleName,
    /// Its condition; none matches every event.
    pub when: Option<Matcher>,
    /// What it does with an event that it matches.
    pub effect: Effect,
    /// Whether later rules are looked at after it matched.
    pub flow: Flow,
    /// Whether it decides anything.
    pub mode: Mode,
    /// Whether it is looked at at all (`enabled: false` takes it out, but it is still listed).
    pub enabled: bool,
    /// The line of the file where it begins, if it is from one.
    pub line: Option<u32>,
    /// The line where it ends.
    pub end_line: Option<u32>,
}

/// What a rule does with an event that it matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Sends it to these targets; never empty.
    Send(Vec<TargetName>),
    /// Nothing, on purpose: the event is stored and counted as ignored unless an earlier rule routed it.
    Ignore,
}

/// Whether later rules are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// They are.
    Continue,
    /// They are not (`stop: true`, and every `ignore`).
    Stop,
}

/// Whether a rule decides anything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// It does.
    #[default]
    Live,
    /// It is matched, counted and listed with the event; it names no target, stops nothing, ignores nothing, and is no match
    /// for the fallback.
    Shadow,
}

impl Mode {
    /// Its name in the file and in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Shadow => "shadow",
        }
    }
}

/// Which rules matched an event, and what follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The live rules that matched, in file order.
    pub rules: Vec<RuleName>,
    /// The shadow rules that matched, in file order. Nothing follows from them.
    pub shadow: Vec<RuleName>,
    /// What follows.
    pub disposition: Disposition,
}

/// What becomes of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Disposition {
    /// It goes to these targets, each named once, in order of first mention; never empty.
    Routed(Vec<Planned>),
    /// A rule said `ignore`, and none before it named a target.
    Ignored,
    /// No rule matched and there is no fallback.
    Unrouted,
}

/// One delivery to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// Where to.
    pub target: TargetName,
    /// The value of the target's `order_by` in this event, as compact JSON text, at most 256 bytes (a longer one is
    /// replaced by its SHA-256 in hex).
    pub order_key: Option<Arc<str>>,
}
