//! What is looked for: the conditions on a row, the words that a block must have, and the stretch of places that can have it.

use std::time::Duration;

use rusqlite::types::Value;
use rusqlite::{Connection, ErrorCode, OptionalExtension};

use crate::clock::Timestamp;

use super::super::super::EventFilter;
use super::super::super::needle::Needle;
use super::super::blocks::{Word, may_have};
use super::super::lanes::ReadError;
use super::super::list::Query;
use super::super::read::target_id;
use super::super::row::{EVENT, EventRow, integer};
use super::super::schema::{DELIVERED, PENDING};

/// How far a clock may have stepped for the bounds of a filter by time to be exact.
const CLOCK_STEP: Duration = Duration::from_hours(24);

/// What is looked for.
pub(super) struct Search {
    /// Conditions on a row; its first two values are the ends of a stretch of events.
    pub(super) query: Query,
    /// What a block must have.
    pub(super) words: Vec<Word>,
    pub(super) needle: Option<Needle>,
    /// The stretch that can have it.
    pub(super) ends: (i64, i64),
    pub(super) since: i64,
    pub(super) until: i64,
}

impl Search {
    /// None if nothing can be what is looked for.
    pub(super) fn new(sql: &Connection, filter: &EventFilter) -> Result<Option<Self>, ReadError> {
        let mut search = Self {
            query: Query::behind(2),
            words: Vec::new(),
            needle: filter.text.as_deref().map(Needle::new).transpose()?,
            ends: ends(sql)?,
            since: filter.since.map_or(i64::MIN, Timestamp::millis),
            until: filter.until.map_or(i64::MAX, Timestamp::millis),
        };
        search.add_texts(filter);
        search.add_times(sql, filter)?;
        Ok((search.add_state(filter) && search.add_delivery(sql, filter)?).then_some(search))
    }

    fn add_texts(&mut self, filter: &EventFilter) {
        let word: [fn(&str) -> Word; 3] = [Word::name, Word::agent, Word::subject];
        let texts =
            [("name", &filter.name), ("agent", &filter.agent_id), ("subject", &filter.subject)];
        for ((column, text), word) in texts.into_iter().zip(word) {
            if let Some(text) = text {
                self.query.and(&format!("e.{column} = ?"), text.clone());
                self.words.push(word(text));
            }
        }
        if let Some(rule) = &filter.rule {
            let either = "(EXISTS (SELECT 1 FROM json_each(e.rules) WHERE value = ?) \
                          OR EXISTS (SELECT 1 FROM json_each(e.shadow) WHERE value = ?))";
            self.query.and(either, rule.clone());
            self.words.push(Word::rule(rule));
        }
    }

    /// Events are in order of arrival, so most of those outside the time asked for need not be looked at.
    fn add_times(&mut self, sql: &Connection, filter: &EventFilter) -> Result<(), ReadError> {
        if let Some(since) = filter.since {
            self.query.and("e.at >= ?", since.millis());
            self.ends.0 = self.ends.0.max(first_since(sql, since.minus(CLOCK_STEP))?);
        }
        if let Some(until) = filter.until {
            self.query.and("e.at < ?", until.millis());
            self.ends.1 = self.ends.1.min(first_since(sql, until.plus(CLOCK_STEP))?);
        }
        Ok(())
    }

    /// False if there is no such state.
    fn add_state(&mut self, filter: &EventFilter) -> bool {
        let Some(state) = filter.event_state() else { return true };
        let states = ["routed", "unrouted", "ignored", "revised", "quarantined"];
        let Some(number) = states.iter().position(|name| *name == state) else { return false };
        self.query.and("e.state = ?", integer(number));
        self.words.push(Word::state(integer(number)));
        true
    }

