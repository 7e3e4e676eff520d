//! What looking on costs: the same load with and without somebody who has the Live page open, or previews a change again and again,
//! one after the other.
//!
//! The page holds a stream of what arrives, and asks once a second for the hundred newest rows again, to see what became of their
//! deliveries. A preview routes all that arrived by another file; as soon as one is done, the next begins.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::cell::Cell;
use crate::commit::{ask, post};
use crate::system::{Programs, System};

/// How long each side is measured.
const LENGTH: Duration = Duration::from_secs(5);
/// Bytes that a stream with events in it has sent, and its headers alone have not.
const STREAMED_MIN: u64 = 10_000;
/// Rows that are asked for again.
const ROWS: usize = 100;

/// Who looks on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Onlooker {
    /// Somebody who has the Live page open.
    Page,
    /// Somebody who previews a change.
    Preview,
}

/// What it takes to look on.
pub struct Watching {
    tasks: Vec<JoinHandle<anyhow::Result<()>>>,
    /// How much each of them saw, and how much shows that there was something to see.
    seen: Vec<(Arc<AtomicU64>, u64)>,
}

impl Watching {
    /// Begins; `rules` are those that run.
    pub async fn begin(
        admin: SocketAddr,
        onlooker: Onlooker,
        rules: String,
    ) -> anyhow::Result<Self> {
        let count = || Arc::new(AtomicU64::new(0));
        let (mut tasks, mut seen) = (Vec::new(), Vec::new());
        match onlooker {
            Onlooker::Page => {
                let stream = TcpStream::connect(admin).await.context("the stream")?;
                let (bytes, rows) = (count(), count());
                tasks.push(tokio::spawn(read(stream, Arc::clone(&bytes))));
                tasks.push(tokio::spawn(poll(admin, Arc::clone(&rows))));
                seen.extend([(bytes, STREAMED_MIN), (rows, 1)]);
            }
            Onlooker::Preview => {
                let events = count();
                tasks.push(tokio::spawn(preview(admin, rules, Arc::clone(&events))));
                seen.push((events, 1));
            }
        }
        Ok(Self { tasks, seen })
    }

    /// Goes away, and makes sure that there was something to see.
    pub fn end(self) -> anyhow::Result<()> {
        for task in &self.tasks {
            ensure!(!task.is_finished(), "what looked on was let go of");
            task.abort();
        }
        for (seen, least) in &self.seen {
            let seen = seen.load(Ordering::Relaxed);
            ensure!(seen >= *least, "what looked on saw {seen} of at least {least}");
        }
        Ok(())
    }
}

async fn read(mut stream: TcpStream, bytes: Arc<AtomicU64>) -> anyhow::Result<()> {
    stream.write_all(b"GET /api/v1/events/stream HTTP/1.1\r\nhost: localhost\r\n\r\n").await?;
    let mut part = vec![0; 64 << 10];
    loop {
        let count = stream.read(&mut part).await?;
        ensure!(count > 0, "the stream ended");
        bytes.fetch_add(count as u64, Ordering::Relaxed);
    }
}

async fn poll(admin: SocketAddr, rows: Arc<AtomicU64>) -> anyhow::Result<()> {
    loop {
        let page = ask(admin, &format!("GET /api/v1/events?limit={ROWS}")).await?;
        let ids: Vec<&str> = ids_in(&page).collect();
        if !ids.is_empty() {
            let again = ask(admin, &format!("GET /api/v1/events?ids={}", ids.join(","))).await?;
            rows.fetch_add(ids_in(&again).count() as u64, Ordering::Relaxed);
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

async fn preview(admin: SocketAddr, rules: String, events: Arc<AtomicU64>) -> anyhow::Result<()> {
    let asked = serde_json::json!({ "text": rules, "since": "1h" }).to_string();
    loop {
        let told = post(admin, "POST /api/v1/preview", &asked).await?;
        ensure!(told.contains("{\"result\":"), "a preview failed: {told}");
        events.fetch_add(looked_at(&told), Ordering::Relaxed);
    }
}

/// How many events a preview compared.
fn looked_at(told: &str) -> u64 {
    let digits = told.rsplit("\"events\":").next().unwrap_or_default();
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    digits.get(..end).and_then(|number| number.parse().ok()).unwrap_or_default()
}

/// The ids of the events in an answer.
fn ids_in(answer: &str) -> impl Iterator<Item = &str> {
    answer.split("{\"id\":\"").skip(1).filter_map(|rest| rest.get(..36))
}

/// Measures each side so often, and prints what each came to and the ratio of their medians.
pub async fn run(programs: &Programs, onlooker: Onlooker, rounds: u32) -> anyhow::Result<()> {
    let alone = Cell::new(System::Shipped, 1 << 10);
    let mut delivered = [Vec::new(), Vec::new()];
    for round in 0..rounds {
        // Whoever comes first in a round comes second in the next.
        for side in [round % 2, 1 - round % 2] {
            let cell = Cell { onlooker: (side == 1).then_some(onlooker), ..alone.clone() };
            let sample = cell.measure(programs, LENGTH).await?;
            ensure!(sample.void.is_none(), "void: {:?}", sample.void);
            let what = if side == 1 { "watched" } else { "alone" };
            println!("{what}: {:.0} delivered/s, {:.0} µs of CPU", sample.delivered, sample.cpu);
            delivered[usize::from(side == 1)].push(sample.delivered);
        }
    }
    let [alone, watched] = delivered.map(median);
    println!("medians: {alone:.0} alone, {watched:.0} watched, ratio {:.3}", watched / alone);
    Ok(())
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of.get(of.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_taken_out_of_an_answer() {
        let id = "0197f0a2-6b1c-7c3e-9f00-1d2c3b4a5968";
        let answer =
            format!(r#"{{"events":[{{"id":"{id}","deliveries":[{{"id":42}}]}},{{"id":"{id}"}}]}}"#);
        assert_eq!(ids_in(&answer).collect::<Vec<_>>(), [id, id]);
        assert_eq!(
            looked_at("{\"result\":{\"running\":{},\"events\":1204,\"unreadable\":2}}"),
            1204
        );
        assert_eq!(looked_at("nothing"), 0);
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
    }
}
