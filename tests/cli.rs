//! The real binary, as people and supervisors meet it: what it prints, its exit codes, its signals. The cases in
//! `tests/cli` are transcripts; this file has what needs a running instance.

#![expect(
    clippy::panic,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    reason = "helpers of tests: a panic is a failed test"
)]

#[path = "cli/support.rs"]
mod support;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use support::{Instance, Running, eventually, hookswitch, json, lossy, output, run, text};

/// One unsigned source, one target at `url` that is retried at once.
fn rules(url: &str) -> String {
    format!(
        "version: 1\n\
         sources: {{ retell: {{ path: /webhook, verify: none }} }}\n\
         targets: {{ crm: {{ kind: http, url: \"{url}\", retry: {{ initial: 100ms }} }} }}\n\
         rules: [{{ name: everything, to: [crm] }}]\n"
    )
}

/// A port of loopback where nothing listens.
fn nowhere() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it has one");
    format!("http://{address}/")
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// What a listener answers at a path.
fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    answer
}

const STARTED: &[u8] = include_bytes!("fixtures/retell/call_started.json");

#[test]
fn transcripts() {
    let cases = trycmd::TestCases::new();
    cases
        .env("NO_COLOR", "1")
        .case("tests/cli/*.trycmd")
        .case("tests/cli/*.toml")
        .case("docs/cli.md");
}

#[test]
fn a_broken_configuration_is_refused_with_its_place() {
    let folder = folder();
    let config = folder.path().join("rules.yaml");
    fs::write(&config, "version: 1\ntargest: {}\n").unwrap();
    let output = output(&mut run(&config));
    let said = lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(78), "{said}");
    assert!(said.contains("rules.yaml:2:1"), "{said}");
    assert!(said.contains("targest"), "{said}");
    assert!(
        !folder.path().join("hookswitch-data").exists(),
        "nothing is made before all is checked"
    );
}

#[test]
fn a_missing_configuration_is_refused() {
    let folder = folder();
    let named = output(&mut run(&folder.path().join("none.yaml")));
    assert_eq!(named.status.code(), Some(78), "{}", lossy(&named.stderr));
    assert!(lossy(&named.stderr).contains("none.yaml"));
    let searched = output(hookswitch().arg("check").current_dir(folder.path()));
    assert_eq!(searched.status.code(), Some(2), "{}", lossy(&searched.stderr));
    assert!(lossy(&searched.stderr).contains("/etc/hookswitch/rules.yaml"));
}

#[test]
fn a_data_folder_has_one_owner() {
    let folder = folder();
    let first = Instance::start(folder.path(), &rules(&nowhere()), |_| {});
    let second = output(&mut run(&folder.path().join("rules.yaml")));
    let said = lossy(&second.stderr);
    assert_eq!(second.status.code(), Some(73), "{said}");
    assert!(said.contains("hookswitch-data"), "{said}");
    drop(first);
}

#[test]
fn a_data_folder_that_is_none_is_refused() {
    let folder = folder();
    let config = folder.path().join("rules.yaml");
    fs::write(&config, rules(&nowhere())).unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "not a folder").unwrap();
    let output = output(run(&config).arg("--data-dir").arg(&file));
    let said = lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(73), "{said}");
    assert!(said.contains(&file.display().to_string()), "{said}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "not a folder");
}

#[test]
fn a_data_folder_with_something_else_in_it_is_refused_untouched() {
    let folder = folder();
    let config = folder.path().join("rules.yaml");
    drop(Instance::start(folder.path(), &rules(&nowhere()), |_| {}));
    let data = folder.path().join("hookswitch-data");
    let files = || fs::read_dir(&data).unwrap().map(|entry| entry.unwrap().path());
    let largest = files().max_by_key(|file| file.metadata().unwrap().len()).unwrap();
    files().for_each(|file| fs::remove_file(file).unwrap());
    fs::write(&largest, "not a store".repeat(1000)).unwrap();
    let output = output(&mut run(&config));
    let said = lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(73), "{said}");
    assert!(said.contains("is not a hookswitch store"), "{said}");
    assert_eq!(fs::read(&largest).unwrap(), "not a store".repeat(1000).as_bytes());
}

#[test]
fn a_port_in_use_is_named_with_the_way_out() {
    let folder = folder();
    let config = folder.path().join("rules.yaml");
    fs::write(&config, rules(&nowhere())).unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (option, other) in [("--listen", "--admin-listen"), ("--admin-listen", "--listen")] {
        let mut command = hookswitch();
        command.arg("run").arg("--config").arg(&config);
        let output = output(command.args([option, &address, other, "127.0.0.1:0"]));
        let said = lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(69), "{said}");
        assert!(said.contains(&address) && said.contains(option), "{said}");
    }
}

#[test]
fn sigterm_and_sigint_end_it_well() {
    for signal in [Signal::TERM, Signal::INT] {
        let folder = folder();
        let mut instance = Instance::start(folder.path(), &rules(&nowhere()), |_| {});
        assert!(instance.post(STARTED).starts_with("HTTP/1.1 204"));
        instance.process.signal(signal);
        let status = instance.process.ended();
        assert_eq!(status.code(), Some(0), "{signal:?}\n{}", instance.process.said());
    }
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let folder = folder();
    let mut sink = sink(&["--delay", "1h"]);
    let rules = format!("{}shutdown_timeout: 10m\n", rules(&sink.url("/crm")));
    let rules = rules.replace("initial: 100ms }", "initial: 100ms }, timeout: 5m");
    let mut instance = Instance::start(folder.path(), &rules, |_| {});
    assert!(instance.post(STARTED).starts_with("HTTP/1.1 204"));
    sink.next();
    instance.process.signal(Signal::TERM);
    instance.process.find("stopping", |line| line.contains("stopping").then_some(()));
    instance.process.signal(Signal::TERM);
    assert_eq!(instance.process.ended().code(), Some(143), "{}", instance.process.said());
}

