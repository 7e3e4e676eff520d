//! The bytes of a whole connection, through HTTP to the store, without a socket and in virtual time.
//!
//! Whatever a client sends, the connection ends; every answer is HTTP; what is stored was sent, was answered 204, and nothing is
//! stored that was not asked for in so many words.

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hookswitch::clock::{Clock, Manual};
use hookswitch::config::{Published, Snapshot};
use hookswitch::delivery::Outcome;
use hookswitch::dispatch::{self, Courier, Dispatch};
use hookswitch::event::Event;
use hookswitch::ingress::{self, Ingress, Limits, Readiness};
use hookswitch::name::RuleName;
use hookswitch::store::memory::Memory;
use hookswitch::store::{EventFilter, Page, Store};
use hookswitch::target::{AttemptInfo, Report, Target};
use hookswitch::tasks::Tasks;
use hookswitch::telemetry::{AttemptLabel, Metrics};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{NOW, snapshot};

const RULES: &str = "
version: 1
sources:
  open: { path: /webhook, verify: none, max_body: 4 KiB }
  signed: { path: /signed, verify: { retell: [key_fixture_only_not_a_real_key_01] } }
targets:
  sheet: { kind: log }
rules:
  - { name: calls, when: { event: { prefix: call } }, to: [sheet] }
";
/// Longer than every limit of a connection together, for a handful of requests.
const PATIENCE: Duration = Duration::from_mins(10);

/// The first two bytes say in which pieces the rest is sent.
pub fn check(data: &[u8]) {
    let Some((&[first, second], sent)) = data.split_first_chunk::<2>() else { return };
    let piece = usize::from(u16::from_le_bytes([first, second])).max(1);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let (memory, answers) = converse(sent, piece).await;
        judge(sent, &memory, &answers).await;
    });
}

/// Sends everything, and returns what was stored and what was answered.
async fn converse(sent: &[u8], piece: usize) -> (Memory, Vec<u8>) {
    let memory = Memory::new();
    let tasks = Tasks::new();
    static SNAPSHOT: OnceLock<Arc<Snapshot>> = OnceLock::new();
    let configuration = SNAPSHOT.get_or_init(|| Arc::new(snapshot(RULES)));
    let published = Published::new(Arc::clone(configuration));
    let clock: Arc<dyn Clock> = Arc::new(Manual::new(NOW));
    let metrics = Arc::new(Metrics::new());
    let store: Arc<dyn Store> = Arc::new(memory.clone());
    let dispatch = Dispatch::start(dispatch::Parts {
        store: Arc::clone(&store),
        published: published.clone(),
        courier: Arc::new(Accepting),
        clock: Arc::clone(&clock),
        metrics: Arc::clone(&metrics),
        tasks: tasks.clone(),
    });
    let ingress = Ingress::without_listener(ingress::Parts {
        store,
        dispatch: dispatch.await.expect("dispatch starts"),
        published,
        clock,
        metrics,
        tasks: tasks.clone(),
        readiness: Readiness::default(),
        limits: Limits::default(),
    });
    let (client, server) = tokio::io::duplex(64 << 10);
    let (mut from, mut to) = tokio::io::split(client);
    let mut answers = Vec::new();
    let sending = async {
        for part in sent.chunks(piece) {
            // The server may be done with us before we are.
            if to.write_all(part).await.is_err() {
                return;
            }
            tokio::task::yield_now().await;
        }
        drop(to.shutdown().await);
    };
    let serving = async {
        ingress.converse(server, IpAddr::V4(Ipv4Addr::LOCALHOST)).await;
    };
    let all = async { tokio::join!(sending, from.read_to_end(&mut answers), serving) };
    let ended = tokio::time::timeout(PATIENCE, all).await;
    ended.expect("the connection ends").1.expect("nothing breaks between two halves of memory");
    assert!(tasks.stop(Duration::from_secs(10)).await, "every task ends");
    (memory, answers)
}

async fn judge(sent: &[u8], memory: &Memory, answers: &[u8]) {
    let (mut stored, mut repeats) = (0, 0);
    for (status, head) in heads(answers) {
        let known = [200, 204, 400, 401, 404, 405, 408, 413, 415, 431, 503];
        assert!(known.contains(&status), "{status} is no answer of ours");
        if status == 204 {
            assert!(head.contains("x-hookswitch-event-id: "));
            stored += 1;
            repeats += usize::from(head.contains("x-hookswitch-duplicate: true"));
        }
    }
    let page = Page { limit: 1000, after: None };
    let events = memory.events(EventFilter::default(), page).await.expect("it lists").events;
    assert!(events.len() <= stored && events.len() >= stored - repeats, "2xx is stored");
    assert!(stored <= count(sent, b"POST /"), "nothing is stored that nobody posted");
    let chunked = count(&sent.to_ascii_lowercase(), b"chunked") > 0;
    for (event, _) in events {
        let body = memory.body(event.envelope.id).await.expect("it is stored").body;
        assert!(chunked || body.is_empty() || count(sent, &body) > 0, "the body is what was sent");
    }
}

/// The answers one after the other: status and head.
fn heads(mut answers: &[u8]) -> Vec<(u16, String)> {
    let mut heads = Vec::new();
    while !answers.is_empty() {
        let end = answers.windows(4).position(|four| four == b"\r\n\r\n").expect("a whole head");
        let head = String::from_utf8(answers[..end].to_vec()).expect("a head of ours is text");
        let status = head.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)).expect("HTTP");
        let status = status.parse().expect("a status");
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .map_or(0, |length| length.parse().expect("a length"));
        // An answer to HEAD has a length and no body; what follows it then is another answer, or nothing.
        let after = &answers[end + 4..];
        let bare = after.is_empty() || after.starts_with(b"HTTP/1.");
        answers = if bare { after } else { &after[length..] };
        heads.push((status, head.to_ascii_lowercase()));
    }
    heads
}

fn count(text: &[u8], part: &[u8]) -> usize {
    text.windows(part.len()).filter(|window| *window == part).count()
}

/// Accepts whatever is sent.
#[derive(Debug)]
struct Accepting;

impl Courier for Accepting {
    fn attempt(
        &self,
        _: Arc<Target>,
        _: Arc<Event>,
        _: Arc<[RuleName]>,
        _: AttemptInfo,
    ) -> Pin<Box<dyn Future<Output = Report> + Send>> {
        Box::pin(std::future::ready(Report {
            outcome: Outcome::Accepted,
            label: AttemptLabel::Accepted,
            status: Some(200),
            detail: String::new(),
            answer: None,
        }))
    }
}
