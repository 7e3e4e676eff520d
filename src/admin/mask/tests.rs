use serde_json::json;

use super::*;

fn masked(value: &Value) -> Value {
    serde_json::from_slice(&body(value.to_string().as_bytes())).unwrap()
}

fn fixture(name: &str) -> Vec<u8> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/retell");
    std::fs::read(folder.join(name)).unwrap()
}

#[test]
fn what_is_said_and_who_says_it_is_hidden() {
    let call = json!({
        "event": "call_analyzed",
        "call": {
            "call_id": "call_5b7c9d1e3f2046a8b0c2d4e6f81",
            "agent_id": "agent_1",
            "agent_name": "Front Desk",
            "call_status": "ended",
            "direction": "inbound",
            "from_number": "+15550100188",
            "to_number": "+1 (555) 010-0120",
            "start_timestamp": 1_772_560_801_234_i64,
            "duration_ms": 7_200_000,
            "transcript": "Agent: Hello\nUser: This is Dana",
            "transcript_object": [
                {"role": "user", "content": "This is Dana", "words": [{"word": "Dana", "start": 0.5, "end": 1.25}]}
            ],
            "transcript_with_tool_calls": [
                {"role": "tool_call_invocation", "tool_call_id": "tool_call_1", "name": "create_task",
                 "arguments": "{\"first_name\": \"Dana\"}"}
            ],
            "recording_url": "https://recordings.example.com/call_1.wav",
            "transfer_destination": "+15550100199",
            "access_token": "secret",
            "retell_llm_dynamic_variables": {"customer_name": "Dana Whitfield", "nombre": "Begoña"},
            "metadata": {"tier": "gold", "type": "Dana", "event": "Dana", "beds": 2, "phone": 15_550_100_188_i64,
                         "crm": {"agent_name": "Dana", "tags": ["Dana", true, null]}},
            "call_analysis": {
                "call_summary": "Dana wants an appointment.",
                "user_sentiment": "Positive",
                "call_successful": true,
                "custom_analysis_data": {"carrier": "Northway", "lead_score": 82.5}
            },
            "opt_out_sensitive_data_storage": null
        }
    });
    let hidden = json!({
        "event": "call_analyzed",
        "call": {
            "call_id": "call_5b7c9d1e3f2046a8b0c2d4e6f81",
            "agent_id": "agent_1",
            "agent_name": "Front Desk",
            "call_status": "ended",
            "direction": "inbound",
            "from_number": "***",
            "to_number": "***",
            "start_timestamp": 1_772_560_801_234_i64,
            "duration_ms": 7_200_000,
            "transcript": "***",
            "transcript_object": [
                {"role": "user", "content": "***", "words": [{"word": "***", "start": 0.5, "end": 1.25}]}
            ],
            "transcript_with_tool_calls": [
                {"role": "tool_call_invocation", "tool_call_id": "tool_call_1", "name": "***", "arguments": "***"}
            ],
            "recording_url": "***",
            "transfer_destination": "***",
            "access_token": "***",
            "retell_llm_dynamic_variables": {"customer_name": "***", "nombre": "***"},
            "metadata": {"tier": "***", "type": "***", "event": "***", "beds": 2, "phone": "***",
                         "crm": {"agent_name": "***", "tags": ["***", true, null]}},
            "call_analysis": {
                "call_summary": "***",
                "user_sentiment": "Positive",
                "call_successful": true,
                "custom_analysis_data": {"carrier": "***", "lead_score": 82.5}
            },
            "opt_out_sensitive_data_storage": null
        }
    });
    assert_eq!(masked(&call), hidden);
}

