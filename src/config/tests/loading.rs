//! What comes out of a file: the snapshot, and the refusals that no fixture can show.

use std::fs;

use super::*;
use crate::rule::{Effect, Flow, Matcher, Mode};
use crate::target::Kind;

const HEAD: &str = "version: 1\nsources: { a: { path: /a, verify: none } }\n";

fn loaded(rest: &str) -> Snapshot {
    load_plain(&format!("{HEAD}{rest}")).unwrap_or_else(|problems| panic!("{problems}"))
}

fn refused(text: &str) -> String {
    load_plain(text).expect_err("it is refused").to_string()
}

#[test]
fn what_is_not_written_stands_at_its_default() {
    let Settings {
        listen,
        admin,
        admin_token,
        data_dir,
        max_size,
        retention,
        connections,
        body_memory,
        show_payloads,
        ..
    } = loaded("").settings;
    assert_eq!(listen.to_string(), "127.0.0.1:8080");
    assert_eq!(admin.to_string(), "127.0.0.1:8081");
    assert_eq!(admin_token, None);
    assert_eq!(data_dir, Path::new("./hookswitch-data"));
    assert_eq!((max_size, connections, body_memory), (10 << 30, 4_096, 256 << 20));
    assert_eq!(retention, Duration::from_hours(168));
    assert_eq!(show_payloads, ShowPayloads::All);
    let masked = loaded("ui: { show_payloads: masked }\n").settings.show_payloads;
    assert_eq!(masked, ShowPayloads::Masked);
    let source = loaded("").sources.pop().expect("one source");
    assert_eq!(source.max_body, 10 << 20);
    assert_eq!(source.dedupe, Dedupe::ById(Duration::from_mins(10)));
}

#[test]
fn the_command_line_stands_above_the_file() {
    let overrides = Overrides {
        listen: Some("127.0.0.1:1".parse().expect("an address")),
        admin: Some("127.0.0.1:2".parse().expect("an address")),
        data_dir: Some(PathBuf::from("/elsewhere")),
        advice: Advice::Warnings,
    };
    // The file's own admin address would be refused without a token.
    let text =
        format!("{HEAD}listen: 127.0.0.1:9\nadmin: 0.0.0.0:9\ndata_dir: here\nfallback: []\n");
    let environment = MapEnvironment::default();
    let snapshot = load_text(&text, Path::new("/etc/x/rules.yaml"), &environment, &overrides)
        .unwrap_or_else(|problems| panic!("{problems}"));
    let settings = snapshot.settings;
    assert_eq!((settings.listen.port(), settings.admin.port()), (1, 2));
    assert_eq!(settings.data_dir, Path::new("/elsewhere"));
}

#[test]
fn relative_paths_are_relative_to_the_file() {
    let environment = MapEnvironment::default();
    let text = format!("{HEAD}data_dir: here\n");
    let origin = Path::new("/etc/hookswitch/rules.yaml");
    let snapshot = load_text(&text, origin, &environment, &Overrides::default());
    let data_dir = snapshot.map(|snapshot| snapshot.settings.data_dir);
    assert_eq!(data_dir.ok(), Some(PathBuf::from("/etc/hookswitch/here")));
}

#[test]
fn targets_inherit_key_by_key() {
    let snapshot = loaded(
        "defaults: { timeout: 3s, rate: 7/s, retry: { initial: 5s, give_up_after: 2h, also_on: [409] } }\n\
         targets:\n  a: { kind: log, retry: { give_up_after: 3h } }\n  b: { kind: log, timeout: 4s, rate: 1/s, retry: { also_on: [] } }\n  \
         s: { kind: slack, url: \"https://hooks.slack.com/x\" }\n",
    );
    let target = |name: &str| Arc::clone(snapshot.targets.get(name).expect("it is there"));
    let (a, b, s) = (target("a"), target("b"), target("s"));
    assert_eq!((a.timeout.as_secs(), b.timeout.as_secs()), (3, 4));
    assert_eq!(a.concurrency.get(), 8);
    let counts = [&a, &b, &s].map(|target| target.rate.map(|rate| rate.count()));
    assert_eq!(counts, [Some(7), Some(1), Some(1)], "Slack's pace is its own");
    assert_eq!(a.retry.initial().as_secs(), 5);
    assert_eq!(a.retry.give_up_after().as_secs(), 3 * 3_600);
    assert_eq!(b.retry.give_up_after().as_secs(), 2 * 3_600);
    assert_eq!((a.overrides.also_on.len(), b.overrides.also_on.len()), (1, 0));
    assert!(matches!(a.kind, Kind::Log) && matches!(s.kind, Kind::Slack(_)));
}

