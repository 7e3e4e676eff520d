use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::clock::Timestamp;
use crate::event::{Envelope, EventId, RequestParts};
use crate::name::{RuleName, SourceName};
use crate::rule::{Field, Literal, Matcher, Operator, Test};

fn target(name: &str) -> TargetName {
    TargetName::new(name).unwrap()
}

fn is(field: Field, text: &str) -> Matcher {
    test(field, vec![Operator::Is(Literal::Text(text.into()))], false)
}

fn test(field: Field, operators: Vec<Operator>, ignore_case: bool) -> Matcher {
    Matcher::Field(field, Test::new(operators, ignore_case).unwrap())
}

fn at(path: &str) -> Field {
    Field::Path(Path::parse(path).unwrap())
}

fn rule(name: &str, when: Option<Matcher>, to: &[&str]) -> Rule {
    Rule {
        name: RuleName::new(name).unwrap(),
        when,
        effect: if to.is_empty() {
            Effect::Ignore
        } else {
            Effect::Send(to.iter().map(|name| target(name)).collect())
        },
        flow: Flow::Continue,
        mode: Mode::Live,
        enabled: true,
        line: None,
        end_line: None,
    }
}

fn shadow(rule: Rule) -> Rule {
    Rule { mode: Mode::Shadow, ..rule }
}

fn stopping(rule: Rule) -> Rule {
    Rule { flow: Flow::Stop, ..rule }
}

fn event(rules: &RuleSet, body: &str) -> Event {
    let envelope = Envelope {
        id: EventId::from_bytes([0; 16]),
        source: SourceName::new("retell").unwrap(),
        received_at: Timestamp::default(),
        signed: false,
        name: None,
        agent_id: None,
        subject: None,
        request: RequestParts { query: Some("q=1".into()), ..RequestParts::default() },
    };
    let body = Bytes::copy_from_slice(body.as_bytes());
    rules.reader().reread(&envelope, &body).unwrap()
}

/// `rule, rule -> target, target` or `rule -> ignored`.
fn plan(rules: &RuleSet, body: &str) -> String {
    let plan = rules.plan(&event(rules, body));
    let names: Vec<&str> = plan.rules.iter().map(RuleName::as_str).collect();
    let becomes = match &plan.disposition {
        Disposition::Routed(planned) => {
            planned.iter().map(|planned| planned.target.as_str()).collect::<Vec<_>>().join(", ")
        }
        Disposition::Ignored => "ignored".into(),
        Disposition::Unrouted => "unrouted".into(),
    };
    format!("{} -> {becomes}", names.join(", "))
}

