//! The two ends of an operation that is answered after a commit, and the proof of one.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use super::StoreError;

/// Proof that an event is on stable storage, by this process or before. Only a store makes one; it is the argument of the
/// 2xx answer.
#[derive(Debug)]
#[must_use]
pub struct Receipt {
    _private: (),
}

impl Receipt {
    /// For stores alone, after the sync.
    pub(in crate::store) fn new() -> Self {
        Self { _private: () }
    }
}

/// An operation under way. It goes on if this is dropped.
#[derive(Debug)]
#[must_use = "an operation that nobody waits for is done all the same, but its failure goes unseen"]
pub struct Pending<T>(oneshot::Receiver<Result<T, StoreError>>);

/// The end that answers.
#[derive(Debug)]
pub struct Promise<T>(oneshot::Sender<Result<T, StoreError>>);

impl<T> Promise<T> {
    /// Answers; nobody may be waiting any more, which is fine.
    pub fn answer(self, result: Result<T, StoreError>) {
        drop(self.0.send(result));
    }
}

impl<T> Pending<T> {
    /// Both ends.
    pub fn new() -> (Promise<T>, Self) {
        let (sender, receiver) = oneshot::channel();
        (Promise(sender), Self(receiver))
    }

    /// One that is answered already.
    pub fn ready(result: Result<T, StoreError>) -> Self {
        let (promise, pending) = Self::new();
        promise.answer(result);
        pending
    }
}

impl<T> Future for Pending<T> {
    type Output = Result<T, StoreError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // The writer only lets go of a promise unanswered when its thread is gone.
        Pin::new(&mut self.0).poll(cx).map(|answer| answer.unwrap_or(Err(StoreError::Closed)))
    }
}