#[test]
fn what_nobody_knows_is_hidden() {
    let strange = json!({
        "event": "+15550100188",
        "call": {"call_id": "1 555 010 0188", "type": "sip:15550100188@example.com", "role": "x".repeat(200)},
        "future_field": "Dana",
        "future_number": 15_550_100_188_i64,
        "future_list": ["Dana", ["Dana", {"role": "Dana"}]],
        "transfer_destination": {"number": "+15550100199", "extension": "204"},
        "+15550100188": 1, "+15550100199": 2, "dana@example.com": {"x": "Dana"}
    });
    let hidden = masked(&strange);
    assert_eq!(hidden["call"], json!({"call_id": "***", "type": "***", "role": "***"}));
    assert_eq!((&hidden["event"], &hidden["future_number"]), (&json!("***"), &json!("***")));
    assert_eq!(hidden["future_list"], json!(["***", ["***", {"role": "Dana"}]]));
    assert_eq!(hidden["transfer_destination"], json!({"number": "***", "extension": "***"}));
    assert_eq!((&hidden["***"], &hidden["*** 2"]), (&json!(1), &json!(2)));
    assert_eq!(hidden["*** 3"], json!({"x": "***"}));
}

/// With a search from the beginning for each this would take hours.
#[test]
fn an_object_of_many_hidden_names_takes_no_longer_than_one_of_others() {
    let members: Vec<String> = (0..100_000).map(|number| format!("\"{number:07}\":1")).collect();
    let masked = body(format!("{{\"*** 5\":2,{}}}", members.join(",")).as_bytes());
    let masked: Value = serde_json::from_slice(&masked).unwrap();
    assert_eq!(masked.as_object().unwrap().len(), 100_001);
    assert_eq!((&masked["*** 5"], &masked["*** 100001"]), (&json!(2), &json!(1)));
}

#[test]
fn numbers_that_can_be_dialled_are_hidden_however_they_are_written() {
    for number in
        ["5550100", "15550100188", "-15550100188", "1.5550100188e10", "1E2", "15550100188.0"]
    {
        assert_eq!(
            body(format!("{{\"x\": {number}}}").as_bytes()),
            b"{\"x\":\"***\"}\n",
            "{number}"
        );
    }
    for number in ["0", "-999999", "780.0001", "0.1166667"] {
        let text = format!("{{\"x\":{number}}}\n");
        assert_eq!(body(text.as_bytes()), text.as_bytes());
    }
}

#[test]
fn a_body_that_is_not_json_is_hidden_as_a_whole() {
    let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
    for wrong in [&b""[..], b"Dana", b"{\"a\": ", b"\xff", b"{} x", deep.as_bytes()] {
        assert_eq!(body(wrong), b"\"***\"\n");
    }
    assert_eq!(body(b"\"Dana\""), b"\"***\"\n");
    assert_eq!(body(b"[\"\", null]"), b"[\"\",null]\n");
}

/// Words of people in the fixtures; none may be left. Each is really there.
#[test]
fn nothing_of_a_real_conversation_is_left() {
    let told = [
        ("call_analyzed.json", vec!["Whitfield", "+15550100", "recordings.example.com"]),
        ("call_analyzed_web.json", vec!["riverside", "not-a-real-token", "Priya"]),
        ("call_analyzed_unicode.json", vec!["Bego", "comillas"]),
        ("transfer_started.json", vec!["+15550100199", "billing question", "\"204\""]),
        ("custom_function_request.json", vec!["Northway"]),
        ("chat_analyzed.json", vec!["Northway PPO", "Bayside"]),
        ("call_inbound.json", vec!["+15550100142"]),
        ("call_inbound_response_example.json", vec!["Dana"]),
        ("transcript_updated.json", vec!["gas smell", "+15550100177"]),
    ];
    for (name, words) in told {
        let original = fixture(name);
        let (before, after) = (String::from_utf8_lossy(&original), body(&original));
        let after = String::from_utf8(after).unwrap();
        for word in words {
            let (before, after) = (before.to_lowercase(), after.to_lowercase());
            assert!(before.contains(&word.to_lowercase()), "{name} has no {word:?} to hide");
            assert!(!after.contains(&word.to_lowercase()), "{name} still has {word:?}");
        }
        let keys = |text: &str| {
            serde_json::from_str::<Value>(text).unwrap()["call"].as_object().map(Map::len)
        };
        assert_eq!(keys(&before), keys(&after), "{name}");
    }
}

