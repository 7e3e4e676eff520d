//! Every file under `tests/fixtures/config`: the invalid ones with the text of their problems beside them, the valid ones
//! with the text of their warnings, if there are any.
//!
//! `HOOKSWITCH_ACCEPT=1 cargo test --lib config::` writes the texts anew; look at the difference before it is committed.

use std::fs;

use super::*;

/// What no output may hold.
const CANARY: &str = "canary";

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/config").join(name)
}

/// Every YAML file of a folder, by name.
fn files(name: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder(name)).expect("the fixtures are there");
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
        .collect();
    files.sort();
    files
}

/// Loads a fixture under its bare name, so that no path of this machine stands in the text.
fn load_fixture(path: &Path) -> Result<Snapshot, Problems> {
    let environment = MapEnvironment(BTreeMap::from([("EMPTY".to_owned(), String::new())]));
    let mut loaded = load(path, &environment, &Overrides::default());
    let folder = format!("{}/", path.parent().expect("a folder").display());
    let problems = match &mut loaded {
        Ok(snapshot) => &mut snapshot.warnings,
        Err(problems) => problems,
    };
    problems.file = problems.file.replace(&folder, "");
    for problem in &mut problems.list {
        problem.text = problem.text.replace(&folder, "");
    }
    loaded
}

/// Whether what is kept beside the program is written anew.
pub(super) fn accepting() -> bool {
    #[expect(clippy::disallowed_methods, reason = "a switch of the tests alone")]
    std::env::var("HOOKSWITCH_ACCEPT").is_ok()
}

/// Compares `shown` with the golden text beside `path`.
fn check_golden(path: &Path, shown: &str) {
    assert!(!shown.contains(CANARY), "{}: a secret is shown:\n{shown}", path.display());
    let golden = path.with_extension("txt");
    let shown = if shown.is_empty() { String::new() } else { format!("{shown}\n") };
    if accepting() && shown.is_empty() {
        drop(fs::remove_file(&golden));
    } else if accepting() {
        fs::write(&golden, &shown).expect("the golden text can be written");
    }
    let expected = fs::read_to_string(&golden).unwrap_or_default();
    assert!(
        shown == expected,
        "{} has changed; HOOKSWITCH_ACCEPT=1 writes it anew. Now it is:\n{shown}",
        golden.display(),
    );
}

#[test]
fn each_invalid_file_tells_its_problems() {
    let files = files("invalid");
    assert!(files.len() > 30, "only {} files found", files.len());
    for path in files {
        match load_fixture(&path) {
            Err(problems) => {
                let errors = problems.list.iter().filter(|problem| problem.level == Level::Error);
                assert!(errors.count() > 0, "{}", path.display());
                let debug = format!("{problems:?}");
                assert!(!debug.contains(CANARY), "{}: {debug}", path.display());
                check_golden(&path, &problems.to_string());
            }
            Ok(_) => panic!("{} loads", path.display()),
        }
    }
}

#[test]
fn each_valid_file_loads_and_fits_the_schema() {
    let files = files("valid");
    assert!(files.len() > 5, "only {} files found", files.len());
    let schema = jsonschema::validator_for(&schema()).expect("the schema is one");
    for path in files {
        let snapshot = load_fixture(&path).unwrap_or_else(|problems| panic!("{problems}"));
        check_golden(&path, &snapshot.warnings.to_string());
        assert!(!format!("{snapshot:?}").contains(&format!("{CANARY}\"")), "{}", path.display());
        check_schema(&schema, &snapshot.text, &path.display().to_string());
    }
}

#[test]
fn the_schema_refuses_what_has_no_shape() {
    let schema = jsonschema::validator_for(&schema()).expect("the schema is one");
    for name in ["missing_keys", "numbers_out_of_bounds", "unknown_keys_everywhere", "wrong_types"]
    {
        let text = fs::read_to_string(folder("invalid").join(format!("{name}.yaml"))).unwrap();
        let value: serde_json::Value = serde_yaml::from_str(&text).unwrap();
        assert!(!schema.is_valid(&value), "{name}");
    }
}

/// Holds a text against the schema as an editor does: `${…}` unfilled.
pub(super) fn check_schema(schema: &jsonschema::Validator, text: &str, name: &str) {
    let value: serde_json::Value =
        serde_yaml::from_str(text.trim_start_matches('\u{feff}')).expect("it was read before");
    let errors: Vec<_> = schema
        .iter_errors(&value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{name} does not fit the schema:\n{}", errors.join("\n"));
}
