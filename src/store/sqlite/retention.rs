//! Forgetting: what is older than its retention, and, when space is short, history from its oldest end.
//!
//! Pending and dead deliveries stay, whatever the space; so do quarantined events, for their thirty days. An event goes
//! with all its deliveries or not at all. A sweep is done in small steps, each a transaction between those of others.

use std::collections::BTreeMap;

use rusqlite::OptionalExtension;

use crate::clock::Timestamp;
use crate::name::TargetName;

use super::super::{Bounds, DEAD_RETENTION};
use super::blocks::{forget_empty, number_of};
use super::row::{QUARANTINED, integer};
use super::schema::{BURIED, DEAD, PENDING};
use super::work::{CHUNK, DeliveryRow, Span, Trouble, Work, deliveries_of};

/// One walk from the oldest to the youngest.
#[derive(Debug)]
pub(super) struct Sweep {
    rule: Rule,
    place: Place,
    pub(super) removed: u64,
}

/// What may go.
#[derive(Debug, Clone, Copy)]
enum Rule {
    /// What ended before these.
    Age { history: i64, dead: i64, now: i64 },
    /// All history.
    Size,
}

/// Where a sweep is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Dead letters that were listed for long enough.
    Dead,
    /// Events behind that one.
    Events(i64),
    /// Identities behind that one.
    Seen(i64),
    /// Texts of revisions.
    Revisions,
    End,
}

/// What a step came to.
#[derive(Debug)]
pub(super) struct Step {
    next: Place,
    removed: u64,
    /// Dead letters that are no longer listed.
    forgotten: BTreeMap<TargetName, u64>,
}

/// An event, as far as forgetting it goes.
struct Old {
    span: Span,
    at: i64,
    state: i64,
}

impl Sweep {
    /// By age, as of now.
    pub(super) fn by_age(bounds: Bounds, now: Timestamp) -> Self {
        let rule = Rule::Age {
            history: now.minus(bounds.retention).millis(),
            dead: now.minus(DEAD_RETENTION).millis(),
            now: now.millis(),
        };
        Self { rule, place: Place::Dead, removed: 0 }
    }

    /// By size: the oldest history first.
    pub(super) fn by_size() -> Self {
        Self { rule: Rule::Size, place: Place::Events(i64::MIN), removed: 0 }
    }

    /// Does the next step, of at most `limit` events. It counts once [`Sweep::advance`] is told that it was committed.
    pub(super) fn step(&self, work: &mut Work<'_>, limit: usize) -> Result<Step, Trouble> {
        let mut step = Step { next: Place::End, removed: 0, forgotten: BTreeMap::new() };
        match (self.place, self.rule) {
            (Place::Dead, Rule::Age { dead, .. }) => {
                let full = forget_dead(work, dead, &mut step.forgotten)?;
                step.next = if full { Place::Dead } else { Place::Events(i64::MIN) };
            }
            (Place::Events(after), rule) => {
                let events = old_events(work, after, limit)?;
                let young = |event: &Old| match rule {
                    Rule::Age { history, dead, .. } => event.at > history.max(dead),
                    Rule::Size => false,
                };
                let last = events.last().filter(|last| events.len() == limit && !young(last));
                step.next = match (last, rule) {
                    (Some(last), _) => Place::Events(last.span.seq),
                    (None, Rule::Age { .. }) => Place::Seen(i64::MIN),
                    (None, Rule::Size) => Place::End,
                };
                for event in &events {
                    step.removed += u64::from(consider(work, event, rule)?);
                }
                if let Some(last) = events.last() {
                    forget_empty(work.sql, number_of(after.max(0)), number_of(last.span.seq))?;
                }
                work.remember_ids()?;
            }
            (Place::Seen(after), Rule::Age { now, .. }) => {
                let last = forget_seen(work, after, now)?;
                step.next = last.map_or(Place::Revisions, Place::Seen);
            }
            (Place::Revisions, Rule::Age { history, .. }) => forget_revisions(work, history)?,
            _ => {}
        }
        Ok(step)
    }

