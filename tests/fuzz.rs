//! The bodies of the fuzz targets as property tests, and every input that they once failed on.
//!
//! libFuzzer finds its way by coverage and needs a nightly compiler; this needs neither. `HOOKSWITCH_FULL=1` runs 50 times as
//! many cases. Inputs are made of pieces that mean something to what reads them, of mutated fixtures, and of noise.

#![expect(
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it measured"
)]

#[path = "fuzz_bodies/mod.rs"]
mod fuzz_bodies;

use std::path::{Path, PathBuf};

use fuzz_bodies::{
    connection, extraction, request, retry_after, rules_file, signature, template_source, templates,
};
use proptest::prelude::*;
use proptest::test_runner::{TestError, TestRunner};

/// Tries `check` on inputs of `made`, and on all that is kept under `tests/fixtures/fuzz/NAME`.
fn hold(name: &str, cases: u32, made: impl Strategy<Value = Vec<u8>>, check: fn(&[u8])) {
    for file in kept(name) {
        println!("{}", file.display());
        check(&std::fs::read(file).expect("it was just listed"));
    }
    let full = std::env::var_os("HOOKSWITCH_FULL").is_some();
    let cases = if full { cases * 50 } else { cases };
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let outcome = TestRunner::new(config).run(&made, |data| {
        check(&data);
        Ok(())
    });
    match outcome {
        Err(TestError::Fail(why, input)) => panic!("{why}\non b\"{}\"", input.escape_ascii()),
        Err(TestError::Abort(why)) => panic!("{why}"),
        Ok(()) => {}
    }
    println!("measured: {cases} inputs of {name}");
}

/// What the fuzzer once found.
fn kept(name: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/fuzz").join(name);
    let Ok(files) = std::fs::read_dir(folder) else { return Vec::new() };
    files.map(|file| file.expect("a folder can be listed").path()).collect()
}

fn fixtures(folder: &str, ending: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(folder);
    let files: Vec<_> = std::fs::read_dir(folder)
        .expect("the fixtures are there")
        .map(|file| file.expect("a folder can be listed").path())
        .filter(|path| path.extension().is_some_and(|found| found == ending))
        .map(|path| std::fs::read(path).expect("a file can be read"))
        .filter(|bytes| bytes.len() < 20_000)
        .collect();
    assert!(files.len() > 4, "there are fixtures");
    files
}

fn noise(length: usize) -> BoxedStrategy<Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..length).boxed()
}

/// Up to `most` of the pieces, one after the other.
fn pieces(pieces: &'static [&'static str], most: usize) -> BoxedStrategy<Vec<u8>> {
    let piece = prop_oneof![
        8 => prop::sample::select(pieces).prop_map(|text| text.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 1..4),
        1 => "[a-z0-9]{1,3}".prop_map(String::into_bytes),
    ];
    prop::collection::vec(piece, 0..most).prop_map(|pieces| pieces.concat()).boxed()
}

/// One of `whole` with a few places changed.
fn damaged(whole: Vec<Vec<u8>>) -> BoxedStrategy<Vec<u8>> {
    let edit = (any::<prop::sample::Index>(), 0_usize..6, noise(6));
    (prop::sample::select(whole), prop::collection::vec(edit, 0..4))
        .prop_map(|(mut bytes, edits)| {
            for (place, length, put) in edits {
                let from = place.index(bytes.len() + 1);
                let to = (from + length).min(bytes.len());
                bytes.splice(from..to, put);
            }
            bytes
        })
        .boxed()
}

/// Something, behind so many bytes that steer the body.
fn steered(bytes: usize, rest: BoxedStrategy<Vec<u8>>) -> BoxedStrategy<Vec<u8>> {
    (prop::collection::vec(any::<u8>(), bytes), rest)
        .prop_map(|(first, rest)| [first, rest].concat())
        .boxed()
}

