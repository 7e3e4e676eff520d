//! The admin listener over real sockets.

use std::collections::VecDeque;
use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use hookswitch::admin;
use hookswitch::clock::{Clock, Manual, Timestamp};
use hookswitch::config::{self, MapEnvironment, Overrides, Published};
use hookswitch::delivery::{DeadReason, Outcome};
use hookswitch::dispatch::{self, Courier, Dispatch};
use hookswitch::event::{Event, EventId, Intake, RequestParts, query_pairs};
use hookswitch::ingress::Readiness;
use hookswitch::name::{RuleName, SourceName};
use hookswitch::reload::{self, Finding, Reload};
use hookswitch::rule::Disposition;
use hookswitch::signature::Check;
use hookswitch::store::memory::Memory;
use hookswitch::store::{Append, EventState, Fate, NewDelivery, Store};
use hookswitch::target::{AttemptInfo, Report, Target};
use hookswitch::tasks::Tasks;
use hookswitch::telemetry::{AttemptLabel, Metrics};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpSocket};

use crate::support::{Answer, PATIENCE, Wire, eventually};

const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);

const RULES: &str = r"
version: 1
sources:
  retell: { path: /webhook, verify: none }
targets:
  crm: { kind: http, url: 'https://crm.example.com/canary-path', headers: { authorization: canary-header }, order_by: $.call.call_id }
  other: { kind: log }
rules:
  - name: turns
    when: { event: transcript_updated }
    ignore: true
  - name: analyzed calls
    when: { event: call_analyzed }
    to: [crm]
";

/// Answers attempts from a list, then accepts.
#[derive(Debug, Default)]
struct Script(Mutex<VecDeque<Outcome>>);

impl Courier for Script {
    fn attempt(
        &self,
        _target: Arc<Target>,
        _event: Arc<Event>,
        _rules: Arc<[RuleName]>,
        _info: AttemptInfo,
    ) -> Pin<Box<dyn Future<Output = Report> + Send>> {
        let outcome = self.0.lock().unwrap().pop_front().unwrap_or(Outcome::Accepted);
        let (label, status) = match outcome {
            Outcome::Accepted => (AttemptLabel::Accepted, 200),
            Outcome::Retry { .. } => (AttemptLabel::Retried, 500),
            Outcome::Reject(_) => (AttemptLabel::Rejected, 400),
        };
        Box::pin(async move {
            let detail = format!("answered {status}");
            Report { outcome, label, status: Some(status), detail, answer: Some("<b>".to_owned()) }
        })
    }
}

/// Bound and not listened on: whoever connects is refused, and nobody else is given the port.
fn nobody() -> TcpSocket {
    let nobody = TcpSocket::new_v4().unwrap();
    nobody.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    nobody
}

/// The file as the first revision.
async fn first(path: &Path, environment: &MapEnvironment, store: &Memory) -> Published {
    let mut first = config::load(path, environment, &Overrides::default())
        .unwrap_or_else(|problems| panic!("{problems}"));
    let hash = first.revision.hash;
    first.revision = store.add_revision(Arc::clone(&first.text), hash, NOW).await.unwrap();
    Published::new(Arc::new(first))
}

pub(crate) struct World {
    pub(crate) path: PathBuf,
    pub(crate) address: SocketAddr,
    pub(crate) store: Memory,
    published: Published,
    dispatch: Dispatch,
    script: Arc<Script>,
    clock: Arc<Manual>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) readiness: Readiness,
    pub(crate) tasks: Tasks,
    _folder: TempDir,
    _nobody: TcpSocket,
}

impl World {
    pub(crate) async fn new(rules: &str) -> Self {
        Self::beside(rules, None).await
    }

    /// With an ngrok agent at that address, or none.
    pub(crate) async fn beside(rules: &str, agent: Option<SocketAddr>) -> Self {
        let store = |store: Memory, _: Tasks| -> Arc<dyn Store> { Arc::new(store) };
        Self::made(rules, agent, MapEnvironment::default(), store).await
    }

    /// With these variables, and API and dispatch see the store through something else.
    pub(crate) async fn behind(
        rules: &str,
        environment: MapEnvironment,
        through: impl FnOnce(Memory, Tasks) -> Arc<dyn Store>,
    ) -> Self {
        Self::made(rules, None, environment, through).await
    }

    async fn made(
        rules: &str,
        agent: Option<SocketAddr>,
        environment: MapEnvironment,
        through: impl FnOnce(Memory, Tasks) -> Arc<dyn Store>,
    ) -> Self {
        let nobody = nobody();
        let ngrok = agent.unwrap_or(nobody.local_addr().unwrap());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rules.yaml");
        std::fs::write(&path, rules).unwrap();
        let environment = Arc::new(environment);
        let store = Memory::new();
        let clock = Arc::new(Manual::new(NOW));
        let published = first(&path, &environment, &store).await;
        let (metrics, tasks) = (Arc::new(Metrics::new()), Tasks::new());
        let shared = through(store.clone(), tasks.clone());
        let running = published.load();
        let targets: Vec<_> = running.targets.keys().cloned().collect();
        let rules: Vec<_> = running.rules.rules().iter().map(|rule| rule.name.clone()).collect();
        metrics.configured(&[running.sources[0].name.clone()], &rules, &targets);
        let script = Arc::new(Script::default());
        let dispatch = Dispatch::start(dispatch::Parts {
            store: Arc::clone(&shared),
            published: published.clone(),
            courier: script.clone(),
            clock: clock.clone(),
            metrics: Arc::clone(&metrics),
            tasks: tasks.clone(),
        })
        .await
        .unwrap();
        let reload = reload::Parts {
            path: path.clone(),
            environment,
            overrides: Overrides::default(),
            store: Arc::clone(&shared),
            published: published.clone(),
            clock: clock.clone(),
            metrics: Arc::clone(&metrics),
            tasks: tasks.clone(),
        };
        let finding = Finding { watch: false, poll: Duration::from_hours(1) };
        let readiness = Readiness::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let parts = admin::Parts {
            store: shared,
            dispatch: dispatch.clone(),
            reload: Reload::start_with(reload, finding),
            published: published.clone(),
            clock: clock.clone(),
            metrics: Arc::clone(&metrics),
            tasks: tasks.clone(),
            readiness: readiness.clone(),
            listen: "127.0.0.1:8080".parse().unwrap(),
            ngrok,
            started_at: NOW,
        };
        admin::start(parts, listener);
        Self {
            path,
            address,
            store,
            published,
            dispatch,
            script,
            clock,
            metrics,
            readiness,
            tasks,
            _folder: folder,
            _nobody: nobody,
        }
    }

