//! From a whole request to its verdict, without sockets: check, read, plan, and plan anew from what is stored.

use bytes::Bytes;
use hookswitch::clock::Timestamp;
use hookswitch::config::Snapshot;
use hookswitch::event::{EventId, Intake, Pairs, RequestParts, query_pairs};
use hookswitch::rule::Disposition;
use hookswitch::secret::Secret;
use hookswitch::signature::{Refusal, retell};

use super::{NOW, snapshot, text};

const RULES: &str = r#"
version: 1
sources:
  open: { path: /open, verify: none }
  signed: { path: /signed, verify: { retell: [key_fixture_only_not_a_real_key_01] } }
targets:
  sheet: { kind: log }
  desk: { kind: log, order_by: $.call.call_id }
rules:
  - { name: turns, when: { event: transcript_updated }, ignore: true }
  - { name: query, when: { query: { agent: [a, b] } }, to: [desk] }
  - { name: header, when: { header: { x-tenant: { glob: "t*" } } }, to: [desk] }
  - name: angry
    when:
      metadata: { tier: [gold, 1, null] }
      fields: { $.call.call_analysis.user_sentiment: { regex: "Neg.*", ignore_case: true }, $.call.duration_ms: { gte: 30000 } }
    to: [sheet]
    stop: true
  - { name: words, when: { fields: { "$..words[*].word": { contains: "stop" } } }, to: [sheet] }
  - { name: calls, when: { event: { prefix: call_ } }, to: [desk, sheet] }
"#;

/// The first byte says how it is signed; up to the first line end goes the query, to the second a header, then the body.
pub fn check(data: &[u8]) {
    thread_local!(static SNAPSHOT: Snapshot = snapshot(RULES));
    let Some((way, rest)) = data.split_first() else { return };
    let mut parts = rest.splitn(3, |&byte| byte == b'\n');
    let (query, header) = (text(parts.next().unwrap()), text(parts.next().unwrap_or_default()));
    let body = Bytes::copy_from_slice(parts.next().unwrap_or_default());
    SNAPSHOT.with(|snapshot| request(snapshot, *way, &query, &header, &body));
}

fn request(snapshot: &Snapshot, way: u8, query: &str, header: &str, body: &Bytes) {
    let source = &snapshot.sources[usize::from(way & 1)];
    let key = if way & 2 == 0 { "key_fixture_only_not_a_real_key_01" } else { "another" };
    let signature = retell::sign(&Secret::new(key), body, NOW);
    let late = if way & 4 == 0 { NOW } else { Timestamp::from_millis(NOW.millis() + 300_001) };
    let verdict = source.check.verify(&source.name, body.clone(), &[signature.as_bytes()], late);
    let verified = match (verdict, way & 7) {
        (Ok(verified), 0 | 2 | 4 | 6 | 1) => verified,
        (Err(Refusal::Wrong), 3 | 7) => return,
        (Err(Refusal::Stale { skew_ms: 300_001 }), 5) => return,
        (verdict, way) => panic!("{verdict:?} for {way}"),
    };
    assert_eq!(verified.signed(), way & 1 == 1);
    let parts = RequestParts { query: Some(query.to_owned()), ..RequestParts::default() };
    let headers: Pairs = vec![("x-tenant".to_owned(), header.to_owned())];
    let id = EventId::new(NOW, [7; 10]);
    let reader = snapshot.rules.reader();
    match reader.read(verified, id, parts, headers, query_pairs(query)) {
        Intake::Quarantined { envelope, body: kept, .. } => {
            assert_eq!(&kept, body);
            assert!(reader.reread(&envelope, &kept).is_err(), "it is as unreadable later");
        }
        Intake::Readable(event) => {
            assert_eq!(event.body(), body);
            let plan = snapshot.rules.plan(&event);
            let traced: Vec<_> = snapshot
                .rules
                .trace(&event)
                .into_iter()
                .filter(|trace| trace.outcome == hookswitch::rule::RuleOutcome::Matched)
                .map(|trace| trace.rule)
                .collect();
            assert_eq!(plan.rules, traced, "explain says what happens");
            if let Disposition::Routed(planned) = &plan.disposition {
                let mut names: Vec<_> = planned.iter().map(|planned| &planned.target).collect();
                names.dedup();
                assert!(!names.is_empty() && names.len() == planned.len());
            }
            // Its header is not kept, so without it the plan must be the same whenever it was not needed.
            let again = reader.reread(event.envelope(), event.body()).expect("it was readable");
            if !plan.rules.iter().any(|rule| rule.as_str() == "header") {
                assert_eq!(snapshot.rules.plan(&again), plan);
            }
        }
    }
}
