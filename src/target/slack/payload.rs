//! What a default message says of an event: looked up in the document, where anything may be missing or of another type.

use serde_json::Value;

use crate::event::{Envelope, KNOWN, LIFE_CYCLE};
use crate::template::duration_text;

/// What is known of an event.
pub(super) struct Facts<'d> {
    /// The event's name.
    pub(super) name: Option<&'d str>,
    envelope: &'d Envelope,
    root: &'d Value,
    /// The first of `call`, `chat`, `call_inbound`, `chat_inbound` that is an object.
    subject: &'d Value,
}

impl<'d> Facts<'d> {
    pub(super) fn of(envelope: &'d Envelope, root: &'d Value) -> Self {
        let subjects = ["call", "chat", "call_inbound", "chat_inbound"];
        let subject =
            subjects.iter().filter_map(|key| root.get(key)).find(|value| value.is_object());
        let name = envelope.name.as_deref().or_else(|| text(root, "event"));
        Self { name, envelope, root, subject: subject.unwrap_or(&Value::Null) }
    }

    /// A sign and a title.
    pub(super) fn title(&self) -> (&'static str, String) {
        let not_connected = text(self.subject, "call_status") == Some("not_connected");
        let (sign, title) = match self.name {
            Some("call_started") => ("📞", "Call started"),
            Some("call_ended") if not_connected => ("📵", "Call not connected"),
            Some("call_ended") => ("📞", "Call ended"),
            Some("call_analyzed") => ("📊", "Call analyzed"),
            Some("transcript_updated") => ("📝", "Transcript updated"),
            Some("transfer_started") => ("🔀", "Transfer started"),
            Some("transfer_bridged") => ("🔀", "Transfer connected"),
            Some("transfer_cancelled") => ("🔀", "Transfer cancelled"),
            Some("transfer_ended") => ("🔀", "Transfer ended"),
            Some("chat_started") => ("💬", "Chat started"),
            Some("chat_ended") => ("💬", "Chat ended"),
            Some("chat_analyzed") => ("📊", "Chat analyzed"),
            Some("call_inbound") => ("📲", "Incoming call"),
            Some("chat_inbound") => ("📲", "Incoming message"),
            Some(other) => return ("🔔", humanized(other)),
            None if self.root.get("args").is_some() => ("🧩", "Function call"),
            None => ("🔔", "Event without a name"),
        };
        (sign, title.to_owned())
    }

