//! What is to be read, and reading it: one pass, no tree, only what is asked for.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use super::fields::Fields;
use super::pass::Pass;
use super::trie::Trie;
use super::{Document, Envelope, Event, EventId, Intake, Pairs, RequestParts, Unreadable};
use crate::name::SourceName;
use crate::path::{Path, Segment};
use crate::signature::{RETELL_HEADER, Verified};

/// The objects that can hold `agent_id`, an id and `metadata`; the first that is there counts.
pub(super) const BASES: [&str; 4] = ["call", "chat", "call_inbound", "chat_inbound"];

/// The longest event name, agent id or call id that an [`Envelope`] carries, in bytes.
pub const ID_MAX: usize = 512;

const EVENT: FieldId = FieldId(0);
const AGENT: FieldId = FieldId(1);
const CALL_ID: FieldId = FieldId(2);
const CHAT_ID: FieldId = FieldId(3);

/// One thing to read, by the order of first asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldId(pub(crate) u32);

/// What is kept of a field's values beside their kind, numbers and texts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wants {
    /// The elements of an array, one level deep.
    pub elements: bool,
    /// Texts also folded, for tests that ignore case.
    pub folded: bool,
}

impl Wants {
    pub(super) fn and(self, other: Self) -> Self {
        Self { elements: self.elements || other.elements, folded: self.folded || other.folded }
    }
}

/// What a field is, so that it is read once however often it is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Place {
    Body(Vec<Segment>),
    Metadata(Arc<str>),
    General(String),
    Header(String),
    Query(String),
    Source,
    Order(String),
}

/// Collects what is to be read.
#[derive(Debug)]
pub struct ReaderBuilder {
    known: HashMap<Place, FieldId>,
    reader: Reader,
    next: u32,
}

/// Reads bodies: knows what the running rules need. The default one reads only what every event's envelope needs.
#[derive(Debug)]
pub struct Reader {
    pub(super) trie: Trie,
    generals: Vec<General>,
    headers: Vec<(String, FieldId, Wants)>,
    queries: Vec<(String, FieldId, Wants)>,
    source: Option<(FieldId, Wants)>,
}

/// A general path and what it is for.
#[derive(Debug)]
struct General {
    path: Path,
    field: FieldId,
    wants: Wants,
    /// Whether its first value is kept as compact JSON instead.
    raw: bool,
}

fn key(name: &str) -> Segment {
    Segment::Key(name.into())
}

impl Default for ReaderBuilder {
    fn default() -> Self {
        let mut trie = Trie::new();
        trie.reach(&[key("event")]).take(EVENT, None, Wants::default());
        for (base, name) in (0..).zip(BASES) {
            trie.reach(&[key(name)]).base = Some(base);
            for (member, field) in [("agent_id", AGENT), ("call_id", CALL_ID), ("chat_id", CHAT_ID)]
            {
                let node = trie.reach(&[key(name), key(member)]);
                node.take(field, Some(base), Wants::default());
            }
            // A second `metadata` would hide the first, whether or not a rule reads it today.
            trie.reach(&[key(name), key("metadata")]);
        }
        let reader = Reader {
            trie,
            generals: Vec::new(),
            headers: Vec::new(),
            queries: Vec::new(),
            source: None,
        };
        let known = HashMap::from([(Place::Body(vec![key("event")]), EVENT)]);
        Self { known, reader, next: CHAT_ID.0 + 1 }
    }
}

impl Default for Reader {
    fn default() -> Self {
        ReaderBuilder::default().build()
    }
}

impl super::trie::Node {
    fn take(&mut self, field: FieldId, base: Option<u8>, wants: Wants) {
        if !self.fields.contains(&(field, base)) {
            self.fields.push((field, base));
        }
        self.wants = Some(self.wants.unwrap_or_default().and(wants));
    }
}

impl ReaderBuilder {
    fn field(&mut self, place: Place) -> FieldId {
        let next = FieldId(self.next);
        let field = *self.known.entry(place).or_insert(next);
        if field == next {
            self.next =
                self.next.checked_add(1).expect("fewer fields than a configuration has bytes");
        }
        field
    }

    /// Asks for the value at a singular path.
    pub fn singular(&mut self, segments: &[Segment], wants: Wants) -> FieldId {
        let field = self.field(Place::Body(segments.to_vec()));
        self.reader.trie.reach(segments).take(field, None, wants);
        field
    }

    /// Asks for every value of a general path.
    pub fn general(&mut self, path: &Path, wants: Wants) -> FieldId {
        let field = self.field(Place::General(path.as_str().to_owned()));
        self.ask_general(path, field, wants, false);
        field
    }

