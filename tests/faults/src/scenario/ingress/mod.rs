//! The listener against hostile senders: requests whose framing can be read in two ways, bodies that are no document, and
//! thousands of connections that do nothing or as little as they can, beside senders that behave. What is ambiguous must
//! never become two events.

mod framing;
mod strict;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::conservation::{self, Terms};
use crate::instance::{Instance, data};
use crate::ledger::{Answer, Ledger};
use crate::receiver::Receiver;
use crate::sender::{Sender, event, now_millis, sign};
use crate::wire::{ask, read, statuses};

use super::{Context, Outcome, folder};

const KEY: &str = "canary-key-of-ingress";
/// Bounds of the flood: answers of healthy senders, and memory.
const P99: Duration = Duration::from_millis(100);
const MEMORY: u64 = 256 << 20;
/// What one more connection may take, so that the short form, too, notices when it grows. It is about 18 KiB, 16 of them
/// hyper's buffers; the rest of the difference is the store's cache.
const MEMORY_EACH: u64 = 24 << 10;

pub async fn run(context: &Context) -> anyhow::Result<Outcome> {
    let mut outcome = Outcome::default();
    let ledger = Ledger::default();
    let receiver = Receiver::kind(&ledger).await?;
    let folder = folder(&rules(&receiver, 60_000))?;
    let instance = context.launch("ingress", folder.path()).start().await?;
    let expected = framing::send(instance.listen, &mut outcome).await?;
    let plain = table(instance.listen, &mut outcome).await?;
    let documents = documents(&instance, &ledger, &mut outcome).await;
    outcome.hold(instance.drained(Duration::from_secs(30)).await?, || {
        "deliveries still pending".to_owned()
    });
    instance.terminate(Duration::from_secs(20)).await?;
    let terms = Terms { foreign: true, ..Terms::default() };
    let (_, faults) = conservation::check(&ledger, &data(folder.path()), &terms)?;
    outcome.shortfalls.extend(faults);
    framing::judge(&data(folder.path()), &expected, &mut outcome)?;
    stored(&data(folder.path()), &mut outcome)?;
    flood(context, &mut outcome).await?;
    outcome.count = format!(
        "{} raw requests of doubtful framing, {plain} others, {documents} documents, and a flood",
        expected.sent
    );
    Ok(outcome)
}

fn rules(receiver: &Receiver, connections: u32) -> String {
    format!(
        "version: 1\nlimits: {{ connections: {connections} }}\nsources:\n  open: {{ path: /webhook, verify: none, max_body: 64 KiB }}\n  signed: {{ path: /signed, verify: {{ retell: [{KEY}] }} }}\n{}rules:\n  - name: all of it\n    to: [crm]\n",
        receiver.targets(&["crm"])
    )
}

