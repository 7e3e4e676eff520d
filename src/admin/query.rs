//! Query parameters: each known, given once, and with a value. Anything else is an error: a filter that is misspelt, or made of a
//! variable that was not set, must not show everything.

use std::str::FromStr;
use std::time::Duration;

use axum::http::Uri;

use crate::clock::Timestamp;
use crate::event::EventId;
use crate::store::Page;

use super::failure::Failure;

/// How many entries a page has if nobody says.
const LIMIT: usize = 50;
/// Most entries of a page.
const LIMIT_MAX: usize = 1000;

/// The parameters of one request.
#[derive(Debug)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// Takes the query of `uri`, whose parameters may only be `known` ones.
    pub(super) fn parse(uri: &Uri, known: &[&str]) -> Result<Self, Failure> {
        let query = uri.query().unwrap_or_default();
        let mut pairs: Vec<(String, String)> = Vec::new();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            if !known.contains(&&*name) {
                let known = known.join(", ");
                return Err(Failure::bad(format!(
                    "{name:?} is no parameter here; there are: {known}"
                )));
            }
            if pairs.iter().any(|(given, _)| *given == *name) {
                return Err(Failure::bad(format!("{name} is given more than once")));
            }
            if value.is_empty() {
                return Err(Failure::bad(format!(
                    "`{name}` is empty: give it a value, or leave it out"
                )));
            }
            pairs.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self(pairs))
    }

    /// The value of a parameter.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.0.iter().find(|(given, _)| given == name).map(|(_, value)| value.clone())
    }

    /// How many parameters are given.
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// The value of a parameter, of at most so many bytes.
    pub(super) fn at_most(&self, name: &str, most: usize) -> Result<Option<String>, Failure> {
        let value = self.text(name);
        if value.as_ref().is_some_and(|value| value.len() > most) {
            return Err(Failure::bad(format!("{name} has at most {most} bytes")));
        }
        Ok(value)
    }

    /// The value of a parameter, which must be one of `allowed`.
    pub(super) fn one_of(&self, name: &str, allowed: &[&str]) -> Result<Option<String>, Failure> {
        let value = self.text(name);
        if value.as_deref().is_some_and(|value| !allowed.contains(&value)) {
            return Err(Failure::bad(format!("{name} is one of: {}", allowed.join(", "))));
        }
        Ok(value)
    }

    /// The value of a parameter that is `true` or `false`, which it is if it is not given.
    pub(super) fn flag(&self, name: &str) -> Result<bool, Failure> {
        Ok(self.one_of(name, &["true", "false"])?.as_deref() == Some("true"))
    }

    /// A moment: RFC 3339, or how long ago (`90m`, `24h`, `7d`).
    pub(super) fn moment(&self, name: &str, now: Timestamp) -> Result<Option<Timestamp>, Failure> {
        self.text(name).map(|text| moment_of(name, &text, now)).transpose()
    }

    /// Which page: `limit` and `cursor`.
    pub(super) fn page(&self) -> Result<Page, Failure> {
        let limit = match self.text("limit") {
            None => LIMIT,
            Some(text) => {
                text.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit)).ok_or_else(
                    || Failure::bad(format!("limit is a number from 1 to {LIMIT_MAX}")),
                )?
            }
        };
        Ok(Page { limit, after: self.text("cursor") })
    }
}

/// An event's id out of a path or a body.
pub(super) fn event_id(text: &str) -> Result<EventId, Failure> {
    EventId::from_str(text).map_err(|cause| Failure::bad(format!("{text:?} is {cause}")))
}

/// The same of a member of a body.
pub(super) fn moment_of(name: &str, text: &str, now: Timestamp) -> Result<Timestamp, Failure> {
    moment(text, now).ok_or_else(|| {
        Failure::bad(format!(
            "{name} is a time like 2026-01-31T08:00:00Z, or how long ago, like 24h"
        ))
    })
}

