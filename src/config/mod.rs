//! `rules.yaml`: read once, checked whole, lowered into a [`Snapshot`] that already proves what the program relies on.
//!
//! The way down: text → events with positions (`position`) → `document` (serde types) → `lower` → [`Snapshot`]. Every
//! problem on the way is a [`Problem`] with its place in the file; all are reported, not the first.

mod document;
mod env;
mod inputs;
mod lower;
mod position;
mod problem;
mod published;
mod schema;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::name::{Revision, SourceName, TargetName};
use crate::rule::RuleSet;
use crate::secret::Secret;
use crate::signature::Check;
use crate::target::Target;

pub use env::{Environment, MapEnvironment, ProcessEnvironment};
pub use inputs::Inputs;
pub use problem::{Level, Problem, Problems, Style};
pub use published::Published;
pub use schema::schema;

/// Largest configuration file.
pub const FILE_MAX: usize = 4 << 20;

/// One complete, validated version of the configuration. A request, and an attempt, sees exactly one.
#[derive(Debug)]
pub struct Snapshot {
    /// Its name; number 0 until it is published.
    pub revision: Revision,
    /// The text it was made from, before anything was put in for `${…}`.
    pub text: Arc<str>,
    /// Everything that is not a source, target or rule.
    pub settings: Settings,
    /// Sources in file order.
    pub sources: Vec<Source>,
    /// Targets by name.
    pub targets: BTreeMap<TargetName, Arc<Target>>,
    /// The rules.
    pub rules: RuleSet,
    /// What is legal but unwise.
    pub warnings: Problems,
    /// What it was made from, so that a reload can tell whether anything changed.
    pub inputs: Inputs,
}

/// Everything of the configuration that is not a source, target or rule.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where webhooks arrive.
    pub listen: SocketAddr,
    /// Where the API answers.
    pub admin: SocketAddr,
    /// The API's token; demanded off loopback.
    pub admin_token: Option<Secret>,
    /// Host names under which the API may be asked, beside loopback's.
    pub admin_hosts: Vec<String>,
    /// The data folder, absolute or relative to the working directory.
    pub data_dir: PathBuf,
    /// Most bytes on disk.
    pub max_size: u64,
    /// How long delivered history is kept.
    pub retention: Duration,
    /// Most connections to the listener at once.
    pub connections: usize,
    /// Most bytes of request bodies in memory at once.
    pub body_memory: usize,
    /// How long a shutdown may take.
    pub shutdown_timeout: Duration,
    /// How long we accept after we are told to stop.
    pub drain_delay: Duration,
}

/// A path on the listener with its own check.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its name.
    pub name: SourceName,
    /// Its path, exact.
    pub path: String,
    /// How requests are checked.
    pub check: Check,
    /// How repeats are told.
    pub dedupe: Dedupe,
    /// Largest body in bytes.
    pub max_body: usize,
}

/// How repeats are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dedupe {
    /// They are not.
    Off,
    /// By the ids of life-cycle events, by the body of all others, within the window.
    ById(Duration),
    /// By the body, within the window.
    ByBody(Duration),
}

/// Settings from the command line that stand above the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `--listen`.
    pub listen: Option<SocketAddr>,
    /// `--admin-listen`.
    pub admin: Option<SocketAddr>,
    /// `--data-dir` or `HOOKSWITCH_DATA_DIR`.
    pub data_dir: Option<PathBuf>,
}

/// Loads the file at `path`. On success the snapshot carries the warnings; its revision has number 0.
pub fn load(
    _path: &std::path::Path,
    _environment: &dyn Environment,
    _overrides: &Overrides,
) -> Result<Snapshot, Problems> {
    todo!()
}

/// Loads `text` as if it were the file at `origin` (which need not exist): relative paths are relative to its folder.
pub fn load_text(
    _text: &str,
    _origin: &std::path::Path,
    _environment: &dyn Environment,
    _overrides: &Overrides,
) -> Result<Snapshot, Problems> {
    todo!()
}
