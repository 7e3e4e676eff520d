//! What commands print: text for people or JSON for programs, colour on terminals only.
//!
//! Every write can fail and says so: `| head` ends a command quietly instead of with a panic. Text that came from outside
//! passes [`clean`], so that no event can draw on somebody's terminal.

use std::io::{self, IsTerminal, Write};

use clap::ValueEnum;
use serde::Serialize;

use super::exit::{Exit, Failure};
use crate::config::{Environment, ProcessEnvironment, Style};

pub(super) use crate::telemetry::log::clean;

/// `--output`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(super) enum Form {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

/// The option `--output` of every command that reads.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(super) struct OutputArgs {
    /// Text for people, or JSON for programs
    #[arg(long = "output", short = 'o', value_name = "FORM", value_enum, default_value_t)]
    pub(super) form: Form,
}

/// How a piece of text stands out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ink {
    /// It went well.
    Good,
    /// It did not.
    Bad,
    /// It may not.
    Careful,
    /// What the eye should find.
    Strong,
    /// What it may pass over.
    Faint,
    /// A name that the configuration gives.
    Name,
}

impl Ink {
    /// The SGR parameters (ECMA-48) of the colour.
    const fn code(self) -> &'static str {
        match self {
            Self::Good => "32",
            Self::Bad => "31",
            Self::Careful => "33",
            Self::Strong => "1",
            Self::Faint => "2",
            Self::Name => "36",
        }
    }
}

/// Whether text to a stream may be coloured: it is a terminal that can, and nobody said no
/// (<https://no-color.org>).
pub(super) fn may_colour(terminal: bool) -> bool {
    let environment = ProcessEnvironment;
    let refused = environment.variable("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = environment.variable("TERM").is_some_and(|value| value == "dumb");
    terminal && !refused && !dumb
}

/// How problems of a configuration are shown on standard error.
pub(super) fn stderr_style() -> Style {
    if may_colour(io::stderr().is_terminal()) { Style::Coloured } else { Style::Plain }
}

/// Standard output.
pub(super) struct Out {
    stream: Box<dyn Write + Send>,
    colour: bool,
}

impl Out {
    /// The process's own.
    pub(super) fn stdout() -> Self {
        let stream = io::stdout();
        let colour = may_colour(stream.is_terminal());
        Self { stream: Box::new(stream), colour }
    }

    /// Whether it may be coloured.
    pub(super) fn coloured(&self) -> bool {
        self.colour
    }

    /// One line, or several; flushed, so that a pipe sees it at once.
    pub(super) fn line(&mut self, text: &str) -> Result<(), Failure> {
        self.stream.write_all(text.as_bytes())?;
        self.stream.write_all(b"\n")?;
        Ok(self.stream.flush()?)
    }

    /// A value as indented JSON.
    pub(super) fn json<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(value)
            .map_err(|error| Failure::because(Exit::Internal, "the answer has no JSON", &error))?;
        self.line(&text)
    }

    /// A value as one line of JSON.
    pub(super) fn json_line<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failure> {
        let text = serde_json::to_string(value)
            .map_err(|error| Failure::because(Exit::Internal, "the answer has no JSON", &error))?;
        self.line(&text)
    }

    /// `text` in `ink`, if there may be colour.
    pub(super) fn paint(&self, ink: Ink, text: &str) -> String {
        paint(self.colour, ink, text)
    }
}

/// `text` in `ink` if `colour`.
pub(super) fn paint(colour: bool, ink: Ink, text: &str) -> String {
    if colour { format!("\u{1b}[{}m{text}\u{1b}[0m", ink.code()) } else { text.to_owned() }
}

/// Columns that line up. Cells are measured in characters before they are coloured.
#[derive(Debug, Default)]
pub(super) struct Table {
    rows: Vec<Vec<(String, Option<Ink>)>>,
}

