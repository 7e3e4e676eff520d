//! Hostile targets. Each behaviour is a target of its own, and what becomes of its delivery is written beside it; no attempt
//! takes longer than its deadline, no answer is read for ever, memory stays. Then one good target among bad ones: it and
//! the ingress must not notice. Faults of TLS are left to the program's own tests, which have certificates.

mod isolation;
mod server;
mod table;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::time::sleep;

use crate::conservation::{self, Terms};
use crate::instance::{Instance, data};
use crate::ledger::{Answer, Ledger, print};
use crate::receiver::{Receiver, Reply};
use crate::sender::{Sender, event};

use super::{Context, Outcome, folder};
use server::{Deaf, Do, Server};
use table::{Behaviour, Expect, Kind};

/// The deadline of an attempt, and what may come on top of it.
const TIMEOUT: Duration = Duration::from_secs(1);
const GRACE: Duration = Duration::from_millis(500);
/// How long it may take until each delivery is where it belongs: two deadlines, or a second and what was asked for.
const PATIENCE: Duration = Duration::from_secs(15);
/// A delivery that a target puts off comes at most so much later than asked.
const LATE: Duration = Duration::from_secs(2);
/// 64 KiB of an answer are read. What is beyond them lies in the buffers of the kernel and of the HTTP library. Of interim
/// answers nothing is kept, and the deadline alone ends them.
const WRITTEN_MAX: usize = 8 << 20;
const INTERIM: &str = "interim-endless";
/// How far memory may grow over all of them at once.
const GROWTH_MAX: u64 = 64 << 20;
/// A body that no buffer of the kernel takes at once.
const LARGE: usize = 9 << 20;
/// The name of a target that closes each connection as it is used again.
const REUSE: &str = "closed-at-reuse";

pub async fn run(context: &Context) -> anyhow::Result<Outcome> {
    let mut outcome = Outcome::default();
    let mut behaviours = 0;
    for _ in 0..context.pick(1, 10) {
        behaviours = one_round(context, &mut outcome).await?;
    }
    let reused = reuse(context, &mut outcome).await?;
    let events = isolation::run(context, &mut outcome).await?;
    outcome.count = format!(
        "{behaviours} behaviours, {reused} deliveries on connections closed at reuse, {events} events past bad targets"
    );
    Ok(outcome)
}

/// The targets of a round, and what plays them.
struct Field {
    rows: Vec<Behaviour>,
    server: Server,
    /// Addresses of those that have a listener, or none, of their own.
    apart: HashMap<String, String>,
    _deaf: [Deaf; 3],
}

impl Field {
    async fn new(ledger: &Ledger) -> anyhow::Result<Self> {
        let mut rows = table::table();
        rows.extend(table::early());
        let scripts = rows.iter().map(|row| (row.name.clone(), row.scripts.clone())).collect();
        let server = Server::start(ledger, scripts)?;
        let deaf = [Deaf::start(&Do::Hold)?, Deaf::start(&Do::Reset)?, Deaf::start(&Do::Body)?];
        // A port that was free a moment ago is refused as long as nobody takes it.
        let refused = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
        let mut apart = HashMap::new();
        for (name, address, word) in [
            ("refused", refused, "connection refused"),
            ("never-reads", deaf[0].address, "no answer within 1s"),
            ("reset-at-accept", deaf[1].address, "connection"),
            ("fin-at-accept", deaf[2].address, "connection"),
        ] {
            apart.insert(name.to_owned(), address.to_string());
            rows.push(Behaviour {
                name: name.to_owned(),
                kind: Kind::Http,
                scripts: Vec::new(),
                expect: Expect::Again(word),
            });
        }
        Ok(Self { rows, server, apart, _deaf: deaf })
    }

    fn rules(&self) -> String {
        let mut targets = String::new();
        for Behaviour { name, kind, .. } in &self.rows {
            let ours = self.server.address.to_string();
            let host = self.apart.get(name).unwrap_or(&ours);
            let (kind, give_up, rate) = match kind {
                Kind::Http => ("http", "1h", ""),
                Kind::Slack => ("slack", "1h", ", rate: 50/s"),
                Kind::Short => ("http", "1s", ""),
            };
            targets += &format!(
                "  {name}: {{ kind: {kind}, url: \"http://{host}/{name}\", retry: {{ give_up_after: {give_up} }}{rate} }}\n"
            );
        }
        let names = |large: bool| {
            let of = self.rows.iter().filter(|row| row.name.starts_with("early-") == large);
            of.map(|row| row.name.as_str()).collect::<Vec<_>>().join(", ")
        };
        format!(
            "version: 1\nsources:\n  retell: {{ path: /webhook, verify: none }}\ndefaults: {{ timeout: 1s, retry: {{ initial: 100ms, max: 500ms }} }}\ntargets:\n{targets}rules:\n  - name: small\n    when: {{ event: call_analyzed }}\n    to: [{}]\n  - name: large\n    when: {{ event: large }}\n    to: [{}]\n",
            names(false),
            names(true)
        )
    }
}

