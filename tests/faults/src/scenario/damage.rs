//! Bytes of the data folder change or are cut off while nobody looks. Every state is opened: no wrong body is handed out,
//! no start hangs, what is refused is refused with an exit code that says so, and every event that the damage has not hit
//! is there where the engine can tell.
//!
//! What cannot be noticed is counted and named: the engine takes the first bad frame of its log for the log's end, so a cut
//! or changed log loses what stands behind; and it has no checksums in the database, so a changed row of a delivery is a
//! row like another. Bodies and what belongs to them are sealed by the program itself.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use rand::RngExt;
use rand::rngs::SmallRng;

use crate::disk::image::Files;
use crate::disk::recover::{Pool, Told, Verdicts, lay_out};
use crate::instance::{Instance, data};
use crate::ledger::Ledger;
use crate::receiver::Receiver;
use crate::sender::{Load, event, event_of};

use super::{Context, Outcome, folder};

const TARGETS: [&str; 2] = ["slack", "crm"];
const DATABASE: &str = "hookswitch.db";
const LOG: &str = "hookswitch.db-wal";

pub async fn run(context: &Context) -> anyhow::Result<Outcome> {
    let mut outcome = Outcome::default();
    let small = Sound::make(context, 40, event).await.context("a small store")?;
    let mut dice = context.dice("damage");
    let verdicts = Verdicts::default();
    let pool = Pool::start(context.plant.as_deref())?;
    for hurt in hurts(context, &small, &mut dice) {
        small.open(&pool, hurt, &verdicts).await?;
    }
    let large = Sound::make(context, context.pick(300, 800), |number| event_of(number, 3_500))
        .await
        .context("a large store")?;
    for _ in 0..context.pick(15, 1_000) {
        let place = dice.random_range(0..large.files[DATABASE].len());
        let bit = dice.random_range(0..8);
        large.open(&pool, Hurt::Flip(DATABASE, place, bit), &verdicts).await?;
    }
    pool.finish().await?;
    let states = verdicts.of("states");
    outcome.shortfalls.extend(verdicts.faults());
    outcome.hold(states >= context.pick(400, 90_000), || format!("only {states} states"));
    outcome.hold(verdicts.of("damaged bodies noticed") > 0, || "no damage was noticed".to_owned());
    let runs = real(context, &small, &mut dice, &mut outcome).await?;
    let size = large.files.values().map(Vec::len).sum::<usize>() >> 20;
    outcome.count = format!("{states} damaged states, {runs} of them more with the whole binary");
    outcome.notes.push(format!(
        "small store of {} events, large one of {size} MiB: {}",
        small.ids.len(),
        verdicts.counts()
    ));
    Ok(outcome)
}