#[test]
fn a_file_size_limit_fails_writes_and_kills_nothing() {
    let folder = folder();
    let config = folder.path().join("rules.yaml");
    fs::write(&config, rules(&nowhere())).unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -f 0; exec \"$0\" run --config \"$1\" --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0"]);
    command.arg(env!("CARGO_BIN_EXE_hookswitch")).arg(&config);
    let output = output(&mut command);
    let code = output.status.code();
    assert!(matches!(code, Some(73 | 74)), "{:?}: {}", output.status, lossy(&output.stderr));
}

#[test]
fn the_demo_delivers_everything() {
    let said = text(hookswitch().args(["demo", "--once"]));
    let words = ["call_started", "call_ended", "call_analyzed", "slack", "crm", "204", "delivered"];
    for word in words.into_iter().chain(["on trial (in shadow: it matches, and sends nothing)"]) {
        assert!(said.contains(word), "{word} is missing:\n{said}");
    }
    assert!(!said.contains('\u{1b}'), "colour although nobody looks:\n{said}");
}

/// What a newcomer looks at: something delivered, something waiting, something dead, something that nobody wanted.
#[test]
fn the_demo_opens_with_traffic_of_every_kind() {
    let mut demo = Running::printing(hookswitch().arg("demo"));
    let admin = demo.find("the page's address", |line| {
        let (_, rest) = line.split_once("page ")?;
        rest.split_whitespace().next().map(str::to_owned)
    });
    demo.find("the end of what is told", |line| line.contains("Ctrl-C").then_some(()));
    for state in ["delivered", "pending", "dead", "unrouted", "ignored", "revised"] {
        let events = json(
            hookswitch().args(["events", "--admin", &admin, "--state", state, "--output", "json"]),
        );
        assert!(
            events["events"].as_array().is_some_and(|events| !events.is_empty()),
            "{state}: {events}"
        );
    }
    let listed = json(hookswitch().args(["events", "--admin", &admin, "--output", "json"]));
    let events = listed["events"].as_array().expect("a list");
    assert!(events.iter().any(|event| event["shadow"].is_array()), "no rule watches: {listed}");
    let targets =
        json(hookswitch().args(["targets", "list", "--admin", &admin, "--output", "json"]));
    assert!(targets.to_string().contains("\"circuit\":\"open\""), "{targets}");
    demo.signal(Signal::INT);
    assert_eq!(demo.ended().code(), Some(0));
}

/// The stand-in, as a process of its own.
struct Sink {
    process: Running,
    address: String,
}

fn sink(options: &[&str]) -> Sink {
    let mut command = hookswitch();
    command.args(["sink", "--listen", "127.0.0.1:0", "--output", "json"]).args(options);
    let mut process = Running::printing(&mut command);
    let address = process.address("listening").to_string();
    Sink { process, address }
}

impl Sink {
    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The next request.
    fn next(&mut self) -> Value {
        self.process.find("a request", |line| serde_json::from_str(line).ok())
    }
}

/// Acceptance criterion 3: nothing set but where Slack is, the project's own `curl`, a Slack that fails twice.
#[test]
fn a_slack_that_fails_gets_the_message_once_after_the_pause() {
    let folder = folder();
    let mut slack = sink(&["--status", "500,429,200", "--retry-after", "2"]);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let rules = fs::read_to_string(root.join("rules.example.yaml")).unwrap();
    let elsewhere = sink(&[]);
    let instance = Instance::start(folder.path(), &rules, |command| {
        command.env("SLACK_WEBHOOK_URL", slack.url("/slack"));
        command.env("CRM_URL", elsewhere.url("/crm"));
    });
    let body = fs::read(root.join("tests/fixtures/retell/seed_curl.json")).unwrap();
    let answer = instance.post(&body);
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
    let tries: Vec<Value> = (0..3).map(|_| slack.next()).collect();
    let statuses: Vec<_> = tries.iter().map(|request| request["status"].as_u64()).collect();
    assert_eq!(statuses, [Some(500), Some(429), Some(200)]);
    let at = |request: &Value| {
        humantime::parse_rfc3339(request["at"].as_str().unwrap()).expect("a time")
    };
    let pause = at(&tries[2]).duration_since(at(&tries[1])).expect("in order");
    assert!(pause.as_millis() >= 1_900, "Retry-After was not heeded: {pause:?}");
    let ids: Vec<_> = tries.iter().map(|request| &request["headers"]["webhook-id"]).collect();
    assert!(ids.iter().all(|id| *id == ids[0] && id.is_string()), "{ids:?}");
    // Delivered is the end: it was sent once in full.
    eventually("delivered", || {
        let events = json(&mut instance.command(&["events", "--output", "json"]));
        events.to_string().contains("\"delivered\"").then_some(())
    });
}

