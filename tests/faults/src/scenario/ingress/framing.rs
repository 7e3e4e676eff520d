//! Requests whose framing can be read in two ways, each with a second request behind it, held against [`strict`](super::strict):
//! nothing becomes an event that the strict reading does not find, and no more answers come than it counts requests, and one
//! refusal. Clear ones stand among them, whose events must be there: a corpus that is refused whole proves nothing.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;

use crate::scenario::Outcome;
use crate::wire::{ask, statuses};

use super::strict;

/// Lines of a head. Bodies are 17 bytes, or 11 in the digits of chunks.
const HEADS: &[&str] = &[
    // Clear ones.
    "content-length: 17",
    "transfer-encoding: chunked",
    "Transfer-Encoding: \t Chunked \t",
    "content-length: 17\r\ncontent-length: 17",
    "content-encoding: gzip\r\ncontent-length: 17",
    "content-encoding: identity\r\ncontent-length: 17",
    // Lengths beside codings, and lengths that disagree or are none.
    "content-length: 17\r\ntransfer-encoding: chunked",
    "transfer-encoding: chunked\r\ncontent-length: 17",
    "content-length: 4\r\ntransfer-encoding: chunked",
    "content-length: 0\r\ntransfer-encoding: chunked",
    "content-length: 17\r\ncontent-length: 4",
    "content-length: 4\r\ncontent-length: 17",
    "content-length: 17\r\ncontent-length: 017",
    "content-length: 17, 17",
    "content-length: 17, 4",
    "content-length: +17",
    "content-length: -1",
    "content-length: 0x11",
    "content-length: 17.0",
    "content-length: 1 7",
    "content-length: 1_7",
    "content-length: 99999999999999999999999999",
    "content-length: 18446744073709551633",
    "content-length:",
    "content-length: seventeen",
    "content-length: 17\0",
    "content-length : 17",
    "content_length: 17",
    "content-length: \u{661}\u{667}",
    // Codings that are none of ours.
    "transfer-encoding: xchunked",
    "transfer-encoding: chunked, identity",
    "transfer-encoding: identity",
    "transfer-encoding: identity, chunked",
    "transfer-encoding: gzip, chunked",
    "transfer-encoding: chunked, chunked",
    "transfer-encoding: chunked,",
    "transfer-encoding: ,chunked",
    "transfer-encoding: chunked\r\ntransfer-encoding: chunked",
    "transfer-encoding: identity\r\ntransfer-encoding: chunked",
    "transfer-encoding: chunked\r\ntransfer-encoding: identity",
    "transfer-encoding: chunked\r\ntransfer-encoding:",
    "transfer-encoding: \"chunked\"",
    "transfer-encoding: chunked;q=1",
    "transfer-encoding: \x0bchunked",
    "transfer-encoding: chunked\x0c",
    "transfer-encoding:\u{a0}chunked",
    "transfer-encoding: chun\u{212a}ed",
    // Names and lines that only some understand.
    "transfer-encoding : chunked",
    "transfer-encoding\t: chunked",
    " transfer-encoding: chunked",
    "\ttransfer-encoding: chunked",
    "x: y\r\n transfer-encoding: chunked",
    "x: y\r\n\tcontent-length: 17",
    "transfer-encoding:\r\n chunked",
    "x: y\rtransfer-encoding: chunked",
    "x: y\ntransfer-encoding: chunked\r\ncontent-length: 17",
    "x: y\ncontent-length: 17",
    "x: y\n\ncontent-length: 17",
    "transfer_encoding: chunked",
    "transfer-encoding\0: chunked",
    ": chunked",
    "transfer-encoding chunked",
    "connection: content-length\r\ncontent-length: 17",
    "connection: transfer-encoding\r\ntransfer-encoding: chunked",
    "expect: 200-ok\r\ncontent-length: 17",
];

/// First lines, with a length that is clear.
const LINES: &[&str] = &[
    "POST  /webhook HTTP/1.1",
    "POST /webhook  HTTP/1.1",
    "POST /webhook HTTP/1.1 ",
    " POST /webhook HTTP/1.1",
    "POST\t/webhook\tHTTP/1.1",
    "POST /webhook",
    "POST /webhook HTTP/1.1\rx: y",
    "POST /webhook http/1.1",
    "POST /webhook HTTP/1.2",
    "POST /webhook HTTP/2.0",
    "POST /webhook HTTP/0.9",
    "POST /webhook HTTP/01.1",
    "POST /web hook HTTP/1.1",
    "POST /webhook\0 HTTP/1.1",
    "POST /other/../webhook HTTP/1.1",
    "POST //webhook HTTP/1.1",
    "POST /webhook/ HTTP/1.1",
    "POST /WEBHOOK HTTP/1.1",
    "POST /%77ebhook HTTP/1.1",
    "POST http://elsewhere/other HTTP/1.1",
    "post /webhook HTTP/1.1",
    "PO\u{201d}ST /webhook HTTP/1.1",
    "GET /webhook HTTP/1.1",
    "PRI * HTTP/2.0",
];