/// One damage.
#[derive(Debug, Clone, Copy)]
enum Hurt {
    /// One bit is another.
    Flip(&'static str, usize, u8),
    /// The file ends there.
    Cut(&'static str, usize),
    /// From there on it is zeros.
    Zeros(&'static str, usize),
    /// So many bytes of nothing sensible stand behind it.
    Garbage(&'static str, usize),
}

impl Hurt {
    fn file(self) -> &'static str {
        match self {
            Self::Flip(file, ..)
            | Self::Cut(file, _)
            | Self::Zeros(file, _)
            | Self::Garbage(file, _) => file,
        }
    }

    fn apply(self, files: &mut Files) {
        let Some(bytes) = files.get_mut(self.file()) else { return };
        match self {
            Self::Flip(_, place, bit) => bytes[place] ^= 1 << bit,
            Self::Cut(_, length) => bytes.truncate(length),
            Self::Zeros(_, from) => bytes[from..].fill(0),
            Self::Garbage(_, count) => bytes.extend((0..count).map(|n| (n * 31 % 251) as u8)),
        }
    }
}

/// The damages of the small store: evenly spread in the short form; all that the issue counts in the full one.
fn hurts(context: &Context, small: &Sound, dice: &mut SmallRng) -> Vec<Hurt> {
    let mut hurts = Vec::new();
    for file in [DATABASE, LOG] {
        let length = small.files[file].len();
        let cuts = context.pick(60, 32_768).min(length);
        hurts.extend(
            (0..cuts).map(|n| Hurt::Cut(file, if context.full { n } else { n * length / cuts })),
        );
        let flips = context.pick(150, 16_384);
        hurts.extend(
            (0..flips)
                .map(|_| Hurt::Flip(file, dice.random_range(0..length), dice.random_range(0..8))),
        );
        for _ in 0..context.pick(8, 200) {
            hurts.push(Hurt::Zeros(file, dice.random_range(0..length)));
            hurts.push(Hurt::Garbage(file, dice.random_range(1..40_000)));
        }
    }
    hurts
}

/// A store as it was before the damage: the files of a process that was killed, and what is in them.
struct Sound {
    files: Arc<Files>,
    /// In order of arrival.
    ids: Arc<Vec<String>>,
    bodies: Arc<HashMap<String, String>>,
    sent: Ledger,
}

impl Sound {
    /// Half of the events are in the database, half in the log; none was delivered.
    async fn make(
        context: &Context,
        events: u64,
        make: fn(u64) -> Vec<u8>,
    ) -> anyhow::Result<Self> {
        let ledger = Ledger::default();
        let folder = folder(&rules("http://127.0.0.1:9"))?;
        let launch = context.launch("damage", folder.path());
        for half in 0..2 {
            let mut instance = launch.start().await?;
            let goal = events / 2 * (half + 1);
            let tick = Duration::from_millis(3);
            // One sender, and its events more than a millisecond apart: their ids are in order of arrival.
            let load = Load::start(&ledger, instance.listen, (1, tick), half * 1_000, make);
            while ledger.totals().stored < goal {
                anyhow::ensure!(!instance.is_over(), "it ended: {}", instance.log());
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            load.stop().await;
            if half == 0 {
                instance.terminate(Duration::from_secs(10)).await?;
            } else {
                instance.kill().await?;
            }
        }
        let mut files = Files::new();
        for name in [DATABASE, LOG] {
            files.insert(name.to_owned(), std::fs::read(data(folder.path()).join(name))?);
        }
        let hex = |print: &[u8]| print.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let mut bodies = HashMap::new();
        for (print, sent) in &ledger.books().sent {
            bodies.extend(sent.stored.iter().map(|id| (id.clone(), hex(print))));
        }
        let mut ids: Vec<_> = bodies.keys().cloned().collect();
        ids.sort_unstable();
        Ok(Self {
            files: Arc::new(files),
            ids: Arc::new(ids),
            bodies: Arc::new(bodies),
            sent: ledger,
        })
    }

    async fn open(&self, pool: &Pool, hurt: Hurt, verdicts: &Verdicts) -> anyhow::Result<()> {
        let (files, verdicts) = (Arc::clone(&self.files), verdicts.clone());
        let (ids, bodies) = (Arc::clone(&self.ids), Arc::clone(&self.bodies));
        let asked = ids.to_vec();
        let lay = move || {
            let mut files = (*files).clone();
            hurt.apply(&mut files);
            files
        };
        pool.open(lay, asked, move |told| judge(hurt, &told, (&ids, &bodies), &verdicts)).await
    }
}

fn rules(target: &str) -> String {
    let line = |name: &str| {
        format!(
            "  {name}: {{ kind: http, url: \"{target}/{name}\", retry: {{ initial: 100ms, max: 1s }} }}\n"
        )
    };
    let targets = TARGETS.map(line).concat();
    format!(
        "version: 1\nsources:\n  retell: {{ path: /webhook, verify: none }}\ntargets:\n{targets}rules:\n  - name: all of it\n    to: [slack, crm]\n"
    )
}

fn judge(
    hurt: Hurt,
    told: &Told,
    (ids, bodies): (&[String], &HashMap<String, String>),
    verdicts: &Verdicts,
) {
    verdicts.count("states");
    let told = match told {
        Told::Opened(told) => told,
        Told::Refused(why, exit) => {
            verdicts.count("refused at the start");
            if !matches!(exit, 73 | 74) || !why.contains(DATABASE) {
                verdicts.fault(format!("{hurt:?}: refused with {exit}: {why}"));
            }
            return;
        }
        Told::Hung => return verdicts.fault(format!("{hurt:?}: opening it hangs")),
        Told::Died(how) => return verdicts.fault(format!("{hurt:?}: opening it ended with {how}")),
    };
    let mut found = HashMap::new();
    for event in told["events"].as_array().into_iter().flatten() {
        let id = event["id"].as_str().unwrap_or_default();
        found.insert(id, event);
        match (event["body"].as_str(), bodies.get(id)) {
            // A changed id is no event of ours; that nobody is told a body under it is what counts.
            (Some(body), Some(sent)) if body == sent => verdicts.count("bodies right"),
            (Some(_), _) => verdicts.fault(format!("{hurt:?}: WRONG BODY: {event}")),
            (None, _) => verdicts.count("damaged bodies noticed"),
        }
    }
    let troubles = told["troubles"].as_array().map_or(0, Vec::len);
    let missing = ids.iter().filter(|id| !found.contains_key(id.as_str())).count();
    let silent = missing > 0 && troubles == 0;
    match hurt.file() {
        LOG if missing > 0 => {
            verdicts.count("states with a shorter log, not noticed");
            // What is left is a beginning of what was: nothing is missing in the middle.
            let gap = ids.iter().rev().skip(missing).any(|id| !found.contains_key(id.as_str()));
            if gap && matches!(hurt, Hurt::Cut(..) | Hurt::Zeros(..)) {
                verdicts.fault(format!("{hurt:?}: {missing} events missing in the middle"));
            }
        }
        _ if silent => {
            verdicts.fault(format!("{hurt:?}: {missing} events are gone, without a word"))
        }
        _ if troubles > 0 => verdicts.count("states with errors told"),
        _ => {}
    }
    for event in found.values().filter(|event| event["body"].is_string()) {
        let deliveries = event["deliveries"].as_array();
        let whole = deliveries.is_some_and(|all| {
            let pending = |name| all.iter().any(|pair| pair[0] == name && pair[1] == "pending");
            all.len() == 2 && TARGETS.iter().all(|name| pending(*name))
        });
        if !whole {
            verdicts.count("deliveries changed, not noticed");
        }
    }
}

/// The whole binary on some of the states: it starts within the time or refuses, and what it delivers is right.
async fn real(
    context: &Context,
    small: &Sound,
    dice: &mut SmallRng,
    outcome: &mut Outcome,
) -> anyhow::Result<u64> {
    let length = small.files[DATABASE].len();
    let mut runs = 0;
    let needle = b"a summary of some length";
    let in_text = |bytes: &[u8]| bytes.windows(needle.len()).position(|window| window == needle);
    for number in 0..context.pick(8, 200) {
        let mut files = (*small.files).clone();
        let bytes = files.get_mut(DATABASE).context("a database")?;
        // Every other one hits a body for certain.
        let first = dice.random_range(0..length);
        let place = match in_text(&bytes[first..]) {
            Some(at) if number % 2 == 0 => first + at + 3,
            _ => first,
        };
        bytes[place] ^= 1;
        runs += 1;
        let ledger = small.sent.clone();
        let receiver = Receiver::kind(&ledger).await?;
        let folder = folder(&rules(&format!("http://{}", receiver.address)))?;
        lay_out(&data(folder.path()), &files)?;
        let launch = context.launch("damage", folder.path());
        let started = launch.start_or_end(Duration::from_secs(5)).await;
        let instance = match started {
            Ok(Ok(instance)) => instance,
            Ok(Err(ended)) => {
                outcome.hold(matches!(ended.status.code(), Some(73 | 74)), || {
                    format!("byte {place}: {:?}: {}", ended.status, ended.log)
                });
                continue;
            }
            Err(error) => {
                outcome.shortfalls.push(format!("byte {place}: {error:#}"));
                continue;
            }
        };
        deliver(instance).await?;
        let known: std::collections::HashSet<_> = small.sent.books().sent.keys().copied().collect();
        let mut books = small.sent.books();
        for ((target, id), receipts) in books.received.drain() {
            let wrong = receipts.iter().any(|receipt| !known.contains(&receipt.print));
            outcome
                .hold(!wrong, || format!("byte {place}: WRONG BODY of {id} delivered to {target}"));
        }
    }
    Ok(runs)
}

/// Lets it deliver for a while, and ends it. It may end by itself: its disk is damaged.
async fn deliver(instance: Instance) -> anyhow::Result<()> {
    let until = crate::sender::now_millis() + 1_500;
    while crate::sender::now_millis() < until {
        if !matches!(instance.pending().await, Ok(1..)) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    drop(instance.terminate(Duration::from_secs(12)).await);
    Ok(())
}
