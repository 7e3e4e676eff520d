//! Deliveries of one order key go out one after the other, in order of arrival.

use crate::delivery::{DeadReason, DeliveryId};

use super::super::{Bury, Change, DeadSelection, NewDelivery, Ready, Replay, Store};
use super::{Subject, at, done, due, due_ids, event, id, settle, stored, target};

/// Three of one key, one of another, one without: the ids, in order of arrival.
async fn five(store: &dyn Store) -> Vec<DeliveryId> {
    let mut out: Vec<Ready> = Vec::new();
    for (number, to) in (1..).zip(["crm:a", "crm:a", "crm:a", "crm:b", "crm"]) {
        out.extend(stored(store, event(number, i64::from(number), &[to])).await);
    }
    let ids: Vec<_> = out.iter().map(|ready| ready.id).collect();
    let first = ids.first().expect("the first may go").0;
    assert_eq!(ids, [first, first + 3, first + 4].map(DeliveryId), "ids grow with arrival");
    (first..first + 5).map(DeliveryId).collect()
}

/// Only heads and unordered ones are due; the end of one lets the next go.
pub async fn only_the_first_of_a_key_may_go<S: Subject>(subject: &mut S) {
    let store = subject.open();
    let ids = five(&*store).await;
    let [a1, a2, a3, b1, free] = *ids else { unreachable!("five") };
    assert_eq!(due_ids(&*store, "crm").await, [a1, b1, free]);
    let next = settle(&*store, a1, Change::Delivered, 100).await.next.expect("a2 may go");
    assert_eq!((next.id, next.due, next.event), (a2, at(2), id(2, 2)));
    assert_eq!(next.order_key.as_deref(), Some("a"));
    assert_eq!(due_ids(&*store, "crm").await, [a2, b1, free]);
    assert_eq!(settle(&*store, free, Change::Delivered, 100).await.next, None);
    assert_eq!(settle(&*store, b1, Change::Delivered, 100).await.next, None);
    drop(store);
    let store = subject.open();
    assert_eq!(due_ids(&*store, "crm").await, [a2]);
    let next = settle(&*store, a2, Change::Delivered, 100).await.next.expect("a3 may go");
    assert_eq!(next.id, a3);
    assert_eq!(settle(&*store, a3, Change::Delivered, 100).await.next, None);
    assert_eq!(due_ids(&*store, "crm").await, []);
    // The same key at another target is another order.
    assert_eq!(stored(&*store, event(9, 9, &["crm:a", "slack:a"])).await.len(), 2);
}

/// So does a dead letter.
pub async fn a_dead_letter_lets_the_next_one_go<S: Subject>(subject: &mut S) {
    let store = subject.open();
    let [a1, a2, ..] = *five(&*store).await else { unreachable!("five") };
    let settled = settle(&*store, a1, Change::Dead(DeadReason::Gone), 100).await;
    assert_eq!(settled.next.map(|next| next.id), Some(a2));
}

/// A retry holds back its own key, and nothing else.
pub async fn a_wait_keeps_its_place_in_the_order<S: Subject>(subject: &mut S) {
    let store = subject.open();
    let [a1, _, _, b1, free] = *five(&*store).await else { unreachable!("five") };
    assert_eq!(settle(&*store, a1, Change::Again(at(5_000)), 100).await.next, None);
    assert_eq!(due_ids(&*store, "crm").await, [b1, free, a1]);
}

/// New deliveries of an old event wait behind those that arrived before.
pub async fn a_replay_goes_to_the_tail<S: Subject>(subject: &mut S) {
    let store = subject.open();
    let [a1, a2, a3, ..] = *five(&*store).await else { unreachable!("five") };
    let to_a = NewDelivery { target: target("crm"), order_key: Some("a".into()) };
    let replay =
        Replay { event: id(1, 1), deliveries: vec![to_a.clone()], revision: 1, now: at(50) };
    assert_eq!(done(store.replay(replay.clone())).await, [], "three wait before it");
    for id in [a1, a2, a3] {
        settle(&*store, id, Change::Delivered, 100).await;
    }
    let last = due(&*store, "crm").await.pop().expect("the replay is due");
    assert!(last.replay && last.event == id(1, 1) && last.id > a3);
    settle(&*store, last.id, Change::Delivered, 100).await;
    assert_eq!(done(store.replay(replay)).await.len(), 1, "nothing waits before it");
}

/// A dead letter that is reopened stands before those that arrived later.
pub async fn a_reopened_delivery_takes_its_old_place<S: Subject>(subject: &mut S) {
    let store = subject.open();
    let [a1, a2, a3, b1, free] = *five(&*store).await else { unreachable!("five") };
    settle(&*store, a1, Change::Dead(DeadReason::Rejected), 100).await;
    settle(&*store, b1, Change::Dead(DeadReason::Rejected), 100).await;
    assert_eq!(due_ids(&*store, "crm").await, [a2, free]);
    assert_eq!(done(store.reopen(DeadSelection::default(), at(200))).await, 2);
    assert_eq!(due_ids(&*store, "crm").await, [free, a1, b1]);
    // The one that was in flight ends: the first was free to go already.
    assert_eq!(settle(&*store, a2, Change::Delivered, 300).await.next, None);
    assert_eq!(due_ids(&*store, "crm").await, [free, a1, b1]);
    let next = settle(&*store, a1, Change::Delivered, 300).await.next;
    assert_eq!(next.map(|next| next.id), Some(a3));
}

/// Burying a key's first, or its middle.
pub async fn burying_the_first_lets_the_next_one_go<S: Subject>(subject: &mut S) {
    let store = subject.open();
    let [a1, a2, a3, b1, free] = *five(&*store).await else { unreachable!("five") };
    let bury = |older_than, except| Bury {
        target: target("crm"),
        reason: DeadReason::Expired,
        older_than,
        except,
        now: at(500),
    };
    assert_eq!(done(store.bury(bury(Some(at(2)), vec![a1]))).await, 1, "a2 is buried");
    assert_eq!(due_ids(&*store, "crm").await, [a1, b1, free]);
    let next = settle(&*store, a1, Change::Delivered, 600).await.next;
    assert_eq!(next.map(|next| next.id), Some(a3));
    stored(&*store, event(6, 6, &["crm:a"])).await;
    assert_eq!(done(store.bury(bury(Some(at(3)), vec![]))).await, 1, "a3 is buried");
    assert_eq!(due_ids(&*store, "crm").await, [b1, free, DeliveryId(free.0 + 1)]);
    assert!(!settle(&*store, a2, Change::Delivered, 600).await.applied);
}
