//! One connection, from its opening to its end, with every limit of HTTP set by hand.

use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep_until, timeout};
use tracing::debug;

use crate::telemetry::Refused;

use super::Limits;
use super::handler::handle;
use super::serve::Shared;
use super::socket::{Progress, Socket};

/// How long a connection that never carried a request may stay when the listener closes: its first request may be under
/// way, and its client was told that it is connected.
const FRESH: Duration = Duration::from_millis(250);

fn http(limits: &Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        // Without a timer hyper's timeouts do nothing.
        .timer(TokioTimer::new())
        // It runs whenever hyper waits for headers, so it is also how long a connection may rest. That headers which have
        // begun arrive in less is watched in `serve`.
        .header_read_timeout(limits.idle.max(limits.head))
        // Also the size of the pieces that a body is read in, and of what a client can send ahead: the next request is not
        // looked at before the last one is answered.
        .max_buf_size(limits.head_bytes)
        .max_header_size(limits.head_bytes)
        .keep_alive(true)
        // A client may close its side and still wait for the answer. One that is gone altogether looks the same until we
        // write, and costs no more than its answer.
        .half_close(true);
    builder
}

/// Serves a connection until either side ends it.
pub(super) async fn serve<S>(shared: Arc<Shared>, stream: S, peer: IpAddr)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let limits = shared.parts.limits;
    let progress = Arc::new(Progress::new());
    let socket = Socket::new(stream, Arc::clone(&progress), limits.linger);
    let service = {
        let (shared, progress) = (Arc::clone(&shared), Arc::clone(&progress));
        service_fn(move |request| {
            let (shared, progress) = (Arc::clone(&shared), Arc::clone(&progress));
            async move { Ok::<_, Infallible>(handle(shared, request, peer, &progress).await) }
        })
    };
    let mut connection = pin!(http(&limits).serve_connection(TokioIo::new(socket), service));
    let mut head_late = pin!(head_late(&progress, limits.head));
    let mut closing = pin!(shared.closing.cancelled());
    let mut cut = pin!(shared.cut.cancelled());
    let mut told = false;
    let ended = loop {
        tokio::select! {
            // The connection first: what has arrived is looked at before anything is closed.
            biased;
            ended = connection.as_mut() => break ended,
            () = &mut cut => return,
            () = &mut head_late => {
                shared.parts.metrics.refused(Refused::HeadTimeout);
                return;
            }
            () = &mut closing, if !told => {
                told = true;
                if progress.is_fresh()
                    && let Ok(ended) = timeout(FRESH, connection.as_mut()).await
                {
                    break ended;
                }
                connection.as_mut().graceful_shutdown();
            }
        }
    };
    if let Err(error) = ended {
        if error.is_parse_too_large() {
            shared.parts.metrics.refused(Refused::HeadTooLarge);
        } else if error.is_parse() {
            shared.parts.metrics.refused(Refused::BadHead);
        } else if error.is_timeout() && progress.head_began().is_some() {
            shared.parts.metrics.refused(Refused::HeadTimeout);
        }
        debug!(%error, "a connection ended with an error");
    }
}

/// Resolves when headers have begun and did not arrive within `limit`. It looks only as often as that can happen.
async fn head_late(progress: &Progress, limit: Duration) {
    let mut look = Instant::now() + limit;
    loop {
        sleep_until(look).await;
        let now = Instant::now();
        match progress.head_began() {
            Some(began) if began + limit <= now => return,
            Some(began) => look = began + limit,
            None => look = now + limit,
        }
    }
}
