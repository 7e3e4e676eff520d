//! Storing an event with its deliveries, or finding that it is a repeat.

use rusqlite::OptionalExtension;
use rusqlite::params;
use sha2::{Digest, Sha256};

use crate::clock::Timestamp;
use crate::event::EventId;
use crate::fault::{self, Plant};

use super::super::{Append, EventState, Fate, IdentityKey, NewDelivery, Ready, Replay, StoreError};
use super::blocks::{Word, words_of};
use super::row::{self, EventRow, QUARANTINED, bytes_of, event_by_seq, integer};
use super::schema::PENDING;
use super::work::{DeliveryRow, Trouble, Work};

/// What an event takes on disk beside its body, about: its rows, and the rest of a page.
const OVERHEAD: u64 = 4_096;

/// An append, with everything done that need not be done by the writer.
#[derive(Debug)]
pub(super) struct Prepared {
    append: Append,
    row: EventRow,
    /// What it is found by, but for its state.
    words: Vec<Word>,
    /// The checksum of the body alone.
    body_sum: u32,
    identity: Option<Known>,
}

/// An identity, hashed.
#[derive(Debug)]
struct Known {
    digest: [u8; 32],
    /// Whether the digest covers the body, so that a repeat cannot have another one.
    by_body: bool,
    window: i64,
}

/// What an earlier event makes of a new one.
enum Repeat {
    /// The event at that place has the same body.
    Duplicate { seq: i64, of: EventId },
    /// It has another body than the first, whose window ends then.
    Revised { of: EventId, until: i64 },
}

impl Prepared {
    /// Hashes and encodes, on the caller's thread.
    pub(super) fn new(append: Append) -> Self {
        let row = EventRow::new(&append);
        let body_sum = crc32fast::hash(&append.body);
        let identity = append.identity.as_ref().map(|identity| {
            let (digest, by_body) = match &identity.key {
                IdentityKey::Id(text) => (Sha256::digest(text.as_bytes()).into(), false),
                IdentityKey::Body { digest } => (*digest, true),
            };
            Known { digest, by_body, window: integer(identity.window.as_millis()) }
        });
        let mut words = words_of(&row, &append.rules, &append.shadow);
        words.extend(append.deliveries.iter().map(|new| Word::target(new.target.as_str())));
        Self { append, row, words, body_sum, identity }
    }

    /// Bytes that it holds in memory, about.
    pub(super) fn weight(&self) -> usize {
        self.append.body.len() + 1024
    }

    /// Stores it.
    pub(super) fn run(&mut self, work: &mut Work<'_>) -> Result<Fate, Trouble> {
        let repeat = match &self.identity {
            Some(identity) => self.repeat(work, identity)?,
            None => None,
        };
        if let Some(Repeat::Duplicate { seq, of }) = repeat {
            let query = "UPDATE events SET duplicates = duplicates + 1 WHERE seq = ?1";
            work.sql.prepare_cached(query)?.execute([seq])?;
            return Ok(Fate::Duplicate { of });
        }
        let room = &mut *work.room;
        let cost = self.append.body.len() as u64 + OVERHEAD;
        let Some(rest) = room.bytes.checked_sub(cost) else {
            return Err(StoreError::Full(room.reason.clone()).into());
        };
        room.bytes = rest;
        match repeat {
            Some(Repeat::Revised { of, until }) => {
                self.row.set_state(&EventState::Revised { of });
                self.insert(work, &[])?;
                let fingerprint = self.exact();
                self.remember(work, fingerprint, until)?;
                Ok(Fate::Revised { of })
            }
            _ => self.store(work).map(Fate::Stored),
        }
    }

    fn store(&mut self, work: &mut Work<'_>) -> Result<Vec<Ready>, Trouble> {
        self.row.set_state(&self.append.state);
        let planned = std::mem::take(&mut self.append.deliveries);
        let stored = self.insert(work, &planned);
        // The transaction may be taken back and this run again.
        self.append.deliveries = planned;
        let ready = stored?;
        let remembered = matches!(self.append.state, EventState::Routed | EventState::Ignored);
        if let Some(identity) = self.identity.as_ref().filter(|_| remembered) {
            let until = self.row.at.saturating_add(identity.window);
            self.remember(work, fingerprint(&identity.digest), until)?;
        }
        Ok(ready)
    }

    fn insert(
        &mut self,
        work: &mut Work<'_>,
        planned: &[NewDelivery],
    ) -> Result<Vec<Ready>, Trouble> {
        let row = &mut self.row;
        row.seq = work.known.next_event;
        row.first = work.known.next_delivery;
        row.planned = integer(planned.len());
        if fault::planted(Plant::LoseRevision) {
            row.revision = 1;
        }
        row.checksum = i64::from(row.seal(self.body_sum));
        let query = "INSERT INTO events (seq, id, at, source, signed, name, agent, subject, request, state, of, reason, \
                     rules, revision, length, codec, checksum, identity, first, planned, edited_from, shadow) \
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22)";
        work.sql.prepare_cached(query)?.execute(params![
            row.seq,
            row.id,
            row.at,
            row.source,
            row.signed,
            row.name,
            row.agent,
            row.subject,
            row.request,
            row.state,
            row.of,
            row.reason,
            row.rules,
            row.revision,
            row.length,
            row.codec,
            row.checksum,
            self.identity.as_ref().map(|identity| identity.digest),
            row.first,
            row.planned,
            row.edited_from,
            row.shadow,
        ])?;
        let mut insert =
            work.sql.prepare_cached("INSERT INTO bodies (seq, body) VALUES (?1, ?2)")?;
        insert.execute((row.seq, &*self.append.body))?;
        let place = (row.seq, row.at);
        work.known.block.add(work.sql, place, &self.words, Word::state(row.state))?;
        work.known.next_event += 1;
        work.delta.events += 1;
        work.delta.quarantined += i64::from(row.state == QUARANTINED);
        if planned.is_empty() {
            work.delta.ended.push(row.seq);
        }
        let event = (row.seq, row.event_id());
        let plan = (row.revision, row.edited_from.is_some());
        work.add_deliveries(event, planned, Timestamp::from_millis(row.at), plan)
    }

