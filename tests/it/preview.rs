//! Previews of a configuration over real sockets: what they tell, what they must not, and how they end.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use hookswitch::config::{self, MapEnvironment, Overrides};
use hookswitch::event::EventId;
use serde_json::{Value, json};

use crate::admin::{Checked, World};
use crate::support::{Answer, Gate, Wire, eventually};

const RULES: &str = r#"
version: 1
sources:
  retell: { path: /webhook, verify: { retell: ["${RETELL_API_KEY}"] } }
targets:
  crm: { kind: http, url: 'https://crm.example.com/${CRM_PATH}' }
  slack: { kind: log }
rules:
  - { name: turns, when: { event: transcript_updated }, ignore: true }
  - { name: gold calls, when: { event: call_analyzed, metadata: { tier: "${TIER}" } }, to: [slack] }
"#;

/// The same with another rule, and without the one that ignores.
const NEW: &str = r#"
version: 1
sources:
  retell: { path: /webhook, verify: { retell: ["${RETELL_API_KEY}", "${NEXT_KEY}"] } }
targets:
  crm: { kind: http, url: 'https://crm.example.com/${CRM_PATH}' }
  slack: { kind: log }
rules:
  - { name: gold calls, when: { event: call_analyzed, metadata: { tier: "${TIER}" } }, to: [crm] }
  - { name: all ended, when: { event: call_ended }, to: [crm, slack] }
"#;

fn environment() -> MapEnvironment {
    let values = [
        ("RETELL_API_KEY", "canary-key"),
        ("CRM_PATH", "canary-path"),
        ("TIER", "gold"),
        ("HOME", "canary-home"),
    ];
    let values = values.map(|(name, value)| (name.to_owned(), value.to_owned()));
    MapEnvironment(BTreeMap::from(values))
}

async fn world() -> World {
    World::behind(RULES, environment(), |store, _| Arc::new(store)).await
}

async fn asked(world: &World, asked: &Value) -> Answer {
    world.post("/api/v1/preview", &asked.to_string()).await
}

/// The lines of a preview that was done: how far it was, and what it came to.
fn told(answer: &Answer) -> (Vec<Value>, Value) {
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.head("content-type"), "application/x-ndjson");
    let text = answer.text();
    let mut lines: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut last = lines.pop().unwrap_or_else(|| panic!("{text}"));
    let result = last["result"].take();
    assert!(result.is_object(), "{text}");
    assert!(!lines.is_empty() && lines.iter().all(|line| line["progress"].is_object()), "{text}");
    (lines, result)
}

async fn previewed(world: &World, text: &str) -> Value {
    told(&asked(world, &json!({ "text": text })).await).1
}

/// Five events: one for the rule, one that is ignored, two that no rule matches, one that cannot be read. The first is
/// delivered.
async fn five(world: &World) -> [EventId; 3] {
    let call = |event: &str, tier: &str| {
        let call = json!({"call_id": "c", "agent_id": "a", "metadata": {"tier": tier}});
        json!({"event": event, "call": call}).to_string()
    };
    let routed = world.arrive(&call("call_analyzed", "gold")).await;
    let ignored = world.arrive(&call("transcript_updated", "gold")).await;
    let unrouted = world.arrive(&call("call_ended", "gold")).await;
    world.arrive(&call("call_analyzed", "tin")).await;
    world.arrive("{").await;
    world.delivery_is(routed, "delivered").await;
    [routed, ignored, unrouted]
}

