//! SIGKILL, at random moments under load and at the points where it would hurt most. Senders repeat what was not answered;
//! each event that was answered must reach each of its targets. SIGKILL leaves the page cache alive, so this shows that
//! nothing is held in memory only; what a disk may forget is the scenario `power-loss`.

use std::time::Duration;

use rand::RngExt;
use rand::rngs::SmallRng;
use tempfile::TempDir;

use crate::conservation::{self, Terms, UNSETTLED};
use crate::instance::{Instance, Launch, data};
use crate::ledger::Ledger;
use crate::receiver::Receiver;
use crate::sender::{Load, event};

use super::{Context, Outcome, folder};

const TARGETS: [&str; 2] = ["slack", "crm"];
/// 8 deliveries in flight for each target, besides what is not settled.
const REPEATS: u64 = UNSETTLED + 16;
/// 32 senders with an event per 10 ms: 3,200 a second, where the machine can, so that a kill finds one on its way.
const SENDERS: (u64, Duration) = (32, Duration::from_millis(10));
/// Ready again within this after a kill (with the small backlog of such a run).
const READY: Duration = Duration::from_secs(1);

/// Where the program is killed, and how often it passes there first. The names are those of `fault::point` in the program.
const POINTS: [(&str, u64); 3] =
    [("store.before-commit", 40), ("store.after-commit", 40), ("dispatch.before-settle", 60)];
const UPKEEP: [(&str, u64); 3] =
    [("store.prune", 3), ("store.checkpoint", 2), ("store.after-checkpoint", 2)];

pub async fn run(context: &Context) -> anyhow::Result<Outcome> {
    let mut outcome = Outcome::default();
    let mut large = Field::open(context, "").await?;
    large.at_random(context.pick(35, 900)).await?;
    large.at_points(&POINTS, context.pick(3, 20), &mut outcome).await?;
    let large = large.close(false, &mut outcome).await?;
    // A store of 16 MiB prunes and moves its log all the time.
    let mut small = Field::open(context, "store: { max_size: 16 MiB }\n").await?;
    small.at_points(&UPKEEP, context.pick(2, 14), &mut outcome).await?;
    let small = small.close(true, &mut outcome).await?;
    outcome.hold(large.slowest <= READY, || format!("ready only {:?} after a kill", large.slowest));
    outcome.hold(large.in_flight * 100 >= large.random * 80, || {
        format!("only {} of {} kills hit a request on its way", large.in_flight, large.random)
    });
    let answered = large.answered + small.answered;
    outcome.count = format!("{} kills, {answered} events answered", large.kills + small.kills);
    outcome.notes.push(format!(
        "{} of {} random kills with a request on its way; {} kills at points, {} of them while pruning or moving the log; slowest start {} ms",
        large.in_flight,
        large.random,
        large.kills - large.random + small.kills,
        small.kills,
        large.slowest.as_millis()
    ));
    Ok(outcome)
}

/// One store under load, and what was done to it.
struct Field<'c> {
    context: &'c Context,
    ledger: Ledger,
    _receiver: Receiver,
    folder: TempDir,
    instance: Instance,
    load: Load,
    dice: SmallRng,
    counts: Counts,
}

#[derive(Debug, Default, Clone)]
struct Counts {
    kills: u64,
    random: u64,
    in_flight: u64,
    answered: u64,
    slowest: Duration,
}

impl<'c> Field<'c> {
    async fn open(context: &'c Context, settings: &str) -> anyhow::Result<Self> {
        let ledger = Ledger::default();
        let receiver = Receiver::kind(&ledger).await?;
        let folder = folder(&receiver.rules(settings, &TARGETS))?;
        let instance = context.launch("kill", folder.path()).start().await?;
        let load = Load::start(&ledger, instance.listen, SENDERS, 0, event);
        let (dice, counts) = (context.dice("kill"), Counts::default());
        Ok(Self { context, ledger, _receiver: receiver, folder, instance, load, dice, counts })
    }

    /// Puts another instance in the place of the one that is gone or is killed now.
    async fn replace(&mut self, launch: &Launch) -> anyhow::Result<()> {
        self.instance.kill().await?;
        self.instance = launch.start().await?;
        self.load.moved(self.instance.listen);
        self.counts.slowest = self.counts.slowest.max(self.instance.ready_after);
        Ok(())
    }

    async fn at_random(&mut self, kills: u64) -> anyhow::Result<()> {
        let launch = self.context.launch("kill", self.folder.path());
        for _ in 0..kills {
            let pause = Duration::from_millis(self.dice.random_range(30..800));
            tokio::time::sleep(pause).await;
            let over = self.instance.is_over();
            anyhow::ensure!(!over, "it ended by itself: {}", self.instance.log());
            let before = self.ledger.totals().cut;
            self.replace(&launch).await?;
            self.counts.random += 1;
            self.counts.kills += 1;
            self.counts.in_flight += u64::from(self.ledger.totals().cut > before);
        }
        Ok(())
    }

    async fn at_points(
        &mut self,
        points: &[(&str, u64)],
        rounds: u64,
        outcome: &mut Outcome,
    ) -> anyhow::Result<()> {
        for (point, passes) in points {
            for _ in 0..rounds {
                let passes = passes + self.dice.random_range(0..=*passes);
                let point = format!("{point}=kill@{passes}");
                let launch = self.context.launch_with_point("kill", self.folder.path(), &point);
                self.replace(&launch).await?;
                let died = self.instance.died(Duration::from_secs(20)).await;
                outcome.hold(died, || format!("{point} was not passed within 20 s"));
                self.counts.kills += 2;
            }
        }
        let launch = self.context.launch("kill", self.folder.path());
        self.replace(&launch).await
    }

    /// Ends the load, waits for the deliveries, and balances the books.
    async fn close(self, pruned: bool, outcome: &mut Outcome) -> anyhow::Result<Counts> {
        self.load.stop().await;
        let drained = self.instance.drained(Duration::from_secs(20)).await?;
        outcome.hold(drained, || "deliveries were pending 20 s after the load".to_owned());
        self.instance.terminate(Duration::from_secs(10)).await?;
        let mut counts = self.counts;
        let terms = Terms {
            targets: Some(TARGETS.to_vec()),
            repeats_max: counts.kills * REPEATS,
            cuts: true,
            pruned,
            ..Terms::default()
        };
        let (_, faults) = conservation::check(&self.ledger, &data(self.folder.path()), &terms)?;
        outcome.shortfalls.extend(faults);
        counts.answered = self.ledger.totals().stored;
        let (answered, least) = (counts.answered, counts.kills * 20);
        outcome.hold(answered >= least, || format!("only {answered} events were answered"));
        Ok(counts)
    }
}