#[test]
fn a_first_configuration_is_good_and_never_replaced() {
    let folder = folder();
    let config = folder.path().join("rules.yaml");
    let with_keys = |words: &[&str]| {
        let mut command = hookswitch();
        command.args(words).arg(&config);
        command.env("RETELL_API_KEY", "key_0123456789abcdef");
        command.env("SLACK_WEBHOOK_URL", "https://hooks.slack.com/services/T000/B000/XXXX");
        command
    };
    let options = ["init", "--slack", "--http", "https://crm.example.com/h", "--agent", "agent_1"];
    let said = text(&mut with_keys(&options));
    assert!(said.contains("export RETELL_API_KEY=") && said.contains("hookswitch run"), "{said}");
    let checked = text(&mut with_keys(&["check", "--strict"]));
    assert!(checked.contains("good: 1 source, 3 rules, 2 targets"), "{checked}");
    let tested = text(&mut with_keys(&["test"]));
    assert!(tested.contains("2 tests, 2 passed"), "{tested}");

    let written = fs::read_to_string(&config).unwrap();
    let again = output(&mut with_keys(&["init"]));
    assert_eq!(again.status.code(), Some(73), "{}", lossy(&again.stderr));
    assert!(lossy(&again.stderr).contains("is there already"), "{}", lossy(&again.stderr));
    assert_eq!(fs::read_to_string(&config).unwrap(), written);
    let refused = output(hookswitch().args(["init", "-", "--http", "ftp://crm.example.com"]));
    assert_eq!((refused.status.code(), refused.stdout.len()), (Some(2), 0));
    assert!(lossy(&refused.stderr).contains("begins with https://"), "{}", lossy(&refused.stderr));
    let refused = output(hookswitch().args(["init", "-", "--slack", "--agent", ""]));
    assert_eq!((refused.status.code(), refused.stdout.len()), (Some(2), 0));
    let conf = folder.path().join("conf");
    let refused = output(hookswitch().arg("init").arg(conf.join("rules.yaml")));
    assert_eq!(refused.status.code(), Some(73));
    let advice = format!("mkdir -p {}", conf.display());
    assert!(lossy(&refused.stderr).contains(&advice), "{}", lossy(&refused.stderr));
    let printed = text(hookswitch().args(["init", "-"]));
    assert!(printed.contains("kind: slack") && !printed.contains("kind: http"), "{printed}");
}

/// The commands that `--help` lists, `help` itself left out.
fn commands() -> Vec<String> {
    let help = text(hookswitch().arg("--help"));
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let listed = listed.take_while(|line| !line.is_empty());
    let names: Vec<_> =
        listed.filter_map(|line| Some(line.split_whitespace().next()?.to_owned())).collect();
    assert!(names.len() > 15, "{help}");
    names.into_iter().filter(|name| name != "help").collect()
}

#[test]
fn completions_name_every_command_in_every_shell() {
    let commands = commands();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = text(hookswitch().args(["completions", shell]));
        for command in &commands {
            assert!(script.contains(command.as_str()), "{shell}: {command}");
        }
        assert!(script.contains("dead-letters") && script.contains("sign-env"), "{shell}");
    }
}

#[test]
fn bash_completes_commands_and_options() {
    let script = text(hookswitch().args(["completions", "bash"]));
    let completed = |words: &str, at: usize| {
        // What bash does at the tab key: the words in an array, then the command, the word, and the one before it.
        let ask = format!(
            "{script}\nCOMP_WORDS=({words}); COMP_CWORD={at}\n\
             _hookswitch hookswitch \"${{COMP_WORDS[{at}]}}\" \"${{COMP_WORDS[{at}-1]}}\"\n\
             printf '%s\\n' \"${{COMPREPLY[@]}}\""
        );
        let mut bash = Command::new("bash");
        text(bash.args(["--norc", "-c", &ask]))
    };
    assert_eq!(completed("hookswitch dead", 1), "dead-letters\n");
    assert_eq!(completed("hookswitch dead-letters re", 2), "retry\n");
    assert_eq!(completed("hookswitch test --js", 2), "\n");
    assert_eq!(completed("hookswitch test --output j", 3), "json\njunit\n");
    assert_eq!(completed("hookswitch send --sign-", 2), "--sign-env\n");
}

#[test]
fn every_command_has_a_manual_page() {
    let folder = folder();
    let pages = folder.path().join("share/man1");
    let write = || text(hookswitch().args(["man", "--dir"]).arg(&pages));
    assert_eq!((write(), write()), (String::new(), String::new()));
    let read = |name: &str| fs::read_to_string(pages.join(name)).expect(name);
    for command in commands() {
        let page = read(&format!("hookswitch-{command}.1"));
        let title = format!(".TH hookswitch-{command} 1");
        assert!(page.contains(&title) && page.contains(".SH NAME"), "{command}: {page}");
    }
    assert!(read("hookswitch-dead-letters-retry.1").contains("\\-\\-target"));
    let names = fs::read_dir(&pages).expect("it was made").map(|entry| entry.expect("a page"));
    let helps = names.filter(|entry| entry.file_name().to_string_lossy().contains("help")).count();
    assert_eq!(helps, 0, "pages of `help`, which says nothing of its own");
    let printed = text(hookswitch().arg("man"));
    assert!(printed.contains(".TH hookswitch 1") && printed.contains("Exit codes"), "{printed}");
}

#[test]
fn a_reader_that_goes_away_ends_a_command_quietly() {
    let mut child = hookswitch()
        .arg("schema")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!((output.status.code(), lossy(&output.stderr)), (Some(0), String::new()));
}

/// How a command ends whose output nobody reads.
fn unread(command: &mut Command) -> Option<i32> {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let child = command.stdout(writer).stderr(Stdio::piped()).spawn();
    let output = child.expect("the binary starts").wait_with_output().expect("it ends");
    assert_eq!(lossy(&output.stderr), "");
    output.status.code()
}

#[test]
fn a_verdict_does_not_depend_on_who_reads_it() {
    let folder = folder();
    let file = folder.path().join("rules.yaml");
    let good = rules(&nowhere());
    let test = |to: &str| {
        format!(
            "{good}tests: [{{ name: it, event: {{ event: call_ended }}, expect: {{ to: {to} }} }}]\n"
        )
    };
    for (text, check, tested) in
        [(test("crm"), 0, 0), (test("[]"), 0, 1), ("nonsense".to_owned(), 1, 1)]
    {
        let text = text.replace("to: []", "unrouted: true");
        fs::write(&file, text).unwrap();
        for form in ["text", "json", "github", "sarif"] {
            let code = unread(hookswitch().arg("check").arg(&file).args(["--output", form]));
            assert_eq!(code, Some(check), "check --output {form}");
        }
        for form in ["json", "junit"] {
            let code = unread(hookswitch().arg("test").arg(&file).args(["--output", form]));
            assert_eq!(code, Some(tested), "test --output {form}");
        }
    }
}

