//! Which places are looked at, newest first, and which are passed by.

use std::collections::VecDeque;

use rusqlite::{Connection, OptionalExtension, params_from_iter};

use super::super::super::EventFilter;
use super::super::blocks::{BLOCK, number_of};
use super::super::read::target_id;

use super::Reach;
use super::wanted::Search;

/// So many pending deliveries are looked up one by one, instead of looking through events for those that have one.
pub(in super::super) const FEW: u64 = 10_000;

/// Entries of the index of lost deliveries that are read at once.
const CHUNK: i64 = 4_096;

/// What to do next on a way.
pub(super) enum Step {
    /// Nothing: everything from this place on was dealt with.
    Past(i64),
    /// To look at the events from one place up to another.
    Look(i64, i64),
}

/// Which places are looked at, newest first.
pub(super) enum Way {
    /// All, block by block, from this place down.
    Blocks(i64),
    /// Those of pending deliveries.
    Few(std::vec::IntoIter<i64>),
    /// Those of deliveries that ended without success, and the place behind the next of them.
    Lost { target: Option<i64>, places: VecDeque<i64>, behind: i64 },
}

impl Way {
    pub(super) fn of(
        sql: &Connection,
        (filter, search): (&EventFilter, &Search),
        before: i64,
        reach: Reach,
    ) -> rusqlite::Result<Self> {
        let before = before.min(search.ends.1);
        let target = match &filter.target {
            Some(name) => target_id(sql, name)?,
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

    pub(super) fn next(
        &mut self,
        sql: &Connection,
        search: &Search,
    ) -> rusqlite::Result<Option<Step>> {
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
pub(super) fn next_block(
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
pub(super) fn lost_places(
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
