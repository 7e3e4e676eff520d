//! Targets: what goes out to whom, and what the answers mean. A kind is one file or folder; I/O is in `client` and `log`.
//!
//! An attempt is one line, top to bottom: render the request, send it, judge the answer. Rendering is pure. An attempt
//! promises to end within the target's timeout, to put at most one request on the wire, not to panic on anything a target
//! does, and to say what happened without a secret. It does not retry, pace or store: `dispatch` does.

mod answer;
pub mod client;
mod http;
mod log;
mod request;
mod scope;
mod sign;
mod slack;

#[cfg(test)]
mod tests;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::clock::Timestamp;
use crate::delivery::{Outcome, Overrides, Rate, RetryPolicy};
use crate::event::Event;
use crate::name::{RuleName, TargetName};
use crate::path::Path;
use crate::telemetry::AttemptLabel;

use scope::Scope;

pub use client::{CaError, Client, is_never_dialled};
pub use http::{Body, HeaderTemplate, HttpTarget, Method};
pub use request::{RenderFailure, Request};
pub use sign::Sign;
pub use slack::{Blocks, SlackTarget};

/// A named destination, complete and checked.
#[derive(Debug)]
pub struct Target {
    /// Its name.
    pub name: TargetName,
    /// What it is.
    pub kind: Kind,
    /// The total deadline of an attempt.
    pub timeout: Duration,
    /// Most attempts at once.
    pub concurrency: NonZeroU32,
    /// Most attempts per time.
    pub rate: Option<Rate>,
    /// How failures are retried.
    pub retry: RetryPolicy,
    /// Statuses that are treated otherwise.
    pub overrides: Overrides,
    /// What deliveries wait for one another by.
    pub order_by: Option<Path>,
    /// Hash of the definition as the configuration gives it, values put in: a change closes the circuit.
    pub fingerprint: u64,
}

/// What a target is.
#[derive(Debug)]
pub enum Kind {
    /// Any HTTP endpoint.
    Http(Box<HttpTarget>),
    /// A Slack incoming webhook.
    Slack(Box<SlackTarget>),
    /// One JSON line per delivery on standard output.
    Log,
}

/// What an attempt must know beside its event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttemptInfo {
    /// Counts from 1.
    pub number: u32,
    /// Whether a person asked for the delivery.
    pub replay: bool,
    /// The time, for signatures.
    pub now: Timestamp,
}

/// What an attempt came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What follows from it.
    pub outcome: Outcome,
    /// For the metrics.
    pub label: AttemptLabel,
    /// The status of the answer, if there was one.
    pub status: Option<u16>,
    /// What happened, for a person: no secret, no payload text of ours.
    pub detail: String,
    /// The beginning of the answer's body, at most 4 KiB.
    pub answer: Option<String>,
}

impl Target {
    /// The request that would go out. Pure.
    pub fn render(
        &self,
        event: &Event,
        rules: &[RuleName],
        info: AttemptInfo,
    ) -> Result<Request, RenderFailure> {
        let scope = Scope::new(event, rules, info);
        match &self.kind {
            Kind::Http(http) => http.render(&scope),
            Kind::Slack(slack) => slack.render(&scope),
            Kind::Log => Ok(log::render(&self.name, &scope)),
        }
    }

    /// `http`, `slack` or `log`.
    pub fn kind_name(&self) -> &'static str {
        match self.kind {
            Kind::Http(_) => "http",
            Kind::Slack(_) => "slack",
            Kind::Log => "log",
        }
    }

    /// Where it sends, for people: `https://crm.example.com`, never more of an address than its origin.
    pub fn shown_address(&self) -> String {
        match &self.kind {
            Kind::Http(http) => http.url.origin().to_owned(),
            Kind::Slack(slack) => slack.url.origin().to_owned(),
            Kind::Log => log::ADDRESS.to_owned(),
        }
    }
}

/// Makes one attempt: renders, sends, judges. Never panics on what a target does; ends within the target's timeout.
pub async fn attempt(
    target: &Arc<Target>,
    event: &Event,
    rules: &[RuleName],
    info: AttemptInfo,
) -> Report {
    let begun = Instant::now();
    let request = match target.render(event, rules, info) {
        Ok(request) => request,
        Err(failure) => return Report::unrendered(failure),
    };
    let client = match &target.kind {
        Kind::Http(http) => &http.client,
        Kind::Slack(slack) => &slack.client,
        Kind::Log => return log::write(request.body, target.timeout).await,
    };
    match client.send(&request, target.timeout).await {
        Ok(answer) => {
            let now = info.now.plus(begun.elapsed());
            let is_slack = matches!(target.kind, Kind::Slack(_));
            let verdict = if is_slack { slack::judge } else { answer::judge };
            answer::report(&request, &answer, verdict(&answer, &target.overrides, now))
        }
        Err(fault) => Report::unanswered(fault.label, fault.detail),
    }
}

impl Report {
    /// There was no request to send.
    fn unrendered(failure: RenderFailure) -> Self {
        Self {
            outcome: Outcome::Reject(failure.reason),
            label: AttemptLabel::Unrendered,
            status: None,
            detail: failure.message,
            answer: None,
        }
    }

    /// There was no answer; it may work later.
    fn unanswered(label: AttemptLabel, detail: String) -> Self {
        let outcome = Outcome::Retry { not_before: None, busy: false };
        Self { outcome, label, status: None, detail, answer: None }
    }
}
