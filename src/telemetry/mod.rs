//! What the program tells about itself: metrics and logs. Labels come from the configuration or a fixed list, never from
//! an event.

mod answers;
mod exposition;
mod labels;
pub mod log;
mod metrics;
mod minutes;
mod series;

pub use labels::{AttemptLabel, DeliveryResult, EventResult, Refused};
pub use metrics::{Metrics, RecentMinutes, RuleMatches};
pub use minutes::{MINUTES_MAX, Minute};

#[cfg(test)]
mod tests;
