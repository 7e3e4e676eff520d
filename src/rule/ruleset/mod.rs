//! All rules of one file, compiled.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::index::Index;
use super::matcher::Condition;
use super::{Disposition, Effect, Flow, Mode, Plan, Planned, Rule, RuleOutcome, RuleTrace, trace};
use crate::event::{Event, FieldId, Reader, ReaderBuilder};
use crate::name::{RuleName, TargetName};
use crate::path::Path;

/// Longest order key, in bytes; a longer one is replaced by its SHA-256.
pub const ORDER_KEY_MAX: usize = 256;

/// All rules of one file, compiled, indexed and immutable.
#[derive(Debug)]
pub struct RuleSet {
    rules: Vec<Rule>,
    /// In the same order.
    compiled: Vec<Compiled>,
    index: Index,
    reader: Reader,
    /// Every target that a rule or the fallback names.
    targets: Vec<TargetName>,
    fallback: Vec<TargetName>,
    orders: HashMap<TargetName, FieldId>,
}

#[derive(Debug)]
struct Compiled {
    /// None matches every event.
    when: Option<Condition>,
    /// Places in `targets`; none for `ignore`.
    targets: Box<[u32]>,
    /// Whether later rules are not looked at once it matched; never if it only watches.
    stops: bool,
    shadow: bool,
}

impl Compiled {
    fn holds(&self, event: &Event) -> bool {
        self.when.as_ref().is_none_or(|when| when.holds(event.fields()))
    }
}

impl RuleSet {
    /// Compiles `rules` (in file order), the fallback, and the `order_by` paths of targets.
    pub fn new(
        rules: Vec<Rule>,
        fallback: Vec<TargetName>,
        order_by: Vec<(TargetName, Path)>,
    ) -> Self {
        let mut reader = ReaderBuilder::default();
        let mut targets = Targets::default();
        let compiled: Vec<Compiled> = rules
            .iter()
            .map(|rule| Compiled {
                // A rule that is taken out asks for nothing, or it could still quarantine events.
                when: rule
                    .when
                    .as_ref()
                    .filter(|_| rule.enabled)
                    .map(|when| Condition::new(when, &mut reader)),
                targets: match &rule.effect {
                    Effect::Send(names) => names.iter().map(|name| targets.place(name)).collect(),
                    Effect::Ignore => Box::default(),
                },
                stops: rule.mode == Mode::Live
                    && (rule.flow == Flow::Stop || rule.effect == Effect::Ignore),
                shadow: rule.mode == Mode::Shadow,
            })
            .collect();
        let orders =
            order_by.into_iter().map(|(target, path)| (target, reader.order(&path))).collect();
        let enabled = (0..).zip(rules.iter().zip(&compiled)).filter(|(_, (rule, _))| rule.enabled);
        let index = Index::new(
            enabled.map(|(number, (_, compiled))| (number, compiled.when.as_ref())),
            reader.field_count(),
        );
        Self {
            rules,
            compiled,
            index,
            reader: reader.build(),
            targets: targets.names,
            fallback,
            orders,
        }
    }

    /// What reads an event for these rules.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// What follows for `event`, which this rule set's reader must have read.
    pub fn plan(&self, event: &Event) -> Plan {
        let candidates = self.index.candidates(event.fields());
        self.plan_from(event, candidates.into_iter())
    }

    /// Looks at the rules with these numbers, in this order.
    fn plan_from(&self, event: &Event, candidates: impl Iterator<Item = u32>) -> Plan {
        let (mut matched, mut shadow) = (Vec::new(), Vec::new());
        let mut places: Vec<u32> = Vec::new();
        for number in candidates {
            let place = number as usize;
            let Some((rule, compiled)) = self.rules.get(place).zip(self.compiled.get(place)) else {
                continue;
            };
            if !compiled.holds(event) {
                continue;
            }
            if compiled.shadow {
                shadow.push(rule.name.clone());
                continue;
            }
            matched.push(rule.name.clone());
            places.extend(&compiled.targets);
            if compiled.stops {
                break;
            }
        }
        let disposition = if matched.is_empty() {
            self.planned(event, self.fallback.iter(), Disposition::Unrouted)
        } else {
            keep_first(&mut places);
            let names = places.iter().filter_map(|place| self.targets.get(*place as usize));
            self.planned(event, names, Disposition::Ignored)
        };
        Plan { rules: matched, shadow, disposition }
    }

    /// Whether the rule at `place` is looked at and matches `event`, whatever stands before it.
    pub(super) fn matches(&self, place: usize, event: &Event) -> bool {
        let enabled = self.rules.get(place).is_some_and(|rule| rule.enabled);
        let compiled = self.compiled.get(place).filter(|_| enabled);
        compiled.is_some_and(|compiled| {
            compiled.when.as_ref().is_none_or(|when| when.holds(event.fields()))
        })
    }

