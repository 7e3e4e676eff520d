//! Ingress: receives, checks, reads, plans, stores, and only then answers.
//!
//! The way of a request: its head is judged before its body is read (`handler`), the body is read whole within a size, a
//! time and a budget of memory shared by all (`body`), and the rest runs in a task of its own (`intake`), so that a client
//! that hangs up cancels nothing. Every answer is made in `answer`, and the one that says *stored* takes the store's
//! [`Receipt`](crate::store::Receipt).
//!
//! The sender learns what it did wrong; the log learns it too, once per kind and ten seconds, so that a flood of bad
//! requests is a counter and not a flood of lines.
//!
//! It leaves out TLS and HTTP/2, which belong to whatever stands in front.

mod answer;
mod body;
mod budget;
mod connection;
mod crowd;
mod handler;
mod identity;
mod intake;
mod notice;
mod serve;
mod socket;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::clock::Clock;
use crate::config::Published;
use crate::dispatch::Dispatch;
use crate::store::{Health, Store};
use crate::tasks::Tasks;
use crate::telemetry::Metrics;

pub use serve::Ingress;

/// What ingress works with.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Where events go.
    pub store: Arc<dyn Store>,
    /// Who delivers them.
    pub dispatch: Dispatch,
    /// The running snapshot.
    pub published: Published,
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Who owns connections.
    pub tasks: Tasks,
    /// Whether we are ready.
    pub readiness: Readiness,
    /// How long clients may take.
    pub limits: Limits,
}

/// The bounds of a connection that are not in the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// For the headers of a request, from the opening of the connection or the request's first byte.
    pub head: Duration,
    /// For its body, from the end of its headers. This is all that slow senders are held to: a least rate would only tell them
    /// apart sooner within these seconds, while a large body over a bad line would lose what it still gets. What a slow body
    /// holds is one connection, and memory for the bytes that did arrive.
    pub body: Duration,
    /// How long a connection may rest between requests. Longer than what proxies and load balancers keep one for (most 60 s),
    /// because a request that they send just as we close is lost to them.
    pub idle: Duration,
    /// How long what a client still sends is read and thrown away after an answer that did not wait for it: closing at
    /// once would take the answer away from it.
    pub linger: Duration,
    /// Most bytes of a request's headers, its first line included. At least 8 KiB.
    pub head_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(5),
            body: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            linger: Duration::from_secs(1),
            head_bytes: 32 << 10,
        }
    }
}

/// Whether the program is ready for traffic: shared by both listeners. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// We were told to stop: unready from now on.
    pub fn drain(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether we were told to stop.
    pub fn draining(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
    /// Why no events are accepted; nothing if they are. A dead target is no reason.
    pub fn missing(&self, store: &dyn Store) -> Vec<&'static str> {
        let store = match store.health() {
            Health::Writable => None,
            Health::Full => Some("the store is full"),
            Health::Poisoned => Some("the store failed"),
        };
        self.draining().then_some("shutting down").into_iter().chain(store).collect()
    }
}
