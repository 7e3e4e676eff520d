//! The rules change under load. The file is written in bursts, in every way that people and tools have, whole, half and
//! broken. An oracle outside reads the text of the revision that stands beside each stored event and says where it had to
//! go; a text that was never written whole must never have been published.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rand::RngExt;
use rand::rngs::SmallRng;
use rusqlite::Connection;

use crate::conservation::{self, Terms};
use crate::instance::{Instance, data};
use crate::ledger::Ledger;
use crate::receiver::Receiver;
use crate::sender::{Load, event};

use super::{Context, Outcome, folder};

const TARGETS: [&str; 4] = ["t0", "t1", "t2", "t3"];
/// Writes in a burst, which ends in a text that must come to run.
const BURST: u64 = 551;
const BURST_LASTS: Duration = Duration::from_millis(200);
/// Events (short, full) before the writing begins, and the number of the first one after.
const WARM: (u64, u64) = (6_000, 20_000);
const FIRST: u64 = 10_000_000;
/// Growth of memory that is no leak, over a whole run.
const GROWTH: u64 = 5 << 20;

pub async fn run(context: &Context) -> anyhow::Result<Outcome> {
    let bursts = context.pick(24, 110);
    let mut outcome = Outcome::default();
    let mut dice = context.dice("reload");
    let ledger = Ledger::default();
    let receiver = Receiver::kind(&ledger).await?;
    let targets = receiver.targets(&TARGETS);
    let folder = folder(&rules(&targets, 0))?;
    let mut written = HashSet::from([rules(&targets, 0)]);
    let instance = context.launch("reload", folder.path()).start().await?;
    warm_up(&ledger, &instance, context.pick(WARM.0, WARM.1)).await?;
    let load = Load::start(&ledger, instance.listen, (8, Duration::from_millis(16)), FIRST, event);
    let (mut writes, mut number, mut settled) = (0, 0, 0);
    let began = Instant::now();
    for burst in 0..bursts {
        let start = Instant::now();
        for step in 0..BURST {
            number += 1;
            let text = rules(&targets, number);
            let last = step == BURST - 1;
            let way = if last { burst % WAYS } else { dice.random_range(0..WAYS + 3) };
            if way < WAYS {
                written.insert(text.clone());
            }
            write(folder.path(), &text, way, &mut dice).context("the rules are written")?;
            writes += 1;
            let due = start + BURST_LASTS * u32::try_from(step)? / u32::try_from(BURST)?;
            tokio::time::sleep_until(due.into()).await;
        }
        // Quiet: now the last text must come to run, however busy the machine is.
        outcome.hold(published(&instance, number).await?, || {
            format!("the last text of burst {burst} does not run, 10 s later")
        });
        if burst == bursts / 4 {
            settled = instance.resident();
        }
    }
    let took = began.elapsed();
    broken(&instance, folder.path(), &mut outcome).await?;
    let grown = instance.resident().saturating_sub(settled);
    load.stop().await;
    outcome.hold(instance.drained(Duration::from_secs(30)).await?, || {
        "deliveries still pending".to_owned()
    });
    instance.terminate(Duration::from_secs(10)).await?;
    let (stored, faults) = conservation::check(&ledger, &data(folder.path()), &Terms::default())?;
    outcome.shortfalls.extend(faults);
    let revisions = oracle(&data(folder.path()), &written, &mut outcome)?;
    outcome
        .hold(revisions >= bursts * 9 / 10, || format!("only {revisions} revisions routed events"));
    outcome.hold(stored.deliveries.len() == TARGETS.len(), || {
        "not every target got events".to_owned()
    });
    // The caches of the store are at their bounds only after the long form's warm-up.
    outcome.hold(grown < GROWTH || !context.full, || format!("memory grew by {} KiB", grown >> 10));
    outcome.count =
        format!("{writes} writes, {revisions} revisions routed {} events", stored.events);
    outcome.notes.push(format!(
        "{} s of writing; memory grew by {} KiB",
        took.as_secs(),
        grown >> 10
    ));
    Ok(outcome)
}