/// Requests with one right answer: name, bytes, statuses that are right. Empty stands for a closed connection.
async fn table(to: SocketAddr, outcome: &mut Outcome) -> anyhow::Result<usize> {
    let post = |path: &str, headers: &str, body: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\n{headers}content-length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let one = "{\"event\":\"table\"}";
    let large = "x".repeat(70 << 10);
    let many: String = (0..10_000).map(|number| format!("x-{number}: y\r\n")).collect();
    let chunks = "1000\r\n".to_owned() + &"x".repeat(4096) + "\r\n";
    let rows: Vec<(&str, Vec<u8>, &[u16])> = vec![
        ("an event", post("/webhook", "", one).into_bytes(), &[204]),
        ("two in a row", (post("/webhook", "", one) + &post("/webhook", "", "{\"event\":\"second\"}")).into_bytes(), &[204, 204]),
        ("in chunks", b"POST /webhook HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n11\r\n{\"event\":\"parts\"}\r\n0\r\n\r\n".to_vec(), &[204]),
        ("another path", post("/other", "", one).into_bytes(), &[404]),
        ("another method", b"GET /webhook HTTP/1.1\r\nhost: x\r\n\r\n".to_vec(), &[405]),
        ("packed", post("/webhook", "content-encoding: gzip\r\n", one).into_bytes(), &[415]),
        ("too large, announced", b"POST /webhook HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999\r\n\r\n".to_vec(), &[413]),
        ("too large, announced, asking first", b"POST /webhook HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 99999999\r\n\r\n".to_vec(), &[413]),
        ("too large, sent", post("/webhook", "", &large).into_bytes(), &[413]),
        ("too large, in chunks", ("POST /webhook HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n".to_owned() + &chunks.repeat(32)).into_bytes(), &[413]),
        ("10,000 headers", post("/webhook", &many, one).into_bytes(), &[431, 400]),
        ("a header of 1 MB", post("/webhook", &format!("x: {}\r\n", "y".repeat(1 << 20)), one).into_bytes(), &[431, 400]),
        ("a folded header", post("/webhook", "x: y\r\n z\r\n", one).into_bytes(), &[400]),
        ("a zero byte in a header", post("/webhook", "x: y\0z\r\n", one).into_bytes(), &[400]),
        ("no request", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(), &[400]),
        ("chunks on HTTP/1.0", b"POST /webhook HTTP/1.0\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n11\r\n{\"event\":\"parts\"}\r\n0\r\n\r\n".to_vec(), &[400]),
        ("half a body", b"POST /webhook HTTP/1.1\r\nhost: x\r\ncontent-length: 90\r\n\r\n{\"event\":\"half".to_vec(), &[]),
    ];
    for (name, request, right) in &rows {
        let answer = ask(to, request, Duration::from_millis(500)).await?;
        let got = statuses(&answer);
        let held = if right.iter().all(|status| (200..300).contains(status)) {
            got == *right
        } else {
            // A refusal may meet a client that is still writing; the reset then takes the answer with it.
            got.is_empty() || (got.len() == 1 && right.contains(&got[0]))
        };
        outcome.hold(held, || format!("{name}: answered {got:?}"));
    }
    let mut half = TcpStream::connect(to).await?;
    half.write_all(post("/webhook", "", "{\"event\":\"closed half\"}").as_bytes()).await?;
    half.shutdown().await?;
    let got = statuses(&read(&mut half, Duration::from_secs(2)).await);
    outcome.hold(got == [204], || format!("a client that closes its half: answered {got:?}"));
    let mut reset = TcpStream::connect(to).await?;
    reset
        .write_all(
            b"POST /webhook HTTP/1.1\r\nhost: x\r\ncontent-length: 90\r\n\r\n{\"event\":\"reset",
        )
        .await?;
    drop(reset);
    Ok(rows.len() + 2)
}

