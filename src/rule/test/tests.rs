use bytes::Bytes;
use rstest::rstest;

use super::*;
use crate::clock::Timestamp;
use crate::event::{Envelope, Event, EventId, ReaderBuilder, RequestParts};
use crate::name::SourceName;
use crate::path::Path;

fn text(text: &str) -> Literal {
    Literal::Text(text.into())
}

fn number(literal: &str) -> Number {
    serde_json::from_str(literal).unwrap()
}

fn numeral(literal: &str) -> Literal {
    Literal::Number(number(literal))
}

fn strings(list: &[&str]) -> Vec<Literal> {
    list.iter().map(|item| text(item)).collect()
}

/// Whether the operators hold for what `path` yields in `body`.
fn holds_at(operators: &[Operator], ignore_case: bool, path: &str, body: &str) -> bool {
    let test = Test::new(operators.to_vec(), ignore_case).unwrap();
    with_values(&test, path, body, |values| test.holds(values))
}

/// What is told of the values that `path` yields in `body`.
fn found_at(operator: Operator, ignore_case: bool, path: &str, body: &str) -> String {
    let test = Test::new(vec![operator], ignore_case).unwrap();
    let found = with_values(&test, path, body, |values| words::found(values, &test));
    assert!(found.chars().count() <= 120, "{found}");
    found
}

