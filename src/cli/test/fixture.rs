//! The file with the event of a new test. No file that is there is ever replaced.

use std::fs::{self, File, Metadata};
use std::io::{self, Write as _};
use std::path::Path;

use crate::cli::exit::{Exit, Failure};
use crate::name::TestName;

/// The folder of the files with events, beside the configuration.
const FOLDER: &str = "fixtures";
/// Longest name of such a file, without its ending.
const FILE_NAME_MAX: usize = 60;
/// Most files for one name.
const FILES_MAX: u32 = 99;

/// The file with the event.
pub(super) struct Fixture {
    /// Its name, as a test has it.
    pub(super) name: String,
    /// It was not there before.
    pub(super) is_new: bool,
}

/// Writes the event to a file beside the configuration: one that has the same bytes already, or else a new one.
pub(super) fn fixture(config: &Path, name: &TestName, body: &[u8]) -> Result<Fixture, Failure> {
    let beside = config.parent().unwrap_or(Path::new(""));
    let folder = beside.join(FOLDER);
    fs::create_dir_all(&folder).map_err(|error| {
        let text = format!("cannot make the folder {}", folder.display());
        let failure = Failure::because(Exit::CannotCreate, &text, &error);
        if folder.exists() && !folder.is_dir() {
            failure.hint("something else has its name: move that away")
        } else {
            failure
        }
    })?;
    let plain = file_name(name);
    for number in 1..=FILES_MAX {
        let name = match number {
            1 => format!("{FOLDER}/{plain}.json"),
            _ => format!("{FOLDER}/{plain}-{number}.json"),
        };
        let path = beside.join(&name);
        match write_new(&path, body) {
            Ok(()) => return Ok(Fixture { name, is_new: true }),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if has(&path, body) {
                    return Ok(Fixture { name, is_new: false });
                }
            }
            Err(error) => {
                let text = format!("cannot write {}", path.display());
                return Err(Failure::because(Exit::CannotCreate, &text, &error));
            }
        }
    }
    let text = format!("there are {FILES_MAX} files for {plain:?} in {}", folder.display());
    Err(Failure::new(Exit::CannotCreate, text).hint("give the test another name"))
}

/// The name of a test as a file can have it.
fn file_name(name: &TestName) -> String {
    let mut plain = String::new();
    for c in name.as_str().chars() {
        let c = c.to_ascii_lowercase();
        if c.is_ascii_alphanumeric() && plain.len() < FILE_NAME_MAX {
            plain.push(c);
        } else if !plain.is_empty() && !plain.ends_with('-') && plain.len() < FILE_NAME_MAX {
            plain.push('-');
        }
    }
    let plain = plain.trim_end_matches('-');
    if plain.is_empty() { "event".to_owned() } else { plain.to_owned() }
}

fn write_new(path: &Path, body: &[u8]) -> io::Result<()> {
    let written = File::create_new(path)?.write_all(body);
    if written.is_err() {
        // The first failure is the one to tell.
        drop(fs::remove_file(path));
    }
    written
}

fn has(path: &Path, body: &[u8]) -> bool {
    let is_as_long = |found: &Metadata| found.is_file() && found.len() == body.len() as u64;
    fs::metadata(path).is_ok_and(|found| is_as_long(&found))
        && fs::read(path).is_ok_and(|found| found == body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_event_gets_another_file_and_the_same_one_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rules.yaml");
        let written = |name: &str, body: &str| {
            let name = TestName::new(name).unwrap();
            fixture(&path, &name, body.as_bytes()).map(|file| (file.name, file.is_new)).unwrap()
        };
        assert_eq!(written("looksee", "1"), ("fixtures/looksee.json".to_owned(), true));
        assert_eq!(written("Looksee!", "1"), ("fixtures/looksee.json".to_owned(), false));
        assert_eq!(written("looksee", "2"), ("fixtures/looksee-2.json".to_owned(), true));
        assert_eq!(written("looksee", "2"), ("fixtures/looksee-2.json".to_owned(), false));
        assert_eq!(written("!", "33"), ("fixtures/event.json".to_owned(), true));
        let found = fs::read_to_string(folder.path().join("fixtures/looksee.json")).unwrap();
        assert_eq!(found, "1");
    }

    #[test]
    fn a_file_in_the_way_of_the_folder_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rules.yaml");
        fs::write(folder.path().join("fixtures"), "").unwrap();
        let name = TestName::new("looksee").unwrap();
        let told = fixture(&path, &name, b"1").err().unwrap().to_string();
        assert!(told.contains("cannot make the folder") && told.contains("move that"), "{told}");
        assert!(!told.contains("another name"), "{told}");
    }
}
