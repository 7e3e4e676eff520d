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

/// The report as Markdown.
pub fn markdown(lines: &[Line], left_out: &[&str], seed: u64, machine: &str) -> String {
    let mut text = format!(
        "# What was proven, and what fell short\n\n\
         Written by `tests/faults/run --full`; seed {seed}; {machine}. Each scenario ends with the check of conservation\n\
         (`tests/faults/src/conservation.rs`). To repeat one: `tests/faults/run --full --only NAME --seed {seed}`.\n\n\
         | scenario | promises | what is done | count | result | seconds |\n| --- | --- | --- | --- | --- | --- |\n"
    );
    for line in lines {
        let Line { name, promises, test, count, seconds, .. } = line;
        let result = line.result();
        text.push_str(&format!(
            "| `{name}` | {promises} | {test} | {count} | {result} | {seconds} |"
        ));
        text.push('\n');
    }
    if !left_out.is_empty() {
        let names = left_out.join("`, `");
        text.push_str(&format!("\nNot in this run, so nothing is claimed for them: `{names}`.\n"));
    }
    text.push_str("\n## Notes\n\n");
    for line in lines {
        for note in &line.notes {
            text.push_str(&format!("- `{}`: {note}\n", line.name));
        }
    }
    let short: Vec<_> = lines.iter().filter(|line| !line.shortfalls.is_empty()).collect();
    if !short.is_empty() {
        text.push_str("\n## Shortfalls\n\n");
    }
    for line in short {
        for shortfall in &line.shortfalls {
            text.push_str(&format!("- `{}`: {shortfall}\n", line.name));
        }
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
