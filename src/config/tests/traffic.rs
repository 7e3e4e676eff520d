//! What traffic says of a rate, and where.

use crate::clock::Timestamp;
use crate::name::TargetName;

use super::*;

const HEAD: &str = "version: 1\nsources: { a: { path: /a, verify: none } }\nrules: []\n";

/// The line, column and path of what is found if every target would get so many deliveries in an hour.
fn found(rest: &str, deliveries: u64) -> Vec<(usize, usize, String)> {
    let text = format!("{HEAD}{rest}");
    let snapshot = load_plain(&text).unwrap_or_else(|problems| panic!("{problems}"));
    let known = snapshot.warnings.list.len();
    let elsewhere = TargetName::new("elsewhere").unwrap();
    let busiest = Busiest { from: Timestamp::from_millis(0), deliveries };
    let names = snapshot.targets.keys().chain([&elsewhere]);
    let problems = with_traffic(&snapshot, names.map(|name| (name, busiest)));
    let of_traffic = problems.list.iter().filter(|problem| problem.code == Code::RateExceeded);
    let told = |problem: &Problem| {
        let (line, column) = problems.place(problem).unwrap();
        assert!(problems.show(Style::Plain).contains(&format!("rules.yaml:{line}:{column}")));
        (line, column, problem.path.clone())
    };
    let found: Vec<_> = of_traffic.map(told).collect();
    assert_eq!(problems.list.len(), known + found.len(), "{problems}");
    found
}

#[test]
fn it_points_at_the_rate_or_at_the_target_that_inherits_one() {
    let text = "\
defaults: { rate: 1/s }
fallback: [own, inherits, slack, free]
targets:
  own: { kind: log, rate: 100/m }
  inherits:
    kind: log
  slack: { kind: slack, url: 'https://hooks.slack.com/services/T/B/x' }
  free: { kind: log, rate: 1000000/s }
";
    let place = |line, column, path: &str| (line, column, path.to_owned());
    assert_eq!(found(text, 3600), []);
    let both = [place(8, 3, "targets.inherits"), place(10, 3, "targets.slack")];
    assert_eq!(found(text, 3601), both);
    assert_eq!(found(text, 6000), both);
    let [inherits, slack] = both;
    assert_eq!(found(text, 6001), [place(7, 27, "targets.own.rate"), inherits, slack]);
    assert_eq!(found(&text.replace("defaults: { rate: 1/s }", "defaults: {}"), 3600), []);
    let snapshot = load_plain(&format!("\u{feff}{HEAD}{text}")).unwrap();
    let own = TargetName::new("own").unwrap();
    let busiest = Busiest { from: Timestamp::from_millis(0), deliveries: 6001 };
    let problems = with_traffic(&snapshot, [(&own, busiest)]);
    assert_eq!(problems.place(&problems.list[0]), Some((7, 27)), "a mark is no part of the text");
}

#[test]
fn one_delivery_alone_never_waits() {
    let text = "fallback: [own]\ntargets: { own: { kind: log, rate: 1/2h } }\n";
    assert_eq!(found(text, 1), []);
    assert_eq!(found(text, 2).len(), 1);
}

#[test]
fn a_comment_allows_it_and_is_not_idle_without_traffic() {
    let text = "fallback: [own]\ntargets:\n  own:\n    kind: log\n    rate: 1/h # hookswitch: allow HS316 because it may be late\n";
    assert_eq!(found(text, 100), []);
    assert_eq!(found(text, 0), []);
    let elsewhere = "fallback: [own]\n# hookswitch: allow HS316 because it may be late\ntargets: { own: { kind: log, rate: 1/h } }\n";
    assert_eq!(found(elsewhere, 100), []);
}
