//! Whatever is claimed holds for random events, under the matcher itself.

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::super::logic::Draft;
use super::*;
use crate::name::{RuleName, TargetName};
use crate::path::Path as JsonPath;
use crate::rule::{Disposition, Effect, Field, Flow, Literal, Matcher, Mode, Operator, Rule, Test};

/// Few values, so that rules and events meet.
fn value() -> impl Strategy<Value = Json> {
    let number = |text: &str| serde_json::from_str::<Json>(text).unwrap();
    prop::sample::select(vec![
        json!("a"),
        json!("ab"),
        json!("b"),
        json!("A"),
        json!("aB"),
        json!(""),
        json!("k"),
        json!("\u{212a}"),
        json!("é"),
        json!("É"),
        number("1"),
        number("1.0"),
        number("2"),
        number("1.5"),
        number("9007199254740992"),
        number("9007199254740993"),
        number("9007199254740993.0"),
        number("1e400"),
        json!(true),
        json!(null),
    ])
}

fn anything() -> impl Strategy<Value = Json> {
    prop_oneof![
        6 => value(),
        1 => Just(json!({})),
        1 => prop::collection::vec(value(), 0..3).prop_map(Json::Array),
    ]
}

fn literal() -> impl Strategy<Value = Literal> {
    value().prop_map(|value| match value {
        Json::Null => Literal::Null,
        Json::Bool(truth) => Literal::Bool(truth),
        Json::Number(number) => Literal::Number(number),
        Json::String(text) => Literal::Text(text),
        _ => unreachable!(),
    })
}

fn number() -> impl Strategy<Value = serde_json::Number> {
    let numbers = ["0", "1", "1.5", "2", "9007199254740992", "9007199254740993", "1e400"];
    prop::sample::select(numbers.to_vec()).prop_map(|text| serde_json::from_str(text).unwrap())
}

fn text() -> impl Strategy<Value = String> {
    let texts = ["", "a", "b", "A", "ab", "k", "K", "é"];
    prop::sample::select(texts.to_vec()).prop_map(str::to_owned)
}

fn operator() -> impl Strategy<Value = Operator> {
    let globs = ["*", "a*", "*b", "[ab]", "?", "[!a]*", "a", "[A-Z]*", "*a*"];
    let expressions = ["a*", "[ab]", ".*", "(?i)k"];
    prop_oneof![
        4 => literal().prop_map(Operator::Is),
        2 => literal().prop_map(Operator::Not),
        2 => prop::collection::vec(literal(), 1..4).prop_map(Operator::In),
        2 => prop::collection::vec(literal(), 1..4).prop_map(Operator::NotIn),
        1 => text().prop_map(Operator::Prefix),
        1 => text().prop_map(Operator::Suffix),
        1 => prop::sample::select(globs.to_vec()).prop_map(|glob| Operator::Glob(glob.into())),
        1 => prop::sample::select(expressions.to_vec()).prop_map(|regex| Operator::Regex(regex.into())),
        2 => literal().prop_map(Operator::Contains),
        2 => any::<bool>().prop_map(Operator::Exists),
        1 => number().prop_map(Operator::Gt),
        1 => number().prop_map(Operator::Gte),
        1 => number().prop_map(Operator::Lt),
        1 => number().prop_map(Operator::Lte),
    ]
}

fn field() -> impl Strategy<Value = Field> {
    let paths = [
        "$.event",
        "$.call.agent_id",
        "$.chat.agent_id",
        "$.call",
        "$.v",
        "$.v.w",
        "$.v[0]",
        "$.v[*]",
        "$..w",
        "$.call.metadata",
    ];
    prop_oneof![
        2 => Just(Field::Event),
        2 => Just(Field::AgentId),
        2 => Just(Field::Metadata("m".into())),
        1 => Just(Field::Source),
        2 => Just(Field::Query("q".into())),
        1 => Just(Field::Header("h".into())),
        6 => prop::sample::select(paths.to_vec()).prop_map(|path| Field::Path(JsonPath::parse(path).unwrap())),
    ]
}

fn matcher() -> impl Strategy<Value = Matcher> {
    let test = (field(), prop::collection::vec(operator(), 1..3), any::<bool>());
    let leaf = test.prop_filter_map("a test", |(field, operators, ignore_case)| {
        let own =
            Test::new(operators.clone(), ignore_case).or_else(|_| Test::new(operators, false));
        Some(Matcher::Field(field, own.ok()?))
    });
    leaf.prop_recursive(3, 10, 3, |inner| {
        prop_oneof![
            3 => prop::collection::vec(inner.clone(), 1..4).prop_map(Matcher::All),
            2 => prop::collection::vec(inner.clone(), 1..4).prop_map(Matcher::Any),
            2 => inner.prop_map(|inner| Matcher::Not(Box::new(inner))),
        ]
    })
}

