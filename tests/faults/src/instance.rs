//! The real binary as a child process: started, watched, asked, and ended in every way.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// How long a start may take before the suite gives up on it.
const START: Duration = Duration::from_secs(30);

/// What to start.
#[derive(Debug, Clone)]
pub struct Launch {
    pub binary: PathBuf,
    /// Where `rules.yaml` and the data folder are.
    pub folder: PathBuf,
    /// Stands before the binary on the command line: a tracer, a limit.
    pub before: Vec<String>,
    /// The admin listener's address; port 0 takes a free one.
    pub admin: String,
    pub env: Vec<(String, String)>,
    /// Everything that the instance prints is appended here.
    pub log: PathBuf,
}

/// What is known of an instance while it starts.
#[derive(Debug, Clone, Default)]
struct Heard {
    listen: Option<SocketAddr>,
    admin: Option<SocketAddr>,
    ready: bool,
    over: bool,
    text: String,
}

/// A running instance. It is killed when this is dropped.
#[derive(Debug)]
pub struct Instance {
    child: Child,
    pub listen: SocketAddr,
    pub admin: SocketAddr,
    /// From the start of the process to `ready`.
    pub ready_after: Duration,
    heard: watch::Receiver<Heard>,
    reader: JoinHandle<()>,
}

/// How an instance ended, and what it said.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub log: String,
}

impl Launch {
    /// Starts it without waiting for anything.
    fn spawn(&self) -> anyhow::Result<(Child, watch::Receiver<Heard>, JoinHandle<()>)> {
        let mut words: Vec<String> = self.before.clone();
        words.push(self.binary.display().to_string());
        let run = ["run", "--config", "rules.yaml", "--listen", "127.0.0.1:0"];
        words.extend(run.map(str::to_owned));
        words.extend(["--admin-listen".to_owned(), self.admin.clone()]);
        let out = std::fs::File::options().create(true).append(true).open(&self.log)?;
        let mut child = Command::new(&words[0])
            .args(&words[1..])
            .current_dir(&self.folder)
            .envs(self.env.iter().cloned())
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{} does not start", words[0]))?;
        let stderr = child.stderr.take().context("its standard error is a pipe")?;
        let (tell, heard) = watch::channel(Heard::default());
        let reader = tokio::spawn(listen_to(stderr, self.log.clone(), tell));
        Ok((child, heard, reader))
    }

    /// Starts it and waits until it is ready.
    pub async fn start(&self) -> anyhow::Result<Instance> {
        match self.start_or_end(START).await? {
            Ok(instance) => Ok(instance),
            Err(Ended { log, .. }) => bail!("it did not get ready (it ended): {log}"),
        }
    }

    /// Starts it and waits until it is ready or has ended, at most `limit`.
    pub async fn start_or_end(&self, limit: Duration) -> anyhow::Result<Result<Instance, Ended>> {
        let began = Instant::now();
        let (mut child, mut heard, reader) = self.spawn()?;
        let waited = timeout(limit, heard.wait_for(|heard| heard.ready || heard.over)).await;
        let now = waited.map(|heard| heard.map(|heard| heard.clone()));
        match now {
            Ok(Ok(Heard { listen: Some(listen), admin: Some(admin), ready: true, .. })) => {
                let ready_after = began.elapsed();
                Ok(Ok(Instance { child, listen, admin, ready_after, heard, reader }))
            }
            Ok(Ok(Heard { over: true, text: log, .. })) => {
                let status = timeout(limit, child.wait()).await;
                Ok(Err(Ended { status: status.context("it closed its log and runs on")??, log }))
            }
            _ => {
                drop(child.kill().await);
                bail!("it did not get ready (time): {}", heard.borrow().text)
            }
        }
    }

    /// Starts it and waits until it ends by itself, at most `limit`.
    pub async fn run_to_end(&self, limit: Duration) -> anyhow::Result<Ended> {
        let (mut child, heard, reader) = self.spawn()?;
        let Ok(status) = timeout(limit, child.wait()).await else {
            drop(child.kill().await);
            bail!("it did not end within {limit:?}: {}", heard.borrow().text)
        };
        let status = status?;
        reader.await?;
        let log = heard.borrow().text.clone();
        Ok(Ended { status, log })
    }
}

