//! A stored event explained by the revision that routed it, or by the one that runs.
//!
//! What is told is made anew from what was kept: the exact body, three headers, the text of the revision. Values from outside
//! are not kept, so the answer says where they, or anything else, may make it differ from what happened then.

use serde::Serialize;

use crate::clock::Timestamp;
use crate::config::Snapshot;
use crate::event::EventId;
use crate::name::RuleName;
use crate::rule::{Mode, RuleOutcome};
use crate::store::{Body, EventState};

use super::text::line;
use super::{ExplainedRule, Explanation, explain_stored};

/// Most names of what comes from outside that are listed.
const NAMES_MAX: usize = 20;

/// Why a stored event went where it went, or would go now.
#[derive(Debug, Serialize)]
pub struct StoredExplanation {
    /// The event.
    pub event: EventId,
    /// The number of the revision that this is about.
    pub revision: u64,
    /// The hash of its text.
    pub hash: String,
    /// The number of the revision that routed the event when it arrived.
    pub routed_by: u64,
    /// What to know before one relies on it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What this revision says about it.
    #[serde(flatten)]
    pub explanation: Explanation,
}

/// Explains what the store kept of an event by `snapshot`, which is the revision that routed it or another one.
pub fn explain_kept(snapshot: &Snapshot, stored: &Body, now: Timestamp) -> StoredExplanation {
    let explanation = explain_stored(snapshot, &stored.envelope, &stored.body, now);
    let revision = snapshot.revision;
    let notes = [
        outside(snapshot),
        state(&stored.state),
        edited(stored),
        (revision.number == stored.revision).then(|| otherwise(stored, &explanation)).flatten(),
    ];
    StoredExplanation {
        event: stored.envelope.id,
        revision: revision.number,
        hash: revision.hash.to_string(),
        routed_by: stored.revision,
        notes: notes.into_iter().flatten().collect(),
        explanation,
    }
}

/// The text that is kept has names where values were put in.
fn outside(snapshot: &Snapshot) -> Option<String> {
    let names = &snapshot.outside;
    if names.is_empty() {
        return None;
    }
    let shown: Vec<&str> = names.iter().take(NAMES_MAX).map(String::as_str).collect();
    let more = names.len() - shown.len();
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    Some(format!(
        "this revision takes values from outside ({}{more}); they are not stored, and may have changed since the event arrived",
        shown.join(", ")
    ))
}

fn state(state: &EventState) -> Option<String> {
    match state {
        EventState::Revised { of } => Some(format!(
            "it repeated {of} with another body when it arrived, so it was stored and sent to nobody"
        )),
        _ => None,
    }
}

/// Of the targets that rules name a person may have chosen some.
fn edited(stored: &Body) -> Option<String> {
    let from = stored.edited_from?;
    Some(format!(
        "a person made it of {from} and sent it; if they chose targets, the others that rules name did not get it: its deliveries tell"
    ))
}

/// Says so if the same revision came to something else on arrival.
fn otherwise(stored: &Body, explanation: &Explanation) -> Option<String> {
    if let EventState::Quarantined { reason } = &stored.state {
        return (explanation.disposition != "quarantined").then(|| {
            format!(
                "on arrival it was quarantined ({reason}): another version of hookswitch read it"
            )
        });
    }
    let matched = |mode: Mode| {
        let of_mode =
            move |rule: &&ExplainedRule| rule.outcome == RuleOutcome::Matched && rule.mode == mode;
        explanation.rules.iter().filter(of_mode).map(|rule| &rule.rule)
    };
    let named = |names: &[RuleName]| {
        let names: Vec<&str> = names.iter().map(RuleName::as_str).collect();
        if names.is_empty() { "no rule".to_owned() } else { names.join(", ") }
    };
    let rules = if !matched(Mode::Live).eq(&stored.rules) {
        format!("{} matched", named(&stored.rules))
    } else if !matched(Mode::Shadow).eq(&stored.shadow) {
        format!("{} matched in shadow", named(&stored.shadow))
    } else {
        return None;
    };
    Some(format!(
        "on arrival {rules}: a value from outside was another one then, or a condition reads a header that is not kept"
    ))
}

impl StoredExplanation {
    /// For people. It ends with a line break.
    pub fn text(&self) -> String {
        let Self { revision, routed_by, .. } = self;
        let mut out = String::new();
        let short: String = self.hash.chars().take(12).collect();
        let what = if revision == routed_by {
            format!("By revision {revision} ({short}), which routed it when it arrived")
        } else {
            format!(
                "By revision {revision} ({short}); revision {routed_by} routed it when it arrived"
            )
        };
        line(&mut out, 0, &what);
        self.notes.iter().for_each(|note| line(&mut out, 0, &format!("Note: {note}")));
        line(&mut out, 0, "");
        out.push_str(&self.explanation.text());
        out
    }
}
