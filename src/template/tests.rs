use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::clock::Timestamp;
use crate::event::{Envelope, EventId, RequestParts};
use crate::name::{RuleName, SourceName};
use crate::secret::Secret;

const CANARY: &str = "payload_canary";

fn envelope() -> Envelope {
    let at = Timestamp::from_millis(1_772_553_700_123);
    Envelope {
        id: EventId::new(at, [7; 10]),
        source: SourceName::new("retell").unwrap(),
        received_at: at,
        signed: true,
        name: Some("call_analyzed".to_owned()),
        agent_id: Some("agent_1".to_owned()),
        subject: None,
        request: RequestParts::default(),
    }
}

fn context(payload: &str) -> Context {
    let rules = [RuleName::new("first").unwrap(), RuleName::new("second").unwrap()];
    Context::of(&envelope(), Arc::new(serde_json::from_str(payload).unwrap()), &rules)
}

fn call(call: &Json) -> Context {
    context(&json!({ "event": "call_analyzed", "call": call }).to_string())
}

fn text_of(template: &str, autoescape: Autoescape, context: &Context) -> Result<String, String> {
    TextTemplate::new(&Source::plain(template), autoescape)
        .map_err(|error| format!("compile: {error}"))?
        .render(context)
        .map_err(|error| error.to_string())
}

#[track_caller]
fn renders(template: &str, context: &Context, expected: &str) {
    assert_eq!(text_of(template, Autoescape::None, context).as_deref(), Ok(expected), "{template}");
}

#[track_caller]
fn fails(template: &str, context: &Context, expected: &str) {
    let error = text_of(template, Autoescape::None, context).unwrap_err();
    assert!(error.contains(expected), "{template}: {error}");
    assert!(!error.contains(CANARY), "{template}: {error}");
}

fn leaf(template: &str, autoescape: Autoescape, context: &Context) -> Json {
    let template = TextTemplate::new(&Source::plain(template), autoescape).unwrap();
    BodyTemplate::Leaf(template).render(context).unwrap()
}

