//! Values from outside: `${VAR}`, `${VAR:-default}`, `${VAR:?why}`, `${file:/path}`. The only place that reads the
//! environment.

use std::collections::BTreeMap;
use std::fmt;

/// Where `${VAR}` looks.
pub trait Environment: Send + Sync + fmt::Debug {
    /// The variable's value, if it is set to UTF-8.
    fn variable(&self, name: &str) -> Option<String>;
}

/// The process's own environment.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    #[expect(clippy::disallowed_methods, reason = "the one reading of the environment")]
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }
}

/// Given values: for tests and the demo.
#[derive(Debug, Clone, Default)]
pub struct MapEnvironment(pub BTreeMap<String, String>);

impl Environment for MapEnvironment {
    fn variable(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned()
    }
}
