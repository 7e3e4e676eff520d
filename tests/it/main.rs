//! The integration tests: one binary, everything in this process, real sockets on ports that the system chooses.
//!
//! `support` has what they share. No test sleeps and hopes: each waits for something, with a deadline.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what the tests share is a test, too: it fails by panicking"
)]

mod admin;
mod app;
mod explain;
mod ingress;
mod lint;
mod openapi;
mod page;
mod preview;
mod regression;
mod reload;
mod revisions;
mod rules;
mod status;
mod stream;
mod support;
mod timing;
