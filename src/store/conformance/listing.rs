//! What is read: the due, listings with filters and cursors, pauses, revisions, and what is not there.

use std::sync::Arc;

use crate::delivery::{DeadReason, DeliveryId};
use crate::event::EventId;
use crate::name::RuleName;

use super::super::{
    Append, Change, DeadSelection, EventFilter, EventState, Health, Page, Store, StoreError,
};
use super::{
    Subject, all_events, at, body, done, due, due_ids, event, fate, finished, hash, id, known, one,
    settle, stats, stored, target,
};

/// Every delivery once, by due and id, whatever the size of the page.
pub async fn due_is_paged_without_gaps<S: Subject>(subject: &mut S) {
    let store = subject.open();
    for number in 1..=9 {
        // Three are due at each moment, the later the earlier.
        let millis = 100 - i64::from(number / 3);
        stored(&*store, event(number, millis, &["crm", "slack"])).await;
    }
    let all = due(&*store, "crm").await;
    assert_eq!(all.len(), 9);
    let places: Vec<_> = all.iter().map(|ready| (ready.due, ready.id)).collect();
    assert!(places.is_sorted());
    for limit in [1, 2, 3, 4, 9, 10] {
        let mut after = None;
        let mut seen = Vec::new();
        loop {
            let page = done(store.due(&target("crm"), after, limit)).await;
            assert!(page.len() <= limit);
            let Some(last) = page.last() else { break };
            after = Some((last.due, last.id));
            seen.extend(page);
        }
        assert_eq!(seen, all, "in pages of {limit}");
    }
    assert_eq!(done(store.due(&target("crm"), None, 0)).await, []);
}

/// Neither another's, nor a stranger's.
pub async fn due_knows_only_its_target<S: Subject>(subject: &mut S) {
    let store = subject.open();
    let first = one(&*store, 1, 0, "crm").await;
    one(&*store, 2, 0, "slack").await;
    assert_eq!(due_ids(&*store, "crm").await, [first]);
    assert_eq!(due_ids(&*store, "nobody").await, []);
}

fn page(limit: usize) -> Page {
    Page { limit, after: None }
}

async fn found(store: &dyn Store, filter: EventFilter) -> Vec<EventId> {
    let events = done(store.events(filter, page(100))).await.events;
    events.into_iter().map(|(event, _)| event.envelope.id).collect()
}

fn rule(name: &str) -> RuleName {
    RuleName::new(name).expect("a rule's name")
}

/// Seven events of every kind.
async fn seven(store: &dyn Store) -> [EventId; 7] {
    let named = |number, name: &str, agent: &str, append: Append| {
        let mut envelope = super::envelope(number, i64::from(number));
        envelope.name = Some(name.to_owned());
        envelope.agent_id = Some(agent.to_owned());
        Append { envelope: Arc::new(envelope), ..append }
    };
    let to = |number, targets: &[&str]| event(number, i64::from(number), targets);
    let state = |state, number| Append { state, ..to(number, &[]) };
    let quarantined = EventState::Quarantined { reason: "no".to_owned() };
    stored(store, known("k", named(1, "call_started", "a", to(1, &["crm"])))).await;
    stored(store, named(2, "call_ended", "a", to(2, &["crm", "slack"]))).await;
    let rules = vec![rule("a"), rule("with \"b\", c")];
    stored(store, Append { rules, ..named(3, "call_ended", "b", to(3, &["slack"])) }).await;
    let watched = Append { shadow: vec![rule("watching")], ..state(EventState::Unrouted, 4) };
    stored(store, watched).await;
    stored(store, state(EventState::Ignored, 5)).await;
    stored(store, state(quarantined, 6)).await;
    drop(fate(store, known("k", named(7, "call_started", "a", to(7, &["crm"])))).await);
    let first = due(store, "crm").await.first().expect("two are due").id;
    settle(store, first, Change::Delivered, 50).await;
    let second = due(store, "slack").await.first().expect("two are due").id;
    settle(store, second, Change::Dead(DeadReason::Gone), 50).await;
    [1, 2, 3, 4, 5, 6, 7].map(|number| id(number, i64::from(number)))
}

