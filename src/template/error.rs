//! Why a template fails, in words that hold template text and nothing of an event.
//!
//! minijinja's own messages may quote the values it worked with, so only their kind and place are taken; what our filters
//! have to say travels as a [`Blame`], whose text is fixed.

use minijinja::{Error, ErrorKind};

use super::source::{Token, scan};

const UNDEFINED: &str =
    "undefined on this event; where it may be missing, write `| default(…)`, `is defined` or `dig`";

/// Longest piece of a template that a message quotes, in characters.
const EXCERPT_MAX: usize = 60;

/// Why a template cannot be compiled, or failed on an event. Its text names the place in the template, the missing name or
/// the limit, and never a value of the payload.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct TemplateError {
    pub(crate) message: String,
}

impl TemplateError {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }

    /// A fault of the value of the expression `source`.
    pub(super) fn blaming(blame: Blame, source: &str) -> Self {
        Self::new(format!("{blame} (at `{}`)", excerpt(source.trim())))
    }

    /// The expression `source` has no value.
    pub(super) fn undefined(source: &str) -> Self {
        Self::blaming(Blame(UNDEFINED), source)
    }

    /// An error of compiling `source`. Its details are template text, which is the operator's own.
    pub(super) fn compiling(error: &Error, source: &str) -> Self {
        let what = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
        let hint = if what.starts_with("unknown statement") {
            "; templates stand alone: there is no include, import, extends or block"
        } else {
            ""
        };
        Self::new(format!("{what}{}{hint}", place(error, source)))
    }

    /// An error of rendering `source`.
    pub(super) fn rendering(error: &Error, source: &str) -> Self {
        let what = match (Blame::of(error), error.kind()) {
            (Some(blame), _) => blame.0,
            (None, ErrorKind::UndefinedError) => UNDEFINED,
            (None, ErrorKind::OutOfFuel) => "too much work: the template ran into its limit",
            (None, ErrorKind::WriteFailure) => "the result is longer than 4 MiB",
            (None, ErrorKind::InvalidOperation) => {
                "this cannot be done with the values of this event"
            }
            (None, ErrorKind::UnknownMethod) => "the value has no such method",
            (None, ErrorKind::UnknownFunction) => "this cannot be called",
            (None, ErrorKind::UnknownFilter) => "there is no such filter",
            (None, ErrorKind::UnknownTest) => "there is no such test",
            (None, ErrorKind::MissingArgument) => "an argument is missing",
            (None, ErrorKind::TooManyArguments) => "there are too many arguments",
            (None, ErrorKind::CannotUnpack) => "this cannot be unpacked into these names",
            (None, _) => "the template failed on the values of this event",
        };
        Self::new(format!("{what}{}", place(error, source)))
    }
}

/// ` (at …, line n)`, as far as it is known.
fn place(error: &Error, source: &str) -> String {
    let shown = error.range().and_then(|range| {
        // The whole expression says most; if it is long, what minijinja points at must do.
        let whole = enclosing(source, range.start).map(str::trim);
        let whole = whole.filter(|text| text.chars().count() <= EXCERPT_MAX);
        let text = whole.or_else(|| source.get(range).map(str::trim))?;
        // A name of ours stands for a literal; it would tell nobody anything.
        let useful = !text.is_empty() && !text.contains("__");
        useful.then(|| format!("at `{}`", excerpt(text)))
    });
    let line = error.line().filter(|_| source.contains('\n'));
    let parts: Vec<_> = shown.into_iter().chain(line.map(|line| format!("line {line}"))).collect();
    if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) }
}

/// The inside of the expression or tag around the byte `at`; all of `source` if it is an expression itself.
fn enclosing(source: &str, at: usize) -> Option<&str> {
    let (tokens, _) = scan(source);
    if let [Token::Text(_)] = tokens.as_slice() {
        return Some(source);
    }
    let mut end = 0;
    tokens.iter().find_map(|token| {
        end += token.whole().len();
        match token {
            _ if at >= end => None,
            Token::Expression { inner, .. } | Token::Tag { inner, .. } => Some(Some(*inner)),
            _ => Some(None),
        }
    })?
}

fn excerpt(text: &str) -> String {
    let cut: String = text.chars().take(EXCERPT_MAX).collect();
    let more = if cut.len() < text.len() { "…" } else { "" };
    format!("{}{more}", cut.replace(char::is_control, " "))
}

/// A reason of ours, inside an error of minijinja.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Blame(pub(super) &'static str);

impl Blame {
    fn of(error: &Error) -> Option<Self> {
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            if let Some(blame) = cause.downcast_ref::<Self>() {
                return Some(*blame);
            }
            source = cause.source();
        }
        None
    }
}

impl From<Blame> for Error {
    fn from(blame: Blame) -> Self {
        Self::new(ErrorKind::InvalidOperation, blame.0).with_source(blame)
    }
}
