//! How the process ends: exit codes, and what is said when something did not work.
//!
//! The codes follow `sysexits.h` where it has one, so that a supervisor can tell a broken file from a broken disk. The
//! cause chain of a failure is printed once, here.

use std::error::Error;
use std::fmt;
use std::io;
use std::process::ExitCode;

use crate::store::StoreError;

/// Every exit code of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// Done.
    Ok = 0,
    /// `check` found problems, the instance refused what it was asked, a check of health failed.
    Findings = 1,
    /// The command line cannot be understood.
    Usage = 2,
    /// Something cannot be reached or listened on.
    Unreachable = 69,
    /// A bug of ours.
    Internal = 70,
    /// The data folder, or another file of ours, cannot be made or used.
    CannotCreate = 73,
    /// Reading or writing failed: the store, or the output.
    Io = 74,
    /// `run` refused the configuration.
    Config = 78,
    /// A second SIGINT ended the program at once; 128 + 2, as shells have it.
    Interrupted = 130,
    /// A second SIGTERM ended the program at once; 128 + 15.
    Terminated = 143,
}

impl Exit {
    /// Ends like this once a verdict was told. It holds though nobody read it to its end: a build must not pass because of `| head`.
    pub(super) fn after(self, told: Result<(), Failure>) -> Result<Self, Failure> {
        match told {
            Ok(()) | Err(Failure::ReaderGone) => Ok(self),
            Err(failure) => Err(failure),
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(super) enum Failure {
    /// Whoever read our output has gone (`| head`): there is nothing wrong and nobody to tell.
    ReaderGone,
    /// All that there is to say was said; only the code is left.
    Silent(Exit),
    /// Something to say.
    Told {
        /// How the process ends.
        exit: Exit,
        /// What is wrong.
        message: String,
        /// What to do.
        hint: Option<String>,
        /// A text that stands before it: the problems of a configuration.
        details: Option<String>,
    },
}

impl Failure {
    /// A failure with a message and nothing to advise.
    pub(super) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self::Told { exit, message: message.into(), hint: None, details: None }
    }

    /// A failure that ends with the whole chain of causes of `error`.
    pub(super) fn because(exit: Exit, message: &str, error: &(dyn Error + 'static)) -> Self {
        Self::new(exit, format!("{message}: {}", chain(error)))
    }

    /// The same with what to do about it.
    #[must_use]
    pub(super) fn hint(mut self, text: impl Into<String>) -> Self {
        if let Self::Told { hint, .. } = &mut self {
            *hint = Some(text.into());
        }
        self
    }

    /// The same after a longer text of its own.
    #[must_use]
    pub(super) fn after(mut self, text: &str) -> Self {
        if let Self::Told { details, .. } = &mut self {
            *details = Some(text.trim_end().to_owned());
        }
        self
    }

    /// How the process ends.
    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::ReaderGone => Exit::Ok,
            Self::Silent(exit) | Self::Told { exit, .. } => *exit,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Told { message, hint, details, .. } = self else { return Ok(()) };
        if let Some(details) = details {
            write!(f, "{details}\n\n")?;
        }
        write!(f, "error: {message}")?;
        hint.as_ref().map_or(Ok(()), |hint| write!(f, "\n  help: {hint}"))
    }
}

/// A failed write to standard output.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::ReaderGone
        } else {
            Self::because(Exit::Io, "standard output cannot be written", &error)
        }
    }
}

/// A failed read of a store that is opened here: only the demo has one.
impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::because(Exit::Io, "the store", &error)
    }
}

/// An error and its causes on one line, without saying anything twice.
pub(super) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let more = inner.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_has_gone_is_no_failure() {
        let gone = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!((gone.exit(), gone.to_string()), (Exit::Ok, String::new()));
        let full = Failure::from(io::Error::from(io::ErrorKind::StorageFull));
        assert_eq!(full.exit(), Exit::Io);
    }

    #[test]
    fn a_verdict_holds_though_nobody_reads_it() {
        let gone = || Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!(Exit::Findings.after(Err(gone())).unwrap(), Exit::Findings);
        assert_eq!(Exit::Findings.after(Ok(())).unwrap(), Exit::Findings);
        let full = Failure::from(io::Error::from(io::ErrorKind::StorageFull));
        assert_eq!(Exit::Ok.after(Err(full)).unwrap_err().exit(), Exit::Io);
    }

    #[test]
    fn a_chain_says_nothing_twice() {
        #[derive(Debug, thiserror::Error)]
        #[error("the outer: {0}")]
        struct Outer(#[source] io::Error);
        let error = Outer(io::Error::other("the inner"));
        assert_eq!(chain(&error), "the outer: the inner");
    }

    #[test]
    fn advice_stands_on_a_line_of_its_own() {
        let failure = Failure::new(Exit::Usage, "no such source").hint("there is `retell`");
        assert_eq!(failure.to_string(), "error: no such source\n  help: there is `retell`");
    }
}
