//! The store on disk beside the one in memory: how fast events are stored, alone and many at once, and whether a backlog
//! makes looking for what is due slower.
//!
//! Figures are worth something as ratios within one run, on one disk, and only on a file system whose syncs are real.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput};
use hookswitch::clock::{Clock, System};
use hookswitch::event::{Envelope, EventId, RequestParts};
use hookswitch::name::{RuleName, SourceName, TargetName};
use hookswitch::store::memory::Memory;
use hookswitch::store::sqlite::{Options, Sqlite};
use hookswitch::store::{
    Append, Bounds, Change, EventState, Fate, Identity, IdentityKey, NewDelivery, Settle, Store,
};
use hookswitch::telemetry::Metrics;
use tokio::runtime::Runtime;

/// Appends that wait at once while a backlog is made.
const AT_ONCE: usize = 1_000;

fn open(folder: &Path) -> Sqlite {
    Sqlite::open(Options {
        folder: folder.to_owned(),
        bounds: Bounds { max_size: 100 << 30, retention: Duration::from_hours(7 * 24) },
        clock: Arc::new(System),
        metrics: Arc::new(Metrics::new()),
    })
    .expect("the store opens")
}

/// Events that differ, as a call's do.
struct Source {
    number: u64,
    body: Bytes,
    targets: Vec<TargetName>,
}

impl Source {
    fn new(bytes: usize, targets: &[&str]) -> Self {
        let targets = targets.iter().map(|name| TargetName::new(name).expect("a name"));
        Self { number: 0, body: vec![b'x'; bytes].into(), targets: targets.collect() }
    }

    fn next(&mut self) -> Append {
        self.number += 1;
        let (number, now) = (self.number, System.now());
        let mut chance = [0; 10];
        chance[2..].copy_from_slice(&number.to_be_bytes());
        let subject = format!("call_{number:024}");
        Append {
            envelope: Arc::new(Envelope {
                id: EventId::new(now, chance),
                source: SourceName::new("retell").expect("a name"),
                received_at: now,
                signed: true,
                name: Some("call_analyzed".to_owned()),
                agent_id: Some("agent_0123456789abcdef0123".to_owned()),
                subject: Some(subject.clone()),
                request: RequestParts {
                    content_type: Some("application/json".to_owned()),
                    signature: Some(format!("v={},d={:064x}", now.millis(), number)),
                    peer: Some("100.20.5.228".to_owned()),
                    ..RequestParts::default()
                },
            }),
            body: self.body.clone(),
            state: EventState::Routed,
            rules: vec![RuleName::new("everything to the warehouse").expect("a name")],
            shadow: Vec::new(),
            revision: 1,
            edited_from: None,
            deliveries: self
                .targets
                .iter()
                .map(|target| NewDelivery { target: target.clone(), order_key: None })
                .collect(),
            identity: Some(Identity {
                key: IdentityKey::Id(format!("retell\0call_analyzed\0{subject}")),
                window: Duration::from_mins(10),
            }),
        }
    }
}

/// Stores `count` events, `at_once` waiting at a time, and settles their deliveries.
async fn pass(store: &dyn Store, source: &mut Source, (count, at_once): (usize, usize)) {
    let mut left = count;
    while left > 0 {
        let round = at_once.min(left);
        left -= round;
        let pending: Vec<_> = (0..round).map(|_| store.append(source.next())).collect();
        for pending in pending {
            let fate = pending.await.expect("it is stored").fate;
            let Fate::Stored(ready) = fate else { unreachable!("every event is new") };
            for ready in ready {
                let now = System.now();
                let settle =
                    Settle { delivery: ready.id, attempt: None, change: Change::Delivered, now };
                // Nobody waits for a settle.
                drop(store.settle(settle));
            }
        }
    }
}

fn storing(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    for (bytes, at_once) in [(1_000, 1), (1_000, 64), (16_000, 64), (97_000, 1), (97_000, 64)] {
        let mut group = criterion.benchmark_group(format!("store and settle/{bytes} bytes"));
        group.sample_size(10).measurement_time(Duration::from_secs(3));
        let count = at_once.max(16);
        group.throughput(Throughput::Elements(count as u64));
        let folder = tempfile::TempDir::new().expect("a folder");
        let stores: [(&str, Arc<dyn Store>); 2] = [
            ("memory", Arc::new(Memory::new())),
            ("disk", Arc::new(open(&folder.path().join("data")))),
        ];
        for (name, store) in &stores {
            let mut source = Source::new(bytes, &["crm", "slack"]);
            group.bench_function(BenchmarkId::new(*name, at_once), |bencher| {
                bencher.iter(|| runtime.block_on(pass(&**store, &mut source, (count, at_once))));
            });
        }
        group.finish();
    }
}

/// Fills a store and leaves it as a kill would.
async fn fill(store: &dyn Store, source: &mut Source, count: usize) {
    let mut left = count;
    while left > 0 {
        let round = AT_ONCE.min(left);
        left -= round;
        let pending: Vec<_> = (0..round).map(|_| store.append(source.next())).collect();
        for pending in pending {
            drop(pending.await.expect("it is stored"));
        }
    }
}

fn refilling(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let mut group = criterion.benchmark_group("256 due of");
    let target = TargetName::new("crm").expect("a name");
    for count in [1_000, 100_000] {
        let folder = tempfile::TempDir::new().expect("a folder");
        let store = open(&folder.path().join("data"));
        runtime.block_on(fill(&store, &mut Source::new(100, &["crm"]), count));
        group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
            bencher.iter(|| runtime.block_on(store.due(&target, None, 256)));
        });
        group.bench_function(BenchmarkId::new("counts", count), |bencher| {
            bencher.iter(|| runtime.block_on(store.stats()));
        });
    }
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    storing(&mut criterion);
    refilling(&mut criterion);
    criterion.final_summary();
}
