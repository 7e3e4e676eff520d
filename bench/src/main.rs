//! Measures hookswitch as it is shipped, beside a bare server, itself without a disk, and what a user would write by hand.
//! `bench/run` builds everything and starts it.

#![expect(
    clippy::disallowed_methods,
    reason = "it stands outside of the program and reads real clocks"
)]

mod backlog;
mod bare;
mod body;
mod books;
mod cell;
mod chart;
mod commit;
mod extra;
mod load;
mod memory;
mod report;
mod series;
mod sink;
mod system;
mod verdict;
mod watch;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;

use cell::Cell;
use series::{Extent, Series};
use system::{Programs, System};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures hookswitch beside others, on this machine alone
#[derive(Debug, Parser)]
enum Command {
    /// Measure everything, and print what was promised and what was reached
    Series(Arguments),
    /// Measure what looking on costs deliveries
    Watch {
        /// Who looks on
        #[arg(value_enum, default_value = "page")]
        onlooker: watch::Onlooker,
        /// The binary as it is shipped
        #[arg(long)]
        hookswitch: PathBuf,
        /// How often each side is measured, one after the other
        #[arg(long, default_value = "5")]
        rounds: u32,
    },
    /// Serve as the limit of receiving: read bodies, answer 204
    Bare,
    /// Run hookswitch over a store in memory
    Memory {
        #[arg(long)]
        config: PathBuf,
    },
}

#[derive(Debug, clap::Args)]
struct Arguments {
    /// The binary as it is shipped
    #[arg(long)]
    hookswitch: PathBuf,
    /// The folder of the Express receiver, if Node is there
    #[arg(long)]
    express: Option<PathBuf>,
    /// Two minutes instead of everything; exit code 1 on a lost event or a ratio below a third of what is promised (or three times as much, where less is better)
    #[arg(long)]
    quick: bool,
    /// How often everything is measured
    #[arg(long)]
    rounds: Option<u32>,
    /// Another server on this machine that takes the same events: NAME=http://ADDRESS:PORT
    #[arg(long, value_parser = peer)]
    peer: Vec<System>,
    /// The document whose section is written anew
    #[arg(long)]
    report: Option<PathBuf>,
    /// Where charts go
    #[arg(long)]
    charts: Option<PathBuf>,
    /// Measures only cells whose name contains this
    #[arg(long)]
    only: Option<String>,
    /// Sends so many events a second in those cells, instead of as many as are answered
    #[arg(long, requires = "only")]
    rate: Option<f64>,
}

fn peer(text: &str) -> Result<System, String> {
    let (name, address) = text.split_once('=').ok_or("a peer is NAME=http://ADDRESS:PORT")?;
    let address = cell::local(address).map_err(|error| format!("{error:#}"))?;
    Ok(System::Peer { name: name.to_owned(), address })
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    match Command::parse() {
        Command::Bare => bare::run().await?,
        Command::Memory { config } => memory::run(config).await?,
        Command::Watch { onlooker, hookswitch, rounds } => {
            let hookswitch = hookswitch.canonicalize().context("the binary")?;
            watch::run(&Programs { hookswitch, express: None }, onlooker, rounds).await?;
        }
        Command::Series(arguments) => return series(arguments).await,
    }
    Ok(ExitCode::SUCCESS)
}

async fn series(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let programs = Programs {
        hookswitch: arguments.hookswitch.canonicalize().context("the binary")?,
        express: arguments.express.map(|folder| folder.canonicalize()).transpose()?,
    };
    let extent = Extent {
        quick: arguments.quick,
        rounds: arguments.rounds.unwrap_or(if arguments.quick { 1 } else { 3 }),
        length: Duration::from_millis(if arguments.quick { 2_000 } else { 5_000 }),
    };
    if let Some(only) = arguments.only {
        let all = series::cells(extent, &programs, &arguments.peer);
        let mut series = Series::default();
        for round in 1..=extent.rounds {
            for cell in all.iter().filter(|cell| cell.name().contains(&only)) {
                let cell = Cell { rate: arguments.rate, ..cell.clone() };
                series.measure(cell, &programs, extent, round).await?;
            }
        }
        return Ok(ExitCode::SUCCESS);
    }
    let series = Series::run(extent, &programs, &arguments.peer).await?;
    let verdicts = verdict::verdicts(&series);
    let how = format!(
        "{} of {} s each. {}",
        if extent.rounds == 1 {
            "One round".to_owned()
        } else {
            format!("{} rounds", extent.rounds)
        },
        extent.length.as_secs(),
        machine()
    );
    let section = report::section(&series, &verdicts, &how);
    println!("{section}");
    if let Some(document) = arguments.report {
        report::replace(&document, &section)?;
    }
    if let Some(folder) = arguments.charts {
        report::charts(&series, &folder)?;
    }
    let void = series.void();
    for why in &void {
        println!("void: {why}");
    }
    let broken: Vec<_> = verdicts.iter().filter(|verdict| verdict.is_broken()).collect();
    for verdict in &broken {
        println!("three times worse than promised: {}: {:.2}", verdict.what, verdict.measured);
    }
    let failed = !void.is_empty() || (extent.quick && !broken.is_empty());
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Where it ran.
fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let info = read("/proc/cpuinfo");
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let memory = read("/proc/meminfo");
    let memory =
        memory.lines().next().and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    let node = std::process::Command::new("node").arg("--version").output();
    let node =
        node.ok().and_then(|output| String::from_utf8(output.stdout).ok()).unwrap_or_default();
    format!(
        "{cores} cores ({}), {} GiB, Linux {}, Node {}. Load, targets and the system under test share the cores.",
        model.map_or("unknown", |(_, model)| model),
        memory.unwrap_or(0) >> 20,
        read("/proc/sys/kernel/osrelease").trim(),
        node.trim().trim_start_matches('v')
    )
}
