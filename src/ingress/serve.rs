//! The listener: connections, their limits and their end.

use tokio::net::TcpListener;
use tokio::time::Instant;

use super::Parts;

/// The running listener. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Ingress {}

impl Ingress {
    /// Serves `listener`.
    pub fn start(_parts: Parts, _listener: TcpListener) -> Self {
        todo!()
    }

    /// Closes the listener, lets requests under way be answered, at most until `deadline`.
    pub async fn drain(&self, _deadline: Instant) {
        todo!()
    }
}
