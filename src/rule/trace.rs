//! Why a rule matched, or did not: the same evaluation, told step by step.

use serde::Serialize;

use super::matcher::{Condition, Matcher};
use super::words;
use crate::event::Fields;
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
    /// What was found, in words; `missing` if nothing. If it has more than 120 characters it is shortened, and begins with what
    /// decides. Empty for a combinator.
    pub found: String,
    /// Whether it holds.
    pub holds: bool,
    /// The line of the file where it stands, if it is from one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The parts of a combinator.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<PredicateTrace>,
}

/// The predicates of a rule: the parts of the `all` that its keys are, or its only one.
pub(super) fn predicates(
    when: &Matcher,
    compiled: &Condition,
    fields: &Fields,
) -> Vec<PredicateTrace> {
    let whole = predicate(when, compiled, fields);
    if matches!(when, Matcher::All(_)) { whole.parts } else { vec![whole] }
}

/// Evaluates every part, also those that no longer matter, since people want to see them all.
fn predicate(matcher: &Matcher, compiled: &Condition, fields: &Fields) -> PredicateTrace {
    let combined = |word: &str, matchers: &[Matcher], conditions: &[Condition]| {
        let pairs = matchers.iter().zip(conditions);
        let parts =
            pairs.map(|(matcher, condition)| predicate(matcher, condition, fields)).collect();
        PredicateTrace {
            field: word.to_owned(),
            expected: String::new(),
            found: String::new(),
            holds: compiled.holds(fields),
            line: None,
            parts,
        }
    };
    match (matcher, compiled) {
        (Matcher::At(line, matcher), _) => {
            let told = predicate(matcher, compiled, fields);
            // The innermost place is the nearest: `all: [one]` is no more than its one part.
            PredicateTrace { line: told.line.or(Some(*line)), ..told }
        }
        (Matcher::All(matchers), Condition::All(conditions)) => {
            combined("all", matchers, conditions)
        }
        (Matcher::Any(matchers), Condition::Any(conditions)) => {
            combined("any", matchers, conditions)
        }
        (Matcher::Not(matcher), Condition::Not(condition)) => {
            combined("not", std::slice::from_ref(matcher), std::slice::from_ref(condition))
        }
        (Matcher::Field(field, test), Condition::Test(id, _)) => PredicateTrace {
            field: field.to_string(),
            expected: test.expected(),
            found: words::found(fields.get(*id), test),
            holds: compiled.holds(fields),
            line: None,
            parts: Vec::new(),
        },
        _ => unreachable!("a condition is compiled from its matcher, part by part"),
    }
}
