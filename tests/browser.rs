//! The page, from outside: in a real browser against the real binary, by the tests of `tests/browser/`; and what it vendors is what
//! it says it vendors.

#![expect(clippy::print_stdout, reason = "a test says what it skips")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use sha2::{Digest, Sha256};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn vendor() -> PathBuf {
    root().join("src/admin/ui/vendor")
}

/// What the browser tests lack on this machine, if anything; `.ci/run` installs all of it.
fn lacking() -> Option<String> {
    let Ok(asked) = Command::new("node").arg(root().join("tests/browser/ready.mjs")).output()
    else {
        return Some("there is no Node".to_owned());
    };
    let said = String::from_utf8_lossy(&asked.stdout).trim().to_owned();
    (!asked.status.success()).then_some(said)
}

#[test]
fn the_page_does_what_it_should_in_a_browser() {
    #[expect(clippy::disallowed_methods, reason = "whether to insist is the runner's choice")]
    let required = std::env::var("HOOKSWITCH_REQUIRE_ALL").is_ok();
    if let Some(what) = lacking() {
        assert!(!required, "the browser tests cannot run: {what}");
        println!("skipped, because {what}");
        return;
    }
    let mut files: Vec<_> = fs::read_dir(root().join("tests/browser"))
        .expect("the folder can be read")
        .map(|entry| entry.expect("and its entries").path())
        .filter(|path| path.to_string_lossy().ends_with(".test.mjs"))
        .collect();
    files.sort();
    assert!(files.len() > 5, "only {} files found: this looks in the wrong place", files.len());
    let run = Command::new("node")
        .args(["--test", "--test-concurrency=2", "--test-reporter=spec"])
        .args(&files)
        .env("HOOKSWITCH_BINARY", env!("CARGO_BIN_EXE_hookswitch"))
        .output()
        .expect("node runs");
    assert!(
        run.status.success(),
        "{}{}",
        String::from_utf8_lossy(&run.stdout),
        String::from_utf8_lossy(&run.stderr)
    );
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
