//! `rules.yaml`: any text is survived and its problems can be shown; and what is accepted means the same to both readers.
//!
//! The differential goes the long way round: `serde_yaml` alone reads the text, its reading is written down as JSON (which is
//! YAML without its surprises), and that file must load as the same configuration.

use std::fmt::Write as _;
use std::path::Path;

use hookswitch::config::{
    self, Level, MapEnvironment, Overrides, Problems, Snapshot, Style, Trial,
};
use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_yaml::Value;

/// Loads `data`, and loads what `serde_yaml` reads in it.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let snapshot = match load(text) {
        Ok(snapshot) => snapshot,
        Err(problems) => return shown(&problems),
    };
    // Within a plain scalar a value from outside is read again, within quotes it is not, and JSON has only quotes.
    if text.contains("${") || !is_canonical(text) {
        return;
    }
    let tree: Value = serde_yaml::from_str(text.trim_start_matches('\u{feff}'))
        .expect("both readers read what is accepted");
    let json = serde_json::to_string(&tree).expect("what is accepted is a tree of texts");
    let again = load(&json).unwrap_or_else(|problems| panic!("{json}\n{problems}"));
    assert_eq!(meaning(&snapshot), meaning(&again), "{json}");
}

fn load(text: &str) -> Result<Snapshot, Problems> {
    let origin = Path::new("rules.yaml");
    config::load_text(text, origin, &MapEnvironment::default(), &Overrides::default())
}

fn shown(problems: &Problems) {
    assert!(problems.list.iter().any(|problem| problem.level == Level::Error));
    assert!(!problems.show(Style::Plain).is_empty());
    for problem in &problems.list {
        if let Some((from, to)) = problem.span {
            assert!(from <= to && to <= problems.text.len(), "{problem:?}");
            assert!(problems.place(problem).is_some(), "{problem:?}");
        }
    }
}

/// Whether every plain scalar is written as JSON would write it: `1.10` may stand for a text, and says more than `1.1`.
fn is_canonical(text: &str) -> bool {
    let mut events = Parser::new_from_str(text.trim_start_matches('\u{feff}'));
    events.all(|event| match event {
        Ok((Event::Scalar(written, ScalarStyle::Plain, ..), _)) => {
            match serde_yaml::from_str::<Value>(&written) {
                Ok(Value::String(_)) => true,
                Ok(read) => serde_json::to_string(&read).is_ok_and(|text| text == *written),
                Err(_) => false,
            }
        }
        _ => true,
    })
}

/// All of a configuration but its text, and what follows from its text.
fn meaning(snapshot: &Snapshot) -> String {
    let Snapshot { settings, sources, targets, rules, trials, .. } = snapshot;
    let mut all = format!("{settings:?} {sources:?} {:?}", rules.fallback());
    for target in targets.values() {
        // Its fingerprint is of its text, so that any change of it is one.
        let shown = format!("{target:?}");
        let (before, after) = shown.split_once("fingerprint: ").expect("a target has one");
        all.extend([before, after.trim_start_matches(|c: char| c.is_ascii_digit())]);
    }
    for rule in rules.rules() {
        write!(all, " {}", without_lines(&format!("{rule:?}"))).expect("a String takes it");
    }
    for Trial { name, event, change, source, query, headers, expect, .. } in trials {
        write!(all, " {name:?} {event:?} {change:?} {source:?} {query:?} {headers:?} {expect:?}")
            .expect("a String takes it");
    }
    all
}

/// Where a rule stands is no part of what it means.
fn without_lines(shown: &str) -> String {
    ["At(", "line: Some("].iter().fold(shown.to_owned(), |text, marker| {
        let mut parts = text.split(marker);
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |all, part| {
            all + marker + part.trim_start_matches(|c: char| c.is_ascii_digit())
        })
    })
}
