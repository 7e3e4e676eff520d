//! Templates as an operator might write them by accident: any text is compiled or refused, and what is compiled renders within
//! its limits, whatever it asks for.

use std::sync::OnceLock;

use hookswitch::event::{Event, Intake, Reader};
use hookswitch::name::RuleName;
use hookswitch::secret::Secret;
use hookswitch::template::{
    Autoescape, BodyTemplate, Context, Part, Source, TextTemplate, UrlTemplate,
};

use super::{read, text};

const TEXT_MAX: usize = 4 << 20;
const BODY: &str = r#"{"event":"call_analyzed","call":{"call_id":"c1","duration_ms":61000,"list":[1,"a",null,{"b":2.5}],
"text":"<!channel> & more","big":123456789012345678901234567890,"metadata":{"tier":"gold"}},"transfer_option":{"type":"warm"}}"#;

/// The bytes are a template; a NUL stands for a literal from outside.
pub fn check(data: &[u8]) {
    static EVENT: OnceLock<Event> = OnceLock::new();
    let event = EVENT.get_or_init(|| match read(&Reader::default(), BODY.as_bytes()) {
        Intake::Readable(event) => event,
        Intake::Quarantined { reason, .. } => panic!("{reason}"),
    });
    let rules = [RuleName::new("first").unwrap()];
    let context = Context::new(event.envelope(), event.document().unwrap(), &rules);
    let source = source(&text(data));
    for escape in [Autoescape::None, Autoescape::Slack, Autoescape::Url] {
        let Ok(template) = TextTemplate::new(&source, escape) else { continue };
        if let Ok(text) = template.render(&context) {
            assert!(text.len() <= TEXT_MAX, "{} bytes", text.len());
        }
        if let Ok(value) = BodyTemplate::Leaf(template).render(&context) {
            serde_json::to_string(&value).expect("a tree of JSON can be written");
        }
    }
    if let Ok(template) = UrlTemplate::new(&source)
        && let Ok(address) = template.render(Some(&context))
    {
        let url = url::Url::parse(address.expose().as_str()).expect("a rendered address is one");
        assert_eq!(url.origin().ascii_serialization(), template.origin());
    }
}

fn source(text: &str) -> Source {
    let mut parts = Vec::new();
    for (number, piece) in text.split('\0').enumerate() {
        if number > 0 {
            parts.push(Part::Literal(Secret::new("{{ li<ter>al }}")));
        }
        parts.push(Part::Template(piece.to_owned()));
    }
    Source { parts }
}
