//! Sample traffic: a few minutes of an agency's calls and chats, again and again. Everything in it is made up; telephone
//! numbers are of the block that is kept for fiction.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use super::scene::REFUSED_TENANT;
use crate::clock::Timestamp;

/// How long one round takes.
pub(super) const ROUND: Duration = Duration::from_mins(4);

/// One event to send.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    /// When, from the beginning of its round.
    pub(super) at: Duration,
    /// The exact bytes.
    pub(super) body: Bytes,
}

/// One round's events in the order in which they are sent. `number` keeps the ids of rounds apart, `start` is when it begins.
pub(super) fn round(number: u32, start: Timestamp) -> Vec<Sample> {
    let mut samples: Vec<_> = CALLS
        .iter()
        .flat_map(|call| call.events(number, start))
        .chain(CHATS.iter().flat_map(|chat| chat.events(number)))
        .map(|(at, event)| Sample {
            at: Duration::from_secs(at),
            body: Bytes::from(event.to_string()),
        })
        .collect();
    samples.sort_by_key(|sample| sample.at);
    samples
}

/// A call from its first event to its last.
struct Call {
    /// Seconds from the beginning of the round to its start.
    at: u64,
    /// How long it lasts, in seconds.
    seconds: u64,
    agent: (&'static str, &'static str),
    tenant: &'static str,
    inbound: bool,
    /// The last digits of the caller's or callee's number.
    number: u32,
    sentiment: &'static str,
    summary: &'static str,
    turns: &'static [(&'static str, &'static str)],
    twist: Twist,
}

/// What is special about a call.
#[derive(PartialEq, Eq)]
enum Twist {
    Plain,
    /// Turns are told while it lasts.
    Live,
    /// Somebody tries the agent out.
    Test,
    /// The machine answers.
    Voicemail,
    /// Its end is told twice.
    Twice,
    /// Its analysis is made again and comes out differently.
    Revised,
    /// It is handed to a person.
    Transferred,
}

const DESK: (&str, &str) = ("agent_front_desk", "Bayside Front Desk");
const SALES: (&str, &str) = ("agent_sales", "Harbor Sales");
const REMINDER: (&str, &str) = ("agent_reminder", "Appointment Reminder");
const CLINIC: (&str, &str) = ("agent_clinica", "Recepción Clínica Bahía");