/// Each member alone, and several at once.
pub async fn events_are_filtered<S: Subject>(subject: &mut S) {
    let store = subject.open();
    let [e1, e2, e3, e4, e5, e6, e7] = seven(&*store).await;
    let none = EventFilter::default;
    let name = |text: &str| EventFilter { name: Some(text.to_owned()), ..none() };
    let state = |text: &str| EventFilter { state: Some(text.to_owned()), ..none() };
    let to = |text: &str| EventFilter { target: Some(text.to_owned()), ..none() };
    let by = |text: &str| EventFilter { rule: Some(text.to_owned()), ..none() };
    let with = |text: &str| EventFilter { text: Some(text.to_owned()), ..none() };
    let cases = [
        (by("everything"), vec![e7, e6, e5, e4, e2, e1]),
        (by("a"), vec![e3]),
        (by("with \"b\", c"), vec![e3]),
        (by("b"), vec![]),
        (by("\", c"), vec![]),
        (by("watching"), vec![e4]),
        (with("CALL_3"), vec![e3]),
        (with("\"Number\":5"), vec![e5]),
        (with("call_STARTED"), vec![e7, e1]),
        (with(&e6.to_string().to_uppercase()), vec![e6]),
        (with("nobody says this"), vec![]),
        (EventFilter { rule: Some("everything".to_owned()), ..with("number\":2") }, vec![e2]),
        (EventFilter { target: Some("crm".to_owned()), ..with("number") }, vec![e2, e1]),
        (none(), vec![e7, e6, e5, e4, e3, e2, e1]),
        (name("call_started"), vec![e7, e1]),
        (name("call"), vec![]),
        (EventFilter { agent_id: Some("a".to_owned()), ..none() }, vec![e7, e2, e1]),
        (EventFilter { subject: Some("call_3".to_owned()), ..none() }, vec![e3]),
        (to("crm"), vec![e2, e1]),
        (to("nobody"), vec![]),
        (state("routed"), vec![e3, e2, e1]),
        (state("unrouted"), vec![e4]),
        (state("ignored"), vec![e5]),
        (state("quarantined"), vec![e6]),
        (state("revised"), vec![e7]),
        (state("pending"), vec![e3, e2]),
        (state("delivered"), vec![e1]),
        (state("dead"), vec![e2]),
        (state("nonsense"), vec![]),
        (EventFilter { target: Some("crm".to_owned()), ..state("dead") }, vec![]),
        (EventFilter { target: Some("slack".to_owned()), ..state("dead") }, vec![e2]),
        (EventFilter { since: Some(at(6)), ..none() }, vec![e7, e6]),
        (EventFilter { until: Some(at(3)), ..none() }, vec![e2, e1]),
        (EventFilter { since: Some(at(2)), until: Some(at(3)), ..none() }, vec![e2]),
        (EventFilter { agent_id: Some("a".to_owned()), ..name("call_ended") }, vec![e2]),
    ];
    for (filter, expected) in cases {
        assert_eq!(found(&*store, filter.clone()).await, expected, "{filter:?}");
    }
    let listed = all_events(&*store).await;
    let deliveries: Vec<_> = listed.iter().map(|(_, deliveries)| deliveries.len()).collect();
    assert_eq!(deliveries, [0, 0, 0, 0, 1, 2, 1]);
}

/// In the order of asking, without those that are not there, and as a listing has them.
pub async fn events_are_listed_by_their_ids<S: Subject>(subject: &mut S) {
    let store = subject.open();
    let [first, .., last] = seven(&*store).await;
    let asked = vec![last, id(9, 9), first];
    let listed = done(store.listed(asked)).await;
    let all = all_events(&*store).await;
    assert_eq!(listed, [all.first().cloned(), all.last().cloned()].map(|one| one.expect("seven")));
    assert_eq!(done(store.listed(Vec::new())).await, []);
}

