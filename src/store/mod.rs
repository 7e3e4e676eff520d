//! Where events and deliveries are kept: a trait with the operations that the program needs, and what stands behind it.
//!
//! Promises: an [`Appended`] exists only after the commit that holds the event and its deliveries was synced. Each
//! operation that writes says when it resolves. One writer thread owns all writes and takes everything that waits into one
//! transaction (group commit); a failed sync poisons the store for good. The store knows names of targets, not targets.

mod commit;
pub mod conformance;
pub mod memory;
mod needle;
pub mod record;
pub mod sqlite;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::delivery::DeliveryId;
use crate::event::EventId;
use crate::name::{ContentHash, Revision, TargetName};

pub use commit::{Pending, Promise, Receipt};
pub use needle::TEXT_MAX;
pub use record::{
    Append, Appended, Arrivals, Attempt, AttemptResult, Body, Bury, Change, Counts, DeadLetter,
    DeadSelection, DeliveryRecord, DeliveryState, EventFilter, EventPage, EventRecord, EventState,
    Fate, Identity, IdentityKey, NewDelivery, Page, Ready, Replay, Settle, Settled, Stats, Stretch,
    Tried,
};

/// Why an operation was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Over `store.max_size`, or the disk is nearly full: new events are refused, settling still works.
    #[error("the store is full: {0}")]
    Full(String),
    /// More waits to be committed than can be in two seconds.
    #[error("commits are behind")]
    Behind,
    /// A write or sync failed in a way that leaves doubt. The process must end with exit code 74.
    #[error("the store failed and must be reopened: {0}")]
    Poisoned(String),
    /// A read failed or took longer than five seconds.
    #[error("reading failed: {0}")]
    Read(String),
    /// A stored body does not match its checksum.
    #[error("the stored body of event {0} is damaged")]
    Damaged(EventId),
    /// There is no such thing.
    #[error("not found")]
    NotFound,
    /// A page was asked for behind a cursor that no listing gave.
    #[error("not a cursor of this listing: pass on what an earlier page gave, unchanged")]
    Cursor,
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}

/// How the store is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// It accepts events.
    Writable,
    /// It settles, but accepts no events.
    Full,
    /// It is done for; the process must end.
    Poisoned,
}

/// What keeps events and deliveries. Operations that return [`Pending`] are queued at once, in order of calling, and
/// resolve after the commit; dropping the `Pending` does not cancel them.
pub trait Store: Send + Sync + fmt::Debug {
    /// Stores an event with its deliveries, or finds that it is a repeat. Resolves once it is on stable storage (for a
    /// duplicate: once the first copy is). Fails fast with `Full`, `Behind` or `Poisoned`.
    fn append(&self, event: Append) -> Pending<Appended>;

    /// Records an attempt and what follows for its delivery, in one transaction. A settle of a delivery that is no longer
    /// pending (dropped or buried meanwhile) records the attempt and changes nothing else. Never refused for space.
    fn settle(&self, settle: Settle) -> Pending<Settled>;

    /// Makes new deliveries of a stored event, at the tail of their order.
    fn replay(&self, replay: Replay) -> Pending<Vec<Ready>>;

    /// Reopens dead letters: pending again, due now, age from now, attempts kept counting. Resolves with how many.
    fn reopen(&self, selection: DeadSelection, now: Timestamp) -> Pending<u64>;

    /// Drops dead letters for good (reason `dropped`): they are no longer listed or counted as dead, but stay in the
    /// history. Resolves with how many.
    fn drop_dead(&self, selection: DeadSelection, now: Timestamp) -> Pending<u64>;

    /// Buries pending deliveries of a target, in several short transactions. Resolves with how many once all are done.
    fn bury(&self, bury: Bury) -> Pending<u64>;

    /// Pauses or resumes a target by name. Durable once it resolves.
    fn set_paused(&self, target: TargetName, paused: bool) -> Pending<()>;

