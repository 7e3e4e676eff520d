//! Hostile text through the real binary: whatever an event says, in whatever field, it stays text. Every kind of target has
//! a template in every place that may have one; each delivery is read by a strict parser and held against what was sent.
//! All secrets and some fields of every payload are marked, and nothing that the program prints or answers has the mark.

mod api;
mod judge;
mod strings;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context as _;
use rand::RngExt;
use rand::rngs::SmallRng;
use serde_json::{Value, json};

use super::canaries;
use super::{Context, Outcome, folder};
use crate::conservation::{self, Terms};
use crate::instance::{Instance, data};
use crate::ledger::{Answer, Ledger, Receipt, print};
use crate::receiver::{Receiver, Reply};
use crate::sender::{Message, Sender, now_millis, sign};

/// Every event goes to these.
const TARGETS: [&str; 9] = [
    "tree",
    "raw",
    "header",
    "segment",
    "query",
    "slack-text",
    "slack-blocks",
    "slack-plain",
    "stdout",
];
/// The secrets by the variable that brings them; the last comes in a file.
const SECRETS: [(&str, &str); 7] = [
    ("VERIFY_KEY", "canary-verify-key-1"),
    ("SIGN_KEY", "canary-sign-key-2"),
    ("ADMIN_TOKEN", "canary-admin-token-3"),
    ("HEADER_VALUE", "canary-header-value-4"),
    ("USERINFO", "canary-userinfo-5:canary-password-6"),
    ("URL_QUERY", "canary-url-query-7"),
    ("FILE", "canary-file-8"),
];
/// Half a surrogate pair in JSON source: it stands for no character, so only the raw bytes can be forwarded.
const HALVES: [&str; 4] = [r"\ud800", r"\udfff\ud800", r"x\udc00y", r"\ud83d \ude00"];

/// One event.
#[derive(Debug)]
struct Case {
    text: String,
    body: Vec<u8>,
    /// It is whole: no half of a surrogate pair.
    is_readable: bool,
}

/// What arrived, by target and event.
type Arrived = Arc<Mutex<HashMap<(String, String), Vec<Message>>>>;

