//! Two rules that send one event to one target. That does no harm, since a target gets each event once, but it is often
//! more than was meant, or less: the second rule may have been written for events that the first takes already.
//!
//! Most pairs of many rules have nothing in common because each demands another agent, say. So the rules of a target are
//! told apart by the field on which they demand the most different texts, and only those are compared that can meet there.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::judge::{Judge, Reached};
use super::logic::Logic;
use super::{Cut, Finding, Proofs};
use crate::name::TargetName;
use crate::rule::{Effect, Mode, Rule};

/// Most pairs of rules that are compared.
const PAIRS_MAX: usize = 20_000;
/// Most overlaps that are listed.
const OVERLAPS_MAX: usize = 100;
/// Most texts of one list that tell rules apart; a rule with more is compared with all.
const TEXTS_MAX: usize = 1_000;

/// Reports overlaps between the rules at the places `sound`, and those that are open.
pub(super) fn overlaps(judge: &Judge<'_>, sound: &[usize], proofs: &mut Proofs) {
    judge.refill();
    let (pairs, more) = pairs(judge, sound);
    let mut compared = 0;
    let mut listed = 0;
    for (first, second) in &pairs {
        if listed == OVERLAPS_MAX {
            proofs.cuts.push(Cut::Overlaps(listed));
            return;
        }
        if judge.work.is_over() {
            break;
        }
        compared += 1;
        judge.begin();
        match judge.reach(&[*first, *second]) {
            Reached::Yes(draft) => {
                listed += 1;
                let example = judge.smallest(&[*first, *second], draft).into();
                let targets = shared(judge, *first, *second);
                let (first, second) = (*first, *second);
                proofs.findings.push(Finding::Overlap { first, second, targets, example });
            }
            Reached::Unknown(gap) => {
                listed += 1;
                let (rule, with) = (*second, Some(*first));
                proofs.findings.push(Finding::Unproven { rule, with, gap });
            }
            Reached::Never | Reached::Kept(_) => {}
        }
    }
    if more || compared < pairs.len() {
        proofs.cuts.push(Cut::Pairs(compared));
    }
}

/// The pairs to compare, in order of the earlier rule, and whether there are more.
fn pairs(judge: &Judge<'_>, sound: &[usize]) -> (BTreeSet<(usize, usize)>, bool) {
    let mut by_target: BTreeMap<&TargetName, Vec<usize>> = BTreeMap::new();
    for place in sound {
        let rule = judge.rules.rules().get(*place);
        for target in rule.into_iter().flat_map(targets) {
            by_target.entry(target).or_default().push(*place);
        }
    }
    let mut pairs = BTreeSet::new();
    for rules in by_target.values() {
        if !pairs_of(judge, rules, &mut pairs) {
            return (pairs, true);
        }
    }
    (pairs, false)
}

/// Adds the pairs of one target's rules; `false` if there are too many.
fn pairs_of(judge: &Judge<'_>, rules: &[usize], pairs: &mut BTreeSet<(usize, usize)>) -> bool {
    let demands: Vec<HashMap<String, &[String]>> =
        rules.iter().map(|rule| judge.logic.get(*rule).map(texts).unwrap_or_default()).collect();
    let mut values: HashMap<&str, BTreeSet<&String>> = HashMap::new();
    for (field, texts) in demands.iter().flatten() {
        values.entry(field).or_default().extend(texts.iter());
    }
    let best = values.iter().max_by_key(|(field, values)| (values.len(), **field));
    let field = best.map(|(field, _)| *field).unwrap_or_default();
    let mut known: HashMap<&String, Vec<usize>> = HashMap::new();
    let mut wild: Vec<usize> = Vec::new();
    let mut all: Vec<usize> = Vec::new();
    for (second, demands) in rules.iter().zip(&demands) {
        let own = demands.get(field).copied();
        let meeting: Vec<usize> = match own {
            None => all.clone(),
            Some(texts) => {
                let met = texts.iter().filter_map(|text| known.get(text)).flatten();
                met.chain(&wild).copied().collect()
            }
        };
        for first in meeting {
            pairs.insert((first, *second));
            if pairs.len() >= PAIRS_MAX {
                return false;
            }
        }
        // A rule that stops shares no event with a later one.
        if judge.rules.stops(*second) {
            continue;
        }
        all.push(*second);
        match own {
            None => wild.push(*second),
            Some(texts) => {
                for text in texts {
                    known.entry(text).or_default().push(*second);
                }
            }
        }
    }
    true
}

/// The short lists of texts of which a condition demands one, by the field.
fn texts<'r>(logic: &Logic<'r>) -> HashMap<String, &'r [String]> {
    let mut parts = Vec::new();
    logic.conjuncts(&mut parts);
    let lists = parts.into_iter().filter_map(Logic::texts);
    let short = lists.filter(|(_, texts)| texts.len() <= TEXTS_MAX);
    short.map(|(field, texts)| (field.to_string(), texts)).collect()
}

/// Where a rule sends; one that only watches sends nowhere.
fn targets(rule: &Rule) -> &[TargetName] {
    match &rule.effect {
        Effect::Send(targets) if rule.mode == Mode::Live => targets,
        Effect::Send(_) | Effect::Ignore => &[],
    }
}

fn shared(judge: &Judge<'_>, first: usize, second: usize) -> Vec<TargetName> {
    let of = |place: usize| judge.rules.rules().get(place).map(targets).unwrap_or_default();
    of(first).iter().filter(|target| of(second).contains(target)).cloned().collect()
}
