use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::prove::prove_until;
use super::*;
use crate::config::{Level, MapEnvironment, Overrides, Problem, Problems, load_text};

const RULES: &str = r#"version: 1
sources:
  retell: { path: /webhook, verify: none }
  second: { path: /second, verify: none }
targets:
  crm:
    kind: http
    url: https://crm.example.com/canary/{{ call.call_id }}
    headers: { authorization: Bearer canary }
    body: { id: "{{ call.call_id }}", minutes: "{{ (call.duration_ms / 60000) | round(1) }}", at: "{{ received_at }}" }
  slack: { kind: slack, url: https://hooks.slack.com/services/canary, text: "{{ event }}" }
  log: { kind: log }
rules:
  - { name: turns, when: { event: transcript_updated }, ignore: true }
  - { name: vip, when: { query: { tag: vip } }, to: [log] }
  - { name: ended, when: { event: call_ended }, to: [crm] }
  - { name: unhappy, when: { fields: { $.call.mood: bad }, header: { x-region: eu } }, to: [slack] }
  - { name: elsewhere, when: { source: second }, to: [log] }
  - { name: off, enabled: false, to: [log] }
  - { name: trial, mode: shadow, when: { event: call_ended }, to: [slack] }
tests:
"#;

const EVENT: &str = "{ event: call_ended, call: { call_id: call_1, duration_ms: 90000 } }";

fn loaded(folder: &Path, tests: &str) -> Snapshot {
    let text = format!("{RULES}{tests}");
    let environment = MapEnvironment::default();
    load_text(&text, &folder.join("rules.yaml"), &environment, &Overrides::default())
        .unwrap_or_else(|problems| panic!("{problems}"))
}

/// What differs in a test of [`EVENT`] that goes on as `rest` says, a difference a line.
fn differs(rest: &str) -> String {
    let snapshot = loaded(Path::new(""), &format!("  - {{ name: it, event: {EVENT}, {rest} }}\n"));
    let report = run(&snapshot, &snapshot.trials, None);
    let lines = report.verdicts[0].iter().map(Difference::full);
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn what_is_as_expected_passes() {
    for rest in [
        "expect: { to: crm }",
        "expect: { to: [crm], rules: [ended] }",
        "expect: { rules: ended }",
        "expect: { to: crm, rules: ended, shadow: trial }",
        "change: { $.event: other }, expect: { unrouted: true, shadow: [] }",
        "change: { $.event: transcript_updated }, expect: { ignored: true, rules: [turns] }",
        "change: { $.event: other }, expect: { unrouted: true }",
        "remove: [$.event], expect: { unrouted: true }",
        "query: tag=%76ip&x=1, expect: { to: [log, crm] }",
        "headers: { X-Region: eu }, change: { $.call.mood: bad }, expect: { to: [crm, slack] }",
        "source: second, expect: { rules: [elsewhere, ended] }",
        "change: { \"$.new.deep[0].x\": [1] }, expect: { to: crm }",
        "expect: { sends: { crm: { method: POST, url: https://crm.example.com/canary/call_1 } } }",
        "expect: { sends: { crm: { headers: { Authorization: Bearer canary, x-hookswitch-attempt: 1 } } } }",
        "expect: { sends: { crm: { body: { minutes: 1.50, at: \"2026-01-01T00:00:00.000Z\" } } } }",
    ] {
        assert_eq!(differs(rest), "", "{rest}");
    }
}

#[test]
fn what_is_not_is_told_with_what_was_found() {
    for (rest, told) in [
        ("expect: { to: [slack, log] }", "to: expected slack, log, found crm"),
        ("expect: { rules: [] }", "rules: expected none, found ended"),
        ("expect: { rules: [ended, trial] }", "rules: expected ended, trial, found ended"),
        ("expect: { shadow: [] }", "shadow: expected none, found trial"),
        ("expect: { unrouted: true }", "unrouted: expected it to go nowhere, found it goes to crm"),
        (
            "change: { $.event: x }, expect: { to: crm }",
            "to: expected crm, found nobody: it is unrouted",
        ),
        (
            "expect: { sends: { slack: { method: POST } } }",
            "sends.slack: expected a request, found none: the event does not go there",
        ),
        (
            "expect: { sends: { crm: { method: PUT, url: https://crm.example.com/x } } }",
            "sends.crm.method: expected PUT, found POST\nsends.crm.url: expected the address in the file, found another one at \
             https://crm.example.com (of addresses only the host is shown)",
        ),
        (
            "expect: { sends: { crm: { headers: { authorization: x, x-no: x } } } }",
            "sends.crm.headers.authorization: expected the value in the file, found another value (***)\n\
             sends.crm.headers.x-no: expected the value in the file, found missing",
        ),
        (
            "expect: { sends: { crm: { body: { id: 1, minutes: [1], none: null } } } }",
            "sends.crm.body.id: expected 1, found \"call_1\"\nsends.crm.body.minutes: expected [1], found 1.5\n\
             sends.crm.body.none: expected null, found missing",
        ),
        ("change: { $.call: 5 }, expect: { to: crm }, remove: [$.call.x]", ""),
        (
            "change: { $.event.x: 5 }, expect: { to: crm }",
            "event: expected one that rules can look at, found $.event.x cannot be changed: something on the way to it is there \
             and no object",
        ),
        (
            "change: { $.call: 5 }, expect: { sends: { crm: { method: POST } } }",
            "sends.crm: expected a request, found none: template: url: undefined on this event; where it may be missing, write \
             `| default(…)`, `is defined` or `dig` (at `call.call_id`)",
        ),
    ] {
        assert_eq!(differs(rest), told, "{rest}");
    }
}

#[test]
fn what_may_be_logged_holds_no_value_of_an_event() {
    let rest = "change: { $.call.call_id: canary }, expect: { to: log, sends: { crm: { body: { id: 1 } } } }";
    let text = format!("  - {{ name: it, event: {EVENT}, {rest} }}\n");
    let proven = prove(loaded(Path::new(""), &text)).expect("tests are not required");
    let of_tests = |problem: &&Problem| problem.path.starts_with("tests");
    let problems: Vec<_> = proven.warnings.list.iter().filter(of_tests).collect();
    let [problem] = *problems else { panic!("{}", proven.warnings) };
    assert_eq!((problem.level, problem.path.as_str()), (Level::Warning, "tests[0]"));
    assert_eq!(
        problem.text,
        "the test \"it\" fails: to: expected log, found crm; sends.crm.body.id: found another value than expected"
    );
    assert_eq!(proven.warnings.place(problem), Some((22, 13)));
    assert!(proven.trials.is_empty(), "what runs for long has no use for them");
}

fn required(folder: &Path, tests: &str) -> Result<Snapshot, Problems> {
    prove(loaded(folder, &format!("{tests}reload: {{ require_tests: true }}\n")))
}

#[test]
fn tests_that_are_required_refuse_the_file() {
    let test = |name: &str, to: &str| {
        format!("  - {{ name: {name}, event: {EVENT}, expect: {{ to: {to} }} }}\n")
    };
    let good = required(Path::new(""), &test("good", "crm")).expect("it passes");
    assert!(good.warnings.list.iter().all(|problem| !problem.path.starts_with("tests")));
    let problems = required(Path::new(""), &(test("good", "crm") + &test("bad", "log")))
        .expect_err("one fails");
    let errors: Vec<_> = problems.list.iter().filter(|p| p.level == Level::Error).collect();
    assert_eq!(errors.iter().map(|p| p.path.as_str()).collect::<Vec<_>>(), ["tests[1]"]);
    assert!(problems.to_string().contains("name: bad"), "{problems}");
    let many: String = (0..150).map(|number| test(&format!("t{number}"), "log")).collect();
    let problems = required(Path::new(""), &many).expect_err("all fail");
    assert!(problems.to_string().contains("and 50 more tests fail"), "{problems}");
}

#[test]
fn tests_end_when_their_time_is_up() {
    let tests = format!("  - {{ name: it, event: {EVENT}, expect: {{ to: crm }} }}\n");
    let proven = prove_until(loaded(Path::new(""), &tests), Instant::now()).expect("a warning");
    let told = proven.warnings.to_string();
    assert!(told.contains("were not run (1 of 1)"), "{told}");
    let required = format!("{tests}reload: {{ require_tests: true }}\n");
    assert!(prove_until(loaded(Path::new(""), &required), Instant::now()).is_err());
}

#[test]
fn rules_that_no_test_exercises_are_named() {
    let tests = format!(
        "  - {{ name: a, event: {EVENT}, expect: {{ to: crm }} }}\n  - {{ name: b, event: {{ event: transcript_updated }}, expect: {{ ignored: true }} }}\n"
    );
    let snapshot = loaded(Path::new(""), &tests);
    let report = run(&snapshot, &snapshot.trials, None);
    let names: Vec<_> =
        report.unexercised(&snapshot).iter().map(|rule| rule.name.as_str()).collect();
    assert_eq!(names, ["vip", "unhappy", "elsewhere"], "one that is taken out is not asked for");
}

/// A folder for the configuration, with an event in it, one beside it, and links to both.
fn desk() -> (TempDir, std::path::PathBuf) {
    let around = TempDir::new().unwrap();
    let folder = around.path().join("config");
    fs::create_dir_all(folder.join("fixtures")).unwrap();
    fs::write(folder.join("fixtures/ended.json"), r#"{"event":"call_ended"}"#).unwrap();
    fs::write(folder.join("half.json"), "{").unwrap();
    fs::write(folder.join("large.json"), vec![b' '; (1 << 20) + 1]).unwrap();
    fs::write(around.path().join("secret.json"), r#"{"event":"call_ended"}"#).unwrap();
    std::os::unix::fs::symlink("fixtures/ended.json", folder.join("inside.json")).unwrap();
    std::os::unix::fs::symlink("../secret.json", folder.join("outside.json")).unwrap();
    std::os::unix::fs::symlink("..", folder.join("up")).unwrap();
    (around, folder)
}

#[test]
fn events_are_read_from_the_folder_of_the_file_and_from_nowhere_else() {
    let (around, folder) = desk();
    let absolute = around.path().join("secret.json").display().to_string();
    for (path, why) in [
        ("fixtures/ended.json", ""),
        ("./inside.json", ""),
        ("outside.json", "leads out of the folder"),
        ("up/secret.json", "leads out of the folder"),
        ("../secret.json", "is not in the folder"),
        (&*absolute, "is not in the folder"),
        ("none.json", "cannot be read"),
        ("fixtures", "is not a regular file"),
        ("half.json", "not JSON"),
        ("large.json", "is longer than"),
    ] {
        let test = format!("  - {{ name: it, event: {path:?}, expect: {{ to: crm }} }}\n");
        let snapshot = loaded(&folder, &test);
        let verdict = run(&snapshot, &snapshot.trials, None).verdicts.pop().expect("it ran");
        let found = verdict.first().map_or("", |difference| difference.found.as_str());
        assert_eq!(found.is_empty(), why.is_empty(), "{path}: {found}");
        assert!(found.contains(why), "{path}: {found}");
        let now =
            crate::config::Inputs::hash_now(&folder.join("rules.yaml"), &snapshot.inputs.files);
        fs::write(folder.join("rules.yaml"), &*snapshot.text).unwrap();
        let written =
            crate::config::Inputs::hash_now(&folder.join("rules.yaml"), &snapshot.inputs.files);
        assert_eq!(written, snapshot.inputs.hash, "{path}: a reload would see a change for ever");
        assert_ne!(now, snapshot.inputs.hash);
        fs::remove_file(folder.join("rules.yaml")).unwrap();
    }
}

#[test]
fn a_changed_event_is_a_change_of_the_configuration() {
    let (_around, folder) = desk();
    let tests = "  - { name: it, event: fixtures/ended.json, expect: { to: crm } }\n";
    let before = loaded(&folder, tests).inputs;
    fs::write(folder.join("fixtures/ended.json"), "{}").unwrap();
    let after = loaded(&folder, tests).inputs;
    assert_eq!((before.files.len(), &before.files), (1, &after.files));
    assert_ne!(before.hash, after.hash);
}

/// Ten thousand tests of one file share its bytes.
#[test]
fn many_tests_are_one_load() {
    let (_around, folder) = desk();
    let test = |number: usize| {
        format!(
            "  - {{ name: t{number}, event: fixtures/ended.json, change: {{ $.n: {number} }}, expect: {{ to: crm }} }}\n"
        )
    };
    let tests: String = (0..10_000).map(test).collect();
    let snapshot = loaded(&folder, &tests);
    assert_eq!(snapshot.inputs.files.len(), 1);
    let report = run(&snapshot, &snapshot.trials, None);
    assert_eq!(report.verdicts.len(), 10_000);
    assert!(report.verdicts.iter().all(Vec::is_empty));
}

#[test]
fn the_example_passes_its_own_tests_and_they_exercise_all_of_it() {
    let text = include_str!("../../rules.example.yaml");
    let environment = MapEnvironment::default();
    let snapshot = load_text(text, Path::new(""), &environment, &Overrides::default()).unwrap();
    let report = run(&snapshot, &snapshot.trials, None);
    assert!(report.verdicts.len() >= 5);
    assert_eq!(report.verdicts.concat(), []);
    assert!(report.unexercised(&snapshot).is_empty(), "{:?}", report.unexercised(&snapshot));
}
