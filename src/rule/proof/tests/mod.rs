mod random;
mod table;

use std::fmt::Write as _;
use std::path::Path;

use super::*;
use crate::config::{MapEnvironment, Overrides, Snapshot, load_text};

/// A configuration with these rules, each a flow map without its name, which is `a`, `b`, …. The first stands on line 8.
fn load(rules: &[&str]) -> Snapshot {
    let mut text = String::from(
        "version: 1\n\
         sources:\n  retell: { path: /webhook, verify: none }\n\
         targets:\n  t: { kind: http, url: \"http://127.0.0.1:9/\" }\n  \
         u: { kind: http, url: \"http://127.0.0.1:9/\" }\n\
         rules:\n",
    );
    for (name, rule) in ('a'..).zip(rules) {
        let own = rule.contains("to:") || rule.contains("ignore:");
        let to = if own { "" } else { "to: [t], " };
        writeln!(text, "  - {{ name: {name}, {to}{rule} }}").unwrap();
    }
    let environment = MapEnvironment::default();
    load_text(&text, Path::new("rules.yaml"), &environment, &Overrides::default())
        .unwrap_or_else(|problems| panic!("{text}\n{problems}"))
}

/// What is proven about them, in words: `b: this rule is never reached: …`.
fn told(rules: &[&str], scope: Scope) -> Vec<String> {
    let snapshot = load(rules);
    let sources: Vec<_> = snapshot.sources.iter().map(|source| source.name.clone()).collect();
    let proofs = prove(&snapshot.rules, &sources, scope);
    let findings = proofs.findings.iter().map(|finding| {
        let name = &snapshot.rules.rules()[finding.rule()].name;
        format!("{name}: {}", finding.text(&snapshot.rules, &|_| false))
    });
    findings.chain(proofs.cuts.iter().map(|cut| cut.text())).collect()
}
