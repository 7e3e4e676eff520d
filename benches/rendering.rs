//! Making the request of a delivery, by kind of target: the body as it came, signed, a tree of templates, Slack's summary.
//!
//! Every attempt renders anew, so this is part of what a delivery costs. What is not templated is prepared when the configuration is
//! loaded, and the body is shared between all targets: the plain target costs its headers.

use std::hint::black_box;
use std::path::Path;

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use hookswitch::clock::Timestamp;
use hookswitch::config::{self, MapEnvironment, Overrides, Snapshot};
use hookswitch::event::{Event, EventId, Intake, Pairs, Reader, RequestParts};
use hookswitch::name::SourceName;
use hookswitch::signature::Check;
use hookswitch::target::AttemptInfo;

const BODIES: [(&str, &[u8]); 2] = [
    ("1 KB", include_bytes!("../tests/fixtures/retell/call_started.json")),
    ("97 KB", include_bytes!("../tests/fixtures/retell/call_analyzed.json")),
];
const TARGETS: [&str; 5] = ["plain", "signed", "tree", "slack", "slack-text"];
const RULES: &str = r#"version: 1
sources:
  retell: { path: /webhook, verify: none }
targets:
  plain: { kind: http, url: "https://crm.example.com/hooks/retell" }
  signed:
    kind: http
    url: "https://warehouse.example.com/in"
    sign: { retell: key_of_the_bench }
    headers: { x-tenant: "{{ metadata.tenant | default('none') }}" }
  tree:
    kind: http
    url: "https://crm.example.com/contacts/{{ call.call_id }}"
    body: { id: "{{ call.call_id }}", agent: "{{ agent_id }}", note: "call from {{ call.from_number | default('') | mask_phone }}" }
  slack: { kind: slack, url: "https://hooks.slack.com/services/T0/B0/x" }
  slack-text: { kind: slack, url: "https://hooks.slack.com/services/T0/B0/x", text: "*{{ event }}* {{ call.call_id }}" }
rules:
  - { name: all of it, to: [plain, signed, tree, slack, slack-text] }
"#;
const NOW: Timestamp = Timestamp::from_millis(1_772_553_700_973);

fn snapshot() -> Snapshot {
    let origin = Path::new("rules.yaml");
    let loaded =
        config::load_text(RULES, origin, &MapEnvironment::default(), &Overrides::default());
    loaded.expect("a configuration")
}

fn event(body: &'static [u8]) -> Event {
    let source = SourceName::new("retell").expect("a name");
    let verified = Check::Unsigned.verify(&source, Bytes::from_static(body), &[], NOW);
    let verified = verified.expect("nothing is checked");
    let id = EventId::new(NOW, [0; 10]);
    match Reader::default().read(verified, id, RequestParts::default(), Pairs::new(), Pairs::new())
    {
        Intake::Readable(event) => event,
        Intake::Quarantined { .. } => unreachable!("a fixture is an event"),
    }
}

fn rendering(criterion: &mut Criterion) {
    let snapshot = snapshot();
    let info = AttemptInfo { number: 1, replay: false, now: NOW };
    for (size, body) in BODIES {
        let event = event(body);
        let mut group = criterion.benchmark_group(format!("rendering/{size}"));
        for name in TARGETS {
            let (_, target) =
                snapshot.targets.iter().find(|(key, _)| key.as_str() == name).expect("it is there");
            group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
                bencher.iter(|| black_box(target.render(black_box(&event), &[], info)));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, rendering);
criterion_main!(benches);
