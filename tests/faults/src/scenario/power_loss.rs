//! The power fails. The real binary runs before a disk that writes everything down, under load, through kills and an
//! orderly end; then the states that a disk may hold at any moment of that are rebuilt and opened by the program's own
//! store. What had been answered by that moment must be there, and nothing that nobody sent.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use rand::RngExt;
use rand::rngs::SmallRng;
use tempfile::TempDir;

use crate::conservation::{self, Terms, UNSETTLED};
use crate::disk::audit::{Audit, Seen, bytes_of};
use crate::disk::image::{Disk, Files, LUCKS};
use crate::disk::recover::{Pool, Told, Verdicts};
use crate::disk::shim::{LOG, REPLY, SYNC, Shim, WRITE};
use crate::disk::trace::{self, Record};
use crate::instance::data;
use crate::ledger::Ledger;
use crate::receiver::Receiver;
use crate::sender::{Load, event};

use super::{Context, Outcome, folder};

const TARGETS: [&str; 2] = ["slack", "crm"];
const SENDERS: (u64, Duration) = (6, Duration::from_millis(4));

/// How each run of the binary ends: at the Nth such call on the log, before or after it, or in order.
const ENDS: [Option<(u64, u64, bool)>; 6] = [
    // After write, before sync.
    Some((WRITE, 400, true)),
    None,
    // After sync, before reply.
    Some((SYNC, 60, true)),
    Some((REPLY, 80, false)),
    // In the middle of a frame.
    Some((WRITE, 333, false)),
    None,
];

pub async fn run(context: &Context) -> anyhow::Result<Outcome> {
    let mut outcome = Outcome::default();
    if context.shim.is_none() {
        outcome.count = "skipped: no library before the disk on this system".to_owned();
        return Ok(outcome);
    }
    let verdicts = Verdicts::default();
    let mut dice = context.dice("power-loss");
    let (mut cuts, mut states, mut calls, mut audits) = (0, 0, 0, [0; 3]);
    // Several short histories rather than a long one: each state is read whole. How many of a history's states are different
    // depends on what happened in it.
    let least = context.pick(500, 50_000);
    for _ in 0..context.pick(3, 30) {
        if states >= least {
            break;
        }
        let ledger = Ledger::default();
        let (folder, trace) = record(context, &ledger, &mut outcome).await?;
        let records = trace::read(&trace)?;
        drop(folder);
        audit(&records, &mut outcome, &mut audits);
        let known = Arc::new(Known::of(&ledger));
        let made = rebuild(context, &records, (&known, &verdicts), &mut dice).await?;
        (cuts, states, calls) = (cuts + made.0, states + made.1, calls + records.len());
    }
    outcome.shortfalls.extend(verdicts.faults());
    outcome.hold(states >= least, || format!("only {states} different states"));
    let must = verdicts.of("events that had to be there");
    outcome.hold(must > states * 10, || format!("only {must} events had to be there"));
    let [replies, early, syncs] = audits;
    outcome.hold(replies > 200, || format!("only {replies} answers in the traces"));
    outcome.count = format!("{states} different states at {cuts} moments of {calls} calls");
    outcome.notes.push(format!("in all of them together: {}", verdicts.counts()));
    outcome.notes.push(format!(
        "audit of the traces: {replies} answers, {early} before their sync, {syncs} syncs of the log"
    ));
    Ok(outcome)
}

