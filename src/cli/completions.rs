//! `completions`: what a shell needs to complete our commands.

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::Arguments;
use super::exit::{Exit, Failure};
use super::output::Out;

/// Print what a shell needs to complete commands and options
///
/// Save it where the shell looks for completions; docs/cli.md says where that is.
#[derive(Debug, clap::Args)]
pub(super) struct Completions {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    shell: Shell,
}

impl Completions {
    pub(super) fn execute(self) -> Result<Exit, Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Arguments::command(), "hookswitch", &mut script);
        Out::stdout().line(String::from_utf8_lossy(&script).trim_end())?;
        Ok(Exit::Ok)
    }
}
