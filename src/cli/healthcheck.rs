//! `healthcheck`: whether an instance is alive, as an exit code: for a container's health check, without a shell or curl.
//!
//! It must not call a healthy instance dead. A file that was broken by an edit goes on running in its last good form, so
//! the address is found even in a file that would be refused now.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use url::Url;

use super::api;
use super::exit::{Exit, Failure};
use super::files;
use super::http::{Ask, Http};
use super::output::Out;
use crate::config::{self, Advice, Overrides, ProcessEnvironment};

/// Where an instance listens that was told nothing.
const USUAL: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
/// Docker's own limit is thirty seconds; a healthy instance answers within milliseconds.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Tell by the exit code whether an instance is alive (0) or not (1)
///
/// For a container's health check. The address is read from the configuration, even one that would be refused now.
#[derive(Debug, clap::Args)]
pub(super) struct Healthcheck {
    /// Ask this address instead of `listen` of the configuration: `http://127.0.0.1:8080`
    #[arg(long, value_name = "URL", conflicts_with = "config", value_parser = api::address)]
    url: Option<Url>,
    /// The configuration. Without it: `HOOKSWITCH_CONFIG`, ./rules.yaml, /etc/hookswitch/rules.yaml
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Ask whether it takes traffic instead of whether it is alive
    #[arg(long)]
    ready: bool,
}

impl Healthcheck {
    pub(super) async fn execute(self) -> Result<Exit, Failure> {
        let url = self.address()?;
        let asked = Http::new()?;
        let failed = |why: String| Failure::new(Exit::Findings, format!("{url}: {why}"));
        let answer = tokio::time::timeout(TIMEOUT, asked.ask(&url, Ask::default())).await;
        let answer = answer
            .unwrap_or_else(|_| Err(format!("no answer within {} s", TIMEOUT.as_secs())))
            .map_err(failed)?;
        if !answer.ok() {
            let why = answer.complaint().unwrap_or_default();
            return Err(failed(format!("answered {} {why}", answer.status).trim_end().to_owned()));
        }
        Exit::Ok.after(Out::stdout().line(if self.ready { "ready" } else { "alive" }))
    }

    fn address(&self) -> Result<Url, Failure> {
        let path = if self.ready { "/readyz" } else { "/healthz" };
        let mut url = if let Some(url) = &self.url {
            url.clone()
        } else {
            // What the environment names may have gone since the instance began; what was typed just now is there or is wrong.
            if let Some(named) = self.config.as_ref().filter(|named| !named.exists()) {
                let text = format!("there is no configuration {}", named.display());
                return Err(Failure::new(Exit::Findings, text));
            }
            let file = files::configuration(self.config.as_deref(), Exit::Findings).ok();
            let listen = file.as_deref().and_then(listen_of).unwrap_or(USUAL);
            let text = format!("http://{}", dialled(listen));
            text.parse().map_err(|error| Failure::because(Exit::Internal, &text, &error))?
        };
        if url.path() == "/" {
            url.set_path(path);
        }
        Ok(url)
    }
}

/// Where an instance with this configuration listens; none if that cannot be told.
fn listen_of(file: &Path) -> Option<SocketAddr> {
    let overrides = Overrides { advice: Advice::Quick, ..Overrides::default() };
    if let Ok(snapshot) = config::load(file, &ProcessEnvironment, &overrides) {
        return Some(snapshot.settings.listen);
    }
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with("listen:"))?;
    let alone = format!("{line}\n{REST}");
    let snapshot = config::load_text(&alone, file, &ProcessEnvironment, &overrides).ok()?;
    Some(snapshot.settings.listen)
}

/// The least that makes a `listen:` line a whole configuration.
const REST: &str = "version: 1
sources: { any: { path: /, verify: none } }
targets: { any: { kind: log } }
rules: [{ name: any, to: [any] }]
";

/// The address to dial for one that is listened on: any address of this machine is asked on loopback.
fn dialled(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_address_is_asked_on_loopback() {
        let dialled = |text: &str| dialled(text.parse().unwrap()).to_string();
        assert_eq!(dialled("0.0.0.0:9000"), "127.0.0.1:9000");
        assert_eq!(dialled("[::]:9000"), "[::1]:9000");
        assert_eq!(dialled("10.0.0.7:9000"), "10.0.0.7:9000");
    }
}
