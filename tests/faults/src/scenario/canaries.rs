//! Marked words in secrets and payloads. Whatever carries the mark and is printed was not meant to be: the whole output of
//! the run is searched, whichever scenario it comes from.

use std::path::Path;

use anyhow::Context as _;

use super::{Context, Outcome};

/// What every marked word begins with, in any case of letters. No name, path or id of a scenario has it.
pub const MARK: &str = "canary-";

/// The same as the beginning of a text in base64, as `Authorization: Basic` has it, in small letters.
const MARK_BASE64: &str = "y2fuyxj5lx";

pub fn run(context: &Context) -> anyhow::Result<Outcome> {
    let mut outcome = Outcome::default();
    let (files, bytes) = search(&context.logs, &mut outcome)?;
    // Alone it has nothing to read, and then it says so: nothing found in nothing is no proof.
    outcome.hold(bytes > 0, || "no instance printed anything: run it after others".to_owned());
    outcome.count = format!("{bytes} bytes in {files} files that instances printed");
    Ok(outcome)
}

/// Searches all files of a folder, and says how many files and bytes these were.
fn search(folder: &Path, outcome: &mut Outcome) -> anyhow::Result<(u64, u64)> {
    let (mut files, mut bytes) = (0, 0);
    for entry in std::fs::read_dir(folder).context("what was printed")? {
        let path = entry?.path();
        if path.is_dir() {
            let below = search(&path, outcome)?;
            (files, bytes) = (files + below.0, bytes + below.1);
            continue;
        }
        let printed = std::fs::read(&path)?;
        files += 1;
        bytes += printed.len() as u64;
        for (number, line) in printed.split(|byte| *byte == b'\n').enumerate() {
            if let Some(found) = find(&String::from_utf8_lossy(line)) {
                outcome.shortfalls.push(format!("{}:{}: {found}", path.display(), number + 1));
            }
        }
    }
    Ok((files, bytes))
}

/// The first marked word in a text, with a little of what follows.
pub fn find(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let at = lower.find(MARK).or_else(|| lower.find(MARK_BASE64))?;
    Some(lower[at..].chars().take(60).collect())
}
