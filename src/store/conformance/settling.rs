//! Attempts and what follows from them; replays.

use crate::delivery::{DeadReason, DeliveryId};
use crate::event::EventId;

use super::super::{
    Attempt, AttemptResult, Change, DeliveryRecord, DeliveryState, NewDelivery, Replay, Settle,
    Store, StoreError,
};
use super::{
    Subject, at, attempt, done, due, due_ids, event, finished, id, one, settle, stats, stored,
    target,
};

async fn delivery(store: &dyn Store, event: EventId) -> (DeliveryRecord, Vec<Attempt>) {
    let (_, mut deliveries) = done(store.event(event)).await;
    deliveries.pop().expect("it has a delivery")
}

/// Delivered, with its attempts, and nothing is pending.
pub async fn a_settled_delivery_is_in_the_history<S: Subject>(subject: &mut S) {
    let store = subject.open();
    let id1 = one(&*store, 1, 0, "crm").await;
    let again = Settle {
        delivery: id1,
        attempt: Some(attempt(1, 10, AttemptResult::Retry)),
        change: Change::Again(at(2_000)),
        now: at(45),
    };
    assert!(done(store.settle(again)).await.applied);
    let mut last = attempt(2, 2_000, AttemptResult::Accepted);
    (last.status, last.answer) = (None, None);
    let accepted = Settle {
        delivery: id1,
        attempt: Some(last.clone()),
        change: Change::Delivered,
        now: at(2_050),
    };
    assert!(done(store.settle(accepted)).await.applied);
    let (record, tried) = delivery(&*store, id(1, 0)).await;
    assert_eq!(record.state, DeliveryState::Delivered { at: at(2_050) });
    assert_eq!((record.id, record.attempts, record.created_at), (id1, 2, at(0)));
    assert_eq!(tried, [attempt(1, 10, AttemptResult::Retry), last]);
    assert_eq!(due_ids(&*store, "crm").await, []);
    assert_eq!(stats(&*store).await.targets, []);
}

/// The attempt is recorded, and that is all.
pub async fn settling_twice_changes_nothing<S: Subject>(subject: &mut S) {
    let store = subject.open();
    let id1 = one(&*store, 1, 0, "crm").await;
    assert!(settle(&*store, id1, Change::Dead(DeadReason::Expired), 10).await.applied);
    let late = Settle {
        delivery: id1,
        attempt: Some(attempt(1, 5, AttemptResult::Accepted)),
        change: Change::Delivered,
        now: at(20),
    };
    assert!(!done(store.settle(late.clone())).await.applied);
    assert!(!done(store.settle(late)).await.applied);
    let (record, tried) = delivery(&*store, id(1, 0)).await;
    let expired = DeliveryState::Dead { reason: DeadReason::Expired, at: at(10) };
    assert_eq!((record.state, record.attempts), (expired, 2));
    let numbers: Vec<_> = tried.iter().map(|attempt| attempt.number).collect();
    assert_eq!(numbers, [1, 2], "an attempt never takes the place of another");
}

/// As if it had been pruned.
pub async fn settling_what_is_not_there_changes_nothing<S: Subject>(subject: &mut S) {
    let store = subject.open();
    let nothing = Settle {
        delivery: DeliveryId(99),
        attempt: Some(attempt(1, 5, AttemptResult::Accepted)),
        change: Change::Delivered,
        now: at(20),
    };
    let settled = done(store.settle(nothing)).await;
    assert!(!settled.applied && settled.next.is_none());
}

/// Later, with the attempt counted and the age kept.
pub async fn a_retry_is_due_later<S: Subject>(subject: &mut S) {
    let store = subject.open();
    let first = one(&*store, 1, 0, "crm").await;
    let second = one(&*store, 2, 1, "crm").await;
    let again = Settle {
        delivery: first,
        attempt: Some(attempt(1, 10, AttemptResult::Retry)),
        change: Change::Again(at(2_000)),
        now: at(45),
    };
    done(store.settle(again)).await;
    let waiting = due(&*store, "crm").await;
    let ids: Vec<_> = waiting.iter().map(|ready| ready.id).collect();
    assert_eq!(ids, [second, first]);
    let last = waiting.last().expect("two");
    assert_eq!((last.due, last.age_from, last.attempts), (at(2_000), at(0), 1));
}

/// What was tried is told after a restart, and counting goes on.
pub async fn attempts_survive_a_restart<S: Subject>(subject: &mut S) {
    let store = subject.open();
    let first = one(&*store, 1, 0, "crm").await;
    for number in 1..4 {
        let again = Settle {
            delivery: first,
            attempt: Some(attempt(number, 10, AttemptResult::Retry)),
            change: Change::Again(at(2_000)),
            now: at(45),
        };
        done(store.settle(again)).await;
    }
    drop(store);
    let store = subject.open();
    let ready = due(&*store, "crm").await.pop().expect("it is pending");
    assert_eq!((ready.attempts, ready.due, ready.age_from), (3, at(2_000), at(0)));
    let (_, tried) = delivery(&*store, id(1, 0)).await;
    assert_eq!(tried.len(), 3);
}

/// Past dedupe, with an age of their own.
pub async fn replaying_makes_new_deliveries<S: Subject>(subject: &mut S) {
    let store = subject.open();
    let first = one(&*store, 1, 0, "crm").await;
    settle(&*store, first, Change::Delivered, 10).await;
    let to = |name| NewDelivery { target: target(name), order_key: None };
    let replay = Replay {
        event: id(1, 0),
        deliveries: vec![to("crm"), to("slack")],
        revision: 4,
        now: at(60_000),
    };
    let ready = done(store.replay(replay.clone())).await;
    assert_eq!(ready.len(), 2);
    for ready in &ready {
        assert!(ready.replay && ready.id > first && ready.event == id(1, 0));
        assert_eq!((ready.due, ready.age_from, ready.attempts), (at(60_000), at(60_000), 0));
    }
    drop(store);
    let store = subject.open();
    assert_eq!(due(&*store, "slack").await, ready.get(1..).expect("two"));
    let (event_record, deliveries) = done(store.event(id(1, 0))).await;
    let revisions: Vec<_> = deliveries.iter().map(|(delivery, _)| delivery.revision).collect();
    assert_eq!((event_record.revision, revisions), (1, vec![1, 4, 4]));
    let unknown = Replay { event: id(9, 9), ..replay };
    assert_eq!(finished(store.replay(unknown)).await.err(), Some(StoreError::NotFound));
    // An event that arrives afterwards is not a replay.
    let later = stored(&*store, event(2, 60_001, &["crm"])).await;
    assert!(later.iter().all(|ready| !ready.replay));
}
