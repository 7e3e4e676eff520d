//! What the store counts, kept in memory: counted once when it is opened, and after that by what each transaction says it
//! changed.

use std::collections::BTreeMap;

use rusqlite::Connection;

use crate::name::TargetName;

use super::known::Targets;
use super::row::number;

/// The counts, as of the last commit.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) targets: BTreeMap<TargetName, TargetTally>,
    pub(super) quarantined: u64,
    pub(super) events: u64,
}

/// One target's.
#[derive(Debug, Clone, Default)]
pub(super) struct TargetTally {
    pub(super) id: i64,
    pub(super) pending: u64,
    pub(super) dead: u64,
    pub(super) paused: bool,
}

/// What a transaction changes.
#[derive(Debug, Default)]
pub(super) struct Delta {
    pub(super) targets: BTreeMap<i64, TargetDelta>,
    pub(super) quarantined: i64,
    pub(super) events: i64,
    /// Events that may have become history.
    pub(super) ended: Vec<i64>,
}

/// One target's.
#[derive(Debug, Default)]
pub(super) struct TargetDelta {
    pub(super) pending: i64,
    pub(super) dead: i64,
    pub(super) paused: Option<bool>,
}

impl Delta {
    pub(super) fn of(&mut self, target: i64) -> &mut TargetDelta {
        self.targets.entry(target).or_default()
    }
}

impl Tally {
    /// Counts, by indexes that hold only what is counted.
    pub(super) fn count(sql: &Connection, targets: &Targets) -> rusqlite::Result<Self> {
        let one = |query: &str| sql.query_row(query, [], |row| row.get::<_, i64>(0)).map(number);
        let mut tally = Self {
            quarantined: one("SELECT count(*) FROM events WHERE state = 4")?,
            events: one("SELECT count(*) FROM events")?,
            ..Self::default()
        };
        let mut each = |query: &str, set: fn(&mut TargetTally, i64)| -> rusqlite::Result<()> {
            let mut select = sql.prepare(query)?;
            let mut rows = select.query([])?;
            while let Some(row) = rows.next()? {
                let id = row.get(0)?;
                if let Some(name) = targets.name(id) {
                    let target = tally.targets.entry(name.clone()).or_default();
                    target.id = id;
                    set(target, row.get(1)?);
                }
            }
            Ok(())
        };
        each(
            "SELECT target, count(*) FROM deliveries INDEXED BY due WHERE state = 0 GROUP BY target",
            |target, count| target.pending = number(count),
        )?;
        each(
            "SELECT target, count(*) FROM deliveries INDEXED BY dead WHERE state = 2 GROUP BY target",
            |target, count| target.dead = number(count),
        )?;
        each("SELECT id, paused FROM targets", |target, paused| target.paused = paused != 0)?;
        Ok(tally)
    }

    /// Takes in what was committed.
    pub(super) fn add(&mut self, delta: &Delta, targets: &Targets) {
        let add = |count: &mut u64, change: i64| *count = count.saturating_add_signed(change);
        add(&mut self.events, delta.events);
        add(&mut self.quarantined, delta.quarantined);
        for (id, change) in &delta.targets {
            let Some(name) = targets.name(*id) else { continue };
            let target = self.targets.entry(name.clone()).or_default();
            target.id = *id;
            add(&mut target.pending, change.pending);
            add(&mut target.dead, change.dead);
            target.paused = change.paused.unwrap_or(target.paused);
        }
    }
}
