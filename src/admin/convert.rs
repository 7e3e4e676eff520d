//! From the program's types to the forms on the wire.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::config::{Problem, Problems};
use crate::dispatch::TargetStatus;
use crate::event::Envelope;
use crate::name::{Revision, TargetName};
use crate::signature::retell;
use crate::store::{
    Attempt, AttemptResult, DeadLetter, DeliveryRecord, DeliveryState, EventRecord, EventState,
};
use crate::telemetry::Minute;

use super::wire;

pub(super) fn revision(revision: Revision) -> wire::Revision {
    wire::Revision { number: revision.number, hash: revision.hash.to_string() }
}

pub(super) fn problems(problems: &Problems) -> Vec<wire::Problem> {
    let places = problems.places();
    problems.list.iter().map(|found| problem(found, places.of(found))).collect()
}

/// A problem, and its line and column.
pub(super) fn problem(problem: &Problem, place: Option<(usize, usize)>) -> wire::Problem {
    wire::Problem {
        code: problem.code.to_string(),
        level: problem.level.as_str().to_owned(),
        path: problem.path.clone(),
        line: place.map(|(line, _)| line),
        column: place.map(|(_, column)| column),
        text: problem.text.clone(),
        hint: problem.hint.clone(),
    }
}

/// So many milliseconds, to the microsecond.
pub(super) fn millis(took: Duration) -> f64 {
    f64::from(u32::try_from(took.as_micros()).unwrap_or(u32::MAX)) / 1e3
}

/// What the last minutes of a target came to.
pub(super) fn series(name: &TargetName, minutes: &[Minute]) -> wire::TargetSeries {
    let counts = |count: fn(&Minute) -> u32| minutes.iter().map(move |minute| count(minute).into());
    let times = |time: fn(&Minute) -> Option<u32>| {
        minutes.iter().map(move |minute| time(minute).map(|micros| f64::from(micros) / 1e3))
    };
    wire::TargetSeries {
        name: name.to_string(),
        accepted: counts(|minute| minute.accepted).collect(),
        failed: counts(|minute| minute.failed).collect(),
        p50_ms: times(|minute| minute.p50).collect(),
        p95_ms: times(|minute| minute.p95).collect(),
        pending: counts(|minute| minute.pending).collect(),
    }
}

/// An event without what is kept of its request.
pub(super) fn event(record: &EventRecord, deliveries: Vec<wire::Delivery>) -> wire::Event {
    let envelope = &record.envelope;
    let (reason, revises) = match &record.state {
        EventState::Quarantined { reason } => (Some(reason.clone()), None),
        EventState::Revised { of } => (None, Some(of.to_string())),
        EventState::Routed | EventState::Unrouted | EventState::Ignored => (None, None),
    };
    wire::Event {
        id: envelope.id.to_string(),
        received_at: envelope.received_at.rfc3339(),
        source: envelope.source.to_string(),
        signed: envelope.signed,
        event: envelope.name.clone(),
        agent: envelope.agent_id.clone(),
        call: envelope.subject.clone(),
        state: record.state.as_str().to_owned(),
        reason,
        revises,
        edited_from: record.edited_from.map(|id| id.to_string()),
        rules: record.rules.iter().map(ToString::to_string).collect(),
        shadow: record.shadow.iter().map(ToString::to_string).collect(),
        revision: record.revision,
        duplicates: record.duplicates,
        answered_ms: None,
        body_bytes: record.body_len,
        request: None,
        deliveries,
    }
}

/// What is kept of an event's request. The signature stays here: with the body, it is a request that can be sent again.
pub(super) fn request(record: &EventRecord) -> wire::Request {
    let kept = &record.envelope.request;
    wire::Request {
        content_type: kept.content_type.clone(),
        user_agent: kept.user_agent.clone(),
        query: kept.query.clone(),
        peer: kept.peer.clone(),
        signature: signature(&record.envelope),
    }
}

/// A source that checks signatures lets no event in without a right one, so there are two verdicts.
fn signature(envelope: &Envelope) -> wire::Signature {
    let source = &envelope.source;
    let sent = envelope.request.signature.as_deref();
    let signed_at = sent.and_then(|header| retell::signed_at(header.as_bytes()));
    let (verdict, reason) = match (envelope.signed, sent) {
        (true, _) => {
            ("valid", format!("a key of the source {source} made it over exactly this body"))
        }
        (false, Some(_)) => (
            "not_checked",
            format!(
                "there was one, and the source {source} said `verify: none`: anybody could have sent this"
            ),
        ),
        (false, None) => (
            "not_checked",
            format!(
                "there was none, and the source {source} said `verify: none`: anybody could have sent this"
            ),
        ),
    };
    wire::Signature {
        verdict: verdict.to_owned(),
        reason,
        signed_at: signed_at.map(Timestamp::rfc3339),
    }
}

