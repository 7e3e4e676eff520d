//! One case for each kind of reason, and what must be decided rather than left open.

use super::*;

/// Why a rule of this condition never matches.
#[track_caller]
fn never(condition: &str, why: &str) {
    let told = told(&[&format!("when: {{ {condition} }}")], Scope::Everything);
    assert_eq!(told, [format!("a: this rule can never match: {why}")], "{condition}");
}

#[test]
fn says_which_conditions_exclude_each_other() {
    never(
        "fields: { $.n: { gt: 5, lt: 3 } }",
        "`$.n` more than 5 and less than 3 (line 8) cannot hold",
    );
    never(
        "event: call_ended, fields: { $.event: call_started }",
        "`event` is \"call_ended\" (line 8) and `$.event` is \"call_started\" (line 8) exclude each other",
    );
    never(
        "event: call_ended, metadata: { tier: gold }, not: { metadata: { tier: { prefix: go } } }",
        "`metadata.tier` is \"gold\" (line 8) and `not: metadata.tier` begins with \"go\" (line 8) exclude each other",
    );
    never(
        "metadata: { tier: gold }, not: { any: [ { fields: { $.call.agent_id: a } }, { agent_id: { exists: true } } ] }, fields: { $.call.agent_id: b }",
        "`not: agent_id` exists (line 8) and `$.call.agent_id` is \"b\" (line 8) exclude each other",
    );
    never(
        "fields: { $.call.transcript: x, $.call: { exists: false } }",
        "`$.call.transcript` is \"x\" (line 8) and `$.call` is missing (line 8) exclude each other",
    );
    never(
        "any: [ { event: call_ended }, { event: call_started } ], not: { event: [call_ended, call_started] }",
        "one of the 2 conditions of `any` (line 8) and `not: event` is one of \"call_ended\", \"call_started\" (line 8) exclude each other",
    );
    never(
        "event: call_ended, not: { event: call_ended, source: { exists: true } }",
        "`event` is \"call_ended\" (line 8) and that not all 2 conditions under `not` hold (line 8) exclude each other",
    );
    never(
        "fields: { $.a: { in: [1, 2] } }, all: [ { fields: { $.a: { in: [2, 3] } } }, { fields: { $.a: { in: [3, 1] } } } ]",
        "`$.a` is one of 1, 2 (line 8), `$.a` is one of 2, 3 (line 8) and `$.a` is one of 3, 1 (line 8) cannot all hold",
    );
}

/// However many conditions there are, the reason is one that a person reads, and is found before time is up.
#[test]
fn a_reason_of_very_many_conditions_is_short() {
    let one = |number| format!("{{ fields: {{ $.n: {{ gt: {number} }} }} }}");
    let all = (0..4_000).map(one).collect::<Vec<_>>().join(", ");
    let told = told(
        &[&format!("when: {{ fields: {{ $.n: {{ lt: 0 }} }}, all: [{all}] }}")],
        Scope::Faults,
    );
    let [reason] = told.as_slice() else { panic!("{} findings", told.len()) };
    assert!(reason.len() < 1_000, "{} bytes", reason.len());
}

