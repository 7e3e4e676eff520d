//! Explanations of real configurations: what they tell, and what they must not.

use std::sync::Arc;

use bytes::Bytes;
use hookswitch::clock::Timestamp;
use hookswitch::config::{self, MapEnvironment, Overrides, Snapshot};
use hookswitch::event::{Envelope, EventId, RequestParts};
use hookswitch::explain::{
    BODY_SHOWN_MAX, Explanation, Sample, explain_kept, explain_sample, explain_stored,
};
use hookswitch::name::{RuleName, SourceName};
use hookswitch::store::{Body, EventState};
use serde_json::{Value, json};

const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// Every place where a secret can stand, each with a canary.
const RULES: &str = r#"
version: 1
sources:
  retell: { path: /webhook, verify: { retell: ["canary-verify-key"] } }
  second: { path: /second, verify: none }
targets:
  slack: { kind: slack, url: "https://hooks.slack.com/services/T0/B0/canary" }
  crm:
    kind: http
    url: "https://crm.example.com/canary/{{ agent_id }}?key=canary"
    headers: { authorization: "Bearer canary", x-call: "{{ call.call_id }}" }
    body: { id: "{{ call.call_id }}", minutes: "{{ (call.duration_ms / 60000) | round(1) }}" }
    order_by: $.call.call_id
  warehouse: { kind: http, url: "http://127.0.0.1:9000", sign: { retell: "canary-sign-key" } }
  broken: { kind: http, url: "http://127.0.0.1:9000", body: { x: "{{ call.no_such_member.deeper }}" } }
  log: { kind: log }
rules:
  - { name: turns, when: { event: transcript_updated }, ignore: true }
  - name: gold
    when: { event: call_analyzed, metadata: { tier: [gold, platinum] }, not: { source: second } }
    to: [slack, crm, warehouse, broken, log]
    stop: true
  - { name: analyzed, when: { event: call_analyzed }, to: [log] }
fallback: [log]
"#;

fn snapshot() -> Snapshot {
    let (environment, overrides) = (MapEnvironment::default(), Overrides::default());
    let origin = std::path::Path::new("rules.yaml");
    config::load_text(RULES, origin, &environment, &overrides)
        .unwrap_or_else(|problems| panic!("{problems}"))
}

fn explained(body: impl Into<Bytes>, sample: Sample) -> Explanation {
    explain_sample(&snapshot(), body.into(), sample, NOW)
}

fn gold() -> Value {
    json!({
        "event": "call_analyzed",
        "call": {
            "call_id": "call_1", "agent_id": "agent_1", "duration_ms": 90000, "metadata": {"tier": "gold"}
        }
    })
}

fn as_json(explanation: &Explanation) -> Value {
    serde_json::to_value(explanation).unwrap()
}

#[test]
fn a_routed_event_shows_rules_and_requests() {
    let explanation = explained(gold().to_string(), Sample::default());
    let shown = as_json(&explanation);
    assert_eq!((&shown["disposition"], &shown["fallback"]), (&json!("routed"), &json!(false)));
    let outcomes: Vec<_> =
        shown["rules"].as_array().unwrap().iter().map(|rule| &rule["outcome"]["result"]).collect();
    assert_eq!(outcomes, ["not_matched", "matched", "not_reached"]);

    let request = |target: &str| {
        let all = shown["requests"].as_array().unwrap();
        all.iter()
            .find(|request| request["target"] == target)
            .unwrap_or_else(|| panic!("{target}: {shown}"))
    };
    let crm = request("crm");
    assert_eq!(crm["request"], "POST https://crm.example.com/***");
    assert_eq!(crm["body"], json!({"id": "call_1", "minutes": 1.5}));
    assert_eq!(crm["order_key"], "\"call_1\"");
    let headers = crm["headers"].as_array().unwrap();
    assert!(headers.contains(&json!(["authorization", "***"])), "{crm}");
    assert!(headers.contains(&json!(["content-type", "application/json"])), "{crm}");
    assert_eq!(request("slack")["request"], "POST https://hooks.slack.com/***");
    let warehouse = request("warehouse");
    assert_eq!((&warehouse["unchanged"], &warehouse["body"]), (&json!(true), &gold()));
    assert!(request("broken")["failure"].as_str().unwrap().starts_with("template: "));
    assert!(request("broken").get("request").is_none());
    assert_eq!(request("log")["kind"], "log");
}

