//! Targets: where events go.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::config::Code;
use crate::config::document::{Kind as NodeKind, Node};
use crate::config::findings::Findings;
use crate::config::inputs::Files;
use crate::config::read;
use crate::config::shape::Fields;
use crate::config::shape::keys::{DEFAULTS, HTTP, LOG, RETRY, SIGN, SLACK};
use crate::delivery::{Overrides, Rate, RetryPolicy, RetryPolicyError, StatusRange};
use crate::name::TargetName;
use crate::secret::Secret;
use crate::signature::standard::StandardKey;
use crate::target::{
    Blocks, Body, Client, HttpTarget, Kind, Method, Sign, SlackTarget, Target, is_never_dialled,
};
use crate::template::{Autoescape, TextTemplate, UrlError, UrlTemplate};

use super::json_path;

mod headers;
mod templates;

pub(super) use headers::is_token;

use headers::headers;
use templates::{Shown, body};

/// Longest file of certificate authorities, in bytes.
const CA_MAX: usize = 1 << 20;
/// Most blocks that Slack takes: <https://docs.slack.dev/reference/block-kit/blocks>.
const BLOCKS_MAX: usize = 50;
/// How fast Slack takes messages: <https://docs.slack.dev/apis/web-api/rate-limits>.
const SLACK_RATE: &str = "1/s";

/// Lowers all targets.
pub(super) fn targets(
    file: Fields<'_>,
    files: &mut Files,
    findings: &mut Findings,
) -> BTreeMap<TargetName, Arc<Target>> {
    let mut lowering = Lowering { file, clients: BTreeMap::new(), files, findings };
    // What is wrong with `defaults` is said at `defaults`, once, whoever inherits it.
    if let Some(retry) = file.fields("defaults").and_then(|defaults| defaults.fields("retry")) {
        lowering.policy(&[retry], retry.node());
        lowering.overrides(&[retry], retry.node());
    }
    let nodes = file.get("targets").and_then(Node::map);
    nodes.into_iter().flatten().filter_map(|node| lowering.target(node)).collect()
}

struct Lowering<'t, 'a> {
    file: Fields<'t>,
    /// One per set of certificate authorities, so that targets share what they can.
    clients: BTreeMap<Option<Vec<u8>>, Client>,
    files: &'a mut Files,
    findings: &'a mut Findings,
}

impl Lowering<'_, '_> {
    fn target(&mut self, node: Node<'_>) -> Option<(TargetName, Arc<Target>)> {
        let name = match TargetName::new(node.key()) {
            Ok(name) => Some(name),
            Err(error) => {
                let text = format!("not the name of a target: {error}");
                self.findings.key_error(Code::BadName, node, text, None);
                None
            }
        };
        let kind = node.get("kind").and_then(read::node_text);
        let (fields, kind) = match kind.as_deref() {
            Some("http") => (Fields::new(node, &HTTP), self.http(Fields::new(node, &HTTP))),
            Some("slack") => (Fields::new(node, &SLACK), self.slack(Fields::new(node, &SLACK))),
            Some("log") => (Fields::new(node, &LOG), Some(Kind::Log)),
            _ => return None,
        };
        let order_by = fields.get("order_by");
        let order_by = order_by.and_then(|at| json_path(at, &read::node_text(at)?, self.findings));
        let defaults = self.file.fields("defaults");
        let retries: Vec<_> = [Some(fields), defaults]
            .into_iter()
            .filter_map(|fields| fields?.fields("retry"))
            .collect();
        let at = fields.get("retry").unwrap_or(node);
        let own = fields.get("retry").is_some();
        let retry = if own { self.policy(&retries, at) } else { policy(&retries).ok() };
        let overrides = if own { self.overrides(&retries, at) } else { overrides(&retries) };
        let mut target = Target {
            name: name?,
            kind: kind?,
            timeout: inherited(fields, defaults, "timeout", read::duration),
            concurrency: concurrency(inherited(fields, defaults, "concurrency", read::whole)),
            rate: rate(fields, defaults),
            retry: retry?,
            overrides,
            order_by,
            fingerprint: 0,
        };
        target.fingerprint = self.fingerprint(node, &target);
        Some((target.name.clone(), Arc::new(target)))
    }

    fn http(&mut self, fields: Fields<'_>) -> Option<Kind> {
        let url = self.url(fields);
        let headers = headers(fields, self.findings);
        let body = self.body(fields);
        let sign = self.sign(fields);
        let client = self.client(fields);
        let method = match fields.value("method", read::text).as_str() {
            "PUT" => Method::Put,
            "PATCH" => Method::Patch,
            _ => Method::Post,
        };
        let (url, client, body) = (url?, client?, body?);
        Some(Kind::Http(Box::new(HttpTarget { method, url, headers, body, sign, client })))
    }

