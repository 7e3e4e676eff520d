//! SIGTERM under load. Readiness goes, what is under way ends or is left in the store, the process exits 0 within its
//! deadline, whoever dawdles. A request that was stored is answered: a sender that is cut off instead sends again, and the
//! answer to that tells that the first one was taken.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rand::RngExt;
use rand::rngs::SmallRng;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::conservation::{self, Terms};
use crate::instance::data;
use crate::ledger::Ledger;
use crate::receiver::{Receiver, Reply};
use crate::sender::{Load, event};

use super::{Context, Outcome, folder};

const TARGETS: [&str; 2] = ["quick", "slow"];
/// `shutdown_timeout` of the runs. Small, so that there can be many; nothing in the program depends on it being large.
const DEADLINE: Duration = Duration::from_secs(1);
const GRACE: Duration = Duration::from_millis(500);
/// Instances side by side: most of such a run is waiting.
const LANES: u64 = 3;

pub async fn run(context: &Context) -> anyhow::Result<Outcome> {
    let each = context.pick(8, 334);
    let lanes = (0..LANES).map(|lane| one_lane(context, lane, each));
    let mut outcome = Outcome::default();
    let (mut ends, mut answered, mut slowest, mut cut) = (0, 0, Duration::ZERO, 0);
    for lane in join_all(lanes).await {
        let lane = lane?;
        outcome.shortfalls.extend(lane.shortfalls);
        ends += lane.ends;
        answered += lane.answered;
        cut += lane.cut;
        slowest = slowest.max(lane.slowest);
    }
    outcome.count = format!("{ends} SIGTERMs, {answered} events answered");
    outcome.notes.push(format!(
        "slowest end {} ms of {} ms allowed; {cut} requests met a connection that was closing and were sent again, none of them had been stored",
        slowest.as_millis(),
        (DEADLINE + GRACE).as_millis()
    ));
    Ok(outcome)
}

async fn join_all<T>(futures: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut pinned: Vec<_> = futures.map(Box::pin).collect();
    let mut done: Vec<Option<T>> = pinned.iter().map(|_| None).collect();
    std::future::poll_fn(|cx| {
        for (future, done) in pinned.iter_mut().zip(&mut done) {
            if done.is_none()
                && let std::task::Poll::Ready(value) = future.as_mut().poll(cx)
            {
                *done = Some(value);
            }
        }
        if done.iter().all(Option::is_some) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    done.into_iter().flatten().collect()
}

#[derive(Debug, Default)]
struct Lane {
    shortfalls: Vec<String>,
    ends: u64,
    answered: u64,
    cut: u64,
    slowest: Duration,
}

async fn one_lane(context: &Context, number: u64, ends: u64) -> anyhow::Result<Lane> {
    let mut lane = Lane::default();
    let mut dice = context.dice(&format!("sigterm-{number}"));
    let ledger = Ledger::default();
    let receiver = Receiver::start(&ledger, |got| {
        if got.target == "slow" {
            Reply::Late(Duration::from_millis(300), 200)
        } else {
            Reply::Status(200)
        }
    })
    .await?;
    let folder = folder(&receiver.rules("shutdown_timeout: 1s\n", &TARGETS))?;
    let launch = || context.launch("sigterm", folder.path());
    let mut instance = launch().start().await?;
    let load = Load::start(&ledger, instance.listen, (4, Duration::from_millis(20)), 0, event);
    for _ in 0..ends {
        let dawdlers = dawdle(instance.listen, &mut dice).await;
        tokio::time::sleep(Duration::from_millis(dice.random_range(5..200))).await;
        let began = Instant::now();
        let ended = instance.terminate(DEADLINE + GRACE + Duration::from_secs(5)).await?;
        let took = began.elapsed();
        drop(dawdlers);
        lane.ends += 1;
        lane.slowest = lane.slowest.max(took);
        if !ended.status.success() {
            lane.shortfalls.push(format!("it ended with {}: {}", ended.status, ended.log));
        }
        if took > DEADLINE + GRACE {
            lane.shortfalls.push(format!("it took {took:?} to end"));
        }
        instance = launch().start().await?;
        load.moved(instance.listen);
    }
    load.stop().await;
    // The slow target takes 26 a second and has been left behind: what it owes is told by the length of the run.
    let patience = Duration::from_secs(context.pick(60, 600));
    if !instance.drained(patience).await? {
        lane.shortfalls.push(format!("deliveries were pending {patience:?} after the load"));
    }
    instance.terminate(Duration::from_secs(10)).await?;
    // A slow target's attempts are cut off by the deadline, and made again.
    let terms = Terms {
        targets: Some(TARGETS.to_vec()),
        repeats_max: ends * 16,
        cuts: true,
        ..Terms::default()
    };
    let (_, faults) = conservation::check(&ledger, &data(folder.path()), &terms)?;
    lane.shortfalls.extend(faults);
    let books = ledger.books();
    let reset = books.sent.values().filter(|sent| sent.cut > 0 && sent.duplicates > 0).count();
    if reset > 0 {
        lane.shortfalls.push(format!("{reset} requests were stored and not answered"));
    }
    (lane.answered, lane.cut) = (books.totals.stored, books.totals.cut);
    Ok(lane)
}

/// Clients that do nothing, send half a head, half a body, and a body drop by drop.
async fn dawdle(to: SocketAddr, dice: &mut SmallRng) -> Vec<TcpStream> {
    let head = "POST /webhook HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n";
    let mut open = Vec::new();
    for beginning in
        ["", &head[..dice.random_range(1..head.len())], head, &format!("{head}{{\"event\":")]
    {
        if let Ok(mut stream) = TcpStream::connect(to).await
            && stream.write_all(beginning.as_bytes()).await.is_ok()
        {
            open.push(stream);
        }
    }
    open
}
