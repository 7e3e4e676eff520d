//! One request, from its head to its answer: what can be refused before the body is read is refused here.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use hyper::header::{
    CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, TRANSFER_ENCODING, USER_AGENT,
};
use hyper::http::request;
use hyper::{Method, Request, Response};
use tokio::time::Instant;

use crate::event::{Pairs, RequestParts, query_pairs};
use crate::signature::RETELL_HEADER;
use crate::telemetry::Refused;

use super::answer::{self, Answer, Problem};
use super::body::{self, Bounds};
use super::intake::{self, Chosen, Received};
use super::serve::Shared;
use super::socket::Progress;

/// Answers one request.
pub(super) async fn handle(
    shared: Arc<Shared>,
    request: Request<Incoming>,
    peer: IpAddr,
    progress: &Progress,
) -> Response<Full<Bytes>> {
    progress.busy();
    let (head, body) = request.into_parts();
    let empty = body.is_end_stream();
    let (answer, whole) = match refusal_by_framing(&head.headers) {
        Some(problem) => {
            shared.parts.metrics.refused(Refused::Framing);
            (problem.answer(), false)
        }
        None => route(&shared, &head, body, peer).await,
    };
    // Where a body was left unread, what comes next on this connection is not a request.
    if empty || whole {
        progress.idle();
        answer.keeping()
    } else {
        answer.closing()
    }
}

/// hyper refuses what it cannot make sense of; with several `Transfer-Encoding`s it lets the last one decide, which another
/// server before us may see otherwise.
fn refusal_by_framing(headers: &HeaderMap) -> Option<Problem> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let first = codings.next()?;
    let chunked = first.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked");
    (!chunked || codings.next().is_some()).then_some(Problem::Framing)
}

/// Returns the answer, and whether the body was read to its end.
async fn route(
    shared: &Arc<Shared>,
    head: &request::Parts,
    body: Incoming,
    peer: IpAddr,
) -> (Answer, bool) {
    let snapshot = shared.parts.published.load();
    let path = head.uri.path();
    if let Some(chosen) = Chosen::find(snapshot, path) {
        return if head.method == Method::POST {
            receive(shared, chosen, head, body, peer).await
        } else {
            (refuse(shared, Refused::Method, &Problem::Method("POST")), false)
        };
    }
    let answer = match (path, &head.method) {
        ("/healthz", &Method::GET | &Method::HEAD) => answer::alive(),
        ("/readyz", &Method::GET | &Method::HEAD) => {
            answer::probed(&shared.parts.readiness.missing(&*shared.parts.store))
        }
        ("/healthz" | "/readyz", _) => {
            refuse(shared, Refused::Method, &Problem::Method("GET, HEAD"))
        }
        _ => refuse(shared, Refused::NotFound, &Problem::NotFound),
    };
    (answer, false)
}

fn refuse(shared: &Shared, reason: Refused, problem: &Problem) -> Answer {
    shared.parts.metrics.refused(reason);
    problem.answer()
}

/// Why events are not accepted now, in words that anyone may read.
/// A request to a source: reads the body and hands everything over to a task of its own.
async fn receive(
    shared: &Arc<Shared>,
    chosen: Chosen,
    head: &request::Parts,
    body: Incoming,
    peer: IpAddr,
) -> (Answer, bool) {
    let (source, snapshot) = (chosen.source(), chosen.snapshot());
    if !is_identity(&head.headers) {
        return (shared.refuse(source, &Problem::Encoded), false);
    }
    let mut share = shared.budget.share();
    let bounds = Bounds {
        max_body: source.max_body,
        memory: snapshot.settings.body_memory,
        deadline: Instant::now() + shared.parts.limits.body,
    };
    let body = match body::read(body, &mut share, bounds).await {
        Ok(body) => body,
        Err(error) => {
            return (shared.refuse(source, &Problem::Body(error, source.max_body)), false);
        }
    };
    let reader = snapshot.rules.reader();
    let received = Received {
        whole_at: Instant::now(),
        signatures: head.headers.get_all(RETELL_HEADER).iter().cloned().collect(),
        request: request_parts(head, peer),
        headers: if reader.reads_headers() { header_pairs(&head.headers) } else { Pairs::new() },
        query: match head.uri.query() {
            Some(query) if reader.reads_query() => query_pairs(query),
            _ => Pairs::new(),
        },
        chosen: chosen.clone(),
        body,
        share,
    };
    let task = shared.events.track_future(intake::take(Arc::clone(shared), received));
    let answer = match shared.parts.tasks.piece("event", task).await {
        Ok(answer) => answer,
        // It panicked, which was logged, or it was cut off at the end of a shutdown.
        Err(_) => shared.refuse(source, &Problem::Internal),
    };
    (answer, true)
}

/// Whether every content encoding is the one that changes nothing.
fn is_identity(headers: &HeaderMap) -> bool {
    headers.get_all(CONTENT_ENCODING).iter().all(|value| {
        value.as_bytes().split(|&byte| byte == b',').all(|coding| {
            let coding = coding.trim_ascii();
            coding.is_empty() || coding.eq_ignore_ascii_case(b"identity")
        })
    })
}

/// What is kept of a request beside its body, whole: rules look at it again when the event is replayed or explained, and a part of a
/// value may be another value. All of a head together has a bound.
fn request_parts(head: &request::Parts, peer: IpAddr) -> RequestParts {
    let kept = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let header = |name: HeaderName| head.headers.get(name).map(|value| kept(value.as_bytes()));
    RequestParts {
        content_type: header(CONTENT_TYPE),
        user_agent: header(USER_AGENT),
        signature: header(HeaderName::from_static(RETELL_HEADER)),
        query: head.uri.query().map(|query| kept(query.as_bytes())),
        peer: Some(peer.to_string()),
    }
}

fn header_pairs(headers: &HeaderMap) -> Pairs {
    headers
        .iter()
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), value)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn headers(name: &HeaderName, values: &[&'static str]) -> HeaderMap {
        values.iter().map(|value| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn one_chunked_and_nothing_else_is_a_transfer_encoding() {
        let refused =
            |values: &[&'static str]| refusal_by_framing(&headers(&TRANSFER_ENCODING, values));
        assert_eq!(refused(&[]), None);
        assert_eq!(refused(&["chunked"]), None);
        assert_eq!(refused(&[" Chunked "]), None);
        for values in [&["gzip, chunked"][..], &["gzip", "chunked"], &["chunked", "chunked"]] {
            assert_eq!(refused(values), Some(Problem::Framing), "{values:?}");
        }
    }

    #[test]
    fn identity_is_the_only_content_encoding() {
        let identity = |values: &[&'static str]| is_identity(&headers(&CONTENT_ENCODING, values));
        assert!(identity(&[]));
        assert!(identity(&["identity", "Identity, identity"]));
        assert!(!identity(&["gzip"]));
        assert!(!identity(&["identity, br"]));
        assert!(!identity(&["identity", "deflate"]));
    }
}
