//! What each target must have received for a hostile string, read by parsers that share no code with the program.

use serde_json::Value;

use super::Case;
use crate::sender::Message;

/// Longest address and header value that are sent.
const URL_MAX: usize = 16 << 10;
const HEADER_MAX: usize = 8 << 10;
/// Longest name of an event or agent, in bytes.
const NAME_MAX: usize = 512;

/// Whether this target can be sent this string at all; what it cannot is a dead letter `template`.
pub(super) fn is_sendable(target: &str, case: &Case, address: &str) -> bool {
    let text = &case.text;
    let encoded: usize = text.bytes().map(|b| if is_unreserved(b) { 1 } else { 3 }).sum();
    // Control characters are of no use in an address, and servers differ in what they do with them: they are refused.
    let is_clean = !text.contains(char::is_control);
    let fits = |rest: &str| format!("http://{address}{rest}").len() + encoded <= URL_MAX;
    match target {
        "header" => text.len() <= HEADER_MAX && text.bytes().all(|b| (b' '..=b'~').contains(&b)),
        "segment" => {
            is_clean && !matches!(text.as_str(), "" | "." | "..") && fits("/segment//end?fixed=1")
        }
        "query" => is_clean && fits("/query/end?q=&fixed=1"),
        _ => true,
    }
}

/// Why what a target received is not what it should be.
pub(super) fn judge(target: &str, case: &Case, got: &Message) -> Result<(), String> {
    match target {
        "tree" => tree(case, got),
        "raw" if got.body == case.body => Ok(()),
        "raw" => Err("other bytes than were sent".to_owned()),
        "header" => header(case, got),
        "segment" => segment(case, got),
        "query" => query(case, got),
        "slack-text" => slack_text(case, got),
        "slack-blocks" => slack_blocks(case, got),
        "slack-plain" => slack_plain(got),
        _ => Ok(()),
    }
}

fn same(what: &str, got: &str, wanted: &str) -> Result<(), String> {
    if got == wanted {
        return Ok(());
    }
    let begin = |text: &str| text.chars().take(60).collect::<String>();
    Err(format!("{what} is {:?} and not {:?}", begin(got), begin(wanted)))
}

fn json(got: &Message) -> Result<Value, String> {
    serde_json::from_slice(&got.body).map_err(|error| format!("no JSON: {error}"))
}

/// The whole body, leaf by leaf: one that has more or other members is unequal.
fn tree(case: &Case, got: &Message) -> Result<(), String> {
    let sent: Value = serde_json::from_slice(&case.body).map_err(|error| error.to_string())?;
    let (text, call) = (&case.text, &sent["call"]);
    // A name of more than this is no name; the document has it all the same.
    let short = |name: &Value| match name.as_str() {
        Some(name) if name.len() <= NAME_MAX => name.to_owned(),
        _ => "none".to_owned(),
    };
    let wanted = serde_json::json!({
        "leaf": text,
        "mixed": format!("said \"{text}\" <{text}>"),
        "list": [call["from_number"], { "note": text }, 1, null, true],
        "event": short(&sent["event"]),
        "agent_id": short(&call["agent_id"]),
        "names": [sent["event"], call["agent_id"]],
        "analysis": call["call_analysis"],
        "transcript": call["transcript"],
        "dug": text,
        "joined": format!("{text}{text}"),
    });
    same("the body", &json(got)?.to_string(), &wanted.to_string())
}

fn header(case: &Case, got: &Message) -> Result<(), String> {
    let values: Vec<&str> =
        got.head.split("\r\n").filter_map(|l| l.strip_prefix("x-note: ")).collect();
    let empty = got.head.contains("\r\nx-note:\r\n") || got.head.contains("\r\nx-note: \r\n");
    match values[..] {
        [value] => same("the header", value.trim(), case.text.trim()),
        [] if empty && case.text.trim().is_empty() => Ok(()),
        _ => Err(format!("{} headers x-note", values.len())),
    }
}

/// The request target: path segments and query, as a server would cut them.
fn address(got: &Message) -> Result<(Vec<&str>, &str), String> {
    let target = got.head.split(' ').nth(1).unwrap_or_default();
    let (path, query) = target.split_once('?').ok_or("no query")?;
    if query.contains(['?', '#']) || target.bytes().any(|b| !b.is_ascii_graphic()) {
        return Err(format!("an odd address {target:?}"));
    }
    Ok((path.split('/').collect(), query))
}

fn segment(case: &Case, got: &Message) -> Result<(), String> {
    match address(got)? {
        (path, "fixed=1") => match path[..] {
            ["", "segment", value, "end"] => same("the segment", &decoded(value)?, &case.text),
            _ => Err(format!("{} segments", path.len())),
        },
        (_, query) => Err(format!("the query is {query:?}")),
    }
}

fn query(case: &Case, got: &Message) -> Result<(), String> {
    let (path, query) = address(got)?;
    if path != ["", "query", "end"] {
        return Err(format!("the path is {path:?}"));
    }
    match query.split('&').collect::<Vec<_>>()[..] {
        [value, "fixed=1"] => {
            let value = value.strip_prefix("q=").ok_or("no q")?;
            same("the query value", &decoded(value)?, &case.text)
        }
        _ => Err("other parameters than two".to_owned()),
    }
}

fn is_unreserved(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"-._~".contains(&b)
}