pub async fn run(context: &Context) -> anyhow::Result<Outcome> {
    let mut outcome = Outcome::default();
    let (ledger, arrived) = (Ledger::default(), Arrived::default());
    let receiver = receiver(&ledger, &arrived).await?;
    let address = receiver.address.to_string();
    let folder = folder(&rules(&address))?;
    std::fs::write(folder.path().join("secret.txt"), SECRETS[6].1)?;
    let mut launch = context.launch("text", folder.path());
    launch.env.extend(SECRETS.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let printed = launch.log.clone();
    let instance = launch.start().await?;

    let mut dice = context.dice("text");
    let mut cases = cases(context.pick(500, 5_000), &mut dice);
    let ids = send(&instance, &ledger, &mut cases, &mut outcome).await?;
    api::drain(&instance).await?;
    let reasons = api::dead_letters(&instance, &mut outcome).await?;
    api::answers(&instance, ids.keys().map(String::as_str), &mut outcome).await?;
    instance.terminate(Duration::from_secs(10)).await?;

    let checked = judge_all(&ids, &arrived, &reasons, &address, &mut outcome);
    let lines = printed_lines(&printed, &ledger, &ids, &mut outcome)?;
    let terms = Terms {
        targets: Some(TARGETS.to_vec()),
        unfinished: true,
        rendered: true,
        ..Terms::default()
    };
    let (stored, faults) = conservation::check(&ledger, &data(folder.path()), &terms)?;
    outcome.shortfalls.extend(faults);
    let pending: u64 = stored.deliveries.values().map(|[_, _, pending]| pending).sum();
    outcome.hold(pending == 0, || format!("{pending} deliveries still pending"));
    let more = outcome.shortfalls.len().saturating_sub(30);
    outcome.shortfalls.truncate(30);
    outcome.hold(more == 0, || format!("and {more} more"));
    outcome.count = format!(
        "{} hostile strings, {checked} deliveries parsed, {} dead letters with a reason, {lines} printed lines",
        ids.len(),
        reasons.len()
    );
    Ok(outcome)
}

async fn receiver(ledger: &Ledger, arrived: &Arrived) -> anyhow::Result<Receiver> {
    let arrived = Arc::clone(arrived);
    Receiver::start(ledger, move |got| {
        let message = Message { head: got.message.head.clone(), body: got.message.body.clone() };
        let key = (got.target.to_owned(), got.id.to_owned());
        arrived.lock().expect("nobody panics with it").entry(key).or_default().push(message);
        Reply::Status(if got.target == "refuses" { 400 } else { 200 })
    })
    .await
}

fn rules(address: &str) -> String {
    let names = TARGETS.join(", ");
    format!(
        r#"version: 1
admin_token: "${{ADMIN_TOKEN}}"
sources:
  retell: {{ path: /webhook, verify: {{ retell: ["${{VERIFY_KEY}}"] }} }}
targets:
  tree:
    kind: http
    url: http://{address}/tree
    headers: {{ authorization: "Bearer ${{HEADER_VALUE}}", x-file: "${{file:secret.txt}}" }}
    body:
      leaf: "{{{{ call.agent_name }}}}"
      mixed: 'said "{{{{ call.agent_name }}}}" <{{{{ metadata.note }}}}>'
      list: ["{{{{ call.from_number }}}}", {{ note: "{{{{ metadata.note }}}}" }}, 1, null, true]
      event: "{{{{ event | default('none') }}}}"
      agent_id: "{{{{ agent_id | default('none') }}}}"
      names: ["{{{{ payload.event }}}}", "{{{{ payload.call.agent_id }}}}"]
      analysis: "{{{{ call.call_analysis }}}}"
      transcript: "{{{{ call.transcript }}}}"
      dug: "{{{{ payload | dig('$.call.metadata.note', '') }}}}"
      joined: "{{{{ call.agent_name ~ metadata.note }}}}"
  raw: {{ kind: http, url: "http://{address}/raw", sign: {{ retell: "${{SIGN_KEY}}" }} }}
  header: {{ kind: http, url: "http://{address}/header", headers: {{ x-note: "{{{{ call.agent_name }}}}" }} }}
  segment: {{ kind: http, url: "http://{address}/segment/{{{{ call.agent_name }}}}/end?fixed=1" }}
  query: {{ kind: http, url: "http://{address}/query/end?q={{{{ metadata.note }}}}&fixed=1" }}
  slack-text: {{ kind: slack, rate: 1000/s, url: "http://{address}/slack-text", text: "<https://ok.example|ours> {{{{ call.agent_name }}}}" }}
  slack-blocks:
    kind: slack
    rate: 1000/s
    url: http://{address}/slack-blocks
    blocks:
      - {{ type: header, text: {{ type: plain_text, text: "{{{{ call.agent_name }}}}" }} }}
      - type: section
        text: {{ type: mrkdwn, text: "{{{{ call.agent_name }}}}" }}
        fields: [{{ type: mrkdwn, text: "{{{{ metadata.note }}}}" }}]
  slack-plain: {{ kind: slack, rate: 1000/s, url: "http://{address}/slack-plain" }}
  stdout: {{ kind: log }}
  refuses: {{ kind: http, url: "http://${{USERINFO}}@{address}/refuses?key=${{URL_QUERY}}" }}
rules:
  - name: all of it
    to: [{names}]
  - name: a target that refuses
    when: {{ metadata: {{ refuse: true }} }}
    to: [refuses]
"#
    )
}

/// The events: a hostile string in every field that a template can name, beside marked text.
fn cases(count: usize, dice: &mut SmallRng) -> Vec<Case> {
    let mut cases = Vec::new();
    for (number, text) in strings::hostile(count, dice).into_iter().enumerate() {
        // The names decide what the event is, so they are hostile in half of the events only.
        let named = number > 0 && dice.random_bool(0.5);
        let name = if named { text.as_str() } else { "call_analyzed" };
        let agent = if named { text.as_str() } else { "agent_1" };
        // A key of its own stands where the string's other spelling is put in.
        let spelled = format!("@@{}@@", dice.random::<u64>());
        let note = if dice.random_bool(0.3) { spelled.as_str() } else { text.as_str() };
        let event = json!({ "event": name, "call": {
            "call_id": format!("call_{number}"),
            "agent_id": agent,
            "agent_name": note,
            "from_number": format!("canary-from-number {text}"),
            "to_number": text,
            "recording_url": if number % 2 == 0 { text.clone() } else { format!("https://ok.example/{text}") },
            "public_log_url": text,
            "disconnection_reason": text,
            "transcript": format!("User: canary-transcript {text}"),
            "metadata": { "note": note, "secret": "canary-metadata", "refuse": number < 5 },
            "call_analysis": {
                "call_summary": format!("canary-summary {text}"),
                "user_sentiment": text,
                "custom_analysis_data": { "canary-custom": text, text.as_str(): [text, { "x": text }] },
            },
        }});
        let body = event.to_string().replace(&format!("\"{spelled}\""), &strings::escaped(&text));
        cases.push(Case { text, body: body.into_bytes(), is_readable: true });
    }
    for (number, half) in HALVES.iter().enumerate() {
        let body = format!(
            r#"{{"event":"call_analyzed","call":{{"call_id":"half_{number}","agent_name":"{half}","metadata":{{"note":"{half}"}}}}}}"#
        );
        let body = body.into_bytes();
        cases.push(Case { text: (*half).to_owned(), body, is_readable: false });
    }
    cases
}

/// Sends them all, signed; the cases by the id of their event.
async fn send(
    instance: &Instance,
    ledger: &Ledger,
    cases: &mut Vec<Case>,
    outcome: &mut Outcome,
) -> anyhow::Result<HashMap<String, Case>> {
    let mut sender = Sender::new(ledger);
    let mut ids = HashMap::new();
    for case in cases.drain(..) {
        let signature = sign(SECRETS[0].1, &case.body, now_millis());
        let header = format!("x-retell-signature: {signature}\r\n");
        match sender.post(instance.listen, "/webhook", &header, &case.body).await {
            Answer::Stored { id, duplicate: false } => drop(ids.insert(id, case)),
            other => outcome.shortfalls.push(format!("{:?}: {other:?}", begin(&case.text))),
        }
    }
    Ok(ids)
}

fn begin(text: &str) -> String {
    text.chars().take(40).collect()
}

/// Holds every delivery against its case; how many there were.
fn judge_all(
    ids: &HashMap<String, Case>,
    arrived: &Arrived,
    reasons: &HashMap<(String, String), String>,
    address: &str,
    outcome: &mut Outcome,
) -> u64 {
    let arrived = arrived.lock().expect("nobody panics with it");
    let mut names: HashMap<&str, Vec<String>> = HashMap::new();
    let mut checked = 0;
    for (id, case) in ids {
        for target in TARGETS.into_iter().filter(|target| *target != "stdout") {
            let key = (target.to_owned(), id.clone());
            let here = || format!("{target}, {:?}", begin(&case.text));
            let readable = case.is_readable || target == "raw";
            let sendable = readable && judge::is_sendable(target, case, address);
            let (got, reason) =
                (arrived.get(&key).map_or(&[][..], Vec::as_slice), reasons.get(&key));
            match (got, reason.map(String::as_str)) {
                ([one], None) if sendable => {
                    checked += 1;
                    if let Err(why) = judge::judge(target, case, one) {
                        outcome.shortfalls.push(format!("{}: {why}", here()));
                    }
                    let found = header_names(&one.head);
                    let wanted = names.entry(target).or_insert_with(|| found.clone());
                    outcome.hold(*wanted == found, || format!("{}: headers {found:?}", here()));
                    let host = one.head.contains(&format!("\r\nhost: {address}\r\n"));
                    outcome.hold(host, || format!("{}: another host", here()));
                }
                ([], Some("template")) if !sendable => {}
                ([], Some("unreadable")) if !readable => {}
                (got, reason) => outcome.shortfalls.push(format!(
                    "{}: sendable {sendable}, but {} requests and {reason:?}",
                    here(),
                    got.len()
                )),
            }
        }
    }
    checked
}

/// The names of the headers, sorted, without the one that only some event names can have.
fn header_names(head: &str) -> Vec<String> {
    let name = |line: &str| line.split_once(':').map(|(name, _)| name.to_ascii_lowercase());
    let mut names: Vec<_> = head.split("\r\n").skip(1).filter_map(name).collect();
    names.retain(|name| name != "x-hookswitch-event");
    names.sort();
    names
}

/// Reads all that the instance printed: each line is one JSON object without raw control characters, and each event has
/// one line of the target `stdout`, which is written into the books.
fn printed_lines(
    printed: &Path,
    ledger: &Ledger,
    ids: &HashMap<String, Case>,
    outcome: &mut Outcome,
) -> anyhow::Result<u64> {
    let text = String::from_utf8(std::fs::read(printed)?).context("what it printed is UTF-8")?;
    let mut lines = 0;
    let mut seen: HashMap<String, u64> = HashMap::new();
    for line in text.strip_suffix('\n').unwrap_or(&text).split('\n') {
        lines += 1;
        let odd = line.contains(|c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'));
        outcome.hold(!odd, || format!("a control character is printed: {:?}", begin(line)));
        if let Some(word) = canaries::find(line) {
            outcome.shortfalls.push(format!("printed: {word}"));
        }
        let Ok(said @ Value::Object(_)) = serde_json::from_str::<Value>(line) else {
            outcome.shortfalls.push(format!("no JSON object is printed: {:?}", begin(line)));
            continue;
        };
        if let (Some("stdout"), Some(_)) = (said["target"].as_str(), said.get("body_bytes")) {
            let id = said["event_id"].as_str().unwrap_or_default().to_owned();
            let Some(case) = ids.get(&id) else {
                outcome.shortfalls.push(format!("a made-up line: {line}"));
                continue;
            };
            let size = said["body_bytes"].as_u64() == u64::try_from(case.body.len()).ok();
            outcome.hold(size, || format!("another size is printed for {:?}", begin(&case.text)));
            let receipt = Receipt { print: print(&case.body), attempt: 1, status: 200 };
            ledger.received("stdout", &id, receipt);
            *seen.entry(id).or_default() += 1;
        }
    }
    for (id, case) in ids {
        let count = seen.get(id).copied().unwrap_or_default();
        outcome.hold(count == 1, || format!("{count} lines for {:?}", begin(&case.text)));
    }
    Ok(lines)
}
