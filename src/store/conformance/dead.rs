//! Dead letters: listed, selected, reopened, dropped; and burying.

use crate::delivery::{DeadReason, DeliveryId};

use super::super::{
    AttemptResult, Bury, Change, DeadLetter, DeadSelection, DeliveryState, Page, Settle, Store,
    StoreError,
};
use super::{
    Subject, at, attempt, done, due, due_ids, event, everything_dead, finished, id, one, settle,
    stats, stored, target,
};

async fn dead_ids(store: &dyn Store, selection: DeadSelection) -> Vec<DeliveryId> {
    let page = Page { limit: 1000, after: None };
    let dead = done(store.dead_letters(selection, page)).await;
    dead.into_iter().map(|letter| letter.delivery.id).collect()
}

/// Pending again, due now, its attempts kept.
pub async fn reopening_begins_a_new_age<S: Subject>(subject: &mut S) {
    let store = subject.open();
    let first = one(&*store, 1, 0, "crm").await;
    let dead = Settle {
        delivery: first,
        attempt: Some(attempt(3, 10, AttemptResult::Rejected)),
        change: Change::Dead(DeadReason::Rejected),
        now: at(45),
    };
    done(store.settle(dead)).await;
    let (selection, page) = everything_dead();
    let letters = done(store.dead_letters(selection.clone(), page)).await;
    let letter = letters.first().expect("one dead letter");
    let state = DeliveryState::Dead { reason: DeadReason::Rejected, at: at(45) };
    assert_eq!((letter.delivery.state, letter.event), (state, id(1, 0)));
    assert_eq!(letter.detail.as_deref(), Some("503 Service Unavailable"));
    assert_eq!(letter.event_name.as_deref(), Some("call_ended"));
    assert_eq!(letter.subject.as_deref(), Some("call_1"));

    assert_eq!(done(store.reopen(selection.clone(), at(9_000))).await, 1);
    let ready = due(&*store, "crm").await.pop().expect("it is pending");
    assert_eq!((ready.id, ready.due, ready.age_from), (first, at(9_000), at(9_000)));
    assert_eq!((ready.attempts, ready.replay), (3, false));
    assert_eq!(dead_ids(&*store, selection.clone()).await, []);
    assert_eq!(done(store.reopen(selection, at(9_000))).await, 0, "none is left");
}

/// Off the list, in the history, and never back.
pub async fn dropping_keeps_the_history<S: Subject>(subject: &mut S) {
    let store = subject.open();
    let first = one(&*store, 1, 0, "crm").await;
    settle(&*store, first, Change::Dead(DeadReason::Gone), 10).await;
    let all = DeadSelection::default();
    assert_eq!(done(store.drop_dead(all.clone(), at(20))).await, 1);
    assert_eq!(dead_ids(&*store, all.clone()).await, []);
    assert_eq!(done(store.drop_dead(all.clone(), at(20))).await, 0);
    assert_eq!(done(store.reopen(all, at(20))).await, 0);
    assert_eq!(stats(&*store).await.targets, []);
    drop(store);
    let store = subject.open();
    let (_, deliveries) = done(store.event(id(1, 0))).await;
    let (delivery, _) = deliveries.first().expect("it is in the history");
    let dropped = DeliveryState::Dead { reason: DeadReason::Dropped, at: at(20) };
    assert_eq!(delivery.state, dropped);
}

/// By id, target, reason and event; all that are named must agree.
pub async fn dead_letters_are_selected<S: Subject>(subject: &mut S) {
    let store = subject.open();
    let mut ids = Vec::new();
    for (number, to, reason) in [
        (1, "crm", DeadReason::Gone),
        (2, "slack", DeadReason::Gone),
        (3, "crm", DeadReason::Template),
        (4, "crm", DeadReason::Gone),
    ] {
        let id = one(&*store, number, i64::from(number), to).await;
        settle(&*store, id, Change::Dead(reason), 100 + i64::from(number)).await;
        ids.push(id);
    }
    let pending = one(&*store, 5, 5, "crm").await;
    let [a, b, c, d] = *ids else { unreachable!("four") };
    let none = DeadSelection::default;
    assert_eq!(dead_ids(&*store, none()).await, [d, c, b, a]);
    let of_crm = DeadSelection { target: Some(target("crm")), ..none() };
    assert_eq!(dead_ids(&*store, of_crm).await, [d, c, a]);
    let gone = DeadSelection { reason: Some(DeadReason::Gone), ..none() };
    assert_eq!(dead_ids(&*store, gone).await, [d, b, a]);
    let of_event = DeadSelection { event: Some(id(3, 3)), ..none() };
    assert_eq!(dead_ids(&*store, of_event).await, [c]);
    let named = DeadSelection { ids: vec![a, b, pending, DeliveryId(999)], ..none() };
    assert_eq!(dead_ids(&*store, named.clone()).await, [b, a]);
    let both = DeadSelection { target: Some(target("crm")), ..named };
    assert_eq!(dead_ids(&*store, both.clone()).await, [a]);
    let unknown = DeadSelection { target: Some(target("nobody")), ..none() };
    assert_eq!(dead_ids(&*store, unknown.clone()).await, []);
    assert_eq!(done(store.drop_dead(unknown, at(200))).await, 0);
    assert_eq!(done(store.reopen(both, at(200))).await, 1);
    let gone =
        DeadSelection { target: Some(target("crm")), reason: Some(DeadReason::Gone), ..none() };
    assert_eq!(done(store.drop_dead(gone, at(200))).await, 1);
    assert_eq!(dead_ids(&*store, none()).await, [c, b]);
}

