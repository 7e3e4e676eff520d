//! Opens states of a data folder with the program's own store, in helpers that may hang or die without harm.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::image::Files;

/// A start that takes longer hangs.
const WATCHDOG: Duration = Duration::from_secs(5);
/// Opening, and reading every byte of a large store after that.
const ANSWER: Duration = Duration::from_secs(60);

/// What came of opening a state.
#[derive(Debug)]
pub enum Told {
    /// What is in it.
    Opened(Value),
    /// Why not, and the exit code of the program.
    Refused(String, u64),
    /// It did not answer within the time.
    Hung,
    /// The helper ended.
    Died(String),
}

type Judge = Box<dyn FnOnce(Told) + Send>;

struct Job {
    files: Box<dyn FnOnce() -> Files + Send>,
    ids: Vec<String>,
    judge: Judge,
}

/// Two helpers, each with a folder that is in memory where the system has one: thousands of states are written.
pub struct Pool {
    jobs: mpsc::Sender<Job>,
    workers: Vec<JoinHandle<anyhow::Result<()>>>,
    _folder: TempDir,
}

impl Pool {
    pub fn start(plant: Option<&str>) -> anyhow::Result<Self> {
        let memory = Path::new("/dev/shm");
        let folder =
            if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        let folder = folder.context("a folder for states")?;
        let (jobs, queue) = mpsc::channel(4);
        let queue = Arc::new(tokio::sync::Mutex::new(queue));
        let workers = (0..2)
            .map(|number| {
                let state = folder.path().join(format!("state-{number}"));
                let (queue, plant) = (Arc::clone(&queue), plant.map(str::to_owned));
                tokio::spawn(work(queue, state, plant))
            })
            .collect();
        Ok(Self { jobs, workers, _folder: folder })
    }

    /// Opens a state that is made when its turn comes; `judge` is told what was found.
    pub async fn open(
        &self,
        files: impl FnOnce() -> Files + Send + 'static,
        ids: Vec<String>,
        judge: impl FnOnce(Told) + Send + 'static,
    ) -> anyhow::Result<()> {
        let job = Job { files: Box::new(files), ids, judge: Box::new(judge) };
        self.jobs.send(job).await.ok().context("the helpers are at work")
    }

    /// Waits until all are judged.
    pub async fn finish(self) -> anyhow::Result<()> {
        drop(self.jobs);
        for worker in self.workers {
            worker.await??;
        }
        Ok(())
    }
}

struct Helper {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Helper {
    fn start(plant: Option<&str>) -> anyhow::Result<Self> {
        let helper = std::env::current_exe()?.with_file_name("hookswitch-faults-recover");
        let mut command = Command::new(&helper);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        if let Some(plant) = plant {
            command.env("HOOKSWITCH_PLANT", plant);
        }
        let mut child = command
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{} does not start", helper.display()))?;
        let input = child.stdin.take().context("its input is a pipe")?;
        let output = child.stdout.take().context("its output is a pipe")?;
        Ok(Self { child, input, output: BufReader::new(output).lines() })
    }

    async fn ask(&mut self, path: &Path, ids: &[String]) -> Told {
        let line = format!("{}\n", json!({ "path": path, "ids": ids }));
        let answer = async {
            self.input.write_all(line.as_bytes()).await.ok()?;
            self.output.next_line().await.ok().flatten()
        };
        match timeout(ANSWER, answer).await {
            Err(_) => Told::Hung,
            Ok(None) => {
                let status = timeout(WATCHDOG, self.child.wait()).await;
                Told::Died(format!("{status:?}"))
            }
            Ok(Some(text)) => {
                let told: Value = serde_json::from_str(&text).unwrap_or_default();
                let opened = told["millis"].as_u64().map(Duration::from_millis);
                if opened.is_none_or(|took| took > WATCHDOG) {
                    return Told::Hung;
                }
                match told["refused"].as_str() {
                    Some(why) => {
                        Told::Refused(why.to_owned(), told["exit"].as_u64().unwrap_or_default())
                    }
                    None => Told::Opened(told),
                }
            }
        }
    }
}

async fn work(
    queue: Arc<tokio::sync::Mutex<mpsc::Receiver<Job>>>,
    state: PathBuf,
    plant: Option<String>,
) -> anyhow::Result<()> {
    let mut helper = Helper::start(plant.as_deref())?;
    loop {
        let job = queue.lock().await.recv().await;
        let Some(job) = job else { return Ok(()) };
        let (make, at) = (job.files, state.clone());
        tokio::task::spawn_blocking(move || lay_out(&at, &make())).await??;
        let told = helper.ask(&state, &job.ids).await;
        if matches!(told, Told::Hung | Told::Died(_)) {
            helper = Helper::start(plant.as_deref())?;
        }
        (job.judge)(told);
    }
}

/// Makes the folder hold these files and nothing else.
pub fn lay_out(folder: &Path, files: &Files) -> anyhow::Result<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    std::fs::create_dir_all(folder)?;
    for (name, bytes) in files {
        std::fs::write(folder.join(name), bytes)?;
    }
    Ok(())
}

/// Counts and shortfalls that judges share.
#[derive(Debug, Clone, Default)]
pub struct Verdicts(Arc<Mutex<Said>>);

/// What was counted, and what did not hold.
type Said = (BTreeMap<&'static str, u64>, Vec<String>);

impl Verdicts {
    /// One more of these.
    pub fn count(&self, what: &'static str) {
        *self.0.lock().expect("judges do not panic").0.entry(what).or_default() += 1;
    }

    /// Something that was promised did not hold.
    pub fn fault(&self, what: String) {
        self.0.lock().expect("judges do not panic").1.push(what);
    }

    /// How many of these.
    pub fn of(&self, what: &str) -> u64 {
        self.0.lock().expect("judges do not panic").0.get(what).copied().unwrap_or(0)
    }

    /// All shortfalls, the first twenty in full.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = self.0.lock().expect("judges do not panic").1.clone();
        let more = faults.len().saturating_sub(20);
        faults.truncate(20);
        if more > 0 {
            faults.push(format!("and {more} more"));
        }
        faults
    }

    /// All counts in words.
    pub fn counts(&self) -> String {
        let guard = self.0.lock().expect("judges do not panic");
        guard.0.iter().map(|(what, count)| format!("{count} {what}")).collect::<Vec<_>>().join(", ")
    }
}
