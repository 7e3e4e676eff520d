//! The books: what was sent, what was answered, and what each target received. Nothing here comes from the program that is
//! tested.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};

/// What stands for a body: two bodies are the same event only if they are the same bytes.
pub type Print = [u8; 32];

/// The fingerprint of a body.
pub fn print(body: &[u8]) -> Print {
    Sha256::digest(body).into()
}

/// What came of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// A 2xx: the event's id, and whether it is called a repeat.
    Stored { id: String, duplicate: bool },
    /// Any other status.
    Refused(u16),
    /// The connection broke before an answer came: nobody knows.
    Cut,
}

/// What is known of one body.
#[derive(Debug, Clone, Default)]
pub struct Sent {
    /// Requests with it.
    pub requests: u64,
    /// Ids under which it was answered 2xx and not as a repeat.
    pub stored: Vec<String>,
    /// Answers that called it a repeat.
    pub duplicates: u64,
    /// Answers other than 2xx.
    pub refused: u64,
    /// Requests without an answer.
    pub cut: u64,
}

/// One request that a target received.
#[derive(Debug, Clone)]
pub struct Receipt {
    /// Its body.
    pub print: Print,
    /// The number in `x-hookswitch-attempt`.
    pub attempt: u32,
    /// The status that the target answered; 0 if it did not answer.
    pub status: u16,
}

/// The sums over all requests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    pub requests: u64,
    pub stored: u64,
    pub duplicates: u64,
    pub refused: u64,
    pub cut: u64,
}

impl Totals {
    /// Requests that were answered 2xx.
    pub fn accepted(&self) -> u64 {
        self.stored + self.duplicates
    }
}

#[derive(Debug, Default)]
pub struct Books {
    pub sent: HashMap<Print, Sent>,
    /// By target and webhook-id.
    pub received: HashMap<(String, String), Vec<Receipt>>,
    pub totals: Totals,
    /// Answers by status, for the notes.
    pub statuses: HashMap<u16, u64>,
}

/// The ledger, shared by senders and receivers.
#[derive(Debug, Clone, Default)]
pub struct Ledger(Arc<Mutex<Books>>);

impl Ledger {
    pub fn books(&self) -> MutexGuard<'_, Books> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request with this body came to this end.
    pub fn answered(&self, body: &[u8], answer: &Answer) {
        let mut guard = self.books();
        let books = &mut *guard;
        let sent = books.sent.entry(print(body)).or_default();
        sent.requests += 1;
        books.totals.requests += 1;
        match answer {
            Answer::Stored { duplicate: true, .. } => {
                sent.duplicates += 1;
                books.totals.duplicates += 1;
            }
            Answer::Stored { id, duplicate: false } => {
                sent.stored.push(id.clone());
                books.totals.stored += 1;
            }
            Answer::Refused(status) => {
                sent.refused += 1;
                books.totals.refused += 1;
                *books.statuses.entry(*status).or_default() += 1;
            }
            Answer::Cut => {
                sent.cut += 1;
                books.totals.cut += 1;
            }
        }
    }

    /// A target received this.
    pub fn received(&self, target: &str, id: &str, receipt: Receipt) {
        let key = (target.to_owned(), id.to_owned());
        self.books().received.entry(key).or_default().push(receipt);
    }

    pub fn totals(&self) -> Totals {
        self.books().totals.clone()
    }
}
