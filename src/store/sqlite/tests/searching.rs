//! A search finds what a walk over everything finds, wherever it passes events by, and however short its reach is.

use conformance::{at, done, due, event, id, settle, stored, target};

use super::*;
use crate::delivery::DeadReason;
use crate::name::RuleName;
use crate::store::sqlite::blocks::{BLOCK, Current, Word, may_have, number_of};
use crate::store::{Change, EventState, NewDelivery, Replay};

/// Two blocks that are whole, and one that is not.
const EVENTS: u16 = 2_100;

#[expect(clippy::unnecessary_wraps, reason = "as a filter takes it")]
fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// An event of a call that has three, of one of forty agents, to one of two targets; now and then something rare.
fn sample(number: u16) -> Append {
    let to = if number.is_multiple_of(3) { "crm" } else { "slack" };
    let mut new = event(number, i64::from(number), &[to]);
    let mut envelope = conformance::envelope(number, i64::from(number));
    let name = ["call_started", "call_ended", "call_analyzed"][usize::from(number) % 3];
    envelope.name = text(name);
    envelope.agent_id = Some(format!("agent_{}", number % 40));
    envelope.subject = Some(format!("call_{}", number / 3));
    match number {
        100 => envelope.agent_id = text("rare"),
        101 => new.rules.push(RuleName::new("rare").unwrap()),
        102 => new.shadow.push(RuleName::new("watching").unwrap()),
        103 => (new.state, new.deliveries) = (EventState::Ignored, Vec::new()),
        104 => new.deliveries[0].target = target("rare"),
        105 => new.body = r#"{"a":"a Needle in it"}"#.into(),
        _ => {}
    }
    Append { envelope: Arc::new(envelope), ..new }
}

/// Stores the samples, delivers most of them, has some die, drops one, and replays an old and a new one.
async fn fill(store: &dyn Store) {
    let pending: Vec<_> = (0..EVENTS).map(|number| store.append(sample(number))).collect();
    for pending in pending {
        drop(done(pending).await);
    }
    for name in ["crm", "slack", "rare"] {
        let mut settled = Vec::new();
        for ready in due(store, name).await {
            let change = match ready.id.0 % 500 {
                7 => continue,
                8 => Change::Dead(DeadReason::Gone),
                9 => Change::Dead(DeadReason::Dropped),
                _ => Change::Delivered,
            };
            let settle = Settle { delivery: ready.id, attempt: None, change, now: at(9_000) };
            settled.push(store.settle(settle));
        }
        for settled in settled {
            done(settled).await;
        }
    }
    for number in [50, EVENTS - 1] {
        let deliveries = vec![NewDelivery { target: target("late"), order_key: None }];
        let event = id(number, i64::from(number));
        done(store.replay(Replay { event, deliveries, revision: 1, now: at(9_500) })).await;
    }
    let late = due(store, "late").await;
    settle(store, late[0].id, Change::Dead(DeadReason::Gone), 9_600).await;
}

fn filters() -> Vec<EventFilter> {
    let none = EventFilter::default;
    let state = |name: &str| EventFilter { state: text(name), ..none() };
    let to = |name: &str| EventFilter { target: text(name), ..none() };
    let by = |name: &str| EventFilter { rule: text(name), ..none() };
    vec![
        none(),
        EventFilter { agent_id: text("rare"), ..none() },
        EventFilter { agent_id: text("agent_7"), ..none() },
        EventFilter { agent_id: text("nobody"), ..none() },
        EventFilter { name: text("call_ended"), ..none() },
        EventFilter { subject: text("call_11"), ..none() },
        EventFilter { subject: text("call_11"), agent_id: text("rare"), ..none() },
        by("rare"),
        by("watching"),
        by("everything"),
        to("rare"),
        to("late"),
        to("crm"),
        state("ignored"),
        state("routed"),
        state("pending"),
        state("dead"),
        state("delivered"),
        EventFilter { target: text("crm"), ..state("pending") },
        EventFilter { target: text("crm"), ..state("dead") },
        EventFilter { target: text("late"), ..state("dead") },
        EventFilter { target: text("late"), ..state("delivered") },
        EventFilter { agent_id: text("agent_8"), ..state("dead") },
        EventFilter { text: text("nEEdle IN"), ..none() },
        EventFilter { text: text("call_83"), name: text("call_ended"), ..none() },
        EventFilter { since: Some(at(2_000)), until: Some(at(2_010)), ..none() },
        EventFilter { since: Some(at(90)), until: Some(at(1_100)), ..by("watching") },
        EventFilter { until: Some(at(101)), ..to("late") },
    ]
}

/// Every event that a filter finds, and how many pages it took to find them.
async fn found(store: &dyn Store, filter: &EventFilter, limit: usize) -> (Vec<EventId>, usize) {
    let (mut ids, mut after, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = done(store.events(filter.clone(), Page { limit, after })).await;
        assert!(page.events.len() <= limit);
        if page.looked_to.is_some() {
            assert!(page.events.len() < limit && page.next.is_some(), "{filter:?}");
        }
        ids.extend(page.events.iter().map(|(event, _)| event.envelope.id));
        (after, pages) = (page.next, pages + 1);
        if after.is_none() {
            return (ids, pages);
        }
    }
}

async fn all_agree(disk: &Sqlite, memory: &Memory, limit: usize) {
    agree(disk, memory, (&filters(), limit)).await;
}

