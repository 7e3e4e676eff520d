//! `schema`: the JSON Schema of `rules.yaml`, for editors.

use super::exit::{Exit, Failure};
use super::output::Out;
use crate::config;

/// Print the JSON Schema of rules.yaml, for editors
///
/// Save it, and name it in the first line of the file: `# yaml-language-server: $schema=rules.schema.json`
#[derive(Debug, clap::Args)]
pub(super) struct Schema {}

impl Schema {
    pub(super) fn execute() -> Result<Exit, Failure> {
        Out::stdout().json(&config::schema())?;
        Ok(Exit::Ok)
    }
}
