//! The walk along the tables.

use crate::config::document::{Kind, Node, Scalar};
use crate::config::findings::Findings;
use crate::config::near::{did_you_mean, nearest};
use crate::config::scalar::Plain;
use crate::config::{Code, read, units};
use crate::delivery::Rate;

use super::{Either, Key, Object, Shape, Variants};

/// Longest value that is repeated in a problem, in characters.
const SHOWN_MAX: usize = 60;

/// Reports everything at and under `node` that has not got `shape`, and clears what may be shown.
pub(in crate::config) fn check(node: Node<'_>, shape: &'static Shape, findings: &mut Findings) {
    if matches!(node.kind(), Kind::Broken) {
        return;
    }
    match shape {
        Shape::Object(object) => check_object(node, object, findings),
        Shape::Variants(variants) => check_variants(node, variants, findings),
        Shape::Entries(of) => match node.map() {
            Some(values) => values.for_each(|value| check(value, of, findings)),
            None => wrong(node, shape, findings),
        },
        Shape::List(of, min) => match node.list() {
            Some(items) if items.len() < *min => {
                findings.error(Code::NothingInIt, node, "the list is empty");
            }
            Some(items) => items.for_each(|item| check(item, of, findings)),
            None => wrong(node, shape, findings),
        },
        Shape::Either(either) => check_either(node, either, findings),
        Shape::Body | Shape::Data => check_body(node, findings),
        leaf => match node.scalar() {
            Some(scalar) => check_leaf(node, scalar, leaf, findings),
            None => wrong(node, leaf, findings),
        },
    }
}

fn check_object(node: Node<'_>, object: &'static Object, findings: &mut Findings) {
    let Some(values) = node.map() else {
        return wrong(node, &Shape::Entries(&Shape::Text), findings);
    };
    let count = values.len();
    for value in values {
        match object.key(value.key()) {
            Some(key) => check_key(value, key, findings),
            None => unknown(value, object, findings),
        }
    }
    missing(node, object, findings);
    let names = |joint| list_of(object.keys.iter().map(|key| key.name), joint);
    if count > object.keys_max || count < object.keys_min && object.keys_max == 1 {
        let code = if count == 0 { Code::MissingKey } else { Code::Contradiction };
        let text = format!("{} has exactly one of {}", object.what, names("and"));
        findings.error(code, node, text);
    } else if count < object.keys_min {
        let text = format!("{} needs at least one of {}", object.what, names("or"));
        findings.error(Code::MissingKey, node, text);
    }
}

fn check_key(value: Node<'_>, key: &'static Key, findings: &mut Findings) {
    let absent = value.scalar().is_some_and(|scalar| scalar.is_absent() && !scalar.is_filled());
    if absent && !matches!(key.shape, Shape::SecretOrNone) {
        let hint = "write a value, or take the key out".to_owned();
        let text = format!("`{}` has no value", key.name);
        findings.key_error(Code::NoValue, value, text, hint);
    } else {
        check(value, &key.shape, findings);
    }
}

fn missing(node: Node<'_>, object: &'static Object, findings: &mut Findings) {
    for key in object.keys.iter().filter(|key| key.required && node.get(key.name).is_none()) {
        let text = format!("{} needs the key `{}`", object.what, key.name);
        let hint = format!("{}: {}", key.name, key.about);
        findings.error_hint(Code::MissingKey, node, text, hint);
    }
}

fn unknown(value: Node<'_>, object: &'static Object, findings: &mut Findings) {
    let name = shortened(value.key());
    if findings.is_full() {
        return findings.key_error(Code::UnknownKey, value, name, None);
    }
    let names = object.keys.iter().map(|key| key.name);
    let known = format!("{} has the keys {}", object.what, list_of(names.clone(), "and"));
    let hint = did_you_mean(value.key(), names)
        .map_or_else(|| known.clone(), |meant| format!("{meant} {known}"));
    let text = format!("`{name}` is not a key of {}", object.what);
    findings.key_error(Code::UnknownKey, value, text, hint);
}

fn check_variants(node: Node<'_>, variants: &'static Variants, findings: &mut Findings) {
    let Some(values) = node.map() else {
        return wrong(node, &Shape::Entries(&Shape::Text), findings);
    };
    let tag = node.get(variants.tag);
    let word = tag.and_then(Node::scalar).map(Scalar::text);
    let known = variants.of.iter().find(|(name, _)| word.as_deref() == Some(name));
    if let Some((_, object)) = known {
        for value in values {
            match object.key(value.key()) {
                Some(key) => check_key(value, key, findings),
                None => elsewhere(value, object, variants, findings),
            }
        }
        return missing(node, object, findings);
    }
    // Which keys belong is not known, but what stands at each is the same wherever it occurs.
    if tag.is_none() {
        let words = list_of(variants.of.iter().map(|(name, _)| *name), "or");
        let text = format!("{} needs the key `{}`", variants.what, variants.tag);
        let hint = format!("write `{}:` with one of {words}", variants.tag);
        findings.error_hint(Code::MissingKey, node, text, hint);
    }
    for value in values {
        let key = variants.of.iter().find_map(|(_, object)| object.key(value.key()));
        match (key, variants.of.first()) {
            (Some(key), _) => check_key(value, key, findings),
            (None, Some((_, object))) => unknown(value, object, findings),
            (None, None) => {}
        }
    }
}