/// Conditions that no event can meet.
#[test]
fn decides_what_never_holds() {
    let conditions = [
        // One value.
        "fields: { $.v: { prefix: ab, is: b } }",
        "fields: { $.v: { prefix: ab, glob: \"b*\" } }",
        "fields: { $.v: { prefix: a, suffix: b, in: [a, b, ba] } }",
        "fields: { $.v: { suffix: xa, glob: \"*[b-z]\" } }",
        "fields: { $.v: { glob: \"??\", prefix: abc } }",
        "fields: { $.v: { glob: \"a[0-9]\", not_in: [a0, a1, a2, a3, a4, a5, a6, a7, a8, a9] } }",
        "fields: { $.v: { prefix: a, gt: 1 } }",
        "fields: { $.v: { gt: 1, contains: x } }",
        "fields: { $.v: { is: 1, not: 1.0 } }",
        "fields: { $.v: { gt: 5, lt: 5.0 } }",
        "fields: { $.v: { is: 9007199254740993, not: 9007199254740992.0 } }, all: [ { fields: { $.v: 9007199254740992 } } ]",
        "fields: { $.v: { exists: true } }, not: { fields: { $.v: { exists: true } } }",
        "fields: { $.v: null }, all: [ { fields: { $.v: { not: null } } } ]",
        "fields: { $.v: { contains: x, exists: true } }, not: { fields: { $.v: { contains: x } } }",
        "fields: { $.v: { contains: 1 } }, not: { fields: { $.v: { contains: 1.0 } } }",
        "fields: { $.v: { is: A, ignore_case: true } }, not: { fields: { $.v: [a, A] } }",
        "fields: { $.v: { is: k, ignore_case: true } }, not: { fields: { $.v: [k, K, \"\\u212a\"] } }",
        "fields: { $.v: { prefix: Über, ignore_case: true } }, not: { fields: { $.v: { prefix: ÜB, ignore_case: true } } }",
        "fields: { $.v: { is: \"123\", ignore_case: true, not: x } }, not: { fields: { $.v: \"123\" } }",
        "fields: { $.v: { regex: \"a+\" } }, not: { fields: { $.v: { regex: \"a+\" } } }",
        "fields: { $.v: { regex: \"a+\", in: [b, c] } }",
        // Several values.
        "query: { q: { is: a, not: a } }",
        "query: { q: a }, not: { query: { q: { exists: true } } }",
        "header: { user-agent: a }, not: { header: { User-Agent: [a, b] } }",
        "fields: { \"$.t[*]\": { is: a } }, not: { fields: { \"$.t[*]\": { prefix: a } } }",
        "fields: { \"$.t[*]\": { not: a } }, all: [ { fields: { \"$.t[*]\": a } } ]",
        "fields: { \"$.t[*]\": { gt: 1, lt: 1 } }",
        // Several places.
        "fields: { $.a: text, $.a.b: { exists: true } }",
        "fields: { $.a.b: 1, \"$.a[0]\": 1 }",
        "fields: { $.a.b: 1 }, not: { fields: { $.a: { exists: true } } }",
        "fields: { $: 1 }",
        "not: { fields: { $: { exists: true } } }",
        "agent_id: a, fields: { $.call: null, $.chat: 1, $.call_inbound: true, $.chat_inbound: x }",
        "agent_id: a, fields: { $.call.agent_id: b }",
        "agent_id: a, fields: { $.call.x: 1, $.chat.agent_id: a }, not: { fields: { $.call.agent_id: a } }",
        "metadata: { tier: gold }, fields: { $.call.metadata: x }, not: { fields: { $.call.metadata: { exists: false } } }",
        "source: { not: \"\" }, not: { source: { exists: true } }",
        "source: { exists: false }",
        // Combinators.
        "event: a, any: [ { event: b }, { all: [ { event: c } ] } ]",
        "not: { any: [ { event: { exists: true } }, { event: { exists: false } } ] }",
        "any: [ { event: a }, { agent_id: a } ], not: { any: [ { event: a }, { agent_id: { prefix: a } } ] }",
    ];
    for condition in conditions {
        let told = told(&[&format!("when: {{ {condition} }}")], Scope::Everything);
        let [only] = &told[..] else { panic!("{condition}: {told:?}") };
        assert!(only.starts_with("a: this rule can never match: "), "{condition}: {only}");
    }
}

