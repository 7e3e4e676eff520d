//! The listener: who is let in, what all connections share, and the end.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, error, info, warn};

use crate::config::Source;
use crate::telemetry::{EventResult, Refused};

use super::Parts;
use super::answer::{Answer, Problem};
use super::budget::Budget;
use super::connection;
use super::crowd::Crowd;
use super::notice::Notices;
use super::socket::{Progress, Socket};

/// Most connections at once that are told why they are not let in; whoever comes beyond that is closed without a word.
const REFUSALS: usize = 64;
/// Longest time that telling it may take.
const REFUSAL_TIME: Duration = Duration::from_secs(1);
/// Most connections that are taken from the kernel's queue when the listener closes. It is as long as Linux makes it.
const QUEUE: usize = 4096;
/// How long the listener waits when there are no descriptors or buffers left: a connection must end first.
const BREATH: Duration = Duration::from_millis(100);
/// How often that is logged.
const BREATH_LOG: Duration = Duration::from_secs(10);

/// The running listener. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Ingress {
    shared: Arc<Shared>,
}

/// What every connection and request works with.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) parts: Parts,
    pub(super) budget: Arc<Budget>,
    pub(super) notices: Notices,
    /// No connection is taken any more, and those that are open end when they are idle.
    pub(super) closing: CancellationToken,
    /// The listener is closed, and nobody is let in any more.
    closed: CancellationToken,
    /// What is still open is cut.
    pub(super) cut: CancellationToken,
    connections: TaskTracker,
    crowd: Arc<Crowd>,
    /// Events whose body is whole, whether or not their client is still there.
    pub(super) events: TaskTracker,
    refusals: Arc<Semaphore>,
}

impl Ingress {
    /// Serves `listener`.
    pub fn start(parts: Parts, listener: TcpListener) -> Self {
        let tasks = parts.tasks.clone();
        let shared = Self::without_listener(parts).shared;
        let accepting = Arc::clone(&shared);
        let stopping = tasks.stopping();
        let closed = shared.closed.clone().drop_guard();
        tasks.service("ingress", async move {
            accept(&accepting, listener).await;
            drop(closed);
            stopping.cancelled().await;
        });
        Self { shared }
    }

    /// With nobody listening: whoever has a stream may [`Self::converse`] on it.
    pub fn without_listener(parts: Parts) -> Self {
        let shared = Shared {
            budget: Arc::default(),
            notices: Notices::default(),
            closing: parts.tasks.stopping().child_token(),
            closed: CancellationToken::new(),
            cut: CancellationToken::new(),
            connections: TaskTracker::new(),
            crowd: Arc::default(),
            events: TaskTracker::new(),
            refusals: Arc::new(Semaphore::new(REFUSALS)),
            parts,
        };
        Self { shared: Arc::new(shared) }
    }

    /// Serves one stream to its end, as a connection that was let in: bytes to verdicts, without a socket.
    pub async fn converse<S>(&self, stream: S, peer: IpAddr)
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        connection::serve(Arc::clone(&self.shared), stream, peer).await;
    }

    /// Closes the listener, lets requests under way be answered, at most until `deadline`.
    pub async fn drain(&self, deadline: Instant) {
        let shared = &self.shared;
        shared.closing.cancel();
        shared.connections.close();
        shared.events.close();
        let ended = async {
            shared.closed.cancelled().await;
            shared.connections.wait().await;
            shared.events.wait().await;
        };
        if timeout_at(deadline, ended).await.is_err() {
            let (connections, events) = (shared.connections.len(), shared.events.len());
            warn!(connections, events, "the listener did not drain in time: what is left is cut");
        }
        shared.cut.cancel();
    }
}

async fn accept(shared: &Arc<Shared>, listener: TcpListener) {
    let mut logged: Option<Instant> = None;
    loop {
        let accepted = tokio::select! {
            biased;
            () = shared.closing.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => admit(shared, stream, peer),
            // The client was gone before we took it.
            Err(error) if is_about_one(&error) => debug!(%error, "a connection was not taken"),
            Err(error) => {
                if logged.is_none_or(|at| at.elapsed() >= BREATH_LOG) {
                    error!(%error, "no connection can be taken: raise the limit of open files, or lower limits.connections");
                    logged = Some(Instant::now());
                }
                tokio::time::sleep(BREATH).await;
            }
        }
    }
    // Who is in the kernel's queue was told that it is connected: closing the listener would reset it.
    for _ in 0..QUEUE {
        match timeout(Duration::ZERO, listener.accept()).await {
            Ok(Ok((stream, peer))) => admit(shared, stream, peer),
            _ => break,
        }
    }
    info!("the listener is closed");
}

/// Whether an error is about the one connection that was taken, so that the next can be taken at once.
fn is_about_one(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
            | io::ErrorKind::TimedOut
    )
}

fn admit(shared: &Arc<Shared>, stream: TcpStream, peer: SocketAddr) {
    let settings = &shared.parts.published.load().settings;
    if shared.connections.len() >= settings.connections {
        shared.parts.metrics.refused(Refused::Connections);
        turn_away(shared, stream);
        return;
    }
    let Some(place) = shared.crowd.enter(peer.ip(), settings.connections_per_address) else {
        shared.parts.metrics.refused(Refused::ConnectionsOfAddress);
        turn_away(shared, stream);
        return;
    };
    // Without it small answers wait for the client's acknowledgements; that it fails says that the client is gone.
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "a connection was gone before it was served");
    }
    let serving = connection::serve(Arc::clone(shared), stream, peer.ip());
    // The token, and not the task, is counted: it is taken here, so that the next one let in sees it.
    let open = shared.connections.token();
    let counted = Arc::clone(shared);
    counted.count_connections();
    let task = async move {
        serving.await;
        drop((open, place));
        counted.count_connections();
    };
    drop(shared.parts.tasks.piece("connection", task));
}

/// Says 503 and closes, in bounded time and for a bounded number at once.
fn turn_away(shared: &Shared, stream: TcpStream) {
    let Ok(permit) = Arc::clone(&shared.refusals).try_acquire_owned() else { return };
    let progress = Arc::new(Progress::new());
    progress.busy();
    let mut socket = Socket::new(stream, progress, shared.parts.limits.linger);
    let task = async move {
        let said = async {
            socket.write_all(Problem::Connections.raw().as_bytes()).await?;
            socket.shutdown().await
        };
        // Whether it was heard is the client's affair.
        match timeout(REFUSAL_TIME, said).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => debug!(%error, "a connection over the limit was not told"),
            Err(_) => debug!("a connection over the limit did not listen"),
        }
        drop(permit);
    };
    drop(shared.parts.tasks.piece("refusal", task));
}

impl Shared {
    fn count_connections(&self) {
        let open = u64::try_from(self.connections.len()).unwrap_or(u64::MAX);
        self.parts.metrics.connections(open);
    }

    /// Counts a refusal, logs it once in a while, and makes its answer.
    pub(super) fn refuse(&self, source: &Source, problem: &Problem) -> Answer {
        let name = &source.name;
        let result = problem.result();
        self.parts.metrics.event(name, result);
        // A client that goes away is everyday life.
        if result != EventResult::Aborted
            && let Some(unsaid) = self.notices.may_say(name, result.as_str())
        {
            warn!(source = %name, result = result.as_str(), unsaid, "refused: {problem}");
        }
        problem.answer()
    }
}