    fn remember(&self, work: &mut Work<'_>, fingerprint: i64, until: i64) -> Result<(), Trouble> {
        let query = "INSERT INTO seen (seq, fingerprint, until) VALUES (?1, ?2, ?3)";
        work.sql.prepare_cached(query)?.execute((self.row.seq, fingerprint, until))?;
        work.known.seen.insert(fingerprint, self.row.seq);
        Ok(())
    }

    fn repeat(&self, work: &Work<'_>, identity: &Known) -> Result<Option<Repeat>, Trouble> {
        let Some(seq) = work.known.seen.find(fingerprint(&identity.digest)) else {
            return Ok(None);
        };
        // The memory remembers 64 bits; the disk has the rest.
        let Some(first) = event_by_seq(work.sql, seq)? else { return Ok(None) };
        let until = first.at.saturating_add(identity.window);
        if self.row.at > until || identity_of(work, seq)? != Some(identity.digest) {
            return Ok(None);
        }
        let of = first.event_id();
        match self.compare(work, &first)? {
            Same::Yes => return Ok(Some(Repeat::Duplicate { seq, of })),
            // What is there cannot be delivered any more; what came now can.
            Same::Damaged => return Ok(None),
            Same::No if identity.by_body => return Ok(None),
            Same::No => {}
        }
        let Some(seq) = work.known.seen.find(self.exact()) else {
            return Ok(Some(Repeat::Revised { of, until }));
        };
        let revised = event_by_seq(work.sql, seq)?;
        let revised = revised.filter(|row| row.of == Some(*of.as_bytes()));
        if let Some(revised) = revised
            && matches!(self.compare(work, &revised)?, Same::Yes)
        {
            return Ok(Some(Repeat::Duplicate { seq, of: revised.event_id() }));
        }
        Ok(Some(Repeat::Revised { of, until }))
    }

    fn compare(&self, work: &Work<'_>, earlier: &EventRow) -> Result<Same, Trouble> {
        if earlier.length != self.row.length {
            return Ok(Same::No);
        }
        let bytes = bytes_of(work.sql, earlier.seq)?.unwrap_or_default();
        Ok(if bytes == self.append.body {
            Same::Yes
        } else if earlier.holds(&bytes) {
            Same::No
        } else {
            Same::Damaged
        })
    }

    /// The fingerprint of identity and body together, by which a repeat of a revised event is found.
    fn exact(&self) -> i64 {
        let mut hash = Sha256::new();
        hash.update(self.identity.as_ref().map_or([0; 32], |identity| identity.digest));
        hash.update(self.body_sum.to_le_bytes());
        hash.update(self.row.length.to_le_bytes());
        fingerprint(&hash.finalize().into())
    }
}

/// Whether an earlier event has the same body.
enum Same {
    Yes,
    No,
    /// It had another one, or this one, before its bytes changed on the disk.
    Damaged,
}

fn fingerprint(digest: &[u8; 32]) -> i64 {
    digest.first_chunk::<8>().map_or(0, |bytes| i64::from_le_bytes(*bytes))
}

fn identity_of(work: &Work<'_>, seq: i64) -> Result<Option<[u8; 32]>, Trouble> {
    let mut select = work.sql.prepare_cached("SELECT identity FROM events WHERE seq = ?1")?;
    Ok(select.query_row([seq], |row| row.get(0)).optional()?.flatten())
}

/// Makes new deliveries of a stored event.
pub(super) fn replay(work: &mut Work<'_>, replay: &Replay) -> Result<Vec<Ready>, Trouble> {
    let row = row::event_by_id(work.sql, replay.event)?.ok_or(StoreError::NotFound)?;
    if !row.replayed && !replay.deliveries.is_empty() {
        let query = "UPDATE events SET replayed = 1 WHERE seq = ?1";
        work.sql.prepare_cached(query)?.execute([row.seq])?;
    }
    for new in &replay.deliveries {
        work.known.block.add_target(work.sql, row.seq, &new.target)?;
    }
    let event = (row.seq, replay.event);
    work.add_deliveries(event, &replay.deliveries, replay.now, (integer(replay.revision), true))
}

impl Work<'_> {
    /// Adds pending deliveries of the event, and returns those that may go out.
    fn add_deliveries(
        &mut self,
        (seq, event): (i64, EventId),
        planned: &[NewDelivery],
        now: Timestamp,
        (revision, replay): (i64, bool),
    ) -> Result<Vec<Ready>, Trouble> {
        let mut ready = Vec::with_capacity(planned.len());
        for new in planned {
            let target = self.known.targets.number(self.sql, &new.target)?;
            let waiting = match &new.order_key {
                Some(key) => DeliveryRow::first(self.sql, target, key)?.is_some(),
                None => false,
            };
            let row = DeliveryRow {
                id: self.known.next_delivery,
                event: seq,
                target,
                state: PENDING,
                waiting,
                moment: now.millis(),
                attempts: 0,
                age_from: now.millis(),
                created_at: now.millis(),
                order_key: new.order_key.as_deref().map(str::to_owned),
                replay,
                revision,
                reason: None,
            };
            row.insert(self.sql)?;
            self.known.next_delivery += 1;
            self.delta.of(target).pending += 1;
            if !waiting {
                ready.push(row.ready(event, new.target.clone()));
            }
        }
        Ok(ready)
    }
}
