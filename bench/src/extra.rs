//! What is measured otherwise than by sending for a while: an idle process, one with a backlog, and a reload under load.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::backlog;
use crate::body::Body;
use crate::books::Books;
use crate::cell::{DRAIN, Routing, rules};
use crate::commit::ask;
use crate::load::Load;
use crate::sink::Sink;
use crate::system::{Programs, Running, System, folder, write_rules};

/// An idle process.
#[derive(Debug, Clone, Copy)]
pub struct Footprint {
    /// From exec until it said that it was ready, in milliseconds.
    pub ready: f64,
    /// Resident bytes five seconds later.
    pub resident: f64,
}

/// Starts it over a store with so many pending deliveries of a dead target, and lets it rest.
pub async fn footprint(programs: &Programs, backlog: u64) -> anyhow::Result<Footprint> {
    let nobody = ([127, 0, 0, 1], 9).into();
    let folder = folder(&rules(nobody, false, 1, Routing::Rules(1)))?;
    if backlog > 0 {
        backlog::fill(&folder.path().join("hookswitch-data"), backlog).await?;
    }
    let running = Running::start(&System::Shipped, programs, folder, &[])?;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let ready = running.ready.as_secs_f64() * 1e3;
    Ok(Footprint { ready, resident: running.resident()[0] as f64 })
}

/// A reload of many rules under load.
#[derive(Debug, Clone)]
pub struct Reload {
    /// From asking for it until the new revision is in force, in milliseconds. One that is not asked for waits 250 ms more, for
    /// quiet.
    pub took: f64,
    /// p99 of the answer in microseconds: without a reload, and in the second of one.
    pub p99: [f64; 2],
    pub void: Option<String>,
}

/// 5,000 events a second; 10,000 rules; the file is replaced under way.
pub async fn reload(programs: &Programs) -> anyhow::Result<Reload> {
    const RULES: u32 = 10_000;
    let books = Arc::new(Books::new());
    let sink = Sink::start(&books).await?;
    let text = rules(sink.address, true, 2, Routing::Rules(RULES));
    let running = Running::start(&System::Shipped, programs, folder(&text)?, &[])?;
    let load = |seconds: u64| Load {
        to: running.listen,
        body: Arc::new(Body::new(1 << 10, true)),
        senders: 64,
        agents: 10,
        warm: Duration::from_secs(1),
        length: Duration::from_secs(seconds),
        rate: Some(5_000.0),
    };
    let quiet = load(3).run(&books).await?;
    // The file is replaced as the second that counts begins.
    let busy = {
        let (load, books) = (load(1), Arc::clone(&books));
        tokio::spawn(async move { load.run(&books).await })
    };
    tokio::time::sleep(Duration::from_secs(1)).await;
    let replaced = format!("{text}# replaced\n");
    write_rules(running.folder.path(), &replaced)?;
    let began = Instant::now();
    let answer = ask(running.admin.context("it has an admin API")?, "POST /-/reload").await?;
    let took = began.elapsed();
    anyhow::ensure!(answer.starts_with("HTTP/1.1 200"), "it did not reload: {answer}");
    let busy = busy.await??;
    let balance = books.settled(2, DRAIN).await;
    let p99 = [&quiet, &busy].map(|answers| answers.latency.value_at_quantile(0.99) as f64);
    let void = (balance.lost + balance.strange > 0).then(|| format!("{balance:?}"));
    Ok(Reload { took: took.as_secs_f64() * 1e3, p99, void })
}

/// The size of a file, in bytes.
pub fn size(path: &std::path::Path) -> anyhow::Result<f64> {
    Ok(std::fs::metadata(path).with_context(|| format!("{}", path.display()))?.len() as f64)
}
