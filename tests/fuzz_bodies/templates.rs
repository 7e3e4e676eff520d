//! Templates over hostile events: no value changes the structure of what it is put into, and what goes in comes out.

use std::sync::OnceLock;

use hookswitch::event::{Event, Intake, Reader};
use hookswitch::name::RuleName;
use hookswitch::template::{Autoescape, BodyTemplate, Context, Source, TextTemplate, UrlTemplate};
use serde_json::{Value, json};

use super::read;

const TEXT_MAX: usize = 4 << 20;

/// Templates as people write them. Each may fail on a value that is missing, with a reason, and never otherwise than by that.
struct Set {
    texts: Vec<(TextTemplate, Autoescape)>,
    field: TextTemplate,
    slack: TextTemplate,
    url: UrlTemplate,
    body: BodyTemplate,
}

fn set() -> &'static Set {
    static SET: OnceLock<Set> = OnceLock::new();
    SET.get_or_init(|| {
        let text = |text: &str, escape| TextTemplate::new(&Source::plain(text), escape).unwrap();
        let leaf = |source: &str| BodyTemplate::Leaf(text(source, Autoescape::None));
        let sources = [
            "{{ call }} {{ metadata }} {{ payload }}",
            "{% for key in payload %}{{ key }}={{ payload[key] }};{% endfor %}",
            "{{ call.duration_ms | default(0) | duration }}",
            "{{ (call.duration_ms / 60000) | round(1) }}",
            "{{ call.from_number | default('') | mask_phone }} {{ payload | tojson | sha256 }}",
            "{{ payload | dig('call.x.0.y', 'none') }} {{ call.start_timestamp | iso8601 }}",
            "{{ call.x | upper | replace('A', 'b') | trim }}",
            "{{ call.list | join(', ') }}{{ call.list | length }}{{ call.list | first }}",
            "<{{ call.x }}|link> {{ call.list | sort | unique | list }}",
            "{% if call.x is string %}{{ call.x | split(',') }}{% else %}{{ call.x }}{% endif %}",
        ];
        let escapes = [Autoescape::None, Autoescape::Slack, Autoescape::Url];
        Set {
            texts: sources
                .iter()
                .flat_map(|source| escapes.map(|escape| (text(source, escape), escape)))
                .collect(),
            field: text("{{ call.x }}", Autoescape::None),
            slack: text("*x*: {{ call.x }}.", Autoescape::Slack),
            url: UrlTemplate::new(&Source::plain(
                "https://crm.example.com/a/{{ call.x }}/b?q={{ call.x }}&r=1",
            ))
            .unwrap(),
            body: BodyTemplate::Map(vec![
                ("whole".to_owned(), leaf("{{ call.x }}")),
                ("text".to_owned(), leaf("x: {{ call.x }}!")),
                (
                    "list".to_owned(),
                    BodyTemplate::List(vec![leaf("{{ call.x }}"), BodyTemplate::Literal(json!(1))]),
                ),
            ]),
        }
    })
}

/// Renders everything over the event in `data`; what is no event becomes a text inside of one.
pub fn check(data: &[u8]) {
    if let Some(event) = event(data) {
        render(&event);
    }
    let text = String::from_utf8_lossy(data);
    let wrapped = json!({ "event": text, "call": { "x": text, "list": [text, 1, null] } });
    let event = event(wrapped.to_string().as_bytes()).expect("an object");
    render(&event);
    exact(&event, &text);
}

fn event(body: &[u8]) -> Option<Event> {
    match read(&Reader::default(), body) {
        Intake::Readable(event) if event.document().is_ok() => Some(event),
        _ => None,
    }
}

fn context(event: &Event) -> Context {
    let rules = [RuleName::new("first").unwrap()];
    Context::new(event.envelope(), event.document().unwrap(), &rules)
}

fn render(event: &Event) {
    let context = context(event);
    for (template, escape) in &set().texts {
        let Ok(text) = template.render(&context) else { continue };
        assert!(text.len() <= TEXT_MAX);
        if *escape == Autoescape::Slack {
            assert!(mentions_nobody(&text), "{text}");
        }
    }
    if let Ok(Value::Object(body)) = set().body.render(&context) {
        let keys: Vec<_> = body.keys().map(String::as_str).collect();
        assert_eq!(keys, ["whole", "text", "list"]);
        assert_eq!(body["list"].as_array().map(Vec::len), Some(2));
    }
    if let Ok(address) = set().url.render(Some(&context)) {
        same_address(address.expose().as_str());
    }
}

/// A text comes out of each place as it went in.
fn exact(event: &Event, text: &str) {
    let set = set();
    let context = context(event);
    assert_eq!(set.field.render(&context).unwrap(), text);
    let slack = set.slack.render(&context).unwrap();
    let inner = slack.strip_prefix("*x*: ").and_then(|rest| rest.strip_suffix('.')).unwrap();
    assert!(!inner.contains(['<', '>']));
    let back = inner.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    assert_eq!(back, text);
    let body = set.body.render(&context).unwrap();
    let sent = serde_json::to_vec(&body).unwrap();
    let received: Value = serde_json::from_slice(&sent).unwrap();
    assert_eq!(
        received,
        json!({ "whole": text, "text": format!("x: {text}!"), "list": [text, 1] })
    );
    if let Ok(address) = set.url.render(Some(&context)) {
        let url = same_address(address.expose().as_str());
        let query: Vec<_> = url.query_pairs().into_owned().collect();
        let expected = [("q".to_owned(), text.to_owned()), ("r".to_owned(), "1".to_owned())];
        assert_eq!(query, expected);
    }
}

/// What the event put in did not move the address.
fn same_address(address: &str) -> url::Url {
    let url = url::Url::parse(address).unwrap();
    assert_eq!(url.scheme(), "https");
    assert_eq!(url.host_str(), Some("crm.example.com"));
    assert_eq!((url.username(), url.password(), url.port()), ("", None, None));
    assert_eq!(url.fragment(), None);
    let segments: Vec<_> = url.path_segments().unwrap().collect();
    assert_eq!((segments.len(), segments[0], segments[2]), (3, "a", "b"));
    url
}

/// The only `<` is the template's own, and a link follows it.
fn mentions_nobody(text: &str) -> bool {
    text.split('<').skip(1).all(|after| {
        ["http://", "https://", "mailto:", "tel:"].iter().any(|scheme| after.starts_with(scheme))
    })
}