    fn slack(&mut self, fields: Fields<'_>) -> Option<Kind> {
        let url = self.url(fields);
        let client = self.client(fields);
        let text = fields.get("text").and_then(|node| self.text(node, Autoescape::Slack));
        let blocks = fields.get("blocks").and_then(|node| {
            if node.list().is_some_and(|list| list.len() > BLOCKS_MAX) {
                let text = format!("Slack takes at most {BLOCKS_MAX} blocks");
                self.findings.error(Code::TooMany, node, text);
            }
            body(node, Autoescape::Slack, self.findings).map(Blocks)
        });
        Some(Kind::Slack(Box::new(SlackTarget { url: url?, text, blocks, client: client? })))
    }

    fn url(&mut self, fields: Fields<'_>) -> Option<UrlTemplate> {
        let node = fields.get("url")?;
        let scalar = node.scalar()?;
        let text = read::text(scalar)?;
        if text.is_empty() {
            self.findings.error(Code::BadAddress, node, "the address is empty");
            return None;
        }
        match UrlTemplate::new(&read::source(scalar)) {
            Ok(url) if is_never_dialled(url.origin()) => {
                let hint = "clouds give their credentials away there, so every attempt would fail; use another address".to_owned();
                let text = "this host is a link-local address (169.254.0.0/16 or fe80::/10), which is never dialled";
                self.findings.error_hint(Code::BadAddress, node, text, hint);
                None
            }
            Ok(url) => Some(url),
            Err(UrlError::Template(error)) => {
                templates::report(node, &error, Shown::No, self.findings);
                None
            }
            Err(error) => {
                self.findings.error(Code::BadAddress, node, error.to_string());
                None
            }
        }
    }

    fn text(&mut self, node: Node<'_>, autoescape: Autoescape) -> Option<TextTemplate> {
        templates::text(node, (autoescape, Shown::Yes), self.findings)
    }

    fn body(&mut self, fields: Fields<'_>) -> Option<Body> {
        match (fields.get("body"), fields.get("redact")) {
            (Some(_), Some(redact)) => {
                let hint = "leave what is to be hidden out of `body`".to_owned();
                let text = "`redact` has no effect beside `body`, which sends only what it names";
                self.findings.key_error(Code::Contradiction, redact, text, hint);
                None
            }
            (Some(node), None) => body(node, Autoescape::None, self.findings).map(Body::Template),
            (None, Some(node)) => {
                let paths = node.list()?.filter_map(|item| {
                    let text = read::node_text(item)?;
                    if text.trim() == "$" {
                        self.findings.error(Code::BadPath, item, "this path names the whole body");
                        return None;
                    }
                    json_path(item, &text, self.findings)
                });
                Some(Body::Redacted(paths.collect()))
            }
            (None, None) => Some(Body::Original),
        }
    }

    fn sign(&mut self, fields: Fields<'_>) -> Option<Sign> {
        let sign = Fields::new(fields.get("sign")?, &SIGN);
        let node = sign.get("retell").or(sign.get("standard"))?;
        let key = node.scalar()?.text().into_owned();
        if key.is_empty() {
            self.findings.error(Code::BadKey, node, "the key is empty");
            return None;
        }
        if sign.get("retell").is_some() {
            return Some(Sign::Retell(Secret::new(key)));
        }
        match StandardKey::parse(&Secret::new(key)) {
            Ok(key) => Some(Sign::Standard(key)),
            Err(error) => {
                self.findings.error(Code::BadKey, node, error.to_string());
                None
            }
        }
    }

    fn client(&mut self, fields: Fields<'_>) -> Option<Client> {
        let node = fields.get("ca_file");
        let pem = match node {
            Some(node) if !self.files.are_sealed() => Some(self.ca_file(node)?),
            _ => None,
        };
        if let Some(client) = self.clients.get(&pem) {
            return Some(client.clone());
        }
        match Client::new(pem.as_deref()) {
            Ok(client) => {
                self.clients.insert(pem, client.clone());
                Some(client)
            }
            Err(error) => {
                let text = format!("this file cannot be used: {error}");
                self.findings.error(Code::BadCertificates, node.unwrap_or(fields.node()), text);
                None
            }
        }
    }

    fn ca_file(&mut self, node: Node<'_>) -> Option<Vec<u8>> {
        match self.files.content(&read::node_text(node)?) {
            Ok(bytes) if bytes.len() <= CA_MAX => Some(bytes.to_owned()),
            Ok(_) => {
                let text = format!("this file is longer than {CA_MAX} bytes");
                self.findings.error(Code::BadCertificates, node, text);
                None
            }
            Err(why) => {
                let hint = "a relative path begins at the folder of the configuration".to_owned();
                let text = format!("this file {why}");
                self.findings.error_hint(Code::BadCertificates, node, text, hint);
                None
            }
        }
    }

