use proptest::prelude::*;
use serde::de::IgnoredAny;

use super::*;
use crate::event::Document;

fn skip(text: &str) -> Result<(), Unreadable> {
    let mut scanner = Scanner::new(text.as_bytes())?;
    scanner.skip()?;
    scanner.end()
}

/// We and `serde_json` say the same of `text`; where we build a tree, it is the same tree.
fn check(text: &str) {
    let theirs = serde_json::from_str::<IgnoredAny>(text);
    let ours = skip(text);
    assert_eq!(ours.is_ok(), theirs.is_ok(), "{text:?}: {ours:?}, serde_json: {theirs:?}");
    if let Err(Unreadable::Syntax { at, .. }) = ours {
        assert!(at <= text.len(), "{text:?}: {at}");
    }
    let tree = Document::parse(text.as_bytes());
    let theirs = serde_json::from_str::<serde_json::Value>(text);
    assert_eq!(tree.is_ok(), theirs.is_ok(), "{text:?}: {tree:?}, serde_json: {theirs:?}");
    if let (Ok(tree), Ok(theirs)) = (tree, theirs) {
        // serde_json writes exponents in its own way.
        let digits =
            |value: &serde_json::Value| value.to_string().to_lowercase().replace("e+", "e");
        assert_eq!(digits(tree.value()), digits(&theirs), "{text:?}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of texts")]
fn the_grammar_is_that_of_serde_json() {
    for text in [
        "",
        " ",
        "null",
        "nul",
        "nullx",
        "true",
        "fals",
        "True",
        "0",
        "-0",
        "-",
        "+1",
        "01",
        "1.",
        ".5",
        "1.5",
        "1e",
        "1e5",
        "1E+5",
        "1e-",
        "1e400",
        "-1.5e-300",
        "0x1",
        "1_000",
        "NaN",
        "Infinity",
        "\"\"",
        "\"",
        "\"a",
        "\"\\\"",
        "\"\\",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u123g\"",
        "\"\\u1234\"",
        "\"\\ud800\\udc00\"",
        "\"\t\"",
        "\"\u{0}\"",
        "\"\u{7f}\"",
        "\"é😀\"",
        "'a'",
        "[]",
        "[",
        "]",
        "[,]",
        "[1,]",
        "[1 2]",
        "[1,2]",
        " [ 1 , 2 ] ",
        "[[]]",
        "[[]",
        "[}",
        "{}",
        "{",
        "}",
        "{]",
        "{,}",
        "{1:2}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{\"a\":1 \"b\":2}",
        "{\"a\" : 1 , \"b\" : [] }",
        "{\"a\":1}{",
        "{} {}",
        "[] 1",
        "\u{feff}{}",
        "{\"a\":1}\u{0}",
        "\u{a0}1",
        "//c\n1",
        "[1]//",
        "\r\n\t 1",
        "\"12345678901234567\"",
        "\"1234567\\\\\"",
        "\"1234567\u{1f}\"",
        "[\"\u{80}\u{22}",
        "[{\"a\":[{}]}]",
        "{\"a\":{\"b\":{\"c\":[1,{\"d\":null}]}}}",
        "[{},[],\"\",0,true,false,null]",
        "[{}{}]",
        "[[][]]",
        "[\"\"\"\"]",
    ] {
        check(text);
    }
}

#[test]
fn says_where_and_what() {
    let fault = |text: &str| skip(text).unwrap_err().to_string();
    assert_eq!(fault(""), "not JSON at byte 0: the text ends too early");
    assert_eq!(fault("{\"a\":1"), "not JSON at byte 6: the text ends too early");
    assert_eq!(fault("{\"a\":x}"), "not JSON at byte 5: expected a value");
    assert_eq!(fault("{\"a\" 1}"), "not JSON at byte 5: expected a colon");
    assert_eq!(fault("{\"a\":1,}"), "not JSON at byte 7: expected a key");
    assert_eq!(fault("[1 2]"), "not JSON at byte 3: expected a comma or the end");
    assert_eq!(fault("[-]"), "not JSON at byte 2: a number is incomplete");
    assert_eq!(fault("[\"a\\q\"]"), "not JSON at byte 3: an unknown or incomplete escape");
    assert_eq!(fault("[\"a\nb\"]"), "not JSON at byte 3: a control character in a string");
    assert_eq!(fault("[\"a]"), "not JSON at byte 4: the text ends too early");
}

#[test]
fn a_lone_surrogate_is_grammar_until_somebody_reads_it() {
    for text in [
        r#""\ud800""#,
        r#""\ud800x""#,
        r#""\ud800\n""#,
        r#""\udc00""#,
        r#""\ud800\ud800""#,
        r#"{"\ud800":1}"#,
    ] {
        assert_eq!(skip(text), Ok(()), "{text}");
        assert!(
            matches!(Document::parse(text.as_bytes()), Err(Unreadable::Surrogate { .. })),
            "{text}"
        );
        assert!(serde_json::from_str::<serde_json::Value>(text).is_err(), "{text}");
    }
}

#[test]
fn stops_below_depth_128() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let nest = |levels: usize| format!("{}1{}", open.repeat(levels), close.repeat(levels));
        assert_eq!(skip(&nest(128)), Ok(()));
        let at = 128 * open.len();
        assert_eq!(skip(&nest(129)), Err(Unreadable::Depth { at }));
    }
    assert_eq!(skip(&"[".repeat(100_000)), Err(Unreadable::Depth { at: 128 }));
    assert_eq!(skip(&format!("[{}[]]", "[],".repeat(1000))), Ok(()));
}

