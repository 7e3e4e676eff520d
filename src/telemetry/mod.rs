//! What the program tells about itself: metrics and logs. Labels come from the configuration or a fixed list, never from
//! an event.

mod exposition;
mod labels;
pub mod log;
mod metrics;
mod series;

pub use labels::{AttemptLabel, DeliveryResult, EventResult, Refused};
pub use metrics::{Metrics, RuleMatches};

#[cfg(test)]
mod tests;
