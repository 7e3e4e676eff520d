//! Deliveries go out, once each, in their order, and nobody waits for anybody else.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::harness::*;
use crate::delivery::{DeadReason, Outcome};
use crate::store::memory::Memory;
use crate::store::{DeadSelection, NewDelivery, Replay, Store};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_single_event_goes_out_at_once_without_a_read() {
    let mut it = Harness::start(&[spec("crm")]).await;
    it.pass(SECOND).await;
    for _ in 0..50 {
        let number = it.send(&[("crm", None)]).await;
        it.until_at_rest(SECOND / 5).await;
        let last = it.calls().pop().expect("it went out");
        assert_eq!((last.event, last.attempt, last.replay), (number, 1, false));
    }
    assert_eq!(it.store.bodies.load(Ordering::SeqCst), 0, "fresh bodies are not read");
    assert!(it.store.refills.load(Ordering::SeqCst) <= 1, "only the first look");
    assert_eq!(it.counts().await, (50, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_target_that_hangs_delays_no_other() {
    let mut specs: Vec<Spec> = (0..49).map(|n| spec(&format!("hangs-{n}"))).collect();
    specs.push(spec("flows"));
    let mut it = Harness::start(&specs).await;
    it.plan(|call| if call.target == "flows" { OK } else { Reply::Hang });
    let names: Vec<String> = specs.iter().map(|spec| spec.name.clone()).collect();
    let to: Vec<(&str, Option<&str>)> = names.iter().map(|name| (name.as_str(), None)).collect();
    for _ in 0..200 {
        it.send(&to).await;
    }
    it.until(SECOND, async || it.called("flows").len() == 200).await;
    it.until(SECOND, async || it.status("flows").await.pending == 0).await;
    for name in &names[..49] {
        assert_eq!(it.most_at_once(name), 8);
        assert_eq!(it.status(name).await.in_flight, 8);
    }
    // The hanging ones are cut off in the end, and count as failures.
    it.until(20 * SECOND, async || it.status("hangs-0").await.circuit == "open").await;
}

#[tokio::test(start_paused = true)]
async fn no_more_than_concurrency_are_under_way() {
    let mut it = Harness::start(&[Spec { concurrency: 3, ..spec("crm") }]).await;
    it.store.settle_after.store(700, Ordering::SeqCst);
    it.plan(|call| match call.event % 5 {
        0 if call.attempt == 1 => FAILS,
        1 => REFUSES,
        n => Reply::After(Duration::from_millis(100 * n), Outcome::Accepted),
    });
    for _ in 0..300 {
        it.send(&[("crm", None)]).await;
    }
    it.until_at_rest(200 * SECOND).await;
    assert_eq!(it.most_at_once("crm"), 3);
    assert_eq!(it.counts().await, (240, 60, 0));
    assert_eq!(it.calls().len(), 360);
}

#[tokio::test(start_paused = true)]
async fn one_at_a_time_per_order_key_in_order_of_arrival() {
    let mut it = Harness::start(&[spec("crm")]).await;
    it.plan(|call| match (call.event, call.attempt) {
        (3, 1 | 2) => FAILS,
        (5, _) => REFUSES,
        _ => Reply::After(SECOND, Outcome::Accepted),
    });
    // Odd events have the key, even ones do not.
    for n in 1..=12 {
        it.send(&[("crm", (n % 2 == 1).then_some("call-1"))]).await;
    }
    it.pass(SECOND + SECOND / 2).await;
    let early: Vec<u64> = it.called("crm");
    assert!([2, 4, 6, 8, 10, 12].iter().all(|n| early.contains(n)), "unordered ones do not wait");
    it.until_at_rest(60 * SECOND).await;
    let calls = it.calls().into_iter().filter(|call| call.event % 2 == 1);
    let calls: Vec<_> = calls.map(|call| (call.event, call.attempt)).collect();
    assert_eq!(calls, [(1, 1), (3, 1), (3, 2), (3, 3), (5, 1), (7, 1), (9, 1), (11, 1)]);
    assert_eq!(it.counts().await, (11, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_reopened_one_steps_in_front_of_its_key_but_never_beside_it() {
    let mut it = Harness::start(&[spec("crm")]).await;
    it.plan(|call| match (call.event, call.attempt) {
        (1, 1) => REFUSES,
        _ => Reply::After(5 * SECOND, Outcome::Accepted),
    });
    for _ in 0..4 {
        it.send(&[("crm", Some("k"))]).await;
    }
    it.pass(SECOND).await;
    assert_eq!(it.called("crm"), [1, 2], "the dead letter let the next one go");
    it.store.reopen(DeadSelection::default(), it.now()).await.expect("it reopens");
    it.dispatch.wake(None);
    it.until_at_rest(30 * SECOND).await;
    assert_eq!(it.called("crm"), [1, 2, 1, 3, 4]);
    assert_eq!(it.most_at_once("crm"), 1);
}

#[tokio::test(start_paused = true)]
async fn replays_go_out_as_such() {
    let mut it = Harness::start(&[spec("crm")]).await;
    let (event, ready) = it.store_only(&[("crm", None)]).await;
    it.dispatch.offer(&event, &Vec::new().into(), ready);
    it.until_at_rest(SECOND).await;
    let replay = Replay {
        event: event.envelope().id,
        deliveries: vec![NewDelivery { target: super::target_name("crm"), order_key: None }],
        revision: 1,
        now: it.now(),
    };
    let ready = it.store.replay(replay).await.expect("it is stored");
    it.dispatch.offer(&event, &Vec::new().into(), ready);
    it.until_at_rest(SECOND).await;
    let replays: Vec<bool> = it.calls().iter().map(|call| call.replay).collect();
    assert_eq!(replays, [false, true]);
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_from_an_earlier_run_all_go_out_once() {
    let memory = Memory::new();
    let mut before = Harness::over(memory.clone(), &[], 1).await;
    for _ in 0..10_000 {
        before.store_only(&[("crm", None)]).await;
    }
    let it = Harness::over(memory.reopened(), &[spec("crm")], 1).await;
    it.plan(|_| Reply::After(SECOND / 1000, Outcome::Accepted));
    it.until_at_rest(600 * SECOND).await;
    let mut events = it.called("crm");
    assert_eq!(events.len(), 10_000);
    assert!(events.is_sorted_by_key(|n| n / 32), "about in order of arrival");
    events.sort_unstable();
    events.dedup();
    assert_eq!(events.len(), 10_000, "each once");
    let refills = it.store.refills.load(Ordering::SeqCst);
    assert!((10..40).contains(&refills), "in windows: {refills}");
}

#[tokio::test(start_paused = true)]
async fn new_ones_wait_behind_an_older_backlog() {
    let memory = Memory::new();
    let mut before = Harness::over(memory.clone(), &[], 1).await;
    for _ in 0..3000 {
        before.store_only(&[("crm", None)]).await;
    }
    before.pass(SECOND).await;
    let mut it = Harness::over(memory.reopened(), &[spec("crm")], 256 << 20).await;
    it.skip_numbers(3000);
    it.pass(SECOND / 100).await;
    for _ in 0..500 {
        it.send(&[("crm", None)]).await;
    }
    it.until_at_rest(600 * SECOND).await;
    let events = it.called("crm");
    assert_eq!(events.len(), 3500);
    let first_new = events.iter().position(|n| *n > 3000).expect("new ones go, too");
    assert!(first_new >= 2990, "{first_new}");
}

#[tokio::test(start_paused = true)]
async fn slow_commits_make_nothing_go_twice() {
    let mut it = Harness::start(&[spec("crm"), spec("slack")]).await;
    it.store.settle_after.store(7_000, Ordering::SeqCst);
    it.plan(|call| if call.event.is_multiple_of(60) && call.attempt < 3 { FAILS } else { OK });
    for _ in 0..200 {
        it.send(&[("crm", None), ("slack", Some("k"))]).await;
    }
    // Every second somebody has the workers look into the store, where all of these are still pending.
    for _ in 0..60 {
        it.pass(SECOND).await;
        it.dispatch.wake(None);
    }
    it.store.settle_after.store(0, Ordering::SeqCst);
    it.until_at_rest(2000 * SECOND).await;
    let mut seen = std::collections::HashSet::new();
    for call in it.calls() {
        let key = (call.target.clone(), call.event, call.attempt);
        assert!(seen.insert(key), "the same attempt twice: {call:?}");
    }
    assert_eq!(it.most_at_once("slack"), 1);
    let per_event = |n: u64| if n.is_multiple_of(60) { 3 } else { 1 };
    let expected: usize = (1..=200).map(per_event).sum::<usize>() * 2;
    assert_eq!(it.calls().len(), expected);
}

#[tokio::test(start_paused = true)]
async fn at_most_so_many_outcomes_wait_to_be_committed() {
    let mut it = Harness::start(&[spec("a"), spec("b")]).await;
    it.store.settle_after.store(100_000, Ordering::SeqCst);
    for _ in 0..700 {
        it.send(&[("a", None), ("b", None)]).await;
    }
    it.pass(60 * SECOND).await;
    assert_eq!(it.store.unsettled.load(Ordering::SeqCst), 1024);
    assert_eq!(it.calls().len(), 1024 + 16, "and those whose slot is still taken");
    it.until_at_rest(300 * SECOND).await;
    assert_eq!(it.calls().len(), 1400);
}

#[tokio::test(start_paused = true)]
async fn what_waits_in_the_store_is_read_many_at_once() {
    let mut it = Harness::start(&[spec("crm")]).await;
    it.plan(|_| Reply::After(SECOND / 1000, Outcome::Accepted));
    it.pass(SECOND).await;
    for _ in 0..400 {
        it.store_only(&[("crm", None)]).await;
    }
    it.dispatch.wake(None);
    it.until_at_rest(60 * SECOND).await;
    assert_eq!(it.called("crm"), (1..=400).collect::<Vec<_>>());
    let read = |count: &AtomicUsize| count.load(Ordering::SeqCst);
    let (alone, together) = (read(&it.store.bodies), read(&it.store.prefetches));
    assert!(alone < 80 && (5..40).contains(&together), "{alone} alone, {together} together");
}

#[tokio::test(start_paused = true)]
async fn bodies_beyond_the_memory_are_read_when_their_turn_comes() {
    let mut it = Harness::over(Memory::new(), &[spec("crm")], 64 * 1024).await;
    it.plan(|_| Reply::After(SECOND / 10, Outcome::Accepted));
    for _ in 0..100 {
        it.send(&[("crm", None)]).await;
    }
    it.until_at_rest(20 * SECOND).await;
    let read = it.store.bodies.load(Ordering::SeqCst);
    assert!((70..95).contains(&read), "16 KiB hold some fifteen events of a kilobyte: {read}");
    assert_eq!(it.counts().await, (100, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn what_nobody_offered_is_found() {
    let mut it = Harness::start(&[spec("crm")]).await;
    it.send(&[("crm", None)]).await;
    it.until_at_rest(SECOND).await;
    it.store_only(&[("crm", None)]).await;
    it.until_at_rest(11 * SECOND).await;
    assert_eq!(it.called("crm"), [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn more_offers_than_an_inbox_holds_are_not_lost() {
    let mut it = Harness::start(&[spec("crm")]).await;
    it.plan(|_| Reply::After(SECOND / 1000, Outcome::Accepted));
    it.pass(SECOND).await;
    // Nothing here yields, so the worker sees none of it before the end.
    let mut offers = Vec::new();
    for _ in 0..5000 {
        offers.push(it.store_only(&[("crm", None)]).await);
    }
    for (event, ready) in offers {
        it.dispatch.offer(&event, &Vec::new().into(), ready);
    }
    it.until_at_rest(60 * SECOND).await;
    assert_eq!(it.calls().len(), 5000);
}

#[tokio::test(start_paused = true)]
async fn dead_letters_carry_their_reason() {
    let mut it = Harness::start(&[spec("crm")]).await;
    let reasons = [DeadReason::Rejected, DeadReason::Redirect, DeadReason::Template];
    it.plan(move |call| {
        let reason = reasons[usize::try_from(call.event - 1).expect("few")];
        Reply::After(SECOND / 10, Outcome::Reject(reason))
    });
    for _ in reasons {
        it.send(&[("crm", None)]).await;
    }
    it.until_at_rest(SECOND).await;
    for reason in reasons {
        let dead = it.dead(reason).await;
        assert_eq!(dead.len(), 1, "{reason}");
        assert_eq!(dead[0].detail.as_deref(), Some("scripted"));
    }
    let status = it.status("crm").await;
    assert_eq!((status.dead_letters, status.circuit), (3, "closed"));
    assert_eq!(status.last_failure.expect("there were").0, "scripted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_real_threads_each_goes_once_and_in_its_order() {
    let mut it = Harness::start(&[spec("a"), spec("b"), spec("ordered")]).await;
    it.plan(|call| match call.event % 7 {
        0 => Reply::After(Duration::ZERO, Outcome::Reject(DeadReason::Rejected)),
        _ => Reply::After(Duration::ZERO, Outcome::Accepted),
    });
    for n in 0..2000 {
        let key = if n % 2 == 0 { "even" } else { "odd" };
        it.send(&[("a", None), ("b", None), ("ordered", Some(key))]).await;
        if n % 100 == 0 {
            it.dispatch.wake(None);
        }
    }
    it.until_at_rest(Duration::from_mins(2)).await;
    assert_eq!(it.calls().len(), 6000, "each once");
    let ordered = it.called("ordered");
    for parity in [0, 1] {
        let line: Vec<u64> = ordered.iter().copied().filter(|n| n % 2 == parity).collect();
        assert!(line.is_sorted() && line.len() == 1000);
    }
    assert!(it.most_at_once("ordered") <= 2);
    let dead = 3 * usize::try_from(2000 / 7).expect("few");
    assert_eq!(it.counts().await, (6000 - dead, dead, 0));
}
