//! Rules that never match, and rules that are hidden.
//!
//! A rule is not compared with each earlier one. An event is looked for that matches it; if none can, it never matches. If
//! the event is kept from it by an earlier rule that stops, the next one must also not match *that* rule, and so on, until
//! an event gets through, which settles it, or none is left, and then these earlier rules hide it together. So a rule
//! costs about as much as finding one event and matching it, however many stand before it.

use super::logic::{Draft, Logic, Search};
use super::work::{Gap, Verdict, Work};
use super::{Cut, Finding, Part, Proofs, Scope};
use crate::name::SourceName;
use crate::rule::RuleSet;

/// What may be spent on all rules, and on all pairs of them: a second or two, however many there are.
const TOTAL: u64 = 10_000_000;
/// What may be spent on one rule or pair.
const QUESTION: u64 = 40_000;
/// Most earlier rules that are looked at together.
const KEEPERS_MAX: usize = 24;
/// Most earlier rules that are looked at one by one.
const STOPS_MAX: usize = 100;
/// Of so many examples the smallest is taken.
const EXAMPLES: usize = 8;
/// What reading one event costs.
const READING: usize = 20;

/// The rules and what is known about them.
pub(super) struct Judge<'r> {
    /// The rules.
    pub(super) rules: &'r RuleSet,
    /// Their conditions, in the same order.
    pub(super) logic: Vec<Logic<'r>>,
    /// What is left to spend.
    pub(super) work: Work,
    sources: &'r [SourceName],
}

/// What came of looking for an event that reaches a rule.
pub(super) enum Reached {
    /// This one does.
    Yes(Draft),
    /// No event matches.
    Never,
    /// Every event that matches is kept from it by these.
    Kept(Vec<usize>),
    /// It is open.
    Unknown(Gap),
}

/// What becomes of an event that was made for some rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It is not what it was made for.
    Fails,
    /// It matches all of them and reaches the last.
    Reaches,
    /// It matches all of them, and this one keeps it from the last.
    Stopped(usize),
}

impl<'r> Judge<'r> {
    pub(super) fn new(rules: &'r RuleSet, sources: &'r [SourceName]) -> Self {
        let logic = rules.rules().iter().map(Logic::of).collect();
        Self { rules, logic, work: Work::new(TOTAL), sources }
    }

    /// Reports every rule that never matches or is hidden, and in the wider scope each for which that is open. Returns
    /// the places of all others.
    pub(super) fn faults(&self, scope: Scope, proofs: &mut Proofs) -> Vec<usize> {
        let mut sound = Vec::new();
        let mut skipped = 0;
        for (rule, own) in self.rules.rules().iter().enumerate() {
            if !own.enabled {
                continue;
            }
            if self.work.is_over() {
                skipped += 1;
                continue;
            }
            self.work.begin(QUESTION);
            match self.reach(&[rule]) {
                Reached::Yes(_) => sound.push(rule),
                Reached::Never => {
                    proofs
                        .findings
                        .push(Finding::Never { rule, because: self.contradiction(rule) });
                }
                Reached::Kept(by) => proofs.findings.push(Finding::Hidden { rule, by }),
                Reached::Unknown(gap) => {
                    sound.push(rule);
                    if scope == Scope::Everything {
                        proofs.findings.push(Finding::Unproven { rule, with: None, gap });
                    }
                }
            }
        }
        if skipped > 0 {
            proofs.cuts.push(Cut::Rules(skipped));
        }
        sound
    }

    /// Begins with the pairs, which have as much to spend as the rules had.
    pub(super) fn refill(&self) {
        self.work.refill(TOTAL);
    }

    /// Begins with one more pair.
    pub(super) fn begin(&self) {
        self.work.begin(QUESTION);
    }

