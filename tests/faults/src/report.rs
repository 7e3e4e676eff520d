//! What was shown: the table on the terminal, and the report for the documents.

use std::path::Path;

/// One line of the table.
#[derive(Debug)]
pub struct Line {
    pub name: &'static str,
    pub promises: &'static str,
    pub test: &'static str,
    pub count: String,
    pub shortfalls: Vec<String>,
    pub notes: Vec<String>,
    pub seconds: u64,
}

impl Line {
    fn result(&self) -> &'static str {
        if self.shortfalls.is_empty() { "held" } else { "SHORTFALL" }
    }

    /// As soon as it is known.
    pub fn show(&self) {
        println!("{:<14} {:<12} {:>5} s  {}", self.name, self.result(), self.seconds, self.count);
        for shortfall in &self.shortfalls {
            println!("    shortfall: {shortfall}");
        }
        for note in &self.notes {
            println!("    {note}");
        }
    }
}

/// The report as Markdown. What it does not tell anew is kept from an `old` report: each row says with which seed it was made,
/// so that a scenario can be run again by itself.
pub fn markdown(lines: &[Line], all: &[&str], seed: u64, machine: &str, old: &str) -> String {
    let mut text = format!(
        "# What was proven, and what fell short\n\n\
         Written by `tests/faults/run --full`, last on {machine}. Each scenario ends with the check of conservation\n\
         (`tests/faults/src/conservation.rs`). To repeat one: `tests/faults/run --full --only NAME --seed SEED`; its row is then\n\
         written anew.\n\n\
         | scenario | promises | what is done | count | result | seconds | seed |\n| --- | --- | --- | --- | --- | --- | --- |\n"
    );
    let mut missing = Vec::new();
    let (mut notes, mut shortfalls) = (String::new(), String::new());
    let begins = |name: &str, mark: &str| format!("{mark} `{name}`");
    // Behind the mark stand tables of other things, which may have the same names.
    let old = old.find(KEPT).map_or(old, |at| &old[..at]);
    for name in all {
        let Some(line) = lines.iter().find(|line| line.name == *name) else {
            let of_old = |mark: &str| {
                let lines = old.lines().filter(|line| line.starts_with(&begins(name, mark)));
                lines.map(|line| format!("{line}\n")).collect::<String>()
            };
            let row = of_old("|");
            if row.is_empty() {
                missing.push(*name);
            }
            text.push_str(&row);
            notes.push_str(&of_old("-"));
            shortfalls.push_str(&of_old("*"));
            continue;
        };
        let Line { promises, test, count, seconds, .. } = line;
        let (result, row) = (line.result(), begins(name, "|"));
        text.push_str(&format!(
            "{row} | {promises} | {test} | {count} | {result} | {seconds} | {seed} |\n"
        ));
        for note in &line.notes {
            notes.push_str(&format!("{}: {note}\n", begins(name, "-")));
        }
        for shortfall in &line.shortfalls {
            shortfalls.push_str(&format!("{}: {shortfall}\n", begins(name, "*")));
        }
    }
    if !missing.is_empty() {
        let names = missing.join("`, `");
        text.push_str(&format!("\nNever run, so nothing is claimed for them: `{names}`.\n"));
    }
    text.push_str(&format!("\n## Notes\n\n{notes}"));
    if !shortfalls.is_empty() {
        text.push_str(&format!("\n## Shortfalls\n\n{shortfalls}"));
    }
    text
}

/// Behind this mark stands what other runs found; a new report keeps it.
const KEPT: &str = "\n<!-- what follows is kept -->\n";

/// What a report has behind the mark, and the mark.
pub fn kept(old: &str) -> String {
    old.find(KEPT).map_or_else(|| KEPT.to_owned(), |at| old[at..].to_owned())
}

/// Where it ran: cores, memory, kernel, and the file system of the temporary folder.
pub fn machine(folder: &Path) -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = read("/proc/meminfo");
    let kib =
        memory.lines().next().and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    let kernel = read("/proc/sys/kernel/osrelease");
    let mounts = read("/proc/mounts");
    let real = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let system = mounts
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ').skip(1);
            Some((words.next()?, words.next()?))
        })
        .filter(|(at, _)| real.starts_with(at))
        .max_by_key(|(at, _)| at.len())
        .map_or("unknown", |(_, kind)| kind);
    format!(
        "{cores} cores, {} GiB, Linux {}, temporary folder on {system}",
        kib.unwrap_or(0) >> 20,
        kernel.trim()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_that_runs_again_replaces_its_row_and_keeps_the_others() {
        let line = |name, count: &str, shortfall: Option<&str>| Line {
            name,
            promises: "P1",
            test: "a test",
            count: count.to_owned(),
            shortfalls: shortfall.into_iter().map(str::to_owned).collect(),
            notes: vec![format!("a note of {name}")],
            seconds: 1,
        };
        let all = ["kill", "reload", "text"];
        let first = [line("kill", "1 kill", Some("lost")), line("reload", "2 reloads", None)];
        let old = markdown(&first, &all, 7, "a machine", "");
        assert!(old.contains("claimed for them: `text`"));
        assert!(old.contains("* `kill`: lost\n"));
        let old = format!("{old}{KEPT}\n| `reload` | of another table |\n");
        let new = markdown(&[line("kill", "9 kills", None)], &all, 8, "a machine", &old);
        assert!(new.contains(
            "| 9 kills | held | 1 | 8 |\n| `reload` | P1 | a test | 2 reloads | held | 1 | 7 |\n"
        ));
        assert!(new.contains("- `reload`: a note of reload\n") && !new.contains("lost"));
        assert!(!new.contains("another table"), "{new}");
    }
}