    /// What ingress does with a body, without its listener.
    pub(crate) async fn arrive(&self, body: &str) -> EventId {
        self.arrive_with("", body).await
    }

    /// The same with a query.
    async fn arrive_with(&self, query: &str, body: &str) -> EventId {
        self.clock.advance(Duration::from_millis(1));
        let now = self.clock.now();
        let snapshot = self.published.load();
        let source = snapshot.sources[0].name.clone();
        let body = Bytes::copy_from_slice(body.as_bytes());
        let verified = Check::Unsigned.verify(&source, body.clone(), &[], now).unwrap();
        let id = EventId::new(now, [1; 10]);
        let request = RequestParts {
            content_type: Some("application/json".to_owned()),
            signature: Some("v=1,d=00".to_owned()),
            query: Some(query.to_owned()),
            ..Default::default()
        };
        let pairs = query_pairs(query);
        let read = snapshot.rules.reader().read(verified, id, request, vec![], pairs);
        let (envelope, state, rules, deliveries) = match &read {
            Intake::Readable(event) => {
                let plan = snapshot.rules.plan(event);
                let (state, planned) = match plan.disposition {
                    Disposition::Routed(planned) => (EventState::Routed, planned),
                    Disposition::Ignored => (EventState::Ignored, vec![]),
                    Disposition::Unrouted => (EventState::Unrouted, vec![]),
                };
                (Arc::clone(event.envelope()), state, plan.rules, planned)
            }
            Intake::Quarantined { envelope, reason, .. } => {
                let state = EventState::Quarantined { reason: reason.to_string() };
                (Arc::clone(envelope), state, vec![], vec![])
            }
        };
        let deliveries = deliveries
            .into_iter()
            .map(|planned| NewDelivery { target: planned.target, order_key: planned.order_key })
            .collect();
        let append = Append {
            envelope: Arc::clone(&envelope),
            body: body.clone(),
            state,
            rules: rules.clone(),
            shadow: Vec::new(),
            revision: snapshot.revision.number,
            edited_from: None,
            deliveries,
            identity: None,
        };
        let Fate::Stored(ready) = self.store.append(append).await.unwrap().fate else {
            panic!("it is new")
        };
        for rule in &rules {
            self.metrics.rule_matched(rule, id, now);
        }
        let event = Arc::new(Event::restored(envelope, body));
        self.dispatch.offer(&event, &rules.into(), ready);
        id
    }

