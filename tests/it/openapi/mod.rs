//! `docs/openapi.yaml` against what is served: methods, parameters, statuses and members, both ways. That the paths agree is
//! held beside the router.

mod members;

use std::collections::BTreeSet;

use hookswitch::delivery::DeadReason;
use hookswitch::event::EventId;
use jsonschema::Validator;
use serde_json::{Map, Value, json};

use crate::admin::{Checked, World};
use crate::support::Answer;

/// With something of every kind that an explanation can tell.
const RULES: &str = r#"
version: 1
sources:
  retell: { path: /webhook, verify: none }
targets:
  crm: { kind: http, url: "https://crm.example.com/hooks", headers: { x-tenant: "${TENANT:-none}" }, order_by: $.call.call_id }
  broken: { kind: http, url: "http://127.0.0.1:9000", body: { x: "{{ call.no_such_member.deeper }}" } }
rules:
  - { name: off, enabled: false, to: [crm] }
  - { name: trial, mode: shadow, when: { event: call_analyzed }, to: [broken], stop: true }
  - name: analyzed
    when: { event: call_analyzed, any: [{ agent_id: agent_1 }, { agent_id: agent_2 }] }
    to: [crm]
    stop: true
  - { name: ended, when: { event: call_ended }, to: [crm] }
fallback: [crm, broken]
"#;

/// The methods that an operation of the document can have.
const METHODS: [&str; 4] = ["get", "post", "put", "delete"];

/// The document as it is served.
struct Description(Value);

impl Description {
    async fn of(world: &World) -> Self {
        let answer = world.get("/api/v1/openapi.yaml").await;
        assert_eq!((answer.status, answer.head("content-type")), (200, "application/yaml"));
        Self(serde_yaml::from_str(&answer.text()).unwrap())
    }

    fn paths(&self) -> &Map<String, Value> {
        let paths = self.0["paths"].as_object().unwrap();
        assert!(paths.len() > 15, "{paths:?}");
        paths
    }

    fn schema(&self, name: &str) -> &Value {
        let schema = &self.0["components"]["schemas"][name];
        assert!(schema.is_object(), "there is no schema {name}");
        schema
    }

    /// What `value` stands for, if it is a reference.
    fn resolved<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(place) => self.0.pointer(place.trim_start_matches('#')).expect(place),
            None => value,
        }
    }

    /// Checks `value` against a schema of which nothing but the described members is allowed.
    fn validator(&self, schema: &Value) -> Validator {
        let mut whole = json!({ "components": { "schemas": self.0["components"]["schemas"] } });
        strict(&mut whole["components"]["schemas"]);
        whole.as_object_mut().unwrap().extend(schema.as_object().unwrap().clone());
        jsonschema::validator_for(&whole).unwrap()
    }

    fn assert_valid(&self, schema: &Value, value: &Value, what: &str) {
        let validator = self.validator(schema);
        let wrong: Vec<_> = validator
            .iter_errors(value)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(wrong.is_empty(), "{what}: {wrong:#?}\n{value:#}");
    }

    /// Holds an answer to what the document says of it.
    fn check(&self, method: &str, path: &str, answer: &Answer) {
        let what = format!("{method} {path} {}", answer.status);
        let responses = &self.paths()[path][method]["responses"];
        let response = self.resolved(&responses[answer.status.to_string()]);
        assert!(response.is_object(), "{what} is not described: {}", answer.text());
        if answer.status == 204 {
            assert!(response["content"].is_null() && answer.body.is_empty(), "{what} has no body");
            return;
        }
        let essence = answer.head("content-type").split(';').next().unwrap();
        let content = &response["content"][essence];
        assert!(content.is_object(), "{what}: {essence} is not described");
        if essence == "application/x-ndjson" {
            let text = answer.text();
            assert!(text.lines().count() > 1, "{what}: {text}");
            for line in text.lines() {
                self.assert_valid(&content["schema"], &serde_json::from_str(line).unwrap(), &what);
            }
        } else if essence.ends_with("json") && content["schema"].is_object() {
            let body: Value = serde_json::from_slice(&answer.body).unwrap();
            self.assert_valid(&content["schema"], &body, &what);
        }
    }

    /// Which described members `value` has, as `Schema.member`.
    fn seen(&self, schema: &Value, value: &Value, found: &mut BTreeSet<String>) {
        let name = schema["$ref"].as_str().and_then(|place| place.rsplit('/').next());
        let schema = self.resolved(schema);
        for (member, value) in value.as_object().into_iter().flatten() {
            if let Some(inner) = schema["properties"].get(member) {
                found.extend(name.map(|name| format!("{name}.{member}")));
                self.seen(inner, value, found);
            }
        }
        for value in value.as_array().into_iter().flatten() {
            self.seen(&schema["items"], value, found);
        }
    }
}

/// Later versions may add members, so the document allows them; this one must have described all of its own.
fn strict(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if members.get("properties").is_some_and(Value::is_object) {
                members.entry("additionalProperties").or_insert(Value::Bool(false));
            }
            members.values_mut().for_each(strict);
        }
        Value::Array(items) => items.iter_mut().for_each(strict),
        _ => {}
    }
}

