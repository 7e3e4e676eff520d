//! The book against a model of the store; the whole with the store in memory, a scripted courier and paused time.

mod book;
mod change;
mod flow;
mod harness;
mod pacing;
mod schedule;
mod trouble;

use std::sync::Arc;

use bytes::Bytes;

use crate::clock::Timestamp;
use crate::event::{Envelope, EventId, RequestParts};
use crate::name::{SourceName, TargetName};
use crate::store::{Append, EventState, NewDelivery};

fn target_name(name: &str) -> TargetName {
    TargetName::new(name).expect("a test's name is one")
}

fn envelope(number: u64, at: Timestamp) -> Arc<Envelope> {
    let mut chance = [0; 10];
    chance[2..].copy_from_slice(&number.to_be_bytes());
    Arc::new(Envelope {
        id: EventId::new(at, chance),
        source: SourceName::new("retell").expect("a name"),
        received_at: at,
        signed: true,
        name: Some("call_ended".to_owned()),
        agent_id: None,
        subject: None,
        request: RequestParts::default(),
    })
}

/// An event for these targets, each with an order key or none.
fn append(number: u64, at: Timestamp, to: &[(&str, Option<&str>)]) -> Append {
    let delivery = |(target, key): &(&str, Option<&str>)| NewDelivery {
        target: target_name(target),
        order_key: key.map(Into::into),
    };
    Append {
        envelope: envelope(number, at),
        body: Bytes::from(format!("{{\"number\":{number}}}")),
        state: EventState::Routed,
        rules: Vec::new(),
        shadow: Vec::new(),
        revision: 1,
        edited_from: None,
        deliveries: to.iter().map(delivery).collect(),
        identity: None,
    }
}
