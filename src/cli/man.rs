//! `man`: the manual pages, made from the same description of the command line that `--help` is.

use std::fs;
use std::path::{Path, PathBuf};

use clap::CommandFactory as _;

use super::Arguments;
use super::exit::{Exit, Failure};
use super::output::Out;

/// Print the manual page, or write one for each command
#[derive(Debug, clap::Args)]
pub(super) struct Man {
    /// Write a page for each command into this folder, which is made if it is missing; pages that are there are replaced
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
}

impl Man {
    pub(super) fn execute(self) -> Result<Exit, Failure> {
        match self.dir {
            Some(folder) => write(&folder)?,
            None => print()?,
        }
        Ok(Exit::Ok)
    }
}

fn print() -> Result<(), Failure> {
    let mut page = Vec::new();
    clap_mangen::Man::new(Arguments::command()).render(&mut page)?;
    Out::stdout().line(String::from_utf8_lossy(&page).trim_end())
}

fn write(folder: &Path) -> Result<(), Failure> {
    let written = fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(Arguments::command(), folder));
    written.map_err(|error| {
        let what = format!("cannot write pages into {}", folder.display());
        Failure::because(Exit::CannotCreate, &what, &error)
    })
}
