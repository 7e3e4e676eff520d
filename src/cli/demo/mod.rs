//! `demo`: the whole thing on loopback with nothing to set up.
//!
//! It is the real program with its real configuration, store and sockets; only Slack, the CRM and the warehouse are stand-ins.
//! Nothing of the user's environment is read, so that no real target can be reached, and nothing is left behind.
//!
//! It opens with minutes of sample traffic, played in seconds on a clock that is behind, so that every page and command has
//! something to show. Then comes one call at its own pace, told in full, and more samples while it runs.

mod clock;
mod folder;
mod scene;
mod tell;
mod traffic;

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::Instant;
use url::Url;

use super::exit::{Exit, Failure};
use super::http::{Ask, Http};
use super::output::Out;
use super::run::{Stops, refused};
use super::sink::{self, Received};
use crate::app::{App, AppError, Options};
use crate::clock::{Clock, Timestamp};
use crate::config::{Advice, Environment, MapEnvironment, Overrides};
use crate::event::EventId;
use crate::explain::explain_stored;
use crate::store::{DeliveryState, EventFilter, Page};
use crate::tasks::Tasks;

use clock::Lagging;
use folder::Folder;
use scene::{CRM, SLACK, WAREHOUSE};
use tell::{Places, Played, Routed};
use traffic::Sample;

/// One call, as Retell tells of it.
const CALL: [(&str, &[u8]); 3] = [
    ("call_started", include_bytes!("call_started.json")),
    ("call_ended", include_bytes!("call_ended.json")),
    ("call_analyzed", include_bytes!("call_analyzed.json")),
];
/// Any free port.
const ANY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
/// The usual ports of the listener, the API and the stand-ins.
const PORTS: [u16; 3] = [8080, 8081, 8082];
/// How long the deliveries of one event may take. Slack's pace is one a second.
const PATIENCE: Duration = Duration::from_secs(30);
/// How many requests of the stand-ins are kept until their event is shown.
const KEPT_MAX: usize = 256;
/// How often the store is asked meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How long a sample that was played fast is given before the clock goes on. What has been tried by then may wait.
const BEAT: Duration = Duration::from_millis(500);
/// How many rounds of samples are sent while it runs: an hour.
const ROUNDS: u32 = 15;

/// See it work: sample traffic, routed to stand-ins for Slack, a CRM and a warehouse
///
/// Runs rules.example.yaml on loopback, with sample traffic and a few things that go wrong. Needs nothing and leaves nothing behind. Runs until Ctrl-C, so that you can send events of your own.
#[derive(Debug, clap::Args)]
pub(super) struct Demo {
    /// Only the one call, without sample traffic; exit once its events are delivered
    #[arg(long)]
    once: bool,
}

/// What runs while the demo does.
struct Stage {
    app: App,
    tasks: Tasks,
    received: mpsc::Receiver<Received>,
    kept: VecDeque<Received>,
    http: Http,
    places: Places,
    clock: Arc<Lagging>,
    /// The samples that were sent: they are told in one line each.
    samples: HashSet<EventId>,
}

impl Demo {
    pub(super) async fn execute(self) -> Result<Exit, Failure> {
        let mut stops = Stops::listen()?;
        let folder = Folder::new()
            .map_err(|error| Failure::because(Exit::CannotCreate, "no temporary folder", &error))?;
        let past = if self.once { Duration::ZERO } else { traffic::ROUND };
        let mut stage = Stage::set(folder.path(), past).await?;
        let mut out = Out::stdout();
        let played = tokio::select! {
            played = stage.play(self.once, &mut out) => played,
            _ = stops.next() => Ok(()),
        };
        let Stage { app, tasks, .. } = stage;
        let stopped = tokio::select! {
            stopped = app.stop() => stopped.map_err(refused),
            _ = stops.next() => Ok(()),
        };
        tasks.stop(Duration::from_secs(1)).await;
        played.and(stopped).map(|()| Exit::Ok)
    }
}

