//! One suite that every store passes: what the trait promises, case by case, and a long random walk on which two stores
//! must agree.
//!
//! [`store_conformance!`](crate::store_conformance) turns a factory into one test per case. What only one engine can do
//! (full disks, damaged files, retention) is tested beside that engine.

mod appending;
mod dead;
mod listing;
mod order;
mod settling;
mod walk;

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::clock::Timestamp;
use crate::delivery::DeliveryId;
use crate::event::{Envelope, EventId, RequestParts};
use crate::name::{ContentHash, RuleName, SourceName, TargetName};

use super::{
    Append, Appended, Attempt, AttemptResult, Body, Change, DeadSelection, DeliveryRecord,
    EventFilter, EventPage, EventRecord, EventState, Fate, Identity, IdentityKey, NewDelivery,
    Page, Pending, Ready, Settle, Settled, Stats, Store, StoreError,
};

pub use appending::*;
pub use dead::*;
pub use listing::*;
pub use order::*;
pub use settling::*;
pub use walk::*;

/// A store under test.
pub trait Subject {
    /// Opens it. Every time but the first, what was stored before must be there; the handle from before is let go first,
    /// without closing it.
    fn open(&mut self) -> Arc<dyn Store>;

    /// Changes a byte of a stored body, behind the store's back, while it is not open.
    fn damage(&mut self, event: EventId);
}

/// One test per case. The factory makes a fresh [`Subject`] each time.
#[doc(hidden)]
#[macro_export]
macro_rules! store_conformance {
    ($factory:expr) => {
        $crate::store_conformance! { $factory,
            an_event_is_stored_whole
            an_empty_event_is_stored_whole
            what_is_marked_stays_marked
            a_repeat_is_counted_on_the_first
            a_repeat_with_another_body_is_revised
            the_window_ends_and_begins_anew
            a_clock_that_steps_back_forgets_nothing
            unrouted_and_quarantined_events_suppress_nothing
            ignored_events_suppress_their_repeats
            without_identity_nothing_is_a_repeat
            the_body_can_be_the_identity
            two_at_once_are_one
            only_the_first_of_a_key_may_go
            a_dead_letter_lets_the_next_one_go
            a_wait_keeps_its_place_in_the_order
            a_replay_goes_to_the_tail
            a_reopened_delivery_takes_its_old_place
            burying_the_first_lets_the_next_one_go
            a_settled_delivery_is_in_the_history
            settling_twice_changes_nothing
            settling_what_is_not_there_changes_nothing
            a_retry_is_due_later
            attempts_survive_a_restart
            replaying_makes_new_deliveries
            reopening_begins_a_new_age
            dropping_keeps_the_history
            dead_letters_are_selected
            dead_letters_are_paged
            burying_spares_the_young_and_the_flying
            burying_many_counts_all
            due_is_paged_without_gaps
            due_knows_only_its_target
            events_are_filtered
            events_are_paged
            events_are_listed_by_their_ids
            arrivals_go_on_where_they_stopped
            stretches_are_whole_and_bounded
            pausing_is_durable
            revisions_are_numbered
            unknown_things_are_not_found
            a_damaged_body_is_noticed
            several_bodies_come_at_once
            everything_is_there_after_a_restart
            a_closed_store_says_so
            counts_are_right_after_every_step
        }
    };
    ($factory:expr, $($case:ident)+) => {
        $(
            #[tokio::test]
            async fn $case() {
                $crate::store::conformance::$case(&mut $factory).await;
            }
        )+
    };
}

/// When the suite begins.
const START: i64 = 1_750_000_000_000;

/// `START` and so many milliseconds.
pub(in crate::store) fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(START + millis)
}

pub(in crate::store) fn target(name: &str) -> TargetName {
    TargetName::new(name).expect("a target's name")
}

/// Waits, at most a minute, and expects success.
pub(in crate::store) async fn done<T: Debug>(pending: Pending<T>) -> T {
    finished(pending).await.expect("the operation succeeds")
}

pub(in crate::store) async fn finished<T>(pending: Pending<T>) -> Result<T, StoreError> {
    let limit = Duration::from_mins(1);
    tokio::time::timeout(limit, pending).await.expect("the operation ends within a minute")
}

/// The id of the `number`th event, which arrived at `millis`.
pub(in crate::store) fn id(number: u16, millis: i64) -> EventId {
    let [high, low] = number.to_be_bytes();
    EventId::new(at(millis), [high, low, 0, 0, 0, 0, 0, 0, high, low])
}

