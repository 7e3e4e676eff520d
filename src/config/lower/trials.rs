//! Tests of the file. What is wrong with a test as it is written is an error like any other; that its event cannot be read
//! makes it fail, since a router must start where nobody put the files of its tests.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use serde_json::{Map, Value};

use crate::config::document::{Kind, Node};
use crate::config::findings::Findings;
use crate::config::inputs::Files;
use crate::config::near::did_you_mean;
use crate::config::scalar::Plain;
use crate::config::shape::Fields;
use crate::config::shape::keys::{EXPECT, SENDS, TRIAL};
use crate::config::trial::TRIALS_MAX;
use crate::config::{Change, Code, Expect, ExpectedRequest, Fate, Place, Trial, read};
use crate::event::query_pairs;
use crate::name::{RuleName, SourceName, TargetName, TestName};
use crate::secret::Secret;

use super::json_path;
use super::rules::Names;
use super::targets::is_token;

/// What tests may name.
struct Known<'t> {
    targets: &'t Names<'t>,
    sources: Vec<&'t str>,
    rules: BTreeSet<String>,
}

/// Among more rules than this, none is proposed for one that there is not: it would take long.
const RULES_COMPARED: usize = 1_000;

/// Lowers all tests.
pub(super) fn trials(
    file: Fields<'_>,
    targets: &Names<'_>,
    files: &mut Files,
    findings: &mut Findings,
) -> Vec<Trial> {
    let Some(node) = file.get("tests") else { return Vec::new() };
    let Some(list) = node.list() else { return Vec::new() };
    if list.len() > TRIALS_MAX {
        let text = format!("there are {} tests, at most {TRIALS_MAX} can be", list.len());
        findings.error(Code::TooMany, node, text);
        return Vec::new();
    }
    let rules = file.get("rules").and_then(Node::list).into_iter().flatten();
    let sources = file.get("sources").and_then(Node::map).into_iter().flatten();
    let known = Known {
        targets,
        sources: sources.map(Node::key).collect(),
        rules: rules.filter_map(|rule| read::node_text(rule.get("name")?)).collect(),
    };
    let mut taken = BTreeMap::new();
    list.enumerate()
        .filter(|(_, node)| node.is_map())
        .filter_map(|(at, node)| {
            let fields = Fields::new(node, &TRIAL);
            let name = name(fields, at, &mut taken, findings);
            let change = change(fields, findings);
            let source = source(fields, &known, findings);
            let headers = headers(fields, findings);
            let expect = expect(fields, &known, findings);
            let event = event(fields, files);
            let query = fields.own("query", read::text).unwrap_or_default();
            Some(Trial {
                name: name?,
                place: Place {
                    path: node.path(),
                    span: fields.get("name").unwrap_or(node).mark(),
                    line: node.line(),
                },
                event: event?,
                change,
                source,
                query: query_pairs(&query),
                headers: headers.into_iter().map(|(name, node)| (name, text(node))).collect(),
                expect: expect?,
            })
        })
        .collect()
}

fn text(node: Node<'_>) -> String {
    read::node_text(node).unwrap_or_default()
}

fn name(
    fields: Fields<'_>,
    at: usize,
    taken: &mut BTreeMap<String, usize>,
    findings: &mut Findings,
) -> Option<TestName> {
    let node = fields.get("name")?;
    let text = read::node_text(node)?;
    let name = TestName::new(&text)
        .map_err(|error| findings.error(Code::BadName, node, error.to_string()))
        .ok()?;
    if let Some(first) = taken.insert(text, at) {
        let hint = "tests are told apart by their names".to_owned();
        findings.error_hint(
            Code::NameTaken,
            node,
            format!("tests[{first}] has this name already"),
            hint,
        );
        return None;
    }
    Some(name)
}

/// The body of a test's event, or why it cannot be read.
fn event(fields: Fields<'_>, files: &mut Files) -> Option<Result<Bytes, String>> {
    let node = fields.get("event")?;
    if let Some(scalar) = node.scalar() {
        // What a secret says is no path, and is reported.
        let path = read::text(scalar).filter(|_| !scalar.is_from_file())?;
        return Some(files.event(&path, &scalar.written));
    }
    node.is_map().then(|| files.inline(value(node).to_string()))
}

/// YAML as JSON. It nests as deep as the file may.
fn value(node: Node<'_>) -> Value {
    match node.kind() {
        Kind::Scalar(scalar) => match scalar.read() {
            Plain::Null => Value::Null,
            Plain::Bool(flag) => Value::Bool(flag),
            Plain::Number(number) => Value::Number(number),
            Plain::Text => Value::String(scalar.text().into_owned()),
        },
        Kind::List(_) => node.list().into_iter().flatten().map(value).collect(),
        Kind::Map(_) => {
            let members = node.map().into_iter().flatten();
            let members = members.map(|member| (member.key().to_owned(), value(member)));
            Value::Object(members.collect::<Map<_, _>>())
        }
        Kind::Broken => Value::Null,
    }
}

