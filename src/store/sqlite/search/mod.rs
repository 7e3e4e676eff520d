//! Looking for events: by filter, newest first; those that arrived from a place on, oldest first; and by their ids.
//!
//! Events lie in the order of arrival, and a listing walks along it. Where it need not look it passes by: over blocks that do not
//! have what is asked for (see [`blocks`](super::blocks)), and over everything but the few deliveries that are pending, or that
//! ended without success. Where that does not help, as with a text in bodies, it looks for as long as its reach allows, says how
//! far it came, and the next page goes on there. So a request that finds nothing costs no more than one that finds something.

mod wanted;
mod way;

use std::time::{Duration, Instant};

use rusqlite::{Connection, OptionalExtension, params_from_iter};

use crate::clock::Timestamp;
use crate::event::EventId;

use super::super::{
    Arrivals, DeliveryRecord, EventFilter, EventPage, EventRecord, Page, StoreError, Stretch,
};
use super::lanes::ReadError;
use super::list::delivery_record;
use super::now;
use super::read::whole;
use super::row::{EventRow, event_by_id, number};
use super::work::deliveries_of;

use wanted::Search;
use way::{Step, Way};

pub(super) use way::FEW;

/// How far one request looks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reach {
    /// For so long, but at least at one block.
    pub(super) time: Duration,
    /// At most [`FEW`] deliveries are pending, of those that are asked for.
    pub(super) few_pending: bool,
}

/// Events, newest first.
pub(super) fn events(
    sql: &Connection,
    filter: &EventFilter,
    page: &Page,
    reach: Reach,
) -> Result<EventPage, ReadError> {
    let ends = now() + reach.time;
    let before: i64 = match &page.after {
        Some(cursor) => cursor.parse().map_err(|_not_a_number| StoreError::Cursor)?,
        None => i64::MAX,
    };
    let snapshot = sql.unchecked_transaction()?;
    let mut found = EventPage { events: Vec::new(), next: None, looked_to: None };
    let Some(search) = Search::new(&snapshot, filter)? else { return Ok(found) };
    let mut way = Way::of(&snapshot, (filter, &search), before, reach)?;
    walk(&search, &snapshot, &mut way, (page.limit.clamp(1, 1_000), ends), &mut found)?;
    Ok(found)
}

/// Events from a place on, oldest first.
pub(super) fn arrivals(
    sql: &Connection,
    filter: &EventFilter,
    (from, limit): (u64, usize),
    reach: Duration,
) -> Result<Arrivals, ReadError> {
    let ends = now() + reach;
    let limit = limit.clamp(1, 1_000);
    let snapshot = sql.unchecked_transaction()?;
    let head = head(&snapshot)?;
    let mut found = Arrivals { events: Vec::new(), next: from.max(head), head };
    // Nothing new is the usual answer, and costs no more than this.
    if from >= head {
        return Ok(found);
    }
    let Some(search) = Search::new(&snapshot, filter)? else { return Ok(found) };
    let mut select = snapshot.prepare_cached(&search.select("ASC"))?;
    let mut rows = select.query(params_from_iter(search.values_from(from)))?;
    while let Some(row) = rows.next()? {
        let row = EventRow::read(row)?;
        let next = number(row.seq).saturating_add(1);
        if search.passes(&snapshot, &row)? {
            found.events.push((next, row.record()?, delivery_records(&snapshot, &row)?));
        }
        if found.events.len() == limit || (search.needle.is_some() && now() >= ends) {
            found.next = next;
            break;
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
    let Some(search) = Search::new(&snapshot, filter)? else { return Ok(found) };
    let mut select = snapshot.prepare_cached(&search.select("ASC"))?;
    let mut rows = select.query(params_from_iter(search.values_from(from)))?;
    let mut bytes = 0;
    while let Some(row) = rows.next()? {
        let row = EventRow::read(row)?;
        if !search.passes(&snapshot, &row)? {
            continue;
        }
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
            break;
        }
    }
    Ok(found)
}

/// The place behind the newest event.
fn head(sql: &Connection) -> Result<u64, ReadError> {
    let mut newest = sql.prepare_cached("SELECT coalesce(max(seq) + 1, 0) FROM events")?;
    Ok(number(newest.query_row([], |row| row.get(0))?))
}

/// These events, in their order, without those that are not there.
pub(super) fn listed(
    sql: &Connection,
    ids: &[EventId],
) -> Result<Vec<(EventRecord, Vec<DeliveryRecord>)>, ReadError> {
    let snapshot = sql.unchecked_transaction()?;
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        if let Some(row) = event_by_id(&snapshot, *id)? {
            found.push((row.record()?, delivery_records(&snapshot, &row)?));
        }
    }
    Ok(found)
}

/// Goes the way until there is a page and one more, or the time is over, or the way.
fn walk(
    search: &Search,
    sql: &Connection,
    way: &mut Way,
    (limit, ends): (usize, Instant),
    found: &mut EventPage,
) -> Result<(), ReadError> {
    let mut select = sql.prepare_cached(&search.select("DESC"))?;
    let mut last = 0;
    while let Some(step) = way.next(sql, search)? {
        let (from, until) = match step {
            Step::Past(place) => (place, place),
            Step::Look(from, until) => (from, until),
        };
        let mut came_to = (from, None);
        let mut rows = if from < until {
            Some(select.query(params_from_iter(search.values(from, until)))?)
        } else {
            None
        };
        while let Some(row) = rows.as_mut().map_or(Ok(None), rusqlite::Rows::next)? {
            let row = EventRow::read(row)?;
            if search.passes(sql, &row)? {
                if found.events.len() == limit {
                    found.next = Some(last.to_string());
                    return Ok(());
                }
                last = row.seq;
                found.events.push((row.record()?, delivery_records(sql, &row)?));
            }
            // A body takes long enough to look at the clock after each.
            if search.needle.is_some() && now() >= ends {
                came_to = (row.seq, Some(row.at));
                break;
            }
        }
        drop(rows);
        if now() >= ends && came_to.0 > search.ends.0 {
            found.next = Some(came_to.0.to_string());
            if found.events.len() < limit {
                found.looked_to = time_at(sql, came_to)?.map(Timestamp::from_millis);
            }
            return Ok(());
        }
    }
    Ok(())
}

/// The deliveries of an event.
fn delivery_records(sql: &Connection, event: &EventRow) -> Result<Vec<DeliveryRecord>, ReadError> {
    deliveries_of(sql, event.span())?.iter().map(|row| delivery_record(sql, row)).collect()
}

/// The time of the event at a place, or of the next one.
fn time_at(sql: &Connection, (seq, at): (i64, Option<i64>)) -> rusqlite::Result<Option<i64>> {
    if at.is_some() {
        return Ok(at);
    }
    let query = "SELECT at FROM events WHERE seq >= ?1 ORDER BY seq LIMIT 1";
    sql.prepare_cached(query)?.query_row([seq], |row| row.get(0)).optional()
}
