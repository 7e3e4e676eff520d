//! A courier that sends nothing and says what its script says.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use hookswitch::delivery::Outcome;
use hookswitch::dispatch::Courier;
use hookswitch::event::{Event, EventId};
use hookswitch::name::RuleName;
use hookswitch::target::{AttemptInfo, Report, Target};
use hookswitch::telemetry::AttemptLabel;

/// Accepts everything and remembers it.
#[derive(Debug, Default)]
pub(crate) struct Script {
    made: Mutex<Vec<(String, EventId, Vec<u8>)>>,
}

impl Script {
    /// Target, event and body of each attempt so far.
    pub(crate) fn made(&self) -> Vec<(String, EventId, Vec<u8>)> {
        self.made.lock().unwrap().clone()
    }
}

impl Courier for Script {
    fn attempt(
        &self,
        target: Arc<Target>,
        event: Arc<Event>,
        _rules: Arc<[RuleName]>,
        _info: AttemptInfo,
    ) -> Pin<Box<dyn Future<Output = Report> + Send>> {
        let made = (target.name.to_string(), event.envelope().id, event.body().to_vec());
        self.made.lock().unwrap().push(made);
        Box::pin(std::future::ready(Report {
            outcome: Outcome::Accepted,
            label: AttemptLabel::Accepted,
            status: Some(200),
            detail: String::new(),
            answer: None,
        }))
    }
}
