//! What the page asks for: listings of a store of a million events, by every filter, and an explanation.
//!
//! Prints the median and the longest of some twenty requests each, in milliseconds: the store's own work, without HTTP. Rare things lie
//! at the far end of the store, where nothing but passing by the rest finds them in time. `HOOKSWITCH_EVENTS` takes another number.

#![expect(
    clippy::indexing_slicing,
    reason = "numbers are cut to the length of what they choose from"
)]

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hookswitch::clock::{Clock, System, Timestamp};
use hookswitch::config::{self, MapEnvironment, Overrides, Snapshot};
use hookswitch::delivery::DeadReason;
use hookswitch::event::{Envelope, EventId, RequestParts};
use hookswitch::explain::{Sample, explain_sample};
use hookswitch::name::{RuleName, SourceName, TargetName};
use hookswitch::store::sqlite::{Options, Sqlite};
use hookswitch::store::{
    Append, Bounds, Change, EventFilter, EventState, Fate, NewDelivery, Page, Settle, Store,
};
use hookswitch::telemetry::Metrics;
use tokio::runtime::Runtime;

/// Appends that wait at once while the store is filled.
const AT_ONCE: u64 = 1_000;
/// Requests of one kind.
const TIMES: usize = 21;
/// A week in milliseconds.
const WEEK: u64 = 7 * 24 * 3_600_000;
/// A page of the Live screen.
const LIMIT: usize = 100;

fn open(folder: &Path) -> Sqlite {
    Sqlite::open(Options {
        folder: folder.to_owned(),
        bounds: Bounds { max_size: 100 << 30, retention: Duration::from_hours(30 * 24) },
        clock: Arc::new(System),
        metrics: Arc::new(Metrics::new()),
    })
    .expect("the store opens")
}

fn target(name: &str) -> NewDelivery {
    NewDelivery { target: TargetName::new(name).expect("a name"), order_key: None }
}

/// One of `count` events over a week: calls of three events each, fifty agents, twenty rules, two targets of five.
fn event(number: u64, count: u64, begin: Timestamp) -> Append {
    let at = begin.plus(Duration::from_millis(WEEK * number / count));
    let mut chance = [0; 10];
    chance[2..].copy_from_slice(&number.to_be_bytes());
    let rare = (100..105).contains(&number);
    let name = ["call_started", "call_ended", "call_analyzed"][(number % 3) as usize];
    let pick = |rarely: &str, often: String| if rare { rarely.to_owned() } else { often };
    let agent = pick("agent_rare", format!("agent_{:020}", number / 3 % 50));
    let subject = format!("call_{:024}", number / 3);
    let text = if rare { "a needle in a haystack" } else { "a summary of some length" };
    let body = format!(
        r#"{{"event":"{name}","call":{{"call_id":"{subject}","agent_id":"{agent}","summary":"{}"}}}}"#,
        format!("{text}, ").repeat(34)
    );
    Append {
        envelope: Arc::new(Envelope {
            id: EventId::new(at, chance),
            source: SourceName::new("retell").expect("a name"),
            received_at: at,
            signed: true,
            name: Some(pick("rare_event", name.to_owned())),
            agent_id: Some(agent),
            subject: Some(subject),
            request: RequestParts {
                content_type: Some("application/json".to_owned()),
                signature: Some(format!("v={},d={number:064x}", at.millis())),
                peer: Some("100.20.5.228".to_owned()),
                ..RequestParts::default()
            },
        }),
        body: body.into(),
        state: if number == 106 { EventState::Unrouted } else { EventState::Routed },
        rules: vec![
            RuleName::new(&pick("rare rule", format!("rule {}", number % 20))).expect("a name"),
        ],
        shadow: Vec::new(),
        revision: 1,
        edited_from: None,
        deliveries: match number {
            106 => Vec::new(),
            _ if rare => vec![target("rare"), target("crm")],
            _ => vec![
                target(["crm", "mail", "sheet", "log"][(number % 4) as usize]),
                target("slack"),
            ],
        },
        identity: None,
    }
}