/// Conditions that look much like those above, and that some event meets.
#[test]
fn decides_what_can_hold() {
    let conditions = [
        "fields: { $.v: { prefix: ab, suffix: bc, contains: bb } }",
        "fields: { $.v: { prefix: ab, suffix: bc } }, not: { fields: { $.v: abbc } }",
        "fields: { $.v: { glob: \"a[0-9]*\", not_in: [a0, a1], suffix: z } }",
        "fields: { $.v: { is: A, ignore_case: true } }, not: { fields: { $.v: a } }",
        "fields: { $.v: { is: k, ignore_case: true } }, not: { fields: { $.v: [k, K] } }",
        "fields: { $.v: { is: 9007199254740992.0 } }, all: [ { fields: { $.v: 9007199254740993 } } ]",
        "fields: { $.v: { gt: 1, lt: 2 } }",
        "fields: { $.v: 9007199254740993 }, all: [ { fields: { $.v: 9007199254740992 } } ]",
        "fields: { $.v: { gt: 18446744073709551615 } }",
        "fields: { $.v: { exists: true } }, not: { any: [ { fields: { $.v: { prefix: \"\" } } }, { fields: { $.v: { gte: 0 } } }, { fields: { $.v: { lt: 0 } } }, { fields: { $.v: [true, false, null] } } ] }",
        "fields: { $.v: { contains: a } }, not: { any: [ { fields: { $.v: { prefix: \"\" } } }, { fields: { $.v: { contains: b } } } ] }",
        "fields: { $.v: { contains: a } }, all: [ { fields: { $.v: { contains: 1 } } } ]",
        "fields: { $.v: { regex: \"a+\", in: [b, aa] } }",
        "metadata: { tier: { not: gold } }",
        "query: { q: a }, not: { query: { q: { not: b } } }, all: [ { query: { q: b } } ]",
        "query: { q: [a] }, all: [ { query: { q: [b] } } ]",
        "header: { x-y: { prefix: a, not: a } }",
        "source: { not: retell }",
        "fields: { \"$.t[*]\": { gt: 1, lt: 3 } }",
        "fields: { \"$.t[*].name\": a }, all: [ { fields: { \"$.t[*].name\": b } } ]",
        "fields: { \"$..id\": a }",
        "fields: { $.a: { exists: true }, $.a.b: { exists: true } }",
        "fields: { \"$.a[2].b\": 1, \"$.a[0]\": { exists: true } }",
        "fields: { $.a: { contains: x }, \"$.a[1]\": y }",
        "agent_id: a, fields: { $.chat.agent_id: b }",
        "agent_id: b, fields: { $.chat.agent_id: b, $.call.x: { exists: false } }",
        "agent_id: a, not: { fields: { $.call.agent_id: a } }",
        "metadata: { tier: gold }, fields: { $.chat.metadata.tier: silver, $.call.agent_id: x }",
        "fields: { $.call.x: { exists: true }, $.call_inbound.agent_id: a }, not: { agent_id: a }",
        "not: { agent_id: { exists: true } }, fields: { $.call.x: 1 }",
        "any: [ { event: b }, { event: c } ], not: { event: b }",
        "fields: { $: { exists: true } }",
    ];
    for condition in conditions {
        let told = told(&[&format!("when: {{ {condition} }}")], Scope::Everything);
        assert!(told.is_empty(), "{condition}: {told:?}");
    }
}

const STOP: &str = "when: { event: [call_ended, call_started] }, stop: true";
const BY_A: &str = "`a` (line 8) matches every event that it matches, and stops";
const BY_BOTH: &str =
    "`a` (line 8) and `b` (line 9) match, one or the other, every event that it matches, and stop";

/// Rules of which the last is hidden, and by which.
const HIDDEN: &[(&[&str], &str)] = &[
    (&[STOP, "when: { event: call_ended, agent_id: x }"], BY_A),
    (&["ignore: true", "when: { event: x }"], BY_A),
    (&["stop: true", ""], BY_A),
    (
        &[
            "when: { event: x }, ignore: true",
            "when: { event: y }, stop: true",
            "when: { event: [x, y] }",
        ],
        BY_BOTH,
    ),
    (&["when: { event: x }, stop: true", "stop: true", "when: { event: x }"], BY_A),
    (
        &[
            "when: { agent_id: { exists: true } }, stop: true",
            "when: { agent_id: { exists: false } }, stop: true",
            "",
        ],
        BY_BOTH,
    ),
    (
        &[
            "when: { fields: { $.n: { gte: 10 } } }, stop: true",
            "when: { fields: { $.n: { gt: 20 } } }",
        ],
        BY_A,
    ),
    (
        &[
            "when: { metadata: { region: { prefix: eu- } } }, stop: true",
            "when: { metadata: { region: { glob: \"eu-*-1\" } } }",
        ],
        BY_A,
    ),
    (
        &[
            "when: { not: { metadata: { tier: gold } } }, stop: true",
            "when: { metadata: { tier: { not: gold } } }",
        ],
        BY_A,
    ),
    (
        &[
            "when: { fields: { \"$..tool\": [x, y] } }, stop: true",
            "when: { fields: { \"$..tool\": x } }",
        ],
        BY_A,
    ),
    (
        &[
            "when: { metadata: { x: { regex: \"[a-z]+\" } } }, stop: true",
            "when: { event: e, metadata: { x: { regex: \"[a-z]+\" } } }",
        ],
        BY_A,
    ),
    (
        &[
            "when: { fields: { $.n: 9007199254740992.0 } }, stop: true",
            "when: { fields: { $.n: { gte: 9007199254740992, lte: 9007199254740993 } } }",
        ],
        BY_A,
    ),
    (
        &[
            "when: { query: { q: { not: x } } }, stop: true",
            "when: { query: { q: { not_in: [x, y] } } }",
        ],
        BY_A,
    ),
];