    /// Records a revision's text. The same text as the latest keeps its number; otherwise the next number is given.
    fn add_revision(&self, text: Arc<str>, hash: ContentHash, now: Timestamp) -> Pending<Revision>;

    /// The deliveries of `target` that are nearest due, at most `limit`, by (due, id): only unordered ones and the first
    /// pending one of each order key. `after` continues behind a place that was returned before.
    fn due(
        &self,
        target: &TargetName,
        after: Option<(Timestamp, DeliveryId)>,
        limit: usize,
    ) -> Pending<Vec<Ready>>;

    /// The envelope, matched rules and body of a stored event; the body's checksum is checked.
    fn body(&self, event: EventId) -> Pending<Body>;

    /// The same for several events at once, in their order, until the bodies are `most` bytes. One that is missing or damaged
    /// is left out; whoever needs it asks for it alone and is told why.
    fn bodies(&self, events: Vec<EventId>, most: usize) -> Pending<Vec<(EventId, Body)>>;

    /// Every target with pending deliveries or dead letters, or that is paused, whether the configuration has it or not.
    fn stats(&self) -> Pending<Stats>;

    /// Events by filter, newest first, without bodies. It looks only so far: a page may be short, or empty, and still have a
    /// next one.
    fn events(&self, filter: EventFilter, page: Page) -> Pending<EventPage>;

    /// What arrived at a place or behind it, oldest first, without bodies: how one goes on where one stopped. Places are given
    /// in order of arrival and never twice, so nothing is missed and nothing comes again.
    fn arrivals(&self, filter: EventFilter, from: u64, limit: usize) -> Pending<Arrivals>;

    /// What arrived at a place or behind it, oldest first, with bodies and without deliveries: at most `limit` events, until
    /// their bodies are `most` bytes, but at least one. For going through many: nothing that dispatch reads waits for it.
    fn stretch(
        &self,
        filter: EventFilter,
        from: u64,
        limit: usize,
        most: usize,
    ) -> Pending<Stretch>;

    /// These events as they are listed, in their order, without those that are not there.
    fn listed(&self, ids: Vec<EventId>) -> Pending<Vec<(EventRecord, Vec<DeliveryRecord>)>>;

    /// One event with its deliveries and their attempts.
    fn event(&self, id: EventId) -> Pending<(EventRecord, Tried)>;

    /// Dead letters by selection, the last to die first. The cursor behind one is [`DeadLetter::cursor`].
    fn dead_letters(&self, selection: DeadSelection, page: Page) -> Pending<Vec<DeadLetter>>;

    /// The text of a revision. Texts that no stored event refers to may be gone, but never the latest.
    fn revision(&self, number: u64) -> Pending<(Revision, Arc<str>, Timestamp)>;

    /// The revisions whose texts are kept, the newest first, at most so many, each with when it was recorded.
    fn revisions(&self, limit: usize) -> Pending<Vec<(Revision, Timestamp)>>;

    /// How it is, from memory.
    fn health(&self) -> Health;

    /// Resolves when the store is poisoned, with the reason.
    fn poisoned(&self) -> Pending<String>;

    /// Durability facts, for `status`: file system, engine, sync settings as read back.
    fn facts(&self) -> Vec<(&'static str, String)>;

    /// What of these, or of the folder, may lose what was acknowledged or show it to others: one sentence each.
    fn warnings(&self) -> Vec<String>;

    /// A reload changed the bounds; they hold from the next commit on.
    fn set_bounds(&self, bounds: Bounds);

    /// Commits what is queued and closes; later operations answer `Closed`.
    fn close(&self) -> Pending<()>;
}

/// What the store is told about its bounds. A reload may change them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Most bytes on disk.
    pub max_size: u64,
    /// How long delivered history is kept.
    pub retention: Duration,
}

/// How long dead letters and quarantined events are kept.
pub const DEAD_RETENTION: Duration = Duration::from_hours(30 * 24);
