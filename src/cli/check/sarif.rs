//! `--output sarif`: the Static Analysis Results Interchange Format, version 2.1.0 of OASIS, as code scanning takes it.
//! <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>
//!
//! Only rules that were broken are listed. A rule's page is named in its help text and not as `helpUri`, which has to be absolute:
//! the documents lie beside the program, wherever that is.

use std::collections::BTreeMap;
use std::path::Path;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::message;
use crate::config::{Code, Problem, Problems};

/// What a path keeps in a URI (RFC 3986, section 3.3).
const PATH: AsciiSet =
    NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The whole log.
pub(super) fn log(path: &Path, problems: &Problems) -> Value {
    let mut broken: Vec<Code> = problems.list.iter().map(|problem| problem.code).collect();
    broken.sort_unstable();
    broken.dedup();
    let indexes: BTreeMap<Code, usize> = broken.iter().copied().zip(0..).collect();
    let places = problems.places();
    let result = |problem: &Problem| {
        let mut location = json!({ "artifactLocation": { "uri": uri(path) } });
        if let Some(region) = places.region(problem)
            && let Some(location) = location.as_object_mut()
        {
            let ((line, column), (end_line, end_column)) = (region.from, region.to);
            location.insert(
                "region".to_owned(),
                json!({ "startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column }),
            );
        }
        let mut location = json!({ "physicalLocation": location });
        if !problem.path.is_empty()
            && let Some(location) = location.as_object_mut()
        {
            location.insert(
                "logicalLocations".to_owned(),
                json!([{ "fullyQualifiedName": problem.path, "kind": "member" }]),
            );
        }
        json!({
            "ruleId": problem.code.to_string(),
            "ruleIndex": indexes.get(&problem.code),
            "level": problem.level.as_str(),
            "message": { "text": message(problem) },
            "locations": [location],
        })
    };
    json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "hookswitch",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": broken.iter().copied().map(rule).collect::<Vec<_>>(),
            } },
            "columnKind": "unicodeCodePoints",
            "results": problems.list.iter().map(result).collect::<Vec<_>>(),
        }],
    })
}

fn rule(code: Code) -> Value {
    let page = code.reference();
    json!({
        "id": code.to_string(),
        "shortDescription": { "text": code.title() },
        "fullDescription": { "text": code.about() },
        "help": {
            "text": format!("{} See {page}", code.about()),
            "markdown": format!("{} See [{code}]({page}).", code.about()),
        },
        "defaultConfiguration": { "level": code.level().as_str() },
    })
}

/// A path as a reference: relative to where the command ran, or from the root of the file system.
fn uri(path: &Path) -> String {
    let text = path.to_string_lossy();
    let text = text.strip_prefix("./").unwrap_or(&text);
    let encoded = utf8_percent_encode(text, &PATH).to_string();
    if path.is_absolute() { format!("file://{encoded}") } else { encoded }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{MapEnvironment, Overrides, load_text};

    #[test]
    fn a_path_is_a_reference_that_stays_one() {
        assert_eq!(uri(Path::new("./conf/rules.yaml")), "conf/rules.yaml");
        assert_eq!(
            uri(Path::new("/etc/hook switch/a:b?.yaml")),
            "file:///etc/hook%20switch/a%3Ab%3F.yaml"
        );
    }

    /// The schema of OASIS, as it is published.
    #[test]
    fn every_problem_there_is_makes_a_log_that_fits_the_schema() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let schema =
            std::fs::read_to_string(root.join("tests/fixtures/sarif/sarif-schema-2.1.0.json"));
        // It has an expression, for languages, that is none; we write no language.
        let odd = r#""^[a-zA-Z]{2}|^[a-zA-Z]{2}-[a-zA-Z]{2}]?$""#;
        let schema = schema.expect("the schema").replace(odd, "\"\"");
        let schema: Value = serde_json::from_str(&schema).expect("it is JSON");
        let options = jsonschema::options().should_validate_formats(true);
        let schema = options.build(&schema).expect("it is a schema");
        let mut found = 0;
        for kind in ["valid", "invalid"] {
            let folder = root.join("tests/fixtures/config").join(kind);
            for entry in std::fs::read_dir(folder).expect("the fixtures") {
                let path = entry.expect("an entry").path();
                let Ok(text) = std::fs::read_to_string(&path) else { continue };
                let environment = MapEnvironment::default();
                let problems = match load_text(&text, &path, &environment, &Overrides::default()) {
                    Ok(snapshot) => snapshot.warnings,
                    Err(problems) => problems,
                };
                let log = log(&path, &problems);
                let errors: Vec<_> = schema.iter_errors(&log).map(|e| e.to_string()).collect();
                assert!(errors.is_empty(), "{}: {errors:?}\n{log:#}", path.display());
                found += problems.list.len();
            }
        }
        assert!(found > 100, "only {found} problems found");
    }
}