#[test]
fn a_fingerprint_changes_with_the_definition_and_nothing_else() {
    let print = |rest: &str, value: &str| {
        let environment = MapEnvironment(BTreeMap::from([("V".to_owned(), value.to_owned())]));
        let text = format!("{HEAD}{rest}");
        let snapshot = load_text(&text, Path::new(""), &environment, &Overrides::default());
        let snapshot = snapshot.unwrap_or_else(|problems| panic!("{problems}"));
        snapshot.targets.get("a").expect("it is there").fingerprint
    };
    let target = "targets: { a: { kind: http, url: \"http://127.0.0.1/${V}\" } }\n";
    let first = print(target, "x");
    assert_eq!(print(target, "x"), first);
    assert_eq!(print(&format!("{target}drain_delay: 1s\n"), "x"), first);
    assert_eq!(
        print(&format!("{target}defaults: {{ timeout: 10s }}\n"), "x"),
        first,
        "it is the default"
    );
    assert_ne!(print(target, "y"), first);
    assert_ne!(print(&format!("{target}defaults: {{ timeout: 9s }}\n"), "x"), first);
    assert_ne!(
        print("targets: { a: { kind: http, method: PUT, url: \"http://127.0.0.1/${V}\" } }\n", "x"),
        first
    );
}

#[test]
fn rules_keep_their_order_and_flow() {
    let snapshot = loaded(
        "targets: { a: { kind: log }, b: { kind: log } }\nrules:\n  - { name: one, to: [b, a], stop: true }\n  \
         - { name: two, ignore: true, enabled: false }\n  - { name: three, when: { event: x, agent_id: y }, to: a }\nfallback: b\n",
    );
    let [one, two, three] = snapshot.rules.rules() else { panic!("three rules") };
    assert!(matches!(&one.effect, Effect::Send(to) if to.len() == 2 && to[0].as_str() == "b"));
    assert_eq!((one.flow, two.flow, three.flow), (Flow::Stop, Flow::Stop, Flow::Continue));
    assert!(one.enabled && !two.enabled);
    assert!(matches!(&three.when, Some(Matcher::All(parts)) if parts.len() == 2));
    assert_eq!(snapshot.rules.fallback().len(), 1);
}

#[test]
fn a_file_that_cannot_be_read_says_why() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("rules.yaml");
    let load_now = |path: &Path| {
        let loaded = load(path, &MapEnvironment::default(), &Overrides::default());
        loaded.expect_err("it is refused").to_string()
    };
    assert!(load_now(&path).contains("No such file"), "{}", load_now(&path));
    assert!(load_now(&path).contains("no file is at this path"));
    assert!(load_now(folder.path()).contains("not its folder"), "{}", load_now(folder.path()));
    fs::write(&path, b"version: \xff").expect("it can be written");
    assert!(load_now(&path).contains("not UTF-8 text, at byte 9"));
    fs::write(&path, vec![b'#'; FILE_MAX + 1]).expect("it can be written");
    assert!(load_now(&path).contains("larger than 4194304 bytes"));
}

#[test]
fn a_refused_file_has_inputs_to_wait_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("rules.yaml");
    for content in ["version: [".as_bytes(), b"\xff", b"", b"version: 1"] {
        fs::write(&path, content).expect("it can be written");
        let loaded = load(&path, &MapEnvironment::default(), &Overrides::default());
        let inputs = loaded.expect_err("it is refused").inputs;
        assert_eq!(Inputs::hash_now(&path, &inputs.files), inputs.hash);
    }
}

