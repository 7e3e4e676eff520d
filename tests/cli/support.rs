//! Running the real binary: started on free ports, read line by line, ended by signals.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How long anything may take before the test gives up on it.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// The binary with nothing of the caller's environment that it reads.
pub(crate) fn hookswitch() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hookswitch"));
    for name in ["CONFIG", "DATA_DIR", "ADMIN", "ADMIN_TOKEN", "LOG"] {
        command.env_remove(format!("HOOKSWITCH_{name}"));
    }
    command.env("NO_COLOR", "1").stdin(Stdio::null());
    command
}

/// Runs a command to its end.
pub(crate) fn output(command: &mut Command) -> Output {
    let child =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
    let id = pid(&child);
    let (ended, wait) = channel::<()>();
    // A command that hangs must not hang the test.
    let watch = std::thread::spawn(move || {
        if wait.recv_timeout(PATIENCE).is_err() {
            let _gone = kill_process(id, Signal::KILL);
        }
    });
    let output = child.wait_with_output().expect("it ends");
    let _in_time = ended.send(());
    watch.join().expect("the watch ends");
    output
}

/// Standard output of a command that ended well.
pub(crate) fn text(command: &mut Command) -> String {
    let output = output(command);
    let (stdout, stderr) = (lossy(&output.stdout), lossy(&output.stderr));
    assert!(output.status.success(), "{:?}: {}\n{stdout}\n{stderr}", command, output.status);
    stdout
}

/// The same as JSON.
pub(crate) fn json(command: &mut Command) -> serde_json::Value {
    let text = text(command);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

pub(crate) fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn pid(child: &Child) -> Pid {
    Pid::from_child(child)
}

/// A process that runs until it is told to stop, its output read line by line.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<String>,
    said: Vec<String>,
}

impl Running {
    /// Starts `command`, reading its standard error.
    pub(crate) fn logging(command: &mut Command) -> Self {
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let lines = child.stderr.take().expect("it is piped");
        Self { lines: read(lines), child, said: Vec::new() }
    }

    /// Starts `command`, reading its standard output.
    pub(crate) fn printing(command: &mut Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("the binary starts");
        let lines = child.stdout.take().expect("it is piped");
        Self { lines: read(lines), child, said: Vec::new() }
    }

    /// The next line that `wanted` takes something from.
    pub(crate) fn find<T>(&mut self, what: &str, wanted: impl Fn(&str) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                panic!("{what} was never said:\n{}", self.said.join("\n"));
            };
            self.said.push(line);
            if let Some(found) = self.said.last().and_then(|line| wanted(line)) {
                return found;
            }
        }
    }

    /// The address in the next line that contains `marker`.
    pub(crate) fn address(&mut self, marker: &str) -> SocketAddr {
        self.find(marker, |line| {
            let words = || line.split(['"', ' ', ';']);
            let address = words().find_map(|word| word.trim_start_matches("http://").parse().ok());
            address.filter(|_| line.contains(marker))
        })
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(pid(&self.child), signal).expect("it still runs");
    }

    /// Waits for its end.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        // Its output ends when it does.
        while let Ok(line) =
            self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now()))
        {
            self.said.push(line);
        }
        if Instant::now() >= deadline {
            let _gone = self.child.kill();
        }
        self.child.wait().expect("it ends")
    }

    /// Everything that was read so far.
    pub(crate) fn said(&self) -> String {
        self.said.join("\n")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

fn read(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

/// A running instance.
pub(crate) struct Instance {
    pub(crate) process: Running,
    pub(crate) listen: SocketAddr,
    pub(crate) admin: SocketAddr,
}

impl Instance {
    /// `run` with the configuration `rules` in `folder`, on free ports.
    pub(crate) fn start(folder: &Path, rules: &str, change: impl FnOnce(&mut Command)) -> Self {
        let config = folder.join("rules.yaml");
        std::fs::write(&config, rules).expect("the rules can be written");
        let mut command = run(&config);
        change(&mut command);
        let mut process = Running::logging(&mut command);
        let listen = process.address("webhooks");
        let admin = process.address("admin");
        Self { process, listen, admin }
    }

    /// Another one with the same folder and the same address of the API, after this one has ended.
    pub(crate) fn again(self, folder: &Path) -> Self {
        let admin = self.admin.to_string();
        let mut command = hookswitch();
        command.arg("run").arg("--config").arg(folder.join("rules.yaml"));
        command.args(["--listen", "127.0.0.1:0", "--admin-listen", &admin]);
        let mut process = Running::logging(&mut command);
        let listen = process.address("webhooks");
        let admin = process.address("admin");
        Self { process, listen, admin }
    }

    /// A client command that speaks to it.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = hookswitch();
        command.args(words).env("HOOKSWITCH_ADMIN", format!("http://{}", self.admin));
        command
    }

    /// Posts `body` to `/webhook` and returns the head of the answer.
    pub(crate) fn post(&self, body: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.listen).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
        let head = format!(
            "POST /webhook HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: \
             application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).expect("it reads");
        stream.write_all(body).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        answer
    }
}

/// The command `run` with a configuration file, on free ports.
pub(crate) fn run(config: &Path) -> Command {
    let mut command = hookswitch();
    command.arg("run").arg("--config").arg(config);
    command.args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
    command
}

/// Asks again and again until there is an answer.
pub(crate) fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = ask() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}
