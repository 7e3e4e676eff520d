//! Everything of the file that is not a source, target or rule.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use crate::config::document::{Node, Scalar};
use crate::config::findings::Findings;
use crate::config::read;
use crate::config::shape::Fields;
use crate::config::shape::keys::END_MAX;
use crate::config::{Code, Overrides, Settings, ShowPayloads};
use crate::secret::Secret;

/// Fewest characters of a token that is not easily guessed.
const TOKEN_GOOD: usize = 16;
/// Most characters of a token: it travels in a header.
const TOKEN_MAX: usize = 512;

/// Lowers the settings; what is wrong is reported and stands at its default.
pub(super) fn settings(
    file: Fields<'_>,
    folder: &Path,
    overrides: &Overrides,
    findings: &mut Findings,
) -> Settings {
    let store = file.fields_or_default("store");
    let limits = file.fields_or_default("limits");
    let listen = overrides.listen.unwrap_or_else(|| file.value("listen", read::address));
    let admin = overrides.admin.unwrap_or_else(|| file.value("admin", read::address));
    let admin_token = token(file, findings);
    addresses(file, listen, admin, findings);
    if !admin.ip().to_canonical().is_loopback() && admin_token.is_none() {
        off_loopback(file, findings);
    }
    let data_dir = overrides
        .data_dir
        .clone()
        .unwrap_or_else(|| folder.join(file.value("data_dir", read::text)));
    let (drain_delay, shutdown_timeout) = end(file, findings);
    let count = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
    Settings {
        listen,
        admin,
        admin_token,
        admin_hosts: hosts(file, findings),
        data_dir,
        max_size: store.value("max_size", read::size),
        retention: store.value("retention", read::duration),
        connections: count(limits.value("connections", read::whole)),
        connections_per_address: limits.own("connections_per_address", read::whole).map(count),
        body_memory: count(limits.value("body_memory", read::size)),
        shutdown_timeout,
        drain_delay,
        require_tests: file.fields_or_default("reload").value("require_tests", read::flag),
        show_payloads: match &*file.fields_or_default("ui").value("show_payloads", read::text) {
            "masked" => ShowPayloads::Masked,
            _ => ShowPayloads::All,
        },
    }
}

fn addresses(file: Fields<'_>, listen: SocketAddr, admin: SocketAddr, findings: &mut Findings) {
    if listen == admin && listen.port() != 0 {
        let at = file.get("admin").or(file.get("listen")).unwrap_or(file.node());
        let hint = "give the API a port of its own, such as 127.0.0.1:8081".to_owned();
        findings.error_hint(
            Code::SameAddress,
            at,
            format!("`listen` and `admin` are the same address, {listen}"),
            hint,
        );
    }
}

/// How it ends: the delay, and the whole.
fn end(file: Fields<'_>, findings: &mut Findings) -> (Duration, Duration) {
    let delay = file.value("drain_delay", read::duration);
    let whole = file.value("shutdown_timeout", read::duration);
    if let Some(node) = file.get("drain_delay").filter(|_| delay >= whole && !delay.is_zero()) {
        let text = "`drain_delay` leaves nothing of `shutdown_timeout` for what is under way";
        let longer = delay.as_secs() + 15;
        let hint = if longer <= END_MAX.as_secs() {
            format!("let `shutdown_timeout` be longer, such as {longer}s")
        } else {
            let most = END_MAX.as_secs() / 60;
            format!(
                "let `drain_delay` be shorter, such as 5s: `shutdown_timeout` is at most {most}m"
            )
        };
        findings.warn(Code::LongDrain, node, text, hint);
    }
    (delay, whole)
}

/// The API's token. Empty means none.
fn token(file: Fields<'_>, findings: &mut Findings) -> Option<Secret> {
    let node = file.get("admin_token")?;
    let text = node.scalar().and_then(read::text).filter(|text| !text.is_empty())?;
    if text.len() > TOKEN_MAX || !text.bytes().all(|b| b.is_ascii_graphic()) {
        let hint = "take letters and digits, such as `openssl rand -hex 32` prints".to_owned();
        let text = format!(
            "the token has more than {TOKEN_MAX} characters, or one that is not visible ASCII"
        );
        findings.error_hint(Code::BadToken, node, text, hint);
    } else if text.len() < TOKEN_GOOD {
        let hint = "`openssl rand -hex 32` prints a good one".to_owned();
        findings.warn(
            Code::ShortToken,
            node,
            format!("a token of fewer than {TOKEN_GOOD} characters can be guessed"),
            hint,
        );
    }
    Some(Secret::new(text))
}

fn off_loopback(file: Fields<'_>, findings: &mut Findings) {
    let at = file.get("admin").unwrap_or(file.node());
    let token = file.get("admin_token").and_then(Node::scalar).is_some_and(Scalar::is_filled);
    let hint = if token {
        "the variable of `admin_token` is empty: set it, or keep `admin` on 127.0.0.1"
    } else {
        "set `admin_token: ${HOOKSWITCH_ADMIN_TOKEN}`, or keep `admin` on 127.0.0.1"
    };
    let text = "the API is reachable from other machines here, so it needs `admin_token`";
    findings.error_hint(Code::ApiUnprotected, at, text, hint.to_owned());
}

/// Host names in lower case, without ports.
fn hosts(file: Fields<'_>, findings: &mut Findings) -> Vec<String> {
    let mut hosts = Vec::new();
    for node in file.get("admin_hosts").and_then(Node::list).into_iter().flatten() {
        let Some(text) = read::node_text(node) else { continue };
        let host = text.to_ascii_lowercase();
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        let literal = host.trim_start_matches('[').trim_end_matches(']');
        let known = literal.parse::<std::net::IpAddr>().is_ok();
        if host.len() <= 253 && (known || !host.is_empty() && host.chars().all(plain)) {
            hosts.push(host);
        } else {
            let hint =
                "write the name alone: hookswitch.internal, without http:// and port".to_owned();
            findings.error_hint(Code::BadHost, node, "this is not a host name", hint);
        }
    }
    hosts
}
