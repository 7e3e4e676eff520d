//! Why there is no answer, told apart so that a person knows what to do. Nothing of an address beyond its origin, and no
//! text of a foreign error, gets into it.

use std::error::Error;
use std::io;
use std::time::Duration;

use super::dial::{LinkLocal, NoAddress};
use super::{CONNECT_TIMEOUT, Request};
use crate::telemetry::AttemptLabel;

/// No answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::target) struct Fault {
    /// For the metrics.
    pub(in crate::target) label: AttemptLabel,
    /// For a person.
    pub(in crate::target) detail: String,
}

impl Fault {
    fn unreachable(request: &Request, what: &str) -> Self {
        let detail = format!("{}: {what}", request.origin());
        Self { label: AttemptLabel::Unreachable, detail }
    }

    /// The address that was rendered is none. Rendering checks that, so this is a last guard.
    pub(super) fn address(request: &Request) -> Self {
        Self::unreachable(request, "the address cannot be used")
    }

    /// The host is an address that is never dialled.
    pub(super) fn refused(request: &Request, _refused: LinkLocal) -> Self {
        Self::unreachable(request, LINK_LOCAL)
    }

    /// The deadline passed before the head of an answer was there.
    pub(super) fn no_answer(request: &Request, timeout: Duration) -> Self {
        let detail = format!(
            "{}: no answer within {}; raise `timeout` if the target needs longer",
            request.origin(),
            humantime::format_duration(timeout)
        );
        Self { label: AttemptLabel::Timeout, detail }
    }

    /// What reqwest reports.
    pub(super) fn sending(request: &Request, error: &reqwest::Error) -> Self {
        if let Some(what) = Cause::of(error).what() {
            return Self::unreachable(request, what);
        }
        if error.is_timeout() {
            let within = humantime::format_duration(CONNECT_TIMEOUT);
            let detail = format!(
                "{}: no connection within {within}; is the host up, and does a firewall let us through?",
                request.origin()
            );
            return Self { label: AttemptLabel::Timeout, detail };
        }
        let what = if error.is_connect() { "cannot connect" } else { "the request failed" };
        Self::unreachable(request, what)
    }
}

const LINK_LOCAL: &str = "a link-local address (169.254.0.0/16 or fe80::/10), which is never dialled; use another address";

/// What the chain of causes holds.
#[derive(Debug, Default)]
struct Cause {
    link_local: bool,
    no_address: bool,
    tls: Option<&'static str>,
    io: Option<&'static str>,
    http: Option<&'static str>,
}

impl Cause {
    fn of(error: &reqwest::Error) -> Self {
        let mut cause = Self::default();
        let mut next = Error::source(error);
        while let Some(error) = next {
            cause.see(error);
            next = error.source();
        }
        cause
    }

    fn see(&mut self, error: &(dyn Error + 'static)) {
        self.link_local |= error.is::<LinkLocal>();
        self.no_address |= error.is::<NoAddress>();
        if let Some(error) = error.downcast_ref::<rustls::Error>() {
            self.tls = Some(tls(error));
        }
        if let Some(error) = error.downcast_ref::<hyper::Error>() {
            self.http = self.http.or(http(error));
        }
        if let Some(error) = error.downcast_ref::<io::Error>() {
            self.io = self.io.or(io(error.kind()));
            // An error of another kind may be inside, which `source` steps over.
            if let Some(inner) = error.get_ref() {
                self.see(inner);
            }
        }
    }

    /// The most telling of them.
    fn what(&self) -> Option<&'static str> {
        let link_local = self.link_local.then_some(LINK_LOCAL);
        let no_address = self.no_address.then_some(
            "the name of the host cannot be resolved; check the name and this machine's DNS",
        );
        link_local.or(no_address).or(self.tls).or(self.io).or(self.http)
    }
}

fn io(kind: io::ErrorKind) -> Option<&'static str> {
    match kind {
        io::ErrorKind::ConnectionRefused => {
            Some("connection refused; is the target running, and is the port right?")
        }
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => {
            Some("the target reset the connection before it answered")
        }
        io::ErrorKind::BrokenPipe => Some("the target closed the connection while we wrote"),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            Some("no route to the host; check the address and the network")
        }
        io::ErrorKind::UnexpectedEof => Some("the target closed the connection before it answered"),
        _ => None,
    }
}

fn http(error: &hyper::Error) -> Option<&'static str> {
    if error.is_parse_too_large() {
        return Some("the head of the answer is too large");
    }
    if error.is_parse() {
        return Some("the answer is not HTTP; is this the right port, and does it want https?");
    }
    if error.is_incomplete_message() {
        return Some("the target closed the connection before it answered");
    }
    None
}

fn tls(error: &rustls::Error) -> &'static str {
    use rustls::CertificateError as Bad;
    match error {
        rustls::Error::InvalidCertificate(bad) => match bad {
            Bad::UnknownIssuer | Bad::BadSignature => {
                "its certificate comes from an authority that is not trusted; give the authority's certificate in `ca_file`"
            }
            Bad::NotValidForName | Bad::NotValidForNameContext { .. } => {
                "its certificate is for another name; use a name that is in the certificate"
            }
            Bad::Expired | Bad::ExpiredContext { .. } => "its certificate has expired",
            Bad::NotValidYet | Bad::NotValidYetContext { .. } => {
                "its certificate is not valid yet; is this machine's clock right?"
            }
            _ => "its certificate is not acceptable",
        },
        rustls::Error::InvalidMessage(_) => "the target does not speak TLS; is it http:// there?",
        rustls::Error::PeerIncompatible(_) => "the target speaks no version of TLS that is safe",
        rustls::Error::AlertReceived(_) => "the target refused the TLS handshake",
        _ => "the TLS handshake failed",
    }
}
