//! Every type of `admin::wire` against the schema that describes it. Each is written out with all of its members, so that one
//! which is added does not compile here until it is described.

use hookswitch::admin::wire;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Description, RULES};
use crate::admin::World;

const ID: &str = "0197f0a2-6b1c-7c3e-9f00-1d2c3b4a5968";
const AT: &str = "2026-01-31T08:00:00.123Z";

fn text(text: &str) -> String {
    text.to_owned()
}

#[expect(clippy::unnecessary_wraps, reason = "every member that may be missing is there")]
fn some(value: &str) -> Option<String> {
    Some(text(value))
}

fn problem() -> wire::Problem {
    wire::Problem {
        code: "HS104".to_owned(),
        level: text("error"),
        path: text("rules[0]"),
        line: Some(1),
        column: Some(2),
        text: text("is wrong"),
        hint: some("mend it"),
    }
}

fn revision() -> wire::Revision {
    wire::Revision { number: 7, hash: text("5f0c") }
}

fn ready() -> wire::Ready {
    wire::Ready { ready: false, reasons: vec![text("shutting down")] }
}

fn configuration() -> wire::Configuration {
    wire::Configuration {
        file: text("rules.yaml"),
        revision: revision(),
        warnings: vec![problem()],
        refused: vec![problem()],
        restart_pending: vec![text("listen")],
        sources: vec![text("retell")],
        targets: 1,
        rules: 1,
    }
}

fn store() -> wire::Store {
    wire::Store {
        health: text("writable"),
        events: 1,
        quarantined: 1,
        pending: 1,
        dead_letters: 1,
        bytes: 1,
        max_bytes: 1,
        facts: [(text("engine"), text("memory"))].into(),
        warnings: vec![text("in memory")],
    }
}

fn request() -> wire::Request {
    wire::Request {
        content_type: some("application/json"),
        user_agent: some("axios"),
        query: some("a=1"),
        peer: some("127.0.0.1"),
        signature: signature(),
    }
}

fn signature() -> wire::Signature {
    wire::Signature { verdict: text("valid"), reason: text("a key made it"), signed_at: some(AT) }
}

fn ui() -> wire::Ui {
    wire::Ui { show_payloads: text("masked") }
}

fn status() -> wire::Status {
    wire::Status {
        version: text("1"),
        ready: ready(),
        started_at: text(AT),
        now: text(AT),
        configuration: configuration(),
        store: store(),
        ui: ui(),
        token_needed: true,
    }
}

fn webhook_source() -> wire::WebhookSource {
    wire::WebhookSource { name: text("retell"), path: text("/webhook"), signed: true }
}

fn public_address() -> wire::PublicAddress {
    wire::PublicAddress { url: text("https://a.example/webhook"), source: text("retell") }
}

fn webhook() -> wire::Webhook {
    wire::Webhook {
        listen: text("127.0.0.1:8080"),
        sources: vec![webhook_source()],
        public: vec![public_address()],
        ngrok: text("running"),
        detail: some("none leads here"),
    }
}

fn attempt() -> wire::Attempt {
    wire::Attempt {
        number: 1,
        started_at: text(AT),
        took_ms: 1,
        result: text("retry"),
        status: Some(500),
        detail: text("answered 500"),
        answer: some("no"),
    }
}

fn delivery() -> wire::Delivery {
    wire::Delivery {
        id: 42,
        target: text("crm"),
        state: text("dead"),
        due: some(AT),
        ended_at: some(AT),
        reason: some("rejected"),
        attempts: 1,
        created_at: text(AT),
        age_from: text(AT),
        order_key: some("call_1"),
        replay: false,
        history: vec![attempt()],
    }
}

fn event() -> wire::Event {
    wire::Event {
        id: text(ID),
        received_at: text(AT),
        source: text("retell"),
        signed: true,
        event: some("call_ended"),
        agent: some("agent_1"),
        call: some("call_1"),
        state: text("revised"),
        reason: some("not an object"),
        revises: some(ID),
        edited_from: some(ID),
        rules: vec![text("everything")],
        shadow: vec![text("watching")],
        revision: 7,
        duplicates: 0,
        answered_ms: Some(1.5),
        body_bytes: 2,
        request: Some(request()),
        deliveries: vec![delivery()],
    }
}

