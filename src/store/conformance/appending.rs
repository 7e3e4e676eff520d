//! Events come in: stored whole, or told to be repeats.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::event::RequestParts;
use crate::name::RuleName;

use super::super::{Append, EventState, Fate, Identity, IdentityKey, NewDelivery, Replay};
use super::{Subject, all_events, at, body, done, due, event, fate, id, known, stored, target};

/// Envelope, rules, state, revision and bytes come back as they went in, and its deliveries may go out.
pub async fn an_event_is_stored_whole<S: Subject>(subject: &mut S) {
    let store = subject.open();
    let mut new = event(1, 5, &["crm", "slack"]);
    let mut envelope = super::envelope(1, 5);
    envelope.request = RequestParts {
        content_type: Some("application/json".to_owned()),
        user_agent: Some("axios/1.7".to_owned()),
        signature: Some("v=1,d=\"00\"".to_owned()),
        query: Some("a=b&c".to_owned()),
        peer: Some("100.20.5.228".to_owned()),
    };
    new.envelope = Arc::new(envelope.clone());
    new.rules = vec![RuleName::new("a \"b\"").expect("a name"), RuleName::new("día").expect("one")];
    new.revision = 7;
    new.body = (0..=255).cycle().take(100_000).collect::<Vec<u8>>().into();
    let (bytes, rules) = (new.body.clone(), new.rules.clone());
    let ready = stored(&*store, new).await;

    let targets: Vec<_> = ready.iter().map(|ready| ready.target.clone()).collect();
    assert_eq!(targets, [target("crm"), target("slack")]);
    for ready in &ready {
        assert_eq!((ready.event, ready.due, ready.age_from), (envelope.id, at(5), at(5)));
        assert_eq!((ready.attempts, ready.replay, ready.order_key.clone()), (0, false, None));
    }
    assert_eq!(due(&*store, "crm").await, ready.get(..1).expect("two are ready"));

    let found = body(&*store, envelope.id).await;
    assert_eq!(*found.envelope, envelope);
    assert_eq!((found.body.clone(), found.rules.clone()), (bytes, rules.clone()));
    assert_eq!((found.state, found.revision), (EventState::Routed, 7));

    let (record, deliveries) = done(store.event(envelope.id)).await;
    assert_eq!((&*record.envelope, &record.rules), (&envelope, &rules));
    assert_eq!((record.body_len, record.duplicates, record.revision), (100_000, 0, 7));
    let listed: Vec<_> = deliveries.iter().map(|(delivery, _)| delivery.id).collect();
    assert_eq!(listed, ready.iter().map(|ready| ready.id).collect::<Vec<_>>());
    assert!(deliveries.iter().all(|(delivery, tried)| delivery.revision == 7 && tried.is_empty()));
}

/// Which rules only watched, and which event a person edited to make this one, whose deliveries are replays then. Replayed
/// once more, each delivery is listed once.
pub async fn what_is_marked_stays_marked<S: Subject>(subject: &mut S) {
    let store = subject.open();
    let first = known("k", event(1, 0, &["crm"]));
    let shadow = vec![RuleName::new("a, \"b\"").expect("a name"), RuleName::new("c").expect("one")];
    stored(&*store, Append { shadow: shadow.clone(), ..first }).await;
    let edited = Append { edited_from: Some(id(1, 0)), ..event(2, 5, &["crm:key", "slack"]) };
    let ready = stored(&*store, edited).await;
    assert!(ready.len() == 2 && ready.iter().all(|ready| ready.replay), "{ready:?}");
    let again = Replay {
        event: id(2, 5),
        deliveries: vec![NewDelivery { target: target("crm"), order_key: None }],
        revision: 2,
        now: at(9),
    };
    let again = done(store.replay(again)).await;
    drop(store);
    let store = subject.open();
    let (plain, _) = done(store.event(id(1, 0))).await;
    assert_eq!((plain.shadow, plain.edited_from), (shadow, None));
    let (edited, tried) = done(store.event(id(2, 5))).await;
    assert_eq!((edited.shadow, edited.edited_from), (Vec::new(), Some(id(1, 0))));
    let made: Vec<_> = tried.iter().map(|(delivery, _)| (delivery.id, delivery.replay)).collect();
    let wanted: Vec<_> = ready.iter().chain(&again).map(|ready| (ready.id, true)).collect();
    assert_eq!(made, wanted);
    assert_eq!(body(&*store, id(2, 5)).await.body, event(2, 5, &[]).body, "and it is sealed");
    let replays: Vec<_> = due(&*store, "crm").await.iter().map(|ready| ready.replay).collect();
    assert_eq!(replays, [false, true, true]);
}