const CALLS: [Call; 11] = [
    Call {
        at: 2,
        seconds: 48,
        agent: DESK,
        tenant: "bayside-dental",
        inbound: true,
        number: 142,
        sentiment: "Positive",
        summary: "Booked a cleaning for Tuesday at nine.",
        turns: &[
            (
                "agent",
                "Bayside Family Dental, this is Nora, the virtual assistant. How can I help?",
            ),
            ("user", "I would like to book a cleaning, next week if you can."),
            ("agent", "Tuesday at nine is free. Shall I take it?"),
            ("user", "Yes, perfect."),
        ],
        twist: Twist::Live,
    },
    Call {
        at: 14,
        seconds: 71,
        agent: DESK,
        tenant: "bayside-dental",
        inbound: true,
        number: 163,
        sentiment: "Negative",
        summary: "Was billed twice for the same visit and wants a person to call back today.",
        turns: &[
            (
                "agent",
                "Bayside Family Dental, this is Nora, the virtual assistant. How can I help?",
            ),
            ("user", "You billed me twice. This is the third time I call about it!"),
            ("agent", "I am sorry about that. I see two charges of the same day."),
            ("user", "I want somebody to call me back today."),
            ("agent", "I have noted it as urgent for the billing team."),
        ],
        twist: Twist::Plain,
    },
    Call {
        at: 27,
        seconds: 22,
        agent: REMINDER,
        tenant: "bayside-ortho",
        inbound: false,
        number: 117,
        sentiment: "Unknown",
        summary: "Left a reminder on voicemail.",
        turns: &[("user", "You have reached the voicemail of five five five zero one one seven.")],
        twist: Twist::Voicemail,
    },
    Call {
        at: 40,
        seconds: 39,
        agent: DESK,
        tenant: REFUSED_TENANT,
        inbound: true,
        number: 171,
        sentiment: "Neutral",
        summary: "Asked for a copy of an old X-ray.",
        turns: &[
            ("agent", "Bayside archive, this is Nora. How can I help?"),
            ("user", "I need a copy of an X-ray from four years ago."),
        ],
        twist: Twist::Plain,
    },
    Call {
        at: 63,
        seconds: 54,
        agent: SALES,
        tenant: "harbor-solar",
        inbound: false,
        number: 128,
        sentiment: "Positive",
        summary: "Interested in a quote for twelve panels; asked to be called on Friday.",
        turns: &[
            ("agent", "Hi, this is Sam from Harbor Solar. Is this a good moment?"),
            ("user", "Two minutes. What does it cost for twelve panels?"),
            ("agent", "I can have a quote ready by Friday."),
            ("user", "Call me on Friday then."),
        ],
        twist: Twist::Plain,
    },
    Call {
        at: 82,
        seconds: 44,
        agent: CLINIC,
        tenant: "bayside-clinica",
        inbound: true,
        number: 155,
        sentiment: "Positive",
        summary: "Cambió su cita al jueves a las 10:30 — confirmada ✅",
        turns: &[
            ("agent", "Clínica Bahía, buenos días. ¿En qué puedo ayudarle?"),
            ("user", "¿Puedo cambiar mi cita del miércoles al jueves?"),
            ("agent", "Claro: el jueves a las diez y media."),
        ],
        twist: Twist::Revised,
    },
    Call {
        at: 105,
        seconds: 18,
        agent: SALES,
        tenant: "harbor-solar",
        inbound: true,
        number: 100,
        sentiment: "Neutral",
        summary: "A test of the greeting.",
        turns: &[("agent", "Harbor Solar, this is Sam."), ("user", "Test, test.")],
        twist: Twist::Test,
    },
    Call {
        at: 121,
        seconds: 63,
        agent: DESK,
        tenant: "bayside-dental",
        inbound: true,
        number: 184,
        sentiment: "Neutral",
        summary: "Toothache since the morning; handed to the practice.",
        turns: &[
            (
                "agent",
                "Bayside Family Dental, this is Nora, the virtual assistant. How can I help?",
            ),
            ("user", "My tooth has been killing me since this morning."),
            ("agent", "I put you through to the practice, please hold."),
        ],
        twist: Twist::Transferred,
    },
    Call {
        at: 140,
        seconds: 33,
        agent: REMINDER,
        tenant: "bayside-ortho",
        inbound: false,
        number: 136,
        sentiment: "Positive",
        summary: "Confirmed the appointment of tomorrow.",
        turns: &[
            ("agent", "This is a reminder of your appointment tomorrow at four. Can you make it?"),
            ("user", "I will be there."),
        ],
        twist: Twist::Twice,
    },
    Call {
        at: 162,
        seconds: 41,
        agent: SALES,
        tenant: "harbor-solar",
        inbound: false,
        number: 149,
        sentiment: "Negative",
        summary: "Asked to be taken off the list.",
        turns: &[
            ("agent", "Hi, this is Sam from Harbor Solar. Is this a good moment?"),
            ("user", "No. Take me off your list, please."),
        ],
        twist: Twist::Plain,
    },
    Call {
        at: 186,
        seconds: 36,
        agent: DESK,
        tenant: "bayside-dental",
        inbound: true,
        number: 190,
        sentiment: "Positive",
        summary: "Asked for the opening hours on Saturday.",
        turns: &[
            (
                "agent",
                "Bayside Family Dental, this is Nora, the virtual assistant. How can I help?",
            ),
            ("user", "Are you open on Saturday?"),
            ("agent", "From nine to one."),
        ],
        twist: Twist::Plain,
    },
];

impl Call {
    /// Its events, each with its second of the round.
    fn events(&self, round: u32, start: Timestamp) -> Vec<(u64, Value)> {
        let end = self.at + self.seconds;
        let event = |name: &str, call: Value| json!({ "event": name, "call": call });
        let ended = || event("call_ended", self.call(round, start, true));
        let analyzed = |summary: &str| {
            let mut call = self.call(round, start, true);
            let analysis = json!({
                "call_summary": summary,
                "in_voicemail": self.twist == Twist::Voicemail,
                "user_sentiment": self.sentiment,
                "call_successful": self.sentiment != "Negative",
                "custom_analysis_data": {},
            });
            set(&mut call, "call_analysis", analysis);
            event("call_analyzed", call)
        };
        let mut events =
            vec![(self.at, event("call_started", self.call(round, start, false))), (end, ended())];
        match self.twist {
            Twist::Live => {
                let mut told = event("transcript_updated", self.call(round, start, false));
                set(&mut told, "transcript_with_tool_calls", self.turns());
                events.push((self.at + self.seconds / 2, told));
            }
            Twist::Twice => events.push((end + 1, ended())),
            Twist::Revised => {
                events.push((end + 14, analyzed("Movió su cita al jueves; pide un recordatorio.")));
            }
            Twist::Transferred => {
                let mut told = event("transfer_started", self.call(round, start, false));
                set(&mut told, "transfer_destination", json!("+15550100100"));
                events.push((end - 8, told));
            }
            Twist::Plain | Twist::Test | Twist::Voicemail => {}
        }
        events.push((end + 5, analyzed(self.summary)));
        events
    }

