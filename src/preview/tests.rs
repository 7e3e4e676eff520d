use std::path::Path;

use bytes::Bytes;

use crate::config::{self, Code, MapEnvironment, Overrides};
use crate::event::{Envelope, RequestParts};
use crate::name::SourceName;

use super::*;

const HEAD: &str = "version: 1\nsources: { retell: { path: /webhook, verify: none } }\n\
    targets: { crm: { kind: log }, slack: { kind: log }, old: { kind: log }, fresh: { kind: log } }\n";

fn snapshot(rules: &str) -> Arc<Snapshot> {
    let text = format!("{HEAD}{rules}");
    let loaded = config::load_text(
        &text,
        Path::new("rules.yaml"),
        &MapEnvironment::default(),
        &Overrides::default(),
    );
    Arc::new(loaded.unwrap_or_else(|problems| panic!("{problems}")))
}

fn event(number: u8, body: &str) -> Body {
    let at = Timestamp::from_millis(1_767_225_600_000 + i64::from(number));
    Body {
        envelope: Arc::new(Envelope {
            id: EventId::new(at, [number; 10]),
            source: SourceName::new("retell").unwrap(),
            received_at: at,
            signed: false,
            name: None,
            agent_id: None,
            subject: Some(number.to_string()),
            request: RequestParts::default(),
        }),
        rules: Vec::new(),
        shadow: Vec::new(),
        edited_from: None,
        state: EventState::Routed,
        revision: 1,
        body: Bytes::copy_from_slice(body.as_bytes()),
    }
}