#[test]
fn names_what_hides_a_rule() {
    for (rules, by) in HIDDEN {
        let last = ('a'..).nth(rules.len() - 1).unwrap();
        let told = told(rules, Scope::Faults);
        assert_eq!(told, [format!("{last}: this rule is never reached: {by}")], "{rules:?}");
    }
}

#[test]
fn hides_nothing_that_an_event_can_reach() {
    let cases: &[&[&str]] = &[
        &["when: { event: call_ended }", "when: { event: call_ended }"],
        &["when: { event: call_ended }, stop: true, enabled: false", "when: { event: call_ended }"],
        &["when: { event: call_ended }, stop: true", "when: { event: { prefix: call_ } }"],
        &["when: { event: call_ended, agent_id: a }, stop: true", "when: { event: call_ended }"],
        &[
            "when: { metadata: { tier: { not: gold } } }, stop: true",
            "when: { not: { metadata: { tier: gold } } }",
        ],
        &["when: { query: { q: x } }, stop: true", "when: { query: { q: [x, y] } }"],
        &[
            "when: { query: { q: { not: x } } }, stop: true",
            "when: { query: { q: { prefix: y } } }",
        ],
        &["when: { agent_id: a }, stop: true", "when: { fields: { $.chat.agent_id: a } }"],
        &[
            "when: { metadata: { x: { is: a, ignore_case: true } } }, stop: true",
            "when: { metadata: { x: [a, b] } }",
        ],
        &[
            "when: { metadata: { x: a } }, stop: true",
            "when: { metadata: { x: { is: a, ignore_case: true } } }",
        ],
        &[
            "when: { fields: { $.n: 9007199254740992 } }, stop: true",
            "when: { fields: { $.n: { gte: 9007199254740992, lte: 9007199254740993 } } }",
        ],
    ];
    for rules in cases {
        assert!(
            told(rules, Scope::Faults).is_empty(),
            "{rules:?}: {:?}",
            told(rules, Scope::Faults)
        );
    }
}

/// The example of two rules that can match one event; nothing if none can.
fn example(first: &str, second: &str) -> Option<String> {
    let told = told(&[first, second], Scope::Everything);
    match &told[..] {
        [] => None,
        [only] => {
            let text = "b: `a` (line 8) can match the same event and send it to `t`, like ";
            Some(only.strip_prefix(text).unwrap_or_else(|| panic!("{only}")).to_owned())
        }
        _ => panic!("{told:?}"),
    }
}

