//! What a local ngrok agent says about its tunnels, for whoever looks for the address to give to Retell.
//!
//! It is asked over plain HTTP on loopback, at the address at which it always is, and nowhere else. Anybody on the machine may
//! listen there, so its answer is held to a second, 64 KiB and its form; a redirect is no answer, and only addresses of the web
//! come out. The request is of HTTP 1.0, which makes the answer one piece that ends with the connection.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::Url;

/// Where the agent answers.
pub const AGENT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 4040);

/// How long it may take, connecting included.
const TIMEOUT: Duration = Duration::from_secs(1);
/// Most bytes of its answer.
const ANSWER_MAX: usize = 64 << 10;
/// Most tunnels that are looked at.
const TUNNELS_MAX: usize = 100;

/// What came of asking.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Agent {
    /// It runs, and these of its tunnels lead to us: scheme, host and port, those by https first.
    Running(Vec<String>),
    /// Nobody listens there.
    NotFound,
    /// Somebody does, and does not answer as an agent.
    Failed(String),
}

/// Asks the agent at `agent` which tunnels lead to `listen`.
pub(super) async fn ask(agent: SocketAddr, listen: SocketAddr) -> Agent {
    if !agent.ip().is_loopback() {
        return Agent::NotFound;
    }
    let Ok(answered) = timeout(TIMEOUT, fetch(agent)).await else {
        return Agent::Failed(format!("what listens at {agent} does not answer within a second"));
    };
    match answered {
        Ok(answer) => match read(&answer, listen) {
            Ok(tunnels) => Agent::Running(tunnels),
            Err(why) => Agent::Failed(format!("what listens at {agent} is no ngrok agent: {why}")),
        },
        Err(Unanswered::Nobody) => Agent::NotFound,
        Err(Unanswered::Broken) => {
            Agent::Failed(format!("what listens at {agent} broke its answer off"))
        }
    }
}

/// Why there is no answer.
enum Unanswered {
    Nobody,
    Broken,
}

/// The whole answer, or the beginning of one that is too long.
async fn fetch(agent: SocketAddr) -> Result<Vec<u8>, Unanswered> {
    let stream = TcpStream::connect(agent).await.map_err(|_refused| Unanswered::Nobody)?;
    let request =
        format!("GET /api/tunnels HTTP/1.0\r\nhost: {agent}\r\naccept: application/json\r\n\r\n");
    let mut answer = Vec::new();
    let exchange = async {
        let (read, mut write) = stream.into_split();
        write.write_all(request.as_bytes()).await?;
        let most = u64::try_from(ANSWER_MAX).unwrap_or(u64::MAX);
        let count = read.take(most + 1).read_to_end(&mut answer).await;
        drop(write);
        count
    };
    exchange.await.map_err(|_broken| Unanswered::Broken)?;
    Ok(answer)
}

/// The body of the agent's answer, as far as we care.
#[derive(Debug, Deserialize)]
struct Tunnels {
    tunnels: Vec<Tunnel>,
}

#[derive(Debug, Deserialize)]
struct Tunnel {
    public_url: String,
    #[serde(default)]
    config: Config,
}

#[derive(Debug, Default, Deserialize)]
struct Config {
    #[serde(default)]
    addr: String,
}

/// The tunnels of an answer that lead to `listen`, or what is wrong with it.
fn read(answer: &[u8], listen: SocketAddr) -> Result<Vec<String>, String> {
    if answer.len() > ANSWER_MAX {
        return Err(format!("its answer has more than {ANSWER_MAX} bytes"));
    }
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let Some((head, rest)) = end.and_then(|end| answer.split_at_checked(end)) else {
        return Err("its answer is not HTTP".to_owned());
    };
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let mut words = line.split(' ');
    let http = words.next().is_some_and(|version| version.starts_with("HTTP/1."));
    match words.next().and_then(|status| status.parse::<u16>().ok()).filter(|_| http) {
        Some(200) => {}
        Some(status) => return Err(format!("it answered {status}")),
        None => return Err("its answer is not HTTP".to_owned()),
    }
    let body = rest.get(4..).unwrap_or_default();
    let Ok(Tunnels { tunnels }) = serde_json::from_slice(body) else {
        return Err("its answer does not list tunnels".to_owned());
    };
    let ours =
        tunnels.iter().take(TUNNELS_MAX).filter(|tunnel| leads_to(&tunnel.config.addr, listen));
    let mut public: Vec<String> = ours.filter_map(|tunnel| origin(&tunnel.public_url)).collect();
    public.sort_by_key(|origin| !origin.starts_with("https:"));
    public.dedup();
    Ok(public)
}

