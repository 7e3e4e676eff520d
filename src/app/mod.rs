//! The program put together: opened in order, stopped in order.
//!
//! Everything that can refuse comes before anything that is seen from outside: the configuration, the store, the
//! addresses. Traffic is served only once deliveries can be made. Stopping goes the other way round, and whatever is not
//! done by then waits in the store for the next start.

mod error;
mod panic;

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;

use crate::admin;
use crate::clock::Clock;
use crate::config::{Environment, Overrides, Published, Snapshot};
use crate::dispatch::{self, Dispatch, Post};
use crate::ingress::{self, Ingress, Readiness};
use crate::reload::{self, Reload, Reloaded, log_problems};
use crate::store::sqlite::{self, Sqlite};
use crate::store::{Bounds, Store, StoreError};
use crate::tasks::Tasks;
use crate::telemetry::Metrics;
use crate::trial;

pub use error::{AppError, Purpose};
pub use panic::log_panics;

/// What is kept back of `shutdown_timeout` for ending tasks and closing the store.
const CLOSING: Duration = Duration::from_secs(1);

/// How long clients that wait are given to hear that the store failed.
const ABANDONING: Duration = Duration::from_millis(250);

/// A runtime for deliveries: half as many threads as there are processors, so that answering never stands behind them in a
/// queue, and they do not hand work to and fro between threads. Fails if the system gives no thread.
pub fn delivery_runtime() -> std::io::Result<Runtime> {
    let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    Builder::new_multi_thread()
        .worker_threads(processors.div_ceil(2))
        .thread_name("deliveries")
        .enable_all()
        .build()
}

/// What to run.
#[derive(Debug, Clone)]
pub struct Options {
    /// The configuration file.
    pub config: PathBuf,
    /// What stands above it.
    pub overrides: Overrides,
    /// Where `${…}` looks.
    pub environment: Arc<dyn Environment>,
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
    /// A store to use instead of the one in the data folder: for tests and benches.
    pub store: Option<Arc<dyn Store>>,
    /// Where deliveries run; without it, where everything else does.
    pub deliveries: Option<Handle>,
}

/// The running program.
#[derive(Debug)]
pub struct App {
    listen: SocketAddr,
    admin: SocketAddr,
    store: Arc<dyn Store>,
    published: Published,
    dispatch: Dispatch,
    reload: Reload,
    ingress: Ingress,
    readiness: Readiness,
    tasks: Tasks,
}

/// Everything that can refuse, done; nothing is seen from outside yet.
struct Opened {
    snapshot: Snapshot,
    store: Arc<dyn Store>,
    metrics: Arc<Metrics>,
    listen: TcpListener,
    admin: TcpListener,
}

impl App {
    /// Opens everything in order: configuration, store, listeners, dispatch. Ready when it returns.
    pub async fn start(options: Options) -> Result<Self, AppError> {
        outlive_file_size_limit();
        let began = Instant::now();
        let opened = Opened::new(&options).await?;
        let app = Self::assemble(options, opened).await?;
        app.log_ready(began.elapsed());
        Ok(app)
    }

