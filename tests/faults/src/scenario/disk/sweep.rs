//! The Nth call fails, for every N, each kind of call, each error, once and for ever.
//!
//! A trial makes a store, starts, takes some events and stops in order, while one kind of call fails. Whatever happens, the
//! program may only do three things: go on, refuse events with 503, or end with a code that names the data folder. Then
//! the disk is sound again, and the books must balance. An error that is to last lasts to the end, but `EINTR` fifty
//! times: a system call that is interrupted for ever is no disk.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rand::RngExt;

use crate::disk::shim::{
    ALL, Fault, MAP, OPEN, READ, RENAME, SHORT, SYNC, Shim, TRUNCATE, UNLINK, WRITE,
};
use crate::ledger::Answer;

use super::super::{Context, Outcome};
use super::{Bench, EXIT_IO, tail};

const CALLS: [(&str, u64); 8] = [
    ("open", OPEN),
    ("write", WRITE),
    ("sync", SYNC),
    ("truncate", TRUNCATE),
    ("unlink", UNLINK),
    ("rename", RENAME),
    ("map", MAP),
    ("read", READ),
];
const ERRORS: [(&str, u64); 5] =
    [("EIO", 5), ("ENOSPC", 28), ("EFBIG", 27), ("EINTR", 4), ("short", SHORT)];
/// More calls of a kind than any trial makes.
const MOST: u64 = 400;
/// Trials at once.
const LANES: usize = 3;