fn with_values<T>(test: &Test, path: &str, body: &str, look: impl FnOnce(Values<'_>) -> T) -> T {
    let path = Path::parse(path).unwrap();
    let mut reader = ReaderBuilder::default();
    let field = match path.singular() {
        Some(segments) => reader.singular(segments, test.wants()),
        None => reader.general(&path, test.wants()),
    };
    let envelope = Envelope {
        id: EventId::from_bytes([0; 16]),
        source: SourceName::new("s").unwrap(),
        received_at: Timestamp::default(),
        signed: false,
        name: None,
        agent_id: None,
        subject: None,
        request: RequestParts::default(),
    };
    let body = Bytes::copy_from_slice(body.as_bytes());
    let event: Event = reader.build().reread(&envelope, &body).unwrap();
    look(event.fields().get(field))
}

/// For which of these values of one member the operator holds.
fn check(operator: Operator, yes: &[&str], no: &[&str]) {
    check_all(&[operator], false, yes, no);
}

fn check_all(operators: &[Operator], ignore_case: bool, yes: &[&str], no: &[&str]) {
    for (values, expected) in [(yes, true), (no, false)] {
        for value in values {
            let holds = holds_at(operators, ignore_case, "$.v", &format!("{{\"v\":{value}}}"));
            assert_eq!(holds, expected, "{operators:?} on {value}");
        }
    }
}

#[test]
fn equality_is_typed() {
    check(Operator::Is(text("1")), &["\"1\"", "\"\\u0031\""], &["1", "\"1 \"", "[\"1\"]", "null"]);
    check(
        Operator::Is(numeral("1")),
        &["1", "1.0", "1e0", "10e-1"],
        &["\"1\"", "true", "[1]", "2"],
    );
    check(Operator::Is(numeral("0")), &["0", "-0", "0.0", "-0.0"], &["false", "null", "\"\""]);
    check(
        Operator::Is(numeral("9007199254740993")),
        &["9007199254740993"],
        &["9007199254740992", "9007199254740994"],
    );
    check(
        Operator::Is(numeral("18446744073709551615")),
        &["18446744073709551615"],
        &["18446744073709551614"],
    );
    check(Operator::Is(numeral("0.1")), &["0.1", "0.10", "1e-1"], &["0.2"]);
    check(Operator::Is(Literal::Bool(true)), &["true"], &["false", "1", "\"true\""]);
    check(Operator::Is(Literal::Null), &["null"], &["false", "0", "\"\"", "[]", "{}"]);
    let some = vec![text("b"), text("a"), numeral("2"), Literal::Null];
    check(
        Operator::In(some),
        &["\"a\"", "\"b\"", "2.0", "null"],
        &["\"2\"", "\"c\"", "[\"a\"]", "{}"],
    );
}

#[test]
fn negative_operators_want_a_value() {
    check(Operator::Not(text("a")), &["\"b\"", "1", "null", "[\"a\"]", "{}"], &["\"a\""]);
    check(Operator::NotIn(strings(&["a", "b"])), &["\"c\"", "null"], &["\"a\"", "\"b\""]);
    for operator in [Operator::Not(text("a")), Operator::NotIn(strings(&["a"]))] {
        assert!(!holds_at(&[operator], false, "$.v", "{}"));
    }
}

#[test]
fn text_operators_want_text() {
    check(
        Operator::Prefix("eu-".into()),
        &["\"eu-\"", "\"eu-west\""],
        &["\"EU-x\"", "\"eu\"", "1", "[\"eu-\"]"],
    );
    check(Operator::Suffix("é".into()), &["\"café\"", "\"caf\\u00e9\""], &["\"cafe\"", "null"]);
    check(Operator::Glob("+1*".into()), &["\"+1\"", "\"+1555\""], &["\"1555\"", "1555"]);
    check(
        Operator::Contains(text("fund")),
        &["\"a refund\"", "[\"fund\",1]"],
        &["[\"refund\"]", "{\"fund\":1}", "null"],
    );
    check(
        Operator::Contains(numeral("1")),
        &["[2,1.0]"],
        &["\"1\"", "1", "[\"1\"]", "[[1]]", "[]"],
    );
    check(Operator::Contains(Literal::Null), &["[null]"], &["null", "[]", "[{}]"]);
    check(Operator::Prefix(String::new()), &["\"\"", "\"x\""], &["1"]);
}

#[test]
fn expressions_match_whole_values() {
    let regex = |expression: &str| Operator::Regex(expression.into());
    check(regex("a|ab"), &["\"a\"", "\"ab\""], &["\"abc\"", "\"xa\"", "\"\""]);
    check(regex("^a$"), &["\"a\""], &["\"a\\n\""]);
    check(regex("(?x) a b # the end"), &["\"ab\""], &["\"a b\""]);
    check(regex("(?m)^a$"), &["\"a\""], &["\"b\\na\""]);
    check(regex("a.*b"), &["\"axb\""], &["\"a\\nb\""]);
    check_all(&[regex("straße")], true, &["\"STRAẞE\""], &["\"strasse\""]);
    let refused = |expression: &str| {
        Test::new(vec![regex(expression)], false).expect_err(expression).to_string()
    };
    assert_eq!(refused("a("), "the expression does not compile: unclosed group");
    assert_eq!(refused("a)|(?:b"), "the expression does not compile: unopened group");
    assert_eq!(
        refused("(?=a)b"),
        "the expression does not compile: look-around, including look-ahead and look-behind, is not supported"
    );
    assert!(refused(r"\w{5000}").contains("more than 1 MiB"));
}

#[test]
fn comparisons_are_between_numbers() {
    check(
        Operator::Gt(number("5")),
        &["6", "5.1", "1e400", "18446744073709551615"],
        &["5", "-1e400", "\"6\"", "null", "[6]"],
    );
    check(Operator::Gte(number("5.0")), &["5", "5.0"], &["4.9", "true"]);
    check(Operator::Lt(number("-1")), &["-2", "-1e400"], &["-1", "0", "\"\""]);
    check(Operator::Lte(number("9007199254740992")), &["9007199254740992"], &["9007199254740993"]);
    check_all(
        &[Operator::Gte(number("1")), Operator::Lt(number("3"))],
        false,
        &["1", "2.9"],
        &["0", "3"],
    );
}

#[test]
fn existence_is_having_a_value() {
    check(Operator::Exists(true), &["null", "0", "\"\"", "[]", "{}"], &[]);
    check(Operator::Exists(false), &[], &["null", "0"]);
    assert!(holds_at(&[Operator::Exists(false)], false, "$.v", "{}"));
    assert!(holds_at(&[Operator::Exists(false)], false, "$.v[*]", "{\"v\":[]}"));
    assert!(!holds_at(&[Operator::Exists(true)], false, "$.v[*]", "{\"v\":[]}"));
    assert!(!holds_at(&[Operator::Is(Literal::Null)], false, "$.v", "{}"));
}

/// Case is ignored by every operator beside `ignore_case`.
#[rstest]
#[case(Operator::Is(text("ÉTÉ")), "\"été\"", "\"ete\"")]
#[case(Operator::Is(text("σας")), "\"ΣΑΣ\"", "\"ΣΑ\"")]
#[case(Operator::In(strings(&["A", "B"])), "\"b\"", "\"c\"")]
#[case(Operator::Not(text("A")), "\"b\"", "\"a\"")]
#[case(Operator::NotIn(strings(&["A"])), "\"b\"", "\"a\"")]
#[case(Operator::Prefix("EU-".into()), "\"eu-x\"", "\"e\"")]
#[case(Operator::Suffix("Ö".into()), "\"xö\"", "\"xo\"")]
#[case(Operator::Glob("A[X-Z]*".into()), "\"ayB\"", "\"ab\"")]
#[case(Operator::Regex("[a-z]+".into()), "\"AbC\"", "\"1\"")]
#[case(Operator::Contains(text("FUND")), "\"Refund\"", "\"ref\"")]
#[case(Operator::Contains(text("VIP")), "[\"Vip\"]", "[\"vips\"]")]
fn case_can_be_ignored(#[case] operator: Operator, #[case] yes: &str, #[case] no: &str) {
    check_all(&[operator], true, &[yes], &[no]);
}

/// Positive operators must hold for one and the same value; negative ones for every value.
#[rstest]
#[case(vec![Operator::Is(text("b"))], "[\"a\",\"b\"]", true)]
#[case(vec![Operator::Is(text("c"))], "[\"a\",\"b\"]", false)]
#[case(vec![Operator::Not(text("b"))], "[\"a\",\"b\"]", false)]
#[case(vec![Operator::Not(text("c"))], "[\"a\",\"b\"]", true)]
#[case(vec![Operator::NotIn(strings(&["x", "b"]))], "[\"a\",\"b\"]", false)]
#[case(vec![Operator::Not(text("c"))], "[]", false)]
#[case(vec![Operator::Gt(number("1")), Operator::Lt(number("9"))], "[0,10]", false)]
#[case(vec![Operator::Gt(number("1")), Operator::Lt(number("9"))], "[0,5,10]", true)]
#[case(vec![Operator::Prefix("a".into()), Operator::Not(text("ab"))], "[\"ab\",\"ac\"]", false)]
#[case(vec![Operator::Prefix("a".into()), Operator::Not(text("ab"))], "[\"ad\",\"b\"]", true)]
#[case(vec![Operator::Prefix("a".into()), Operator::Not(text("ab"))], "[\"b\",\"c\"]", false)]
#[case(vec![Operator::Exists(true), Operator::Not(text("a"))], "[\"b\"]", true)]
#[case(vec![Operator::Contains(text("x"))], "[\"a\",[\"x\"]]", true)]
fn several_values(#[case] operators: Vec<Operator>, #[case] values: &str, #[case] expected: bool) {
    let holds = holds_at(&operators, false, "$.v[*]", &format!("{{\"v\":{values}}}"));
    assert_eq!(holds, expected, "{operators:?} on {values}");
}

#[test]
fn refuses_what_means_nothing() {
    let refused =
        |operators: Vec<Operator>, ignore_case| Test::new(operators, ignore_case).unwrap_err();
    assert_eq!(refused(vec![], false), TestError::Empty);
    assert_eq!(refused(vec![Operator::In(vec![])], false), TestError::Empty);
    assert_eq!(refused(vec![Operator::NotIn(vec![])], false), TestError::Empty);
    assert_eq!(refused(vec![Operator::Is(numeral("1"))], true), TestError::NoText);
    assert_eq!(refused(vec![Operator::Exists(true)], true), TestError::NoText);
    assert_eq!(
        refused(vec![Operator::Exists(false), Operator::Is(text("a"))], false),
        TestError::Never
    );
    assert_eq!(
        refused(vec![Operator::Exists(false), Operator::Exists(true)], false),
        TestError::Never
    );
    assert!(matches!(refused(vec![Operator::Glob("[".into())], false), TestError::Glob(_)));
}

#[test]
fn says_what_is_expected() {
    let words = |operators: Vec<Operator>, ignore_case| {
        Test::new(operators, ignore_case).unwrap().expected()
    };
    assert_eq!(words(vec![Operator::Is(text("call_analyzed"))], false), "is \"call_analyzed\"");
    assert_eq!(
        words(vec![Operator::Prefix("eu-".into()), Operator::Not(text("eu-x"))], true),
        "begins with \"eu-\" and is not \"eu-x\", ignoring case"
    );
    assert_eq!(
        words(vec![Operator::Gte(number("30000")), Operator::Lt(number("1e9"))], false),
        "at least 30000 and less than 1e+9"
    );
    let many: Vec<Literal> = (0..20).map(|n| numeral(&n.to_string())).collect();
    assert_eq!(
        words(vec![Operator::In(many)], false),
        "is one of 0, 1, 2, 3, 4, 5, 6, 7 and 12 more"
    );
    assert_eq!(words(vec![Operator::Exists(false)], false), "is missing");
}

#[test]
fn what_decides_is_shown_first_if_not_all_can_be() {
    let begins = |found: String, with: &str| assert!(found.starts_with(with), "{found}");
    let many = format!(
        "{{\"l\":[{}]}}",
        (0..300).map(|n| format!("\"y{n}\"")).collect::<Vec<_>>().join(",")
    );
    begins(
        found_at(Operator::Is(text("y299")), false, "$.l[*]", &many),
        "\"y299\", \"y0\", \"y1\", ",
    );
    begins(found_at(Operator::Is(text("y300")), false, "$.l[*]", &many), "\"y0\", \"y1\", ");
    begins(found_at(Operator::Not(text("y299")), false, "$.l[*]", &many), "\"y299\", \"y0\", ");
    begins(found_at(Operator::Contains(text("y299")), false, "$.l", &many), "[\"y299\", \"y0\", ");
    begins(found_at(Operator::Contains(text("Y299")), true, "$.l", &many), "[\"y299\", \"y0\", ");

    let around =
        |middle: &str| format!("{{\"t\":\"{}{middle}{}\"}}", "Éx".repeat(5_000), "y".repeat(5_000));
    let contains = |sought: &str, ignore_case, middle: &str| {
        found_at(Operator::Contains(text(sought)), ignore_case, "$.t", &around(middle))
    };
    let before = format!("…\"{}", "Éx".repeat(15));
    begins(contains("needle", false, "needle"), &format!("{before}needleyyy"));
    begins(contains("NEEDLE", true, "needle"), &format!("{before}needleyyy"));
    begins(contains("needle", false, "nothing"), "\"ÉxÉx");
    let end = found_at(
        Operator::Suffix("needle".into()),
        false,
        "$.t",
        &format!("{{\"t\":\"{}needle\"}}", "x".repeat(500)),
    );
    assert_eq!(end, format!("…\"{}needle\"", "x".repeat(30)));
    let hostile = found_at(
        Operator::Contains(text("needle")),
        false,
        "$.t",
        &format!("{{\"t\":\"{}needle\"}}", "\\u202e".repeat(500)),
    );
    assert_eq!(hostile, format!("…\"{}needle\"", "\\u{202e}".repeat(3)));
    // What can be shown whole stays in its order.
    let few = found_at(Operator::Is(text("b")), false, "$.l[*]", r#"{"l":["a","b"]}"#);
    assert_eq!(few, "\"a\", \"b\"");
}

#[test]
fn numbers_are_shown_as_they_are_written() {
    for literal in
        ["0", "-0", "-7", "1.50", "1e400", "1E+2", "18446744073709551615", "28446744073709551615"]
    {
        let body = format!("{{\"v\":{literal},\"l\":[{literal}]}}");
        assert_eq!(found_at(Operator::Exists(true), false, "$.v", &body), literal);
        assert_eq!(found_at(Operator::Exists(true), false, "$.l[*]", &body), literal);
        assert_eq!(
            found_at(Operator::Contains(text("x")), false, "$.l", &body),
            format!("[{literal}]")
        );
    }
}
