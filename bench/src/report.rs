//! What was measured, as Markdown between two marks of a document, and as charts beside it.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, ensure};

use crate::cell::{Cell, bytes};
use crate::chart::{Group, bars, thousands};
use crate::series::{Series, spread};
use crate::verdict::{Bound, Verdict};

const BEGIN: &str = "<!-- bench/run writes from here -->\n";
const END: &str = "<!-- to here -->\n";

/// The section of the document.
pub fn section(series: &Series, verdicts: &[Verdict], how: &str) -> String {
    let mut text =
        format!("{how}\n\n| what | promised | measured | |\n| --- | --- | --- | --- |\n");
    for verdict in verdicts {
        let Verdict { what, bound, unit, .. } = verdict;
        let space = if unit.is_empty() { "" } else { " " };
        let (word, number) = match bound {
            Bound::AtLeast(number) => ("at least", number),
            Bound::AtMost(number) => ("at most", number),
        };
        let met = if verdict.is_met() { "met" } else { "**not met**" };
        let measured = if unit.is_empty() {
            format!("{:.2}", verdict.measured)
        } else {
            format!("{:.1}", verdict.measured)
        };
        line(
            &mut text,
            &format!("| {what} | {word} {number}{space}{unit} | {measured}{space}{unit} | {met} |"),
        );
    }
    text.push_str(
        "\nMedians of the rounds, with the least and the most. CPU is the system's own, for each accepted event with its deliveries.\n",
    );
    text.push_str(
        "An answer counts from when its event was due, or sent, if its connection was free by then; an arrival from when it was sent.\n\n",
    );
    text.push_str("| system | accepted/s | delivered/s | CPU µs | answer p50 · p99 · p99.9 ms | arrival p50 · p99 ms | memory MB | written KB | refused |\n");
    text.push_str("| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n");
    for cell in &series.cells {
        let samples = &series.samples[&cell.name()];
        let of = |of: &dyn Fn(&crate::cell::Sample) -> f64| spread(samples.iter().map(of));
        let [least, accepted, most] = of(&|sample| sample.accepted);
        let middle =
            |of: &dyn Fn(&crate::cell::Sample) -> f64| thousands(spread(samples.iter().map(of))[1]);
        line(
            &mut text,
            &format!(
                "| {} | {} ({}–{}) | {} | {} | {} · {} · {} | {} · {} | {} | {} | {:.0} |",
                cell.name(),
                thousands(accepted),
                thousands(least),
                thousands(most),
                if cell.system.forwards() && cell.targets > 0 {
                    middle(&|s| s.delivered)
                } else {
                    "–".to_owned()
                },
                middle(&|s| s.cpu),
                middle(&|s| s.answer[0] / 1e3),
                middle(&|s| s.answer[1] / 1e3),
                middle(&|s| s.answer[2] / 1e3),
                middle(&|s| s.arrival[0] / 1e3),
                middle(&|s| s.arrival[1] / 1e3),
                middle(&|s| s.peak / 1e6),
                middle(&|s| s.written / 1e3),
                of(&|s| s.refused)[1],
            ),
        );
    }
    for (what, prints) in [
        ("Idle, empty store", &series.idle),
        ("Idle, 1,000,000 pending deliveries of a dead target", &series.backlog),
    ] {
        if !prints.is_empty() {
            let [_, ready, _] = spread(prints.iter().map(|print| print.ready));
            let [_, resident, _] = spread(prints.iter().map(|print| print.resident / 1e6));
            line(
                &mut text,
                &format!(
                    "\n{what}: ready after {ready:.0} ms, {resident:.1} MB resident five seconds later."
                ),
            );
        }
    }
    text
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("a String takes it");
}

/// Replaces what stands between the marks.
pub fn replace(document: &Path, section: &str) -> anyhow::Result<()> {
    let text =
        std::fs::read_to_string(document).with_context(|| format!("{}", document.display()))?;
    let begin = text.find(BEGIN).context("the document has no mark where to begin")? + BEGIN.len();
    let end = text.find(END).context("the document has no mark where to end")?;
    ensure!(begin <= end, "the marks stand the wrong way round");
    let new = format!("{}{section}{}", &text[..begin], &text[end..]);
    Ok(std::fs::write(document, new)?)
}

/// Draws the systems side by side.
pub fn charts(series: &Series, folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)?;
    let side_by_side = |of: &dyn Fn(&crate::cell::Sample) -> f64, all: bool| {
        let mut groups: Vec<Group> = Vec::new();
        for cell in &series.cells {
            if *cell != Cell::new(cell.system.clone(), cell.size)
                || !(all || cell.system.forwards())
            {
                continue;
            }
            let name = bytes(cell.size);
            if groups.last().is_none_or(|group| group.name != name) {
                groups.push(Group { name, bars: Vec::new() });
            }
            let bar = (cell.system.name().to_owned(), series.median(cell, of).unwrap_or(f64::NAN));
            groups.last_mut().expect("just pushed").bars.push(bar);
        }
        groups
    };
    let accepted = side_by_side(&|sample| sample.accepted, true);
    let delivered = side_by_side(&|sample| sample.delivered, false);
    let cpu = side_by_side(&|sample| sample.cpu, true);
    for (file, chart) in [
        ("accepted.svg", bars("Accepted events, two targets", "events/s", &accepted)),
        ("delivered.svg", bars("Events delivered to both targets", "events/s", &delivered)),
        ("cpu.svg", bars("CPU for an event (less is better)", "µs", &cpu)),
    ] {
        std::fs::write(folder.join(file), chart)?;
    }
    Ok(())
}
