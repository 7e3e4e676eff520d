//! The server behind `sink` and the stand-ins of `demo`: answers by a script and hands over what it received.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::clock::{Clock, System, Timestamp};
use crate::tasks::Tasks;

/// The largest body it takes.
const BODY_MAX: usize = 64 << 20;
/// How many requests wait to be printed; more wait for their answer.
const WAITING: usize = 64;
/// How many paths are counted for themselves; the rest share a count.
const PATHS_MAX: usize = 1024;
/// The wait after a failed accept: descriptors have run out, and only time frees some.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What it answers.
#[derive(Debug, Clone)]
pub(in crate::cli) struct Script {
    /// Statuses in turn, per path; the last goes on.
    pub(in crate::cli) statuses: Vec<u16>,
    /// The value of `Retry-After` with 429 and 503.
    pub(in crate::cli) retry_after: Option<u32>,
    /// The wait before each answer.
    pub(in crate::cli) delay: Duration,
    /// What a path has against a body, before anything else.
    pub(in crate::cli) answer: Option<Objection>,
}

/// What a path has against a body: the status that it is answered.
pub(in crate::cli) type Objection = fn(&str, &[u8]) -> Option<u16>;

/// One request, and what it was answered.
#[derive(Debug)]
pub(in crate::cli) struct Received {
    /// When it was read.
    pub(in crate::cli) at: Timestamp,
    /// Its method.
    pub(in crate::cli) method: String,
    /// Path and query.
    pub(in crate::cli) target: String,
    /// Its headers, names in lower case.
    pub(in crate::cli) headers: Vec<(String, String)>,
    /// Its body.
    pub(in crate::cli) body: Bytes,
    /// The status it is answered.
    pub(in crate::cli) status: u16,
}

struct Server {
    script: Script,
    counts: Mutex<HashMap<String, usize>>,
    received: mpsc::Sender<Received>,
}

/// Serves `listener` until the tasks are told to stop. Each request is handed over before it is answered; when nobody
/// takes them any more, they are answered all the same.
pub(in crate::cli) fn start(
    listener: TcpListener,
    script: Script,
    tasks: &Tasks,
) -> mpsc::Receiver<Received> {
    let (received, taken) = mpsc::channel(WAITING);
    let server = Arc::new(Server { script, counts: Mutex::default(), received });
    let owner = tasks.clone();
    tasks.service("the receiver", async move {
        let stopping = owner.stopping();
        loop {
            let accepted = tokio::select! {
                () = stopping.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) => {
                    let (server, stopping) = (Arc::clone(&server), owner.stopping());
                    drop(owner.piece("a connection of the receiver", async move {
                        tokio::select! {
                            () = stopping.cancelled() => {}
                            () = server.connection(stream) => {}
                        }
                    }));
                }
                Err(error) => {
                    tracing::warn!(%error, "the receiver cannot accept");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    });
    taken
}

impl Server {
    async fn connection(self: Arc<Self>, stream: TcpStream) {
        let service = service_fn(move |request| Arc::clone(&self).answer(request));
        let served = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .serve_connection(TokioIo::new(stream), service)
            .await;
        if let Err(error) = served {
            tracing::debug!(%error, "a connection of the receiver ended early");
        }
    }

    async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        let (head, body) = request.into_parts();
        let Ok(body) = Limited::new(body, BODY_MAX).collect().await else {
            return Ok(reply(413, None, "the body is too large or was cut off\n"));
        };
        let body = body.to_bytes();
        let against = self.script.answer.and_then(|answer| answer(head.uri.path(), &body));
        let status = against.unwrap_or_else(|| self.status(head.uri.path()));
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        let received = Received {
            at: System.now(),
            method: head.method.to_string(),
            target: head.uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string),
            headers: head
                .headers
                .iter()
                .map(|(name, value)| (name.to_string(), text(value.as_bytes())))
                .collect(),
            body,
            status,
        };
        if self.received.send(received).await.is_err() {
            tracing::debug!("nobody takes what the receiver gets");
        }
        tokio::time::sleep(self.script.delay).await;
        let wait = self.script.retry_after.filter(|_| matches!(status, 429 | 503));
        // What Slack answers to a message that it took.
        Ok(reply(status, wait, if (200..300).contains(&status) { "ok" } else { "told to fail\n" }))
    }

    /// The next status of a path.
    fn status(&self, path: &str) -> u16 {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let path = if counts.len() < PATHS_MAX || counts.contains_key(path) { path } else { "" };
        let count = counts.entry(path.to_owned()).or_default();
        let statuses = &self.script.statuses;
        let status = statuses.get(*count).or(statuses.last()).copied().unwrap_or(200);
        *count = count.saturating_add(1);
        status
    }
}

fn reply(status: u16, retry_after: Option<u32>, body: &'static str) -> Response<Full<Bytes>> {
    let mut reply = Response::builder().status(status).header("content-type", "text/plain");
    if let Some(seconds) = retry_after {
        reply = reply.header("retry-after", seconds);
    }
    // 204 and 304 have no body.
    let body = if matches!(status, 204 | 304) { "" } else { body };
    reply.body(Full::from(body)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_path_walks_through_the_script_by_itself() {
        let (received, _taken) = mpsc::channel(1);
        let script = Script {
            statuses: vec![500, 429, 200],
            retry_after: None,
            delay: Duration::ZERO,
            answer: None,
        };
        let server = Server { script, counts: Mutex::default(), received };
        let walk: Vec<_> = (0..4).map(|_| server.status("/slack")).collect();
        assert_eq!(walk, [500, 429, 200, 200]);
        assert_eq!(server.status("/crm"), 500);
    }
}