#[test]
fn places_are_lines_and_columns_in_characters() {
    let text = "# ünï\r\nversion: 1\r\n\"ü\": { é: 1 }\r\nlisten: ö\r\n";
    let problems = load_plain(text).expect_err("it is refused");
    let places: Vec<_> = problems
        .list
        .iter()
        .map(|problem| (problem.path.as_str(), problems.place(problem)))
        .collect();
    assert_eq!(places, [("", Some((2, 1))), ("[\"ü\"]", Some((3, 1))), ("listen", Some((4, 9))),]);
}

#[test]
fn large_and_deep_files_are_refused_quickly() {
    let many = format!("{HEAD}rules:\n{}", "  - a\n".repeat(position::NODES_MAX));
    // What begins with a bracket may be a key until its line ends, and is kept till then.
    let wide = format!("{HEAD}rules: [{}]\n", "a,".repeat(1 << 19));
    for text in [
        "[".repeat(1 << 18),
        "- ".repeat(1 << 17),
        "? ".repeat(1 << 17),
        "{a: ".repeat(1 << 16),
        "a: &a ".repeat(20_000),
        "\t".repeat(1 << 18),
        "x".repeat(FILE_MAX + 1),
        many,
        wide.clone(),
        ",".repeat(1 << 20),
        format!("{}x{}", "[".repeat(60), "]".repeat(60)).repeat(9_000),
    ] {
        let shown = refused(&text);
        assert!(shown.len() < 200_000, "{}", shown.len());
    }
    let shown = refused(&wide);
    assert!(shown.contains("this line has more than 20000 of the signs"), "{shown}");
    let long = "x".repeat(1 << 20);
    for named in [long.clone(), format!("{{ \"{long}\": 1 }}")] {
        let grows = format!("{HEAD}a: &a {named}\nb: [{}]\n", "*a, ".repeat(5_000));
        let shown = refused(&grows);
        assert!(shown.contains("aliases add more than 4194304 bytes of text"), "{shown}");
    }
    let lines = wide.replace("a,", "a,\n  ");
    assert!(refused(&lines).contains("more than 100000 values"));
}

#[test]
fn a_thousand_problems_are_bounded() {
    let keys: Vec<_> = (0..50_000).map(|at| format!("wrong{at}: 1\n")).collect();
    let problems = load_plain(&keys.concat()).expect_err("it is refused");
    assert_eq!(problems.list.len(), 1_001);
    assert_eq!(problems.list.last().map(|last| last.text.as_str()), Some("and 49002 more errors"));
}

#[test]
fn thousands_of_warnings_refuse_nothing_and_hide_no_error() {
    let unused = |count: usize| -> String {
        (0..count).map(|at| format!("  spare{at}: {{ kind: log }}\n")).collect::<Vec<_>>().concat()
    };
    let text = |count, more: &str| {
        let head =
            "version: 1\nsources: { a: { path: /a, verify: none } }\nfallback: []\nrules: []\n";
        format!("{head}targets:\n{}{more}", unused(count))
    };
    let warnings = load_plain(&text(1_001, "")).expect("warnings stop nothing").warnings;
    let last = warnings.list.last().unwrap();
    assert_eq!(last.text, "and 1 more warning");
    assert_eq!(
        (warnings.list.len(), last.code, last.level),
        (1_001, Code::MoreProblems, Level::Warning)
    );

    let wrong = "  wrong: { kind: http }\n";
    let problems = load_plain(&text(1_001, wrong)).expect_err("an error stops it");
    let first = problems.worst_first().next().unwrap();
    assert_eq!((first.level, first.path.as_str()), (Level::Error, "targets.wrong"), "{problems}");
}

