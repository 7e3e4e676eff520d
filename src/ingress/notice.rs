//! Log lines that a flood of requests must not multiply.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::name::SourceName;

/// One line of a kind for a source in this time.
const EVERY: Duration = Duration::from_secs(10);
/// Most kinds and sources remembered: more than a configuration has, so only a long row of reloads reaches it.
const REMEMBERED: usize = 4096;

/// When what was last said.
#[derive(Debug, Default)]
pub(super) struct Notices {
    said: Mutex<HashMap<(SourceName, &'static str), Said>>,
}

#[derive(Debug)]
struct Said {
    at: Instant,
    /// How often it was not said since.
    unsaid: u64,
}

impl Notices {
    /// Whether this may be said now, and then how often it was not said since the last time.
    pub(super) fn may_say(&self, source: &SourceName, kind: &'static str) -> Option<u64> {
        let now = Instant::now();
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.len() >= REMEMBERED {
            said.retain(|_, last| now.duration_since(last.at) < EVERY);
        }
        let key = (source.clone(), kind);
        let Some(last) = said.get_mut(&key) else {
            if said.len() >= REMEMBERED {
                return None;
            }
            said.insert(key, Said { at: now, unsaid: 0 });
            return Some(0);
        };
        if now.duration_since(last.at) < EVERY {
            last.unsaid += 1;
            return None;
        }
        last.at = now;
        Some(std::mem::take(&mut last.unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_kind_is_said_once_in_a_while_with_what_was_left_out() {
        let notices = Notices::default();
        let (one, other) = (SourceName::new("one").unwrap(), SourceName::new("other").unwrap());
        assert_eq!(notices.may_say(&one, "stale"), Some(0));
        assert_eq!(notices.may_say(&one, "stale"), None);
        assert_eq!(notices.may_say(&one, "stale"), None);
        assert_eq!(notices.may_say(&one, "wrong"), Some(0));
        assert_eq!(notices.may_say(&other, "stale"), Some(0));
        tokio::time::advance(EVERY).await;
        assert_eq!(notices.may_say(&one, "stale"), Some(2));
        assert_eq!(notices.may_say(&one, "stale"), None);
    }
}