/// Documents that are none, or doubtful: name, bytes, whether an unsigned source refuses them.
async fn documents(instance: &Instance, ledger: &Ledger, outcome: &mut Outcome) -> usize {
    let deep =
        format!("{{\"event\":\"deep\",\"call\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let deep_short =
        format!("{{\"event\":\"deep\",\"call\":{}{}}}", "[".repeat(20_000), "]".repeat(20_000));
    let rows: Vec<(&str, Vec<u8>, bool)> = vec![
        ("nothing", Vec::new(), true),
        ("spaces", b"   ".to_vec(), true),
        ("an array", b"[1]".to_vec(), true),
        ("a number", b"17".to_vec(), true),
        ("a text", b"\"event\"".to_vec(), true),
        ("null", b"null".to_vec(), true),
        ("two documents", b"{\"event\":\"a\"}{\"event\":\"b\"}".to_vec(), true),
        ("half", b"{\"event\":\"call_ended\"".to_vec(), true),
        ("a comma too many", b"{\"event\":\"a\",}".to_vec(), true),
        ("single quotes", b"{'event':'a'}".to_vec(), true),
        ("a comment", b"{\"event\":\"a\"/* */}".to_vec(), true),
        ("NaN", b"{\"event\":\"a\",\"x\":NaN}".to_vec(), true),
        ("a byte order mark", b"\xef\xbb\xbf{\"event\":\"a\"}".to_vec(), true),
        ("not UTF-8", b"{\"event\":\"a\xff\"}".to_vec(), true),
        ("too long an encoding", b"{\"event\":\"\xc0\xaf\"}".to_vec(), true),
        ("a zero byte", b"{\"event\":\"a\0\"}".to_vec(), true),
        ("deep", deep_short.into_bytes(), true),
        ("the event twice", b"{\"event\":\"a\",\"event\":\"b\"}".to_vec(), false),
        (
            "the event twice, once escaped",
            b"{\"event\":\"a\",\"\\u0065vent\":\"b\"}".to_vec(),
            false,
        ),
        (
            "numbers beyond all bounds",
            b"{\"event\":\"n\",\"x\":[1e400,-0,123456789012345678901234567890]}".to_vec(),
            false,
        ),
        ("half a pair", b"{\"event\":\"s\",\"x\":\"\\ud800\"}".to_vec(), false),
        ("another key twice", b"{\"event\":\"t\",\"x\":1,\"x\":2}".to_vec(), false),
    ];
    let mut sender = Sender::new(ledger);
    for (name, body, refused) in &rows {
        let open = sender.post(instance.listen, "/webhook", "", body).await;
        let held = if *refused {
            open == Answer::Refused(400)
        } else {
            matches!(open, Answer::Stored { .. })
        };
        outcome.hold(held, || format!("{name}, unsigned: answered {open:?}"));
        let header = format!("x-retell-signature: {}\r\n", sign(KEY, body, now_millis()));
        let signed = sender.post(instance.listen, "/signed", &header, body).await;
        outcome.hold(matches!(signed, Answer::Stored { .. }), || {
            format!("{name}, signed: answered {signed:?}")
        });
    }
    let header = format!("x-retell-signature: {}\r\n", sign(KEY, deep.as_bytes(), now_millis()));
    let signed = sender.post(instance.listen, "/signed", &header, deep.as_bytes()).await;
    outcome.hold(matches!(signed, Answer::Stored { .. }), || {
        format!("100,000 deep, signed: answered {signed:?}")
    });
    rows.len() * 2 + 1
}

/// What became of all that, in the store.
fn stored(data: &std::path::Path, outcome: &mut Outcome) -> anyhow::Result<()> {
    let sql = Connection::open(data.join("hookswitch.db"))?;
    let count = |what: &str| {
        sql.query_row(&format!("SELECT count(*) FROM events WHERE {what}"), [], |row| {
            row.get::<_, i64>(0)
        })
    };
    let half = count("name LIKE 'half%' OR name LIKE 'reset%'")?;
    outcome.hold(half == 0, || format!("{half} half bodies were stored"));
    let quarantined = count("state = 4 AND source = 'signed'")?;
    outcome.hold(quarantined == 20, || {
        format!("{quarantined} signed documents were quarantined, not 20")
    });
    Ok(())
}

/// Connections that rest, connections that drip, and senders that behave.
async fn flood(context: &Context, outcome: &mut Outcome) -> anyhow::Result<()> {
    let (idle, slow) = context.pick((1_000, 300), (10_000, 2_000));
    raise_descriptors(u64::from(idle + slow) + 1_000)?;
    let ledger = Ledger::default();
    let receiver = Receiver::kind(&ledger).await?;
    let folder = folder(&rules(&receiver, idle + slow + 100))?;
    let instance = context.launch("ingress", folder.path()).start().await?;
    let to = instance.listen;
    let (alone, _) = healthy(&instance, &ledger, (0, context.pick(1_000, 10_000)), outcome).await;
    let before = instance.resident();
    let mut resting = Vec::new();
    for _ in 0..idle {
        let mut stream = TcpStream::connect(to).await?;
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await?;
        resting.push(stream);
    }
    let dripping: Vec<_> =
        (0..slow).map(|number| tokio::spawn(drip(to, number % 2 == 0))).collect();
    let (first, last) = context.pick((1_000, 3_000), (10_000, 30_000));
    let (p99, peak) = healthy(&instance, &ledger, (first, last), outcome).await;
    dripping.iter().for_each(tokio::task::JoinHandle::abort);
    drop(resting);
    // On a machine that is busy with something else, the same without the flood is the measure.
    outcome.hold(p99 <= P99.max(3 * alone), || format!("p99 of healthy senders was {p99:?}"));
    outcome.hold(peak <= MEMORY, || format!("memory rose to {} MiB", peak >> 20));
    let each = peak.saturating_sub(before) / u64::from(idle + slow);
    outcome.hold(each <= MEMORY_EACH, || format!("{each} bytes for each connection"));
    outcome.notes.push(format!(
        "{idle} idle and {slow} slow connections: p99 of a healthy sender {} ms (without them {} ms), memory at most {} MiB, {each} bytes for each connection",
        p99.as_millis(),
        alone.as_millis(),
        peak >> 20
    ));
    outcome.hold(instance.drained(Duration::from_secs(30)).await?, || {
        "deliveries still pending".to_owned()
    });
    instance.terminate(Duration::from_secs(20)).await?;
    let terms = Terms { targets: Some(vec!["crm"]), ..Terms::default() };
    let (_, faults) = conservation::check(&ledger, &data(folder.path()), &terms)?;
    outcome.shortfalls.extend(faults);
    over_the_limit(context, outcome).await
}

/// Sends the events of these numbers one after the other; the 99th percentile of the answers, and the most memory.
async fn healthy(
    instance: &Instance,
    ledger: &Ledger,
    (first, last): (u64, u64),
    outcome: &mut Outcome,
) -> (Duration, u64) {
    let mut sender = Sender::new(ledger);
    let (mut times, mut peak) = (Vec::new(), 0);
    for number in first..last {
        let began = Instant::now();
        let answer = sender.post(instance.listen, "/webhook", "", &event(number)).await;
        times.push(began.elapsed());
        outcome.hold(matches!(answer, Answer::Stored { duplicate: false, .. }), || {
            format!("a healthy sender was answered {answer:?}")
        });
        if number % 100 == 0 {
            peak = peak.max(instance.resident());
        }
    }
    times.sort_unstable();
    (times[times.len() * 99 / 100], peak)
}

/// Beyond `limits.connections` a client is told so, or closed, and one that leaves makes room.
async fn over_the_limit(context: &Context, outcome: &mut Outcome) -> anyhow::Result<()> {
    let ledger = Ledger::default();
    let receiver = Receiver::kind(&ledger).await?;
    let folder = folder(&rules(&receiver, 16))?;
    let instance = context.launch("ingress", folder.path()).start().await?;
    let mut all = Vec::new();
    for _ in 0..16 {
        let mut stream = TcpStream::connect(instance.listen).await?;
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await?;
        let healthy = statuses(&read(&mut stream, Duration::from_millis(200)).await) == [200];
        outcome.hold(healthy, || "a connection within the limit was not served".to_owned());
        all.push(stream);
    }
    let mut sender = Sender::new(&ledger);
    let refused = sender.post(instance.listen, "/webhook", "", &event(1)).await;
    outcome.hold(matches!(refused, Answer::Refused(503) | Answer::Cut), || {
        format!("beyond the limit: answered {refused:?}")
    });
    drop(all);
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        let answer = sender.post(instance.listen, "/webhook", "", &event(2)).await;
        if matches!(answer, Answer::Stored { .. }) {
            break;
        }
        if Instant::now() > until {
            outcome.shortfalls.push("there was no room again after the others left".to_owned());
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    instance.terminate(Duration::from_secs(20)).await?;
    Ok(())
}

/// A head or a body, a byte at a time, over and over.
async fn drip(to: SocketAddr, body: bool) {
    let head = b"POST /webhook HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n";
    loop {
        let Ok(mut stream) = TcpStream::connect(to).await else { return };
        if body && stream.write_all(head).await.is_err() {
            continue;
        }
        for byte in head.iter().cycle() {
            if stream.write_all(&[*byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(700)).await;
        }
    }
}

/// Both this process and its children need a descriptor for each connection.
fn raise_descriptors(wanted: u64) -> anyhow::Result<()> {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < wanted) {
        limit.current = Some(limit.maximum.map_or(wanted, |maximum| maximum.min(wanted)));
        setrlimit(Resource::Nofile, limit)?;
    }
    Ok(())
}
