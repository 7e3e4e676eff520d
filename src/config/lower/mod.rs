//! From the checked tree to what the program works with. The shapes are known to be right or are reported already, so
//! what is looked at here is meaning: names that exist, paths and templates that compile, values that fit together.
//!
//! Nothing here stops at a problem: each part is lowered as far as it goes, and only a file without any error becomes a
//! snapshot.

mod clear_text;
mod conditions;
mod proofs;
mod rules;
mod settings;
mod source_names;
mod sources;
mod targets;
mod trials;
mod warnings;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::name::TargetName;
use crate::path::Path as JsonPath;
use crate::rule::{Rule, RuleSet};
use crate::target::Target;

use super::document::{Node, Scalar};
use super::findings::Findings;
use super::inputs::Files;
use super::shape::Fields;
use super::shape::keys::FILE;
use super::{Code, Overrides, Settings, Source, Trial};

/// Everything of a snapshot that is made from the tree.
pub(super) struct Lowered {
    /// Settings.
    pub(super) settings: Settings,
    /// Sources in file order.
    pub(super) sources: Vec<Source>,
    /// Targets by name.
    pub(super) targets: BTreeMap<TargetName, Arc<Target>>,
    /// The rules.
    pub(super) rules: RuleSet,
    /// The tests of the file.
    pub(super) trials: Vec<Trial>,
}

/// Lowers the file at `root`, whose folder is `folder`. Returns nothing if there is any error.
pub(super) fn lower(
    root: Node<'_>,
    folder: &Path,
    overrides: &Overrides,
    files: &mut Files,
    findings: &mut Findings,
) -> Option<Lowered> {
    let file = Fields::new(root, &FILE);
    let settings = settings::settings(file, folder, overrides, findings);
    let sources = sources::sources(file, settings.body_memory, findings);
    let targets = targets::targets(file, files, findings);
    let names = rules::Names::new(file);
    let rules = rules::rules(file, &names, findings);
    let fallback = rules::fallback(file, &names, findings);
    let trials = trials::trials(file, &names, files, findings);
    if findings.has_errors() {
        return None;
    }
    // Only now: a rule that is broken may be the one that uses a target.
    let parts = warnings::Parts { file, settings: &settings, sources: &sources, rules: &rules };
    warnings::warn(&parts, &fallback, findings);
    let rules = rule_set(rules, fallback, &targets);
    if findings.wants_proofs() {
        proofs::warn(file, &rules, &sources, findings);
    }
    // A test that fails is shown with its line, and that is known only once it has run.
    if !trials.is_empty() {
        findings.keep_text();
    }
    Some(Lowered { settings, sources, targets, rules, trials })
}

fn rule_set(
    rules: Vec<Rule>,
    fallback: Vec<TargetName>,
    targets: &BTreeMap<TargetName, Arc<Target>>,
) -> RuleSet {
    let order_by = targets
        .iter()
        .filter_map(|(name, target)| Some((name.clone(), target.order_by.clone()?)))
        .collect();
    RuleSet::new(rules, fallback, order_by)
}

/// A JSONPath written at `node`, whose text is `text`.
fn json_path(node: Node<'_>, text: &str, findings: &mut Findings) -> Option<JsonPath> {
    match JsonPath::parse(text) {
        Ok(path) => Some(path),
        Err(error) => {
            // The hint repeats what was written, so it may not stand where that came from outside.
            let filled = node.scalar().is_some_and(Scalar::is_filled);
            let hint = error.hint().filter(|_| !filled);
            findings.key_error(Code::BadPath, node, without_values(node, &error), hint);
            None
        }
    }
}

/// The text of an error that may repeat what it read: not if that came from outside.
fn without_values(node: Node<'_>, error: &impl std::fmt::Display) -> String {
    if node.scalar().is_some_and(Scalar::is_filled) {
        "this is wrong once its variables are put in".to_owned()
    } else {
        error.to_string()
    }
}
