//! The examples of `docs/rules.md` and of `tests/fixtures/rules`, run against the program.
//!
//! In the document a `yaml` block holds a `when` or whole `rules`; the `text` block after it holds lines of an expectation and an event,
//! which may have a query string before it.

use std::path::Path;

use bytes::Bytes;
use hookswitch::clock::Timestamp;
use hookswitch::config::{MapEnvironment, Overrides, Problems, Snapshot, load_text};
use hookswitch::event::{Envelope, EventId, RequestParts};
use hookswitch::name::{RuleName, SourceName};
use hookswitch::rule::Disposition;

const DOCUMENT: &str = include_str!("../../docs/rules.md");

const HEAD: &str = "\
version: 1
sources: { retell: { path: /webhook, verify: none } }
targets: { crm: { kind: log }, slack: { kind: log }, warehouse: { kind: log } }
";

/// A `yaml` block with the `text` block that follows it.
struct Example {
    line: usize,
    yaml: String,
    lines: Vec<(usize, String)>,
}

/// A block's first line, its language, and its lines with their numbers.
type Block = (usize, &'static str, Vec<(usize, &'static str)>);

/// Every fenced block: its first line, its language, its lines.
fn blocks() -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut open = false;
    for (number, line) in (1..).zip(DOCUMENT.lines()) {
        match line.strip_prefix("```") {
            Some(_) if open => open = false,
            Some(language) => {
                open = true;
                blocks.push((number, language, Vec::new()));
            }
            None if open => blocks.last_mut().unwrap().2.push((number, line)),
            None => {}
        }
    }
    assert!(!open, "a block has no end");
    blocks
}

fn examples() -> Vec<Example> {
    let blocks = blocks();
    blocks
        .chunks(2)
        .map(|pair| {
            let [(line, "yaml", yaml), (_, "text", lines)] = pair else {
                panic!("line {}: a yaml block, then a text block", pair[0].0);
            };
            let yaml: Vec<&str> = yaml.iter().map(|(_, line)| *line).collect();
            let lines = lines.iter().map(|(number, line)| (*number, (*line).to_owned())).collect();
            Example { line: *line, yaml: yaml.join("\n"), lines }
        })
        .collect()
}

fn load(yaml: &str) -> Result<Snapshot, Problems> {
    let text = if yaml.starts_with("when:") {
        let indented = yaml.replace('\n', "\n    ");
        format!("{HEAD}rules:\n  - name: example\n    {indented}\n    to: [crm]\n")
    } else {
        format!("{HEAD}{yaml}\n")
    };
    load_text(&text, Path::new("rules.yaml"), &MapEnvironment::default(), &Overrides::default())
}

fn envelope(query: Option<String>) -> Envelope {
    Envelope {
        id: EventId::from_bytes([0; 16]),
        source: SourceName::new("retell").unwrap(),
        received_at: Timestamp::from_millis(0),
        signed: false,
        name: None,
        agent_id: None,
        subject: None,
        request: RequestParts { query, ..RequestParts::default() },
    }
}

/// What becomes of an event: `match`, `no match` and `quarantine`, or the targets.
fn becomes(snapshot: &Snapshot, event: &str) -> String {
    let (query, body) = match event.strip_prefix('?').and_then(|rest| rest.split_once(' ')) {
        Some((query, body)) => (Some(query.to_owned()), body),
        None => (None, event),
    };
    let body = Bytes::copy_from_slice(body.as_bytes());
    let Ok(event) = snapshot.rules.reader().reread(&envelope(query), &body) else {
        return "quarantine".into();
    };
    match snapshot.rules.plan(&event).disposition {
        Disposition::Routed(planned) => {
            planned.iter().map(|planned| planned.target.as_str()).collect::<Vec<_>>().join(" ")
        }
        Disposition::Ignored => "ignored".into(),
        Disposition::Unrouted => "unrouted".into(),
    }
}

#[test]
fn every_example_of_the_document_holds() {
    let examples = examples();
    let mut seen = 0;
    for Example { line, yaml, lines } in &examples {
        assert!(!lines.is_empty(), "line {line}: an example without an event");
        let loaded = load(yaml);
        for (number, text) in lines {
            seen += 1;
            if let Some(words) = text.strip_prefix("refused ") {
                let problems = loaded.as_ref().expect_err("it must be refused").to_string();
                assert!(problems.contains(words.trim()), "line {number}: {problems}");
                continue;
            }
            let snapshot =
                loaded.as_ref().unwrap_or_else(|problems| panic!("line {line}: {problems}"));
            let split = text.find("  {").or_else(|| text.find(['{', '[', '?'])).unwrap();
            let (expected, event) = text.split_at(split);
            let expected = match expected.trim() {
                "match" => "crm",
                "no match" => "unrouted",
                other => other,
            };
            let found = becomes(snapshot, event.trim());
            assert_eq!(found, expected, "docs/rules.md, line {number}: {text}");
        }
    }
    assert!(examples.len() >= 30 && seen >= 110, "{} examples, {seen} events", examples.len());
}

/// What the rules of `retell.yaml` plan for each payload fixture, line by line.
#[test]
fn the_fixtures_go_where_they_should() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let text = std::fs::read_to_string(fixtures.join("rules/retell.yaml")).unwrap();
    let origin = Path::new("retell.yaml");
    let snapshot = load_text(&text, origin, &MapEnvironment::default(), &Overrides::default())
        .unwrap_or_else(|problems| panic!("{problems}"));
    let mut names: Vec<String> = std::fs::read_dir(fixtures.join("retell"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| {
            Path::new(name).extension().is_some_and(|ending| ending == "json")
                && name != "signature_vectors.json"
        })
        .collect();
    names.sort();
    let mut found = String::new();
    for name in &names {
        let body = Bytes::from(std::fs::read(fixtures.join("retell").join(name)).unwrap());
        let event = snapshot.rules.reader().reread(&envelope(None), &body).unwrap();
        let plan = snapshot.rules.plan(&event);
        let rules: Vec<&str> = plan.rules.iter().map(RuleName::as_str).collect();
        let rules = if rules.is_empty() { "no rule".to_owned() } else { rules.join("; ") };
        let targets = match plan.disposition {
            Disposition::Routed(planned) => planned
                .iter()
                .map(|planned| match &planned.order_key {
                    Some(key) => format!("{} by {key}", planned.target),
                    None => planned.target.to_string(),
                })
                .collect::<Vec<_>>()
                .join(", "),
            other => format!("{other:?}").to_lowercase(),
        };
        found.extend([name.as_str(), "\n    ", &rules, "\n    -> ", &targets, "\n"]);
    }
    let expected = std::fs::read_to_string(fixtures.join("rules/retell.plan")).unwrap();
    assert_eq!(found, expected, "{found}");
    assert!(names.len() >= 20, "{}", names.len());
}