    /// The agent's name, else its id.
    pub(super) fn agent(&self) -> Option<&'d str> {
        text(self.subject, "agent_name")
            .or_else(|| text(self.subject, "agent_id"))
            .or(self.envelope.agent_id.as_deref())
    }

    /// Who speaks with whom: a label and the numbers.
    pub(super) fn parties(&self) -> Option<(&'static str, String)> {
        let from = text(self.subject, "from_number");
        let to = text(self.subject, "to_number");
        let label = match text(self.subject, "direction") {
            Some("inbound") => "Inbound",
            Some("outbound") => "Outbound",
            _ => "Numbers",
        };
        match (from, to) {
            (Some(from), Some(to)) => Some((label, format!("{from} → {to}"))),
            (Some(from), None) => Some((label, format!("from {from}"))),
            (None, Some(to)) => Some((label, format!("to {to}"))),
            (None, None) => {
                let kind =
                    text(self.subject, "call_type").or_else(|| text(self.subject, "chat_type"));
                kind.filter(|kind| *kind != "phone_call").map(|kind| ("Type", humanized(kind)))
            }
        }
    }

    /// How long it took, once it is over.
    pub(super) fn length(&self) -> Option<String> {
        let number = |key| self.subject.get(key).and_then(Value::as_i64);
        let span = || number("end_timestamp")?.checked_sub(number("start_timestamp")?);
        let millis = number("duration_ms").or_else(span).filter(|millis| *millis > 0)?;
        // Nobody reads milliseconds of a call.
        Some(duration_text(if millis < 1000 { millis } else { millis / 1000 * 1000 }))
    }

    /// What the analysis makes of the caller's mood.
    pub(super) fn sentiment(&self) -> Option<String> {
        let sentiment = text(self.analysis()?, "user_sentiment").filter(|it| *it != "Unknown")?;
        let sign = match sentiment {
            "Positive" => "🙂 ",
            "Neutral" => "😐 ",
            "Negative" => "🙁 ",
            _ => "",
        };
        Some(format!("{sign}{sentiment}"))
    }

    /// Whether it reached its aim.
    pub(super) fn outcome(&self) -> Option<String> {
        let flag = |keys: [&str; 2]| {
            let analysis = self.analysis()?;
            keys.iter().find_map(|key| analysis.get(key)).and_then(Value::as_bool)
        };
        let success = match flag(["call_successful", "chat_successful"]) {
            Some(true) => Some("✅ Successful"),
            Some(false) => Some("❌ Not successful"),
            None => None,
        };
        let voicemail = flag(["in_voicemail", "in_voicemail"]) == Some(true);
        let parts: Vec<_> =
            success.into_iter().chain(voicemail.then_some("📭 Voicemail")).collect();
        (!parts.is_empty()).then(|| parts.join(" · "))
    }

    /// Why it ended.
    pub(super) fn ending(&self) -> Option<String> {
        text(self.subject, "disconnection_reason").map(humanized)
    }

    /// Where it was transferred to, and how.
    pub(super) fn transfer(&self) -> Option<String> {
        let place = |value: &'d Value| match value.get("transfer_destination")? {
            Value::String(destination) => Some(destination.clone()),
            object => {
                let number = text(object, "number").or_else(|| text(object, "sip_uri"))?;
                let extension = text(object, "extension").map(|it| format!(" ext. {it}"));
                Some(format!("{number}{}", extension.unwrap_or_default()))
            }
        };
        let to = place(self.root).or_else(|| place(self.subject));
        let how = self.root.get("transfer_option").and_then(|option| text(option, "type"));
        match (to, how.map(humanized)) {
            (Some(to), Some(how)) => Some(format!("{to} ({how})")),
            (to, how) => to.or(how),
        }
    }

    /// The summary of the analysis.
    pub(super) fn summary(&self) -> Option<&'d str> {
        let analysis = self.analysis()?;
        text(analysis, "call_summary").or_else(|| text(analysis, "chat_summary"))
    }

    /// What was said last, for events that come in the middle of a call.
    pub(super) fn last_words(&self) -> Option<String> {
        if self.name.is_some_and(|name| LIFE_CYCLE.contains(&name)) {
            return None;
        }
        let lists = ["transcript_with_tool_calls", "transcript_object"];
        let mut places =
            [self.root, self.subject].into_iter().flat_map(|place| lists.map(|key| place.get(key)));
        let said = places.find_map(|list| {
            let said = |item: &'d Value| Some((text(item, "role")?, text(item, "content")?));
            let spoken =
                |(role, _): &(&str, &str)| matches!(*role, "agent" | "user" | "transfer_target");
            list?.as_array()?.iter().rev().filter_map(said).find(spoken)
        });
        said.map(|(role, content)| format!("{}: {content}", humanized(role)))
    }

    /// The analysis of one's own, as label and value, at most `max`, and how many more there are; for unknown events, what
    /// stands beside the call.
    pub(super) fn custom(&self, max: usize) -> (Vec<(String, String)>, usize) {
        let own = self.analysis().and_then(|analysis| analysis.get("custom_analysis_data"));
        let own = own.and_then(Value::as_object);
        let is_known = self.name.is_some_and(|name| KNOWN.contains(&name));
        let members = own.or_else(|| self.root.as_object().filter(|_| !is_known));
        let members = members.into_iter().flatten().filter(|(key, value)| {
            has_words(value) && (own.is_some() || (*key != "event" && is_scalar(value)))
        });
        let count = members.clone().count();
        let shown = members.take(max).map(|(key, value)| (humanized(key), shown(value)));
        (shown.collect(), count.saturating_sub(max))
    }

    /// Addresses worth a click, with their labels.
    pub(super) fn links(&self) -> Vec<(&'d str, &'static str)> {
        let first = |keys: [&str; 2]| keys.iter().find_map(|key| text(self.subject, key));
        let recording = first(["recording_url", "scrubbed_recording_url"]);
        let log = first(["public_log_url", "public_log_url"]);
        let links = [(recording, "🎧 Recording"), (log, "Call log")];
        links.into_iter().filter_map(|(url, label)| Some((url?, label))).collect()
    }

    /// The id of the call or chat.
    pub(super) fn id(&self) -> Option<&'d str> {
        text(self.subject, "call_id").or_else(|| text(self.subject, "chat_id"))
    }

    /// When it began, else when we heard of it, in milliseconds since 1970.
    pub(super) fn when(&self) -> i64 {
        let start = self.subject.get("start_timestamp").and_then(Value::as_i64);
        start.unwrap_or_else(|| self.envelope.received_at.millis())
    }

    fn analysis(&self) -> Option<&'d Value> {
        let place = |key| self.subject.get(key).filter(|value: &&Value| value.is_object());
        place("call_analysis").or_else(|| place("chat_analysis"))
    }
}

fn text<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value.get(key)?.as_str().filter(|text| !text.trim().is_empty())
}

fn is_scalar(value: &Value) -> bool {
    !value.is_array() && !value.is_object()
}

/// Whether there is anything to show of a value.
fn has_words(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.trim().is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
        Value::Bool(_) | Value::Number(_) => true,
    }
}

/// A value in the words of people.
fn shown(value: &Value) -> String {
    match value {
        Value::Bool(true) => "Yes".to_owned(),
        Value::Bool(false) => "No".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.iter().all(is_scalar) => items
            .iter()
            .take(20)
            .filter(|item| has_words(item))
            .map(shown)
            .collect::<Vec<_>>()
            .join(", "),
        other => other.to_string(),
    }
}

/// `dial_no_answer` as `Dial no answer`.
fn humanized(name: &str) -> String {
    let words = name.replace('_', " ");
    let mut letters = words.trim().chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