    pub(crate) fn later(&self, span: Duration) {
        self.clock.advance(span);
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// The source that there is.
    pub(crate) fn source(&self) -> SourceName {
        self.published.load().sources[0].name.clone()
    }

    /// A `call_analyzed` event with this call id.
    pub(crate) async fn analyzed(&self, call: &str) -> EventId {
        let body =
            json!({"event": "call_analyzed", "call": {"call_id": call, "agent_id": "agent_1"}});
        self.arrive(&body.to_string()).await
    }

    pub(crate) async fn raw(&self, request: &str) -> Answer {
        let mut wire = Wire::connect(self.address).await;
        wire.send(request).await;
        let mut answer = wire.expect().await;
        // Lines come in chunks and end; a stream of events does not.
        if answer.header("content-type") == Some("application/x-ndjson") {
            answer.body = wire.chunks().await;
        }
        answer
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.raw(&format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n")).await
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> Answer {
        let typed = if body.is_empty() { "" } else { "content-type: application/json\r\n" };
        let length = body.len();
        self.raw(&format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\n{typed}content-length: {length}\r\n\r\n{body}"
        ))
        .await
    }

    pub(crate) async fn ok(&self, path: &str) -> Value {
        self.get(path).await.json_of(200)
    }

    /// Waits until the event's only delivery is in this state.
    pub(crate) async fn delivery_is(&self, id: EventId, state: &str) -> Value {
        eventually(state, async || {
            let event = self.ok(&format!("/api/v1/events/{id}")).await;
            (event["deliveries"][0]["state"] == state).then_some(event)
        })
        .await
    }

    /// An event whose delivery is a dead letter.
    pub(crate) async fn dead(&self, call: &str, reason: DeadReason) -> EventId {
        self.script.0.lock().unwrap().push_back(Outcome::Reject(reason));
        let id = self.analyzed(call).await;
        self.delivery_is(id, "dead").await;
        id
    }

    pub(crate) async fn end(self) {
        assert!(self.tasks.stop(PATIENCE).await);
    }
}

/// What the tests ask of an answer.
pub(crate) trait Checked {
    fn head(&self, name: &str) -> &str;
    fn text(&self) -> String;
    /// The body of an answer with this status.
    fn json_of(&self, status: u16) -> Value;
    /// The detail of a problem with this status.
    fn problem(&self, status: u16) -> String;
}

impl Checked for Answer {
    fn head(&self, name: &str) -> &str {
        self.header(name).unwrap_or_default()
    }

    fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    fn json_of(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        self.json()
    }

    fn problem(&self, status: u16) -> String {
        let body = self.json_of(status);
        assert_eq!(self.head("content-type"), "application/problem+json");
        assert_eq!(body["status"], status);
        body["detail"].as_str().unwrap().to_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn health_and_readiness_follow_the_program() {
    let world = World::new(RULES).await;
    assert_eq!(world.get("/healthz").await.text(), "ok\n");
    assert_eq!(world.ok("/readyz").await, json!({"ready": true}));
    world.readiness.drain();
    let reasons = world.get("/readyz").await.json_of(503);
    assert_eq!(reasons, json!({"ready": false, "reasons": ["shutting down"]}));
    world.store.poison("disk");
    let reasons = world.get("/readyz").await.json_of(503);
    assert_eq!(reasons["reasons"], json!(["shutting down", "the store failed"]));
    assert_eq!(world.get("/healthz").await.status, 200);
    let failed = world.get("/api/v1/events").await;
    assert!(failed.problem(503).contains("failed"));
    assert_eq!(failed.head("retry-after"), "5");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_is_kept_out_of_caches_frames_and_other_pages() {
    let world = World::new(RULES).await;
    for path in ["/healthz", "/metrics", "/api/v1/events", "/nowhere", "/api/v1/events/x"] {
        let answer = world.get(path).await;
        assert_eq!(answer.head("cache-control"), "no-store", "{path}");
        assert_eq!(answer.head("x-content-type-options"), "nosniff", "{path}");
        let policy = "default-src 'none'; frame-ancestors 'none'";
        assert_eq!(answer.head("content-security-policy"), policy, "{path}");
    }
    assert!(world.get("/nowhere").await.problem(404).contains("docs/api.md"));
    let wrong = world.post("/api/v1/events", "").await;
    assert!(wrong.problem(405).contains("GET"));
    assert!(wrong.head("allow").contains("GET"));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_is_demanded_and_rotated_by_a_reload() {
    let with = |token: &str| format!("admin_token: {token}{RULES}");
    let world = World::new(&with("first-token")).await;
    let ask = async |token: &str| {
        let head = "GET /api/v1/status HTTP/1.1\r\nhost: localhost\r\n";
        world.raw(&format!("{head}{token}\r\n")).await
    };
    let missing = ask("").await;
    assert!(missing.problem(401).contains("token"));
    assert!(missing.head("www-authenticate").starts_with("Bearer"));
    assert_eq!(ask("authorization: Bearer wrong\r\n").await.status, 401);
    assert_eq!(ask("authorization: Bearer first-token\r\n").await.status, 200);
    assert_eq!(world.get("/healthz").await.status, 200);
    assert_eq!(world.get("/metrics").await.status, 401);

    std::fs::write(&world.path, with("second-token")).unwrap();
    let reload =
        "POST /-/reload HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer first-token\r\n\r\n";
    assert_eq!(world.raw(reload).await.json_of(200)["result"], "published");
    assert_eq!(ask("authorization: Bearer first-token\r\n").await.status, 401);
    assert_eq!(ask("authorization: Bearer second-token\r\n").await.status, 200);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_in_a_browser_gets_nowhere() {
    let world = World::new(RULES).await;
    let rebound = "GET /api/v1/events HTTP/1.1\r\nhost: evil.example\r\n\r\n";
    assert!(world.raw(rebound).await.problem(403).contains("admin_hosts"));
    for headers in [
        "content-type: application/json\r\norigin: http://evil.example",
        "content-type: application/json\r\norigin: null",
        "content-type: application/json\r\nsec-fetch-site: cross-site",
    ] {
        let form = format!(
            "POST /api/v1/dead-letters/drop HTTP/1.1\r\nhost: localhost\r\n{headers}\r\ncontent-length: 12\r\n\r\n{{\"all\":true}}"
        );
        world.raw(&form).await.problem(403);
    }
    let form = "POST /-/reload HTTP/1.1\r\nhost: localhost\r\ncontent-type: text/plain\r\ncontent-length: 0\r\n\r\n";
    world.raw(form).await.problem(415);
    let untyped = "POST /api/v1/dead-letters/drop HTTP/1.1\r\nhost: localhost\r\ncontent-length: 12\r\n\r\n{\"all\":true}";
    assert!(world.raw(untyped).await.problem(415).contains("content-type: application/json"));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unclear_lengths_and_oversized_heads_are_refused() {
    let world = World::new(RULES).await;
    let start = "POST /-/reload HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
    for framing in [
        "content-length: 2\r\ncontent-length: 3\r\n\r\n{}",
        "transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    ] {
        assert_eq!(world.raw(&format!("{start}{framing}")).await.status, 400, "{framing:?}");
    }
    let large =
        format!("GET /healthz HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n", "a".repeat(40 << 10));
    too_large(&world, &large).await;
    let many = "x: y\r\n".repeat(100);
    let many = format!("GET /healthz HTTP/1.1\r\nhost: localhost\r\n{many}\r\n");
    too_large(&world, &many).await;
    let long = format!("{{\"target\": \"{}\"}}", "a".repeat(300 << 10));
    assert_eq!(world.post("/api/v1/dead-letters/retry", &long).await.status, 413);
    // A replay has room for an edited body.
    let id = EventId::new(NOW, [0; 10]);
    let replay = format!("/api/v1/events/{id}/replay");
    assert_eq!(world.post(&replay, &long.replace("target", "to")).await.status, 404);
    let long = format!("{{\"to\": \"{}\"}}", "a".repeat(21 << 20));
    assert_eq!(world.post(&replay, &long).await.status, 413);
    world.end().await;
}

/// Refused; the answer may be lost in the reset that follows what was not read.
async fn too_large(world: &World, request: &str) {
    let mut wire = Wire::connect(world.address).await;
    wire.send(request).await;
    assert!(wire.answer().await.is_none_or(|answer| answer.status == 431));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_says_nothing_is_let_go() {
    let world = World::new(RULES).await;
    let mut slow = Wire::connect(world.address).await;
    slow.send("GET /healthz HTTP/1.1\r\nhost: loc").await;
    let mut silent = Wire::connect(world.address).await;
    assert!(slow.answer().await.is_none_or(|answer| answer.status == 408));
    silent.expect_end().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn status_tells_what_runs() {
    let world = World::new(RULES).await;
    world.analyzed("call_1").await;
    let status = world.ok("/api/v1/status").await;
    assert_eq!(status["ready"], true);
    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(status["configuration"]["revision"]["number"], 1);
    assert_eq!(status["configuration"]["sources"], json!(["retell"]));
    assert_eq!(status["store"]["health"], "writable");
    assert_eq!(status["store"]["events"], 1);
    let back: admin::wire::Status = serde_json::from_value(status).unwrap();
    assert!(back.ready.ready);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_openmetrics_text() {
    let world = World::new(RULES).await;
    let id = world.analyzed("call_1").await;
    world.delivery_is(id, "delivered").await;
    let answer = world.get("/metrics").await;
    assert!(answer.head("content-type").starts_with("application/openmetrics-text; version=1.0.0"));
    let text = answer.text();
    assert!(text.ends_with("# EOF\n"), "{text}");
    let mut samples = 0;
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}"));
        assert!(name.starts_with("hookswitch_"), "{line}");
        value.parse::<f64>().unwrap_or_else(|_| panic!("{line}"));
        samples += 1;
    }
    assert!(samples > 10, "{text}");
    assert!(text.contains("hookswitch_build_info"), "{text}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_filtered_and_paged() {
    let world = World::new(RULES).await;
    let mut ids = Vec::new();
    for call in 0..5 {
        ids.push(world.analyzed(&format!("call_{call}")).await.to_string());
    }
    let ignored = world.arrive(r#"{"event":"transcript_updated"}"#).await.to_string();
    let unrouted =
        world.arrive(r#"{"event":"call_started","call":{"agent_id":"agent_2"}}"#).await.to_string();
    ids.reverse();

    let listed = async |query: &str| -> Vec<String> {
        let page = world.ok(&format!("/api/v1/events{query}")).await;
        page["events"]
            .as_array()
            .unwrap()
            .iter()
            .map(|e| e["id"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(listed("").await.len(), 7);
    assert_eq!(listed("?event=call_analyzed").await, ids);
    assert_eq!(listed("?agent=agent_2").await, [unrouted.as_str()]);
    assert_eq!(listed("?call=call_4").await, ids[..1]);
    assert_eq!(listed("?state=ignored").await, [ignored]);
    assert_eq!(listed("?state=unrouted").await, [unrouted.as_str()]);
    assert_eq!(listed("?target=crm").await, ids);
    assert!(listed("?target=other").await.is_empty());
    assert_eq!(listed("?rule=analyzed%20calls&limit=3").await, ids[..3]);
    assert!(listed("?rule=analyze").await.is_empty());
    assert_eq!(listed("?text=CALL_4").await, ids[..1]);
    assert_eq!(listed("?text=%22agent_2%22&state=unrouted").await, [unrouted.as_str()]);
    assert_eq!(listed(&format!("?ids={},{}", ids[3], ids[1])).await, [&*ids[3], &*ids[1]]);
    let strange = EventId::new(NOW, [9; 10]);
    assert_eq!(listed(&format!("?ids={strange},{}", ids[0])).await, ids[..1]);
    assert_eq!(listed("?since=1h").await.len(), 7);
    assert!(listed("?until=1h").await.is_empty());
    assert!(listed("?since=2030-01-01T00:00:00Z").await.is_empty());

    let mut paged = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = world.ok(&format!("/api/v1/events?event=call_analyzed&limit=2{cursor}")).await;
        let page: admin::wire::Events = serde_json::from_value(page).unwrap();
        assert!(page.events.len() <= 2);
        paged.extend(page.events.into_iter().map(|event| event.id));
        let Some(next) = page.next else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(paged, ids);

    for (query, word) in [
        ("?agnet=a", "agnet"),
        ("?state=lost", "quarantined"),
        ("?since=yesterday", "24h"),
        ("?limit=0", "1000"),
        ("?cursor=nonsense", "cursor"),
        ("?agent=a&agent=b", "more than once"),
        ("?ids=7", "not an event id"),
        ("?call=", "`call` is empty"),
        ("?ids=", "`ids` is empty"),
        ("?limit=3&cursor=", "`cursor` is empty"),
        (&format!("?ids={strange}&limit=3"), "excludes"),
        (&format!("?ids={}", vec![strange.to_string(); 201].join(",")), "200"),
        (&format!("?text={}", "x".repeat(257)), "256"),
    ] {
        let detail = world.get(&format!("/api/v1/events{query}")).await.problem(400);
        assert!(detail.contains(word), "{query}: {detail}");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_event_has_its_plan_deliveries_and_attempts() {
    let world = World::new(RULES).await;
    let id = world.dead("call_1", DeadReason::Rejected).await;
    let event = world.ok(&format!("/api/v1/events/{id}")).await;
    assert_eq!((&event["state"], &event["rules"]), (&json!("routed"), &json!(["analyzed calls"])));
    assert_eq!(event["request"]["content_type"], "application/json");
    let delivery = &event["deliveries"][0];
    assert_eq!((&delivery["target"], &delivery["reason"]), (&json!("crm"), &json!("rejected")));
    assert_eq!(delivery["history"][0]["status"], 400);
    assert_eq!(delivery["history"][0]["result"], "rejected");
    assert_eq!(delivery["history"][0]["answer"], "<b>");
    serde_json::from_value::<admin::wire::Event>(event).unwrap();

    let other = EventId::new(NOW, [9; 10]);
    assert!(
        world.get(&format!("/api/v1/events/{other}")).await.problem(404).contains("no such event")
    );
    assert!(world.get("/api/v1/events/7").await.problem(400).contains("event id"));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_are_given_byte_for_byte_and_never_to_be_shown() {
    let world = World::new(RULES).await;
    let text = "{\"event\": \"x\",  \"html\": \"<script>\\u00e9\"}\r\n";
    let id = world.arrive(text).await;
    let answer = world.get(&format!("/api/v1/events/{id}/body")).await;
    assert_eq!(answer.text(), text);
    assert_eq!(answer.head("content-type"), "application/json");
    assert_eq!(answer.head("content-disposition"), format!("attachment; filename=\"{id}.json\""));
    world.store.damage(id);
    assert!(world.get(&format!("/api/v1/events/{id}/body")).await.problem(500).contains("damaged"));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replays_follow_the_running_rules_or_what_is_asked() {
    let world = World::new(RULES).await;
    let id = world.analyzed("call_1").await;
    world.delivery_is(id, "delivered").await;
    let path = format!("/api/v1/events/{id}/replay");

    world.clock.advance(Duration::from_secs(1));
    let again: admin::wire::Replayed =
        serde_json::from_value(world.post(&path, "").await.json_of(200)).unwrap();
    assert_eq!(again.deliveries.len(), 1);
    let delivery = &again.deliveries[0];
    assert_eq!((delivery.target.as_str(), delivery.replay), ("crm", true));
    assert_eq!(delivery.order_key.as_deref(), Some("\"call_1\""));

    world.clock.advance(Duration::from_secs(1));
    let to = world.post(&path, r#"{"to":"other"}"#).await.json_of(200);
    assert_eq!(to["deliveries"][0]["target"], "other");
    world.clock.advance(Duration::from_secs(1));
    let original = world.post(&path, r#"{"original":true}"#).await.json_of(200);
    assert_eq!(original["deliveries"].as_array().unwrap().len(), 1, "{original}");

    let event = world.ok(&format!("/api/v1/events/{id}")).await;
    assert_eq!(event["deliveries"].as_array().unwrap().len(), 4);
    let created = r#"hookswitch_deliveries_total{target="crm",result="created"} 2"#;
    let metrics = world.get("/metrics").await.text();
    assert!(metrics.contains(created), "{metrics}");

    let unknown = world.post(&path, r#"{"to":"crn"}"#).await.problem(422);
    assert!(unknown.contains("crn") && unknown.contains("crm, other"), "{unknown}");
    world.post(&path, r#"{"to":"crm","original":true}"#).await.problem(400);
    world.post(&path, r#"{"too":"crm"}"#).await.problem(400);
    world.post(&path, "[").await.problem(400);
    let other = EventId::new(NOW, [9; 10]);
    world.post(&format!("/api/v1/events/{other}/replay"), "").await.problem(404);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_went_nowhere_can_be_replayed_too() {
    let world = World::new(RULES).await;
    let quarantined = world.arrive("{\"event\": \"call_analyzed\"").await;
    let unrouted = world.arrive(r#"{"event":"call_started"}"#).await;
    let replay = async |id: EventId, body: &str| {
        world.clock.advance(Duration::from_secs(1));
        world.post(&format!("/api/v1/events/{id}/replay"), body).await
    };
    let detail = replay(quarantined, "").await.problem(422);
    assert!(detail.contains("`to`"), "{detail}");
    let sent = replay(quarantined, r#"{"to":"other"}"#).await.json_of(200);
    assert_eq!(sent["deliveries"][0]["target"], "other");

    assert!(replay(unrouted, "").await.problem(422).contains("no rule"));
    assert!(
        replay(unrouted, r#"{"original":true}"#).await.problem(422).contains("names no target")
    );
    std::fs::write(&world.path, RULES.replace("event: call_analyzed", "event: call_started"))
        .unwrap();
    assert_eq!(world.post("/-/reload", "").await.json_of(200)["revision"]["number"], 2);
    let routed = replay(unrouted, "").await.json_of(200);
    assert_eq!(
        (&routed["revision"], &routed["deliveries"][0]["target"]),
        (&json!(2), &json!("crm"))
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_body_is_a_new_event_that_goes_where_the_rules_say() {
    let world = World::new(RULES).await;
    let id = world.analyzed("call_1").await;
    world.delivery_is(id, "delivered").await;
    let path = format!("/api/v1/events/{id}/replay");
    let edit = async |body: &str, to: &str| {
        world.clock.advance(Duration::from_secs(1));
        let mut asked = json!({ "body": body });
        if !to.is_empty() {
            asked["to"] = json!(to);
        }
        world.post(&path, &asked.to_string()).await
    };
    let body = "{\"event\": \"call_analyzed\",\n \"call\": {\"call_id\": \"call_2\", \"agent_id\": \"agent_1\"}}";
    let told: admin::wire::Replayed =
        serde_json::from_value(edit(body, "").await.json_of(200)).unwrap();
    assert_eq!((told.edited_from.as_deref(), told.revision), (Some(&*id.to_string()), 1));
    assert_eq!(told.deliveries.len(), 1);
    assert_eq!((told.deliveries[0].target.as_str(), told.deliveries[0].replay), ("crm", true));
    let new: EventId = told.event.parse().unwrap();
    assert!(new != id);
    world.delivery_is(new, "delivered").await;
    let stored = world.store.body(new).await.unwrap();
    assert_eq!(stored.body, body, "byte for byte");
    assert!(!stored.envelope.signed && stored.envelope.request.signature.is_none());
    let event = world.ok(&format!("/api/v1/events/{new}")).await;
    assert_eq!((&event["edited_from"], &event["call"]), (&json!(id.to_string()), &json!("call_2")));
    let first = world.ok(&format!("/api/v1/events/{id}")).await;
    assert_eq!(first["deliveries"].as_array().unwrap().len(), 1, "the first stays as it is");

    // The same once more is no repeat; its own plan can be replayed, too.
    edit(body, "crm").await.json_of(200);
    world.clock.advance(Duration::from_secs(1));
    let again = world.post(&format!("/api/v1/events/{new}/replay"), r#"{"original":true}"#).await;
    assert_eq!(again.json_of(200)["deliveries"].as_array().unwrap().len(), 1);

    let before = world.store.stats().await.unwrap().events;
    assert_eq!(before, 3);
    let rules = world.ok("/api/v1/rules").await;
    let matched = rules["rules"].as_array().unwrap().iter().find(|rule| rule["matches"] != 0);
    let matched = matched.unwrap_or_else(|| panic!("{rules}"));
    assert_eq!(matched["matches"], 3, "an edited event is counted for the rules that it matches");
    let other = r#"{"event":"call_started"}"#;
    let ignored = r#"{"event":"transcript_updated"}"#;
    for (body, to, why) in [
        ("[1]", "", "rules cannot look at the edited body"),
        ("{\"event\":", "", "rules cannot look at the edited body"),
        (r#"{"event":"a","event":"b"}"#, "", "rules cannot look at the edited body"),
        (other, "", "no rule of revision 1 matches"),
        (other, "crm", "no rule of revision 1 matches"),
        (ignored, "", "ignores"),
        (body, "other", "to \"other\"; they send it to: crm"),
    ] {
        let detail = edit(body, to).await.problem(422);
        assert!(detail.contains(why) && detail.contains("nothing was stored"), "{detail}");
    }
    world.post(&path, r#"{"body":"{}","original":true}"#).await.problem(400);
    let most = 10 << 20;
    let large = format!("{{\"event\":\"{}\"}}", "x".repeat(most));
    assert!(edit(&large, "").await.problem(413).contains("max_body"));
    let unknown = EventId::new(NOW, [9; 10]);
    world.post(&format!("/api/v1/events/{unknown}/replay"), r#"{"body":"{}"}"#).await.problem(404);
    assert_eq!(world.store.stats().await.unwrap().events, before);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_begun_is_finished_though_the_client_is_gone() {
    let world = World::new(RULES).await;
    let id = world.arrive(r#"{"event":"call_started"}"#).await;
    let body = r#"{"to":"other"}"#;
    let length = body.len();
    let mut wire = Wire::connect(world.address).await;
    wire.send(format!("POST /api/v1/events/{id}/replay HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}")).await;
    wire.finish().await;
    drop(wire);
    world.delivery_is(id, "delivered").await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_retried_and_dropped_by_selection() {
    let world = World::new(RULES).await;
    let first = world.dead("call_1", DeadReason::Rejected).await;
    let second = world.dead("call_2", DeadReason::Template).await;
    let third = world.dead("call_3", DeadReason::Template).await;
    let list = async |query: &str| -> Vec<String> {
        let page = world.ok(&format!("/api/v1/dead-letters{query}")).await;
        let page: admin::wire::DeadLetters = serde_json::from_value(page).unwrap();
        page.dead_letters.into_iter().map(|letter| letter.event_id).collect()
    };
    assert_eq!(list("").await.len(), 3);
    assert_eq!(list("?reason=rejected").await, [first.to_string()]);
    assert_eq!(list(&format!("?event={second}")).await, [second.to_string()]);
    assert!(list("?target=other").await.is_empty());
    let page = world.ok("/api/v1/dead-letters?limit=2").await;
    let next = page["next"].as_str().unwrap();
    assert_eq!(list(&format!("?limit=2&cursor={next}")).await.len(), 1);
    world.get("/api/v1/dead-letters?reason=bored").await.problem(400);

    let act = async |what: &str, body: &str| {
        world.post(&format!("/api/v1/dead-letters/{what}"), body).await
    };
    for nothing in ["", "{}", r#"{"ids":[]}"#, r#"{"all":false}"#, r#"{"tagret":"crm","all":true}"#]
    {
        act("retry", nothing).await.problem(400);
        act("drop", nothing).await.problem(400);
    }
    assert_eq!(list("").await.len(), 3, "nothing was selected by accident");
    assert_eq!(act("retry", r#"{"target":"other"}"#).await.json_of(200), json!({"count": 0}));
    let none = r#"{"ids":[424242,424243,424242]}"#;
    for what in ["retry", "drop"] {
        let said = act(what, r#"{"target":"crn"}"#).await.problem(422);
        assert!(said.contains("\"crn\"; there are: crm, other"), "{said}");
        assert_eq!(act(what, none).await.json_of(200), json!({"count": 0, "missing": 2}));
    }

    let body = format!(r#"{{"event":"{first}"}}"#);
    assert_eq!(act("retry", &body).await.json_of(200), json!({"count": 1}));
    let event = world.delivery_is(first, "delivered").await;
    assert_eq!(event["deliveries"][0]["attempts"], 2, "{event}");
    assert_eq!(act("retry", &body).await.json_of(200), json!({"count": 0}));
    let body = format!(r#"{{"event":"{second}","reason":"template"}}"#);
    assert_eq!(act("drop", &body).await.json_of(200), json!({"count": 1}));
    assert_eq!(list("").await, [third.to_string()]);
    let letter = world.ok("/api/v1/dead-letters").await["dead_letters"][0]["id"].clone();
    let body = json!({"ids": [letter, 424_242]}).to_string();
    assert_eq!(act("drop", &body).await.json_of(200), json!({"count": 1, "missing": 1}));
    assert_eq!(act("drop", &body).await.json_of(200), json!({"count": 0, "missing": 2}));
    assert_eq!(act("drop", r#"{"all":true}"#).await.json_of(200), json!({"count": 0}));
    assert!(list("").await.is_empty());
    let metrics = world.get("/metrics").await.text();
    for count in [r#"result="reopened"} 1"#, r#"result="dead_dropped"} 2"#] {
        assert!(metrics.contains(count), "{metrics}");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn targets_are_listed_paused_and_resumed() {
    let world = World::new(RULES).await;
    let listed = world.ok("/api/v1/targets").await;
    let crm = &listed["targets"][0];
    assert_eq!((&crm["name"], &crm["address"]), (&json!("crm"), &json!("https://crm.example.com")));
    assert!(!listed.to_string().contains("canary"), "{listed}");

    let paused = world.post("/api/v1/targets/crm/pause", "").await.json_of(200);
    assert_eq!((&paused["name"], &paused["paused"]), (&json!("crm"), &json!(true)));
    let id = world.analyzed("call_1").await;
    assert_eq!(world.ok("/api/v1/targets").await["targets"][0]["pending"], 1);
    let resumed = world.post("/api/v1/targets/crm/resume", "").await.json_of(200);
    assert_eq!(resumed["paused"], false);
    world.delivery_is(id, "delivered").await;
    let unknown = world.post("/api/v1/targets/crn/pause", "").await.problem(404);
    assert!(unknown.contains("crm, other"), "{unknown}");
    world.get("/api/v1/targets/crm/pause").await.problem(405);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_are_listed_and_explained() {
    let world = World::new(RULES).await;
    let rules: admin::wire::Rules =
        serde_json::from_value(world.ok("/api/v1/rules").await).unwrap();
    assert_eq!(
        rules.rules.iter().map(|rule| rule.name.as_str()).collect::<Vec<_>>(),
        ["turns", "analyzed calls"]
    );
    assert!(rules.rules[0].ignore && rules.rules[0].stop);
    assert_eq!(rules.rules[1].to, ["crm"]);
    let lines = rules.rules.iter().map(|rule| (rule.line.unwrap(), rule.end_line.unwrap()));
    assert_eq!(lines.collect::<Vec<_>>(), [(9, 11), (12, 14)]);
    assert_eq!((rules.text_revision, rules.counted_since), (1, NOW.rfc3339()));
    let finding = &rules.findings[0];
    assert!(finding.path == "targets.other" && finding.line == Some(7), "{finding:?}");

    let body = r#"{"event":"call_analyzed","call":{"call_id":"call_1"}}"#;
    let explained = world.post("/api/v1/explain", body).await.json_of(200);
    assert_eq!(explained["disposition"], "routed");
    assert_eq!(explained["rules"][0]["outcome"]["result"], "not_matched");
    assert_eq!(explained["rules"][1]["outcome"]["result"], "matched");
    let request = &explained["requests"][0];
    assert_eq!(request["request"], "POST https://crm.example.com/***");
    assert_eq!(request["body"], serde_json::from_str::<Value>(body).unwrap());
    assert!(!explained.to_string().contains("canary"), "{explained}");

    let id = world.arrive(r#"{"event":"transcript_updated"}"#).await;
    let stored =
        world.post("/api/v1/explain", &format!(r#"{{"event_id":"{id}"}}"#)).await.json_of(200);
    assert_eq!(stored["disposition"], "ignored");
    let broken = world.post("/api/v1/explain", "{").await.json_of(200);
    assert_eq!(broken["disposition"], "quarantined");

    let length = body.len();
    let as_text = format!(
        "POST /api/v1/explain?source=retell HTTP/1.1\r\nhost: localhost\r\naccept: text/plain\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    let text = world.raw(&as_text).await.text();
    assert!(text.starts_with("Goes to crm\n") && text.contains("✓ analyzed calls"), "{text}");
    world.post("/api/v1/explain", "").await.problem(400);
    assert!(world.post("/api/v1/explain?source=x", "{}").await.problem(422).contains("retell"));
    assert_eq!(
        world.ok("/api/v1/events").await["events"].as_array().unwrap().len(),
        1,
        "nothing is stored"
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_is_explained_as_it_would_arrive() {
    let requests = "rules:
  - { name: tries, when: { query: { test: \"1\" } }, ignore: true }
  - { name: typed, when: { header: { content-type: application/json } }, to: [crm] }
  - { name: signed, when: { header: { x-retell-signature: { exists: true } } }, to: [other] }
";
    let world = World::new(&RULES.replace("rules:\n", requests)).await;
    let event = r#"{"event":"call_analyzed","call":{"call_id":"call_1"}}"#;
    let (plain, test) = (world.arrive(event).await, world.arrive_with("test=1", event).await);
    for (like, disposition) in [(plain, "routed"), (test, "ignored")] {
        let told = world.post(&format!("/api/v1/explain?like={like}"), event).await.json_of(200);
        assert_eq!(told["disposition"], disposition, "{told}");
        let edit = json!({ "body": event }).to_string();
        let sent = world.post(&format!("/api/v1/events/{like}/replay"), &edit).await;
        assert_eq!(sent.status == 200, disposition == "routed", "{}", sent.text());
    }
    // The signature stays with the original.
    let told = world.post(&format!("/api/v1/explain?like={plain}"), event).await.json_of(200);
    let targets = told["requests"].as_array().unwrap().iter().map(|one| &one["target"]);
    assert_eq!(targets.collect::<Vec<_>>(), ["crm"], "{told}");
    // Whatever stands in it is the event.
    let named = format!(r#"{{"event_id":"{test}"}}"#);
    let told = world.post(&format!("/api/v1/explain?like={plain}"), &named).await.json_of(200);
    assert_eq!(told["disposition"], "routed");

    let both = format!("/api/v1/explain?like={plain}&source=retell");
    assert!(world.post(&both, event).await.problem(400).contains("exclude each other"));
    world.post("/api/v1/explain?like=x", event).await.problem(400);
    let unknown = EventId::new(NOW, [9; 10]);
    world.post(&format!("/api/v1/explain?like={unknown}"), event).await.problem(404);
    world.post(&format!("/api/v1/explain?like={plain}"), "").await.problem(400);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stored_event_is_explained_by_the_rules_that_routed_it() {
    let world = World::new(RULES).await;
    let id = world.analyzed("call_1").await;
    std::fs::write(&world.path, format!("\n\n{}", RULES.replace("call_analyzed", "call_ended")))
        .unwrap();
    assert_eq!(world.post("/-/reload", "").await.json_of(200)["revision"]["number"], 2);

    let path = format!("/api/v1/events/{id}/explanation");
    let then = world.ok(&path).await;
    assert_eq!((&then["revision"], &then["routed_by"]), (&json!(1), &json!(1)), "{then}");
    assert_eq!((&then["event"], &then["disposition"]), (&json!(id.to_string()), &json!("routed")));
    assert!(then.get("notes").is_none(), "{then}");
    let line = |text: &str, rules: &str| {
        u64::try_from(rules.lines().position(|line| line.contains(text)).unwrap()).unwrap() + 1
    };
    let rule = &then["rules"][1];
    assert_eq!(rule["outcome"]["result"], "matched");
    assert_eq!(rule["line"], line("name: analyzed calls", RULES), "{rule}");
    assert_eq!(rule["predicates"][0]["line"], line("event: call_analyzed", RULES), "{rule}");
    assert_eq!(then["requests"][0]["body"]["call"]["call_id"], "call_1");
    assert!(!then.to_string().contains("canary"), "{then}");

    let now = world.ok(&format!("{path}?revision=running")).await;
    assert_eq!((&now["revision"], &now["routed_by"]), (&json!(2), &json!(1)), "{now}");
    assert_eq!(now["rules"][1]["outcome"]["result"], "not_matched");
    assert_eq!(now["rules"][1]["line"], line("name: analyzed calls", RULES) + 2, "{now}");

    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\naccept: text/plain\r\n\r\n");
    let text = world.raw(&request).await.text();
    assert!(text.starts_with("By revision 1 (") && text.contains("✓ analyzed calls"), "{text}");
    world.get(&format!("{path}?revision=7")).await.problem(400);
    let nobody = EventId::new(NOW, [9; 10]);
    world.get(&format!("/api/v1/events/{nobody}/explanation")).await.problem(404);
    world.end().await;
}

/// What a revision took from outside may be gone, and its text may be: both are answers, and say where to ask instead.
#[tokio::test(flavor = "multi_thread")]
async fn a_revision_that_does_not_load_any_more_is_an_answer() {
    let world = World::new(&format!("{RULES}\n# one\n")).await;
    let secret = world.path.with_file_name("token");
    std::fs::write(&secret, "canary").unwrap();
    let with_file =
        RULES.replace("targets:", "admin_token: ${file:token}${TENANT:-}-0123456789\ntargets:");
    assert_ne!(with_file, RULES);
    std::fs::write(&world.path, &with_file).unwrap();
    world.post("/-/reload", "").await.json_of(200);
    let id = world.analyzed("call_1").await;
    std::fs::write(&world.path, RULES).unwrap();
    let token = "authorization: Bearer canary-0123456789";
    let reload = format!(
        "POST /-/reload HTTP/1.1\r\nhost: localhost\r\n{token}\r\ncontent-length: 0\r\n\r\n"
    );
    assert_eq!(world.raw(&reload).await.json_of(200)["revision"]["number"], 3);

    let path = format!("/api/v1/events/{id}/explanation");
    let then = world.ok(&path).await;
    let note = then["notes"][0].as_str().unwrap();
    assert!(note.contains("TENANT, file:token") && note.contains("not stored"), "{note}");
    std::fs::remove_file(&secret).unwrap();
    let answer = world.get(&path).await;
    let detail = answer.problem(422);
    assert!(detail.contains("revision 2") && detail.contains("?revision=running"), "{detail}");
    let body: admin::wire::ErrorBody = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(body.problems.len(), 1, "{body:?}");
    let text = body.text.unwrap();
    assert!(text.contains("revision 2 of ") && text.contains("token"), "{text}");
    assert!(!text.contains("canary"), "{text}");
    assert_eq!(world.ok(&format!("{path}?revision=running")).await["revision"], 3);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_reload_lists_every_problem() {
    let world = World::new(RULES).await;
    let same = world.post("/-/reload", "").await.json_of(200);
    assert_eq!((&same["result"], &same["revision"]["number"]), (&json!("unchanged"), &json!(1)));
    std::fs::write(
        &world.path,
        RULES.replace("to: [crm]", "to: [crn]").replace("ignore: true", "ignore: 7"),
    )
    .unwrap();
    let refused = world.post("/-/reload", "").await;
    assert!(refused.problem(422).contains("nothing changed"));
    let body: admin::wire::ErrorBody = serde_json::from_slice(&refused.body).unwrap();
    assert!(body.problems.len() >= 2, "{body:?}");
    assert!(body.problems.iter().all(|problem| problem.line.is_some()), "{body:?}");
    let codes: Vec<_> = body.problems.iter().map(|problem| problem.code.as_str()).collect();
    assert!(codes.contains(&"HS112") && codes.contains(&"HS104"), "{codes:?}");
    assert!(body.text.unwrap().contains("crn"));
    let status = world.ok("/api/v1/status").await;
    assert_eq!(status["configuration"]["revision"]["number"], 1);
    assert!(!status["configuration"]["refused"].as_array().unwrap().is_empty());
    std::fs::write(&world.path, RULES.replace("analyzed calls", "mended")).unwrap();
    let mended = world.post("/-/reload", "").await.json_of(200);
    assert_eq!(
        (&mended["result"], &mended["revision"]["number"]),
        (&json!("published"), &json!(2))
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_smaller_store_takes_effect_at_once() {
    let world = World::new(RULES).await;
    world.arrive(&json!({"event": "x", "text": "a".repeat(2 << 20)}).to_string()).await;
    assert_eq!(world.ok("/readyz").await, json!({"ready": true}));
    std::fs::write(&world.path, format!("store: {{ max_size: 1 MiB }}{RULES}")).unwrap();
    assert_eq!(world.post("/-/reload", "").await.json_of(200)["result"], "published");
    let ready = world.get("/readyz").await.json_of(503);
    assert_eq!(ready["reasons"], json!(["the store is full"]));
    world.end().await;
}

const ALIVE: &str = "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";

#[tokio::test]
async fn the_65th_connection_waits_for_one_of_the_others_to_end() {
    let world = World::new(RULES).await;
    let mut open = Vec::new();
    for _ in 0..64 {
        let mut wire = Wire::connect(world.address).await;
        wire.send(ALIVE).await;
        assert_eq!(wire.expect().await.status, 200);
        open.push(wire);
    }
    let mut late = Wire::connect(world.address).await;
    late.send(ALIVE).await;
    // Time enough for it, were it let in: all the others ask once more.
    for wire in &mut open {
        wire.send(ALIVE).await;
        assert_eq!(wire.expect().await.status, 200);
    }
    assert!(late.is_silent(), "a 65th connection is served");
    open.pop();
    assert_eq!(late.expect().await.status, 200);
    world.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_ends_after_five_minutes_however_busy_it_is() {
    let world = World::new(RULES).await;
    let mut wire = Wire::connect(world.address).await;
    let opened = tokio::time::Instant::now();
    loop {
        wire.send(ALIVE).await;
        let Some(answer) = wire.answer().await else { break };
        assert_eq!(answer.status, 200);
        assert!(opened.elapsed() <= Duration::from_secs(305), "it lives on");
        tokio::time::sleep(Duration::from_secs(4)).await;
    }
    assert!(opened.elapsed() >= Duration::from_mins(5), "it ended early");
    world.end().await;
}

/// A client that does not read its answers holds its connection no longer than one that does.
#[tokio::test(start_paused = true)]
async fn a_connection_whose_answers_nobody_reads_ends_after_five_minutes_and_a_moment() {
    const ASKED: usize = 4_000;
    let world = World::new(RULES).await;
    let mut wire = Wire::connect(world.address).await;
    // Far more than the buffers between the two hold.
    wire.send("GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(ASKED)).await;
    tokio::time::sleep(Duration::from_secs(306)).await;
    let read = wire.read_to_end().await;
    let whole = read.windows(15).filter(|window| window == b"HTTP/1.1 200 OK").count();
    assert!((1..ASKED).contains(&whole), "{whole} of {ASKED} answers came");
    world.end().await;
}
