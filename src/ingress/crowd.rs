//! Who holds how many connections: `limits.connections_per_address`.
//!
//! An IPv6 address counts by its first 64 bits, because whoever has one has the rest of them; an IPv4 address inside an IPv6
//! one counts as what it is. There is no limit unless one is written: behind a proxy every connection comes from the proxy,
//! and only it knows who is behind them.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What counts as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Origin {
    V4([u8; 4]),
    V6([u16; 4]),
}

impl From<IpAddr> for Origin {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address.octets()),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Self::V6([a, b, c, d])
            }
        }
    }
}

/// The connections of everybody. It holds as many entries as there are addresses with a connection.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    held: Mutex<HashMap<Origin, usize>>,
}

/// One connection, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    crowd: Arc<Crowd>,
    origin: Origin,
}

impl Crowd {
    /// A place for one more connection of this address, if it then has at most `limit`.
    pub(super) fn enter(self: &Arc<Self>, address: IpAddr, limit: Option<usize>) -> Option<Place> {
        let origin = Origin::from(address);
        let mut held = self.held();
        let count = held.get(&origin).copied().unwrap_or(0);
        if limit.is_some_and(|limit| count >= limit) {
            return None;
        }
        held.insert(origin, count + 1);
        drop(held);
        Some(Place { crowd: Arc::clone(self), origin })
    }

    /// A count is whole after each change of it, whoever panicked beside it.
    fn held(&self) -> MutexGuard<'_, HashMap<Origin, usize>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.crowd.held();
        let left = held.get(&self.origin).map_or(0, |count| count.saturating_sub(1));
        if left == 0 {
            held.remove(&self.origin);
        } else {
            held.insert(self.origin, left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn each_address_has_its_own_number_and_gives_it_back() {
        let crowd = Arc::new(Crowd::default());
        let first = crowd.enter(address("192.0.2.1"), Some(2)).unwrap();
        let second = crowd.enter(address("192.0.2.1"), Some(2)).unwrap();
        assert!(crowd.enter(address("192.0.2.1"), Some(2)).is_none());
        assert!(crowd.enter(address("::ffff:192.0.2.1"), Some(2)).is_none(), "it is the same");
        let other = crowd.enter(address("192.0.2.2"), Some(1)).unwrap();
        drop(first);
        let third = crowd.enter(address("192.0.2.1"), Some(2)).unwrap();
        drop((second, third, other));
        assert!(crowd.held().is_empty(), "nothing is kept of those that left");
    }

    #[test]
    fn an_ipv6_address_counts_by_its_network() {
        let crowd = Arc::new(Crowd::default());
        let _first = crowd.enter(address("2001:db8:0:1::1"), Some(1)).unwrap();
        assert!(crowd.enter(address("2001:db8:0:1:ffff::2"), Some(1)).is_none());
        assert!(crowd.enter(address("2001:db8:0:2::1"), Some(1)).is_some());
    }

    #[test]
    fn without_a_limit_connections_are_counted_for_one_that_a_reload_brings() {
        let crowd = Arc::new(Crowd::default());
        let places: Vec<_> =
            (0..100).map(|_| crowd.enter(address("192.0.2.1"), None).unwrap()).collect();
        assert!(crowd.enter(address("192.0.2.1"), Some(100)).is_none());
        drop(places);
        assert!(crowd.enter(address("192.0.2.1"), Some(1)).is_some());
    }
}
