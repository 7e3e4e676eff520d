//! A system under test: a process that is started, watched through `/proc`, and ended.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tempfile::TempDir;

use crate::body::KEY;

/// How long a start may take: the longest opens a store with a million deliveries.
const START: Duration = Duration::from_secs(60);

/// What can be measured.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum System {
    /// Hyper alone.
    Bare,
    /// Hookswitch over its store in memory.
    Memory,
    /// Hookswitch as it is shipped.
    Shipped,
    /// Express, which answers first and forwards then.
    ExpressFirst,
    /// Express, which forwards and answers then.
    ExpressAwait,
    /// Another one, that runs already and forwards to nobody.
    Peer { name: String, address: SocketAddr },
}

impl System {
    pub fn name(&self) -> &str {
        match self {
            Self::Bare => "bare hyper",
            Self::Memory => "hookswitch, in memory",
            Self::Shipped => "hookswitch",
            Self::ExpressFirst => "Express, answering first",
            Self::ExpressAwait => "Express, answering last",
            Self::Peer { name, .. } => name,
        }
    }

    /// Whether it verifies signatures and forwards, or answers whatever comes.
    pub fn forwards(&self) -> bool {
        !matches!(self, Self::Bare | Self::Peer { .. })
    }
}

/// Where the programs are.
#[derive(Debug, Clone)]
pub struct Programs {
    pub hookswitch: PathBuf,
    /// The folder of the Express receiver with its modules; none if there is no Node.
    pub express: Option<PathBuf>,
}

/// A running system. It is killed when this is dropped.
#[derive(Debug)]
pub struct Running {
    child: Option<Child>,
    pub listen: SocketAddr,
    /// Where its API answers, if it has one.
    pub admin: Option<SocketAddr>,
    /// From the start of the process until it said that it was ready.
    pub ready: Duration,
    /// Holds its configuration and its data.
    pub folder: TempDir,
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // It may have ended already.
            drop(child.kill());
            drop(child.wait());
        }
    }
}

impl Running {
    /// Starts it in a folder that holds its `rules.yaml`, to forward to these addresses (which Express wants to know).
    pub fn start(
        system: &System,
        programs: &Programs,
        folder: TempDir,
        targets: &[String],
    ) -> anyhow::Result<Self> {
        let own = || std::env::current_exe().context("this program");
        let mut command = match system {
            System::Peer { address, .. } => {
                let child = None;
                let (listen, admin, ready) = (*address, None, Duration::ZERO);
                return Ok(Self { child, listen, admin, ready, folder });
            }
            System::Bare => {
                let mut command = Command::new(own()?);
                command.arg("bare");
                command
            }
            System::Memory => {
                let mut command = Command::new(own()?);
                command.args(["memory", "--config", "rules.yaml"]);
                command
            }
            System::Shipped => {
                let mut command = Command::new(&programs.hookswitch);
                command.args(["run", "--config", "rules.yaml"]);
                command
            }
            System::ExpressFirst | System::ExpressAwait => {
                let express =
                    programs.express.as_ref().context("Express needs Node and its modules")?;
                let mode = if *system == System::ExpressFirst { "first" } else { "await" };
                let mut command = Command::new("node");
                command.arg(express.join("server.mjs"));
                let env =
                    [("MODE", mode), ("TARGETS", &targets.join(",")), ("RETELL_API_KEY", KEY)];
                command.envs(env).env("NODE_ENV", "production");
                command
            }
        };
        let began = Instant::now();
        let piped = |on: bool| if on { Stdio::piped() } else { Stdio::null() };
        let mut child = command
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(piped(*system != System::Shipped))
            .stderr(piped(*system == System::Shipped))
            .spawn()
            .with_context(|| format!("{} does not start", system.name()))?;
        let lines = match (child.stdout.take(), child.stderr.take()) {
            (Some(out), _) => read(out),
            (_, Some(errors)) => read(errors),
            _ => bail!("one of them is a pipe"),
        };
        let (mut listen, mut admin) = (None, None);
        let until = began + START;
        while let Ok(line) = lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
            listen = listen.or_else(|| address(&line, "webhooks"));
            admin = admin.or_else(|| address(&line, "the admin API"));
            let is_ready = *system != System::Shipped || line.contains("\"ready\"");
            if let (Some(listen), true) = (listen, is_ready) {
                let ready = began.elapsed();
                return Ok(Self { child: Some(child), listen, admin, ready, folder });
            }
        }
        drop(child.kill());
        bail!("{} did not get ready", system.name())
    }

    fn proc(&self, file: &str) -> String {
        let pid = self.child.as_ref().map(Child::id);
        let path = pid.map(|pid| format!("/proc/{pid}/{file}"));
        path.and_then(|path| fs::read_to_string(path).ok()).unwrap_or_default()
    }

    /// CPU time so far, in the program and in the kernel for it.
    pub fn cpu(&self) -> Duration {
        let stat = self.proc("stat");
        // The name of the program stands in brackets and may hold anything.
        let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let ticks: u64 = fields
            .split_whitespace()
            .skip(11)
            .take(2)
            .filter_map(|text| text.parse::<u64>().ok())
            .sum();
        Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
    }

    /// Bytes it had the disk write so far.
    pub fn written(&self) -> u64 {
        number(&self.proc("io"), "write_bytes:")
    }

    /// Resident memory, in bytes: now, and at most so far.
    pub fn resident(&self) -> [u64; 2] {
        let status = self.proc("status");
        ["VmRSS:", "VmHWM:"].map(|key| number(&status, key) << 10)
    }
}

fn number(text: &str, key: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Its lines, one by one, until it ends. They are read even if nobody listens, so that it never waits for us.
fn read(from: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (tell, lines) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            drop(tell.send(line));
        }
    });
    lines
}

/// The address that it listens on for something, if this line tells it.
fn address(line: &str, what: &str) -> Option<SocketAddr> {
    if let (Some(address), "webhooks") = (line.strip_prefix("listening on "), what) {
        return address.parse().ok();
    }
    let said: serde_json::Value = serde_json::from_str(line).ok()?;
    let fields = said.get("fields").unwrap_or(&said);
    let is_it = fields["message"].as_str()?.strip_prefix("listening for ")? == what;
    is_it.then(|| fields["address"].as_str()?.parse().ok())?
}

/// A folder with a configuration.
pub fn folder(rules: &str) -> anyhow::Result<TempDir> {
    let folder = tempfile::Builder::new().prefix("bench").tempdir().context("a folder")?;
    write_rules(folder.path(), rules)?;
    Ok(folder)
}

/// Replaces the configuration in one step, as an editor or a config map does.
pub fn write_rules(folder: &Path, rules: &str) -> anyhow::Result<()> {
    let new = folder.join("rules.new");
    fs::write(&new, rules)?;
    Ok(fs::rename(new, folder.join("rules.yaml"))?)
}
