//! `events`: what arrived and what became of it.

use super::api::{AdminArgs, Api};
use super::exit::{Exit, Failure};
use super::follow::Follow;
use super::output::{Ink, Out, OutputArgs, Table, bytes, cell, clean, count, inked, moment};
use crate::admin::wire;

/// List what arrived and what became of it; with an ID, everything about one event
#[derive(Debug, clap::Args)]
pub(super) struct Events {
    /// One event, with its deliveries and every attempt
    #[arg(value_name = "ID")]
    id: Option<String>,
    /// Only this event: `call_analyzed`
    #[arg(long, value_name = "NAME", conflicts_with = "id")]
    event: Option<String>,
    /// Only of this agent
    #[arg(long, value_name = "AGENT_ID", conflicts_with = "id")]
    agent: Option<String>,
    /// Only of this call or chat
    #[arg(long, value_name = "CALL_ID", conflicts_with = "id")]
    call: Option<String>,
    /// Only with a delivery to this target
    #[arg(long, value_name = "NAME", conflicts_with = "id")]
    target: Option<String>,
    /// Only in this state: routed, unrouted, ignored, revised, quarantined, or with a delivery pending, delivered, dead
    #[arg(long, value_name = "STATE", conflicts_with = "id")]
    state: Option<String>,
    /// Only matched by this rule, whether it sends or only watches
    #[arg(long, value_name = "RULE", conflicts_with = "id")]
    rule: Option<String>,
    /// Only with this text, in any case, in id, event, agent, call or body
    #[arg(long, value_name = "TEXT", conflicts_with = "id")]
    text: Option<String>,
    /// Only since then: a time like 2026-01-31T08:00:00Z, or how long ago, like 24h
    #[arg(long, value_name = "TIME", conflicts_with = "id")]
    since: Option<String>,
    /// Only before then
    #[arg(long, value_name = "TIME", conflicts_with = "id")]
    until: Option<String>,
    /// Print new events as they arrive, after those that are listed, until Ctrl-C
    #[arg(long, short, conflicts_with_all = ["id", "until", "cursor"])]
    follow: bool,
    /// At most so many, up to 1,000
    #[arg(long, value_name = "NUMBER", default_value = "50", conflicts_with = "id")]
    limit: u16,
    /// Go on behind the cursor that an earlier listing ended with
    #[arg(long, value_name = "CURSOR", conflicts_with = "id")]
    cursor: Option<String>,
    #[command(flatten)]
    admin: AdminArgs,
    #[command(flatten)]
    output: OutputArgs,
}

impl Events {
    pub(super) async fn execute(self) -> Result<Exit, Failure> {
        let api = Api::new(&self.admin)?;
        if let Some(id) = &self.id {
            let told = api.get(&["api", "v1", "events", id], &[]).await?;
            self.output.show(&told, one)?;
            return Ok(Exit::Ok);
        }
        let filter = vec![
            ("event", self.event),
            ("agent", self.agent),
            ("call", self.call),
            ("target", self.target),
            ("state", self.state),
            ("rule", self.rule),
            ("text", self.text),
        ];
        let page = [
            ("since", self.since),
            ("until", self.until),
            ("limit", Some(self.limit.to_string())),
            ("cursor", self.cursor),
        ];
        let query = [filter.clone(), page.to_vec()].concat();
        if self.follow {
            let follow = Follow { filter, recent: query, form: self.output.form };
            return follow.execute(&api).await;
        }
        let told = api.get(&["api", "v1", "events"], &query).await?;
        self.output.show(&told, list)?;
        Ok(Exit::Ok)
    }
}

/// One event on one line, as it arrived.
pub(super) fn line(event: &wire::Event, out: &Out) -> String {
    let name = clean(event.event.as_deref().unwrap_or("-"));
    let call = clean(event.call.as_deref().unwrap_or("-"));
    let mut state = clean(&event.state);
    let to: Vec<_> = event.deliveries.iter().map(|delivery| clean(&delivery.target)).collect();
    if !to.is_empty() {
        state = format!("{state} to {}", to.join(", "));
    } else if let Some(reason) = &event.reason {
        state = format!("{state}: {}", clean(reason));
    }
    let state = state_ink(&event.state).map_or_else(|| state.clone(), |ink| out.paint(ink, &state));
    let id = out.paint(Ink::Faint, &clean(&event.id));
    format!("{}  {name:<15}  {call}  {state}  {id}", moment(&event.received_at))
}