    fn ask_general(&mut self, path: &Path, field: FieldId, wants: Wants, raw: bool) {
        self.reader.trie.reach(path.prefix()).unique = true;
        match self.reader.generals.iter_mut().find(|general| general.field == field) {
            Some(general) => general.wants = general.wants.and(wants),
            None => self.reader.generals.push(General { path: path.clone(), field, wants, raw }),
        }
    }

    /// Asks for the value of `path` as compact JSON: the first one, if it is general.
    pub fn order(&mut self, path: &Path) -> FieldId {
        let field = self.field(Place::Order(path.as_str().to_owned()));
        match path.singular() {
            Some(segments) => {
                let node = self.reader.trie.reach(segments);
                node.unique = true;
                if !node.raw.contains(&field) {
                    node.raw.push(field);
                }
            }
            None => self.ask_general(path, field, Wants::default(), true),
        }
        field
    }

    /// Asks for the event's name.
    pub fn event(&mut self, wants: Wants) -> FieldId {
        self.singular(&[key("event")], wants)
    }

    /// Asks for the agent of call or chat.
    pub fn agent_id(&mut self, wants: Wants) -> FieldId {
        for (base, name) in (0..).zip(BASES) {
            self.reader.trie.reach(&[key(name), key("agent_id")]).take(AGENT, Some(base), wants);
        }
        AGENT
    }

    /// Asks for a member of the metadata of call, chat, `call_inbound` or `chat_inbound`.
    pub fn metadata(&mut self, name: &str, wants: Wants) -> FieldId {
        let field = self.field(Place::Metadata(name.into()));
        for (base, object) in (0..).zip(BASES) {
            let node = self.reader.trie.reach(&[key(object), key("metadata"), key(name)]);
            node.take(field, Some(base), wants);
        }
        field
    }

    /// Asks for the source's name.
    pub fn source(&mut self, wants: Wants) -> FieldId {
        let field = self.field(Place::Source);
        let known = self.reader.source.map_or(wants, |(_, known)| known.and(wants));
        self.reader.source = Some((field, known));
        field
    }

    /// Asks for a header, by its name in lower case.
    pub fn header(&mut self, name: &str, wants: Wants) -> FieldId {
        let field = self.field(Place::Header(name.to_owned()));
        ask_pair(&mut self.reader.headers, name, field, wants);
        field
    }

    /// Asks for a query parameter.
    pub fn query(&mut self, name: &str, wants: Wants) -> FieldId {
        let field = self.field(Place::Query(name.to_owned()));
        ask_pair(&mut self.reader.queries, name, field, wants);
        field
    }

    /// How many fields were asked for: every [`FieldId`] is below.
    pub fn field_count(&self) -> usize {
        self.next as usize
    }

    /// Done asking.
    pub fn build(mut self) -> Reader {
        self.reader.trie.finish();
        self.reader.headers.sort_unstable_by(|(left, ..), (right, ..)| left.cmp(right));
        self.reader.queries.sort_unstable_by(|(left, ..), (right, ..)| left.cmp(right));
        self.reader
    }
}

fn ask_pair(asked: &mut Vec<(String, FieldId, Wants)>, name: &str, field: FieldId, wants: Wants) {
    match asked.iter_mut().find(|(_, known, _)| *known == field) {
        Some((.., known)) => *known = known.and(wants),
        None => asked.push((name.to_owned(), field, wants)),
    }
}

/// A raw query string (without its `?`) as pairs: percent-decoded, `+` as a space, what is not UTF-8 replaced.
pub fn query_pairs(raw: &str) -> Pairs {
    url::form_urlencoded::parse(raw.as_bytes())
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect()
}

impl Reader {
    /// Whether a rule reads a header, so that nobody need collect them otherwise.
    pub fn reads_headers(&self) -> bool {
        !self.headers.is_empty()
    }

    /// The headers that rules read and that are not kept with an event: of a stored one nothing is found there.
    pub fn lost_headers(&self) -> impl Iterator<Item = &str> {
        let kept = |name: &str| ["content-type", "user-agent", RETELL_HEADER].contains(&name);
        self.headers.iter().map(|(name, ..)| name.as_str()).filter(move |name| !kept(name))
    }

    /// Whether a rule reads a query parameter.
    pub fn reads_query(&self) -> bool {
        !self.queries.is_empty()
    }

