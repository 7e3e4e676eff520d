//! Sets of numbers, exactly as they compare.
//!
//! A number is an integer within 64 bits or a double, and the two are equal in ways that are no equivalence: two large
//! integers may be equal to one double and not to each other. So integers and doubles are two lines, each in order, and
//! every comparison with a constant cuts a range out of each.

use std::cmp::Ordering;

use crate::event::Number;

const INT_MIN: i128 = i64::MIN as i128;
const INT_MAX: i128 = u64::MAX as i128;

/// A set of numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Numbers {
    ints: Ranges,
    /// By [`key`], which keeps their order.
    floats: Ranges,
}

/// Ranges that do not touch, in order, both ends included.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Ranges(Vec<(i128, i128)>);

impl Numbers {
    /// No number.
    pub(super) fn none() -> Self {
        Self { ints: Ranges::default(), floats: Ranges::default() }
    }

    /// Every number that stands to `constant` as `holds` wants.
    pub(super) fn compared(constant: Number, holds: impl Fn(Ordering) -> bool) -> Self {
        let (first, last) = match constant {
            Number::Int(int) => (int, int),
            Number::Float(float) => {
                let reaches = |int: i128| Number::Int(int).as_f64() >= float;
                let passes = |int: i128| Number::Int(int).as_f64() > float;
                (first_int(reaches), first_int(passes) - 1)
            }
        };
        let point = key(constant.as_f64());
        let end = key(f64::INFINITY);
        let cut = |low, first, last, high| {
            let parts = [
                (holds(Ordering::Less), (low, first - 1)),
                (holds(Ordering::Equal), (first, last)),
                (holds(Ordering::Greater), (last + 1, high)),
            ];
            let kept = parts.into_iter().filter(|(holds, _)| *holds).map(|(_, range)| range);
            Ranges::new(kept.collect())
        };
        Self { ints: cut(INT_MIN, first, last, INT_MAX), floats: cut(-end, point, point, end) }
    }

    /// Every other number.
    pub(super) fn complement(&self) -> Self {
        let end = key(f64::INFINITY);
        Self {
            ints: self.ints.complement(INT_MIN, INT_MAX),
            floats: self.floats.complement(-end, end),
        }
    }

    /// What is in both.
    pub(super) fn and(&self, other: &Self) -> Self {
        Self { ints: self.ints.and(&other.ints), floats: self.floats.and(&other.floats) }
    }

    /// What is in either.
    pub(super) fn or(&self, other: &Self) -> Self {
        let or = |left: &Ranges, right: &Ranges| {
            Ranges::new(left.0.iter().chain(&right.0).copied().collect())
        };
        Self { ints: or(&self.ints, &other.ints), floats: or(&self.floats, &other.floats) }
    }

    /// A number of the set as JSON writes it: a plain one if there is one.
    pub(super) fn pick(&self) -> Option<String> {
        let nearest = |ranges: &Ranges| {
            let near = ranges.0.iter().map(|(low, high)| 0.clamp(*low, *high));
            near.min_by_key(|number| (number.abs(), *number < 0))
        };
        if let Some(int) = nearest(&self.ints) {
            return Some(int.to_string());
        }
        let near = nearest(&self.floats)?;
        let (low, high) =
            self.floats.0.iter().find(|(low, high)| (*low..=*high).contains(&near))?;
        Some(short(*low, *high).unwrap_or_else(|| written(value(near))))
    }
}

/// The double of a key.
fn value(key: i128) -> f64 {
    let bits = u64::try_from(key.abs()).unwrap_or_default();
    if key < 0 { -f64::from_bits(bits) } else { f64::from_bits(bits) }
}

/// A whole number that orders doubles as they are; both zeros have the same.
fn key(float: f64) -> i128 {
    let size = i128::from(float.abs().to_bits());
    if float < 0.0 { -size } else { size }
}

/// The first integer for which `holds`, which holds for all after it, too; the one after the last if it does for none.
fn first_int(holds: impl Fn(i128) -> bool) -> i128 {
    let (mut low, mut high) = (INT_MIN, INT_MAX + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle) { high = middle } else { low = middle + 1 }
    }
    low
}

/// A double between two keys with few digits.
fn short(low: i128, high: i128) -> Option<String> {
    let middle =
        Some(f64::midpoint(value(low), value(high))).filter(|middle| middle.is_finite())?;
    (1..17).map(|digits| format!("{middle:.digits$}")).find(|text| {
        text.len() < 20 && text.parse().is_ok_and(|float: f64| (low..=high).contains(&key(float)))
    })
}

fn written(float: f64) -> String {
    if float.is_infinite() {
        return if float > 0.0 { "1e400" } else { "-1e400" }.to_owned();
    }
    format!("{float:?}")
}