    /// False if there is no such target.
    fn add_delivery(&mut self, sql: &Connection, filter: &EventFilter) -> Result<bool, ReadError> {
        if !filter.wants_delivery() {
            return Ok(true);
        }
        let mut wanted = Query::default();
        std::mem::swap(&mut wanted.values, &mut self.query.values);
        if let Some(name) = &filter.target {
            let Some(target) = target_id(sql, name)? else { return Ok(false) };
            wanted.and("d.target = ?", target);
            self.words.push(Word::target(name));
        }
        match filter.delivery_state() {
            Some("pending") => wanted.and("d.state = ?", PENDING),
            Some("delivered") => wanted.and("d.state = ?", DELIVERED),
            Some(_) => wanted.text.push_str(" AND d.state >= 2"),
            None => {}
        }
        self.query.values = wanted.values;
        let either = format!(
            " AND (EXISTS (SELECT 1 FROM deliveries d WHERE d.id >= e.first AND d.id < e.first + e.planned{0}) \
             OR (e.replayed AND EXISTS (SELECT 1 FROM deliveries d INDEXED BY replays \
             WHERE d.replay = 1 AND d.event = e.seq{0})))",
            wanted.text
        );
        self.query.text.push_str(&either);
        Ok(true)
    }

    pub(super) fn select(&self, order: &str) -> String {
        format!(
            "SELECT {EVENT} FROM events e WHERE e.seq >= ?1 AND e.seq < ?2{} ORDER BY e.seq {order}",
            self.query.text
        )
    }

    pub(super) fn values(&self, from: i64, until: i64) -> impl Iterator<Item = Value> {
        let rest = self.query.values.iter().skip(2).cloned();
        [Value::from(from), Value::from(until)].into_iter().chain(rest)
    }

    /// The same from a place on, as far as the times that are asked for allow.
    pub(super) fn values_from(&self, from: u64) -> impl Iterator<Item = Value> {
        let from = i64::try_from(from).unwrap_or(i64::MAX);
        self.values(from.max(self.ends.0), self.ends.1)
    }

    /// Whether a row that meets the conditions has the text, too.
    pub(super) fn passes(&self, sql: &Connection, row: &EventRow) -> rusqlite::Result<bool> {
        let Some(needle) = &self.needle else { return Ok(true) };
        let id = row.event_id().to_string();
        let texts = [Some(&*id), row.name.as_deref(), row.agent.as_deref(), row.subject.as_deref()];
        if needle.is_in_any(texts) {
            return Ok(true);
        }
        if !row.is_plain() {
            return Ok(false);
        }
        let mut select = sql.prepare_cached("SELECT body FROM bodies WHERE seq = ?1")?;
        let look =
            |row: &rusqlite::Row<'_>| Ok(row.get_ref(0)?.as_bytes().is_ok_and(|b| needle.is_in(b)));
        match select.query_row([row.seq], look).optional() {
            Ok(found) => Ok(found.unwrap_or(false)),
            // Whoever asks for this body is told that it is damaged; the others can be looked at.
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt) => {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Whether a block can have what is looked for.
    pub(super) fn may_be_in(&self, row: &rusqlite::Row<'_>) -> rusqlite::Result<bool> {
        let (first_at, last_at): (i64, i64) = (row.get(0)?, row.get(1)?);
        let filter = row.get_ref(2)?;
        Ok(last_at >= self.since
            && first_at < self.until
            && filter.as_blob().is_ok_and(|filter| may_have(filter, &self.words)))
    }
}

/// The place of the first event, and the one behind the last. Asked for apart, each is one look; together they would be a walk.
pub(super) fn ends(sql: &Connection) -> rusqlite::Result<(i64, i64)> {
    let query = "SELECT coalesce((SELECT min(seq) FROM events), 0), \
                 coalesce((SELECT max(seq) FROM events), 0) + 1";
    sql.prepare_cached(query)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// The place of the first event that arrived at or after that time, by halving: some fifty looks.
pub(super) fn first_since(sql: &Connection, time: Timestamp) -> rusqlite::Result<i64> {
    let (mut low, mut high) = ends(sql)?;
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