#[test]
fn a_template_sees_what_is_promised() {
    let full = context(
        r#"{"event":"x","call":{"call_id":"c1","metadata":{"tier":"gold"}},"transfer_option":{"type":"warm"}}"#,
    );
    renders("{{ event }} {{ agent_id }} {{ call.call_id }}", &full, "call_analyzed agent_1 c1");
    renders("{{ metadata.tier }} {{ rules | join(', ') }}", &full, "gold first, second");
    renders("{{ received_at }}", &full, "2026-03-03T16:01:40.123Z");
    renders("{{ payload.transfer_option.type }}", &full, "warm");
    renders("{% for key in call %}{{ key }},{% endfor %}", &full, "call_id,metadata,");
    renders("{{ chat }}{{ chat.chat_id | default('none') }}", &full, "{}none");
    let bare = context(r#"{"call":7,"call_inbound":{"metadata":{"a.b":1}}}"#);
    renders("{{ call }}{{ metadata['a.b'] }}{{ payload.call }}", &bare, "{}17");
    renders(
        "{{ metadata }}",
        &context(r#"{"call":{"metadata":[1]},"chat":{"metadata":{}}}"#),
        "{}",
    );
}

#[test]
fn values_print_as_json_and_texts_as_they_are() {
    let context =
        call(&json!({ "yes": true, "none": null, "list": [1, "a", {"b": 2.5}], "text": "a\"b" }));
    renders(
        "{{ call.yes }} {{ call.none }} {{ call.list }}",
        &context,
        r#"true null [1,"a",{"b":2.5}]"#,
    );
    renders("{{ call.text }} {{ 1 / 4 }} {{ [call.text] }}", &context, r#"a"b 0.25 ["a\"b"]"#);
    renders("{{ call.text if call.none }}.", &context, ".");
    renders(
        "{{ call.list | tojson }} {{ {'a': 1} | tojson(true) }}",
        &context,
        "[1,\"a\",{\"b\":2.5}] {\n  \"a\": 1\n}",
    );
}

#[test]
fn a_missing_value_is_an_error_that_names_it() {
    let context = call(&json!({ "call_id": CANARY }));
    fails("id {{ call.nope }}", &context, "(at `call.nope`)");
    fails("{{ call.nope }}", &context, "(at `call.nope`)");
    fails("{{ call.nope.deeper }}", &context, "undefined on this event");
    fails("{{ call.nope | upper }}.", &context, "call.nope");
    fails("a\n{% if call.nope %}b{% endif %}", &context, "(at `if call.nope`, line 2)");
    fails("{{ call[call.call_id] }}.", &context, "(at `call[call.call_id]`)");
    fails("{{ nope }}", &context, "compile: `nope` is unknown: templates see event, agent_id,");
    fails("{% if true %}{{ cal.x }}{% endif %}", &context, "compile: `cal` is unknown");
    renders("{% if true %}{% set x = 1 %}{% endif %}{{ x }}", &context, "1");
    renders("{{ call.nope | default('-') }}{{ call.nope is defined }}", &context, "-false");
    let template = TextTemplate::new(&Source::plain("{{ call.nope }}"), Autoescape::None).unwrap();
    let body = BodyTemplate::Map(vec![(
        "a".to_owned(),
        BodyTemplate::List(vec![BodyTemplate::Literal(json!(1)), BodyTemplate::Leaf(template)]),
    )]);
    assert!(body.render(&context).unwrap_err().to_string().starts_with("a[1]: undefined"));
}

#[test]
fn an_error_holds_nothing_of_the_payload() {
    let context = call(&json!({ "text": CANARY, "big": 1e308, "map": { CANARY: CANARY } }));
    fails("{{ call.text + 1 }}", &context, "cannot be done");
    fails("{{ call.text * call.text }}.", &context, "cannot be done");
    fails("{{ (10 ** 38) * (10 ** 38) }}{{ call.text }}", &context, "cannot be done");
    fails("{{ call.text | round }}", &context, "at `");
    fails("{{ call.text | int }}.", &context, "at `");
    fails("{{ call.map | duration }}", &context, "not a number of milliseconds");
    fails("{{ call.text.nope() }}", &context, "no such method");
    fails("{{ call.text() }}", &context, "cannot be done");
    fails("{% for a, b in call.text %}{% endfor %}", &context, "at `");
    fails("{{ call.big * 10 }}", &context, "not finite");
}

#[test]
fn nothing_of_an_event_is_kept_once_it_is_rendered() {
    let payload =
        json!({ "call": { "a": { "b": { "text": "long" } }, "list": [[1], { "x": [2] }] } });
    let document = Arc::new(payload);
    let context = Context::of(&envelope(), Arc::clone(&document), &[]);
    for template in [
        "{{ call.a.b.text }} {{ call.list[1].x }} {{ call.list * 2 }}",
        "{% for part in call.list %}{{ part }}{% endfor %}{{ payload | tojson }}",
        "{{ call.a.b.nope }}",
        "{% set x = call.a %}{{ x.b.text }}{{ [x, x.b] }}",
    ] {
        drop(text_of(template, Autoescape::None, &context));
    }
    drop(context);
    assert_eq!(Arc::strong_count(&document), 1, "the document is let go of");
}

#[test]
fn a_list_that_is_repeated_never_becomes_a_text() {
    let context = call(&json!({ "list": ["long"], "times": 100_000_000, "score": 0.25 }));
    for template in [
        "{{ call.list * call.times ~ '' }}",
        "{{ '%s' | format(call.list * call.times) }}",
        "{% set all = call.list * call.times %}{{ '' ~ all }}",
        "{% macro m(all) %}{{ all ~ '' }}{% endmacro %}{{ m(call.list * call.times) }}",
        "{% filter format %}{{ call.list * call.times }}{% endfilter %}",
    ] {
        fails(template, &context, "compile: `*` cannot stand in one template with `~` or `format`");
    }
    fails("{{ call.list * call.times }}", &context, "");
    fails("{{ (call.list * call.times) | join('') }}", &context, "");
    fails("{{ (call.list * call.times) | string }}", &context, "");
    renders("{{ call.score * 100 }} %", &context, "25.0 %");
    renders("{{ 2 ** 3 ~ '!' }}", &context, "8!");
    renders("{{ '2 * 3' ~ '!' }}", &context, "2 * 3!");
}

#[test]
fn mistakes_are_found_when_the_configuration_is_read() {
    let context = call(&json!({}));
    for (template, expected) in [
        ("{{ call.x", "compile: unexpected end of"),
        ("{% if call %}", "compile: unexpected end of input"),
        ("{{ call | nope }}", "compile: there is no filter `nope`"),
        ("{% set x = call | nope %}", "compile: there is no filter `nope`"),
        ("{{ call is nope }}", "compile: there is no test `nope`"),
        ("{% include 'other' %}", "there is no include"),
        ("{% extends 'other' %}", "there is no include"),
        ("{% import 'other' as x %}", "there is no include"),
        ("{% block x %}{% endblock %}", "there is no include"),
        ("{% autoescape false %}{% endautoescape %}", "`autoescape` is not for templates"),
        ("{{ debug() }}", "compile: `debug` is unknown"),
        ("{{ __literal_0 }}", "compile: `__literal_0`"),
        ("a\nb {{ 1 + }}", "line 2"),
    ] {
        fails(template, &context, expected);
    }
}

#[test]
fn work_and_results_are_bounded() {
    let context = call(&json!({ "list": vec!["x".repeat(1000); 100], "n": 1_000_000_000 }));
    for template in [
        "{{ 'x' * 10 ** 9 }}",
        "{{ 'x' * call.n }}.",
        "{{ [0] * call.n }}",
        "{{ ([0] * call.n) | tojson }}",
        "{{ ([0] * call.n) | join(',') }}",
        "{{ ([0] * call.n) | string | length }}",
        "{{ range(10 ** 9) }}",
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{% for i in range(90000) %}{{ call.list[0] }}{% endfor %}",
        "{% macro m(x) %}{{ m(x) }}{% endmacro %}{{ m(1) }}",
        "{{ '%1000000000d' | format(1) }}",
        "{% set x = 'x' * 1000000 %}{% for i in range(100) %}{{ x | upper | replace('X', 'yyyy') }}{% endfor %}",
    ] {
        let error = text_of(template, Autoescape::None, &context).unwrap_err();
        assert!(!error.starts_with("compile"), "{template}: {error}");
        let form = TextTemplate::new(&Source::plain(template), Autoescape::None).unwrap();
        assert!(BodyTemplate::Leaf(form).render(&context).is_err(), "{template}");
    }
    let long = Source::plain(&"{{ 1 }}".repeat(40_000));
    assert!(TextTemplate::new(&long, Autoescape::None).is_err());
}

#[test]
fn a_leaf_that_is_one_expression_keeps_its_type_and_every_digit() {
    let payload = r#"{"call":{"n":9007199254740993,"huge":123456789012345678901234567890123456789012345678901234567890,"dec":1.10,"exp":1e+400,"neg":-0,"yes":true,"no":null,"list":[1.0,{"z":1,"a":[]}]}}"#;
    let context = context(payload);
    let one = |template: &str| leaf(template, Autoescape::None, &context).to_string();
    assert_eq!(one("{{ payload }}"), payload);
    assert_eq!(one("{{ call.n }}"), "9007199254740993");
    assert_eq!(one("{{call['dec']}}"), "1.10");
    assert_eq!(one("{{ call.huge }}"), one("{{ call.huge | default(0) }}"));
    assert_eq!(one("{{ call.exp }}"), "1e+400");
    assert_eq!(one("{{ call.neg }}"), "-0");
    assert_eq!(one("{{ call.list[1] | dig('a') }}"), "[]");
    assert_eq!(one("{{ call.n + 1 }}"), "9007199254740994");
    assert_eq!(one("{{ (319000 / 60000) | round(1) }}"), "5.3");
    assert_eq!(one("{{ call.yes and true }}"), "true");
    assert_eq!(one("{{ call.no }}\n"), "null");
    assert_eq!(one("{{ 1 if call.no else 'x' }}"), r#""x""#);
    assert_eq!(one("{{ 1 if call.no }}"), "null");
    assert_eq!(
        one("{{ {'b': call.n, 'a': rules} }}"),
        r#"{"b":9007199254740993,"a":["first","second"]}"#
    );
    assert_eq!(one("{{ call.yes }} "), r#""true ""#);
    assert_eq!(
        one("{{ call.huge }}/{{ call.exp }}"),
        format!(r#""{}/1e+400""#, one("{{ call.huge }}"))
    );
}

#[test]
fn literals_are_text_wherever_they_stand() {
    let context = call(&json!({ "id": "c1" }));
    let template = |text: &str| Part::Template(text.to_owned());
    let literal = |text: &str| Part::Literal(Secret::new(text));
    let render = |parts: &[Part], autoescape| {
        TextTemplate::new(&Source { parts: parts.to_vec() }, autoescape)
            .map(|t| t.render(&context).unwrap())
    };
    let hostile = "{{ call.id }}{% raw %}<&>{# }} %}\n";
    for around in ["", "{{ call.id }}", "{", "{{ call.id -}} ", "  {%- if true %}{", "{{ '{' }}"] {
        let close = if around.contains("if") { "{% endif %}" } else { "" };
        let parts = [
            template(around),
            literal(hostile),
            literal("{"),
            template("{"),
            literal("%"),
            template(close),
        ];
        for autoescape in [Autoescape::None, Autoescape::Slack] {
            let expected = match around {
                "{{ call.id }}" => "c1",
                "{{ call.id -}} " => "c1",
                "  {%- if true %}{" | "{{ '{' }}" => "{",
                around => around,
            };
            assert_eq!(
                render(&parts, autoescape),
                Ok(format!("{expected}{hostile}{{{{%")),
                "{around}"
            );
        }
    }
    for inside in ["{{ ", "{{ '", "{% if ", "{# ", "{% raw %}"] {
        let error = render(&[template(inside), literal("x"), template(" }}")], Autoescape::None);
        let error = error.unwrap_err().to_string();
        assert!(error.starts_with("a value from ${…} stands inside"), "{error}");
    }
    let secret = TextTemplate::new(
        &Source { parts: vec![template("{{ call.nope }}"), literal("key_canary")] },
        Autoescape::None,
    )
    .unwrap();
    assert!(!format!("{secret:?} {:?}", secret.render(&context)).contains("key_canary"));
    let fixed = TextTemplate::new(&Source { parts: vec![literal("key_canary")] }, Autoescape::None)
        .unwrap();
    assert!(!format!("{fixed:?}").contains("key_canary"));
    assert!(!fixed.is_templated() && secret.is_templated());
}

#[test]
fn nothing_inserted_into_a_slack_text_is_markup() {
    let context = call(&json!({
        "evil": "<!channel> & <@U1> *b*",
        "mention": "!channel",
        "url": "https://x.example.com/?a=1&b=2",
        "map": { "<!here>": "<!channel>" },
    }));
    let slack = |template: &str| text_of(template, Autoescape::Slack, &context);
    let escaped = "&lt;!channel&gt; &amp; &lt;@U1&gt; *b*";
    assert_eq!(slack("<!here> {{ call.evil }}"), Ok(format!("<!here> {escaped}")));
    assert_eq!(slack("{{ call.evil }}"), Ok(escaped.to_owned()));
    assert_eq!(slack("{{ call.evil | slack_escape }}."), Ok(format!("{escaped}.")));
    assert_eq!(
        slack("{{ [call.evil] | map('upper') | first }}.").unwrap(),
        format!(
            "{}.",
            escaped.to_uppercase().replace("LT", "lt").replace("GT", "gt").replace("AMP", "amp")
        )
    );
    assert_eq!(
        slack("{{ call.map | tojson }}.").unwrap(),
        r#"{"&lt;!here&gt;":"&lt;!channel&gt;"}."#
    );
    assert_eq!(
        slack("{% set x = '<' ~ call.mention ~ '>' %}{{ x }}"),
        Ok("&lt;!channel&gt;".to_owned())
    );
    assert_eq!(
        slack("<{{ call.url }}|here>"),
        Ok("<https://x.example.com/?a=1&amp;b=2|here>".to_owned())
    );
    assert!(slack("<{{ call.mention }}|here>").unwrap_err().contains("must be a link"));
    assert_eq!(slack("<!here> <b {{ call.mention }}"), Ok("<!here> <b !channel".to_owned()));
    for (template, name) in [
        ("{{ call.evil | safe }}", "`safe`"),
        ("{{ call.evil|upper|safe }}", "`safe`"),
        ("{% set x = call.evil | safe %}{{ x }}", "`safe`"),
        ("{% if (call.evil|e) == 'x' %}{% endif %}", "`e`"),
        ("{{ call.evil | escape }}", "`escape`"),
        ("{% autoescape false %}{{ call.evil }}{% endautoescape %}", "`autoescape`"),
        ("{% set x %}{{ call.evil }}{% endset %}{{ x }}", "`{% set %}`"),
        ("{% set x | upper %}{{ call.evil }}{% endset %}{{ x }}", "`{% set %}`"),
        ("{% macro m() %}{{ call.evil }}{% endmacro %}", "`{% macro %}`"),
        ("{% filter upper %}{{ call.evil }}{% endfilter %}", "`{% filter %}`"),
    ] {
        let error = slack(template).unwrap_err();
        assert!(error.starts_with("compile") && error.contains(name), "{template}: {error}");
    }
    assert!(slack("{{ ['x'] | map('safe') | first }}.").unwrap_err().contains("no such filter"));
    assert_eq!(
        leaf("{{ call.map }}", Autoescape::Slack, &context),
        json!({ "&lt;!here&gt;": "&lt;!channel&gt;" })
    );
    assert_eq!(leaf("{{ call.evil | trim }}", Autoescape::Slack, &context), json!(escaped));
}

#[test]
fn filters_do_as_documented() {
    let context = call(&json!({
        "ms": 302_000, "at": 1_772_553_700_123_i64, "from": "+1 (555) 010-0123", "none": null,
        "deep": [{ "a.b": { "c": 1 } }], "data": { "x": "y" },
    }));
    renders(
        "{{ call.ms | duration }} {{ 59999 | duration }} {{ 3600000 | duration }}",
        &context,
        "5m 2s 59s 1h",
    );
    renders(
        "{{ 90061000 | duration }} {{ 850 | duration }} {{ 0 | duration }} {{ -61000.9 | duration }}",
        &context,
        "1d 1h 1m 1s 850ms 0s -1m 1s",
    );
    renders("{{ call.at | iso8601 }}", &context, "2026-03-03T16:01:40.123Z");
    renders(
        "{{ call.from | mask_phone }} {{ '+12' | mask_phone }}",
        &context,
        "+* (***) ***-0123 +**",
    );
    renders("{{ 'sip:alice@example.com' | mask_phone }}", &context, "***:*****@******e.com");
    renders(
        "{{ 'abc' | sha256 }}",
        &context,
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    );
    renders(
        "{{ 'a<b>&c' | slack_escape }} {{ 'a b/é' | urlencode }}",
        &context,
        "a&lt;b&gt;&amp;c a%20b%2F%C3%A9",
    );
    renders("{{ call | dig('data.x') }} {{ payload | dig('$.call.data.x') }}", &context, "y y");
    renders(
        "{{ call | dig('data.nope.deeper', '-') }} {{ call | dig('none', 0) }} {{ call | dig('nope') }}",
        &context,
        "- 0 null",
    );
    renders(
        "{{ call | dig(['deep', 0, 'a.b', 'c']) }} {{ payload | dig('call.deep[0]') | length }}",
        &context,
        "1 1",
    );
    renders("{{ call.nope | dig('x', 'gone') }}", &context, "gone");
    fails("{{ call.nope | duration }}", &context, "undefined");
    fails("{{ call | dig('deep[x]') }}", &context, "an index is written [0]");
    fails("{{ 9e99 | iso8601 }}", &context, "milliseconds");
    fails("{{ -1 | iso8601 }}", &context, "1970 to 9999");
}

fn url(template: &str) -> Result<UrlTemplate, String> {
    UrlTemplate::new(&Source::plain(template)).map_err(|error| error.to_string())
}

fn url_of(template: &str, context: &Context) -> Result<String, String> {
    let url = url(template)?.render(Some(context));
    url.map(|url| url.expose().to_string()).map_err(|error| error.to_string())
}

#[test]
fn an_address_is_literal_but_for_segments_and_query_values() {
    let context =
        call(&json!({ "id": "a/b?c#d é%", "n": 5, "yes": true, "none": null, "list": [] }));
    let base = "https://crm.example.com";
    assert_eq!(
        url_of(&format!("{base}/x/{{{{ call.id }}}}/y?agent={{{{ agent_id }}}}&n={{{{ call.n }}}}-{{{{ call.yes }}}}"), &context).unwrap(),
        format!("{base}/x/a%2Fb%3Fc%23d%20%C3%A9%25/y?agent=agent_1&n=5-true")
    );
    let kept = url("https://user:pass@CRM.example.com:8443/a?token=secret").unwrap();
    assert_eq!(kept.origin(), "https://crm.example.com:8443");
    assert_eq!(
        kept.render(None).unwrap().expose().as_str(),
        "https://user:pass@crm.example.com:8443/a?token=secret"
    );
    assert!(!format!("{kept:?}").contains("secret") && !format!("{kept:?}").contains("pass"));
    for (template, expected) in [
        ("", "it is empty"),
        ("crm.example.com/x", "does not begin with http:// or https://"),
        ("ftp://x/", "does not begin with http"),
        ("https:///x", "has no host"),
        ("https://x:99999/", "port"),
        ("https://a b/", "white space"),
        ("https://x/\u{7}", "control character"),
        ("https://x/a\\b", "backslash"),
        ("https://x/#f", "fragment"),
        ("{{ call.id }}", "host must be literal"),
        ("https://{{ call.id }}/x", "host must be literal"),
        ("https://x{{ call.id }}/y", "host must be literal"),
        ("https://x.example.com:{{ call.n }}/y", "host must be literal"),
        ("https://{{ call.id }}@x/y", "host must be literal"),
        ("https://x{{ call.id }}", "host must be literal"),
        ("https://x?{{ call.id }}=1", "only after `=`"),
        ("https://x/?a=1&{{ call.id }}", "only after `=`"),
        ("https://x/%2{{ call.id }}", "%-escape"),
        ("https://x/{% if call %}a{% endif %}", "only {{ … }} may stand"),
        ("https://x/{{ call.id", "not closed"),
        ("https://x/{{ nope }}", "`nope` is unknown"),
    ] {
        let error = url(template).map(|_| ()).unwrap_err();
        assert!(error.contains(expected), "{template}: {error}");
    }
    for (template, expected) in [
        ("https://x/{{ call.nope }}", "undefined"),
        ("https://x/{{ call.none }}", "null cannot"),
        ("https://x/{{ call.list }}", "a list or object cannot"),
        ("https://x/{{ 'a\\nb' }}", "control character"),
        ("https://x/?a={{ 'a\\u0000b' }}", "control character"),
        ("https://x/{{ '..' }}/y", "empty, `.` or `..`"),
        ("https://x/.{{ '.' }}/y", "empty, `.` or `..`"),
        ("https://x/%2e{{ '.' }}/y", "empty, `.` or `..`"),
        ("https://x/{{ '' }}", "empty, `.` or `..`"),
        ("https://x/{{ 'y' * 20000 }}", "longer than 16 KiB"),
    ] {
        let error = url_of(template, &context).unwrap_err();
        assert!(error.contains(expected), "{template}: {error}");
    }
}

#[test]
fn parts_of_an_address_may_come_from_outside() {
    let literal = |text: &str| Part::Literal(Secret::new(text));
    let template = |text: &str| Part::Template(text.to_owned());
    let context = call(&json!({ "id": "c1" }));
    let whole = UrlTemplate::new(&Source {
        parts: vec![literal("https://hooks.slack.com/services/T/B/k")],
    })
    .unwrap();
    assert_eq!(
        whole.render(None).unwrap().expose().as_str(),
        "https://hooks.slack.com/services/T/B/k"
    );
    assert!(!whole.is_templated());
    let parts = vec![
        template("https://"),
        literal("crm.example.com"),
        template("/{{ call.id }}?key="),
        literal("{{x}}"),
    ];
    let mixed = UrlTemplate::new(&Source { parts }).unwrap();
    assert_eq!(
        mixed.render(Some(&context)).unwrap().expose().as_str(),
        "https://crm.example.com/c1?key={{x}}"
    );
    assert!(mixed.render(None).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_body_gives_back_what_was_put_in(text in any::<String>(), key in "[a-z]{1,8}") {
        let context = call(&json!({ "text": text, "deep": { key.as_str(): text } }));
        let rendered = leaf("{{ call.text }}", Autoescape::None, &context).to_string();
        prop_assert_eq!(serde_json::from_str::<String>(&rendered).unwrap(), text.as_str());
        let rendered = leaf("a{{ call.text }}b", Autoescape::None, &context).to_string();
        prop_assert_eq!(serde_json::from_str::<String>(&rendered).unwrap(), format!("a{text}b"));
        let rendered = leaf("{{ call.deep }}", Autoescape::None, &context);
        prop_assert_eq!(&rendered[key.as_str()], &json!(text));
    }

    #[test]
    fn an_address_gives_back_what_was_put_in(text in "\\PC{1,40}") {
        prop_assume!(!matches!(text.as_str(), "." | "..") && !text.contains(char::is_control));
        let context = call(&json!({ "text": text }));
        let url = url_of("https://x.example.com/a/{{ call.text }}/b?q={{ call.text }}&r=1", &context).unwrap();
        let url = ::url::Url::parse(&url).unwrap();
        let segments: Vec<_> = url.path_segments().unwrap().collect();
        prop_assert_eq!(segments.len(), 3);
        let decoded = percent_encoding::percent_decode_str(segments[1]).decode_utf8().unwrap();
        prop_assert_eq!(decoded.as_ref(), text.as_str());
        let pairs: Vec<_> = url.query_pairs().collect();
        prop_assert_eq!(pairs.len(), 2);
        prop_assert_eq!(pairs[0].1.as_ref(), text.as_str());
        prop_assert_eq!(url.host_str(), Some("x.example.com"));
    }

    #[test]
    fn slack_gets_no_live_sign_from_a_value(text in any::<String>()) {
        let context = call(&json!({ "text": text }));
        let rendered = text_of("{{ call.text }}.", Autoescape::Slack, &context).unwrap();
        prop_assert!(!rendered.contains(['<', '>']));
        let back = rendered.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
        prop_assert_eq!(back, format!("{text}."));
    }

    #[test]
    fn filters_bear_anything(text in any::<String>(), number in any::<f64>(), whole in any::<i128>()) {
        let context = context(&json!({ "call": { "text": text, "number": number, "whole": whole.to_string() } }).to_string());
        for filter in ["dig('a.b[1]')", "dig(call.text)", "dig(call.text, 1)", "duration", "iso8601", "slack_escape", "mask_phone", "sha256", "tojson", "urlencode", "string"] {
            for value in ["call.text", "call.number", "call", "call.whole", "[call]", "none", "call.nope", "range", &format!("({whole})")] {
                drop(text_of(&format!("{{{{ {value} | {filter} }}}}."), Autoescape::None, &context));
            }
        }
    }

    #[test]
    fn any_source_compiles_or_is_refused(text in "[a-z{}%#|<'\"\\\\ .\\-(\\[\\])!=\n]{0,40}", secret in any::<String>()) {
        let parts = vec![Part::Template(text.clone()), Part::Literal(Secret::new(secret.as_str())), Part::Template(text)];
        for autoescape in [Autoescape::None, Autoescape::Slack, Autoescape::Url] {
            if let Ok(template) = TextTemplate::new(&Source { parts: parts.clone() }, autoescape) {
                drop(template.render(&call(&json!({}))));
            }
        }
    }
}

#[test]
fn nothing_is_deep_enough_to_overflow_the_stack() {
    // Each of these ends the process with some thousand levels instead of the some hundred that are let through.
    let long = |opening: &str, step: &str, closing: &str| {
        let steps =
            [100, 390, 990, 5_000].map(|count| format!("{opening}{}{closing}", step.repeat(count)));
        let compiled = steps.map(|template| {
            let context = call(&json!({}));
            let worker = std::thread::Builder::new().stack_size(2 << 20);
            let run = worker.spawn(move || text_of(&template, Autoescape::None, &context));
            run.unwrap().join().unwrap().is_err_and(|error| error.starts_with("compile"))
        });
        assert!(!compiled[0] && compiled[3], "{opening}{step}{closing}");
    };
    for step in ["+1", ".a", "|list", "~call", " or call", "[0]", "()", "**1", " if call else 1"] {
        long("{{ call", step, " }}");
    }
    for step in ["not ", "-", "1 if call else "] {
        long("{{ ", step, "1 }}");
    }
    long("{% if call %}", "{% elif call %}", "{% endif %}");
    long("", "{% set call = [call] %}", "{{ call ~ '' }}");
    long("", "{% set call = call, %}", "{{ call == [1] }}");
    let renders = |template: &str| text_of(template, Autoescape::None, &call(&json!({})));
    let in_loop =
        "{% set ns = namespace(x=0) %}{% for i in range(9) %}{% set ns.x = [ns.x] %}{% endfor %}";
    assert!(renders(in_loop).unwrap_err().contains("`namespace` is unknown"));
    let recursive = format!(
        "{{% for a in [0] recursive %}}{{{{ loop({}a{}) }}}}{{% endfor %}}",
        "[".repeat(50),
        "]".repeat(50)
    );
    assert!(renders(&recursive).unwrap_err().contains("too deep"));
}
