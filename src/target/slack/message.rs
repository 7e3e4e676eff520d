//! The message for an event when the target has no template of its own: who, how long, how it went, what was said, where
//! to listen, at a glance.
//!
//! All foreign text is escaped and cut; the longer of it (summary, last words) stands in plain-text elements, where Slack
//! reads no markup at all. The sum of all bounds below, with the JSON around them, stays under 12,000 characters: Slack
//! documents no limit, but answers `msg_blocks_too_long` from about 13,200 on
//! (<https://github.com/slackapi/bolt-js/issues/2509>).

use serde_json::{Value, json};

use super::fit::{self, HEADER_MAX, SECTION_MAX};
use super::payload::Facts;
use crate::target::request::RenderFailure;
use crate::target::scope::Scope;

/// Longest fallback text: notifications show less.
const SUMMARY_MAX: usize = 300;
/// Longest value in a field.
const VALUE_MAX: usize = 150;
/// Longest label of a field.
const LABEL_MAX: usize = 40;
/// Most fields of the analysis of one's own.
const CUSTOM_MAX: usize = 8;
/// Longest summary or last words.
const PROSE_MAX: usize = 2_400;
/// What Slack's clients can show as a date: until the year 3000.
const DATE_MAX: i64 = 32_503_680_000;

/// The whole message.
pub(super) fn default(scope: &Scope<'_>) -> Result<Value, RenderFailure> {
    let facts = Facts::of(scope.event().envelope(), scope.document()?.value());
    Ok(json!({ "text": summary_of(&facts), "blocks": blocks(&facts, scope) }))
}

/// The fallback text alone, for notifications.
pub(super) fn summary(scope: &Scope<'_>) -> Result<String, RenderFailure> {
    let facts = Facts::of(scope.event().envelope(), scope.document()?.value());
    Ok(summary_of(&facts))
}

fn summary_of(facts: &Facts<'_>) -> String {
    let (sign, title) = facts.title();
    let parts = [
        Some(title),
        facts.agent().map(str::to_owned),
        facts.parties().map(|(_, numbers)| numbers),
        facts.length(),
        facts.sentiment(),
        facts.outcome(),
        facts.summary().map(str::to_owned),
    ];
    let parts: Vec<_> =
        parts.into_iter().flatten().map(|part| fit::head(&part, SUMMARY_MAX)).collect();
    fit::line(&format!("{sign} {}", parts.join(" · ")), SUMMARY_MAX)
}

fn blocks(facts: &Facts<'_>, scope: &Scope<'_>) -> Vec<Value> {
    let (sign, title) = facts.title();
    let agent = facts.agent().map(|agent| format!(" · {agent}")).unwrap_or_default();
    let mut blocks = vec![json!({
        "type": "header",
        "text": plain(&fit::line(&format!("{sign} {title}{agent}"), HEADER_MAX)),
    })];
    let overview = [
        facts.parties(),
        facts.length().map(|length| ("Length", length)),
        facts.sentiment().map(|sentiment| ("Sentiment", sentiment)),
        facts.outcome().map(|outcome| ("Outcome", outcome)),
        facts.ending().map(|ending| ("Ending", ending)),
        facts.transfer().map(|transfer| ("Transfer to", transfer)),
    ];
    let overview = overview.into_iter().flatten().map(|(label, value)| field(label, &value));
    blocks.extend(fields(overview.collect()));
    let prose = facts.summary().map(str::to_owned).or_else(|| facts.last_words());
    if let Some(prose) = prose {
        let text = plain(&fit::escaped(&prose, PROSE_MAX));
        blocks.push(json!({ "type": "section", "text": text }));
    }
    let (custom, hidden) = facts.custom(CUSTOM_MAX);
    blocks.extend(fields(custom.iter().map(|(label, value)| field(label, value)).collect()));
    if hidden > 0 {
        blocks.push(context(&[plain(&format!("and {hidden} more"))]));
    }
    let links = facts.links().into_iter().filter_map(|(url, label)| fit::link(url, label));
    let links: Vec<_> = links.collect();
    if !links.is_empty() {
        let text = mrkdwn(&fit::cut_escaped(&links.join("   "), SECTION_MAX));
        blocks.push(json!({ "type": "section", "text": text }));
    }
    blocks.push(footer(facts, scope));
    blocks
}

/// When, which call, and which rules sent it here.
fn footer(facts: &Facts<'_>, scope: &Scope<'_>) -> Value {
    let mut elements = Vec::new();
    let seconds = facts.when().div_euclid(1000);
    if (0..DATE_MAX).contains(&seconds) {
        let plain_date = crate::clock::Timestamp::from_millis(seconds * 1000).rfc3339();
        elements.push(mrkdwn(&format!(
            "<!date^{seconds}^{{date_short_pretty}} {{time}}|{plain_date}>"
        )));
    }
    elements.extend(facts.id().map(|id| plain(&fit::line(id, VALUE_MAX))));
    let rules: Vec<_> = scope.rules().iter().map(crate::name::RuleName::as_str).collect();
    if !rules.is_empty() {
        elements.push(plain(&fit::line(&format!("rule: {}", rules.join(", ")), VALUE_MAX)));
    }
    if elements.is_empty() {
        elements.push(plain(&scope.event().envelope().id.to_string()));
    }
    context(&elements)
}

fn field(label: &str, value: &str) -> Value {
    let label: String = fit::line(label, LABEL_MAX).replace(['*', '_', '~', '`'], " ");
    mrkdwn(&format!("*{label}*\n{}", fit::line(value, VALUE_MAX)))
}

/// A section of fields, at most ten of them.
fn fields(fields: Vec<Value>) -> Option<Value> {
    let fields: Vec<_> = fields.into_iter().take(10).collect();
    (!fields.is_empty()).then(|| json!({ "type": "section", "fields": fields }))
}

fn context(elements: &[Value]) -> Value {
    json!({ "type": "context", "elements": elements })
}

/// Text in which Slack reads no markup; `:smile:` stays as it is, too.
fn plain(text: &str) -> Value {
    json!({ "type": "plain_text", "text": text, "emoji": false })
}

/// Markup of ours around foreign text. `verbatim`: Slack is not to look for names and addresses by itself.
fn mrkdwn(text: &str) -> Value {
    json!({ "type": "mrkdwn", "text": text, "verbatim": true })
}
