//! How a received request looks: one block for people, one line of JSON for programs.

use serde_json::{Value, json as object};
use url::form_urlencoded;

use super::server::Received;
use crate::cli::output::{Ink, clean, paint};
use crate::secret::{is_a_secret_parameter, names_a_secret};

/// Most lines of a body that are shown.
const LINES_MAX: usize = 30;
/// Most characters of such a line.
const LINE_MAX: usize = 160;

/// The headers worth looking at, in this order. A signature lets nobody in but with the very body it stands for.
const SHOWN: [&str; 9] = [
    "content-type",
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
    "x-retell-signature",
    "x-hookswitch-event",
    "x-hookswitch-attempt",
    "x-hookswitch-replay",
    "user-agent",
];
/// What stands for a credential.
const HIDDEN: &str = "***";

/// For people: time, method, path, answer, headers, body. Of a header that is hidden, its being there is shown.
pub(in crate::cli) fn text(request: &Received, colour: bool) -> String {
    let at = request.at.rfc3339();
    let clock = at.split_once('T').map_or(at.as_str(), |(_, time)| time);
    let ink = match request.status {
        200..300 => Ink::Good,
        _ => Ink::Bad,
    };
    let mut lines = vec![format!(
        "\n{}  {} {}  {} {}",
        paint(colour, Ink::Faint, clock),
        paint(colour, Ink::Strong, &clean(&request.method)),
        clean(&plain_target(&request.target)),
        paint(colour, Ink::Faint, "answered"),
        paint(colour, ink, &request.status.to_string()),
    )];
    let named =
        |name| request.headers.iter().filter(move |(known, _): &&(String, String)| known == name);
    let shown = SHOWN.iter().copied().flat_map(named);
    let hidden = request.headers.iter().filter(|(name, _)| is_hidden(name));
    for (name, value) in shown.chain(hidden) {
        let value = if is_hidden(name) { HIDDEN.to_owned() } else { clean(value) };
        let name = format!("{}:", clean(name));
        lines.push(format!("  {} {value}", paint(colour, Ink::Faint, &name)));
    }
    lines.extend(body(&request.body).into_iter().map(|line| format!("    {line}")));
    lines.join("\n")
}

/// For programs: the same and all headers, the body as JSON if it is.
pub(in crate::cli) fn json(request: &Received) -> Value {
    let headers: serde_json::Map<String, Value> = request
        .headers
        .iter()
        .map(|(name, value)| {
            let shown = if is_hidden(name) { HIDDEN } else { value };
            (name.clone(), shown.into())
        })
        .collect();
    let body = serde_json::from_slice(&request.body)
        .unwrap_or_else(|_| Value::from(String::from_utf8_lossy(&request.body)));
    object!({
        "at": request.at.rfc3339(),
        "method": request.method,
        "path": plain_target(&request.target),
        "status": request.status,
        "headers": headers,
        "body": body,
    })
}

fn is_hidden(header: &str) -> bool {
    names_a_secret(header) && !SHOWN.contains(&header)
}

/// Path and query, without the values of parameters that stand for a secret. Everything else is as it was sent.
fn plain_target(target: &str) -> String {
    let Some((path, query)) = target.split_once('?') else { return target.to_owned() };
    let plain = query.split('&').map(|pair| {
        let is_secret = form_urlencoded::parse(pair.as_bytes())
            .any(|(name, value)| is_a_secret_parameter(&name, &value));
        match pair.split_once('=') {
            Some((name, _)) if is_secret => format!("{name}={HIDDEN}"),
            _ => pair.to_owned(),
        }
    });
    format!("{path}?{}", plain.collect::<Vec<_>>().join("&"))
}

/// A body, readable and cut: a Slack message as Slack would show it, other JSON indented, anything else as it is.
pub(in crate::cli) fn body(bytes: &[u8]) -> Vec<String> {
    let value = serde_json::from_slice::<Value>(bytes).ok();
    let text = match &value {
        Some(value) => slack(value).map_or_else(|| format!("{value:#}"), |lines| lines.join("\n")),
        None => String::from_utf8_lossy(bytes).into_owned(),
    };
    let total = text.lines().count();
    let mut lines: Vec<String> = text.lines().take(LINES_MAX).map(cut).collect();
    if total > LINES_MAX {
        lines.push(format!("… {} more lines, {} bytes in all", total - LINES_MAX, bytes.len()));
    }
    lines
}

fn cut(line: &str) -> String {
    let mut shown: String = line.chars().take(LINE_MAX).collect();
    if line.chars().nth(LINE_MAX).is_some() {
        shown.push('…');
    }
    clean(&shown)
}

