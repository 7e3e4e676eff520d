//! A test as text, and putting it at the end of a file of which every other byte stays as it is, comments included.

use serde_json::Value;

use super::yaml::{block, quoted, scalar};

/// A test as it is written.
#[derive(Debug, Clone)]
pub struct Entry {
    pub(super) name: String,
    pub(super) event: EventAs,
    pub(super) source: Option<String>,
    pub(super) query: Option<String>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) expect: Vec<(&'static str, Expected)>,
}

/// Where the event of a test is.
#[derive(Debug, Clone)]
pub(super) enum EventAs {
    /// In a file beside the configuration.
    File(String),
    /// In the test itself; a map.
    Inline(Value),
}

/// What stands at a key of `expect`.
#[derive(Debug, Clone)]
pub(super) enum Expected {
    True,
    Names(Vec<String>),
}

impl Entry {
    /// The name of the test.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// As an element of a list that is indented so far.
    pub fn yaml(&self, indent: &str) -> String {
        let mut lines = vec![format!("- name: {}", scalar(&self.name))];
        match &self.event {
            EventAs::File(file) => lines.push(format!("  event: {}", scalar(file))),
            EventAs::Inline(event) => {
                lines.push("  event:".to_owned());
                lines.extend(block(event, 4));
            }
        }
        let mut add = |key: &str, value: &str| lines.push(format!("  {key}: {value}"));
        if let Some(source) = &self.source {
            add("source", &scalar(source));
        }
        if let Some(query) = &self.query {
            add("query", &scalar(query));
        }
        if !self.headers.is_empty() {
            let pairs =
                self.headers.iter().map(|(name, value)| format!("{name}: {}", quoted(value)));
            add("headers", &format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", ")));
        }
        lines.push("  expect:".to_owned());
        for (key, expected) in &self.expect {
            let value = match expected {
                Expected::True => "true".to_owned(),
                Expected::Names(names) => {
                    let names: Vec<_> = names.iter().map(|name| scalar(name)).collect();
                    format!("[{}]", names.join(", "))
                }
            };
            lines.push(format!("    {key}: {value}"));
        }
        lines.iter().flat_map(|line| [indent, line, "\n"]).collect()
    }

    /// `text` with this test at its end; none if its `tests` are not at the end, or not written as a block. Whether it is
    /// what was meant is for whoever loads it.
    pub fn appended(&self, text: &str) -> Option<String> {
        let mut lines = text.lines().skip_while(|line| !line.starts_with("tests:"));
        let (newline, mut added) =
            (if text.contains("\r\n") { "\r\n" } else { "\n" }, String::new());
        if !text.is_empty() && !text.ends_with('\n') {
            added.push('\n');
        }
        let indent = match lines.next() {
            None => {
                added.push_str("\ntests:\n");
                "  ".to_owned()
            }
            Some(key) => {
                let rest: Vec<&str> = lines.collect();
                let block = key.trim_end() == "tests:" || rest_is_comment(key);
                let ends = rest
                    .iter()
                    .all(|line| line.is_empty() || line.starts_with([' ', '\t', '#', '-', '\r']));
                if !(block && ends) {
                    return None;
                }
                let first = rest.iter().find(|line| line.trim_start().starts_with('-'));
                let indent =
                    |line: &&&str| line.chars().take_while(|c| *c == ' ').collect::<String>();
                first.as_ref().map_or_else(|| "  ".to_owned(), indent)
            }
        };
        let parted = |ending: &str| {
            let ending = ending.replace('\n', newline);
            text.ends_with(&ending) && added.is_empty()
        };
        if !(added.ends_with("tests:\n") || parted("tests:\n") || parted("\n\n")) {
            added.push('\n');
        }
        added.push_str(&self.yaml(&indent));
        Some(format!("{text}{}", added.replace('\n', newline)))
    }
}

/// Whether nothing but a comment follows the key on its line.
fn rest_is_comment(key: &str) -> bool {
    key.strip_prefix("tests:").is_some_and(|rest| rest.trim_start().starts_with('#'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        Entry {
            name: "it's ${odd}: \"#1\"".to_owned(),
            event: EventAs::File("fixtures/it.json".to_owned()),
            source: None,
            query: Some("a=1&b=%20".to_owned()),
            headers: vec![("user-agent".to_owned(), "curl/8".to_owned())],
            expect: vec![
                ("to", Expected::Names(vec!["crm".to_owned(), "1".to_owned()])),
                ("rules", Expected::Names(vec!["long calls".to_owned(), "null".to_owned()])),
            ],
        }
    }

    const YAML: &str = "- name: \"it's $${odd}: \\\"#1\\\"\"
  event: fixtures/it.json
  query: \"a=1&b=%20\"
  headers: { user-agent: \"curl/8\" }
  expect:
    to: [crm, \"1\"]
    rules: [long calls, \"null\"]
";

    fn indented(by: &str) -> String {
        YAML.lines().flat_map(|line| [by, line, "\n"]).collect()
    }

    #[test]
    fn a_test_is_written_as_people_write_it() {
        assert_eq!(entry().yaml(""), YAML);
        assert_eq!(entry().yaml("    "), indented("    "));
    }

    #[test]
    fn it_goes_to_the_end_and_nothing_else_changes() {
        for (text, between, indent) in [
            ("a: 1 # kept\n", "\ntests:\n", "  "),
            ("a: 1", "\n\ntests:\n", "  "),
            ("a: 1\ntests: # ours\n- name: x\n  event: y\n# end\n", "\n", ""),
            ("tests:\n\n    # first\n    - name: x\n", "\n", "    "),
            ("tests:\n", "", "  "),
            ("tests:\n  - name: x\n\n", "", "  "),
        ] {
            let appended = entry().appended(text).expect(text);
            assert_eq!(appended, format!("{text}{between}{}", indented(indent)), "{text:?}");
        }
        let windows = entry().appended("a: 1\r\ntests:\r\n  - name: x\r\n").expect("a block");
        assert!(
            windows.starts_with("a: 1\r\ntests:\r\n  - name: x\r\n\r\n  - name: "),
            "{windows:?}"
        );
        assert!(!windows.replace("\r\n", "").contains('\n'));
        let mixed = entry().appended("a: 1\nb: 2\r\ntests:\r\n").expect("a block");
        assert!(mixed.starts_with("a: 1\nb: 2\r\ntests:\r\n  - name: "), "{mixed:?}");
    }

    #[test]
    fn where_the_end_is_another_it_is_not_put() {
        for text in ["tests: []\n", "tests: [{ name: x }]\n", "tests:\n  - name: x\nrules: []\n"] {
            assert_eq!(entry().appended(text), None, "{text:?}");
        }
    }
}
