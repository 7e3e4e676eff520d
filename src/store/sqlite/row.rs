//! Rows of events: how they are written, sealed and read back.

use std::sync::Arc;

use bytes::Bytes;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row};
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::event::{Envelope, EventId, RequestParts};
use crate::fault::{self, Plant};
use crate::name::{RuleName, SourceName};

use super::super::{Append, Body, EventRecord, EventState, StoreError};
use super::work::Span;

/// The only codec so far: the bytes as they came.
const PLAIN: i64 = 0;

/// The columns that [`EventRow::read`] takes, in its order.
pub(super) const EVENT: &str = "e.seq, e.id, e.at, e.source, e.signed, e.name, e.agent, e.subject, e.request, e.state, \
     e.of, e.reason, e.rules, e.revision, e.length, e.codec, e.checksum, e.first, e.planned, e.replayed, \
     e.duplicates, e.edited_from, e.shadow";

/// One row of `events`, as it is on disk.
#[derive(Debug, Clone)]
pub(super) struct EventRow {
    pub(super) seq: i64,
    pub(super) id: [u8; 16],
    pub(super) at: i64,
    pub(super) source: String,
    pub(super) signed: bool,
    pub(super) name: Option<String>,
    pub(super) agent: Option<String>,
    pub(super) subject: Option<String>,
    pub(super) request: Option<String>,
    pub(super) state: i64,
    pub(super) of: Option<[u8; 16]>,
    pub(super) reason: Option<String>,
    pub(super) rules: String,
    pub(super) revision: i64,
    pub(super) length: i64,
    pub(super) codec: i64,
    pub(super) checksum: i64,
    pub(super) first: i64,
    pub(super) planned: i64,
    pub(super) replayed: bool,
    pub(super) duplicates: i64,
    pub(super) edited_from: Option<[u8; 16]>,
    /// As `rules`; none if it would be empty.
    pub(super) shadow: Option<String>,
}

/// `request` on disk.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct RequestRow {
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    query: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<String>,
}

pub(super) const QUARANTINED: i64 = 4;

impl EventRow {
    /// An event as it is to be written, but for its place, its deliveries and its checksum.
    pub(super) fn new(event: &Append) -> Self {
        let envelope = &*event.envelope;
        let parts = envelope.request.clone();
        let request = RequestRow {
            content_type: parts.content_type,
            user_agent: parts.user_agent,
            signature: parts.signature,
            query: parts.query,
            peer: parts.peer,
        };
        let request = (request != RequestRow::default()).then_some(request);
        let mut row = Self {
            seq: 0,
            id: *envelope.id.as_bytes(),
            at: envelope.received_at.millis(),
            source: envelope.source.as_str().to_owned(),
            signed: envelope.signed,
            name: envelope.name.clone(),
            agent: envelope.agent_id.clone(),
            subject: envelope.subject.clone(),
            request: request.map(|row| serde_json::to_string(&row).expect("texts are JSON")),
            state: 0,
            of: None,
            reason: None,
            rules: names(&event.rules),
            revision: integer(event.revision),
            length: integer(event.body.len()),
            codec: PLAIN,
            checksum: 0,
            first: 0,
            planned: 0,
            replayed: false,
            duplicates: 0,
            edited_from: event.edited_from.map(|id| *id.as_bytes()),
            shadow: (!event.shadow.is_empty()).then(|| names(&event.shadow)),
        };
        row.set_state(&event.state);
        row
    }

    pub(super) fn set_state(&mut self, state: &EventState) {
        (self.state, self.of, self.reason) = match state {
            EventState::Routed => (0, None, None),
            EventState::Unrouted => (1, None, None),
            EventState::Ignored => (2, None, None),
            EventState::Revised { of } => (3, Some(*of.as_bytes()), None),
            EventState::Quarantined { reason } => (QUARANTINED, None, Some(reason.clone())),
        };
    }

