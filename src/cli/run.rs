//! `run`: the program itself, its signals and its end.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::exit::{Exit, Failure, chain};
use super::files;
use super::output::stderr_style;
use crate::app::{App, AppError, Options, delivery_runtime};
use crate::clock::System;
use crate::config::{Advice, Overrides, ProcessEnvironment};

/// Receive events, route them and deliver them
///
/// Ends on SIGTERM or SIGINT once what is under way is done (a second one ends it at once); SIGHUP reads the
/// configuration again.
#[derive(Debug, clap::Args)]
pub(super) struct Run {
    /// The configuration. Without it: `HOOKSWITCH_CONFIG`, ./rules.yaml, /etc/hookswitch/rules.yaml
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where webhooks arrive, over `listen` of the configuration; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    listen: Option<SocketAddr>,
    /// Where the API answers, over `admin` of the configuration
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    admin_listen: Option<SocketAddr>,
    /// The data folder, over `data_dir` of the configuration. Without it: `HOOKSWITCH_DATA_DIR`
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
}

/// An address to listen on.
pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_invalid| "an address looks like 127.0.0.1:8080 or [::]:8080".to_owned())
}

impl Run {
    pub(super) fn execute(self) -> Result<Exit, Failure> {
        let options = Options {
            config: files::configuration(self.config.as_deref(), Exit::Config)?,
            overrides: Overrides {
                listen: self.listen,
                admin: self.admin_listen,
                data_dir: self
                    .data_dir
                    .or_else(|| files::variable("HOOKSWITCH_DATA_DIR").map(PathBuf::from)),
                advice: Advice::Warnings,
            },
            environment: Arc::new(ProcessEnvironment),
            clock: Arc::new(System),
            store: None,
            deliveries: None,
        };
        let no_runtime = |error| Failure::because(Exit::Internal, "no runtime", &error);
        let runtime =
            tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(no_runtime)?;
        let deliveries = delivery_runtime().map_err(no_runtime)?;
        let options = Options { deliveries: Some(deliveries.handle().clone()), ..options };
        let ended = runtime.block_on(serve(options));
        // A thread that waits for a slow disk or resolver must not hold up the end.
        deliveries.shutdown_background();
        runtime.shutdown_background();
        ended
    }
}

async fn serve(options: Options) -> Result<Exit, Failure> {
    let mut stops = Stops::listen()?;
    let mut hangup = hear(SignalKind::hangup())?;
    let app = tokio::select! {
        app = App::start(options) => app.map_err(refused)?,
        _ = stops.next() => return Ok(Exit::Ok),
    };
    let broken = loop {
        tokio::select! {
            error = app.failed() => break Some(error),
            _ = stops.next() => break None,
            _ = hangup.recv() => app.reload_soon(),
        }
    };
    if let Some(error) = &broken {
        tracing::error!(error = chain(error), "cannot go on");
    }
    if let Some(error @ AppError::Store(_)) = broken {
        app.abandon().await;
        return Err(refused(error));
    }
    let stopped = tokio::select! {
        stopped = app.stop() => stopped,
        second = stops.next() => {
            tracing::warn!("told to stop twice: ending at once");
            return Ok(second.exit());
        }
    };
    match broken.map_or(stopped, Err) {
        Ok(()) => Ok(Exit::Ok),
        Err(error) => Err(refused(error)),
    }
}

/// From here on a signal waits to be heard instead of ending the process.
fn hear(kind: SignalKind) -> Result<Signal, Failure> {
    signal(kind)
        .map_err(|error| Failure::because(Exit::Internal, "signals cannot be received", &error))
}

/// The signals that say stop.
pub(super) struct Stops {
    interrupt: Signal,
    terminate: Signal,
}

/// Which of them it was.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stop {
    Interrupt,
    Terminate,
}

impl Stop {
    /// How a process ends that it ends at once.
    pub(super) fn exit(self) -> Exit {
        match self {
            Self::Interrupt => Exit::Interrupted,
            Self::Terminate => Exit::Terminated,
        }
    }
}

impl Stops {
    /// From here on they are heard.
    pub(super) fn listen() -> Result<Self, Failure> {
        Ok(Self {
            interrupt: hear(SignalKind::interrupt())?,
            terminate: hear(SignalKind::terminate())?,
        })
    }

    /// The next one.
    pub(super) async fn next(&mut self) -> Stop {
        tokio::select! {
            _ = self.interrupt.recv() => Stop::Interrupt,
            _ = self.terminate.recv() => Stop::Terminate,
        }
    }
}

/// What to tell about a start or an end that failed, and the exit code it has.
pub(super) fn refused(error: AppError) -> Failure {
    match error {
        AppError::Config(problems) => {
            Failure::new(Exit::Config, format!("{} is refused, nothing was started", problems.file))
                .after(&problems.show(stderr_style()))
                .hint("mend the file; `hookswitch check` shows the same without starting anything")
        }
        AppError::DataFolder(error) => {
            let exit = if error.exit_code() == 74 { Exit::Io } else { Exit::CannotCreate };
            Failure::new(exit, error.to_string())
        }
        AppError::Listen { address, purpose, ref source } => {
            let hint = match source.kind() {
                std::io::ErrorKind::AddrInUse => {
                    "another program listens there; stop it, or choose another address"
                }
                std::io::ErrorKind::PermissionDenied => {
                    "ports below 1024 need a privilege; choose a higher one"
                }
                std::io::ErrorKind::AddrNotAvailable => {
                    "this machine has no such address; choose one that it has"
                }
                _ => "choose another address",
            };
            let (option, key) = (purpose.option(), purpose.key());
            let at = format!("{}:{}", address.ip(), 0);
            Failure::new(Exit::Unreachable, chain(&error)).hint(format!(
                "{hint} with {option} or `{key}:` ({option} {at} takes any free port)"
            ))
        }
        AppError::Store(_) => Failure::new(Exit::Io, chain(&error))
            .hint("what was answered 204 is on disk; look at the disk, then start again"),
        AppError::Task(_) => Failure::new(Exit::Internal, chain(&error))
            .hint("the log says more; please report it, what was answered 204 is on disk"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Purpose;
    use crate::config::Problems;
    use crate::store::StoreError;

    #[test]
    fn each_reason_has_its_exit_code() {
        let address = "127.0.0.1:80".parse().unwrap();
        let listen = |kind: std::io::ErrorKind| AppError::Listen {
            address,
            purpose: Purpose::Webhooks,
            source: kind.into(),
        };
        let poisoned = StoreError::Poisoned("the disk failed".to_owned());
        for (error, exit, words) in [
            (Problems::default().into(), Exit::Config, "nothing was started"),
            (AppError::Store(poisoned), Exit::Io, "the disk failed"),
            (AppError::Task("a worker"), Exit::Internal, "a worker"),
            (listen(std::io::ErrorKind::AddrInUse), Exit::Unreachable, "--listen 127.0.0.1:0"),
            (listen(std::io::ErrorKind::PermissionDenied), Exit::Unreachable, "below 1024"),
        ] {
            let failure = refused(error);
            assert_eq!(failure.exit(), exit, "{failure}");
            assert!(failure.to_string().contains(words), "{failure}");
        }
    }
}
