//! Holds the two rules of `docs/architecture.md`: a module uses only those that stand before it, and the pure ones stay
//! pure. It reads the sources as text, which is crude and enough: every path of ours begins with `crate::`.

use std::fs;
use std::path::{Path, PathBuf};

/// Every module, lowest first. The pure ones are `name` to `template`: `fault` is nothing in a release, and in the builds of
/// the fault suite it reads their environment.
const ORDER: [&str; 25] = [
    "fault",
    "name",
    "clock",
    "secret",
    "path",
    "signature",
    "event",
    "rule",
    "delivery",
    "template",
    "telemetry",
    "tasks",
    "store",
    "target",
    "config",
    "explain",
    "trial",
    "preview",
    "dispatch",
    "reload",
    "ingress",
    "admin",
    "app",
    "cli",
    "main",
];
const LAST_PURE: &str = "template";

/// What a pure module does not say. `clock` may read the system's clock; it is the only one.
const IMPURE: [&str; 14] = [
    "tokio",
    "async fn",
    "async move",
    ".await",
    "std::fs",
    "std::net",
    "std::env",
    "std::thread",
    "SystemTime",
    "Instant",
    "rand::",
    "serde_yaml",
    "File::",
    "println!",
];

fn rank(module: &str) -> usize {
    let place = ORDER.iter().position(|known| *known == module);
    assert!(place.is_some(), "{module} has no place in the order");
    place.expect("just looked")
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the source folder can be read") {
        let path = entry.expect("and its entries").path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

/// Every source file but `lib.rs`, with its module and its text up to its unit tests.
fn sources() -> Vec<(PathBuf, String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files(&root, &mut files);
    files.sort();
    let sources: Vec<_> = files
        .into_iter()
        .filter_map(|file| {
            let inside = file.strip_prefix(&root).expect("it was found there").to_owned();
            let first = inside
                .components()
                .next()?
                .as_os_str()
                .to_str()?
                .trim_end_matches(".rs")
                .to_owned();
            let test = inside.file_name()?.to_str()?.ends_with("tests.rs")
                || inside.components().any(|c| c.as_os_str() == "tests");
            let text = fs::read_to_string(&file).expect("a source is text");
            let code =
                text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned();
            (first != "lib").then_some((inside, first, if test { String::new() } else { code }))
        })
        .collect();
    assert!(
        sources.len() > ORDER.len(),
        "only {} sources found: this test looks in the wrong place",
        sources.len()
    );
    sources
}

/// The lines of code that are not comments, with their numbers.
fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .map(|(at, line)| (at + 1, line.trim()))
        .filter(|(_, line)| !line.starts_with("//"))
}

/// The modules that a line names after `crate::`, one by one or in braces.
fn named(line: &str) -> Vec<String> {
    let word = |text: &str| {
        text.trim()
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
            .collect::<String>()
    };
    line.split("crate::")
        .skip(1)
        .flat_map(|rest| match rest.strip_prefix('{') {
            Some(list) => list.split([',', '}']).map(word).collect(),
            None => vec![word(rest)],
        })
        .filter(|name| !name.is_empty())
        .collect()
}

#[test]
fn a_module_uses_only_those_before_it() {
    let mut wrong = Vec::new();
    for (file, module, text) in sources() {
        for (at, line) in code_lines(&text) {
            for used in named(line).iter().filter(|used| ORDER.contains(&used.as_str())) {
                if rank(used) > rank(&module) {
                    wrong.push(format!("{}:{at}: {module} uses {used}", file.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "against the order of docs/architecture.md:\n{}", wrong.join("\n"));
}

/// Whether `line` has `word` where a word begins: `rand::` is not in `Operand::`.
fn says(line: &str, word: &str) -> bool {
    let inside = |c: char| c.is_ascii_alphanumeric() || c == '_';
    line.match_indices(word)
        .any(|(at, _)| !line.get(..at).is_some_and(|before| before.ends_with(inside)))
}

#[test]
fn pure_modules_read_no_clock_no_chance_and_no_files() {
    let mut wrong = Vec::new();
    for (file, module, text) in sources() {
        if module == "fault" || rank(&module) > rank(LAST_PURE) {
            continue;
        }
        for (at, line) in code_lines(&text) {
            for word in IMPURE.iter().filter(|word| says(line, word)) {
                if !(module == "clock" && *word == "SystemTime") {
                    wrong.push(format!("{}:{at}: {word}", file.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "not pure:\n{}", wrong.join("\n"));
}

#[test]
fn the_document_has_the_same_order() {
    let document =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/architecture.md"))
            .expect("it is there");
    let line = document
        .lines()
        .find(|line| line.starts_with("> `fault`"))
        .expect("the order stands in a quoted line");
    let listed: Vec<_> = line.split('`').skip(1).step_by(2).collect();
    assert_eq!(listed, ORDER);
    let bar = line.find('‖').expect("the double bar");
    assert!(
        line.find("`template`").is_some_and(|at| at < bar)
            && line.find("`telemetry`").is_some_and(|at| at > bar)
    );
}

#[test]
fn the_words_of_the_tests_are_seen() {
    assert_eq!(named("use crate::store::{Ready, Store};"), ["store"]);
    assert_eq!(named("use crate::{clock::Clock, name};"), ["clock", "name"]);
    assert!(says("use rand::random;", "rand::") && !says("Operand::Left", "rand::"));
    assert_eq!(named("let x = crate::app::start(crate::name::y);"), ["app", "name"]);
}
