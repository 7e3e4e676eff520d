//! What is legal but unwise.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::config::document::Node;
use crate::config::findings::Findings;
use crate::config::shape::Fields;
use crate::config::shape::keys::{CHECK, SOURCE};
use crate::config::{Code, Dedupe, Settings, Source, read, units};
use crate::name::TargetName;
use crate::rule::{Effect, Mode, Rule};
use crate::signature::Check;

use super::{clear_text, source_names};

/// A tolerance above this makes captured requests useful for long.
const TOLERANCE_GOOD: Duration = Duration::from_mins(15);

/// What is looked at.
pub(super) struct Parts<'t, 'a> {
    /// The file.
    pub(super) file: Fields<'t>,
    /// Its settings.
    pub(super) settings: &'a Settings,
    /// Its sources.
    pub(super) sources: &'a [Source],
    /// Its rules.
    pub(super) rules: &'a [Rule],
}

/// Adds all warnings that need more than one place to be seen.
pub(super) fn warn(parts: &Parts<'_, '_>, fallback: &[TargetName], findings: &mut Findings) {
    for source in parts.sources {
        let node = parts.file.get("sources").and_then(|sources| sources.get(source.name.as_str()));
        if let Some(node) = node {
            warn_source(Fields::new(node, &SOURCE), source, parts.settings, findings);
        }
    }
    warn_targets(parts, fallback, findings);
    warn_rules(parts, findings);
    source_names::warn(parts.file, findings);
}

fn warn_source(fields: Fields<'_>, source: &Source, settings: &Settings, findings: &mut Findings) {
    let Some(verify) = fields.get("verify") else { return };
    if matches!(source.check, Check::Unsigned) {
        if !settings.listen.ip().to_canonical().is_loopback() {
            let hint = "verify: { retell: [\"${RETELL_API_KEY}\"] }".to_owned();
            let text =
                "anyone who reaches the listener can send events here: no signature is checked";
            findings.warn(Code::Unsigned, verify, text, hint);
        }
        return;
    }
    let tolerance = Fields::new(verify, &CHECK).value("tolerance", read::duration);
    if tolerance > TOLERANCE_GOOD {
        let at = verify.get("tolerance").unwrap_or(verify);
        let text =
            format!("a captured request is accepted for {}", units::show_duration(tolerance));
        findings.warn(
            Code::LongTolerance,
            at,
            text,
            "mend the clock instead; 5m is what Retell's own library takes".to_owned(),
        );
    }
    if let Dedupe::ById(window) | Dedupe::ByBody(window) = source.dedupe
        && window < tolerance * 2
    {
        let at = fields.get("dedupe").unwrap_or(verify);
        let hint = format!("dedupe: {{ window: {} }}", units::show_duration(tolerance * 2));
        let text = "a repeat is forgotten before its signature is too old, so a captured request could be delivered twice";
        findings.warn(Code::ShortDedupe, at, text, hint);
    }
}

fn warn_targets(parts: &Parts<'_, '_>, fallback: &[TargetName], findings: &mut Findings) {
    let in_rules = parts.rules.iter().filter_map(|rule| match &rule.effect {
        Effect::Send(targets) => Some(targets),
        Effect::Ignore => None,
    });
    let used: BTreeSet<_> = in_rules.flatten().chain(fallback).map(TargetName::as_str).collect();
    for node in parts.file.get("targets").and_then(Node::map).into_iter().flatten() {
        if !used.contains(node.key()) {
            let text = format!("no rule sends anything to `{}`", node.key());
            findings.warn(Code::UnusedTarget, node, text, None);
        }
        clear_text::warn(node, findings);
    }
}

fn warn_rules(parts: &Parts<'_, '_>, findings: &mut Findings) {
    let catches_all = |rule: &Rule| rule.enabled && rule.mode == Mode::Live && rule.when.is_none();
    let list = parts.file.get("rules");
    // An empty `fallback` says that this is meant.
    if parts.file.get("fallback").is_none() && !parts.rules.iter().any(catches_all) {
        let at = list.unwrap_or(parts.file.node());
        let text = if parts.rules.is_empty() {
            "there are no rules and no fallback: events are kept and go nowhere"
        } else {
            "events that no rule matches go nowhere: there is no `fallback`"
        };
        let hint =
            "name targets in `fallback`, end with a rule without `when`, or write `fallback: []`"
                .to_owned();
        findings.warn(Code::NoFallback, at, text, hint);
    }
    if findings.wants_notes() {
        let nodes = list.and_then(Node::list).into_iter().flatten();
        for node in nodes.filter_map(|node| node.get("enabled")) {
            if node.scalar().and_then(read::flag) == Some(false) {
                findings.note(Code::SwitchedOff, node, "this rule is not looked at", None);
            }
        }
    }
}