fn list(page: &wire::Events, out: &Out) -> String {
    let older = page.next.as_deref().map(|next| {
        // A search through much ends before it has seen all.
        let looked = page.looked_to.as_deref().map(|to| format!("looked back to {}; ", moment(to)));
        let older = format!("{}older ones: --cursor {next}", looked.unwrap_or_default());
        out.paint(Ink::Faint, &older)
    });
    if page.events.is_empty() {
        let none = "no such event".to_owned();
        return older.map_or(none, |older| format!("none so far\n{older}"));
    }
    let mut table = Table::new(&["RECEIVED", "EVENT", "CALL", "STATE", "DELIVERIES", "ID"]);
    for event in &page.events {
        let deliveries: Vec<_> = event.deliveries.iter().map(short).collect();
        table.row([
            cell(moment(&event.received_at)),
            cell(event.event.as_deref().unwrap_or("-")),
            cell(event.call.as_deref().unwrap_or("-")),
            (event.state.clone(), state_ink(&event.state)),
            cell(deliveries.join("  ")),
            inked(&event.id, Ink::Faint),
        ]);
    }
    let mut text = table.lines(out.coloured());
    if let Some(older) = older {
        text.push('\n');
        text.push_str(&older);
    }
    text
}

/// A delivery in a word: a sign for its state, and its target.
fn short(delivery: &wire::Delivery) -> String {
    format!("{} {}", sign(&delivery.state), delivery.target)
}

fn sign(state: &str) -> &'static str {
    match state {
        "delivered" => "✓",
        "dead" => "✗",
        _ => "…",
    }
}

fn state_ink(state: &str) -> Option<Ink> {
    match state {
        "routed" | "delivered" => Some(Ink::Good),
        "quarantined" | "dead" => Some(Ink::Bad),
        "ignored" => None,
        _ => Some(Ink::Careful),
    }
}

fn one(event: &wire::Event, out: &Out) -> String {
    let mut lines = vec![format!(
        "{}  {}",
        out.paint(Ink::Strong, &clean(event.event.as_deref().unwrap_or("(no name)"))),
        event.id
    )];
    let mut table = Table::bare();
    let mut row = |name: &str, text: String| {
        table.row([inked(format!("  {name}"), Ink::Faint), cell(text)]);
    };
    row("received", moment(&event.received_at));
    let signed = if event.signed { "signature checked" } else { "not signed" };
    row("source", format!("{}, {signed}, {}", event.source, bytes(event.body_bytes)));
    if let Some(request) = &event.request {
        let parts = [&request.peer, &request.user_agent, &request.query];
        let parts: Vec<_> = parts.into_iter().flatten().cloned().collect();
        if !parts.is_empty() {
            row("request", parts.join(", "));
        }
    }
    for (name, value) in [("call", &event.call), ("agent", &event.agent)] {
        if let Some(value) = value {
            row(name, value.clone());
        }
    }
    let state = match (&event.reason, &event.revises) {
        (Some(reason), _) => format!("{}: {reason}", event.state),
        (None, Some(first)) => format!("{}: another body of {first}", event.state),
        (None, None) => event.state.clone(),
    };
    row("state", format!("{state}, by revision {}", event.revision));
    for rule in &event.rules {
        row("rule", rule.clone());
    }
    for rule in &event.shadow {
        row("rule", format!("{rule}, which only watches"));
    }
    if let Some(from) = &event.edited_from {
        row("edited from", from.clone());
    }
    if event.duplicates > 0 {
        row("sent again", count(event.duplicates, "time"));
    }
    lines.push(table.lines(out.coloured()));
    for delivery in &event.deliveries {
        lines.push(String::new());
        lines.extend(delivery_lines(delivery, out));
    }
    lines.join("\n")
}

fn delivery_lines(delivery: &wire::Delivery, out: &Out) -> Vec<String> {
    let state = state_line(delivery);
    let ink = state_ink(&delivery.state).unwrap_or(Ink::Strong);
    let replay = if delivery.replay { ", a replay" } else { "" };
    let mut lines = vec![format!(
        "  {} {}  {}{replay}",
        out.paint(ink, sign(&delivery.state)),
        out.paint(Ink::Name, &delivery.target),
        out.paint(ink, &state)
    )];
    for attempt in &delivery.history {
        lines.push(format!(
            "      {}  {}  {} ms  {}",
            attempt.number,
            moment(&attempt.started_at),
            attempt.took_ms,
            clean(&attempt.detail)
        ));
        let answer = attempt.answer.as_deref().unwrap_or_default().trim();
        if attempt.result != "accepted" && !answer.is_empty() {
            lines.push(out.paint(Ink::Faint, &format!("         answered: {}", clean(answer))));
        }
    }
    lines
}

/// A delivery's state with its time and reason.
pub(super) fn state_line(delivery: &wire::Delivery) -> String {
    let number = format!("after {}", count(u64::from(delivery.attempts), "attempt"));
    match delivery.state.as_str() {
        "pending" => {
            let due = delivery.due.as_deref().map_or_else(|| "now".to_owned(), moment);
            format!("pending {number}, due {due}")
        }
        state => {
            let at = delivery.ended_at.as_deref().map(moment).unwrap_or_default();
            let reason = delivery.reason.as_deref().map_or_else(String::new, |r| format!(": {r}"));
            format!("{state}{reason} {at} {number}")
        }
    }
}