#[tokio::test(flavor = "multi_thread")]
async fn each_event_that_differs_is_listed() {
    let world = world().await;
    let [routed, ignored, unrouted] = five(&world).await;
    let result = previewed(&world, NEW).await;
    assert_eq!(result["differing_total"], 3);
    let listed = result["differing"].as_array().unwrap();
    let told = |at: usize| {
        let event = &listed[at];
        json!([event["event"], event["before"], event["after"], event["gains"], event["loses"]])
    };
    assert_eq!(listed.len(), 3);
    assert_eq!(told(0), json!([routed.to_string(), "routed", "routed", ["crm"], ["slack"]]));
    assert_eq!(told(1), json!([ignored.to_string(), "ignored", "unrouted", [], []]));
    assert_eq!(told(2), json!([unrouted.to_string(), "unrouted", "routed", ["crm", "slack"], []]));
    assert_eq!(listed[0]["rules_before"], json!(["gold calls"]));
    assert_eq!((&listed[0]["call"], &listed[0]["agent"]), (&json!("c"), &json!("a")));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_go_elsewhere_is_told_and_nothing_changes() {
    let world = world().await;
    five(&world).await;
    let before = world.get("/api/v1/events").await.json_of(200);
    let result = previewed(&world, NEW).await;
    assert_eq!((&result["events"], &result["unreadable"]), (&json!(4), &json!(1)), "{result:#}");
    assert_eq!(result["running"]["number"], 1);
    assert_eq!(
        result["targets"],
        json!([
            { "name": "crm", "running": 0, "new": 2, "gained": 2, "lost": 0 },
            { "name": "slack", "running": 1, "new": 1, "gained": 1, "lost": 1 },
        ])
    );
    assert_eq!(
        result["rules"],
        json!([
            { "name": "turns", "running": 1, "new": 0, "only": "running", "deliveries": { "running": 0, "new": 0 } },
            { "name": "gold calls", "running": 1, "new": 1, "deliveries": { "running": 1, "new": 1 } },
            { "name": "all ended", "running": 0, "new": 1, "only": "new", "deliveries": { "running": 0, "new": 2 } },
        ])
    );
    assert_eq!(result["unrouted"], json!({ "running": 2, "new": 2 }));
    assert_eq!(result["ignored"], json!({ "running": 1, "new": 0 }));
    assert_eq!(result["differing_total"], 3);
    assert_eq!(world.get("/api/v1/events").await.json_of(200), before, "nothing is sent or stored");
    let rules = world.get("/api/v1/rules").await.json_of(200);
    assert_eq!(
        (&rules["revision"]["number"], rules["rules"].as_array().unwrap().len()),
        (&json!(1), 2)
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_running_rules_make_no_difference_to_themselves() {
    let world = world().await;
    for _ in 0..450 {
        world.analyzed("c").await;
    }
    let (lines, result) = told(&asked(&world, &json!({ "text": RULES })).await);
    assert_eq!((&result["events"], &result["differing_total"]), (&json!(450), &json!(0)));
    assert_eq!(lines[0]["progress"], json!({ "looked": 0, "of": null, "differ": 0 }));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_window_says_which_events() {
    let world = world().await;
    world.analyzed("one").await;
    let between = world.now().rfc3339();
    world.analyzed("two").await;
    world.analyzed("three").await;
    for (window, events) in [
        (json!({}), 3),
        (json!({ "since": between }), 3),
        (json!({ "until": between }), 0),
        (json!({ "since": "1h", "until": "0s" }), 2),
        (json!({ "since": "90m" }), 3),
    ] {
        let mut wanted = json!({ "text": NEW });
        wanted.as_object_mut().unwrap().extend(window.as_object().unwrap().clone());
        let (_, result) = told(&asked(&world, &wanted).await);
        assert_eq!(result["events"], events, "{window}");
    }
    let refused = async |wanted: Value| asked(&world, &wanted).await;
    let backwards = json!({ "text": NEW, "since": "1h", "until": "2h" });
    assert!(refused(backwards).await.problem(400).contains("before until"));
    let odd = json!({ "text": NEW, "since": "yesterday" });
    assert!(refused(odd).await.problem(400).contains("since is a time"));
    assert!(refused(json!({ "text": "" })).await.problem(400).contains("`text`"));
    assert!(refused(json!({ "txt": "" })).await.problem(400).contains("txt"));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_told_with_its_place() {
    let world = world().await;
    let answer = asked(&world, &json!({ "text": NEW.replace("to: [crm]", "to: [crn]") })).await;
    assert!(answer.problem(422).contains("nothing was compared"));
    let problem = &answer.json()["problems"][0];
    assert_eq!((&problem["path"], &problem["line"]), (&json!("rules[0].to[0]"), &json!(9)));
    assert_eq!(problem["hint"], "did you mean `crm`?");
    let loud =
        NEW.replace("retell: { path", "loud: { path: /loud, verify: none }\n  retell: { path");
    let loud = format!("listen: 0.0.0.0:8080\nadmin: 127.0.0.1:8081{loud}");
    let warnings = &previewed(&world, &loud).await["warnings"];
    assert!(warnings[0]["text"].as_str().unwrap().contains("no signature"), "{warnings}");
    let header = NEW.replace("{ event: call_ended }", "{ header: { x-region: eu } }");
    let notes = &previewed(&world, &header).await["notes"];
    assert!(notes[0].as_str().unwrap().contains("x-region"), "{notes}");
    world.end().await;
}

/// Whoever may post a text must not read with it what the process knows. Events of every letter are there to compare with.
#[tokio::test(flavor = "multi_thread")]
async fn no_value_of_the_process_can_be_read_with_a_text() {
    let world = world().await;
    for letter in 'a'..='z' {
        world.arrive(&json!({"event": "x", "call": {"call_id": "c", "metadata": {"l": letter.to_string()}}}).to_string()).await;
    }
    let with = |from: &str, to: &str| NEW.replace(from, to);
    let rule = |rule: &str| with("rules:\n", &format!("rules:\n  - {rule}\n"));
    let named = rule("{ name: \"${RETELL_API_KEY}\", to: [crm] }");
    let letters = rule(
        "{ name: x, when: { metadata: { l: { glob: \"[${RETELL_API_KEY}]\" } } }, to: [crm] }",
    );
    let home = rule("{ name: x, when: { metadata: { l: { regex: \"[${HOME}]\" } } }, to: [crm] }");
    let target = rule("{ name: x, to: [\"${CRM_PATH}\"] }");
    let file = rule("{ name: \"${file:/etc/hostname}\", to: [crm] }");
    let number = with("version: 1", "version: \"${HOME}\"");
    let wait = with("version: 1", "version: 1\nshutdown_timeout: \"${HOME}\"");
    for text in [named, letters, home, target, file, number, wait] {
        let answer = asked(&world, &json!({ "text": text })).await;
        assert_eq!(answer.status, 422, "{text}\n{}", answer.text());
        assert!(!answer.text().contains("canary"), "{}", answer.text());
    }
    // What may be posted shows none, either.
    let result = previewed(&world, NEW).await.to_string();
    assert!(!result.contains("canary"), "{result}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn few_go_on_at_once_and_one_whose_reader_is_gone_ends() {
    let mut gate = None;
    let world = World::behind(RULES, environment(), |store, tasks| {
        let made = Arc::new(Gate::new(store, tasks));
        gate = Some(Arc::clone(&made));
        made
    })
    .await;
    let gate = gate.unwrap();
    world.analyzed("c").await;
    gate.hold_stretches(true);
    let wanted = json!({ "text": NEW }).to_string();
    let begin = async || {
        let mut wire = Wire::connect(world.address).await;
        let length = wanted.len();
        wire.send(format!(
            "POST /api/v1/preview HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{wanted}"
        ))
        .await;
        let said = wire.until("\r\n\r\n").await;
        if said.starts_with("HTTP/1.1 200 ") {
            let first = wire.until("}}\n").await;
            assert!(first.contains(r#"{"progress":{"looked":0,"of":null,"differ":0}}"#), "{first}");
            Some(wire)
        } else {
            assert!(said.starts_with("HTTP/1.1 503 ") && said.contains("retry-after: 5"), "{said}");
            None
        }
    };
    let first = begin().await.expect("one");
    let mut second = begin().await.expect("two");
    assert!(begin().await.is_none(), "a third would be too many");
    first.reset();
    let mut third = eventually("a place is free", begin).await;
    gate.hold_stretches(false);
    for wire in [&mut second, &mut third] {
        let rest = wire.until("\r\n0\r\n\r\n").await;
        assert!(rest.contains(r#"{"result":{"#), "{rest}");
    }
    world.end().await;
}

/// The program stops although a preview goes on, and a store that fails is told where the answer has begun.
#[tokio::test(flavor = "multi_thread")]
async fn it_ends_with_the_program_and_with_the_store() {
    let world = world().await;
    world.store.poison("disk");
    let answer = asked(&world, &json!({ "text": NEW })).await;
    let text = answer.text();
    let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(last["error"]["status"], 503, "{text}");
    assert!(last["error"]["detail"].as_str().unwrap().contains("failed"), "{text}");
    world.end().await;
}

/// What the page shows of a posted text is what a reload would do with it.
#[test]
fn a_posted_text_routes_as_the_same_file_would() {
    let environment = environment();
    let overrides = Overrides::default();
    let load =
        |text: &str| config::load_text(text, Path::new("rules.yaml"), &environment, &overrides);
    let running = load(RULES).unwrap();
    let mut with_next = environment.clone();
    with_next.0.insert("NEXT_KEY".to_owned(), "n".to_owned());
    let file = config::load_text(NEW, Path::new("rules.yaml"), &with_next, &overrides).unwrap();
    let posted = config::load_posted(NEW, &running, &environment, &overrides).unwrap();
    let shown = |snapshot: &config::Snapshot| format!("{:?}", snapshot.rules.rules());
    assert_eq!(shown(&posted), shown(&file));
}