/// Newest first, each once, and the end is known.
pub async fn events_are_paged<S: Subject>(subject: &mut S) {
    let store = subject.open();
    for number in 1..=7 {
        // All arrive in the same millisecond; the order is that of arrival.
        stored(&*store, event(number, 0, &["crm"])).await;
    }
    let all = found(&*store, EventFilter::default()).await;
    assert_eq!(all, [7, 6, 5, 4, 3, 2, 1].map(|number| id(number, 0)));
    for limit in [1, 2, 3, 7, 8] {
        let mut next = None;
        let mut seen = Vec::new();
        loop {
            let asked = Page { limit, after: next };
            let part = done(store.events(EventFilter::default(), asked)).await;
            assert!(part.events.len() <= limit);
            seen.extend(part.events.iter().map(|(event, _)| event.envelope.id));
            next = part.next;
            if next.is_none() {
                break;
            }
            assert!(!part.events.is_empty(), "a page with a next is not empty");
        }
        assert_eq!(seen, all, "in pages of {limit}");
    }
    let odd = Page { limit: 1, after: Some("x'".to_owned()) };
    let refused = finished(store.events(EventFilter::default(), odd)).await;
    assert_eq!(refused.err(), Some(StoreError::Cursor));
}

/// Oldest first, each once, in pages of any size, and over a restart; what the filter leaves out is passed over.
pub async fn arrivals_go_on_where_they_stopped<S: Subject>(subject: &mut S) {
    let store = subject.open();
    let empty = done(store.arrivals(EventFilter::default(), 0, 10)).await;
    assert_eq!((empty.events.len(), empty.next, empty.head), (0, 0, 0));
    for number in 1..=7 {
        let target = if number % 2 == 0 { "slack" } else { "crm" };
        stored(&*store, event(number, 0, &[target])).await;
    }
    let crm = EventFilter { target: Some("crm".to_owned()), ..EventFilter::default() };
    for (filter, wanted) in
        [(EventFilter::default(), vec![1, 2, 3, 4, 5, 6, 7]), (crm.clone(), vec![1, 3, 5, 7])]
    {
        let wanted: Vec<_> = wanted.into_iter().map(|number| id(number, 0)).collect();
        for limit in [1, 2, 3, 7, 8] {
            let (mut from, mut seen) = (0, Vec::new());
            loop {
                let part = done(store.arrivals(filter.clone(), from, limit)).await;
                assert!(part.events.len() <= limit && part.next >= from);
                assert!(part.events.iter().all(|(_, _, deliveries)| deliveries.len() == 1));
                seen.extend(part.events.iter().map(|(_, event, _)| event.envelope.id));
                let last = part.events.last().map_or(part.next, |(next, ..)| *next);
                assert!(last <= part.next, "the last of a page leads no further than the page");
                from = part.next;
                if from == part.head {
                    break;
                }
            }
            assert_eq!(seen, wanted, "in pages of {limit}");
        }
    }
    let text = EventFilter { text: Some("NUMBER\":6".to_owned()), ..EventFilter::default() };
    let part = done(store.arrivals(text, 0, 10)).await;
    let ids: Vec<_> = part.events.iter().map(|(_, event, _)| event.envelope.id).collect();
    assert_eq!((ids, part.next), (vec![id(6, 0)], part.head));
    let head = done(store.arrivals(crm.clone(), u64::MAX, 1)).await.head;
    drop(store);
    let store = subject.open();
    stored(&*store, event(8, 0, &["slack"])).await;
    stored(&*store, event(9, 0, &["crm"])).await;
    let part = done(store.arrivals(crm, head, 10)).await;
    let ids: Vec<_> = part.events.iter().map(|(_, event, _)| event.envelope.id).collect();
    assert_eq!((ids, part.next), (vec![id(9, 0)], part.head));
}