pub(in crate::store) fn envelope(number: u16, millis: i64) -> Envelope {
    Envelope {
        id: id(number, millis),
        source: SourceName::new("retell").expect("a source's name"),
        received_at: at(millis),
        signed: true,
        name: Some("call_ended".to_owned()),
        agent_id: Some("agent_1".to_owned()),
        subject: Some(format!("call_{number}")),
        request: RequestParts::default(),
    }
}

/// A routed event without identity: to each of `targets`, with an order key if one is written behind a colon.
pub(in crate::store) fn event(number: u16, millis: i64, targets: &[&str]) -> Append {
    let deliveries = targets.iter().map(|text| {
        let (name, key) = text.split_once(':').map_or((*text, None), |(n, k)| (n, Some(k)));
        NewDelivery { target: target(name), order_key: key.map(Arc::from) }
    });
    Append {
        envelope: Arc::new(envelope(number, millis)),
        body: Bytes::from(format!("{{\"event\":\"call_ended\",\"number\":{number}}}")),
        state: EventState::Routed,
        rules: vec![RuleName::new("everything").expect("a rule's name")],
        shadow: Vec::new(),
        revision: 1,
        edited_from: None,
        deliveries: deliveries.collect(),
        identity: None,
    }
}

/// The same, told from others by `key` for ten seconds.
pub(in crate::store) fn known(key: &str, mut event: Append) -> Append {
    let key = IdentityKey::Id(key.to_owned());
    event.identity = Some(Identity { key, window: Duration::from_secs(10) });
    event
}

/// Appends and expects a new event; its ready deliveries.
pub(in crate::store) async fn stored(store: &dyn Store, event: Append) -> Vec<Ready> {
    let fate = fate(store, event).await;
    if let Fate::Stored(ready) = fate {
        return ready;
    }
    unreachable!("stored as a new event, not {fate:?}")
}

pub(in crate::store) async fn fate(store: &dyn Store, event: Append) -> Fate {
    let Appended { receipt: _receipt, fate } = done(store.append(event)).await;
    fate
}

/// Appends an event that goes to one target, and returns that delivery's id.
pub(in crate::store) async fn one(
    store: &dyn Store,
    number: u16,
    millis: i64,
    target: &str,
) -> DeliveryId {
    let ready = stored(store, event(number, millis, &[target])).await;
    ready.first().expect("one delivery is ready").id
}

pub(in crate::store) fn attempt(number: u32, millis: i64, result: AttemptResult) -> Attempt {
    Attempt {
        number,
        started_at: at(millis),
        took: Duration::from_millis(35),
        result,
        status: Some(503),
        detail: "503 Service Unavailable".to_owned(),
        answer: Some("busy".to_owned()),
    }
}

/// Settles with an attempt of that number.
pub(in crate::store) async fn settle(
    store: &dyn Store,
    id: DeliveryId,
    change: Change,
    millis: i64,
) -> Settled {
    done(store.settle(Settle { delivery: id, attempt: None, change, now: at(millis) })).await
}

pub(in crate::store) async fn due(store: &dyn Store, name: &str) -> Vec<Ready> {
    done(store.due(&target(name), None, 10_000)).await
}

pub(in crate::store) async fn due_ids(store: &dyn Store, name: &str) -> Vec<DeliveryId> {
    due(store, name).await.into_iter().map(|ready| ready.id).collect()
}

pub(in crate::store) async fn all_events(
    store: &dyn Store,
) -> Vec<(EventRecord, Vec<DeliveryRecord>)> {
    let page = Page { limit: 1000, after: None };
    let EventPage { events, next, .. } = done(store.events(EventFilter::default(), page)).await;
    assert_eq!(next, None, "the suite never stores more than a page");
    events
}

pub(in crate::store) fn everything_dead() -> (DeadSelection, Page) {
    (DeadSelection::default(), Page { limit: 1000, after: None })
}

pub(in crate::store) fn hash(byte: u8) -> ContentHash {
    ContentHash([byte; 32])
}

pub(in crate::store) async fn stats(store: &dyn Store) -> Stats {
    done(store.stats()).await
}

pub(in crate::store) async fn body(store: &dyn Store, id: EventId) -> Body {
    done(store.body(id)).await
}
