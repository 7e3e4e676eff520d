//! `docs/lint.md` and the codes of the program tell the same, and each example of the document has the problem that it is an
//! example of, and no other.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use hookswitch::config::{self, Advice, Code, Level, MapEnvironment, Overrides, Problem};
use hookswitch::trial;

/// Codes without an example, because no text of a file brings them about.
const NO_EXAMPLE: [(Code, &str); 8] = [
    (Code::Unreadable, "there is no file"),
    (Code::NotText, "a document cannot show a control character"),
    (Code::NotLent, "it takes a text that is posted"),
    (Code::DefaultTaken, "it takes a text that is posted"),
    (Code::TestsNotRun, "it takes five seconds"),
    (Code::RateExceeded, "it takes a running instance"),
    (Code::MoreProblems, "it takes a thousand problems"),
    (Code::Internal, "we know of none"),
];

struct Section {
    heading: String,
    text: String,
}

impl Section {
    /// Its blocks of YAML: the word behind `yaml`, and the text.
    fn blocks(&self) -> Vec<(&str, &str)> {
        let blocks = self.text.split("```yaml").skip(1).map(|block| {
            let (word, rest) = block.split_once('\n').expect("a block has lines");
            (word.trim(), rest.split("```").next().expect("a block ends"))
        });
        blocks.collect()
    }
}

fn document() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/lint.md");
    fs::read_to_string(path).expect("the document is there")
}

fn sections(document: &str) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    let mut fenced = false;
    for line in document.lines() {
        fenced ^= line.starts_with("```");
        match sections.last_mut() {
            _ if line.starts_with('#') && !fenced => {
                sections.push(Section { heading: line.to_owned(), text: String::new() });
            }
            Some(section) => section.text.extend([line, "\n"]),
            None => {}
        }
    }
    sections
}

/// The sections of codes, each with its code.
fn explained(document: &str) -> Vec<(String, Section)> {
    let sections = sections(document).into_iter();
    sections
        .filter_map(|section| Some((section.heading.strip_prefix("### ")?.to_owned(), section)))
        .collect()
}

/// A fragment shows some keys of a file; what it leaves out is put before it.
fn completed(fragment: &str) -> String {
    let rest = [
        ("version", "version: 1"),
        ("sources", "sources: { retell: { path: /webhook, verify: none } }"),
        ("targets", "targets: { crm: { kind: log } }"),
        ("rules", "rules: [{ name: all, to: crm }]"),
    ];
    let has = |key: &str| fragment.lines().any(|line| line.starts_with(&format!("{key}:")));
    let before = rest.iter().filter(|(key, _)| !has(key)).map(|(_, line)| format!("{line}\n"));
    before.chain([fragment.to_owned()]).collect()
}

/// What is found in a text, notes and tests included.
fn found(text: &str) -> Vec<Problem> {
    let key = ("RETELL_API_KEY".to_owned(), "key_of_a_test".to_owned());
    let environment = MapEnvironment(BTreeMap::from([key]));
    let overrides = Overrides { advice: Advice::Notes, ..Overrides::default() };
    let loaded = config::load_text(text, Path::new("rules.yaml"), &environment, &overrides);
    match loaded.and_then(trial::prove) {
        Ok(snapshot) => snapshot.warnings.list,
        Err(problems) => problems.list,
    }
}

#[test]
fn every_code_has_its_section_and_every_section_its_code() {
    let document = document();
    let explained = explained(&document);
    let codes: Vec<String> = Code::ALL.iter().map(ToString::to_string).collect();
    let headings: Vec<&str> = explained.iter().map(|(code, _)| code.as_str()).collect();
    assert_eq!(headings, codes, "the sections are the codes, in their order");
    for (code, (_, section)) in Code::ALL.iter().zip(&explained) {
        let (title, level, about) = (code.title(), code.level().as_str(), code.about());
        let mut letters = title.chars();
        let first = letters.next().expect("a title").to_uppercase();
        let line = format!("**{first}{}** ({level}). {about}\n", letters.as_str());
        let begins = section.text.trim_start().starts_with(&line);
        assert!(begins, "the section {code} begins with another line than\n{line}");
        let row =
            format!("| [{code}](#{}) | {level} | {title} |\n", code.to_string().to_lowercase());
        assert!(document.contains(&row), "the table has no row\n{row}");
    }
}

#[test]
fn every_example_has_the_problem_that_it_shows() {
    let explained = explained(&document());
    for (code, (_, section)) in Code::ALL.iter().zip(&explained) {
        let blocks = section.blocks();
        if let Some((_, why)) = NO_EXAMPLE.iter().find(|(none, _)| none == code) {
            assert!(blocks.is_empty(), "{code} has an example, though {why}");
            continue;
        }
        let [(kind, text)] = *blocks else { panic!("{code} has {} examples", blocks.len()) };
        let whole = match kind {
            "fragment" => completed(text),
            "whole" => text.to_owned(),
            other => panic!("```yaml {other}"),
        };
        let found = found(&whole);
        // A rule that takes the rest overlaps with every other; that is no fault of the example.
        let others = found.iter().filter(|problem| ![*code, Code::Overlap].contains(&problem.code));
        assert_eq!(others.collect::<Vec<_>>(), Vec::<&Problem>::new(), "in the example of {code}");
        let yields = found.iter().any(|problem| problem.code == *code);
        assert!(yields, "the example of {code}:\n{whole}");
    }
}

#[test]
fn what_the_document_allows_is_not_found() {
    let document = document();
    let sections = sections(&document);
    let allowed: Vec<_> =
        sections.iter().flat_map(Section::blocks).filter(|(kind, _)| *kind == "allowed").collect();
    assert_eq!(allowed.len(), 1);
    for (_, text) in allowed {
        let shown = |text: &str| -> Vec<_> {
            let found = found(&completed(text)).into_iter();
            found.filter(|problem| problem.level == Level::Warning).collect()
        };
        assert_eq!(shown(text), []);
        let said = text.lines().map(|line| line.split('#').next().unwrap_or_default());
        let without = said.collect::<Vec<_>>().join("\n");
        assert_eq!(shown(&without).len(), 2, "without its comments");
    }
}
