//! Lines and columns of places in a text.

use std::cell::Cell;

/// Where the lines of a text are. It asks little of those who look for many places in their order, however long the lines are.
#[derive(Debug)]
pub(super) struct Lines<'t> {
    text: &'t str,
    ends: Vec<usize>,
    /// The last place that was asked for, and its column from 0.
    last: Cell<(usize, usize)>,
}

impl<'t> Lines<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let ends = text.match_indices('\n').map(|(at, _)| at).collect();
        Self { text, ends, last: Cell::default() }
    }

    /// The line of a place, from 0.
    pub(super) fn of(&self, at: usize) -> usize {
        self.ends.partition_point(|end| *end < at)
    }

    /// Where a line, from 0, begins.
    pub(super) fn start(&self, line: usize) -> usize {
        line.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |end| end + 1)
    }

    /// Line and column, from 1 and in characters; none where no character begins.
    pub(super) fn place(&self, at: usize) -> Option<(usize, usize)> {
        let line = self.of(at);
        let (start, (before, column)) = (self.start(line), self.last.get());
        let (from, column) =
            if (start..=at).contains(&before) { (before, column) } else { (start, 0) };
        let column = column + self.text.get(from..at)?.chars().count();
        self.last.set((at, column));
        Some((line + 1, column + 1))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn places_are_found_in_any_order(text in "[aé\n😀]{0,40}", asked in proptest::collection::vec(0..100_usize, 1..20)) {
            let lines = Lines::new(&text);
            for at in asked {
                let expected = text.get(..at).map(|before| {
                    let column = before.rsplit('\n').next().unwrap_or_default().chars().count();
                    (before.matches('\n').count() + 1, column + 1)
                });
                prop_assert_eq!(lines.place(at), expected, "{} of {:?}", at, text);
            }
        }
    }
}