pub(super) fn delivery(record: &DeliveryRecord, history: &[Attempt]) -> wire::Delivery {
    let (state, due, ended_at, reason) = match record.state {
        DeliveryState::Pending { due } => ("pending", Some(due), None, None),
        DeliveryState::Delivered { at } => ("delivered", None, Some(at), None),
        DeliveryState::Dead { reason, at } => ("dead", None, Some(at), Some(reason)),
    };
    wire::Delivery {
        id: record.id.0,
        target: record.target.to_string(),
        state: state.to_owned(),
        due: due.map(Timestamp::rfc3339),
        ended_at: ended_at.map(Timestamp::rfc3339),
        reason: reason.map(|reason| reason.as_str().to_owned()),
        attempts: record.attempts,
        created_at: record.created_at.rfc3339(),
        age_from: record.age_from.rfc3339(),
        order_key: record.order_key.as_deref().map(str::to_owned),
        replay: record.replay,
        history: history.iter().map(attempt).collect(),
    }
}

fn attempt(attempt: &Attempt) -> wire::Attempt {
    wire::Attempt {
        number: attempt.number,
        started_at: attempt.started_at.rfc3339(),
        took_ms: u64::try_from(attempt.took.as_millis()).unwrap_or(u64::MAX),
        result: match attempt.result {
            AttemptResult::Accepted => "accepted".to_owned(),
            AttemptResult::Retry => "retry".to_owned(),
            AttemptResult::Rejected => "rejected".to_owned(),
        },
        status: attempt.status,
        detail: attempt.detail.clone(),
        answer: attempt.answer.clone(),
    }
}

pub(super) fn dead_letter(letter: &DeadLetter) -> wire::DeadLetter {
    wire::DeadLetter {
        delivery: delivery(&letter.delivery, &[]),
        event_id: letter.event.to_string(),
        event: letter.event_name.clone(),
        call: letter.subject.clone(),
        detail: letter.detail.clone(),
    }
}

pub(super) fn target(status: &TargetStatus) -> wire::Target {
    wire::Target {
        name: status.name.to_string(),
        configured: status.configured,
        kind: status.kind.map(str::to_owned),
        address: status.address.clone(),
        pending: status.pending,
        oldest_pending: status.oldest_pending.map(Timestamp::rfc3339),
        dead_letters: status.dead_letters,
        in_flight: status.in_flight,
        circuit: status.circuit.to_owned(),
        paused: status.paused,
        last_failure: status
            .last_failure
            .as_ref()
            .map(|(detail, at)| wire::Failure { detail: detail.clone(), at: at.rfc3339() }),
    }
}

#[cfg(test)]
mod tests {
    use crate::event::{EventId, RequestParts};
    use crate::name::SourceName;

    use super::*;

    fn told(signed: bool, header: Option<&str>) -> wire::Signature {
        let at = Timestamp::from_millis(1_767_225_600_000);
        signature(&Envelope {
            id: EventId::new(at, [1; 10]),
            source: SourceName::new("retell").unwrap(),
            received_at: at,
            signed,
            name: None,
            agent_id: None,
            subject: None,
            request: RequestParts { signature: header.map(str::to_owned), ..Default::default() },
        })
    }

    #[test]
    fn a_signature_has_a_verdict_and_its_reason() {
        let header = format!("v=1767225600123,d={}", "0".repeat(64));
        let valid = told(true, Some(&header));
        assert_eq!(valid.verdict, "valid");
        assert!(valid.reason.contains("a key of the source retell"), "{valid:?}");
        assert_eq!(valid.signed_at.as_deref(), Some("2026-01-01T00:00:00.123Z"));
        let ignored = told(false, Some(&header));
        assert_eq!((&*ignored.verdict, ignored.signed_at), ("not_checked", valid.signed_at));
        assert!(ignored.reason.starts_with("there was one"), "{}", ignored.reason);
        for (header, begin) in [(Some("nonsense"), "there was one"), (None, "there was none")] {
            let told = told(false, header);
            assert_eq!((&*told.verdict, told.signed_at), ("not_checked", None));
            assert!(told.reason.starts_with(begin), "{}", told.reason);
        }
    }
}
