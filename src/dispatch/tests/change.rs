//! The configuration changes, people pause and resume, the program stops and starts.

use std::time::Duration;

use tokio::time::Instant;

use super::harness::*;
use super::target_name;
use crate::delivery::{DeadReason, Outcome};
use crate::store::memory::Memory;
use crate::store::{DeadSelection, Store};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);

#[tokio::test(start_paused = true)]
async fn deliveries_of_a_removed_target_wait_ten_minutes_and_are_then_dead_letters() {
    let mut it = Harness::start(&[spec("crm"), spec("slack")]).await;
    it.plan(|_| FAILS);
    for n in 0..1500 {
        it.send(&[("crm", (n % 3 == 0).then_some("k"))]).await;
    }
    it.pass(10 * SECOND).await;
    let tried = it.calls().len();
    it.publish(&[spec("slack")]);
    it.pass(9 * MINUTE).await;
    assert_eq!(it.counts().await, (0, 0, 1500));
    assert_eq!(it.calls().len(), tried, "nothing goes to a target that is not there");
    let status = it.status("crm").await;
    assert!(!status.configured && status.kind.is_none() && status.pending == 1500);
    it.until_at_rest(2 * MINUTE).await;
    assert_eq!(it.counts().await, (0, 1500, 0));
    assert_eq!(it.dead(DeadReason::TargetRemoved).await.len(), 1000, "of two pages");
}

