//! The HTTP client: the only place that knows reqwest. No redirects, no ambient proxy, no decompression, no hidden retries;
//! link-local addresses are refused on the address dialled.

/// Why a CA file is no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CaError {
    /// It has no certificate in PEM form.
    #[error("no PEM certificate in it")]
    Empty,
    /// One of its certificates cannot be read.
    #[error("certificate {0} cannot be read")]
    Broken(usize),
}

/// A client for one target: its pool, and the certificate authorities it trusts. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {}

impl Client {
    /// A client that trusts the public authorities (webpki-roots) and those in `ca_pem`.
    pub fn new(_ca_pem: Option<&[u8]>) -> Result<Self, CaError> {
        todo!()
    }
}
