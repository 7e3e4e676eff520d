use serde_json::{Value, json};

use super::*;
use crate::event::Event;
use crate::target::tests::{INFO, event, fixture, rules, target, url};
use crate::target::{Kind, RenderFailure};
use crate::template::{Autoescape, Source};
use proptest::prelude::*;

/// Longest message, in characters of the JSON of its blocks.
const MESSAGE_MAX: usize = 12_000;

const FIXTURES: [&str; 22] = [
    "call_analyzed",
    "call_analyzed_large",
    "call_analyzed_unicode",
    "call_analyzed_voicemail",
    "call_analyzed_web",
    "call_ended",
    "call_ended_not_connected",
    "call_inbound",
    "call_started",
    "chat_analyzed",
    "chat_ended",
    "chat_inbound",
    "chat_started",
    "custom_function_request",
    "minimal",
    "seed_curl",
    "transcript_updated",
    "transfer_bridged",
    "transfer_cancelled",
    "transfer_ended",
    "transfer_started",
    "unknown_event",
];

fn slack(text: Option<&str>, blocks: Option<BodyTemplate>) -> SlackTarget {
    let compile = |text| TextTemplate::new(&Source::plain(text), Autoescape::Slack).unwrap();
    SlackTarget {
        url: url("https://hooks.slack.com/services/T/B/canary"),
        text: text.map(compile),
        blocks: blocks.map(Blocks),
        client: Client::new(None).unwrap(),
    }
}

fn leaf(template: &str) -> BodyTemplate {
    let source = Source::plain(template);
    BodyTemplate::Leaf(TextTemplate::new(&source, Autoescape::Slack).unwrap())
}

fn message(slack: SlackTarget, event: &Event) -> Result<Value, RenderFailure> {
    let request = target(Kind::Slack(Box::new(slack))).render(event, &rules(), INFO)?;
    Ok(serde_json::from_slice(&request.body).unwrap())
}

fn default(event: &Event) -> Value {
    message(slack(None, None), event).unwrap()
}

/// Slack's limits, and that nothing foreign is markup.
fn check_limits(message: &Value) {
    let units = |text: &Value| text.as_str().unwrap().encode_utf16().count();
    let blocks = message["blocks"].as_array().unwrap();
    assert!((1..=50).contains(&blocks.len()));
    assert!(message["blocks"].to_string().encode_utf16().count() <= MESSAGE_MAX);
    assert!((1..=300).contains(&units(&message["text"])));
    for block in blocks {
        match block["type"].as_str().unwrap() {
            "header" => assert!((1..=150).contains(&units(&block["text"]["text"]))),
            "section" if block.get("text").is_some() => {
                assert!((1..=3000).contains(&units(&block["text"]["text"])));
            }
            "section" => {
                let fields = block["fields"].as_array().unwrap();
                assert!((1..=10).contains(&fields.len()));
                assert!(fields.iter().all(|field| units(&field["text"]) <= 2000));
            }
            "context" => assert!((1..=10).contains(&block["elements"].as_array().unwrap().len())),
            other => panic!("{other}"),
        }
    }
}

/// Every text of a message.
fn texts<'m>(message: &'m Value, found: &mut Vec<&'m str>) {
    match message {
        Value::String(text) => found.push(text),
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Value::Object(members) => members.values().for_each(|value| texts(value, found)),
        _ => {}
    }
}

#[test]
fn the_default_message_of_every_fixture() {
    let files = std::fs::read_dir("tests/fixtures/retell").unwrap();
    let names: Vec<_> =
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    let payloads = names.iter().filter(|name| {
        name.contains(".json") && !name.starts_with("signature") && !name.contains("response")
    });
    assert_eq!(payloads.count(), FIXTURES.len(), "every payload is in the list");
    for name in FIXTURES {
        let message = default(&fixture(name));
        check_limits(&message);
        insta::with_settings!({ snapshot_suffix => name, prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!("message", shown(&message));
        });
    }
}

/// A message as a person reads it: the texts of each block.
fn shown(message: &Value) -> String {
    let mut lines = vec![format!("text: {}", message["text"].as_str().unwrap())];
    for block in message["blocks"].as_array().unwrap() {
        let kind = block["type"].as_str().unwrap();
        let mut elements = vec![&block["text"]];
        for key in ["fields", "elements"] {
            elements.extend(block.get(key).and_then(Value::as_array).into_iter().flatten());
        }
        for element in elements.into_iter().filter(|element| !element.is_null()) {
            let text = element["text"].as_str().unwrap().replace('\n', " ⏎ ");
            lines.push(format!("{kind} {}: {text}", element["type"].as_str().unwrap()));
        }
    }
    lines.join("\n")
}

#[test]
fn a_message_as_slack_gets_it() {
    insta::with_settings!({ prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("message_json", format!("{:#}", default(&fixture("call_analyzed"))));
    });
}

