//! Everything has a bound: what waits, what is on disk, how long it is kept. And many go into one commit.

use conformance::{
    all_events, at, attempt, done, due_ids, event, everything_dead, fate, finished, hash, id,
    known, one, settle, stats, stored, target,
};

use super::*;
use crate::delivery::DeadReason;
use crate::store::{AttemptResult, Change, EventState, Fate, Settle};

const DAY: i64 = 86_400_000;

impl OnDisk {
    /// One that looks through its history all the time.
    pub(super) fn tidy() -> Self {
        let tuning = Tuning { sweep_every: Duration::from_millis(10), ..Tuning::default() };
        Self { tuning, ..Self::default() }
    }
}

fn large(number: u16, bytes: usize) -> Append {
    let mut new = event(number, i64::from(number), &["crm"]);
    new.body = vec![b'x'; bytes].into();
    new
}

#[tokio::test]
async fn many_go_into_one_commit() {
    let store = OnDisk::default();
    let open = store.sqlite();
    one(&open, 1, 0, "crm").await;
    // While somebody else holds the lock, all of these line up behind the first.
    let other = store.raw();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let before = open.commits();
    let pending: Vec<_> = (2..300).map(|n| open.append(event(n, 0, &["crm"]))).collect();
    other.execute_batch("ROLLBACK").unwrap();
    for pending in pending {
        drop(done(pending).await);
    }
    let commits = open.commits() - before;
    assert!((1..=3).contains(&commits), "298 events took {commits} commits");
}

#[tokio::test]
async fn a_stranger_who_holds_the_lock_costs_events_but_no_outcome() {
    let store = OnDisk::default();
    let open = store.sqlite();
    let first = one(&open, 1, 0, "crm").await;
    let other = store.raw();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let settle = Settle { delivery: first, attempt: None, change: Change::Delivered, now: at(10) };
    let settled = open.settle(settle);
    let refused = finished(open.append(event(2, 0, &["crm"]))).await.err();
    assert_eq!(refused, Some(StoreError::Behind));
    other.execute_batch("ROLLBACK").unwrap();
    assert!(done(settled).await.applied);
    assert_eq!(open.health(), Health::Writable);
}