/// A key that this variant has not got, but maybe another.
fn elsewhere(
    value: Node<'_>,
    object: &'static Object,
    variants: &'static Variants,
    findings: &mut Findings,
) {
    let others = variants.of.iter().filter(|(_, other)| other.key(value.key()).is_some());
    let others: Vec<_> = others.map(|(name, _)| *name).collect();
    if others.is_empty() {
        return unknown(value, object, findings);
    }
    let kinds: Vec<_> = others.iter().map(|name| format!("{}: {name}", variants.tag)).collect();
    let kinds = list_of(kinds.iter().map(String::as_str), "and");
    let text = format!("`{}` is not a key of {}", value.key(), object.what);
    findings.key_error(Code::UnknownKey, value, text, format!("it belongs to {kinds}"));
}

fn check_either(node: Node<'_>, either: &'static Either, findings: &mut Findings) {
    let shape = match node.kind() {
        Kind::Scalar(_) => &either.scalar,
        Kind::List(_) => &either.list,
        Kind::Map(_) => &either.map,
        Kind::Broken => return,
    };
    if let Some(shape) = shape {
        return check(node, shape, findings);
    }
    let text = format!("expected {}, found {}", either.what, kind(node));
    findings.error(Code::WrongValue, node, text);
}

/// Any YAML: everything in it may be shown, and nothing in it may come from a file.
fn check_body(node: Node<'_>, findings: &mut Findings) {
    if let Some(items) = node.list() {
        items.for_each(|item| check_body(item, findings));
    } else if let Some(values) = node.map() {
        values.for_each(|value| check_body(value, findings));
    } else if let Some(scalar) = node.scalar() {
        findings.clear(node.span());
        refuse_file(node, scalar, findings);
    }
}

fn check_leaf(node: Node<'_>, scalar: &Scalar, shape: &'static Shape, findings: &mut Findings) {
    match shape {
        Shape::Secret | Shape::SecretTemplate | Shape::SecretOrNone => {}
        Shape::Url => findings.clear(read::origin(node.span(), &scalar.written)),
        // A word that is none might be a key in the wrong place; one that is nearly one is a slip.
        Shape::Word(words) => {
            if nearest(&scalar.written, words.iter().copied()).is_some() || scalar.is_filled() {
                findings.clear(node.span());
            }
            refuse_file(node, scalar, findings);
        }
        _ => {
            findings.clear(node.span());
            refuse_file(node, scalar, findings);
        }
    }
    if !fits(scalar, shape) {
        wrong(node, shape, findings);
    }
}

fn refuse_file(node: Node<'_>, scalar: &Scalar, findings: &mut Findings) {
    if scalar.is_from_file() {
        let hint = "it may stand in keys for `verify` and `sign`, in `admin_token`, in headers and in a `url`; \
                    elsewhere use ${VAR}";
        let text = "`${file:…}` is for secrets, and what stands here is shown";
        findings.error_hint(Code::SecretShown, node, text, hint.to_owned());
    }
}

fn fits(scalar: &Scalar, shape: &Shape) -> bool {
    let text = || scalar.text();
    match shape {
        Shape::Text | Shape::Url | Shape::Template | Shape::SecretTemplate | Shape::Secret => {
            read::text(scalar).is_some()
        }
        Shape::SecretOrNone => true,
        Shape::Flag => read::flag(scalar).is_some(),
        Shape::Whole(min, max) => {
            read::whole(scalar).is_some_and(|number| (*min..=*max).contains(&number))
        }
        Shape::Decimal(min, max) => {
            read::decimal(scalar).is_some_and(|number| (*min..=*max).contains(&number))
        }
        Shape::Number => matches!(read::typed(scalar), Plain::Number(_)),
        Shape::Literal => !scalar.is_absent() || scalar.is_filled(),
        Shape::Duration(min, max) => {
            units::duration(&text()).is_ok_and(|duration| (*min..=*max).contains(&duration))
        }
        Shape::Size(min, max) => {
            units::size(&text()).is_ok_and(|size| (*min..=*max).contains(&size))
        }
        Shape::Address => read::address(scalar).is_some(),
        Shape::Rate => Rate::parse(&text()).is_ok(),
        Shape::Status => read::status(scalar).is_some(),
        Shape::Word(words) => words.contains(&&*text()),
        _ => true,
    }
}

/// Says what was expected and what was found.
fn wrong(node: Node<'_>, shape: &'static Shape, findings: &mut Findings) {
    let found = found(node, shape);
    let hint = node.scalar().and_then(|scalar| hint(scalar, shape));
    let text = format!("expected {}, found {found}", expected(shape));
    findings.error_hint(Code::WrongValue, node, text, hint);
}