impl Stage {
    /// Everything in place, with a clock that is `past` behind.
    async fn set(folder: &Path, past: Duration) -> Result<Self, Failure> {
        let [listen, admin, stand_in] = PORTS;
        let listener = bind(stand_in).await?;
        let receiver = listener.local_addr()?;
        let tasks = Tasks::new();
        let received = sink::start(listener, scene::script(), &tasks);
        let rules = folder.join("rules.yaml");
        std::fs::write(&rules, scene::rules())
            .map_err(|error| Failure::because(Exit::CannotCreate, "no temporary file", &error))?;
        let address = |path: &str| format!("http://{receiver}{path}");
        let variables = BTreeMap::from([
            ("SLACK_WEBHOOK_URL".to_owned(), address(SLACK)),
            ("CRM_URL".to_owned(), address(CRM)),
            ("WAREHOUSE_URL".to_owned(), address(WAREHOUSE)),
        ]);
        let clock = Arc::new(Lagging::behind(past));
        let environment = Arc::new(MapEnvironment(variables));
        let options = |listen, admin| Options {
            config: rules.clone(),
            overrides: Overrides {
                listen: Some(listen),
                admin: Some(admin),
                data_dir: Some(folder.join("data")),
                advice: Advice::Warnings,
            },
            environment: Arc::clone(&environment) as Arc<dyn Environment>,
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            store: None,
            deliveries: None,
        };
        let app = match App::start(options(free(listen).await?, free(admin).await?)).await {
            // Somebody was faster.
            Err(AppError::Listen { .. }) => App::start(options(ANY, ANY)).await,
            started => started,
        };
        let app = app.map_err(refused)?;
        let places = Places { listen: app.listen(), admin: app.admin(), receiver, rules };
        let (kept, samples) = (VecDeque::new(), HashSet::new());
        Ok(Self { app, tasks, received, kept, http: Http::new()?, places, clock, samples })
    }

    /// The samples' past, the call's three events, and then whatever comes.
    async fn play(&mut self, once: bool, out: &mut Out) -> Result<(), Failure> {
        out.line(&tell::opening(&self.places, once, out))?;
        if !once {
            let played = self.play_past().await?;
            out.line(&tell::played(&played, out))?;
        }
        let mut made = 0;
        let mut last = None;
        for (name, body) in CALL {
            let began = Instant::now();
            let id = self.send(name, Bytes::from_static(body)).await?;
            let routed = self.routed(id, Some(began.elapsed())).await?;
            out.line(&tell::event(&routed, out))?;
            routed.all_delivered()?;
            made += routed.deliveries.len();
            last = Some(id);
        }
        out.line(&tell::closing(&self.places, made, once, out))?;
        if once {
            return Ok(());
        }
        let began = Instant::now();
        let mut coming = coming(self.clock.now());
        let mut next = coming.next();
        loop {
            let due = next.as_ref().map_or(began, |sample: &Sample| began + sample.at);
            tokio::select! {
                biased;
                error = self.app.failed() => return Err(refused(error)),
                () = tokio::time::sleep_until(due), if next.is_some() => {
                    if let Some(sample) = next.take() {
                        let id = self.send("a sample", sample.body).await?;
                        self.samples.insert(id);
                    }
                    next = coming.next();
                    if next.is_none() {
                        out.line(&tell::no_more_samples(out))?;
                    }
                }
                () = tokio::time::sleep(LOOK_EVERY) => self.keep(),
            }
            for id in self.newer(last).await? {
                last = Some(id);
                if self.samples.remove(&id) {
                    let (event, deliveries) = self.app.store().event(id).await?;
                    out.line(&tell::sample(&event, deliveries.iter().map(|(made, _)| made), out))?;
                } else {
                    let routed = self.routed(id, None).await?;
                    out.line(&tell::event(&routed, out))?;
                }
            }
        }
    }

    /// Minutes of samples in seconds: after each the clock catches up to the next.
    async fn play_past(&mut self) -> Result<Played, Failure> {
        let mut played = Played::default();
        for Sample { at, body } in traffic::round(0, self.clock.now()) {
            self.clock.catch_up(traffic::ROUND.saturating_sub(at));
            let id = self.send("a sample", body).await?;
            self.tried(id).await?;
            played.events += 1;
        }
        self.clock.catch_up(Duration::ZERO);
        let stats = self.app.store().stats().await?;
        played.waiting = stats.targets.iter().map(|(_, counts)| counts.pending).sum();
        played.dead = stats.targets.iter().map(|(_, counts)| counts.dead).sum();
        Ok(played)
    }

    /// Waits until each delivery of the event has ended or been tried, or waits for an open circuit.
    async fn tried(&mut self, id: EventId) -> Result<(), Failure> {
        let deadline = Instant::now() + BEAT;
        let store = Arc::clone(self.app.store());
        loop {
            self.keep();
            let (_, deliveries) = store.event(id).await?;
            let waiting = deliveries.iter().any(|(delivery, attempts)| {
                matches!(delivery.state, DeliveryState::Pending { .. })
                    && attempts.is_empty()
                    && delivery.target.as_str() != "warehouse"
            });
            if !waiting || Instant::now() >= deadline {
                return Ok(());
            }
            tokio::time::sleep(LOOK_EVERY / 10).await;
        }
    }

