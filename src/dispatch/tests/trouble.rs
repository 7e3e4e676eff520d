//! What is broken: couriers, bodies, stores, clocks.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::harness::*;
use crate::delivery::{DeadReason, Outcome};
use crate::store::memory::Memory;
use crate::store::{AttemptResult, DeliveryState};
use crate::store::{DeadSelection, Store as _};

const SECOND: Duration = Duration::from_secs(1);
const TEN_YEARS: i64 = 10 * 365 * 86_400_000;

#[tokio::test(start_paused = true)]
async fn a_panic_in_an_attempt_is_a_failed_attempt() {
    let mut it = Harness::start(&[spec("crm")]).await;
    it.plan(|call| if call.event == 1 && call.attempt <= 2 { Reply::Panic } else { OK });
    for _ in 0..5 {
        it.send(&[("crm", None)]).await;
    }
    it.until_at_rest(20 * SECOND).await;
    let all = it.deliveries().await;
    let (_, attempts) = &all[0];
    let results: Vec<_> = attempts.iter().map(|attempt| (attempt.number, attempt.result)).collect();
    let expected = [AttemptResult::Retry, AttemptResult::Retry, AttemptResult::Accepted];
    assert_eq!(results, [(1, expected[0]), (2, expected[1]), (3, expected[2])]);
    assert!(attempts[0].detail.contains("inside hookswitch"));
    let metrics = it.metrics.encode();
    let line = "hookswitch_attempts_total{target=\"crm\",outcome=\"panicked\"} 2";
    assert!(metrics.contains(line), "{metrics}");
}

