//! Ends without warning, bytes that change, files that go away: noticed, contained, told, and never a wrong body.

use std::fs;
use std::sync::atomic::AtomicU32;

use conformance::{all_events, body, done, due_ids, event, fate, finished, id, known, one, stored};

use super::*;
use crate::store::Fate;

/// Some events with bodies of many sizes; the last ones take several pages each.
async fn filled(store: &dyn Store, count: u16) {
    for number in 1..=count {
        let mut new = known(&format!("key {number}"), event(number, 0, &["crm", "slack:key"]));
        new.body = body_of(number);
        stored(store, new).await;
    }
}

fn body_of(number: u16) -> bytes::Bytes {
    let text = format!("{{\"number\":{number}}}");
    text.repeat(usize::from(number) * usize::from(number) * 4).into()
}

/// What a kill at this moment leaves behind.
fn killed(store: &OnDisk) -> OnDisk {
    let copy = OnDisk::default();
    fs::create_dir(copy.path()).unwrap();
    for name in ["hookswitch.db", "hookswitch.db-wal"] {
        fs::copy(store.path().join(name), copy.path().join(name)).unwrap();
    }
    copy
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill() {
    let store = OnDisk::default();
    let open = store.sqlite();
    filled(&open, 20).await;
    let copy = killed(&store);
    // Without its log the copy would be empty: it is the log that was synced.
    let reopened = copy.sqlite();
    assert_eq!(all_events(&reopened).await, all_events(&open).await);
    assert_eq!(due_ids(&reopened, "crm").await, due_ids(&open, "crm").await);
    for number in 1..=20 {
        assert_eq!(body(&reopened, id(number, 0)).await.body, body_of(number));
    }
    let mut again = known("key 7", event(99, 10, &["crm"]));
    again.body = body_of(7);
    assert!(matches!(fate(&reopened, again).await, Fate::Duplicate { of } if of == id(7, 0)));
}

#[tokio::test]
async fn what_a_kill_left_is_made_durable_before_anything_is_told() {
    let store = OnDisk::default();
    let open = store.sqlite();
    filled(&open, 3).await;
    let copy = killed(&store);
    drop(copy.sqlite());
    // The database alone now has it.
    fs::remove_file(copy.path().join("hookswitch.db-wal")).unwrap();
    assert_eq!(all_events(&copy.sqlite()).await.len(), 3);
}

#[tokio::test]
async fn a_closed_store_leaves_no_log() {
    let store = OnDisk::default();
    let open = store.sqlite();
    filled(&open, 3).await;
    done(open.close()).await;
    drop(open);
    let log = fs::metadata(store.path().join("hookswitch.db-wal"));
    assert_eq!(log.map_or(0, |log| log.len()), 0);
}

/// The log, cut anywhere, gives back a beginning of what was stored, and every body in it is right.
#[tokio::test]
async fn a_torn_log_costs_only_its_end() {
    let store = OnDisk::default();
    let open = store.sqlite();
    filled(&open, 12).await;
    let whole = fs::metadata(store.path().join("hookswitch.db-wal")).unwrap().len();
    let mut most = 0;
    for part in 0..=12 {
        let copy = killed(&store);
        let log = copy.path().join("hookswitch.db-wal");
        let length = (whole * part / 12).saturating_sub(part * 7 % 100);
        fs::File::options().write(true).open(&log).unwrap().set_len(length).unwrap();
        let reopened = copy.sqlite();
        let found = all_events(&reopened).await;
        assert!(found.len() >= most, "a longer log holds no less");
        most = found.len();
        for (number, _) in (1..).zip(&found) {
            assert_eq!(body(&reopened, id(number, 0)).await.body, body_of(number));
        }
    }
    assert!(most >= 11);
}

/// Bytes that change anywhere in the database are noticed, or harm nothing; nothing hangs, and no body is wrong.
#[tokio::test]
async fn changed_bytes_never_make_a_wrong_body() {
    let store = OnDisk::default();
    let open = store.sqlite();
    filled(&open, 16).await;
    done(open.close()).await;
    drop(open);
    let whole = fs::read(store.database()).unwrap();
    let (mut refused, mut damaged, mut right) = (0, 0, 0);
    for round in 0..80_usize {
        let copy = OnDisk::default();
        fs::create_dir(copy.path()).unwrap();
        let mut bytes = whole.clone();
        let place = 100 + round * (whole.len() - 200) / 80 + round % 90;
        bytes[place] ^= 1 << (round % 8);
        fs::write(copy.database(), bytes).unwrap();
        let Ok(open) = copy.try_open() else {
            refused += 1;
            continue;
        };
        for number in 1..=16 {
            match finished(open.body(id(number, 0))).await {
                Ok(found) => {
                    assert_eq!(found.body, body_of(number), "byte {place} was changed");
                    assert_eq!(found.envelope.id, id(number, 0));
                    right += 1;
                }
                Err(_) => damaged += 1,
            }
        }
        // Whatever it answers, it answers.
        drop(finished(open.append(event(100, 0, &["crm"]))).await);
        drop(finished(open.events(EventFilter::default(), Page { limit: 9, after: None })).await);
        drop(finished(open.due(&conformance::target("crm"), None, 100)).await);
    }
    assert!(damaged > 0 && right > 800, "{refused} refused, {damaged} damaged, {right} right");
}

#[tokio::test]
async fn a_body_in_the_place_of_another_is_noticed() {
    let mut store = OnDisk::default();
    let open = store.open();
    for number in 1..=3 {
        stored(&*open, event(number, 0, &["crm"])).await;
    }
    drop(open);
    let sql = store.raw();
    let query = "UPDATE bodies SET body = (SELECT body FROM bodies WHERE seq = 1) WHERE seq = 2";
    assert_eq!(sql.execute(query, []), Ok(1));
    // A header that changed is like a byte that changed: it would be sent.
    let query = "UPDATE events SET subject = 'call_9' WHERE seq = 3";
    assert_eq!(sql.execute(query, []), Ok(1));
    drop(sql);
    let open = store.sqlite();
    for number in [2, 3] {
        let refused = finished(open.body(id(number, 0))).await.err();
        assert_eq!(refused, Some(StoreError::Damaged(id(number, 0))));
    }
    assert_eq!(body(&open, id(1, 0)).await.body, event(1, 0, &[]).body);
}

#[tokio::test]
async fn a_body_in_a_codec_of_the_future_is_refused_by_name() {
    let store = OnDisk::default();
    stored(&store.sqlite(), event(1, 0, &["crm"])).await;
    assert_eq!(store.raw().execute("UPDATE events SET codec = 7", []), Ok(1));
    let refused = finished(store.sqlite().body(id(1, 0))).await.err();
    assert!(matches!(refused, Some(StoreError::Read(text)) if text.contains("codec 7")));
}

#[tokio::test]
async fn a_repeat_of_a_damaged_event_is_stored_anew() {
    let mut store = OnDisk::default();
    let open = store.open();
    stored(&*open, known("k", event(1, 0, &["crm"]))).await;
    drop(open);
    store.damage(id(1, 0));
    let open = store.sqlite();
    let mut again = known("k", event(2, 10, &["crm"]));
    again.body = event(1, 0, &[]).body;
    assert_eq!(stored(&open, again).await.len(), 1, "it can be delivered, the first one cannot");
}

#[tokio::test]
async fn fingerprints_that_agree_by_chance_swallow_nothing() {
    let store = OnDisk::default();
    let open = store.sqlite();
    stored(&open, known("a", event(1, 0, &["crm"]))).await;
    stored(&open, known("b", event(2, 0, &["crm"]))).await;
    drop(open);
    // As if the identity of the second had the fingerprint of the first.
    let query = "UPDATE seen SET fingerprint = (SELECT fingerprint FROM seen WHERE seq = 1)";
    assert_eq!(store.raw().execute(query, []), Ok(2));
    let open = store.sqlite();
    let mut third = known("a", event(3, 10, &["crm"]));
    third.body = event(2, 0, &[]).body;
    stored(&open, third).await;
}

#[tokio::test]
async fn files_that_are_taken_away_end_the_store() {
    for name in ["hookswitch.db", "hookswitch.db-wal"] {
        let store = OnDisk::default();
        let open = store.sqlite();
        one(&open, 1, 0, "crm").await;
        let poisoned = open.poisoned();
        fs::rename(store.path().join(name), store.path().join("moved")).unwrap();
        let refused = finished(open.append(event(2, 0, &["crm"]))).await.err();
        assert!(matches!(refused, Some(StoreError::Poisoned(_))), "{name}: {refused:?}");
        assert!(done(poisoned).await.contains("removed or replaced"));
        assert_eq!(open.health(), Health::Poisoned);
        for refused in [
            finished(open.append(event(3, 0, &[]))).await.err(),
            finished(open.body(id(1, 0))).await.err(),
            finished(open.close()).await.err(),
        ] {
            assert!(matches!(refused, Some(StoreError::Poisoned(_))), "{refused:?}");
        }
        assert!(done(open.poisoned()).await.contains("removed or replaced"), "and later, too");
    }
}

/// Breaks at the second look.
#[derive(Debug, Default)]
struct Broken(AtomicU32);

impl Clock for Broken {
    fn now(&self) -> Timestamp {
        assert!(self.0.fetch_add(1, Ordering::Relaxed) == 0, "the clock is broken");
        conformance::at(0)
    }
}

#[tokio::test]
async fn a_panic_of_the_writer_ends_the_store() {
    let store = OnDisk::default();
    let tuning = Tuning { sweep_every: Duration::ZERO, ..Tuning::default() };
    let options = Options { clock: Arc::new(Broken::default()), ..store.options(store.path()) };
    let open = Sqlite::open_tuned(options, tuning).unwrap();
    // The first tidying breaks it, at the latest after this.
    drop(open.append(event(1, 0, &["crm"])));
    let reason = done(open.poisoned()).await;
    // What a panic says may quote an event.
    assert!(reason.contains("panicked") && !reason.contains("the clock is broken"), "{reason}");
    let refused = finished(open.append(event(2, 0, &["crm"]))).await.err();
    assert!(matches!(refused, Some(StoreError::Poisoned(_))));
}
