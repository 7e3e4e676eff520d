//! Which addresses are dialled.
//!
//! Link-local addresses are where clouds serve credentials to whoever asks (169.254.169.254), and no webhook lives there.
//! They are refused on the address that is dialled, at every attempt, so that neither a name that points there nor one that
//! is pointed there later gets through. Other private addresses are the operator's choice: hosts are literal.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Most addresses of one name that are tried.
const ADDRESSES_MAX: usize = 8;

/// The system's resolver, without the addresses that are refused.
#[derive(Debug, Clone, Copy)]
pub(super) struct Resolver;

/// An address was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a link-local address")]
pub(super) struct LinkLocal;

/// A name has no address.
#[derive(Debug, thiserror::Error)]
#[error("the name cannot be resolved")]
pub(super) struct NoAddress(#[source] pub(super) Option<io::Error>);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0))
                .await
                .map_err(|error| NoAddress(Some(error)))?;
            allowed(found)
        })
    }
}

fn allowed(
    found: impl Iterator<Item = SocketAddr>,
) -> Result<Addrs, Box<dyn std::error::Error + Send + Sync>> {
    let (refused, kept): (Vec<_>, Vec<_>) = found.partition(|address| is_link_local(address.ip()));
    match (kept.is_empty(), refused.is_empty()) {
        (false, _) => Ok(Box::new(kept.into_iter().take(ADDRESSES_MAX))),
        (true, false) => Err(LinkLocal.into()),
        (true, true) => Err(NoAddress(None).into()),
    }
}

/// Refuses a host that is such an address itself: those never reach a resolver. The URL standard has already turned odd
/// ways of writing one (`0xa9fea9fe`, `2852039166`) into the address.
pub(super) fn check_literal(url: &Url) -> Result<(), LinkLocal> {
    let host = url.host_str().unwrap_or_default();
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    match host.parse() {
        Ok(address) if is_link_local(address) => Err(LinkLocal),
        _ => Ok(()),
    }
}

/// 169.254.0.0/16 and `fe80::/10`, also as an IPv4 address inside an IPv6 one: mapped, compatible (RFC 4291 section 2.5.5)
/// or translated (RFC 6052).
fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => {
            address.is_unicast_link_local()
                || address
                    .to_ipv4()
                    .or(translated(address))
                    .is_some_and(|inner| inner.is_link_local())
        }
    }
}

fn translated(address: Ipv6Addr) -> Option<Ipv4Addr> {
    match address.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            Some(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_local_addresses_are_refused_in_every_form() {
        for host in [
            "169.254.169.254",
            "169.254.0.1",
            "0xa9fea9fe",
            "2852039166",
            "0251.0376.0251.0376",
            "169.254.43518",
            "[fe80::1]",
            "[febf::1]",
            "[::ffff:169.254.169.254]",
            "[::ffff:a9fe:a9fe]",
            "[::a9fe:a9fe]",
            "[64:ff9b::a9fe:a9fe]",
        ] {
            let url = Url::parse(&format!("http://{host}/latest")).unwrap();
            assert_eq!(check_literal(&url), Err(LinkLocal), "{host}");
        }
        for host in [
            "127.0.0.1",
            "10.0.0.1",
            "[::1]",
            "[fec0::1]",
            "[fd00::1]",
            "169.253.0.1",
            "example.com",
        ] {
            let url = Url::parse(&format!("http://{host}/")).unwrap();
            assert_eq!(check_literal(&url), Ok(()), "{host}");
        }
    }

    #[test]
    fn of_a_name_only_the_allowed_addresses_are_dialled() {
        let socket = |text: &str| SocketAddr::new(text.parse().unwrap(), 0);
        let many = (0..100).map(|last| SocketAddr::new(IpAddr::from([10, 0, 0, last]), 0));
        let mixed = [socket("169.254.169.254"), socket("fe80::1")].into_iter();
        let kept: Vec<_> = allowed(mixed.clone().chain(many)).unwrap().collect();
        assert_eq!(kept.len(), ADDRESSES_MAX);
        assert!(kept.iter().all(|address| address.ip().to_string().starts_with("10.")));
        assert!(allowed(mixed).err().unwrap().is::<LinkLocal>());
        assert!(allowed([].into_iter()).err().unwrap().is::<NoAddress>());
    }
}
