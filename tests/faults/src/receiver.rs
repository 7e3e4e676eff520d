//! Targets: one listener that plays all of them, told apart by the first part of the path, and writes down what it gets.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::ledger::{Ledger, Receipt, print};
use crate::sender::{Message, read_message};

/// What a target does with a request.
#[derive(Debug, Clone)]
pub enum Reply {
    /// Answers with this status and no body.
    Status(u16),
    /// The same with header lines.
    With(u16, &'static str),
    /// The same after a while.
    Late(Duration, u16),
    /// Closes the connection without an answer.
    Drop,
}

impl Reply {
    fn status(&self) -> u16 {
        match self {
            Self::Status(status) | Self::With(status, _) | Self::Late(_, status) => *status,
            Self::Drop => 0,
        }
    }
}

/// What is known of a request when its answer is chosen.
#[derive(Debug)]
pub struct Got<'a> {
    pub target: &'a str,
    pub id: &'a str,
    pub attempt: u32,
    pub message: &'a Message,
}

/// Chooses the answer; the number counts the requests that came before on the same connection.
type Behaviour = dyn Fn(&Got<'_>, u64) -> Reply + Send + Sync;

/// The listener. It ends when this is dropped.
#[derive(Debug)]
pub struct Receiver {
    pub address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Receiver {
    /// Everything is answered 200.
    pub async fn kind(ledger: &Ledger) -> anyhow::Result<Self> {
        Self::start(ledger, |_| Reply::Status(200)).await
    }

    /// Each request is answered as `behaviour` says.
    pub async fn start(
        ledger: &Ledger,
        behaviour: impl Fn(&Got<'_>) -> Reply + Send + Sync + 'static,
    ) -> anyhow::Result<Self> {
        Self::start_by_turn(ledger, move |got, _| behaviour(got)).await
    }

    /// The same, and it is told how many requests came before on the same connection.
    pub async fn start_by_turn(
        ledger: &Ledger,
        behaviour: impl Fn(&Got<'_>, u64) -> Reply + Send + Sync + 'static,
    ) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("a port for the targets")?;
        let address = listener.local_addr()?;
        let (ledger, behaviour): (_, Arc<Behaviour>) = (ledger.clone(), Arc::new(behaviour));
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, ledger.clone(), Arc::clone(&behaviour)));
            }
        });
        Ok(Self { address, serving })
    }

    /// A whole configuration: one source that asks for no signature, and a rule that sends everything to targets of these
    /// names. `settings` are lines of the top level.
    pub fn rules(&self, settings: &str, names: &[&str]) -> String {
        format!(
            "version: 1\n{settings}sources:\n  retell: {{ path: /webhook, verify: none }}\n{}rules:\n  - name: all of it\n    to: [{}]\n",
            self.targets(names),
            names.join(", ")
        )
    }

    /// The configuration of targets of these names that it plays, with quick retries.
    pub fn targets(&self, names: &[&str]) -> String {
        let target = |name: &&str| {
            let url = format!("http://{}/{name}", self.address);
            format!(
                "  {name}: {{ kind: http, url: \"{url}\", retry: {{ initial: 100ms, max: 1s }} }}\n"
            )
        };
        format!("targets:\n{}", names.iter().map(target).collect::<String>())
    }
}

async fn serve(stream: TcpStream, ledger: Ledger, behaviour: Arc<Behaviour>) {
    drop(stream.set_nodelay(true));
    let mut stream = BufReader::new(stream);
    let mut turn = 0;
    while let Some(message) = read_message(&mut stream).await {
        let path = message.head.split(' ').nth(1).unwrap_or_default().trim_start_matches('/');
        let target = path.split(['/', '?']).next().unwrap_or_default().to_owned();
        let id = message.header("webhook-id").unwrap_or_default().to_owned();
        let attempt =
            message.header("x-hookswitch-attempt").and_then(|n| n.parse().ok()).unwrap_or(0);
        let reply = behaviour(&Got { target: &target, id: &id, attempt, message: &message }, turn);
        turn += 1;
        // Written down before the answer leaves: a kill in between must not make us forget it.
        let receipt = Receipt { print: print(&message.body), attempt, status: reply.status() };
        ledger.received(&target, &id, receipt);
        if let Reply::Late(wait, _) = reply {
            tokio::time::sleep(wait).await;
        }
        let lines = if let Reply::With(_, lines) = reply { lines } else { "" };
        let status = reply.status();
        let answer = format!("HTTP/1.1 {status} Scripted\r\n{lines}content-length: 0\r\n\r\n");
        if status == 0 || stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}
