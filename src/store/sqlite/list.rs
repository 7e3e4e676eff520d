//! What people read: one event whole, dead letters, texts of revisions. Events by filter are in `search`.

use std::sync::Arc;
use std::time::Duration;

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};

use crate::clock::Timestamp;
use crate::delivery::{DeadReason, DeliveryId};
use crate::event::EventId;
use crate::name::{ContentHash, Revision, TargetName};

use super::super::{
    Attempt, AttemptResult, DeadLetter, DeadSelection, DeliveryRecord, DeliveryState, EventRecord,
    Page, StoreError, Tried,
};
use super::lanes::ReadError;
use super::read::target_id;
use super::row::{event_by_id, integer, number};
use super::schema::{BURIED, DEAD, DELIVERED, PENDING};
use super::work::{DELIVERY, DeliveryRow, deliveries_of};

/// A query that grows by conditions.
#[derive(Debug, Clone, Default)]
pub(super) struct Query {
    pub(super) text: String,
    pub(super) values: Vec<Value>,
    /// Whether it names what it is about.
    by_id: bool,
}

impl Query {
    /// One whose first `count` values are given later.
    pub(super) fn behind(count: usize) -> Self {
        Self { values: vec![Value::Null; count], ..Self::default() }
    }

    /// Adds a condition about one value, which stands where the `?` is.
    pub(super) fn and(&mut self, condition: &str, value: impl Into<Value>) {
        self.values.push(value.into());
        let place = format!("?{}", self.values.len());
        self.text.push_str(" AND ");
        self.text.push_str(&condition.replace('?', &place));
    }
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

/// A delivery as it is listed.
pub(super) fn delivery_record(
    sql: &Connection,
    row: &DeliveryRow,
) -> Result<DeliveryRecord, ReadError> {
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
        let Some(target) = target_id(sql, name.as_str())? else { return Ok(None) };
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