#[test]
fn two_readers_must_agree() {
    // The one has a number without an end, the other, like JSON, a text.
    let shown = refused(&format!("{HEAD}data_dir: .inf\n"));
    assert!(shown.contains("two YAML readers"), "{shown}");
}

#[test]
fn a_tab_that_begins_a_line_is_told_where_it_is() {
    for line in ["\t", "  \t", "\t# a comment"] {
        let shown = refused(&format!("{HEAD}{line}\ndata_dir: here\n"));
        let column = line.find('\t').unwrap() + 1;
        assert!(shown.contains(&format!("rules.yaml:3:{column}")), "{line:?}: {shown}");
        assert!(shown.contains("with spaces, never with tabs"), "{line:?}: {shown}");
    }
}

#[test]
fn secrets_in_the_wrong_places_are_masked() {
    let canary = "k3y-c4n4ry";
    for text in [
        format!("{HEAD}api_key: {canary}\n"),
        format!("{HEAD}listen: [{canary}]\n"),
        format!("{HEAD}  # {canary}\nadmin_token: {{ {canary}x: {canary} }}\n")
            .replace(&format!("{canary}x"), "x"),
        format!(
            "{HEAD}targets: {{ a: {{ kind: {canary}, url: \"https://u:{canary}@h/{canary}?{canary}\" }} }}\n"
        ),
        format!("{HEAD}targets: {{ a: {{ kind: http, url: \"{canary}\" }} }}\n"),
        format!(
            "{HEAD}targets: {{ a: {{ kind: http, url: \"https://h#{canary}\", sign: {{ standard: {canary} }} }} }}\n"
        ),
        format!(
            "{HEAD}targets: {{ a: {{ kind: http, url: \"https://h\", headers: {{ host: {canary}, te: [{canary}] }} }} }}\n"
        ),
        format!("version: 2 # {canary}\nsources: {{ a: {{ path: /a, verify: {canary} }} }}\n"),
        format!(
            "version: 1\nsources: {{ a: {{ path: /a, verify: {{ retell: {{ k: {canary} }} }} }} }}\n"
        ),
        format!(
            "version: 1\nsources: {{ a: {{ path: /a, verify: ${{A:-{canary}}} }} }}\nfallback: []\n"
        ),
        format!("version: 1\nadmin_token: {canary}\n bad: indent\n"),
    ] {
        let Err(problems) = load_plain(&text) else { panic!("it loads:\n{text}") };
        let debug = format!("{problems:?}");
        assert!(!debug.contains(canary), "in {text}:\n{debug}");
        assert!(!problems.show(Style::Coloured).contains(canary), "in {text}");
    }
}

#[test]
fn a_value_from_outside_cannot_break_a_header() {
    let text = format!(
        "{HEAD}targets: {{ a: {{ kind: http, url: \"https://h.example.com\", headers: {{ x: \"a ${{V}}\" }} }} }}\nfallback: a\n"
    );
    for (value, good) in [("plain", true), ("two\r\nhost: lines", false), ("nul\0", false)] {
        let environment = MapEnvironment(BTreeMap::from([("V".to_owned(), value.to_owned())]));
        let loaded = load_text(&text, Path::new(""), &environment, &Overrides::default());
        assert_eq!(loaded.is_ok(), good, "{value:?}");
    }
}

#[test]
fn certificate_authorities_are_read_beside_the_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let key =
        rcgen::generate_simple_self_signed(["ca.example.com".to_owned()]).expect("a certificate");
    fs::write(folder.path().join("ca.pem"), key.cert.pem()).expect("it can be written");
    let text = format!(
        "{HEAD}targets:\n  a: {{ kind: http, url: \"https://h.example.com\", ca_file: ca.pem }}\n  \
         b: {{ kind: slack, url: \"https://h.example.com\", ca_file: ./ca.pem }}\nfallback: [a, b]\n"
    );
    let path = folder.path().join("rules.yaml");
    fs::write(&path, text).expect("it can be written");
    let load_now = || load(&path, &MapEnvironment::default(), &Overrides::default());
    let snapshot = load_now().unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(*snapshot.inputs.files, [folder.path().join("ca.pem")], "one file, read once");
    let print = |snapshot: &Snapshot| snapshot.targets.get("a").expect("it is there").fingerprint;
    fs::write(folder.path().join("ca.pem"), key.cert.pem() + "\n").expect("it can be written");
    assert_ne!(print(&load_now().expect("it loads")), print(&snapshot));
    fs::write(
        folder.path().join("ca.pem"),
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    )
    .expect("it can be written");
    let shown = load_now().expect_err("it is none").to_string();
    assert!(shown.contains("certificate 1 cannot be read"), "{shown}");
}

