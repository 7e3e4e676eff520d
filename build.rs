//! Writes down which files the page is made of, so that the program can hold them all and nothing has to be listed by hand.
//!
//! The list is `$OUT_DIR/page.rs`: an array of names below `src/admin/ui/` and contents, in the order of the names, so that the
//! same files give the same program. `src/admin/page.rs` includes it.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// Where the page is, from the root of the package.
const FOLDER: &str = "src/admin/ui";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // A folder stands for everything in it, so a file that is added or taken away is noticed, too.
    println!("cargo::rerun-if-changed={FOLDER}");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(FOLDER);
    let mut names = Vec::new();
    collect(&root, "", &mut names);
    names.sort();
    let mut list = String::from("[\n");
    for name in names {
        let place = format!("concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/{FOLDER}/{name}\")");
        writeln!(list, "    (\"{name}\", include_bytes!({place})),").expect("a text takes text");
    }
    list.push_str("]\n");
    let out = std::env::var_os("OUT_DIR").expect("cargo says where to write");
    fs::write(Path::new(&out).join("page.rs"), list).expect("and one can write there");
}

/// Adds the files in `folder`, whose own name is `prefix`. Hidden ones are left out: editors leave them behind.
fn collect(folder: &Path, prefix: &str, names: &mut Vec<String>) {
    let entries = fs::read_dir(folder).expect("the folder of the page can be read");
    for entry in entries {
        let entry = entry.expect("and so can its entries");
        let file = entry.file_name();
        let file = file.to_str().expect("files of the page have names of text");
        if file.starts_with('.') || file.ends_with('~') {
            continue;
        }
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        assert!(file.bytes().all(plain), "{FOLDER}/{prefix}{file}: use letters, digits, `.-_`");
        let name = format!("{prefix}{file}");
        // Not the type of the entry: whoever links a folder means what is in it.
        if entry.path().is_dir() {
            collect(&entry.path(), &format!("{name}/"), names);
        } else {
            names.push(name);
        }
    }
}