#[test]
fn evaluates_in_file_order_until_a_rule_stops() {
    let rules = RuleSet::new(
        vec![
            rule("one", Some(is(Field::Event, "a")), &["x", "y"]),
            Rule { enabled: false, ..rule("off", None, &["z"]) },
            rule("noise", Some(is(Field::Event, "n")), &[]),
            rule("two", Some(is(at("$.k"), "v")), &["y", "w", "w"]),
            stopping(rule("last", Some(is(at("$.s"), "v")), &["x"])),
            rule("rest", Some(is(at("$.r"), "v")), &["r"]),
        ],
        vec![target("f")],
        vec![],
    );
    assert_eq!(plan(&rules, r#"{"event":"a"}"#), "one -> x, y");
    assert_eq!(plan(&rules, r#"{"event":"a","k":"v"}"#), "one, two -> x, y, w");
    assert_eq!(plan(&rules, r#"{"event":"n","k":"v"}"#), "noise -> ignored");
    assert_eq!(plan(&rules, r#"{"event":"a","r":"v"}"#), "one, rest -> x, y, r");
    assert_eq!(plan(&rules, r#"{"event":"a","s":"v","r":"v"}"#), "one, last -> x, y");
    assert_eq!(plan(&rules, r#"{"event":"q"}"#), " -> f");
    let none =
        RuleSet::new(vec![rule("never", Some(is(Field::Event, "a")), &["x"])], vec![], vec![]);
    assert_eq!(plan(&none, "{}"), " -> unrouted");
    let all = RuleSet::new(vec![rule("all", None, &["x"])], vec![], vec![]);
    assert_eq!(plan(&all, "{}"), "all -> x");
}

#[test]
fn a_rule_in_shadow_is_matched_and_changes_nothing() {
    let live = || {
        vec![
            rule("one", Some(is(Field::Event, "a")), &["x"]),
            stopping(rule("two", Some(is(at("$.k"), "v")), &["y"])),
            rule("rest", Some(is(at("$.r"), "v")), &["r"]),
        ]
    };
    let mut rules = live();
    rules.insert(0, shadow(rule("no turns", Some(is(Field::Event, "n")), &[])));
    rules.insert(1, shadow(stopping(rule("all", None, &["z", "x"]))));
    rules.push(shadow(rule("late", None, &["z"])));
    rules.push(shadow(Rule { enabled: false, ..rule("off", None, &["z"]) }));
    let with = RuleSet::new(rules, vec![target("f")], vec![]);
    let without = RuleSet::new(live(), vec![target("f")], vec![]);
    for (body, watched) in [
        (r#"{"event":"a"}"#, "all, late"),
        (r#"{"event":"a","k":"v","r":"v"}"#, "all"),
        (r#"{"event":"n"}"#, "no turns, all, late"),
        ("{}", "all, late"),
    ] {
        assert_eq!(plan(&with, body), plan(&without, body), "{body}");
        let shadow = with.plan(&event(&with, body)).shadow;
        let names: Vec<&str> = shadow.iter().map(RuleName::as_str).collect();
        assert_eq!(names.join(", "), watched, "{body}");
    }
    assert_eq!(with.shadows().len(), 4);
}

#[test]
fn an_ignoring_rule_after_a_routing_one_only_stops() {
    let rules = RuleSet::new(
        vec![rule("all", None, &["x"]), rule("quiet", None, &[]), rule("more", None, &["y"])],
        vec![],
        vec![],
    );
    assert_eq!(plan(&rules, "{}"), "all, quiet -> x");
}

#[test]
fn a_disabled_rule_asks_for_nothing() {
    let off = Rule { enabled: false, ..rule("off", Some(is(at("$.k"), "v")), &["x"]) };
    let rules = RuleSet::new(vec![off], vec![], vec![]);
    assert_eq!(plan(&rules, r#"{"k":1,"k":2}"#), " -> unrouted");
}

#[test]
fn order_keys_are_compact_json_and_bounded() {
    let path = |text| Path::parse(text).unwrap();
    let rules = RuleSet::new(
        vec![rule("all", None, &["x", "y", "z"])],
        vec![],
        vec![(target("x"), path("$.call.call_id")), (target("y"), path("$.n[*].k"))],
    );
    let keys = |body: &str| {
        let Disposition::Routed(planned) = rules.plan(&event(&rules, body)).disposition else {
            panic!()
        };
        planned
            .into_iter()
            .map(|planned| planned.order_key.map(|key| key.to_string()))
            .collect::<Vec<_>>()
    };
    assert_eq!(keys("{}"), [None, None, None]);
    assert_eq!(
        keys(r#"{"call":{"call_id": "c\u0031"},"n":[{"k":2.0},{"k":3}]}"#),
        [Some("\"c1\"".into()), Some("2.0".into()), None]
    );
    let long = "é".repeat(200);
    let found = keys(&format!(r#"{{"call":{{"call_id":"{long}"}}}}"#));
    assert_eq!(found[0].as_ref().map(String::len), Some(64));
    let just = "a".repeat(254);
    assert_eq!(
        keys(&format!(r#"{{"call":{{"call_id":"{just}"}}}}"#))[0],
        Some(format!("\"{just}\""))
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "one evaluation, told whole")]
fn tells_the_evaluation_step_by_step() {
    let when = Matcher::All(vec![
        is(Field::Event, "a"),
        Matcher::At(
            7,
            Box::new(Matcher::Not(Box::new(test(
                at("$.n[*]"),
                vec![Operator::Gt(5.into())],
                false,
            )))),
        ),
    ]);
    let rules = RuleSet::new(
        vec![
            rule("one", Some(when), &["x"]),
            Rule { enabled: false, ..rule("off", None, &["x"]) },
            stopping(rule("stop", Some(is(Field::Metadata("tier".into()), "gold")), &["x"])),
            rule("late", None, &["x"]),
            Rule { enabled: false, ..rule("off and late", None, &["x"]) },
        ],
        vec![],
        vec![],
    );
    let told = rules.trace(&event(
        &rules,
        r#"{"event":"b","n":[1,"x",null,[],{}],"call":{"metadata":{"tier":"gold"}}}"#,
    ));
    insta::assert_json_snapshot!(told, @r#"
    [
      {
        "rule": "one",
        "outcome": {
          "result": "not_matched"
        },
        "predicates": [
          {
            "field": "event",
            "expected": "is \"a\"",
            "found": "\"b\"",
            "holds": false
          },
          {
            "field": "not",
            "expected": "",
            "found": "",
            "holds": true,
            "line": 7,
            "parts": [
              {
                "field": "$.n[*]",
                "expected": "more than 5",
                "found": "1, \"x\", null, an array, an object",
                "holds": false
              }
            ]
          }
        ]
      },
      {
        "rule": "off",
        "outcome": {
          "result": "disabled"
        },
        "predicates": []
      },
      {
        "rule": "stop",
        "outcome": {
          "result": "matched"
        },
        "predicates": [
          {
            "field": "metadata.tier",
            "expected": "is \"gold\"",
            "found": "\"gold\"",
            "holds": true
          }
        ]
      },
      {
        "rule": "late",
        "outcome": {
          "result": "not_reached",
          "stopped_by": "stop"
        },
        "predicates": []
      },
      {
        "rule": "off and late",
        "outcome": {
          "result": "disabled"
        },
        "predicates": []
      }
    ]
    "#);
    let long = rules.trace(&event(&rules, &format!(r#"{{"event":"{}"}}"#, "é".repeat(500))));
    assert_eq!(long[0].predicates[0].found.chars().count(), 120);
    assert_eq!(long[2].predicates[0].found, "missing");
}

/// Values that rules and events share, so that they often meet.
const POOL: [&str; 9] = ["\"a\"", "\"A\"", "\"b\"", "1", "1.0", "2", "null", "true", "\"é\""];

fn literal(number: usize) -> Literal {
    match serde_json::from_str(POOL[number % POOL.len()]).unwrap() {
        serde_json::Value::String(text) => Literal::Text(text),
        serde_json::Value::Number(number) => Literal::Number(number),
        serde_json::Value::Bool(truth) => Literal::Bool(truth),
        _ => Literal::Null,
    }
}

fn any_field() -> impl Strategy<Value = Field> {
    prop::sample::select(vec![
        Field::Event,
        Field::AgentId,
        Field::Metadata("m".into()),
        Field::Source,
        Field::Query("q".into()),
        Field::Header("user-agent".into()),
        at("$.x"),
        at("$.list"),
        at("$.list[0]"),
        at("$.list[*]"),
        at("$..x"),
    ])
}

fn any_test() -> impl Strategy<Value = Test> {
    let operator =
        (0..11_usize, any::<usize>(), any::<usize>()).prop_map(|(kind, one, other)| match kind {
            0..=2 => Operator::Is(literal(one)),
            3 => Operator::In(vec![literal(one), literal(other)]),
            4 => Operator::Not(literal(one)),
            5 => Operator::NotIn(vec![literal(one), literal(other)]),
            6 => Operator::Contains(literal(one)),
            7 => Operator::Gt(1.into()),
            8 => Operator::Glob("[a-b]*".into()),
            9 => Operator::Prefix("a".into()),
            _ => Operator::Exists(one.is_multiple_of(2)),
        });
    (prop::collection::vec(operator, 1..3), any::<bool>())
        .prop_filter_map("no such test", |(operators, ignore_case)| {
            Test::new(operators, ignore_case).ok()
        })
}

fn any_matcher() -> impl Strategy<Value = Matcher> {
    let leaf = (any_field(), any_test()).prop_map(|(field, test)| Matcher::Field(field, test));
    leaf.prop_recursive(3, 10, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(Matcher::All),
            prop::collection::vec(inner.clone(), 1..4).prop_map(Matcher::Any),
            inner.clone().prop_map(|part| Matcher::Not(Box::new(part))),
            inner.prop_map(|part| Matcher::At(1, Box::new(part))),
        ]
    })
}

fn any_rules() -> impl Strategy<Value = Vec<Rule>> {
    let one = (prop::option::weighted(0.9, any_matcher()), 0..20_u8, 0..4_usize);
    prop::collection::vec(one, 0..12).prop_map(|parts| {
        let rules = parts.into_iter().enumerate().map(|(number, (when, flags, to))| {
            let to = ["p", "q", "r", "s"].get(..to).unwrap_or_default();
            Rule {
                flow: if flags == 1 { Flow::Stop } else { Flow::Continue },
                enabled: flags != 2,
                mode: if flags % 5 == 4 { Mode::Shadow } else { Mode::Live },
                ..rule(&format!("rule {number}"), when, if flags < 18 { &["p", "q"] } else { to })
            }
        });
        rules.collect()
    })
}

fn any_body() -> impl Strategy<Value = String> {
    let value = prop::sample::select(POOL.to_vec());
    let list =
        prop::collection::vec(value.clone(), 0..3).prop_map(|list| format!("[{}]", list.join(",")));
    let some = prop_oneof![4 => value.prop_map(str::to_owned), 1 => list, 1 => Just("{\"x\":\"a\"}".to_owned())];
    let maybe = || prop::option::of(some.clone());
    (maybe(), maybe(), maybe(), maybe(), maybe()).prop_map(|(event, agent, m, x, list)| {
        let member =
            |key: &str, value: Option<String>| value.map(|value| format!("\"{key}\":{value}"));
        let metadata = member("m", m).map(|m| format!("\"metadata\":{{{m}}}"));
        let call: Vec<_> = [member("agent_id", agent), metadata].into_iter().flatten().collect();
        let call = format!("\"call\":{{{}}}", call.join(","));
        let parts = [member("event", event), Some(call), member("x", x), member("list", list)];
        format!("{{{}}}", parts.into_iter().flatten().collect::<Vec<_>>().join(","))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Looking at every rule, at the indexed ones, and telling the story come to the same.
    #[test]
    fn the_index_agrees_with_a_scan_and_the_trace_with_both(
        rules in any_rules(),
        bodies in prop::collection::vec(any_body(), 1..6),
    ) {
        let count = u32::try_from(rules.len()).unwrap();
        let rules = RuleSet::new(rules, vec![target("f")], vec![]);
        for body in bodies {
            let event = event(&rules, &body);
            let indexed = rules.plan(&event);
            let all = (0..count).filter(|number| rules.rules()[*number as usize].enabled);
            prop_assert_eq!(&indexed, &rules.plan_from(&event, all), "{}", body);
            let told = |mode: Mode| -> Vec<RuleName> {
                let traced = rules.trace(&event).into_iter().zip(rules.rules());
                let matched = traced.filter(|(told, rule)| {
                    told.outcome == RuleOutcome::Matched && rule.mode == mode
                });
                matched.map(|(told, _)| told.rule).collect()
            };
            prop_assert_eq!(&indexed.rules, &told(Mode::Live), "{}", body);
            prop_assert_eq!(&indexed.shadow, &told(Mode::Shadow), "{}", body);
            // Shadows change nothing: without them it comes to the same.
            let live = rules.rules().iter().filter(|rule| rule.mode == Mode::Live).cloned();
            let live = RuleSet::new(live.collect(), vec![target("f")], vec![]);
            let alone = live.plan(&self::event(&live, &body));
            prop_assert_eq!(&indexed.rules, &alone.rules, "{}", body);
            prop_assert_eq!(&indexed.disposition, &alone.disposition, "{}", body);
        }
    }
}
