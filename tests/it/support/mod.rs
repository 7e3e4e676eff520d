//! What the integration tests share: a client that writes raw bytes, a target that follows a script, a store that holds its
//! answers back, and the parts of the program put together around them.

mod courier;
mod gate;
pub(crate) mod receiver;
mod rig;
mod wire;

use std::future::Future;
use std::time::Duration;

pub(crate) use courier::Script;
pub(crate) use gate::Gate;
pub(crate) use rig::{Rig, SOURCES, Setup, snapshot};
pub(crate) use wire::{Answer, Wire, post};

/// How long anything may take before a test gives up on it. Long, because test machines are slow; a test that passes never
/// waits for it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until `check` gives something, and returns that.
pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut check: impl FnMut() -> F,
) -> T {
    let waiting = async {
        loop {
            if let Some(found) = check().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let found = tokio::time::timeout(PATIENCE, waiting).await;
    found.unwrap_or_else(|_| panic!("it did not come about in {PATIENCE:?}: {what}"))
}

/// The bytes of a fixture of `tests/fixtures/retell`.
pub(crate) fn fixture(name: &str) -> Vec<u8> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/retell");
    std::fs::read(path.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}
