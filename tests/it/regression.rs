//! Bugs that others had, and what keeps us from having them: `tests/fixtures/regressions.json` names for each the test or the
//! scenario of the fault suite that holds it. Those that had none before are here, under their number.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use hookswitch::clock::{Clock, Manual, System, Timestamp};
use hookswitch::config::Published;
use hookswitch::delivery::{DeadReason, Outcome};
use hookswitch::dispatch::{self, Courier, Dispatch, Post};
use hookswitch::event::{Envelope, Event, EventId, Intake, Pairs, RequestParts};
use hookswitch::name::{RuleName, SourceName, TargetName};
use hookswitch::signature::Check;
use hookswitch::store::memory::Memory;
use hookswitch::store::sqlite::{Options, Sqlite};
use hookswitch::store::{
    Append, Bounds, Change, DeliveryState, EventState, Fate, NewDelivery, Ready, Settle, Store,
};
use hookswitch::target::{AttemptInfo, Report, Target};
use hookswitch::tasks::Tasks;
use hookswitch::telemetry::{AttemptLabel, Metrics};
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::support::{Rig, post, snapshot};

const NOW: Timestamp = Timestamp::from_millis(1_772_553_700_973);

/// One bug of the list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Bug {
    #[serde(rename = "bug")]
    id: String,
    what: String,
    urls: Vec<String>,
    held_by: Vec<Holder>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Holder {
    Test(String),
    Scenario(String),
}

#[test]
fn every_bug_of_others_is_held_by_a_test_that_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let list = std::fs::read_to_string(root.join("tests/fixtures/regressions.json")).unwrap();
    let bugs: Vec<Bug> = serde_json::from_str(&list).unwrap();
    let numbers: Vec<_> = bugs.iter().map(|bug| bug.id.clone()).collect();
    let expected: Vec<_> = (1..=37).map(|number| format!("R{number}")).collect();
    assert_eq!(numbers, expected);
    let tests = tests(root);
    // The fault suite is no part of the published package.
    let scenarios = std::fs::read_to_string(root.join("tests/faults/src/scenario/mod.rs")).ok();
    let mut named = 0;
    for Bug { id: bug, what, urls, held_by } in &bugs {
        assert!(!what.is_empty() && !held_by.is_empty(), "{bug}");
        assert!(urls.iter().all(|url| url.starts_with("https://")) && !urls.is_empty(), "{bug}");
        for holder in held_by {
            match holder {
                Holder::Test(name) => assert!(tests.contains(name), "{bug}: no test {name}"),
                Holder::Scenario(name) => {
                    let line = format!("name: \"{name}\"");
                    let known = scenarios.as_ref().is_none_or(|table| table.contains(&line));
                    assert!(known, "{bug}: no scenario {name}");
                }
            }
            named += 1;
        }
    }
    assert!(named >= 60, "{named}");
}

/// The names of all test functions, and of the cases that the store's suite makes tests of.
fn tests(root: &Path) -> HashSet<String> {
    let mut files = Vec::new();
    for folder in ["src", "tests"] {
        rust_files(&root.join(folder), &mut files);
    }
    assert!(files.len() > 100, "{} files", files.len());
    let mut names = HashSet::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let conformance = file.components().any(|part| part.as_os_str() == "conformance");
        let mut is_test = false;
        for line in text.lines().map(str::trim) {
            if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
                is_test = true;
            }
            let Some((_, name)) = line.split_once("fn ").filter(|_| is_test || conformance) else {
                continue;
            };
            names.extend(name.split(['(', '<']).next().map(str::to_owned));
            is_test = false;
        }
    }
    names
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

/// An event as the store takes it, for these targets.
fn append(number: u64, targets: &[&str]) -> Append {
    let mut chance = [0; 10];
    chance[2..].copy_from_slice(&number.to_be_bytes());
    let envelope = Envelope {
        id: EventId::new(NOW, chance),
        source: SourceName::new("open").unwrap(),
        received_at: NOW,
        signed: false,
        name: None,
        agent_id: None,
        subject: None,
        request: RequestParts::default(),
    };
    let delivery =
        |name: &&str| NewDelivery { target: TargetName::new(name).unwrap(), order_key: None };
    Append {
        envelope: Arc::new(envelope),
        body: Bytes::from(format!("{{\"number\":{number}}}")),
        state: EventState::Routed,
        rules: Vec::new(),
        shadow: Vec::new(),
        revision: 1,
        edited_from: None,
        deliveries: targets.iter().map(delivery).collect(),
        identity: None,
    }
}

async fn stored(store: &dyn Store, append: Append) -> (Arc<Event>, Vec<Ready>) {
    let event = Event::restored(Arc::clone(&append.envelope), append.body.clone());
    let Fate::Stored(ready) = store.append(append).await.unwrap().fate else {
        panic!("nothing repeats here")
    };
    (Arc::new(event), ready)
}