/// No name, no body, no rules, no deliveries.
pub async fn an_empty_event_is_stored_whole<S: Subject>(subject: &mut S) {
    let store = subject.open();
    let mut new = event(1, 0, &[]);
    let mut envelope = super::envelope(1, 0);
    (envelope.name, envelope.agent_id, envelope.subject, envelope.signed) =
        (None, None, None, false);
    new.envelope = Arc::new(envelope.clone());
    new.body = Bytes::new();
    new.rules = Vec::new();
    new.state = EventState::Quarantined { reason: "not JSON: \u{fffd}'".to_owned() };
    let state = new.state.clone();
    assert_eq!(stored(&*store, new).await, []);
    let found = body(&*store, envelope.id).await;
    assert_eq!((&*found.envelope, &found.state), (&envelope, &state));
    assert!(found.body.is_empty() && found.rules.is_empty());
}

/// The same body again is not stored again.
pub async fn a_repeat_is_counted_on_the_first<S: Subject>(subject: &mut S) {
    let store = subject.open();
    stored(&*store, known("k", event(1, 0, &["crm"]))).await;
    for number in 2..4 {
        let mut again = known("k", event(number, 100, &["crm"]));
        again.body = event(1, 0, &[]).body;
        assert!(matches!(fate(&*store, again).await, Fate::Duplicate { of } if of == id(1, 0)));
    }
    let events = all_events(&*store).await;
    let counted: Vec<_> = events.iter().map(|(event, _)| event.duplicates).collect();
    assert_eq!(counted, [2]);
    assert_eq!(due(&*store, "crm").await.len(), 1);
    // Another identity is another event, whatever its body.
    let mut other = known("other", event(4, 100, &["crm"]));
    other.body = event(1, 0, &[]).body;
    stored(&*store, other).await;
}

/// Another body is stored and not delivered; a repeat of that one is counted on it.
pub async fn a_repeat_with_another_body_is_revised<S: Subject>(subject: &mut S) {
    let store = subject.open();
    stored(&*store, known("k", event(1, 0, &["crm"]))).await;
    let revised = fate(&*store, known("k", event(2, 10, &["crm"]))).await;
    assert!(matches!(revised, Fate::Revised { of } if of == id(1, 0)));
    let revised = fate(&*store, known("k", event(3, 20, &["crm"]))).await;
    assert!(matches!(revised, Fate::Revised { of } if of == id(1, 0)));
    let mut again = known("k", event(4, 30, &["crm"]));
    again.body = event(2, 0, &[]).body;
    assert!(matches!(fate(&*store, again).await, Fate::Duplicate { of } if of == id(2, 10)));
    let mut again = known("k", event(5, 30, &["crm"]));
    again.body = event(1, 0, &[]).body;
    assert!(matches!(fate(&*store, again).await, Fate::Duplicate { of } if of == id(1, 0)));

    let events = all_events(&*store).await;
    let states: Vec<_> = events.iter().map(|(event, _)| event.state.clone()).collect();
    let revised = EventState::Revised { of: id(1, 0) };
    assert_eq!(states, [revised.clone(), revised.clone(), EventState::Routed]);
    let counted: Vec<_> = events.iter().map(|(event, _)| event.duplicates).collect();
    assert_eq!(counted, [0, 1, 1]);
    assert_eq!(due(&*store, "crm").await.len(), 1, "a revised event is not delivered");
    let kept = body(&*store, id(2, 10)).await;
    assert_eq!((kept.state, kept.rules.len()), (revised, 1), "its rules are kept for a replay");
}

/// The window counts from the first; what comes after it is a first of its own.
pub async fn the_window_ends_and_begins_anew<S: Subject>(subject: &mut S) {
    let store = subject.open();
    let again = |number, millis| {
        let mut again = known("k", event(number, millis, &["crm"]));
        again.body = event(1, 0, &[]).body;
        again
    };
    stored(&*store, again(1, 0)).await;
    assert!(matches!(fate(&*store, again(2, 6_000)).await, Fate::Duplicate { .. }));
    assert!(matches!(fate(&*store, again(3, 10_000)).await, Fate::Duplicate { .. }));
    stored(&*store, again(4, 10_001)).await;
    let repeat = fate(&*store, again(5, 20_001)).await;
    assert!(matches!(repeat, Fate::Duplicate { of } if of == id(4, 10_001)));
    // A revised one counts with its first and does not make the window longer.
    let revised = fate(&*store, known("k", event(6, 20_001, &["crm"]))).await;
    assert!(matches!(revised, Fate::Revised { of } if of == id(4, 10_001)));
    stored(&*store, known("k", event(6, 20_002, &["crm"]))).await;
}

