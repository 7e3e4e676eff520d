//! What dispatch reads: what is due, bodies, and where ages begin.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, Row};

use crate::clock::Timestamp;
use crate::delivery::DeliveryId;
use crate::event::EventId;
use crate::name::TargetName;

use super::super::{Body, Ready, StoreError};
use super::lanes::ReadError;
use super::row::{EventRow, bytes_of, event_by_id, integer};
use super::work::{DELIVERY, DeliveryRow};

/// The number of a target; none if nothing was ever sent to one of that name.
pub(super) fn target_id(sql: &Connection, name: &str) -> rusqlite::Result<Option<i64>> {
    let mut select = sql.prepare_cached("SELECT id FROM targets WHERE name = ?1")?;
    select.query_row([name], |row| row.get(0)).optional()
}

/// The nearest due deliveries of a target, by the index alone: it holds those that wait behind others of their key apart.
pub(super) fn due(
    sql: &Connection,
    name: &TargetName,
    after: Option<(Timestamp, DeliveryId)>,
    limit: usize,
) -> Result<Vec<Ready>, ReadError> {
    let Some(target) = target_id(sql, name.as_str())? else { return Ok(Vec::new()) };
    let select = format!(
        "SELECT {DELIVERY}, e.id FROM deliveries d INDEXED BY due JOIN events e ON e.seq = d.event \
         WHERE d.state = 0 AND d.target = ?1 AND d.waiting = 0"
    );
    let read = |row: &Row<'_>| {
        let event = EventId::from_bytes(row.get(13)?);
        Ok(DeliveryRow::read(row)?.ready(event, name.clone()))
    };
    let mut found: Vec<Ready> = Vec::new();
    let moment = match after {
        Some((moment, id)) => {
            // Many may be due at the same moment, so the place within it is found by the index, too.
            let query = format!("{select} AND d.moment = ?2 AND d.id > ?3 ORDER BY d.id LIMIT ?4");
            let mut select = sql.prepare_cached(&query)?;
            let values = [target, moment.millis(), id.0, integer(limit)];
            for ready in select.query_map(values, read)? {
                found.push(ready?);
            }
            moment.millis()
        }
        None => i64::MIN,
    };
    let query = format!("{select} AND d.moment > ?2 ORDER BY d.moment, d.id LIMIT ?3");
    let mut select = sql.prepare_cached(&query)?;
    let rest = integer(limit.saturating_sub(found.len()));
    for ready in select.query_map([target, moment, rest], read)? {
        found.push(ready?);
    }
    Ok(found)
}

/// An event with its body, checked.
pub(super) fn body(sql: &Connection, id: EventId) -> Result<Body, ReadError> {
    // One snapshot: between the two reads the event could be forgotten.
    let transaction = sql.unchecked_transaction()?;
    checked(&transaction, id)
}

/// Several events with their bodies, as long as these are at most so many bytes.
pub(super) fn bodies(
    sql: &Connection,
    events: Vec<EventId>,
    most: usize,
) -> Result<Vec<(EventId, Body)>, ReadError> {
    let transaction = sql.unchecked_transaction()?;
    let mut found = Vec::with_capacity(events.len());
    let mut bytes = 0;
    for id in events {
        match checked(&transaction, id) {
            Ok(body) => {
                bytes += body.body.len();
                if bytes > most {
                    break;
                }
                found.push((id, body));
            }
            Err(ReadError::Store(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

fn checked(sql: &Connection, id: EventId) -> Result<Body, ReadError> {
    let row = event_by_id(sql, id)?.ok_or(StoreError::NotFound)?;
    whole(sql, &row)
}

/// An event with its body, checked.
pub(super) fn whole(sql: &Connection, row: &EventRow) -> Result<Body, ReadError> {
    let id = row.event_id();
    let bytes = match bytes_of(sql, row.seq) {
        Ok(bytes) => bytes.ok_or(StoreError::Damaged(id))?,
        // A page of this body makes no sense; other events have other pages.
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseCorrupt) => {
            tracing::error!(event = %id, %error, "a stored body cannot be read");
            return Err(StoreError::Damaged(id).into());
        }
        Err(error) => return Err(error.into()),
    };
    Ok(row.body(bytes)?)
}

/// Where the age of the oldest pending delivery of each of these targets began.
///
/// A delivery that was never tried has its age in the index of the due, as the moment when it is due; one that was tried
/// has its age in an index of its own. So both ends are found without looking at what lies between. If the clock stepped
/// back between arrival and a try, the answer may be the moment of that try.
pub(super) fn oldest(
    sql: &Connection,
    targets: Vec<i64>,
) -> Result<HashMap<i64, Timestamp>, ReadError> {
    let query = "SELECT min(moment) FROM (\
                 SELECT min(moment) AS moment FROM deliveries INDEXED BY due \
                 WHERE state = 0 AND target = ?1 AND waiting = 0 UNION ALL \
                 SELECT min(moment) FROM deliveries INDEXED BY due \
                 WHERE state = 0 AND target = ?1 AND waiting = 1 UNION ALL \
                 SELECT min(age_from) FROM deliveries INDEXED BY retried \
                 WHERE state = 0 AND moment <> age_from AND target = ?1)";
    let mut select = sql.prepare_cached(query)?;
    let mut found = HashMap::new();
    for target in targets {
        let oldest: Option<i64> = select.query_row([target], |row| row.get(0))?;
        if let Some(oldest) = oldest {
            found.insert(target, Timestamp::from_millis(oldest));
        }
    }
    Ok(found)
}