fn dead_letter() -> wire::DeadLetter {
    wire::DeadLetter {
        delivery: delivery(),
        event_id: text(ID),
        event: some("call_ended"),
        call: some("call_1"),
        detail: some("answered 400"),
    }
}

fn failure() -> wire::Failure {
    wire::Failure { detail: text("answered 500"), at: text(AT) }
}

fn target() -> wire::Target {
    wire::Target {
        name: text("crm"),
        configured: true,
        kind: some("http"),
        address: some("https://crm.example.com"),
        pending: 1,
        oldest_pending: some(AT),
        dead_letters: 1,
        in_flight: 1,
        circuit: text("open"),
        paused: true,
        last_failure: Some(failure()),
    }
}

fn rule() -> wire::Rule {
    wire::Rule {
        name: text("everything"),
        enabled: true,
        conditional: true,
        to: vec![text("crm")],
        ignore: false,
        stop: true,
        mode: text("live"),
        line: Some(1),
        end_line: Some(2),
        matches: 1,
        last_match: Some(wire::Match { at: text(AT), event: text(ID) }),
    }
}

fn kept_revision() -> wire::KeptRevision {
    wire::KeptRevision { number: 7, hash: text("5f0c"), at: text(AT) }
}

fn load() -> wire::Load {
    wire::Load {
        at: text(AT),
        result: text("refused"),
        asked_by: text("files"),
        revision: Some(7),
        problems: vec![problem()],
        detail: some("and 2 more problems"),
    }
}

