//! Rules: which events go where.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::Code;
use crate::config::document::Node;
use crate::config::findings::Findings;
use crate::config::near::did_you_mean;
use crate::config::read;
use crate::config::shape::Fields;
use crate::config::shape::keys::RULE;
use crate::name::{RuleName, TargetName};
use crate::rule::{Effect, Flow, Mode, Rule};

use super::conditions::condition;

/// The names of all targets, whether or not they could be lowered: a reference to a broken one is no second problem.
pub(super) struct Names<'t>(BTreeSet<&'t str>);

impl<'t> Names<'t> {
    /// The keys of `targets`.
    pub(super) fn new(file: Fields<'t>) -> Self {
        let targets = file.get("targets").and_then(Node::map);
        Self(targets.into_iter().flatten().map(Node::key).collect())
    }

    /// The targets that `node` names, one or a list.
    pub(super) fn named(&self, node: Node<'_>, findings: &mut Findings) -> Vec<TargetName> {
        let single = node.is_scalar().then_some(node);
        let mut names: Vec<TargetName> = Vec::new();
        for item in single.into_iter().chain(node.list().into_iter().flatten()) {
            let Some(text) = read::node_text(item) else { continue };
            if !self.0.contains(text.as_str()) {
                let hint = self.unknown(&text);
                let shown = item.scalar().map_or("", |scalar| &scalar.written);
                let text = format!("there is no target `{shown}`");
                findings.error_hint(Code::UnknownTarget, item, text, hint);
            } else if names.iter().any(|name| name.as_str() == text) {
                findings.warn(
                    Code::NamedTwice,
                    item,
                    format!("`{text}` is named twice; it gets each event once"),
                    None,
                );
            } else if let Ok(name) = TargetName::new(&text) {
                names.push(name);
            }
        }
        names
    }

    /// What to say where there is no target of that name.
    pub(super) fn unknown(&self, text: &str) -> String {
        did_you_mean(text, self.0.iter().copied()).unwrap_or_else(|| self.listed())
    }

    /// Whether there is a target of that name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains(name)
    }

    fn listed(&self) -> String {
        const LISTED_MAX: usize = 10;
        let names: Vec<_> =
            self.0.iter().take(LISTED_MAX).map(|name| format!("`{name}`")).collect();
        let more = if self.0.len() > LISTED_MAX { ", …" } else { "" };
        if names.is_empty() {
            "`targets` is empty".to_owned()
        } else {
            format!("the targets are {}{more}", names.join(", "))
        }
    }
}

/// Lowers all rules, in file order.
pub(super) fn rules(file: Fields<'_>, names: &Names<'_>, findings: &mut Findings) -> Vec<Rule> {
    let nodes = file.get("rules").and_then(Node::list);
    let mut taken = BTreeMap::new();
    nodes
        .into_iter()
        .flatten()
        .enumerate()
        .filter(|(_, node)| node.is_map())
        .filter_map(|(at, node)| {
            let fields = Fields::new(node, &RULE);
            let name = name(fields, at, &mut taken, findings);
            let when = fields.get("when").map(|node| condition(node, findings));
            let effect = effect(fields, names, findings);
            let shadow = fields.value("mode", read::text) == "shadow";
            let mode = if shadow { Mode::Shadow } else { Mode::Live };
            let enabled = fields.value("enabled", read::flag);
            let flow = flow(fields, effect.as_ref(), findings);
            let when = match when {
                None => None,
                Some(matcher) => Some(matcher?),
            };
            let (line, end_line) = (Some(node.line()), Some(node.end_line()));
            Some(Rule { name: name?, when, effect: effect?, flow, mode, enabled, line, end_line })
        })
        .collect()
}

/// Lowers the fallback.
pub(super) fn fallback(
    file: Fields<'_>,
    names: &Names<'_>,
    findings: &mut Findings,
) -> Vec<TargetName> {
    file.get("fallback").map_or_else(Vec::new, |node| names.named(node, findings))
}

fn name(
    fields: Fields<'_>,
    at: usize,
    taken: &mut BTreeMap<String, usize>,
    findings: &mut Findings,
) -> Option<RuleName> {
    let node = fields.get("name")?;
    let text = read::node_text(node)?;
    let name = match RuleName::new(&text) {
        Ok(name) => name,
        Err(error) => {
            findings.error(Code::BadName, node, error.to_string());
            return None;
        }
    };
    if let Some(first) = taken.get(&text) {
        let hint = "rules are told apart by their names in logs, metrics and `explain`".to_owned();
        let text = format!("rules[{first}] has this name already");
        findings.error_hint(Code::NameTaken, node, text, hint);
        return None;
    }
    taken.insert(text, at);
    Some(name)
}

fn effect(fields: Fields<'_>, names: &Names<'_>, findings: &mut Findings) -> Option<Effect> {
    let targets = fields.get("to").map(|node| names.named(node, findings));
    let ignore = fields.get("ignore");
    match (targets, ignore) {
        (Some(_), Some(node)) => {
            let text = "a rule has either `to` or `ignore: true`";
            findings.key_error(Code::Contradiction, node, text, None);
            None
        }
        (Some(targets), None) => (!targets.is_empty()).then_some(Effect::Send(targets)),
        (None, Some(node)) if fields.own("ignore", read::flag) == Some(false) => {
            let hint = "write `to` with the targets, or `ignore: true`".to_owned();
            let text = "`ignore: false` leaves nothing for the rule to do";
            findings.error_hint(Code::NothingToDo, node, text, hint);
            None
        }
        (None, Some(_)) => Some(Effect::Ignore),
        (None, None) => {
            let hint = "write `to: [name]`, or `ignore: true` for events that are wanted nowhere"
                .to_owned();
            let text = "a rule needs `to` or `ignore: true`";
            findings.error_hint(Code::NothingToDo, fields.node(), text, hint);
            None
        }
    }
}

fn flow(fields: Fields<'_>, effect: Option<&Effect>, findings: &mut Findings) -> Flow {
    let ignores = matches!(effect, Some(Effect::Ignore));
    match (ignores, fields.own("stop", read::flag), fields.get("stop")) {
        (true, Some(false), Some(node)) => {
            let text = "`ignore` implies `stop`: later rules are not looked at";
            findings.error_hint(Code::Contradiction, node, text, "take `stop` out".to_owned());
            Flow::Stop
        }
        (true, ..) | (false, Some(true), _) => Flow::Stop,
        _ => Flow::Continue,
    }
}
