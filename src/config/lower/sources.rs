//! Sources: paths that receive events.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::config::document::Node;
use crate::config::findings::Findings;
use crate::config::shape::Fields;
use crate::config::shape::keys::{CHECK, SOURCE};
use crate::config::{Code, Dedupe, Source, read, units};
use crate::name::SourceName;
use crate::secret::Secret;
use crate::signature::{Check, RetellCheck};

/// Longest path, in bytes.
const PATH_MAX: usize = 256;
/// Paths that the listener answers itself.
const RESERVED: [&str; 2] = ["/healthz", "/readyz"];
/// Most keys of one source: every one costs an HMAC over every body.
const KEYS_MAX: usize = 16;

/// Lowers all sources.
pub(super) fn sources(
    file: Fields<'_>,
    body_memory: usize,
    findings: &mut Findings,
) -> Vec<Source> {
    let Some(nodes) = file.get("sources").and_then(Node::map) else { return Vec::new() };
    if nodes.len() == 0 {
        let node = file.get("sources").unwrap_or(file.node());
        let text = "there is no source, so nothing can arrive";
        findings.error_hint(Code::NoSource, node, text, EXAMPLE.to_owned());
    }
    let mut paths = BTreeMap::new();
    let mut sources = Vec::new();
    for node in nodes {
        let fields = Fields::new(node, &SOURCE);
        let name = match SourceName::new(node.key()) {
            Ok(name) => Some(name),
            Err(error) => {
                let text = format!("not the name of a source: {error}");
                findings.key_error(Code::BadName, node, text, None);
                None
            }
        };
        let path = path(fields, &mut paths, findings);
        let check = check(fields, findings);
        let max_body = fields.value("max_body", read::size);
        if max_body > body_memory as u64 {
            let memory = units::show_size(body_memory as u64);
            let at = fields.get("max_body").unwrap_or(node);
            let hint = "raise `limits.body_memory`, or lower `max_body`".to_owned();
            findings.error_hint(
                Code::BodyNeverFits,
                at,
                format!("a body of this size never fits into `limits.body_memory`, {memory}"),
                hint,
            );
        }
        if let (Some(name), Some(path), Some(check)) = (name, path, check) {
            let max_body = usize::try_from(max_body).unwrap_or(usize::MAX);
            sources.push(Source { name, path, check, dedupe: dedupe(fields), max_body });
        }
    }
    sources
}

const EXAMPLE: &str =
    "add one: `retell: { path: /webhook, verify: { retell: [\"${RETELL_API_KEY}\"] } }`";

fn path<'t>(
    fields: Fields<'t>,
    taken: &mut BTreeMap<String, &'t str>,
    findings: &mut Findings,
) -> Option<String> {
    let node = fields.get("path")?;
    let path = read::node_text(node)?;
    let plain = path
        .bytes()
        .all(|b| b.is_ascii_graphic() && !matches!(b, b'?' | b'#' | b'"' | b'<' | b'>'));
    if !path.starts_with('/') {
        // The text as it is written: what a variable stands for is not repeated.
        let written = node.scalar().map_or("", |scalar| &scalar.written);
        let hint = if written.is_empty() || !plain { "webhook" } else { written };
        findings.error_hint(
            Code::BadSourcePath,
            node,
            "a path begins with `/`",
            format!("write /{hint}"),
        );
    } else if !plain || path.len() > PATH_MAX {
        let text =
            format!("a path is at most {PATH_MAX} visible ASCII characters, without ? and #");
        findings.error_hint(
            Code::BadSourcePath,
            node,
            text,
            "other characters are percent-encoded; a query is for `query:` in a rule".to_owned(),
        );
    } else if RESERVED.contains(&path.as_str()) {
        let text = "the listener answers this path itself, for health checks";
        findings.error(Code::BadSourcePath, node, text);
    } else if let Some(other) = taken.insert(path.clone(), fields.node().key()) {
        findings.error(
            Code::NameTaken,
            node,
            format!("the source `{other}` has this path already"),
        );
    } else {
        return Some(path);
    }
    None
}

fn check(fields: Fields<'_>, findings: &mut Findings) -> Option<Check> {
    let node = fields.get("verify")?;
    if node.is_scalar() {
        return (read::node_text(node)? == "none").then_some(Check::Unsigned);
    }
    if !node.is_map() {
        return None;
    }
    let verify = Fields::new(node, &CHECK);
    let keys_node = verify.get("retell")?;
    let single = keys_node.is_scalar().then_some(keys_node);
    let mut keys = Vec::new();
    for key in single.into_iter().chain(keys_node.list().into_iter().flatten()) {
        let Some(text) = read::node_text(key) else { continue };
        if text.is_empty() {
            let hint = "it is the API key with the webhook badge in Retell's dashboard; `verify: none` must be written out";
            findings.error_hint(Code::BadKey, key, "the key is empty", hint.to_owned());
        } else if text.trim() != text {
            findings.error(Code::BadKey, key, "the key begins or ends with white space");
        } else {
            keys.push(Secret::new(text));
        }
    }
    if keys.len() > KEYS_MAX {
        findings.error(Code::TooMany, keys_node, format!("a source has at most {KEYS_MAX} keys"));
    }
    RetellCheck::new(keys, verify.value("tolerance", read::duration)).ok().map(Check::Retell)
}

fn dedupe(fields: Fields<'_>) -> Dedupe {
    let dedupe = fields.fields_or_default("dedupe");
    let window: Duration = dedupe.value("window", read::duration);
    match dedupe.value("by", read::text).as_str() {
        "off" => Dedupe::Off,
        "body" => Dedupe::ByBody(window),
        _ => Dedupe::ById(window),
    }
}