async fn listen_to(stderr: tokio::process::ChildStderr, log: PathBuf, tell: watch::Sender<Heard>) {
    use std::io::Write;
    let mut lines = BufReader::new(stderr).lines();
    let mut file = std::fs::File::options().create(true).append(true).open(log).ok();
    while let Ok(Some(line)) = lines.next_line().await {
        if let Some(file) = &mut file {
            // In one piece: its standard output goes to the same file.
            drop(file.write_all(format!("{line}\n").as_bytes()));
        }
        let said: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
        let address = said["fields"]["address"].as_str().or(said["address"].as_str());
        let address = address.and_then(|text| text.parse().ok());
        let message = said["fields"]["message"].as_str().or(said["message"].as_str());
        tell.send_modify(|heard| {
            match message {
                Some("listening for webhooks") => heard.listen = address,
                Some("listening for the admin API") => heard.admin = address,
                Some("ready") => heard.ready = true,
                _ => {}
            }
            // Enough to read why it failed, and no more: a soak must not fill the memory.
            if heard.text.len() < 256 << 10 {
                heard.text.push_str(&line);
                heard.text.push('\n');
            }
        });
    }
    tell.send_modify(|heard| heard.over = true);
}

impl Instance {
    pub fn pid(&self) -> Pid {
        let pid = self.child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        pid.expect("it was not waited for yet")
    }

    /// SIGKILL, and waits until it is gone. It may be already.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }

    /// Whether it dies by itself within `limit`.
    pub async fn died(&mut self, limit: Duration) -> bool {
        timeout(limit, self.child.wait()).await.is_ok()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        Ok(kill_process(self.pid(), signal)?)
    }

    /// SIGTERM, and waits for the end, at most `limit`.
    pub async fn terminate(self, limit: Duration) -> anyhow::Result<Ended> {
        self.signal(Signal::TERM)?;
        self.ended(limit).await
    }

    /// Waits for the end, at most `limit`.
    pub async fn ended(mut self, limit: Duration) -> anyhow::Result<Ended> {
        let Ok(status) = timeout(limit, self.child.wait()).await else {
            bail!("it did not end within {limit:?}: {}", self.heard.borrow().text)
        };
        let status = status?;
        self.reader.await?;
        let log = self.heard.borrow().text.clone();
        Ok(Ended { status, log })
    }

    /// Whether it has ended by itself.
    pub fn is_over(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        self.heard.borrow().text.clone()
    }

    /// A `GET` on the admin listener: the body.
    pub async fn get(&self, path: &str) -> anyhow::Result<String> {
        get(self.admin, path).await
    }

    /// The same, as JSON.
    pub async fn json(&self, path: &str) -> anyhow::Result<serde_json::Value> {
        let text = self.get(path).await?;
        serde_json::from_str(&text).with_context(|| format!("{path} is no JSON: {text}"))
    }

    /// Deliveries that wait.
    pub async fn pending(&self) -> anyhow::Result<u64> {
        let status = self.json("/api/v1/status").await?;
        status["store"]["pending"].as_u64().context("status tells what is pending")
    }

    /// Waits until nothing waits for delivery, at most `limit`. False if something still does.
    pub async fn drained(&self, limit: Duration) -> anyhow::Result<bool> {
        let until = Instant::now() + limit;
        while self.pending().await? > 0 {
            if Instant::now() > until {
                return Ok(false);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(true)
    }

    /// Bytes of memory that are resident, from the system; 0 where it does not say.
    pub fn resident(&self) -> u64 {
        let path = format!("/proc/{}/status", self.pid().as_raw_nonzero());
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
        kib.unwrap_or(0) * 1024
    }
}

/// A `GET` from an address: the body, whatever the status.
pub async fn get(from: SocketAddr, path: &str) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(from).await.context("the admin listener")?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    timeout(Duration::from_secs(10), stream.read_to_string(&mut answer)).await??;
    let (_, body) = answer.split_once("\r\n\r\n").context("an answer has a head")?;
    Ok(body.to_owned())
}

/// Where an instance of this folder keeps its data.
pub fn data(folder: &Path) -> PathBuf {
    folder.join("hookswitch-data")
}