impl Ranges {
    /// Empty ones are left out, those that touch become one.
    fn new(mut ranges: Vec<(i128, i128)>) -> Self {
        ranges.retain(|(low, high)| low <= high);
        ranges.sort_unstable();
        let mut kept: Vec<(i128, i128)> = Vec::with_capacity(ranges.len());
        for (low, high) in ranges {
            match kept.last_mut() {
                Some(last) if low <= last.1 + 1 => last.1 = last.1.max(high),
                _ => kept.push((low, high)),
            }
        }
        Self(kept)
    }

    fn complement(&self, low: i128, high: i128) -> Self {
        let mut from = low;
        let mut gaps = Vec::with_capacity(self.0.len() + 1);
        for (first, last) in &self.0 {
            gaps.push((from, first - 1));
            from = last + 1;
        }
        gaps.push((from, high));
        Self::new(gaps)
    }

    fn and(&self, other: &Self) -> Self {
        let (mut left, mut right) = (self.0.iter().peekable(), other.0.iter().peekable());
        let mut both = Vec::new();
        while let (Some(one), Some(two)) = (left.peek(), right.peek()) {
            both.push((one.0.max(two.0), one.1.min(two.1)));
            if one.1 < two.1 {
                left.next()
            } else {
                right.next()
            };
        }
        Self::new(both)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number(literal: &str) -> Number {
        Number::of_literal(literal)
    }

    fn holds_by_key(set: &Numbers, number: Number) -> bool {
        let within = |ranges: &Ranges, point: i128| {
            ranges.0.iter().any(|(low, high)| (*low..=*high).contains(&point))
        };
        match number {
            Number::Int(int) => within(&set.ints, int),
            Number::Float(float) => within(&set.floats, key(float)),
        }
    }

    const EDGES: [&str; 17] = [
        "0",
        "-0.0",
        "1",
        "1.5",
        "-1",
        "2",
        "30000",
        "0.1",
        "9007199254740992",
        "9007199254740993",
        "9007199254740993.0",
        "9223372036854775807",
        "18446744073709551615",
        "18446744073709551616",
        "-9223372036854775808",
        "1e400",
        "-1e400",
    ];

    #[test]
    fn a_comparison_is_what_the_matcher_compares() {
        let relations: [fn(Ordering) -> bool; 5] =
            [Ordering::is_eq, Ordering::is_lt, Ordering::is_le, Ordering::is_gt, Ordering::is_ge];
        for constant in EDGES.map(number) {
            for relation in relations {
                let set = Numbers::compared(constant, relation);
                for value in EDGES.map(number) {
                    let expected = value.partial_cmp(&constant).is_some_and(relation);
                    assert_eq!(holds_by_key(&set, value), expected, "{value:?} to {constant:?}");
                    assert_eq!(holds_by_key(&set.complement(), value), !expected);
                }
            }
        }
    }

    #[test]
    fn picks_the_plainest() {
        let between = |low, high| {
            let above = Numbers::compared(number(low), Ordering::is_gt);
            above.and(&Numbers::compared(number(high), Ordering::is_lt)).pick()
        };
        assert_eq!(between("-5", "7").as_deref(), Some("0"));
        assert_eq!(between("30000", "60000").as_deref(), Some("30001"));
        assert_eq!(between("1", "2").as_deref(), Some("1.5"));
        assert_eq!(between("0.1", "0.2").as_deref(), Some("0.15"));
        assert_eq!(between("2", "1"), None);
        assert!(between("18446744073709551615", "1e400").is_some());
        let top = Numbers::compared(number("1e400"), Ordering::is_eq);
        assert_eq!(top.pick().as_deref(), Some("1e400"));
    }

    proptest! {
        #[test]
        fn what_is_picked_is_in_the_set(
            cuts in prop::collection::vec((prop::sample::select(&EDGES[..]), 0..5_usize, any::<bool>()), 1..5),
        ) {
            let relations: [fn(Ordering) -> bool; 5] = [
                Ordering::is_eq, Ordering::is_lt, Ordering::is_le, Ordering::is_gt, Ordering::is_ge,
            ];
            let mut set = Numbers::none().complement();
            for (constant, relation, positive) in &cuts {
                let one = Numbers::compared(number(constant), relations[*relation]);
                set = set.and(&if *positive { one } else { one.complement() });
            }
            if let Some(picked) = set.pick() {
                for (constant, relation, positive) in cuts {
                    let order = number(&picked).partial_cmp(&number(constant));
                    prop_assert_eq!(order.is_some_and(relations[relation]), positive, "{}", picked);
                }
            }
        }
    }
}
