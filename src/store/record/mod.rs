//! What goes into a store and what comes out. These are working types; the forms on disk are the engine's own.

mod change;
mod filter;
mod kept;

pub use change::{
    Append, Appended, Attempt, AttemptResult, Bury, Change, EventState, Fate, Identity,
    IdentityKey, NewDelivery, Ready, Replay, Settle, Settled,
};
pub use filter::{Arrivals, DeadSelection, EventFilter, EventPage, Page, Stretch};
pub use kept::{
    Body, Counts, DeadLetter, DeliveryRecord, DeliveryState, EventRecord, Stats, Tried,
};
