//! Values as YAML, plain where that reads as the same.

use serde_json::Value;

/// The lines of a map or list, as a block that is indented so far.
pub(super) fn block(value: &Value, indent: usize) -> Vec<String> {
    let pad = " ".repeat(indent);
    let mut lines = Vec::new();
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let name = key(name);
                if let Some(text) = line(member) {
                    lines.push(format!("{pad}{name}: {text}"));
                } else {
                    lines.push(format!("{pad}{name}:"));
                    lines.extend(block(member, indent + 2));
                }
            }
        }
        Value::Array(elements) => {
            for element in elements {
                if let Some(text) = line(element) {
                    lines.push(format!("{pad}- {text}"));
                    continue;
                }
                let inner = block(element, indent + 2);
                lines.extend(inner.into_iter().enumerate().map(|(at, line)| match at {
                    0 => format!("{pad}- {}", line.trim_start()),
                    _ => line,
                }));
            }
        }
        scalar => lines.extend(line(scalar).map(|text| format!("{pad}{text}"))),
    }
    lines
}

/// A value on one line, as JSON and YAML share it.
pub(super) fn flow(value: &Value) -> String {
    match value {
        Value::Object(members) if !members.is_empty() => {
            let members =
                members.iter().map(|(name, member)| format!("{}: {}", escaped(name), flow(member)));
            format!("{{ {} }}", members.collect::<Vec<_>>().join(", "))
        }
        Value::Array(elements) => {
            let elements: Vec<_> = elements.iter().map(flow).collect();
            format!("[{}]", elements.join(", "))
        }
        Value::String(text) => quoted(text),
        scalar => scalar.to_string(),
    }
}

/// A value that takes one line.
fn line(value: &Value) -> Option<String> {
    match value {
        Value::Object(members) => members.is_empty().then(|| "{}".to_owned()),
        Value::Array(elements) => elements.is_empty().then(|| "[]".to_owned()),
        Value::String(text) => Some(scalar(text)),
        Value::Null | Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
    }
}

/// A text, plain where that reads as the same text.
pub(super) fn scalar(text: &str) -> String {
    if is_plain(text) { text.to_owned() } else { quoted(text) }
}

/// A text in double quotes; `${` is written so that it stands for itself.
pub(super) fn quoted(text: &str) -> String {
    escaped(text).replace("${", "$${")
}

/// A key. Nothing is put in there, so `${` is nothing special.
fn key(text: &str) -> String {
    if is_plain(text) { text.to_owned() } else { escaped(text) }
}

fn is_plain(text: &str) -> bool {
    let plain =
        |c: char| c.is_alphanumeric() || matches!(c, ' ' | '_' | '-' | '.' | '/' | '(' | ')');
    let begins = text.starts_with(|c: char| c.is_alphabetic());
    let word = matches!(&*text.to_ascii_lowercase(), "true" | "false" | "null");
    begins && !word && text.chars().all(plain) && !text.ends_with(' ')
}

/// In double quotes, as JSON and YAML share them. What JSON leaves as it is and no text of YAML may hold, or a reader may take for
/// the end of a line, is escaped, too.
fn escaped(text: &str) -> String {
    let odd = |c: char| {
        c.is_control()
            || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
    };
    let json = Value::String(text.to_owned()).to_string();
    let mut out = String::with_capacity(json.len());
    for piece in json.split_inclusive(odd) {
        let plain = piece.strip_suffix(odd).unwrap_or(piece);
        out.push_str(plain);
        let escapes = piece.chars().skip(plain.chars().count());
        out.extend(escapes.map(|c| format!("\\u{:04x}", u32::from(c))));
    }
    out
}
