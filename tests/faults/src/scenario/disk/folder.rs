//! The data folder is taken away, replaced, or cannot be written any more while the program runs: it is noticed within one
//! write, that event is not answered 2xx, and the message says what it is about.

use std::path::Path;
use std::time::Duration;

use crate::disk::shim::{ALL, Fault, Shim, TRUNCATE, WRITE};
use crate::instance::data;
use crate::ledger::Answer;

use super::super::{Context, Outcome};
use super::{Bench, EXIT_IO, tail};

/// The system's number for a file system that is read-only.
const EROFS: u64 = 30;

type Hurt = fn(&Path) -> std::io::Result<()>;

const CASES: [(&str, Hurt); 5] = [
    ("the folder is renamed", |data| std::fs::rename(data, data.with_extension("away"))),
    ("the folder is replaced by its copy", |data| {
        let away = data.with_extension("away");
        std::fs::rename(data, &away)?;
        copy(&away, data)
    }),
    ("the folder is removed", |data| std::fs::remove_dir_all(data)),
    ("the database is removed", |data| std::fs::remove_file(data.join("hookswitch.db"))),
    ("the log is removed", |data| std::fs::remove_file(data.join("hookswitch.db-wal"))),
];

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        std::fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(())
}

pub(super) async fn run(context: &Context, outcome: &mut Outcome) -> anyhow::Result<String> {
    for (name, hurt) in CASES {
        taken_away(context, name, hurt, outcome).await?;
    }
    let read_only = read_only(context, outcome).await?;
    Ok(format!("{} ways of losing the folder", CASES.len() + usize::from(read_only)))
}

async fn taken_away(
    context: &Context,
    name: &str,
    hurt: Hurt,
    outcome: &mut Outcome,
) -> anyhow::Result<()> {
    let mut bench = Bench::new("max_size: 64 MiB").await?;
    let instance = bench.launch(context).start().await?;
    let stored = bench.accepted_within(&instance, Duration::from_secs(5)).await;
    outcome.hold(stored.is_some(), || format!("{name}: nothing was stored before"));
    hurt(&data(bench.folder.path()))?;
    let (answer, _) = bench.send(&instance).await;
    outcome.hold(!matches!(answer, Answer::Stored { .. }), || {
        format!("{name}: the next event was answered 2xx")
    });
    let ended = instance.ended(Duration::from_secs(10)).await;
    match ended {
        Err(error) => outcome.shortfalls.push(format!("{name}: {error:#}")),
        Ok(ended) => {
            let clear = ended.log.contains("removed or replaced");
            outcome.hold(ended.status.code() == Some(EXIT_IO) && clear, || {
                format!("{name}: {:?}, {}", ended.status, tail(&ended.log))
            });
        }
    }
    Ok(())
}

/// Every write is refused as on a file system that became read-only, which is what Linux does with one that is damaged.
async fn read_only(context: &Context, outcome: &mut Outcome) -> anyhow::Result<bool> {
    let mut bench = Bench::new("max_size: 64 MiB").await?;
    let Some(shim) = Shim::new(context, bench.folder.path())? else { return Ok(false) };
    let mut launch = bench.launch(context);
    shim.load(&mut launch);
    let instance = launch.start().await?;
    bench.accepted_within(&instance, Duration::from_secs(5)).await;
    let (calls, count) = (WRITE | TRUNCATE, u64::MAX);
    shim.fail(Fault { calls, files: ALL, how: EROFS, from: 1, count })?;
    let (answer, _) = bench.send(&instance).await;
    outcome.hold(!matches!(answer, Answer::Stored { .. }), || {
        "read-only: the next event was answered 2xx".to_owned()
    });
    match instance.ended(Duration::from_secs(10)).await {
        Err(error) => outcome.shortfalls.push(format!("read-only: {error:#}")),
        Ok(ended) => outcome.hold(ended.status.code() == Some(EXIT_IO), || {
            format!("read-only: {:?}, {}", ended.status, tail(&ended.log))
        }),
    }
    shim.calm()?;
    outcome.shortfalls.extend(bench.settle(context, 1).await?);
    Ok(true)
}
