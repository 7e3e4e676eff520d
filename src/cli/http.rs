//! The client that commands speak HTTP with: the one place of the command line that knows reqwest.
//!
//! It follows no redirect, asks no proxy and ends after half a minute, but for an answer that is meant to go on; a command that
//! hangs helps nobody.

use std::time::Duration;

use bytes::Bytes;
use url::Url;

use super::exit::{Exit, Failure};

/// How long one request may take, connecting included.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How long an answer that goes on may do so: longer than the API lets it.
const FLOW_MAX: Duration = Duration::from_mins(10);
/// How long it may be silent: the API says something four times in that.
const SILENCE_MAX: Duration = Duration::from_mins(1);
/// The most that is read of an answer.
const ANSWER_MAX: usize = 64 << 20;

/// A client.
#[derive(Debug)]
pub(super) struct Http(reqwest::Client);

/// A request.
#[derive(Debug, Default)]
pub(super) struct Ask {
    /// Header names and values.
    pub(super) headers: Vec<(&'static str, String)>,
    /// What is sent; a POST if there is one.
    pub(super) body: Option<Bytes>,
}

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    /// Its status.
    pub(super) status: u16,
    /// Its headers, names in lower case, values that are text.
    pub(super) headers: Vec<(String, String)>,
    /// Its body.
    pub(super) body: Bytes,
}

impl Answer {
    /// Whether it is a 2xx.
    pub(super) fn ok(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The first header of that name.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// What an error's body says, if it is a problem of RFC 9457 or a line of text.
    pub(super) fn complaint(&self) -> Option<String> {
        let problem = serde_json::from_slice::<serde_json::Value>(&self.body).ok();
        let said = |key: &str| problem.as_ref()?.get(key)?.as_str().map(str::to_owned);
        let said = said("detail").or_else(|| said("title")).or_else(|| {
            let text = std::str::from_utf8(&self.body).ok()?.lines().next()?.trim();
            (!text.is_empty() && problem.is_none()).then(|| text.to_owned())
        });
        said.map(|said| super::output::clean(&said))
    }
}

impl Http {
    /// A client that trusts the public certificate authorities.
    pub(super) fn new() -> Result<Self, Failure> {
        let internal =
            |error: reqwest::Error| Failure::because(Exit::Internal, "no HTTP client", &error);
        let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| Failure::because(Exit::Internal, "no TLS", &error))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .http1_only()
            .timeout(TIMEOUT)
            .user_agent(concat!("hookswitch/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(internal)?;
        Ok(Self(client))
    }

    /// Asks `url`. An error is a text that says why there is no answer.
    pub(super) async fn ask(&self, url: &Url, ask: Ask) -> Result<Answer, String> {
        let answer = self.request(url, ask).send().await.map_err(|error| root(&error))?;
        Self::read(answer).await
    }

    /// Asks `url` for an answer that goes on, and is read as it comes. Another answer than a 2xx is read whole.
    pub(super) async fn open(&self, url: &Url, ask: Ask) -> Result<Opened, String> {
        let sent = self.request(url, ask).timeout(FLOW_MAX).send();
        let answer = tokio::time::timeout(TIMEOUT, sent).await.map_err(|_elapsed| too_late())?;
        let answer = answer.map_err(|error| root(&error))?;
        if answer.status().is_success() {
            return Ok(Opened::Flow(Flow(answer)));
        }
        Self::read(answer).await.map(Opened::Answer)
    }

    fn request(&self, url: &Url, ask: Ask) -> reqwest::RequestBuilder {
        let mut request = match ask.body {
            Some(body) => self.0.post(url.clone()).body(body),
            None => self.0.get(url.clone()),
        };
        for (name, value) in ask.headers {
            request = request.header(name, value);
        }
        request
    }

    async fn read(mut answer: reqwest::Response) -> Result<Answer, String> {
        let told = |error: reqwest::Error| root(&error);
        let headers = answer
            .headers()
            .iter()
            .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
            .collect();
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(told)? {
            if body.len() + chunk.len() > ANSWER_MAX {
                return Err(format!("the answer is larger than {ANSWER_MAX} bytes"));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status: answer.status().as_u16(), headers, body: body.into() })
    }
}

/// An answer that goes on.
#[derive(Debug)]
pub(super) struct Flow(reqwest::Response);

/// What came of asking for one.
#[derive(Debug)]
pub(super) enum Opened {
    /// It goes on.
    Flow(Flow),
    /// It did not.
    Answer(Answer),
}

impl Flow {
    /// A header, if it is text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.0.headers().get(name)?.to_str().ok()
    }

    /// The next part; none at the end, however it came, and if nothing came for too long.
    pub(super) async fn part(&mut self) -> Option<Bytes> {
        tokio::time::timeout(SILENCE_MAX, self.0.chunk()).await.ok()?.ok()?
    }
}

fn too_late() -> String {
    format!("no answer within {} s", TIMEOUT.as_secs())
}

/// The innermost cause: `connection refused` says more than `error sending request` and all that stands between them.
fn root(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return too_late();
    }
    let mut cause: &(dyn std::error::Error + 'static) = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
