//! Proves the promises of `docs/operations.md` on the real binary: it is run as a child, hurt in every way that is known,
//! and the books are balanced at the end of each scenario.
//!
//! The books are kept out here, in another process: what was sent, what was answered, what each target received. Only
//! then are they held against what the store says. `tests/faults/run` builds what is needed and calls this.

#![expect(
    clippy::disallowed_methods,
    reason = "the driver is a program of its own: it reads the clock and spawns as it likes"
)]

mod conservation;
mod disk;
mod instance;
mod ledger;
mod receiver;
mod report;
mod scenario;
mod sender;
mod wire;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;

use report::Line;
use scenario::{Context, SCENARIOS};

/// Runs the fault scenarios and prints a table; fails on any shortfall.
#[derive(Debug, Parser)]
struct Arguments {
    /// The long form: the numbers that are published.
    #[arg(long)]
    full: bool,
    /// Only the scenarios with this name; may be repeated.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Repeats a run: the same seed makes the same choices.
    #[arg(long)]
    seed: Option<u64>,
    /// The binary as it is shipped.
    #[arg(long)]
    binary: PathBuf,
    /// The binary with the feature `faults`.
    #[arg(long)]
    faulty: PathBuf,
    /// The library that stands between the binary and the disk.
    #[arg(long)]
    shim: Option<PathBuf>,
    /// Where everything that the instances print is kept.
    #[arg(long)]
    logs: PathBuf,
    /// A bug that is planted in each instance of the binary with the feature `faults`, which is then used everywhere.
    #[arg(long)]
    plant: Option<String>,
    /// Writes the report here.
    #[arg(long)]
    report: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let seed = arguments.seed.unwrap_or_else(|| u64::from(rand::random::<u32>()));
    match run(arguments, seed).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("the fault suite itself failed: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Runs what was asked for; whether all of it held.
async fn run(arguments: Arguments, seed: u64) -> anyhow::Result<bool> {
    let only = arguments.only.clone();
    let wanted = |name: &str| only.is_empty() || only.iter().any(|chosen| chosen == name);
    let chosen: Vec<_> = SCENARIOS.iter().filter(|scenario| wanted(scenario.name)).collect();
    for name in &arguments.only {
        if !SCENARIOS.iter().any(|scenario| scenario.name == name) {
            let known: Vec<_> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
            anyhow::bail!("there is no scenario {name}; there are {}", known.join(", "));
        }
    }
    std::fs::create_dir_all(&arguments.logs)?;
    let report = arguments.report.clone();
    let machine = report::machine(&std::env::temp_dir());
    println!("seed {seed}; {machine}");
    let context = Context::new(arguments, seed);
    let mut lines = Vec::new();
    for scenario in chosen {
        let began = Instant::now();
        let mut outcome =
            (scenario.run)(&context).await.unwrap_or_else(|error| scenario::Outcome {
                count: "broke off".to_owned(),
                shortfalls: vec![format!("it broke off: {error:#}")],
                notes: Vec::new(),
            });
        if outcome.count.is_empty() {
            outcome.shortfalls.push("it counted nothing".to_owned());
        }
        let line = Line {
            name: scenario.name,
            promises: scenario.promises,
            test: scenario.test,
            count: outcome.count,
            shortfalls: outcome.shortfalls,
            notes: outcome.notes,
            seconds: began.elapsed().as_secs(),
        };
        line.show();
        lines.push(line);
    }
    if let Some(report) = report {
        let old = std::fs::read_to_string(&report).unwrap_or_default();
        let all: Vec<_> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
        let written = report::markdown(&lines, &all, seed, &machine, &old);
        std::fs::write(report, written + &report::kept(&old))?;
    }
    let held = lines.iter().filter(|line| line.shortfalls.is_empty()).count();
    println!("{held} of {} scenarios held", lines.len());
    Ok(held == lines.len())
}