/// Runs the binary several times over one folder; returns that and the trace.
async fn record(
    context: &Context,
    ledger: &Ledger,
    outcome: &mut Outcome,
) -> anyhow::Result<(TempDir, std::path::PathBuf)> {
    let receiver = Receiver::kind(ledger).await?;
    let folder = folder(&receiver.rules("store: { max_size: 16 MiB }\n", &TARGETS))?;
    let trace = folder.path().join("trace");
    let shim = Shim::new(context, folder.path())?.context("the library")?.traced(trace.clone());
    let (mut number, mut kills) = (0, 0);
    for (at, end) in ENDS.iter().enumerate() {
        shim.calm()?;
        let mut launch = context.launch("power-loss", folder.path());
        shim.load(&mut launch);
        let mut instance = launch.start().await.with_context(|| format!("run {at}"))?;
        if let Some((call, nth, after)) = end {
            shim.kill((*call, LOG), *nth, *after)?;
        }
        let before = ledger.totals().stored;
        let load = Load::start(ledger, instance.listen, SENDERS, number, event);
        let done = crate::sender::now_millis() + 15_000;
        while !instance.is_over()
            && ledger.totals().stored < before + if end.is_some() { 600 } else { 60 }
            && crate::sender::now_millis() < done
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        number += 1_000_000;
        if end.is_some() {
            outcome.hold(instance.is_over(), || format!("run {at} was not killed"));
            kills += 1;
            load.stop().await;
            if instance.is_over() {
                instance.ended(Duration::from_secs(5)).await?;
            } else {
                // Something is wrong; what was written down so far will show it.
                instance.kill().await?;
                break;
            }
        } else {
            load.stop().await;
            instance.terminate(Duration::from_secs(10)).await?;
        }
    }
    let terms = Terms {
        targets: Some(TARGETS.to_vec()),
        repeats_max: kills * (UNSETTLED + 16),
        cuts: true,
        unfinished: true,
        ..Terms::default()
    };
    let (_, faults) = conservation::check(ledger, &data(folder.path()), &terms)?;
    outcome.shortfalls.extend(faults);
    Ok((folder, trace))
}

/// The same trace says whether an answer left too early.
fn audit(records: &[Record], outcome: &mut Outcome, sums: &mut [u64; 3]) {
    let (mut audit, mut log) = (Audit::default(), HashSet::new());
    for record in records {
        match record {
            Record::Open { inode, name, made } => {
                if name == "hookswitch.db-wal" {
                    log.insert(*inode);
                } else if *made {
                    log.remove(inode);
                }
            }
            Record::Write { inode, bytes, .. } if log.contains(inode) => {
                audit.see(&Seen::Write(bytes));
            }
            Record::SyncBegin { inode, ticket, .. } if log.contains(inode) => {
                audit.see(&Seen::SyncBegin(*ticket));
            }
            Record::SyncEnd { inode, ticket, .. } if log.contains(inode) => {
                audit.see(&Seen::SyncEnd(*ticket));
            }
            Record::Reply { id } => {
                if let Some(bytes) = bytes_of(id) {
                    audit.see(&Seen::Reply(bytes));
                }
            }
            _ => {}
        }
    }
    let early = audit.early.len() as u64;
    for (sum, more) in sums.iter_mut().zip([audit.replies, early, audit.syncs_seen]) {
        *sum += more;
    }
    outcome.shortfalls.extend(audit.early.into_iter().take(3));
}

/// What the ledger knows, for judging a state.
struct Known {
    /// The bodies that were sent.
    sent: HashSet<String>,
    /// The body that was answered under an id.
    answered: HashMap<String, String>,
    /// Deliveries that a target has accepted.
    delivered: HashSet<(String, String)>,
}

impl Known {
    fn of(ledger: &Ledger) -> Self {
        let hex = |print: &[u8]| print.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let books = ledger.books();
        let sent = books.sent.keys().map(|print| hex(print)).collect();
        let mut answered = HashMap::new();
        for (print, sent) in &books.sent {
            answered.extend(sent.stored.iter().map(|id| (id.clone(), hex(print))));
        }
        let good = books.received.iter().filter(|(_, all)| all.iter().any(|r| r.status == 200));
        Self { sent, answered, delivered: good.map(|(key, _)| key.clone()).collect() }
    }
}

/// Rebuilds states at many moments and has each opened.
async fn rebuild(
    context: &Context,
    records: &[Record],
    (known, verdicts): (&Arc<Known>, &Verdicts),
    dice: &mut SmallRng,
) -> anyhow::Result<(usize, u64)> {
    let goal = context.pick(600, 7_600);
    let cuts = moments(records, goal / 6, dice);
    let rounds = (goal / (cuts.len() * LUCKS.len()).max(1) + 1).min(8);
    let pool = Pool::start(None)?;
    let (mut disk, mut answered) = (Disk::default(), Arc::new(Vec::new()));
    let mut seen = HashSet::new();
    let mut cuts_left = cuts.iter().peekable();
    for (place, record) in records.iter().enumerate() {
        disk.apply(record);
        if let Record::Reply { id } = record {
            Arc::make_mut(&mut answered).push(id.clone());
        }
        if cuts_left.next_if(|cut| **cut == place).is_none() {
            continue;
        }
        for luck in LUCKS.iter().cycle().take(LUCKS.len() * rounds) {
            let files = disk.state(*luck, dice);
            if !seen.insert(print(&files)) {
                continue;
            }
            let what = format!("after call {place}, {luck:?}");
            let (known, answered, verdicts) =
                (Arc::clone(known), Arc::clone(&answered), verdicts.clone());
            let judge = move |told| judge(&what, &told, &known, &answered, &verdicts);
            pool.open(move || files, Vec::new(), judge).await?;
        }
    }
    pool.finish().await?;
    Ok((cuts.len(), seen.len() as u64))
}