/// Fills it. All is delivered but what the rare events send to `rare`, half of which dies, and what the newest send.
async fn fill(store: &dyn Store, count: u64) {
    let begin = System.now().minus(Duration::from_hours(7 * 24));
    let mut number = 0;
    while number < count {
        let until = count.min(number + AT_ONCE);
        let pending: Vec<_> =
            (number..until).map(|number| store.append(event(number, count, begin))).collect();
        let mut settled = Vec::new();
        for pending in pending {
            let Fate::Stored(ready) = pending.await.expect("it is stored").fate else {
                unreachable!("every event is new")
            };
            for ready in ready {
                let change = match (ready.target.as_str(), ready.id.0 % 2) {
                    ("rare", 0) => continue,
                    ("rare", _) => Change::Dead(DeadReason::Gone),
                    _ if number + 100 > count => continue,
                    _ => Change::Delivered,
                };
                let settle =
                    Settle { delivery: ready.id, attempt: None, change, now: System.now() };
                settled.push(store.settle(settle));
            }
        }
        for settled in settled {
            settled.await.expect("it is settled");
        }
        number = until;
    }
}

fn filters(count: u64) -> Vec<(&'static str, EventFilter)> {
    let none = EventFilter::default;
    let some = |text: &str| Some(text.to_owned());
    let ago = |hours| Some(System.now().minus(Duration::from_hours(hours)));
    let call = |number: u64| Some(format!("call_{:024}", number / 3));
    vec![
        ("all: the Live page", none()),
        ("event, every third", EventFilter { name: some("call_ended"), ..none() }),
        ("event, five, oldest", EventFilter { name: some("rare_event"), ..none() }),
        ("event, none", EventFilter { name: some("nothing"), ..none() }),
        ("agent, one in 50", EventFilter { agent_id: some(&format!("agent_{:020}", 7)), ..none() }),
        ("agent, five, oldest", EventFilter { agent_id: some("agent_rare"), ..none() }),
        ("agent, none", EventFilter { agent_id: some("nobody"), ..none() }),
        ("call, in the middle", EventFilter { subject: call(count / 2), ..none() }),
        ("call, oldest", EventFilter { subject: call(0), ..none() }),
        ("call, none", EventFilter { subject: some("call_nowhere"), ..none() }),
        ("target, one in 4", EventFilter { target: some("crm"), ..none() }),
        ("target, five, oldest", EventFilter { target: some("rare"), ..none() }),
        ("state routed", EventFilter { state: some("routed"), ..none() }),
        ("state unrouted, one, oldest", EventFilter { state: some("unrouted"), ..none() }),
        ("state quarantined, none", EventFilter { state: some("quarantined"), ..none() }),
        ("state pending, new and old", EventFilter { state: some("pending"), ..none() }),
        (
            "state pending of a target, oldest",
            EventFilter { state: some("pending"), target: some("rare"), ..none() },
        ),
        ("state delivered", EventFilter { state: some("delivered"), ..none() }),
        ("state dead, oldest", EventFilter { state: some("dead"), ..none() }),
        ("rule, one in 20", EventFilter { rule: some("rule 7"), ..none() }),
        ("rule, five, oldest", EventFilter { rule: some("rare rule"), ..none() }),
        ("rule, none", EventFilter { rule: some("no rule"), ..none() }),
        ("until three days ago", EventFilter { until: ago(72), ..none() }),
        ("an hour, four days ago", EventFilter { since: ago(97), until: ago(96), ..none() }),
        ("text in all", EventFilter { text: some("Some Length"), ..none() }),
        ("text, five, oldest", EventFilter { text: some("needle"), ..none() }),
        ("text, none", EventFilter { text: some("nobody says this"), ..none() }),
    ]
}

/// Median and maximum in milliseconds.
fn spread(mut took: Vec<Duration>) -> (f64, f64) {
    took.sort_unstable();
    let millis = |at: usize| took.get(at).map_or(0.0, |took| took.as_secs_f64() * 1e3);
    (millis(took.len() / 2), millis(took.len().saturating_sub(1)))
}