#[test]
fn a_rule_in_shadow_is_explained_with_what_it_would_add() {
    let trial = "- { name: trial, mode: shadow, when: { event: call_analyzed }, to: [log, crm, broken], stop: true }";
    let rules = RULES
        .replace("rules:\n", &format!("rules:\n  {trial}\n"))
        .replace("to: [slack, crm, warehouse, broken, log]", "to: [slack, log]");
    let overrides = Overrides::default();
    let origin = std::path::Path::new("rules.yaml");
    let snapshot =
        config::load_text(&rules, origin, &MapEnvironment::default(), &overrides).unwrap();
    let explanation = explain_sample(&snapshot, gold().to_string().into(), Sample::default(), NOW);
    let shown = as_json(&explanation);
    let targets = |of: &str| -> Vec<Value> {
        shown[of].as_array().unwrap().iter().map(|request| request["target"].clone()).collect()
    };
    assert_eq!(targets("requests"), ["slack", "log"], "nothing follows from it");
    assert_eq!(targets("shadow_requests"), ["crm", "broken"], "the log has it anyhow");
    assert_eq!(shown["shadow_requests"][0]["body"], json!({"id": "call_1", "minutes": 1.5}));
    let trial = &shown["rules"][0];
    assert_eq!(
        (&trial["mode"], &trial["outcome"]["result"]),
        (&json!("shadow"), &json!("matched"))
    );
    assert_eq!(shown["rules"][2]["outcome"]["result"], "matched", "it does not stop");
    let text = explanation.text();
    assert!(text.starts_with("Goes to slack, log\nRules in shadow would send it to crm, broken\n"));
    assert!(
        text.contains("\n  ✓ trial (in shadow: to log, crm, broken, then stop) [line 18]\n"),
        "{text}"
    );
    for told in [shown.to_string(), text, format!("{explanation:?}")] {
        assert!(!told.contains("canary"), "{told}");
    }
}

#[test]
fn no_secret_is_told() {
    let explanation = explained(gold().to_string(), Sample::default());
    for told in [as_json(&explanation).to_string(), explanation.text(), format!("{explanation:?}")]
    {
        assert!(!told.contains("canary"), "{told}");
    }
}

#[test]
fn the_text_names_what_decided() {
    let text = explained(gold().to_string(), Sample::default()).text();
    assert!(text.starts_with("Goes to slack, crm, warehouse, broken, log\n"), "{text}");
    for line in [
        "  ✗ turns (ignore) [line 18]",
        "    ✗ event is \"transcript_updated\", found \"call_analyzed\" [line 18]",
        "  ✓ gold (to slack, crm, warehouse, broken, log, then stop) [line 19]",
        "    ✓ metadata.tier is one of \"gold\", \"platinum\", found \"gold\" [line 20]",
        "  - analyzed: not looked at, because \"gold\" stopped [line 23]",
    ] {
        assert!(text.lines().any(|found| found == line), "{line:?} is not in\n{text}");
    }
    assert!(
        text.contains("transcript_updated") && text.contains("found \"call_analyzed\""),
        "{text}"
    );
}

#[test]
fn the_source_and_the_request_decide_too() {
    let source = Some(SourceName::new("second").unwrap());
    let shown = as_json(&explained(gold().to_string(), Sample { source, ..Sample::default() }));
    assert_eq!(shown["rules"][1]["outcome"]["result"], "not_matched", "{shown}");
    assert_eq!(shown["requests"][0]["target"], "log");
}

