//! A disk whose syncs take long. Senders are answered long before they give up, the queue stays short, and nothing that was
//! answered is lost.

use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::disk::shim::Shim;
use crate::ledger::{Answer, Ledger};
use crate::sender::{Sender, event};

use super::super::{Context, Outcome};
use super::Bench;

/// Senders at once, each of which sends as fast as it is answered.
const SENDERS: u64 = 64;
/// Between two visitors, who send one event each.
const VISITS: Duration = Duration::from_millis(100);
/// Well before a sender gives up, which is after 10 s: who comes while a commit of 3 s is under way waits for the rest of
/// it and for the next.
const ANSWERED: Duration = Duration::from_secs(8);
/// More memory than before, at most.
const GROWTH: u64 = 64 << 20;

pub(super) async fn run(context: &Context, outcome: &mut Outcome) -> anyhow::Result<String> {
    let mut told = Vec::new();
    // With 300 ms all are stored, many at once; with 3 s commits fall behind, and that is said at once.
    for (millis, falls_behind) in [(300, false), (3_000, true)] {
        let mut bench = Bench::new("max_size: 64 MiB").await?;
        let Some(shim) = Shim::new(context, bench.folder.path())? else {
            return Ok("slow disk skipped: no library before the disk on this system".to_owned());
        };
        let mut launch = bench.launch(context);
        shim.load(&mut launch);
        let instance = launch.start().await?;
        bench.accepted_within(&instance, Duration::from_secs(5)).await.context("a sound disk")?;
        let before = instance.resident();
        shim.slow(millis)?;
        let until = Instant::now() + Duration::from_secs(context.pick(8, 60));
        let mut tasks = tokio::task::JoinSet::new();
        for lane in 0..SENDERS {
            tasks.spawn(press(bench.ledger.clone(), instance.listen, lane, Until::Time(until)));
        }
        // Those are all answered by the same commit and come again together; so others come whenever they like.
        let mut visitors = SENDERS..;
        while Instant::now() < until {
            let lane = visitors.next().context("numbers do not end")?;
            tasks.spawn(press(bench.ledger.clone(), instance.listen, lane, Until::Answered));
            tokio::time::sleep(VISITS).await;
        }
        let mut slowest = Duration::ZERO;
        while let Some(took) = tasks.join_next().await {
            slowest = slowest.max(took?);
        }
        let grown = instance.resident().saturating_sub(before);
        shim.slow(0)?;
        let again = bench.accepted_within(&instance, Duration::from_secs(6)).await;
        let drained = instance.drained(Duration::from_secs(30)).await?;
        instance.terminate(Duration::from_secs(10)).await?;
        let totals = bench.ledger.totals();
        outcome.shortfalls.extend(bench.settle(context, 1).await?);
        let what = format!("{millis} ms a sync");
        outcome
            .hold(slowest <= ANSWERED, || format!("{what}: the slowest answer took {slowest:?}"));
        outcome.hold(totals.cut == 0, || format!("{what}: {} had no answer", totals.cut));
        outcome.hold(grown < GROWTH, || format!("{what}: memory grew by {grown} bytes"));
        outcome.hold(drained && again.is_some(), || format!("{what}: it did not recover"));
        outcome.hold(!falls_behind || totals.refused > 0, || format!("{what}: nobody was refused"));
        told.push(format!(
            "{what}: {} stored, {} refused, slowest answer {} ms, memory grew by {} MiB",
            totals.stored,
            totals.refused,
            slowest.as_millis(),
            grown >> 20
        ));
    }
    outcome.notes.extend(told);
    Ok("2 slow disks".to_owned())
}

/// How long a sender goes on.
#[derive(Debug, Clone, Copy)]
enum Until {
    Time(Instant),
    /// It has one event.
    Answered,
}

/// Sends one event after the other; how long the slowest answer took.
async fn press(ledger: Ledger, to: std::net::SocketAddr, lane: u64, until: Until) -> Duration {
    let (mut sender, mut slowest, mut number) = (Sender::new(&ledger), Duration::ZERO, 0);
    let goes_on = |sent: u64| match until {
        Until::Time(until) => Instant::now() < until,
        Until::Answered => sent == 0,
    };
    while goes_on(number) {
        number += 1;
        let began = Instant::now();
        let body = event(lane * 1_000_000 + number);
        let answer = sender.post(to, "/webhook", "", &body).await;
        slowest = slowest.max(began.elapsed());
        if !matches!(answer, Answer::Stored { .. }) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    slowest
}