#[derive(Debug, Clone, Copy)]
struct Trial {
    call: (&'static str, u64),
    error: (&'static str, u64),
    lasting: bool,
    nth: u64,
}

impl Trial {
    fn name(&self) -> String {
        let Self { call: (call, _), error: (error, _), lasting, nth } = self;
        format!("{call} {nth} {error} {}", if *lasting { "for ever" } else { "once" })
    }
}

/// What became of the trials.
#[derive(Debug, Default)]
struct Tally {
    ends: BTreeMap<&'static str, u64>,
    faults: Vec<String>,
    reached: u64,
}

pub(super) async fn run(context: &Context, outcome: &mut Outcome) -> anyhow::Result<String> {
    if context.shim.is_none() {
        return Ok("sweep skipped: no library before the disk on this system".to_owned());
    }
    let queue = Mutex::new(trials(context));
    let tally = Mutex::new(Tally::default());
    let lane = || async {
        loop {
            let next = queue.lock().expect("no lane panics").pop_front();
            let Some(row) = next else { return anyhow::Ok(()) };
            // A row ends where the calls end.
            for trial in row {
                match one(context, trial, &tally).await {
                    Ok(true) => {}
                    Ok(false) => break,
                    // One trial that goes wrong in its own way must not hide the others.
                    Err(error) => {
                        let fault = format!("{}: {error:#}", trial.name());
                        tally.lock().expect("no lane panics").faults.push(fault);
                    }
                }
            }
        }
    };
    const { assert!(LANES == 3) };
    tokio::try_join!(lane(), lane(), lane())?;
    let tally = tally.into_inner().expect("no lane panics");
    outcome.shortfalls.extend(tally.faults);
    let least = context.pick(30, 500);
    outcome.hold(tally.reached >= least, || format!("only {} faults were reached", tally.reached));
    let ends: Vec<_> = tally.ends.iter().map(|(end, count)| format!("{count} {end}")).collect();
    outcome.notes.push(format!("sweep: {}", ends.join(", ")));
    Ok(format!("{} calls failed", tally.reached))
}

/// Rows of trials, each for one call and error with N growing. The short form has every failed sync, and others at random.
fn trials(context: &Context) -> VecDeque<Vec<Trial>> {
    let mut rows = VecDeque::new();
    for call in CALLS {
        for error in ERRORS.into_iter().filter(|(_, error)| *error != SHORT || call.1 == WRITE) {
            for lasting in [false, true] {
                let nth = |nth| Trial { call, error, lasting, nth };
                let all = (1..=MOST).map(nth);
                let is_sync = call.1 == SYNC && error.0 == "EIO" && !lasting;
                if context.full || is_sync {
                    rows.push_back(all.collect());
                }
            }
        }
    }
    let mut dice = context.dice("sweep");
    for _ in 0..context.pick(45, 0) {
        let call = CALLS[dice.random_range(0..CALLS.len())];
        let last = if call.1 == WRITE { 5 } else { 4 };
        let error = ERRORS[dice.random_range(0..last)];
        let error = if call.1 == WRITE && dice.random_bool(0.2) { ERRORS[4] } else { error };
        let nth = match call.1 {
            WRITE | READ => dice.random_range(1..60),
            OPEN => dice.random_range(1..20),
            _ => dice.random_range(1..6),
        };
        rows.push_back(vec![Trial { call, error, lasting: dice.random_bool(0.5), nth }]);
    }
    rows
}

/// One trial; whether its call was reached.
async fn one(context: &Context, trial: Trial, tally: &Mutex<Tally>) -> anyhow::Result<bool> {
    let mut bench = Bench::new("max_size: 16 MiB").await?;
    let shim = Shim::new(context, bench.folder.path())?.context("the library")?;
    let count = match (trial.lasting, trial.error.0) {
        (false, _) => 1,
        (true, "EINTR") => 50,
        (true, _) => u64::MAX,
    };
    let Trial { call: (_, calls), error: (_, how), nth: from, .. } = trial;
    shim.fail(Fault { calls, files: ALL, how, from, count })?;
    let (end, mut faults) = suffer(context, &mut bench, &shim, trial).await?;
    let reached = shim.injected()? > 0;
    shim.calm()?;
    faults.extend(bench.settle(context, 2).await?);
    let mut tally = tally.lock().expect("no lane panics");
    tally.reached += u64::from(reached);
    *tally.ends.entry(end).or_default() += u64::from(reached);
    tally.faults.extend(faults.into_iter().map(|fault| format!("{}: {fault}", trial.name())));
    Ok(reached)
}

/// Runs the program on the failing disk; how it ended, and what it did that it may not.
async fn suffer(
    context: &Context,
    bench: &mut Bench,
    shim: &Shim,
    trial: Trial,
) -> anyhow::Result<(&'static str, Vec<String>)> {
    let mut faults = Vec::new();
    let mut launch = bench.launch(context);
    shim.load(&mut launch);
    let mut instance = match launch.start_or_end(Duration::from_secs(10)).await? {
        Ok(instance) => instance,
        Err(ended) => {
            let code = ended.status.code();
            if !matches!(code, Some(73 | EXIT_IO)) || !ended.log.contains("error: ") {
                faults.push(format!("it did not start, with {code:?}: {}", tail(&ended.log)));
            }
            return Ok(("did not start", faults));
        }
    };
    let before = shim.injected()?;
    for _ in 0..4 {
        let (answer, took) = bench.send(&instance).await;
        if took > Duration::from_secs(8) {
            faults.push(format!("{answer:?} took {took:?}"));
        }
        if let Answer::Refused(status) = answer
            && status != 503
        {
            faults.push(format!("an event was answered {status}"));
        }
    }
    // What failed once fails no more: it accepts again, unless it has ended.
    let hurt = shim.injected()? > before;
    if !trial.lasting && hurt && !ends_soon(&mut instance).await {
        let again = bench.accepted_within(&instance, Duration::from_secs(3)).await;
        if again.is_none_or(|took| took > Duration::from_secs(2)) && !instance.is_over() {
            faults.push(format!("accepts again only after {again:?}"));
        }
    }
    let (end, status, log) = if instance.is_over() {
        let ended = instance.ended(Duration::from_secs(5)).await?;
        ("ended by itself", ended.status, ended.log)
    } else {
        match instance.terminate(Duration::from_secs(12)).await {
            Ok(ended) => ("went on", ended.status, ended.log),
            Err(error) => {
                faults.push(format!("{error:#}"));
                return Ok(("did not end", faults));
            }
        }
    };
    let sync_failed = trial.call.1 == SYNC && shim.injected()? > before;
    match status.code() {
        Some(EXIT_IO) => {}
        Some(0) if end == "went on" && !sync_failed => {}
        code => faults.push(format!("{end}, with {code:?}: {}", tail(&log))),
    }
    Ok((end, faults))
}

/// Whether it ends within a moment.
async fn ends_soon(instance: &mut crate::instance::Instance) -> bool {
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(300) {
        if instance.is_over() {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    false
}
