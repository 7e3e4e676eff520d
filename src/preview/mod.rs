//! Two revisions compared over events that arrived: where each would send them, and what differs.
//!
//! Both sides plan an event as ingress does (the reader, then the plan), from what the store kept of it: neither what was
//! planned on arrival nor what became of it counts. It promises to send and store nothing, and to take no more memory the
//! more events it is shown: totals are exact, while of the events that differ only the first [`DIFFERING_MAX`] are listed.
//!
//! It leaves out what is sent. A target that keeps its name and gets another address is the same one here.

mod hours;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::config::{self, Problems, Snapshot};
use crate::event::EventId;
use crate::name::{RuleName, TargetName};
use crate::rule::{Disposition, Effect, Mode, Rule};
use crate::store::{Body, EventState};

use hours::Hours;

/// Most events that are listed because they differ.
const DIFFERING_MAX: usize = 1_000;
/// Most names in each list of such an event.
const NAMES_MAX: usize = 50;

/// What two revisions come to.
#[derive(Debug)]
pub struct Comparison {
    running: Side,
    new: Side,
    /// Events that were compared.
    pub events: u64,
    /// Events that neither side can look at: quarantined under both, or with a damaged body.
    pub unreadable: u64,
    /// Events that differ, the first of them.
    pub differing: Vec<Differing>,
    /// How many differ.
    pub differing_total: u64,
    moves: BTreeMap<TargetName, Moves>,
    /// Of each target that has a rate in the new revision.
    hours: BTreeMap<TargetName, Hours>,
}

/// One revision, and what it came to so far.
#[derive(Debug)]
struct Side {
    snapshot: Arc<Snapshot>,
    places: HashMap<RuleName, usize>,
    /// By the place of the rule.
    rules: Vec<Tally>,
    deliveries: BTreeMap<TargetName, u64>,
    totals: Totals,
}

/// What a rule came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Events that it matched.
    pub matches: u64,
    /// Deliveries that it is the first to ask for.
    pub deliveries: u64,
    /// If it is in shadow: deliveries that it would add if it were live.
    pub shadow: Option<u64>,
}

/// What one revision came to beside its rules.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Deliveries in all.
    pub deliveries: u64,
    /// Those that the fallback asked for.
    pub fallback: u64,
    /// Events that no rule matched, without a fallback.
    pub unrouted: u64,
    /// Events that a rule ignored.
    pub ignored: u64,
    /// Events that could not be looked at.
    pub quarantined: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Moves {
    gained: u64,
    lost: u64,
}

/// An event that would go elsewhere, or nowhere for another reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Differing {
    /// Its id.
    pub event: EventId,
    /// When it arrived.
    pub received_at: Timestamp,
    /// Its name.
    pub name: Option<String>,
    /// Its agent.
    pub agent: Option<String>,
    /// Its call or chat.
    pub call: Option<String>,
    /// Targets that the new revision adds.
    pub gains: Vec<TargetName>,
    /// Targets that it takes away.
    pub loses: Vec<TargetName>,
    /// What the running revision does with it.
    pub before: Fate,
    /// What the new one does.
    pub after: Fate,
}

/// What one revision does with one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fate {
    /// `routed`, `ignored`, `unrouted` or `quarantined`.
    pub disposition: &'static str,
    /// The live rules that match.
    pub rules: Vec<RuleName>,
    /// The rules in shadow that match.
    pub shadow: Vec<RuleName>,
}

/// One rule of either revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleChange {
    /// Its name.
    pub name: RuleName,
    /// What it comes to in the running revision, if that has it.
    pub running: Option<Tally>,
    /// And in the new one.
    pub new: Option<Tally>,
}

/// One target of either revision that gets anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetChange {
    /// Its name.
    pub name: TargetName,
    /// Deliveries under the running revision.
    pub running: u64,
    /// And under the new one.
    pub new: u64,
    /// Events that go there under the new one only.
    pub gained: u64,
    /// Events that go there under the running one only.
    pub lost: u64,
}

/// An event under one revision.
struct Planned {
    fate: Fate,
    targets: Vec<TargetName>,
}