    /// From the columns [`EVENT`].
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            seq: row.get(0)?,
            id: row.get(1)?,
            at: row.get(2)?,
            source: row.get(3)?,
            signed: row.get(4)?,
            name: row.get(5)?,
            agent: row.get(6)?,
            subject: row.get(7)?,
            request: row.get(8)?,
            state: row.get(9)?,
            of: row.get(10)?,
            reason: row.get(11)?,
            rules: row.get(12)?,
            revision: row.get(13)?,
            length: row.get(14)?,
            codec: row.get(15)?,
            checksum: row.get(16)?,
            first: row.get(17)?,
            planned: row.get(18)?,
            replayed: row.get(19)?,
            duplicates: row.get(20)?,
            edited_from: row.get(21)?,
            shadow: row.get(22)?,
        })
    }

    /// The checksum over the body (whose own is `body`), and everything of the row that never changes: a body that stands
    /// in another's place, or under other headers, is noticed like one whose bytes have changed.
    pub(super) fn seal(&self, body: u32) -> u32 {
        let length = u64::try_from(self.length).unwrap_or(0);
        let mut sum = crc32fast::Hasher::new_with_initial_len(body, length);
        for number in [
            self.seq,
            self.at,
            i64::from(self.signed),
            self.state,
            self.revision,
            self.length,
            self.codec,
        ] {
            sum.update(&number.to_le_bytes());
        }
        let mut field = |field: Option<&[u8]>| {
            let length = field.map_or(u64::MAX, |field| field.len() as u64);
            sum.update(&length.to_le_bytes());
            sum.update(field.unwrap_or_default());
        };
        field(Some(&self.id));
        field(Some(self.source.as_bytes()));
        for text in [&self.name, &self.agent, &self.subject, &self.request, &self.reason] {
            field(text.as_deref().map(str::as_bytes));
        }
        field(self.of.as_ref().map(<[u8; 16]>::as_slice));
        field(Some(self.rules.as_bytes()));
        // Format 1 had neither. What was sealed without them still holds.
        if self.edited_from.is_some() || self.shadow.is_some() {
            field(self.edited_from.as_ref().map(<[u8; 16]>::as_slice));
            field(self.shadow.as_deref().map(str::as_bytes));
        }
        sum.finalize()
    }

    /// Where its deliveries are.
    pub(super) fn span(&self) -> Span {
        let Self { seq, first, planned, replayed, .. } = *self;
        Span { seq, first, planned, replayed }
    }

    pub(super) fn event_id(&self) -> EventId {
        EventId::from_bytes(self.id)
    }

    fn damaged(&self) -> StoreError {
        StoreError::Damaged(self.event_id())
    }

    fn envelope(&self) -> Result<Envelope, StoreError> {
        let parse = |text: &str| serde_json::from_str(text).map_err(|_odd| self.damaged());
        let parts: RequestRow = self.request.as_deref().map_or(Ok(RequestRow::default()), parse)?;
        Ok(Envelope {
            id: self.event_id(),
            source: SourceName::new(&self.source).map_err(|_odd| self.damaged())?,
            received_at: Timestamp::from_millis(self.at),
            signed: self.signed,
            name: self.name.clone(),
            agent_id: self.agent.clone(),
            subject: self.subject.clone(),
            request: RequestParts {
                content_type: parts.content_type,
                user_agent: parts.user_agent,
                signature: parts.signature,
                query: parts.query,
                peer: parts.peer,
            },
        })
    }

    fn event_state(&self) -> Result<EventState, StoreError> {
        Ok(match (self.state, self.of, &self.reason) {
            (0, _, _) => EventState::Routed,
            (1, _, _) => EventState::Unrouted,
            (2, _, _) => EventState::Ignored,
            (3, Some(of), _) => EventState::Revised { of: EventId::from_bytes(of) },
            (QUARANTINED, _, Some(reason)) => EventState::Quarantined { reason: reason.clone() },
            _ => return Err(self.damaged()),
        })
    }

    fn rule_names(&self, text: &str) -> Result<Vec<RuleName>, StoreError> {
        let texts: Vec<String> = serde_json::from_str(text).map_err(|_odd| self.damaged())?;
        let names: Result<_, _> = texts.iter().map(|text| RuleName::new(text)).collect();
        names.map_err(|_odd| self.damaged())
    }

    /// The rules that matched, and those that only watch.
    pub(super) fn all_rules(&self) -> Result<(Vec<RuleName>, Vec<RuleName>), StoreError> {
        let shadow = self.shadow.as_deref().map_or(Ok(Vec::new()), |text| self.rule_names(text))?;
        Ok((self.rule_names(&self.rules)?, shadow))
    }

    /// Whether its body is stored as it came.
    pub(super) fn is_plain(&self) -> bool {
        self.codec == PLAIN
    }

    /// As it is listed.
    pub(super) fn record(&self) -> Result<EventRecord, StoreError> {
        let (rules, shadow) = self.all_rules()?;
        Ok(EventRecord {
            envelope: Arc::new(self.envelope()?),
            body_len: number(self.length),
            state: self.event_state()?,
            rules,
            shadow,
            revision: number(self.revision),
            duplicates: number(self.duplicates),
            edited_from: self.edited_from.map(EventId::from_bytes),
        })
    }

    /// With its body, which is checked.
    pub(super) fn body(&self, bytes: Bytes) -> Result<Body, StoreError> {
        if !self.is_plain() {
            let text = format!(
                "the body of event {} is stored in a way (codec {}) that this version does not know",
                self.event_id(),
                self.codec
            );
            return Err(StoreError::Read(text));
        }
        if !self.holds(&bytes) {
            return Err(self.damaged());
        }
        let (rules, shadow) = self.all_rules()?;
        Ok(Body {
            envelope: Arc::new(self.envelope()?),
            rules,
            shadow,
            state: self.event_state()?,
            revision: number(self.revision),
            edited_from: self.edited_from.map(EventId::from_bytes),
            body: bytes,
        })
    }

    /// Whether these are the bytes that were sealed.
    pub(super) fn holds(&self, bytes: &[u8]) -> bool {
        fault::planted(Plant::SkipChecksum)
            || i64::try_from(bytes.len()) == Ok(self.length)
                && i64::from(self.seal(crc32fast::hash(bytes))) == self.checksum
    }
}

