//! Making texts fit Slack: its limits, its escapes, its links.
//!
//! Lengths are counted in UTF-16 units, since Slack does not say what a character is and no other way of counting gives
//! more.

use serde_json::Value;

use crate::target::answer::clean;
use crate::template::slack_escape;

/// Longest text of a section: <https://docs.slack.dev/reference/block-kit/blocks/section-block>.
pub(super) const SECTION_MAX: usize = 3_000;
/// Longest field of a section.
const FIELD_MAX: usize = 2_000;
/// Longest text of a header: <https://docs.slack.dev/reference/block-kit/blocks/header-block>.
pub(super) const HEADER_MAX: usize = 150;
/// Longest text of a button: <https://docs.slack.dev/reference/block-kit/block-elements/button-element>.
const BUTTON_MAX: usize = 75;
/// Longest address of a link.
const LINK_MAX: usize = 1_000;
/// What follows where something was cut off.
const ELLIPSIS: char = '…';

/// As much of a text as can matter to a cut at `max` units: a transcript is not worked through for its first line.
pub(super) fn head(text: &str, max: usize) -> String {
    text.trim_start().chars().take(4 * max).collect()
}

/// A foreign text, cleaned, escaped and cut to `max` units.
pub(super) fn escaped(text: &str, max: usize) -> String {
    let mut fitted = String::new();
    let mut used = 0;
    let text = clean(&head(text, max));
    let mut rest = text.trim().chars();
    while let Some(c) = rest.next() {
        let mut buffer = [0; 4];
        let piece = slack_escape(c.encode_utf8(&mut buffer));
        let len = piece.encode_utf16().count();
        let room = max - usize::from(!rest.as_str().is_empty());
        if used + len > room {
            fitted.push(ELLIPSIS);
            break;
        }
        used += len;
        fitted.push_str(&piece);
    }
    fitted
}

/// As [`escaped`], on one line.
pub(super) fn line(text: &str, max: usize) -> String {
    escaped(&head(text, max).split_whitespace().collect::<Vec<_>>().join(" "), max)
}

/// A text that is escaped already, cut to `max` units, not in the middle of `&amp;`, `&lt;` or `&gt;`.
pub(super) fn cut_escaped(text: &str, max: usize) -> String {
    if text.encode_utf16().count() <= max {
        return text.to_owned();
    }
    let mut used = 0;
    let mut cut: String = text
        .chars()
        .take_while(|c| {
            used += c.len_utf16();
            used < max
        })
        .collect();
    if let Some(at) = cut
        .rfind('&')
        .filter(|at| cut.len() - at < "&amp;".len() && !cut.split_at(*at).1.contains(';'))
    {
        cut.truncate(at);
    }
    cut.push(ELLIPSIS);
    cut
}

/// `<address|label>`, if the address is one that a person can follow and that cannot end the link early.
pub(super) fn link(address: &str, label: &str) -> Option<String> {
    let is_web = address.starts_with("https://") || address.starts_with("http://");
    let is_odd =
        |c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '|' | '"');
    let fits = address.encode_utf16().count() <= LINK_MAX && clean(address) == address;
    (is_web && fits && !address.contains(is_odd))
        .then(|| format!("<{}|{label}>", slack_escape(address)))
}

/// Makes a block of the operator's own template fit: texts are cut, addresses are unescaped (Slack reads those as they
/// are), and, unless the template says otherwise, Slack is told not to look for mentions in texts (`verbatim`).
pub(super) fn own_block(block: &mut Value) {
    let is_header = block.get("type").and_then(Value::as_str) == Some("header");
    fit_own(block, if is_header { HEADER_MAX } else { SECTION_MAX });
}

