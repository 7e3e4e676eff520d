//! Whom we trust: the authorities of webpki-roots, since the image has no certificate store, and those of a `ca_file`.

use std::sync::{Arc, OnceLock};

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

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

/// The configuration for one target. Without a CA file all targets share one: its roots and its sessions.
pub(super) fn config(ca_pem: Option<&[u8]>) -> Result<ClientConfig, CaError> {
    static PUBLIC: OnceLock<ClientConfig> = OnceLock::new();
    let Some(pem) = ca_pem else {
        return Ok(PUBLIC.get_or_init(|| with_roots(public_roots())).clone());
    };
    let mut roots = public_roots();
    let mut count = 0;
    for certificate in CertificateDer::pem_slice_iter(pem) {
        count += 1;
        let broken = CaError::Broken(count);
        let Ok(certificate) = certificate else { return Err(broken) };
        if roots.add(certificate).is_err() {
            return Err(broken);
        }
    }
    if count == 0 { Err(CaError::Empty) } else { Ok(with_roots(roots)) }
}

fn public_roots() -> RootCertStore {
    RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }
}

fn with_roots(roots: RootCertStore) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring speaks TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ca_file_must_hold_certificates() {
        let pem =
            rcgen::generate_simple_self_signed(["ca.example.com".to_owned()]).unwrap().cert.pem();
        assert!(config(None).is_ok());
        assert!(config(Some(format!("# ours\n{pem}\n{pem}").as_bytes())).is_ok());
        assert_eq!(config(Some(b"")).err(), Some(CaError::Empty));
        assert_eq!(config(Some(b"not a certificate")).err(), Some(CaError::Empty));
        let broken = format!("{pem}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
        assert_eq!(config(Some(broken.as_bytes())).err(), Some(CaError::Broken(2)));
        let cut: String = pem.chars().take(pem.len() / 2).collect();
        assert_eq!(config(Some(cut.as_bytes())).err(), Some(CaError::Broken(1)));
    }
}
