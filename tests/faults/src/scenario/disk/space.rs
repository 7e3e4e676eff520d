//! A disk of one megabyte that is filled and freed, again and again. It is a file system in memory, in a namespace of its
//! own, which needs no rights; there a write finds room for a part of its bytes, and a sync always succeeds.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rand::RngExt;
use tokio::process::{Child, Command};

use crate::conservation::{self, Terms};
use crate::disk::recover::lay_out;
use crate::instance::data;
use crate::ledger::Answer;

use super::super::{Context, Outcome};
use super::{Bench, TARGETS};

/// Accepting again within this after space came back.
const AGAIN: Duration = Duration::from_secs(2);

/// A namespace with a small file system over the data folder. It goes away with this.
struct Small {
    keeper: Child,
    inside: PathBuf,
}

impl Small {
    async fn mount(at: PathBuf) -> anyhow::Result<Result<Self, String>> {
        std::fs::create_dir(&at)?;
        let script =
            "mount -t tmpfs -o size=1m,mode=700 none \"$0\" && echo mounted && exec sleep 86400";
        let keeper = Command::new("unshare")
            .args(["-Urm", "sh", "-c", script])
            .arg(&at)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn();
        let Ok(mut keeper) = keeper else { return Ok(Err("there is no `unshare`".to_owned())) };
        let out = keeper.stdout.take().context("a pipe")?;
        use tokio::io::AsyncBufReadExt;
        let line = tokio::io::BufReader::new(out).lines().next_line().await?;
        if line.as_deref() != Some("mounted") {
            return Ok(Err("no namespace of one's own may mount here".to_owned()));
        }
        let pid = keeper.id().context("it runs")?;
        let path = at.strip_prefix("/").unwrap_or(&at);
        let inside = PathBuf::from(format!("/proc/{pid}/root")).join(path);
        Ok(Ok(Self { keeper, inside }))
    }

    /// What stands before the binary, so that it runs in there.
    fn enter(&self, folder: &Path) -> anyhow::Result<Vec<String>> {
        let pid = self.keeper.id().context("it runs")?.to_string();
        let folder = folder.display().to_string();
        let enter = ["nsenter", "--preserve-credentials", "-U", "-m", "-t", &pid];
        // Who enters stands in its root.
        let move_to = ["sh", "-c", "cd \"$0\" && exec \"$@\"", &folder];
        Ok(enter.into_iter().chain(move_to).map(str::to_owned).collect())
    }

    /// Takes all room but so many bytes.
    fn fill(&self, leave: usize) -> anyhow::Result<()> {
        use std::io::Write;
        let path = self.inside.join("filler");
        let mut file = std::fs::File::create(&path)?;
        let (mut size, block) = (0, vec![1; 4_096]);
        while file.write_all(&block).is_ok() {
            size += block.len();
        }
        Ok(file.set_len(size.saturating_sub(leave) as u64)?)
    }

    fn free(&self) -> anyhow::Result<()> {
        Ok(std::fs::remove_file(self.inside.join("filler"))?)
    }
}

pub(super) async fn run(context: &Context, outcome: &mut Outcome) -> anyhow::Result<String> {
    let mut bench = Bench::new("max_size: 64 MiB").await?;
    let at = data(&bench.folder.path().canonicalize()?);
    let small = match Small::mount(at.clone()).await? {
        Ok(small) => small,
        Err(why) => return Ok(format!("small disk skipped: {why}")),
    };
    let mut launch = bench.launch(context);
    launch.before = small.enter(&bench.folder.path().canonicalize()?)?;
    let mut instance = launch.start().await?;
    let cycles = context.pick(3, 100);
    let mut dice = context.dice("space");
    let (mut slowest, mut refused) = (Duration::ZERO, 0_u64);
    for cycle in 0..cycles {
        let before = bench.accepted_within(&instance, Duration::from_secs(5)).await;
        outcome.hold(before.is_some(), || format!("cycle {cycle}: no event was stored before"));
        small.fill(dice.random_range(0..200) << 10)?;
        let began = Instant::now();
        let mut full = 0;
        while full < 5 && began.elapsed() < Duration::from_secs(15) {
            match bench.send(&instance).await {
                (Answer::Refused(503), _) => full += 1,
                (Answer::Stored { .. }, _) => full = 0,
                (other, _) => anyhow::bail!(
                    "cycle {cycle}: {other:?} on a full disk: {}",
                    super::tail(&instance.log())
                ),
            }
        }
        outcome.hold(full >= 5, || format!("cycle {cycle}: it was never full"));
        refused += full;
        outcome.hold(!instance.is_over(), || "it ended on a full disk".to_owned());
        small.free()?;
        let again = bench.accepted_within(&instance, Duration::from_secs(6)).await;
        slowest = slowest.max(again.unwrap_or(Duration::from_secs(6)));
    }
    outcome.hold(slowest <= AGAIN, || {
        format!("accepted again only {slowest:?} after space came back")
    });
    let drained = instance.drained(Duration::from_secs(20)).await?;
    outcome.hold(drained, || "small disk: deliveries stayed pending".to_owned());
    instance.terminate(Duration::from_secs(10)).await?;
    // The engine would look for the folder outside of the namespace, so it gets a copy.
    let mut files = crate::disk::image::Files::new();
    for entry in std::fs::read_dir(&small.inside)? {
        let entry = entry?;
        files
            .insert(entry.file_name().to_string_lossy().into_owned(), std::fs::read(entry.path())?);
    }
    let copy = bench.folder.path().join("copy");
    lay_out(&copy, &files)?;
    let terms = Terms { targets: Some(TARGETS.to_vec()), pruned: true, ..Terms::default() };
    let (_, faults) = conservation::check(&bench.ledger, &copy, &terms)?;
    outcome.shortfalls.extend(faults.into_iter().map(|fault| format!("small disk: {fault}")));
    outcome.notes.push(format!(
        "1 MB disk: {} events stored, {refused} refused while it was full, accepted again after at most {} ms",
        bench.ledger.totals().stored,
        slowest.as_millis()
    ));
    Ok(format!("{cycles} times full and free"))
}
