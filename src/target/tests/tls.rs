use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

use super::server::Server;
use super::*;

/// An authority, and a server with a certificate of it for `name`.
async fn server(name: &str) -> (Server, String) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_key = KeyPair::generate().unwrap();
    let ca = params.self_signed(&ca_key).unwrap();
    let issuer = Issuer::from_params(&params, &ca_key);
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let server = Server::new(move |connection| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(mut stream) = acceptor.accept(connection.stream).await else { return };
            let mut seen = Vec::new();
            while !seen.ends_with(b"}") {
                let Ok(byte) = stream.read_u8().await else { return };
                seen.push(byte);
            }
            // No close_notify follows.
            drop(stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await);
        }
    })
    .await;
    (server, ca.pem())
}

async fn post(address: String, ca: Option<&str>) -> Report {
    let client = Client::new(ca.map(str::as_bytes)).unwrap();
    let target = http_target(HttpTarget { client, ..http(&address) });
    attempt(&Arc::new(target), &event(r#"{"a":1}"#), &rules(), INFO).await
}

#[tokio::test]
async fn an_authority_of_ones_own_is_trusted_if_its_file_is_given() {
    let (server, ca) = server("localhost").await;
    let address = format!("https://localhost:{}/canary", server.address.port());
    let report = post(address.clone(), Some(&ca)).await;
    assert_eq!(report.outcome, Outcome::Accepted, "{report:?}");
    let report = post(address, None).await;
    assert_eq!(report.label, AttemptLabel::Unreachable);
    assert!(report.detail.contains("`ca_file`"), "{}", report.detail);
    assert!(!report.detail.contains("canary"));
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let (server, ca) = server("other.example.com").await;
    let address = format!("https://localhost:{}/", server.address.port());
    let report = post(address, Some(&ca)).await;
    assert_eq!(report.label, AttemptLabel::Unreachable);
    assert!(report.detail.contains("for another name"), "{}", report.detail);
}

#[tokio::test]
async fn a_server_without_tls_is_told_from_one_with_bad_tls() {
    let plain = Server::new(|mut connection| async move {
        connection.send(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        connection.closed().await;
    })
    .await;
    let report = post(format!("https://{}/", plain.address), None).await;
    assert_eq!(report.label, AttemptLabel::Unreachable);
    assert!(report.detail.contains("does not speak TLS"), "{}", report.detail);
}

#[tokio::test]
async fn a_handshake_that_never_ends_meets_the_deadline() {
    let silent = Server::new(|mut connection| async move { connection.closed().await }).await;
    let target = http_target(http(&format!("https://{}/", silent.address)));
    let target = Target { timeout: Duration::from_millis(300), ..target };
    let report = attempt(&Arc::new(target), &event("{}"), &rules(), INFO).await;
    assert_eq!(report.label, AttemptLabel::Timeout, "{report:?}");
}
