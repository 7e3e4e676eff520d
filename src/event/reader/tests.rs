use std::path::Path as File;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::clock::Timestamp;
use crate::event::{Fields, Value, Values};

const FOLDED: Wants = Wants { elements: false, folded: true };
const ELEMENTS: Wants = Wants { elements: true, folded: false };

fn envelope() -> Envelope {
    Envelope {
        id: EventId::from_bytes([7; 16]),
        source: SourceName::new("retell").unwrap(),
        received_at: Timestamp::from_millis(1),
        signed: true,
        name: None,
        agent_id: None,
        subject: None,
        request: RequestParts::default(),
    }
}

fn read(reader: &Reader, body: &str) -> Result<Event, Unreadable> {
    reader.reread(&envelope(), &Bytes::copy_from_slice(body.as_bytes()))
}

/// The values in words: `"text"`, `1`, `null`, `[…]`, `{}`.
fn words(values: Values<'_>) -> String {
    let word = |value| match value {
        Value::Null => "null".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(number, _) => format!("{}", number.as_f64()),
        Value::Text(text) if text.plain == text.folded => format!("{:?}", text.plain),
        Value::Text(text) => format!("{:?}/{:?}", text.plain, text.folded),
        Value::Array(elements) => format!("[{}]", words(elements)),
        Value::Object => "{}".to_owned(),
    };
    values.iter().map(word).collect::<Vec<_>>().join(" ")
}

fn path(text: &str) -> Path {
    Path::parse(text).unwrap()
}

/// What a reader that asks for `paths` finds in `body`.
fn check(paths: &[&str], wants: Wants, body: &str, expected: &[&str]) {
    let mut builder = ReaderBuilder::default();
    let ids: Vec<FieldId> = paths
        .iter()
        .map(|text| match path(text).singular() {
            Some(segments) => builder.singular(segments, wants),
            None => builder.general(&path(text), wants),
        })
        .collect();
    let event = read(&builder.build(), body).unwrap_or_else(|error| panic!("{body}: {error}"));
    let found: Vec<String> = ids.iter().map(|id| words(event.fields().get(*id))).collect();
    assert_eq!(found, expected, "{paths:?} in {body}");
}

