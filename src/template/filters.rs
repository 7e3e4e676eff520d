//! Filters beyond minijinja's own. None of them panics, whatever it is given, and none repeats what it was given in an error.

use minijinja::value::{Value, ValueKind};
use minijinja::{Environment, Error, State};
use sha2::{Digest, Sha256};

use super::Autoescape;
use super::convert::{self, Budget, JSON_MAX};
use super::error::Blame;
use crate::clock::Timestamp;

/// How many digits of a telephone number stay readable.
const PHONE_SHOWN: usize = 4;

/// Adds them to an environment.
pub(super) fn add(environment: &mut Environment<'static>, autoescape: Autoescape) {
    environment.add_filter("dig", dig);
    environment.add_filter("duration", duration);
    environment.add_filter("iso8601", iso8601);
    environment.add_filter("mask_phone", mask_phone);
    environment.add_filter("sha256", sha256);
    environment.add_filter("string", string);
    environment.add_filter("tojson", tojson);
    environment.add_filter("urlencode", urlencode);
    if autoescape == Autoescape::Slack {
        // Everything inserted is escaped anyway; escaping twice would show.
        environment.add_filter("slack_escape", |value: Value| value);
    } else {
        environment.add_filter("slack_escape", |state: &State<'_, '_>, value: &Value| {
            text(state, value).map(|text| convert::slack_escape(&text).into_owned())
        });
    }
}

/// A value's text as it would print, charged against the fuel.
fn text(state: &State<'_, '_>, value: &Value) -> Result<String, Error> {
    if value.is_undefined() {
        return Err(Error::from(minijinja::ErrorKind::UndefinedError));
    }
    let text = convert::to_text(value, Autoescape::None)?.into_owned();
    state.consume_fuel(u64::try_from(text.len() / 64).unwrap_or(u64::MAX))?;
    Ok(text)
}

/// `value | dig("a.b[0]", default)`: the value at a path, or `default` (else `null`) where the path leads nowhere or to
/// `null`. A path may also be a list of keys and indices, for keys with dots in them.
fn dig(value: &Value, path: &Value, default: Option<Value>) -> Result<Value, Error> {
    let mut at = value.clone();
    for key in steps(path)? {
        at = at.get_item(&key).unwrap_or_default();
        if at.is_undefined() || at.is_none() {
            return Ok(default.unwrap_or_else(|| Value::from(())));
        }
    }
    if at.is_undefined() || at.is_none() {
        return Ok(default.unwrap_or_else(|| Value::from(())));
    }
    Ok(at)
}

fn steps(path: &Value) -> Result<Vec<Value>, Error> {
    let Some(text) = path.as_str() else {
        if !matches!(path.kind(), ValueKind::Seq) {
            return Err(Blame("dig wants a path such as \"a.b[0]\", or a list of keys").into());
        }
        return path.try_iter()?.checked().collect();
    };
    let text = text.strip_prefix("$.").unwrap_or(text);
    let mut steps = Vec::new();
    for piece in text.split('.') {
        let mut pieces = piece.split('[');
        steps.extend(pieces.next().filter(|key| !key.is_empty()).map(Value::from));
        for index in pieces {
            let number = index.strip_suffix(']').and_then(|number| number.parse::<usize>().ok());
            steps.push(Value::from(number.ok_or(Blame("dig: an index is written [0]"))?));
        }
    }
    Ok(steps)
}

/// Milliseconds, from any number.
fn millis(value: &Value) -> Result<i64, Error> {
    if value.is_undefined() {
        return Err(Error::from(minijinja::ErrorKind::UndefinedError));
    }
    let not = Blame("not a number of milliseconds");
    if value.is_integer() {
        return Ok(i64::try_from(value.clone()).ok().ok_or(not)?);
    }
    let float = match value.kind() {
        ValueKind::Number => f64::try_from(value.clone()).ok().ok_or(not)?,
        _ => return Err(not.into()),
    };
    if !(-9e18..=9e18).contains(&float) {
        return Err(not.into());
    }
    #[expect(clippy::cast_possible_truncation, reason = "it is within range, and whole is enough")]
    Ok(float as i64)
}

/// Milliseconds as `5m 2s`: the two or three largest units, seconds the smallest; below a second, `850ms`.
fn duration(value: &Value) -> Result<String, Error> {
    Ok(duration_text(millis(value)?))
}

/// What the filter `duration` writes.
pub(crate) fn duration_text(millis: i64) -> String {
    let sign = if millis < 0 { "-" } else { "" };
    let total = millis.unsigned_abs();
    if total == 0 {
        return "0s".to_owned();
    }
    if total < 1000 {
        return format!("{sign}{total}ms");
    }
    let seconds = total / 1000;
    let units = [
        (seconds / 86_400, "d"),
        (seconds / 3600 % 24, "h"),
        (seconds / 60 % 60, "m"),
        (seconds % 60, "s"),
    ];
    let shown: Vec<_> = units
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| format!("{count}{unit}"))
        .collect();
    format!("{sign}{}", shown.join(" "))
}

/// Milliseconds since 1970 as RFC 3339 in UTC.
fn iso8601(value: &Value) -> Result<String, Error> {
    let text = Timestamp::from_millis(millis(value)?).rfc3339();
    if !text.ends_with('Z') {
        return Err(Blame("iso8601 knows the years 1970 to 9999").into());
    }
    Ok(text)
}

/// A telephone number, or any handle, with all but its last four letters and digits as `*`.
fn mask_phone(state: &State<'_, '_>, value: &Value) -> Result<String, Error> {
    let text = text(state, value)?;
    let total = text.chars().filter(|c| c.is_alphanumeric()).count();
    let hidden = if total > PHONE_SHOWN { total - PHONE_SHOWN } else { total };
    let mut seen = 0;
    let mask = |c: char| {
        seen += usize::from(c.is_alphanumeric());
        if c.is_alphanumeric() && seen <= hidden { '*' } else { c }
    };
    Ok(text.chars().map(mask).collect())
}

/// SHA-256 of the text, in hex.
fn sha256(state: &State<'_, '_>, value: &Value) -> Result<String, Error> {
    use std::fmt::Write as _;
    let digest = Sha256::digest(text(state, value)?.as_bytes());
    Ok(digest.iter().fold(String::with_capacity(64), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("writing to a String cannot fail");
        hex
    }))
}

/// The text as it would print. In the place of minijinja's, which prints as Python does and without a bound.
fn string(state: &State<'_, '_>, value: &Value) -> Result<String, Error> {
    text(state, value)
}

/// JSON; with an argument that is true, indented. In the place of minijinja's, which does not keep large numbers.
fn tojson(state: &State<'_, '_>, value: &Value, indent: Option<Value>) -> Result<String, Error> {
    if value.is_undefined() {
        return Err(Error::from(minijinja::ErrorKind::UndefinedError));
    }
    let json = convert::to_json(value, &mut Budget::new(JSON_MAX))?;
    let indent = indent.is_some_and(|indent| indent.is_true());
    let text = if indent { format!("{json:#}") } else { json.to_string() };
    state.consume_fuel(u64::try_from(text.len() / 64).unwrap_or(u64::MAX))?;
    Ok(text)
}

/// Percent-encoded as a query value or path segment.
fn urlencode(state: &State<'_, '_>, value: &Value) -> Result<String, Error> {
    Ok(convert::percent_encode(&text(state, value)?))
}
