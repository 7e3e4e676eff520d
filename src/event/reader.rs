//! Reading a body: one pass, no tree, only what is asked for.

use super::{Envelope, Event, EventId, Intake, Pairs, RequestParts, Unreadable};
use crate::path::{Path, Segment};
use crate::signature::Verified;

/// The place of one thing to read, in the order of asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FieldId(pub(crate) u32);

/// Collects what is to be read.
#[derive(Debug, Default)]
pub struct ReaderBuilder {}

/// Reads bodies: knows what the running rules need.
#[derive(Debug, Default)]
pub struct Reader {}

impl ReaderBuilder {
    /// Asks for the value at a singular path, with the elements of an array if `elements`.
    pub fn singular(&mut self, _segments: &[Segment], _elements: bool) -> FieldId {
        todo!()
    }

    /// Asks for every value of a general path.
    pub fn general(&mut self, _path: &Path) -> FieldId {
        todo!()
    }

    /// Asks for a member of the metadata of call, chat, `call_inbound` or `chat_inbound`.
    pub fn metadata(&mut self, _key: &str, _elements: bool) -> FieldId {
        todo!()
    }

    /// Done asking.
    pub fn build(self) -> Reader {
        todo!()
    }
}

impl Reader {
    /// Reads a verified body. `pairs` are headers (names in lower case) and query parameters of the request, in two lists.
    pub fn read(
        &self,
        _verified: Verified,
        _id: EventId,
        _request: RequestParts,
        _headers: Pairs,
        _query: Pairs,
    ) -> Intake {
        todo!()
    }

    /// Reads a stored event again, for planning it anew under these rules.
    pub fn reread(&self, _envelope: &Envelope, _body: &bytes::Bytes) -> Result<Event, Unreadable> {
        todo!()
    }
}
