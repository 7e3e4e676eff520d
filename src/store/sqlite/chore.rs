//! Changes to many deliveries at once: reopening and dropping dead letters, burying what is pending. They may be a
//! million, so they are done in steps, each in a transaction of its own, with other operations in between.

use std::collections::HashSet;

use rusqlite::{Connection, ToSql};

use crate::clock::Timestamp;
use crate::delivery::DeadReason;

use super::super::{Bury, DeadSelection};
use super::row::{event_by_id, integer};
use super::schema::{BURIED, DEAD, PENDING};
use super::settle::dead_state;
use super::work::{CHUNK, DELIVERY, DeliveryRow, Trouble, Work, deliveries_of};

/// A change under way.
#[derive(Debug)]
pub(super) struct Chore {
    kind: Kind,
    /// How many it has changed in transactions that were committed.
    pub(super) done: u64,
    place: Place,
}

#[derive(Debug)]
enum Kind {
    Dead { selection: DeadSelection, now: Timestamp, action: Action },
    Bury { bury: Bury, except: HashSet<i64> },
}

/// What is done with dead letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Reopen,
    Drop,
}

/// Where it is. What comes into being after it began is none of its business.
#[derive(Debug, Clone)]
enum Place {
    Begin,
    /// Dead letters named one by one: those that are left.
    Named(Vec<i64>),
    /// Dead letters behind that place, up to the other.
    Dead {
        after: (i64, i64),
        last: (i64, i64),
    },
    /// Pending ones of a target: which index, behind what place in it, and the first id that is too young.
    Pending {
        stage: Stage,
        after: (i64, i64),
        below: i64,
    },
    End,
}

/// The indexes that burying walks. Those that wait behind others of their key come first: then none is let go only to be
/// buried next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Waiting,
    Due,
    Retried,
}

const LOWEST: (i64, i64) = (i64::MIN, i64::MIN);

/// What a step came to.
#[derive(Debug)]
pub(super) struct Step {
    changed: u64,
    next: Place,
}

impl Chore {
    /// Reopens or drops dead letters.
    pub(super) fn dead(selection: DeadSelection, now: Timestamp, action: Action) -> Self {
        Self { kind: Kind::Dead { selection, now, action }, done: 0, place: Place::Begin }
    }

    /// Buries pending deliveries.
    pub(super) fn bury(mut bury: Bury) -> Self {
        let except = std::mem::take(&mut bury.except).into_iter().map(|id| id.0).collect();
        Self { kind: Kind::Bury { bury, except }, done: 0, place: Place::Begin }
    }

    /// Does the next step. It counts once [`Chore::advance`] is told that it was committed.
    pub(super) fn step(&self, work: &mut Work<'_>) -> Result<Step, Trouble> {
        match &self.kind {
            Kind::Dead { selection, now, action } => self.dead_step(work, selection, *now, *action),
            Kind::Bury { bury, except } => self.bury_step(work, bury, except),
        }
    }

    /// The step was committed. Returns whether there is more to do.
    pub(super) fn advance(&mut self, step: Step) -> bool {
        self.done += step.changed;
        self.place = step.next;
        !matches!(self.place, Place::End)
    }

    fn dead_step(
        &self,
        work: &mut Work<'_>,
        selection: &DeadSelection,
        now: Timestamp,
        action: Action,
    ) -> Result<Step, Trouble> {
        let place = match &self.place {
            Place::Begin => begin_dead(work, selection)?,
            place => place.clone(),
        };
        let (rows, next) = match place {
            Place::Named(mut ids) => {
                let rest = ids.split_off(ids.len().min(CHUNK));
                let mut rows = Vec::new();
                for id in ids {
                    rows.extend(DeliveryRow::find(work.sql, id)?);
                }
                (rows, if rest.is_empty() { Place::End } else { Place::Named(rest) })
            }
            Place::Dead { after, last } => {
                let rows = dead_between(work.sql, after, last)?;
                let end = rows.last().map(|row| (row.moment, row.id));
                let next = end.filter(|_| rows.len() == CHUNK);
                (rows, next.map_or(Place::End, |after| Place::Dead { after, last }))
            }
            _ => (Vec::new(), Place::End),
        };
        let Some(wanted) = Wanted::new(work, selection)? else {
            return Ok(Step { changed: 0, next: Place::End });
        };
        let mut changed = 0;
        for row in rows.into_iter().filter(|row| wanted.matches(row)) {
            changed += 1;
            match action {
                Action::Reopen => work.reopen(row, now)?,
                Action::Drop => work.drop_dead(row, now)?,
            }
        }
        Ok(Step { changed, next })
    }

