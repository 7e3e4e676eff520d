//! All rules of one file, compiled.

use std::sync::Arc;

use crate::event::{Event, Reader};
use crate::name::TargetName;
use crate::path::Path;

use super::{Plan, Rule, RuleTrace};

/// All rules of one file, compiled, indexed and immutable.
#[derive(Debug)]
pub struct RuleSet {}

impl RuleSet {
    /// Compiles `rules` (in file order), the fallback, and the `order_by` paths of targets.
    pub fn new(
        _rules: Vec<Rule>,
        _fallback: Vec<TargetName>,
        _order_by: Vec<(TargetName, Path)>,
    ) -> Self {
        todo!()
    }

    /// What reads an event for these rules.
    pub fn reader(&self) -> &Reader {
        todo!()
    }

    /// What follows for `event`, which this rule set's reader must have read.
    pub fn plan(&self, _event: &Event) -> Plan {
        todo!()
    }

    /// The order key of `event` at `target`, if the target orders and the event has the value.
    pub fn order_key(&self, _event: &Event, _target: &TargetName) -> Option<Arc<str>> {
        todo!()
    }

    /// For each rule in order: matched or not, and for each predicate what was expected and what was found.
    pub fn trace(&self, _event: &Event) -> Vec<RuleTrace> {
        todo!()
    }

    /// The rules in file order.
    pub fn rules(&self) -> &[Rule] {
        todo!()
    }

    /// The targets of events that no rule matched.
    pub fn fallback(&self) -> &[TargetName] {
        todo!()
    }
}
