//! How much may be spent on a proof, and why one was not found.

use std::cell::Cell;
use std::fmt;

/// What is left to spend: in all, and on the question at hand. One unit is about one comparison.
#[derive(Debug)]
pub(super) struct Work {
    total: Cell<u64>,
    question: Cell<u64>,
}

/// Why something is neither proven nor refuted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Gap {
    /// What a regular expression matches is not looked into.
    Regex,
    /// A glob is too long, or has classes beside tests that do and tests that do not ignore case.
    Glob,
    /// Which characters are equal without case could not be listed.
    Case,
    /// Each part can hold, but no event was found for the whole.
    Together,
    /// There are more ways than were looked at.
    Size,
}

/// What came of looking for something.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Verdict<T> {
    /// This is one.
    Yes(T),
    /// There is none, and that is certain.
    No,
    /// None was found, and there may be one.
    Unknown(Gap),
}

/// Several ways to one thing: the first that leads there counts, and it is out of reach only if all of them end.
#[derive(Debug, Default)]
pub(super) struct Ways {
    gap: Option<Gap>,
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Regex => "what a regular expression matches is not looked into",
            Self::Glob => "its globs are too long, or too many to be looked at together",
            Self::Case => "texts are compared both with and without case",
            Self::Together => "no example was found that holds as a whole",
            Self::Size => "there are more ways than are looked at",
        })
    }
}

impl Work {
    /// `total` in all.
    pub(super) fn new(total: u64) -> Self {
        Self { total: Cell::new(total), question: Cell::new(0) }
    }

    /// Has `total` to spend again.
    pub(super) fn refill(&self, total: u64) {
        self.total.set(total);
    }

    /// Begins a question that may take `most`.
    pub(super) fn begin(&self, most: u64) {
        self.question.set(most.min(self.total.get()));
    }

    /// Spends `units`; an error if there is not so much left.
    pub(super) fn spend(&self, units: usize) -> Result<(), Gap> {
        let units = u64::try_from(units).unwrap_or(u64::MAX);
        let left = self.question.get().checked_sub(units);
        self.question.set(left.unwrap_or(0));
        self.total.set(self.total.get().saturating_sub(units));
        left.map(drop).ok_or(Gap::Size)
    }

    /// Whether nothing is left for this question, so that asking on leads nowhere.
    pub(super) fn is_spent(&self) -> bool {
        self.question.get() == 0
    }

    /// Whether nothing is left for any question.
    pub(super) fn is_over(&self) -> bool {
        self.total.get() == 0
    }
}

impl Ways {
    /// Takes what came of one way: `Some` if it led there.
    pub(super) fn took<T>(&mut self, verdict: Verdict<T>) -> Option<T> {
        match verdict {
            Verdict::Yes(found) => return Some(found),
            Verdict::No => {}
            Verdict::Unknown(gap) => self.leave(gap),
        }
        None
    }

    /// One way was left without its end.
    pub(super) fn leave(&mut self, gap: Gap) {
        self.gap.get_or_insert(gap);
    }

    /// There is no way left.
    pub(super) fn end<T>(self) -> Verdict<T> {
        self.gap.map_or(Verdict::No, Verdict::Unknown)
    }
}
