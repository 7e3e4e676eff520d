//! Senders: a number of connections that stay open, each of which sends the next event when the last was answered, or when its
//! time has come.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::body::Body;
use crate::books::{Books, Times, times};

/// How long a sender waits for an answer, as Retell does.
const PATIENCE: Duration = Duration::from_secs(10);

/// What to send.
#[derive(Debug, Clone)]
pub struct Load {
    pub to: SocketAddr,
    pub body: Arc<Body>,
    pub senders: u32,
    /// Events are of so many agents in turn.
    pub agents: u32,
    /// Sent before anything is counted.
    pub warm: Duration,
    pub length: Duration,
    /// Events a second of all senders together; without it, as fast as they are answered.
    pub rate: Option<f64>,
}

/// What came of it.
#[derive(Debug)]
pub struct Answers {
    /// 2xx within the time that counts.
    pub accepted: u64,
    /// Other answers, whenever they came, by status; 0 is none.
    pub refused: BTreeMap<u16, u64>,
    /// From when an event was due to its answer, within the time that counts.
    pub latency: Times,
}

impl Load {
    /// Sends until the time is over.
    pub async fn run(&self, books: &Arc<Books>) -> anyhow::Result<Answers> {
        let start = Instant::now();
        let mut senders = JoinSet::new();
        for sender in 0..self.senders {
            senders.spawn(send(self.clone(), sender, start, Arc::clone(books)));
        }
        let mut all = Answers { accepted: 0, refused: BTreeMap::new(), latency: times() };
        while let Some(sent) = senders.join_next().await {
            let sent = sent??;
            all.accepted += sent.accepted;
            for (status, count) in sent.refused {
                *all.refused.entry(status).or_default() += count;
            }
            all.latency.add(&sent.latency)?;
        }
        Ok(all)
    }
}

async fn send(
    load: Load,
    sender: u32,
    start: Instant,
    books: Arc<Books>,
) -> anyhow::Result<Answers> {
    let mut answers = Answers { accepted: 0, refused: BTreeMap::new(), latency: times() };
    let (counted, end) = (start + load.warm, start + load.warm + load.length);
    let every = load.rate.map(|rate| Duration::from_secs_f64(f64::from(load.senders) / rate));
    // They do not all come at once.
    let mut due = start + every.unwrap_or_default() * sender / load.senders;
    let mut connection = None;
    loop {
        let began = match every {
            Some(every) => {
                // If the connection was not free in time, its event waited; if it was, only our own timer is late.
                let late = Instant::now() >= due;
                sleep_until(due).await;
                let began = if late { due } else { Instant::now() };
                due += every;
                began
            }
            None => Instant::now(),
        };
        if Instant::now() >= end {
            return Ok(answers);
        }
        let Some(number) = books.send() else { bail!("more events than the books can hold") };
        let agent = u32::try_from(number % u64::from(load.agents)).context("few agents")?;
        let request = load.body.request(number, agent);
        let answer = timeout(PATIENCE, exchange(&mut connection, load.to, request)).await;
        match answer.ok().flatten() {
            Some(200..300) => {
                books.accepted(number);
                let now = Instant::now();
                if began >= counted && now <= end {
                    answers.accepted += 1;
                    let micros = u64::try_from((now - began).as_micros()).unwrap_or(u64::MAX);
                    answers.latency.saturating_record(micros);
                }
            }
            Some(status) => {
                *answers.refused.entry(status).or_default() += 1;
                sleep(Duration::from_millis(10)).await;
            }
            None => {
                books.unknown(number);
                *answers.refused.entry(0).or_default() += 1;
                connection = None;
                sleep(Duration::from_millis(10)).await;
            }
        }
    }
}

/// Sends a request and reads the answer: its status.
async fn exchange(
    connection: &mut Option<(TcpStream, BytesMut)>,
    to: SocketAddr,
    mut request: impl Buf,
) -> Option<u16> {
    if connection.is_none() {
        let stream = TcpStream::connect(to).await.ok()?;
        stream.set_nodelay(true).ok()?;
        *connection = Some((stream, BytesMut::with_capacity(4 << 10)));
    }
    let (stream, buffer) = connection.as_mut()?;
    // One who refuses may do so before it has read all.
    let wrote = stream.write_all_buf(&mut request).await;
    let (status, closes) = answer(stream, buffer).await?;
    if closes || wrote.is_err() {
        *connection = None;
    }
    Some(status)
}

/// Reads one answer: its status, and whether the connection ends with it.
async fn answer(stream: &mut TcpStream, buffer: &mut BytesMut) -> Option<(u16, bool)> {
    let head = loop {
        if let Some(at) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            break buffer.split_to(at + 4);
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    };
    let head = std::str::from_utf8(&head).ok()?;
    let status = head.get(9..12)?.parse().ok()?;
    let field = |name: &str| {
        head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    };
    let mut rest = field("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    let closes = field("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
    while rest > buffer.len() {
        rest -= buffer.len();
        buffer.clear();
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
    buffer.advance(rest);
    Some((status, closes))
}