/// Holds a type to its schema: the same members, and the same of them required.
fn hold<T: Serialize + DeserializeOwned>(description: &Description, name: &str, full: &T) {
    let value = serde_json::to_value(full).unwrap();
    let schema = description.schema(name);
    let place = json!({ "$ref": format!("#/components/schemas/{name}") });
    description.assert_valid(&place, &value, name);
    let members = value.as_object().unwrap();
    let properties = schema["properties"].as_object().unwrap();
    for member in properties.keys() {
        assert!(members.contains_key(member), "{name}.{member} is described, and there is none");
    }
    let none = Vec::new();
    let required = schema["required"].as_array().unwrap_or(&none);
    for member in members.keys() {
        let mut without = members.clone();
        without.shift_remove(member).unwrap();
        let must = serde_json::from_value::<T>(Value::Object(without)).is_err();
        assert_eq!(required.contains(&Value::from(member.as_str())), must, "{name}.{member}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_member_is_described_and_every_described_one_is_there() {
    let world = World::new(RULES).await;
    let description = &Description::of(&world).await;
    hold(description, "Problem", &problem());
    hold(description, "Revision", &revision());
    hold(description, "Ready", &ready());
    hold(description, "Configuration", &configuration());
    hold(description, "Store", &store());
    hold(description, "Request", &request());
    hold(description, "Attempt", &attempt());
    hold(description, "Delivery", &delivery());
    hold(description, "Event", &event());
    hold(description, "DeadLetter", &dead_letter());
    hold(description, "Failure", &failure());
    hold(description, "Target", &target());
    hold(description, "Rule", &rule());
    hold(description, "Signature", &signature());
    hold(description, "Ui", &ui());
    hold(description, "Status", &status());
    hold(description, "WebhookSource", &webhook_source());
    hold(description, "PublicAddress", &public_address());
    hold(description, "Webhook", &webhook());
    let error = wire::ErrorBody {
        title: text("Not Found"),
        status: 404,
        detail: text("there is none"),
        problems: vec![problem()],
        text: some("rules.yaml"),
    };
    hold(description, "Error", &error);
    let events = wire::Events { events: vec![event()], next: some("7"), looked_to: some(AT) };
    hold(description, "Events", &events);
    hold(description, "Lagged", &wire::Lagged { skipped: 7 });
    hold(
        description,
        "ReplayRequest",
        &wire::ReplayRequest { to: some("crm"), original: true, body: some("{}") },
    );
    let replayed = wire::Replayed {
        event: text(ID),
        edited_from: some(ID),
        revision: 7,
        deliveries: vec![delivery()],
        skipped: vec![text("gone")],
    };
    hold(description, "Replayed", &replayed);
    let letters = wire::DeadLetters { dead_letters: vec![dead_letter()], next: some("7") };
    hold(description, "DeadLetters", &letters);
    let selection = wire::Selection {
        ids: Some(vec![42]),
        target: some("crm"),
        reason: some("gone"),
        event: some(ID),
        all: true,
    };
    hold(description, "Selection", &selection);
    hold(description, "Changed", &wire::Changed { count: 1, missing: Some(0) });
    hold(description, "Targets", &wire::Targets { targets: vec![target()] });
    let reloaded = wire::Reloaded {
        result: text("published"),
        revision: revision(),
        warnings: vec![problem()],
        restart_pending: vec![text("listen")],
    };
    hold(description, "Reloaded", &reloaded);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_member_that_tells_of_rules_and_of_targets_over_time_is_described() {
    let world = World::new(RULES).await;
    let description = &Description::of(&world).await;
    let rules = vec![rule()];
    let rules = wire::Rules {
        revision: revision(),
        rules,
        fallback: vec![text("crm")],
        text_revision: 7,
        counted_since: text(AT),
        findings: vec![problem()],
    };
    hold(description, "Rules", &rules);
    let series = wire::TargetSeries {
        name: text("crm"),
        accepted: vec![1],
        failed: vec![0],
        p50_ms: vec![Some(0.5)],
        p95_ms: vec![None],
        pending: vec![2],
    };
    hold(description, "TargetSeries", &series);
    let series = wire::Series { from: text(AT), step_s: 60, targets: vec![series] };
    hold(description, "Series", &series);
    let verdict = wire::TestVerdict {
        name: text("it"),
        line: 1,
        passed: false,
        problems: vec![text("cannot be read")],
        differences: vec![text("to: expected a, found b")],
        took_ms: 0.5,
    };
    hold(description, "TestVerdict", &verdict);
    let (tests, untested) = (vec![verdict], Some(vec![text("all")]));
    let run = wire::TestRun { revision: 7, tests, untested, not_run: 1 };
    hold(description, "TestRun", &run);
    hold(description, "Match", &rule().last_match.unwrap());
    hold(description, "KeptRevision", &kept_revision());
    hold(description, "Load", &load());
    let revisions = vec![kept_revision()];
    let revisions = wire::Revisions { running: 7, revisions, reloads: vec![load()] };
    hold(description, "Revisions", &revisions);
    let (revision_text, shown) = (kept_revision(), text("version: 1"));
    let revision_text = wire::RevisionText { revision: revision_text, text: shown };
    hold(description, "RevisionText", &revision_text);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_member_of_a_preview_is_described() {
    let world = World::new(RULES).await;
    let description = &Description::of(&world).await;
    let request =
        wire::PreviewRequest { text: text("version: 1"), since: some("24h"), until: some(AT) };
    hold(description, "PreviewRequest", &request);
    let progress = wire::PreviewProgress { looked: 1, of: Some(2), differ: 1 };
    hold(description, "PreviewProgress", &progress);
    let sides = wire::Sides { running: 1, new: 2 };
    hold(description, "Sides", &sides);
    let rule = wire::RuleChange {
        name: text("everything"),
        running: 1,
        new: 0,
        only: some("running"),
        deliveries: sides,
        shadow: Some(sides),
    };
    hold(description, "RuleChange", &rule);
    let target = wire::TargetChange { name: text("crm"), running: 1, new: 2, gained: 2, lost: 1 };
    hold(description, "TargetChange", &target);
    let differing = wire::Differing {
        event: text(ID),
        received_at: text(AT),
        name: some("call_ended"),
        agent: some("agent_1"),
        call: some("call_1"),
        gains: vec![text("crm")],
        loses: vec![text("slack")],
        before: text("routed"),
        after: text("routed"),
        rules_before: vec![text("everything")],
        rules_after: vec![],
        shadow_before: vec![text("trial")],
        shadow_after: vec![text("trial")],
    };
    hold(description, "Differing", &differing);
    let preview = wire::Preview {
        running: revision(),
        since: text(AT),
        until: text(AT),
        events: 1,
        unreadable: 0,
        deliveries: sides,
        rules: vec![rule],
        targets: vec![target],
        fallback: sides,
        unrouted: sides,
        ignored: sides,
        quarantined: sides,
        differing: vec![differing],
        differing_total: 1,
        warnings: vec![problem()],
        notes: vec![text("a header is not kept")],
    };
    hold(description, "Preview", &preview);
    world.end().await;
}
