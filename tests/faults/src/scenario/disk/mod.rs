//! A disk that fails, fills up, is slow or goes away. What was answered 2xx is never lost, the program neither hangs nor
//! runs on in doubt, and where the trouble passes it accepts again by itself.

mod folder;
mod limits;
mod slow;
mod space;
mod sweep;

use std::time::{Duration, Instant};

use anyhow::Context as _;
use tempfile::TempDir;

use crate::conservation::{self, Terms, UNSETTLED};
use crate::instance::{Instance, Launch, data};
use crate::ledger::{Answer, Ledger};
use crate::receiver::Receiver;
use crate::sender::{Sender, event};

use super::{Context, Outcome};

const TARGETS: [&str; 2] = ["slack", "crm"];
/// The exit code of a program whose disk has failed.
const EXIT_IO: i32 = 74;

pub async fn run(context: &Context) -> anyhow::Result<Outcome> {
    let mut outcome = Outcome::default();
    let mut counts = Vec::new();
    counts.push(sweep::run(context, &mut outcome).await.context("the sweep")?);
    counts.push(space::run(context, &mut outcome).await.context("the small disk")?);
    counts.push(slow::run(context, &mut outcome).await.context("the slow disk")?);
    counts.push(folder::run(context, &mut outcome).await.context("the folder")?);
    counts.push(limits::run(context, &mut outcome).await.context("the limits")?);
    outcome.count = counts.join("; ");
    Ok(outcome)
}

/// One folder with its instances, senders and books.
struct Bench {
    ledger: Ledger,
    /// Kept alive: it answers for the targets.
    _receiver: Receiver,
    folder: TempDir,
    sender: Sender,
    number: u64,
}

impl Bench {
    async fn new(store: &str) -> anyhow::Result<Self> {
        let ledger = Ledger::default();
        let receiver = Receiver::kind(&ledger).await?;
        let settings = format!("store: {{ {store} }}\n");
        let folder = super::folder(&receiver.rules(&settings, &TARGETS))?;
        let sender = Sender::new(&ledger);
        Ok(Self { ledger, _receiver: receiver, folder, sender, number: 0 })
    }

    fn launch(&self, context: &Context) -> Launch {
        context.launch("disk", self.folder.path())
    }

    /// Sends a new event: the answer, and how long that took.
    async fn send(&mut self, instance: &Instance) -> (Answer, Duration) {
        self.number += 1;
        let began = Instant::now();
        let body = event(self.number);
        (self.sender.post(instance.listen, "/webhook", "", &body).await, began.elapsed())
    }

    /// Sends until one is stored: how long that took; none if it took longer than `limit`.
    async fn accepted_within(&mut self, instance: &Instance, limit: Duration) -> Option<Duration> {
        let began = Instant::now();
        while began.elapsed() < limit {
            if matches!(self.send(instance).await.0, Answer::Stored { .. }) {
                return Some(began.elapsed());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        None
    }

    /// Starts it on a sound disk, lets it deliver, ends it, and balances the books.
    async fn settle(&mut self, context: &Context, repeats: u64) -> anyhow::Result<Vec<String>> {
        let until = Instant::now() + Duration::from_secs(3);
        let instance = loop {
            match self.launch(context).start_or_end(Duration::from_secs(30)).await? {
                Ok(instance) => break instance,
                // One that had to be killed may not be gone yet.
                Err(ended) if ended.status.code() == Some(73) && Instant::now() < until => {}
                Err(ended) => {
                    return Ok(vec![format!("on a sound disk again: {}", tail(&ended.log))]);
                }
            }
        };
        let drained = instance.drained(Duration::from_secs(20)).await?;
        instance.terminate(Duration::from_secs(10)).await?;
        let terms = Terms {
            targets: Some(TARGETS.to_vec()),
            repeats_max: repeats * (UNSETTLED + 16),
            cuts: true,
            unfinished: !drained,
            pruned: true,
            ..Terms::default()
        };
        let (_, mut faults) = conservation::check(&self.ledger, &data(self.folder.path()), &terms)?;
        if !drained {
            faults.push("deliveries were pending 20 s after the fault".to_owned());
        }
        Ok(faults)
    }
}

/// The end of the text, for a shortfall.
fn tail(log: &str) -> String {
    let lines: Vec<_> = log.lines().rev().take(2).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join(" | ")
}
