//! What the program tells about itself: metrics and logs. Labels come from the configuration or a fixed list, never from
//! an event.

pub mod log;
mod metrics;

pub use metrics::{AttemptLabel, DeliveryResult, EventResult, Metrics};
