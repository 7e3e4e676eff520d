//! The scenarios. Each is a file; the table says what it proves and how.

mod admin;
mod canaries;
mod damage;
mod disk;
mod ingress;
mod kill;
mod owner;
mod power_loss;
mod reload;
mod restore;
mod retry;
mod signature;
mod sigterm;
mod stopped;
mod sync_audit;
mod targets;
mod text;

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Context as _;
use rand::SeedableRng;
use rand::rngs::SmallRng;
use tempfile::TempDir;

use crate::instance::Launch;

/// What a scenario is given.
#[derive(Debug)]
pub struct Context {
    /// The long form.
    pub full: bool,
    pub seed: u64,
    /// The binary as it is shipped.
    pub binary: PathBuf,
    /// The binary with the feature `faults`.
    pub faulty: PathBuf,
    /// The library that stands between the binary and the disk, if this system can have it.
    pub shim: Option<PathBuf>,
    /// Where everything that instances print is kept.
    pub logs: PathBuf,
    /// A bug that is planted everywhere.
    pub plant: Option<String>,
    started: AtomicU32,
}

impl Context {
    /// One of two numbers.
    pub fn pick<T>(&self, short: T, full: T) -> T {
        if self.full { full } else { short }
    }

    /// The dice of a scenario: its own row of numbers for each name.
    pub fn dice(&self, name: &str) -> SmallRng {
        let salt =
            name.bytes().fold(0_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        SmallRng::seed_from_u64(self.seed ^ salt)
    }

    /// How to start the binary in a folder, which holds its `rules.yaml`.
    pub fn launch(&self, name: &str, folder: &Path) -> Launch {
        let number = self.started.fetch_add(1, Ordering::Relaxed);
        let mut env = Vec::new();
        if let Some(plant) = &self.plant {
            env.push(("HOOKSWITCH_PLANT".to_owned(), plant.clone()));
        }
        Launch {
            binary: if self.plant.is_some() { self.faulty.clone() } else { self.binary.clone() },
            folder: folder.to_owned(),
            before: Vec::new(),
            admin: "127.0.0.1:0".to_owned(),
            env,
            log: self.logs.join(format!("{name}-{number}.log")),
        }
    }

    /// The same with a point of the program where something happens: `NAME=kill@N` kills it there the Nth time.
    pub fn launch_with_point(&self, name: &str, folder: &Path, point: &str) -> Launch {
        let mut launch = self.launch(name, folder);
        launch.binary = self.faulty.clone();
        launch.env.push(("HOOKSWITCH_POINT".to_owned(), point.to_owned()));
        launch
    }
}

/// A folder with this configuration.
pub fn folder(rules: &str) -> anyhow::Result<TempDir> {
    let folder = tempfile::tempdir().context("a folder for a scenario")?;
    std::fs::write(folder.path().join("rules.yaml"), rules)?;
    Ok(folder)
}

/// What came of a scenario.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What was counted, with its number: "50 kills, 12,000 events answered".
    pub count: String,
    /// Everything that was promised and did not hold.
    pub shortfalls: Vec<String>,
    pub notes: Vec<String>,
}

impl Outcome {
    /// Notes a shortfall unless it holds.
    pub fn hold(&mut self, holds: bool, otherwise: impl FnOnce() -> String) {
        if !holds {
            self.shortfalls.push(otherwise());
        }
    }
}

type Running<'a> = Pin<Box<dyn Future<Output = anyhow::Result<Outcome>> + 'a>>;

/// One scenario.
pub struct Scenario {
    pub name: &'static str,
    /// The promises of the reliability section that it proves.
    pub promises: &'static str,
    /// What is done, in a sentence.
    pub test: &'static str,
    pub run: for<'a> fn(&'a Context) -> Running<'a>,
}

