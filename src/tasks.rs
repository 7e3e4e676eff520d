//! Every task of the program: spawned here, owned here, ended here.
//!
//! A task that panics or ends before it was told to is reported to [`Tasks::failed`], and `app` ends the process: nothing
//! dies silently.

use std::future::Future;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// The owner of all tasks. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Tasks {}

impl Default for Tasks {
    fn default() -> Self {
        Self::new()
    }
}

impl Tasks {
    /// Owns nothing yet. Must be made inside a tokio runtime.
    pub fn new() -> Self {
        todo!()
    }

    /// Spawns a task that runs until the program stops: its end before that, or its panic, is a failure.
    pub fn service(&self, _name: &'static str, _task: impl Future<Output = ()> + Send + 'static) {
        todo!()
    }

    /// Spawns a task that ends by itself; its panic is logged and not a failure. Its owner sees it end by the returned
    /// handle.
    pub fn piece<T: Send + 'static>(
        &self,
        _name: &'static str,
        _task: impl Future<Output = T> + Send + 'static,
    ) -> tokio::task::JoinHandle<T> {
        todo!()
    }

    /// Cancelled when everything is to stop.
    pub fn stopping(&self) -> CancellationToken {
        todo!()
    }

    /// Resolves with the name of the first service that ended although nobody told it to.
    pub async fn failed(&self) -> &'static str {
        todo!()
    }

    /// Tells everything to stop and waits for it, at most `deadline`. Returns whether all ended; what has not by then is
    /// aborted.
    pub async fn stop(&self, _deadline: Duration) -> bool {
        todo!()
    }
}