const JSON: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    " ",
    "\n",
    "\"event\":",
    "\"call\":{",
    "\"chat\":{",
    "\"call_id\":",
    "\"metadata\":{",
    "\"tier\":",
    "\"list\":[",
    "\"agent_id\":",
    "\"x\":",
    "\"a\":",
    "\"\\u0061\":",
    "\"\\u0065vent\":",
    "\"é \\\"\":",
    "\"duration_ms\":",
    "\"call_ended\"",
    "\"text\"",
    "\"\\ud83d\\ude00\"",
    "\"\\ud800\"",
    "\"\\udc00\":1",
    "\"\\u0000\"",
    "null",
    "true",
    "false",
    "0",
    "-0",
    "1.10",
    "1e400",
    "-1E+5",
    "18446744073709551615",
    "-9223372036854775809",
    "0.1e-1",
    "{\"a\":1}",
    "[1,2]",
    "{\"a\":{\"a\":{\"a\":[[1]]}}}",
    "\"$serde_json::private::Number\":\"1\"",
    "\u{feff}",
    "{}",
    "[]",
];

const YAML: &[&str] = &[
    "version: 1\n",
    "sources:\n",
    "  retell: { path: /w, verify: none }\n",
    "targets:\n",
    "  a: { kind: log }\n",
    "  b: { kind: http, url: 'http://127.0.0.1/{{ call.x }}' }\n",
    "rules:\n",
    "  - { name: r, to: [a] }\n",
    "  - name: ",
    "    when: ",
    "{ event: call_ended }\n",
    "{ fields: { $.a: ",
    "fallback: [a]\n",
    "listen: 127.0.0.1:0\n",
    "defaults: { timeout: 1s }\n",
    "&x ",
    "*x",
    "<<: ",
    "? ",
    ": ",
    "- ",
    "|\n",
    ">-\n",
    "'",
    "\"",
    "!!str ",
    "{",
    "}",
    "[",
    "]",
    ", ",
    "\n",
    "  ",
    "\t",
    "#",
    "---\n",
    "...\n",
    "~",
    "yes",
    "0x10",
    "0o7",
    "1_000",
    "1e3",
    ".inf",
    "+1",
    "01",
    "12:30",
    "2026-01-01",
    "${A:-b}",
    "$${",
    "\u{feff}",
    "\u{85}",
    "\\u0041",
    "null",
    "NO",
];

const TEMPLATE: &[&str] = &[
    "{{ ",
    " }}",
    "{% ",
    " %}",
    "{# ",
    " #}",
    "call",
    ".x",
    ".list",
    "[0]",
    "payload",
    "metadata",
    "event",
    " | ",
    "upper",
    "dig('a.b', 1)",
    "duration",
    "iso8601",
    "mask_phone",
    "sha256",
    "tojson",
    "join(', ')",
    "default('-')",
    "replace('a', 'bb')",
    "sort",
    "unique",
    "batch(2)",
    "map('upper')",
    "groupby('x')",
    "for i in ",
    "endfor",
    "if ",
    "else",
    "endif",
    "set y = ",
    "macro m(a)",
    "endmacro",
    "range(9)",
    "dict(a=1)",
    " + ",
    " * ",
    " ~ ",
    " ** ",
    "'a'",
    "1",
    "2.5",
    "[1, 2]",
    "{'a': 1}",
    " is defined",
    " in ",
    "not ",
    "(",
    ")",
    "http://h/",
    "https://h.example/a/",
    "?q=",
    "&",
    "%2",
    "@",
    "#",
    "\0",
    "\n",
    "-",
    "loop.index",
    "100000000",
    "safe",
    "<",
    "|x>",
];

const HTTP: &[&str] = &[
    "POST /webhook HTTP/1.1\r\n",
    "POST /signed HTTP/1.1\r\n",
    "GET /healthz HTTP/1.1\r\n",
    "HEAD /readyz HTTP/1.1\r\n",
    "PUT / HTTP/1.1\r\n",
    "POST /webhook HTTP/1.0\r\n",
    "host: h\r\n",
    "content-length: 2\r\n",
    "Content-Length: 40\r\n",
    "content-length: +2\r\n",
    "content-length: 99999\r\n",
    "transfer-encoding: chunked\r\n",
    "Transfer-Encoding: gzip, chunked\r\n",
    "transfer-encoding: identity\r\n",
    "content-encoding: gzip\r\n",
    "expect: 100-continue\r\n",
    "connection: close\r\n",
    "connection: keep-alive\r\n",
    "x-retell-signature: ",
    "v=1772553700123,d=b286c5f139010aef1bbda1542dd9435e1d230717f6cb706d8514748b2475e4ba",
    "\r\n",
    "\n",
    "\r",
    "{}",
    "{\"event\":\"call_ended\"}",
    "2\r\n{}\r\n",
    "0\r\n",
    "0\r\n\r\n",
    "ffffffffffffffff\r\n",
    "2;ext=\"x\"\r\n",
    " folded\r\n",
    "a: b\r\n",
    ": \r\n",
    "\0",
    "?q=1&agent=a",
];

