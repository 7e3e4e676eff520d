use super::*;
use crate::delivery::DeadReason;
use crate::path::Path;
use crate::signature::standard::StandardKey;
use crate::signature::{Check, RetellCheck, retell};
use proptest::prelude::*;

fn render(http: HttpTarget, event: &Event) -> Result<Request, RenderFailure> {
    http_target(http).render(event, &rules(), INFO)
}

#[test]
fn a_plain_forward_sends_the_very_bytes_and_the_headers_of_the_contract() {
    let event = fixture("unknown_event");
    let request = render(http("https://crm.example.com/hook?k=1"), &event).unwrap();
    assert_eq!(request.body.as_ptr(), event.body().as_ptr(), "no copy");
    assert_eq!(request.body, *event.body());
    assert_eq!((request.method, request.origin()), ("POST", "https://crm.example.com"));
    let address = request.address.as_ref().unwrap().expose().as_str();
    assert_eq!(address, "https://crm.example.com/hook?k=1");
    let version = concat!("hookswitch/", env!("CARGO_PKG_VERSION"));
    let headers: Vec<_> = request
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
        .collect();
    assert_eq!(
        headers,
        [
            ("content-type", "application/json; charset=utf-8"),
            ("user-agent", version),
            ("webhook-id", event.envelope().id.to_string().as_str()),
            ("x-hookswitch-event", "call_sentiment_shifted"),
            ("x-hookswitch-attempt", "1"),
            ("x-retell-signature", "v=1772553700123,d=original"),
        ]
    );
    let target = http_target(http("https://crm.example.com/"));
    let again = AttemptInfo { number: 3, replay: true, now: NOW };
    let request = target.render(&event, &rules(), again).unwrap();
    assert_eq!(values(&request, "x-hookswitch-attempt"), ["3"]);
    assert_eq!(values(&request, "x-hookswitch-replay"), ["true"]);
}

#[test]
fn an_unreadable_body_is_forwarded_but_not_looked_at() {
    let event = event(&b"{\"a\":"[..]);
    assert_eq!(render(http("https://x/"), &event).unwrap().body, "{\"a\":");
    let looking = [
        HttpTarget { url: url("https://x/{{ agent_id }}"), ..http("https://x/") },
        HttpTarget { body: Body::Template(leaf("{{ event }}")), ..http("https://x/") },
        HttpTarget { body: Body::Redacted(Vec::new()), ..http("https://x/") },
    ];
    for http in looking {
        let failure = render(http, &event).unwrap_err();
        assert_eq!(failure.reason, DeadReason::Unreadable);
        assert!(failure.message.contains("not JSON"), "{failure}");
    }
}

#[test]
fn an_event_name_is_a_header_only_if_it_is_a_short_token() {
    let names = |name: &str| {
        let event = event(serde_json::json!({ "event": name }).to_string());
        let request = render(http("https://x/"), &event).unwrap();
        values(&request, "x-hookswitch-event").len()
    };
    assert_eq!(names("call_ended"), 1);
    assert_eq!(names(&"a".repeat(64)), 1);
    for odd in ["", "a b", "a\r\nx: y", "é", &"a".repeat(65)] {
        assert_eq!(names(odd), 0, "{odd}");
    }
}

#[test]
fn signatures_are_made_for_what_goes_out() {
    let event = fixture("call_ended");
    let key = Secret::new("key_canary");
    let source = SourceName::new("retell").unwrap();
    for body in [Body::Original, Body::Template(leaf("{{ event }}"))] {
        let sign = Some(Sign::Retell(key.clone()));
        let request = render(HttpTarget { body, sign, ..http("https://x/") }, &event).unwrap();
        let signatures = values(&request, "x-retell-signature");
        assert_eq!(signatures, [retell::sign(&key, &request.body, NOW)]);
        let check = Check::Retell(RetellCheck::new(vec![key.clone()], Duration::ZERO).unwrap());
        let header = signatures.first().unwrap().as_bytes();
        assert!(check.verify(&source, request.body.clone(), &[header], NOW).is_ok());
    }
    let whsec = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    let sign = Some(Sign::Standard(StandardKey::parse(&whsec).unwrap()));
    let request = render(HttpTarget { sign, ..http("https://x/") }, &event).unwrap();
    assert_eq!(values(&request, "webhook-timestamp"), ["1772553700"]);
    assert!(values(&request, "webhook-signature")[0].starts_with("v1,"));
    assert!(values(&request, "x-retell-signature").is_empty());
    let changed = HttpTarget { body: Body::Template(leaf("{{ event }}")), ..http("https://x/") };
    let request = render(changed, &event).unwrap();
    assert!(values(&request, "x-retell-signature").is_empty(), "it is not signed by the sender");
    assert_eq!(values(&request, "content-type"), ["application/json"]);
}