/// The last to die first, page by page.
pub async fn dead_letters_are_paged<S: Subject>(subject: &mut S) {
    let store = subject.open();
    let mut ids = Vec::new();
    for number in 1..=7 {
        ids.push(one(&*store, number, i64::from(number), "crm").await);
    }
    // The youngest dies first; three die together.
    for (id, millis) in ids.iter().rev().zip([10, 20, 30, 30, 30, 40, 50]) {
        settle(&*store, *id, Change::Dead(DeadReason::Gone), millis).await;
    }
    let (selection, _) = everything_dead();
    let expected = dead_ids(&*store, selection.clone()).await;
    let [i1, i2, i3, i4, i5, i6, i7] = *ids else { unreachable!("seven") };
    assert_eq!(expected, [i1, i2, i5, i4, i3, i6, i7]);
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = Page { limit: 2, after };
        let letters = done(store.dead_letters(selection.clone(), page)).await;
        assert!(letters.len() <= 2);
        let Some(last) = letters.last() else { break };
        after = Some(last.cursor());
        seen.extend(letters.iter().map(|letter| letter.delivery.id));
    }
    assert_eq!(seen, expected);
    for cursor in ["", "x", "1", "1-x", "-"] {
        let page = Page { limit: 2, after: Some(cursor.to_owned()) };
        let refused = finished(store.dead_letters(selection.clone(), page)).await;
        assert_eq!(refused.err(), Some(StoreError::Cursor), "{cursor:?}");
    }
}

/// Only those old enough, and none in flight.
pub async fn burying_spares_the_young_and_the_flying<S: Subject>(subject: &mut S) {
    let store = subject.open();
    let mut ids = Vec::new();
    for number in 1..=5 {
        ids.push(one(&*store, number, i64::from(number), "crm").await);
    }
    let other = one(&*store, 6, 0, "slack").await;
    let [d1, d2, d3, d4, d5] = *ids else { unreachable!("five") };
    // A retry that is due late is old all the same, and a reopened one is young.
    settle(&*store, d1, Change::Again(at(90_000)), 10).await;
    settle(&*store, d2, Change::Dead(DeadReason::Gone), 10).await;
    done(store.reopen(DeadSelection::default(), at(50))).await;
    let bury = |older_than| Bury {
        target: target("crm"),
        reason: DeadReason::Expired,
        older_than,
        except: vec![d3],
        now: at(100_000),
    };
    assert_eq!(done(store.bury(bury(Some(at(0))))).await, 0);
    assert_eq!(done(store.bury(bury(Some(at(4))))).await, 2);
    assert_eq!(due_ids(&*store, "crm").await, [d3, d5, d2]);
    assert_eq!(dead_ids(&*store, DeadSelection::default()).await, [d4, d1]);
    assert_eq!(done(store.bury(bury(None))).await, 2);
    assert_eq!(due_ids(&*store, "crm").await, [d3]);
    assert_eq!(due_ids(&*store, "slack").await, [other]);
    let nobody = Bury { target: target("nobody"), ..bury(None) };
    assert_eq!(done(store.bury(nobody)).await, 0);
    let dropped = Bury { reason: DeadReason::Dropped, except: Vec::new(), ..bury(None) };
    assert_eq!(done(store.bury(dropped)).await, 1);
    assert_eq!(dead_ids(&*store, DeadSelection::default()).await.len(), 4, "dropped is unlisted");
}

/// More than any one transaction takes, in and out of order.
pub async fn burying_many_counts_all<S: Subject>(subject: &mut S) {
    let store = subject.open();
    let pending: Vec<_> = (0..2_500_u16)
        .map(|number| {
            let to = if number % 2 == 0 { "crm" } else { "crm:key" };
            store.append(event(number, i64::from(number), &[to]))
        })
        .collect();
    for pending in pending {
        drop(done(pending).await);
    }
    let bury = Bury {
        target: target("crm"),
        reason: DeadReason::TargetRemoved,
        older_than: None,
        except: Vec::new(),
        now: at(100_000),
    };
    // What arrives while it works is not its business.
    let burying = store.bury(bury);
    assert_eq!(done(burying).await, 2_500);
    assert_eq!(due_ids(&*store, "crm").await, []);
    let ready = stored(&*store, event(3_000, 100_000, &["crm:key"])).await;
    assert_eq!(ready.len(), 1, "nobody holds the key any more");
    let letters =
        done(store.dead_letters(DeadSelection::default(), Page { limit: 1000, after: None }));
    let last = letters.await.last().map(DeadLetter::cursor);
    assert!(last.is_some());
}