    fn policy(&mut self, retries: &[Fields<'_>], at: Node<'_>) -> Option<RetryPolicy> {
        match policy(retries) {
            Ok(policy) => Some(policy),
            // Numbers out of bounds are reported by their shape.
            Err(RetryPolicyError::MaxBelowInitial) => {
                let hint = "a wait begins with `initial` and grows to `max`".to_owned();
                let text = "`max` is shorter than `initial`";
                self.findings.error_hint(Code::BadRetry, at, text, hint);
                None
            }
            Err(_) => None,
        }
    }

    fn overrides(&mut self, retries: &[Fields<'_>], at: Node<'_>) -> Overrides {
        let overrides = overrides(retries);
        let both = overrides.also_on.iter().find(|also| {
            overrides
                .never_on
                .iter()
                .any(|never| also.first <= never.last && never.first <= also.last)
        });
        if let Some(StatusRange { first, .. }) = both {
            let text = format!("`also_on` and `never_on` both name the status {first}");
            self.findings.error(Code::BadRetry, at, text);
        }
        overrides
    }

    /// Of everything that makes the target, values put in: its own definition, what it inherits, and its certificates.
    fn fingerprint(&mut self, node: Node<'_>, target: &Target) -> u64 {
        let mut hasher = Sha256::new();
        hash_node(node, &mut hasher);
        let inherited =
            (target.timeout, target.concurrency, target.rate, target.retry, &target.overrides);
        hasher.update(format!("{inherited:?}"));
        if let Some(ca_file) = node.get("ca_file").and_then(read::node_text)
            && let Ok(pem) = self.files.content(&ca_file)
        {
            hasher.update(pem);
        }
        let hash: [u8; 32] = hasher.finalize().into();
        hash.first_chunk().map_or(0, |first| u64::from_le_bytes(*first))
    }
}

fn hash_node(node: Node<'_>, hasher: &mut Sha256) {
    let mut part = |kind: u8, text: &str| {
        hasher.update([kind]);
        hasher.update((text.len() as u64).to_le_bytes());
        hasher.update(text);
    };
    match node.kind() {
        NodeKind::Scalar(scalar) => part(u8::from(scalar.plain), &scalar.text()),
        NodeKind::Broken => part(2, ""),
        NodeKind::List(ids) => {
            part(3, &ids.len().to_string());
            node.list().into_iter().flatten().for_each(|item| hash_node(item, hasher));
        }
        NodeKind::Map(ids) => {
            part(4, &ids.len().to_string());
            for value in node.map().into_iter().flatten() {
                hasher.update(value.key());
                hasher.update([0]);
                hash_node(value, hasher);
            }
        }
    }
}

/// The target's own value, or the one in `defaults`, or that of the tables.
fn inherited<T>(
    fields: Fields<'_>,
    defaults: Option<Fields<'_>>,
    key: &str,
    read: impl Fn(&crate::config::document::Scalar) -> Option<T>,
) -> T {
    let own = fields.own(key, &read).or_else(|| defaults?.own(key, &read));
    own.unwrap_or_else(|| DEFAULTS.default(key, read))
}

fn concurrency(count: u64) -> NonZeroU32 {
    u32::try_from(count).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN)
}

/// The target's own rate; else Slack's, which `defaults` does not loosen; else that of `defaults`.
fn rate(fields: Fields<'_>, defaults: Option<Fields<'_>>) -> Option<Rate> {
    let slack = fields.get("kind").and_then(read::node_text).is_some_and(|kind| kind == "slack");
    let kind = || slack.then(|| Rate::parse(SLACK_RATE).ok()).flatten();
    fields.own("rate", read::rate).or_else(kind).or_else(|| defaults?.own("rate", read::rate))
}

/// The policy of the first that says something, key by key.
fn policy(retries: &[Fields<'_>]) -> Result<RetryPolicy, RetryPolicyError> {
    let duration = |key: &str| {
        let own = retries.iter().find_map(|retry| retry.own(key, read::duration));
        own.unwrap_or_else(|| RETRY.default(key, read::duration))
    };
    let factor = retries.iter().find_map(|retry| retry.own("factor", read::decimal));
    let factor = factor.unwrap_or_else(|| RETRY.default("factor", read::decimal));
    RetryPolicy::new(duration("initial"), factor, duration("max"), duration("give_up_after"))
}

fn overrides(retries: &[Fields<'_>]) -> Overrides {
    let statuses = |key: &str| {
        let node = retries.iter().find_map(|retry| retry.get(key));
        let items = node.and_then(Node::list).into_iter().flatten();
        items.filter_map(|item| item.scalar().and_then(read::status)).collect()
    };
    Overrides { also_on: statuses("also_on"), never_on: statuses("never_on") }
}