#[test]
fn a_hostile_event_is_text_and_fits() {
    for evil in [
        "<!channel> <!here|x> <@U1> <#C1> <https://evil.example.com|Recording>",
        "&lt;!channel&gt; &amp;amp;",
        "*bold* _it_ ~no~ `code` ```block``` :smile: @here",
        "\u{202e}drawkcab\u{2066}\0\u{1b}[31m\r\n\n\n> quote",
        &"&<>".repeat(2_000),
        &"😀".repeat(4_000),
        &"\"\\".repeat(3_000),
        "",
        " ",
    ] {
        let custom: serde_json::Map<_, _> =
            (0..60).map(|at| (format!("{evil}{at}"), json!(evil))).collect();
        let call = json!({
            "call_id": evil, "agent_id": evil, "agent_name": evil, "direction": evil, "from_number": evil,
            "to_number": evil, "call_type": evil, "call_status": evil, "disconnection_reason": evil,
            "start_timestamp": i64::MAX, "duration_ms": i64::MAX, "transfer_destination": evil,
            "recording_url": format!("https://x.example.com/{evil}"), "public_log_url": evil,
            "call_analysis": { "call_summary": evil, "user_sentiment": evil, "call_successful": false,
                "in_voicemail": true, "custom_analysis_data": custom },
            "transcript_object": [{ "role": "user", "content": evil }],
        });
        for name in [json!("call_analyzed"), json!("transcript_updated"), json!(evil), json!(7)] {
            let event = event(json!({ "event": name, "call": call, "note": evil }).to_string());
            let message = default(&event);
            check_limits(&message);
            let mut all = Vec::new();
            texts(&message, &mut all);
            for text in all {
                let ours = text
                    .strip_prefix("<!date^")
                    .map_or(text, |rest| rest.split_once('>').unwrap().1);
                let ours =
                    ours.replace("<https://x.example.com/", "").replace("|🎧 Recording>", "");
                assert!(!ours.contains(['<', '>']), "{text}");
                assert!(!text.contains(['\0', '\u{1b}', '\u{202e}', '\u{2066}', '\r']), "{text:?}");
            }
        }
    }
}

#[test]
fn odd_types_are_passed_over() {
    for value in [json!(null), json!(7), json!([]), json!({}), json!([[{}]]), json!(1e300)] {
        let call = json!({
            "agent_name": value, "from_number": value, "duration_ms": value, "start_timestamp": value,
            "call_analysis": value, "recording_url": value, "transcript_object": value,
            "transfer_destination": value, "disconnection_reason": value,
        });
        let payload = json!({ "event": "call_analyzed", "call": call, "transfer_option": value });
        check_limits(&default(&event(payload.to_string())));
        check_limits(&default(&event(json!({ "call": value, "chat": value }).to_string())));
    }
}

#[test]
fn a_text_of_ones_own_is_escaped_cut_and_never_empty() {
    let evil =
        event(json!({ "event": "x", "call": { "note": "<!channel>&", "none": "" } }).to_string());
    let text = |template: &str| message(slack(Some(template), None), &evil);
    assert_eq!(
        text("<!here> {{ call.note }}").unwrap(),
        json!({ "text": "<!here> &lt;!channel&gt;&amp;" })
    );
    let long = text("{{ 'x' * 50000 }}").unwrap();
    assert_eq!(long["text"].as_str().unwrap().encode_utf16().count(), 40_000);
    assert!(text("{{ call.none }} ").unwrap_err().message.contains("empty"));
    assert!(text("{{ call.nope }}").unwrap_err().message.starts_with("text: undefined"));
}

#[test]
fn blocks_of_ones_own_keep_their_structure_and_have_a_fallback() {
    let section = BodyTemplate::Map(vec![
        ("type".to_owned(), BodyTemplate::Literal(json!("section"))),
        (
            "text".to_owned(),
            BodyTemplate::Map(vec![
                ("type".to_owned(), BodyTemplate::Literal(json!("mrkdwn"))),
                ("text".to_owned(), leaf("*Note* {{ call.note }}")),
            ]),
        ),
    ]);
    let blocks = || Some(BodyTemplate::List(vec![section.clone()]));
    let evil =
        event(json!({ "event": "call_ended", "call": { "note": "\"}]<!channel>" } }).to_string());
    let with_text = message(slack(Some("hello"), blocks()), &evil).unwrap();
    let expected = json!([{ "type": "section", "text":
        { "type": "mrkdwn", "text": "*Note* \"}]&lt;!channel&gt;", "verbatim": true } }]);
    assert_eq!(with_text, json!({ "text": "hello", "blocks": expected }));
    let without = message(slack(None, blocks()), &evil).unwrap();
    assert_eq!(without["text"], "📞 Call ended");
    let no_list = message(slack(None, Some(leaf("{{ call }}"))), &evil).unwrap_err();
    assert!(no_list.message.starts_with("blocks: they are no list"), "{no_list}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_text_fits_and_is_inert(text in any::<String>()) {
        let payload = json!({ "event": text, "call": { "agent_name": text, "from_number": text, "recording_url": text,
            "call_analysis": { "call_summary": text, "custom_analysis_data": { text.as_str(): text } } } });
        let message = default(&event(payload.to_string()));
        check_limits(&message);
        let mut all = Vec::new();
        texts(&message, &mut all);
        prop_assert!(all.iter().all(|text| !text.contains('<') || text.starts_with("<!date^")));
    }
}
