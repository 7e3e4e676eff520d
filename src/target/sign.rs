//! Signing what goes out.

use crate::secret::Secret;
use crate::signature::standard::StandardKey;

/// How a target's requests are signed.
#[derive(Debug, Clone)]
pub enum Sign {
    /// Like Retell, with a fresh timestamp at every attempt.
    Retell(Secret),
    /// Standard Webhooks.
    Standard(StandardKey),
}
