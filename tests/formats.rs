//! Data folders that each format version has written, opened for ever after.
//!
//! `tests/fixtures/store/` holds two for each: `closed`, ended in order, and `killed`, whose last event is in the log only. What a
//! store must hold after opening a copy is what the same operations make today; so a later version proves with one test
//! that it reads what an earlier one wrote. `HOOKSWITCH_MAKE_FIXTURES=1 cargo test --test formats` writes the folders of
//! the format that this version has; those of an older one are never written again.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of a test fail as the test does"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hookswitch::clock::{Manual, Timestamp};
use hookswitch::delivery::DeadReason;
use hookswitch::event::{Envelope, EventId, RequestParts};
use hookswitch::name::{ContentHash, RuleName, SourceName, TargetName};
use hookswitch::store::sqlite::{OpenError, Options, Sqlite};
use hookswitch::store::{
    Append, Attempt, AttemptResult, Bounds, Change, DeadSelection, EventFilter, EventState, Fate,
    Identity, IdentityKey, NewDelivery, Page, Ready, Settle, Store,
};
use hookswitch::telemetry::Metrics;

/// The folders that each format has left. A new format adds a line.
const FOLDERS: [(&str, u32); 4] =
    [("v1/closed", 1), ("v1/killed", 1), ("v2/closed", 2), ("v2/killed", 2)];
/// The format that is written today.
const TODAY: u32 = 2;
const START: i64 = 1_750_000_000_000;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/store")
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(START + millis)
}

fn open(folder: &Path) -> Result<Sqlite, OpenError> {
    Sqlite::open(Options {
        folder: folder.to_owned(),
        bounds: Bounds { max_size: 1 << 30, retention: Duration::from_hours(24) },
        clock: Arc::new(Manual::new(at(60_000))),
        metrics: Arc::new(Metrics::new()),
    })
}

fn id(number: u8) -> EventId {
    EventId::new(at(i64::from(number)), [number; 10])
}

fn event(number: u8, state: EventState, targets: &[&str]) -> Append {
    let body = format!(r#"{{"event":"call_ended","number":{number}}}"#);
    Append {
        envelope: Arc::new(Envelope {
            id: id(number),
            source: SourceName::new("retell").unwrap(),
            received_at: at(i64::from(number)),
            signed: true,
            name: Some("call_ended".to_owned()),
            agent_id: Some("agent_1".to_owned()),
            subject: Some(format!("call_{number}")),
            request: RequestParts {
                content_type: Some("application/json".to_owned()),
                user_agent: Some("axios/1.7".to_owned()),
                signature: Some(format!("v={START},d=00")),
                query: Some("customer=7".to_owned()),
                peer: Some("127.0.0.1".to_owned()),
            },
        }),
        // One of them takes several pages.
        body: body.repeat(if number == 2 { 2_000 } else { 1 }).into(),
        state,
        rules: vec![RuleName::new("everything").unwrap()],
        shadow: Vec::new(),
        revision: 1,
        edited_from: None,
        deliveries: targets
            .iter()
            .map(|text| {
                let (name, key) = text.split_once(':').map_or((*text, None), |(n, k)| (n, Some(k)));
                NewDelivery {
                    target: TargetName::new(name).unwrap(),
                    order_key: key.map(Arc::from),
                }
            })
            .collect(),
        identity: Some(Identity {
            key: IdentityKey::Id(format!("call_{number}")),
            window: Duration::from_mins(10),
        }),
    }
}

async fn add(store: &Sqlite, event: Append) -> Vec<Ready> {
    match store.append(event).await.unwrap().fate {
        Fate::Stored(ready) => ready,
        Fate::Duplicate { .. } | Fate::Revised { .. } => Vec::new(),
    }
}

/// One of each: routed, delivered, tried, dead, dropped, ordered, unrouted, ignored, quarantined, repeated, revised, paused.
/// From format 2 on: an edited one, and one that a rule watched.
async fn fill(store: &Sqlite, format: u32) {
    let text = Arc::from("version: 1\n");
    store.add_revision(text, ContentHash([7; 32]), at(0)).await.unwrap();
    let first = add(store, event(1, EventState::Routed, &["slack", "crm:key"])).await;
    let second = add(store, event(2, EventState::Routed, &["slack", "crm:key"])).await;
    add(store, event(3, EventState::Unrouted, &[])).await;
    add(store, event(4, EventState::Ignored, &[])).await;
    let reason = "not a JSON object".to_owned();
    add(store, event(5, EventState::Quarantined { reason }, &[])).await;
    add(
        store,
        Append {
            envelope: event(6, EventState::Routed, &[]).envelope,
            ..event(1, EventState::Routed, &["crm"])
        },
    )
    .await;
    add(
        store,
        Append {
            envelope: event(7, EventState::Routed, &[]).envelope,
            body: "{}".into(),
            ..event(1, EventState::Routed, &["crm"])
        },
    )
    .await;
    let attempt = |number, result, status| Attempt {
        number,
        started_at: at(100),
        took: Duration::from_millis(35),
        result,
        status: Some(status),
        detail: format!("{status}"),
        answer: Some("an answer".to_owned()),
    };
    for (ready, attempt, change) in [
        (&first[0], attempt(1, AttemptResult::Accepted, 200), Change::Delivered),
        (&first[1], attempt(1, AttemptResult::Rejected, 400), Change::Dead(DeadReason::Rejected)),
        (&second[0], attempt(1, AttemptResult::Retry, 503), Change::Again(at(9_000))),
    ] {
        let settle = Settle { delivery: ready.id, attempt: Some(attempt), change, now: at(200) };
        assert!(store.settle(settle).await.unwrap().applied);
    }
    store.set_paused(TargetName::new("crm").unwrap(), true).await.unwrap();
    if format >= 2 {
        let marked = Append {
            shadow: vec![RuleName::new("watching").unwrap()],
            edited_from: Some(id(1)),
            identity: None,
            ..event(10, EventState::Routed, &["slack"])
        };
        add(store, marked).await;
    }
}

/// The event that only the log of `killed` has.
async fn last(store: &Sqlite) {
    add(store, event(8, EventState::Routed, &["slack"])).await;
}

/// Everything that can be asked, in words.
async fn contents(store: &Sqlite) -> Vec<String> {
    let page = || Page { limit: 1_000, after: None };
    let events = store.events(EventFilter::default(), page()).await.unwrap().events;
    assert!(events.len() >= 6, "a store with events in it");
    let mut told = Vec::new();
    for (record, _) in events {
        let id = record.envelope.id;
        told.push(format!("{:?}", store.event(id).await.unwrap()));
        told.push(format!("{:?}", store.body(id).await.unwrap()));
    }
    told.push(format!("{:?}", store.dead_letters(DeadSelection::default(), page()).await.unwrap()));
    for target in ["slack", "crm"] {
        let target = TargetName::new(target).unwrap();
        told.push(format!("{:?}", store.due(&target, None, 100).await.unwrap()));
    }
    told.push(format!("{:?}", store.revision(1).await.unwrap()));
    let stats = store.stats().await.unwrap();
    told.push(format!("{:?} {} {}", stats.targets, stats.quarantined, stats.events));
    told
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    let mut copied = 0;
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        copied += 1;
    }
    assert!(copied > 0, "{} is empty", from.display());
}

