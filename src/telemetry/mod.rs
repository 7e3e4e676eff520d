//! What the program tells about itself: metrics and logs. Labels come from the configuration or a fixed list, never from
//! an event.

mod exposition;
pub mod log;
mod metrics;
mod series;

pub use metrics::{AttemptLabel, DeliveryResult, EventResult, Metrics, Refused};

#[cfg(test)]
mod tests;
