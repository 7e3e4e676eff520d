//! Reads are bounded in time, and what dispatch reads does not depend on the length of a backlog.

use conformance::{due_ids, event, finished, one, stored, target};

use super::*;

/// Reads that never end by themselves.
const ENDLESS: &str =
    "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n";

fn endless(store: &Sqlite) -> Pending<i64> {
    store.read(&store.slow, |sql| Ok(sql.query_row(ENDLESS, [], |row| row.get(0))?))
}

#[tokio::test]
async fn a_read_that_takes_too_long_is_stopped_and_holds_nobody_up() {
    let mut store = OnDisk::default();
    store.tuning.read_max = Duration::from_millis(300);
    let open = store.sqlite();
    let delivery = one(&open, 1, 0, "crm").await;
    let slow: Vec<_> = (0..6).map(|_| endless(&open)).collect();
    assert_eq!(due_ids(&open, "crm").await, [delivery], "dispatch has a lane of its own");
    for slow in slow {
        let stopped = finished(slow).await.err();
        assert!(matches!(stopped, Some(StoreError::Read(text)) if text.contains("too long")));
    }
    let page = Page { limit: 1, after: None };
    assert!(finished(open.events(EventFilter::default(), page)).await.is_ok());
}

#[tokio::test]
async fn closing_waits_for_no_reader() {
    let store = OnDisk::default();
    let open = store.sqlite();
    let slow = endless(&open);
    let waiting: Vec<_> = (0..3).map(|_| endless(&open)).collect();
    assert_eq!(finished(open.close()).await, Ok(()));
    assert!(finished(slow).await.is_err());
    for waiting in waiting {
        assert!(finished(waiting).await.is_err());
    }
}

/// How SQLite goes about a query.
fn plan(sql: &rusqlite::Connection, query: &str) -> String {
    let mut explain = sql.prepare(&format!("EXPLAIN QUERY PLAN {query}")).unwrap();
    let count = explain.parameter_count();
    for number in 1..=count {
        explain.raw_bind_parameter(number, 1).unwrap();
    }
    let mut rows = explain.raw_query();
    let mut text = String::new();
    while let Some(row) = rows.next().unwrap() {
        text.push_str(&row.get::<_, String>(3).unwrap());
        text.push('\n');
    }
    text
}

/// No query that runs for an event or a delivery walks a table or sorts.
#[tokio::test]
async fn nothing_is_scanned_on_the_way_of_an_event() {
    let store = OnDisk::default();
    let open = store.sqlite();
    let ready = stored(&open, event(1, 0, &["crm:key", "slack"])).await;
    assert_eq!(ready.len(), 2);
    drop(open);
    let sql = store.raw();
    let due = "SELECT d.id, e.id FROM deliveries d INDEXED BY due JOIN events e ON e.seq = d.event \
               WHERE d.state = 0 AND d.target = ? AND d.waiting = 0 AND";
    let dead = "SELECT d.id FROM deliveries d INDEXED BY dead WHERE d.state = 2 AND";
    for (query, expected) in [
        (format!("{due} d.moment = ? AND d.id > ? ORDER BY d.id LIMIT ?"), "moment=? AND rowid>?"),
        (format!("{due} d.moment > ? ORDER BY d.moment, d.id LIMIT ?"), "waiting=? AND moment>?"),
        (
            "SELECT id FROM deliveries d INDEXED BY line WHERE d.state = 0 AND d.target = ? \
             AND d.order_key = ? ORDER BY d.id LIMIT 1"
                .to_owned(),
            "target=? AND order_key=?",
        ),
        (
            "SELECT id FROM deliveries d INDEXED BY retried WHERE d.state = 0 AND d.moment <> d.age_from \
             AND d.target = ? AND d.age_from > ? AND d.age_from <= ? ORDER BY d.age_from, d.id LIMIT ?"
                .to_owned(),
            "target=? AND age_from>? AND age_from<?",
        ),
        (
            format!("{dead} d.moment = ? AND d.id < ? ORDER BY d.moment DESC, d.id DESC LIMIT 9"),
            "moment=? AND id<?",
        ),
        (format!("{dead} d.moment < ? ORDER BY d.moment DESC, d.id DESC LIMIT 9"), "moment<?"),
        (
            format!("{dead} d.moment = ? AND d.id > ? AND (d.moment < ? OR d.id <= ?) ORDER BY d.id"),
            "moment=? AND id>?",
        ),
        (
            "SELECT min(moment) FROM deliveries INDEXED BY due WHERE state = 0 AND target = ? AND waiting = 1"
                .to_owned(),
            "target=? AND waiting=?",
        ),
    ] {
        let plan = plan(&sql, &query);
        assert!(plan.contains(expected), "{query}\n{plan}");
        assert!(!plan.contains("SCAN") && !plan.contains("TEMP B-TREE"), "{query}\n{plan}");
    }
}

/// Thousands that wait behind one are not looked at.
#[tokio::test]
async fn a_long_line_of_one_key_is_one_delivery_that_is_due() {
    let store = OnDisk::default();
    let open = store.sqlite();
    let pending: Vec<_> =
        (1..=3_000).map(|n| open.append(event(n, i64::from(n), &["crm:one"]))).collect();
    for pending in pending {
        drop(conformance::done(pending).await);
    }
    let due = conformance::done(open.due(&target("crm"), None, 1_000)).await;
    assert_eq!(due.len(), 1);
    let after = Some((due[0].due, due[0].id));
    assert_eq!(conformance::done(open.due(&target("crm"), after, 1_000)).await, []);
}
