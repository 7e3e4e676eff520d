//! A test on the values that a field yields.

use std::cmp::Ordering;
use std::sync::Arc;

use regex::{Regex, RegexBuilder};
use serde_json::Number;

use super::glob::Glob;
use super::words;
use crate::event::{self, Text, Value, Values, Wants, fold};

/// Most bytes that one compiled regular expression, or its lazily built automaton, may take.
pub const REGEX_MAX: usize = 1 << 20;

/// A scalar that a rule compares with.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A text.
    Text(String),
}

/// One operator as it is written.
#[derive(Debug, Clone, PartialEq)]
pub enum Operator {
    /// Equal.
    Is(Literal),
    /// There is a value and none is equal.
    Not(Literal),
    /// Equal to one of them; never empty.
    In(Vec<Literal>),
    /// There is a value and none is equal to one of them.
    NotIn(Vec<Literal>),
    /// A text that begins so.
    Prefix(String),
    /// A text that ends so.
    Suffix(String),
    /// A text that matches whole: `*` any run of characters, `?` one, `[a-z]` one of, `[!a-z]` one of all others, `\`
    /// takes the next literally.
    Glob(String),
    /// A text that the expression matches whole.
    Regex(String),
    /// A text with this substring, or an array with an equal element.
    Contains(Literal),
    /// Whether there is a value (`null` is one).
    Exists(bool),
    /// A number above.
    Gt(Number),
    /// A number above or equal.
    Gte(Number),
    /// A number below.
    Lt(Number),
    /// A number below or equal.
    Lte(Number),
}

/// Why a test cannot be compiled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TestError {
    /// The regular expression does not compile, or is too large.
    #[error("{0}")]
    Regex(String),
    /// The glob has an open bracket or a trailing backslash.
    #[error("{0}")]
    Glob(&'static str),
    /// There is no operator, or a list is empty.
    #[error("there is nothing to test")]
    Empty,
    /// `ignore_case` stands beside no string operator.
    #[error("ignore_case has no effect here: no operator beside it compares text")]
    NoText,
    /// `exists: false` stands beside another operator.
    #[error(
        "this can never hold: `exists: false` wants no value, and the operators beside it want one"
    )]
    Never,
}

/// A compiled test: all of its operators must hold for the same value. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Test(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    operators: Vec<Operator>,
    ignore_case: bool,
    /// All of these must hold for one and the same value.
    some: Vec<Check>,
    /// None of these may hold for any value.
    none: Vec<Check>,
    /// Set by `exists: false`: there must be no value.
    absent: bool,
}

/// What must be true of the values for a test to hold, for proofs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parts<'t> {
    /// All of these must hold for one and the same value.
    pub(super) some: &'t [Check],
    /// None of these may hold for any value.
    pub(super) none: &'t [Check],
    /// There must be no value.
    pub(super) absent: bool,
    /// Whether texts are compared folded.
    pub(super) folded: bool,
}

/// One comparison with one value.
#[derive(Debug)]
pub(super) enum Check {
    OneOf(OneOf),
    Prefix(String),
    Suffix(String),
    Glob(Glob),
    Regex(Regex),
    Contains(Constant),
    Compare(fn(Ordering) -> bool, event::Number),
}

/// A scalar to be equal to; a text is folded if case is ignored.
#[derive(Debug)]
pub(super) enum Constant {
    Null,
    Bool(bool),
    Number(event::Number),
    Text(String),
}

/// Scalars to be equal to one of. Texts are sorted: lists of thousands of agents are usual.
#[derive(Debug)]
pub(super) struct OneOf {
    pub(super) texts: Vec<String>,
    pub(super) others: Vec<Constant>,
}