/// A repeat that seems to come before the first is one.
pub async fn a_clock_that_steps_back_forgets_nothing<S: Subject>(subject: &mut S) {
    let store = subject.open();
    stored(&*store, known("k", event(1, 3_600_000, &["crm"]))).await;
    let mut again = known("k", event(2, 0, &["crm"]));
    again.body = event(1, 0, &[]).body;
    assert!(matches!(fate(&*store, again).await, Fate::Duplicate { .. }));
}

/// Whoever mends the rules and sends again sees the event delivered.
pub async fn unrouted_and_quarantined_events_suppress_nothing<S: Subject>(subject: &mut S) {
    let store = subject.open();
    let states = [
        EventState::Unrouted,
        EventState::Quarantined { reason: "why".to_owned() },
        EventState::Unrouted,
    ];
    for (number, state) in (1..).zip(states) {
        let mut new = known("k", event(number, 0, &[]));
        new.body = Bytes::from_static(b"{}");
        new.state = state;
        stored(&*store, new).await;
    }
    let mut mended = known("k", event(4, 0, &["crm"]));
    mended.body = Bytes::from_static(b"{}");
    assert_eq!(stored(&*store, mended).await.len(), 1);
    // But they are looked up: after a routed one they are repeats.
    let mut late = known("k", event(5, 0, &[]));
    late.body = Bytes::from_static(b"{}");
    late.state = EventState::Unrouted;
    assert!(matches!(fate(&*store, late).await, Fate::Duplicate { of } if of == id(4, 0)));
}

/// An event that a rule ignores is remembered.
pub async fn ignored_events_suppress_their_repeats<S: Subject>(subject: &mut S) {
    let store = subject.open();
    for (number, is_new) in [(1, true), (2, false)] {
        let mut new = known("k", event(number, 0, &[]));
        new.body = Bytes::from_static(b"{}");
        new.state = EventState::Ignored;
        assert_eq!(matches!(fate(&*store, new).await, Fate::Stored(_)), is_new);
    }
}

/// With `dedupe: off` every request is an event.
pub async fn without_identity_nothing_is_a_repeat<S: Subject>(subject: &mut S) {
    let store = subject.open();
    for number in 1..4 {
        let mut new = event(number, 0, &["crm"]);
        new.body = Bytes::from_static(b"{}");
        stored(&*store, new).await;
    }
    assert_eq!(due(&*store, "crm").await.len(), 3);
}

fn by_body(digest: u8, mut event: Append) -> Append {
    let key = IdentityKey::Body { digest: [digest; 32] };
    event.identity = Some(Identity { key, window: Duration::from_secs(10) });
    event.body = Bytes::from(vec![digest; 40]);
    event
}

/// A digest that agrees makes a duplicate.
pub async fn the_body_can_be_the_identity<S: Subject>(subject: &mut S) {
    let store = subject.open();
    stored(&*store, by_body(1, event(1, 0, &["crm"]))).await;
    stored(&*store, by_body(2, event(2, 0, &["crm"]))).await;
    let again = fate(&*store, by_body(1, event(3, 0, &["crm"]))).await;
    assert!(matches!(again, Fate::Duplicate { of } if of == id(1, 0)));
}

/// Two identical requests, neither of which waits for the other.
pub async fn two_at_once_are_one<S: Subject>(subject: &mut S) {
    let store = subject.open();
    let make = |number| {
        let mut new = known("k", event(number, 0, &["crm"]));
        new.body = Bytes::from_static(b"{}");
        new
    };
    let pending: Vec<_> = (1..9).map(|number| store.append(make(number))).collect();
    let mut fates = Vec::new();
    for pending in pending {
        fates.push(done(pending).await.fate);
    }
    let stored = fates.iter().filter(|fate| matches!(fate, Fate::Stored(_))).count();
    let repeats =
        fates.iter().filter(|fate| matches!(fate, Fate::Duplicate { of } if *of == id(1, 0)));
    assert_eq!((stored, repeats.count()), (1, 7));
    assert_eq!(due(&*store, "crm").await.len(), 1);
}
