//! A target is pressed no harder than it may be: rate, pauses, circuit, probes.

use std::collections::BTreeMap;
use std::time::Duration;

use super::harness::*;
use crate::clock::Timestamp;
use crate::delivery::{DeadReason, Outcome};
use crate::store::AttemptResult;

const SECOND: Duration = Duration::from_secs(1);

fn busy(until: Option<Timestamp>) -> Reply {
    Reply::After(SECOND / 100, Outcome::Retry { not_before: until, busy: true })
}

#[tokio::test(start_paused = true)]
async fn a_rate_is_kept() {
    let mut it = Harness::start(&[Spec { rate: Some("1/s"), ..spec("slack") }]).await;
    for _ in 0..20 {
        it.send(&[("slack", None)]).await;
    }
    it.until_at_rest(25 * SECOND).await;
    let times: Vec<Duration> = it.calls().iter().map(|call| call.at).collect();
    assert_eq!(times.len(), 20);
    for pair in times.windows(2) {
        assert!(pair[1].saturating_sub(pair[0]) >= SECOND, "{pair:?}");
    }
    assert!(times[19] <= 20 * SECOND, "and used: {:?}", times[19]);
}

#[tokio::test(start_paused = true)]
async fn busy_pauses_the_whole_target_until_it_said() {
    let mut it = Harness::start(&[spec("crm")]).await;
    let until = it.now().plus(30 * SECOND);
    it.plan(move |call| if call.event == 1 && call.attempt == 1 { busy(Some(until)) } else { OK });
    it.send(&[("crm", None)]).await;
    it.pass(SECOND).await;
    for _ in 0..20 {
        it.send(&[("crm", None)]).await;
    }
    it.until_at_rest(40 * SECOND).await;
    let calls = it.calls();
    assert_eq!(calls.len(), 22);
    assert!(calls[1..].iter().all(|call| call.at >= 30 * SECOND), "{calls:#?}");
    assert_eq!(it.status("crm").await.circuit, "closed");
}

