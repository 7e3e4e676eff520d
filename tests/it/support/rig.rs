//! Ingress, a store in memory, dispatch and a scripted courier, put together as `app` does.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hookswitch::clock::{Clock, Manual, Timestamp};
use hookswitch::config::{self, MapEnvironment, Overrides, Published, Snapshot};
use hookswitch::dispatch::{self, Dispatch};
use hookswitch::event::EventId;
use hookswitch::ingress::{self, Ingress, Limits, Readiness};
use hookswitch::store::memory::Memory;
use hookswitch::store::{EventFilter, EventRecord, Page, Store};
use hookswitch::tasks::Tasks;
use hookswitch::telemetry::Metrics;
use tokio::net::TcpListener;
use tokio::time::Instant;

use super::{Gate, Script, Wire};

/// When the rig's clock stands: the time of the signature vectors of the fixtures.
const NOW: Timestamp = Timestamp::from_millis(1_772_553_700_973);

/// Three sources: unsigned, signed under either of two keys, and small.
pub(crate) const SOURCES: &str = r"
version: 1
sources:
  open: { path: /webhook, verify: none }
  signed: { path: /signed, verify: { retell: [key_fixture_only_not_a_real_key_01, key_of_tomorrow] } }
  small: { path: /small, verify: none, max_body: 1 KiB }
targets:
  sheet: { kind: log }
rules:
  - name: no turns
    when: { event: transcript_updated }
    ignore: true
  - name: calls
    when: { event: [call_started, call_ended, call_analyzed] }
    to: [sheet]
";

/// What to put together.
pub(crate) struct Setup {
    pub(crate) yaml: String,
    pub(crate) limits: Limits,
}

impl Default for Setup {
    fn default() -> Self {
        Self { yaml: SOURCES.to_owned(), limits: Limits::default() }
    }
}

/// The parts, running.
pub(crate) struct Rig {
    pub(crate) address: SocketAddr,
    pub(crate) clock: Arc<Manual>,
    pub(crate) memory: Memory,
    pub(crate) gate: Arc<Gate>,
    pub(crate) courier: Arc<Script>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) published: Published,
    pub(crate) readiness: Readiness,
    pub(crate) ingress: Ingress,
    pub(crate) tasks: Tasks,
}

/// Loads a configuration as if it were a file.
pub(crate) fn snapshot(yaml: &str) -> Snapshot {
    let environment = MapEnvironment::default();
    let origin = Path::new("rules.yaml");
    config::load_text(yaml, origin, &environment, &Overrides::default())
        .unwrap_or_else(|refused| panic!("{refused}"))
}

impl Rig {
    /// With [`SOURCES`] and the limits of the program.
    pub(crate) async fn start() -> Self {
        Self::with(Setup::default()).await
    }

    pub(crate) async fn with(setup: Setup) -> Self {
        let snapshot = snapshot(&setup.yaml);
        let tasks = Tasks::new();
        let memory = Memory::new();
        let gate = Arc::new(Gate::new(memory.clone(), tasks.clone()));
        let store: Arc<dyn Store> = Arc::<Gate>::clone(&gate);
        let clock = Arc::new(Manual::new(NOW));
        let metrics = Arc::new(Metrics::new());
        let sources: Vec<_> = snapshot.sources.iter().map(|source| source.name.clone()).collect();
        let rules: Vec<_> = snapshot.rules.rules().iter().map(|rule| rule.name.clone()).collect();
        let targets: Vec<_> = snapshot.targets.keys().cloned().collect();
        metrics.configured(&sources, &rules, &targets);
        metrics.in_shadow(&snapshot.rules.shadows());
        let published = Published::new(Arc::new(snapshot));
        let courier = Arc::new(Script::default());
        let dispatch = Dispatch::start(dispatch::Parts {
            store: Arc::clone(&store),
            published: published.clone(),
            courier: Arc::<Script>::clone(&courier),
            clock: Arc::<Manual>::clone(&clock) as Arc<dyn Clock>,
            metrics: Arc::clone(&metrics),
            tasks: tasks.clone(),
        });
        let readiness = Readiness::default();
        let parts = ingress::Parts {
            store,
            dispatch: dispatch.await.expect("dispatch starts"),
            published: published.clone(),
            clock: Arc::<Manual>::clone(&clock),
            metrics: Arc::clone(&metrics),
            tasks: tasks.clone(),
            readiness: readiness.clone(),
            limits: setup.limits,
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let ingress = Ingress::start(parts, listener);
        Self {
            address,
            clock,
            memory,
            gate,
            courier,
            metrics,
            published,
            readiness,
            ingress,
            tasks,
        }
    }

    pub(crate) async fn connect(&self) -> Wire {
        Wire::connect(self.address).await
    }

    /// One request on a connection of its own.
    pub(crate) async fn ask(&self, request: impl AsRef<[u8]>) -> super::Answer {
        let mut wire = self.connect().await;
        wire.send(request).await;
        wire.expect().await
    }

    /// The stored events, newest first.
    pub(crate) async fn events(&self) -> Vec<EventRecord> {
        let page = Page { limit: 1000, after: None };
        let events = self.memory.events(EventFilter::default(), page).await.expect("it lists");
        events.events.into_iter().map(|(event, _)| event).collect()
    }

    /// The exact bytes that are stored for an event.
    pub(crate) async fn body(&self, id: EventId) -> Vec<u8> {
        self.memory.body(id).await.expect("it is stored").body.to_vec()
    }

    /// How long an event took to be answered, if that is known.
    pub(crate) fn answer_time(&self, event: EventId) -> Option<Duration> {
        self.metrics.answer_time(event)
    }

    /// The value of a series, by its whole name as `/metrics` writes it.
    pub(crate) fn metric(&self, series: &str) -> u64 {
        let text = self.metrics.encode();
        let value = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        let value = value.unwrap_or_else(|| panic!("no series {series} in\n{text}"));
        value.parse().expect("a whole number")
    }

    /// How many requests to `source` came to `result`.
    pub(crate) fn results(&self, source: &str, result: &str) -> u64 {
        self.metric(&format!(r#"hookswitch_events_total{{source="{source}",result="{result}"}}"#))
    }

    /// How many were refused before they reached a source.
    pub(crate) fn refused(&self, reason: &str) -> u64 {
        self.metric(&format!(r#"hookswitch_refused_total{{reason="{reason}"}}"#))
    }

    /// Waits until so many were refused: a connection is counted when it ends, a moment after its client saw it close.
    pub(crate) async fn refused_become(&self, reason: &str, count: u64) {
        super::eventually(&format!("{count} {reason}"), || async {
            (self.refused(reason) == count).then_some(())
        })
        .await;
    }

    /// Waits for the listener to end, at most `limit`.
    pub(crate) async fn drain(&self, limit: Duration) {
        self.readiness.drain();
        self.ingress.drain(Instant::now() + limit).await;
    }
}
