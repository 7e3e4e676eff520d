//! Runs the README: every YAML block loads, and every command works, or is named here with the reason why it is not run.
//!
//! Commands run as they are written but for what the table [`HOW`] adds: free ports instead of the usual ones, so that
//! tests do not fight over them, and a stand-in for Slack.

#![expect(
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of a test fail as the test does, and it says what it skips"
)]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// How a command of the README is run here.
#[derive(Debug, Clone, Copy)]
enum How {
    /// As it is, with this added; it must succeed.
    Run(&'static str),
    /// In the background, with this added, until the next [`How::Start`] of the same program; it must say where it listens.
    Start(&'static str),
    /// It sets a variable.
    Export,
    /// Not run, because…
    Skip(&'static str),
}

/// The first entry that a command begins with says how it is run. A command without one fails the test.
const HOW: [(&str, How); 17] = [
    ("cargo install", How::Skip("it would build again what this test runs on")),
    ("docker compose", How::Skip("there may be no Docker engine; the file is read below")),
    ("kubectl apply", How::Skip("there is no cluster; the file is read below")),
    ("ngrok http", How::Skip("it needs an account and the internet")),
    ("export ", How::Export),
    ("hookswitch demo", How::Run(" --once")),
    ("hookswitch check", How::Run("")),
    ("hookswitch test", How::Run("")),
    (
        "hookswitch run",
        How::Start(
            " --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 --data-dir \"$(mktemp -d -p .)\"",
        ),
    ),
    ("hookswitch sink", How::Start(" --listen 127.0.0.1:0")),
    ("hookswitch send", How::Run(" --to \"http://$LISTEN/webhook\"")),
    ("hookswitch explain", How::Run("")),
    ("curl -i http://127.0.0.1:8080/webhook", How::Run("")),
    ("hookswitch status", How::Run("")),
    ("hookswitch events", How::Run("")),
    ("hookswitch dead-letters", How::Run("")),
    ("hookswitch targets", How::Run("")),
];

#[derive(Debug)]
struct Block {
    language: String,
    line: usize,
    text: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn blocks() -> Vec<Block> {
    let readme = fs::read_to_string(root().join("README.md")).expect("the README is there");
    let (mut blocks, mut open): (Vec<Block>, Option<Block>) = (Vec::new(), None);
    for (at, line) in readme.lines().enumerate() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(language), None) => {
                open = Some(Block {
                    language: language.to_owned(),
                    line: at + 1,
                    text: String::new(),
                });
            }
            (None, Some(block)) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block is never closed");
    blocks
}

/// The README's commands in order, each with its line.
fn commands() -> Vec<(usize, String)> {
    let console = blocks().into_iter().filter(|block| block.language == "console");
    let lines = console.flat_map(|block| {
        let lines: Vec<_> = block.text.lines().map(str::to_owned).enumerate().collect();
        lines.into_iter().map(move |(at, line)| (block.line + 1 + at, line))
    });
    lines.filter_map(|(at, line)| Some((at, line.strip_prefix("$ ")?.to_owned()))).collect()
}

/// A folder with what a reader of the README would have: the checkout's files and an event beside them.
struct Desk {
    folder: tempfile::TempDir,
    variables: BTreeMap<String, String>,
    running: BTreeMap<&'static str, Child>,
}

impl Drop for Desk {
    fn drop(&mut self) {
        for child in self.running.values_mut() {
            child.kill().expect("a started program can be ended");
            child.wait().expect("and is");
        }
    }
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for (from, to) in [
            ("rules.example.yaml", "rules.example.yaml"),
            ("tests/fixtures/retell/call_analyzed.json", "call_analyzed.json"),
        ] {
            fs::copy(root().join(from), folder.path().join(to)).expect("a file of the checkout");
        }
        Self { folder, variables: BTreeMap::new(), running: BTreeMap::new() }
    }

    fn shell(&self, command: &str) -> Command {
        let binary = PathBuf::from(env!("CARGO_BIN_EXE_hookswitch"));
        let path = binary.parent().expect("it lies in a folder");
        let mut shell = Command::new("bash");
        shell.arg("-c").arg(format!("PATH=\"{}:$PATH\"; {command}", path.display()));
        shell.current_dir(self.folder.path()).envs(&self.variables).stdin(Stdio::null());
        shell
    }

    fn run(&self, line: usize, command: &str) -> String {
        let output = self.shell(command).output().expect("bash runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "README.md:{line}: {command}\n{text}{errors}");
        text
    }

    /// Starts a program and waits until it has said all its addresses.
    fn start(&mut self, program: &'static str, line: usize, command: &str) {
        if let Some(mut old) = self.running.remove(program) {
            old.kill().expect("the last one can be ended");
            old.wait().expect("and is");
        }
        let mut child = self
            .shell(&format!("exec {command}"))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("bash runs");
        let lines = follow(&mut child);
        let wanted: &[(&str, &str)] = match program {
            "hookswitch sink" => &[("SINK", "receiving")],
            _ => &[("LISTEN", "for webhooks"), ("ADMIN", "admin API")],
        };
        let mut said = String::new();
        let mut found = BTreeMap::new();
        while found.len() < wanted.len() {
            let next = lines.recv_timeout(Duration::from_secs(30));
            let next = next.unwrap_or_else(|_| {
                panic!("README.md:{line}: {command} did not get ready:\n{said}")
            });
            for (name, marker) in wanted.iter().filter(|(_, marker)| next.contains(marker)) {
                let words = next.split(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | ':')));
                let address = words
                    .map(|word| word.trim_matches(':'))
                    .find(|word| word.parse::<std::net::SocketAddr>().is_ok());
                found.extend(
                    address
                        .map(|address| ((*name).to_owned(), address.to_owned()))
                        .filter(|_| !marker.is_empty()),
                );
            }
            said.push_str(&next);
            said.push('\n');
        }
        self.variables.append(&mut found);
        if let Some(sink) = self.variables.get("SINK") {
            let slack = format!("http://{sink}/slack");
            self.variables.insert("SLACK_WEBHOOK_URL".into(), slack.clone());
            self.variables.insert("SLACK_SALES_URL".into(), slack);
        }
        if let Some(admin) = self.variables.get("ADMIN") {
            self.variables.insert("HOOKSWITCH_ADMIN".into(), format!("http://{admin}"));
        }
        self.running.insert(program, child);
    }
}

/// Every line that a program prints, on either stream.
fn follow(child: &mut Child) -> Receiver<String> {
    let (sender, lines) = channel();
    let streams: [Box<dyn Read + Send>; 2] = [
        Box::new(child.stdout.take().expect("piped")),
        Box::new(child.stderr.take().expect("piped")),
    ];
    for stream in streams {
        let sender = sender.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                // Nobody may be listening any more; the stream is read on so that the program never blocks.
                drop(sender.send(line));
            }
        });
    }
    lines
}

