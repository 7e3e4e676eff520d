use std::time::Duration;

use crate::clock::Timestamp;
use crate::delivery::DeadReason;
use crate::event::EventId;
use crate::name::{ContentHash, Revision, RuleName, SourceName, TargetName};

use super::{AttemptLabel, DeliveryResult, EventResult, Metrics, Refused, RuleMatches};

fn source(name: &str) -> SourceName {
    SourceName::new(name).unwrap()
}

fn target(name: &str) -> TargetName {
    TargetName::new(name).unwrap()
}

fn id(number: u8) -> EventId {
    EventId::from_bytes([number; 16])
}

/// The value of one series, by its whole name as it is written.
fn value(metrics: &Metrics, series: &str) -> Option<f64> {
    let text = metrics.encode();
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))?;
    Some(line.parse().unwrap())
}

fn filled() -> Metrics {
    let metrics = Metrics::new();
    let rule = RuleName::new(r#"the "angry" \ callers"#).unwrap();
    metrics.configured(&[source("retell")], std::slice::from_ref(&rule), &[target("crm")]);
    metrics.event(&source("retell"), EventResult::Routed);
    metrics.rule_matched(&rule, id(1), Timestamp::from_millis(1));
    let watching = RuleName::new("trial").unwrap();
    metrics.in_shadow(std::slice::from_ref(&watching));
    metrics.rule_watched(&watching, id(2), Timestamp::from_millis(2));
    metrics.rule_watched(&rule, id(2), Timestamp::from_millis(2));
    metrics.connections(5);
    metrics.acknowledged(Duration::from_millis(3));
    metrics.committed(Duration::from_millis(2));
    metrics.delivery(&target("crm"), DeliveryResult::Created, 2);
    metrics.delivery(&target("crm"), DeliveryResult::Dead(DeadReason::Dropped), 1);
    metrics.attempt(&target("crm"), AttemptLabel::Panicked, Duration::from_secs(100));
    metrics.pending(&target("crm"), 1, 2.5);
    metrics.dead_letters(&target("crm"), 1);
    metrics.target_state(&target("crm"), true, false);
    metrics.quarantined(4);
    metrics.store_bytes(4096);
    metrics.restart_pending(1);
    let revision = Revision { number: 3, hash: ContentHash([0xab; 32]) };
    metrics.reloaded(Some((revision, Timestamp::from_millis(1_700_000_000_500))));
    metrics
}

#[test]
fn the_names_are_those_of_the_documents() {
    let metrics = filled();
    let build = format!(r#"hookswitch_build_info{{version="{}"}}"#, env!("CARGO_PKG_VERSION"));
    let expected = [
        (build.as_str(), 1.0),
        (r#"hookswitch_events_total{source="retell",result="routed"}"#, 1.0),
        (r#"hookswitch_events_total{source="retell",result="store_failed"}"#, 0.0),
        (r#"hookswitch_rule_matches_total{rule="the \"angry\" \\ callers"}"#, 1.0),
        (r#"hookswitch_rule_shadow_matches_total{rule="trial"}"#, 1.0),
        (r#"hookswitch_deliveries_total{target="crm",result="created"}"#, 2.0),
        (r#"hookswitch_deliveries_total{target="crm",result="dead_dropped"}"#, 1.0),
        (r#"hookswitch_attempts_total{target="crm",outcome="panicked"}"#, 1.0),
        (r#"hookswitch_attempt_seconds_count{target="crm"}"#, 1.0),
        (r#"hookswitch_attempt_seconds_sum{target="crm"}"#, 100.0),
        (r#"hookswitch_attempt_seconds_bucket{le="60.0",target="crm"}"#, 0.0),
        (r#"hookswitch_attempt_seconds_bucket{le="+Inf",target="crm"}"#, 1.0),
        ("hookswitch_connections", 5.0),
        ("hookswitch_ack_seconds_count", 1.0),
        (r#"hookswitch_ack_seconds_bucket{le="0.0025"}"#, 0.0),
        (r#"hookswitch_ack_seconds_bucket{le="0.005"}"#, 1.0),
        (r#"hookswitch_pending{target="crm"}"#, 1.0),
        (r#"hookswitch_oldest_pending_seconds{target="crm"}"#, 2.5),
        (r#"hookswitch_dead_letters{target="crm"}"#, 1.0),
        (r#"hookswitch_circuit_open{target="crm"}"#, 1.0),
        (r#"hookswitch_target_paused{target="crm"}"#, 0.0),
        ("hookswitch_quarantined", 4.0),
        ("hookswitch_store_commit_seconds_count", 1.0),
        ("hookswitch_store_bytes", 4096.0),
        ("hookswitch_config_last_reload_successful", 1.0),
        ("hookswitch_config_last_reload_success_timestamp_seconds", 1_700_000_000.5),
        (r#"hookswitch_config_info{revision="3",hash="abababababab"}"#, 1.0),
        ("hookswitch_config_restart_pending", 1.0),
    ];
    for (series, number) in expected {
        assert_eq!(value(&metrics, series), Some(number), "{series}\n{}", metrics.encode());
    }
    assert!(metrics.encode().ends_with("# EOF\n"));
}

#[test]
fn every_label_counts_for_itself() {
    let metrics = Metrics::new();
    metrics.configured(&[source("s")], &[], &[target("t")]);
    for (at, result) in EventResult::ALL.into_iter().enumerate() {
        (0..=at).for_each(|_| metrics.event(&source("s"), result));
        let series =
            format!(r#"hookswitch_events_total{{source="s",result="{}"}}"#, result.as_str());
        assert_eq!(value(&metrics, &series).unwrap().to_string(), (at + 1).to_string());
    }
    for (count, result) in (1..).zip(DeliveryResult::all()) {
        metrics.delivery(&target("t"), result, count);
        let series =
            format!(r#"hookswitch_deliveries_total{{target="t",result="{}"}}"#, result.as_str());
        assert_eq!(value(&metrics, &series).unwrap().to_string(), count.to_string());
    }
    for reason in Refused::ALL {
        metrics.refused(reason);
        let series = format!(r#"hookswitch_refused_total{{reason="{}"}}"#, reason.as_str());
        assert_eq!(value(&metrics, &series), Some(1.0));
    }
    for outcome in AttemptLabel::ALL {
        metrics.attempt(&target("t"), outcome, Duration::ZERO);
        let series =
            format!(r#"hookswitch_attempts_total{{target="t",outcome="{}"}}"#, outcome.as_str());
        assert_eq!(value(&metrics, &series), Some(1.0));
    }
}

#[test]
fn a_reload_keeps_what_stays_and_begins_at_zero_with_what_is_new() {
    let metrics = filled();
    metrics.configured(&[source("retell")], &[], &[target("crm"), target("slack")]);
    let created =
        |target| format!(r#"hookswitch_deliveries_total{{target="{target}",result="created"}}"#);
    assert_eq!(value(&metrics, &created("crm")), Some(2.0));
    assert_eq!(value(&metrics, &created("slack")), Some(0.0));
    assert!(!metrics.encode().contains("angry"));
    assert!(!metrics.encode().contains(r#"="_removed""#));

    metrics.reloaded(None);
    assert_eq!(value(&metrics, "hookswitch_config_last_reload_successful"), Some(0.0));
    let running = r#"hookswitch_config_info{revision="3",hash="abababababab"}"#;
    assert_eq!(value(&metrics, running), Some(1.0), "the old revision runs on");
}

#[test]
fn names_without_a_configuration_share_one_series() {
    let metrics = filled();
    metrics.configured(&[], &[], &[]);
    for number in 0..5_000 {
        let name = format!("gone-{number}");
        metrics.event(&source(&name), EventResult::Routed);
        metrics.rule_matched(&RuleName::new(&name).unwrap(), id(1), Timestamp::from_millis(1));
        metrics.delivery(&target(&name), DeliveryResult::Dead(DeadReason::TargetRemoved), 1);
        metrics.attempt(&target(&name), AttemptLabel::Accepted, Duration::ZERO);
    }
    for number in 0..3_u32 {
        metrics.pending(&target(&format!("gone-{number}")), 10, f64::from(number));
        metrics.dead_letters(&target(&format!("gone-{number}")), 1);
    }
    let dead = r#"hookswitch_deliveries_total{target="_removed",result="dead_target_removed"}"#;
    assert_eq!(value(&metrics, dead), Some(5_000.0));
    assert_eq!(value(&metrics, r#"hookswitch_pending{target="_removed"}"#), Some(30.0));
    assert_eq!(
        value(&metrics, r#"hookswitch_oldest_pending_seconds{target="_removed"}"#),
        Some(2.0)
    );
    assert_eq!(value(&metrics, r#"hookswitch_dead_letters{target="_removed"}"#), Some(3.0));
    assert!(!metrics.encode().contains("gone-"));

    for number in 0..3 {
        metrics.pending(&target(&format!("gone-{number}")), 0, 0.0);
        metrics.dead_letters(&target(&format!("gone-{number}")), 0);
    }
    assert_eq!(value(&metrics, r#"hookswitch_pending{target="_removed"}"#), None);
}

#[test]
fn every_metric_is_documented() {
    let document = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/api.md");
    let document = std::fs::read_to_string(document).expect("the page is there");
    let text = Metrics::new().encode();
    let families: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
    assert!(families.len() > 15, "{families:?}");
    for family in families {
        let (name, kind) = family.split_once(' ').expect("a name and a kind");
        let ending = match kind {
            "counter" => "_total",
            "info" => "_info",
            _ => "",
        };
        let name = format!("`{name}{ending}");
        let found =
            [format!("{name}`"), format!("{name}{{")].iter().any(|name| document.contains(name));
        assert!(found, "docs/api.md does not tell of {name}`");
    }
}

#[test]
fn a_rule_that_keeps_its_name_keeps_what_it_matched() {
    let (kept, gone) = (RuleName::new("kept").unwrap(), RuleName::new("gone").unwrap());
    let metrics = Metrics::new();
    metrics.configured(&[], &[kept.clone(), gone.clone()], &[]);
    assert_eq!(metrics.rule_matches(&kept), RuleMatches::default());
    for number in 1..=3 {
        metrics.rule_matched(&kept, id(number), Timestamp::from_millis(number.into()));
        metrics.rule_matched(&gone, id(number), Timestamp::from_millis(number.into()));
    }
    metrics.configured(&[], std::slice::from_ref(&kept), &[]);
    let last = Some((id(3), Timestamp::from_millis(3)));
    assert_eq!(metrics.rule_matches(&kept), RuleMatches { count: 3, last });
    assert_eq!(metrics.rule_matches(&gone), RuleMatches::default());
    metrics.configured(&[], &[kept, gone.clone()], &[]);
    assert_eq!(metrics.rule_matches(&gone), RuleMatches::default(), "it begins anew");
}

#[tokio::test(start_paused = true)]
async fn minutes_are_told_of_the_targets_that_there_are() {
    let metrics = Metrics::new();
    metrics.configured(&[], &[], &[target("crm"), target("slack")]);
    let attempt = |name: &str, outcome, millis| {
        metrics.attempt(&target(name), outcome, Duration::from_millis(millis));
    };
    attempt("crm", AttemptLabel::Accepted, 10);
    attempt("crm", AttemptLabel::Timeout, 1_000);
    attempt("gone", AttemptLabel::Accepted, 1);
    metrics.pending(&target("crm"), 3, 0.0);
    assert_eq!(metrics.recent_minutes(60, None).count, 1, "there was no minute before");
    tokio::time::advance(Duration::from_secs(130)).await;
    metrics.configured(&[], &[], &[target("crm"), target("new")]);
    attempt("new", AttemptLabel::Accepted, 10);

    let told = metrics.recent_minutes(60, None);
    assert_eq!((told.count, told.into), (3, Duration::from_secs(10)));
    let names: Vec<_> = told.targets.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["crm", "new"]);
    let counts = |at: usize| -> Vec<_> {
        let minutes = told.targets[at].1.iter();
        minutes.map(|minute| (minute.accepted, minute.failed, minute.pending)).collect()
    };
    assert_eq!(counts(0), [(1, 1, 3), (0, 0, 0), (0, 0, 0)]);
    assert_eq!(counts(1), [(0, 0, 0), (0, 0, 0), (1, 0, 0)]);
    let one = metrics.recent_minutes(2, Some(&target("crm")));
    assert_eq!((one.count, one.targets.len(), one.targets[0].1.len()), (2, 1, 2));

    metrics.configured(&[], &[], &[]);
    metrics.configured(&[], &[], &[target("crm")]);
    let again = metrics.recent_minutes(60, None);
    assert!(again.targets[0].1.iter().all(|minute| minute.accepted == 0), "it was taken out");
}