/// One way in which a value can be equal to a constant, for the index.
#[derive(Debug, Clone, Copy)]
pub(super) enum Equality<'t> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(event::Number),
    /// A text as it came.
    Plain(&'t str),
    /// A text folded.
    Folded(&'t str),
}

impl Test {
    /// Compiles operators that stand in one map.
    pub fn new(operators: Vec<Operator>, ignore_case: bool) -> Result<Self, TestError> {
        if operators.is_empty() {
            return Err(TestError::Empty);
        }
        if ignore_case && !operators.iter().any(Operator::compares_text) {
            return Err(TestError::NoText);
        }
        let mut inner = Inner {
            operators: Vec::new(),
            ignore_case,
            some: Vec::new(),
            none: Vec::new(),
            absent: false,
        };
        let mut present = false;
        for operator in &operators {
            match operator {
                Operator::Exists(true) => present = true,
                Operator::Exists(false) => inner.absent = true,
                Operator::Not(literal) => {
                    inner.none.push(Check::OneOf(OneOf::new(
                        std::slice::from_ref(literal),
                        ignore_case,
                    )?));
                }
                Operator::NotIn(list) => {
                    inner.none.push(Check::OneOf(OneOf::new(list, ignore_case)?));
                }
                other => inner.some.push(Check::new(other, ignore_case)?),
            }
        }
        if inner.absent && (present || !inner.some.is_empty() || !inner.none.is_empty()) {
            return Err(TestError::Never);
        }
        inner.operators = operators;
        Ok(Self(Arc::new(inner)))
    }

    /// Whether the test holds for what a field yields.
    pub(super) fn holds(&self, values: Values<'_>) -> bool {
        let Inner { some, none, absent, ignore_case, .. } = &*self.0;
        if values.is_empty() || *absent {
            return values.is_empty() && *absent;
        }
        let mut found = false;
        for value in values.iter() {
            if none.iter().any(|check| check.holds(value, *ignore_case)) {
                return false;
            }
            found = found || some.iter().all(|check| check.holds(value, *ignore_case));
        }
        found
    }

    /// What this test needs of its field's values.
    pub(super) fn wants(&self) -> Wants {
        let contains = |operator: &Operator| matches!(operator, Operator::Contains(_));
        Wants { elements: self.0.operators.iter().any(contains), folded: self.0.ignore_case }
    }

    /// If the test can only hold for a value that is equal to one of these: all of them.
    pub(super) fn equalities(&self) -> Option<Vec<Equality<'_>>> {
        let lists = self.0.some.iter().filter_map(|check| match check {
            Check::OneOf(list) => Some(list),
            _ => None,
        });
        let shortest = lists.min_by_key(|list| list.texts.len() + list.others.len())?;
        let text =
            |text| if self.0.ignore_case { Equality::Folded(text) } else { Equality::Plain(text) };
        let texts = shortest.texts.iter().map(|own| text(own.as_str()));
        let others = shortest.others.iter().map(|other| match other {
            Constant::Null => Equality::Null,
            Constant::Bool(truth) => Equality::Bool(*truth),
            Constant::Number(number) => Equality::Number(*number),
            Constant::Text(own) => text(own.as_str()),
        });
        Some(texts.chain(others).collect())
    }

    /// Whether the test can only hold if there is a value.
    pub(super) fn wants_a_value(&self) -> bool {
        !self.0.absent
    }

    /// If it can only hold for one of some texts, as they came: these.
    pub(super) fn texts(&self) -> Option<&[String]> {
        let lists = self.0.some.iter().filter_map(|check| match check {
            Check::OneOf(list) if !self.0.ignore_case && list.others.is_empty() => Some(list),
            _ => None,
        });
        lists.map(|list| list.texts.as_slice()).min_by_key(|texts| texts.len())
    }

    /// What it demands.
    pub(super) fn parts(&self) -> Parts<'_> {
        let Inner { some, none, absent, ignore_case, .. } = &*self.0;
        Parts { some, none, absent: *absent, folded: *ignore_case }
    }

    /// What is expected, in words.
    pub(super) fn expected(&self) -> String {
        words::expected(&self.0.operators, self.0.ignore_case)
    }
}

impl Operator {
    fn compares_text(&self) -> bool {
        let text = |literal: &Literal| matches!(literal, Literal::Text(_));
        match self {
            Self::Is(literal) | Self::Not(literal) | Self::Contains(literal) => text(literal),
            Self::In(list) | Self::NotIn(list) => list.iter().any(text),
            Self::Prefix(_) | Self::Suffix(_) | Self::Glob(_) | Self::Regex(_) => true,
            Self::Exists(_) | Self::Gt(_) | Self::Gte(_) | Self::Lt(_) | Self::Lte(_) => false,
        }
    }
}

impl Check {
    /// An operator that must hold for some value.
    fn new(operator: &Operator, ignore_case: bool) -> Result<Self, TestError> {
        let folded = |text: &str| folded_if(text, ignore_case);
        Ok(match operator {
            Operator::Is(literal) | Operator::Not(literal) => {
                Self::OneOf(OneOf::new(std::slice::from_ref(literal), ignore_case)?)
            }
            Operator::In(list) | Operator::NotIn(list) => {
                Self::OneOf(OneOf::new(list, ignore_case)?)
            }
            Operator::Prefix(text) => Self::Prefix(folded(text)),
            Operator::Suffix(text) => Self::Suffix(folded(text)),
            Operator::Glob(pattern) => Self::Glob(Glob::new(pattern, ignore_case)?),
            Operator::Regex(expression) => Self::Regex(whole(expression, ignore_case)?),
            Operator::Contains(literal) => Self::Contains(Constant::new(literal, ignore_case)),
            Operator::Gt(number) => Self::Compare(Ordering::is_gt, number.into()),
            Operator::Gte(number) => Self::Compare(Ordering::is_ge, number.into()),
            Operator::Lt(number) => Self::Compare(Ordering::is_lt, number.into()),
            Operator::Lte(number) => Self::Compare(Ordering::is_le, number.into()),
            Operator::Exists(_) => return Err(TestError::Empty),
        })
    }

