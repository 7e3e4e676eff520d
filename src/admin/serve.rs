//! Connections and their limits: few, short, and closed when they do nothing. The same care as for webhooks, on a smaller
//! scale: whoever keeps every connection busy keeps the operator out.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::{debug, warn};

use super::failure::{Failure, PROBLEM_JSON};
use super::{Parts, guard, page};

/// Most connections at once; more wait to be accepted.
const CONNECTIONS_MAX: usize = 64;
/// How long a request's headers may take, and how long a connection may idle.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// Largest header block, in bytes.
const HEADERS_MAX: usize = 32 << 10;
/// Most headers.
const HEADER_COUNT_MAX: usize = 64;
/// How long one connection may live, whatever it does: a client that reads slowly holds it no longer.
const LIFE_MAX: Duration = Duration::from_mins(5);
/// When a request's connection ends, so that an answer that goes on can end before it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ends(pub(super) Instant);

/// How long a request under way may take once its connection is to end.
const GRACE: Duration = Duration::from_secs(5);
/// How long an answer is held back that tells whether a token is right, a right one too: with [`CONNECTIONS_MAX`] it bounds how
/// many tokens can be tried, and nobody who has the right one can be kept from logging in.
const HOLD: Duration = Duration::from_millis(500);
/// How long accepting rests after it failed: descriptors may be free again then.
const ACCEPT_REST: Duration = Duration::from_millis(200);

/// Accepts until the tasks are told to stop.
pub(super) async fn serve(parts: Arc<Parts>, router: Router, listener: TcpListener) {
    let stopping = parts.tasks.stopping();
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut failing = false;
    loop {
        let accepted = stopping.run_until_cancelled(async {
            let permit = Arc::clone(&permits).acquire_owned().await;
            (permit, listener.accept().await)
        });
        match accepted.await {
            None => return,
            Some((Ok(permit), Ok((stream, _peer)))) => {
                failing = false;
                let connection = connection(Arc::clone(&parts), router.clone(), stream);
                // It ends by itself, and nobody waits for it but `tasks`.
                drop(parts.tasks.piece("admin connection", async move {
                    connection.await;
                    drop(permit);
                }));
            }
            Some((_, accepted)) => {
                if let (Err(cause), false) = (accepted, failing) {
                    warn!(%cause, "the admin listener cannot accept connections for the moment");
                }
                failing = true;
                sleep(ACCEPT_REST).await;
            }
        }
    }
}

async fn connection(parts: Arc<Parts>, router: Router, stream: TcpStream) {
    let Ok(local) = stream.local_addr() else { return };
    // Answers are small; without this the last packet of one may wait for an acknowledgement.
    if let Err(cause) = stream.set_nodelay(true) {
        debug!(%cause, "an admin connection keeps its delay");
    }
    let stopping = parts.tasks.stopping();
    let routes = TowerToHyperService::new(router.into_service::<Incoming>());
    let ends = Instant::now() + LIFE_MAX;
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Ends(ends));
        let answer = answer(Arc::clone(&parts), routes.clone(), local, request);
        // A task of its own: a client that hangs up does not stop half-way what it has begun, and a panic ends one request.
        let task = parts.tasks.piece("admin request", answer);
        async move {
            let failed = || {
                Failure::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "this request failed; the log says more",
                )
            };
            let response = task.await.unwrap_or_else(|_| dressed(failed().into_response()));
            // Here and not in the task: a client that does not wait does not keep anything waiting.
            if response.extensions().get::<Held>().is_some() {
                sleep(HOLD).await;
            }
            Ok::<_, Infallible>(response)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(HEADERS_MAX)
        .max_header_size(HEADERS_MAX)
        .max_headers(HEADER_COUNT_MAX)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        () = stopping.cancelled() => None,
        () = sleep_until(ends) => None,
    };
    let ended = if let Some(ended) = ended {
        Ok(ended)
    } else {
        connection.as_mut().graceful_shutdown();
        timeout(GRACE, connection).await
    };
    if let Ok(Err(cause)) = ended {
        debug!(%cause, "an admin connection ended early");
    }
}

type Routes = TowerToHyperService<axum::routing::RouterIntoService<Incoming>>;

async fn answer(
    parts: Arc<Parts>,
    routes: Routes,
    local: SocketAddr,
    request: Request<Incoming>,
) -> Response {
    let (head, body) = request.into_parts();
    let now = parts.clock.now();
    let admitted = guard::admit(&head, &parts.published.load().settings, local, now);
    let asked = head.clone();
    let mut response = match admitted {
        Err(failure) => failure.into_response(),
        Ok(()) => match routes.call(Request::from_parts(head, body)).await {
            Ok(response) => in_our_words(response),
            Err(never) => match never {},
        },
    };
    if guard::tells(&asked, response.status()) {
        response.extensions_mut().insert(Held);
    }
    dressed(response)
}

/// Marks an answer that is held back for [`HOLD`].
#[derive(Debug, Clone, Copy)]
struct Held;

/// Errors that axum makes (another method, an address that is no text) in the form that all of ours have.
fn in_our_words(response: Response) -> Response {
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE);
    if !(status.is_client_error() || status.is_server_error())
        || kind.is_some_and(|kind| {
            kind == PROBLEM_JSON || kind == "application/json" || kind == page::HTML
        })
    {
        return response;
    }
    let allow = response.headers().get(header::ALLOW).cloned();
    let detail = match status {
        StatusCode::METHOD_NOT_ALLOWED => {
            let allowed = allow.as_ref().and_then(|allow| allow.to_str().ok()).unwrap_or_default();
            format!("this path takes {allowed}")
        }
        _ => "this request cannot be answered".to_owned(),
    };
    let mut ours = Failure::new(status, detail).into_response();
    if let Some(allow) = allow {
        ours.headers_mut().insert(header::ALLOW, allow);
    }
    ours
}

/// What every answer carries: nothing here is to be kept, framed, guessed at or read by another page. Files of the page have
/// said already what may be kept of them and what they may do.
fn dressed(mut response: Response) -> Response {
    let headers: &mut HeaderMap = response.headers_mut();
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}
