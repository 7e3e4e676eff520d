//! SIGSTOP and SIGCONT: a virtual machine that is frozen, a debugger, a container that is paused. Time leaps for everything that
//! waits: attempts, senders, retries, windows. What was answered is delivered, what was under way may come twice, and no more.

use std::time::Duration;

use anyhow::Context as _;
use rustix::process::{Signal, kill_process};
use tokio::time::sleep;

use super::{Context, Outcome, folder};
use crate::conservation::{self, Terms};
use crate::instance::data;
use crate::ledger::Ledger;
use crate::receiver::{Receiver, Reply};
use crate::sender::{Load, event};

const TARGETS: [&str; 2] = ["quick", "slow"];
/// Attempts of a target at once, and so what can be under way when it is stopped.
const CONCURRENCY: u64 = 8;
/// An attempt under way is out of time when it goes on.
const RULES: &str = "defaults: { timeout: 1s }\n";

pub async fn run(context: &Context) -> anyhow::Result<Outcome> {
    let mut outcome = Outcome::default();
    let ledger = Ledger::default();
    let receiver = Receiver::start(&ledger, |got| {
        if got.target == "slow" {
            Reply::Late(Duration::from_millis(200), 200)
        } else {
            Reply::Status(200)
        }
    })
    .await?;
    let folder = folder(&receiver.rules(RULES, &TARGETS))?;
    let instance = context.launch("stopped", folder.path()).start().await?;
    let load = Load::start(&ledger, instance.listen, (4, Duration::from_millis(100)), 0, event);
    let (stops, length) = context.pick((3, 1_500), (4, 30_000));
    for _ in 0..stops {
        sleep(Duration::from_secs(1)).await;
        kill_process(instance.pid(), Signal::STOP).context("SIGSTOP")?;
        sleep(Duration::from_millis(length)).await;
        kill_process(instance.pid(), Signal::CONT).context("SIGCONT")?;
    }
    sleep(Duration::from_secs(1)).await;
    load.stop().await;
    let drained = instance.drained(Duration::from_secs(60)).await?;
    outcome.hold(drained, || "deliveries were pending a minute after the load".to_owned());
    let ended = instance.terminate(Duration::from_secs(15)).await?;
    outcome.hold(ended.status.success(), || format!("it ended with {}", ended.status));
    let terms = Terms {
        targets: Some(TARGETS.to_vec()),
        repeats_max: stops * CONCURRENCY * TARGETS.len() as u64,
        cuts: true,
        unfinished: !drained,
        ..Terms::default()
    };
    let (stored, faults) = conservation::check(&ledger, &data(folder.path()), &terms)?;
    outcome.shortfalls.extend(faults);
    let requests: usize = ledger.books().received.values().map(Vec::len).sum();
    let due = stored.events * TARGETS.len() as u64;
    outcome.count = format!("{stops} stops of {length} ms, {} events", stored.events);
    outcome.notes.push(format!("{requests} requests for {due} deliveries"));
    Ok(outcome)
}