/// Oldest first with their bodies, each once, in parts of any length; a damaged body is told as none.
pub async fn stretches_are_whole_and_bounded<S: Subject>(subject: &mut S) {
    let store = subject.open();
    let all = EventFilter::default();
    let empty = done(store.stretch(all.clone(), 0, 10, 1_000)).await;
    assert_eq!((empty.events.len(), empty.next, empty.head), (0, 0, 0));
    for number in 1..=7 {
        stored(&*store, event(number, i64::from(number), &["crm"])).await;
    }
    done(store.close()).await;
    drop(store);
    subject.damage(id(3, 3));
    let store = subject.open();
    let window = EventFilter { since: Some(at(2)), until: Some(at(7)), ..EventFilter::default() };
    let length = body(&*store, id(1, 1)).await.body.len();
    for (limit, most, longest) in [
        (1, usize::MAX, 1),
        (3, usize::MAX, 3),
        (100, usize::MAX, 5),
        (100, 0, 1),
        (100, 2 * length, 2),
    ] {
        let (mut from, mut seen) = (0, Vec::new());
        loop {
            let part = done(store.stretch(window.clone(), from, limit, most)).await;
            assert!(part.events.len() <= longest, "{limit} {most}");
            assert!(part.next > from || part.next == part.head, "it goes on");
            for (id, stored) in part.events {
                if let Some(stored) = &stored {
                    assert_eq!(stored.envelope.id, id);
                    assert_eq!(stored.body, body(&*store, id).await.body);
                }
                seen.push((id, stored.is_some()));
            }
            from = part.next;
            if from == part.head {
                break;
            }
        }
        let wanted = [2, 3, 4, 5, 6].map(|number| (id(number, i64::from(number)), number != 3));
        assert_eq!(seen, wanted, "in parts of {limit} or {most} bytes");
    }
    let behind = done(store.stretch(all, u64::MAX, 1, 1)).await;
    assert!(behind.events.is_empty());
}

/// By name, for targets that have nothing, too.
pub async fn pausing_is_durable<S: Subject>(subject: &mut S) {
    let store = subject.open();
    one(&*store, 1, 0, "crm").await;
    done(store.set_paused(target("crm"), true)).await;
    done(store.set_paused(target("idle"), true)).await;
    done(store.set_paused(target("idle"), true)).await;
    drop(store);
    let store = subject.open();
    let counted = stats(&*store).await.targets;
    let paused: Vec<_> =
        counted.iter().map(|(name, counts)| (name.as_str(), counts.paused)).collect();
    assert_eq!(paused, [("crm", true), ("idle", true)]);
    assert_eq!(due_ids(&*store, "crm").await.len(), 1, "what is due is due; dispatch waits");
    done(store.set_paused(target("crm"), false)).await;
    done(store.set_paused(target("idle"), false)).await;
    drop(store);
    let counted = stats(&*subject.open()).await.targets;
    let paused: Vec<_> =
        counted.iter().map(|(name, counts)| (name.as_str(), counts.paused)).collect();
    assert_eq!(paused, [("crm", false)]);
}

/// The same text keeps its number; another one, or an old one again, gets the next.
pub async fn revisions_are_numbered<S: Subject>(subject: &mut S) {
    let store = subject.open();
    let mut numbers = Vec::new();
    let texts = [("a", 1, 0), ("a", 1, 1), ("b", 2, 2), ("a", 1, 3), ("a", 1, 4)];
    for (text, byte, millis) in texts {
        let revision = done(store.add_revision(text.into(), hash(byte), at(millis))).await;
        assert_eq!(revision.hash, hash(byte));
        numbers.push(revision.number);
    }
    assert_eq!(numbers, [1, 1, 2, 3, 3]);
    drop(store);
    let store = subject.open();
    let again = done(store.add_revision("a".into(), hash(1), at(5))).await;
    assert_eq!(again.number, 3);
    let (revision, text, since) = done(store.revision(3)).await;
    assert_eq!((revision, &*text, since), (again, "a", at(3)));
    let listed = done(store.revisions(2)).await;
    let listed: Vec<_> = listed.iter().map(|(kept, at)| (kept.number, kept.hash, *at)).collect();
    assert_eq!(listed, [(3, hash(1), at(3)), (2, hash(2), at(2))]);
    assert_eq!(done(store.revisions(100)).await.len(), 3);
}

/// Named as such.
pub async fn unknown_things_are_not_found<S: Subject>(subject: &mut S) {
    let store = subject.open();
    let missing = Some(StoreError::NotFound);
    assert_eq!(finished(store.body(id(1, 0))).await.err(), missing);
    assert_eq!(finished(store.event(id(1, 0))).await.err(), missing);
    assert_eq!(finished(store.revision(1)).await.err(), missing);
}