#[test]
fn programs_are_told_of_a_refused_file_in_their_form() {
    let folder = folder();
    let file = folder.path().join("rules.yaml");
    let instance = Instance::start(folder.path(), &rules(&nowhere()), |_| {});
    fs::write(&file, "version: 1\nsorces: {}\n").unwrap();
    let event = folder.path().join("event.json");
    fs::write(&event, STARTED).unwrap();
    let told = |command: &mut Command| {
        let output = output(command);
        assert_eq!(output.status.code(), Some(1), "{}", lossy(&output.stderr));
        output.stdout
    };
    let problems = |said: Vec<u8>| {
        let said: Value = serde_json::from_slice(&said).expect("JSON");
        let problems = said["problems"].as_array().expect("problems");
        assert!(problems.iter().any(|problem| problem["code"] == "HS101"), "{said}");
    };
    let json = ["--output", "json"];
    problems(told(hookswitch().arg("test").arg(&file).args(json)));
    let mut explain = hookswitch();
    explain.arg("explain").arg(&event).args(json).arg("--config").arg(&file);
    problems(told(&mut explain));
    problems(told(instance.command(&["reload"]).args(json)));
    let junit = told(hookswitch().arg("test").arg(&file).args(["--output", "junit"]));
    let junit = lossy(&junit);
    assert!(junit.contains(r#"tests="1" failures="0" errors="1""#), "{junit}");
    assert!(junit.contains("<error message=") && junit.ends_with("</testsuites>\n"), "{junit}");
}

#[test]
fn an_empty_variable_is_no_variable() {
    let folder = folder();
    let file = folder.path().join("rules.yaml");
    fs::write(&file, rules(&nowhere())).unwrap();
    let names =
        ["HOOKSWITCH_CONFIG", "HOOKSWITCH_ADMIN", "HOOKSWITCH_DATA_DIR", "HOOKSWITCH_ADMIN_TOKEN"];
    let mut check = hookswitch();
    check.arg("check").current_dir(folder.path()).envs(names.map(|name| (name, "")));
    assert!(text(&mut check).contains("rules.yaml: good"));

    let wrong = output(hookswitch().arg("status").env("HOOKSWITCH_ADMIN", "http://["));
    assert_eq!(wrong.status.code(), Some(2));
    assert!(lossy(&wrong.stderr).contains("the variable HOOKSWITCH_ADMIN is no address"));
}

#[test]
fn a_token_may_end_with_a_line_and_is_told_from_none() {
    let folder = folder();
    let text_of = format!("admin_token: token-of-at-least-twenty-two-signs\n{}", rules(&nowhere()));
    let instance = Instance::start(folder.path(), &text_of, |_| {});
    let status = |token: &str| {
        let mut command = instance.command(&["status"]);
        output(command.env("HOOKSWITCH_ADMIN_TOKEN", token))
    };
    assert_eq!(status("token-of-at-least-twenty-two-signs\n").status.code(), Some(0));
    let odd = status("token of two\nlines");
    assert_eq!(odd.status.code(), Some(2), "{}", lossy(&odd.stderr));
    assert!(lossy(&odd.stderr).contains("HOOKSWITCH_ADMIN_TOKEN holds no token"));
    assert!(!lossy(&odd.stderr).contains("of two"));
}

#[test]
fn a_misspelt_log_level_is_told_and_silences_nothing() {
    let folder = folder();
    let file = folder.path().join("rules.yaml");
    fs::write(&file, "version: 1\n").unwrap();
    let log = |level: &str| {
        let mut run = hookswitch();
        run.args(["--log-level", level, "run", "--config"]).arg(&file);
        lossy(&output(&mut run).stderr)
    };
    assert!(log("wran").contains("the log filter is broken"), "{}", log("wran"));
    assert!(!log("warning").contains("broken"));
}

#[test]
fn a_stored_event_is_not_explained_by_a_file() {
    let id = "0197f0a2-6b1c-7c3e-9f00-1d2c3b4a5968";
    let refused = output(hookswitch().args(["explain", id, "--config", "new.yaml"]));
    assert_eq!(refused.status.code(), Some(2));
    assert!(lossy(&refused.stderr).contains("check FILE --against"), "{}", lossy(&refused.stderr));
}

#[test]
fn a_key_in_place_of_its_name_is_not_repeated() {
    let folder = folder();
    let event = folder.path().join("event.json");
    fs::write(&event, STARTED).unwrap();
    let send = |name: &str| {
        let output = output(hookswitch().arg("send").arg(&event).args(["--sign-env", name]));
        assert_eq!(output.status.code(), Some(2));
        lossy(&output.stderr)
    };
    assert!(send("NO_SUCH_KEY").contains("NO_SUCH_KEY"));
    let said = send("key_0123456789abcdef");
    assert!(said.contains("is not set") && !said.contains("0123"), "{said}");
}

#[test]
fn an_output_that_is_full_is_told() {
    let full = fs::OpenOptions::new().write(true).open("/dev/full");
    // Only Linux has it.
    let Ok(full) = full else { return };
    let child = hookswitch().arg("schema").stdout(full).stderr(Stdio::piped()).spawn();
    let output = child.expect("the binary starts").wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(74), "{}", lossy(&output.stderr));
}

#[test]
fn health_is_found_even_behind_a_broken_file() {
    let folder = folder();
    let instance = Instance::start(folder.path(), &rules(&nowhere()), |_| {});
    let config = folder.path().join("rules.yaml");
    for broken in ["", "nonsense: [\n"] {
        let listen = instance.listen;
        fs::write(&config, format!("version: 1\nlisten: {listen} # here\n{broken}")).unwrap();
        let mut command = hookswitch();
        command.args(["healthcheck", "--config"]).arg(&config);
        assert_eq!(text(&mut command), "alive\n");
    }
    let url = format!("http://{}", instance.listen);
    assert_eq!(text(hookswitch().args(["healthcheck", "--ready", "--url", &url])), "ready\n");
    drop(instance);
    let output = output(hookswitch().args(["healthcheck", "--url", &url]));
    assert_eq!(output.status.code(), Some(1), "{}", lossy(&output.stderr));
}

/// One event refused for good, looked at, retried, replayed; its target paused and resumed: all by commands.
#[test]
fn a_running_instance_is_asked_and_told() {
    let folder = folder();
    let mut crm = sink(&["--status", "400,200"]);
    let instance = Instance::start(folder.path(), &rules(&crm.url("/crm")), |_| {});
    let id = posted(&instance);
    assert_eq!(crm.next()["status"], 400);
    let letters = eventually("a dead letter", || {
        let listed = json(&mut instance.command(&["dead-letters", "list", "-o", "json"]));
        (listed["dead_letters"].as_array()?.len() == 1).then_some(listed)
    });
    assert_eq!(letters["dead_letters"][0]["reason"], "rejected");
    assert_eq!(letters["dead_letters"][0]["event_id"], Value::String(id.clone()));
    let listed = text(&mut instance.command(&["events", "--state", "dead"]));
    assert!(listed.contains(&id) && listed.contains("✗ crm"), "{listed}");
    let one = text(&mut instance.command(&["events", &id]));
    for word in ["call_started", "everything", "crm", "rejected", "400"] {
        assert!(one.contains(word), "{word}:\n{one}");
    }

    let retried = text(&mut instance.command(&["dead-letters", "retry", "--target", "crm"]));
    assert_eq!(retried, "1 dead letter due again\n");
    let second = crm.next();
    assert_eq!(second["status"], 200);
    assert_eq!(second["headers"]["webhook-id"], Value::String(id.clone()));

    let replayed = text(&mut instance.command(&["replay", &id, "--to", "crm"]));
    assert!(replayed.starts_with("1 delivery made"), "{replayed}");
    assert_eq!(crm.next()["headers"]["x-hookswitch-replay"], "true");

    let paused = text(&mut instance.command(&["targets", "pause", "crm"]));
    assert!(paused.contains("paused"), "{paused}");
    text(&mut instance.command(&["replay", &id, "--original"]));
    let waits = json(&mut instance.command(&["targets", "list", "-o", "json"]));
    assert_eq!(waits["targets"][0]["pending"], 1, "{waits}");
    text(&mut instance.command(&["targets", "resume", "crm"]));
    assert_eq!(crm.next()["headers"]["webhook-id"], Value::String(id));

    let status = json(&mut instance.command(&["status", "-o", "json"]));
    assert_eq!(status["ready"], true, "{status}");
    let unknown = output(&mut instance.command(&["targets", "pause", "crmm"]));
    assert_eq!(unknown.status.code(), Some(1));
    assert!(lossy(&unknown.stderr).contains("crm"), "{}", lossy(&unknown.stderr));
}

/// What selects nothing is told, and advice is given in the words of the command.
#[test]
fn what_was_asked_in_vain_is_told() {
    let folder = folder();
    let config = rules(&nowhere()).replace("to: [crm]", "when: { event: call_ended }, to: [crm]");
    let instance = Instance::start(folder.path(), &config, |_| {});
    let id = posted(&instance);
    let refused = |words: &[&str]| {
        let output = output(&mut instance.command(words));
        assert_eq!(output.status.code(), Some(1), "{words:?}: {}", lossy(&output.stderr));
        lossy(&output.stdout) + &lossy(&output.stderr)
    };
    let told = refused(&["dead-letters", "retry", "424242"]);
    assert_eq!(told, "0 dead letters due again; 1 of the ids is no dead letter\n");
    let told = refused(&["dead-letters", "drop", "7", "8"]);
    assert_eq!(told, "0 dead letters dropped; 2 of the ids are no dead letters\n");
    for verb in ["retry", "drop"] {
        let told = refused(&["dead-letters", verb, "--target", "nope"]);
        assert!(told.contains("there is no target \"nope\"; there are: crm"), "{told}");
    }
    for name in ["call", "event", "agent", "target", "rule", "state", "text", "since", "cursor"] {
        let told = refused(&["events", &format!("--{name}"), ""]);
        assert!(told.contains(&format!("`{name}` is empty")), "{told}");
    }
    assert!(refused(&["dead-letters", "list", "--reason", ""]).contains("`reason` is empty"));

    let told = refused(&["replay", &id]);
    assert!(told.contains("name a target with `--to`"), "{told}");
    let told = refused(&["replay", &id, "--original"]);
    assert!(
        told.contains("replay it without `--original`, or name a target with `--to`"),
        "{told}"
    );
}

/// The rules change after an event arrived: it is explained by those that routed it, unless one asks for the others.
#[test]
fn a_stored_event_is_explained_by_command() {
    let folder = folder();
    let good = rules(&nowhere());
    let instance = Instance::start(folder.path(), &good, |_| {});
    let id = posted(&instance);
    let changed = good.replace("name: everything", "name: ended, when: { event: call_ended }");
    fs::write(folder.path().join("rules.yaml"), changed).unwrap();
    text(&mut instance.command(&["reload"]));
    let then = text(&mut instance.command(&["explain", &id]));
    assert!(then.starts_with("By revision 1 (") && then.contains("✓ everything"), "{then}");
    let now = text(&mut instance.command(&["explain", &id, "--revision", "running"]));
    assert!(now.contains("By revision 2 (") && now.contains("✗ ended (to crm) [line 4]"), "{now}");
    let told = json(&mut instance.command(&["explain", &id, "-o", "json"]));
    assert_eq!((&told["routed_by"], &told["disposition"]), (&1.into(), &"routed".into()));

    let with_query = output(&mut instance.command(&["explain", &id, "--query", "a=1"]));
    assert_eq!(with_query.status.code(), Some(2), "{}", lossy(&with_query.stderr));
    let nobody =
        output(&mut instance.command(&["explain", "0197f0a2-6b1c-7c3e-9f00-1d2c3b4a5968"]));
    assert_eq!(nobody.status.code(), Some(1), "{}", lossy(&nobody.stderr));
    assert!(lossy(&nobody.stderr).contains("no such event"), "{}", lossy(&nobody.stderr));
}

/// An event that arrived becomes a test: without what lets somebody in, at the end of a file that is else as it was.
#[test]
fn a_stored_event_becomes_a_test() {
    let folder = folder();
    let good = format!("# ours\n{}# the end\n", rules(&nowhere()));
    let instance = Instance::start(folder.path(), &good, |_| {});
    let config = folder.path().join("rules.yaml");
    let event =
        r#"{"event":"call_started","call":{"call_id":"c1","access_token":"canary","n":1.50}}"#;
    assert!(instance.post(event.as_bytes()).starts_with("HTTP/1.1 204"));
    let listed = json(&mut instance.command(&["events", "-o", "json"]));
    let id = listed["events"][0]["id"].as_str().unwrap();

    let save = |name: &str, more: &[&str]| {
        let mut command = instance.command(&["test", "--save", id, "--name", name]);
        command.args(more).arg(&config);
        command
    };
    let told = text(&mut save("a call: started, \"${x}\"", &[]));
    assert!(told.contains("removed $.call.access_token") && told.contains("added to "), "{told}");
    let fixture = fs::read_to_string(folder.path().join("fixtures/a-call-started-x.json")).unwrap();
    assert!(!fixture.contains("canary") && fixture.contains("\"n\": 1.50"), "{fixture}");
    let written = fs::read_to_string(&config).unwrap();
    assert!(written.starts_with(&good) && written.contains("\ntests:\n  - name: "), "{written}");
    assert!(written.ends_with("    to: [crm]\n      rules: [everything]\n"), "{written}");
    let ran = text(hookswitch().arg("test").arg(&config));
    assert!(ran.contains("1 test, 1 passed") && ran.contains("a call: started, \"${x}\""), "{ran}");

    let again = output(&mut save("a call: started, \"${x}\"", &[]));
    assert_eq!(again.status.code(), Some(2), "{}", lossy(&again.stderr));
    let printed = text(&mut save("A call started x", &["--print"]));
    assert!(printed.contains("it is already in fixtures/a-call-started-x.json"), "{printed}");
    assert!(printed.contains("add this to `tests`") && !printed.contains("not added"), "{printed}");
    assert_eq!(fs::read_to_string(&config).unwrap(), written);
    let after_print = text(&mut save("A call started x", &[]));
    assert!(after_print.contains("\nadded to "), "{after_print}");

    fs::write(&config, format!("{written}fallback: [crm]\n")).unwrap();
    let not_last = text(&mut save("a third", &[]));
    assert!(not_last.contains("`tests` is not the last key"), "{not_last}");
    assert!(not_last.contains("add this to `tests`"), "{not_last}");
    assert!(folder.path().join("fixtures/a-third.json").exists());
    fs::write(&config, format!("{good}tests: []\n")).unwrap();
    let flow = text(&mut save("a fourth", &[]));
    assert!(flow.contains("`tests` is written in brackets"), "{flow}");
    let fitting = flow.lines().find(|line| line.starts_with("  { \"name\": ")).expect("an entry");
    fs::write(&config, format!("{good}tests: [\n{fitting}\n  ]\n")).unwrap();
    assert!(text(hookswitch().arg("test").arg(&config)).contains("1 test, 1 passed"));

    fs::write(&config, &good).unwrap();
    let mode = |mode| fs::set_permissions(&config, fs::Permissions::from_mode(mode)).unwrap();
    mode(0o444);
    let protected = output(&mut save("a fifth", &[]));
    let (entry, why) = (lossy(&protected.stdout), lossy(&protected.stderr));
    assert_eq!(protected.status.code(), Some(73), "{why}");
    assert!(entry.contains("\ntests:\n  - name: a fifth\n"), "{entry}");
    assert!(why.contains("rules.yaml: it is protected from writing"), "{why}");
    assert_eq!(fs::read_to_string(&config).unwrap(), good);
    mode(0o644);
    let alone = output(hookswitch().args(["test", "--save", id]).arg(&config));
    assert_eq!(alone.status.code(), Some(2), "{}", lossy(&alone.stderr));
}

#[test]
fn a_file_is_compared_with_what_runs() {
    let folder = folder();
    let instance = Instance::start(folder.path(), &rules(&nowhere()), |_| {});
    assert!(instance.post(STARTED).starts_with("HTTP/1.1 204"));
    let new = folder.path().join("new.yaml");
    let write = |to: &str| {
        let target = "targets: { next: { kind: log },";
        let text = rules(&nowhere()).replace("targets: {", target);
        fs::write(&new, text.replace("to: [crm]", &format!("to: [{to}]"))).unwrap();
    };
    let address = format!("http://{}", instance.admin);
    let against = |address: &str| {
        let mut command = hookswitch();
        command.arg("check").arg(&new).args(["--against", address]);
        command
    };
    write("crm, next");
    let said = text(&mut against(&address));
    assert!(
        said.contains("new.yaml: good: 1 source, 1 rule, 2 targets\n\nagainst revision 1 ("),
        "{said}"
    );
    assert!(said.contains(": 1 event since "), "{said}");
    assert!(said.contains("\n1 event would differ: +1 next\n"), "{said}");
    assert!(said.contains("  call_started  ") && said.contains("  +next\n"), "{said}");
    let told = json(against(&address).args(["--output", "json", "--since", "1h"]));
    assert_eq!((&told["against"], &told["differing_total"]), (&address.as_str().into(), &1.into()));
    assert_eq!(told["differing"][0]["gains"][0], "next");
    assert_eq!(told["rules"][0]["deliveries"]["new"], 2);

    let slow = fs::read_to_string(&new).unwrap().replace("kind: log }", "kind: log, rate: 1/24h }");
    fs::write(&new, slow).unwrap();
    assert!(instance.post(br#"{"event":"call_ended"}"#).starts_with("HTTP/1.1 204"));
    let said = text(&mut against(&address));
    let warning = " HS316 targets.next.rate: in the hour from ";
    assert!(said.contains("\nWarning: ") && said.contains(warning), "{said}");
    assert!(said.contains(" it would get 2 deliveries, and 1/24h lets 1 through (raise"), "{said}");
    let strict = output(against(&address).args(["--strict", "--output", "json"]));
    assert_eq!(strict.status.code(), Some(1));
    let told: Value = serde_json::from_slice(&strict.stdout).unwrap();
    assert_eq!(
        (&told["warnings"][0]["code"], &told["differing_total"]),
        (&"HS316".into(), &2.into())
    );
    let status = json(&mut instance.command(&["status", "--output", "json"]));
    assert_eq!(status["configuration"]["revision"]["number"], 1, "nothing was published");

    write("nowhere");
    let refused = output(against("http://127.0.0.1:1").args(["--output", "json"]));
    assert_eq!(refused.status.code(), Some(1), "a broken file asks nobody");
    let report: Value = serde_json::from_slice(&refused.stdout).unwrap();
    assert_eq!(report["errors"], 1);

    write("next");
    let unreachable = output(&mut against(&nowhere()));
    assert_eq!(unreachable.status.code(), Some(69), "{}", lossy(&unreachable.stderr));
    assert!(lossy(&unreachable.stderr).contains("--against chooses another"));
    let elsewhere = output(&mut against(&format!("http://{}", instance.listen)));
    assert_eq!(elsewhere.status.code(), Some(69), "{}", lossy(&elsewhere.stderr));
    let odd = output(against(&address).args(["--since", "yesterday"]));
    assert_eq!(odd.status.code(), Some(1));
    assert!(lossy(&odd.stderr).contains("since is a time"), "{}", lossy(&odd.stderr));
}

#[test]
fn a_rule_that_only_watches_is_seen_and_sends_nothing() {
    let folder = folder();
    let watching = "rules: [{ name: trial, mode: shadow, to: [next], stop: true }, ";
    let rules = rules(&nowhere()).replace("rules: [", watching);
    let rules = rules.replace("targets: {", "targets: { next: { kind: log },");
    let instance = Instance::start(folder.path(), &rules, |_| {});
    assert!(instance.post(STARTED).starts_with("HTTP/1.1 204"));
    let listed = json(&mut instance.command(&["events", "-o", "json"]));
    let event = &listed["events"][0];
    assert_eq!((&event["shadow"][0], &event["rules"][0]), (&"trial".into(), &"everything".into()));
    assert_eq!(event["deliveries"].as_array().map(Vec::len), Some(1), "{event}");
    let told = text(&mut instance.command(&["explain", event["id"].as_str().unwrap()]));
    assert!(told.contains("\nGoes to crm\nRules in shadow would send it to next\n"), "{told}");
    assert!(told.contains("✓ trial (in shadow: to next, then stop)"), "{told}");
    assert!(!told.contains("Note: on arrival"), "{told}");
    let metrics = get(instance.admin, "/metrics");
    let series = "\nhookswitch_rule_shadow_matches_total{rule=\"trial\"} 1\n";
    assert!(metrics.contains(series), "{metrics}");

    let id = event["id"].as_str().unwrap();
    let mut save = instance.command(&["test", "--save", id, "--name", "it"]);
    text(save.arg(folder.path().join("rules.yaml")));
    let written = fs::read_to_string(folder.path().join("rules.yaml")).unwrap();
    assert!(written.ends_with("      rules: [everything]\n      shadow: [trial]\n"), "{written}");
    let ran = text(hookswitch().arg("test").arg(folder.path().join("rules.yaml")));
    assert!(ran.contains("1 test, 1 passed") && !ran.contains("no test exercises"), "{ran}");
}

#[test]
fn events_are_followed_through_a_restart() {
    let folder = folder();
    let mut instance = Instance::start(folder.path(), &rules(&nowhere()), |_| {});
    let arrive = |instance: &Instance, name: &str, call: &str| {
        let event = format!(r#"{{"event":"{name}","call":{{"call_id":"{call}"}}}}"#);
        assert!(instance.post(event.as_bytes()).starts_with("HTTP/1.1 204"));
    };
    arrive(&instance, "call_ended", "before");
    let words = ["events", "--follow", "--event", "call_ended"];
    let mut follower = Running::printing(&mut instance.command(&words));
    let mut programs = Running::printing(&mut instance.command(&["events", "-f", "-o", "json"]));
    let shown = |follower: &mut Running, call: &str| {
        follower.find(call, |line| line.contains(call).then(|| line.to_owned()))
    };
    // What was listed shows that the stream is open.
    let line = shown(&mut follower, "before");
    assert!(line.contains("Z  call_ended       before  routed to crm  0"), "{line}");
    shown(&mut programs, "before");
    arrive(&instance, "call_started", "another");
    arrive(&instance, "call_ended", "during");
    shown(&mut follower, "during");
    let line = shown(&mut programs, "during");
    let told: Value = serde_json::from_str(&line).expect("one event is one line of JSON");
    assert_eq!((&told["call"], &told["state"]), (&"during".into(), &"routed".into()));

    instance.process.signal(Signal::TERM);
    assert!(instance.process.ended().success(), "{}", instance.process.said());
    let instance = instance.again(folder.path());
    arrive(&instance, "call_ended", "after");
    for follower in [&mut follower, &mut programs] {
        shown(follower, "after");
        follower.signal(Signal::INT);
        assert!(follower.ended().success());
        for call in ["before", "during", "after"] {
            assert_eq!(follower.said().matches(call).count(), 1, "{}", follower.said());
        }
    }
    assert!(!follower.said().contains("call_started"), "{}", follower.said());
}

/// The same event again, with its body and with another one: the second is stored under its own id, and goes nowhere.
#[test]
fn a_repeat_and_a_revision_are_told_apart() {
    let folder = folder();
    let instance = Instance::start(folder.path(), &rules(&nowhere()), |_| {});
    let id = posted(&instance);
    let (started, revised) = (folder.path().join("started.json"), folder.path().join("new.json"));
    fs::write(&started, STARTED).expect("a file can be written");
    let other = lossy(STARTED).replacen('{', "{\"more\": 1, ", 1);
    fs::write(&revised, other).expect("a file can be written");
    let url = format!("http://{}/webhook", instance.listen);
    let send = |file: &Path, more: &[&str]| {
        let mut command = hookswitch();
        command.arg("send").arg(file).args(["--to", &url]).args(more);
        command
    };
    let repeat = json(&mut send(&started, &["-o", "json"]));
    assert_eq!(repeat["event_id"], Value::String(id.clone()));
    assert_eq!((&repeat["duplicate"], &repeat["revised"]), (&Value::Bool(true), &false.into()));
    let told = text(&mut send(&started, &[]));
    assert!(told.contains(&format!("a repeat of {id}")), "{told}");

    let told = text(&mut send(&revised, &[]));
    assert!(told.contains("another body, so it goes nowhere"), "{told}");
    let listed = json(&mut instance.command(&["events", "--state", "revised", "-o", "json"]));
    let own = listed["events"][0]["id"].as_str().expect("it is listed");
    assert!(own != id && told.contains(&format!("`hookswitch replay {own}`")), "{told}");
    fs::write(&revised, lossy(STARTED).replacen('{', "{\"more\": 2, ", 1)).expect("it is there");
    let revision = json(&mut send(&revised, &["-o", "json"]));
    assert_eq!((&revision["duplicate"], &revision["revised"]), (&false.into(), &true.into()));
}

/// Posts an event and returns its id.
fn posted(instance: &Instance) -> String {
    let event = folder();
    let file = event.path().join("event.json");
    fs::write(&file, STARTED).expect("a file can be written");
    let url = format!("http://{}/webhook", instance.listen);
    let path = file.to_str().expect("a path is text");
    let sent = json(hookswitch().args(["send", path, "--to", &url, "-o", "json"]));
    assert_eq!(sent["status"], 204, "{sent}");
    sent["event_id"].as_str().expect("it has an id").to_owned()
}

#[test]
fn a_broken_edit_changes_nothing_and_says_why() {
    let folder = folder();
    let good = rules(&nowhere());
    let instance = Instance::start(folder.path(), &good, |_| {});
    let config = folder.path().join("rules.yaml");
    fs::write(&config, good.replace("[crm]", "[crmm]")).unwrap();
    let broken = output(&mut instance.command(&["reload"]));
    let said = lossy(&broken.stderr);
    assert_eq!(broken.status.code(), Some(1), "{said}");
    assert!(said.contains("rules.yaml:4:") && said.contains("did you mean `crm`"), "{said}");
    let status = text(&mut instance.command(&["status"]));
    assert!(status.contains("file refused") && status.contains("crmm"), "{status}");
    posted(&instance);
    fs::write(&config, good.replace("everything", "all of it")).unwrap();
    text(&mut instance.command(&["reload"]));
    let status = json(&mut instance.command(&["status", "-o", "json"]));
    assert_eq!(status["configuration"]["revision"]["number"], 2, "{status}");
    assert!(status["configuration"].get("refused").is_none(), "{status}");
}

#[test]
fn sighup_reads_the_configuration_again() {
    let folder = folder();
    let mut instance = Instance::start(folder.path(), &rules(&nowhere()), |_| {});
    instance.process.signal(Signal::HUP);
    instance.process.find("what came of it", |line| line.contains("is unchanged").then_some(()));
    posted(&instance);
}

#[test]
fn a_token_is_asked_for() {
    let folder = folder();
    let rules = format!("{}admin_token: a-token-of-ours-1\n", rules(&nowhere()));
    let instance = Instance::start(folder.path(), &rules, |_| {});
    let without = output(&mut instance.command(&["status"]));
    assert_eq!(without.status.code(), Some(1));
    assert!(lossy(&without.stderr).contains("HOOKSWITCH_ADMIN_TOKEN"));
    let mut with = instance.command(&["status"]);
    text(with.env("HOOKSWITCH_ADMIN_TOKEN", "a-token-of-ours-1"));
}

#[test]
fn the_wrong_listener_is_told() {
    let folder = folder();
    let instance = Instance::start(folder.path(), &rules(&nowhere()), |_| {});
    let mut command = hookswitch();
    command.args(["status", "--admin", &instance.listen.to_string()]);
    let output = output(&mut command);
    assert_eq!(output.status.code(), Some(69), "{}", lossy(&output.stderr));
    assert!(lossy(&output.stderr).contains("--admin"), "{}", lossy(&output.stderr));
}