fn change(fields: Fields<'_>, findings: &mut Findings) -> Vec<Change> {
    let mut changes = Vec::new();
    for node in fields.get("change").and_then(Node::map).into_iter().flatten() {
        match json_path(node, node.key(), findings) {
            Some(path) if path.singular().is_some() => {
                changes.push(Change::Set(path, value(node)));
            }
            Some(_) => {
                let hint = "write one path for each place: `$.items[0].price`".to_owned();
                findings.key_error(
                    Code::BadPath,
                    node,
                    "a value is put at one place, and this path can name several",
                    hint,
                );
            }
            None => {}
        }
    }
    for node in fields.get("remove").and_then(Node::list).into_iter().flatten() {
        let path = read::node_text(node).and_then(|text| json_path(node, &text, findings));
        changes.extend(path.map(Change::Remove));
    }
    changes
}

fn source(fields: Fields<'_>, known: &Known<'_>, findings: &mut Findings) -> Option<SourceName> {
    let node = fields.get("source")?;
    let text = read::node_text(node)?;
    if !known.sources.contains(&text.as_str()) {
        let shown = node.scalar().map_or("", |scalar| &scalar.written);
        let hint = did_you_mean(&text, known.sources.iter().copied())
            .unwrap_or_else(|| format!("the sources are {}", known.sources.join(", ")));
        findings.error_hint(
            Code::UnknownSource,
            node,
            format!("there is no source `{shown}`"),
            hint,
        );
        return None;
    }
    SourceName::new(&text).ok()
}

/// The headers of a test or of an expected request, names in lower case.
fn headers<'t>(fields: Fields<'t>, findings: &mut Findings) -> Vec<(String, Node<'t>)> {
    let mut headers = Vec::new();
    for node in fields.get("headers").and_then(Node::map).into_iter().flatten() {
        let name = node.key().to_ascii_lowercase();
        if name.is_empty() || !name.bytes().all(is_token) {
            findings.key_error(Code::BadHeaderName, node, "this is not the name of a header", None);
        } else {
            headers.push((name, node));
        }
    }
    headers
}

fn expect(fields: Fields<'_>, known: &Known<'_>, findings: &mut Findings) -> Option<Expect> {
    let fields = Fields::new(fields.get("expect")?, &EXPECT);
    let fate = fate(fields, findings);
    let to = fields.get("to").map(|node| known.targets.named(node, findings));
    let named = |key: &str, findings: &mut Findings| {
        fields.get(key).map(|node| rules(node, known, findings))
    };
    let (live, shadow) = (named("rules", findings), named("shadow", findings));
    let sends = fields.get("sends").and_then(Node::map).into_iter().flatten();
    let sends = sends.filter_map(|node| sent(node, known, findings)).collect();
    Some(Expect { fate, to, rules: live, shadow, sends })
}

/// That it goes nowhere. Then nothing can be expected that says otherwise.
fn fate(fields: Fields<'_>, findings: &mut Findings) -> Option<Fate> {
    let mut found = None;
    for (key, fate) in [("unrouted", Fate::Unrouted), ("ignored", Fate::Ignored)] {
        let Some(node) = fields.get(key) else { continue };
        if fields.own(key, read::flag) == Some(false) {
            let hint = "write `to` with the targets that get it".to_owned();
            findings.error_hint(
                Code::NothingToDo,
                node,
                format!("`{key}: false` says too little"),
                hint,
            );
        }
        let others = ["to", "sends", "rules", "unrouted", "ignored"];
        // An ignored event is matched by the rule that ignores it.
        let other = others.into_iter().find(|other| {
            *other != key
                && !(fate == Fate::Ignored && *other == "rules")
                && fields.get(other).is_some()
        });
        if let Some(other) = other {
            findings.key_error(
                Code::Contradiction,
                node,
                format!("`{key}` and `{other}` exclude each other"),
                None,
            );
        }
        found = Some(fate);
    }
    found
}

fn rules(node: Node<'_>, known: &Known<'_>, findings: &mut Findings) -> Vec<RuleName> {
    let single = node.is_scalar().then_some(node);
    let mut names = Vec::new();
    for item in single.into_iter().chain(node.list().into_iter().flatten()) {
        let Some(text) = read::node_text(item) else { continue };
        if known.rules.contains(&text) {
            names.extend(RuleName::new(&text));
        } else {
            let shown = item.scalar().map_or("", |scalar| &scalar.written);
            let near = known.rules.iter().take(RULES_COMPARED).map(String::as_str);
            let hint = if findings.is_full() { None } else { did_you_mean(&text, near) };
            findings.error_hint(
                Code::UnknownRule,
                item,
                format!("there is no rule `{shown}`"),
                hint,
            );
        }
    }
    names
}

fn sent(node: Node<'_>, known: &Known<'_>, findings: &mut Findings) -> Option<ExpectedRequest> {
    if !known.targets.has(node.key()) {
        let hint = known.targets.unknown(node.key());
        findings.key_error(
            Code::UnknownTarget,
            node,
            format!("there is no target `{}`", node.key()),
            hint,
        );
        return None;
    }
    let fields = Fields::new(node, &SENDS);
    let headers = headers(fields, findings);
    Some(ExpectedRequest {
        target: TargetName::new(node.key()).ok()?,
        method: fields.own("method", read::text),
        url: fields.own("url", read::text).map(Secret::new),
        headers: headers.into_iter().map(|(name, node)| (name, Secret::new(text(node)))).collect(),
        body: fields.get("body").map(value),
    })
}