fn fit_own(value: &mut Value, max: usize) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| fit_own(item, max)),
        Value::Object(members) => {
            let kind = members.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
            if matches!(kind.as_str(), "mrkdwn" | "plain_text")
                && let Some(Value::String(text)) = members.get_mut("text")
            {
                *text = cut_escaped(text, max);
            }
            if kind == "mrkdwn" {
                members.entry("verbatim").or_insert(Value::Bool(true));
            }
            let is_button = kind == "button";
            for (key, value) in members.iter_mut() {
                match (key.as_str(), &mut *value) {
                    (
                        "url" | "image_url" | "thumbnail_url" | "video_url" | "title_url",
                        Value::String(url),
                    ) => {
                        *url = url.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
                    }
                    ("fields", _) => fit_own(value, FIELD_MAX),
                    ("text", _) if is_button => fit_own(value, BUTTON_MAX),
                    _ => fit_own(value, max),
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn units(text: &str) -> usize {
        text.encode_utf16().count()
    }

    #[test]
    fn texts_are_cut_between_characters_and_never_inside_an_escape() {
        assert_eq!(escaped("a<b>&c", 100), "a&lt;b&gt;&amp;c");
        assert_eq!(escaped("😀😀😀", 6), "😀😀😀");
        assert_eq!(escaped("😀😀😀", 5), "😀😀…");
        assert_eq!(escaped("&&&", 10), "&amp;…");
        assert_eq!(escaped("abc", 3), "abc");
        assert_eq!(escaped("abcd", 3), "ab…");
        assert_eq!(line(" a\n\tb\u{202e}c\u{0}d ", 100), "a b c d");
        for max in 1..40 {
            for text in ["<!channel>".repeat(9), "&".repeat(30), "é😀<".repeat(9)] {
                let cut = escaped(&text, max);
                assert!(units(&cut) <= max, "{cut}");
                assert_eq!(cut_escaped(&cut, max), cut);
                let again = cut_escaped(&escaped(&text, 1_000), max);
                assert!(units(&again) <= max, "{again}");
                let plain = again.replace("&lt;", "").replace("&gt;", "").replace("&amp;", "");
                assert!(!plain.contains('&'), "{again}");
            }
        }
    }

    #[test]
    fn a_link_is_a_web_address_and_nothing_else() {
        let good = link("https://x.example.com/a?b=1&c=2", "Recording");
        assert_eq!(good.as_deref(), Some("<https://x.example.com/a?b=1&amp;c=2|Recording>"));
        for bad in [
            "javascript:alert(1)",
            "!channel",
            "https://x|y",
            "https://x>y",
            "https://x y",
            "https://x\n",
            "https://x\u{202e}y",
            "HTTPS://x",
            "",
        ] {
            assert_eq!(link(bad, "Recording"), None, "{bad}");
        }
        assert_eq!(link(&format!("https://{}", "x".repeat(LINK_MAX)), "Recording"), None);
    }

    #[test]
    fn blocks_of_ones_own_are_made_to_fit() {
        let long = "x".repeat(5_000);
        let mut blocks = json!([
            { "type": "header", "text": { "type": "plain_text", "text": long } },
            { "type": "section", "text": { "type": "mrkdwn", "text": long, "verbatim": false },
              "fields": [{ "type": "mrkdwn", "text": long }] },
            { "type": "actions", "elements": [
                { "type": "button", "url": "https://x/?a=1&amp;b=2", "text": { "type": "plain_text", "text": long } }] },
            7,
        ]);
        blocks.as_array_mut().unwrap().iter_mut().for_each(own_block);
        let len = |pointer: &str| units(blocks.pointer(pointer).unwrap().as_str().unwrap());
        assert_eq!(len("/0/text/text"), HEADER_MAX);
        assert_eq!(len("/1/text/text"), SECTION_MAX);
        assert_eq!(len("/1/fields/0/text"), FIELD_MAX);
        assert_eq!(len("/2/elements/0/text/text"), BUTTON_MAX);
        assert_eq!(blocks.pointer("/2/elements/0/url"), Some(&json!("https://x/?a=1&b=2")));
        assert_eq!(blocks.pointer("/1/text/verbatim"), Some(&json!(false)));
        assert_eq!(blocks.pointer("/1/fields/0/verbatim"), Some(&json!(true)));
    }
}