/// A path of the document with something in its places.
fn filled(path: &str) -> String {
    let path = path.replace("{id}", "0197f0a2-6b1c-7c3e-9f00-1d2c3b4a5968");
    path.replace("{name}", "crm").replace("{number}", "1")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_method_is_described_and_every_described_one_is_taken() {
    let world = World::new(RULES).await;
    let description = Description::of(&world).await;
    for (path, item) in description.paths() {
        let asked = format!("PATCH {} HTTP/1.1\r\nhost: localhost\r\n\r\n", filled(path));
        let answer = world.raw(&asked).await;
        assert_eq!(answer.status, 405, "{path}");
        let allow = answer.head("allow").to_ascii_lowercase();
        let taken: BTreeSet<_> = allow.split(',').filter(|method| *method != "head").collect();
        let known = METHODS.into_iter().filter(|method| item.get(*method).is_some());
        assert_eq!(known.collect::<BTreeSet<_>>(), taken, "{path}");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_parameter_is_described_and_every_described_one_is_taken() {
    let world = World::new(RULES).await;
    let description = Description::of(&world).await;
    let mut parameters = 0;
    for (path, item) in description.paths() {
        for method in METHODS.into_iter().filter(|method| item.get(*method).is_some()) {
            let ask = async |query: &str| {
                let path = format!("{}?{query}", filled(path));
                if method == "get" { world.get(&path).await } else { world.post(&path, "").await }
            };
            let listed = item[method]["parameters"].as_array().into_iter().flatten();
            let described: Vec<_> = listed.map(|one| description.resolved(one)).collect();
            let described: Vec<_> =
                described.into_iter().filter(|one| one["in"] == "query").collect();

            let refused = ask("nonsense=1").await.text();
            let known = refused.split_once("is no parameter here; there are: ");
            let known = known.map_or("", |(_, list)| list.split('"').next().unwrap());
            let known: BTreeSet<_> = known.split(", ").filter(|name| !name.is_empty()).collect();
            let names = described.iter().map(|one| one["name"].as_str().unwrap());
            assert_eq!(names.collect::<BTreeSet<_>>(), known, "{method} {path}");
            parameters += known.len();

            for one in described.iter().filter(|one| one["schema"]["enum"].is_array()) {
                let values = one["schema"]["enum"].as_array().unwrap();
                let values: Vec<_> = values.iter().map(|value| value.as_str().unwrap()).collect();
                let detail = ask(&format!("{}=nonsense", one["name"].as_str().unwrap())).await;
                let list = format!("one of: {}", values.join(", "));
                assert!(detail.problem(400).ends_with(&list), "{path}: {}", detail.text());
            }
        }
    }
    assert!(parameters > 10, "only {parameters} parameters were looked at");
    world.end().await;
}

/// What is asked for: the path of the document, and the one that is sent.
fn asked(dead: EventId, unreadable: EventId) -> Vec<(&'static str, String)> {
    let (one, body) = ("/api/v1/events/{id}", "/api/v1/events/{id}/body");
    let (explained, test) = ("/api/v1/events/{id}/explanation", "/api/v1/events/{id}/test");
    let at = |path: &str, id: EventId| path.replace("{id}", &id.to_string());
    let mut asked = vec![
        ("/api/v1/events", "/api/v1/events?limit=1".to_owned()),
        ("/api/v1/events", "/api/v1/events?limit=0".to_owned()),
        ("/api/v1/events", format!("/api/v1/events?ids={dead},{unreadable}")),
        (one, at(one, dead)),
        (one, at(one, unreadable)),
        (one, "/api/v1/events/7".to_owned()),
        (one, filled(one)),
        (body, at(body, dead)),
        (explained, at(explained, dead)),
        (explained, at(explained, unreadable)),
        (test, at(test, dead)),
        (test, at(test, unreadable)),
        ("/api/v1/targets/series", "/api/v1/targets/series?minutes=181".to_owned()),
        ("/api/v1/targets/series", "/api/v1/targets/series?target=nobody".to_owned()),
        ("/api/v1/revisions/{number}", "/api/v1/revisions/1".to_owned()),
        ("/api/v1/revisions/{number}", "/api/v1/revisions/99".to_owned()),
        ("/api/v1/revisions/{number}", "/api/v1/revisions/one".to_owned()),
    ];
    let plain = [
        "/healthz",
        "/readyz",
        "/metrics",
        "/api/v1/openapi.yaml",
        "/api/v1/status",
        "/api/v1/webhook",
        "/api/v1/events/stream",
        "/api/v1/dead-letters",
        "/api/v1/targets",
        "/api/v1/rules",
        "/api/v1/revisions",
        "/api/v1/rules/tests",
        "/api/v1/targets/series",
    ];
    asked.extend(plain.map(|path| (path, path.to_owned())));
    asked
}

/// What is to be done: the path of the document, the one that is sent, and the body.
fn told_to(dead: EventId) -> Vec<(&'static str, String, &'static str)> {
    let (retry, dropped) = ("/api/v1/dead-letters/retry", "/api/v1/dead-letters/drop");
    let (pause, resume) = ("/api/v1/targets/{name}/pause", "/api/v1/targets/{name}/resume");
    let (replay, explain) = ("/api/v1/events/{id}/replay", "/api/v1/explain");
    let preview = "/api/v1/preview";
    let again = replay.replace("{id}", &dead.to_string());
    let sample = r#"{"event":"call_analyzed","call":{"call_id":"c","agent_id":"agent_1"}}"#;
    vec![
        (replay, again.clone(), ""),
        (replay, again.clone(), r#"{"to":"nobody"}"#),
        (
            replay,
            again.clone(),
            r#"{"body":"{\"event\":\"call_analyzed\",\"call\":{\"agent_id\":\"agent_1\"}}"}"#,
        ),
        (replay, again.clone(), r#"{"body":"["}"#),
        (replay, again, r#"{"too":"crm"}"#),
        (retry, retry.to_owned(), r#"{"all":true}"#),
        (retry, retry.to_owned(), r#"{"ids":[424242]}"#),
        (retry, retry.to_owned(), r#"{"target":"nobody"}"#),
        (retry, retry.to_owned(), "{}"),
        (dropped, dropped.to_owned(), r#"{"all":true}"#),
        (pause, filled(pause), ""),
        (pause, "/api/v1/targets/nobody/pause".to_owned(), ""),
        (resume, filled(resume), ""),
        (explain, explain.to_owned(), sample),
        (explain, explain.to_owned(), r#"{"event":"other"}"#),
        (explain, explain.to_owned(), "{"),
        (explain, "/api/v1/explain?source=nowhere".to_owned(), sample),
        (explain, format!("/api/v1/explain?like={dead}"), sample),
        (
            preview,
            preview.to_owned(),
            r#"{"text":"version: 1\nsources: { a: { path: /a, verify: none } }"}"#,
        ),
        (preview, preview.to_owned(), r#"{"text":"version: 2"}"#),
        (preview, preview.to_owned(), r#"{"text":"version: 1","since":"1h","until":"2h"}"#),
        ("/-/reload", "/-/reload".to_owned(), ""),
        ("/api/v1/login", "/api/v1/login".to_owned(), r#"{"token":"any"}"#),
        ("/api/v1/login", "/api/v1/login".to_owned(), r#"{"tokken":"any"}"#),
        ("/api/v1/logout", "/api/v1/logout".to_owned(), ""),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_is_as_it_is_described() {
    let world = World::new(RULES).await;
    let description = Description::of(&world).await;
    let dead = world.dead("call_1", DeadReason::Rejected).await;
    let unreadable = world.arrive("{").await;
    let mut answered = BTreeSet::new();
    let mut told = BTreeSet::new();
    let mut hold = |method: &str, path: &str, answer: &Answer| {
        description.check(method, path, answer);
        let operation = &description.paths()[path][method];
        let schema = &operation["responses"]["200"]["content"]["application/json"]["schema"];
        if matches!(answer.status, 200 | 204) {
            answered.insert(operation["operationId"].as_str().unwrap().to_owned());
            if let Ok(body) = serde_json::from_slice(&answer.body) {
                description.seen(schema, &body, &mut told);
            }
        }
    };
    for (path, asked) in asked(dead, unreadable) {
        hold("get", path, &world.get(&asked).await);
    }
    for (path, asked, body) in told_to(dead) {
        hold("post", path, &world.post(&asked, body).await);
    }
    std::fs::write(&world.path, RULES.replace("to: [crm]", "to: [crn]")).unwrap();
    hold("post", "/-/reload", &world.post("/-/reload", "").await);
    hold("get", "/api/v1/status", &world.get("/api/v1/status").await);
    hold("get", "/api/v1/revisions", &world.get("/api/v1/revisions").await);
    let foreign = "GET /api/v1/events HTTP/1.1\r\nhost: evil.example\r\n\r\n";
    hold("get", "/api/v1/events", &world.raw(foreign).await);
    world.readiness.drain();
    hold("get", "/readyz", &world.get("/readyz").await);

    let items = description.paths().values();
    let operations = items.flat_map(|item| METHODS.map(|method| &item[method]["operationId"]));
    let operations: BTreeSet<_> = operations.filter_map(Value::as_str).collect();
    assert_eq!(answered.iter().map(String::as_str).collect::<BTreeSet<_>>(), operations);
    // Those that are read back by nobody, so no type says which members they may have.
    for name in [
        "Explanation",
        "StoredExplanation",
        "ExplainedRule",
        "Outcome",
        "Predicate",
        "ExplainedRequest",
    ] {
        let properties = description.schema(name)["properties"].as_object().unwrap();
        for member in properties.keys() {
            assert!(told.contains(&format!("{name}.{member}")), "{name}.{member} was never told");
        }
    }
    world.end().await;
}