/// Of two deliveries one is refused; the other stays pending, over a restart, too.
/// <https://github.com/vectordotdev/vector/pull/25525>
#[tokio::test]
async fn r3_a_refused_delivery_acknowledges_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let open = || {
        let bounds = Bounds { max_size: 1 << 30, retention: Duration::from_hours(24) };
        let clock = Arc::new(Manual::new(NOW));
        let metrics = Arc::new(Metrics::new());
        let folder = folder.path().join("data");
        Sqlite::open(Options { folder, bounds, clock, metrics }).unwrap()
    };
    let store = open();
    let (event, ready) = stored(&store, append(1, &["crm", "slack"])).await;
    let (later, _) = stored(&store, append(2, &["crm", "slack"])).await;
    let change = Change::Dead(DeadReason::Rejected);
    let settle = Settle { delivery: ready[0].id, attempt: None, change, now: NOW };
    assert!(store.settle(settle).await.unwrap().applied);
    drop(store);
    let store = open();
    let mut states = Vec::new();
    for event in [event, later] {
        for (delivery, _) in store.event(event.envelope().id).await.unwrap().1 {
            states.push(matches!(delivery.state, DeliveryState::Pending { .. }));
        }
    }
    assert_eq!(states, [false, true, true, true], "only the first delivery has ended");
}

/// What a target is sent, and when it accepts.
#[derive(Debug)]
struct Counting {
    made: AtomicU64,
    /// At most one in so many milliseconds, if it has a limit.
    every: Option<NonZeroU64>,
    last: Mutex<Option<Instant>>,
}

impl Courier for Counting {
    fn attempt(
        &self,
        _: Arc<Target>,
        _: Arc<Event>,
        _: Arc<[RuleName]>,
        info: AttemptInfo,
    ) -> std::pin::Pin<Box<dyn Future<Output = Report> + Send>> {
        let mut last = self.last.lock().unwrap();
        let early = self
            .every
            .zip(*last)
            .is_some_and(|(every, last)| last.elapsed() < Duration::from_millis(every.get()));
        let outcome = if early {
            Outcome::Retry { not_before: Some(info.now.plus(Duration::from_secs(1))), busy: true }
        } else {
            *last = Some(Instant::now());
            self.made.fetch_add(1, Ordering::SeqCst);
            Outcome::Accepted
        };
        Box::pin(std::future::ready(Report {
            outcome,
            label: AttemptLabel::Accepted,
            status: None,
            detail: String::new(),
            answer: None,
        }))
    }
}

async fn dispatch_with(courier: Arc<dyn Courier>, rules: &str) -> (Memory, Dispatch, Tasks) {
    let (memory, tasks) = (Memory::new(), Tasks::new());
    let dispatch = Dispatch::start(dispatch::Parts {
        store: Arc::new(memory.clone()),
        published: Published::new(Arc::new(snapshot(rules))),
        courier,
        clock: Arc::new(Manual::new(NOW)),
        metrics: Arc::new(Metrics::new()),
        tasks: tasks.clone(),
    });
    (memory, dispatch.await.unwrap(), tasks)
}

const ONE_TARGET: &str = "
version: 1
sources: { open: { path: /webhook, verify: none } }
targets: { crm: { kind: log } }
rules: [{ name: all, to: [crm] }]
";