/// All of them, in the order in which they run.
pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "kill",
        promises: "P1 P2 P4",
        test: "SIGKILL at random moments under load and at named points; everything answered 2xx reaches every target",
        run: |context| Box::pin(kill::run(context)),
    },
    Scenario {
        name: "sigterm",
        promises: "P10",
        test: "SIGTERM at random moments under load, with idle, half-sent and slow clients; exit 0 in time, nothing lost or reset",
        run: |context| Box::pin(sigterm::run(context)),
    },
    Scenario {
        name: "stopped",
        promises: "P1 P2 P8",
        test: "SIGSTOP and SIGCONT under load: what was answered is delivered, what was under way may come twice, and no more",
        run: |context| Box::pin(stopped::run(context)),
    },
    Scenario {
        name: "reload",
        promises: "P9",
        test: "the file is written in bursts, in ten ways, whole, half and broken, at 500 events/s; each event was routed as its revision says",
        run: |context| Box::pin(reload::run(context)),
    },
    Scenario {
        name: "admin",
        promises: "P3 P14",
        test: "the admin listener asked by strangers: token, Host, Origin, forms, framing, paths; made-up names leave the metrics' series as many as they were",
        run: |context| Box::pin(admin::run(context)),
    },
    Scenario {
        name: "ingress",
        promises: "P3 P13",
        test: "doubtful framing, slow and broken requests, documents that are none, thousands of idle and slow connections beside healthy senders",
        run: |context| Box::pin(ingress::run(context)),
    },
    Scenario {
        name: "signature",
        promises: "P11",
        test: "signed requests changed at random and by a table, over HTTP, against a reading of our own; keys rotated; a replay after SIGKILL",
        run: |context| Box::pin(signature::run(context)),
    },
    Scenario {
        name: "retry",
        promises: "P2 P8",
        test: "targets that ask for time with 429 and 503, and one that closes connections as they are used again",
        run: |context| Box::pin(retry::run(context)),
    },
    Scenario {
        name: "targets",
        promises: "P7 P8 P13",
        test: "over a hundred hostile targets, each with what must come of its delivery; one good target among bad ones keeps its latency, and so does the ingress",
        run: |context| Box::pin(targets::run(context)),
    },
    Scenario {
        name: "restore",
        promises: "P1 P2",
        test: "a backup taken under load replaces a lost folder; what was answered before it began is in it and is delivered",
        run: |context| Box::pin(restore::run(context)),
    },
    Scenario {
        name: "power-loss",
        promises: "P1 P2 P5",
        test: "states that a disk may leave, rebuilt from the real writes and syncs: lost, torn at 512 B and 4 KiB, in any order; each is recovered and held against the answers",
        run: |context| Box::pin(power_loss::run(context)),
    },
    Scenario {
        name: "sync-audit",
        promises: "P1",
        test: "under a tracer, no 204 begins to leave before a sync has returned that covers the commit of its event",
        run: |context| Box::pin(sync_audit::run(context)),
    },
    Scenario {
        name: "disk",
        promises: "P1 P3 P6",
        test: "each call on the data folder fails, once and for ever; a small disk filled and freed; a slow one; the folder taken away; limits of the process",
        run: |context| Box::pin(disk::run(context)),
    },
    Scenario {
        name: "damage",
        promises: "P5",
        test: "files cut at every length, bits flipped, zero and garbage tails: no wrong body, no start that hangs, refusals by name, the rest recovered",
        run: |context| Box::pin(damage::run(context)),
    },
    Scenario {
        name: "owner",
        promises: "P16",
        test: "2 to 8 processes start at once on one folder whose owner was killed; one owns it, the others name it and end",
        run: |context| Box::pin(owner::run(context)),
    },
    Scenario {
        name: "text",
        promises: "P12 P14",
        test: "hostile text in every field that a template can name, to every kind of target and place of a template; what arrives is parsed and is the text that was sent",
        run: |context| Box::pin(text::run(context)),
    },
    // The last, since it reads what all the others made the program print.
    Scenario {
        name: "canaries",
        promises: "P14",
        test: "everything that any instance of this run printed is searched for the secrets and the payloads that were marked",
        run: |context| Box::pin(async { canaries::run(context) }),
    },
];

impl Context {
    pub fn new(arguments: crate::Arguments, seed: u64) -> Self {
        let crate::Arguments { full, binary, faulty, shim, logs, plant, .. } = arguments;
        Self { full, seed, binary, faulty, shim, logs, plant, started: AtomicU32::new(0) }
    }
}