#[test]
fn takes_out_what_is_asked_for() {
    let body = r#" { "x" : {"y":[10,{"z":"de\u0065p"}], "n":null} , "event":"E", "a":{"b":1.50}, "t":true, "big":1e400 } "#;
    check(
        &[
            "$.x.y[1].z",
            "$.x.y[0]",
            "$.x.n",
            "$.event",
            "$.a",
            "$.a.b",
            "$.t",
            "$.big",
            "$.gone",
            "$.x.y[2]",
            "$.a.b.c",
        ],
        Wants::default(),
        body,
        &["\"deep\"", "10", "null", "\"E\"", "{}", "1.5", "true", "inf", "", "", ""],
    );
    check(&["$", "$['x']"], Wants::default(), body, &["{}", "{}"]);
    check(&["$.x.y", "$.x.y[0]", "$.x.y[1]"], ELEMENTS, body, &["[10 {}]", "10", "{}"]);
    check(&["$.x.y"], Wants::default(), body, &["[]"]);
    check(&["$.a", "$.b"], FOLDED, r#"{"a":"ÄB","b":"ab"}"#, &["\"ÄB\"/\"äb\"", "\"ab\""]);
    check(&["$..z", "$.x.y[*]", "$.a[*]"], ELEMENTS, body, &["\"deep\"", "10 {}", "1.5"]);
    check(&["$['é\\u0301']", "$['']"], Wants::default(), r#"{"é\u0301":1,"":2}"#, &["1", "2"]);
    let many: Vec<String> = (0..200).map(|n| format!("$.k{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let mut expected = vec![""; 200];
    expected[199] = "1";
    expected[0] = "2";
    check(&many, Wants::default(), r#"{"k199":1,"k0":2,"k200":3}"#, &expected);
}

#[test]
fn the_first_object_among_call_and_chat_counts() {
    let mut builder = ReaderBuilder::default();
    let agent = builder.agent_id(Wants::default());
    let tier = builder.metadata("tier.x", Wants::default());
    let reader = builder.build();
    let check = |body: &str, expected: [&str; 2], subject: Option<&str>| {
        let event = read(&reader, body).unwrap();
        let found = [agent, tier].map(|id| words(event.fields().get(id)));
        assert_eq!(found, expected, "{body}");
        assert_eq!(event.envelope().subject.as_deref(), subject, "{body}");
    };
    check(
        r#"{"chat":{"agent_id":"b","chat_id":"t","metadata":{"tier.x":1}},"call":{"agent_id":"a","call_id":"c","metadata":{"tier.x":2}}}"#,
        ["\"a\"", "2"],
        Some("c"),
    );
    check(
        r#"{"call":null,"chat":{"agent_id":"b","chat_id":"t","metadata":{"tier.x":1}}}"#,
        ["\"b\"", "1"],
        Some("t"),
    );
    check(
        r#"{"call":[],"call_inbound":{"agent_id":3,"metadata":[{"tier.x":1}]}}"#,
        ["3", ""],
        None,
    );
    check(r#"{"chat_inbound":{"agent_id":"d","metadata":"no"}}"#, ["\"d\"", ""], None);
    check(r#"{"agent_id":"x","metadata":{"tier.x":1}}"#, ["", ""], None);
    check(r#"{"call":{},"chat":{"agent_id":"b"}}"#, ["", ""], None);
}

#[test]
fn an_envelope_carries_short_texts_only() {
    let reader = Reader::default();
    let event =
        read(&reader, r#"{"event":"call_ended","call":{"agent_id":"a","call_id":"c"}}"#).unwrap();
    let envelope = event.envelope();
    assert_eq!(envelope.name.as_deref(), Some("call_ended"));
    assert_eq!(envelope.agent_id.as_deref(), Some("a"));
    assert_eq!(envelope.subject.as_deref(), Some("c"));
    let long = "x".repeat(ID_MAX + 1);
    let event =
        read(&reader, &format!(r#"{{"event":"e","call":{{"agent_id":"{long}","call_id":"c"}}}}"#))
            .unwrap();
    let envelope = event.envelope();
    assert_eq!((&envelope.agent_id, &envelope.subject), (&None, &None));
    assert_eq!(event.fields().text_of(AGENT), Some(long.as_str()));
    let event = read(&reader, r#"{"event":7,"call":{"call_id":7}}"#).unwrap();
    assert_eq!((&event.envelope().name, &event.envelope().subject), (&None, &None));
    assert!(read(&reader, r#"{"name":"f","args":{}}"#).is_ok());
}

#[test]
fn a_key_that_occurs_twice_where_rules_look_is_refused() {
    let mut builder = ReaderBuilder::default();
    builder.singular(path("$.a.b").singular().unwrap(), Wants::default());
    builder.metadata("tier", Wants::default());
    let reader = builder.build();
    let refused = |body: &str, place: &str| {
        let error = read(&reader, body).unwrap_err();
        assert_eq!(error, Unreadable::DuplicateKey { path: place.into() }, "{body}");
    };
    refused(r#"{"a":{"b":1,"b":1}}"#, "$.a.b");
    refused(r#"{"a":{"b":1,"\u0062":2}}"#, "$.a.b");
    refused(r#"{"a":1,"a":{}}"#, "$.a");
    refused(r#"{"event":"x","ev\u0065nt":"y"}"#, "$.event");
    refused(r#"{"call":{"metadata":{"tier":1},"metadata":{}}}"#, "$.call.metadata");
    refused(r#"{"call":{"metadata":{"tier":1,"tier":1}}}"#, "$.call.metadata.tier");
    refused(r#"{"chat":{"agent_id":1,"agent_id":1}}"#, "$.chat.agent_id");
    refused(r#"{"call":{},"chat":{},"call":{}}"#, "$.call");
    assert!(
        read(&reader, r#"{"z":1,"z":2,"a":{"c":1,"c":2},"call":{"metadata":{"x":1,"x":2}}}"#)
            .is_ok()
    );
    // What a general path may visit is looked at as a whole.
    let mut builder = ReaderBuilder::default();
    builder.general(&path("$.list[*].id"), Wants::default());
    let reader = builder.build();
    assert!(read(&reader, r#"{"z":1,"z":2,"list":[{"id":1},{"id":2}]}"#).is_ok());
    let error = read(&reader, r#"{"list":[{"id":1,"x":{"q":1,"\u0071":2}}]}"#).unwrap_err();
    assert_eq!(error.to_string(), "the key at a place below $.list occurs more than once");
}

#[test]
fn what_is_read_must_be_text_and_what_is_not_may_be_anything() {
    let mut builder = ReaderBuilder::default();
    builder.singular(path("$.a").singular().unwrap(), ELEMENTS);
    let reader = builder.build();
    let error = read(&reader, r#"{"a":["x","\ud800"]}"#).unwrap_err();
    assert_eq!(error, Unreadable::Surrogate { at: 11 });
    let event = read(&reader, r#"{"b":"\ud800","\udc00":1}"#).unwrap();
    assert_eq!(event.document().err(), Some(&Unreadable::Surrogate { at: 6 }));
    let fault = |body: &[u8]| {
        reader.reread(&envelope(), &Bytes::copy_from_slice(body)).unwrap_err().to_string()
    };
    assert_eq!(fault(b"{\"b\":\"\xff\"}"), "not UTF-8 from byte 6 on");
    assert_eq!(fault(b"[1]"), "a JSON array, not an object");
    assert_eq!(fault(b"-1"), "a JSON number, not an object");
    assert_eq!(fault(b"\"x\""), "a JSON string, not an object");
    assert_eq!(fault(b"[1"), "not JSON at byte 2: the text ends too early");
    assert_eq!(fault(b""), "not JSON at byte 0: the text ends too early");
    assert_eq!(fault(b"{} {}"), "not JSON at byte 3: text after the end of the document");
}

#[test]
fn headers_query_and_source_are_fields_too() {
    let mut builder = ReaderBuilder::default();
    let agent = builder.header("user-agent", FOLDED);
    let host = builder.header("host", Wants::default());
    let tag = builder.query("tag", Wants::default());
    let source = builder.source(Wants::default());
    assert_eq!(builder.query("tag", FOLDED), tag);
    let reader = builder.build();
    let mut envelope = envelope();
    envelope.request.user_agent = Some("Retell".into());
    envelope.request.query = Some("a=1&tag=x+y&tag=%C3%A9&tag".into());
    let event = reader.reread(&envelope, &Bytes::from_static(b"{}")).unwrap();
    let found = [agent, host, tag, source].map(|id| words(event.fields().get(id)));
    assert_eq!(found, ["\"Retell\"/\"retell\"", "", "\"x y\" \"é\" \"\"", "\"retell\""]);
}

#[test]
fn an_order_key_is_compact_json() {
    let mut builder = ReaderBuilder::default();
    let ids = ["$.a", "$.b[-1]", "$.c"].map(|text| builder.order(&path(text)));
    let reader = builder.build();
    let keys = |body: &str| {
        let event = read(&reader, body).unwrap();
        ids.map(|id| event.fields().text_of(id).map(str::to_owned))
    };
    assert_eq!(
        keys(r#"{"a" : "\u0061\n", "b":[1, 2.0], "c":{ "x" : [ 1e5 ] }}"#),
        [Some(r#""a\n""#.into()), Some("2.0".into()), Some(r#"{"x":[1e5]}"#.into())]
    );
    assert_eq!(keys(r#"{"a":null}"#), [Some("null".into()), None, None]);
    let error = read(&reader, r#"{"c":{"x":"\udfff"}}"#).unwrap_err();
    assert_eq!(error, Unreadable::Surrogate { at: 11 });
    assert!(read(&reader, r#"{"c":{"x":1,"x":2}}"#).is_err());
}

#[test]
fn every_fixture_is_readable() {
    let folder = File::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/retell");
    let reader = Reader::default();
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.extension().is_none_or(|ending| ending != "json")
            || name == "signature_vectors.json"
        {
            continue;
        }
        let body = Bytes::from(std::fs::read(&path).unwrap());
        let event =
            reader.reread(&envelope(), &body).unwrap_or_else(|error| panic!("{name}: {error}"));
        let theirs: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(event.document().unwrap().value(), &theirs, "{name}");
        assert_eq!(event.envelope().name.as_deref(), theirs["event"].as_str(), "{name}");
        seen += 1;
    }
    assert!(seen >= 20, "{seen}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// The pass and the tree find the same values, for singular paths and for the same paths asked as general ones.
    #[test]
    fn the_pass_agrees_with_the_tree(
        parts in prop::collection::btree_map("[a-d]", 0_u8..6, 0..4),
        keys in prop::collection::vec("[a-d]", 1..4),
    ) {
        let leaf = |n: u8| ["1", "\"x\"", "null", "[2,[3]]", "{\"a\":{\"b\":5}}", "{\"c\":[7]}"][usize::from(n)];
        let members: Vec<String> = parts.iter().map(|(key, n)| format!("\"{key}\":{}", leaf(*n))).collect();
        let body = format!("{{\"a\":{{{0}}},\"b\":[{{{0}}}]}}", members.join(","));
        let texts = [format!("$.a.{}", keys.join(".")), format!("$.b[0].{}", keys.join("."))];
        for text in texts {
            let (last, way) = text.rsplit_once('.').map(|(way, last)| (last, way)).unwrap();
            let general = format!("{way}['{last}','{last}']");
            let mut builder = ReaderBuilder::default();
            let one = builder.singular(path(&text).singular().unwrap(), ELEMENTS);
            let other = builder.general(&path(&general), ELEMENTS);
            let event = read(&builder.build(), &body).unwrap();
            let fields: &Fields = event.fields();
            prop_assert_eq!(words(fields.get(one)), words(fields.get(other)), "{} in {}", text, body);
        }
    }
}