/// A single event on an idle system goes out within 100 ms, ten thousand times.
/// <https://github.com/vectordotdev/vector/issues/22946>
#[tokio::test(start_paused = true)]
async fn r7_the_last_event_does_not_wait_for_the_next_one() {
    let courier =
        Arc::new(Counting { made: AtomicU64::new(0), every: None, last: Mutex::default() });
    let (memory, dispatch, _tasks) =
        dispatch_with(Arc::<Counting>::clone(&courier), ONE_TARGET).await;
    for number in 1..=10_000 {
        let (event, ready) = stored(&memory, append(number, &["crm"])).await;
        dispatch.offer(&event, &Vec::new().into(), ready);
        let begun = Instant::now();
        while courier.made.load(Ordering::SeqCst) < number {
            assert!(begun.elapsed() < Duration::from_millis(100), "event {number} waits");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

/// One byte below the limit, at it and above it: stored to the last byte, or refused and not stored at all.
/// <https://github.com/vectordotdev/vector/issues/26198>
#[tokio::test]
async fn r8_at_the_limit_a_body_is_stored_whole_and_beyond_it_refused() {
    let rig = Rig::start().await;
    for (length, status) in [(1023, 204), (1024, 204), (1025, 413)] {
        let text = format!(r#"{{"event":"x","pad":"{}"}}"#, "a".repeat(length - 22));
        assert_eq!(text.len(), length);
        let before = rig.events().await.len();
        assert_eq!(rig.ask(post("/small", "", text.as_bytes())).await.status, status, "{length}");
        let events = rig.events().await;
        assert_eq!(events.len() - before, usize::from(status == 204), "{length}");
        if status == 204 {
            assert_eq!(rig.body(events[0].envelope.id).await, text.as_bytes());
        }
    }
}

/// What is answered 204 and goes nowhere is in the store with its state, and counted.
/// <https://github.com/vectordotdev/vector/issues/20990> <https://github.com/vectordotdev/vector/issues/12217>
#[tokio::test]
async fn r9_what_goes_nowhere_is_listed() {
    let rig = Rig::start().await;
    for (body, result) in [
        (r#"{"event":"nobody_knows"}"#, "unrouted"),
        (r#"{"event":"transcript_updated"}"#, "ignored"),
        (r#"{"event":"a","event":"b"}"#, "quarantined"),
    ] {
        assert_eq!(rig.ask(post("/webhook", "", body.as_bytes())).await.status, 204, "{body}");
        assert_eq!(rig.events().await[0].state.as_str(), result);
        assert_eq!(rig.results("open", result), 1);
    }
}

/// A target as a configuration makes it, and an event for it.
fn aimed(url: &str) -> (Arc<Target>, Arc<Event>) {
    let text = ONE_TARGET.replace("kind: log", &format!("kind: http, timeout: 5s, url: \"{url}\""));
    let snapshot = snapshot(&text);
    let source = SourceName::new("open").unwrap();
    let body = Bytes::from_static(br#"{"event":"x"}"#);
    let verified = Check::Unsigned.verify(&source, body, &[], NOW).unwrap();
    let id = EventId::new(NOW, [1; 10]);
    let reader = snapshot.rules.reader();
    let intake = reader.read(verified, id, RequestParts::default(), Pairs::new(), Pairs::new());
    let Intake::Readable(event) = intake else { panic!("it is an object") };
    (Arc::clone(snapshot.targets.values().next().unwrap()), Arc::new(event))
}

async fn tried(target: &Arc<Target>, event: &Arc<Event>, number: u32) -> Report {
    let info = AttemptInfo { number, replay: false, now: System.now() };
    Post.attempt(Arc::clone(target), Arc::clone(event), Vec::new().into(), info).await
}

/// `.invalid` is a name that never resolves (RFC 2606).
/// <https://github.com/hookdeck/outpost/issues/314>
#[tokio::test]
async fn r18_a_name_that_cannot_be_resolved_is_tried_again() {
    let (target, event) = aimed("http://nowhere.invalid/");
    let report = tried(&target, &event, 1).await;
    assert_eq!(report.outcome, Outcome::Retry { not_before: None, busy: false }, "{report:?}");
}

/// A target that takes the connection and closes it is connected to once per attempt, no more.
/// <https://github.com/hyperium/hyper-util/pull/150>
#[tokio::test]
async fn r26_an_attempt_connects_once() {
    const ATTEMPTS: u32 = 200;
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let address = listener.local_addr().unwrap();
    let connects = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&connects);
    let accepting = tokio::task::JoinSet::from_iter([async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            drop(stream);
        }
    }]);
    let (target, event) = aimed(&format!("http://{address}/"));
    for number in 1..=ATTEMPTS {
        let report = tried(&target, &event, number).await;
        assert!(matches!(report.outcome, Outcome::Retry { .. }), "{report:?}");
    }
    assert_eq!(connects.load(Ordering::SeqCst), u64::from(ATTEMPTS));
    drop(accepting);
}

/// Nine levels of nine aliases each would be a billion values.
/// <https://github.com/saphyr-rs/saphyr/issues/109> <https://github.com/dtolnay/serde-yaml/issues/53>
#[test]
fn r34_aliases_cannot_grow() {
    let mut bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (name, named) in ('b'..='i').zip('a'..) {
        let aliases = vec![format!("*{named}"); 9].join(", ");
        bomb.extend([&format!("{name}: &{name} [{aliases}]"), "\n"]);
    }
    let refused = hookswitch::config::load_text(
        &bomb,
        Path::new("rules.yaml"),
        &hookswitch::config::MapEnvironment::default(),
        &hookswitch::config::Overrides::default(),
    );
    let problems = refused.expect_err("it is a bomb").to_string();
    assert!(problems.contains("aliases add more than 10000 values"), "{problems}");
}

/// A hundred at once for a target that takes one a second and says so: all are delivered.
/// <https://github.com/elastic/kibana/issues/44127>
#[tokio::test(start_paused = true)]
async fn r36_a_burst_at_a_target_of_one_a_second_is_delivered_whole() {
    for rate in ["", ", rate: 1/s"] {
        let courier = Arc::new(Counting {
            made: AtomicU64::new(0),
            every: NonZeroU64::new(1_000),
            last: Mutex::default(),
        });
        let rules = ONE_TARGET.replace("kind: log", &format!("kind: log{rate}"));
        let (memory, dispatch, _tasks) =
            dispatch_with(Arc::<Counting>::clone(&courier), &rules).await;
        for number in 1..=100 {
            let (event, ready) = stored(&memory, append(number, &["crm"])).await;
            dispatch.offer(&event, &Vec::new().into(), ready);
        }
        let begun = Instant::now();
        while courier.made.load(Ordering::SeqCst) < 100 {
            assert!(begun.elapsed() < Duration::from_hours(1), "{courier:?}");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        let dead = |counts: &(TargetName, hookswitch::store::Counts)| counts.1.dead > 0;
        assert!(!memory.stats().await.unwrap().targets.iter().any(dead));
    }
}