    fn bury_step(
        &self,
        work: &mut Work<'_>,
        bury: &Bury,
        except: &HashSet<i64>,
    ) -> Result<Step, Trouble> {
        let end = Step { changed: 0, next: Place::End };
        let Some(target) = work.known.targets.find(&bury.target) else { return Ok(end) };
        let (stage, after, below) = match &self.place {
            Place::Begin => (Stage::Waiting, LOWEST, work.known.next_delivery),
            Place::Pending { stage, after, below } => (*stage, *after, *below),
            _ => return Ok(end),
        };
        let limit = bury.older_than.map_or(i64::MAX, Timestamp::millis);
        let rows = pending_behind(work.sql, target, stage, (after, limit))?;
        let full = rows.len() == CHUNK;
        let last = rows.last().map(|row| match stage {
            Stage::Retried => (row.age_from, row.id),
            _ => (row.moment, row.id),
        });
        let mut changed = 0;
        for mut row in rows {
            if row.age_from > limit || row.id >= below || except.contains(&row.id) {
                continue;
            }
            changed += 1;
            row.reason = Some(bury.reason.as_str().to_owned());
            work.end(row, dead_state(bury.reason), bury.now)?;
        }
        let next = match (stage, last.filter(|_| full)) {
            (stage, Some(after)) => Place::Pending { stage, after, below },
            (Stage::Waiting, None) => Place::Pending { stage: Stage::Due, after: LOWEST, below },
            // Without a limit, the first two have seen all.
            (Stage::Due, None) if bury.older_than.is_some() => {
                Place::Pending { stage: Stage::Retried, after: LOWEST, below }
            }
            _ => Place::End,
        };
        Ok(Step { changed, next })
    }
}

fn begin_dead(work: &Work<'_>, selection: &DeadSelection) -> Result<Place, Trouble> {
    if !selection.ids.is_empty() {
        let mut ids: Vec<i64> = selection.ids.iter().map(|id| id.0).collect();
        ids.sort_unstable();
        ids.dedup();
        return Ok(Place::Named(ids));
    }
    if let Some(event) = selection.event {
        return Ok(Place::Named(match event_by_id(work.sql, event)? {
            Some(event) => {
                deliveries_of(work.sql, event.span())?.iter().map(|row| row.id).collect()
            }
            None => Vec::new(),
        }));
    }
    let query = "SELECT moment, id FROM deliveries INDEXED BY dead WHERE state = 2 \
                 ORDER BY moment DESC, id DESC LIMIT 1";
    let mut select = work.sql.prepare_cached(query)?;
    let mut rows = select.query([])?;
    Ok(match rows.next()? {
        Some(row) => Place::Dead { after: LOWEST, last: (row.get(0)?, row.get(1)?) },
        None => Place::End,
    })
}

fn select(
    sql: &Connection,
    query: &str,
    values: &[&dyn ToSql],
) -> rusqlite::Result<Vec<DeliveryRow>> {
    sql.prepare_cached(query)?.query_map(values, DeliveryRow::read)?.collect()
}

/// Dead letters behind one place, up to another, those who died first first.
fn dead_between(
    sql: &Connection,
    after: (i64, i64),
    last: (i64, i64),
) -> rusqlite::Result<Vec<DeliveryRow>> {
    // First those at the very place, then those behind it: both by the index alone.
    let same = format!(
        "SELECT {DELIVERY} FROM deliveries d INDEXED BY dead WHERE d.state = 2 \
         AND d.moment = ?1 AND d.id > ?2 AND (d.moment < ?3 OR d.id <= ?4) ORDER BY d.id LIMIT ?5"
    );
    let behind = format!(
        "SELECT {DELIVERY} FROM deliveries d INDEXED BY dead WHERE d.state = 2 \
         AND d.moment > ?1 AND d.moment <= ?2 AND (d.moment < ?2 OR d.id <= ?3) \
         ORDER BY d.moment, d.id LIMIT ?4"
    );
    let mut rows = select(sql, &same, &[&after.0, &after.1, &last.0, &last.1, &integer(CHUNK)])?;
    let rest = integer(CHUNK - rows.len());
    rows.extend(select(sql, &behind, &[&after.0, &last.0, &last.1, &rest])?);
    Ok(rows)
}

