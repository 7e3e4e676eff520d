//! Why the program does not run, or does not go on.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use crate::config::Problems;
use crate::store::StoreError;
use crate::store::sqlite::OpenError;

/// Why it does not run. Each has its exit code.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// 78: the configuration is refused.
    #[error("the configuration has problems")]
    Config(#[source] Box<Problems>),
    /// 73 or 74: the data folder cannot be used.
    #[error(transparent)]
    DataFolder(#[from] OpenError),
    /// 74: the store failed while running.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// 69: an address cannot be listened on.
    #[error("cannot listen on {address} for {purpose}")]
    Listen {
        /// The address as it was configured.
        address: SocketAddr,
        /// What was to be served there.
        purpose: Purpose,
        /// Why not.
        source: io::Error,
    },
    /// 70: a task of ours ended or panicked.
    #[error("internal: {0} ended unexpectedly")]
    Task(&'static str),
}

impl From<Problems> for AppError {
    fn from(problems: Problems) -> Self {
        Self::Config(Box::new(problems))
    }
}

/// What an address is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// `listen`: webhooks.
    Webhooks,
    /// `admin`: the API.
    Admin,
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Webhooks => "webhooks",
            Self::Admin => "the admin API",
        })
    }
}

impl Purpose {
    /// The option of `run` that chooses another address.
    pub fn option(self) -> &'static str {
        match self {
            Self::Webhooks => "--listen",
            Self::Admin => "--admin-listen",
        }
    }

    /// The key of the configuration that does.
    pub fn key(self) -> &'static str {
        match self {
            Self::Webhooks => "listen",
            Self::Admin => "admin",
        }
    }
}
