//! Taking the fields out of a body, beside what `serde_json` needs to skip it.
//!
//! The promise (`docs/performance.md`): for the 97 KB `call_analyzed` at most 1.3 times `IgnoredAny`, although ours also
//! checks UTF-8 and depth, which that does not.

use std::hint::black_box;

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use hookswitch::clock::Timestamp;
use hookswitch::event::{Envelope, EventId, Reader, ReaderBuilder, RequestParts, Wants};
use hookswitch::name::SourceName;
use hookswitch::path::Path;
use serde::de::IgnoredAny;

const BODIES: [(&str, &[u8]); 4] = [
    ("call_analyzed", include_bytes!("../tests/fixtures/retell/call_analyzed.json")),
    ("call_analyzed_large", include_bytes!("../tests/fixtures/retell/call_analyzed_large.json")),
    ("call_ended", include_bytes!("../tests/fixtures/retell/call_ended.json")),
    ("call_started", include_bytes!("../tests/fixtures/retell/call_started.json")),
];

/// What the rules of the example configuration read.
fn reader() -> Reader {
    let mut builder = ReaderBuilder::default();
    let wants = Wants::default();
    builder.event(wants);
    builder.agent_id(wants);
    builder.metadata("tier", wants);
    builder.metadata("region", wants);
    for path in [
        "$.call.call_analysis.user_sentiment",
        "$.call.call_analysis.in_voicemail",
        "$.call.duration_ms",
        "$.call.disconnection_reason",
    ] {
        let path = Path::parse(path).expect("a path");
        builder.singular(path.singular().expect("a singular path"), wants);
    }
    builder.build()
}

fn envelope() -> Envelope {
    Envelope {
        id: EventId::from_bytes([0; 16]),
        source: SourceName::new("retell").expect("a name"),
        received_at: Timestamp::from_millis(0),
        signed: true,
        name: None,
        agent_id: None,
        subject: None,
        request: RequestParts::default(),
    }
}

fn extraction(criterion: &mut Criterion) {
    let reader = reader();
    let envelope = envelope();
    for (name, body) in BODIES {
        let mut group = criterion.benchmark_group(format!("extraction/{name}"));
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(BenchmarkId::from_parameter("serde_json_ignored"), |bencher| {
            bencher.iter(|| serde_json::from_slice::<IgnoredAny>(black_box(body)).expect("JSON"));
        });
        let bytes = Bytes::from_static(body);
        group.bench_function(BenchmarkId::from_parameter("fields"), |bencher| {
            bencher.iter(|| reader.reread(&envelope, black_box(&bytes)).expect("an object"));
        });
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(std::time::Duration::from_millis(500))
        .measurement_time(std::time::Duration::from_secs(2))
        .without_plots();
    targets = extraction
}
criterion_main!(benches);
