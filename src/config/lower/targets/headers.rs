//! Headers that a target sends beside our own.

use std::collections::BTreeMap;

use hyper::header::HeaderName;

use crate::config::Code;
use crate::config::document::{Node, Piece, Scalar};
use crate::config::findings::Findings;
use crate::config::shape::Fields;
use crate::target::HeaderTemplate;
use crate::template::Autoescape;

use super::templates::{self, Shown};

/// Most headers of a target.
const HEADERS_MAX: usize = 64;

/// Headers that frame the message or steer the connection (RFC 9110 section 7, RFC 9112 section 6): they are the HTTP
/// client's business.
const FRAMING: [&str; 13] = [
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Headers that we set ourselves, and their prefixes.
const OURS: [&str; 2] = ["content-type", "user-agent"];
const OURS_BEGIN: [&str; 2] = ["webhook-", "x-hookswitch-"];

/// Lowers the headers of a target, names in lower case, in the order of the file.
pub(super) fn headers(fields: Fields<'_>, findings: &mut Findings) -> Vec<HeaderTemplate> {
    let Some(nodes) = fields.get("headers").and_then(Node::map) else { return Vec::new() };
    if nodes.len() > HEADERS_MAX
        && let Some(node) = fields.get("headers")
    {
        findings.error(Code::TooMany, node, format!("a target has at most {HEADERS_MAX} headers"));
    }
    let mut seen = BTreeMap::new();
    let mut headers = Vec::new();
    for node in nodes {
        let name = node.key().to_ascii_lowercase();
        if let Some((text, hint)) = refusal(&name) {
            findings.key_error(Code::BadHeader, node, text, hint.map(str::to_owned));
        } else if let Some(other) = seen.insert(name.clone(), node.key()) {
            let text =
                format!("this header is set twice: `{other}` is the same, whatever the case");
            findings.key_error(Code::BadHeader, node, text, None);
        } else if let Some(scalar) = node.scalar()
            && line(node, scalar, findings)
            && let Some(value) = templates::text(node, (Autoescape::None, Shown::No), findings)
            && let Ok(name) = HeaderName::try_from(name)
        {
            headers.push(HeaderTemplate::new(name, value));
        }
    }
    headers
}

/// Why a header of that name cannot be set, and what to do.
fn refusal(name: &str) -> Option<(String, Option<&'static str>)> {
    if name.is_empty() || !name.bytes().all(is_token) {
        return Some(("this is not the name of a header".to_owned(), None));
    }
    if name == "x-retell-signature" {
        let hint = "`sign: { retell: … }` makes a fresh signature at every attempt";
        return Some(("this header is hookswitch's own".to_owned(), Some(hint)));
    }
    if OURS.contains(&name) || OURS_BEGIN.iter().any(|prefix| name.starts_with(prefix)) {
        let hint = "hookswitch sets content-type, user-agent, webhook-* and x-hookswitch-* itself";
        return Some(("this header is hookswitch's own".to_owned(), Some(hint)));
    }
    FRAMING.contains(&name).then(|| {
        ("this header frames the request, so it is set by the HTTP client alone".to_owned(), None)
    })
}

/// RFC 9110 section 5.6.2.
pub(in super::super) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Whether the value has no line break or other control character. A template's own output is checked when it is sent.
fn line(node: Node<'_>, scalar: &Scalar, findings: &mut Findings) -> bool {
    let odd = |text: &str| text.chars().any(|c| c.is_control() && c != '\t');
    let inserted = scalar.pieces.as_ref().is_some_and(|pieces| {
        pieces
            .iter()
            .any(|piece| matches!(piece, Piece::Inserted { value, .. } if odd(value.expose())))
    });
    if inserted {
        let text = "what is put in here holds a line break or another control character";
        findings.error(Code::BadHeader, node, text);
    } else if odd(&scalar.written) {
        findings.error(Code::BadHeader, node, "the value of a header is one line");
    }
    !inserted && !odd(&scalar.written)
}
