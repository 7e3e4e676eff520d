//! One good target among bad ones. The baseline is the same load to as many targets that are all good, in the same run on
//! the same machine; the good target's latency (from sending an event to its receipt) and the ingress's must stay.
//!
//! Targets that are all good make more work than bad ones, whose circuits open, and may be more than the machine can do.
//! So there is a second baseline, where the others are paused: their deliveries are stored, and nothing is sent. Beside
//! that, bad targets may cost something, but not change the order of it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::{MissedTickBehavior, interval};

use crate::conservation::{self, Terms};
use crate::instance::data;
use crate::ledger::{Answer, Ledger};
use crate::receiver::{Receiver, Reply};
use crate::sender::{Sender, read_message};

use super::super::{Context, Outcome, folder};
use super::server::{Do, Script, Server};

/// 10 senders with an event per tick: 200 a second in the short form, 40 in the long one, which has more targets; either
/// way fewer deliveries than the machine can make to good targets, or the baseline would be a queue.
const SENDERS: u64 = 10;
const TICKS: [Duration; 2] = [Duration::from_millis(50), Duration::from_millis(250)];
/// The good target.
const GOOD: &str = "good";

/// What the other targets are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Others {
    /// A person paused them: what is for them waits.
    Paused,
    Good,
    Bad,
}

/// What one load came to: sorted latencies.
#[derive(Debug)]
struct Measured {
    delivery: Vec<Duration>,
    ingress: Vec<Duration>,
}

type Times = Arc<Mutex<Vec<Duration>>>;

/// Runs both; how many events went past the bad targets.
pub async fn run(context: &Context, outcome: &mut Outcome) -> anyhow::Result<usize> {
    let count = context.pick(20, 50);
    let paused = load(context, count, Others::Paused, outcome).await?;
    let baseline = load(context, count, Others::Good, outcome).await?;
    let hurt = load(context, count, Others::Bad, outcome).await?;
    for (what, paused, before, after) in [
        ("delivery to the good target", &paused.delivery, &baseline.delivery, &hurt.delivery),
        ("answer at the ingress", &paused.ingress, &baseline.ingress, &hurt.ingress),
    ] {
        let (before, after) =
            ([at(before, 500), at(before, 990)], [at(after, 500), at(after, 990)]);
        outcome.notes.push(format!(
            "{what}: median {:?}, p99 {:?} with {count} good targets; {:?}, {:?} with {} bad ones; {:?}, {:?} with paused ones",
            before[0],
            before[1],
            after[0],
            after[1],
            count - 1,
            at(paused, 500),
            at(paused, 990)
        ));
        // A tenth more, and a millisecond for what a machine does beside this. The p99 of so few seconds is chance: it is
        // told, and must only not be of another order.
        let most = before[0] + before[0] / 10 + Duration::from_millis(1);
        outcome.hold(after[0] <= most, || {
            format!("{what}: the median grew from {:?} to {:?}", before[0], after[0])
        });
        let most = at(paused, 500) * 2 + Duration::from_millis(20);
        outcome.hold(after[0] <= most, || {
            format!(
                "{what}: the median is {:?}, with paused targets {:?}",
                after[0],
                at(paused, 500)
            )
        });
        let most = before[1] * 3 + Duration::from_millis(50);
        outcome.hold(after[1] <= most, || {
            format!("{what}: the p99 grew from {:?} to {:?}", before[1], after[1])
        });
    }
    Ok(hurt.delivery.len())
}

/// The value below which so many thousandths are.
fn at(sorted: &[Duration], thousandths: usize) -> Duration {
    let last = sorted.len().saturating_sub(1);
    let micros = sorted.get(last * thousandths / 1_000).map_or(0, Duration::as_micros);
    Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
}

