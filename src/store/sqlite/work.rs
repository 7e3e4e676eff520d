//! What an operation works with inside a transaction, and how it can go wrong there.

use rusqlite::{Connection, OptionalExtension, Row};

use crate::clock::Timestamp;
use crate::delivery::DeliveryId;
use crate::event::EventId;
use crate::name::TargetName;

use super::super::{Ready, StoreError};
use super::known::Known;
use super::row::number;
use super::schema::DEAD;
use super::tally::Delta;

/// Rows that are changed in one step of something long.
pub(super) const CHUNK: usize = 500;

/// A transaction under way.
#[derive(Debug)]
pub(super) struct Work<'a> {
    pub(super) sql: &'a Connection,
    pub(super) known: &'a mut Known,
    pub(super) delta: &'a mut Delta,
    /// Bytes that new events may still take, and why no more.
    pub(super) room: &'a mut Room,
}

/// Room for new events within `store.max_size`.
#[derive(Debug, Clone, Default)]
pub(super) struct Room {
    /// How many bytes are left.
    pub(super) bytes: u64,
    /// What is told to who does not fit.
    pub(super) reason: String,
}

/// Why an operation was not done.
#[derive(Debug)]
pub(super) enum Trouble {
    /// It alone: it had changed nothing yet.
    Refused(StoreError),
    /// The whole transaction.
    Sql(rusqlite::Error),
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Refused(error)
    }
}

/// The columns that [`DeliveryRow::read`] takes, in its order.
pub(super) const DELIVERY: &str = "d.id, d.event, d.target, d.state, d.waiting, d.moment, d.attempts, d.age_from, \
     d.created_at, d.order_key, d.replay, d.revision, d.reason";

/// One row of `deliveries`, as it is on disk.
#[derive(Debug, Clone)]
pub(super) struct DeliveryRow {
    pub(super) id: i64,
    pub(super) event: i64,
    pub(super) target: i64,
    pub(super) state: i64,
    pub(super) waiting: bool,
    pub(super) moment: i64,
    pub(super) attempts: i64,
    pub(super) age_from: i64,
    pub(super) created_at: i64,
    pub(super) order_key: Option<String>,
    pub(super) replay: bool,
    pub(super) revision: i64,
    pub(super) reason: Option<String>,
}

impl DeliveryRow {
    /// From the columns [`DELIVERY`].
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            event: row.get(1)?,
            target: row.get(2)?,
            state: row.get(3)?,
            waiting: row.get(4)?,
            moment: row.get(5)?,
            attempts: row.get(6)?,
            age_from: row.get(7)?,
            created_at: row.get(8)?,
            order_key: row.get(9)?,
            replay: row.get(10)?,
            revision: row.get(11)?,
            reason: row.get(12)?,
        })
    }

    /// The delivery with that id.
    pub(super) fn find(sql: &Connection, id: i64) -> rusqlite::Result<Option<Self>> {
        let query = format!("SELECT {DELIVERY} FROM deliveries d WHERE d.id = ?1");
        sql.prepare_cached(&query)?.query_row([id], Self::read).optional()
    }

    /// The first pending one of an order key.
    pub(super) fn first(
        sql: &Connection,
        target: i64,
        key: &str,
    ) -> rusqlite::Result<Option<Self>> {
        let query = format!(
            "SELECT {DELIVERY} FROM deliveries d INDEXED BY line \
             WHERE d.state = 0 AND d.target = ?1 AND d.order_key = ?2 ORDER BY d.id LIMIT 1"
        );
        sql.prepare_cached(&query)?.query_row((target, key), Self::read).optional()
    }

    /// As dispatch takes it.
    pub(super) fn ready(self, event: EventId, target: TargetName) -> Ready {
        Ready {
            id: DeliveryId(self.id),
            event,
            target,
            due: Timestamp::from_millis(self.moment),
            attempts: u32::try_from(number(self.attempts)).unwrap_or(u32::MAX),
            age_from: Timestamp::from_millis(self.age_from),
            order_key: self.order_key.map(Into::into),
            replay: self.replay,
        }
    }

    /// Writes it as new.
    pub(super) fn insert(&self, sql: &Connection) -> rusqlite::Result<()> {
        let query = "INSERT INTO deliveries (id, event, target, state, waiting, moment, attempts, age_from, created_at, \
                     order_key, replay, revision) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, ?7, ?8, ?9, ?10, ?11)";
        sql.prepare_cached(query)?.execute(rusqlite::params![
            self.id,
            self.event,
            self.target,
            self.state,
            self.waiting,
            self.moment,
            self.age_from,
            self.created_at,
            self.order_key,
            self.replay,
            self.revision,
        ])?;
        Ok(())
    }

    /// Writes what can change.
    pub(super) fn update(&self, sql: &Connection) -> rusqlite::Result<()> {
        let query = "UPDATE deliveries SET state = ?2, waiting = ?3, moment = ?4, attempts = ?5, age_from = ?6, \
                     reason = ?7 WHERE id = ?1";
        sql.prepare_cached(query)?.execute(rusqlite::params![
            self.id,
            self.state,
            self.waiting,
            self.moment,
            self.attempts,
            self.age_from,
            self.reason,
        ])?;
        Ok(())
    }
}