/// Texts made of the pieces that matter to the grammar, so that most are wrong in one place only.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => prop::sample::select(vec!["{", "}", "[", "]", ",", ":", "\"a\":", "\"b\"", "1", " "]),
        1 => prop::sample::select(vec![
            "\"", "\\", "\\\"", "\\u00e9", "\\ud83d\\ude00", "\\u12", "-", "0", ".5", "e", "E+1", "true", "null", "false",
            "\n", "\u{1}", "é", "nul", "\"12345678\"", "\"\\\\\"", "x", "\u{7f}",
        ]),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

/// A right text with at most one character taken away, put in or doubled.
fn nearly_right() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "null",
        "true",
        "false",
        "0",
        "-1.5e3",
        "12345678901234567890",
        "\"\"",
        "\"plain text of some length\"",
        "\"\\n\\u00e9\"",
    ])
    .prop_map(str::to_owned);
    let tree = leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4)
                .prop_map(|parts| format!("[{}]", parts.join(","))),
            prop::collection::vec(("[a-c]{1,9}", inner), 0..4).prop_map(|parts| {
                let parts: Vec<_> =
                    parts.iter().map(|(key, value)| format!("\"{key}\" : {value}")).collect();
                format!("{{{}}}", parts.join(" ,"))
            }),
        ]
    });
    (
        tree,
        any::<prop::sample::Index>(),
        prop::option::of(prop::sample::select(vec!["", ",", "\"", "}", "]", "0", ":"])),
    )
        .prop_map(|(text, place, change)| {
            let Some(put) = change else { return text };
            let at = place.index(text.len() + 1);
            let (before, after) = text.split_at(at);
            let after = if put.is_empty() { after.get(1..).unwrap_or("") } else { after };
            format!("{before}{put}{after}")
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn accepts_exactly_what_serde_json_accepts(text in prop_oneof![pieces(), nearly_right()]) {
        check(&text);
    }

    #[test]
    fn bytes_that_are_not_utf8_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..32)) {
        let ours = Scanner::new(&bytes).and_then(|mut scanner| {
            scanner.skip()?;
            scanner.end()
        });
        let theirs = std::str::from_utf8(&bytes).is_ok() && serde_json::from_slice::<IgnoredAny>(&bytes).is_ok();
        prop_assert_eq!(ours.is_ok(), theirs);
    }
}
