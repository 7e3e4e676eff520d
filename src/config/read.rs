//! Values out of scalars, once `shape` has made sure of them: the check and the lowering read with the same functions.

use std::net::SocketAddr;
use std::time::Duration;

use crate::delivery::{Rate, StatusRange};
use crate::rule::Literal;
use crate::template::{Part, Source};

use super::document::{Node, Piece, Scalar, Span};
use super::scalar::{self, Plain};
use super::units;

/// A text. A plain number or `true` is taken as it is written, and what came from outside is a text even if it is empty.
pub(super) fn text(scalar: &Scalar) -> Option<String> {
    let nothing = scalar.read() == Plain::Null && !scalar.is_filled();
    (!nothing).then(|| scalar.text().into_owned())
}

/// The text of a node.
pub(super) fn node_text(node: Node<'_>) -> Option<String> {
    node.scalar().and_then(text)
}

/// A duration.
pub(super) fn duration(scalar: &Scalar) -> Option<Duration> {
    units::duration(&scalar.text()).ok()
}

/// A size in bytes.
pub(super) fn size(scalar: &Scalar) -> Option<u64> {
    units::size(&scalar.text()).ok()
}

/// Attempts per time.
pub(super) fn rate(scalar: &Scalar) -> Option<Rate> {
    Rate::parse(&scalar.text()).ok()
}

/// What a scalar is where only a number or a truth value can stand. There a value from outside may be in quotes, too:
/// within `{ }` and `[ ]`, YAML takes no `${…}` without them.
pub(super) fn typed(scalar: &Scalar) -> Plain {
    if scalar.is_filled() { scalar::resolve(&scalar.text()) } else { scalar.read() }
}

/// A whole number that is not negative.
pub(super) fn whole(scalar: &Scalar) -> Option<u64> {
    match typed(scalar) {
        Plain::Number(number) => number.as_u64(),
        _ => None,
    }
}

/// A number as a double.
pub(super) fn decimal(scalar: &Scalar) -> Option<f64> {
    match typed(scalar) {
        Plain::Number(number) => number.as_f64(),
        _ => None,
    }
}

/// `true` or `false`.
pub(super) fn flag(scalar: &Scalar) -> Option<bool> {
    match typed(scalar) {
        Plain::Bool(flag) => Some(flag),
        _ => None,
    }
}

/// A scalar that a rule compares with.
pub(super) fn literal(node: Node<'_>) -> Option<Literal> {
    let scalar = node.scalar()?;
    Some(match scalar.read() {
        Plain::Null => Literal::Null,
        Plain::Bool(flag) => Literal::Bool(flag),
        Plain::Number(number) => Literal::Number(number),
        Plain::Text => Literal::Text(scalar.text().into_owned()),
    })
}

/// An IP address with a port.
pub(super) fn address(scalar: &Scalar) -> Option<SocketAddr> {
    scalar.text().trim().parse().ok()
}

/// What to write instead of a text that is no address.
pub(super) fn address_hint(text: &str) -> Option<String> {
    let (host, port) = text.trim().rsplit_once(':').unwrap_or(("", text.trim()));
    if port.parse::<u16>().is_err() {
        return text
            .trim()
            .parse::<std::net::IpAddr>()
            .ok()
            .map(|ip| format!("the port is missing; write {}", SocketAddr::new(ip, 8080)));
    }
    match host {
        "" | "*" => Some(format!(
            "write 0.0.0.0:{port} for every address, 127.0.0.1:{port} for this machine alone"
        )),
        "localhost" => Some(format!("write 127.0.0.1:{port}, or [::1]:{port}")),
        host if host.contains(':') => {
            Some(format!("an IPv6 address needs brackets: [{host}]:{port}"))
        }
        _ => Some("names are not looked up here: write the IP address to listen on".to_owned()),
    }
}

/// A status that an answer can be judged by, or a hundred of them: 1xx is no answer, and a 2xx is a delivery whatever is
/// written here.
pub(super) fn status(scalar: &Scalar) -> Option<StatusRange> {
    any_status(&scalar.text()).filter(|range| range.first >= 300)
}

/// Whether a text is a status, of whatever kind.
pub(super) fn is_status(text: &str) -> bool {
    any_status(text).is_some()
}

fn any_status(text: &str) -> Option<StatusRange> {
    if let Some(hundred) = text.strip_suffix("xx") {
        let first: u16 =
            hundred.parse().ok().filter(|digit| hundred.len() == 1 && (1..=5).contains(digit))?;
        return Some(StatusRange { first: first * 100, last: first * 100 + 99 });
    }
    let status: u16 = text.parse().ok().filter(|status| (100..=599).contains(status))?;
    Some(StatusRange { first: status, last: status })
}

/// A template as the template engine takes it: what is put in from outside is literal.
pub(super) fn source(scalar: &Scalar) -> Source {
    let Some(pieces) = &scalar.pieces else { return Source::plain(&scalar.written) };
    let part = |piece: &Piece| match piece {
        Piece::Written(text) => Part::Template(text.clone()),
        Piece::Inserted { value, .. } => Part::Literal(value.clone()),
    };
    Source { parts: pieces.iter().map(part).collect() }
}

/// The part of an address that may be shown, as it stands in the file: its scheme and host.
pub(super) fn origin(span: Span, written: &str) -> Span {
    let Some((scheme, rest)) = written.split_once("://") else { return (span.0, span.0) };
    let end = rest.find(['/', '?', '#', '$', '\\']).unwrap_or(rest.len());
    // Name and password stand before the host and may hold anything, so with an `@` nothing is shown.
    let shown = if rest.contains('@') { 0 } else { end };
    let quote = (span.1 - span.0).saturating_sub(written.len()).min(1);
    (span.0, (span.0 + quote + scheme.len() + 3 + shown).min(span.1))
}
