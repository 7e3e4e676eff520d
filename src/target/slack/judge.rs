//! What Slack's answers mean. Beside the status it answers with one word, and the word decides: a payload that is wrong
//! stays wrong, a webhook that was removed stays removed.

use std::borrow::Cow;

use serde_json::Value;

use crate::clock::Timestamp;
use crate::delivery::{DeadReason, Outcome, Overrides};
use crate::target::answer::{self, Verdict};
use crate::target::client::Answer;

/// Where Slack describes the words.
const DOCS: &str =
    "https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks/#handling_errors";

/// The words for which no retry helps, and what to do. Whatever is not here is judged by its status.
const WORDS: [(&str, DeadReason, &str); 17] = [
    ("channel_is_archived", DeadReason::Gone, "the channel is archived"),
    ("channel_not_found", DeadReason::Gone, "the channel does not exist any more"),
    ("no_active_hooks", DeadReason::Gone, "the webhook is disabled"),
    ("no_service", DeadReason::Gone, "the webhook was removed, disabled or mistyped"),
    ("no_service_id", DeadReason::Gone, "the webhook was removed or mistyped"),
    ("no_team", DeadReason::Gone, "the workspace does not exist any more"),
    ("team_disabled", DeadReason::Gone, "the workspace is disabled"),
    ("invalid_attachments", DeadReason::Rejected, "the message is malformed"),
    ("invalid_blocks", DeadReason::Rejected, "`blocks` are not valid Block Kit"),
    ("invalid_blocks_format", DeadReason::Rejected, "`blocks` are not valid Block Kit"),
    ("invalid_payload", DeadReason::Rejected, "the message is malformed"),
    ("missing_text_or_fallback_or_attachments", DeadReason::Rejected, "the message has no text"),
    ("msg_blocks_too_long", DeadReason::Rejected, "`blocks` are too long"),
    ("msg_too_long", DeadReason::Rejected, "the message is too long"),
    ("no_text", DeadReason::Rejected, "the message has no text"),
    ("too_many_attachments", DeadReason::Rejected, "the message has too many attachments"),
    ("user_not_found", DeadReason::Rejected, "the message is for a user who does not exist"),
];

/// The verdict on one of Slack's answers. A status that the target's definition retries is retried whatever the word.
pub(in crate::target) fn judge(answer: &Answer, overrides: &Overrides, now: Timestamp) -> Verdict {
    let mut verdict = answer::judge(answer, overrides, now);
    let accepted = verdict.outcome == Outcome::Accepted;
    let Some(word) = word(&answer.body, accepted) else { return verdict };
    let known = WORDS.iter().find(|(known, ..)| *known == word);
    let retried = overrides.also_on.iter().any(|range| range.contains(answer.status));
    if let Some((_, reason, _)) = known
        && !retried
    {
        verdict.outcome = Outcome::Reject(*reason);
    } else if accepted {
        verdict.outcome = match word.as_str() {
            "rate_limited" | "ratelimited" => Outcome::Retry { not_before: None, busy: true },
            _ => Outcome::Reject(DeadReason::Rejected),
        };
    }
    let what = known.map_or("see Slack's description", |(.., what)| what);
    verdict.remark = Some(Cow::Owned(format!("{word}, {what} ({DOCS})")));
    verdict
}

/// The one word of an error: the whole body, or `error` of `{"ok": false, "error": …}`, which may even come with a 200.
fn word(body: &[u8], accepted: bool) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?.trim();
    let word = match serde_json::from_str::<Value>(text) {
        Ok(Value::Object(members)) if members.get("ok") == Some(&Value::Bool(false)) => {
            members.get("error").and_then(Value::as_str).unwrap_or("error").to_owned()
        }
        Ok(_) => return None,
        Err(_) if accepted => return None,
        Err(_) => text.to_owned(),
    };
    let is_word = (1..=64).contains(&word.len())
        && word.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_');
    is_word.then_some(word).or(accepted.then(|| "error".to_owned()))
}