impl Table {
    /// A table under these headings.
    pub(super) fn new(headings: &[&str]) -> Self {
        let head = headings.iter().map(|text| ((*text).to_owned(), Some(Ink::Faint))).collect();
        Self { rows: vec![head] }
    }

    /// A table without headings.
    pub(super) fn bare() -> Self {
        Self::default()
    }

    /// One more row.
    pub(super) fn row<const N: usize>(&mut self, cells: [(String, Option<Ink>); N]) {
        self.rows.push(cells.into());
    }

    /// The lines.
    pub(super) fn lines(&self, colour: bool) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns)
            .map(|column| {
                let cells = self.rows.iter().filter_map(|row| row.get(column));
                cells.map(|(text, _)| text.chars().count()).max().unwrap_or(0)
            })
            .collect();
        let rows = self.rows.iter().map(|row| {
            let mut line = String::new();
            for (at, ((text, ink), width)) in row.iter().zip(&widths).enumerate() {
                line.push_str(&ink.map_or_else(|| text.clone(), |ink| paint(colour, ink, text)));
                if at + 1 < row.len() {
                    line.push_str(&" ".repeat(width - text.chars().count() + 2));
                }
            }
            line.trim_end().to_owned()
        });
        rows.collect::<Vec<_>>().join("\n")
    }
}

/// A plain cell. Text from outside cannot draw on the terminal, nor fill it.
pub(super) fn cell(text: impl Into<String>) -> (String, Option<Ink>) {
    (clean(&text.into()), None)
}

/// A cell in `ink`.
pub(super) fn inked(text: impl Into<String>, ink: Ink) -> (String, Option<Ink>) {
    (clean(&text.into()), Some(ink))
}

/// A number and its noun, in the plural where it belongs: `1 error`, `3 errors`.
pub(super) fn count(number: u64, noun: &str) -> String {
    match (number, noun.strip_suffix('y')) {
        (1, _) => format!("1 {noun}"),
        (_, Some(stem)) => format!("{number} {stem}ies"),
        _ => format!("{number} {noun}s"),
    }
}

/// A number of bytes for people.
pub(super) fn bytes(number: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let mut tenths = number.saturating_mul(10);
    let mut shown = format!("{number} B");
    for unit in UNITS {
        tenths /= 1024;
        if tenths < 10 {
            break;
        }
        shown = format!("{}.{} {unit}", tenths / 10, tenths % 10);
    }
    shown
}

/// A moment of the API, to the second: `2026-01-31 08:00:00Z`.
pub(super) fn moment(rfc3339: &str) -> String {
    let text = clean(rfc3339);
    match (text.split_once('T'), text.split_once('.')) {
        (Some((date, _)), Some((upto, _))) => {
            let time = upto.get(date.len() + 1..).unwrap_or_default();
            format!("{date} {time}Z")
        }
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_whatever_their_colour() {
        let mut table = Table::new(&["NAME", "PENDING"]);
        table.row([inked("crm", Ink::Name), cell("12")]);
        table.row([inked("café-slack", Ink::Name), cell("0")]);
        assert_eq!(table.lines(false), "NAME        PENDING\ncrm         12\ncafé-slack  0");
        let plain = table.lines(true).replace("\u{1b}[0m", "");
        assert_eq!(plain.replace("\u{1b}[36m", "").replace("\u{1b}[2m", ""), table.lines(false));
    }

    #[test]
    fn sizes_and_moments_are_short() {
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(2836), "2.7 KiB");
        assert_eq!(bytes(10 << 30), "10.0 GiB");
        assert_eq!(moment("2026-01-31T08:00:00.123Z"), "2026-01-31 08:00:00Z");
        assert_eq!(moment("-5ms"), "-5ms");
    }

    #[test]
    fn nouns_follow_their_numbers() {
        assert_eq!(count(1, "error"), "1 error");
        assert_eq!(count(0, "warning"), "0 warnings");
        assert_eq!(count(2, "delivery"), "2 deliveries");
    }
}