fn rules() -> impl Strategy<Value = Vec<Rule>> {
    let rule = (prop::option::weighted(0.9, matcher()), 0..4_u8, prop::bool::weighted(0.9));
    prop::collection::vec(rule, 1..5).prop_map(|rules| {
        let rule = |(number, (when, kind, enabled))| Rule {
            name: RuleName::new(&format!("r{number}")).unwrap(),
            when,
            effect: match kind {
                0 => Effect::Ignore,
                _ => Effect::Send(vec![TargetName::new("t").unwrap()]),
            },
            flow: if kind < 2 { Flow::Stop } else { Flow::Continue },
            enabled,
            mode: Mode::Live,
            line: None,
            end_line: None,
        };
        rules.into_iter().enumerate().map(rule).collect()
    })
}

fn holder() -> impl Strategy<Value = Json> {
    let members = (prop::option::of(anything()), prop::option::of(anything()), any::<bool>());
    prop_oneof![
        4 => members.prop_map(|(agent, m, metadata)| {
            let mut object = json!({});
            if let Some(agent) = agent {
                object["agent_id"] = agent;
            }
            if let Some(m) = m {
                object["metadata"] = if metadata { json!({ "m": m }) } else { m };
            }
            object
        }),
        1 => anything(),
    ]
}

fn event() -> impl Strategy<Value = Draft> {
    let v = prop_oneof![
        3 => anything(),
        1 => anything().prop_map(|w| json!({ "w": w })),
        1 => anything().prop_map(|w| json!([{ "w": w }])),
    ];
    let texts = || prop::collection::vec(value(), 0..3);
    let body = (
        prop::option::of(anything()),
        prop::option::of(holder()),
        prop::option::of(holder()),
        prop::option::of(v),
    );
    let source = prop::sample::select(&["a", "b", "retell"][..]);
    (body, source, texts(), texts()).prop_map(|((event, call, chat, v), source, query, headers)| {
        let mut body = json!({});
        for (key, value) in [("event", event), ("chat", chat), ("call", call), ("v", v)] {
            if let Some(value) = value {
                body[key] = value;
            }
        }
        let pairs = |name: &str, values: Vec<Json>| {
            let texts = values.iter().filter_map(Json::as_str);
            texts.map(|text| (name.to_owned(), text.to_owned())).collect()
        };
        let source = SourceName::new(source).ok();
        Draft { body, source, query: pairs("q", query), headers: pairs("h", headers) }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_claimed_holds(
        rules in rules(),
        events in prop::collection::vec(event(), 100),
    ) {
        let set = RuleSet::new(rules, Vec::new(), Vec::new());
        let proofs = prove(&set, &[], Scope::Everything);
        prop_assert!(proofs.cuts.is_empty());
        let events: Vec<_> = events.iter().filter_map(|event| event.event(&set, None)).collect();
        for finding in &proofs.findings {
            match finding {
                Finding::Never { rule, .. } => {
                    for event in &events {
                        prop_assert!(!set.matches(*rule, event), "{:?} {:?}", finding, event.body());
                    }
                }
                Finding::Hidden { rule, by } => {
                    for event in events.iter().filter(|event| set.matches(*rule, event)) {
                        let kept = by.iter().any(|by| by < rule && set.stops(*by) && set.matches(*by, event));
                        prop_assert!(kept, "{:?} {:?}", finding, event.body());
                    }
                }
                Finding::Overlap { first, second, example, .. } => {
                    let Example { body, source, query, headers } = example.clone();
                    let draft = Draft { body, source, query, headers };
                    let plan = set.plan(&draft.event(&set, None).unwrap());
                    for rule in [first, second] {
                        prop_assert!(plan.rules.contains(&set.rules()[*rule].name), "{:?}", finding);
                    }
                    prop_assert!(matches!(plan.disposition, Disposition::Routed(_)));
                }
                Finding::Unproven { .. } => {}
            }
        }
    }
}

/// How much is left open is no matter of soundness, but it may not become everything.
#[test]
fn most_of_what_is_random_is_decided() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let (mut asked, mut open) = (0, 0);
    let (mut never, mut hidden, mut overlaps) = (0, 0, 0);
    for _ in 0..250 {
        let rules = rules().new_tree(&mut runner).unwrap().current();
        asked += rules.iter().filter(|rule| rule.enabled).count();
        let proofs = prove(&RuleSet::new(rules, Vec::new(), Vec::new()), &[], Scope::Everything);
        for finding in proofs.findings {
            match finding {
                Finding::Never { .. } => never += 1,
                Finding::Hidden { .. } => hidden += 1,
                Finding::Overlap { .. } => overlaps += 1,
                Finding::Unproven { with: None, .. } => open += 1,
                Finding::Unproven { .. } => {}
            }
        }
    }
    let told =
        format!("of {asked}: {never} never, {hidden} hidden, {open} open; {overlaps} overlaps");
    assert!(never > 20 && hidden > 20 && overlaps > 20, "{told}");
    assert!(open * 12 < asked, "{told}");
}