/// Fills the caches of the store, which grow to their bounds under any load, so that what grows later is something else.
async fn warm_up(ledger: &Ledger, instance: &Instance, events: u64) -> anyhow::Result<()> {
    let load = Load::start(ledger, instance.listen, (32, Duration::from_millis(1)), 0, event);
    let until = Instant::now() + Duration::from_secs(60);
    while ledger.totals().stored < events {
        anyhow::ensure!(
            Instant::now() < until,
            "the store did not take {events} events in a minute"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    load.stop().await;
    anyhow::ensure!(
        instance.drained(Duration::from_secs(60)).await?,
        "the warm-up was not delivered"
    );
    Ok(())
}

/// Number N routes everything to target N modulo 4.
fn rules(targets: &str, number: u64) -> String {
    format!(
        "# {number}\nversion: 1\nsources:\n  retell: {{ path: /webhook, verify: none }}\n{targets}rules:\n  - name: rule {number}\n    to: [t{}]\n",
        number % 4
    )
}

/// Ways of writing the whole file. Beyond these, `write` leaves it half or broken.
const WAYS: u64 = 7;

fn write(folder: &Path, text: &str, way: u64, dice: &mut SmallRng) -> std::io::Result<()> {
    let path = folder.join("rules.yaml");
    let beside = |name: &str| folder.join(name);
    match way {
        // In place, as `echo >` does.
        0 => replace_link(&path).and_then(|()| fs::write(&path, text)),
        // Saved by renaming, as editors do.
        1 => fs::write(beside("rules.yaml~"), text)
            .and_then(|()| fs::rename(beside("rules.yaml~"), &path)),
        // Removed and made again.
        2 => fs::remove_file(&path).and_then(|()| fs::write(&path, text)),
        // In two pieces.
        3 => {
            replace_link(&path)?;
            fs::write(&path, &text[..text.len() / 2])?;
            fs::write(&path, text)
        }
        // As Kubernetes swaps a ConfigMap: a folder by its date, a link to it, the file a link through that.
        4 => {
            let dated = beside(&format!("..{}", dice.random::<u64>()));
            fs::create_dir(&dated)?;
            fs::write(dated.join("rules.yaml"), text)?;
            let before = fs::read_link(beside("..data")).ok();
            symlink(&dated, beside("..data_tmp"))?;
            fs::rename(beside("..data_tmp"), beside("..data"))?;
            symlink("..data/rules.yaml", beside("rules.link"))?;
            fs::rename(beside("rules.link"), &path)?;
            before.map_or(Ok(()), fs::remove_dir_all)
        }
        // Moved away and back, with an old date.
        5 => {
            fs::write(beside("rules.new"), text)?;
            let file = fs::File::options().write(true).open(beside("rules.new"))?;
            file.set_modified(std::time::UNIX_EPOCH + Duration::from_secs(1_000_000_000))?;
            fs::rename(&path, beside("rules.old"))?;
            fs::rename(beside("rules.new"), &path)
        }
        // Linked to another place.
        6 => {
            let other = beside(&format!("other-{}.yaml", dice.random_range(0..8)));
            fs::write(&other, text)?;
            fs::remove_file(&path)?;
            symlink(other, &path)
        }
        // Half of it; empty; broken in meaning.
        7 => replace_link(&path).and_then(|()| fs::write(&path, &text[..text.len() / 3])),
        8 => replace_link(&path).and_then(|()| fs::write(&path, "")),
        _ => replace_link(&path)
            .and_then(|()| fs::write(&path, text.replace("to: [t", "to: [nobody"))),
    }
}

/// A link is replaced by a file of its own, so that what it led to keeps its text.
fn replace_link(path: &Path) -> std::io::Result<()> {
    if fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink()) {
        fs::remove_file(path)
    } else {
        Ok(())
    }
}

/// Waits until the text of this number runs.
async fn published(instance: &Instance, number: u64) -> anyhow::Result<bool> {
    let until = Instant::now() + Duration::from_secs(10);
    let name = format!("rule {number}");
    while !instance.get("/api/v1/rules").await?.contains(&format!("\"{name}\"")) {
        if Instant::now() > until {
            return Ok(false);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(true)
}

/// A broken file, a folder in its place, a link to nowhere, and no file at all change nothing, and are told.
async fn broken(instance: &Instance, folder: &Path, outcome: &mut Outcome) -> anyhow::Result<()> {
    let path = folder.join("rules.yaml");
    let kept = fs::read_to_string(&path)?;
    let running = instance.json("/api/v1/status").await?["configuration"]["revision"].clone();
    for (what, make) in [
        (
            "a broken file",
            (|path| fs::write(path, "version: [")) as fn(&Path) -> std::io::Result<()>,
        ),
        ("a folder", |path| fs::create_dir(path)),
        ("a link to nowhere", |path| symlink("nowhere", path)),
        ("no file", |_| Ok(())),
    ] {
        if path.is_dir() {
            fs::remove_dir(&path)?
        } else {
            drop(fs::remove_file(&path))
        }
        make(&path)?;
        let until = Instant::now() + Duration::from_secs(10);
        loop {
            let told = instance
                .get("/metrics")
                .await?
                .contains("hookswitch_config_last_reload_successful 0");
            if told || Instant::now() > until {
                outcome.hold(told, || format!("{what} was not noticed within 10 s"));
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let now = instance.json("/api/v1/status").await?["configuration"]["revision"].clone();
        outcome.hold(now == running, || format!("{what} changed the running revision"));
    }
    drop(fs::remove_file(&path));
    Ok(fs::write(&path, kept)?)
}

/// Says for each stored event where the revision beside it sends it; returns how many revisions routed something.
fn oracle(data: &Path, written: &HashSet<String>, outcome: &mut Outcome) -> anyhow::Result<u64> {
    let sql = Connection::open(data.join("hookswitch.db"))?;
    let mut texts = HashMap::new();
    let mut rows = sql.prepare("SELECT number, text FROM revisions")?;
    let mut rows = rows.query([])?;
    while let Some(row) = rows.next()? {
        let (number, text): (i64, String) = (row.get(0)?, row.get(1)?);
        outcome
            .hold(written.contains(&text), || format!("revision {number} was never written whole"));
        let target = text
            .split("to: [")
            .nth(1)
            .and_then(|rest| rest.split(']').next())
            .unwrap_or("")
            .to_owned();
        texts.insert(number, target);
    }
    let query = "SELECT e.revision, e.planned, t.name FROM events e LEFT JOIN deliveries d ON d.event = e.seq \
                 LEFT JOIN targets t ON t.id = d.target";
    let mut rows = sql.prepare(query)?;
    let mut rows = rows.query([])?;
    let (mut seen, mut wrong) = (HashSet::new(), 0);
    while let Some(row) = rows.next()? {
        let (revision, planned, target): (i64, i64, Option<String>) =
            (row.get(0)?, row.get(1)?, row.get(2)?);
        seen.insert(revision);
        wrong += u64::from(planned != 1 || target.as_ref() != texts.get(&revision));
    }
    outcome.hold(wrong == 0, || {
        format!("{wrong} events were not routed as the revision beside them says")
    });
    Ok(seen.len() as u64)
}