    /// The events after that one, oldest first.
    async fn newer(&self, last: Option<EventId>) -> Result<Vec<EventId>, Failure> {
        let page = Page { limit: 20, after: None };
        let page = self.app.store().events(EventFilter::default(), page).await?;
        let ids = page.events.iter().map(|(event, _)| event.envelope.id);
        let mut ids: Vec<_> = ids.filter(|id| Some(*id) > last).collect();
        ids.reverse();
        Ok(ids)
    }

    async fn send(&self, name: &str, body: Bytes) -> Result<EventId, Failure> {
        let url: Url = format!("http://{}/webhook", self.places.listen)
            .parse()
            .map_err(|error| Failure::because(Exit::Internal, "an address of ours", &error))?;
        let headers = vec![("content-type", "application/json".to_owned())];
        let answer =
            self.http.ask(&url, Ask { headers, body: Some(body) }).await.map_err(|why| {
                Failure::new(Exit::Findings, format!("{name} could not be sent: {why}"))
            })?;
        let id = answer.header("x-hookswitch-event-id").and_then(|id| id.parse().ok());
        id.filter(|_| answer.ok()).ok_or_else(|| {
            let why = answer.complaint().unwrap_or_default();
            Failure::new(Exit::Findings, format!("{name} was answered {} {why}", answer.status))
        })
    }

    /// Waits until every delivery of the event has ended, or patience has.
    async fn routed(&mut self, id: EventId, took: Option<Duration>) -> Result<Routed, Failure> {
        let deadline = Instant::now() + PATIENCE;
        let store = Arc::clone(self.app.store());
        loop {
            let (event, deliveries) = store.event(id).await?;
            self.keep();
            let waiting = deliveries
                .iter()
                .any(|(delivery, _)| matches!(delivery.state, DeliveryState::Pending { .. }));
            if waiting && Instant::now() < deadline {
                tokio::time::sleep(LOOK_EVERY).await;
                continue;
            }
            let stored = store.body(id).await?;
            let snapshot = self.app.published().load();
            let now = self.clock.now();
            let explanation = explain_stored(&snapshot, &stored.envelope, &stored.body, now);
            let mut arrived = self.arrived(id);
            let deliveries = deliveries
                .into_iter()
                .map(|(delivery, attempts)| {
                    let target = snapshot.targets.get(&delivery.target);
                    let path = target.map_or("", |target| stand_in(target.kind_name()));
                    let at = arrived.iter().position(|request| request.target == path);
                    (delivery, attempts, at.map(|at| arrived.swap_remove(at)))
                })
                .collect();
            return Ok(Routed { took, event, explanation, deliveries });
        }
    }

    /// Takes what the stand-ins received, so that they can go on.
    fn keep(&mut self) {
        while let Ok(request) = self.received.try_recv() {
            if self.kept.len() == KEPT_MAX {
                self.kept.pop_front();
            }
            self.kept.push_back(request);
        }
    }

    /// What the stand-ins received of the event.
    fn arrived(&mut self, id: EventId) -> Vec<Received> {
        self.keep();
        let id = id.to_string();
        let (of_event, others): (VecDeque<_>, _) =
            std::mem::take(&mut self.kept).into_iter().partition(|request| {
                request.headers.iter().any(|(name, value)| name == "webhook-id" && *value == id)
            });
        self.kept = others;
        of_event.into()
    }
}

/// The samples that are still to come, as they fall from now on.
fn coming(now: Timestamp) -> impl Iterator<Item = Sample> {
    (1..=ROUNDS).flat_map(move |number| {
        let start = traffic::ROUND * (number - 1);
        let samples = traffic::round(number, now.plus(start));
        samples.into_iter().map(move |sample| Sample { at: start + sample.at, ..sample })
    })
}

/// The path under which the stand-ins play a kind of target.
fn stand_in(kind: &str) -> &'static str {
    if kind == "slack" { SLACK } else { CRM }
}

/// A listener on loopback: the usual port, or a free one if that is taken.
async fn bind(port: u16) -> Result<TcpListener, Failure> {
    match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
        Ok(listener) => Ok(listener),
        Err(_) => TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(|error| {
            Failure::because(Exit::Unreachable, "cannot listen on 127.0.0.1", &error)
        }),
    }
}

/// An address that [`App::start`] can bind, as far as can be told beforehand.
async fn free(port: u16) -> Result<SocketAddr, Failure> {
    let listener = bind(port).await?;
    let bound = listener.local_addr()?.port();
    let port = if bound == port { port } else { 0 };
    Ok((Ipv4Addr::LOCALHOST, port).into())
}