fn moment(text: &str, now: Timestamp) -> Option<Timestamp> {
    if let Ok(ago) = humantime::parse_duration(text) {
        return Some(now.minus(ago));
    }
    // humantime reads UTC only. In a query a plus sign that was not encoded has become a blank.
    let (local, offset) = match text.len().checked_sub(6).and_then(|at| text.split_at_checked(at)) {
        Some((local, offset)) if offset.contains(':') && offset.starts_with(['+', '-', ' ']) => {
            let (hours, minutes) = offset.get(1..)?.split_once(':')?;
            let (hours, minutes): (u64, u64) = (hours.parse().ok()?, minutes.parse().ok()?);
            (hours < 24 && minutes < 60).then_some(())?;
            (
                local,
                Some((offset.starts_with('-'), Duration::from_secs(hours * 3600 + minutes * 60))),
            )
        }
        _ => (text, None),
    };
    let local = local.trim_end_matches(['Z', 'z']);
    let local = if local.contains(['T', 't', ' ']) {
        local.to_owned()
    } else {
        format!("{local}T00:00:00")
    };
    let utc = humantime::parse_rfc3339_weak(&format!("{local}Z")).ok()?;
    let since = utc.duration_since(std::time::UNIX_EPOCH).ok()?;
    let utc = Timestamp::from_millis(i64::try_from(since.as_millis()).ok()?);
    Some(match offset {
        None => utc,
        Some((true, offset)) => utc.plus(offset),
        Some((false, offset)) => utc.minus(offset),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Option<String> {
        let now = Timestamp::from_millis(1_714_608_000_000);
        moment(text, now).map(Timestamp::rfc3339)
    }

    #[test]
    fn moments_are_times_or_ages() {
        assert_eq!(at("24h").as_deref(), Some("2024-05-01T00:00:00.000Z"));
        assert_eq!(at("1h 30m").as_deref(), Some("2024-05-01T22:30:00.000Z"));
        assert_eq!(at("2024-05-01T10:00:00Z").as_deref(), Some("2024-05-01T10:00:00.000Z"));
        assert_eq!(at("2024-05-01T10:00:00.25Z").as_deref(), Some("2024-05-01T10:00:00.250Z"));
        assert_eq!(at("2024-05-01T10:00:00+02:00").as_deref(), Some("2024-05-01T08:00:00.000Z"));
        assert_eq!(at("2024-05-01T10:00:00 02:00").as_deref(), Some("2024-05-01T08:00:00.000Z"));
        assert_eq!(at("2024-05-01T10:00:00-07:30").as_deref(), Some("2024-05-01T17:30:00.000Z"));
        assert_eq!(at("2024-05-01").as_deref(), Some("2024-05-01T00:00:00.000Z"));
        for wrong in [
            "yesterday",
            "24",
            "-1h",
            "2024-13-01",
            "2024-05-01T10:00:00+99:00",
            "é+00:00",
            "1969-01-01",
        ] {
            assert_eq!(at(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_flag_is_true_or_false() {
        let flag = |text: &str| Query::parse(&text.parse().unwrap(), &["masked"])?.flag("masked");
        assert!(flag("/e?masked=true").unwrap());
        assert!(!flag("/e?masked=false").unwrap() && !flag("/e").unwrap());
        for wrong in ["yes", "1", ""] {
            assert!(flag(&format!("/e?masked={wrong}")).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn only_known_parameters_once() {
        let parse = |text: &str| Query::parse(&text.parse().unwrap(), &["limit", "agent"]);
        assert_eq!(parse("/e?agent=a%20b").unwrap().text("agent").as_deref(), Some("a b"));
        assert_eq!(parse("/e").unwrap().page().unwrap(), Page { limit: LIMIT, after: None });
        assert!(parse("/e?agnet=a").is_err());
        assert!(parse("/e?agent=a&agent=b").is_err());
        for empty in ["/e?agent=", "/e?agent", "/e?limit=3&agent="] {
            let said = parse(empty).unwrap_err().into_body().detail;
            assert!(said.starts_with("`agent` is empty"), "{empty}: {said}");
        }
        for wrong in ["0", "1001", "-1", "many"] {
            assert!(parse(&format!("/e?limit={wrong}")).unwrap().page().is_err(), "{wrong}");
        }
    }
}
