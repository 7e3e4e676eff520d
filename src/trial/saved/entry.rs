//! A test as text, and putting it at the end of a file of which every other byte stays as it is, comments included.

use serde_json::{Map, Value};

use super::place::Place;
use super::yaml::{block, flow, quoted, scalar};

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

    /// In the form that fits there.
    pub fn fitting(&self, place: &Place) -> String {
        match place {
            Place::Missing => format!("tests:\n{}", self.yaml("  ")),
            Place::Last(indent) | Place::NotLast(indent) => self.yaml(indent),
            // Indented, since YAML wants that of lines in brackets.
            Place::Brackets { .. } => format!("  {}\n", self.flow()),
            Place::Braces => format!("  \"tests\": [{}]\n", self.flow()),
            Place::Odd => self.yaml("  "),
        }
    }

    /// On one line, as JSON and YAML share it.
    fn flow(&self) -> String {
        let text = |text: &str| Value::from(text);
        let mut whole = Map::new();
        whole.insert("name".to_owned(), text(&self.name));
        let event = match &self.event {
            EventAs::File(file) => text(file),
            EventAs::Inline(event) => event.clone(),
        };
        whole.insert("event".to_owned(), event);
        whole.extend(self.source.iter().map(|source| ("source".to_owned(), text(source))));
        whole.extend(self.query.iter().map(|query| ("query".to_owned(), text(query))));
        if !self.headers.is_empty() {
            let headers = self.headers.iter().map(|(name, value)| (name.clone(), text(value)));
            whole.insert("headers".to_owned(), Value::Object(headers.collect()));
        }
        let expect = self.expect.iter().map(|(key, expected)| {
            let value = match expected {
                Expected::True => Value::from(true),
                Expected::Names(names) => Value::from(names.clone()),
            };
            ((*key).to_owned(), value)
        });
        whole.insert("expect".to_owned(), Value::Object(expect.collect()));
        flow(&Value::Object(whole))
    }

    /// `text` with this test at its end; none if that is not the place of its tests. Whether it is what was meant is for
    /// whoever loads it.
    pub fn appended(&self, text: &str, place: &Place) -> Option<String> {
        let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
        let mut added = String::new();
        if !text.is_empty() && !text.ends_with('\n') {
            added.push('\n');
        }
        match place {
            Place::Missing => added.push('\n'),
            Place::Last(_) => {
                let parted = |ending: &str| text.ends_with(&ending.replace('\n', newline));
                if !(added.is_empty() && (parted("tests:\n") || parted("\n\n"))) {
                    added.push('\n');
                }
            }
            Place::NotLast(_) | Place::Brackets { .. } | Place::Braces | Place::Odd => return None,
        }
        added.push_str(&self.fitting(place));
        Some(format!("{text}{}", added.replace('\n', newline)))
    }
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

    fn appended(text: &str) -> Option<String> {
        let tests = text.matches("name: ").count();
        entry().appended(text, &Place::of(text, tests))
    }

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
            let appended = appended(text).expect(text);
            assert_eq!(appended, format!("{text}{between}{}", indented(indent)), "{text:?}");
        }
        let windows = appended("a: 1\r\ntests:\r\n  - name: x\r\n").expect("a block");
        assert!(
            windows.starts_with("a: 1\r\ntests:\r\n  - name: x\r\n\r\n  - name: "),
            "{windows:?}"
        );
        assert!(!windows.replace("\r\n", "").contains('\n'));
        let mixed = appended("a: 1\nb: 2\r\ntests:\r\n").expect("a block");
        assert!(mixed.starts_with("a: 1\nb: 2\r\ntests:\r\n  - name: "), "{mixed:?}");
    }

    #[test]
    fn where_the_end_is_another_it_is_not_put() {
        for text in ["tests: []\n", "tests: [{ name: x }]\n", "tests:\n  - name: x\nrules: []\n"] {
            assert_eq!(appended(text), None, "{text:?}");
        }
    }

    #[test]
    fn in_brackets_and_braces_it_is_json() {
        let flow = "{ \"name\": \"it's $${odd}: \\\"#1\\\"\", \"event\": \"fixtures/it.json\", \"query\": \"a=1&b=%20\", \
            \"headers\": { \"user-agent\": \"curl/8\" }, \
            \"expect\": { \"to\": [\"crm\", \"1\"], \"rules\": [\"long calls\", \"null\"] } }";
        assert_eq!(entry().fitting(&Place::Brackets { empty: true }), format!("  {flow}\n"));
        let whole = entry().fitting(&Place::Braces);
        assert_eq!(whole, format!("  \"tests\": [{flow}]\n"));
        assert!(serde_json::from_str::<Value>(&format!("{{{whole}}}")).is_ok());
    }
}
