//! Senders: they post events as Retell does, on connections that stay open, and write down how each ended.

use std::net::SocketAddr;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

use crate::ledger::{Answer, Ledger};

/// How long Retell waits for an answer.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// One HTTP message: its head as it came, and its body.
#[derive(Debug)]
pub struct Message {
    pub head: String,
    pub body: Vec<u8>,
}

impl Message {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The status, if it is an answer.
    pub fn status(&self) -> Option<u16> {
        self.head.split(' ').nth(1)?.parse().ok()
    }
}

/// Reads one message with an optional `Content-Length`; none at the end of the stream.
pub async fn read_message(stream: &mut BufReader<TcpStream>) -> Option<Message> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).await.ok()? == 0 {
            return None;
        }
    }
    let mut message = Message { head, body: Vec::new() };
    let length = message.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    message.body.resize(length, 0);
    stream.read_exact(&mut message.body).await.ok()?;
    Some(message)
}

/// The value of `x-retell-signature` for a body at a time: HMAC-SHA256 over the body and the milliseconds.
pub fn sign(key: &str, body: &[u8], millis: u64) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("any length of key");
    mac.update(body);
    mac.update(millis.to_string().as_bytes());
    let digest = mac.finalize().into_bytes();
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("v={millis},d={hex}")
}

/// Milliseconds since 1970, now.
pub fn now_millis() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    u64::try_from(since.expect("it is after 1970").as_millis())
        .expect("before the year 500 million")
}

/// A connection that is opened when it is needed.
#[derive(Debug)]
pub struct Sender {
    ledger: Ledger,
    connection: Option<(SocketAddr, BufReader<TcpStream>)>,
}

impl Sender {
    pub fn new(ledger: &Ledger) -> Self {
        Self { ledger: ledger.clone(), connection: None }
    }

    /// Forgets the connection.
    pub fn hang_up(&mut self) {
        self.connection = None;
    }

    /// Posts `body`, writes down how that ended, and returns it. `headers` are whole lines.
    pub async fn post(&mut self, to: SocketAddr, path: &str, headers: &str, body: &[u8]) -> Answer {
        // A connection that could not be opened sent nothing: there is nothing to write down.
        if self.connect(to).await.is_none() {
            return Answer::Cut;
        }
        let message = timeout(PATIENCE, self.exchange(path, headers, body)).await.ok().flatten();
        let answer = message.as_ref().map_or(Answer::Cut, answer);
        let closes = message.as_ref().is_none_or(|message| {
            message.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
        });
        if closes {
            self.hang_up();
        }
        self.ledger.answered(body, &answer);
        answer
    }

    async fn connect(&mut self, to: SocketAddr) -> Option<()> {
        // As any client of HTTP does, it looks whether the other side has closed the connection while it lay idle.
        let open = |stream: &BufReader<TcpStream>| {
            let nothing = stream.get_ref().try_read(&mut [0; 1]);
            nothing.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
        };
        if self.connection.as_ref().is_none_or(|(at, stream)| *at != to || !open(stream)) {
            let stream = TcpStream::connect(to).await.ok()?;
            stream.set_nodelay(true).ok()?;
            self.connection = Some((to, BufReader::new(stream)));
        }
        Some(())
    }

    async fn exchange(&mut self, path: &str, headers: &str, body: &[u8]) -> Option<Message> {
        let (_, stream) = self.connection.as_mut()?;
        let mut request = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n{headers}content-length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        stream.write_all(&request).await.ok()?;
        read_message(stream).await
    }
}

fn answer(message: &Message) -> Answer {
    match message.status() {
        Some(status @ 200..300) => match message.header("x-hookswitch-event-id") {
            Some(id) => Answer::Stored {
                id: id.to_owned(),
                duplicate: message.header("x-hookswitch-duplicate") == Some("true"),
            },
            None => Answer::Refused(status),
        },
        Some(status) => Answer::Refused(status),
        None => Answer::Cut,
    }
}

/// An event with a number of its own, about 0.8 KB.
pub fn event(number: u64) -> Vec<u8> {
    event_of(number, 30)
}

/// The same with a summary of `words` times 24 bytes.
pub fn event_of(number: u64, words: usize) -> Vec<u8> {
    let summary = "a summary of some length ".repeat(words);
    format!(
        r#"{{"event":"call_analyzed","call":{{"call_id":"call_{number}","agent_id":"agent_1","call_analysis":{{"call_summary":"{summary}"}}}}}}"#
    )
    .into_bytes()
}

/// Where the load goes and whether it goes on: none stops it.
pub type Address = watch::Sender<Option<SocketAddr>>;

/// A steady load of distinct events from several senders. What was not answered 2xx is sent again, unchanged, for ever:
/// more than Retell does, so that every event of the ledger has a known end.
#[derive(Debug)]
pub struct Load {
    address: Address,
    senders: Vec<JoinHandle<()>>,
}

impl Load {
    /// `senders` connections, each with an event per `tick`, numbered from `first` on.
    pub fn start(
        ledger: &Ledger,
        to: SocketAddr,
        (senders, tick): (u64, Duration),
        first: u64,
        make: fn(u64) -> Vec<u8>,
    ) -> Self {
        let (address, _) = watch::channel(Some(to));
        let senders = (0..senders)
            .map(|at| {
                let (sender, address) = (Sender::new(ledger), address.subscribe());
                tokio::spawn(keep_sending(sender, address, (first + at, senders), tick, make))
            })
            .collect();
        Self { address, senders }
    }

    /// The instance listens elsewhere now.
    pub fn moved(&self, to: SocketAddr) {
        self.address.send_replace(Some(to));
    }

    /// Ends it, once each sender has the answer that it waits for.
    pub async fn stop(self) {
        self.address.send_replace(None);
        for sender in self.senders {
            sender.await.expect("a sender does not panic");
        }
    }
}

async fn keep_sending(
    mut sender: Sender,
    mut address: watch::Receiver<Option<SocketAddr>>,
    (first, step): (u64, u64),
    tick: Duration,
    make: fn(u64) -> Vec<u8>,
) {
    // Spread over the tick: senders that all go at once leave the program idle in between.
    let share = u32::try_from(first % step).unwrap_or(0);
    let offset = tick * share / u32::try_from(step).unwrap_or(1);
    let mut ticks = interval_at(Instant::now() + offset, tick);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut number = first;
    loop {
        ticks.tick().await;
        let Some(to) = *address.borrow_and_update() else { return };
        let answer = sender.post(to, "/webhook", "", &make(number)).await;
        if matches!(answer, Answer::Stored { .. }) {
            number += step;
        }
    }
}