impl Comparison {
    /// Nothing compared yet.
    pub fn new(running: Arc<Snapshot>, new: Arc<Snapshot>) -> Self {
        let limited = new.targets.values().filter(|target| target.rate.is_some());
        let hours = limited.map(|target| (target.name.clone(), Hours::default())).collect();
        Self {
            running: Side::new(running),
            new: Side::new(new),
            events: 0,
            unreadable: 0,
            differing: Vec::new(),
            differing_total: 0,
            moves: BTreeMap::new(),
            hours,
        }
    }

    /// Compares one event; none is one whose body is damaged. A repeat with another body goes to nobody under any rules, so it
    /// is passed over.
    pub fn look(&mut self, stored: Option<&Body>) {
        let Some(stored) = stored else {
            self.unreadable += 1;
            return;
        };
        if matches!(stored.state, EventState::Revised { .. }) {
            return;
        }
        let (before, after) = (self.running.plan(stored), self.new.plan(stored));
        let (before, after) = match (before, after) {
            (None, None) => {
                self.unreadable += 1;
                return;
            }
            (before, after) => (self.running.count(before), self.new.count(after)),
        };
        self.events += 1;
        for target in &after.targets {
            if let Some(hours) = self.hours.get_mut(target) {
                hours.add(stored.envelope.received_at);
            }
        }
        self.differ(stored, before, after);
    }

    fn differ(&mut self, stored: &Body, before: Planned, after: Planned) {
        let had: BTreeSet<&TargetName> = before.targets.iter().collect();
        let has: BTreeSet<&TargetName> = after.targets.iter().collect();
        if had == has && before.fate.disposition == after.fate.disposition {
            return;
        }
        let missing = |from: &[TargetName], other: &BTreeSet<&TargetName>| -> Vec<TargetName> {
            from.iter().filter(|target| !other.contains(target)).cloned().collect()
        };
        let mut gains = missing(&after.targets, &had);
        let mut loses = missing(&before.targets, &has);
        for target in &gains {
            self.moves.entry(target.clone()).or_default().gained += 1;
        }
        for target in &loses {
            self.moves.entry(target.clone()).or_default().lost += 1;
        }
        self.differing_total += 1;
        if self.differing.len() < DIFFERING_MAX {
            gains.truncate(NAMES_MAX);
            loses.truncate(NAMES_MAX);
            let envelope = &stored.envelope;
            self.differing.push(Differing {
                event: envelope.id,
                received_at: envelope.received_at,
                name: envelope.name.clone(),
                agent: envelope.agent_id.clone(),
                call: envelope.subject.clone(),
                gains,
                loses,
                before: before.fate.bounded(),
                after: after.fate.bounded(),
            });
        }
    }

    /// Every rule of the running revision in its order, then those that only the new one has.
    pub fn rules(&self) -> Vec<RuleChange> {
        let running = self.running.named().map(|(name, tally)| RuleChange {
            name: name.clone(),
            running: Some(tally),
            new: self.new.tally(name),
        });
        let added = self.new.named().filter(|(name, _)| self.running.tally(name).is_none());
        let added = added.map(|(name, tally)| RuleChange {
            name: name.clone(),
            running: None,
            new: Some(tally),
        });
        running.chain(added).collect()
    }

    /// Every target that gets anything under either, by name.
    pub fn targets(&self) -> Vec<TargetChange> {
        let sides = [&self.running.deliveries, &self.new.deliveries];
        let names: BTreeSet<&TargetName> = sides.iter().flat_map(|side| side.keys()).collect();
        let change = |name: &TargetName| {
            let [running, new] = sides.map(|side| side.get(name).copied().unwrap_or(0));
            let Moves { gained, lost } = self.moves.get(name).copied().unwrap_or_default();
            TargetChange { name: name.clone(), running, new, gained, lost }
        };
        names.into_iter().map(change).collect()
    }

    /// What the running revision came to beside its rules, and what the new one did.
    pub fn totals(&self) -> (Totals, Totals) {
        (self.running.totals, self.new.totals)
    }

    /// What is legal but unwise in the new revision, and what these events say of its rates.
    pub fn warnings(&self) -> Problems {
        let busiest = self.hours.iter().filter_map(|(name, hours)| Some((name, hours.busiest?)));
        config::with_traffic(&self.new.snapshot, busiest)
    }

    /// The running revision.
    pub fn running(&self) -> &Snapshot {
        &self.running.snapshot
    }