/// Whether a tunnel's end is the listener: `http://localhost:8080`, `localhost:8080`, `8080`. One that speaks TLS is not.
fn leads_to(end: &str, listen: SocketAddr) -> bool {
    let end = end.strip_prefix("http://").unwrap_or(end).trim_end_matches('/');
    let (host, port) = end.rsplit_once(':').unwrap_or(("localhost", end));
    if port.parse() != Ok(listen.port()) {
        return false;
    }
    let ip = listen.ip().to_canonical();
    let local = ip.is_loopback() || ip.is_unspecified();
    if host == "localhost" {
        return local;
    }
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.parse::<IpAddr>().is_ok_and(|host| {
        let host = host.to_canonical();
        host == ip || local && (host.is_loopback() || host.is_unspecified())
    })
}

/// Scheme, host and port of an address of the web.
fn origin(address: &str) -> Option<String> {
    let address = Url::parse(address).ok()?;
    let web = matches!(address.scheme(), "http" | "https");
    (web && address.has_host()).then(|| address.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listen(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_tunnel_leads_to_us_by_port_and_host() {
        let ours = listen("127.0.0.1:8080");
        for end in [
            "http://localhost:8080",
            "http://localhost:8080/",
            "localhost:8080",
            "8080",
            "127.0.0.1:8080",
            "http://[::1]:8080",
            "0.0.0.0:8080",
        ] {
            assert!(leads_to(end, ours), "{end}");
            assert!(leads_to(end, listen("0.0.0.0:8080")), "{end}");
            assert!(leads_to(end, listen("[::]:8080")), "{end}");
        }
        for end in [
            "http://localhost:8081",
            "https://localhost:8080",
            "http://10.0.0.7:8080",
            "http://example.com:8080",
            "http://localhost",
            "localhost:8080.example.com",
            "",
        ] {
            assert!(!leads_to(end, ours), "{end}");
        }
        assert!(leads_to("http://10.0.0.7:8080", listen("10.0.0.7:8080")));
        assert!(!leads_to("http://localhost:8080", listen("10.0.0.7:8080")));
    }

    #[test]
    fn only_addresses_of_the_web_come_out() {
        assert_eq!(origin("https://a.ngrok.app").as_deref(), Some("https://a.ngrok.app"));
        assert_eq!(origin("http://a.ngrok.app:81/x?y#z").as_deref(), Some("http://a.ngrok.app:81"));
        assert_eq!(origin("https://u:p@a.ngrok.app/").as_deref(), Some("https://a.ngrok.app"));
        for wrong in [
            "tcp://0.tcp.ngrok.io:1",
            "javascript:alert(1)",
            "data:text/html,x",
            "a.ngrok.app",
            "",
            "https://",
        ] {
            assert_eq!(origin(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_answer_is_read_or_refused() {
        let read = |answer: &str| read(answer.as_bytes(), listen("127.0.0.1:8080"));
        let tunnel = |url: &str, end: &str| {
            format!(r#"{{"name":"x","public_url":"{url}","config":{{"addr":"{end}"}}}}"#)
        };
        let list = [
            tunnel("http://a.ngrok.app", "http://localhost:8080"),
            tunnel("https://a.ngrok.app", "http://localhost:8080"),
            tunnel("https://b.ngrok.app", "http://localhost:3000"),
            tunnel("tcp://c.ngrok.app:1", "localhost:8080"),
            r#"{"public_url":"https://d.ngrok.app"}"#.to_owned(),
        ];
        let answer = format!(
            "HTTP/1.0 200 OK\r\na: b\r\n\r\n{{\"tunnels\":[{}],\"uri\":\"/\"}}",
            list.join(",")
        );
        assert_eq!(read(&answer).unwrap(), ["https://a.ngrok.app", "http://a.ngrok.app"]);
        assert_eq!(read("HTTP/1.1 200 OK\r\n\r\n{\"tunnels\":[]}").unwrap(), [""; 0]);
        for (wrong, why) in [
            ("HTTP/1.1 302 Found\r\nlocation: http://example.com/\r\n\r\n", "302"),
            ("HTTP/1.1 404 Not Found\r\n\r\n{\"tunnels\":[]}", "404"),
            ("HTTP/2 200\r\n\r\n{\"tunnels\":[]}", "not HTTP"),
            ("SSH-2.0-OpenSSH\r\n", "not HTTP"),
            ("", "not HTTP"),
            ("HTTP/1.1 200 OK\r\n\r\n<html>", "tunnels"),
            ("HTTP/1.1 200 OK\r\n\r\n{\"tunnels\":7}", "tunnels"),
            ("HTTP/1.1 200 OK\r\n\r\n", "tunnels"),
        ] {
            assert!(read(wrong).unwrap_err().contains(why), "{wrong:?}");
        }
        let long = format!("HTTP/1.1 200 OK\r\n\r\n{}", " ".repeat(ANSWER_MAX));
        assert!(read(&long).unwrap_err().contains("65536"));
    }
}