    async fn assemble(options: Options, opened: Opened) -> Result<Self, AppError> {
        let Opened { snapshot, store, metrics, listen, admin } = opened;
        let settings = snapshot.settings.clone();
        let addresses = (
            bound(&listen, settings.listen, Purpose::Webhooks)?,
            bound(&admin, settings.admin, Purpose::Admin)?,
        );
        let published = Published::new(Arc::new(snapshot));
        let tasks = Tasks::new();
        let readiness = Readiness::default();
        let dispatch = Dispatch::start(dispatch::Parts {
            store: Arc::clone(&store),
            published: published.clone(),
            courier: Arc::new(Post),
            clock: Arc::clone(&options.clock),
            metrics: Arc::clone(&metrics),
            tasks: match &options.deliveries {
                Some(runtime) => tasks.on(runtime.clone()),
                None => tasks.clone(),
            },
        })
        .await?;
        let reload = Reload::start(reload::Parts {
            path: options.config,
            environment: options.environment,
            overrides: options.overrides,
            store: Arc::clone(&store),
            published: published.clone(),
            clock: Arc::clone(&options.clock),
            metrics: Arc::clone(&metrics),
            tasks: tasks.clone(),
        });
        let ingress = ingress::Parts {
            store: Arc::clone(&store),
            dispatch: dispatch.clone(),
            published: published.clone(),
            clock: Arc::clone(&options.clock),
            metrics: Arc::clone(&metrics),
            tasks: tasks.clone(),
            readiness: readiness.clone(),
            limits: ingress::Limits::default(),
        };
        let ingress = Ingress::start(ingress, listen);
        let parts = admin::Parts {
            store: Arc::clone(&store),
            dispatch: dispatch.clone(),
            reload: reload.clone(),
            published: published.clone(),
            started_at: options.clock.now(),
            clock: options.clock,
            metrics,
            tasks: tasks.clone(),
            readiness: readiness.clone(),
            listen: addresses.0,
            ngrok: admin::NGROK,
        };
        admin::start(parts, admin);
        let (listen, admin) = addresses;
        Ok(Self { listen, admin, store, published, dispatch, reload, ingress, readiness, tasks })
    }

    fn log_ready(&self, took: Duration) {
        let snapshot = self.published.load();
        tracing::info!(address = %self.listen, "listening for webhooks");
        tracing::info!(address = %self.admin, "listening for the admin API");
        tracing::info!(
            revision = %snapshot.revision,
            sources = snapshot.sources.len(),
            rules = snapshot.rules.rules().len(),
            targets = snapshot.targets.len(),
            took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            "ready"
        );
    }

    /// Where webhooks arrive: the address really bound.
    pub fn listen(&self) -> SocketAddr {
        self.listen
    }

    /// Where the API answers.
    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// Where events are.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// The running snapshot.
    pub fn published(&self) -> &Published {
        &self.published
    }

    /// Reads the configuration again, beside whatever else goes on. What comes of it is logged, also if that is nothing.
    pub fn reload_soon(&self) {
        let reload = self.reload.clone();
        drop(self.tasks.piece("reload", async move {
            if let Ok(Reloaded::Unchanged(revision)) = reload.now().await {
                tracing::info!(%revision, "the configuration was read again and is unchanged");
            }
        }));
    }

    /// Resolves if it cannot go on: the store is poisoned, or a task failed.
    pub async fn failed(&self) -> AppError {
        let poisoned = async {
            match self.store.poisoned().await {
                Ok(reason) => AppError::Store(StoreError::Poisoned(reason)),
                // It was closed, by us: `stop` tells how that went.
                Err(_) => std::future::pending().await,
            }
        };
        tokio::select! {
            error = poisoned => error,
            name = self.tasks.failed() => AppError::Task(name),
        }
    }

    /// Ends without the store, which is in doubt: nothing more is acknowledged, and those who wait are told so rather than
    /// cut off.
    pub async fn abandon(self) {
        self.readiness.drain();
        self.ingress.drain(Instant::now() + ABANDONING).await;
    }

    /// Unready, accept through `drain_delay`, close, finish or park, within `shutdown_timeout`.
    ///
    /// Listener and dispatch drain side by side, so that a client that dawdles takes no time from deliveries under way.
    /// What is not settled in time is pending in the store and goes out again after the next start.
    pub async fn stop(self) -> Result<(), AppError> {
        let settings = self.published.load().settings.clone();
        let end = Instant::now() + settings.shutdown_timeout;
        let drained = end - CLOSING.min(settings.shutdown_timeout / 4);
        self.readiness.drain();
        tracing::info!(within = ?settings.shutdown_timeout, "stopping");
        tokio::time::sleep_until((Instant::now() + settings.drain_delay).min(drained)).await;
        tokio::join!(self.ingress.drain(drained), self.dispatch.drain(drained));
        // The other half is the store's.
        let rest = end.saturating_duration_since(Instant::now()) / 2;
        if !self.tasks.stop(rest).await {
            tracing::warn!("some tasks had not ended in time and were cut off");
        }
        if let Ok(closed) = tokio::time::timeout_at(end, self.store.close()).await {
            closed?;
        } else {
            tracing::warn!(
                "the store was not closed in time; what was answered 204 is safe all the same"
            );
        }
        tracing::info!("stopped");
        Ok(())
    }
}

