//! The audit by an independent witness: `strace` sees every write to the log, every sync and every answer. It knows nothing
//! of the library before the disk, so a mistake there cannot hide one of the program's.

use std::collections::HashMap;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::unix::pipe;
use tokio::process::Command;

use crate::conservation::{self, Terms};
use crate::disk::audit::{Audit, Seen, bytes_of};
use crate::disk::trace::event_id;
use crate::instance::data;
use crate::ledger::Ledger;
use crate::receiver::Receiver;
use crate::sender::{Load, event};

use super::{Context, Outcome, folder};

const TARGETS: [&str; 2] = ["slack", "crm"];
/// Longer than a page of the store, which must be seen whole.
const SEEN_MAX: &str = "17000";
const CALLS: &str = "trace=pwrite64,fsync,fdatasync,write,writev,sendto,sendmsg";

pub async fn run(context: &Context) -> anyhow::Result<Outcome> {
    let mut outcome = Outcome::default();
    if let Err(why) = usable().await {
        outcome.count = format!("skipped: {why}");
        return Ok(outcome);
    }
    let ledger = Ledger::default();
    let receiver = Receiver::kind(&ledger).await?;
    let folder = folder(&receiver.rules("", &TARGETS))?;
    let pipe = folder.path().join("strace");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &pipe,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    )
    .context("a pipe for the tracer")?;
    let reading = pipe::OpenOptions::new().read_write(true).open_receiver(&pipe)?;
    let auditing = tokio::spawn(listen(reading));
    let mut launch = context.launch("sync-audit", folder.path());
    let pipe = pipe.display().to_string();
    launch.before = [
        "strace",
        "-f",
        "-yy",
        "-xx",
        "-s",
        SEEN_MAX,
        "-e",
        CALLS,
        "-e",
        "signal=none",
        "-o",
        &pipe,
    ]
    .map(str::to_owned)
    .to_vec();
    let goal = context.pick(300, 10_000);
    let instance = launch.start().await?;
    let load = Load::start(&ledger, instance.listen, (16, Duration::from_millis(5)), 0, event);
    let until = crate::sender::now_millis() + context.pick(40_000, 1_200_000);
    while ledger.totals().stored < goal && crate::sender::now_millis() < until {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    load.stop().await;
    let drained = instance.drained(Duration::from_secs(120)).await?;
    outcome.hold(drained, || "deliveries were pending two minutes after the load".to_owned());
    // The tracer passes no signal on; its child is asked to stop itself.
    stop_child(&instance)?;
    instance.ended(Duration::from_secs(60)).await?;
    let audit = auditing.await??;
    outcome.hold(audit.replies >= goal, || format!("only {} answers were seen", audit.replies));
    let early = audit.early.len();
    outcome.shortfalls.extend(audit.early.into_iter().take(5));
    let terms = Terms { targets: Some(TARGETS.to_vec()), ..Terms::default() };
    let (_, faults) = conservation::check(&ledger, &data(folder.path()), &terms)?;
    outcome.shortfalls.extend(faults);
    outcome.count = format!(
        "{} answers traced, {early} before their sync, {} syncs",
        audit.replies, audit.syncs_seen
    );
    Ok(outcome)
}

/// Whether a tracer is there and may trace.
async fn usable() -> Result<(), String> {
    let tried = Command::new("strace")
        .args(["-f", "-o", "/dev/null", "true"])
        .stderr(Stdio::null())
        .status()
        .await;
    match tried {
        Err(error) => Err(format!("strace: {error}")),
        Ok(status) if !status.success() => Err("strace may not trace here".to_owned()),
        Ok(_) => Ok(()),
    }
}

fn stop_child(instance: &crate::instance::Instance) -> anyhow::Result<()> {
    let tracer = instance.pid().as_raw_nonzero();
    let children = std::fs::read_to_string(format!("/proc/{tracer}/task/{tracer}/children"))?;
    let child = children.split_whitespace().next().and_then(|pid| pid.parse().ok());
    let child = child.and_then(rustix::process::Pid::from_raw).context("the traced process")?;
    Ok(rustix::process::kill_process(child, rustix::process::Signal::TERM)?)
}

