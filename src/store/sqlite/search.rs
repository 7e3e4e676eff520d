//! Looking for events: by filter, newest first; those that arrived from a place on, oldest first; and by their ids.
//!
//! Events lie in the order of arrival, and a listing walks along it. Where it need not look it passes by: over blocks that do not
//! have what is asked for (see [`blocks`](super::blocks)), and over everything but the few deliveries that are pending, or that
//! ended without success. Where that does not help, as with a text in bodies, it looks for as long as its reach allows, says how
//! far it came, and the next page goes on there. So a request that finds nothing costs no more than one that finds something.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rusqlite::types::Value;
use rusqlite::{Connection, ErrorCode, OptionalExtension, params_from_iter};

use crate::clock::Timestamp;
use crate::event::EventId;

use super::super::needle::Needle;
use super::super::{
    Arrivals, DeliveryRecord, EventFilter, EventPage, EventRecord, Page, StoreError, Stretch,
};
use super::blocks::{BLOCK, Word, may_have, number_of};
use super::lanes::ReadError;
use super::list::{Query, delivery_record};
use super::now;
use super::read::whole;
use super::row::{EVENT, EventRow, event_by_id, integer, number};
use super::schema::{DELIVERED, PENDING};
use super::work::deliveries_of;

/// How far a clock may have stepped for the bounds of a filter by time to be exact.
const CLOCK_STEP: Duration = Duration::from_hours(24);
/// So many pending deliveries are looked up one by one, instead of looking through events for those that have one.
pub(super) const FEW: u64 = 10_000;
/// Entries of the index of lost deliveries that are read at once.
const CHUNK: i64 = 4_096;

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
    search.walk(&snapshot, &mut way, (page.limit.clamp(1, 1_000), ends), &mut found)?;
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
    let from = i64::try_from(from).unwrap_or(i64::MAX);
    let mut rows = select.query(params_from_iter(search.values(from, i64::MAX)))?;
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
    let from = i64::try_from(from).unwrap_or(i64::MAX);
    let mut rows = select.query(params_from_iter(search.values(from, i64::MAX)))?;
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

/// The deliveries of an event.
fn delivery_records(sql: &Connection, event: &EventRow) -> Result<Vec<DeliveryRecord>, ReadError> {
    deliveries_of(sql, event.span())?.iter().map(|row| delivery_record(sql, row)).collect()
}

/// What is looked for.
struct Search {
    /// Conditions on a row; its first two values are the ends of a stretch of events.
    query: Query,
    /// What a block must have.
    words: Vec<Word>,
    needle: Option<Needle>,
    /// The stretch that can have it.
    ends: (i64, i64),
    since: i64,
    until: i64,
}