/// The lines of a Slack message, if it is one: a text, or Block Kit (<https://docs.slack.dev/reference/block-kit/blocks>).
pub(in crate::cli) fn slack(message: &Value) -> Option<Vec<String>> {
    if let Some(text) = message.get("text").and_then(Value::as_str)
        && message.as_object().is_some_and(|message| message.len() == 1)
    {
        return Some(text.lines().map(unescaped).collect());
    }
    let blocks = message.get("blocks")?.as_array()?;
    let mut lines = Vec::new();
    for block in blocks {
        let text = |value: &Value| value.get("text").and_then(Value::as_str).map(unescaped);
        let list =
            |key: &str| block.get(key).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        match block.get("type")?.as_str()? {
            "divider" => lines.push("────────".to_owned()),
            "context" => lines.push(joined(list("elements").iter().filter_map(text))),
            "actions" => lines.push(joined(list("elements").iter().filter_map(|button| {
                let label = button.get("text").and_then(text)?;
                let url = button.get("url").and_then(Value::as_str);
                Some(url.map_or_else(|| format!("[{label}]"), |url| format!("[{label}] {url}")))
            }))),
            _ => {
                lines.extend(block.get("text").and_then(text));
                let fields: Vec<_> = list("fields").iter().filter_map(text).collect();
                lines.extend(fields.into_iter().map(|field| field.replace('\n', " ")));
            }
        }
    }
    (!lines.is_empty()).then_some(lines)
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(" · ")
}

/// A text as Slack would show it: of `<address|label>` and `<!date^…|otherwise>` what stands behind the bar, and its three
/// escapes undone.
fn unescaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, (inside, after))) =
        rest.split_once('<').and_then(|(before, from)| Some((before, from.split_once('>')?)))
    {
        shown.push_str(before);
        shown.push_str(inside.rsplit_once('|').map_or(inside, |(_, label)| label));
        rest = after;
    }
    shown.push_str(rest);
    shown.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    fn received(body: &str) -> Received {
        Received {
            at: Timestamp::from_millis(1_714_608_475_945),
            method: "POST".to_owned(),
            target: "/slack".to_owned(),
            headers: vec![
                ("authorization".to_owned(), "Bearer canary".to_owned()),
                ("webhook-id".to_owned(), "0197".to_owned()),
            ],
            body: body.to_owned().into(),
            status: 200,
        }
    }

    #[test]
    fn a_request_is_one_readable_block() {
        assert_eq!(
            text(&received(r#"{"a":1}"#), false),
            "\n00:07:55.945Z  POST /slack  answered 200\n  webhook-id: 0197\n  authorization: ***\n    {\n      \
             \"a\": 1\n    }"
        );
    }

    #[test]
    fn no_form_shows_a_credential() {
        let mut request = received("\u{1b}[2Jx");
        request.target =
            "/slack?token=canary&a%70i_key=canary&key=canary&tag=%76ip&max_tokens=5&flag"
                .to_owned();
        for name in ["x-api-key", "api-key", "x-auth-token", "x-webhook-secret", "set-cookie"] {
            request.headers.push((name.to_owned(), "canary".to_owned()));
        }
        request.headers.push(("x-retell-signature".to_owned(), "v=1,d=2".to_owned()));
        request.headers.push(("x-region".to_owned(), "eu".to_owned()));
        let block = text(&request, false);
        assert!(!block.contains("canary") && !text(&request, true).contains("canary"), "{block}");
        let target = "/slack?token=***&a%70i_key=***&key=***&tag=%76ip&max_tokens=5&flag";
        assert!(block.contains(&format!("POST {target}  ")), "{block}");
        assert!(block.contains("  x-api-key: ***\n") && !block.contains("x-region"), "{block}");
        assert!(block.contains("  x-retell-signature: v=1,d=2\n"), "{block}");
        let programs = json(&request);
        assert!(!programs.to_string().contains("canary"), "{programs}");
        assert_eq!(
            (&programs["path"], &programs["headers"]["x-region"]),
            (&target.into(), &"eu".into())
        );
        assert_eq!(programs["headers"]["x-webhook-secret"], "***");
        assert!(!text(&request, false).contains('\u{1b}'), "a body draws on the terminal");
    }

    #[test]
    fn a_slack_message_reads_like_one() {
        let message = object!({ "text": "fallback", "blocks": [
            { "type": "header", "text": { "type": "plain_text", "text": "Call ended" } },
            { "type": "section", "fields": [{ "type": "mrkdwn", "text": "*Caller*\n+1 555" }] },
            { "type": "context", "elements": [{ "text": "a &lt; b" }, { "text": "<https://example.com|c>" }] },
            { "type": "actions", "elements": [{ "text": { "text": "Recording" }, "url": "https://example.com/r" }] },
        ]});
        let lines = slack(&message).unwrap();
        assert_eq!(
            lines,
            ["Call ended", "*Caller* +1 555", "a < b · c", "[Recording] https://example.com/r"]
        );
        assert_eq!(slack(&object!({ "text": "a &amp; b" })).unwrap(), ["a & b"]);
        assert_eq!(slack(&object!({ "text": "a", "call": {} })), None);
        assert_eq!(slack(&object!({ "blocks": [] })), None);
    }

    #[test]
    fn a_long_body_is_cut() {
        let lines = body(&b"x\n".repeat(100));
        assert_eq!(lines.len(), LINES_MAX + 1);
        assert_eq!(lines.last().unwrap(), "… 70 more lines, 200 bytes in all");
    }
}