    /// An event that matches all of these rules and reaches the last of them.
    pub(super) fn reach(&self, rules: &[usize]) -> Reached {
        let mut keepers: Vec<(usize, Logic<'r>)> = Vec::new();
        while keepers.len() <= KEEPERS_MAX {
            let mut stopped = None;
            let verdict = self.search(rules, &keepers, &mut |draft| {
                let fate = self.try_out(rules, &keepers, draft);
                stopped = if let Fate::Stopped(keeper) = fate { Some(keeper) } else { None };
                fate != Fate::Fails
            });
            match (verdict, stopped.and_then(|place: usize| self.rules.rules().get(place))) {
                (Verdict::Yes(draft), None) => return Reached::Yes(draft),
                (Verdict::Yes(_), Some(own)) => {
                    keepers.push((stopped.unwrap_or_default(), Logic::denied(own)));
                }
                (Verdict::No, _) if keepers.is_empty() => return Reached::Never,
                (Verdict::No, _) => return Reached::Kept(self.needed(rules, keepers)),
                (Verdict::Unknown(gap), _) => {
                    return self.kept_by_one(rules, &keepers).unwrap_or(Reached::Unknown(gap));
                }
            }
        }
        Reached::Unknown(Gap::Size)
    }

    /// Whether one more rule keeps every event from these, where no event is known. What two rules have in common can be
    /// out of reach and the same all the same: a regular expression.
    fn kept_by_one(&self, rules: &[usize], keepers: &[(usize, Logic<'r>)]) -> Option<Reached> {
        let last = *rules.last()?;
        let stopping = (0..last).filter(|place| self.rules.stops(*place));
        for place in stopping.filter(|place| !rules.contains(place)).take(STOPS_MAX) {
            let own = self.rules.rules().get(place)?;
            let mut more = keepers.to_vec();
            more.push((place, Logic::denied(own)));
            match self.search(rules, &more, &mut |_| true) {
                Verdict::No => return Some(Reached::Kept(self.needed(rules, more))),
                Verdict::Unknown(Gap::Size) => return None,
                _ => {}
            }
        }
        None
    }

    /// The smallest of several events that match all of these rules and reach the last, given one; rather one from a source that
    /// there is.
    pub(super) fn smallest(&self, rules: &[usize], found: Draft) -> Draft {
        let passes = |draft: &Draft| self.try_out(rules, &[], draft) == Fate::Reaches;
        let foreign = |draft: &Draft| {
            draft.source.as_ref().is_some_and(|source| !self.sources.contains(source))
        };
        let rank = |draft: &Draft| (foreign(draft), draft.size());
        let mut best = found;
        let mut seen = 0;
        self.work.begin(QUESTION);
        // What the search itself ends with does not matter: what it came across does.
        let _verdict = self.search(rules, &[], &mut |draft| {
            if passes(draft) {
                seen += 1;
                if rank(draft) < rank(&best) {
                    best = draft.clone();
                }
            }
            seen == EXAMPLES
        });
        self.work.begin(QUESTION);
        best.shrunk(&passes)
    }

    fn search(
        &self,
        rules: &[usize],
        keepers: &[(usize, Logic<'r>)],
        accept: &mut dyn FnMut(&Draft) -> bool,
    ) -> Verdict<Draft> {
        let own = rules.iter().filter_map(|rule| self.logic.get(*rule));
        let conditions: Vec<&Logic<'r>> = own.chain(keepers.iter().map(|(_, own)| own)).collect();
        Search { sources: self.sources, work: &self.work, accept }.run(&conditions)
    }

    /// Runs the rules on an event. It fails if one of `rules` does not match or one of `keepers` does.
    fn try_out(&self, rules: &[usize], keepers: &[(usize, Logic<'r>)], draft: &Draft) -> Fate {
        if self.work.spend(READING).is_err() {
            return Fate::Fails;
        }
        let event = draft.event(self.rules, self.sources.first());
        let Some((event, last)) = event.zip(rules.last()) else { return Fate::Fails };
        let all = rules.iter().all(|rule| self.rules.matches(*rule, &event));
        let none = !keepers.iter().any(|(keeper, _)| self.rules.matches(*keeper, &event));
        if !all || !none {
            return Fate::Fails;
        }
        let (stopped, looked_at) = self.rules.stopped_before(*last, &event);
        match self.work.spend(looked_at) {
            Ok(()) => stopped.map_or(Fate::Reaches, Fate::Stopped),
            Err(_) => Fate::Fails,
        }
    }

    /// Those without which an event would get through. If that takes too long, more are named than are needed.
    fn needed(&self, rules: &[usize], mut keepers: Vec<(usize, Logic<'r>)>) -> Vec<usize> {
        self.work.begin(QUESTION);
        let mut at = 0;
        while at < keepers.len() && keepers.len() > 1 && !self.work.is_spent() {
            let keeper = keepers.remove(at);
            if self.search(rules, &keepers, &mut |_| true) != Verdict::No {
                keepers.insert(at, keeper);
                at += 1;
            }
        }
        let mut places: Vec<usize> = keepers.into_iter().map(|(place, _)| place).collect();
        places.sort_unstable();
        places
    }

    /// The conditions of a rule that exclude each other. If that takes too long, more are named than are needed.
    fn contradiction(&self, rule: usize) -> Vec<Part> {
        self.work.begin(QUESTION);
        let mut parts = Vec::new();
        if let Some(logic) = self.logic.get(rule) {
            logic.conjuncts(&mut parts);
        }
        let mut at = 0;
        while at < parts.len() && parts.len() > 1 && !self.work.is_spent() {
            let part = parts.remove(at);
            let mut any = |_: &Draft| true;
            let mut search = Search { sources: self.sources, work: &self.work, accept: &mut any };
            if search.run(&parts) != Verdict::No {
                parts.insert(at, part);
                at += 1;
            }
        }
        parts.into_iter().map(Logic::part).collect()
    }
}
