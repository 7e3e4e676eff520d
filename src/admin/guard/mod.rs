//! Who may ask: checked before anything else is done with a request, under the snapshot that runs at that moment, so that a
//! reload rotates the token.
//!
//! A loopback address is no protection against the browser on the same machine: any page it shows can send requests there,
//! and can even read the answers under a name of its own that points to 127.0.0.1 (DNS rebinding). So the host that was
//! asked for must be one we know, and what changes something must come from us or from no page at all.

use std::net::{IpAddr, SocketAddr};

use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::clock::Timestamp;
use crate::config::Settings;
use crate::fault::{self, Plant};
use crate::secret::Secret;

use super::failure::Failure;
use super::{page, session};

/// Paths that everyone may ask, under any name and without a token: probes have neither.
pub(super) const OPEN: [&str; 2] = ["/healthz", "/readyz"];

/// Whether a request may be answered. `local` is the address at which its connection arrived.
pub(super) fn admit(
    request: &Parts,
    settings: &Settings,
    local: SocketAddr,
    now: Timestamp,
) -> Result<(), Failure> {
    if OPEN.contains(&request.uri.path()) && is_safe(&request.method) {
        return Ok(());
    }
    framing(&request.headers)?;
    let host = host(request)?;
    if !is_ours(&host, settings, local) {
        return Err(Failure::new(
            StatusCode::FORBIDDEN,
            format!(
                "the API does not answer for the host {host:?}: use a loopback address, or list the name in `admin_hosts`"
            ),
        ));
    }
    if page::has(request.uri.path()) && is_safe(&request.method) {
        return Ok(());
    }
    if !is_safe(&request.method) {
        from_no_other_page(&request.headers, &host)?;
        is_json(&request.headers)?;
    }
    let logs = [session::LOGIN, session::LOGOUT].contains(&request.uri.path());
    if logs && request.method == Method::POST {
        return Ok(());
    }
    let Some(token) = &settings.admin_token else { return Ok(()) };
    if !request.headers.contains_key(header::AUTHORIZATION)
        && session::is_open(&request.headers, token, now)
    {
        // A browser adds the cookie by itself, whoever asks it to send the request.
        return from_no_other_page(&request.headers, &host);
    }
    authorised(&request.headers, token)
}

/// Whether an answer tells if a token is right, so that it must not come fast: whoever tries tokens would get far.
pub(super) fn tells(request: &Parts, status: StatusCode) -> bool {
    request.uri.path() == session::LOGIN
        || status == StatusCode::UNAUTHORIZED && request.headers.contains_key(header::AUTHORIZATION)
}

fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// hyper takes the last of several framing headers at its word; we take none of them.
fn framing(headers: &HeaderMap) -> Result<(), Failure> {
    let lengths = headers.get_all(header::CONTENT_LENGTH).iter().count();
    let codings: Vec<_> = headers.get_all(header::TRANSFER_ENCODING).iter().collect();
    let chunked =
        |value: &&axum::http::HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"chunked");
    if lengths > 1
        || codings.len() > 1
        || !codings.iter().all(chunked)
        || (lengths == 1 && !codings.is_empty())
    {
        return Err(Failure::bad(
            "the request's length is not clear: send one content-length, or transfer-encoding chunked",
        ));
    }
    if headers.contains_key(header::CONTENT_ENCODING) {
        return Err(Failure::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "bodies are taken uncompressed only",
        ));
    }
    Ok(())
}

/// The host that was asked for, with its port if it has one, in lower case.
fn host(request: &Parts) -> Result<String, Failure> {
    let mut given = request.headers.get_all(header::HOST).iter();
    let (Some(host), None) = (given.next(), given.next()) else {
        return Err(Failure::bad("a request has one host header"));
    };
    let host = host.to_str().map_err(|_not_text| Failure::bad("the host header is not text"))?;
    // An absolute address in the request line counts more than the header, so they must agree.
    if request.uri.authority().is_some_and(|asked| !asked.as_str().eq_ignore_ascii_case(host)) {
        return Err(Failure::bad("the host header and the address in the request line differ"));
    }
    Ok(host.to_ascii_lowercase())
}

/// The name or address in `host`, without port and brackets.
fn name(host: &str) -> &str {
    if let Some((address, _port)) = host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return address;
    }
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

fn is_ours(host: &str, settings: &Settings, local: SocketAddr) -> bool {
    let name = name(host);
    if fault::planted(Plant::AnyHost) {
        return true;
    }
    if name == "localhost"
        || settings.admin_hosts.iter().any(|ours| ours.eq_ignore_ascii_case(name))
    {
        return true;
    }
    name.parse::<IpAddr>().is_ok_and(|address| {
        let address = address.to_canonical();
        address.is_loopback()
            || address == local.ip().to_canonical()
            || address == settings.admin.ip().to_canonical()
    })
}

/// Browsers say where a request comes from; other clients do not, and may ask.
fn from_no_other_page(headers: &HeaderMap, host: &str) -> Result<(), Failure> {
    let foreign = || {
        Err(Failure::new(
            StatusCode::FORBIDDEN,
            "the request comes from a page of another origin, which may neither change anything here nor use the session of ours",
        ))
    };
    for origin in headers.get_all(header::ORIGIN) {
        let from = origin.to_str().unwrap_or_default().to_ascii_lowercase();
        let from = from.strip_prefix("http://").or_else(|| from.strip_prefix("https://"));
        if from != Some(host) {
            return foreign();
        }
    }
    let site = headers.get_all("sec-fetch-site");
    if site.iter().any(|site| !matches!(site.as_bytes(), b"same-origin" | b"none")) {
        return foreign();
    }
    Ok(())
}

/// A form on a page can send any of its own types to any address without being asked first; it cannot send this one.
fn is_json(headers: &HeaderMap) -> Result<(), Failure> {
    let wrong = |detail| Err(Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
    match headers.get(header::CONTENT_TYPE) {
        Some(value) => {
            let essence = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
            if essence.trim().eq_ignore_ascii_case("application/json") {
                Ok(())
            } else {
                wrong(
                    "a body must be JSON and say so: with curl, -H 'content-type: application/json'",
                )
            }
        }
        None if has_body(headers) => {
            wrong("a body must say that it is JSON: with curl, -H 'content-type: application/json'")
        }
        None => Ok(()),
    }
}

fn has_body(headers: &HeaderMap) -> bool {
    headers.contains_key(header::TRANSFER_ENCODING)
        || headers.get(header::CONTENT_LENGTH).is_some_and(|length| length.as_bytes() != b"0")
}

fn authorised(headers: &HeaderMap, token: &Secret) -> Result<(), Failure> {
    let refused = |detail| Err(Failure::new(StatusCode::UNAUTHORIZED, detail));
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (given.next(), given.next()) else {
        return refused(
            "a token is needed: send `authorization: Bearer <admin_token>`, or log in on the page",
        );
    };
    let bytes = value.as_bytes();
    let presented = match bytes.split_at_checked(7) {
        Some((scheme, presented)) if scheme.eq_ignore_ascii_case(b"bearer ") => presented,
        _ => {
            return refused("a bearer token is needed: send `authorization: Bearer <admin_token>`");
        }
    };
    if is_same(token, presented) { Ok(()) } else { refused("the token is wrong") }
}

/// Whether `presented` is the token. Hashes are compared, so that neither length nor content shows in the time it takes.
pub(super) fn is_same(token: &Secret, presented: &[u8]) -> bool {
    let expected = Sha256::digest(token.expose().as_bytes());
    bool::from(expected.ct_eq(&Sha256::digest(presented)))
}

#[cfg(test)]
mod tests;