    /// Whether later rules are not looked at once the rule at `place` matched.
    pub(super) fn stops(&self, place: usize) -> bool {
        let rule = self.rules.get(place);
        let decides = rule.is_some_and(|rule| rule.enabled && rule.mode == Mode::Live);
        decides && self.compiled.get(place).is_some_and(|compiled| compiled.stops)
    }

    /// The first rule before `place` that keeps `event` from it, and how many rules were looked at for it.
    pub(super) fn stopped_before(&self, place: usize, event: &Event) -> (Option<usize>, usize) {
        let candidates = self.index.candidates(event.fields());
        let count = candidates.len();
        let before = candidates.into_iter().map(|rule| rule as usize);
        let mut before = before.take_while(|rule| *rule < place);
        (before.find(|rule| self.stops(*rule) && self.matches(*rule, event)), count)
    }

    fn planned<'n>(
        &self,
        event: &Event,
        names: impl Iterator<Item = &'n TargetName>,
        without: Disposition,
    ) -> Disposition {
        let planned: Vec<Planned> = names
            .map(|target| Planned {
                target: target.clone(),
                order_key: self.order_key(event, target),
            })
            .collect();
        if planned.is_empty() { without } else { Disposition::Routed(planned) }
    }

    /// The order key of `event` at `target`, if the target orders and the event has the value. If its path names several
    /// values, the first counts.
    pub fn order_key(&self, event: &Event, target: &TargetName) -> Option<Arc<str>> {
        if self.orders.is_empty() {
            return None;
        }
        let key = event.fields().text_of(*self.orders.get(target)?)?;
        if key.len() <= ORDER_KEY_MAX {
            return Some(key.into());
        }
        let mut hex = String::with_capacity(64);
        for byte in Sha256::digest(key.as_bytes()) {
            write!(hex, "{byte:02x}").expect("writing to a text cannot fail");
        }
        Some(hex.into())
    }

    /// For each rule in order: matched or not, and for each predicate what was expected and what was found.
    pub fn trace(&self, event: &Event) -> Vec<RuleTrace> {
        let mut stopped_by = None;
        let account = |(rule, compiled): (&Rule, &Compiled)| {
            let (outcome, predicates) = if !rule.enabled {
                // As if it were not there: moving it up would change nothing.
                (RuleOutcome::Disabled, Vec::new())
            } else if let Some(stopped_by) = stopped_by.clone() {
                (RuleOutcome::NotReached { stopped_by }, Vec::new())
            } else {
                let holds = compiled.holds(event);
                if holds && compiled.stops {
                    stopped_by = Some(rule.name.clone());
                }
                let pair = rule.when.as_ref().zip(compiled.when.as_ref());
                let predicates =
                    pair.map(|(when, compiled)| trace::predicates(when, compiled, event.fields()));
                let outcome = if holds { RuleOutcome::Matched } else { RuleOutcome::NotMatched };
                (outcome, predicates.unwrap_or_default())
            };
            RuleTrace { rule: rule.name.clone(), outcome, predicates }
        };
        self.rules.iter().zip(&self.compiled).map(account).collect()
    }

    /// The rules in file order.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The names of the shadow rules, in file order.
    pub fn shadows(&self) -> Vec<RuleName> {
        let shadows = self.rules.iter().filter(|rule| rule.mode == Mode::Shadow);
        shadows.map(|rule| rule.name.clone()).collect()
    }

    /// The targets of events that no rule matched.
    pub fn fallback(&self) -> &[TargetName] {
        &self.fallback
    }
}

/// Gives every target a number.
#[derive(Default)]
struct Targets {
    names: Vec<TargetName>,
    places: HashMap<TargetName, u32>,
}

impl Targets {
    fn place(&mut self, name: &TargetName) -> u32 {
        if let Some(place) = self.places.get(name) {
            return *place;
        }
        let place =
            u32::try_from(self.names.len()).expect("fewer targets than a configuration has bytes");
        self.names.push(name.clone());
        self.places.insert(name.clone(), place);
        place
    }
}

/// Drops every repetition.
fn keep_first(places: &mut Vec<u32>) {
    /// Up to here looking back is faster than hashing.
    const FEW: usize = 32;
    if places.len() <= FEW {
        let mut kept = 0;
        while let Some(place) = places.get(kept).copied() {
            if places.iter().take(kept).any(|earlier| *earlier == place) {
                places.remove(kept);
            } else {
                kept += 1;
            }
        }
    } else {
        let mut seen = HashSet::with_capacity(places.len());
        places.retain(|place| seen.insert(*place));
    }
}

#[cfg(test)]
mod tests;
