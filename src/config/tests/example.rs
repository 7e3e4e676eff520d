//! Where the example sends the events of a call, and that each of its requests can be made.

use std::fs;

use bytes::Bytes;

use super::*;
use crate::clock::Timestamp;
use crate::event::{EventId, Intake, Pairs, RequestParts};
use crate::rule::Disposition;
use crate::target::AttemptInfo;

const NOW: Timestamp = Timestamp::from_millis(1_772_553_903_642);

/// The names of the targets that get a fixture under the example, each request rendered on the way.
fn targets_of(fixture: &str, query: &[(&str, &str)]) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join("rules.example.yaml")).expect("it is there");
    let snapshot = load_plain(&text).unwrap_or_else(|problems| panic!("{problems}"));
    let body = fs::read(root.join("tests/fixtures/retell").join(fixture)).expect("it is there");
    let source = snapshot.sources.first().expect("a source");
    let verified =
        source.check.verify(&source.name, Bytes::from(body), &[], NOW).expect("unsigned");
    let query: Pairs = query.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let id = EventId::new(NOW, [0; 10]);
    let reader = snapshot.rules.reader();
    let read = reader.read(verified, id, RequestParts::default(), Pairs::new(), query);
    let Intake::Readable(event) = read else { panic!("{fixture} is readable") };
    let plan = snapshot.rules.plan(&event);
    let Disposition::Routed(planned) = plan.disposition else { return Vec::new() };
    let info = AttemptInfo { number: 1, replay: false, now: NOW };
    for planned in &planned {
        let target = snapshot.targets.get(&planned.target).expect("it is configured");
        let rendered = target.render(&event, &plan.rules, info);
        assert!(rendered.is_ok(), "{fixture} to {}: {rendered:?}", planned.target);
    }
    planned.iter().map(|planned| planned.target.to_string()).collect()
}

#[test]
fn the_example_sends_each_event_of_a_call_to_other_targets() {
    let at = |fixture| targets_of(fixture, &[]);
    assert_eq!(at("call_started.json"), ["front-desk"]);
    assert_eq!(at("call_analyzed.json"), ["sales-slack", "crm"]);
    assert_eq!(at("transcript_updated.json"), [""; 0]);
    assert_eq!(at("chat_analyzed.json").first().map(String::as_str), Some("sales-slack"));
    assert_eq!(at("unknown_event.json"), ["front-desk"], "the fallback");
    assert_eq!(at("seed_curl.json").len(), 1, "the first thing that a newcomer sends arrives");
    assert_eq!(targets_of("call_started.json", &[("test", "1")]), [""; 0]);
}
