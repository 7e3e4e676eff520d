//! `--output github`: problems as workflow commands, which GitHub shows as annotations of the lines of a pull request.
//! <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands>
//!
//! Whatever stands in the file ends up on lines that a runner reads as commands, so all of it is escaped, and control characters
//! are taken out.

use std::path::Path;

use super::message;
use crate::config::{Level, Places, Problem};

/// The command for one problem.
pub(super) fn command(path: &Path, places: &Places<'_>, problem: &Problem) -> String {
    let level = match problem.level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Note => "notice",
    };
    let file = property(&path.to_string_lossy());
    let place = places.region(problem).map_or_else(String::new, |region| {
        let (line, column) = region.from;
        let (end_line, end_column) = region.to;
        // GitHub takes columns only where a finding is on one line.
        if line == end_line {
            format!(",line={line},endLine={line},col={column},endColumn={end_column}")
        } else {
            format!(",line={line},endLine={end_line}")
        }
    });
    let title = property(&format!("{}: {}", problem.code, problem.code.title()));
    format!("::{level} file={file}{place},title={title}::{}", data(&message(problem)))
}

/// The text of a command.
fn data(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '%' => escaped.push_str("%25"),
            '\r' => escaped.push_str("%0D"),
            '\n' => escaped.push_str("%0A"),
            c if c.is_control() => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A property of a command, which also ends at a comma or a colon.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{MapEnvironment, Overrides, load_text};

    #[test]
    fn what_stands_in_a_file_ends_no_command_and_begins_none() {
        assert_eq!(data("100 %\n::error::x\r\u{1b}[31m"), "100 %25%0A::error::x%0D\u{fffd}[31m");
        assert_eq!(property("a:b,c%\n"), "a%3Ab%2Cc%25%0A");
    }

    #[test]
    fn each_problem_is_one_line_with_its_place() {
        let name = "a,b:c\n.yaml";
        let text = "version: 1\nsources: { retell: { path: /webhook, verify: none } }\n\"x\\n::error::y\": 1\n";
        let loaded =
            load_text(text, Path::new(name), &MapEnvironment::default(), &Overrides::default());
        let problems = loaded.expect_err("it has an unknown key");
        let lines: Vec<_> = problems
            .list
            .iter()
            .map(|problem| command(Path::new(name), &problems.places(), problem))
            .collect();
        assert_eq!(lines.len(), 1, "{lines:?}");
        let begin = "::error file=a%2Cb%3Ac%0A.yaml,line=3,endLine=3,col=1,endColumn=16,title=HS101%3A an unknown key::";
        assert!(
            lines.iter().all(|line| line.starts_with(begin) && !line.contains('\n')),
            "{lines:?}"
        );
    }
}
