//! What goes over plain http to a host beyond the operator's own network, where everybody on the way can read it.

use std::net::IpAddr;

use url::{Host, Url, form_urlencoded};

use crate::config::Code;
use crate::config::document::{Node, Piece, Scalar};
use crate::config::findings::Findings;
use crate::config::read;
use crate::secret::{is_a_secret_parameter, names_a_secret};

/// Warns if `target` sends in the clear: above all if a secret is part of what it sends.
pub(super) fn warn(target: Node<'_>, findings: &mut Findings) {
    let Some(node) = target.get("url") else { return };
    let (Some(text), Some(scalar)) = (read::node_text(node), node.scalar()) else { return };
    // Path and query may be templates, which are none of the host's business.
    let Ok(url) = Url::parse(text.split(['?', '#']).next().unwrap_or_default()) else { return };
    if url.scheme() != "http" || !url.host().is_some_and(|host| is_public(&host)) {
        return;
    }
    let hint = "use https://".to_owned();
    if let Some(secret) = secret(target, &text, scalar) {
        let text = format!("events and {secret} go to this host unencrypted");
        findings.warn(Code::SecretInTheClear, node, text, hint);
    } else {
        let text = "events and headers go to this host unencrypted";
        findings.warn(Code::PlainHttp, node, text, hint);
    }
}

/// What of a target's requests is a secret, in words; the first that is found.
fn secret(target: Node<'_>, url: &str, scalar: &Scalar) -> Option<String> {
    if target.get("kind").and_then(read::node_text).as_deref() == Some("slack") {
        return Some("the address, with which anyone can post there,".to_owned());
    }
    let mut headers = target.get("headers").and_then(Node::map).into_iter().flatten();
    let header = headers
        .find(|node| names_a_secret(node.key()) || node.scalar().is_some_and(Scalar::is_filled));
    if let Some(header) = header {
        return Some(format!("the secret in the header `{}`", header.key()));
    }
    if has_password(url) {
        return Some("the password in the address".to_owned());
    }
    if is_filled_behind_host(scalar) {
        return Some("the part of the address that comes from outside".to_owned());
    }
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let mut parameters = form_urlencoded::parse(query.as_bytes());
    if let Some((name, _)) = parameters.find(|(name, value)| is_a_secret_parameter(name, value)) {
        // What is not a plain word might be the secret itself.
        let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
        let name = if plain { format!(" `{name}`") } else { String::new() };
        return Some(format!("the parameter{name} of the address"));
    }
    let signed = target.get("sign").is_some();
    signed.then(|| "the signature, with which a request can be sent again,".to_owned())
}

/// Whether something stands before the host.
fn has_password(url: &str) -> bool {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().is_some_and(|authority| authority.contains('@'))
}

/// Whether a value from outside is put in behind the host, or anything comes from a file: addresses are not kept in files, secrets
/// are.
fn is_filled_behind_host(scalar: &Scalar) -> bool {
    let mut before = String::new();
    scalar.pieces.iter().flatten().any(|piece| match piece {
        Piece::Written(text) => {
            before.push_str(text);
            false
        }
        Piece::Inserted { value, from_file } => {
            let behind =
                before.split_once("://").is_some_and(|(_, rest)| rest.contains(['/', '?']));
            before.push_str(value.expose());
            behind || *from_file
        }
    })
}

/// Whether a host is probably beyond the operator's own network.
fn is_public(host: &Host<&str>) -> bool {
    const LOCAL: [&str; 9] = [
        ".local",
        ".internal",
        ".localhost",
        ".svc",
        ".lan",
        ".home.arpa",
        ".test",
        ".cluster.local",
        ".intranet",
    ];
    let address = match host {
        Host::Domain(name) => {
            let name = name.trim_end_matches('.');
            return name.contains('.') && !LOCAL.iter().any(|ending| name.ends_with(ending));
        }
        Host::Ipv4(address) => IpAddr::V4(*address),
        Host::Ipv6(address) => IpAddr::V6(*address).to_canonical(),
    };
    match address {
        IpAddr::V4(v4) => {
            !(v4.is_loopback() || v4.is_private() || v4.is_link_local() || v4.is_unspecified())
        }
        IpAddr::V6(v6) => !(v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local()),
    }
}