/// Undoes percent-encoding, and takes nothing that was left unencoded.
fn decoded(text: &str) -> Result<String, String> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first == b'%' {
            let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
            let byte = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()).ok_or("a bare %")?;
            bytes.push(byte);
            rest = &after[2..];
        } else if is_unreserved(*first) {
            bytes.push(*first);
        } else {
            return Err(format!("{:?} is not encoded", char::from(*first)));
        }
    }
    String::from_utf8(bytes).map_err(|error| error.to_string())
}

/// What Slack shows of a text without markup of its own; an error if it would see any.
fn unescaped(text: &str) -> Result<String, String> {
    let bare = |rest: &str| !["&lt;", "&gt;", "&amp;"].iter().any(|good| rest.starts_with(good));
    if text.contains(['<', '>']) || text.match_indices('&').any(|(at, _)| bare(&text[at..])) {
        return Err(format!("markup in {:?}", text.chars().take(80).collect::<String>()));
    }
    Ok(text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
}

fn fits(what: &str, text: &str, max: usize) -> Result<(), String> {
    let units = text.encode_utf16().count();
    if units <= max { Ok(()) } else { Err(format!("{what} has {units} characters")) }
}

/// Inserted text: within the limit, nothing in it is markup, and it is the original or a beginning of it.
fn inserted(what: &str, text: &str, max: usize, wanted: &str) -> Result<(), String> {
    fits(what, text, max)?;
    let shown = unescaped(text)?;
    match shown.strip_suffix('…') {
        Some(begin) if shown != wanted => {
            let cut_early = text.encode_utf16().count() + "&amp;".len() < max;
            if wanted.starts_with(begin) && !cut_early {
                Ok(())
            } else {
                Err(format!("{what} differs"))
            }
        }
        _ => same(what, &shown, wanted),
    }
}

fn slack_text(case: &Case, got: &Message) -> Result<(), String> {
    let body = json(got)?;
    let text = body["text"].as_str().ok_or("no text")?;
    let ours = "<https://ok.example|ours> ";
    let rest = text.strip_prefix(ours).ok_or("our own markup is gone")?;
    if body.as_object().map(serde_json::Map::len) != Some(1) {
        return Err("more than a text".to_owned());
    }
    inserted("the text", rest, 40_000 - ours.len(), &case.text)
}

fn slack_blocks(case: &Case, got: &Message) -> Result<(), String> {
    let mut body = json(got)?;
    let places = [
        ("/blocks/0/text/text", 150),
        ("/blocks/1/text/text", 3_000),
        ("/blocks/1/fields/0/text", 2_000),
    ];
    for (place, max) in places {
        let text = body.pointer_mut(place).ok_or_else(|| format!("{place} is not there"))?;
        inserted(place, text.as_str().unwrap_or_default(), max, &case.text)?;
        *text = Value::Null;
    }
    unescaped(body["text"].as_str().ok_or("no fallback text")?)?;
    body["text"] = Value::Null;
    let wanted = serde_json::json!({ "text": null, "blocks": [
        { "type": "header", "text": { "type": "plain_text", "text": null } },
        { "type": "section", "text": { "type": "mrkdwn", "text": null, "verbatim": true },
          "fields": [{ "type": "mrkdwn", "text": null, "verbatim": true }] },
    ]});
    if body == wanted { Ok(()) } else { Err(format!("another structure: {body}")) }
}

/// The summary that Slack gets without a template: its own links and date are the only markup, and each kind of text keeps
/// its limit.
fn slack_plain(got: &Message) -> Result<(), String> {
    let body = json(got)?;
    let blocks = body["blocks"].as_array().ok_or("no blocks")?;
    if blocks.len() > 50 || body.to_string().chars().count() > 13_000 {
        return Err(format!("{} blocks, {} bytes", blocks.len(), got.body.len()));
    }
    let text = body["text"].as_str().ok_or("no text")?;
    unescaped(text)?;
    fits("the text", text, 40_000)?;
    for block in blocks {
        let kind = block["type"].as_str().unwrap_or_default();
        let max = match kind {
            "header" => 150,
            "section" | "context" => 3_000,
            other => return Err(format!("a block {other:?}")),
        };
        let mut texts = vec![(&block["text"], max)];
        for (list, max) in [("fields", 2_000), ("elements", 3_000)] {
            texts.extend(block[list].as_array().into_iter().flatten().map(|text| (text, max)));
        }
        for (text, max) in texts.into_iter().filter(|(text, _)| !text.is_null()) {
            let content = text["text"].as_str().ok_or("a text without text")?;
            fits(kind, content, max)?;
            unescaped(&without_our_markup(content)?)?;
        }
    }
    Ok(())
}

/// A text without the date and the links that are ours to write. Each is taken out whole, by its grammar.
fn without_our_markup(text: &str) -> Result<String, String> {
    let mut rest = text;
    let mut left = String::new();
    while let Some((before, after)) = rest.split_once('<') {
        let (inside, after) = after.split_once('>').ok_or("a link without an end")?;
        let (to, label) = inside.split_once('|').ok_or_else(|| format!("markup <{inside}>"))?;
        let is_date = to.starts_with("!date^") && label.starts_with("20");
        let is_link = to.starts_with("https://") || to.starts_with("http://");
        let is_ours = matches!(label, "🎧 Recording" | "Call log") || is_date;
        if !(is_date || is_link) || !is_ours || inside.contains('<') || label.contains('|') {
            return Err(format!("markup <{inside}>"));
        }
        left.push_str(before);
        rest = after;
    }
    left.push_str(rest);
    Ok(left)
}
