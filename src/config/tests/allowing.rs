//! Comments that silence, and what is said of those that do not.

use super::*;

const HEAD: &str =
    "version: 1\nsources: { a: { path: /a, verify: none } }\nrules: []\nfallback: []\n";

/// The code and the line of all that is found in a text.
fn found(rest: &str) -> Vec<(Code, usize)> {
    found_in(&format!("{HEAD}{rest}"))
}

fn found_in(text: &str) -> Vec<(Code, usize)> {
    let overrides = Overrides { advice: Advice::Notes, ..Overrides::default() };
    let loaded = load_text(text, Path::new("rules.yaml"), &MapEnvironment::default(), &overrides);
    let problems = loaded.map_or_else(|problems| problems, |snapshot| snapshot.warnings);
    let place = |problem| problems.place(problem).map_or(0, |(line, _)| line);
    problems.list.iter().map(|problem| (problem.code, place(problem))).collect()
}

#[test]
fn a_comment_silences_its_line_or_the_one_below() {
    for text in [
        "targets: { x: { kind: log } } # hookswitch: allow HS302 because it is meant\n",
        "targets:\n  # hookswitch: allow HS302 because it is meant\n  x: { kind: log }\n",
        "targets:\n  #hookswitch:allow HS302 because it is meant\n  # and this says more\n  x: { kind: log }\n",
        "targets:\r\n  # hookswitch: allow HS302 because it is meant\r\n  x: { kind: log }\r\n",
        "targets:\n  x: # an old one # hookswitch: allow HS302 because it is meant\n    kind: log\n",
    ] {
        assert_eq!(found(text), [], "{text}");
    }
}

#[test]
fn a_comment_elsewhere_silences_nothing() {
    for (text, line) in [
        ("targets:\n  x: { kind: log }\n  # hookswitch: allow HS302 because it is meant\n", 6),
        ("targets:\n  # hookswitch: allow HS302 because it is meant\n\n  x: { kind: log }\n", 8),
        ("targets:\n  x:\n    kind: log # hookswitch: allow HS302 because it is meant\n", 6),
    ] {
        let found = found(text);
        assert!(found.contains(&(Code::UnusedTarget, line)), "{text}\n{found:?}");
        assert!(found.iter().any(|(code, _)| *code == Code::UnusedAllow), "{text}\n{found:?}");
        assert_eq!(found.len(), 2, "{text}");
    }
}

#[test]
fn several_codes_are_each_needed() {
    let text = "targets:\n  # hookswitch: allow HS302, HS304 because it is meant\n  x: { kind: http, url: \"http://crm.example.com\" }\n";
    assert_eq!(found(text), [], "{text}");
    let text = text.replace("http:", "https:");
    assert_eq!(found(&text), [(Code::UnusedAllow, 6)]);
}

#[test]
fn what_is_not_understood_is_found_and_silences_nothing() {
    for said in [
        "allow",
        "allow because it is meant",
        "allow HS302",
        "allow HS302 because",
        "allow hs302 because it is meant",
        "allow HS3 because it is meant",
        "allow HS999 because it is meant",
        "alow HS302 because it is meant",
        "allow HS101 because it is meant",
        "allow HS901 because it is meant",
        "allow unused-targets because it is meant",
    ] {
        let text = format!("targets: {{ x: {{ kind: log }} }} # hookswitch: {said}\n");
        let found = found(&text);
        let expected = [(Code::UnusedTarget, 5), (Code::BadAllow, 5)];
        assert_eq!(found, expected, "{said}");
    }
}

#[test]
fn what_only_looks_like_a_comment_is_none() {
    for text in [
        "admin_hosts: [\"# hookswitch: allow HS302 because x\"]\n",
        "targets:\n  x: { kind: http, url: \"https://h.example.com\", body: { a: 'a # hookswitch: allow HS302 because x' } }\n",
        "targets:\n  x:\n    kind: http\n    url: https://h.example.com\n    body:\n      a: |\n        # hookswitch: allow HS302 because x\n        b\n",
        "targets:\n  x:\n    kind: http\n    url: https://h.example.com\n    body: { a: \"b\n      # hookswitch: allow HS302 because x\" }\n",
    ] {
        let found = found(text);
        let ours = [Code::BadAllow, Code::UnusedAllow];
        assert!(!found.iter().any(|(code, _)| ours.contains(code)), "{text}\n{found:?}");
    }
    assert_eq!(found("# hookswitch: the router of the sales team\n#hookswitch:\n"), []);
}

#[test]
fn notes_can_be_allowed_and_are_not_missed() {
    let text = |end: &str| {
        let rules = "rules:\n  - { name: a, ignore: true, enabled: false }";
        HEAD.replace("rules: []", &format!("{rules}{end}"))
    };
    assert_eq!(found_in(&text("")), [(Code::SwitchedOff, 4)]);
    let allowed = text(" # hookswitch: allow HS317 because of the holidays");
    assert_eq!(found_in(&allowed), []);
    // Nobody looks for notes when a file is loaded, so none can be missed then.
    let loaded = load_plain(&allowed).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(loaded.warnings.list, []);
}

#[test]
fn an_error_hides_what_would_be_said_of_a_comment() {
    let text = "drain_delay: soon # hookswitch: allow HS302 because it is meant\n";
    assert_eq!(found(text), [(Code::WrongValue, 5)]);
}

#[test]
fn what_stands_in_a_comment_stays_masked() {
    let text = format!(
        "{HEAD}targets: {{ x: {{ kind: log }} }} # hookswitch: allow HS302 sk_canary because canary\n"
    );
    let loaded = load_plain(&text).unwrap_or_else(|problems| panic!("{problems}"));
    let shown = loaded.warnings.to_string();
    assert!(shown.contains("# hookswitch: allow HS302 *********"), "{shown}");
    assert!(!shown.contains("canary"), "{shown}");
}

#[test]
fn many_comments_are_bounded() {
    let comment = "# hookswitch: allow HS302 because it is meant\n";
    let text = format!("{HEAD}{}{}", comment.repeat(90_000), "#\n".repeat(9_000));
    let found = found_in(&text);
    assert!(found.iter().any(|(code, _)| *code == Code::BadAllow));
    assert!(found.len() < 1_100, "{}", found.len());
    let wide = format!("{HEAD}data_dir: \"{}\"\n", comment.replace('\n', " ").repeat(50_000));
    assert_eq!(found_in(&wide), []);
}