#[test]
fn every_yaml_block_loads() {
    if !has_the_tools() {
        return;
    }
    let desk = Desk::new();
    let blocks: Vec<_> = blocks().into_iter().filter(|block| block.language == "yaml").collect();
    assert!(!blocks.is_empty(), "no YAML block found: this test looks in the wrong place");
    for block in blocks {
        fs::write(desk.folder.path().join("block.yaml"), &block.text).expect("a file");
        desk.run(
            block.line,
            "RETELL_API_KEY=key SLACK_SALES_URL=http://127.0.0.1:9/slack hookswitch check block.yaml",
        );
    }
}

/// Whether the machine has what the README's commands take for granted; `.ci/run` requires it.
fn has_the_tools() -> bool {
    let found = Command::new("bash")
        .args(["-c", "for tool in curl grep mktemp; do command -v $tool || exit 1; done"])
        .output();
    let found = found.is_ok_and(|output| output.status.success());
    #[expect(clippy::disallowed_methods, reason = "whether to insist is the runner's choice")]
    let required = std::env::var("HOOKSWITCH_REQUIRE_ALL").is_ok();
    assert!(found || !required, "bash, curl, grep and mktemp are required here");
    if !found {
        println!("skipped, because bash, curl, grep or mktemp is missing");
    }
    found
}

