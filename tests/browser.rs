//! The page, from outside: what it vendors is what it says it vendors. `tests/browser/` has what needs Node and a browser.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sha2::{Digest, Sha256};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn vendor() -> PathBuf {
    root().join("src/admin/ui/vendor")
}

/// `tests/browser/vendor.mjs` wrote the list and can ask npm; this needs no network.
#[test]
fn every_vendored_file_is_the_one_that_the_list_names() {
    let list = fs::read_to_string(vendor().join("vendor.json")).expect("the list");
    let list: Value = serde_json::from_str(&list).expect("JSON");
    let licences = fs::read_to_string(vendor().join("LICENSES")).expect("the licences");
    let entries = list["files"].as_array().expect("a list of files");
    let text = |entry: &Value, member: &str| entry[member].as_str().unwrap_or_default().to_owned();

    for entry in entries {
        let file = text(entry, "file");
        let bytes = fs::read(vendor().join(&file)).expect("a listed file is there");
        let hash = Sha256::digest(&bytes)
            .iter()
            .fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
        assert_eq!(
            hash,
            text(entry, "sha256"),
            "{file} was changed by hand; run tests/browser/vendor.mjs"
        );
        for member in ["package", "version", "licence", "source", "source_sha256"] {
            assert!(!text(entry, member).is_empty(), "{file} does not say its {member}");
        }
        let head = format!(
            "==== {} {}: {}\n",
            text(entry, "package"),
            text(entry, "version"),
            text(entry, "licence")
        );
        assert!(licences.contains(&head), "{file} has no licence beside it");
    }

    let mut listed: Vec<_> = entries.iter().map(|entry| text(entry, "file")).collect();
    let mut there: Vec<_> = fs::read_dir(vendor())
        .expect("the folder can be read")
        .map(|entry| entry.expect("and its entries").file_name().to_string_lossy().into_owned())
        .filter(|name| Path::new(name).extension().is_some_and(|ending| ending == "js"))
        .collect();
    listed.sort();
    there.sort();
    assert_eq!(there, listed, "the folder has what the list names");
}
