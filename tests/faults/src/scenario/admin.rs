//! The admin listener against those who are not its user: without the token, with a wrong one, from another page, under
//! another name, in another framing. What they ask for must not happen, and the user's own calls still do. Then names that
//! nobody configured, by the thousand: the series of the metrics stay as many as they were.

use std::net::SocketAddr;
use std::time::Duration;

use crate::conservation::{self, Terms};
use crate::instance::{Instance, data};
use crate::ledger::{Answer, Ledger};
use crate::receiver::Receiver;
use crate::sender::Sender;
use crate::wire::ask;

use super::{Context, Outcome, folder};

const TOKEN: &str = "canary-admin-token-4711";

/// What may come of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum May {
    /// 2xx.
    Happen,
    /// 4xx or a closed connection.
    Not,
}

/// Name, head without the last line break, body, and what may come of it. `{}` is the listener's own host and port.
type Case = (&'static str, &'static str, &'static str, May);

const LOOPBACK: &[Case] = &[
    ("a person with curl", "GET /api/v1/status HTTP/1.1\r\nhost: {}", "", May::Happen),
    ("by name", "GET /api/v1/status HTTP/1.1\r\nhost: localhost", "", May::Happen),
    (
        "a reload with curl",
        "POST /-/reload HTTP/1.1\r\nhost: {}\r\ncontent-length: 0",
        "",
        May::Happen,
    ),
    (
        "its own page",
        "POST /api/v1/targets/crm/resume HTTP/1.1\r\nhost: {}\r\norigin: http://{}\r\nsec-fetch-site: same-origin\r\ncontent-length: 0",
        "",
        May::Happen,
    ),
    ("a rebound name", "GET /api/v1/status HTTP/1.1\r\nhost: attacker.example", "", May::Not),
    (
        "a rebound name with our port",
        "GET /api/v1/events HTTP/1.1\r\nhost: attacker.example:8081",
        "",
        May::Not,
    ),
    (
        "a name that ends like ours",
        "GET /api/v1/status HTTP/1.1\r\nhost: localhost.attacker.example",
        "",
        May::Not,
    ),
    (
        "a name that begins like an address",
        "GET /api/v1/status HTTP/1.1\r\nhost: 127.0.0.1.attacker.example",
        "",
        May::Not,
    ),
    ("no host", "GET /api/v1/status HTTP/1.1", "", May::Not),
    (
        "two hosts",
        "GET /api/v1/status HTTP/1.1\r\nhost: {}\r\nhost: attacker.example",
        "",
        May::Not,
    ),
    (
        "an address in the request line that differs",
        "GET http://attacker.example/api/v1/status HTTP/1.1\r\nhost: {}",
        "",
        May::Not,
    ),
    (
        "a foreign page",
        "POST /-/reload HTTP/1.1\r\nhost: {}\r\norigin: http://attacker.example\r\ncontent-length: 0",
        "",
        May::Not,
    ),
    (
        "a sandboxed page",
        "POST /-/reload HTTP/1.1\r\nhost: {}\r\norigin: null\r\ncontent-length: 0",
        "",
        May::Not,
    ),
    (
        "a page on another port",
        "POST /-/reload HTTP/1.1\r\nhost: {}\r\norigin: http://127.0.0.1:1\r\ncontent-length: 0",
        "",
        May::Not,
    ),
    (
        "a browser that says cross-site",
        "POST /api/v1/targets/crm/pause HTTP/1.1\r\nhost: {}\r\nsec-fetch-site: cross-site\r\ncontent-length: 0",
        "",
        May::Not,
    ),
    (
        "a browser that says same-site",
        "POST /api/v1/targets/crm/pause HTTP/1.1\r\nhost: {}\r\nsec-fetch-site: same-site\r\ncontent-length: 0",
        "",
        May::Not,
    ),
    (
        "a form",
        "POST /api/v1/dead-letters/drop HTTP/1.1\r\nhost: {}\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: 12",
        "{\"all\":true}",
        May::Not,
    ),
    (
        "a form as text",
        "POST /api/v1/dead-letters/drop HTTP/1.1\r\nhost: {}\r\ncontent-type: text/plain\r\ncontent-length: 12",
        "{\"all\":true}",
        May::Not,
    ),
    (
        "a form in parts",
        "POST /api/v1/dead-letters/drop HTTP/1.1\r\nhost: {}\r\ncontent-type: multipart/form-data\r\ncontent-length: 12",
        "{\"all\":true}",
        May::Not,
    ),
    (
        "no type",
        "POST /api/v1/dead-letters/drop HTTP/1.1\r\nhost: {}\r\ncontent-length: 12",
        "{\"all\":true}",
        May::Not,
    ),
    (
        "packed",
        "POST /api/v1/dead-letters/drop HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\ncontent-length: 12",
        "{\"all\":true}",
        May::Not,
    ),
    ("a change by GET", "GET /api/v1/targets/crm/pause HTTP/1.1\r\nhost: {}", "", May::Not),
    ("a reload by GET", "GET /-/reload HTTP/1.1\r\nhost: {}", "", May::Not),
    (
        "two lengths",
        "POST /-/reload HTTP/1.1\r\nhost: {}\r\ncontent-length: 0\r\ncontent-length: 5",
        "",
        May::Not,
    ),
    (
        "length and chunks",
        "POST /-/reload HTTP/1.1\r\nhost: {}\r\ncontent-length: 5\r\ntransfer-encoding: chunked",
        "0\r\n\r\n",
        May::Not,
    ),
    (
        "two codings",
        "POST /-/reload HTTP/1.1\r\nhost: {}\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked",
        "0\r\n\r\n",
        May::Not,
    ),
    ("up a folder", "GET /api/v1/../v1/status HTTP/1.1\r\nhost: {}", "", May::Not),
    ("two slashes", "GET //api/v1/status HTTP/1.1\r\nhost: {}", "", May::Not),
    ("a file", "GET /api/v1/events/..%2f..%2fetc%2fpasswd HTTP/1.1\r\nhost: {}", "", May::Not),
    ("a file of ours", "GET /ui/..%2fmod.rs HTTP/1.1\r\nhost: {}", "", May::Not),
    ("the page by a rebound name", "GET / HTTP/1.1\r\nhost: attacker.example", "", May::Not),
    ("a zero byte", "GET /api/v1/events/%00 HTTP/1.1\r\nhost: {}", "", May::Not),
    ("trace", "TRACE /api/v1/status HTTP/1.1\r\nhost: {}", "", May::Not),
    ("connect", "CONNECT 127.0.0.1:22 HTTP/1.1\r\nhost: {}", "", May::Not),
    (
        "a preflight",
        "OPTIONS /-/reload HTTP/1.1\r\nhost: {}\r\norigin: http://attacker.example\r\naccess-control-request-method: POST",
        "",
        May::Not,
    ),
];

const WITH_TOKEN: &[Case] = &[
    (
        "the token",
        "GET /api/v1/status HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer canary-admin-token-4711",
        "",
        May::Happen,
    ),
    (
        "the token, scheme in lower case",
        "GET /metrics HTTP/1.1\r\nhost: {}\r\nauthorization: bearer canary-admin-token-4711",
        "",
        May::Happen,
    ),
    ("health needs none", "GET /healthz HTTP/1.1\r\nhost: {}", "", May::Happen),
    ("readiness needs none", "GET /readyz HTTP/1.1\r\nhost: {}", "", May::Happen),
    ("none", "GET /api/v1/status HTTP/1.1\r\nhost: {}", "", May::Not),
    ("none, for metrics", "GET /metrics HTTP/1.1\r\nhost: {}", "", May::Not),
    (
        "none, for a reload",
        "POST /-/reload HTTP/1.1\r\nhost: {}\r\ncontent-length: 0",
        "",
        May::Not,
    ),
    (
        "a wrong one",
        "GET /api/v1/status HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer guess",
        "",
        May::Not,
    ),
    (
        "its beginning",
        "GET /api/v1/status HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer canary-admin-token-471",
        "",
        May::Not,
    ),
    (
        "more than it",
        "GET /api/v1/status HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer canary-admin-token-47110",
        "",
        May::Not,
    ),
    (
        "in capitals",
        "GET /api/v1/status HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer CANARY-ADMIN-TOKEN-4711",
        "",
        May::Not,
    ),
    (
        "an empty one",
        "GET /api/v1/status HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer ",
        "",
        May::Not,
    ),
    (
        "another scheme",
        "GET /api/v1/status HTTP/1.1\r\nhost: {}\r\nauthorization: Basic canary-admin-token-4711",
        "",
        May::Not,
    ),
    (
        "twice",
        "GET /api/v1/status HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer guess\r\nauthorization: Bearer canary-admin-token-4711",
        "",
        May::Not,
    ),
    (
        "in the address",
        "GET /api/v1/status?token=canary-admin-token-4711 HTTP/1.1\r\nhost: {}",
        "",
        May::Not,
    ),
    (
        "a session nobody gave",
        "GET /api/v1/status HTTP/1.1\r\nhost: {}\r\ncookie: hookswitch=4102444800000.0000000000000000000000000000000000000000000000000000000000000000",
        "",
        May::Not,
    ),
    (
        "a login from another page",
        "POST /api/v1/login HTTP/1.1\r\nhost: {}\r\norigin: http://attacker.example\r\ncontent-type: application/json\r\ncontent-length: 36",
        "{\"token\": \"canary-admin-token-4711\"}",
        May::Not,
    ),
    (
        "a login",
        "POST /api/v1/login HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: 36",
        "{\"token\": \"canary-admin-token-4711\"}",
        May::Happen,
    ),
    (
        "a login with a guess",
        "POST /api/v1/login HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: 18",
        "{\"token\": \"guess\"}",
        May::Not,
    ),
    (
        "the token under a rebound name",
        "GET /api/v1/status HTTP/1.1\r\nhost: attacker.example\r\nauthorization: Bearer canary-admin-token-4711",
        "",
        May::Not,
    ),
];

pub async fn run(context: &Context) -> anyhow::Result<Outcome> {
    let mut outcome = Outcome::default();
    let ledger = Ledger::default();
    let receiver = Receiver::kind(&ledger).await?;
    let folder = folder(&receiver.rules("admin_token: ${ADMIN_TOKEN:-}\n", &["crm"]))?;
    let instance = context.launch("admin", folder.path()).start().await?;
    let mut asked = table(&instance, LOOPBACK, &mut outcome).await?;
    let paused = instance.get("/api/v1/targets").await?.contains("\"paused\":true");
    outcome.hold(!paused, || "one of them paused a target".to_owned());
    let names = context.pick(3_000, 100_000);
    made_up_names(&instance, &ledger, names, &mut outcome).await?;
    outcome.hold(instance.drained(Duration::from_secs(60)).await?, || {
        "deliveries still pending".to_owned()
    });
    instance.terminate(Duration::from_secs(10)).await?;
    let terms = Terms { targets: Some(vec!["crm"]), ..Terms::default() };
    let (_, faults) = conservation::check(&ledger, &data(folder.path()), &terms)?;
    outcome.shortfalls.extend(faults);

    let mut launch = context.launch("admin", folder.path());
    launch.admin = "0.0.0.0:0".to_owned();
    launch.env.push(("ADMIN_TOKEN".to_owned(), TOKEN.to_owned()));
    let mut instance = launch.start().await?;
    instance.admin.set_ip([127, 0, 0, 1].into());
    asked += table(&instance, WITH_TOKEN, &mut outcome).await?;
    instance.terminate(Duration::from_secs(10)).await?;
    let mut launch = context.launch("admin", folder.path());
    launch.admin = "0.0.0.0:0".to_owned();
    let ended = launch.run_to_end(Duration::from_secs(10)).await?;
    outcome.hold(ended.status.code() == Some(78), || {
        format!("off loopback and without a token it ended with {}: {}", ended.status, ended.log)
    });
    outcome.count = format!("{asked} requests of strangers and users, {names} made-up names");
    Ok(outcome)
}

async fn table(instance: &Instance, cases: &[Case], outcome: &mut Outcome) -> anyhow::Result<u64> {
    let ours = instance.admin.to_string();
    for (name, head, body, may) in cases {
        let request = format!("{}\r\nconnection: close\r\n\r\n{body}", head.replace("{}", &ours));
        let answer = exchange(instance.admin, &request).await?;
        let status = answer.split(' ').nth(1).and_then(|word| word.parse::<u16>().ok());
        let held = match may {
            May::Happen => status.is_some_and(|status| (200..300).contains(&status)),
            May::Not => status.is_none_or(|status| (400..500).contains(&status)),
        };
        outcome.hold(held, || format!("{name}: answered {status:?}"));
        let head = answer.split("\r\n\r\n").next().unwrap_or_default().to_ascii_lowercase();
        outcome.hold(!head.contains("access-control-allow"), || {
            format!("{name}: gives rights to another origin")
        });
        outcome.hold(!answer.contains(TOKEN), || format!("{name}: the answer has the token"));
        let framed =
            head.contains("frame-ancestors 'none'") || head.contains("x-frame-options: deny");
        outcome.hold(*may == May::Not || framed, || format!("{name}: may be framed"));
    }
    Ok(cases.len() as u64)
}

/// One request on a connection of its own, which the request closes.
async fn exchange(to: SocketAddr, request: &str) -> anyhow::Result<String> {
    let answer = ask(to, request.as_bytes(), Duration::from_secs(2)).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Event names, ids, agents, paths and methods that are new each time: a tenth of them, so that every kind of series that
/// such requests make is there, and then the rest.
async fn made_up_names(
    instance: &Instance,
    ledger: &Ledger,
    names: u64,
    outcome: &mut Outcome,
) -> anyhow::Result<()> {
    let mut series_after = Vec::new();
    for (first, last) in [(0, names / 10), (names / 10, names)] {
        let lanes: Vec<_> = (0..LANES)
            .map(|lane| {
                let (listen, admin) = (instance.listen, instance.admin);
                let numbers = (first + lane..last).step_by(usize::try_from(LANES).unwrap_or(1));
                tokio::spawn(invent(Sender::new(ledger), listen, admin, numbers))
            })
            .collect();
        for lane in lanes {
            outcome.shortfalls.extend(lane.await??.into_iter().take(5));
        }
        instance.drained(Duration::from_secs(60)).await?;
        series_after.push(series(instance).await?);
    }
    let held = matches!(series_after[..], [first, last] if first > 0 && first == last);
    outcome.hold(held, || {
        format!("series after a tenth of the names and after all: {series_after:?}")
    });
    outcome.notes.push(format!("{} series of metrics, before and after", series_after[0]));
    Ok(())
}

/// Connections that send names.
const LANES: u64 = 8;

async fn invent(
    mut sender: Sender,
    listen: SocketAddr,
    admin: SocketAddr,
    numbers: impl Iterator<Item = u64>,
) -> anyhow::Result<Vec<String>> {
    let mut wrong = Vec::new();
    for number in numbers {
        let body = format!(
            r#"{{"event":"made_up_{number}","call":{{"call_id":"id_{number}","agent_id":"agent_{number}","metadata":{{"key_{number}":"value_{number}"}}}}}}"#
        );
        let answer = sender.post(listen, "/webhook", "", body.as_bytes()).await;
        if !matches!(answer, Answer::Stored { .. }) {
            wrong.push(format!("event {number}: {answer:?}"));
        }
        if number % 100 == 0 {
            for request in [
                format!("MADE{number} /webhook HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"),
                format!(
                    "POST /made/up/{number} HTTP/1.1\r\nhost: x{number}\r\nuser-agent: {number}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
                ),
            ] {
                exchange(listen, &request).await?;
            }
            exchange(
                admin,
                &format!(
                    "GET /made/up/{number} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
                ),
            )
            .await?;
        }
    }
    Ok(wrong)
}

async fn series(instance: &Instance) -> anyhow::Result<usize> {
    let text = instance.get("/metrics").await?;
    Ok(text.lines().filter(|line| !line.starts_with('#')).count())
}
