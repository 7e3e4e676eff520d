//! A store with deliveries that wait for a dead target, made in process.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hookswitch::clock::{Clock, System, Timestamp};
use hookswitch::event::{Envelope, EventId, RequestParts};
use hookswitch::name::{SourceName, TargetName};
use hookswitch::store::sqlite::{Options, Sqlite};
use hookswitch::store::{Append, Bounds, EventState, Identity, IdentityKey, NewDelivery, Store};
use hookswitch::telemetry::Metrics;

/// Fills a data folder with so many events of 1 KB, each with a delivery to the target `dead`.
pub async fn fill(folder: &Path, count: u64) -> anyhow::Result<()> {
    let store = Sqlite::open(Options {
        folder: folder.to_owned(),
        bounds: Bounds { max_size: 64 << 30, retention: Duration::from_hours(24) },
        clock: Arc::new(System),
        metrics: Arc::new(Metrics::new()),
    })?;
    let (source, dead) = (SourceName::new("retell")?, TargetName::new("dead")?);
    for first in (0..count).step_by(500) {
        let now = System.now();
        let waiting: Vec<_> = (first..(first + 500).min(count))
            .map(|number| store.append(event(number, now, &source, &dead)))
            .collect();
        for pending in waiting {
            drop(pending.await?);
        }
    }
    store.close().await?;
    Ok(())
}

fn event(number: u64, now: Timestamp, source: &SourceName, dead: &TargetName) -> Append {
    let text = "a summary of some length ".repeat(35);
    let body = format!(
        r#"{{"event":"call_analyzed","call":{{"call_id":"old_{number}","summary":"{text}"}}}}"#
    );
    let mut chance = [0; 10];
    chance[..8].copy_from_slice(&number.to_be_bytes());
    let envelope = Envelope {
        id: EventId::new(now, chance),
        source: source.clone(),
        received_at: now,
        signed: true,
        name: Some("call_analyzed".to_owned()),
        agent_id: Some("agent_1".to_owned()),
        subject: Some(format!("old_{number}")),
        request: RequestParts::default(),
    };
    Append {
        envelope: Arc::new(envelope),
        body: Bytes::from(body),
        state: EventState::Routed,
        rules: Vec::new(),
        shadow: Vec::new(),
        revision: 1,
        edited_from: None,
        deliveries: vec![NewDelivery { target: dead.clone(), order_key: None }],
        identity: Some(Identity {
            key: IdentityKey::Id(format!("retell call_analyzed old_{number}")),
            window: Duration::from_mins(10),
        }),
    }
}