fn bytes(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.map(|file| (file.display().to_string(), fs::read(&file).unwrap())).collect()
}

/// Makes both folders.
async fn make(under: &Path) {
    let work = under.join("work");
    let store = open(&work).unwrap();
    fill(&store, TODAY).await;
    store.close().await.unwrap();
    drop(store);
    let keep = |name: &str, files: &[&str]| {
        let folder = under.join(name);
        fs::create_dir_all(&folder).unwrap();
        for file in files {
            fs::copy(work.join(file), folder.join(file)).unwrap();
        }
    };
    keep("closed", &["hookswitch.db"]);
    let store = open(&work).unwrap();
    last(&store).await;
    keep("killed", &["hookswitch.db", "hookswitch.db-wal"]);
    drop(store);
    fs::remove_dir_all(work).unwrap();
}

#[tokio::test]
async fn what_every_format_has_written_is_read() {
    #[expect(clippy::disallowed_methods, reason = "whether to write them is the runner's choice")]
    if std::env::var("HOOKSWITCH_MAKE_FIXTURES").is_ok() {
        make(&fixtures().join(format!("v{TODAY}"))).await;
    }
    for (name, format) in FOLDERS {
        let scratch = tempfile::tempdir().unwrap();
        let (old, new) = (scratch.path().join("old"), scratch.path().join("new"));
        copy(&fixtures().join(name), &old);
        let fresh = open(&new).unwrap();
        fill(&fresh, format).await;
        if name.ends_with("killed") {
            last(&fresh).await;
        }
        let store = open(&old).unwrap();
        assert_eq!(contents(&store).await, contents(&fresh).await, "{name}");
        // It is not only read: a repeat is told, and what is new is stored.
        let again = store.append(event(2, EventState::Routed, &["slack"])).await.unwrap().fate;
        assert!(matches!(again, Fate::Duplicate { of } if of == id(2)), "{name}: {again:?}");
        assert_eq!(add(&store, event(9, EventState::Routed, &["slack"])).await.len(), 1);
        store.close().await.unwrap();
        // What looks at the beginning of the file, as earlier versions do, sees today's format.
        let header = fs::read(old.join("hookswitch.db")).unwrap();
        assert_eq!(header[60..64], TODAY.to_be_bytes(), "{name}");
    }
}

#[tokio::test]
async fn a_newer_or_foreign_format_is_refused_untouched() {
    // Offsets in SQLite's header: the format's version, and whose file it is.
    for (offset, value) in [(60, [0, 0, 0, 99]), (68, *b"else")] {
        for (name, _) in FOLDERS {
            let scratch = tempfile::tempdir().unwrap();
            let folder = scratch.path().join("data");
            copy(&fixtures().join(name), &folder);
            let file = folder.join("hookswitch.db");
            let mut database = fs::read(&file).unwrap();
            database[offset..offset + 4].copy_from_slice(&value);
            fs::write(&file, database).unwrap();
            let before = bytes(&folder);
            let refused = open(&folder).err().unwrap();
            let named = match offset {
                60 => matches!(refused, OpenError::Newer { found: 99, .. }),
                _ => matches!(refused, OpenError::NotAStore { .. }),
            };
            assert!(named && refused.exit_code() == 73, "{name}: {refused}");
            assert_eq!(bytes(&folder), before, "{name}");
        }
    }
}