/// Pending deliveries in the order of one index, behind a place, up to a limit of that index's time.
fn pending_behind(
    sql: &Connection,
    target: i64,
    stage: Stage,
    (after, limit): ((i64, i64), i64),
) -> rusqlite::Result<Vec<DeliveryRow>> {
    let (index, column) = match stage {
        Stage::Waiting => ("due WHERE d.state = 0 AND d.waiting = 1", "moment"),
        Stage::Due => ("due WHERE d.state = 0 AND d.waiting = 0", "moment"),
        Stage::Retried => ("retried WHERE d.state = 0 AND d.moment <> d.age_from", "age_from"),
    };
    // First those at the very place, then those behind it: both by the index alone.
    let same = format!(
        "SELECT {DELIVERY} FROM deliveries d INDEXED BY {index} AND d.target = ?1 \
         AND d.{column} = ?2 AND d.id > ?3 ORDER BY d.id LIMIT ?4"
    );
    let behind = format!(
        "SELECT {DELIVERY} FROM deliveries d INDEXED BY {index} AND d.target = ?1 \
         AND d.{column} > ?2 AND d.{column} <= ?3 ORDER BY d.{column}, d.id LIMIT ?4"
    );
    let mut rows = select(sql, &same, &[&target, &after.0, &after.1, &integer(CHUNK)])?;
    let rest = integer(CHUNK - rows.len());
    rows.extend(select(sql, &behind, &[&target, &after.0, &limit, &rest])?);
    Ok(rows)
}

/// A selection, in the numbers of the disk. Ids are settled by where one looks.
struct Wanted {
    target: Option<i64>,
    reason: Option<&'static str>,
    event: Option<i64>,
}

impl Wanted {
    /// None if it names a target that never had a delivery, or an event that is not there: that selects nothing.
    fn new(work: &Work<'_>, selection: &DeadSelection) -> Result<Option<Self>, Trouble> {
        let mut wanted =
            Self { target: None, reason: selection.reason.map(DeadReason::as_str), event: None };
        if let Some(name) = &selection.target {
            wanted.target = work.known.targets.find(name);
            if wanted.target.is_none() {
                return Ok(None);
            }
        }
        if let Some(event) = selection.event {
            wanted.event = event_by_id(work.sql, event)?.map(|row| row.seq);
            if wanted.event.is_none() {
                return Ok(None);
            }
        }
        Ok(Some(wanted))
    }

    fn matches(&self, row: &DeliveryRow) -> bool {
        row.state == DEAD
            && self.target.is_none_or(|target| target == row.target)
            && self.event.is_none_or(|event| event == row.event)
            && self.reason.is_none_or(|reason| row.reason.as_deref() == Some(reason))
    }
}

impl Work<'_> {
    /// A dead letter is pending again. One of its key that arrived later and was first has to wait for it.
    fn reopen(&mut self, mut row: DeliveryRow, now: Timestamp) -> Result<(), Trouble> {
        (row.state, row.reason) = (PENDING, None);
        (row.moment, row.age_from) = (now.millis(), now.millis());
        row.waiting = false;
        if let Some(key) = &row.order_key
            && let Some(mut first) = DeliveryRow::first(self.sql, row.target, key)?
        {
            if first.id < row.id {
                row.waiting = true;
            } else {
                first.waiting = true;
                first.update(self.sql)?;
            }
        }
        row.update(self.sql)?;
        let counts = self.delta.of(row.target);
        counts.pending += 1;
        counts.dead -= 1;
        Ok(())
    }

    fn drop_dead(&mut self, mut row: DeliveryRow, now: Timestamp) -> Result<(), Trouble> {
        (row.state, row.moment) = (BURIED, now.millis());
        row.reason = Some(DeadReason::Dropped.as_str().to_owned());
        row.update(self.sql)?;
        self.delta.of(row.target).dead -= 1;
        self.delta.ended.push(row.event);
        Ok(())
    }
}
