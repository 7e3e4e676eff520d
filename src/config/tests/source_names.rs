//! Rules that name a source.

use std::fmt::Write as _;

use super::*;

/// What is said of these conditions in a file whose sources are `retell` and `Second`.
fn told(conditions: &[&str]) -> Vec<String> {
    let mut text = String::from(
        "version: 1\nsources: { retell: { path: /a, verify: none }, Second: { path: /b, verify: none } }\n\
         targets: { crm: { kind: log } }\nfallback: [crm]\nrules:\n",
    );
    for (number, when) in conditions.iter().enumerate() {
        writeln!(text, "  - {{ name: r{number}, to: crm, when: {{ {when} }} }}").unwrap();
    }
    let warnings = load_plain(&text).unwrap().warnings.list.into_iter();
    let own = warnings.filter(|problem| problem.code == Code::NoSuchSource);
    own.map(|problem| format!("{}: {}", problem.path, problem.hint.unwrap_or_default())).collect()
}

#[test]
fn a_source_that_there_is_not_is_warned_of_wherever_it_stands() {
    let listed = "the sources are `retell`, `Second`";
    let near = "did you mean `retell`?";
    let conditions = [
        "source: retel",
        "source: [retell, elsewhere]",
        "source: { not: retel }",
        "source: { in: [retel], ignore_case: true }",
        "any: [{ event: call_ended }, { not: { source: { not_in: [retel] } } }]",
        "all: [{ source: retel }], not: { source: elsewhere }",
        "source: { is: RETELL }",
    ];
    assert_eq!(
        told(&conditions),
        [
            format!("rules[0].when.source: {near}"),
            format!("rules[1].when.source[1]: {listed}"),
            format!("rules[2].when.source.not: {near}"),
            format!("rules[3].when.source.in[0]: {near}"),
            format!("rules[4].when.any[1].not.source.not_in[0]: {near}"),
            format!("rules[5].when.all[0].source: {near}"),
            format!("rules[5].when.not.source: {listed}"),
            format!("rules[6].when.source.is: {near}"),
        ]
    );
}

#[test]
fn a_source_that_there_is_may_be_named_in_every_way() {
    let conditions = [
        "source: retell",
        "source: [Second, retell]",
        "source: { is: RETELL, ignore_case: true }",
        "source: { prefix: ret }",
        "source: { exists: true }",
        "fields: { $.source: elsewhere }",
    ];
    assert_eq!(told(&conditions), Vec::<String>::new());
}
