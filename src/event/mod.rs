//! An event: one verified request, the exact body bytes, and what the rules need from it.
//!
//! There are two doors to an [`Event`]: [`Reader::read`], which takes a [`Verified`](crate::signature::Verified) body, and [`Event::restored`], which
//! takes back what the store kept. Reading passes over the bytes once and takes out only what the running rules ask for.

mod document;
mod fields;
mod fold;
mod id;
mod pass;
mod reader;
mod scan;
mod trie;

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use crate::clock::Timestamp;
use crate::name::SourceName;

pub use crate::path::Number;
pub use document::{Document, Unreadable};
pub(crate) use fields::{Fields, Text, Value, Values};
pub(crate) use fold::{equal_chars, fold, fold_char, fold_range};
pub use id::EventId;
pub use reader::{FieldId, ID_MAX, Reader, ReaderBuilder, Wants, query_pairs};

/// The events that Retell repeats for one call or chat at most once, so that their identity is the id.
/// Source: Retell's webhook overview.
pub const LIFE_CYCLE: [&str; 6] =
    ["call_started", "call_ended", "call_analyzed", "chat_started", "chat_ended", "chat_analyzed"];

/// Every event name that Retell documents today. New ones appear; nothing depends on this list but advice.
pub const KNOWN: [&str; 13] = [
    "call_started",
    "call_ended",
    "call_analyzed",
    "transcript_updated",
    "transfer_started",
    "transfer_bridged",
    "transfer_cancelled",
    "transfer_ended",
    "chat_started",
    "chat_ended",
    "chat_analyzed",
    "call_inbound",
    "chat_inbound",
];

/// What is kept of a request beside its body. Header values are as they came, lossily decoded, at most 1 KiB each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestParts {
    /// `content-type`.
    pub content_type: Option<String>,
    /// `user-agent`.
    pub user_agent: Option<String>,
    /// `x-retell-signature`.
    pub signature: Option<String>,
    /// The raw query string, without its `?`.
    pub query: Option<String>,
    /// The peer's address, without its port.
    pub peer: Option<String>,
}

/// Headers and query of a request while it is matched. Conditions may read any header of a fresh request; of a stored one
/// only those in [`RequestParts`] are left.
pub type Pairs = Vec<(String, String)>;

/// Everything about an event but its body. This, and the body, is what the store keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// Its id, the same at every attempt of every delivery.
    pub id: EventId,
    /// The source that received it.
    pub source: SourceName,
    /// When it arrived.
    pub received_at: Timestamp,
    /// Whether a signature was checked.
    pub signed: bool,
    /// The text of the member `event`, if it is a text. As the agent and the subject, it is left out if it is longer than
    /// [`ID_MAX`] bytes; rules see it all the same.
    pub name: Option<String>,
    /// The agent: `agent_id` of the first of `call`, `chat`, `call_inbound`, `chat_inbound` that is an object.
    pub agent_id: Option<String>,
    /// The call's or chat's id: `call_id`, or else `chat_id`, of the same object. It is left out, too, if the name or the
    /// agent is too long: an identity with a part missing could be another event's.
    pub subject: Option<String>,
    /// What is kept of its request.
    pub request: RequestParts,
}

/// One event, readable.
#[derive(Debug)]
pub struct Event {
    envelope: Arc<Envelope>,
    body: Bytes,
    fields: Fields,
    document: OnceLock<Result<Document, Unreadable>>,
}

/// What became of a verified body.
#[derive(Debug)]
pub enum Intake {
    /// A JSON object that rules can look at.
    Readable(Event),
    /// Authentic, but nothing that rules can look at. It is stored with the reason.
    Quarantined {
        /// Everything but the body; no name, agent or subject.
        envelope: Arc<Envelope>,
        /// The exact bytes.
        body: Bytes,
        /// Why.
        reason: Unreadable,
    },
}

impl Event {
    /// An event as the store gives it back. It carries no fields: planning it again goes through [`Reader::reread`].
    pub fn restored(envelope: Arc<Envelope>, body: Bytes) -> Self {
        Self { envelope, body, fields: Fields::default(), document: OnceLock::new() }
    }

    /// Everything but the body.
    pub fn envelope(&self) -> &Arc<Envelope> {
        &self.envelope
    }

    /// The exact bytes.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// What the rules asked for.
    pub(crate) fn fields(&self) -> &Fields {
        &self.fields
    }

    /// The whole body as a document; parsed at the first call and kept.
    pub fn document(&self) -> Result<&Document, &Unreadable> {
        self.document.get_or_init(|| Document::parse(&self.body)).as_ref()
    }
}
