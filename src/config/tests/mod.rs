//! Loading as a whole.

mod allowing;
mod documents;
mod example;
mod fixtures;
mod loading;
mod posted;
mod random;
mod redact;
mod source_names;
mod traffic;
mod values;

use super::*;

/// Loads `text` with nothing set.
fn load_plain(text: &str) -> Result<Snapshot, Problems> {
    let environment = MapEnvironment::default();
    load_text(text, Path::new("rules.yaml"), &environment, &Overrides::default())
}
