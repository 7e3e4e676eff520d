//! What the last loads came to, in memory: for whoever wonders why a change is not there, or since when.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::clock::Timestamp;
use crate::config::{Problem, Problems};
use crate::name::Revision;

use super::{ReloadError, Reloaded};

/// Most loads that are remembered.
const HISTORY_MAX: usize = 100;
/// Most problems of one load that are.
const PROBLEMS_MAX: usize = 20;
/// Most characters of a text that are.
const TEXT_MAX: usize = 500;

/// Who wanted a load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskedBy {
    /// The program began.
    Start,
    /// Somebody, by the API or a signal.
    Person,
    /// The files changed.
    Files,
}

impl AskedBy {
    /// Its name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Person => "person",
            Self::Files => "files",
        }
    }
}

/// What a load came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Came {
    /// Another revision runs since then.
    Published(Revision),
    /// Everything stayed as it was.
    Unchanged(Revision),
    /// The file is broken.
    Refused {
        /// The first problems, each with its line and column.
        problems: Vec<(Problem, Option<(usize, usize)>)>,
        /// So many more.
        more: usize,
    },
    /// The revision could not be stored.
    Failed(String),
}

/// One load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// When it ended.
    pub at: Timestamp,
    /// Who wanted it.
    pub asked: AskedBy,
    /// What it came to.
    pub came: Came,
}

/// The last loads. Each is at most some tens of kilobytes, and there are at most [`HISTORY_MAX`].
#[derive(Debug)]
pub(super) struct History(Mutex<VecDeque<Told>>);

impl Came {
    pub(super) fn of(loaded: &Result<Reloaded, ReloadError>) -> Self {
        match loaded {
            Ok(Reloaded::Published(revision)) => Self::Published(*revision),
            Ok(Reloaded::Unchanged(revision)) => Self::Unchanged(*revision),
            Err(ReloadError::Refused(problems)) => Self::refused(problems),
            Err(ReloadError::Store(cause)) => Self::Failed(shortened(&cause.to_string())),
        }
    }

    fn refused(problems: &Problems) -> Self {
        let places = problems.places();
        let first = problems.worst_first().take(PROBLEMS_MAX).map(|problem| {
            let short = Problem {
                path: shortened(&problem.path),
                text: shortened(&problem.text),
                hint: problem.hint.as_deref().map(shortened),
                ..problem.clone()
            };
            (short, places.of(problem))
        });
        let more = problems.list.len().saturating_sub(PROBLEMS_MAX);
        Self::Refused { problems: first.collect(), more }
    }
}

impl History {
    /// Begins with the load that the program began with.
    pub(super) fn new(began: Timestamp, revision: Revision) -> Self {
        let start = Told { at: began, asked: AskedBy::Start, came: Came::Published(revision) };
        Self(Mutex::new(VecDeque::from([start])))
    }

    fn loads(&self) -> MutexGuard<'_, VecDeque<Told>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a load. One that changed nothing takes the place of one before that changed nothing either: whoever reloads every
    /// minute must not push out what happened.
    pub(super) fn add(&self, at: Timestamp, asked: AskedBy, came: Came) {
        let mut loads = self.loads();
        let told = Told { at, asked, came };
        match loads.back_mut() {
            Some(last)
                if matches!(last.came, Came::Unchanged(_))
                    && last.asked == asked
                    && last.came == told.came =>
            {
                *last = told;
            }
            _ => loads.push_back(told),
        }
        if loads.len() > HISTORY_MAX {
            loads.pop_front();
        }
    }

    /// The newest first.
    pub(super) fn told(&self) -> Vec<Told> {
        self.loads().iter().rev().cloned().collect()
    }
}

fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(TEXT_MAX).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use crate::config::{Code, Level};
    use crate::name::ContentHash;

    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn revision(number: u64) -> Revision {
        Revision { number, hash: ContentHash([0; 32]) }
    }

    #[test]
    fn the_newest_are_kept_and_what_changed_nothing_takes_one_place() {
        let history = History::new(at(0), revision(1));
        for minute in 1..=1_000 {
            history.add(at(minute), AskedBy::Person, Came::Unchanged(revision(1)));
        }
        history.add(at(1_001), AskedBy::Files, Came::Unchanged(revision(1)));
        let told: Vec<_> = history.told().iter().map(|told| (told.at, told.asked)).collect();
        let expected =
            [(at(1_001), AskedBy::Files), (at(1_000), AskedBy::Person), (at(0), AskedBy::Start)];
        assert_eq!(told, expected);

        for number in 2..=500 {
            history.add(at(2_000), AskedBy::Files, Came::Published(revision(number)));
        }
        let told = history.told();
        assert_eq!(told.len(), HISTORY_MAX);
        assert_eq!(told[0].came, Came::Published(revision(500)));
    }

    #[test]
    fn of_a_load_with_many_long_problems_the_first_are_kept_short() {
        let problem = Problem {
            code: Code::MoreProblems,
            level: Level::Error,
            path: "é".repeat(1 << 20),
            span: None,
            text: "é".repeat(1 << 20),
            hint: Some("é".repeat(1 << 20)),
        };
        let problems = Problems { list: vec![problem; 50], ..Problems::default() };
        let Came::Refused { problems, more } = Came::of(&Err(ReloadError::Refused(problems)))
        else {
            panic!("it is refused")
        };
        assert_eq!((problems.len(), more), (PROBLEMS_MAX, 30));
        for (problem, _) in problems {
            assert!(problem.path.len() + problem.text.len() < 4 * TEXT_MAX + 10);
            assert!(problem.hint.is_some_and(|hint| hint.ends_with('…')));
        }
    }
}
