//! What was found where the rules look.

/// A JSON number: exact within 64 bits, else a double.
#[derive(Debug, Clone, Copy)]
pub enum Number {
    /// An integer within `i64` or `u64`.
    Int(i128),
    /// Anything else.
    Float(f64),
}

/// One value as a test sees it.
#[derive(Debug, Clone)]
pub enum Scalar {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A text, unescaped.
    Text(Box<str>),
    /// An array; its elements if a test asks for them, one level deep.
    Array(Vec<Scalar>),
    /// An object, which equals nothing.
    Object,
}

/// What one path yields: nothing, one value, or several.
pub type Found<'e> = &'e [Scalar];

/// What the rules asked for, by `FieldId`.
#[derive(Debug, Default)]
pub struct Fields {}