/// Sends an event to every behaviour; how many there are.
async fn one_round(context: &Context, outcome: &mut Outcome) -> anyhow::Result<usize> {
    let ledger = Ledger::default();
    let field = Field::new(&ledger).await?;
    let folder = folder(&field.rules())?;
    let instance = context.launch("targets", folder.path()).start().await?;
    let before = instance.resident();
    let small = event(1);
    let large = format!(r#"{{"event":"large","filler":"{}"}}"#, "a".repeat(LARGE));
    let mut ids = Vec::new();
    for body in [&small[..], large.as_bytes()] {
        match Sender::new(&ledger).post(instance.listen, "/webhook", "", body).await {
            Answer::Stored { id, .. } => ids.push(id),
            other => anyhow::bail!("an event for the targets was answered {other:?}"),
        }
    }
    let (deliveries, peak) = settled(&field, &instance, &ids).await?;
    for row in &field.rows {
        let delivery = deliveries.get(&row.name).context("each target has a delivery")?;
        let seen = field.server.seen(&row.name);
        judge(row, delivery, &seen, outcome);
        let foreign = seen.iter().any(|seen| seen.body.is_some_and(|body| body != print(&small)));
        outcome.hold(row.kind == Kind::Slack || !foreign, || {
            format!("{}: it received another body", row.name)
        });
    }
    outcome.hold(field.server.seen("trap").is_empty(), || "a redirect was followed".to_owned());
    let (wrote, whose) = field.server.wrote_most(INTERIM);
    outcome.hold(wrote <= WRITTEN_MAX, || format!("{whose} could write {wrote} bytes"));
    let growth = peak.saturating_sub(before);
    // Two copies of the large body are no target's doing.
    outcome.hold(growth <= GROWTH_MAX + 2 * LARGE as u64, || {
        format!("memory grew by {} MiB", growth >> 20)
    });
    outcome.notes.push(format!(
        "memory grew by {} MiB from {} MiB; the most that a target could write is {} KiB ({whose})",
        growth >> 20,
        before >> 20,
        wrote >> 10
    ));
    instance.terminate(Duration::from_secs(10)).await?;
    let terms = Terms { unfinished: true, rendered: true, ..Terms::default() };
    let (_, faults) = conservation::check(&ledger, &data(folder.path()), &terms)?;
    outcome.shortfalls.extend(faults);
    Ok(field.rows.len())
}

/// Waits until each delivery is where it belongs, or for as long as that may take; the deliveries by target, and the most
/// memory that was seen meanwhile.
async fn settled(
    field: &Field,
    instance: &Instance,
    ids: &[String],
) -> anyhow::Result<(HashMap<String, Value>, u64)> {
    let until = Instant::now() + PATIENCE;
    let mut peak = 0;
    let mut asked = Instant::now();
    loop {
        peak = peak.max(instance.resident());
        sleep(Duration::from_millis(50)).await;
        if asked.elapsed() < Duration::from_millis(500) {
            continue;
        }
        asked = Instant::now();
        let mut deliveries = HashMap::new();
        for id in ids {
            let event = instance.json(&format!("/api/v1/events/{id}")).await?;
            for delivery in event["deliveries"].as_array().context("an event has deliveries")? {
                let name = delivery["target"].as_str().context("a delivery has a target")?;
                deliveries.insert(name.to_owned(), delivery.clone());
            }
        }
        ensure!(deliveries.len() == field.rows.len(), "{} deliveries", deliveries.len());
        let ended = |row: &Behaviour| match row.expect {
            Expect::Again(_) => history(&deliveries[&row.name]).len() >= 3,
            Expect::Parked => !history(&deliveries[&row.name]).iter().all(met_an_end),
            _ => deliveries[&row.name]["state"] != "pending",
        };
        if field.rows.iter().all(ended) || Instant::now() > until {
            return Ok((deliveries, peak));
        }
    }
}

fn history(delivery: &Value) -> &[Value] {
    delivery["history"].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// An attempt that may have met the end of a connection and not the target: all rows have one address, so connections are
/// shared, and one that a script has ended may be taken for the next request before its end is seen.
fn met_an_end(attempt: &Value) -> bool {
    attempt["detail"].as_str().unwrap_or_default().contains("the connection before it answered")
}

/// Holds what became of a delivery against what is written beside the behaviour.
fn judge(row: &Behaviour, delivery: &Value, seen: &[server::Seen], outcome: &mut Outcome) {
    let Behaviour { name, expect, .. } = row;
    let all = history(delivery);
    // What the server never saw was such an end, and is left aside.
    let mut unseen = if row.scripts.is_empty() { 0 } else { all.len().saturating_sub(seen.len()) };
    let is_target = |attempt: &&Value| {
        let aside = unseen > 0 && met_an_end(attempt);
        unseen -= usize::from(aside);
        !aside
    };
    let attempts: Vec<&Value> = all.iter().filter(is_target).collect();
    let state = delivery["state"].as_str().unwrap_or_default();
    let detail =
        attempts.last().and_then(|last| last["detail"].as_str()).unwrap_or("no attempt at all");
    let held = match expect {
        Expect::Delivered(number, word) => {
            state == "delivered" && attempts.len() == *number && detail.contains(word)
        }
        Expect::Again(word) => {
            let retried = attempts.iter().all(|attempt| attempt["result"] == "retry");
            let says = |attempt: &&Value| {
                attempt["detail"].as_str().is_some_and(|detail| detail.contains(word))
            };
            state == "pending" && attempts.len() >= 2 && retried && attempts.iter().any(says)
        }
        Expect::Dead(reason) => state == "dead" && delivery["reason"] == *reason,
        Expect::After(_) => state == "delivered" && attempts.len() == 2,
        Expect::Parked => state == "pending" && attempts.len() == 1 && seen.len() == 1,
    };
    outcome.hold(held, || {
        format!(
            "{name}: expected {expect:?}, but {state} after {} attempts: {detail}",
            attempts.len()
        )
    });
    // Our own attempts are the only ones: no library sends a request again. What is pending may be asked meanwhile.
    let meanwhile = if state == "pending" { 2 } else { 0 };
    let asked = attempts.len()..=attempts.len() + meanwhile;
    outcome.hold(row.scripts.is_empty() || asked.contains(&seen.len()), || {
        let details: Vec<_> = attempts.iter().map(|attempt| attempt["detail"].as_str()).collect();
        format!("{name}: attempts {details:?}, but {} requests", seen.len())
    });
    if let (Expect::After(asked), [first, second, ..]) = (expect, seen) {
        let (asked, gap) = (Duration::from_millis(*asked), second.at.duration_since(first.at));
        // It asks in whole seconds from when it was heard, which is after our clock began.
        outcome.hold(gap >= asked.saturating_sub(Duration::from_millis(10)), || {
            format!("{name}: asked to wait {asked:?}, and was asked again after {gap:?}")
        });
        outcome.hold(gap <= asked + LATE, || {
            format!("{name}: asked to wait {asked:?}, and was left alone for {gap:?}")
        });
    }
    let slowest = attempts.iter().filter_map(|attempt| attempt["took_ms"].as_u64()).max();
    let limit = (TIMEOUT + GRACE).as_millis();
    outcome.hold(u128::from(slowest.unwrap_or(0)) <= limit, || {
        format!("{name}: an attempt took {slowest:?} ms")
    });
}

/// A target that answers one request on each connection and closes it, without an answer, at the next: the request may
/// or may not have been taken in, so only our own retry may send it again, with the same id.
async fn reuse(context: &Context, outcome: &mut Outcome) -> anyhow::Result<u64> {
    let events = context.pick(50, 2_000);
    let ledger = Ledger::default();
    let receiver =
        Receiver::start_by_turn(
            &ledger,
            |_, turn| {
                if turn == 0 { Reply::Status(200) } else { Reply::Drop }
            },
        )
        .await?;
    let rules = format!(
        "version: 1\nsources:\n  retell: {{ path: /webhook, verify: none }}\ndefaults: {{ concurrency: 1, retry: {{ initial: 10ms, max: 50ms }} }}\ntargets:\n  {REUSE}: {{ kind: http, url: \"http://{}/{REUSE}\" }}\nrules:\n  - name: all of it\n    to: [{REUSE}]\n",
        receiver.address
    );
    let folder = folder(&rules)?;
    let instance = context.launch("targets", folder.path()).start().await?;
    let mut sender = Sender::new(&ledger);
    for number in 0..events {
        let answer = sender.post(instance.listen, "/webhook", "", &event(number)).await;
        outcome.hold(matches!(answer, Answer::Stored { .. }), || format!("answered {answer:?}"));
    }
    let drained = instance.drained(Duration::from_secs(30)).await?;
    outcome.hold(drained, || "connections closed at reuse: deliveries still pending".to_owned());
    let cut = ledger.books().received.values().flatten().filter(|got| got.status == 0).count();
    outcome.hold(cut > 0, || "no connection was used again, so nothing was shown".to_owned());
    outcome.notes.push(format!("{cut} requests met a connection that closed at reuse"));
    instance.terminate(Duration::from_secs(10)).await?;
    let terms = Terms { targets: Some(vec![REUSE]), ..Terms::default() };
    let (_, faults) = conservation::check(&ledger, &data(folder.path()), &terms)?;
    outcome.shortfalls.extend(faults);
    Ok(events)
}