#[test]
fn what_goes_nowhere_says_why() {
    let ignored = explained(r#"{"event":"transcript_updated"}"#, Sample::default());
    assert_eq!(ignored.disposition, "ignored");
    assert!(ignored.requests.is_empty());
    let fallback = explained(r#"{"event":"call_started"}"#, Sample::default());
    assert!(fallback.fallback && fallback.disposition == "routed");
    assert!(fallback.text().starts_with("No rule matched, so it goes to the fallback: log\n"));
    for unreadable in ["", "[]", "{", "\u{feff}x", "{\"event\":1} {}"] {
        let explanation = explained(unreadable.to_owned(), Sample::default());
        assert_eq!(explanation.disposition, "quarantined", "{unreadable:?}");
        assert!(explanation.text().starts_with("Quarantined: "), "{}", explanation.text());
    }
    assert_eq!(explained(&b"\xff"[..], Sample::default()).disposition, "quarantined");
}

#[test]
fn a_stored_event_is_explained_as_if_planned_now() {
    let envelope = Envelope {
        id: EventId::new(NOW, [1; 10]),
        source: SourceName::new("second").unwrap(),
        received_at: NOW,
        signed: false,
        name: Some("call_analyzed".to_owned()),
        agent_id: Some("agent_1".to_owned()),
        subject: Some("call_1".to_owned()),
        request: RequestParts::default(),
    };
    let body = Bytes::from(gold().to_string());
    let explanation = explain_stored(&snapshot(), &envelope, &body, NOW);
    assert_eq!(explanation.requests.iter().map(|r| r.target.as_str()).collect::<Vec<_>>(), ["log"]);
    let broken = explain_stored(&snapshot(), &envelope, &body.slice(..10), NOW);
    assert_eq!(broken.disposition, "quarantined");
}

#[test]
fn what_was_otherwise_on_arrival_is_noted() {
    let of = EventId::new(NOW, [2; 10]);
    let stored = |rules: &[&str], state: EventState, revision: u64| {
        let envelope = Envelope {
            id: EventId::new(NOW, [1; 10]),
            source: SourceName::new("retell").unwrap(),
            received_at: NOW,
            signed: true,
            name: None,
            agent_id: None,
            subject: None,
            request: RequestParts::default(),
        };
        Body {
            envelope: Arc::new(envelope),
            rules: rules.iter().map(|name| RuleName::new(name).unwrap()).collect(),
            shadow: Vec::new(),
            state,
            revision,
            edited_from: None,
            body: gold().to_string().into(),
        }
    };
    let notes = |body: Body| {
        let told = explain_kept(&snapshot(), &body, NOW);
        assert!(told.text().contains("✓ gold"), "{}", told.text());
        told.notes.join("; ")
    };
    // A snapshot that was not published has number 0.
    assert_eq!(notes(stored(&["gold"], EventState::Routed, 0)), "");
    let another = stored(&["analyzed"], EventState::Routed, 1);
    assert_eq!(notes(another), "", "another revision may say otherwise");
    let other = notes(stored(&["analyzed"], EventState::Routed, 0));
    assert!(other.starts_with("on arrival analyzed matched: "), "{other}");
    let none = notes(stored(&[], EventState::Unrouted, 0));
    assert!(none.starts_with("on arrival no rule matched: "), "{none}");
    let watched = vec![RuleName::new("trial").unwrap()];
    let shadow = Body { shadow: watched, ..stored(&["gold"], EventState::Routed, 0) };
    let shadow = notes(shadow);
    assert!(shadow.starts_with("on arrival trial matched in shadow: "), "{shadow}");
    let edited = Body { edited_from: Some(of), ..stored(&["gold"], EventState::Routed, 0) };
    let edited = notes(edited);
    assert!(edited.starts_with(&format!("a person made it of {of} ")), "{edited}");
    let revised = notes(stored(&["gold"], EventState::Revised { of }, 0));
    assert!(revised.starts_with(&format!("it repeated {of} with another body")), "{revised}");
    let state = EventState::Quarantined { reason: "not JSON".to_owned() };
    let quarantined = notes(stored(&[], state, 0));
    assert!(quarantined.starts_with("on arrival it was quarantined (not JSON)"), "{quarantined}");
}

#[test]
fn a_large_body_is_left_out() {
    let mut large = gold();
    large["call"]["transcript"] = Value::String("a".repeat(BODY_SHOWN_MAX));
    let text = large.to_string();
    let explanation = explained(text.clone(), Sample::default());
    let warehouse =
        explanation.requests.iter().find(|request| request.target == "warehouse").unwrap();
    assert!(warehouse.body.is_none());
    assert_eq!(warehouse.body_bytes, text.len());
    assert!(explanation.text().len() < 20_000);
}