fn names<T: ToString>(names: &[T]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

const RUNNING: &str = "
rules:
  - { name: turns, when: { event: transcript_updated }, ignore: true }
  - { name: ended, when: { event: call_ended }, to: [crm, slack] }
  - { name: all ended, when: { event: { prefix: call_e } }, to: [slack, old] }
fallback: [old]
";
const NEW: &str = "
rules:
  - { name: ended, when: { event: call_ended }, to: [crm] }
  - { name: analyzed, when: { event: call_analyzed }, to: [crm, fresh] }
";

#[test]
fn totals_moves_and_events_are_told() {
    let mut comparison = Comparison::new(snapshot(RUNNING), snapshot(NEW));
    for (number, name) in
        (1..).zip(["transcript_updated", "call_ended", "call_ended", "call_analyzed", "other"])
    {
        comparison.look(Some(&event(number, &format!(r#"{{"event":"{name}"}}"#))));
    }
    assert_eq!((comparison.events, comparison.unreadable), (5, 0));
    let targets: Vec<_> = comparison
        .targets()
        .into_iter()
        .map(|change| {
            let TargetChange { name, running, new, gained, lost } = change;
            (name.to_string(), [running, new, gained, lost])
        })
        .collect();
    let target = |name: &str, counts| (name.to_owned(), counts);
    assert_eq!(
        targets,
        [
            target("crm", [2, 3, 1, 0]),
            target("fresh", [0, 1, 1, 0]),
            target("old", [4, 0, 0, 4]),
            target("slack", [2, 0, 0, 2]),
        ]
    );
    let tally = |matches, deliveries| Some(Tally { matches, deliveries, shadow: None });
    let rules: Vec<_> = comparison
        .rules()
        .into_iter()
        .map(|rule| (rule.name.to_string(), rule.running, rule.new))
        .collect();
    let rule = |name: &str, running, new| (name.to_owned(), running, new);
    assert_eq!(
        rules,
        [
            rule("turns", tally(1, 0), None),
            rule("ended", tally(2, 4), tally(2, 2)),
            rule("all ended", tally(2, 2), None),
            rule("analyzed", None, tally(1, 2)),
        ]
    );
    let (running, new) = comparison.totals();
    let expected = Totals { deliveries: 8, fallback: 2, ignored: 1, ..Totals::default() };
    assert_eq!(running, expected);
    assert_eq!(new, Totals { deliveries: 4, unrouted: 2, ..Totals::default() });
    // Each side's rules and its fallback add up to all of its deliveries.
    let asked = |side: fn(&RuleChange) -> Option<Tally>| -> u64 {
        comparison.rules().iter().filter_map(side).map(|tally| tally.deliveries).sum()
    };
    assert_eq!(asked(|rule| rule.running) + running.fallback, running.deliveries);
    assert_eq!(asked(|rule| rule.new) + new.fallback, new.deliveries);

    assert_eq!(comparison.differing_total, 5);
    let told: Vec<_> = comparison
        .differing
        .iter()
        .map(|event| (names(&event.gains).join(" "), names(&event.loses).join(" ")))
        .collect();
    let moved = |gains: &str, loses: &str| (gains.to_owned(), loses.to_owned());
    let ended = moved("", "slack old");
    assert_eq!(
        told,
        [moved("", ""), ended.clone(), ended, moved("crm fresh", "old"), moved("", "old")]
    );
    let first = &comparison.differing[0];
    assert_eq!((first.before.disposition, first.after.disposition), ("ignored", "unrouted"));
    assert_eq!(names(&first.before.rules), ["turns"]);
    assert_eq!(first.call.as_deref(), Some("1"));
}

#[test]
fn a_rule_in_shadow_makes_no_difference_and_says_what_it_would_add() {
    let trial = "{ name: trial, mode: shadow, when: { event: { prefix: call_ } }, to: [crm, fresh], stop: true }";
    let watching = RUNNING.replace("rules:\n", &format!("rules:\n  - {trial}\n"));
    let mut comparison = Comparison::new(snapshot(RUNNING), snapshot(&watching));
    for (number, name) in (1..).zip(["call_ended", "call_analyzed", "other"]) {
        comparison.look(Some(&event(number, &format!(r#"{{"event":"{name}"}}"#))));
    }
    assert_eq!(comparison.differing_total, 0);
    let trial = comparison.rules().pop().expect("the new rule comes last");
    assert_eq!((trial.name.as_str(), trial.running), ("trial", None));
    // The first goes to crm anyhow; both would go to fresh.
    let would = Tally { matches: 2, deliveries: 0, shadow: Some(3) };
    assert_eq!(trial.new, Some(would));
}

#[test]
fn the_same_rules_make_no_difference() {
    let mut comparison = Comparison::new(snapshot(RUNNING), snapshot(RUNNING));
    comparison.look(Some(&event(1, r#"{"event":"call_ended"}"#)));
    comparison.look(Some(&event(2, r#"{"event":"other"}"#)));
    assert_eq!((comparison.events, comparison.differing_total), (2, 0));
    assert!(comparison.targets().iter().all(|change| change.running == change.new));
}

#[test]
fn what_one_side_cannot_look_at_differs_and_what_neither_can_is_counted() {
    let strict =
        "rules: [{ name: a, when: { fields: { $.a.b: 1 } }, to: [crm] }]\nfallback: [old]\n";
    let mut comparison = Comparison::new(snapshot(strict), snapshot(RUNNING));
    comparison.look(Some(&event(1, r#"{"event":"call_ended","a":{"b":1,"b":2}}"#)));
    comparison.look(Some(&event(2, "[")));
    comparison.look(None);
    let revised = EventState::Revised { of: EventId::new(Timestamp::from_millis(1), [1; 10]) };
    comparison.look(Some(&Body { state: revised, ..event(3, "{}") }));
    assert_eq!((comparison.events, comparison.unreadable), (1, 2));
    let [differs] = comparison.differing.as_slice() else { panic!("one differs") };
    assert_eq!((differs.before.disposition, differs.after.disposition), ("quarantined", "routed"));
    assert_eq!(names(&differs.gains), ["crm", "slack", "old"]);
    assert_eq!(comparison.totals().0.quarantined, 1);
}

#[test]
fn what_is_listed_is_bounded_and_what_is_counted_is_exact() {
    let many = (0..=NAMES_MAX).map(|number| format!("{{ name: r{number}, to: [crm] }}"));
    let many = format!("rules: [{}]\n", many.collect::<Vec<_>>().join(", "));
    let mut comparison = Comparison::new(snapshot("fallback: [old]\n"), snapshot(&many));
    let event = event(1, "{}");
    let shown = DIFFERING_MAX as u64 + 5;
    for _ in 0..shown {
        comparison.look(Some(&event));
    }
    assert_eq!((comparison.differing.len(), comparison.differing_total), (DIFFERING_MAX, shown));
    assert_eq!(comparison.differing[0].after.rules.len(), NAMES_MAX);
    let gained: Vec<_> = comparison.targets().iter().map(|change| change.gained).collect();
    assert_eq!(gained, [shown, 0]);
}

#[test]
fn headers_that_are_not_kept_are_named() {
    let rules =
        "rules: [{ name: a, when: { header: { X-Region: eu, user-agent: x } }, to: [crm] }]\n";
    let comparison = Comparison::new(snapshot(NEW), snapshot(rules));
    assert_eq!(comparison.lost_headers().into_iter().collect::<Vec<_>>(), ["x-region"]);
}

#[test]
fn a_rate_below_the_traffic_is_told_with_the_busiest_hour() {
    let new = "defaults: { rate: 3/h }
rules:
  - { name: ended, when: { event: call_ended }, to: [crm] }
  - { name: watched, mode: shadow, to: [slack] }
fallback: [old, fresh]
";
    let mut comparison = Comparison::new(snapshot(RUNNING), snapshot(new));
    let at = |minute: i64, name: &str| {
        let mut event = event(1, &format!(r#"{{"event":"{name}"}}"#));
        let envelope = Arc::make_mut(&mut event.envelope);
        envelope.received_at = Timestamp::from_millis(1_767_225_600_000 + minute * 60_000);
        event
    };
    for minute in [0, 70, 75, 129] {
        comparison.look(Some(&at(minute, "call_ended")));
    }
    assert_eq!(comparison.warnings().list, [], "three in an hour, and three go through");
    (0..9).for_each(|_| comparison.look(Some(&at(130, "call_ended"))));
    comparison.look(Some(&at(131, "other")));
    let warnings = comparison.warnings();
    let [problem] = &*warnings.list else { panic!("{warnings}") };
    assert_eq!((problem.code, problem.path.as_str()), (Code::RateExceeded, "targets.crm"));
    let text = "in the hour from 2026-01-01T01:15:00.000Z it would get 11 deliveries, and 3/h lets 3 through";
    assert_eq!(problem.text, text);
    let (line, column) = warnings.place(problem).unwrap();
    assert_eq!((line, column), (3, 12), "it has no rate of its own to point at");
}