impl Search {
    /// None if nothing can be what is looked for.
    fn new(sql: &Connection, filter: &EventFilter) -> Result<Option<Self>, ReadError> {
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
            let Some(target) = target(sql, name)? else { return Ok(false) };
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

    fn select(&self, order: &str) -> String {
        format!(
            "SELECT {EVENT} FROM events e WHERE e.seq >= ?1 AND e.seq < ?2{} ORDER BY e.seq {order}",
            self.query.text
        )
    }

    fn values(&self, from: i64, until: i64) -> impl Iterator<Item = Value> {
        let rest = self.query.values.iter().skip(2).cloned();
        [Value::from(from), Value::from(until)].into_iter().chain(rest)
    }

    /// Whether a row that meets the conditions has the text, too.
    fn passes(&self, sql: &Connection, row: &EventRow) -> rusqlite::Result<bool> {
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
    fn may_be_in(&self, row: &rusqlite::Row<'_>) -> rusqlite::Result<bool> {
        let (first_at, last_at): (i64, i64) = (row.get(0)?, row.get(1)?);
        let filter = row.get_ref(2)?;
        Ok(last_at >= self.since
            && first_at < self.until
            && filter.as_blob().is_ok_and(|filter| may_have(filter, &self.words)))
    }

    /// Goes the way until there is a page and one more, or the time is over, or the way.
    fn walk(
        &self,
        sql: &Connection,
        way: &mut Way,
        (limit, ends): (usize, Instant),
        found: &mut EventPage,
    ) -> Result<(), ReadError> {
        let mut select = sql.prepare_cached(&self.select("DESC"))?;
        let mut last = 0;
        while let Some(step) = way.next(sql, self)? {
            let (from, until) = match step {
                Step::Past(place) => (place, place),
                Step::Look(from, until) => (from, until),
            };
            let mut came_to = (from, None);
            let mut rows = if from < until {
                Some(select.query(params_from_iter(self.values(from, until)))?)
            } else {
                None
            };
            while let Some(row) = rows.as_mut().map_or(Ok(None), rusqlite::Rows::next)? {
                let row = EventRow::read(row)?;
                if self.passes(sql, &row)? {
                    if found.events.len() == limit {
                        found.next = Some(last.to_string());
                        return Ok(());
                    }
                    last = row.seq;
                    found.events.push((row.record()?, delivery_records(sql, &row)?));
                }
                // A body takes long enough to look at the clock after each.
                if self.needle.is_some() && now() >= ends {
                    came_to = (row.seq, Some(row.at));
                    break;
                }
            }
            drop(rows);
            if now() >= ends && came_to.0 > self.ends.0 {
                found.next = Some(came_to.0.to_string());
                if found.events.len() < limit {
                    found.looked_to = time_at(sql, came_to)?.map(Timestamp::from_millis);
                }
                return Ok(());
            }
        }
        Ok(())
    }
}

/// The time of the event at a place, or of the next one.
fn time_at(sql: &Connection, (seq, at): (i64, Option<i64>)) -> rusqlite::Result<Option<i64>> {
    if at.is_some() {
        return Ok(at);
    }
    let query = "SELECT at FROM events WHERE seq >= ?1 ORDER BY seq LIMIT 1";
    sql.prepare_cached(query)?.query_row([seq], |row| row.get(0)).optional()
}

fn target(sql: &Connection, name: &str) -> rusqlite::Result<Option<i64>> {
    let mut select = sql.prepare_cached("SELECT id FROM targets WHERE name = ?1")?;
    select.query_row([name], |row| row.get(0)).optional()
}

/// What to do next on a way.
enum Step {
    /// Nothing: everything from this place on was dealt with.
    Past(i64),
    /// To look at the events from one place up to another.
    Look(i64, i64),
}

/// Which places are looked at, newest first.
enum Way {
    /// All, block by block, from this place down.
    Blocks(i64),
    /// Those of pending deliveries.
    Few(std::vec::IntoIter<i64>),
    /// Those of deliveries that ended without success, and the place behind the next of them.
    Lost { target: Option<i64>, places: VecDeque<i64>, behind: i64 },
}

impl Way {
    fn of(
        sql: &Connection,
        (filter, search): (&EventFilter, &Search),
        before: i64,
        reach: Reach,
    ) -> rusqlite::Result<Self> {
        let before = before.min(search.ends.1);
        let target = match &filter.target {
            Some(name) => target(sql, name)?,
            None => None,
        };
        match filter.delivery_state() {
            Some("pending") if reach.few_pending => {
                let mut query =
                    "SELECT event FROM deliveries INDEXED BY due WHERE state = 0".to_owned();
                if target.is_some() {
                    query.push_str(" AND target = ?1");
                }
                let mut select = sql.prepare_cached(&query)?;
                let places =
                    select.query_map(params_from_iter(target), |row| row.get::<_, i64>(0))?;
                let mut places = places.collect::<rusqlite::Result<Vec<_>>>()?;
                places.retain(|place| (search.ends.0..before).contains(place));
                places.sort_unstable_by(|left, right| right.cmp(left));
                places.dedup();
                Ok(Self::Few(places.into_iter()))
            }
            Some("dead") => Ok(Self::Lost { target, places: VecDeque::new(), behind: before }),
            _ => Ok(Self::Blocks(before)),
        }
    }

    fn next(&mut self, sql: &Connection, search: &Search) -> rusqlite::Result<Option<Step>> {
        match self {
            Self::Blocks(before) => next_block(sql, search, before),
            Self::Few(places) => Ok(places.next().map(|place| Step::Look(place, place + 1))),
            Self::Lost { target, places, behind } => {
                if places.is_empty() {
                    *places = lost_places(sql, *target, (search.ends.0, *behind))?;
                    // Of the last one perhaps not all was read, so it is always looked at.
                    *behind = places.back().copied().unwrap_or(*behind);
                }
                // A step that only read places would end a request where it began, and so would the next.
                Ok(places.pop_front().map(|place| Step::Look(place, place + 1)))
            }
        }
    }
}

/// The next block that can have what is looked for. One that cannot is passed, and told, so that time is looked at.
fn next_block(
    sql: &Connection,
    search: &Search,
    before: &mut i64,
) -> rusqlite::Result<Option<Step>> {
    let lowest = search.ends.0;
    if *before <= lowest {
        return Ok(None);
    }
    let until = *before;
    let number = number_of(until - 1);
    let from = lowest.max(number * BLOCK);
    *before = from;
    let query = "SELECT first_at, last_at, words FROM blocks WHERE number = ?1";
    let known =
        sql.prepare_cached(query)?.query_row([number], |row| search.may_be_in(row)).optional()?;
    match known {
        Some(true) => Ok(Some(Step::Look(from, until))),
        Some(false) => Ok(Some(Step::Past(from))),
        None => {
            // Where nothing is left, many blocks may be missing.
            let query = "SELECT max(seq) + 1 FROM events WHERE seq < ?1";
            let newest: Option<i64> =
                sql.prepare_cached(query)?.query_row([until], |row| row.get(0))?;
            match newest {
                Some(newest) if newest > from => Ok(Some(Step::Look(from, newest))),
                newest => {
                    *before = newest.unwrap_or(lowest);
                    Ok(Some(Step::Past(*before)))
                }
            }
        }
    }
}

/// The next places of lost deliveries, newest first, at least the last that was looked at.
fn lost_places(
    sql: &Connection,
    target: Option<i64>,
    (from, before): (i64, i64),
) -> rusqlite::Result<VecDeque<i64>> {
    let query = "SELECT event, target FROM deliveries INDEXED BY lost \
                 WHERE state >= 2 AND event >= ?1 AND event < ?2 ORDER BY event DESC LIMIT ?3";
    let mut select = sql.prepare_cached(query)?;
    let mut rows = select.query([from, before, CHUNK])?;
    let (mut places, mut last) = (VecDeque::new(), None);
    while let Some(row) = rows.next()? {
        let event: i64 = row.get(0)?;
        let wanted = target.is_none_or(|target| row.get(1) == Ok(target));
        if wanted && places.back() != Some(&event) {
            places.push_back(event);
        }
        last = Some(event);
    }
    if let Some(last) = last.filter(|last| places.back() != Some(last)) {
        places.push_back(last);
    }
    Ok(places)
}

/// The place of the first event, and the one behind the last. Asked for apart, each is one look; together they would be a walk.
fn ends(sql: &Connection) -> rusqlite::Result<(i64, i64)> {
    let query = "SELECT coalesce((SELECT min(seq) FROM events), 0), \
                 coalesce((SELECT max(seq) FROM events), 0) + 1";
    sql.prepare_cached(query)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// The place of the first event that arrived at or after that time, by halving: some fifty looks.
fn first_since(sql: &Connection, time: Timestamp) -> rusqlite::Result<i64> {
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
