//! Loading as a whole.

use super::*;

/// Loads `text` with nothing set.
fn load_plain(text: &str) -> Result<Snapshot, Problems> {
    let environment = MapEnvironment::default();
    load_text(text, Path::new("rules.yaml"), &environment, &Overrides::default())
}

#[test]
fn every_problem_is_reported_at_once_in_the_order_of_the_file() {
    let text = "version: 2\nlisten: :8080\nsources:\n  a: {path: webhook, verify: key_abc}\n\
                targets:\n  x: {kind: htp, url: 5}\n  y: {kind: log, timeut: 5s, timeout: 10, text: x}\n\
                rules:\n  - name: a\n    when: {evnt: x}\n    to: [yy]\n";
    let problems = load_plain(text).expect_err("it has errors");
    let paths: Vec<_> = problems.list.iter().map(|problem| problem.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "version",
            "listen",
            "sources.a.path",
            "sources.a.verify",
            "targets.x.kind",
            "targets.y.timeut",
            "targets.y.timeout",
            "targets.y.text",
            "rules[0].when.evnt",
            "rules[0].to[0]",
        ]
    );
    assert!(!problems.to_string().contains("key_abc"), "{problems}");
}