#[test]
fn shows_the_smallest_event_that_two_rules_match() {
    let cases = [
        ("", "", "{}"),
        ("when: { event: call_ended }", "", r#"{"event":"call_ended"}"#),
        (
            "when: { event: { prefix: call_ } }",
            "when: { event: { suffix: _ended } }",
            r#"{"event":"call_ended"}"#,
        ),
        (
            "when: { event: { prefix: xa } }",
            "when: { event: { suffix: ab } }",
            r#"{"event":"xab"}"#,
        ),
        (
            "when: { metadata: { tier: [gold, silver] } }",
            "when: { metadata: { tier: { not: gold } } }",
            r#"{"call":{"metadata":{"tier":"silver"}}}"#,
        ),
        (
            "when: { fields: { $.call.duration_ms: { gte: 30000 } } }",
            "when: { fields: { $.call.duration_ms: { lt: 30001 } } }",
            r#"{"call":{"duration_ms":30000}}"#,
        ),
        (
            "when: { any: [ { event: call_analyzed, agent_id: long }, { event: x } ] }",
            "",
            r#"{"event":"x"}"#,
        ),
        ("when: { any: [ { source: ab }, { event: x, source: retell } ] }", "", r#"{"event":"x"}"#),
        ("when: { source: ab }", "", "{} from the source `ab`"),
        (
            "when: { query: { tag: vip } }",
            "when: { header: { User-Agent: { prefix: R } } }",
            r#"{} with the query parameter "tag" = "vip" with the header user-agent: "R""#,
        ),
        ("when: { source: retell }", "when: { source: { not: other } }", "{}"),
        ("when: { source: other }", "", "{} from the source `other`"),
        ("when: { fields: { \"$.tags[*]\": vip } }", "", r#"{"tags":["vip"]}"#),
    ];
    for (first, second, expected) in cases {
        assert_eq!(example(first, second).as_deref(), Some(expected), "{first} / {second}");
    }
}

#[test]
fn finds_no_overlap_where_there_is_none() {
    let cases = [
        ("when: { event: a }", "when: { event: b }"),
        ("when: { event: a, agent_id: [x, y] }", "when: { event: a, agent_id: [z] }"),
        ("to: [t]", "to: [u]"),
        ("when: { event: a }, stop: true", "when: { event: [a] , source: retell }, enabled: false"),
        ("when: { event: a }, stop: true", "when: { agent_id: b }"),
        ("ignore: true, when: { event: a }", "when: { agent_id: b }"),
        ("when: { fields: { $.n: { lt: 1 } } }", "when: { fields: { $.n: { gt: 1 } } }"),
        ("when: { not: { agent_id: a } }", "when: { agent_id: a }"),
    ];
    for (first, second) in cases {
        assert_eq!(example(first, second), None, "{first} / {second}");
    }
    let between = [
        "when: { event: { prefix: a } }",
        "when: { event: ab }, stop: true, to: [u]",
        "when: { event: ab, agent_id: x }, to: [t]",
    ];
    assert_eq!(told(&between, Scope::Faults).len(), 1);
    assert_eq!(told(&between, Scope::Everything).len(), 1);
}

#[test]
fn says_what_is_not_proven_and_why() {
    let cases = [
        (
            vec!["when: { metadata: { x: { regex: \"a{3}\" } } }"],
            "a: whether an event can match and reach this rule is not proven: what a regular expression matches is not \
             looked into",
        ),
        (
            vec![
                "when: { metadata: { x: { regex: \"a+\" } } }, stop: true",
                "when: { metadata: { x: { regex: \"aa+\" } } }",
            ],
            "b: whether an event can match and reach this rule is not proven: what a regular expression matches is not \
             looked into",
        ),
        (
            vec!["when: { fields: { \"$.t[?@.a == 1].b\": x } }"],
            "a: whether an event can match and reach this rule is not proven: no example was found that holds as a whole",
        ),
        (
            vec![
                "when: { fields: { $.v: { is: é, ignore_case: true } } }, stop: true",
                "when: { fields: { $.v: { is: É, ignore_case: true, not: x } } }",
            ],
            "b: this rule is never reached: `a` (line 8) matches every event that it matches, and stops",
        ),
        (
            vec![
                "when: { fields: { $.v: [é, É] } }, stop: true",
                "when: { fields: { $.v: { is: É, ignore_case: true } } }",
            ],
            "b: whether an event can match and reach this rule is not proven: texts are compared both with and without case",
        ),
    ];
    for (rules, expected) in cases {
        let told = told(&rules, Scope::Everything);
        assert!(told.iter().any(|told| told == expected), "{rules:?}: {told:#?}");
        // Only who asks for everything hears of what is open.
        assert!(super::told(&rules, Scope::Faults).iter().all(|told| !told.contains("not proven")));
    }
}

#[test]
fn shows_no_values_where_they_may_not_be_shown() {
    let snapshot = load(&[
        "when: { metadata: { x: canary }, fields: { $.call.metadata.x: canaries } }",
        "when: { agent_id: canary }, stop: true",
        "when: { agent_id: canary, event: canary }",
        "when: { event: canary }, to: [t]",
        "when: { event: [canary, x] }, to: [t]",
    ]);
    let proofs = prove(&snapshot.rules, &[], Scope::Everything);
    let texts = |hidden: &dyn Fn(usize) -> bool| -> Vec<String> {
        proofs.findings.iter().map(|finding| finding.text(&snapshot.rules, hidden)).collect()
    };
    assert_eq!(
        texts(&|_| true),
        [
            "this rule can never match: `metadata.x` (line 8) and `$.call.metadata.x` (line 8) exclude each other",
            "this rule is never reached: rules[1] (line 9) matches every event that it matches, and stops",
            "rules[3] (line 11) can match the same event and send it to `t`",
        ]
    );
    assert!(texts(&|_| false).iter().filter(|text| text.contains("canary")).count() == 2);
    assert!(!texts(&|place| place == 3 || place == 0).concat().contains("canary"));
}
