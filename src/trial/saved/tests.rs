use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::config::Problems;
use crate::trial;

const RULES: &str = r"version: 1
sources:
  retell: { path: /webhook, verify: none }
  second: { path: /second, verify: none }
targets: { crm: { kind: log }, log: { kind: log } }
rules:
  - { name: turns, when: { event: transcript_updated }, ignore: true }
  - { name: 'vip: the ${few}', when: { query: { tag: vip } }, to: [log] }
  - { name: tokens, when: { fields: { $.call.access_token: secret } }, to: [log] }
  - { name: ended, when: { event: call_ended }, to: [crm] }
tests:
";

fn loaded(text: &str) -> Result<Snapshot, Problems> {
    load_text(text, Path::new("rules.yaml"), &MapEnvironment::default(), &Overrides::default())
}

fn rules() -> Snapshot {
    loaded(&RULES.replace("${few}", "$${few}").replace("tests:\n", "")).unwrap()
}

fn arrived(source: &str, query: Option<&str>) -> Arrived {
    let (source, query) = (source.to_owned(), query.map(str::to_owned));
    Arrived { source, query, content_type: Some("application/json".to_owned()), user_agent: None }
}

fn made(arrived: Arrived, event: &Value) -> Result<String, NoTest> {
    let name = TestName::new("it: \"#1\" ${x}").unwrap();
    Ok(save(&rules(), arrived, &event.to_string().into())?.whole(&name)?.yaml("  "))
}

#[test]
fn an_event_becomes_a_test_that_can_be_read() {
    let event = json!({
        "event": "call_ended",
        "call": {
            "call_id": "call_1", "access_token": "canary", "duration_ms": 90000, "score": 0.5, "none": null, "empty": {},
            "odd key": "${VAR}", "${VAR}": [[], ["a", {"b": [1, "2"], "c": "yes: no"}], true],
        }
    });
    let expected = r##"  - name: "it: \"#1\" $${x}"
    event:
      event: call_ended
      call:
        call_id: call_1
        duration_ms: 90000
        score: 0.5
        none: null
        empty: {}
        odd key: "$${VAR}"
        "${VAR}":
          - []
          - - a
            - b:
                - 1
                - "2"
              c: "yes: no"
          - true
    source: second
    query: "tag=%76ip&x=1"
    expect:
      to: [log, crm]
      rules: ["vip: the $${few}", ended]
"##;
    let made = made(arrived("second", Some("tag=%76ip&x=1")), &event).unwrap();
    assert_eq!(made, expected);
    let whole = loaded(&format!("{}{made}", RULES.replace("${few}", "$${few}"))).unwrap();
    assert_eq!(trial::run(&whole, &whole.trials, None).verdicts, [vec![]]);
}

#[test]
fn what_decides_nothing_is_left_out() {
    let made = made(arrived("retell", Some("token=canary")), &json!({"event": "other"})).unwrap();
    assert!(!made.contains("query") && !made.contains("headers"), "{made}");
    assert!(made.ends_with("    expect:\n      unrouted: true\n"), "{made}");
}

#[test]
fn a_query_that_decides_is_kept_without_its_credentials() {
    let query = "to%6ben=canary&tag=vip&api_key=canary&key=canary&max_tokens=5";
    let event = json!({"event": "other"});
    let saved = save(&rules(), arrived("retell", Some(query)), &event.to_string().into()).unwrap();
    assert_eq!(saved.removed, ["query.token", "query.api_key", "query.key"]);
    let made = saved.whole(&TestName::new("it").unwrap()).unwrap().yaml("");
    assert!(made.contains("\n  query: \"tag=vip&max_tokens=5\"\n"), "{made}");
}

#[test]
fn what_makes_no_test_is_told() {
    let told = |made: Result<String, NoTest>| made.unwrap_err().to_string();
    let event = json!({"event": "call_ended", "call": {"access_token": "secret"}});
    let elsewhere = made(arrived("retell", None), &event).unwrap_err();
    assert_eq!(elsewhere, NoTest::Elsewhere { removed: vec!["$.call.access_token".to_owned()] });
    assert!(elsewhere.hint().unwrap().contains("$.call.access_token"));
    assert!(told(made(arrived("gone", None), &event)).contains("no source \"gone\""));
    assert!(told(made(arrived("retell", None), &json!([1]))).contains("cannot be a test"));
    let deep = (0..100).fold(json!(1), |inner, _| json!({ "x": inner }));
    assert_eq!(made(arrived("retell", None), &deep), Err(NoTest::NotYaml));
    let key = json!({ "k".repeat(2_000): 1 });
    assert_eq!(made(arrived("retell", None), &key), Err(NoTest::NotYaml));
    let long = json!({ "x": "y".repeat(EVENT_MAX) });
    assert!(told(made(arrived("retell", None), &long)).contains("1048576 bytes"));
}

#[test]
fn a_number_is_the_same_however_it_is_written() {
    let made = |number: &str| {
        let event = format!("{{\"event\":\"call_ended\",\"call\":{{\"n\":[{number}]}}}}");
        let name = TestName::new("a number").unwrap();
        save(&rules(), arrived("retell", None), &event.into())?.whole(&name)
    };
    for number in ["1e2", "1E+2", "1e21", "-0", "-0.0", "1.50", "5E-324", "28446744073709551615"] {
        let made = made(number).map(|entry| entry.yaml(""));
        assert!(made.is_ok_and(|text| text.contains(&format!("        - {number}\n"))), "{number}");
    }
    assert_eq!(made("1e400").map(|entry| entry.yaml("")), Err(NoTest::NotYaml));
}

#[test]
fn a_long_event_is_written_on_one_line() {
    let word = r#"{"word":"hello","start":0.5,"end":0.75}"#;
    let words = vec![word; 22_000].join(",");
    let event = format!("{{\"event\":\"call_ended\",\"call\":{{\"words\":[{words}]}}}}");
    assert!(event.len() < EVENT_MAX);
    let saved = save(&rules(), arrived("retell", None), &event.clone().into()).unwrap();
    assert_eq!(saved.text, event + "\n");
    assert!(saved.whole(&TestName::new("long").unwrap()).is_ok(), "YAML takes it, too");
    let short = json!({"event": "call_ended", "call": {"words": [1]}});
    let saved = save(&rules(), arrived("retell", None), &short.to_string().into()).unwrap();
    assert!(saved.text.starts_with("{\n  \"event\""), "{}", saved.text);
}

fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z_]{1,12}",
        "[-:?,{}\\[\\]&*!|>'\"%@`#$~<=.0-9 \t\r\n\\\\]{0,12}",
        "\\PC{0,12}",
        any::<String>(),
        Just("\u{85}\u{2028}\u{2029}\u{feff}\u{7f}\u{9f}\u{fffe}\u{0}".to_owned()),
        Just("$${a} ${b".to_owned()),
        prop_oneof!["true", "NULL", "~", "<<", "0x1f", "1e3", ".inf", "- a", "a: b", "a #b", ""],
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1e300..1e300_f64).prop_map(Value::from),
        hostile().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(hostile(), inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn whatever_stands_in_an_event_is_read_back(data in value(), query in hostile()) {
        let event = json!({ "event": "call_ended", "data": data });
        let query = format!("tag=vip&{query}");
        match made(arrived("second", Some(&query)), &event) {
            Ok(text) => {
                let whole = loaded(&format!("{}{text}", RULES.replace("${few}", "$${few}"))).unwrap();
                prop_assert_eq!(trial::run(&whole, &whole.trials, None).verdicts, [vec![]]);
            }
            Err(why) => prop_assert!(false, "{}: {}", why, event),
        }
    }
}
