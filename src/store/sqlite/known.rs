//! What the writer keeps in memory so that an append need not look for it on the disk: which identities were seen, the
//! numbers of targets, and the next ids. Every change can be taken back, since a transaction can.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension};

use crate::fault::{self, Plant};
use crate::name::TargetName;

use super::blocks::Current;

/// Most identities that are remembered; the oldest go first. At 16 to 35 bytes each this is at most 75 MB, and the ten
/// minutes of the usual window are full at 6,000 events a second.
const SEEN_MAX: usize = 3_600_000;

/// What is known of the disk's contents, as of the last change.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) seen: Seen,
    pub(super) targets: Targets,
    pub(super) next_event: i64,
    pub(super) next_delivery: i64,
    /// The block that the next event goes to.
    pub(super) block: Current,
    marks: (i64, i64),
}

impl Known {
    /// Loads it. `now` is when: what is no longer in its window is left out.
    pub(super) fn load(sql: &Connection, now: i64) -> rusqlite::Result<Self> {
        let next = |key: &str, table: &str| -> rusqlite::Result<i64> {
            let kept: Option<i64> = sql
                .query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get(0))
                .optional()?;
            let last: Option<i64> = sql.query_row(table, [], |row| row.get(0))?;
            Ok(kept.unwrap_or(1).max(last.map_or(1, |last| last + 1)))
        };
        let next_event = next("next_event", "SELECT max(seq) FROM events")?;
        let next_delivery = next("next_delivery", "SELECT max(id) FROM deliveries")?;
        Ok(Self {
            seen: Seen::load(sql, now)?,
            targets: Targets::load(sql)?,
            next_event,
            next_delivery,
            block: Current::default(),
            marks: (next_event, next_delivery),
        })
    }

    /// What changed since the last call of this is durable.
    pub(super) fn keep(&mut self) {
        self.seen.undo.clear();
        self.targets.added.clear();
        self.marks = (self.next_event, self.next_delivery);
    }

    /// What changed since then was taken back.
    pub(super) fn take_back(&mut self) {
        while let Some((fingerprint, before)) = self.seen.undo.pop() {
            match before {
                Some(seq) => self.seen.places.insert(fingerprint, seq),
                None => self.seen.places.remove(&fingerprint),
            };
        }
        for (name, id) in self.targets.added.drain(..) {
            self.targets.ids.remove(&name);
            self.targets.names.remove(&id);
        }
        self.block.forget();
        (self.next_event, self.next_delivery) = self.marks;
    }
}

/// Which identities were seen in their windows. The fingerprint is 64 bits of a SHA-256; whoever finds one compares the
/// stored event, so that two that happen to agree are not taken for one.
#[derive(Debug, Default)]
pub(super) struct Seen {
    places: HashMap<i64, i64>,
    undo: Vec<(i64, Option<i64>)>,
}

impl Seen {
    fn load(sql: &Connection, now: i64) -> rusqlite::Result<Self> {
        if fault::planted(Plant::ForgetSeen) {
            return Ok(Self::default());
        }
        let count: i64 = sql.query_row("SELECT count(*) FROM seen", [], |row| row.get(0))?;
        let mut places = HashMap::with_capacity(usize::try_from(count).unwrap_or(0).min(SEEN_MAX));
        let mut select = sql.prepare("SELECT fingerprint, seq FROM seen WHERE until >= ?1")?;
        let mut rows = select.query([now])?;
        while let Some(row) = rows.next()? {
            places.insert(row.get(0)?, row.get(1)?);
        }
        places.shrink_to_fit();
        Ok(Self { places, undo: Vec::new() })
    }

    /// Where the last event with that fingerprint is.
    pub(super) fn find(&self, fingerprint: i64) -> Option<i64> {
        self.places.get(&fingerprint).copied()
    }

    pub(super) fn insert(&mut self, fingerprint: i64, seq: i64) {
        let before = self.places.insert(fingerprint, seq);
        self.undo.push((fingerprint, before));
    }

    /// Forgets a fingerprint, unless a later event has it.
    pub(super) fn forget(&mut self, fingerprint: i64, seq: i64) {
        if self.places.get(&fingerprint) == Some(&seq) {
            self.places.remove(&fingerprint);
            self.undo.push((fingerprint, Some(seq)));
        }
    }

    /// Whether the oldest must go although their windows have not ended.
    pub(super) fn is_crowded(&self) -> bool {
        self.places.len() >= SEEN_MAX
    }
}

/// The numbers that stand for targets' names.
#[derive(Debug, Default)]
pub(super) struct Targets {
    ids: HashMap<TargetName, i64>,
    names: HashMap<i64, TargetName>,
    added: Vec<(TargetName, i64)>,
}

impl Targets {
    fn load(sql: &Connection) -> rusqlite::Result<Self> {
        let mut targets = Self::default();
        let mut select = sql.prepare("SELECT id, name FROM targets")?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let (id, name): (i64, String) = (row.get(0)?, row.get(1)?);
            // A name that is none is damage; its deliveries are not reachable by any name.
            if let Ok(name) = TargetName::new(&name) {
                targets.ids.insert(name.clone(), id);
                targets.names.insert(id, name);
            }
        }
        Ok(targets)
    }

    /// The number of a target that is known.
    pub(super) fn find(&self, name: &TargetName) -> Option<i64> {
        self.ids.get(name).copied()
    }

    /// The name behind a number.
    pub(super) fn name(&self, id: i64) -> Option<&TargetName> {
        self.names.get(&id)
    }

    /// The number of a target, given now if it has none.
    pub(super) fn number(&mut self, sql: &Connection, name: &TargetName) -> rusqlite::Result<i64> {
        if let Some(id) = self.find(name) {
            return Ok(id);
        }
        sql.prepare_cached("INSERT INTO targets (name) VALUES (?1)")?.execute([name.as_str()])?;
        let id = sql.last_insert_rowid();
        self.ids.insert(name.clone(), id);
        self.names.insert(id, name.clone());
        self.added.push((name.clone(), id));
        Ok(id)
    }
}
