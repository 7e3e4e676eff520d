//! Memory and start-up of the real binary: idle, and over a backlog of pending deliveries of a dead target.
//!
//! `cargo bench --bench footprint` measures both with 1,000,000 events of 1 KB; `HOOKSWITCH_BACKLOG=N` takes another number.
//! It reads `/proc`, so it runs on Linux only, and says so elsewhere.

#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]
#![expect(clippy::disallowed_methods, reason = "a bench reads the clock and its own variable")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hookswitch::clock::{Clock, System};
use hookswitch::event::{Envelope, EventId, RequestParts};
use hookswitch::name::{SourceName, TargetName};
use hookswitch::store::sqlite::{Options, Sqlite};
use hookswitch::store::{Append, Bounds, EventState, Identity, IdentityKey, NewDelivery, Store};
use hookswitch::telemetry::Metrics;

const RULES: &str = "version: 1
listen: 127.0.0.1:0
admin: 127.0.0.1:0
sources:
  retell: { path: /webhook, verify: none }
targets:
  dead: { kind: http, url: 'http://127.0.0.1:9/' }
rules:
  - name: all of it
    to: [dead]
";

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().expect("it can be ended");
        self.0.wait().expect("and is");
    }
}

/// Starts the binary in `folder`; returns it and how long it took until it said that it is ready.
fn start(folder: &Path) -> (Running, Duration) {
    let began = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_hookswitch"))
        .args(["run", "--config", "rules.yaml"])
        .current_dir(folder)
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut lines =
        BufReader::new(child.stderr.take().expect("piped")).lines().map_while(Result::ok);
    let ready = lines.find(|line| line.contains("\"ready\""));
    let took = began.elapsed();
    assert!(ready.is_some(), "it ended before it was ready");
    std::thread::spawn(move || lines.for_each(drop));
    (Running(child), took)
}

/// A line of the process's status, in KiB.
fn status(child: &Child, key: &str) -> f64 {
    let text = fs::read_to_string(format!("/proc/{}/status", child.id())).expect("it runs");
    let line = text.lines().find_map(|line| line.strip_prefix(key)).expect("a known line");
    line.trim_matches([':', '\t', ' ']).trim_end_matches(" kB").parse().expect("a number")
}

fn tell(what: &str, folder: &Path) {
    let (running, took) = start(folder);
    // Long enough for everything that happens after a start, once.
    std::thread::sleep(Duration::from_secs(5));
    println!(
        "{what}: ready after {:.0} ms, resident {:.1} MB, at most {:.1} MB",
        took.as_secs_f64() * 1e3,
        status(&running.0, "VmRSS") / 1e3,
        status(&running.0, "VmHWM") / 1e3,
    );
}

fn event(number: u64, now: hookswitch::clock::Timestamp) -> Append {
    let text = "a summary of some length ".repeat(35);
    let body = format!(
        r#"{{"event":"call_analyzed","call":{{"call_id":"call_{number}","summary":"{text}"}}}}"#
    );
    let mut chance = [0; 10];
    chance[..8].copy_from_slice(&number.to_be_bytes());
    let envelope = Envelope {
        id: EventId::new(now, chance),
        source: SourceName::new("retell").expect("a name"),
        received_at: now,
        signed: true,
        name: Some("call_analyzed".to_owned()),
        agent_id: Some("agent_1".to_owned()),
        subject: Some(format!("call_{number}")),
        request: RequestParts::default(),
    };
    Append {
        envelope: Arc::new(envelope),
        body: Bytes::from(body),
        state: EventState::Routed,
        rules: Vec::new(),
        revision: 1,
        deliveries: vec![NewDelivery {
            target: TargetName::new("dead").expect("a name"),
            order_key: None,
        }],
        identity: Some(Identity {
            key: IdentityKey::Id(format!("retell call_analyzed call_{number}")),
            window: Duration::from_mins(10),
        }),
    }
}

async fn fill(folder: &Path, count: u64) {
    let options = Options {
        folder: folder.join("hookswitch-data"),
        bounds: Bounds { max_size: 100 << 30, retention: Duration::from_hours(24) },
        clock: Arc::new(System),
        metrics: Arc::new(Metrics::new()),
    };
    let store = Sqlite::open(options).expect("a store");
    for first in (0..count).step_by(500) {
        let now = System.now();
        let waiting: Vec<_> = (first..(first + 500).min(count))
            .map(|number| store.append(event(number, now)))
            .collect();
        for pending in waiting {
            drop(pending.await.expect("it is stored"));
        }
    }
    store.close().await.expect("it closes");
}

fn main() {
    if !Path::new("/proc/self/status").exists() {
        println!("skipped, because there is no /proc here");
        return;
    }
    let count = std::env::var("HOOKSWITCH_BACKLOG")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(1_000_000);
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("rules.yaml"), RULES).expect("a file");
    tell("empty store", folder.path());
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let began = Instant::now();
    runtime.block_on(fill(folder.path(), count));
    println!(
        "stored {count} events of 1 KB, each with a pending delivery, in {:.0} s",
        began.elapsed().as_secs_f64()
    );
    tell("backlog", folder.path());
}