    /// The step was committed. Returns whether there is more to do.
    pub(super) fn advance(&mut self, step: Step) -> bool {
        self.removed += step.removed;
        self.place = step.next;
        for (target, count) in step.forgotten {
            let target = target.as_str();
            tracing::warn!(target, count, "dead letters were listed for 30 days and go now");
        }
        if self.place == Place::End && self.removed > 0 {
            let (events, for_size) = (self.removed, matches!(self.rule, Rule::Size));
            tracing::info!(events, for_size, "history was removed");
        }
        self.place != Place::End
    }
}

/// Removes these events if they are history. Returns how many it removed.
pub(super) fn remove_ended(work: &mut Work<'_>, places: &[i64]) -> Result<u64, Trouble> {
    let query = "SELECT seq, first, planned, replayed, at, state FROM events WHERE seq = ?1";
    let mut removed = 0;
    for seq in places {
        let found = work.sql.prepare_cached(query)?.query_row([seq], Old::read).optional()?;
        if let Some(event) = found {
            removed += u64::from(consider(work, &event, Rule::Size)?);
        }
    }
    work.remember_ids()?;
    Ok(removed)
}

/// Takes the oldest identities out of memory, though their windows have not ended: there are too many.
pub(super) fn uncrowd_seen(work: &mut Work<'_>) -> Result<(), Trouble> {
    forget_seen(work, i64::MIN, i64::MAX).map(|_| ())
}

impl Old {
    fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        let span = Span {
            seq: row.get(0)?,
            first: row.get(1)?,
            planned: row.get(2)?,
            replayed: row.get(3)?,
        };
        Ok(Self { span, at: row.get(4)?, state: row.get(5)? })
    }
}

fn old_events(work: &Work<'_>, after: i64, limit: usize) -> rusqlite::Result<Vec<Old>> {
    let query = "SELECT seq, first, planned, replayed, at, state FROM events WHERE seq > ?1 \
                 ORDER BY seq LIMIT ?2";
    let mut select = work.sql.prepare_cached(query)?;
    select.query_map([after, integer(limit)], Old::read)?.collect()
}

/// Removes the event if the rule lets it go, else the attempts that are history. Returns whether it is gone.
fn consider(work: &mut Work<'_>, event: &Old, rule: Rule) -> Result<bool, Trouble> {
    let deliveries = deliveries_of(work.sql, event.span)?;
    let is_history = |row: &DeliveryRow| row.state != PENDING && row.state != DEAD;
    let old = |moment: i64| match rule {
        Rule::Age { history, .. } => moment < history,
        Rule::Size => true,
    };
    let event_old = match rule {
        Rule::Age { dead, .. } if event.state == QUARANTINED => event.at < dead,
        Rule::Size if event.state == QUARANTINED => false,
        _ => old(event.at),
    };
    if event_old && deliveries.iter().all(|row| is_history(row) && old(row.moment)) {
        remove(work, event, &deliveries)?;
        return Ok(true);
    }
    // The last attempt tells why a delivery is where it is; the ones before it are history.
    for row in deliveries.iter().filter(|row| !is_history(row) && row.attempts > 1) {
        let before = match rule {
            Rule::Age { history, .. } => history,
            Rule::Size => i64::MAX,
        };
        let query = "DELETE FROM attempts WHERE delivery = ?1 AND number < ?2 AND started_at < ?3";
        work.sql.prepare_cached(query)?.execute([row.id, row.attempts, before])?;
    }
    Ok(false)
}