#[test]
fn redaction_takes_places_out_and_writes_anew() {
    let event = event(
        r#"{"call":{"access_token":"canary","n":1.10},"call":{"access_token":"canary","n":9007199254740993,"list":[1,2]}}"#,
    );
    let paths = ["$.call.access_token", "$.call.list[0]", "$.nope"];
    let paths = paths.map(|path| Path::parse(path).unwrap()).to_vec();
    let http = HttpTarget { body: Body::Redacted(paths), ..http("https://x/") };
    let request = render(http, &event).unwrap();
    assert_eq!(request.body, r#"{"call":{"n":9007199254740993,"list":[null,2]}}"#);
    assert!(values(&request, "x-retell-signature").is_empty());
}

#[test]
fn a_body_of_our_own_keeps_types_and_names_what_fails() {
    let event = fixture("call_analyzed");
    let body = |leaf: BodyTemplate| {
        BodyTemplate::Map(vec![
            ("external_id".to_owned(), self::leaf("{{ call.call_id }}")),
            ("minutes".to_owned(), self::leaf("{{ (call.duration_ms / 60000) | round(1) }}")),
            ("extra".to_owned(), leaf),
        ])
    };
    let with = |leaf| HttpTarget { body: Body::Template(body(leaf)), ..http("https://x/") };
    let request = render(with(leaf("{{ call.call_analysis.call_successful }}")), &event).unwrap();
    assert_eq!(
        request.body,
        r#"{"external_id":"call_3c1f0b77a94e4d2c8f6be5190da","minutes":5.0,"extra":true}"#
    );
    let failure = render(with(leaf("{{ call.nope }}")), &event).unwrap_err();
    assert_eq!(failure.reason, DeadReason::Template);
    assert!(failure.message.starts_with("body: extra: undefined"), "{failure}");
}

#[test]
fn a_header_that_cannot_be_sent_is_a_failure_with_its_reason() {
    for (value, reason) in [
        ("a\r\nx-evil: 1", "line break"),
        ("a\nb", "line break"),
        ("a\0b", "control character"),
        ("a\tb", "control character"),
        ("a\u{7f}b", "control character"),
        ("é", "not ASCII"),
        (&"x".repeat(9_000), "longer than 8 KiB"),
    ] {
        let event = event(serde_json::json!({ "call": { "x": value } }).to_string());
        let header = header("x-team", text("{{ call.x }}."));
        let failure = render(HttpTarget { headers: vec![header], ..http("https://x/") }, &event);
        let failure = failure.unwrap_err();
        assert_eq!(failure.reason, DeadReason::Template);
        assert!(failure.message.starts_with("header x-team: "), "{failure}");
        assert!(failure.message.contains(reason), "{failure}");
    }
}

#[test]
fn nothing_of_an_address_but_its_origin_is_shown() {
    let kinds = [
        (
            Kind::Http(Box::new(http("https://u:p@crm.example.com:8443/x?k=canary"))),
            "https://crm.example.com:8443",
        ),
        (Kind::Log, "standard output"),
    ];
    for (kind, shown) in kinds {
        assert_eq!(target(kind).shown_address(), shown);
    }
}

#[test]
fn a_log_line_holds_ids_and_no_payload() {
    let event = fixture("call_ended");
    let request = target(Kind::Log).render(&event, &rules(), INFO).unwrap();
    let line: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(line["event"], "call_ended");
    assert_eq!(line["rules"][0], "sales calls to Slack");
    assert_eq!(line["received_at"], "2026-03-03T16:01:40.123Z");
    assert_eq!(line["body_bytes"], event.body().len());
    assert!(request.body.ends_with(b"}\n") && !request.body.trim_ascii_end().contains(&b'\n'));
    assert!(!String::from_utf8_lossy(&request.body).contains("transcript"));
}

proptest! {
    #[test]
    fn a_header_gives_back_what_was_put_in(value in "[ -~]{0,60}") {
        let event = event(serde_json::json!({ "call": { "x": value } }).to_string());
        let header = header("x-team", text("a{{ call.x }}b"));
        let request = render(HttpTarget { headers: vec![header], ..http("https://x/") }, &event).unwrap();
        prop_assert_eq!(values(&request, "x-team"), [format!("a{value}b")]);
    }

    #[test]
    fn no_text_becomes_a_header_of_its_own(value in any::<String>()) {
        let event = event(serde_json::json!({ "call": { "x": value } }).to_string());
        let header = header("x-team", text("{{ call.x }}"));
        let request = render(HttpTarget { headers: vec![header], ..http("https://x/") }, &event);
        let sendable = value.chars().all(|c| matches!(c, ' '..='~'));
        prop_assert_eq!(request.is_ok(), sendable);
    }
}
