//! Why a rule matched, or did not: the same evaluation, told step by step.

use serde::Serialize;

use crate::name::RuleName;

/// One rule's account.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RuleTrace {
    /// The rule.
    pub rule: RuleName,
    /// What became of it.
    pub outcome: RuleOutcome,
    /// Its predicates; empty for a rule without a condition or one that was not looked at.
    pub predicates: Vec<PredicateTrace>,
}

/// What became of one rule.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "result")]
pub enum RuleOutcome {
    /// Its condition holds.
    Matched,
    /// Its condition does not hold.
    NotMatched,
    /// An earlier rule stopped.
    NotReached {
        /// Which.
        stopped_by: RuleName,
    },
    /// `enabled: false`.
    Disabled,
}

/// One predicate, or one combinator with its parts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PredicateTrace {
    /// Where it looks, in the words of the file: `event`, `metadata.tier`, `$.call.duration_ms`, `not`, `any`.
    pub field: String,
    /// What was expected, in words: `is "call_analyzed"`, `at least 30000`. Empty for a combinator.
    pub expected: String,
    /// What was found, in words, shortened to 120 characters; `missing` if nothing. Empty for a combinator.
    pub found: String,
    /// Whether it holds.
    pub holds: bool,
    /// The parts of a combinator.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<PredicateTrace>,
}