    /// The headers that either reads and that are not kept with an event.
    pub fn lost_headers(&self) -> BTreeSet<&str> {
        let sides = [&self.running, &self.new];
        sides.into_iter().flat_map(|side| side.snapshot.rules.reader().lost_headers()).collect()
    }
}

impl Side {
    fn new(snapshot: Arc<Snapshot>) -> Self {
        let rules = snapshot.rules.rules();
        let places = (0..).zip(rules).map(|(at, rule)| (rule.name.clone(), at)).collect();
        let tally = |rule: &Rule| {
            let shadow = (rule.mode == Mode::Shadow).then_some(0);
            Tally { shadow, ..Tally::default() }
        };
        let tallies = rules.iter().map(tally).collect();
        Self {
            places,
            rules: tallies,
            deliveries: BTreeMap::new(),
            totals: Totals::default(),
            snapshot,
        }
    }

    /// What it does with an event; none if it cannot look at it.
    fn plan(&self, stored: &Body) -> Option<Planned> {
        let rules = &self.snapshot.rules;
        let event = rules.reader().reread(&stored.envelope, &stored.body).ok()?;
        let plan = rules.plan(&event);
        let (disposition, targets) = match plan.disposition {
            Disposition::Routed(planned) => {
                ("routed", planned.into_iter().map(|planned| planned.target).collect())
            }
            Disposition::Ignored => ("ignored", Vec::new()),
            Disposition::Unrouted => ("unrouted", Vec::new()),
        };
        let fate = Fate { disposition, rules: plan.rules, shadow: plan.shadow };
        Some(Planned { fate, targets })
    }

    /// Counts it. Each delivery counts for the first rule that asks for it, so the sum is that of all.
    fn count(&mut self, planned: Option<Planned>) -> Planned {
        let Some(planned) = planned else {
            self.totals.quarantined += 1;
            let (rules, shadow) = (Vec::new(), Vec::new());
            let fate = Fate { disposition: "quarantined", rules, shadow };
            return Planned { fate, targets: Vec::new() };
        };
        let deliveries = planned.targets.len() as u64;
        self.totals.deliveries += deliveries;
        match planned.fate.disposition {
            "ignored" => self.totals.ignored += 1,
            "unrouted" => self.totals.unrouted += 1,
            _ if planned.fate.rules.is_empty() => self.totals.fallback += deliveries,
            _ => {}
        }
        for target in &planned.targets {
            match self.deliveries.get_mut(target) {
                Some(count) => *count += 1,
                None => {
                    self.deliveries.insert(target.clone(), 1);
                }
            }
        }
        let mut asked: BTreeSet<&TargetName> = BTreeSet::new();
        for name in &planned.fate.rules {
            let Some(place) = self.places.get(name).copied() else { continue };
            let rule = self.snapshot.rules.rules().get(place);
            if let Some((tally, rule)) = self.rules.get_mut(place).zip(rule) {
                tally.matches += 1;
                if let Effect::Send(targets) = &rule.effect {
                    let first = targets.iter().filter(|target| asked.insert(target)).count();
                    tally.deliveries += first as u64;
                }
            }
        }
        self.count_shadow(&planned);
        planned
    }

    /// Counts what each rule in shadow would add if it alone were live.
    fn count_shadow(&mut self, planned: &Planned) {
        for name in &planned.fate.shadow {
            let Some(place) = self.places.get(name).copied() else { continue };
            let rule = self.snapshot.rules.rules().get(place);
            let Some((tally, rule)) = self.rules.get_mut(place).zip(rule) else { continue };
            tally.matches += 1;
            if let Effect::Send(targets) = &rule.effect {
                let more = targets.iter().filter(|target| !planned.targets.contains(target));
                *tally.shadow.get_or_insert(0) += more.count() as u64;
            }
        }
    }

    fn named(&self) -> impl Iterator<Item = (&RuleName, Tally)> {
        let rules = self.snapshot.rules.rules().iter();
        rules.map(|rule| &rule.name).zip(self.rules.iter().copied())
    }

    fn tally(&self, name: &RuleName) -> Option<Tally> {
        self.rules.get(*self.places.get(name)?).copied()
    }
}

impl Fate {
    fn bounded(mut self) -> Self {
        self.rules.truncate(NAMES_MAX);
        self.shadow.truncate(NAMES_MAX);
        self
    }
}
