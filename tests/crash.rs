//! Kill -9 under load: every event that was answered 204 reaches each of its targets.
//!
//! The ledger of what was answered lives in this process, outside the one that is killed. Senders repeat an event that was
//! not answered, as Retell does. Five kills by default; `HOOKSWITCH_CRASH_RUNS=20 cargo test --release --test crash` for
//! more. SIGKILL leaves the page cache alive, so this shows that nothing is held only in memory; it does not test `fsync`.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "helpers of a test fail as the test does, and it tells what it counted"
)]

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

const SENDERS: usize = 8;
/// One event per sender and tick: 200 a second in all.
const TICK: Duration = Duration::from_millis(40);
const TARGETS: [&str; 2] = ["slack", "crm"];

/// What the targets received: (target, event's number) → the webhook-ids it came under, one for each time.
type Received = Arc<Mutex<HashMap<(String, u64), Vec<String>>>>;

#[derive(Debug)]
struct Http {
    head: String,
    body: Vec<u8>,
}

impl Http {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// Reads one message with an optional Content-Length; `None` at the end of the stream.
async fn read_http(stream: &mut BufReader<TcpStream>) -> Option<Http> {
    let mut head = String::new();
    loop {
        if stream.read_line(&mut head).await.ok()? == 0 {
            return None;
        }
        if head.ends_with("\r\n\r\n") {
            break;
        }
    }
    let mut message = Http { head, body: Vec::new() };
    let length = message.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    message.body.resize(length, 0);
    stream.read_exact(&mut message.body).await.ok()?;
    Some(message)
}

/// A target that answers 200 to everything and remembers it.
async fn target(listener: TcpListener, received: Received) {
    loop {
        let (stream, _) = listener.accept().await.expect("the target accepts");
        let received = Arc::clone(&received);
        tokio::task::spawn_local(async move {
            let mut stream = BufReader::new(stream);
            while let Some(request) = read_http(&mut stream).await {
                let path = request
                    .head
                    .split(' ')
                    .nth(1)
                    .unwrap_or_default()
                    .trim_start_matches('/')
                    .to_owned();
                let body: serde_json::Value =
                    serde_json::from_slice(&request.body).expect("the body is whole");
                let number = body["call"]["call_id"]
                    .as_str()
                    .and_then(|id| id.strip_prefix("call_")?.parse().ok());
                let id = request.header("webhook-id").expect("an idempotency key").to_owned();
                let key = (path, number.expect("our own event"));
                received.lock().unwrap().entry(key).or_default().push(id);
                if stream
                    .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
                    .await
                    .is_err()
                {
                    break;
                }
            }
        });
    }
}

struct Running {
    child: Child,
    listen: SocketAddr,
    admin: SocketAddr,
}

/// Starts the real binary and waits until it says where it listens.
async fn start(folder: &Path) -> Running {
    let mut child = Command::new(env!("CARGO_BIN_EXE_hookswitch"))
        .args([
            "run",
            "--config",
            "rules.yaml",
            "--listen",
            "127.0.0.1:0",
            "--admin-listen",
            "127.0.0.1:0",
        ])
        .current_dir(folder)
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("the binary starts");
    let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
    let mut addresses: HashMap<&str, SocketAddr> = HashMap::new();
    let mut said = String::new();
    let found = timeout(Duration::from_secs(30), async {
        while let Ok(Some(line)) = lines.next_line().await {
            said.push_str(&line);
            said.push('\n');
            for (what, marker) in [("listen", "for webhooks"), ("admin", "admin API")] {
                let address = line
                    .split('"')
                    .find_map(|word| word.trim_start_matches("http://").parse().ok());
                if let Some(address) = address.filter(|_| line.contains(marker)) {
                    addresses.entry(what).or_insert(address);
                }
            }
            if addresses.len() == 2 {
                return true;
            }
        }
        false
    })
    .await;
    assert_eq!(found, Ok(true), "it did not get ready:\n{said}");
    tokio::task::spawn_local(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    Running { child, listen: addresses["listen"], admin: addresses["admin"] }
}

fn request(number: u64) -> Vec<u8> {
    let body = format!(
        r#"{{"event":"call_analyzed","call":{{"call_id":"call_{number}","agent_id":"agent_1","call_analysis":{{"call_summary":"{}"}}}}}}"#,
        "a summary of some length ".repeat(30)
    );
    let head = "POST /webhook HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json";
    format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// Sends one event on `connection`, opening it if need be; whether it was answered 204.
async fn send(connection: &mut Option<BufReader<TcpStream>>, to: SocketAddr, bytes: &[u8]) -> bool {
    if connection.is_none() {
        *connection = TcpStream::connect(to).await.ok().map(BufReader::new);
    }
    let Some(stream) = connection else { return false };
    let answer = async {
        stream.write_all(bytes).await.ok()?;
        read_http(stream).await
    };
    let answer = timeout(Duration::from_secs(10), answer).await.ok().flatten();
    let stored = answer.as_ref().is_some_and(|answer| answer.head.starts_with("HTTP/1.1 204"));
    if !stored {
        *connection = None;
    }
    stored
}

/// Sends events of its own numbers until told to stop; returns those that were answered.
async fn sender(first: u64, mut address: watch::Receiver<Option<SocketAddr>>) -> Vec<u64> {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let (mut connection, mut answered, mut number) = (None, Vec::new(), first);
    loop {
        ticks.tick().await;
        let Some(to) = *address.borrow_and_update() else { return answered };
        if address.has_changed().unwrap_or(true) {
            connection = None;
        }
        if send(&mut connection, to, &request(number)).await {
            answered.push(number);
            number += SENDERS as u64;
        }
    }
}

/// Waits until every target has every event, or a minute has passed; returns what is missing.
async fn missing(received: &Received, answered: &[u64]) -> Vec<(String, u64)> {
    let until = Instant::now() + Duration::from_mins(1);
    let mut ticks = interval(Duration::from_millis(50));
    loop {
        ticks.tick().await;
        let seen = received.lock().unwrap();
        let wanted =
            answered.iter().flat_map(|number| TARGETS.map(|target| (target.to_owned(), *number)));
        let missing: Vec<_> = wanted.filter(|key| !seen.contains_key(key)).collect();
        if missing.is_empty() || Instant::now() > until {
            return missing;
        }
    }
}

async fn get(to: SocketAddr, path: &str) -> String {
    let mut stream =
        BufReader::new(TcpStream::connect(to).await.expect("the admin listener answers"));
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    answer
}

fn rules(target: SocketAddr) -> String {
    let entry = |name: &str| {
        format!(
            "  {name}:\n    kind: http\n    url: http://{target}/{name}\n    retry: {{ initial: 100ms, max: 1s }}\n"
        )
    };
    format!(
        "version: 1\nsources:\n  retell:\n    path: /webhook\n    verify: none\ntargets:\n{}{}rules:\n  - name: all of it\n    to: [slack, crm]\n",
        entry("slack"),
        entry("crm")
    )
}

async fn crash_runs(kills: u32) {
    let folder = tempfile::tempdir().expect("a folder");
    let received: Received = Received::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    std::fs::write(folder.path().join("rules.yaml"), rules(listener.local_addr().expect("bound")))
        .expect("rules");
    tokio::task::spawn_local(target(listener, Arc::clone(&received)));

    let mut running = start(folder.path()).await;
    let (address, _) = watch::channel(Some(running.listen));
    let senders: Vec<_> = (0..SENDERS)
        .map(|at| tokio::task::spawn_local(sender(at as u64, address.subscribe())))
        .collect();
    for kill in 0..kills {
        // Between 0.2 and 1 s of load, another moment each time.
        let load = Duration::from_millis(200 + u64::from(kill) * 337 % 800);
        let early = timeout(load, running.child.wait()).await;
        assert!(early.is_err(), "it ended by itself: {early:?}");
        running.child.start_kill().expect("SIGKILL");
        running.child.wait().await.expect("it is gone");
        running = start(folder.path()).await;
        address.send_replace(Some(running.listen));
    }
    let early = timeout(Duration::from_millis(500), running.child.wait()).await;
    assert!(early.is_err(), "it ended by itself: {early:?}");
    address.send_replace(None);
    let mut answered = Vec::new();
    for sender in senders {
        answered.extend(sender.await.expect("a sender"));
    }

    assert!(
        answered.len() >= kills as usize * 20,
        "only {} events were answered: no load",
        answered.len()
    );
    let missing = missing(&received, &answered).await;
    assert!(
        missing.is_empty(),
        "{} of {} deliveries lost: {missing:?}",
        missing.len(),
        answered.len() * 2
    );
    let seen = received.lock().unwrap().clone();
    let repeats: usize = seen.values().map(|ids| ids.len() - 1).sum();
    for (key, ids) in &seen {
        assert!(ids.iter().all(|id| id == &ids[0]), "{key:?} came under several ids: {ids:?}");
    }
    // Each kill may repeat what was in flight (8 a target) or unsettled (1,024 in all).
    assert!(repeats <= kills as usize * (1_024 + 16), "{repeats} repeats after {kills} kills");
    let metrics = get(running.admin, "/metrics").await;
    assert!(metrics.contains("hookswitch_pending"), "{metrics}");
    println!(
        "{kills} kills, {} events answered, 0 lost, {repeats} attempts repeated",
        answered.len()
    );
}

#[test]
fn nothing_that_was_answered_is_lost() {
    #[expect(clippy::disallowed_methods, reason = "how often to kill is the runner's choice")]
    let kills =
        std::env::var("HOOKSWITCH_CRASH_RUNS").ok().and_then(|text| text.parse().ok()).unwrap_or(5);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    tokio::task::LocalSet::new().block_on(&runtime, crash_runs(kills));
}