impl Opened {
    async fn new(options: &Options) -> Result<Self, AppError> {
        let mut snapshot = load(options.clone()).await?;
        log_problems(&snapshot.warnings);
        let metrics = Arc::new(Metrics::new());
        let store = match &options.store {
            Some(store) => Arc::clone(store),
            None => open_store(&snapshot, &options.clock, &metrics).await?,
        };
        let now = options.clock.now();
        let text = Arc::clone(&snapshot.text);
        snapshot.revision = store.add_revision(text, snapshot.revision.hash, now).await?;
        let listen = bind(snapshot.settings.listen, Purpose::Webhooks).await?;
        let admin = bind(snapshot.settings.admin, Purpose::Admin).await?;
        metrics.configured(
            &snapshot.sources.iter().map(|source| source.name.clone()).collect::<Vec<_>>(),
            &snapshot.rules.rules().iter().map(|rule| rule.name.clone()).collect::<Vec<_>>(),
            &snapshot.targets.keys().cloned().collect::<Vec<_>>(),
        );
        metrics.in_shadow(&snapshot.rules.shadows());
        metrics.reloaded(Some((snapshot.revision, now)));
        Ok(Self { snapshot, store, metrics, listen, admin })
    }
}

/// The configuration. Its tests may take a while, in which signals must be heard.
async fn load(options: Options) -> Result<Snapshot, AppError> {
    let loaded = tokio::task::spawn_blocking(move || {
        trial::load(&options.config, &*options.environment, &options.overrides)
    });
    // It ends early only by a panic.
    Ok(loaded.await.map_err(|_panicked| AppError::Task("loading the configuration"))??)
}

async fn bind(address: SocketAddr, purpose: Purpose) -> Result<TcpListener, AppError> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|source| AppError::Listen { address, purpose, source })
}

/// The address really bound, which differs from the configured one if that asks for any port.
fn bound(
    listener: &TcpListener,
    address: SocketAddr,
    purpose: Purpose,
) -> Result<SocketAddr, AppError> {
    listener.local_addr().map_err(|source| AppError::Listen { address, purpose, source })
}

fn bounds(snapshot: &Snapshot) -> Bounds {
    let settings = &snapshot.settings;
    Bounds { max_size: settings.max_size, retention: settings.retention }
}

/// A write beyond the file size limit of the process (`ulimit -f`) raises SIGXFSZ, whose default is death. With a handler,
/// the write fails instead, and the store treats it like a full disk.
fn outlive_file_size_limit() {
    let kind = SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw());
    if let Err(error) = signal(kind) {
        tracing::warn!(%error, "SIGXFSZ cannot be handled: a file size limit would end the process");
    }
}

/// The store in the data folder. Opening one that was killed may take a while, in which signals must be heard.
async fn open_store(
    snapshot: &Snapshot,
    clock: &Arc<dyn Clock>,
    metrics: &Arc<Metrics>,
) -> Result<Arc<dyn Store>, AppError> {
    let options = sqlite::Options {
        folder: snapshot.settings.data_dir.clone(),
        bounds: bounds(snapshot),
        clock: Arc::clone(clock),
        metrics: Arc::clone(metrics),
    };
    let opened = tokio::task::spawn_blocking(move || Sqlite::open(options)).await;
    // It ends early only by a panic.
    let store = opened.map_err(|_panicked| AppError::Task("opening the store"))??;
    Ok(Arc::new(store))
}