async fn agree(disk: &Sqlite, memory: &Memory, (filters, limit): (&[EventFilter], usize)) {
    for filter in filters {
        let wanted = found(memory, filter, 1_000).await.0;
        let rare = ["rare", "late", "watching", "call_11"];
        let named = [&filter.agent_id, &filter.target, &filter.rule, &filter.subject];
        if named.iter().any(|name| name.as_deref().is_some_and(|name| rare.contains(&name)))
            && filter.state.is_none()
            && (filter.subject.is_none() || filter.agent_id.is_none())
        {
            assert!((1..=3).contains(&wanted.len()), "{filter:?} finds {}", wanted.len());
        }
        assert_eq!(found(disk, filter, limit).await.0, wanted, "{filter:?}");
    }
}

#[tokio::test]
async fn it_finds_what_a_walk_over_everything_finds() {
    let mut store = OnDisk::default();
    store.tuning.look_max = Duration::from_mins(1);
    let (memory, open) = (Memory::new(), store.sqlite());
    fill(&memory).await;
    fill(&open).await;
    all_agree(&open, &memory, 50).await;
    all_agree(&open, &memory, 1_000).await;
    drop(open);

    // With no time at all each request still comes a step further.
    store.tuning.look_max = Duration::ZERO;
    let open = store.sqlite();
    let mut short = filters();
    short.retain(|filter| filter.text.is_none());
    agree(&open, &memory, (&short, 1_000)).await;
    let until = Some(at(140));
    let needle = EventFilter { text: text("needle"), until, ..EventFilter::default() };
    agree(&open, &memory, (std::slice::from_ref(&needle), 1_000)).await;
    let (_, pages) = found(&open, &needle, 10).await;
    assert!(pages > 100, "after each body it looked at the clock: {pages}");
    let page = done(open.events(needle, Page { limit: 10, after: None })).await;
    assert_eq!(page.looked_to, Some(at(2 * BLOCK - 1)), "at the current block in vain");
    drop(open);

    // Events of an earlier format have no rows that tell what is in them; they are written while nobody waits.
    store.tuning.look_max = Duration::from_mins(1);
    let sql = store.raw();
    assert_eq!(sql.execute("DELETE FROM blocks", []), Ok(2));
    assert!(truncate(&sql).unwrap());
    let open = store.sqlite();
    all_agree(&open, &memory, 1_000).await;
    eventually("blocks are summed up", async || {
        sql.query_row("SELECT count(*) FROM blocks", [], |row| row.get(0)) == Ok(2)
    })
    .await;
    all_agree(&open, &memory, 1_000).await;
    stored(&open, sample(EVENTS)).await;
    stored(&memory, sample(EVENTS)).await;
    all_agree(&open, &memory, 1_000).await;
}

#[tokio::test]
async fn a_block_has_the_words_of_its_events_and_few_others() {
    let store = OnDisk::default();
    let open = store.sqlite();
    fill(&open).await;
    drop(open);
    let sql = store.raw();
    let mut select =
        sql.prepare("SELECT first_at, last_at, words FROM blocks ORDER BY number").unwrap();
    let rows: Vec<(i64, i64, Vec<u8>)> = select
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let [(first, last, old), (_, _, young)] = rows.as_slice() else { panic!("{}", rows.len()) };
    // Places begin with 1.
    assert_eq!((*first, *last), (at(0).millis(), at(BLOCK - 2).millis()));
    let has = |filter: &[u8], word| may_have(filter, &[word]);
    for word in [
        Word::agent("rare"),
        Word::rule("rare"),
        Word::rule("watching"),
        Word::target("rare"),
        Word::target("late"),
        Word::state(2),
        Word::subject("call_11"),
    ] {
        assert!(has(old, word) && !has(young, word), "{word:?}");
    }
    for word in [Word::agent("agent_7"), Word::name("call_ended"), Word::target("crm")] {
        assert!(has(old, word) && has(young, word), "{word:?}");
    }
}

#[tokio::test]
async fn what_was_taken_back_is_not_in_a_block_and_what_came_instead_is() {
    let store = OnDisk::default();
    drop(store.sqlite());
    let sql = store.raw();
    let mut current = Current::default();
    let (one, two, state) = (Word::agent("one"), Word::agent("two"), Word::state(0));
    let last = (BLOCK - 1, 7);
    sql.execute_batch("BEGIN").unwrap();
    current.add(&sql, last, &[one], state).unwrap();
    current.add(&sql, (BLOCK, 8), &[one], state).unwrap();
    sql.execute_batch("ROLLBACK").unwrap();
    current.forget();
    current.add(&sql, last, &[two], state).unwrap();
    let words: Vec<u8> = sql.query_row("SELECT words FROM blocks", [], |row| row.get(0)).unwrap();
    assert!(may_have(&words, &[two, state]) && !may_have(&words, &[one]));
    assert_eq!(number_of(BLOCK - 1), 0);
}

#[tokio::test]
async fn a_block_goes_with_its_last_event() {
    let store = OnDisk::tidy();
    let open = store.sqlite();
    fill(&open).await;
    let sql = store.raw();
    let blocks = || -> Vec<i64> {
        let mut select = sql.prepare("SELECT number FROM blocks ORDER BY number").unwrap();
        select.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    assert_eq!(blocks(), [0, 1]);
    // What is pending stays: one in five hundred, in both.
    store.clock.set(at(8 * 86_400_000));
    eventually("history goes", async || conformance::stats(&open).await.events < 50).await;
    assert_eq!(blocks(), [0, 1]);
    for name in ["crm", "slack", "rare", "late"] {
        for ready in due(&open, name).await {
            settle(&open, ready.id, Change::Delivered, 9_000).await;
        }
    }
    store.clock.set(at(40 * 86_400_000));
    eventually("the rest goes", async || conformance::stats(&open).await.events == 0).await;
    eventually("the blocks, too", async || blocks().is_empty()).await;
}
