//! Several processes want one data folder at the same moment: exactly one gets it, and each of the others ends within a
//! second and names it. The owner before them was killed, so a process number of nobody's may lie in the lock's file.

use std::time::{Duration, Instant};

use rand::RngExt;
use tokio::task::JoinSet;

use crate::conservation::{self, Terms, UNSETTLED};
use crate::instance::{Instance, Launch, data};
use crate::ledger::{Answer, Ledger};
use crate::receiver::Receiver;
use crate::sender::{Sender, event};

use super::{Context, Outcome, folder};

const TARGETS: [&str; 2] = ["slack", "crm"];
/// The exit code of who comes second.
const EXIT_IN_USE: i32 = 73;
/// It ends within this.
const PROMPT: Duration = Duration::from_secs(1);

pub async fn run(context: &Context) -> anyhow::Result<Outcome> {
    let mut outcome = Outcome::default();
    let ledger = Ledger::default();
    let receiver = Receiver::kind(&ledger).await?;
    let folder = folder(&receiver.rules("", &TARGETS))?;
    let launch = context.launch("owner", folder.path());
    let mut dice = context.dice("owner");
    let races = context.pick(20, 1_000);
    let (mut losers, mut slowest) = (0_u64, Duration::ZERO);
    for race in 0..races {
        let count = dice.random_range(2..=8);
        let Race { mut winners, beaten } = start(&launch, count).await?;
        outcome.hold(winners.len() == 1, || {
            format!("race {race}: {} of {count} own the folder", winners.len())
        });
        let Some(mut winner) = winners.pop() else { break };
        let pid = winner.pid().as_raw_nonzero();
        // Whoever comes while it runs is turned away, too.
        let late = start(&launch, 1).await?;
        outcome.hold(late.winners.is_empty(), || format!("race {race}: a late one owns it, too"));
        for (code, log, took) in beaten.into_iter().chain(late.beaten) {
            losers += 1;
            slowest = slowest.max(took);
            let named = log.contains(&format!("in use by process {pid};"));
            outcome.hold(code == Some(EXIT_IN_USE) && named, || {
                format!("race {race}: beaten by {pid}, it ended with {code:?}: {log}")
            });
        }
        let answer = Sender::new(&ledger).post(winner.listen, "/webhook", "", &event(race)).await;
        outcome.hold(matches!(answer, Answer::Stored { .. }), || {
            format!("race {race}: the owner answered {answer:?}")
        });
        winner.kill().await?;
        if !outcome.shortfalls.is_empty() && outcome.shortfalls.len() > 10 {
            break;
        }
    }
    outcome.hold(slowest <= PROMPT, || format!("the slowest loser took {slowest:?}"));
    let instance = launch.start().await?;
    let drained = instance.drained(Duration::from_secs(20)).await?;
    outcome.hold(drained, || "deliveries stayed pending".to_owned());
    instance.terminate(Duration::from_secs(10)).await?;
    let terms = Terms {
        targets: Some(TARGETS.to_vec()),
        repeats_max: races * UNSETTLED,
        ..Terms::default()
    };
    let (_, faults) = conservation::check(&ledger, &data(folder.path()), &terms)?;
    outcome.shortfalls.extend(faults);
    outcome.count = format!("{races} races of 2 to 8, {losers} turned away");
    outcome.notes.push(format!("the slowest of those ended after {} ms", slowest.as_millis()));
    Ok(outcome)
}

/// How a race ended: who owns the folder, and of the others exit code, last words, and time.
struct Race {
    winners: Vec<Instance>,
    beaten: Vec<(Option<i32>, String, Duration)>,
}

async fn start(launch: &Launch, count: usize) -> anyhow::Result<Race> {
    let mut starts = JoinSet::new();
    for _ in 0..count {
        let launch = launch.clone();
        starts.spawn(async move {
            let began = Instant::now();
            (launch.start_or_end(Duration::from_secs(20)).await, began.elapsed())
        });
    }
    let mut race = Race { winners: Vec::new(), beaten: Vec::new() };
    while let Some(ended) = starts.join_next().await {
        match ended? {
            (Ok(Ok(instance)), _) => race.winners.push(instance),
            (Ok(Err(ended)), took) => race.beaten.push((ended.status.code(), ended.log, took)),
            (Err(error), _) => return Err(error),
        }
    }
    Ok(race)
}