async fn load(
    context: &Context,
    count: usize,
    others: Others,
    outcome: &mut Outcome,
) -> anyhow::Result<Measured> {
    let ledger = Ledger::default();
    let delivery = Times::default();
    let began = Instant::now();
    let heard = Arc::clone(&delivery);
    let receiver = Receiver::start(&ledger, move |got| {
        if let (GOOD, Some(sent)) = (got.target, sent_at(&got.message.body)) {
            let took = began.elapsed().saturating_sub(sent);
            heard.lock().unwrap_or_else(PoisonError::into_inner).push(took);
        }
        Reply::Status(200)
    })
    .await?;
    let hostile = Server::start(&ledger, scripts(count))?;
    let folder = folder(&rules(count, others, receiver.address, hostile.address))?;
    let instance = context.launch("targets", folder.path()).start().await?;
    if others == Others::Paused {
        for name in self::others(count) {
            pause(instance.admin, &name).await?;
        }
    }
    let [short, long] = TICKS;
    let pace = Pace {
        began,
        length: Duration::from_secs(context.pick(8, 120)),
        tick: context.pick(short, long),
    };
    let senders: Vec<_> = (0..SENDERS)
        .map(|of| tokio::spawn(send(Sender::new(&ledger), instance.listen, of, pace)))
        .collect();
    let (mut ingress, mut refused) = (Vec::new(), 0);
    for sender in senders {
        let (times, not) = sender.await?;
        ingress.extend(times);
        refused += not;
    }
    outcome.hold(refused == 0, || format!("{refused} events were not answered 2xx"));
    // What was sent to the good target arrives; what waits for the bad ones may.
    let until = Instant::now() + Duration::from_secs(30);
    let arrived = || delivery.lock().unwrap_or_else(PoisonError::into_inner).len();
    while arrived() < ingress.len() && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    outcome.hold(arrived() >= ingress.len(), || {
        format!("{} events sent, {} at the good target", ingress.len(), arrived())
    });
    if others == Others::Good {
        outcome.hold(instance.drained(Duration::from_secs(60)).await?, || {
            "good targets: deliveries still pending".to_owned()
        });
    }
    let resident = instance.resident() >> 20;
    outcome.hold(resident < 256, || format!("{resident} MiB of memory, others {others:?}"));
    outcome.notes.push(format!(
        "others {others:?}: {} events in {} s, {resident} MiB",
        ingress.len(),
        pace.length.as_secs()
    ));
    instance.terminate(Duration::from_secs(15)).await?;
    let terms =
        Terms { targets: Some(vec![GOOD]), unfinished: others != Others::Good, ..Terms::default() };
    let (stored, faults) = conservation::check(&ledger, &data(folder.path()), &terms)?;
    outcome.shortfalls.extend(faults);
    let good = stored.deliveries.get(GOOD).copied().unwrap_or_default();
    outcome.hold(good[1..] == [0, 0], || {
        format!("the good target: delivered, dead, pending {good:?}")
    });
    let mut delivery =
        std::mem::take(&mut *delivery.lock().unwrap_or_else(PoisonError::into_inner));
    delivery.sort_unstable();
    ingress.sort_unstable();
    Ok(Measured { delivery, ingress })
}

async fn pause(admin: SocketAddr, name: &str) -> anyhow::Result<()> {
    let stream = TcpStream::connect(admin).await.context("the admin listener")?;
    let mut stream = BufReader::new(stream);
    let request = format!(
        "POST /api/v1/targets/{name}/pause HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let status = read_message(&mut stream).await.and_then(|message| message.status());
    ensure!(status.is_some_and(|status| (200..300).contains(&status)), "pause: {status:?}");
    Ok(())
}

fn others(count: usize) -> impl Iterator<Item = String> {
    (1..count).map(|number| format!("other-{number}"))
}

/// A third each of those that hang, drip and reset.
fn scripts(count: usize) -> HashMap<String, Vec<Script>> {
    let ways = [Do::Hold, Do::Drip("HTTP/1.1 200 OK\r\nserver: slow\r\n"), Do::Reset];
    let script = |(name, way): (String, &Do)| {
        (name, vec![Script { status: 0, steps: vec![Do::Body, way.clone()] }])
    };
    others(count).zip(ways.iter().cycle()).map(script).collect()
}

fn rules(count: usize, kind: Others, good: SocketAddr, hostile: SocketAddr) -> String {
    let other = if kind == Others::Bad { hostile } else { good };
    let to: Vec<_> = [GOOD.to_owned()].into_iter().chain(others(count)).collect();
    let mut targets = format!("  {GOOD}: {{ kind: http, url: \"http://{good}/{GOOD}\" }}\n");
    for name in others(count) {
        targets += &format!("  {name}: {{ kind: http, url: \"http://{other}/{name}\" }}\n");
    }
    format!(
        "version: 1\nsources:\n  retell: {{ path: /webhook, verify: none }}\ndefaults: {{ timeout: 1s, retry: {{ initial: 100ms, max: 500ms }} }}\ntargets:\n{targets}rules:\n  - name: all of it\n    to: [{}]\n",
        to.join(", ")
    )
}

/// How senders send.
#[derive(Debug, Clone, Copy)]
struct Pace {
    /// What the times in the events count from.
    began: Instant,
    length: Duration,
    tick: Duration,
}

/// Sends for a while; how long each answer took, and how many were not 2xx.
async fn send(mut sender: Sender, to: SocketAddr, of: u64, pace: Pace) -> (Vec<Duration>, usize) {
    let mut ticks = interval(pace.tick);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let (start, mut times, mut refused, mut number) = (Instant::now(), Vec::new(), 0, of);
    while start.elapsed() < pace.length {
        ticks.tick().await;
        let body = body(number, pace.began.elapsed());
        let asked = Instant::now();
        match sender.post(to, "/webhook", "", &body).await {
            Answer::Stored { .. } => times.push(asked.elapsed()),
            _ => refused += 1,
        }
        number += SENDERS;
    }
    (times, refused)
}

/// An event that says when it was sent.
fn body(number: u64, sent: Duration) -> Vec<u8> {
    let sent = sent.as_micros();
    let summary = "a summary of some length ".repeat(30);
    format!(
        r#"{{"sent_us":{sent},"event":"call_analyzed","call":{{"call_id":"call_{number}","agent_id":"agent_1","call_analysis":{{"call_summary":"{summary}"}}}}}}"#
    )
    .into_bytes()
}

fn sent_at(body: &[u8]) -> Option<Duration> {
    let text = std::str::from_utf8(body).ok()?.strip_prefix(r#"{"sent_us":"#)?;
    Some(Duration::from_micros(text.split(',').next()?.parse().ok()?))
}
