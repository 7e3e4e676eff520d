//! What people read: events by filter, one event whole, dead letters, texts of revisions.

use std::sync::Arc;
use std::time::Duration;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};

use crate::clock::Timestamp;
use crate::delivery::{DeadReason, DeliveryId};
use crate::event::EventId;
use crate::name::{ContentHash, Revision, TargetName};

use super::super::{
    Arrivals, Attempt, AttemptResult, DeadLetter, DeadSelection, DeliveryRecord, DeliveryState,
    EventFilter, EventPage, EventRecord, Page, StoreError, Stretch, Tried,
};
use super::lanes::ReadError;
use super::read::whole;
use super::row::{EVENT, EventRow, event_by_id, integer, number};
use super::schema::{BURIED, DEAD, DELIVERED, PENDING};
use super::work::{DELIVERY, DeliveryRow, deliveries_of};

/// How far a clock may have stepped for the bounds of a filter by time to be exact.
const CLOCK_STEP: Duration = Duration::from_hours(24);

/// A query that grows by conditions.
#[derive(Debug, Clone, Default)]
struct Query {
    text: String,
    values: Vec<Value>,
    /// Whether it names what it is about.
    by_id: bool,
}

impl Query {
    /// Adds a condition about one value, which stands where the `?` is.
    fn and(&mut self, condition: &str, value: impl Into<Value>) {
        self.values.push(value.into());
        let place = format!("?{}", self.values.len());
        self.text.push_str(" AND ");
        self.text.push_str(&condition.replace('?', &place));
    }
}

/// Events, newest first.
pub(super) fn events(
    sql: &Connection,
    filter: &EventFilter,
    page: &Page,
) -> Result<EventPage, ReadError> {
    let limit = page.limit.clamp(1, 1_000);
    let before: i64 = match &page.after {
        Some(cursor) => cursor.parse().map_err(|_not_a_number| StoreError::Cursor)?,
        None => i64::MAX,
    };
    let snapshot = sql.unchecked_transaction()?;
    let Some(query) = events_query(&snapshot, filter, before)? else {
        return Ok(EventPage { events: Vec::new(), next: None });
    };
    let text = format!(
        "SELECT {EVENT} FROM events e WHERE 1{} ORDER BY e.seq DESC LIMIT {}",
        query.text,
        limit + 1
    );
    let mut select = snapshot.prepare_cached(&text)?;
    let mut rows = select.query_map(params_from_iter(query.values), EventRow::read)?;
    let (mut events, mut last) = (Vec::new(), None);
    for row in rows.by_ref().take(limit) {
        let row = row?;
        last = Some(row.seq.to_string());
        events.push((row.record()?, delivery_records(&snapshot, &row)?));
    }
    let more = rows.next().transpose()?.is_some();
    Ok(EventPage { events, next: last.filter(|_| more) })
}

/// Events from a place on, oldest first.
pub(super) fn arrivals(
    sql: &Connection,
    filter: &EventFilter,
    from: u64,
    limit: usize,
) -> Result<Arrivals, ReadError> {
    let limit = limit.clamp(1, 1_000);
    let snapshot = sql.unchecked_transaction()?;
    let head = head(&snapshot)?;
    let mut found = Arrivals { events: Vec::new(), next: from.max(head), head };
    // Nothing new is the usual answer, and costs no more than this.
    if from >= head {
        return Ok(found);
    }
    let Some(query) = arrivals_query(&snapshot, filter, from)? else { return Ok(found) };
    let mut select = snapshot.prepare_cached(&oldest_first(&query, limit))?;
    for row in select.query_map(params_from_iter(query.values), EventRow::read)? {
        let row = row?;
        let next = number(row.seq).saturating_add(1);
        found.events.push((next, row.record()?, delivery_records(&snapshot, &row)?));
        if found.events.len() == limit {
            found.next = next;
        }
    }
    Ok(found)
}

