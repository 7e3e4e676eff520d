//! A server that plays each target by a script, whatever HTTP says of it: one listener, told apart by the path.

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::ledger::{Ledger, Receipt, print};
use crate::sender::Message;

/// What a server may hold in the kernel on its side, so that what it could write says what the client took.
const SEND_BUFFER: u32 = 64 << 10;
/// Between two bytes that drip.
const DRIP: Duration = Duration::from_millis(100);

/// One thing that a server does once it has the head of a request.
#[derive(Debug, Clone)]
pub enum Do {
    /// Reads the body that the head announces.
    Body,
    /// Writes these bytes.
    Say(Cow<'static, [u8]>),
    /// Writes them one at a time.
    Drip(&'static str),
    /// Writes them again and again until the other side hangs up.
    Flood(Cow<'static, [u8]>),
    /// Holds the connection until the other side hangs up.
    Hold,
    /// Ends the connection with a reset. Without it a script ends with a FIN.
    Reset,
}

/// How a target treats one connection.
#[derive(Debug, Clone)]
pub struct Script {
    /// The status that the other side can see; 0 if there is none.
    pub status: u16,
    pub steps: Vec<Do>,
}

/// What a target does, attempt by attempt; the last is for all that follow.
pub type Scripts = Vec<Script>;

/// One request that came.
#[derive(Debug, Clone)]
pub struct Seen {
    pub at: Instant,
    /// Whether its body was read, and was this.
    pub body: Option<[u8; 32]>,
}

#[derive(Debug, Default)]
struct Notes {
    /// By target, in order of arrival.
    seen: HashMap<String, Vec<Seen>>,
    /// The most that one connection of a target could write.
    wrote: HashMap<String, usize>,
}

/// The server. It ends when this is dropped.
#[derive(Debug)]
pub struct Server {
    pub address: SocketAddr,
    notes: Arc<Mutex<Notes>>,
    serving: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn lock(notes: &Mutex<Notes>) -> MutexGuard<'_, Notes> {
    notes.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What every connection needs.
#[derive(Debug, Clone)]
struct Shared {
    ledger: Ledger,
    scripts: Arc<HashMap<String, Scripts>>,
    notes: Arc<Mutex<Notes>>,
}

impl Server {
    /// Plays these targets.
    pub fn start(ledger: &Ledger, scripts: HashMap<String, Scripts>) -> anyhow::Result<Self> {
        let listener = listener()?;
        let address = listener.local_addr()?;
        let notes = Arc::new(Mutex::new(Notes::default()));
        let shared = Shared {
            ledger: ledger.clone(),
            scripts: Arc::new(scripts),
            notes: Arc::clone(&notes),
        };
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, shared.clone()));
            }
        });
        Ok(Self { address, notes, serving })
    }

    /// The requests that a target received.
    pub fn seen(&self, target: &str) -> Vec<Seen> {
        lock(&self.notes).seen.get(target).cloned().unwrap_or_default()
    }

    /// The most that one connection could write, and for which target that was, leaving one target out.
    pub fn wrote_most(&self, but: &str) -> (usize, String) {
        let notes = lock(&self.notes);
        let others = notes.wrote.iter().filter(|(target, _)| *target != but);
        let most = others.max_by_key(|(_, bytes)| **bytes);
        most.map(|(target, bytes)| (*bytes, target.clone())).unwrap_or_default()
    }
}

fn listener() -> anyhow::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).context("a port for hostile targets")?;
    Ok(socket.listen(1024)?)
}

/// A server that accepts whoever comes and then does this alone, before anything is read.
#[derive(Debug)]
pub struct Deaf {
    pub address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Drop for Deaf {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Deaf {
    pub fn start(step: &Do) -> anyhow::Result<Self> {
        let listener = listener()?;
        let address = listener.local_addr()?;
        let step = step.clone();
        let serving = tokio::spawn(async move {
            let mut held = Vec::new();
            while let Ok((stream, _)) = listener.accept().await {
                match step {
                    Do::Reset => reset(&stream),
                    Do::Hold => held.push(stream),
                    _ => {}
                }
            }
        });
        Ok(Self { address, serving })
    }
}

/// Closing it now sends a reset.
fn reset(stream: &TcpStream) {
    stream.set_zero_linger().expect("an open socket takes the option");
}

async fn serve(stream: TcpStream, shared: Shared) {
    drop(stream.set_nodelay(true));
    let mut stream = BufReader::new(stream);
    let Some(head) = head(&mut stream).await else { return };
    let mut message = Message { head, body: Vec::new() };
    let path = message.head.split(' ').nth(1).unwrap_or_default().trim_start_matches('/');
    let target = path.split(['/', '?']).next().unwrap_or_default().to_owned();
    let attempt: u32 =
        message.header("x-hookswitch-attempt").and_then(|n| n.parse().ok()).unwrap_or(0);
    let id = message.header("webhook-id").unwrap_or_default().to_owned();
    let length = message.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    let scripts = shared.scripts.get(&target).map(Vec::as_slice).unwrap_or_default();
    let at = (attempt.max(1) as usize - 1).min(scripts.len().saturating_sub(1));
    // A target that nobody plays is one that must not be asked: it is written down, and nothing is answered.
    let (status, steps) = scripts.get(at).map_or((0, &[][..]), |s| (s.status, &s.steps[..]));
    let whole = matches!(steps.first(), Some(Do::Body));
    if whole {
        message.body.resize(length, 0);
        if stream.read_exact(&mut message.body).await.is_err() {
            return;
        }
    }
    let print = print(&message.body);
    let seen = Seen { at: Instant::now(), body: whole.then_some(print) };
    lock(&shared.notes).seen.entry(target.clone()).or_default().push(seen);
    shared.ledger.received(&target, &id, Receipt { print, attempt, status });
    let mut wrote = 0;
    for step in steps {
        if play(&mut stream, step, &mut wrote).await.is_none() {
            break;
        }
    }
    let mut notes = lock(&shared.notes);
    let most = notes.wrote.entry(target).or_default();
    *most = wrote.max(*most);
}

async fn head(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).await.ok()? == 0 {
            return None;
        }
    }
    Some(head)
}

async fn play(stream: &mut BufReader<TcpStream>, step: &Do, wrote: &mut usize) -> Option<()> {
    match step {
        Do::Body => {}
        Do::Say(bytes) => write(stream, bytes, wrote).await?,
        Do::Drip(text) => {
            for byte in text.as_bytes() {
                write(stream, &[*byte], wrote).await?;
                sleep(DRIP).await;
            }
        }
        Do::Flood(bytes) => loop {
            write(stream, bytes, wrote).await?;
        },
        Do::Hold => {
            let mut piece = [0; 4 << 10];
            while stream.read(&mut piece).await.ok()? > 0 {}
        }
        Do::Reset => reset(stream.get_ref()),
    }
    Some(())
}

/// Writes all of it, and counts what the kernel has taken even if that is not all.
async fn write(stream: &mut BufReader<TcpStream>, bytes: &[u8], wrote: &mut usize) -> Option<()> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let count = stream.write(rest).await.ok()?;
        *wrote += count;
        rest = &rest[count..];
    }
    Some(())
}
