//! SIGKILL, at random moments under load and at the points where it would hurt most. Senders repeat what was not answered;
//! each event that was answered must reach each of its targets. SIGKILL leaves the page cache alive, so this shows that
//! nothing is held in memory only; what a disk may forget is the scenario `power-loss`.

use std::time::Duration;

use rand::RngExt;

use crate::conservation::{self, Terms, UNSETTLED};
use crate::instance::{Instance, data};
use crate::ledger::Ledger;
use crate::receiver::Receiver;
use crate::sender::{Load, event};

use super::{Context, Outcome, folder};

const TARGETS: [&str; 2] = ["slack", "crm"];
/// 8 deliveries in flight for each target, besides what is not settled.
const REPEATS: u64 = UNSETTLED + 16;
/// 16 senders with an event per 16 ms: 1,000 a second.
const SENDERS: (u64, Duration) = (16, Duration::from_millis(16));
/// Ready again within this after a kill (with the small backlog of such a run).
const READY: Duration = Duration::from_secs(1);

/// Where the program is killed, and how often it passes there first. The names are those of `fault::point` in the program.
const POINTS: [(&str, u64); 6] = [
    ("store.before-commit", 40),
    ("store.after-commit", 40),
    ("dispatch.before-settle", 60),
    ("store.prune", 1),
    ("store.checkpoint", 1),
    ("store.after-checkpoint", 1),
];

pub async fn run(context: &Context) -> anyhow::Result<Outcome> {
    let mut outcome = Outcome::default();
    let ledger = Ledger::default();
    let receiver = Receiver::kind(&ledger).await?;
    let folder = folder(&rules(&receiver))?;
    let launch = context.launch("kill", folder.path());
    let mut dice = context.dice("kill");
    let random = context.pick(35, 900);
    let mut instance = launch.start().await?;
    let load = Load::start(&ledger, instance.listen, SENDERS, 0, event);
    let (mut slowest, mut kills, mut in_flight) = (Duration::ZERO, 0, 0);
    for _ in 0..random {
        tokio::time::sleep(Duration::from_millis(dice.random_range(30..800))).await;
        let before = ledger.totals().cut;
        ensure_alive(&mut instance)?;
        instance.kill().await?;
        kills += 1;
        instance = launch.start().await?;
        slowest = slowest.max(instance.ready_after);
        load.moved(instance.listen);
        in_flight += u64::from(ledger.totals().cut > before);
    }
    let rounds = context.pick(2, 20);
    for (point, passes) in POINTS {
        for round in 0..rounds {
            let passes =
                passes + dice.random_range(0..=passes.saturating_sub(1)) * u64::from(round > 0);
            instance.kill().await?;
            kills += 1;
            let point = format!("{point}=kill@{passes}");
            let launch = context.launch_with_point("kill", folder.path(), &point);
            instance = launch.start().await?;
            load.moved(instance.listen);
            let ended = instance.ended(Duration::from_secs(60)).await;
            outcome.hold(ended.is_ok(), || format!("{point} was not passed within a minute"));
            kills += 1;
            instance = context.launch("kill", folder.path()).start().await?;
            load.moved(instance.listen);
        }
    }
    load.stop().await;
    let drained = instance.drained(Duration::from_secs(60)).await?;
    outcome.hold(drained, || "deliveries were still pending a minute after the load".to_owned());
    instance.terminate(Duration::from_secs(10)).await?;
    let terms = Terms {
        targets: Some(TARGETS.to_vec()),
        repeats_max: kills * REPEATS,
        cuts: true,
        ..Terms::default()
    };
    let (stored, faults) = conservation::check(&ledger, &data(folder.path()), &terms)?;
    outcome.shortfalls.extend(faults);
    let totals = ledger.totals();
    outcome.hold(totals.stored >= kills * 50, || {
        format!("only {} events were answered", totals.stored)
    });
    outcome.hold(slowest <= READY, || format!("ready only {slowest:?} after a kill"));
    outcome.hold(in_flight * 100 >= random * 80, || {
        format!("only {in_flight} of {random} kills hit a request on its way")
    });
    outcome.count = format!(
        "{kills} kills, {} events answered, {} deliveries",
        totals.stored,
        stored.planned()
    );
    outcome.notes.push(format!(
        "{} requests cut off, {in_flight} of {random} random kills with a request on its way; slowest start {} ms",
        totals.cut,
        slowest.as_millis()
    ));
    Ok(outcome)
}

fn ensure_alive(instance: &mut Instance) -> anyhow::Result<()> {
    anyhow::ensure!(!instance.is_over(), "it ended by itself: {}", instance.log());
    Ok(())
}

fn rules(receiver: &Receiver) -> String {
    let targets = receiver.targets(&TARGETS);
    format!(
        "version: 1\nsources:\n  retell: {{ path: /webhook, verify: none }}\n{targets}rules:\n  - name: all of it\n    to: [slack, crm]\n"
    )
}
