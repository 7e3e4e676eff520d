//! What is legal but unwise.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use url::{Host, Url};

use crate::name::TargetName;
use crate::rule::{Effect, Flow, Rule};
use crate::signature::Check;

use super::super::document::Node;
use super::super::findings::Findings;
use super::super::shape::Fields;
use super::super::shape::keys::{CHECK, SOURCE};
use super::super::{Dedupe, Settings, Source, read, units};

/// A tolerance above this makes captured requests useful for long.
const TOLERANCE_GOOD: Duration = Duration::from_secs(900);

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
    warn_rules(parts, fallback, findings);
}

fn warn_source(fields: Fields<'_>, source: &Source, settings: &Settings, findings: &mut Findings) {
    let Some(verify) = fields.get("verify") else { return };
    if matches!(source.check, Check::Unsigned) {
        if !settings.listen.ip().to_canonical().is_loopback() {
            let hint = "verify: { retell: [\"${RETELL_API_KEY}\"] }".to_owned();
            let text = format!(
                "anyone who reaches {} can send events here: no signature is checked",
                settings.listen
            );
            findings.warn(verify, text, hint);
        }
        return;
    }
    let tolerance = Fields::new(verify, &CHECK).value("tolerance", read::duration);
    if tolerance > TOLERANCE_GOOD {
        let at = verify.get("tolerance").unwrap_or(verify);
        let text =
            format!("a captured request is accepted for {}", units::show_duration(tolerance));
        findings.warn(
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
        findings.warn(at, text, hint);
    }
}

fn warn_targets(parts: &Parts<'_, '_>, fallback: &[TargetName], findings: &mut Findings) {
    let in_rules = parts.rules.iter().filter_map(|rule| match &rule.effect {
        Effect::Send(targets) => Some(targets),
        Effect::Ignore => None,
    });
    let used: BTreeSet<_> = in_rules.flatten().chain(fallback).map(TargetName::as_str).collect();
    // A rule that could not be lowered may be the one that uses it.
    let all_rules = parts.file.get("rules").and_then(Node::list).map_or(0, |rules| rules.len());
    for node in parts.file.get("targets").and_then(Node::map).into_iter().flatten() {
        if all_rules == parts.rules.len() && !used.contains(node.key()) {
            let text = format!("no rule sends anything to `{}`", node.key());
            findings.warn(node, text, None);
        }
        if let Some(url) = node.get("url") {
            warn_plain_http(url, findings);
        }
    }
}

/// Payloads, and whatever the headers hold, can be read by everybody on the way.
fn warn_plain_http(node: Node<'_>, findings: &mut Findings) {
    let Some(text) = read::node_text(node) else { return };
    // The address may be a template, which is none of the host's business.
    let Ok(url) = Url::parse(text.split(['?', '#']).next().unwrap_or_default()) else { return };
    if url.scheme() == "http" && url.host().is_some_and(|host| is_public(&host)) {
        let text = "events and headers go to this host unencrypted";
        findings.warn(node, text, "use https://".to_owned());
    }
}

/// Whether a host is probably beyond the operator's own network.
fn is_public(host: &Host<&str>) -> bool {
    const LOCAL: [&str; 9] = [
        ".local",
        ".internal",
        ".localhost",
        ".svc",
        ".lan",
        ".home.arpa",
        ".test",
        ".cluster.local",
        ".intranet",
    ];
    let address = match host {
        Host::Domain(name) => {
            let name = name.trim_end_matches('.');
            return name.contains('.') && !LOCAL.iter().any(|ending| name.ends_with(ending));
        }
        Host::Ipv4(address) => IpAddr::V4(*address),
        Host::Ipv6(address) => IpAddr::V6(*address).to_canonical(),
    };
    match address {
        IpAddr::V4(v4) => {
            !(v4.is_loopback() || v4.is_private() || v4.is_link_local() || v4.is_unspecified())
        }
        IpAddr::V6(v6) => !(v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local()),
    }
}

fn warn_rules(parts: &Parts<'_, '_>, fallback: &[TargetName], findings: &mut Findings) {
    let file = parts.file;
    let catches_all = |rule: &&Rule| rule.enabled && rule.when.is_none();
    let list = file.get("rules");
    let count = list.and_then(Node::list).map_or(0, |rules| rules.len());
    let complete = count == parts.rules.len();
    if complete
        && fallback.is_empty()
        && file.get("fallback").is_none()
        && !parts.rules.iter().any(|rule| catches_all(&rule))
    {
        let at = list.unwrap_or(file.node());
        let text = if count == 0 {
            "there are no rules and no fallback: events are kept and go nowhere"
        } else {
            "events that no rule matches go nowhere: there is no `fallback`"
        };
        findings.warn(
            at,
            text,
            "name targets in `fallback`, or end with a rule without `when`".to_owned(),
        );
    }
    if !complete {
        return;
    }
    let last = parts.rules.iter().position(|rule| catches_all(&rule) && rule.flow == Flow::Stop);
    let nodes = list.and_then(Node::list).into_iter().flatten();
    if let Some(last) = last
        && let Some(next) = nodes.into_iter().nth(last + 1)
    {
        let name = parts.rules.get(last).map_or("", |rule| rule.name.as_str());
        let text = format!("this rule is never looked at: `{name}` matches every event and stops");
        findings.warn(next, text, "move that rule to the end".to_owned());
    }
}