async fn list(store: &dyn Store, count: u64) -> String {
    let mut table = "| filter | median ms | longest ms | found | looked through |\n| --- | --- | --- | --- | --- |\n".to_owned();
    for (name, filter) in filters(count) {
        let (mut took, mut found) = (Vec::new(), String::new());
        for _ in 0..TIMES {
            let began = now();
            let page = Page { limit: LIMIT, after: None };
            let page = store.events(filter.clone(), page).await.expect("it lists");
            took.push(began.elapsed());
            let looked = if page.looked_to.is_none() { "enough" } else { "a part" };
            found = format!("{} | {looked}", page.events.len());
        }
        let (median, longest) = spread(took);
        writeln!(table, "| {name} | {median:.1} | {longest:.1} | {found} |").expect("a String");
    }
    let page = Page { limit: 200, after: None };
    let newest = store.events(EventFilter::default(), page).await.expect("it lists").events;
    let ids: Vec<_> = newest.iter().map(|(event, _)| event.envelope.id).collect();
    let mut took = Vec::new();
    for _ in 0..TIMES {
        let began = now();
        assert_eq!(store.listed(ids.clone()).await.expect("it lists").len(), ids.len());
        took.push(began.elapsed());
    }
    let (median, longest) = spread(took);
    writeln!(table, "| 200 by their ids | {median:.1} | {longest:.1} | 200 | enough |")
        .expect("a String");
    table
}

#[expect(clippy::disallowed_methods, reason = "real time is what is measured")]
fn now() -> Instant {
    Instant::now()
}

/// A thousand rules that each look at four things, the last of them deep in the body.
fn snapshot() -> Snapshot {
    let mut text = "version: 1\nsources:\n  retell: { path: /webhook, verify: none }\ntargets:\n  crm: { kind: http, url: \"https://crm.example.com/in\" }\nrules:\n".to_owned();
    for number in 0..1_000 {
        writeln!(
            text,
            "  - {{ name: rule {number}, when: {{ event: call_analyzed, metadata: {{ tier: [gold, t{number}] }}, fields: {{ $.call.call_analysis.user_sentiment: Negative, $.call.duration_ms: {{ gte: {number} }} }} }}, to: [crm] }}"
        )
        .expect("a String");
    }
    let origin = Path::new("rules.yaml");
    config::load_text(&text, origin, &MapEnvironment::default(), &Overrides::default())
        .expect("a configuration")
}

fn explain() -> String {
    let snapshot = snapshot();
    let body = Bytes::from_static(include_bytes!("../tests/fixtures/retell/call_analyzed.json"));
    let mut took = Vec::new();
    let mut bytes = 0;
    for _ in 0..TIMES {
        let began = now();
        let explanation = explain_sample(&snapshot, body.clone(), Sample::default(), System.now());
        bytes = serde_json::to_vec(&explanation).expect("it is JSON").len();
        took.push(began.elapsed());
    }
    let (median, longest) = spread(took);
    format!(
        "an explanation of {} KB against 1,000 rules, with its {} KB of JSON: median {median:.1} ms, longest {longest:.1} ms",
        body.len() / 1_000,
        bytes / 1_000
    )
}

#[expect(clippy::print_stdout, reason = "what was measured is told")]
fn main() {
    println!("{}", explain());
    #[expect(clippy::disallowed_methods, reason = "how many is the runner's choice")]
    let count = std::env::var("HOOKSWITCH_EVENTS").ok().and_then(|text| text.parse().ok());
    let count = count.unwrap_or(1_000_000);
    let runtime = Runtime::new().expect("a runtime");
    let folder = tempfile::TempDir::new().expect("a folder");
    let store = open(&folder.path().join("data"));
    let began = now();
    runtime.block_on(fill(&store, count));
    let bytes = runtime.block_on(store.stats()).expect("it counts").bytes;
    let took = began.elapsed().as_secs();
    println!(
        "{count} events of 1 KB with two deliveries each, {} MB, stored in {took} s\n",
        bytes / 1_000_000
    );
    println!("{}", runtime.block_on(list(&store, count)));
}