/// Where the deliveries of an event are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) seq: i64,
    pub(super) first: i64,
    pub(super) planned: i64,
    pub(super) replayed: bool,
}

/// The deliveries of an event, in the order in which they were made.
pub(super) fn deliveries_of(sql: &Connection, event: Span) -> rusqlite::Result<Vec<DeliveryRow>> {
    let query = format!(
        "SELECT {DELIVERY} FROM deliveries d WHERE d.id >= ?1 AND d.id < ?1 + ?2 ORDER BY d.id"
    );
    let mut rows = sql
        .prepare_cached(&query)?
        .query_map([event.first, event.planned], DeliveryRow::read)?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    if event.replayed {
        let query = format!(
            "SELECT {DELIVERY} FROM deliveries d INDEXED BY replays \
             WHERE d.replay = 1 AND d.event = ?1 AND d.id >= ?2 ORDER BY d.id"
        );
        // Those that were planned on arrival are replays, too, if the event is an edited one.
        let behind = event.first + event.planned;
        let mut select = sql.prepare_cached(&query)?;
        for row in select.query_map([event.seq, behind], DeliveryRow::read)? {
            rows.push(row?);
        }
    }
    Ok(rows)
}

impl Work<'_> {
    /// The id of the event at that place.
    pub(super) fn event_id(&self, seq: i64) -> rusqlite::Result<EventId> {
        let mut select = self.sql.prepare_cached("SELECT id FROM events WHERE seq = ?1")?;
        select.query_row([seq], |row| row.get(0)).map(EventId::from_bytes)
    }

    /// The name of a target that has a delivery.
    pub(super) fn target_name(&self, id: i64) -> Result<TargetName, Trouble> {
        let damaged = || StoreError::Read(format!("target {id} has no name"));
        Ok(self.known.targets.name(id).ok_or_else(damaged)?.clone())
    }

    /// Ends a pending delivery. Returns the one that it held back.
    pub(super) fn end(
        &mut self,
        mut row: DeliveryRow,
        state: i64,
        now: Timestamp,
    ) -> Result<Option<DeliveryRow>, Trouble> {
        let was_first = !row.waiting;
        (row.state, row.waiting, row.moment) = (state, false, now.millis());
        row.update(self.sql)?;
        let counts = self.delta.of(row.target);
        counts.pending -= 1;
        counts.dead += i64::from(state == DEAD);
        if state != DEAD {
            self.delta.ended.push(row.event);
        }
        let Some(key) = row.order_key.as_deref().filter(|_| was_first) else { return Ok(None) };
        let Some(mut next) = DeliveryRow::first(self.sql, row.target, key)? else {
            return Ok(None);
        };
        if !next.waiting {
            return Ok(None);
        }
        next.waiting = false;
        next.update(self.sql)?;
        Ok(Some(next))
    }

    /// Writes a number that must outlive the rows it was counted from.
    pub(super) fn remember(&self, key: &str, value: i64) -> rusqlite::Result<()> {
        let query = "INSERT INTO meta (key, value) VALUES (?1, ?2) \
                     ON CONFLICT (key) DO UPDATE SET value = excluded.value";
        self.sql.prepare_cached(query)?.execute((key, value))?;
        Ok(())
    }

    /// The ids that come next survive the deletion of the last ones.
    pub(super) fn remember_ids(&self) -> rusqlite::Result<()> {
        self.remember("next_event", self.known.next_event)?;
        self.remember("next_delivery", self.known.next_delivery)
    }
}
