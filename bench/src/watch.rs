//! What watching the page costs: the same load with and without somebody who has the Live page open, one after the other.
//!
//! The page holds a stream of what arrives, and asks once a second for the hundred newest rows again, to see what became of their
//! deliveries.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::cell::Cell;
use crate::commit::ask;
use crate::system::{Programs, System};

/// How long each side is measured.
const LENGTH: Duration = Duration::from_secs(5);
/// Rows that are asked for again.
const ROWS: usize = 100;

/// Somebody who has the page open.
pub struct Watching {
    tasks: [JoinHandle<anyhow::Result<()>>; 2],
    streamed: Arc<AtomicU64>,
    polled: Arc<AtomicU64>,
}

impl Watching {
    pub async fn begin(admin: SocketAddr) -> anyhow::Result<Self> {
        let (streamed, polled) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let stream = TcpStream::connect(admin).await.context("the stream")?;
        let tasks = [
            tokio::spawn(read(stream, Arc::clone(&streamed))),
            tokio::spawn(poll(admin, Arc::clone(&polled))),
        ];
        Ok(Self { tasks, streamed, polled })
    }

    /// Goes away, and makes sure that there was something to see.
    pub fn end(self) -> anyhow::Result<()> {
        for task in &self.tasks {
            ensure!(!task.is_finished(), "the page was let go of");
            task.abort();
        }
        let (streamed, polled) = (&self.streamed, &self.polled);
        let seen = (streamed.load(Ordering::Relaxed), polled.load(Ordering::Relaxed));
        ensure!(seen.0 > 10_000 && seen.1 > 0, "the page saw {seen:?}");
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

/// The ids of the events in an answer.
fn ids_in(answer: &str) -> impl Iterator<Item = &str> {
    answer.split("{\"id\":\"").skip(1).filter_map(|rest| rest.get(..36))
}

/// Measures each side so often, and prints what each came to and the ratio of their medians.
pub async fn run(programs: &Programs, rounds: u32) -> anyhow::Result<()> {
    let alone = Cell::new(System::Shipped, 1 << 10);
    let mut delivered = [Vec::new(), Vec::new()];
    for round in 0..rounds {
        // Whoever comes first in a round comes second in the next.
        for side in [round % 2, 1 - round % 2] {
            let cell = Cell { watched: side == 1, ..alone.clone() };
            let sample = cell.measure(programs, LENGTH).await?;
            ensure!(sample.void.is_none(), "void: {:?}", sample.void);
            let what = if cell.watched { "watched" } else { "alone" };
            println!("{what}: {:.0} delivered/s, {:.0} µs of CPU", sample.delivered, sample.cpu);
            delivered[usize::from(cell.watched)].push(sample.delivered);
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
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
    }
}
