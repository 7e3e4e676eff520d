//! Opens data folders with the store of hookswitch, one after the other, and tells what it found in each.
//!
//! Thousands of states that a disk may leave are opened faster here than by starting the program for each. It is a process
//! of its own so that a state on which opening hangs or aborts costs this process and not the suite. For each line of
//! standard input, `{"path": ..., "ids": [...]}`, one line is answered: why the folder was refused, or every event that is
//! listed or was asked for by its id, with the digest of its body as the store hands it out, what is due, and whether the
//! store then takes a new event; and how many milliseconds opening took.

#![expect(clippy::disallowed_methods, reason = "a helper of the suite, outside of the program")]

use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hookswitch::clock::{Clock, System};
use hookswitch::event::{Envelope, EventId, RequestParts};
use hookswitch::name::{SourceName, TargetName};
use hookswitch::store::sqlite::{Options, Sqlite};
use hookswitch::store::{
    Append, Bounds, EventFilter, EventPage, EventState, Fate, NewDelivery, Page, Store, StoreError,
};
use hookswitch::telemetry::Metrics;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The targets of the scenarios.
const TARGETS: [&str; 2] = ["slack", "crm"];
/// Where the new event goes: nobody else's target.
const PROBE: &str = "probe";
/// No operation of the store may take as long.
const PATIENCE: Duration = Duration::from_secs(20);

fn main() -> std::io::Result<()> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build()?;
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let asked: Value = serde_json::from_str(&line?)?;
        let path = PathBuf::from(asked["path"].as_str().unwrap_or_default());
        let ids = asked["ids"].as_array().into_iter().flatten();
        let ids = ids.filter_map(|id| id.as_str()?.parse().ok()).collect();
        let told = runtime.block_on(look(path, ids));
        writeln!(out, "{told}")?;
        out.flush()?;
    }
    Ok(())
}

/// Opens, reads, writes and closes a store.
async fn look(folder: PathBuf, ids: Vec<EventId>) -> Value {
    let bounds = Bounds { max_size: 1 << 30, retention: Duration::from_hours(7 * 24) };
    let options =
        Options { folder, bounds, clock: Arc::new(System), metrics: Arc::new(Metrics::new()) };
    let began = Instant::now();
    let opened = Sqlite::open(options);
    let millis = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let store = match opened {
        Ok(store) => store,
        Err(error) => {
            let (why, exit) = (error.to_string(), error.exit_code());
            return json!({ "refused": why, "exit": exit, "millis": millis });
        }
    };
    let mut told =
        json!({ "events": [], "troubles": [], "probe": "", "due": {}, "millis": millis });
    list(&store, &mut told).await;
    for id in ids {
        let known = told["events"].as_array().is_some_and(|all| {
            all.iter().any(|event| event["id"].as_str() == Some(&id.to_string()))
        });
        if !known {
            match timely(store.event(id)).await {
                Ok((record, tried)) => {
                    let deliveries = tried.into_iter().map(|(delivery, _)| delivery).collect();
                    add(&store, &mut told, record, deliveries).await;
                }
                Err(error) => trouble(&mut told, &format!("event {id}"), &error),
            }
        }
    }
    for name in TARGETS {
        let Ok(target) = TargetName::new(name) else { continue };
        match timely(store.due(&target, None, 10_000)).await {
            Ok(due) => told["due"][name] = json!(due.len()),
            Err(error) => trouble(&mut told, &format!("due {name}"), &error),
        }
    }
    told["probe"] = json!(match timely(store.append(probe())).await {
        Ok(appended) if matches!(appended.fate, Fate::Stored(_)) => "stored".to_owned(),
        Ok(appended) => format!("{:?}", appended.fate),
        Err(error) => error.to_string(),
    });
    if let Err(error) = timely(store.close()).await {
        trouble(&mut told, "closing", &error);
    }
    told
}

fn trouble(told: &mut Value, what: &str, error: &StoreError) {
    if let Some(troubles) = told["troubles"].as_array_mut() {
        troubles.push(json!(format!("{what}: {error}")));
    }
}

/// All that is listed, page after page.
async fn list(store: &Sqlite, told: &mut Value) {
    let mut after = None;
    loop {
        let page = Page { limit: 1_000, after };
        match timely(store.events(EventFilter::default(), page)).await {
            Ok(EventPage { events, next, .. }) => {
                for (record, deliveries) in events {
                    add(store, told, record, deliveries).await;
                }
                after = next;
                if after.is_none() {
                    return;
                }
            }
            Err(error) => return trouble(told, "the list", &error),
        }
    }
}

async fn add(
    store: &Sqlite,
    told: &mut Value,
    record: hookswitch::store::EventRecord,
    deliveries: Vec<hookswitch::store::DeliveryRecord>,
) {
    let id = record.envelope.id;
    let mut event = json!({ "id": id.to_string(), "state": record.state.as_str() });
    match timely(store.body(id)).await {
        Ok(body) => {
            let digest = Sha256::digest(&body.body);
            let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            event["body"] = json!(hex);
            event["subject"] = json!(body.envelope.subject);
        }
        Err(error) => event["error"] = json!(error.to_string()),
    }
    let deliveries = deliveries
        .iter()
        .map(|delivery| json!([delivery.target.as_str(), delivery.state.as_str()]));
    event["deliveries"] = deliveries.collect();
    if let Some(events) = told["events"].as_array_mut() {
        events.push(event);
    }
}

/// An event of our own, with a chance that is no other's: the time.
fn probe() -> Append {
    let now = System.now();
    let nanos = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos());
    let mut chance = [0; 10];
    chance.copy_from_slice(&nanos.to_be_bytes()[6..]);
    let deliveries = TargetName::new(PROBE)
        .map(|target| NewDelivery { target, order_key: None })
        .into_iter()
        .collect();
    Append {
        envelope: Arc::new(Envelope {
            id: EventId::new(now, chance),
            source: SourceName::new(PROBE).expect("a name"),
            received_at: now,
            signed: false,
            name: None,
            agent_id: None,
            subject: None,
            request: RequestParts::default(),
        }),
        body: b"{}".to_vec().into(),
        state: EventState::Routed,
        rules: Vec::new(),
        shadow: Vec::new(),
        revision: 1,
        edited_from: None,
        deliveries,
        identity: None,
    }
}

/// An operation that must end.
async fn timely<T>(pending: hookswitch::store::Pending<T>) -> Result<T, StoreError> {
    tokio::time::timeout(PATIENCE, pending)
        .await
        .unwrap_or_else(|_elapsed| Err(StoreError::Read("it took too long".to_owned())))
}
