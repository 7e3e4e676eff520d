//! Targets: how they are, and how they were minute by minute.

use serde::{Deserialize, Serialize};

/// `GET /api/v1/targets`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Targets {
    /// By name.
    pub targets: Vec<Target>,
}

/// A target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Its name.
    pub name: String,
    /// Whether the running configuration has it.
    pub configured: bool,
    /// `http`, `slack` or `log`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Origin of its address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Deliveries that wait or are under way.
    pub pending: u64,
    /// Where the age of the oldest of them began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest_pending: Option<String>,
    /// Dead letters that are listed.
    pub dead_letters: u64,
    /// Attempts under way.
    pub in_flight: u32,
    /// `closed`, `open` or `probing`.
    pub circuit: String,
    /// Whether a person paused it.
    pub paused: bool,
    /// The last attempt that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<Failure>,
}

/// An attempt that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What happened.
    pub detail: String,
    /// When.
    pub at: String,
}

/// `GET /api/v1/targets/series`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// When the first step began.
    pub from: String,
    /// How long a step is, in seconds.
    pub step_s: u64,
    /// The targets of the running configuration, by name.
    pub targets: Vec<TargetSeries>,
}

/// What attempts of a target came to, step by step. The last step is not over yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TargetSeries {
    /// Its name.
    pub name: String,
    /// Attempts that it accepted.
    pub accepted: Vec<u64>,
    /// Attempts that failed.
    pub failed: Vec<u64>,
    /// The time that half of the attempts did not exceed, in milliseconds; null without attempts.
    pub p50_ms: Vec<Option<f64>>,
    /// The time that 95 of 100 did not.
    pub p95_ms: Vec<Option<f64>>,
    /// Deliveries that waited or were under way at the end of the step.
    pub pending: Vec<u64>,
}
