//! A test on the values that a field yields.

use serde_json::Number;

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
    /// A text that matches whole: `*` any run of characters, `?` one, `[a-z]` one of, `\` takes the next literally.
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
}

/// A compiled test: all of its operators must hold for the same value.
#[derive(Debug, Clone)]
pub struct Test {}

impl Test {
    /// Compiles operators that stand in one map.
    pub fn new(_operators: Vec<Operator>, _ignore_case: bool) -> Result<Self, TestError> {
        todo!()
    }
}
