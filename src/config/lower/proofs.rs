//! What is proven of the rules, put where it belongs in the file.
//!
//! A finding repeats what rules compare with, and that may come from outside. So a rule into which anything is put is
//! called by its place, and nothing of its condition is repeated but fields and lines.

use crate::config::document::{Node, Scalar};
use crate::config::findings::Findings;
use crate::config::shape::Fields;
use crate::config::{Code, Source};
use crate::name::SourceName;
use crate::rule::RuleSet;
use crate::rule::proof::{Finding, Scope, prove};

/// Most rules that are warned of one by one; of the others one is told how many there are.
const WARNED_MAX: usize = 100;

/// Adds what is proven of `rules`, which are those of `file`.
pub(super) fn warn(file: Fields<'_>, rules: &RuleSet, sources: &[Source], findings: &mut Findings) {
    let Some(list) = file.get("rules") else { return };
    let nodes: Vec<Node<'_>> = list.list().into_iter().flatten().collect();
    let sources: Vec<SourceName> = sources.iter().map(|source| source.name.clone()).collect();
    let scope = if findings.wants_notes() { Scope::Everything } else { Scope::Faults };
    let proofs = prove(rules, &sources, scope);
    let filled = |place: usize| nodes.get(place).is_none_or(|node| is_filled(*node));
    let is_fault =
        |finding: &&Finding| matches!(finding, Finding::Never { .. } | Finding::Hidden { .. });
    let more = proofs.findings.iter().filter(is_fault).count().saturating_sub(WARNED_MAX);
    let mut warned = 0;
    for finding in &proofs.findings {
        warned += usize::from(is_fault(&finding));
        if warned > WARNED_MAX && is_fault(&finding) {
            continue;
        }
        let Some(node) = nodes.get(finding.rule()) else { continue };
        let node = node.get("name").unwrap_or(*node);
        let text = finding.text(rules, &filled);
        match finding {
            Finding::Never { .. } => findings.warn(Code::NeverMatches, node, text, None),
            Finding::Hidden { .. } => {
                let hint = "move it up, before what hides it".to_owned();
                findings.warn(Code::Hidden, node, text, hint);
            }
            Finding::Overlap { .. } => findings.note(Code::Overlap, node, text, None),
            Finding::Unproven { .. } => findings.note(Code::NotProven, node, text, None),
        }
    }
    if more > 0 {
        let text = format!("{more} more rules can never match, or are never reached");
        findings.warn(Code::Hidden, list, text, None);
    }
    for cut in &proofs.cuts {
        findings.note(Code::NotProven, list, cut.text(), None);
    }
}

/// Whether anything at or below `node` comes from outside. It nests as deep as a file may.
fn is_filled(node: Node<'_>) -> bool {
    let below = node.map().into_iter().flatten().chain(node.list().into_iter().flatten());
    node.scalar().is_some_and(Scalar::is_filled) || below.into_iter().any(is_filled)
}
