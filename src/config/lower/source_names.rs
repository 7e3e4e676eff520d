//! Conditions on a source that the file does not have. It is no error: events that a former source received are still stored, and
//! are replayed and previewed under the rules that run.

use crate::config::Code;
use crate::config::document::Node;
use crate::config::findings::Findings;
use crate::config::near::did_you_mean;
use crate::config::read;
use crate::config::shape::Fields;

use super::conditions::compared;

/// Most sources that are listed where none is near.
const LISTED_MAX: usize = 10;

/// Warns of every name of a source in the rules of `file` that no source of it has.
pub(super) fn warn(file: Fields<'_>, findings: &mut Findings) {
    let sources = file.get("sources").and_then(Node::map).into_iter().flatten();
    let known: Vec<&str> = sources.map(Node::key).collect();
    let rules = file.get("rules").and_then(Node::list).into_iter().flatten();
    for when in rules.filter_map(|rule| rule.get("when")) {
        condition(when, &known, findings);
    }
}

/// It nests as deep as the file may.
fn condition(node: Node<'_>, known: &[&str], findings: &mut Findings) {
    for part in node.map().into_iter().flatten() {
        match part.key() {
            "source" => source(part, known, findings),
            "not" => condition(part, known, findings),
            "all" | "any" => {
                let parts = part.list().into_iter().flatten();
                parts.for_each(|part| condition(part, known, findings));
            }
            _ => {}
        }
    }
}

fn source(test: Node<'_>, known: &[&str], findings: &mut Findings) {
    let flag = test.get("ignore_case").and_then(Node::scalar).and_then(read::flag);
    let same = |own: &str, name: &str| match flag {
        // Names of sources are ASCII.
        Some(true) => own.eq_ignore_ascii_case(name),
        _ => own == name,
    };
    for node in compared(test) {
        let Some(name) = read::node_text(node) else { continue };
        if known.iter().any(|own| same(own, &name)) {
            continue;
        }
        let shown = node.scalar().map_or("", |scalar| &scalar.written);
        let text = format!("there is no source `{shown}`, so no new event comes from it");
        let hint = did_you_mean(&name, known.iter().copied()).unwrap_or_else(|| listed(known));
        findings.warn(Code::NoSuchSource, node, text, hint);
    }
}

fn listed(known: &[&str]) -> String {
    let names: Vec<_> = known.iter().take(LISTED_MAX).map(|name| format!("`{name}`")).collect();
    let more = if known.len() > LISTED_MAX { ", …" } else { "" };
    format!("the sources are {}{more}", names.join(", "))
}
