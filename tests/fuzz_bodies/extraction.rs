//! The single pass over a body against `serde_json`: what it takes out, and whether it can be read at all.
//!
//! The reference reads with `RawValue` and nothing else of `serde_json`, so that it keeps every repetition of a key and every digit,
//! and counts depth itself.

use hookswitch::event::{Event, Intake, Unreadable};
use hookswitch::name::{RuleName, TargetName};
use hookswitch::path::Path;
use hookswitch::rule::{
    Disposition, Effect, Field, Flow, Matcher, Mode, ORDER_KEY_MAX, Operator, Rule, RuleSet, Test,
};
use serde::de::{Deserializer as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::{hex, read};

/// What is read: each is a target's `order_by`, so its whole value is seen as compact JSON.
const PATHS: [(&str, &[Step]); 8] = [
    ("$.event", &[Step::Key("event")]),
    ("$.call.call_id", &[Step::Key("call"), Step::Key("call_id")]),
    ("$.call.metadata", &[Step::Key("call"), Step::Key("metadata")]),
    ("$.call.list[1].x", &[Step::Key("call"), Step::Key("list"), Step::At(1), Step::Key("x")]),
    ("$.a", &[Step::Key("a")]),
    ("$.a[0]", &[Step::Key("a"), Step::At(0)]),
    ("$.a.a.a", &[Step::Key("a"), Step::Key("a"), Step::Key("a")]),
    ("$['é \"']", &[Step::Key("é \"")]),
];
const DEPTH_MAX: usize = 128;

#[derive(Clone, Copy)]
enum Step {
    Key(&'static str),
    At(usize),
}

/// A value as `serde_json` reads it, with every repetition.
enum Tree {
    Scalar(String),
    /// A string with half a surrogate pair, which stands for no text.
    Broken,
    Array(Vec<Tree>),
    Object(Vec<(Option<String>, Tree)>),
}

/// Compares the readings of one body.
pub fn check(data: &[u8]) {
    let reference = reference(data);
    compare_ordered(data, reference.as_ref());
    compare_fields(data, reference.as_ref());
}

/// With paths whose values are taken whole.
fn compare_ordered(data: &[u8], reference: Option<&(Tree, usize)>) {
    let rules = ordered();
    let event = match read(rules.reader(), data) {
        Intake::Readable(event) => event,
        Intake::Quarantined { body, reason, envelope } => {
            assert_eq!(&body, data);
            assert_eq!(
                (&envelope.name, &envelope.agent_id, &envelope.subject),
                (&None, &None, &None)
            );
            return justified(&reason, reference);
        }
    };
    let (tree, depth) = reference.expect("serde_json reads what we read");
    assert!(*depth <= DEPTH_MAX);
    assert!(matches!(tree, Tree::Object(_)));
    let plan = rules.plan(&event);
    let Disposition::Routed(planned) = plan.disposition else { panic!("a rule matches all") };
    assert_eq!(planned.len(), PATHS.len());
    for (planned, (path, steps)) in planned.iter().zip(PATHS) {
        let expected = tree.at(steps).map(|value| {
            let text = value.compact().expect("a broken string is not read");
            if text.len() <= ORDER_KEY_MAX { text } else { sha256(&text) }
        });
        assert_eq!(planned.order_key.as_deref(), expected.as_deref(), "{path}");
    }
    whole(&event, tree);
}

/// The body as a document: the last of twins counts, at the place of the first.
fn whole(event: &Event, tree: &Tree) {
    match (event.document(), tree.compact()) {
        (Ok(document), Some(expected)) => assert_eq!(document.value().to_string(), expected),
        (Err(Unreadable::Surrogate { .. }), None) => {}
        (found, expected) => panic!("{found:?}, expected {expected:?}"),
    }
}

/// A refusal has its reason in the body.
fn justified(reason: &Unreadable, reference: Option<&(Tree, usize)>) {
    let Some((tree, depth)) = reference else {
        // One pass says what it meets first, which need not be what serde_json cannot read.
        return;
    };
    match reason {
        Unreadable::Depth { .. } => assert!(*depth > DEPTH_MAX),
        Unreadable::NotAnObject { .. } => assert!(!matches!(tree, Tree::Object(_))),
        Unreadable::DuplicateKey { .. } => assert!(tree.has_twins()),
        Unreadable::Surrogate { .. } => assert!(tree.compact().is_none()),
        other => panic!("serde_json reads it, and we say: {other}"),
    }
}

/// With the fields of rules, one of them a general path, as `explain` shows them.
fn compare_fields(data: &[u8], reference: Option<&(Tree, usize)>) {
    let rules = matched();
    let Intake::Readable(event) = read(rules.reader(), data) else { return };
    let (tree, _) = reference.expect("serde_json reads what we read");
    let bases = ["call", "chat", "call_inbound", "chat_inbound"];
    let base =
        bases.into_iter().find(|base| matches!(tree.at(&[Step::Key(base)]), Some(Tree::Object(_))));
    let below =
        |steps: &[Step]| base.and_then(|base| tree.at(&[&[Step::Key(base)], steps].concat()));
    let text = |tree: Option<&Tree>| match tree {
        Some(Tree::Scalar(text)) => serde_json::from_str::<String>(text).ok(),
        _ => None,
    };
    let short = |text: Option<String>| text.filter(|text| text.len() <= 512);
    let name = text(tree.at(&[Step::Key("event")]));
    let agent = text(below(&[Step::Key("agent_id")]));
    let subject =
        text(below(&[Step::Key("call_id")])).or_else(|| text(below(&[Step::Key("chat_id")])));
    let all_short = [&name, &agent, &subject].into_iter().flatten().all(|text| text.len() <= 512);
    let envelope = event.envelope();
    assert_eq!(envelope.name, short(name));
    assert_eq!(envelope.agent_id, short(agent));
    assert_eq!(envelope.subject, subject.filter(|_| all_short));
    let tier = below(&[Step::Key("metadata"), Step::Key("tier")]);
    let found: Vec<String> =
        rules.trace(&event)[0].predicates.iter().map(|predicate| predicate.found.clone()).collect();
    assert_eq!(found[0], word(tier));
    assert_eq!(found[1], word(tree.at(&[Step::Key("call"), Step::Key("duration_ms")])));
    let mut every = Vec::new();
    tree.every("x", &mut every);
    assert_eq!(found[2] == "missing", every.is_empty(), "$..x");
}

/// A value in the words of `explain`, as far as they can be told independently; else what they begin with.
fn word(tree: Option<&Tree>) -> String {
    match tree {
        None => "missing".to_owned(),
        Some(Tree::Array(_)) => "an array".to_owned(),
        Some(Tree::Object(_)) => "an object".to_owned(),
        Some(Tree::Broken) => panic!("a broken string is not read"),
        Some(Tree::Scalar(raw)) => match serde_json::from_str::<String>(raw) {
            Ok(text) => cut(&format!("{:?}", text.chars().take(120).collect::<String>())),
            Err(_) if raw.starts_with(['t', 'f', 'n']) => raw.clone(),
            Err(_) => cut(&number(raw)),
        },
    }
}

/// Integers within 64 bits are exact; everything else is a double.
fn number(raw: &str) -> String {
    if let Ok(whole) = raw.parse::<i128>()
        && (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(&whole)
    {
        return whole.to_string();
    }
    raw.parse::<f64>().unwrap().to_string()
}

fn cut(text: &str) -> String {
    if text.chars().count() <= 120 {
        return text.to_owned();
    }
    text.chars().take(119).chain(['…']).collect()
}

fn sha256(text: &str) -> String {
    hex(&Sha256::digest(text))
}

fn rule(when: Option<Matcher>, to: Vec<TargetName>) -> Rule {
    Rule {
        name: RuleName::new("all").unwrap(),
        when,
        effect: Effect::Send(to),
        flow: Flow::Continue,
        mode: Mode::Live,
        enabled: true,
        line: None,
        end_line: None,
    }
}

fn ordered() -> RuleSet {
    let targets: Vec<_> =
        (0..PATHS.len()).map(|n| TargetName::new(&format!("t{n}")).unwrap()).collect();
    let order_by = targets.iter().cloned().zip(PATHS.map(|(path, _)| Path::parse(path).unwrap()));
    RuleSet::new(vec![rule(None, targets.clone())], Vec::new(), order_by.collect())
}

fn matched() -> RuleSet {
    let exists =
        |field| Matcher::Field(field, Test::new(vec![Operator::Exists(true)], false).unwrap());
    let when = Matcher::All(vec![
        exists(Field::Metadata("tier".to_owned())),
        exists(Field::Path(Path::parse("$.call.duration_ms").unwrap())),
        exists(Field::Path(Path::parse("$..x").unwrap())),
    ]);
    RuleSet::new(
        vec![rule(Some(when), vec![TargetName::new("t").unwrap()])],
        Vec::new(),
        Vec::new(),
    )
}

/// The body as `serde_json` reads it, and how deep it is; nothing if it does not read it.
fn reference(data: &[u8]) -> Option<(Tree, usize)> {
    let text = std::str::from_utf8(data).ok()?;
    let raw: &RawValue = serde_json::from_str(text).ok()?;
    let depth = depth(text);
    // Deeper than we read it need not be taken apart, and could not by recursion.
    let tree = if depth <= DEPTH_MAX { Tree::of(raw) } else { Tree::shallow(raw) };
    Some((tree, depth))
}

/// How deep a text that is JSON nests.
fn depth(text: &str) -> usize {
    let (mut depth, mut most, mut quoted, mut escaped) = (0_usize, 0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => depth += 1,
            b'}' | b']' if !quoted => depth -= 1,
            _ => {}
        }
        most = most.max(depth);
    }
    most
}

impl Tree {
    fn of(raw: &RawValue) -> Self {
        let text = raw.get();
        match text.as_bytes().first() {
            Some(b'{') => Self::Object(
                members(text).into_iter().map(|(key, raw)| (string(&key), Self::of(raw))).collect(),
            ),
            Some(b'[') => Self::Array(elements(text).into_iter().map(Self::of).collect()),
            Some(b'"') => match string(text) {
                Some(plain) => Self::Scalar(serde_json::to_string(&plain).unwrap()),
                None => Self::Broken,
            },
            _ => Self::Scalar(text.to_owned()),
        }
    }

    fn shallow(raw: &RawValue) -> Self {
        if raw.get().starts_with('{') { Self::Object(Vec::new()) } else { Self::Array(Vec::new()) }
    }

    /// The last value at a place.
    fn at(&self, steps: &[Step]) -> Option<&Self> {
        let Some((step, rest)) = steps.split_first() else { return Some(self) };
        let child = match (self, step) {
            (Self::Object(members), Step::Key(name)) => {
                members.iter().rev().find(|(key, _)| key.as_deref() == Some(name)).map(|(_, v)| v)
            }
            (Self::Array(elements), Step::At(index)) => elements.get(*index),
            _ => None,
        };
        child?.at(rest)
    }

    /// As compact JSON, the last of twins at the place of the first; nothing if a string is no text.
    fn compact(&self) -> Option<String> {
        Some(match self {
            Self::Scalar(text) => text.clone(),
            Self::Broken => return None,
            Self::Array(elements) => {
                let parts: Option<Vec<_>> = elements.iter().map(Self::compact).collect();
                format!("[{}]", parts?.join(","))
            }
            Self::Object(members) => {
                let mut last: Vec<(String, String)> = Vec::new();
                for (key, value) in members {
                    let (key, value) = (key.clone()?, value.compact()?);
                    match last.iter_mut().find(|(known, _)| *known == key) {
                        Some((_, known)) => *known = value,
                        None => last.push((key, value)),
                    }
                }
                let part =
                    |(key, value)| format!("{}:{value}", serde_json::to_string(&key).unwrap());
                let parts: Vec<_> = last.into_iter().map(part).collect();
                format!("{{{}}}", parts.join(","))
            }
        })
    }

    fn has_twins(&self) -> bool {
        match self {
            Self::Object(members) => {
                let mut keys: Vec<_> = members.iter().map(|(key, _)| key).collect();
                keys.sort();
                keys.windows(2).any(|pair| pair[0] == pair[1])
                    || members.iter().any(|(_, value)| value.has_twins())
            }
            Self::Array(elements) => elements.iter().any(Self::has_twins),
            _ => false,
        }
    }

    fn every<'t>(&'t self, name: &str, found: &mut Vec<&'t Self>) {
        match self {
            Self::Object(members) => {
                for (key, value) in members {
                    if key.as_deref() == Some(name) {
                        found.push(value);
                    }
                    value.every(name, found);
                }
            }
            Self::Array(elements) => elements.iter().for_each(|part| part.every(name, found)),
            _ => {}
        }
    }
}

/// The text of a string literal; nothing if it stands for none.
fn string(literal: &str) -> Option<String> {
    serde_json::from_str(literal).ok()
}

/// The members of an object: keys as they are written, with their quotes.
fn members(text: &str) -> Vec<(String, &RawValue)> {
    struct Members;
    impl<'de> Visitor<'de> for Members {
        type Value = Vec<(String, &'de RawValue)>;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut members = Vec::new();
            while let Some((key, value)) = map.next_entry::<&RawValue, &RawValue>()? {
                members.push((key.get().to_owned(), value));
            }
            Ok(members)
        }
    }
    serde_json::Deserializer::from_str(text).deserialize_map(Members).expect("it was read before")
}

fn elements(text: &str) -> Vec<&RawValue> {
    struct Elements;
    impl<'de> Visitor<'de> for Elements {
        type Value = Vec<&'de RawValue>;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an array")
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            let mut elements = Vec::new();
            while let Some(element) = list.next_element()? {
                elements.push(element);
            }
            Ok(elements)
        }
    }
    serde_json::Deserializer::from_str(text).deserialize_seq(Elements).expect("it was read before")
}
