//! Findings in words.
//!
//! What rules compare with may come from outside, and then it is not to be shown. Whoever asks says of which rules that is
//! so: these are called by their places, and only the fields and lines of their conditions are told.

use super::{Cut, Finding, Part};
use crate::rule::RuleSet;

/// Most earlier rules, or conditions, that are named.
const NAMED_MAX: usize = 5;
/// Most characters of what one condition expects.
const EXPECTED_MAX: usize = 120;
/// Longest example that is written out, in bytes.
const EXAMPLE_MAX: usize = 1_000;

/// Of which rules nothing may be shown that their conditions compare with, nor their names.
type Hidden<'h> = &'h dyn Fn(usize) -> bool;

impl Finding {
    /// The rule that it is about, by its place.
    pub fn rule(&self) -> usize {
        match self {
            Self::Never { rule, .. } | Self::Hidden { rule, .. } | Self::Unproven { rule, .. } => {
                *rule
            }
            Self::Overlap { second, .. } => *second,
        }
    }

    /// What was found. Of the rules for which `hidden` holds no value is told.
    pub fn text(&self, rules: &RuleSet, hidden: Hidden<'_>) -> String {
        match self {
            Self::Never { rule, because } => {
                let why = contradiction(because, hidden(*rule));
                format!("this rule can never match: {why}")
            }
            Self::Hidden { by, .. } => {
                let named = names(by, rules, hidden);
                let (verb, end) = match by.as_slice() {
                    [_] => ("matches", "stops"),
                    _ => ("match, one or the other,", "stop"),
                };
                format!(
                    "this rule is never reached: {named} {verb} every event that it matches, and {end}"
                )
            }
            Self::Overlap { first, second, targets, example } => {
                let targets: Vec<String> = targets.iter().map(|name| format!("`{name}`")).collect();
                let targets = targets.join(", ");
                let named = name(*first, rules, hidden);
                let example = example.to_string();
                let shown = !hidden(*first) && !hidden(*second) && example.len() <= EXAMPLE_MAX;
                let like = if shown { format!(", like {example}") } else { String::new() };
                format!("{named} can match the same event and send it to {targets}{like}")
            }
            Self::Unproven { with: None, gap, .. } => {
                format!("whether an event can match and reach this rule is not proven: {gap}")
            }
            Self::Unproven { with: Some(first), gap, .. } => {
                let named = name(*first, rules, hidden);
                format!("whether {named} can match the same event is not proven: {gap}")
            }
        }
    }
}

impl Cut {
    /// What was left out, in words.
    pub fn text(self) -> String {
        match self {
            Self::Rules(count) => {
                format!("{count} rules were not looked at: the file has more than is proven about")
            }
            Self::Pairs(count) => {
                format!("overlaps were looked for between {count} pairs of rules; there are more")
            }
            Self::Overlaps(count) => format!("{count} overlaps are listed; there may be more"),
        }
    }
}

fn contradiction(parts: &[Part], hidden: bool) -> String {
    let mut told: Vec<String> =
        parts.iter().take(NAMED_MAX).map(|part| part.text(hidden)).collect();
    if parts.len() > NAMED_MAX {
        told.push(format!("{} more", parts.len() - NAMED_MAX));
    }
    match told.split_last() {
        None => "its condition cannot hold".to_owned(),
        Some((only, [])) => format!("{only} cannot hold"),
        Some((last, [first])) => format!("{first} and {last} exclude each other"),
        Some((last, before)) => format!("{} and {last} cannot all hold", before.join(", ")),
    }
}

impl Part {
    fn text(&self, hidden: bool) -> String {
        let mut text = self.what.clone();
        if !hidden && !self.expected.is_empty() {
            text.push(' ');
            let mut rest = self.expected.chars();
            text.extend(rest.by_ref().take(EXPECTED_MAX));
            text.extend(rest.next().map(|_| '…'));
        }
        let line = self.line.map(|line| format!(" (line {line})"));
        text + line.as_deref().unwrap_or_default()
    }
}

fn name(place: usize, rules: &RuleSet, hidden: Hidden<'_>) -> String {
    let rule = rules.rules().get(place);
    let name = match rule {
        Some(rule) if !hidden(place) => format!("`{}`", rule.name),
        _ => format!("rules[{place}]"),
    };
    let line = rule.and_then(|rule| rule.line).map(|line| format!(" (line {line})"));
    name + line.as_deref().unwrap_or_default()
}

fn names(places: &[usize], rules: &RuleSet, hidden: Hidden<'_>) -> String {
    let mut named: Vec<String> =
        places.iter().take(NAMED_MAX).map(|place| name(*place, rules, hidden)).collect();
    if places.len() > NAMED_MAX {
        named.push(format!("{} more", places.len() - NAMED_MAX));
    }
    match named.split_last() {
        Some((last, before)) if !before.is_empty() => format!("{} and {last}", before.join(", ")),
        _ => named.concat(),
    }
}
