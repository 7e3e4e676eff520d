//! One measurement: a system, what it is set up with, what is sent to it, and what was measured.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;

use crate::backlog;
use crate::body::{Body, KEY};
use crate::books::{Books, Times};
use crate::commit;
use crate::load::Load;
use crate::sink::Sink;
use crate::system::{Programs, Running, System, write_rules};
use crate::watch::{Onlooker, Watching};

/// Connections that send, as many as Retell might open for a busy account.
const SENDERS: u32 = 64;
/// How long deliveries may take to arrive after the last event was accepted.
pub const DRAIN: Duration = Duration::from_secs(120);

/// How events find their targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Routing {
    /// So many rules, each for an agent of its own and for all targets; ten agents call.
    Rules(u32),
    /// So many targets, each with a rule for its agent, all of whom call.
    Spread(u32),
}

/// What is measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    pub system: System,
    /// Bytes of a body.
    pub size: usize,
    pub signed: bool,
    /// Targets that each event goes to.
    pub targets: u32,
    pub routing: Routing,
    /// Deliveries that wait for a dead target.
    pub backlog: u64,
    /// Events a second; without it, as fast as they are answered.
    pub rate: Option<f64>,
    /// Who looks on meanwhile.
    pub onlooker: Option<Onlooker>,
}

/// What came of it.
#[derive(Debug, Clone, Default)]
pub struct Sample {
    /// Accepted events a second.
    pub accepted: f64,
    /// Events a second all of whose deliveries arrived, from the first sent to the last arrived.
    pub delivered: f64,
    /// CPU time of the system under test for each accepted event, its deliveries included, in microseconds.
    pub cpu: f64,
    /// The answer: half, 99 %, 99.9 % came within so many microseconds.
    pub answer: [f64; 3],
    /// From sending to arrival at a target: half and 99 %, in microseconds.
    pub arrival: [f64; 2],
    /// Most resident memory, in bytes.
    pub peak: f64,
    /// Bytes written to disk for each accepted event.
    pub written: f64,
    /// The median commit of its store in microseconds, as its own histogram tells it.
    pub commit: f64,
    /// Answers other than 2xx.
    pub refused: f64,
    /// Deliveries that came twice.
    pub repeated: u64,
    /// Why it counts for nothing: what was accepted did not arrive.
    pub void: Option<String>,
}

impl Cell {
    /// A system with two targets and ten rules that verifies signatures.
    pub fn new(system: System, size: usize) -> Self {
        Self {
            system,
            size,
            signed: true,
            targets: 2,
            routing: Routing::Rules(10),
            backlog: 0,
            rate: None,
            onlooker: None,
        }
    }

    /// What tells it from the others of a series.
    pub fn name(&self) -> String {
        let Self { system, size, targets, .. } = self;
        let signed = if self.signed { "signed" } else { "unsigned" };
        let mut name = format!("{}, {}, {signed}, ", system.name(), bytes(*size));
        name += &match self.routing {
            Routing::Spread(count) => format!("one of {count} targets"),
            Routing::Rules(rules) => format!("{targets} targets, {rules} rules"),
        };
        if self.backlog > 0 {
            name += &format!(", {} pending for a dead target", self.backlog);
        }
        if self.rate.is_some() {
            name += ", at half the rate that deliveries keep up with";
        }
        name
    }