    /// Whether it holds for one value.
    pub(super) fn holds(&self, value: Value<'_>, ignore_case: bool) -> bool {
        match (self, value) {
            (Self::OneOf(list), value) => list.has(value, ignore_case),
            (Self::Prefix(own), Value::Text(text)) => {
                seen(text, ignore_case).starts_with(own.as_str())
            }
            (Self::Suffix(own), Value::Text(text)) => {
                seen(text, ignore_case).ends_with(own.as_str())
            }
            (Self::Glob(glob), Value::Text(text)) => glob.is_match(seen(text, ignore_case)),
            (Self::Regex(regex), Value::Text(text)) => regex.is_match(text.plain),
            (Self::Contains(Constant::Text(own)), Value::Text(text)) => {
                seen(text, ignore_case).contains(own.as_str())
            }
            (Self::Contains(own), Value::Array(elements)) => {
                elements.iter().any(|element| own.is(element, ignore_case))
            }
            (Self::Compare(holds, own), Value::Number(number, _)) => {
                number.partial_cmp(own).is_some_and(holds)
            }
            _ => false,
        }
    }
}

/// The form of a text that a test compares with.
fn seen(text: Text<'_>, ignore_case: bool) -> &str {
    if ignore_case { text.folded } else { text.plain }
}

impl Constant {
    fn new(literal: &Literal, ignore_case: bool) -> Self {
        match literal {
            Literal::Null => Self::Null,
            Literal::Bool(truth) => Self::Bool(*truth),
            Literal::Number(number) => Self::Number(number.into()),
            Literal::Text(text) => Self::Text(folded_if(text, ignore_case)),
        }
    }

    /// Whether a value is equal to it.
    pub(super) fn is(&self, value: Value<'_>, ignore_case: bool) -> bool {
        match (self, value) {
            (Self::Null, Value::Null) => true,
            (Self::Bool(own), Value::Bool(truth)) => *own == truth,
            (Self::Number(own), Value::Number(number, _)) => *own == number,
            (Self::Text(own), Value::Text(text)) => own.as_str() == seen(text, ignore_case),
            _ => false,
        }
    }
}

impl OneOf {
    fn new(list: &[Literal], ignore_case: bool) -> Result<Self, TestError> {
        if list.is_empty() {
            return Err(TestError::Empty);
        }
        let mut one_of = Self { texts: Vec::new(), others: Vec::new() };
        for literal in list {
            match Constant::new(literal, ignore_case) {
                Constant::Text(text) => one_of.texts.push(text),
                other => one_of.others.push(other),
            }
        }
        one_of.texts.sort_unstable();
        one_of.texts.dedup();
        Ok(one_of)
    }

    fn has(&self, value: Value<'_>, ignore_case: bool) -> bool {
        match value {
            Value::Text(text) => {
                let text = seen(text, ignore_case);
                self.texts.binary_search_by(|own| own.as_str().cmp(text)).is_ok()
            }
            value => self.others.iter().any(|own| own.is(value, ignore_case)),
        }
    }
}

fn folded_if(text: &str, ignore_case: bool) -> String {
    let folded = if ignore_case { fold(text) } else { None };
    folded.unwrap_or_else(|| text.to_owned())
}

/// An expression that matches whole values only. It is compiled alone first: `a)|(?:b` is none, though it would be one
/// inside our brackets.
fn whole(expression: &str, ignore_case: bool) -> Result<Regex, TestError> {
    let build = |pattern: &str| {
        RegexBuilder::new(pattern)
            .case_insensitive(ignore_case)
            .size_limit(REGEX_MAX)
            .dfa_size_limit(REGEX_MAX)
            .build()
    };
    build(expression).map_err(|error| regex_error(&error))?;
    // A comment in an expression with `(?x)` ends with its line, not with our bracket.
    build(&format!("^(?:{expression})$"))
        .or_else(|_| build(&format!("^(?:{expression}\n)$")))
        .map_err(|error| regex_error(&error))
}

fn regex_error(error: &regex::Error) -> TestError {
    TestError::Regex(match error {
        regex::Error::CompiledTooBig(_) => {
            "the expression compiles to more than 1 MiB: fewer or shorter repetitions".to_owned()
        }
        other => {
            // The crate draws the expression and a caret; its last line says what is wrong.
            let drawn = other.to_string();
            let last = drawn.lines().last().unwrap_or_default();
            let what = last.strip_prefix("error: ").unwrap_or(last);
            format!("the expression does not compile: {what}")
        }
    })
}

#[cfg(test)]
mod tests;
