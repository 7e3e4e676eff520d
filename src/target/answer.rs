//! What an answer means, and what of it is kept.

use std::borrow::Cow;

use crate::clock::Timestamp;
use crate::delivery::{DeadReason, Outcome, Overrides, classify};
use crate::telemetry::AttemptLabel;
use crate::template::Address;

use super::client::Answer;
use super::{Report, Request};

/// Most bytes of an answer that are kept.
const KEPT_MAX: usize = 4 << 10;
/// Shortest secret that is looked for in an answer: shorter ones occur by chance, and masking them would tell them.
const SECRET_MIN: usize = 6;

/// What follows from an answer, and what there is to say of it beyond its status.
pub(super) struct Verdict {
    pub(super) outcome: Outcome,
    pub(super) remark: Option<Cow<'static, str>>,
}

/// The verdict of the general table.
pub(super) fn judge(answer: &Answer, overrides: &Overrides, now: Timestamp) -> Verdict {
    let outcome = classify(answer.status, answer.retry_after.as_deref(), overrides, now);
    let remark = match answer.status {
        401 | 403 | 407 => {
            Some("it does not accept our credentials; mend `headers` or the token there")
        }
        404 => Some("there is nothing at this address; mend `url` or the path there"),
        405 => Some("it wants another `method`"),
        410 => Some("it says that it is gone for good; remove the target or give it another `url`"),
        413 => Some("the body is too large for it; `redact` or `body` can make it smaller"),
        415 => Some("it wants another content type"),
        _ => None,
    };
    Verdict { outcome, remark: remark.map(Cow::Borrowed) }
}

/// The report of an attempt that was answered.
pub(super) fn report(request: &Request, answer: &Answer, verdict: Verdict) -> Report {
    let mut detail = format!("{} answered {}", request.origin(), answer.status);
    if !answer.reason.is_empty() {
        detail.extend([" ", answer.reason]);
    }
    let redirect = matches!(verdict.outcome, Outcome::Reject(DeadReason::Redirect));
    let location = redirect.then(|| Cow::Owned(whither(request, answer.location.as_deref())));
    for remark in [verdict.remark, location].into_iter().flatten() {
        detail.extend([": ", &remark]);
    }
    if let Outcome::Retry { not_before: Some(at), busy } = &verdict.outcome {
        let whole = if *busy { "; the whole target waits" } else { "; this delivery waits" };
        detail.extend([whole, " until ", &at.rfc3339(), ", as it asks"]);
    }
    if let Some(why) = answer.broken_off {
        detail.extend(["; ", why]);
    }
    Report {
        label: label(&verdict.outcome),
        outcome: verdict.outcome,
        status: Some(answer.status),
        detail,
        answer: kept(request, &answer.body),
    }
}

fn label(outcome: &Outcome) -> AttemptLabel {
    match outcome {
        Outcome::Accepted => AttemptLabel::Accepted,
        Outcome::Retry { busy: true, .. } => AttemptLabel::Busy,
        Outcome::Retry { busy: false, .. } => AttemptLabel::Retried,
        Outcome::Reject(_) => AttemptLabel::Rejected,
    }
}

/// Where a redirect points, without more of an address than its origin: the rest may be a credential.
fn whither(request: &Request, location: Option<&str>) -> String {
    let hint = "redirects are never followed: put the final address into `url`";
    let here = request.address.as_ref().map(Address::expose);
    let there = here.zip(location).and_then(|(here, location)| here.join(location).ok());
    let (Some(here), Some(there)) = (here, there) else {
        return format!("a redirect without a usable address; {hint}");
    };
    let slash = |url: &url::Url| url.path().trim_end_matches('/').to_owned();
    let same_path = here.path() == there.path() && here.query() == there.query();
    let same_host = here.host() == there.host();
    let origin = there.origin();
    let to = if same_host && same_path && here.scheme() == "http" && there.scheme() == "https" {
        "the same address with https://".to_owned()
    } else if here.origin() == origin && slash(here) == slash(&there) && !same_path {
        "the same address with or without a slash at its end".to_owned()
    } else if here.origin() == origin {
        "another path of the same host".to_owned()
    } else if origin.is_tuple() {
        origin.ascii_serialization()
    } else {
        "something that is no web address".to_owned()
    };
    format!("a redirect to {to}; {hint}")
}

/// The beginning of an answer, fit to be shown: text, without control characters, and without what we sent in secret, in
/// case the target echoes it.
fn kept(request: &Request, body: &[u8]) -> Option<String> {
    if body.is_empty() {
        return None;
    }
    let mut text = clean(&String::from_utf8_lossy(body));
    for secret in secrets(request) {
        if text.contains(secret) {
            text = text.replace(secret, "***");
        }
    }
    text.truncate(text.floor_char_boundary(KEPT_MAX));
    Some(text)
}

/// What of a request must not come back: hidden header values (with and without the word before them, as in
/// `Bearer …`), and the address beyond its origin.
fn secrets(request: &Request) -> Vec<&str> {
    let hidden = request.headers.values().filter(|value| value.is_sensitive());
    let mut secrets: Vec<&str> = Vec::new();
    for value in hidden.filter_map(|value| value.to_str().ok()) {
        secrets.push(value);
        secrets.extend(value.split(' ').skip(1));
    }
    let url = request.address.as_ref().map_or("", |address| address.expose().as_str());
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    secrets.push(path);
    if let Some((userinfo, _)) = authority.rsplit_once('@') {
        secrets.extend(userinfo.split(':'));
    }
    secrets.retain(|secret| secret.len() >= SECRET_MIN);
    // The longest first, so that a part of it is not masked before the whole is found.
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    secrets
}

/// A foreign text without characters that steer a terminal or turn its direction; line breaks stay.
pub(super) fn clean(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' => '\n',
            c if c.is_control() || is_steering(c) => ' ',
            c => c,
        })
        .collect()
}

/// Marks that turn the direction of text (Unicode UAX 9), or that are invisible separators of lines.
pub(super) fn is_steering(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