#[tokio::test]
async fn history_makes_room_and_what_is_pending_does_not() {
    let store = OnDisk {
        bounds: Bounds { max_size: 6 << 20, retention: Duration::from_hours(7 * 24) },
        ..OnDisk::default()
    };
    let open = store.sqlite();
    let pending = stored(&open, large(1, 1_000)).await;
    // Four times its size goes through, since each is delivered.
    let mut refused = 0;
    for number in 2..=250 {
        loop {
            match finished(open.append(large(number, 100_000))).await {
                Ok(Appended { fate: Fate::Stored(ready), receipt: _receipt }) => {
                    settle(&open, ready[0].id, Change::Delivered, 10_000).await;
                    break;
                }
                Err(StoreError::Full(_)) if refused < 10_000 => {
                    refused += 1;
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
                other => panic!("{other:?}"),
            }
        }
        let bytes = stats(&open).await.bytes;
        assert!(bytes <= 6 << 20, "{bytes} bytes on disk");
    }
    assert!(all_events(&open).await.len() < 60, "the oldest history is gone");
    assert_eq!(due_ids(&open, "crm").await, [pending[0].id], "what is pending is not");
}

#[tokio::test]
async fn a_full_store_refuses_events_until_some_end() {
    let store = OnDisk {
        bounds: Bounds { max_size: 4 << 20, retention: Duration::from_hours(7 * 24) },
        ..OnDisk::default()
    };
    let open = store.sqlite();
    let mut ready = Vec::new();
    let full = loop {
        let number = u16::try_from(ready.len()).unwrap() + 1;
        // No larger than what it keeps room for: a larger one may be refused by a store that takes others.
        match finished(open.append(large(number, 50_000))).await {
            Ok(Appended { fate: Fate::Stored(mut new), receipt: _receipt }) => {
                ready.append(&mut new);
            }
            other => break other,
        }
        assert!(ready.len() < 100, "it never was full");
    };
    assert!(
        matches!(&full, Err(StoreError::Full(text)) if text.contains("store.max_size is 4 MiB"))
    );
    eventually("it says that it is full", async || open.health() == Health::Full).await;
    assert_eq!(due_ids(&open, "crm").await.len(), ready.len(), "nothing pending went");
    // What ends is written all the same, and makes room.
    for ready in ready.iter().take(10) {
        let settle = Settle {
            delivery: ready.id,
            attempt: Some(attempt(1, 10, AttemptResult::Accepted)),
            change: Change::Delivered,
            now: at(20),
        };
        assert!(done(open.settle(settle)).await.applied);
    }
    eventually("it accepts again", async || open.health() == Health::Writable).await;
    stored(&open, large(500, 100_000)).await;
    // A larger bound is room at once.
    open.set_bounds(Bounds { max_size: 1 << 30, ..store.bounds });
    for number in 600..640 {
        stored(&open, large(number, 100_000)).await;
    }
}

#[tokio::test]
async fn a_full_disk_refuses_events_and_nothing_else() {
    let mut store = OnDisk::tidy();
    store.tuning.pages_max = Some(120);
    let open = store.sqlite();
    let mut ready = Vec::new();
    let full = loop {
        let number = u16::try_from(ready.len()).unwrap() + 1;
        match finished(open.append(large(number, 50_000))).await {
            Ok(Appended { fate: Fate::Stored(mut new), receipt: _receipt }) => {
                ready.append(&mut new);
            }
            other => break other,
        }
        assert!(ready.len() < 100, "it never was full");
    };
    assert!(matches!(full, Err(StoreError::Full(_))), "{full:?}");
    for ready in &ready {
        settle(&open, ready.id, Change::Delivered, 20).await;
    }
    done(open.set_paused(target("crm"), true)).await;
    assert_eq!(open.poisoned_now(), None);
    // Room comes back, and nobody has to do anything.
    store.clock.set(at(8 * DAY));
    eventually("history is forgotten", async || all_events(&open).await.is_empty()).await;
    eventually("it accepts again", async || {
        finished(open.append(large(999, 50_000))).await.is_ok()
    })
    .await;
}

impl Sqlite {
    fn poisoned_now(&self) -> Option<StoreError> {
        self.shared.refusal()
    }
}

#[tokio::test]
async fn history_is_forgotten_when_it_is_old() {
    let store = OnDisk::tidy();
    let open = store.sqlite();
    let delivered = one(&open, 1, 0, "crm").await;
    let dead = one(&open, 2, 0, "crm").await;
    one(&open, 3, 0, "crm").await;
    let dropped = one(&open, 4, 0, "crm").await;
    let both = stored(&open, event(5, 0, &["crm", "slack"])).await;
    for (number, state) in [
        (6, EventState::Unrouted),
        (7, EventState::Ignored),
        (8, EventState::Quarantined { reason: "odd".to_owned() }),
    ] {
        stored(&open, Append { state, ..event(number, 0, &[]) }).await;
    }
    let late = one(&open, 9, 0, "crm").await;
    settle(&open, delivered, Change::Delivered, 10).await;
    settle(&open, dead, Change::Dead(DeadReason::Gone), 10).await;
    settle(&open, dropped, Change::Dead(DeadReason::Dropped), 10).await;
    settle(&open, both[0].id, Change::Delivered, 10).await;
    settle(&open, late, Change::Delivered, 6 * DAY).await;

    let left = async || {
        let events = all_events(&open).await;
        events.iter().map(|(event, _)| event.envelope.id).collect::<Vec<_>>()
    };
    let ids = |numbers: &[u16]| numbers.iter().map(|n| id(*n, 0)).collect::<Vec<_>>();
    store.clock.set(at(7 * DAY + 100));
    let expected = ids(&[9, 8, 5, 3, 2]);
    eventually("after seven days", async || left().await == expected).await;
    let (selection, page) = everything_dead();
    assert_eq!(done(open.dead_letters(selection.clone(), page.clone())).await.len(), 1);

    store.clock.set(at(30 * DAY + 100));
    let expected = ids(&[5, 3]);
    eventually("after thirty days", async || left().await == expected).await;
    assert_eq!(done(open.dead_letters(selection, page)).await, []);
    let told = stats(&open).await;
    assert_eq!((told.events, told.quarantined), (2, 0));
    let crm = told.targets.iter().find(|(name, _)| name.as_str() == "crm").unwrap();
    assert_eq!((crm.1.pending, crm.1.dead), (1, 0));
    // Ids are not given twice, even after a restart.
    drop(open);
    assert!(one(&store.sqlite(), 10, 0, "crm").await > late);
}

#[tokio::test]
async fn repeats_are_forgotten_when_their_window_has_ended() {
    let store = OnDisk::tidy();
    let open = store.sqlite();
    stored(&open, known("k", event(1, 0, &["crm"]))).await;
    let seen = || {
        let count = store.raw().query_row("SELECT count(*) FROM seen", [], |row| row.get(0));
        count.unwrap_or(-1_i64)
    };
    assert_eq!(seen(), 1);
    store.clock.set(at(9_000));
    assert!(matches!(fate(&open, known("k", event(2, 9_000, &[]))).await, Fate::Revised { .. }));
    store.clock.set(at(11_000));
    eventually("the window has ended", async || seen() == 0).await;
    stored(&open, known("k", event(3, 9_000, &["crm"]))).await;
}

#[tokio::test]
async fn texts_of_revisions_go_with_the_last_event_that_names_them() {
    let store = OnDisk::tidy();
    let open = store.sqlite();
    for (number, text) in [(1, "a"), (2, "b"), (3, "c"), (4, "d")] {
        done(open.add_revision(text.into(), hash(number), at(0))).await;
    }
    let first = one(&open, 1, 0, "crm").await;
    stored(&open, Append { revision: 3, ..event(2, DAY, &["crm"]) }).await;
    settle(&open, first, Change::Delivered, 0).await;
    let known = async |number| finished(open.revision(number)).await.is_ok();
    assert!(known(1).await && known(2).await);
    store.clock.set(at(8 * DAY));
    eventually("the first event is gone", async || !known(1).await && !known(2).await).await;
    assert!(known(3).await && known(4).await);
}

/// Two requests are under way while a revision is published, and the one that it routes is stored first.
#[tokio::test]
async fn the_text_that_routed_a_late_event_stays() {
    let store = OnDisk::tidy();
    let open = store.sqlite();
    for (number, text) in [(1, "a"), (2, "b"), (3, "c")] {
        done(open.add_revision(text.into(), hash(number), at(i64::from(number)))).await;
    }
    let gone = one(&open, 1, 0, "crm").await;
    stored(&open, Append { revision: 2, ..event(2, 10, &["crm"]) }).await;
    stored(&open, Append { revision: 1, ..event(3, 11, &["crm"]) }).await;
    settle(&open, gone, Change::Delivered, 0).await;
    store.clock.set(at(8 * DAY));
    let listed = async |number| finished(open.event(id(number, 0))).await.is_ok();
    eventually("the first event is gone", async || !listed(1).await).await;
    // The sweep after the one that removed it looks at texts again.
    let swept = one(&open, 4, 0, "crm").await;
    settle(&open, swept, Change::Delivered, 0).await;
    eventually("another sweep is done", async || !listed(4).await).await;
    for number in 1..=3 {
        assert!(finished(open.revision(number)).await.is_ok(), "{number}");
    }
}

#[tokio::test]
async fn attempts_of_what_is_not_over_are_history_but_for_the_last() {
    let store = OnDisk::tidy();
    let open = store.sqlite();
    let pending = one(&open, 1, 0, "crm").await;
    for (number, millis) in [(1, 0), (2, DAY), (3, 9 * DAY), (4, 10 * DAY)] {
        let again = Settle {
            delivery: pending,
            attempt: Some(attempt(number, millis, AttemptResult::Retry)),
            change: Change::Again(at(millis + 1_000)),
            now: at(millis),
        };
        done(open.settle(again)).await;
    }
    let numbers = async || {
        let (_, deliveries) = done(open.event(id(1, 0))).await;
        deliveries[0].1.iter().map(|attempt| attempt.number).collect::<Vec<_>>()
    };
    assert_eq!(numbers().await, [1, 2, 3, 4]);
    store.clock.set(at(10 * DAY));
    eventually("old attempts are gone", async || numbers().await == [3, 4]).await;
    store.clock.set(at(90 * DAY));
    eventually("the last one stays", async || numbers().await == [4]).await;
    assert_eq!(due_ids(&open, "crm").await, [pending]);
}

#[tokio::test]
async fn space_is_given_back() {
    let store = OnDisk::tidy();
    let open = store.sqlite();
    for number in 1..=30 {
        let ready = stored(&open, large(number, 1_000_000)).await;
        settle(&open, ready[0].id, Change::Delivered, 100).await;
    }
    let before = stats(&open).await.bytes;
    store.clock.set(at(8 * DAY));
    eventually("history is forgotten", async || stats(&open).await.events == 0).await;
    done(open.close()).await;
    drop(open);
    let open = store.sqlite();
    eventually("the file is small", async || stats(&open).await.bytes < before / 2).await;
}

#[tokio::test]
async fn the_log_is_moved_while_events_come() {
    let store = OnDisk {
        bounds: Bounds { max_size: 64 << 20, retention: Duration::from_hours(7 * 24) },
        ..OnDisk::default()
    };
    let open = store.sqlite();
    for number in 1..=500 {
        stored(&open, large(number, 60_000)).await;
        let log = std::fs::metadata(store.path().join("hookswitch.db-wal")).unwrap().len();
        assert!(log <= 40 << 20, "the log has {log} bytes, its line is at 8 MiB");
    }
    let file = std::fs::metadata(store.database()).unwrap().len();
    assert!(file > 16 << 20, "most of it is in the database, which has {file} bytes");
}