/// However many rules are hidden, they take no room of what else is found, and the file stays one without an error.
#[test]
fn warns_of_many_hidden_rules_a_bounded_number_of_times() {
    let rule = |rule| format!("  - {{ name: r{rule}, to: crm, stop: true }}\n");
    let rules = (0..1_500).map(rule).collect::<Vec<_>>().concat();
    let text = format!(
        "version: 1\nsources: {{ retell: {{ path: /webhook, verify: none }} }}\n\
         targets: {{ crm: {{ kind: log }} }}\nrules:\n{rules}"
    );
    let mut warnings = load_plain(&text).unwrap().warnings.list;
    assert!(warnings.iter().all(|warning| warning.level == Level::Warning), "{warnings:?}");
    warnings.retain(|warning| warning.code == Code::Hidden);
    assert_eq!(warnings.len(), 101);
    let more = "1399 more rules can never match, or are never reached";
    assert!(warnings.iter().any(|warning| warning.text == more), "{warnings:?}");
}

/// What comes from outside is in no finding, and neither is the name of a rule that does.
#[test]
fn proofs_repeat_nothing_that_comes_from_outside() {
    let text = "version: 1\nsources: { retell: { path: /webhook, verify: none } }\n\
         targets: { crm: { kind: log } }\nrules:\n  \
         - { name: \"${N:-canary}\", to: crm, stop: true, when: { agent_id: \"${A:-canary}\" } }\n  \
         - { name: b, to: crm, when: { agent_id: \"${A:-canary}\" } }\n  \
         - { name: c, to: crm, when: { agent_id: \"${A:-canary}\", fields: { $.call.agent_id: x } } }\n  \
         - { name: d, to: crm }\n";
    let warnings = load_plain(text).unwrap().warnings.list;
    let proven = warnings.iter().filter(|w| matches!(w.code, Code::Hidden | Code::NeverMatches));
    let texts: Vec<&str> = proven.map(|warning| warning.text.as_str()).collect();
    assert_eq!(
        texts,
        [
            "this rule is never reached: rules[0] (line 5) matches every event that it matches, and stops",
            "this rule can never match: `agent_id` (line 7) and `$.call.agent_id` (line 7) exclude each other",
        ]
    );
}

#[test]
fn a_rule_is_live_unless_it_says_that_it_watches() {
    let rules = "targets: { out: { kind: log } }\nrules:\n  - { name: a, to: [out] }\n  - { name: b, mode: live, to: [out] }\n  - { name: c, mode: shadow, ignore: true }\n";
    let snapshot = loaded(rules);
    let modes: Vec<_> = snapshot.rules.rules().iter().map(|rule| rule.mode).collect();
    assert_eq!(modes, [Mode::Live, Mode::Live, Mode::Shadow]);
    // One that watches catches nothing, so the others are still needed.
    let warned =
        loaded("targets: { out: { kind: log } }\nrules: [{ name: a, mode: shadow, to: [out] }]\n");
    assert!(warned.warnings.to_string().contains("there is no `fallback`"), "{}", warned.warnings);
    let slip = refused(&format!("{HEAD}{}", rules.replace("mode: shadow", "mode: shaddow")));
    assert!(
        slip.contains("expected `live` or `shadow`") && slip.contains("did you mean `shadow`?"),
        "{slip}"
    );
}
