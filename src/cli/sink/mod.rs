//! `sink`: a receiver that prints what it gets, for trying targets out. It plays the part of Slack, a CRM or whatever else
//! a target speaks to, and fails the way it is told to.

mod server;
mod show;

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpListener;

use super::exit::{Exit, Failure};
use super::output::{Form, Out, OutputArgs};
use super::run::{Stops, address};
use crate::tasks::Tasks;

pub(super) use server::{Received, Script, start};
pub(super) use show::{body, json, text};

/// Receive and print what targets are sent, for trying things out
///
/// Point a target's `url` at it, or run rules.example.yaml, whose targets point there already. Each path counts its
/// requests for itself, so `--status 500,429,200` fails the first two on every path.
#[derive(Debug, clap::Args)]
pub(super) struct Sink {
    /// The address to receive on; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8082", value_parser = address)]
    listen: SocketAddr,
    /// What to answer: a status, or several to answer in turn, of which the last goes on: `500,429,200`
    #[arg(long, value_name = "STATUS", value_delimiter = ',', default_value = "200",
          value_parser = clap::value_parser!(u16).range(200..=599))]
    status: Vec<u16>,
    /// Send `Retry-After` with every 429 and 503: seconds
    #[arg(long, value_name = "SECONDS")]
    retry_after: Option<u32>,
    /// Wait before each answer: `500ms`, `12s`
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = humantime::parse_duration)]
    delay: Duration,
    #[command(flatten)]
    output: OutputArgs,
}

impl Sink {
    pub(super) async fn execute(self) -> Result<Exit, Failure> {
        let mut stops = Stops::listen()?;
        let listener = TcpListener::bind(self.listen).await.map_err(|error| {
            Failure::because(
                Exit::Unreachable,
                &format!("cannot listen on {}", self.listen),
                &error,
            )
            .hint("choose another address with --listen (127.0.0.1:0 takes any free port)")
        })?;
        let bound = listener.local_addr()?;
        let tasks = Tasks::new();
        let script = Script {
            statuses: self.status,
            retry_after: self.retry_after,
            delay: self.delay,
            answer: None,
        };
        let mut received = start(listener, script, &tasks);
        let mut out = Out::stdout();
        match self.output.form {
            Form::Text => out.line(&format!("receiving on http://{bound}; Ctrl-C ends it"))?,
            Form::Json => out.json_line(&serde_json::json!({ "listening": bound }))?,
        }
        loop {
            tokio::select! {
                _ = stops.next() => return Ok(Exit::Ok),
                name = tasks.failed() => {
                    return Err(Failure::new(Exit::Internal, format!("{name} ended unexpectedly")));
                }
                Some(request) = received.recv() => match self.output.form {
                    Form::Text => out.line(&text(&request, out.coloured()))?,
                    Form::Json => out.json_line(&json(&request))?,
                },
            }
        }
    }
}
