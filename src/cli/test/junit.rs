//! The XML of `JUnit`, as build servers read it. There is no standard; this keeps to what all of them know.

use std::fmt::Write as _;
use std::path::Path;

use super::{Case, Outcome};
use crate::config::{Problems, Style};
use crate::trial::Difference;

const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n";

/// The whole document. Times are left out: they would say nothing about rules.
pub(super) fn document(outcome: &Outcome<'_>) -> String {
    let mut out = String::from(HEAD);
    let file = escaped(&outcome.file);
    let (tests, failed) = (outcome.tests.len(), outcome.failed);
    line(
        &mut out,
        &format!("  <testsuite name=\"{file}\" tests=\"{tests}\" failures=\"{failed}\">"),
    );
    for case in &outcome.tests {
        let name = escaped(case.name);
        let open = format!(
            "    <testcase classname=\"{file}\" name=\"{name}\" file=\"{file}\" line=\"{}\"",
            case.line
        );
        if case.ok {
            line(&mut out, &format!("{open}/>"));
        } else {
            line(&mut out, &format!("{open}>"));
            let (first, all) = told(case);
            line(
                &mut out,
                &format!(
                    "      <failure message=\"{}\">{}</failure>",
                    escaped(&first),
                    escaped(&all).replace("&#10;", "\n")
                ),
            );
            line(&mut out, "    </testcase>");
        }
    }
    line(&mut out, "  </testsuite>");
    line(&mut out, "</testsuites>");
    out
}

/// The document of a file that cannot be used: one test that could not be run, and why.
pub(super) fn refused(path: &Path, problems: &Problems) -> String {
    let file = escaped(&path.to_string_lossy());
    let first = problems.worst_first().next().map(|problem| &*problem.text).unwrap_or_default();
    let all = escaped(&problems.show(Style::Plain)).replace("&#10;", "\n");
    let mut out = String::from(HEAD);
    for text in [
        format!("  <testsuite name=\"{file}\" tests=\"1\" failures=\"0\" errors=\"1\">"),
        format!(
            "    <testcase classname=\"{file}\" name=\"the file can be used\" file=\"{file}\">"
        ),
        format!("      <error message=\"{}\">{all}</error>", escaped(first)),
        "    </testcase>".to_owned(),
        "  </testsuite>".to_owned(),
        "</testsuites>".to_owned(),
    ] {
        line(&mut out, &text);
    }
    out
}

/// The first difference, and all of them with the explanation.
fn told(case: &Case<'_>) -> (String, String) {
    let lines: Vec<_> = case.differences.iter().map(Difference::full).collect();
    let first = lines.first().cloned().unwrap_or_default();
    let mut all = lines.join("\n");
    if let Some(explanation) = &case.explanation {
        all.push_str("\n\n");
        all.push_str(&explanation.text());
    }
    (first, all)
}

fn line(out: &mut String, text: &str) {
    writeln!(out, "{text}").expect("a String takes it");
}

/// A text as XML may hold it: most control characters cannot even be escaped.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {
                out.extend(c.escape_default());
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_name_ends_an_attribute() {
        assert_eq!(
            escaped("a\"<b>&'\n\u{0}\u{ffff}é"),
            "a&quot;&lt;b&gt;&amp;'&#10;\\u{0}\\u{ffff}é"
        );
    }
}