    #[expect(
        clippy::needless_pass_by_value,
        clippy::too_many_arguments,
        reason = "one verified request becomes one intake, once, and these are its parts"
    )]
    /// Reads a verified body. `headers` have names in lower case; `query` is as [`query_pairs`] makes it.
    pub fn read(
        &self,
        verified: Verified,
        id: EventId,
        request: RequestParts,
        headers: Pairs,
        query: Pairs,
    ) -> Intake {
        let mut envelope = Envelope {
            id,
            source: verified.source().clone(),
            received_at: verified.received_at(),
            signed: verified.signed(),
            name: None,
            agent_id: None,
            subject: None,
            request,
        };
        let body = verified.body().clone();
        match self.fields(&envelope.source, &body, &headers, &query) {
            Ok((fields, document)) => Intake::Readable(event(envelope, body, fields, document)),
            Err(reason) => {
                envelope.name = None;
                Intake::Quarantined { envelope: Arc::new(envelope), body, reason }
            }
        }
    }

    /// Reads a stored event again, for planning it anew under these rules. Of its headers only those in [`RequestParts`]
    /// are left. The envelope's name, agent and subject are read anew, too.
    pub fn reread(&self, envelope: &Envelope, body: &Bytes) -> Result<Event, Unreadable> {
        let request = &envelope.request;
        let headers = [
            ("content-type", &request.content_type),
            ("user-agent", &request.user_agent),
            (RETELL_HEADER, &request.signature),
        ];
        let headers: Pairs = headers
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value.clone()?)))
            .collect();
        let query = request.query.as_deref().map(query_pairs).unwrap_or_default();
        let (fields, document) = self.fields(&envelope.source, body, &headers, &query)?;
        Ok(event(envelope.clone(), body.clone(), fields, document))
    }

    fn fields(
        &self,
        source: &SourceName,
        body: &Bytes,
        headers: &Pairs,
        query: &Pairs,
    ) -> Result<(Fields, Option<Document>), Unreadable> {
        let (mut fields, base) = Pass::over(&self.trie, body)?;
        let document = if self.generals.is_empty() { None } else { Some(Document::parse(body)?) };
        if let Some(document) = &document {
            for general in &self.generals {
                general.keep(document, &mut fields);
            }
        }
        if let Some((field, wants)) = self.source {
            let kept = fields.keep_plain(source.as_str(), wants.folded);
            fields.add([(field, None)], [kept]);
        }
        keep_pairs(&self.headers, headers, &mut fields);
        keep_pairs(&self.queries, query, &mut fields);
        fields.finish(base);
        Ok((fields, document))
    }
}

impl General {
    fn keep(&self, document: &Document, fields: &mut Fields) {
        let found = self.path.values(document.value());
        let kept: Vec<_> = if self.raw {
            let first = found.first().map(ToString::to_string);
            first.iter().map(|text| fields.keep_plain(text, false)).collect()
        } else {
            found.into_iter().map(|tree| fields.keep_tree(tree, self.wants)).collect()
        };
        if !kept.is_empty() {
            fields.add([(self.field, None)], kept);
        }
    }
}

/// Keeps the pairs that were asked for; what comes is looked up in what is asked, not the other way round.
fn keep_pairs(asked: &[(String, FieldId, Wants)], pairs: &Pairs, fields: &mut Fields) {
    if asked.is_empty() {
        return;
    }
    let mut known: Vec<(FieldId, Wants, &str)> = pairs
        .iter()
        .filter_map(|(name, value)| {
            let place = asked.binary_search_by(|(known, ..)| known.as_str().cmp(name)).ok()?;
            asked.get(place).map(|(_, field, wants)| (*field, *wants, value.as_str()))
        })
        .collect();
    known.sort_by_key(|(field, ..)| *field);
    for repetitions in known.chunk_by(|(left, ..), (right, ..)| left == right) {
        let kept: Vec<_> = repetitions
            .iter()
            .map(|(_, wants, value)| fields.keep_plain(value, wants.folded))
            .collect();
        fields.add(repetitions.first().map(|(field, ..)| (*field, None)), kept);
    }
}

fn event(mut envelope: Envelope, body: Bytes, fields: Fields, document: Option<Document>) -> Event {
    let name = fields.text_of(EVENT);
    let agent = fields.text_of(AGENT);
    let subject = fields.text_of(CALL_ID).or_else(|| fields.text_of(CHAT_ID));
    let short = |text: &&str| text.len() <= ID_MAX;
    let all_short = [name, agent, subject].iter().flatten().all(short);
    envelope.name = name.filter(short).map(str::to_owned);
    envelope.agent_id = agent.filter(short).map(str::to_owned);
    // An identity with a part left out could be another event's.
    envelope.subject = subject.filter(|_| all_short).map(str::to_owned);
    let parsed = OnceLock::new();
    if let Some(document) = document {
        parsed.get_or_init(|| Ok(document));
    }
    Event { envelope: Arc::new(envelope), body, fields, document: parsed }
}

#[cfg(test)]
mod tests;
