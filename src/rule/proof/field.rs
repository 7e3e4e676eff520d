//! What the tests on one field demand of the values that it yields.
//!
//! A place in the body, the agent and the source yield at most one value. A general path, a query parameter and a header
//! may yield several, of which some demands hold for one and some for all:
//!
//! - a test holds if there is a value for which its operators hold, and none that its `not` or `not_in` excludes;
//! - it does not hold if there is an excluded value, or if there is none for which its operators hold.

use serde_json::Value as Json;

use super::value::{self, Domain, Formula};
use super::work::{Gap, Verdict, Ways, Work};
use crate::rule::test::Test;

/// Most tests on one field that must not hold and are looked at together.
const DENIED_MAX: usize = 8;

/// One test and whether it is to hold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Demand<'t> {
    /// The test.
    pub(super) test: &'t Test,
    /// Whether it is to hold.
    pub(super) holds: bool,
}

/// What is demanded of a field that yields at most one value.
#[derive(Debug, Clone)]
pub(super) struct One<'t> {
    /// Whether it may yield none.
    pub(super) none: bool,
    /// What the value must be, if there is one.
    pub(super) value: Formula<'t>,
}

impl<'t> One<'t> {
    /// What all of `demands` come to.
    pub(super) fn new(demands: &[Demand<'t>]) -> Self {
        let only = |demand: &Demand<'t>| Formula::only(demand.test, demand.holds);
        Self {
            none: demands.iter().all(|demand| demand.test.parts().absent == demand.holds),
            value: Formula::All(demands.iter().map(only).collect()),
        }
    }
}

/// Values, as few as may be, that a field which may yield several can yield.
pub(super) fn several(demands: &[Demand<'_>], domain: Domain, work: &Work) -> Verdict<Vec<Json>> {
    let denied: Vec<&Demand<'_>> =
        demands.iter().filter(|demand| !demand.holds && !demand.test.parts().absent).collect();
    if denied.len() > DENIED_MAX {
        return Verdict::Unknown(Gap::Size);
    }
    let mut ways = Ways::default();
    // Each bit says of one test that must not hold whether a value is excluded, or else none suits its operators.
    for choice in 0_u32..1 << denied.len() {
        if let Err(gap) = work.spend(8 * demands.len()) {
            return Verdict::Unknown(gap);
        }
        let mut wanted = Wanted::default();
        for demand in demands.iter().filter(|demand| demand.holds) {
            wanted.hold(demand.test);
        }
        for demand in demands.iter().filter(|demand| !demand.holds && demand.test.parts().absent) {
            wanted.some.push(Formula::some(demand.test));
        }
        let mut pointless = false;
        for (bit, demand) in denied.iter().enumerate() {
            if choice >> bit & 1 == 0 {
                wanted.all.push(Formula::not(Formula::some(demand.test)));
            } else if demand.test.parts().none.is_empty() {
                pointless = true;
            } else {
                wanted.some.push(Formula::excluded(demand.test));
            }
        }
        if !pointless && let Some(found) = ways.took(wanted.solve(domain, work)) {
            return Verdict::Yes(found);
        }
    }
    ways.end()
}

/// What is demanded of some value each, and of all.
#[derive(Default)]
struct Wanted<'t> {
    some: Vec<Formula<'t>>,
    all: Vec<Formula<'t>>,
    /// That there is no value.
    none: bool,
}

impl<'t> Wanted<'t> {
    fn hold(&mut self, test: &'t Test) {
        if test.parts().absent {
            self.none = true;
        } else {
            self.some.push(Formula::some(test));
            self.all.push(Formula::not(Formula::excluded(test)));
        }
    }

    fn solve(&self, domain: Domain, work: &Work) -> Verdict<Vec<Json>> {
        if self.none {
            return if self.some.is_empty() { Verdict::Yes(Vec::new()) } else { Verdict::No };
        }
        // One value for all is fewer than one for each.
        if self.some.len() > 1 {
            let together = Formula::All(self.some.iter().chain(&self.all).cloned().collect());
            if let Verdict::Yes(value) = value::solve(&together, domain, &[], work) {
                return Verdict::Yes(vec![value]);
            }
        }
        let mut values = Vec::new();
        for own in &self.some {
            let formula = Formula::All(std::iter::once(own).chain(&self.all).cloned().collect());
            match value::solve(&formula, domain, &[], work) {
                Verdict::Yes(value) if values.contains(&value) => {}
                Verdict::Yes(value) => values.push(value),
                Verdict::No => return Verdict::No,
                Verdict::Unknown(gap) => return Verdict::Unknown(gap),
            }
        }
        Verdict::Yes(values)
    }
}