/// And only that one: its envelope can be listed, its neighbours can be read.
pub async fn a_damaged_body_is_noticed<S: Subject>(subject: &mut S) {
    let store = subject.open();
    for number in 1..=3 {
        stored(&*store, event(number, 0, &["crm"])).await;
    }
    done(store.close()).await;
    drop(store);
    subject.damage(id(2, 0));
    let store = subject.open();
    let refused = finished(store.body(id(2, 0))).await;
    assert_eq!(refused.err(), Some(StoreError::Damaged(id(2, 0))));
    for number in [1, 3] {
        assert_eq!(body(&*store, id(number, 0)).await.body, event(number, 0, &[]).body);
    }
    assert_eq!(all_events(&*store).await.len(), 3);
    assert_eq!(due(&*store, "crm").await.len(), 3);
}

/// In their order, as many as were asked for, without those that cannot be read.
pub async fn several_bodies_come_at_once<S: Subject>(subject: &mut S) {
    let store = subject.open();
    for number in 1..=4 {
        stored(&*store, event(number, 0, &["crm"])).await;
    }
    done(store.close()).await;
    drop(store);
    subject.damage(id(2, 0));
    let store = subject.open();
    let asked: Vec<_> = [4, 2, 9, 1, 3].map(|number| id(number, 0)).into();
    let all = done(store.bodies(asked.clone(), usize::MAX)).await;
    let ids: Vec<_> = all.iter().map(|(id, _)| *id).collect();
    assert_eq!(ids, [4, 1, 3].map(|number| id(number, 0)));
    for (id, stored) in &all {
        assert_eq!(stored.body, body(&*store, *id).await.body);
        assert_eq!(stored.envelope.id, *id);
    }
    let two = all.iter().take(2).map(|(_, stored)| stored.body.len()).sum();
    assert_eq!(done(store.bodies(asked.clone(), two)).await.len(), 2);
    assert_eq!(done(store.bodies(asked, two - 1)).await.len(), 1);
    assert!(done(store.bodies(Vec::new(), 9)).await.is_empty());
}

/// Without a word of warning before it: the handle is let go, not closed.
pub async fn everything_is_there_after_a_restart<S: Subject>(subject: &mut S) {
    let store = subject.open();
    seven(&*store).await;
    let before = (all_events(&*store).await, due(&*store, "crm").await, stats(&*store).await);
    drop(store);
    let store = subject.open();
    let after = (all_events(&*store).await, due(&*store, "crm").await, stats(&*store).await);
    assert_eq!((before.0, before.1, before.2.targets), (after.0, after.1, after.2.targets));
    assert_eq!((before.2.events, before.2.quarantined), (after.2.events, after.2.quarantined));
    // Repeats are told, and ids go on where they stopped.
    let again = fate(&*store, known("k", event(8, 100, &["crm"]))).await;
    assert!(matches!(again, super::Fate::Revised { of } if of == id(1, 1)));
    let last = due_ids(&*store, "slack").await.pop().expect("one is due");
    assert!(one(&*store, 9, 100, "slack").await > last);
    assert_eq!(store.health(), Health::Writable);
}

/// What was asked before the close is done; what is asked after it is not.
pub async fn a_closed_store_says_so<S: Subject>(subject: &mut S) {
    let store = subject.open();
    let pending: Vec<_> = (1..50).map(|number| store.append(event(number, 0, &["crm"]))).collect();
    let closing = store.close();
    for pending in pending {
        drop(done(pending).await);
    }
    done(closing).await;
    let closed = Some(StoreError::Closed);
    assert_eq!(finished(store.append(event(99, 0, &["crm"]))).await.err(), closed);
    assert_eq!(finished(store.due(&target("crm"), None, 1)).await.err(), closed);
    assert_eq!(finished(store.stats()).await.err(), closed);
    let (selection, _) = super::everything_dead();
    assert_eq!(finished(store.reopen(selection, at(0))).await.err(), closed);
    assert_eq!(finished(store.poisoned()).await.err(), closed, "it will never be");
    drop(store);
    let store = subject.open();
    assert_eq!(due_ids(&*store, "crm").await.len(), 49);
    let missing = DeadSelection { ids: vec![DeliveryId(1)], ..DeadSelection::default() };
    assert_eq!(done(store.drop_dead(missing, at(0))).await, 0);
}