/// Bodies: `D` is the document.
const BODIES: &[&str] = &[
    "D",
    "11\r\nD\r\n0\r\n\r\n",
    "0\r\n\r\n",
    "8;ext=\"\n\"\r\nD\r\n0\r\n\r\n",
    "11;a=b\r\nD\r\n0\r\nx: y\r\n\r\n",
    "11\nD\n0\n\n",
    "11 \r\nD\r\n0\r\n\r\n",
    "0011\r\nD\r\n000\r\n\r\n",
    "+11\r\nD\r\n0\r\n\r\n",
    "0x11\r\nD\r\n0\r\n\r\n",
    "11\r\nD0\r\n\r\n",
    "10000000000000011\r\nD\r\n0\r\n\r\n",
];

/// How long a connection may be silent before it is taken for done.
const PATIENCE: Duration = Duration::from_millis(250);
const LANES: usize = 24;

fn document(kind: char, number: usize) -> String {
    format!("{{\"event\":\"{kind}{number:04}\"}}")
}

fn request(line: &str, head: &str, body: &str, number: usize) -> Vec<u8> {
    let first = document('d', number);
    let second = document('s', number);
    let body = body.replace('D', &first);
    let behind = format!("POST /webhook HTTP/1.1\r\nhost: x\r\ncontent-length: 17\r\n\r\n{second}");
    format!("{line}\r\nhost: x\r\n{head}\r\n\r\n{body}{behind}").into_bytes()
}

/// All of them, numbered, so that no two have the same documents.
fn corpus() -> Vec<Vec<u8>> {
    let plain = "POST /webhook HTTP/1.1";
    let heads = HEADS.iter().flat_map(|head| BODIES.iter().map(move |body| (plain, *head, *body)));
    let old = ["content-length: 17", "transfer-encoding: chunked"]
        .into_iter()
        .flat_map(|head| BODIES.iter().map(move |body| ("POST /webhook HTTP/1.0", head, *body)));
    let lines = LINES.iter().map(|line| (*line, "content-length: 17", "D"));
    let all = heads.chain(old).chain(lines).enumerate();
    all.map(|(number, (line, head, body))| request(line, head, body, number)).collect()
}

/// What the strict reading allows, and what it leaves no doubt of.
#[derive(Debug, Default)]
pub struct Expected {
    pub sent: usize,
    may: HashSet<Vec<u8>>,
    must: HashSet<Vec<u8>>,
}

/// Sends them all. What became of them is looked up in the store later, with [`judge`].
pub async fn send(to: SocketAddr, outcome: &mut Outcome) -> anyhow::Result<Expected> {
    let all = corpus();
    let mut expected = Expected { sent: all.len(), ..Expected::default() };
    for request in &all {
        let reading = strict::read(request, "/webhook");
        if !reading.doubtful {
            expected.must.extend(reading.events.iter().cloned());
        }
        expected.may.extend(reading.events);
    }
    let all = std::sync::Arc::new(all);
    let lanes: Vec<_> = (0..LANES)
        .map(|lane| {
            let all = std::sync::Arc::clone(&all);
            tokio::spawn(async move {
                let mut answered = Vec::new();
                for request in all.iter().skip(lane).step_by(LANES) {
                    let answers = statuses(&ask(to, request, PATIENCE).await?);
                    answered.push((request.clone(), answers));
                }
                anyhow::Ok(answered)
            })
        })
        .collect();
    for lane in lanes {
        for (request, answers) in lane.await?? {
            let reading = strict::read(&request, "/webhook");
            let most = reading.clear + usize::from(reading.doubtful);
            outcome.hold(answers.len() <= most, || {
                let request = String::from_utf8_lossy(&request);
                format!("{request:?} was answered {answers:?}, at most {most} may come")
            });
        }
    }
    Ok(expected)
}

/// Holds the store against the strict reading.
pub fn judge(data: &Path, expected: &Expected, outcome: &mut Outcome) -> anyhow::Result<()> {
    let sql = Connection::open(data.join("hookswitch.db"))?;
    let mut rows = sql.prepare(
        "SELECT b.body FROM events e JOIN bodies b USING (seq) WHERE e.name GLOB '[ds][0-9][0-9][0-9][0-9]'",
    )?;
    let stored: HashSet<Vec<u8>> =
        rows.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    for extra in stored.difference(&expected.may) {
        let (event, number) = named(extra);
        outcome.hold(false, || {
            let request = corpus().into_iter().nth(number).unwrap_or_default();
            format!("SMUGGLED: {event} of {:?}", String::from_utf8_lossy(&request))
        });
    }
    for missing in expected.must.difference(&stored) {
        outcome.hold(false, || format!("{} is clear and is not stored", named(missing).0));
    }
    outcome.hold(expected.must.len() >= 20, || "the corpus has hardly a clear request".to_owned());
    outcome.notes.push(format!(
        "{} raw requests: the strict reading allows {} events and demands {}; {} were stored",
        expected.sent,
        expected.may.len(),
        expected.must.len(),
        stored.len()
    ));
    Ok(())
}

fn named(body: &[u8]) -> (String, usize) {
    let text = String::from_utf8_lossy(body).into_owned();
    let number = text.chars().filter(char::is_ascii_digit).collect::<String>();
    (text, number.parse().unwrap_or(usize::MAX))
}
