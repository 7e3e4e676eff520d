//! What only a store on disk can show: restarts, damage, bounds, owners.

mod bounds;
mod damage;
mod migration;
mod model;
mod owner;
mod reading;
mod searching;

use std::path::PathBuf;
use std::sync::Arc;

use tempfile::TempDir;

use super::*;
use crate::clock::Manual;
use crate::store::conformance::{self, Subject};
use crate::store::memory::Memory;

/// A store in a folder of its own.
struct OnDisk {
    folder: TempDir,
    clock: Arc<Manual>,
    bounds: Bounds,
    tuning: Tuning,
}

impl Default for OnDisk {
    fn default() -> Self {
        Self {
            folder: TempDir::new().unwrap(),
            clock: Arc::new(Manual::new(conformance::at(0))),
            bounds: Bounds { max_size: 10 << 30, retention: Duration::from_hours(7 * 24) },
            tuning: Tuning::default(),
        }
    }
}

impl OnDisk {
    fn path(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn database(&self) -> PathBuf {
        self.path().join("hookswitch.db")
    }

    fn options(&self, folder: PathBuf) -> Options {
        Options {
            folder,
            bounds: self.bounds,
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            metrics: Arc::new(Metrics::new()),
        }
    }

    fn try_open(&self) -> Result<Sqlite, OpenError> {
        Sqlite::open_tuned(self.options(self.path()), self.tuning)
    }

    fn sqlite(&self) -> Sqlite {
        self.try_open().unwrap()
    }

    /// A connection of a stranger's, while the store is not open.
    fn raw(&self) -> rusqlite::Connection {
        connect(&self.database(), Role::Writer).unwrap()
    }
}

impl Subject for OnDisk {
    fn open(&mut self) -> Arc<dyn Store> {
        Arc::new(self.sqlite())
    }

    fn damage(&mut self, event: EventId) {
        let query = "UPDATE bodies SET body = CAST(replace(CAST(body AS TEXT), 'call', 'cell') AS BLOB) \
                     WHERE seq = (SELECT seq FROM events WHERE id = ?1)";
        assert_eq!(self.raw().execute(query, [event.as_bytes()]), Ok(1));
    }
}

crate::store_conformance!(OnDisk::default());

#[derive(Default)]
struct InMemory(Memory);

impl Subject for InMemory {
    fn open(&mut self) -> Arc<dyn Store> {
        Arc::new(self.0.reopened())
    }

    fn damage(&mut self, event: EventId) {
        self.0.damage(event);
    }
}

#[tokio::test]
async fn it_agrees_with_the_store_in_memory() {
    for seed in 1..=3 {
        let (mut memory, mut disk) = (InMemory::default(), OnDisk::default());
        conformance::two_stores_agree(&mut memory, &mut disk, (seed, 300)).await;
    }
}

/// Looks again and again until it is so; gives up after half a minute. The store's threads run on real time.
async fn eventually<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    let deadline = now() + Duration::from_secs(30);
    while !is_so().await {
        assert!(now() < deadline, "not within half a minute: {what}");
        tokio::task::yield_now().await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