    fn call(&self, round: u32, start: Timestamp, over: bool) -> Value {
        let (agent_id, agent_name) = self.agent;
        let number = format!("+1555010{:04}", self.number);
        let ours = "+15550100100";
        let (from, to) = if self.inbound { (&*number, ours) } else { (ours, &*number) };
        let started = start.plus(Duration::from_secs(self.at)).millis();
        let mut call = json!({
            "call_id": format!("call_{round:02}{:03}{:04}", self.at, self.number),
            "call_type": "phone_call",
            "agent_id": agent_id,
            "agent_name": agent_name,
            "agent_version": 3,
            "call_status": if over { "ended" } else { "ongoing" },
            "metadata": { "tenant": self.tenant },
            "direction": if self.inbound { "inbound" } else { "outbound" },
            "from_number": from,
            "to_number": to,
            "start_timestamp": started,
        });
        if self.twist == Twist::Test {
            set(&mut call, "metadata", json!({ "tenant": self.tenant, "test": true }));
        }
        if over {
            let name = |role: &str| if role == "agent" { "Agent" } else { "User" };
            let lines = self.turns.iter().map(|(role, text)| format!("{}: {text}\n", name(role)));
            set(&mut call, "transcript", json!(lines.collect::<String>()));
            set(&mut call, "transcript_object", self.turns());
            set(&mut call, "duration_ms", json!(self.seconds * 1000));
            set(
                &mut call,
                "end_timestamp",
                json!(started.saturating_add_unsigned(self.seconds * 1000)),
            );
            let reason = match self.twist {
                Twist::Voicemail => "voicemail_reached",
                Twist::Transferred => "call_transfer",
                _ => "user_hangup",
            };
            set(&mut call, "disconnection_reason", json!(reason));
        }
        call
    }

    /// What was said, with the second of each word, as Retell tells it.
    fn turns(&self) -> Value {
        let mut second = 1.0;
        let turns = self.turns.iter().map(|(role, text)| {
            let words: Vec<_> = text
                .split_inclusive(' ')
                .map(|word| {
                    let start = second;
                    second += 0.35;
                    json!({ "word": word, "start": start, "end": start + 0.3 })
                })
                .collect();
            second += 0.8;
            json!({ "role": role, "content": text, "words": words })
        });
        turns.collect()
    }
}

/// A chat from its first event to its last.
struct Chat {
    /// Seconds from the beginning of the round to its start.
    at: u64,
    question: &'static str,
    summary: &'static str,
}

const CHATS: [Chat; 2] = [
    Chat {
        at: 33,
        question: "Do you take my insurance?",
        summary: "Asked whether a dental insurance is accepted.",
    },
    Chat {
        at: 150,
        question: "Where can I park?",
        summary: "Asked for parking near the practice.",
    },
];

impl Chat {
    fn events(&self, round: u32) -> [(u64, Value); 3] {
        let chat = || {
            json!({
                "chat_id": format!("chat_{round:02}{:03}", self.at),
                "agent_id": "agent_website",
                "agent_name": "Website Chat",
                "chat_type": "api_chat",
                "metadata": { "tenant": "bayside-dental" },
                "transcript": format!("User: {}\n", self.question),
            })
        };
        let mut analyzed = chat();
        let analysis = json!({ "chat_summary": self.summary, "user_sentiment": "Neutral" });
        set(&mut analyzed, "chat_analysis", analysis);
        [
            (self.at, json!({ "event": "chat_started", "chat": chat() })),
            (self.at + 30, json!({ "event": "chat_ended", "chat": chat() })),
            (self.at + 36, json!({ "event": "chat_analyzed", "chat": analyzed })),
        ]
    }
}

/// Gives an object of ours a member.
fn set(object: &mut Value, member: &str, value: Value) {
    if let Value::Object(members) = object {
        members.insert(member.to_owned(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_is_in_order_and_ends_before_the_next() {
        let samples = round(0, Timestamp::from_millis(0));
        assert!(samples.len() > 40, "only {}", samples.len());
        assert!(samples.is_sorted_by_key(|sample| sample.at));
        assert!(samples.iter().all(|sample| sample.at < ROUND));
    }

    #[test]
    fn rounds_share_no_call() {
        let ids = |number| -> Vec<String> {
            let samples = round(number, Timestamp::from_millis(0));
            let ids = samples.iter().map(|sample| {
                let event: Value = serde_json::from_slice(&sample.body).unwrap();
                let id = event.pointer("/call/call_id").or(event.pointer("/chat/chat_id"));
                id.unwrap().as_str().unwrap().to_owned()
            });
            ids.collect()
        };
        let (first, second) = (ids(0), ids(1));
        assert!(first.iter().all(|id| !second.contains(id)));
    }
}
