//! A backup that is taken while everything runs, as `docs/operations.md` says, and put in the place of a lost folder: what
//! was answered before the backup began is in it, whole, and is delivered; what had been delivered is not sent again.

use std::time::Duration;

use rusqlite::Connection;

use crate::conservation::{self, Stored, Terms};
use crate::instance::data;
use crate::ledger::Ledger;
use crate::receiver::Receiver;
use crate::sender::{Load, event};

use super::{Context, Outcome, folder};

const TARGETS: [&str; 2] = ["slack", "crm"];

pub async fn run(context: &Context) -> anyhow::Result<Outcome> {
    let mut outcome = Outcome::default();
    let rounds = context.pick(2, 20);
    let (mut events, mut resent) = (0, 0);
    for _ in 0..rounds {
        let (kept, again) = one_round(context, &mut outcome).await?;
        events += kept;
        resent += again;
    }
    outcome.count = format!("{rounds} backups under load restored, {events} events in them");
    outcome.notes.push(format!(
        "{resent} deliveries were under way when the backup began and were made again, with the same webhook-id"
    ));
    Ok(outcome)
}

async fn one_round(context: &Context, outcome: &mut Outcome) -> anyhow::Result<(u64, u64)> {
    let ledger = Ledger::default();
    let receiver = Receiver::kind(&ledger).await?;
    let rules = receiver.rules("", &TARGETS);
    let lost = folder(&rules)?;
    let mut instance = context.launch("restore", lost.path()).start().await?;
    let load = Load::start(&ledger, instance.listen, (8, Duration::from_millis(5)), 0, event);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let before: Vec<String> =
        ledger.books().sent.values().flat_map(|sent| sent.stored.clone()).collect();
    let found = folder(&rules)?;
    std::fs::create_dir(data(found.path()))?;
    let copy = data(found.path()).join("hookswitch.db");
    let from = data(lost.path()).join("hookswitch.db");
    let copied = tokio::task::spawn_blocking(move || {
        let sql = Connection::open(from)?;
        sql.execute("VACUUM INTO ?1", [copy.to_string_lossy()])
    });
    copied.await??;
    load.stop().await;
    instance.kill().await?;
    let sent_before = ledger.books().received.values().map(|all| all.len() as u64).sum::<u64>();
    let restored = context.launch("restore", found.path()).start().await?;
    outcome.hold(restored.drained(Duration::from_secs(30)).await?, || {
        "deliveries still pending".to_owned()
    });
    restored.terminate(Duration::from_secs(10)).await?;
    let stored = Stored::read(&data(found.path()))?;
    let missing = before.iter().filter(|id| !stored.has(id)).count();
    outcome.hold(missing == 0, || {
        format!("{missing} of {} events are not in the backup", before.len())
    });
    let again =
        ledger.books().received.values().map(|all| all.len() as u64).sum::<u64>() - sent_before;
    // The books know more than the backup holds: what came after it is lost with the folder, and said to be.
    let terms = Terms {
        targets: Some(TARGETS.to_vec()),
        repeats_max: 1_040,
        cuts: true,
        backup: true,
        ..Terms::default()
    };
    let (stored, faults) = conservation::check(&ledger, &data(found.path()), &terms)?;
    outcome.shortfalls.extend(faults);
    Ok((stored.events, again))
}
