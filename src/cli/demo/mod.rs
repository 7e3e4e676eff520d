//! `demo`: the whole thing on loopback with nothing to set up.
//!
//! It is the real program with its real configuration, store and sockets; only Slack and the CRM are stand-ins. Nothing of
//! the user's environment is read, so that no real target can be reached, and nothing is left behind.

mod folder;
mod tell;

use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
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
use super::sink::{self, Received, Script};
use crate::app::{App, Options};
use crate::clock::{Clock, System};
use crate::config::{MapEnvironment, Overrides};
use crate::event::EventId;
use crate::explain::explain_stored;
use crate::store::{DeliveryState, EventFilter, Page};
use crate::tasks::Tasks;

use folder::Folder;
use tell::{Places, Routed};

/// The rules it runs.
const RULES: &str = include_str!("../../../rules.example.yaml");
/// One call, as Retell tells of it.
const CALL: [(&str, &[u8]); 3] = [
    ("call_started", include_bytes!("call_started.json")),
    ("call_ended", include_bytes!("call_ended.json")),
    ("call_analyzed", include_bytes!("call_analyzed.json")),
];
/// The stand-ins' paths.
const SLACK: &str = "/slack";
const CRM: &str = "/crm";
/// The usual ports of the listener, the API and the stand-ins.
const PORTS: [u16; 3] = [8080, 8081, 8082];
/// How long the deliveries of one event may take. Slack's pace is one a second.
const PATIENCE: Duration = Duration::from_secs(30);
/// How many requests of the stand-ins are kept until their event is shown.
const KEPT_MAX: usize = 256;
/// How often the store is asked meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// See it work: the events of one call, routed to stand-ins for Slack and a CRM
///
/// Runs rules.example.yaml on loopback. Needs nothing and leaves nothing behind. Runs until Ctrl-C, so that you can send events of your own.
#[derive(Debug, clap::Args)]
pub(super) struct Demo {
    /// Exit once the call's events are delivered
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
}

impl Demo {
    pub(super) async fn execute(self) -> Result<Exit, Failure> {
        let mut stops = Stops::listen()?;
        let folder = Folder::new()
            .map_err(|error| Failure::because(Exit::CannotCreate, "no temporary folder", &error))?;
        let mut stage = Stage::set(folder.path()).await?;
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
    async fn set(folder: &Path) -> Result<Self, Failure> {
        let [listen, admin, stand_in] = PORTS;
        let listener = bind(stand_in).await?;
        let receiver = listener.local_addr()?;
        let tasks = Tasks::new();
        let script = Script { statuses: vec![200], retry_after: None, delay: Duration::ZERO };
        let received = sink::start(listener, script, &tasks);
        let rules = folder.join("rules.yaml");
        std::fs::write(&rules, RULES)
            .map_err(|error| Failure::because(Exit::CannotCreate, "no temporary file", &error))?;
        let address = |path: &str| format!("http://{receiver}{path}");
        let variables = BTreeMap::from([
            ("SLACK_WEBHOOK_URL".to_owned(), address(SLACK)),
            ("CRM_URL".to_owned(), address(CRM)),
        ]);
        let app = App::start(Options {
            config: rules.clone(),
            overrides: Overrides {
                listen: Some(free(listen).await?),
                admin: Some(free(admin).await?),
                data_dir: Some(folder.join("data")),
                notes: false,
            },
            environment: Arc::new(MapEnvironment(variables)),
            clock: Arc::new(System),
            store: None,
            deliveries: None,
        })
        .await
        .map_err(refused)?;
        let places = Places { listen: app.listen(), admin: app.admin(), receiver, rules };
        Ok(Self { app, tasks, received, kept: VecDeque::new(), http: Http::new()?, places })
    }

    /// The call's three events, and then whatever comes.
    async fn play(&mut self, once: bool, out: &mut Out) -> Result<(), Failure> {
        out.line(&tell::opening(&self.places, out))?;
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
        loop {
            tokio::select! {
                error = self.app.failed() => return Err(refused(error)),
                () = tokio::time::sleep(LOOK_EVERY) => self.keep(),
            }
            for id in self.newer(last).await? {
                let routed = self.routed(id, None).await?;
                out.line(&tell::event(&routed, out))?;
                last = Some(id);
            }
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
            let now = System.now();
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