/// Reads what the tracer writes, until every process has ended.
async fn listen(pipe: pipe::Receiver) -> anyhow::Result<Audit> {
    let mut lines = BufReader::with_capacity(1 << 20, pipe).lines();
    let (mut audit, mut reader) = (Audit::default(), Reader::default());
    while let Some(line) = lines.next_line().await? {
        if reader.line(&line, &mut audit) {
            break;
        }
    }
    Ok(audit)
}

/// Makes sense of the tracer's lines.
#[derive(Debug, Default)]
struct Reader {
    /// Calls of a thread that were told in two lines: what is known of the first.
    open: HashMap<String, Call>,
    tickets: u64,
    /// The process, which is the first thread that is seen.
    process: Option<String>,
}

#[derive(Debug)]
enum Call {
    Sync(u64),
    Other,
}

impl Reader {
    /// One line; whether it was the last.
    fn line(&mut self, line: &str, audit: &mut Audit) -> bool {
        let Some((thread, rest)) = line.split_once(' ') else { return false };
        let rest = rest.trim_start();
        let process = self.process.get_or_insert_with(|| thread.to_owned());
        if rest.starts_with("+++") {
            return process == thread;
        }
        if rest.starts_with("<...") {
            if let Some(Call::Sync(ticket)) = self.open.remove(thread)
                && rest.trim_end().ends_with("= 0")
            {
                audit.see(&Seen::SyncEnd(ticket));
            }
            return false;
        }
        let Some((call, arguments)) = rest.split_once('(') else { return false };
        let unfinished = rest.ends_with("<unfinished ...>");
        let of_log = path(arguments).is_some_and(|path| path.ends_with(b"/hookswitch.db-wal"));
        let mut begun = Call::Other;
        match call {
            "fsync" | "fdatasync" if of_log => {
                self.tickets += 1;
                audit.see(&Seen::SyncBegin(self.tickets));
                if unfinished {
                    begun = Call::Sync(self.tickets);
                } else if rest.trim_end().ends_with("= 0") {
                    audit.see(&Seen::SyncEnd(self.tickets));
                }
            }
            // A write counts from where it begins: the sync that covers it is the same thread's, so it begins later.
            "pwrite64" | "write" if of_log => {
                if let Some(bytes) = quoted(arguments) {
                    audit.see(&Seen::Write(&bytes));
                }
            }
            "write" | "writev" | "sendto" | "sendmsg" => {
                let bytes = quoted(arguments).unwrap_or_default();
                if bytes.starts_with(b"HTTP/1.1 204") {
                    let id = event_id(&String::from_utf8_lossy(&bytes));
                    if let Some(id) = id.as_deref().and_then(bytes_of) {
                        audit.see(&Seen::Reply(id));
                    }
                }
            }
            _ => {}
        }
        if unfinished {
            self.open.insert(thread.to_owned(), begun);
        }
        false
    }
}

/// The file behind the descriptor that is the first argument.
fn path(arguments: &str) -> Option<Vec<u8>> {
    let (_, rest) = arguments.split_once('<')?;
    unescaped(rest.split_once('>')?.0)
}

/// The bytes of the first quoted argument.
fn quoted(arguments: &str) -> Option<Vec<u8>> {
    let (_, rest) = arguments.split_once('"')?;
    unescaped(rest.split_once('"')?.0)
}

/// Every byte is written as `\xNN`.
fn unescaped(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("\\x")?;
    digits.split("\\x").map(|hex| u8::from_str_radix(hex, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_tracer_are_read() {
        let mut reader = Reader::default();
        let mut audit = Audit::default();
        let log: String =
            "/d/hookswitch.db-wal".bytes().map(|byte| format!("\\x{byte:02x}")).collect();
        for line in [
            &*format!("10 fsync(5<{log}> <unfinished ...>"),
            "11 write(2<pipe:[1]>, \"\\x61\", 1) = 1",
            "10 <... fsync resumed>) = 0",
            "11 sendto(9<TCP:[1]>, \"\\x48\\x54\", 2, 0, NULL, 0) = 2",
        ] {
            assert!(!reader.line(line, &mut audit));
        }
        assert_eq!((audit.syncs_seen, audit.replies), (1, 0));
        assert!(reader.line("10 +++ exited with 0 +++", &mut audit));
        assert_eq!(quoted("5<\\x2f>, \"\\x48\\x49\", 2"), Some(b"HI".to_vec()));
    }
}