/// The same with bodies and without deliveries, until the bodies are `most` bytes.
pub(super) fn stretch(
    sql: &Connection,
    filter: &EventFilter,
    from: u64,
    (limit, most): (usize, usize),
) -> Result<Stretch, ReadError> {
    let limit = limit.clamp(1, 1_000);
    let snapshot = sql.unchecked_transaction()?;
    let head = head(&snapshot)?;
    let mut found = Stretch { events: Vec::new(), next: from.max(head), head };
    let Some(query) = arrivals_query(&snapshot, filter, from)? else { return Ok(found) };
    let mut select = snapshot.prepare_cached(&oldest_first(&query, limit))?;
    let mut bytes = 0;
    for row in select.query_map(params_from_iter(query.values), EventRow::read)? {
        let row = row?;
        bytes += number(row.length);
        if bytes > most as u64 && !found.events.is_empty() {
            found.next = number(row.seq);
            break;
        }
        let body = match whole(&snapshot, &row) {
            Ok(body) => Some(body),
            Err(ReadError::Store(_)) => None,
            Err(error) => return Err(error),
        };
        found.events.push((row.event_id(), body));
        if found.events.len() == limit {
            found.next = number(row.seq).saturating_add(1);
        }
    }
    Ok(found)
}

/// The place behind the newest event.
fn head(sql: &Connection) -> Result<u64, ReadError> {
    let mut newest = sql.prepare_cached("SELECT coalesce(max(seq) + 1, 0) FROM events")?;
    Ok(number(newest.query_row([], |row| row.get(0))?))
}

/// The conditions on what arrived from a place on; none if nothing can meet them.
fn arrivals_query(
    sql: &Connection,
    filter: &EventFilter,
    from: u64,
) -> Result<Option<Query>, ReadError> {
    let mut query = events_query(sql, filter, i64::MAX)?;
    if let Some(query) = &mut query {
        query.and("e.seq >= ?", i64::try_from(from).unwrap_or(i64::MAX));
    }
    Ok(query)
}

fn oldest_first(query: &Query, limit: usize) -> String {
    format!("SELECT {EVENT} FROM events e WHERE 1{} ORDER BY e.seq LIMIT {limit}", query.text)
}

/// The deliveries of an event.
fn delivery_records(sql: &Connection, event: &EventRow) -> Result<Vec<DeliveryRecord>, ReadError> {
    deliveries_of(sql, event.span())?.iter().map(|row| delivery_record(sql, row)).collect()
}

/// The conditions; none if nothing can meet them.
fn events_query(
    sql: &Connection,
    filter: &EventFilter,
    before: i64,
) -> Result<Option<Query>, ReadError> {
    let mut query = Query::default();
    query.and("e.seq < ?", before);
    for (column, text) in
        [("name", &filter.name), ("agent", &filter.agent_id), ("subject", &filter.subject)]
    {
        if let Some(text) = text {
            query.and(&format!("e.{column} = ?"), text.clone());
        }
    }
    // Events are in order of arrival, so most of those outside the time asked for need not be looked at.
    if let Some(since) = filter.since {
        query.and("e.at >= ?", since.millis());
        query.and("e.seq >= ?", first_since(sql, since.minus(CLOCK_STEP))?);
    }
    if let Some(until) = filter.until {
        query.and("e.at < ?", until.millis());
        query.and("e.seq < ?", first_since(sql, until.plus(CLOCK_STEP))?);
    }
    if let Some(state) = filter.event_state() {
        let states = ["routed", "unrouted", "ignored", "revised", "quarantined"];
        let Some(number) = states.iter().position(|name| *name == state) else { return Ok(None) };
        query.and("e.state = ?", integer(number));
    }
    if filter.wants_delivery() {
        let mut wanted = Query::default();
        std::mem::swap(&mut wanted.values, &mut query.values);
        if let Some(name) = &filter.target {
            let mut select = sql.prepare_cached("SELECT id FROM targets WHERE name = ?1")?;
            let target: Option<i64> = select.query_row([name], |row| row.get(0)).optional()?;
            let Some(target) = target else { return Ok(None) };
            wanted.and("d.target = ?", target);
        }
        match filter.delivery_state() {
            Some("pending") => wanted.and("d.state = ?", PENDING),
            Some("delivered") => wanted.and("d.state = ?", DELIVERED),
            Some(_) => wanted.and("d.state >= ?", DEAD),
            None => {}
        }
        query.values = wanted.values;
        let either = format!(
            " AND (EXISTS (SELECT 1 FROM deliveries d WHERE d.id >= e.first AND d.id < e.first + e.planned{0}) \
             OR (e.replayed AND EXISTS (SELECT 1 FROM deliveries d INDEXED BY replays \
             WHERE d.replay = 1 AND d.event = e.seq{0})))",
            wanted.text
        );
        query.text.push_str(&either);
    }
    Ok(Some(query))
}

