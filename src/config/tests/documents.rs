//! What is kept beside the program and must not drift from it: the schema, the configuration reference, the example.
//! `HOOKSWITCH_ACCEPT=1 cargo test --lib config::` writes the generated parts anew.

use std::fs;

use crate::config::shape::check::expected;
use crate::config::shape::keys::{FILE, OBJECTS};
use crate::config::shape::{Key, Object, Shape};

use super::fixtures::{accepting, check_schema};
use super::*;

fn root(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn text_of(name: &str) -> String {
    fs::read_to_string(root(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Compares a generated file with what is kept, or writes it.
fn check_kept(name: &str, generated: &str) {
    if accepting() {
        fs::write(root(name), generated).expect("it can be written");
    }
    assert!(
        text_of(name) == generated,
        "{name} is not what the program makes; HOOKSWITCH_ACCEPT=1 cargo test --lib config:: writes it anew"
    );
}

#[test]
fn the_kept_schema_is_the_programs() {
    let text = serde_json::to_string_pretty(&schema()).expect("it is JSON");
    check_kept("docs/rules.schema.json", &format!("{text}\n"));
}

#[test]
fn the_example_works_with_nothing_set_and_without_warnings() {
    let text = text_of("rules.example.yaml");
    let snapshot = load_plain(&text).unwrap_or_else(|problems| panic!("{problems}"));
    assert!(snapshot.warnings.list.is_empty(), "{}", snapshot.warnings);
    assert!(snapshot.settings.listen.ip().is_loopback());
    assert!(text.starts_with("# yaml-language-server: $schema=docs/rules.schema.json\n"));
    let schema = jsonschema::validator_for(&schema()).expect("the schema is one");
    check_schema(&schema, &text, "rules.example.yaml");
}

#[test]
fn the_reference_has_every_key_with_its_default_and_bounds() {
    let mut text = text_of("docs/configuration.md");
    for object in OBJECTS {
        let begin = format!("<!-- table: {} -->\n", object.name);
        let from = text.find(&begin).unwrap_or_else(|| panic!("no {begin}")) + begin.len();
        let to = from
            + text.get(from..).and_then(|rest| rest.find("<!-- end -->")).expect("the table ends");
        text.replace_range(from..to, &table(object));
    }
    check_kept("docs/configuration.md", &text);
}

fn table(object: &Object) -> String {
    let rows: String = object.keys.iter().map(row).collect();
    format!("| key | is | default | what it does |\n| --- | --- | --- | --- |\n{rows}")
}

fn row(key: &Key) -> String {
    let Key { name, shape, about, default, required } = key;
    let default = match (default, required) {
        (Some(default), _) => format!("`{default}`"),
        (None, true) => "must be given".to_owned(),
        (None, false) => "none".to_owned(),
    };
    let cell = |text: &str| text.replace('|', "\\|");
    format!("| `{name}` | {} | {default} | {} |\n", cell(&kind(shape)), cell(about))
}

/// What may stand there, in words.
fn kind(shape: &Shape) -> String {
    match shape {
        Shape::Object(object) => format!("a map, see {}", object.what),
        Shape::Variants(variants) => format!("a map, see {}", variants.what),
        Shape::Entries(of) => format!("a map; each value: {}", kind(of)),
        Shape::List(of, min) => {
            let not_empty = if *min > 0 { ", not empty" } else { "" };
            format!("a list{not_empty}; each: {}", kind(of))
        }
        shape => expected(shape),
    }
}

#[test]
fn every_yaml_block_of_the_reference_loads_and_fits_the_schema() {
    let schema = jsonschema::validator_for(&schema()).expect("the schema is one");
    let text = text_of("docs/configuration.md");
    let mut found = 0;
    for block in text.split("```yaml").skip(1) {
        let (head, rest) = block.split_once('\n').expect("a block has lines");
        let block = rest.split("```").next().expect("a block ends");
        let whole = match head.trim() {
            "" => block.to_owned(),
            "fragment" => completed(block),
            other => panic!("```yaml {other}"),
        };
        found += 1;
        let environment = ["SLACK_WEBHOOK_URL", "RETELL_API_KEY"]
            .map(|name| (name.to_owned(), "https://hooks.slack.com/services/x".to_owned()));
        let environment = MapEnvironment(BTreeMap::from(environment));
        let loaded =
            load_text(&whole, Path::new("block.yaml"), &environment, &Overrides::default());
        assert!(loaded.is_ok(), "{}\n{whole}", loaded.expect_err("it is none"));
        check_schema(&schema, &whole, "a block of docs/configuration.md");
    }
    assert!(found >= 6, "only {found} blocks found");
}

/// A fragment shows some keys of the file; what it leaves out is put before it.
fn completed(fragment: &str) -> String {
    let rest = [
        ("version", "version: 1"),
        ("sources", "sources: { retell: { path: /webhook, verify: none } }"),
        ("targets", "targets: { crm: { kind: log } }"),
    ];
    let has = |key: &str| fragment.lines().any(|line| line.starts_with(&format!("{key}:")));
    let before = rest.iter().filter(|(key, _)| !has(key)).map(|(_, line)| format!("{line}\n"));
    before.chain([fragment.to_owned()]).collect()
}

#[test]
fn every_default_of_the_tables_fits_its_shape() {
    let mut found = 0;
    for key in OBJECTS.iter().flat_map(|object| object.keys) {
        let Some(default) = key.default else { continue };
        let text = format!("key: {default}");
        let mut findings = Findings::default();
        let tree = position::read(&text, &mut findings).expect("a default is YAML");
        let node = tree.root().and_then(|root| root.get("key")).expect("its value");
        shape::check(node, &key.shape, &mut findings);
        assert!(!findings.has_errors(), "{}: {default}", key.name);
        found += 1;
    }
    assert!(found > 15, "only {found} defaults found");
    assert!(FILE.key("version").is_some_and(|key| key.required));
}