    /// Measures for so long.
    pub async fn measure(&self, programs: &Programs, length: Duration) -> anyhow::Result<Sample> {
        let folder = tempfile::Builder::new().prefix("bench").tempdir().context("a folder")?;
        if self.backlog > 0 {
            backlog::fill(&folder.path().join("hookswitch-data"), self.backlog).await?;
        }
        // They count time from here.
        let books = Arc::new(Books::new());
        let sink = Sink::start(&books).await?;
        let rules = self.rules(sink.address);
        write_rules(folder.path(), &rules)?;
        let to: Vec<_> =
            (0..self.targets).map(|at| format!("http://{}/t/{at}", sink.address)).collect();
        let running = Running::start(&self.system, programs, folder, &to)?;
        let load = Load {
            to: running.listen,
            body: Arc::new(Body::new(self.size, self.signed)),
            senders: SENDERS,
            agents: match self.routing {
                Routing::Rules(_) => 10,
                Routing::Spread(targets) => targets,
            },
            warm: length / 5,
            length,
            rate: self.rate,
        };
        let watching = match running.admin.zip(self.onlooker) {
            Some((admin, onlooker)) => Some(Watching::begin(admin, onlooker, rules).await?),
            None => None,
        };
        let (cpu, written) = (running.cpu(), running.written());
        let answers = load.run(&books).await?;
        let targets = if self.system.forwards() { self.targets } else { 0 };
        let balance = books.settled(targets, DRAIN).await;
        if let Some(watching) = watching {
            watching.end()?;
        }
        let each = |total: f64| total / (balance.accepted.max(1)) as f64;
        let [_, peak] = running.resident();
        let micros = |times: &Times, at: f64| times.value_at_quantile(at) as f64;
        let void = (balance.lost + balance.strange > 0 || answers.accepted == 0).then(|| {
            format!(
                "{} accepted, {} deliveries lost, {} strange, refused {:?}",
                balance.accepted, balance.lost, balance.strange, answers.refused
            )
        });
        let arrival = books.arrival();
        Ok(Sample {
            accepted: answers.accepted as f64 / length.as_secs_f64(),
            delivered: if targets == 0 { 0.0 } else { balance.accepted as f64 / books.last() },
            cpu: each((running.cpu() - cpu).as_secs_f64() * 1e6),
            answer: [0.5, 0.99, 0.999].map(|at| micros(&answers.latency, at)),
            arrival: [0.5, 0.99].map(|at| micros(&arrival, at)),
            peak: peak as f64,
            written: each(running.written().saturating_sub(written) as f64),
            commit: commit::median(running.admin).await.unwrap_or(0.0),
            refused: answers.refused.values().sum::<u64>() as f64,
            repeated: balance.repeated,
            void,
        })
    }

    /// The configuration of hookswitch for it.
    pub fn rules(&self, sink: SocketAddr) -> String {
        rules(sink, self.signed, self.targets, self.routing)
    }
}

/// A configuration with these targets and rules.
pub fn rules(sink: SocketAddr, signed: bool, targets: u32, routing: Routing) -> String {
    let verify = if signed { format!("{{ retell: [\"{KEY}\"] }}") } else { "none".to_owned() };
    let mut text = format!(
        "version: 1\nlisten: 127.0.0.1:0\nadmin: 127.0.0.1:0\nstore: {{ max_size: 64 GiB }}\nsources:\n  retell: {{ path: /webhook, verify: {verify} }}\ntargets:\n  dead: {{ kind: http, url: \"http://127.0.0.1:9/\" }}\n"
    );
    let count = if let Routing::Spread(count) = routing { count } else { targets };
    for at in 0..count {
        writeln!(text, "  t{at}: {{ kind: http, url: \"http://{sink}/t/{at}\" }}")
            .expect("a String takes it");
    }
    text.push_str("rules:\n");
    let mut rule = |name: u32, to: &str| {
        writeln!(
            text,
            "  - {{ name: rule {name}, when: {{ event: call_analyzed, agent_id: agent_{name:06} }}, to: [{to}] }}"
        )
        .expect("a String takes it");
    };
    match routing {
        Routing::Rules(count) => {
            let to: Vec<_> = (0..targets).map(|at| format!("t{at}")).collect();
            // Without targets the agents of the rules do not call: events are stored and routed to nobody.
            let (first, to) =
                if targets == 0 { (1_000, "dead".to_owned()) } else { (0, to.join(", ")) };
            (0..count).for_each(|at| rule(first + at, &to));
        }
        Routing::Spread(count) => (0..count).for_each(|at| rule(at, &format!("t{at}"))),
    }
    text
}

/// A size in words.
pub fn bytes(size: usize) -> String {
    if size < 1 << 20 { format!("{} KB", size >> 10) } else { format!("{} MB", size >> 20) }
}

/// The address of a port on this machine.
pub fn local(text: &str) -> anyhow::Result<SocketAddr> {
    let rest = text.trim_start_matches("http://").trim_end_matches('/');
    let address: SocketAddr = rest.parse().context("a peer is http://ADDRESS:PORT")?;
    anyhow::ensure!(address.ip().is_loopback(), "load goes to this machine only");
    Ok(address)
}