/// Moments to fail at: half of them beside syncs, answers and names, half anywhere.
fn moments(records: &[Record], count: usize, dice: &mut SmallRng) -> Vec<usize> {
    let special = |record: &Record| !matches!(record, Record::Write { .. } | Record::Open { .. });
    let places: Vec<usize> = (0..records.len()).filter(|at| special(&records[*at])).collect();
    let mut cuts = HashSet::new();
    for _ in 0..count / 2 {
        cuts.insert(places[dice.random_range(0..places.len())]);
        cuts.insert(dice.random_range(0..records.len()));
    }
    let mut cuts: Vec<_> = cuts.into_iter().collect();
    cuts.sort_unstable();
    cuts
}

fn print(files: &Files) -> u64 {
    let mut hasher = DefaultHasher::new();
    files.hash(&mut hasher);
    hasher.finish()
}

fn judge(what: &str, told: &Told, known: &Known, answered: &[String], verdicts: &Verdicts) {
    let told = match told {
        Told::Opened(told) => told,
        Told::Refused(why, exit) => {
            return verdicts.fault(format!("{what}: refused with {exit}: {why}"));
        }
        Told::Hung => return verdicts.fault(format!("{what}: opening it hangs")),
        Told::Died(how) => return verdicts.fault(format!("{what}: opening it ended with {how}")),
    };
    let fault = |text: String| verdicts.fault(format!("{what}: {text}"));
    for trouble in told["troubles"].as_array().into_iter().flatten() {
        fault(trouble.to_string());
    }
    if told["probe"] != "stored" {
        fault(format!("then a new event: {}", told["probe"]));
    }
    let mut found = HashMap::new();
    let mut pending: HashMap<&str, u64> = HashMap::new();
    for event in told["events"].as_array().into_iter().flatten() {
        let id = event["id"].as_str().unwrap_or_default();
        let body = event["body"].as_str().unwrap_or_default();
        found.insert(id, body);
        verdicts.count("events found");
        if !known.sent.contains(body) {
            fault(format!("{id} holds what nobody sent: {event}"));
        }
        let deliveries: Vec<(&str, &str)> = event["deliveries"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|pair| (pair[0].as_str().unwrap_or(""), pair[1].as_str().unwrap_or("")))
            .collect();
        let mut targets: Vec<&str> = deliveries.iter().map(|(target, _)| *target).collect();
        targets.sort_unstable();
        if targets != ["crm", "slack"] {
            fault(format!("{id} goes to {targets:?}"));
        }
        for (target, state) in deliveries {
            match state {
                "pending" => *pending.entry(target).or_default() += 1,
                "delivered" if known.delivered.contains(&(target.to_owned(), id.to_owned())) => {
                    verdicts.count("deliveries that were done");
                }
                state => {
                    fault(format!("{id} for {target} is {state}, and the target knows nothing"))
                }
            }
        }
    }
    for target in TARGETS {
        let due = told["due"][target].as_u64().unwrap_or(u64::MAX);
        let pending = pending.get(target).copied().unwrap_or(0);
        if due != pending {
            fault(format!("{pending} pending for {target}, {due} of them due at some time"));
        }
    }
    for id in answered {
        verdicts.count("events that had to be there");
        match (found.get(id.as_str()), known.answered.get(id)) {
            (None, _) => fault(format!("LOST: {id} was answered before")),
            (Some(body), Some(sent)) if body != sent => fault(format!("{id} has another body")),
            _ => {}
        }
    }
}
