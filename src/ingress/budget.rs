//! The memory that all request bodies share: `limits.body_memory`. It is taken before the memory itself, and refused at
//! once rather than waited for, because a sender that is told 503 tries again and one that waits gives up.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What is taken, by everybody. Its limit may change with a reload, so it comes with each call.
#[derive(Debug, Default)]
pub(super) struct Budget {
    taken: AtomicUsize,
}

/// A part of the budget, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Share {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Budget {
    /// A share of nothing, to be grown.
    pub(super) fn share(self: &Arc<Self>) -> Share {
        Share { budget: Arc::clone(self), bytes: 0 }
    }
}

impl Share {
    /// Makes this share at least `bytes` large, if all shares together then stay within `limit`.
    pub(super) fn grow_to(&mut self, bytes: usize, limit: usize) -> bool {
        let more = bytes.saturating_sub(self.bytes);
        if more == 0 {
            return true;
        }
        let fits = |taken: usize| taken.checked_add(more).filter(|&sum| sum <= limit);
        let grown =
            self.budget.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok();
        if grown {
            self.bytes += more;
        }
        grown
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.taken.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_together_stay_within_the_limit_and_are_given_back() {
        let budget = Arc::new(Budget::default());
        let mut first = budget.share();
        let mut second = budget.share();
        assert!(first.grow_to(60, 100));
        assert!(!second.grow_to(41, 100));
        assert!(second.grow_to(40, 100));
        assert!(first.grow_to(10, 100), "a share never shrinks, and what it has is enough");
        assert!(!first.grow_to(61, 100));
        drop(first);
        assert!(second.grow_to(100, 100));
        drop(second);
        assert_eq!(budget.taken.load(Ordering::Relaxed), 0);
        assert!(!budget.share().grow_to(usize::MAX, 100));
    }
}
