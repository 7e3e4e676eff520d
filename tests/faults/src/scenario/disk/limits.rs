//! Limits of the process: the size of a file (`ulimit -f`), and the number of descriptors (`ulimit -n`).

use std::time::Duration;

use tokio::net::TcpStream;

use crate::ledger::Answer;

use super::super::{Context, Outcome};
use super::{Bench, tail};

pub(super) async fn run(context: &Context, outcome: &mut Outcome) -> anyhow::Result<String> {
    file_size(context, outcome).await?;
    descriptors(context, outcome).await?;
    Ok("2 limits of the process".to_owned())
}

fn under(limit: &str) -> Vec<String> {
    ["sh", "-c", &format!("ulimit {limit}; exec \"$@\""), "sh"].map(str::to_owned).to_vec()
}

/// A file may not grow beyond 600 KiB: events are refused then, as on a full disk, and the rest goes on.
async fn file_size(context: &Context, outcome: &mut Outcome) -> anyhow::Result<()> {
    let mut bench = Bench::new("max_size: 64 MiB").await?;
    let mut launch = bench.launch(context);
    // `sh` counts blocks of 512 bytes, as POSIX has it.
    launch.before = under("-f 1200");
    let mut instance = launch.start().await?;
    let (mut stored, mut refused) = (0, 0);
    for _ in 0..2_000 {
        match bench.send(&instance).await.0 {
            Answer::Stored { .. } => stored += 1,
            Answer::Refused(503) => refused += 1,
            other => {
                outcome.shortfalls.push(format!(
                    "file size: {other:?} after {stored} events: {}",
                    tail(&instance.log())
                ));
                break;
            }
        }
        if refused >= 5 {
            break;
        }
    }
    outcome.hold(stored > 0 && refused >= 5, || {
        format!("file size: {stored} stored and {refused} refused")
    });
    outcome.hold(!instance.is_over(), || {
        format!("file size: it ended by itself: {}", tail(&instance.log()))
    });
    if !instance.is_over() {
        instance.terminate(Duration::from_secs(12)).await?;
    }
    outcome.shortfalls.extend(
        bench.settle(context, 1).await?.into_iter().map(|fault| format!("file size: {fault}")),
    );
    outcome
        .notes
        .push(format!("file size limit: {stored} stored, then {refused} refused with 503"));
    Ok(())
}

/// More connections than descriptors: who is connected is served all the while, and the rest once there is room.
async fn descriptors(context: &Context, outcome: &mut Outcome) -> anyhow::Result<()> {
    let mut bench = Bench::new("max_size: 64 MiB").await?;
    let mut launch = bench.launch(context);
    launch.before = under("-n 64");
    let mut instance = launch.start().await?;
    let first = bench.accepted_within(&instance, Duration::from_secs(5)).await;
    outcome.hold(first.is_some(), || "descriptors: nothing was stored before".to_owned());
    let mut idle = Vec::new();
    for _ in 0..200 {
        let connected =
            tokio::time::timeout(Duration::from_millis(200), TcpStream::connect(instance.listen));
        idle.push(connected.await);
    }
    let mut stored = 0;
    for _ in 0..50 {
        match bench.send(&instance).await.0 {
            Answer::Stored { .. } => stored += 1,
            other => {
                outcome.shortfalls.push(format!(
                    "descriptors: who was connected got {other:?}: {}",
                    tail(&instance.log())
                ));
                break;
            }
        }
    }
    drop(idle);
    bench.sender.hang_up();
    let again = bench.accepted_within(&instance, Duration::from_secs(8)).await;
    outcome.hold(again.is_some() && !instance.is_over(), || {
        format!("descriptors: it accepts no more: {}", tail(&instance.log()))
    });
    let lines = instance.log().lines().count();
    outcome.hold(lines < 2_000, || format!("descriptors: {lines} lines of log"));
    instance.terminate(Duration::from_secs(12)).await?;
    outcome.shortfalls.extend(
        bench.settle(context, 1).await?.into_iter().map(|fault| format!("descriptors: {fault}")),
    );
    outcome.notes.push(format!(
        "64 descriptors, 200 connections: {stored} events stored meanwhile, {lines} lines of log"
    ));
    Ok(())
}