/// The place of the first event that arrived at or after that time, by halving: some fifty looks.
fn first_since(sql: &Connection, time: Timestamp) -> rusqlite::Result<i64> {
    let ends = "SELECT coalesce(min(seq), 0), coalesce(max(seq), 0) + 1 FROM events";
    let (mut low, mut high): (i64, i64) =
        sql.prepare_cached(ends)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut select =
        sql.prepare_cached("SELECT seq, at FROM events WHERE seq >= ?1 ORDER BY seq LIMIT 1")?;
    while low < high {
        let middle = low + (high - low) / 2;
        let found: Option<(i64, i64)> =
            select.query_row([middle], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        match found {
            Some((seq, at)) if at < time.millis() => low = seq + 1,
            _ => high = middle,
        }
    }
    Ok(low)
}

/// One event with its deliveries and their attempts.
pub(super) fn event(sql: &Connection, id: EventId) -> Result<(EventRecord, Tried), ReadError> {
    let snapshot = sql.unchecked_transaction()?;
    let row = event_by_id(&snapshot, id)?.ok_or(StoreError::NotFound)?;
    let query = "SELECT number, started_at, took, result, status, detail, answer FROM attempts \
                 WHERE delivery = ?1 ORDER BY number";
    let mut tried = Vec::new();
    for delivery in deliveries_of(&snapshot, row.span())? {
        let mut select = snapshot.prepare_cached(query)?;
        let attempts: rusqlite::Result<_> = select.query_map([delivery.id], attempt)?.collect();
        tried.push((delivery_record(&snapshot, &delivery)?, attempts?));
    }
    Ok((row.record()?, tried))
}

fn attempt(row: &Row<'_>) -> rusqlite::Result<Attempt> {
    Ok(Attempt {
        number: row.get(0)?,
        started_at: Timestamp::from_millis(row.get(1)?),
        took: Duration::from_micros(number(row.get(2)?)),
        result: match row.get(3)? {
            0 => AttemptResult::Accepted,
            1 => AttemptResult::Retry,
            _ => AttemptResult::Rejected,
        },
        status: row.get(4)?,
        detail: row.get(5)?,
        answer: row.get(6)?,
    })
}

fn delivery_record(sql: &Connection, row: &DeliveryRow) -> Result<DeliveryRecord, ReadError> {
    let damaged = |what: &str| StoreError::Read(format!("delivery {} has {what}", row.id));
    let mut select = sql.prepare_cached("SELECT name FROM targets WHERE id = ?1")?;
    let name: Option<String> = select.query_row([row.target], |row| row.get(0)).optional()?;
    let name = name.and_then(|name| TargetName::new(&name).ok());
    let at = Timestamp::from_millis(row.moment);
    let reason = row.reason.as_deref().and_then(DeadReason::from_name);
    let state = match (row.state, reason) {
        (PENDING, _) => DeliveryState::Pending { due: at },
        (DELIVERED, _) => DeliveryState::Delivered { at },
        (DEAD | BURIED, Some(reason)) => DeliveryState::Dead { reason, at },
        _ => return Err(damaged("no state that there is").into()),
    };
    Ok(DeliveryRecord {
        id: DeliveryId(row.id),
        target: name.ok_or_else(|| damaged("no target"))?,
        state,
        attempts: u32::try_from(row.attempts).unwrap_or(u32::MAX),
        created_at: Timestamp::from_millis(row.created_at),
        age_from: Timestamp::from_millis(row.age_from),
        order_key: row.order_key.as_deref().map(Arc::from),
        replay: row.replay,
        revision: number(row.revision),
    })
}

/// Dead letters, the last to die first.
pub(super) fn dead_letters(
    sql: &Connection,
    selection: &DeadSelection,
    page: &Page,
) -> Result<Vec<DeadLetter>, ReadError> {
    let before = match &page.after {
        Some(cursor) => Some(DeadLetter::place(cursor).ok_or(StoreError::Cursor)?),
        None => None,
    };
    let snapshot = sql.unchecked_transaction()?;
    let limit = page.limit.clamp(1, 1_000);
    let mut letters = Vec::new();
    let Some(query) = dead_query(&snapshot, selection)? else { return Ok(letters) };
    let mut behind = None;
    if let Some((moment, id)) = before {
        // Many may have died at the same moment, so the place within it is found by the index, too.
        let mut same = query.clone();
        same.and("d.moment = ?", moment.millis());
        same.and("d.id < ?", id.0);
        dead_part(&snapshot, same, limit, &mut letters)?;
        behind = Some(moment.millis());
    }
    let mut rest = query;
    if let Some(moment) = behind {
        rest.and("d.moment < ?", moment);
    }
    dead_part(&snapshot, rest, limit - letters.len(), &mut letters)?;
    Ok(letters)
}

fn dead_part(
    sql: &Connection,
    query: Query,
    limit: usize,
    letters: &mut Vec<DeadLetter>,
) -> Result<(), ReadError> {
    // By the list of ids if there is one, else along the index.
    let index = if query.by_id { "" } else { " INDEXED BY dead" };
    let text = format!(
        "SELECT {DELIVERY}, e.id, e.name, e.subject, (SELECT detail FROM attempts a WHERE a.delivery = d.id \
         ORDER BY a.number DESC LIMIT 1) FROM deliveries d{index} JOIN events e ON e.seq = d.event \
         WHERE d.state = 2{} ORDER BY d.moment DESC, d.id DESC LIMIT {limit}",
        query.text
    );
    let mut select = sql.prepare(&text)?;
    let mut rows = select.query(params_from_iter(query.values))?;
    while let Some(row) = rows.next()? {
        letters.push(DeadLetter {
            delivery: delivery_record(sql, &DeliveryRow::read(row)?)?,
            event: EventId::from_bytes(row.get(13)?),
            event_name: row.get(14)?,
            subject: row.get(15)?,
            detail: row.get(16)?,
        });
    }
    Ok(())
}

fn dead_query(sql: &Connection, selection: &DeadSelection) -> Result<Option<Query>, ReadError> {
    let mut query = Query::default();
    if let Some(name) = &selection.target {
        let mut select = sql.prepare_cached("SELECT id FROM targets WHERE name = ?1")?;
        let target: Option<i64> = select.query_row([name.as_str()], |row| row.get(0)).optional()?;
        let Some(target) = target else { return Ok(None) };
        query.and("d.target = ?", target);
    }
    if let Some(reason) = selection.reason {
        query.and("d.reason = ?", reason.as_str().to_owned());
    }
    if !selection.ids.is_empty() {
        let ids: Vec<i64> = selection.ids.iter().map(|id| id.0).collect();
        // One value however many ids there are.
        let ids = serde_json::to_string(&ids).unwrap_or_default();
        query.and("d.id IN (SELECT value FROM json_each(?))", ids);
        query.by_id = true;
    }
    if let Some(event) = selection.event {
        let Some(row) = event_by_id(sql, event)? else { return Ok(None) };
        let ids: Vec<i64> = deliveries_of(sql, row.span())?.iter().map(|row| row.id).collect();
        let ids = serde_json::to_string(&ids).unwrap_or_default();
        query.and("d.id IN (SELECT value FROM json_each(?))", ids);
        query.by_id = true;
    }
    Ok(Some(query))
}

/// The text of a revision.
pub(super) fn revision(
    sql: &Connection,
    wanted: u64,
) -> Result<(Revision, Arc<str>, Timestamp), ReadError> {
    let query = "SELECT hash, text, since FROM revisions WHERE number = ?1";
    let found: Option<([u8; 32], String, i64)> = sql
        .prepare_cached(query)?
        .query_row([integer(wanted)], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let (hash, text, since) = found.ok_or(StoreError::NotFound)?;
    let revision = Revision { number: wanted, hash: ContentHash(hash) };
    Ok((revision, text.into(), Timestamp::from_millis(since)))
}

/// The newest revisions, without their texts.
pub(super) fn revisions(
    sql: &Connection,
    limit: usize,
) -> Result<Vec<(Revision, Timestamp)>, ReadError> {
    let query = "SELECT number, hash, since FROM revisions ORDER BY number DESC LIMIT ?1";
    let mut select = sql.prepare_cached(query)?;
    let rows = select.query_map([integer(limit)], |row| {
        let number = u64::try_from(row.get::<_, i64>(0)?).unwrap_or_default();
        let revision = Revision { number, hash: ContentHash(row.get(1)?) };
        Ok((revision, Timestamp::from_millis(row.get(2)?)))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