#[test]
fn an_explanation_hides_what_was_found() {
    for (field, found) in [
        ("event", "\"call_analyzed\""),
        ("agent_id", "\"agent_1\""),
        ("source", "\"retell\""),
        ("$.call.call_status", "\"ended\""),
        ("$.call.duration_ms", "7200000"),
        ("$.call.start_timestamp", "1772560801234"),
        ("$.call.call_analysis.call_successful", "true"),
        ("$.call.metadata.beds", "2"),
        ("metadata.tier", "missing"),
        ("$.call.from_number", "missing"),
        ("$.call", "an object"),
        ("any", ""),
    ] {
        assert!(is_plain(field, found), "{field} {found}");
    }
    for (field, found) in [
        ("event", "\"+15550100188\""),
        ("event", "\"a\", \"b\""),
        ("event", "\"a\\\"b\""),
        ("metadata.tier", "\"gold\""),
        ("metadata.event", "\"Dana\""),
        ("query.event", "\"Dana\""),
        ("header.x", "\"Dana\""),
        ("$.call.from_number", "\"+15550100188\""),
        ("$.call.metadata.agent_id", "\"Dana\""),
        ("$.call.metadata.phone", "15550100188"),
        ("$.call.metadata.seen_ms", "15550100188"),
        ("$.call['agent_id']", "\"agent_1\""),
        ("$..agent_id", "\"Dana\""),
        ("$.call.*", "\"Dana\""),
        ("$.call.tags", "[\"Dana\"]"),
        ("$.call.future", "\"Dana\""),
        ("$.call.from_number", "15550100188, 1"),
    ] {
        assert!(!is_plain(field, found), "{field} {found}");
    }
}

#[test]
fn a_request_hides_what_it_would_send() {
    let hidden =
        |text: &str| raw(&RawValue::from_string(text.to_owned()).unwrap()).get().to_owned();
    assert_eq!(
        hidden(r#"{"type": "section", "text": "Dana"}"#),
        r#"{"type":"section","text":"***"}"#
    );
    assert_eq!(hidden("\"plain\""), "\"***\"");
    let deep = format!("{}\"Dana\"{}", "[".repeat(200), "]".repeat(200));
    assert!(!hidden(&deep).contains("Dana"));
}

#[test]
fn the_reference_lists_what_comes_through() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("docs/configuration.md")).unwrap();
    let (_, section) = text.split_once("### `ui`").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let listed = |line: &str| -> Vec<String> {
        let row =
            section.lines().find(|row| row.contains(line)).unwrap_or_else(|| panic!("no {line}"));
        let cell = row.split(" | ").next().unwrap();
        cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    };
    assert_eq!(listed("| ids, names"), KEPT);
    assert_eq!(listed("| below"), OPEN);
}

#[test]
fn an_event_hides_what_targets_answered_and_what_its_places_are_made_of() {
    let mut shown: wire::Event = serde_json::from_value(json!({
        "id": "0197f0a2-6b1c-7c3e-9f00-1d2c3b4a5968", "received_at": "2026-01-31T08:00:00.000Z", "source": "retell",
        "signed": true, "event": "call_ended", "call": "call_1", "state": "routed", "rules": [], "revision": 1,
        "duplicates": 0, "body_bytes": 2,
        "request": {"query": "who=Dana", "peer": "10.0.0.1", "signature": {"verdict": "valid", "reason": "a key made it"}},
        "deliveries": [{
            "id": 1, "target": "crm", "state": "pending", "attempts": 2, "created_at": "", "age_from": "", "replay": false,
            "order_key": "Dana",
            "history": [
                {"number": 1, "started_at": "", "took_ms": 1, "result": "retry", "detail": "answered 500", "answer": "Dana!"},
                {"number": 2, "started_at": "", "took_ms": 1, "result": "retry", "detail": "answered 500"}
            ]
        }]
    }))
    .unwrap();
    event(&mut shown);
    let hidden = serde_json::to_value(&shown).unwrap();
    let delivery = &hidden["deliveries"][0];
    assert!(!hidden.to_string().contains("Dana"), "{hidden}");
    assert_eq!(
        (&delivery["order_key"], &delivery["history"][0]["answer"]),
        (&json!("***"), &json!("***"))
    );
    assert_eq!(
        (delivery["history"][1].get("answer"), &hidden["request"]["query"]),
        (None, &json!("***"))
    );
    assert_eq!(
        (&hidden["request"]["peer"], &hidden["call"]),
        (&json!("10.0.0.1"), &json!("call_1"))
    );
}