#[test]
fn signature_holds() {
    hold("signature", 4_000, steered(6, noise(200)), signature::check);
}

#[test]
fn request_holds() {
    let query = "[a-z=&%+]{0,20}\n[a-z]{0,4}\n".prop_map(String::into_bytes);
    let body = prop_oneof![pieces(JSON, 40), damaged(fixtures("retell", "json"))];
    let whole =
        (any::<u8>(), query, body).prop_map(|(way, query, body)| [vec![way], query, body].concat());
    hold("request", 1_000, whole, request::check);
}

#[test]
fn connection_holds() {
    hold("connection", 400, steered(2, pieces(HTTP, 30)), connection::check);
}

#[test]
fn extraction_holds() {
    let made =
        prop_oneof![4 => pieces(JSON, 40), 1 => damaged(fixtures("retell", "json")), 1 => json()];
    hold("extraction", 3_000, made, extraction::check);
}

/// Whole objects, as deep as they may be and deeper.
fn json() -> BoxedStrategy<Vec<u8>> {
    let member = (prop::sample::select(JSON), 0_usize..140).prop_map(|(value, deep)| {
        let (open, close) = ("[".repeat(deep), "]".repeat(deep));
        format!(
            r#"{{"call":{{"list":[0,{{"x":{open}{value}{close}}}]}},"a":{{"a":{{"a":{value}}}}}}}"#
        )
        .into_bytes()
    });
    member.boxed()
}

#[test]
fn rules_file_holds() {
    let made =
        prop_oneof![pieces(YAML, 40), damaged(fixtures("config/valid", "yaml")), good_rules()];
    hold("rules_file", 300, made, rules_file::check);
}

/// Files that are good but for a scalar or two, which YAML readers may see differently.
fn good_rules() -> BoxedStrategy<Vec<u8>> {
    let scalar = prop_oneof![
        pieces(YAML, 4).prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
        "[-+0-9.eExXoO_:,abcf~]{1,8}",
        "['\"]?[a-zA-Z0-9 \\\\]{0,8}['\"]?",
    ];
    (scalar.clone(), scalar, any::<bool>())
        .prop_map(|(first, second, flow)| {
            let when = if flow {
                format!("{{ metadata: {{ tier: [{first}] }}, event: {second} }}")
            } else {
                format!("\n      metadata:\n        tier: {first}\n      event: {second}\n")
            };
            format!(
                "version: 1\nsources: {{ retell: {{ path: /w, verify: none }} }}\n\
                 targets: {{ a: {{ kind: log }} }}\nrules:\n  - name: {second}\n    to: [a]\n    when: {when}\n"
            )
            .into_bytes()
        })
        .boxed()
}

#[test]
fn templates_hold() {
    let made = prop_oneof![
        pieces(JSON, 40),
        damaged(fixtures("retell", "json")),
        any::<String>().prop_map(String::into_bytes),
    ];
    hold("templates", 300, made, templates::check);
}

#[test]
fn template_source_holds() {
    hold("template_source", 1_000, pieces(TEMPLATE, 20), template_source::check);
}

#[test]
fn retry_after_holds() {
    let header = prop_oneof![
        noise(40),
        "[0-9]{0,30}".prop_map(String::into_bytes),
        "(Sun|Mon|Tue), [0-3][0-9] (Jan|Feb) [0-9]{4} [0-2][0-9]:[0-6][0-9]:[0-6][0-9] GMT"
            .prop_map(String::into_bytes),
    ];
    hold("retry_after", 20_000, steered(11, header.boxed()), retry_after::check);
}
