//! What can be proven about rules without an event: that one never matches, that earlier ones hide it, that two of them
//! send one event to one target.
//!
//! A claim is true of every possible event under `docs/rules.md`, or it is not made. Two things see to that. What is said
//! to be impossible was shown so by a search that leaves nothing out: texts as automata, numbers as ranges, places of the
//! body as a tree, combinators by trying every way. And what is said to be possible comes with an example which the very
//! rules were run on. In between lies what is *not proven*, and it is said so with the reason: regular expressions above
//! all, and whatever would take longer than it is worth ([`Gap`]).
//!
//! The work has a bound which does not depend on the clock, so that the same rules always have the same findings. What was
//! left out for it is told, too ([`Cut`]).

mod automaton;
mod body;
mod example;
mod field;
mod judge;
mod logic;
mod number;
mod pairs;
mod tell;
mod text;
mod value;
mod work;

#[cfg(test)]
mod tests;

use crate::name::{SourceName, TargetName};

use super::RuleSet;

pub use example::Example;
pub use work::Gap;

/// What is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Rules that never match, or are hidden.
    Faults,
    /// Overlaps and what is not proven, too.
    Everything,
}

/// What was found, in the order of the rules.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Proofs {
    /// The findings.
    pub findings: Vec<Finding>,
    /// What was left out.
    pub cuts: Vec<Cut>,
}

/// One finding. Rules are their places in the file, from 0.
#[derive(Debug, Clone, PartialEq)]
pub enum Finding {
    /// No event matches the rule.
    Never {
        /// The rule.
        rule: usize,
        /// The conditions that exclude each other, none of which can be left out.
        because: Vec<Part>,
    },
    /// Every event that matches the rule is kept from it by earlier ones that stop.
    Hidden {
        /// The rule.
        rule: usize,
        /// Those that keep them, none of which can be left out.
        by: Vec<usize>,
    },
    /// An event can match both rules, and both name these targets.
    Overlap {
        /// The earlier rule.
        first: usize,
        /// The later one.
        second: usize,
        /// The targets.
        targets: Vec<TargetName>,
        /// Such an event. Nothing can be taken out of it, unless it is large.
        example: Example,
    },
    /// It is open whether the rule can match an event that reaches it, or share one with another rule.
    Unproven {
        /// The rule.
        rule: usize,
        /// The earlier rule with which it may share an event.
        with: Option<usize>,
        /// Why.
        gap: Gap,
    },
}

/// A condition of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// What it looks at, in the words of the file.
    pub what: String,
    /// What it expects there; empty for a combinator.
    pub expected: String,
    /// Its line, if it is from a file.
    pub line: Option<u32>,
}

/// What was left out because it would have taken too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// So many rules were not looked at.
    Rules(usize),
    /// Overlaps were looked for between so many pairs of rules, and there are more.
    Pairs(usize),
    /// So many overlaps are listed, and there are more.
    Overlaps(usize),
}

/// Looks for what can be proven about `rules`. An example comes from one of `sources` if the rules leave that open.
pub fn prove(rules: &RuleSet, sources: &[SourceName], scope: Scope) -> Proofs {
    let judge = judge::Judge::new(rules, sources);
    let mut proofs = Proofs::default();
    let sound = judge.faults(scope, &mut proofs);
    if scope == Scope::Everything {
        pairs::overlaps(&judge, &sound, &mut proofs);
    }
    proofs
}