/// Names on disk.
fn names(names: &[RuleName]) -> String {
    serde_json::to_string(names).expect("names are JSON")
}

/// The event with that id.
pub(super) fn event_by_id(sql: &Connection, id: EventId) -> rusqlite::Result<Option<EventRow>> {
    let mut select =
        sql.prepare_cached(&format!("SELECT {EVENT} FROM events e WHERE e.id = ?1"))?;
    select.query_row([id.as_bytes()], EventRow::read).optional()
}

/// The event at that place.
pub(super) fn event_by_seq(sql: &Connection, seq: i64) -> rusqlite::Result<Option<EventRow>> {
    let mut select =
        sql.prepare_cached(&format!("SELECT {EVENT} FROM events e WHERE e.seq = ?1"))?;
    select.query_row([seq], EventRow::read).optional()
}

/// The bytes of the event at that place.
pub(super) fn bytes_of(sql: &Connection, seq: i64) -> rusqlite::Result<Option<Bytes>> {
    let mut select = sql.prepare_cached("SELECT body FROM bodies WHERE seq = ?1")?;
    let read = |row: &Row<'_>| {
        let value = row.get_ref(0)?;
        let bytes = value
            .as_blob()
            .map_err(|_odd| rusqlite::Error::InvalidColumnType(0, "body".to_owned(), Type::Blob))?;
        Ok(Bytes::copy_from_slice(bytes))
    };
    select.query_row([seq], read).optional()
}

/// A count from the disk. None is negative.
pub(super) fn number(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

/// A count for the disk. None comes near the limit.
pub(super) fn integer(value: impl TryInto<i64>) -> i64 {
    value.try_into().unwrap_or(i64::MAX)
}
