//! Rules and revisions as the API tells them: what matched, what a reload came to, a text without its secrets, tests.

use std::time::Duration;

use hookswitch::admin::wire;
use hookswitch::delivery::DeadReason;
use serde_json::{Value, json};

use crate::admin::{Checked, World};

const RULES: &str = "\
version: 1 # canary is not here
sources:
  retell: { path: /webhook, verify: none }
targets:
  crm:
    kind: http
    url: https://crm.example.com/canary-path
    headers:
      authorization: |-
        canary header
      x-name: ${NAME:-canary default}
rules:
  - name: analyzed
    when: { event: call_analyzed }
    to: [crm]

  # between two rules
  - { name: all, to: [crm] } # the last
";

/// The rules as the API lists them.
async fn rules(world: &World) -> wire::Rules {
    serde_json::from_value(world.ok("/api/v1/rules").await).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_rule_tells_where_it_stands_and_what_it_matched() {
    let world = World::new(RULES).await;
    let counts =
        |rules: &wire::Rules| -> Vec<u64> { rules.rules.iter().map(|rule| rule.matches).collect() };
    let none = rules(&world).await;
    assert_eq!(counts(&none), [0, 0]);
    assert!(none.rules.iter().all(|rule| rule.last_match.is_none() && rule.mode == "live"));
    let lines = none.rules.iter().map(|rule| (rule.line, rule.end_line));
    assert_eq!(lines.collect::<Vec<_>>(), [(Some(13), Some(15)), (Some(18), Some(18))]);

    world.analyzed("call_1").await;
    let id = world.analyzed("call_2").await;
    let at = world.now();
    let other = world.arrive(r#"{"event":"call_ended"}"#).await;
    let some = rules(&world).await;
    assert_eq!(counts(&some), [2, 3]);
    let last = wire::Match { at: at.rfc3339(), event: id.to_string() };
    assert_eq!(some.rules[0].last_match, Some(last));
    assert_eq!(some.rules[1].last_match.as_ref().unwrap().event, other.to_string());

    std::fs::write(&world.path, RULES.replace("name: all", "name: everything")).unwrap();
    world.post("/-/reload", "").await.json_of(200);
    let after = rules(&world).await;
    assert_eq!(counts(&after), [2, 0], "only a rule that keeps its name keeps its count");
    assert_eq!((after.text_revision, after.revision.number), (2, 2));
    assert_eq!(after.counted_since, none.counted_since);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_reload_came_to_is_remembered() {
    let world = World::new(RULES).await;
    let began = world.now().rfc3339();
    world.advance(Duration::from_secs(1));
    world.post("/-/reload", "").await.json_of(200);
    world.advance(Duration::from_secs(1));
    world.post("/-/reload", "").await.json_of(200);
    std::fs::write(&world.path, RULES.replace("to: [crm]", "to: [crn]")).unwrap();
    world.advance(Duration::from_secs(1));
    world.post("/-/reload", "").await.problem(422);
    std::fs::write(&world.path, format!("{RULES}\n")).unwrap();
    world.advance(Duration::from_secs(1));
    world.post("/-/reload", "").await.json_of(200);

    let told: wire::Revisions =
        serde_json::from_value(world.ok("/api/v1/revisions").await).unwrap();
    assert_eq!(told.running, 2);
    let numbers = told.revisions.iter().map(|revision| revision.number);
    assert_eq!(numbers.collect::<Vec<_>>(), [2, 1]);
    assert_eq!(told.revisions[0].at, world.now().rfc3339());
    let loads = told.reloads.iter();
    let loads = loads.map(|load| (load.result.as_str(), load.asked_by.as_str(), load.revision));
    let expected = [
        ("published", "person", Some(2)),
        ("refused", "person", None),
        ("unchanged", "person", Some(1)),
        ("published", "start", Some(1)),
    ];
    assert_eq!(loads.collect::<Vec<_>>(), expected);
    assert_eq!(told.reloads[3].at, began);
    let problems = &told.reloads[1].problems;
    let places = problems.iter().map(|problem| (problem.line, problem.text.as_str()));
    let expected = [(Some(15), "there is no target `crn`"), (Some(18), "there is no target `crn`")];
    assert_eq!(places.collect::<Vec<_>>(), expected);

    world.store.poison("disk");
    world.get("/api/v1/revisions").await.problem(503);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_text_of_a_revision_is_shown_without_its_secrets() {
    let world = World::new(RULES).await;
    let answer = world.ok("/api/v1/revisions/1").await;
    let text = answer["text"].as_str().unwrap();
    assert_eq!(text.matches("canary").count(), 1, "the comment, and nothing else:\n{text}");
    assert_eq!(text.lines().count(), RULES.lines().count());
    assert_eq!(text.lines().nth(6).unwrap(), "    url: \"https://crm.example.com/***\"");
    assert_eq!(text.lines().nth(10).unwrap(), "      x-name: \"${NAME:-***}\"");
    assert_eq!(answer["number"], 1);
    assert_eq!(
        answer["hash"],
        world.ok("/api/v1/status").await["configuration"]["revision"]["hash"]
    );
    assert_eq!(answer["at"], json!(world.now().rfc3339()));

    let missing = world.get("/api/v1/revisions/2").await.problem(404);
    assert!(missing.contains("revision 2"), "{missing}");
    for wrong in ["x", "-1", "1.5", "18446744073709551616"] {
        world.get(&format!("/api/v1/revisions/{wrong}")).await.problem(400);
    }
    world.get("/api/v1/revisions/18446744073709551615").await.problem(404);
    let value: Value = world.ok("/api/v1/revisions").await;
    assert!(!value.to_string().contains("canary"), "{value}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tests_of_the_running_revision_are_run_when_asked() {
    let tests = r"
tests:
  - { name: right, event: { event: call_analyzed }, expect: { to: crm, rules: [analyzed, all] } }
  - { name: wrong, event: { event: call_ended, n: 7 }, expect: { rules: [], sends: { crm: { body: { n: 8 } } } } }
  - { name: lost, event: fixtures/lost.json, expect: { to: crm } }
";
    let world = World::new(&format!("{RULES}{tests}")).await;
    let ask = async |path: &str| -> wire::TestRun {
        serde_json::from_value(world.ok(path).await).unwrap()
    };
    let run = ask("/api/v1/rules/tests").await;
    assert_eq!((run.revision, run.not_run, run.untested), (1, 0, Some(vec![])));
    let told: Vec<_> = run.tests.iter().map(|test| (&*test.name, test.line, test.passed)).collect();
    assert_eq!(told, [("right", 21, true), ("wrong", 22, false), ("lost", 23, false)]);
    let expected = ["rules: expected none, found all", "sends.crm.body.n: expected 8, found 7"];
    assert_eq!(run.tests[1].differences, expected);
    assert!(run.tests[2].problems[0].contains("cannot be read"), "{:?}", run.tests[2]);
    let masked = ask("/api/v1/rules/tests?masked=true").await;
    let masked = &masked.tests[1].differences[1];
    assert_eq!(masked, "sends.crm.body.n: found another value than expected");

    let folder = world.path.parent().unwrap().join("fixtures");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("lost.json"), r#"{"event":"call_started"}"#).unwrap();
    std::fs::write(&world.path, "broken: [").unwrap();
    let found = ask("/api/v1/rules/tests").await;
    assert!(found.tests[2].passed, "its file is there now, and what runs is what counts");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_tests_every_rule_is_untested() {
    let world = World::new(RULES).await;
    let run = world.ok("/api/v1/rules/tests").await;
    assert_eq!(run, json!({ "revision": 1, "tests": [], "untested": ["analyzed", "all"] }));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stored_event_becomes_an_entry_that_passes() {
    let world = World::new(RULES).await;
    let body = r##"{"event":"call_analyzed","call":{"call_id":"${x}","access_token":"canary","note":"#1: \u2028"}}"##;
    let id = world.arrive(body).await;
    let answer = world.get(&format!("/api/v1/events/{id}/test?name=it%3A%20%22x%22")).await;
    assert_eq!((answer.status, answer.head("content-type")), (200, "text/yaml; charset=utf-8"));
    let entry = answer.text();
    assert!(
        !entry.contains("canary") && entry.contains("# Removed: $.call.access_token\n"),
        "{entry}"
    );
    std::fs::write(&world.path, format!("{RULES}tests:\n{entry}")).unwrap();
    world.post("/-/reload", "").await.json_of(200);
    let run = world.ok("/api/v1/rules/tests").await;
    assert_eq!(run["tests"][0]["passed"], true, "{run}\n{entry}");
    assert_eq!(run["tests"][0]["name"], "it: \"x\"");

    let unnamed = world.get(&format!("/api/v1/events/{id}/test")).await.text();
    assert!(unnamed.contains(&format!("name: event {id}\n")), "{unnamed}");
    let wrong = format!("/api/v1/events/{id}/test?name={}", "x".repeat(201));
    world.get(&wrong).await.problem(400);
    let unreadable = world.arrive("{").await;
    let why = world.get(&format!("/api/v1/events/{unreadable}/test?name=x")).await.problem(422);
    assert!(why.contains("cannot be a test"), "{why}");
    let none = world.get("/api/v1/events/0197f0a2-6b1c-7c3e-9f00-1d2c3b4a5968/test").await;
    none.problem(404);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_are_told_minute_by_minute() {
    let world = World::new(RULES).await;
    world.dead("call_1", DeadReason::Rejected).await;
    let id = world.analyzed("call_2").await;
    world.delivery_is(id, "delivered").await;
    let told: wire::Series =
        serde_json::from_value(world.ok("/api/v1/targets/series?minutes=180").await).unwrap();
    assert_eq!((told.step_s, told.targets.len()), (60, 1));
    let crm = &told.targets[0];
    assert_eq!((&*crm.name, crm.accepted.iter().sum(), crm.failed.iter().sum()), ("crm", 1, 1));
    let lengths = [crm.failed.len(), crm.p50_ms.len(), crm.p95_ms.len(), crm.pending.len()];
    assert_eq!(lengths, [crm.accepted.len(); 4]);
    assert!(crm.p50_ms.iter().flatten().all(|millis| (0.0..60_000.0).contains(millis)));
    assert!(crm.p50_ms.iter().any(Option::is_some));
    assert!(told.from <= world.now().rfc3339(), "{}", told.from);

    let one = world.ok("/api/v1/targets/series?target=crm&minutes=1").await;
    assert_eq!(one["targets"][0]["accepted"].as_array().unwrap().len(), 1);
    for wrong in ["minutes=0", "minutes=181", "minutes=x", "minute=1"] {
        world.get(&format!("/api/v1/targets/series?{wrong}")).await.problem(400);
    }
    world.get("/api/v1/targets/series?target=crn").await.problem(404);
    world.end().await;
}