#[tokio::test(start_paused = true)]
async fn a_target_that_comes_back_in_time_loses_nothing() {
    let mut it = Harness::start(&[spec("crm")]).await;
    it.plan(|call| if call.attempt == 1 { FAILS } else { OK });
    for _ in 0..3 {
        it.send(&[("crm", None)]).await;
    }
    it.pass(SECOND).await;
    for _ in 0..5 {
        it.publish(&[]);
        it.pass(9 * MINUTE).await;
        it.publish(&[spec("other"), spec("crm")]);
        it.pass(SECOND / 10).await;
        it.publish(&[spec("other")]);
        it.pass(MINUTE).await;
        it.publish(&[spec("crm")]);
    }
    it.until_at_rest(MINUTE).await;
    assert_eq!(it.counts().await, (3, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn what_is_in_flight_to_a_removed_target_still_counts() {
    let mut it = Harness::start(&[spec("crm")]).await;
    it.plan(|_| Reply::After(5 * SECOND, Outcome::Accepted));
    it.send(&[("crm", None)]).await;
    it.pass(SECOND).await;
    it.publish(&[]);
    it.until_at_rest(5 * SECOND).await;
    assert_eq!(it.counts().await, (1, 0, 0));
    // Its worker has nothing left to do, and whoever comes late gets another one.
    it.pass(SECOND).await;
    it.send(&[("crm", None)]).await;
    it.pass(9 * MINUTE).await;
    assert_eq!(it.counts().await, (1, 0, 1));
    it.until_at_rest(2 * MINUTE).await;
    assert_eq!(it.counts().await, (1, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn after_a_restart_unknown_targets_get_ten_minutes_too() {
    let memory = Memory::new();
    let mut before = Harness::over(memory.clone(), &[], 1).await;
    before.store_only(&[("crm", None)]).await;
    let mut it = Harness::over(memory.reopened(), &[spec("slack")], 1).await;
    it.pass(9 * MINUTE).await;
    assert_eq!(it.counts().await, (0, 0, 1));
    it.publish(&[spec("crm")]);
    it.until_at_rest(MINUTE).await;
    assert_eq!(it.counts().await, (1, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_reopened_dead_letter_of_a_removed_target_gets_ten_minutes_again() {
    let mut it = Harness::start(&[spec("crm")]).await;
    it.plan(|_| FAILS);
    it.send(&[("crm", None)]).await;
    it.publish(&[]);
    it.until_at_rest(12 * MINUTE).await;
    it.pass(MINUTE).await;
    it.store.reopen(DeadSelection::default(), it.now()).await.expect("it reopens");
    it.dispatch.wake(None);
    it.pass(9 * MINUTE).await;
    assert_eq!(it.counts().await, (0, 0, 1));
    it.publish(&[spec("crm")]);
    it.plan(|_| OK);
    it.until_at_rest(10 * SECOND).await;
    assert_eq!(it.counts().await, (1, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_changed_definition_closes_the_circuit_and_is_used_at_once() {
    let mut it = Harness::start(&[spec("crm")]).await;
    it.plan(|call| if call.fingerprint == 1 { FAILS } else { OK });
    for _ in 0..50 {
        it.send(&[("crm", None)]).await;
    }
    it.pass(200 * SECOND).await;
    assert_eq!(it.status("crm").await.circuit, "open");
    it.publish(&[Spec { concurrency: 2, ..spec("crm") }]);
    it.pass(SECOND).await;
    assert_eq!(it.status("crm").await.circuit, "open", "the definition itself is as it was");
    it.publish(&[Spec { fingerprint: 2, ..spec("crm") }]);
    it.pass(SECOND / 10).await;
    assert_eq!(it.status("crm").await.circuit, "closed");
    it.until_at_rest(400 * SECOND).await;
    assert_eq!(it.counts().await, (50, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn an_attempt_with_an_earlier_definition_says_nothing_of_this_one() {
    let mut it = Harness::start(&[spec("crm")]).await;
    it.plan(|call| match call.fingerprint {
        1 => Reply::After(5 * SECOND, Outcome::Retry { not_before: None, busy: false }),
        _ => OK,
    });
    for _ in 0..8 {
        it.send(&[("crm", None)]).await;
    }
    it.pass(SECOND).await;
    it.publish(&[Spec { fingerprint: 2, ..spec("crm") }]);
    it.pass(6 * SECOND).await;
    assert_eq!(it.calls().iter().filter(|call| call.fingerprint == 1).count(), 8);
    assert_eq!(it.status("crm").await.circuit, "closed");
    it.until_at_rest(10 * SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn many_names_that_come_and_go_leave_nothing_behind() {
    let mut it = Harness::start(&[]).await;
    for round in 0..200 {
        it.publish(&[spec(&format!("target-{round}"))]);
        it.pass(SECOND / 10).await;
    }
    it.publish(&[spec("crm")]);
    it.pass(SECOND).await;
    assert_eq!(it.dispatch.lanes(), ["crm"]);
    it.send(&[("crm", None), ("target-3", None)]).await;
    it.until_at_rest(11 * MINUTE).await;
    assert_eq!(it.counts().await, (1, 1, 0));
    it.pass(SECOND).await;
    assert_eq!(it.dispatch.lanes(), ["crm"]);
}

#[tokio::test(start_paused = true)]
async fn a_pause_holds_everything_back_and_survives_a_restart() {
    let memory = Memory::new();
    let name = target_name("crm");
    let mut before = Harness::over(memory.clone(), &[spec("crm")], 1).await;
    before.dispatch.set_paused(&name, true).await.expect("it is stored");
    before.send(&[("crm", None)]).await;
    before.pass(MINUTE).await;
    assert!(before.calls().is_empty());
    assert!(before.status("crm").await.paused);
    let it = Harness::over(memory.reopened(), &[spec("crm")], 1).await;
    it.pass(MINUTE).await;
    assert!(it.calls().is_empty() && it.status("crm").await.paused);
    it.dispatch.set_paused(&name, false).await.expect("it is stored");
    it.until_at_rest(SECOND).await;
    assert!(!it.status("crm").await.paused);
}

#[tokio::test(start_paused = true)]
async fn a_pause_is_not_taken_for_made_if_the_store_failed() {
    let it = Harness::start(&[spec("crm")]).await;
    it.store.inner.poison("a test");
    assert!(it.dispatch.set_paused(&target_name("crm"), true).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn draining_waits_for_what_is_in_flight_and_its_commit() {
    let mut it = Harness::start(&[spec("crm")]).await;
    it.store.settle_after.store(1000, std::sync::atomic::Ordering::SeqCst);
    it.plan(|_| Reply::After(3 * SECOND, Outcome::Accepted));
    for _ in 0..20 {
        it.send(&[("crm", None)]).await;
    }
    it.pass(SECOND).await;
    let begun = Instant::now();
    it.dispatch.drain(begun + 30 * SECOND).await;
    let took = begun.elapsed();
    assert!((2 * SECOND..5 * SECOND).contains(&took), "{took:?}");
    assert_eq!(it.counts().await, (8, 0, 12), "eight were in flight, the rest is parked");
    it.send(&[("crm", None)]).await;
    it.dispatch.wake(None);
    it.pass(MINUTE).await;
    assert_eq!(it.calls().len(), 8, "and nothing more is claimed");
    assert!(it.tasks.stop(SECOND).await, "everything ends when it is told to");
}

#[tokio::test(start_paused = true)]
async fn draining_leaves_what_does_not_end_in_time() {
    let memory = Memory::new();
    let mut it = Harness::over(memory.clone(), &[spec("crm")], 256 << 20).await;
    it.plan(|call| if call.event == 1 { Reply::Hang } else { OK });
    for _ in 0..3 {
        it.send(&[("crm", None)]).await;
    }
    it.pass(SECOND).await;
    let begun = Instant::now();
    it.dispatch.drain(begun + 2 * SECOND).await;
    assert!(begun.elapsed() <= 3 * SECOND);
    assert_eq!(it.counts().await, (2, 0, 1));
    assert!(it.tasks.stop(SECOND).await);
    let again = Harness::over(memory.reopened(), &[spec("crm")], 256 << 20).await;
    again.until_at_rest(SECOND).await;
    let call = again.calls().pop().expect("it goes again");
    assert_eq!(
        (call.event, call.attempt),
        (1, 1),
        "the attempt that nobody saw end does not count"
    );
}

#[tokio::test(start_paused = true)]
async fn an_idle_dispatch_drains_and_stops_at_once() {
    let specs: Vec<Spec> = (0..500).map(|n| spec(&format!("t{n}"))).collect();
    let it = Harness::start(&specs).await;
    it.pass(SECOND).await;
    let begun = Instant::now();
    it.dispatch.drain(begun + 30 * SECOND).await;
    assert!(it.tasks.stop(SECOND).await);
    assert!(begun.elapsed() < SECOND);
}