fn remove(work: &mut Work<'_>, event: &Old, deliveries: &[DeliveryRow]) -> Result<(), Trouble> {
    for row in deliveries {
        let run = |query: &str| work.sql.prepare_cached(query)?.execute([row.id]);
        run("DELETE FROM attempts WHERE delivery = ?1")?;
        run("DELETE FROM deliveries WHERE id = ?1")?;
    }
    let seq = event.span.seq;
    let query = "DELETE FROM seen WHERE seq = ?1 RETURNING fingerprint";
    let mut delete = work.sql.prepare_cached(query)?;
    let seen: Option<i64> = delete.query_row([seq], |row| row.get(0)).optional()?;
    if let Some(fingerprint) = seen {
        work.known.seen.forget(fingerprint, seq);
    }
    let run = |query: &str| work.sql.prepare_cached(query)?.execute([seq]);
    run("DELETE FROM bodies WHERE seq = ?1")?;
    run("DELETE FROM events WHERE seq = ?1")?;
    work.delta.events -= 1;
    work.delta.quarantined -= i64::from(event.state == QUARANTINED);
    Ok(())
}

/// Takes dead letters off the list. Returns whether there may be more.
fn forget_dead(
    work: &mut Work<'_>,
    limit: i64,
    forgotten: &mut BTreeMap<TargetName, u64>,
) -> Result<bool, Trouble> {
    let query = "SELECT id, target FROM deliveries INDEXED BY dead WHERE state = 2 AND moment < ?1 \
                 ORDER BY moment, id LIMIT ?2";
    let rows: Vec<(i64, i64)> = work
        .sql
        .prepare_cached(query)?
        .query_map([limit, integer(CHUNK)], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    for (id, target) in &rows {
        let query = "UPDATE deliveries SET state = ?2 WHERE id = ?1";
        work.sql.prepare_cached(query)?.execute([*id, BURIED])?;
        work.delta.of(*target).dead -= 1;
        *forgotten.entry(work.target_name(*target)?).or_default() += 1;
    }
    Ok(rows.len() == CHUNK)
}

/// Forgets identities whose windows ended before `now`. Returns where to go on.
fn forget_seen(work: &mut Work<'_>, after: i64, now: i64) -> Result<Option<i64>, Trouble> {
    let query = "SELECT seq, fingerprint, until FROM seen WHERE seq > ?1 ORDER BY seq LIMIT ?2";
    let rows: Vec<(i64, i64, i64)> = work
        .sql
        .prepare_cached(query)?
        .query_map([after, integer(4 * CHUNK)], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    for (seq, fingerprint, _) in rows.iter().filter(|(_, _, until)| *until < now) {
        work.sql.prepare_cached("DELETE FROM seen WHERE seq = ?1")?.execute([seq])?;
        work.known.seen.forget(*fingerprint, *seq);
    }
    Ok(rows.last().filter(|_| rows.len() == 4 * CHUNK).map(|(seq, ..)| *seq))
}

/// How long after its successor was published an event that a revision routed may still be stored, in milliseconds. A body
/// may take 10 s, and a commit is not far behind; the rest is room.
const ON_ITS_WAY: i64 = 600_000;

/// Forgets old texts that no event is old enough to name, since what is explained needs the text that routed it. Numbers
/// grow with events but for those that were on their way when another revision was published, so a text goes only if all
/// events that are left arrived well after its successor did. A young text stays: its events may not have arrived yet.
fn forget_revisions(work: &Work<'_>, history: i64) -> Result<(), Trouble> {
    let query = "DELETE FROM revisions WHERE since < ?1 AND number < (SELECT max(number) FROM revisions) \
                 AND number < coalesce((SELECT revision FROM events ORDER BY seq LIMIT 1), 9223372036854775807) \
                 AND (SELECT next.since FROM revisions next WHERE next.number > revisions.number \
                      ORDER BY next.number LIMIT 1) \
                     < coalesce((SELECT at FROM events ORDER BY seq LIMIT 1), 9223372036854775807) - ?2";
    work.sql.prepare_cached(query)?.execute([history, ON_ITS_WAY])?;
    Ok(())
}