#[tokio::test(start_paused = true)]
async fn busy_without_a_time_pauses_longer_each_time_and_opens_no_circuit() {
    let mut it = Harness::start(&[Spec { concurrency: 1, ..spec("crm") }]).await;
    it.plan(|call| if call.at < 100 * SECOND { busy(None) } else { OK });
    for _ in 0..30 {
        it.send(&[("crm", None)]).await;
    }
    it.pass(99 * SECOND).await;
    let times: Vec<u64> = it.calls().iter().map(|call| call.at.as_secs()).collect();
    assert_eq!(times, [0, 2, 6, 14, 30, 62], "2, 4, 8, 16 and 32 s between them");
    assert_eq!(it.status("crm").await.circuit, "closed");
    it.until_at_rest(300 * SECOND).await;
    assert_eq!(it.counts().await, (30, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn an_open_circuit_lets_only_probes_through_and_the_least_tried_go_first() {
    let mut it = Harness::start(&[spec("crm")]).await;
    it.plan(|_| FAILS);
    for _ in 0..100 {
        it.send(&[("crm", None)]).await;
    }
    it.pass(SECOND).await;
    let before = it.calls().len();
    assert!((8..16).contains(&before), "some were under way when it opened: {before}");
    assert_eq!(it.status("crm").await.circuit, "open");
    it.pass(3600 * SECOND).await;
    let probes = &it.calls()[before..];
    // At 5, 15, 35, 75, 155, 315, 615 s and every 300 s from there on.
    assert!((15..=17).contains(&probes.len()), "{}", probes.len());
    for pair in probes.windows(2) {
        assert!(pair[1].at.saturating_sub(pair[0].at) >= 10 * SECOND);
    }
    assert!(probes.iter().all(|probe| probe.attempt == 1), "a new one each time: {probes:#?}");
    it.plan(|_| OK);
    it.until_at_rest(600 * SECOND).await;
    assert_eq!(it.counts().await, (100, 0, 0));
    assert_eq!(it.status("crm").await.circuit, "closed");
}

#[tokio::test(start_paused = true)]
async fn one_that_always_fails_does_not_take_every_probe() {
    let mut it = Harness::start(&[Spec { concurrency: 1, ..spec("crm") }]).await;
    // The first one fails whatever happens; the target itself is well again after ten seconds.
    it.plan(|call| if call.event == 1 || call.at < 10 * SECOND { FAILS } else { OK });
    for _ in 0..10 {
        it.send(&[("crm", None)]).await;
    }
    it.until(60 * SECOND, async || it.counts().await.0 == 9).await;
    let mut tries = BTreeMap::<u64, u32>::new();
    for call in it.calls() {
        *tries.entry(call.event).or_default() += 1;
    }
    assert!(tries.values().all(|tries| *tries <= 6), "{tries:?}");
    assert_eq!(it.status("crm").await.circuit, "closed");
}

#[tokio::test(start_paused = true)]
async fn gone_opens_the_circuit_for_an_hour() {
    let mut it = Harness::start(&[Spec { concurrency: 1, ..spec("crm") }]).await;
    it.plan(|call| match call.event {
        1 => Reply::After(SECOND, Outcome::Reject(DeadReason::Gone)),
        _ => OK,
    });
    for _ in 0..3 {
        it.send(&[("crm", None)]).await;
    }
    it.pass(3500 * SECOND).await;
    assert_eq!(it.called("crm"), [1]);
    it.until_at_rest(200 * SECOND).await;
    assert_eq!(it.counts().await, (2, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn refusals_open_no_circuit() {
    let mut it = Harness::start(&[spec("crm")]).await;
    it.plan(|_| REFUSES);
    for _ in 0..100 {
        it.send(&[("crm", None)]).await;
    }
    it.until_at_rest(SECOND).await;
    assert_eq!(it.counts().await, (0, 100, 0));
}

#[tokio::test(start_paused = true)]
async fn age_ends_nothing_while_a_target_is_slow_or_paused() {
    let short = Spec { give_up_after: 10 * SECOND, concurrency: 1, ..spec("crm") };
    let mut it = Harness::start(&[short]).await;
    it.plan(|_| Reply::After(3 * SECOND, Outcome::Accepted));
    for _ in 0..20 {
        it.send(&[("crm", None)]).await;
    }
    it.pass(5 * SECOND).await;
    let name = super::target_name("crm");
    it.dispatch.set_paused(&name, true).await.expect("it is stored");
    it.pass(100 * SECOND).await;
    it.dispatch.set_paused(&name, false).await.expect("it is stored");
    it.until_at_rest(100 * SECOND).await;
    assert_eq!(it.counts().await, (20, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_failure_ends_what_is_too_old() {
    let short = Spec { give_up_after: 60 * SECOND, ..spec("crm") };
    let mut it = Harness::start(&[short]).await;
    it.plan(|call| if call.event == 1 { FAILS } else { OK });
    it.send(&[("crm", None)]).await;
    it.until_at_rest(150 * SECOND).await;
    let dead = it.dead(DeadReason::Expired).await;
    assert_eq!(dead.len(), 1);
    let last = it.calls().pop().expect("it was tried");
    assert!(last.at >= 60 * SECOND && last.attempt >= 5, "{last:?}");
    // It failed like those before it: nobody refused it for good.
    let (_, attempts) = it.deliveries().await.pop().expect("one delivery");
    assert!(attempts.iter().all(|attempt| attempt.result == AttemptResult::Retry), "{attempts:?}");
}

#[tokio::test(start_paused = true)]
async fn a_failed_probe_gives_up_everything_too_old_but_what_is_young_stays() {
    let short = Spec { give_up_after: 60 * SECOND, ..spec("crm") };
    let mut it = Harness::start(&[short]).await;
    it.plan(|_| FAILS);
    // More than a window, some of one order key.
    for n in 0..2000 {
        it.send(&[("crm", (n % 10 == 0).then_some("k"))]).await;
    }
    it.pass(50 * SECOND).await;
    for _ in 0..20 {
        it.send(&[("crm", None)]).await;
    }
    it.pass(50 * SECOND).await;
    let (_, dead, pending) = it.counts().await;
    assert_eq!((dead, pending), (2000, 20), "the probe at 75 s failed");
    assert_eq!(it.dead(DeadReason::Expired).await.len(), 1000, "of two pages");
    let metrics = it.metrics.encode();
    let line = "hookswitch_deliveries_total{target=\"crm\",result=\"dead_expired\"} 2000";
    assert!(metrics.contains(line), "{metrics}");
    it.plan(|_| OK);
    it.until_at_rest(400 * SECOND).await;
    assert_eq!(it.counts().await, (20, 2000, 0));
}