/// What may stand there, in words.
pub(in crate::config) fn expected(shape: &Shape) -> String {
    let span = |min, max| format!("from {min} to {max}");
    match shape {
        Shape::Text | Shape::Secret | Shape::SecretOrNone => "a text".to_owned(),
        Shape::Url => "an address such as https://example.com/path".to_owned(),
        Shape::Template | Shape::SecretTemplate => "a text, which may be a template".to_owned(),
        Shape::Body => "a body".to_owned(),
        Shape::Data => "anything".to_owned(),
        Shape::Flag => "`true` or `false`".to_owned(),
        Shape::Whole(min, max) if min == max => format!("the number {min}"),
        Shape::Whole(min, max) => {
            format!("a whole number {}", span(min.to_string(), max.to_string()))
        }
        Shape::Decimal(min, max) => format!("a number {}", span(min.to_string(), max.to_string())),
        Shape::Number => "a number".to_owned(),
        Shape::Literal => "a text, a number, `true`, `false` or `null`".to_owned(),
        Shape::Duration(min, max) => {
            let bounds = span(units::show_duration(*min), units::show_duration(*max));
            format!("a duration {bounds}")
        }
        Shape::Size(min, max) => {
            format!("a size {}", span(units::show_size(*min), units::show_size(*max)))
        }
        Shape::Address => "an IP address with a port, such as 127.0.0.1:8080".to_owned(),
        Shape::Rate => "a rate such as `1/s`, `100/m` or `1/2s`".to_owned(),
        Shape::Status => "a status from 300 to 599, or a hundred of them such as `5xx`".to_owned(),
        Shape::Word(words) => list_of(words.iter().copied(), "or"),
        Shape::Object(_) | Shape::Variants(_) | Shape::Entries(_) => "a map".to_owned(),
        Shape::List(..) => "a list".to_owned(),
        Shape::Either(either) => either.what.to_owned(),
    }
}

fn found(node: Node<'_>, shape: &Shape) -> String {
    let Some(scalar) = node.scalar() else { return kind(node).to_owned() };
    if scalar.is_filled() {
        return "something else once its variables are put in".to_owned();
    }
    if scalar.is_absent() {
        return "nothing".to_owned();
    }
    let secret = match shape {
        Shape::Secret | Shape::SecretOrNone | Shape::SecretTemplate | Shape::Url => true,
        Shape::Object(_)
        | Shape::Variants(_)
        | Shape::Entries(_)
        | Shape::List(..)
        | Shape::Either(_) => true,
        Shape::Word(words) => nearest(&scalar.written, words.iter().copied()).is_none(),
        _ => false,
    };
    let kind = kind(node);
    if secret {
        return kind.to_owned();
    }
    format!("{} `{}`", kind.replacen("a ", "the ", 1), shortened(&scalar.written))
}

fn kind(node: Node<'_>) -> &'static str {
    match node.kind() {
        Kind::Map(_) => "a map",
        Kind::List(_) => "a list",
        Kind::Broken => "nothing",
        Kind::Scalar(scalar) => match scalar.read() {
            Plain::Null => "nothing",
            Plain::Bool(_) => "a truth value",
            Plain::Number(_) => "a number",
            Plain::Text => "a text",
        },
    }
}

fn hint(scalar: &Scalar, shape: &Shape) -> Option<String> {
    let text = scalar.text();
    let unit = |error: units::UnitError, example: &str| Some(format!("{error}; write {example}"));
    match shape {
        Shape::Duration(..) => match units::duration(&text) {
            Err(error) => unit(error, "`500ms`, `10s`, `5m`, `1h30m` or `7d`"),
            Ok(_) => None,
        },
        Shape::Size(..) => match units::size(&text) {
            Err(error) => unit(error, "`512 KiB`, `10 MiB`, `10 MB` or `1.5 GiB`"),
            Ok(_) => None,
        },
        Shape::Word(words) => did_you_mean(&scalar.written, words.iter().copied()),
        Shape::Address if scalar.is_filled() => None,
        Shape::Address => read::address_hint(&text),
        Shape::Flag if matches!(&*text.to_ascii_lowercase(), "yes" | "no" | "on" | "off") => {
            Some("YAML 1.2 reads yes, no, on and off as texts".to_owned())
        }
        Shape::Flag | Shape::Number | Shape::Whole(..) | Shape::Decimal(..) if !scalar.plain => {
            Some("without the quotes it would not be a text".to_owned())
        }
        Shape::Status if read::is_status(&text) => Some(
            "an answer of 2xx is a delivery in any case, and 1xx is no answer: neither can be listed"
                .to_owned(),
        ),
        Shape::Literal => Some("if nothing is meant, write `null`".to_owned()),
        _ => None,
    }
}

/// The words in backquotes, the last two joined by `joint`.
fn list_of<'w>(words: impl Iterator<Item = &'w str>, joint: &str) -> String {
    let quoted: Vec<_> = words.map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} {joint} {last}", rest.join(", ")),
        Some((last, _)) => last.clone(),
        None => String::new(),
    }
}

fn shortened(text: &str) -> String {
    let mut short: String =
        text.chars().take(SHOWN_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
