//! The HTTP client: the only place that knows reqwest, and, with `log`, the only one of `target` that does I/O.
//!
//! It promises: one request on the wire for each call, over HTTP/1.1; no redirect is followed, no proxy of the environment
//! is used, nothing is decompressed; link-local addresses are refused on the address dialled; at most 64 KiB
//! of an answer are read; everything ends within the deadline.
//!
//! On retries: reqwest's own policy is switched off. Beneath it hyper-util takes another connection if a pooled one turns
//! out to be closed before any byte of the request was written; reqwest has no switch for that, and none is missing:
//! the target never saw the request, and the total deadline holds over both connections.

mod dial;
mod fault;
mod tls;

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Method, Response, Url};
use tokio::time::{Instant, timeout_at};

use super::Request;

pub(super) use fault::Fault;
pub use tls::CaError;

/// Most bytes of an answer that are read.
pub(super) const ANSWER_MAX: usize = 64 << 10;
/// The longest that connecting may take, TLS included; a shorter total deadline ends it earlier.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an unused connection is kept. Node and Apache httpd close theirs after 5 s, load balancers after 60 s; a request that meets
/// one being closed may or may not have arrived, and is only tried again after a while. So we are the first to let go, and pay for
/// that with a connection to be made where events are further apart.
/// <https://nodejs.org/api/http.html#serverkeepalivetimeout>, <https://httpd.apache.org/docs/2.4/mod/core.html#keepalivetimeout>
const IDLE_TIMEOUT: Duration = Duration::from_secs(4);

/// A client for one target: its pool, and the certificate authorities it trusts. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    inner: reqwest::Client,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Client")
    }
}

/// What a target answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// The usual words for the status, if it has any.
    pub(super) reason: &'static str,
    /// The first `Retry-After`, if it is text.
    pub(super) retry_after: Option<String>,
    /// The first `Location`, if it is text.
    pub(super) location: Option<String>,
    /// The beginning of its body, at most [`ANSWER_MAX`] bytes.
    pub(super) body: Vec<u8>,
    /// What kept the rest of the body away, if something did.
    pub(super) broken_off: Option<&'static str>,
}

/// Whether the host of this address is one that is never dialled, whatever a resolver says.
pub fn is_never_dialled(origin: &str) -> bool {
    Url::parse(origin).is_ok_and(|url| dial::check_literal(&url).is_err())
}

impl Client {
    /// A client that trusts the public authorities (webpki-roots) and those in `ca_pem`.
    pub fn new(ca_pem: Option<&[u8]>) -> Result<Self, CaError> {
        let inner = reqwest::Client::builder()
            .tls_backend_preconfigured(tls::config(ca_pem)?)
            .dns_resolver(dial::Resolver)
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .referer(false)
            .http1_only()
            .tcp_nodelay(true)
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(IDLE_TIMEOUT)
            // A connection is made only when none is unused, so there are never many more than attempts at once. With a bound
            // below that they would be closed and made again all the time.
            .pool_max_idle_per_host(usize::MAX)
            .build()
            .expect(
                "a client with its TLS and its resolver given needs nothing that could be missing",
            );
        Ok(Self { inner })
    }

    /// Sends a request and reads the answer, all within `timeout`.
    ///
    /// Once the head of an answer is there, it counts: a target that said 200 has the event, even if the body that
    /// follows breaks off or drips until the deadline.
    pub(super) async fn send(&self, request: &Request, timeout: Duration) -> Result<Answer, Fault> {
        let deadline = Instant::now() + timeout;
        let address = request.address.as_ref().ok_or_else(|| Fault::address(request))?;
        let url = address.expose();
        dial::check_literal(url).map_err(|refused| Fault::refused(request, refused))?;
        let method = Method::from_bytes(request.method.as_bytes())
            .map_err(|_error| Fault::address(request))?;
        let mut wire = reqwest::Request::new(method, url.clone());
        wire.headers_mut().clone_from(&request.headers);
        *wire.body_mut() = Some(request.body.clone().into());
        let response = match timeout_at(deadline, self.inner.execute(wire)).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(Fault::sending(request, &error)),
            Err(_elapsed) => return Err(Fault::no_answer(request, timeout)),
        };
        Ok(read(response, deadline).await)
    }
}

async fn read(mut response: Response, deadline: Instant) -> Answer {
    let status = response.status();
    let text = |name| {
        let value: Option<&HeaderValue> = response.headers().get(name);
        value.and_then(|value| value.to_str().ok()).map(str::to_owned)
    };
    let mut answer = Answer {
        status: status.as_u16(),
        reason: status.canonical_reason().unwrap_or_default(),
        retry_after: text(RETRY_AFTER),
        location: text(LOCATION),
        body: Vec::new(),
        broken_off: None,
    };
    while answer.body.len() < ANSWER_MAX {
        match timeout_at(deadline, response.chunk()).await {
            Ok(Ok(Some(chunk))) => keep(&mut answer.body, &chunk),
            Ok(Ok(None)) => break,
            Ok(Err(_error)) => {
                answer.broken_off = Some("the answer broke off");
                break;
            }
            Err(_elapsed) => {
                answer.broken_off = Some("the answer did not end in time");
                break;
            }
        }
    }
    answer
}

fn keep(body: &mut Vec<u8>, chunk: &Bytes) {
    let room = ANSWER_MAX.saturating_sub(body.len());
    body.extend(chunk.iter().take(room));
}