#[test]
fn every_command_works() {
    if !has_the_tools() {
        return;
    }
    let mut desk = Desk::new();
    let yaml = blocks()
        .into_iter()
        .find(|block| block.language == "yaml")
        .expect("the first YAML block is rules.yaml");
    fs::write(desk.folder.path().join("rules.yaml"), &yaml.text).expect("a file");
    let commands = commands();
    assert!(commands.len() > 15, "only {} commands found", commands.len());
    for (line, command) in commands {
        // The one placeholder of the README: the id of an event that this reader has.
        let (command, how) = if let Some(rest) = command.strip_prefix("hookswitch replay ") {
            let id = desk.run(line, "hookswitch events --output json | grep -oE '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}' | head -n 1");
            let rest = rest.split_once(' ').expect("an id and a target").1;
            (format!("hookswitch replay {} {rest}", id.trim()), How::Run(""))
        } else {
            let how = HOW.iter().find(|(prefix, _)| command.starts_with(prefix));
            let how = how
                .unwrap_or_else(|| panic!("README.md:{line}: nobody says how to run `{command}`"))
                .1;
            (command, how)
        };
        match how {
            How::Skip(why) => println!("skipped, because {why}: {command}"),
            How::Export => {
                let (name, value) = command
                    .trim_start_matches("export ")
                    .split_once('=')
                    .expect("a name and a value");
                desk.variables.insert(name.to_owned(), value.to_owned());
            }
            How::Run(added) => {
                let mut command = command;
                for (usual, name) in [("127.0.0.1:8080", "LISTEN"), ("127.0.0.1:8081", "ADMIN")] {
                    if let Some(address) = desk.variables.get(name) {
                        command = command.replace(usual, address);
                    }
                }
                let text = desk.run(line, &format!("{command}{added}"));
                assert!(
                    !command.starts_with("curl") || text.starts_with("HTTP/1.1 204"),
                    "README.md:{line}: {text}"
                );
            }
            How::Start(added) => {
                let program = if command.starts_with("hookswitch sink") {
                    "hookswitch sink"
                } else {
                    "hookswitch run"
                };
                desk.start(program, line, &format!("{command}{added}"));
            }
        }
    }
}

#[test]
fn the_deployment_examples_are_what_they_should_be() {
    if !has_the_tools() {
        return;
    }
    let read =
        |name: &str| fs::read_to_string(root().join("deploy").join(name)).expect("an example");
    let compose: serde_yaml::Value = serde_yaml::from_str(&read("compose.yaml")).expect("YAML");
    assert!(compose["services"].is_mapping());
    let kubernetes = read("kubernetes.yaml");
    let documents: Vec<serde_yaml::Value> = serde_yaml::Deserializer::from_str(&kubernetes)
        .map(|document| serde::Deserialize::deserialize(document).expect("YAML"))
        .collect();
    assert!(documents.len() >= 2);
    assert!(
        kubernetes.contains("restartPolicy: Always"),
        "a native sidecar is an init container that is kept running"
    );
    let map = documents[0]["data"]["rules.yaml"]
        .as_str()
        .expect("the ConfigMap holds the rules")
        .to_owned();
    let desk = Desk::new();
    for rules in [read("rules.yaml"), map] {
        fs::write(desk.folder.path().join("rules.yaml"), rules).expect("a file");
        desk.run(
            0,
            "RETELL_API_KEY=key SLACK_SALES_URL=http://127.0.0.1:9/s hookswitch check rules.yaml",
        );
    }
}