#[tokio::test(start_paused = true)]
async fn a_courier_that_never_ends_is_cut_off() {
    let mut it = Harness::start(&[Spec { concurrency: 1, ..spec("crm") }]).await;
    it.plan(|call| if call.attempt == 1 { Reply::Hang } else { OK });
    it.send(&[("crm", None)]).await;
    it.until_at_rest(20 * SECOND).await;
    assert_eq!(it.calls().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_damaged_body_is_a_dead_letter_that_says_so() {
    let memory = Memory::new();
    let mut before = Harness::over(memory.clone(), &[], 1).await;
    let (damaged, _) = before.store_only(&[("crm", None)]).await;
    before.store_only(&[("crm", None)]).await;
    memory.damage(damaged.envelope().id);
    let it = Harness::over(memory.reopened(), &[spec("crm")], 256 << 20).await;
    it.until_at_rest(SECOND).await;
    assert_eq!(it.called("crm"), [2]);
    let dead = it.dead(DeadReason::Unreadable).await;
    let detail = dead[0].detail.as_deref().expect("it says why");
    assert!(detail.contains("damaged") && detail.contains("nothing was sent"), "{detail}");
    assert_eq!(it.status("crm").await.circuit, "closed");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_cannot_be_read_for_a_while_uses_up_no_attempt() {
    let memory = Memory::new();
    let mut before = Harness::over(memory.clone(), &[], 1).await;
    for _ in 0..20 {
        before.store_only(&[("crm", None)]).await;
    }
    let it = Harness::over(memory.reopened(), &[spec("crm")], 256 << 20).await;
    it.store.reads_fail.store(true, Ordering::SeqCst);
    it.pass(30 * SECOND).await;
    let tried = it.store.refills.load(Ordering::SeqCst);
    assert!((20..40).contains(&tried), "about once a second: {tried}");
    it.store.reads_fail.store(false, Ordering::SeqCst);
    it.pass(2 * SECOND).await;
    it.until_at_rest(10 * SECOND).await;
    assert!(it.calls().iter().all(|call| call.attempt == 1));
    assert_eq!(it.counts().await, (20, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn events_that_cannot_be_read_for_a_while_use_up_no_attempt_nor_the_probe() {
    let mut it = Harness::over(Memory::new(), &[spec("crm")], 0).await;
    it.plan(|_| FAILS);
    for _ in 0..6 {
        it.send(&[("crm", None)]).await;
    }
    it.pass(SECOND).await;
    assert_eq!(it.status("crm").await.circuit, "open");
    it.store.reads_fail.store(true, Ordering::SeqCst);
    it.pass(60 * SECOND).await;
    assert_eq!(it.calls().len(), 5, "the circuit opened before the sixth");
    it.store.reads_fail.store(false, Ordering::SeqCst);
    it.plan(|_| OK);
    it.until_at_rest(60 * SECOND).await;
    let attempts: Vec<u32> = it.calls()[5..].iter().map(|call| call.attempt).collect();
    assert_eq!(attempts, [1, 2, 2, 2, 2, 2], "and the least tried was the probe");
}

#[tokio::test(start_paused = true)]
async fn the_store_is_not_read_again_and_again_while_a_death_waits_for_its_commit() {
    let mut it = Harness::start(&[spec("crm")]).await;
    it.store.settle_after.store(10_000, Ordering::SeqCst);
    it.plan(|call| if call.event == 1 { REFUSES } else { OK });
    it.send(&[("crm", None)]).await;
    it.pass(SECOND).await;
    let before = it.store.refills.load(Ordering::SeqCst);
    it.dispatch.wake(None);
    // The store still has it as pending, and will for nine seconds.
    it.pass(5 * SECOND).await;
    let reads = it.store.refills.load(Ordering::SeqCst) - before;
    assert!(reads <= 2, "{reads} reads for one wake");
    it.pass(5 * SECOND).await;
    assert_eq!(it.counts().await, (0, 1, 0));
    // One more look tells that it stays dead; who reopens it now is heard at once.
    it.store.inner.reopen(DeadSelection::default(), it.now()).await.expect("it reopens");
    it.plan(|_| OK);
    it.dispatch.wake(None);
    it.until(30 * SECOND, async || it.counts().await == (1, 0, 0)).await;
}

#[tokio::test(start_paused = true)]
async fn a_poisoned_store_ends_it_quietly() {
    let mut it = Harness::start(&[spec("crm"), spec("slack")]).await;
    it.plan(|_| Reply::After(SECOND, Outcome::Accepted));
    for _ in 0..100 {
        it.send(&[("crm", None), ("slack", None)]).await;
    }
    it.pass(SECOND / 2).await;
    it.store.inner.poison("a test");
    it.pass(100 * SECOND).await;
    let last = it.calls().len();
    assert!((16..32).contains(&last), "one more per slot at most: {last}");
    it.dispatch.wake(None);
    it.dispatch.drain(tokio::time::Instant::now() + SECOND).await;
    assert!(it.tasks.stop(SECOND).await);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_parks_nothing_for_years() {
    let memory = Memory::new();
    let mut before = Harness::over(memory.clone(), &[spec("crm")], 256 << 20).await;
    before.plan(|_| FAILS);
    before.wall.moved.store(TEN_YEARS, Ordering::SeqCst);
    for _ in 0..3 {
        before.send(&[("crm", None)]).await;
    }
    before.pass(SECOND).await;
    before.dispatch.drain(tokio::time::Instant::now() + SECOND).await;
    let late = before.now();
    let all = before.deliveries().await;
    assert!(all.iter().all(|(delivery, _)| {
        matches!(delivery.state, DeliveryState::Pending { due } if due > late.minus(SECOND))
    }));
    // The next run's clock is right, so all of them are due in ten years.
    let it = Harness::over(memory.reopened(), &[spec("crm")], 256 << 20).await;
    it.until_at_rest(2 * 3600 * SECOND).await;
    assert_eq!(it.counts().await, (3, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn what_arrived_under_a_clock_that_was_ahead_goes_at_once_one_after_the_other() {
    let memory = Memory::new();
    let mut before = Harness::over(memory.clone(), &[], 256 << 20).await;
    before.wall.moved.store(TEN_YEARS, Ordering::SeqCst);
    for _ in 0..20 {
        before.store_only(&[("crm", Some("k"))]).await;
    }
    before.dispatch.drain(tokio::time::Instant::now() + SECOND).await;
    // The next run's clock is right. Each used to wait for an hour, and only then the next one of the key began to.
    let it = Harness::over(memory.reopened(), &[spec("crm")], 256 << 20).await;
    it.until_at_rest(SECOND).await;
    assert_eq!(it.called("crm"), (1..=20).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_neither_hurries_nor_stops_what_waits() {
    for jump in [TEN_YEARS, -TEN_YEARS] {
        let mut it = Harness::start(&[spec("crm")]).await;
        it.plan(|call| if call.attempt < 4 { FAILS } else { OK });
        it.send(&[("crm", None)]).await;
        it.pass(7 * SECOND + SECOND / 2).await;
        let tried = it.calls().len();
        it.wall.moved.store(jump, Ordering::SeqCst);
        it.pass(SECOND / 10).await;
        assert_eq!(it.calls().len(), tried, "it waits as it did");
        it.send(&[("crm", None)]).await;
        it.until(20 * SECOND, async || it.called("crm").iter().filter(|n| **n == 2).count() >= 3)
            .await;
        it.until(20 * SECOND, async || it.called("crm").iter().filter(|n| **n == 1).count() >= 4)
            .await;
    }
}
