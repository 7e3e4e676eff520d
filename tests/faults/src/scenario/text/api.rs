//! What the program answers to whoever operates it, read in full and searched for marked words.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::super::{Outcome, canaries};
use super::SECRETS;
use crate::instance::Instance;

/// A request to the admin listener, with the token or without: the whole answer.
async fn ask(instance: &Instance, request: &str, token: bool) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(instance.admin).await.context("the admin listener")?;
    let token =
        if token { format!("authorization: Bearer {}\r\n", SECRETS[2].1) } else { String::new() };
    let head = format!("{request} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{token}\r\n");
    stream.write_all(head.as_bytes()).await?;
    let mut answer = Vec::new();
    tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await??;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

async fn ask_json(instance: &Instance, path: &str) -> anyhow::Result<Value> {
    let answer = ask(instance, &format!("GET {path}"), true).await?;
    let (_, body) = answer.split_once("\r\n\r\n").context("an answer has a head")?;
    serde_json::from_str(body).with_context(|| format!("{path} is no JSON: {answer}"))
}

/// Waits until nothing waits for delivery.
pub(super) async fn drain(instance: &Instance) -> anyhow::Result<()> {
    let until = Instant::now() + Duration::from_secs(120);
    loop {
        let status = ask_json(instance, "/api/v1/status").await?;
        let pending =
            status["store"]["pending"].as_u64().context("status tells what is pending")?;
        if pending == 0 {
            return Ok(());
        }
        anyhow::ensure!(Instant::now() < until, "{pending} deliveries still pending");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// All dead letters by target and event: the reason.
pub(super) async fn dead_letters(
    instance: &Instance,
    outcome: &mut Outcome,
) -> anyhow::Result<HashMap<(String, String), String>> {
    let mut reasons = HashMap::new();
    let mut cursor = String::new();
    loop {
        let page = ask_json(instance, &format!("/api/v1/dead-letters?limit=100{cursor}")).await?;
        outcome.hold(canaries::find(&page.to_string()).is_none(), || {
            format!("the dead letters show {:?}", canaries::find(&page.to_string()))
        });
        for letter in page["dead_letters"].as_array().context("a list of dead letters")? {
            let text = |key: &str| letter[key].as_str().unwrap_or_default().to_owned();
            outcome.hold(!text("detail").is_empty(), || format!("no detail: {letter}"));
            reasons.insert((text("target"), text("event_id")), text("reason"));
        }
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(reasons),
        }
    }
}

/// What the program answers besides bodies, searched for marked words.
pub(super) async fn answers(
    instance: &Instance,
    ids: impl Iterator<Item = &str>,
    outcome: &mut Outcome,
) -> anyhow::Result<()> {
    let mut asked: Vec<(String, bool)> = [
        "GET /metrics",
        "GET /api/v1/status",
        "GET /api/v1/targets",
        "GET /api/v1/rules",
        "GET /api/v1/events?limit=100",
        "GET /api/v1/events?state=dead&limit=100",
        "GET /api/v1/events/none",
        "GET /api/v1/events?agent_id=%3Cx%3E&cursor=zzz",
        "GET /nothing/here",
        "POST /-/reload",
        "GET /healthz",
        "GET /readyz",
    ]
    .iter()
    .flat_map(|request| [((*request).to_owned(), true), ((*request).to_owned(), false)])
    .collect();
    asked.extend(ids.take(200).map(|id| (format!("GET /api/v1/events/{id}"), true)));
    for (request, token) in asked {
        let answer = ask(instance, &request, token).await?;
        outcome.hold(answer.starts_with("HTTP/1.1 "), || format!("{request}: no answer"));
        outcome.hold(canaries::find(&answer).is_none(), || {
            format!("{request} shows {:?}", canaries::find(&answer))
        });
    }
    Ok(())
}
