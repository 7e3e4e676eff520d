//! An explanation for people: one line for each thing, in whole words, so that it can be read aloud.

use crate::rule::{Mode, PredicateTrace, RuleOutcome};

use super::{ExplainedRequest, ExplainedRule, Explanation};

/// Most lines of one body.
const BODY_LINES_MAX: usize = 60;
/// Most characters of one line: a transcript is often a single one.
const LINE_MAX: usize = 1000;

impl Explanation {
    /// For people. It ends with a line break.
    pub fn text(&self) -> String {
        let mut out = String::new();
        line(&mut out, 0, &self.headline());
        if !self.shadow_requests.is_empty() {
            let targets: Vec<&str> =
                self.shadow_requests.iter().map(|request| request.target.as_str()).collect();
            let text = format!("Rules in shadow would send it to {}", targets.join(", "));
            line(&mut out, 0, &text);
        }
        if !self.rules.is_empty() {
            line(&mut out, 0, "");
            line(&mut out, 0, "Rules");
            self.rules.iter().for_each(|rule| rule_text(&mut out, rule));
        }
        if !self.requests.is_empty() {
            line(&mut out, 0, "");
            line(&mut out, 0, "Requests");
            self.requests.iter().for_each(|request| request_text(&mut out, request));
        }
        if !self.shadow_requests.is_empty() {
            line(&mut out, 0, "");
            line(&mut out, 0, "Requests of rules in shadow, which are not sent");
            self.shadow_requests.iter().for_each(|request| request_text(&mut out, request));
        }
        out
    }

    fn headline(&self) -> String {
        let targets: Vec<&str> =
            self.requests.iter().map(|request| request.target.as_str()).collect();
        match (self.disposition.as_str(), &self.reason) {
            ("routed", _) if self.fallback => {
                format!("No rule matched, so it goes to the fallback: {}", targets.join(", "))
            }
            ("routed", _) => format!("Goes to {}", targets.join(", ")),
            ("ignored", _) => "Ignored on purpose: stored, and sent to nobody".to_owned(),
            ("unrouted", _) => {
                "Unrouted: no rule matched and there is no fallback; stored, and sent to nobody"
                    .to_owned()
            }
            (_, Some(reason)) => {
                format!("Quarantined: {reason}; stored if it is authentic, and no rule is asked")
            }
            (other, None) => other.to_owned(),
        }
    }
}

fn rule_text(out: &mut String, rule: &ExplainedRule) {
    let effect = if rule.ignore {
        "ignore".to_owned()
    } else {
        let to: Vec<&str> = rule.to.iter().map(crate::name::TargetName::as_str).collect();
        format!("to {}{}", to.join(", "), if rule.stop { ", then stop" } else { "" })
    };
    let effect = if rule.mode == Mode::Shadow { format!("in shadow: {effect}") } else { effect };
    let name = rule.rule.as_str();
    let place = place(rule.line);
    match &rule.outcome {
        RuleOutcome::Matched => line(out, 1, &format!("✓ {name} ({effect}){place}")),
        RuleOutcome::NotMatched => line(out, 1, &format!("✗ {name} ({effect}){place}")),
        RuleOutcome::NotReached { stopped_by } => {
            line(
                out,
                1,
                &format!(
                    "- {name}: not looked at, because {:?} stopped{place}",
                    stopped_by.as_str()
                ),
            );
        }
        RuleOutcome::Disabled => line(out, 1, &format!("- {name}: not enabled{place}")),
    }
    if rule.outcome == RuleOutcome::Matched && rule.predicates.is_empty() {
        line(out, 2, "it has no condition, so it matches every event");
    }
    rule.predicates.iter().for_each(|predicate| predicate_text(out, 2, predicate));
}

fn predicate_text(out: &mut String, depth: usize, predicate: &PredicateTrace) {
    let mark = if predicate.holds { '✓' } else { '✗' };
    let place = place(predicate.line);
    if predicate.parts.is_empty() {
        let PredicateTrace { field, expected, found, .. } = predicate;
        line(out, depth, &format!("{mark} {field} {expected}, found {found}{place}"));
    } else {
        line(out, depth, &format!("{mark} {}:{place}", predicate.field));
        predicate.parts.iter().for_each(|part| predicate_text(out, depth + 1, part));
    }
}

/// Where it stands in the file, behind what is said of it.
fn place(line: Option<u32>) -> String {
    line.map_or_else(String::new, |line| format!(" [line {line}]"))
}

fn request_text(out: &mut String, request: &ExplainedRequest) {
    line(out, 1, &format!("{} ({})", request.target, request.kind));
    if let Some(failure) = &request.failure {
        line(out, 2, &format!("nothing would go out: {failure}"));
        return;
    }
    if let Some(key) = &request.order_key {
        line(out, 2, &format!("in order with others of {key}"));
    }
    if let Some(what) = &request.request {
        line(out, 2, what);
    }
    for (name, value) in &request.headers {
        line(out, 2, &format!("{name}: {value}"));
    }
    if request.unchanged {
        line(out, 2, &format!("the event as it arrived, {} bytes", request.body_bytes));
    } else if let Some(body) = &request.body {
        body_text(out, body.get());
    } else {
        line(out, 2, &format!("a body of {} bytes", request.body_bytes));
    }
}

fn body_text(out: &mut String, json: &str) {
    let pretty = match serde_json::from_str::<serde_json::Value>(json) {
        Ok(serde_json::Value::String(text)) => text,
        Ok(value) => serde_json::to_string_pretty(&value).unwrap_or_else(|_| json.to_owned()),
        Err(_) => json.to_owned(),
    };
    for text in pretty.lines().take(BODY_LINES_MAX) {
        line(out, 2, text);
    }
    let left = pretty.lines().count().saturating_sub(BODY_LINES_MAX);
    if left > 0 {
        line(out, 2, &format!("and {left} more lines"));
    }
}

/// A text of several lines, made fit for a terminal as every explanation is: one from another instance need not be.
pub fn readable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    text.lines().for_each(|text| line(&mut out, 0, text));
    out
}

/// Adds a line. What could steer a terminal or turn the direction of reading is written out, since payload text is here.
pub(super) fn line(out: &mut String, depth: usize, text: &str) {
    out.extend(std::iter::repeat_n("  ", depth));
    for c in text.chars().take(LINE_MAX) {
        if c.is_control() || is_directional(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    if text.chars().nth(LINE_MAX).is_some() {
        out.push('…');
    }
    out.push('\n');
}

fn is_directional(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::name::{RuleName, TargetName};

    use super::*;

    fn predicate(field: &str, expected: &str, found: &str, holds: bool) -> PredicateTrace {
        PredicateTrace {
            field: field.to_owned(),
            expected: expected.to_owned(),
            found: found.to_owned(),
            holds,
            line: Some(7),
            parts: Vec::new(),
        }
    }

    fn rule(name: &str, outcome: RuleOutcome, predicates: Vec<PredicateTrace>) -> ExplainedRule {
        let to = vec![TargetName::new("crm").unwrap()];
        let rule = RuleName::new(name).unwrap();
        let mode = Mode::Live;
        ExplainedRule {
            rule,
            outcome,
            predicates,
            to,
            ignore: false,
            stop: false,
            mode,
            line: Some(5),
        }
    }

    fn request(body: &str) -> ExplainedRequest {
        ExplainedRequest {
            target: "crm".to_owned(),
            kind: "http",
            order_key: Some("\"call_1\"".to_owned()),
            request: Some("POST https://crm.example.com/***".to_owned()),
            headers: vec![("authorization".to_owned(), "***".to_owned())],
            unchanged: false,
            body_bytes: body.len(),
            body: serde_json::value::to_raw_value(
                &serde_json::from_str::<serde_json::Value>(body).unwrap(),
            )
            .ok()
            .map(Arc::from),
            failure: None,
        }
    }

    /// A rule in shadow that matched, and what it would send.
    fn watching() -> ExplainedRule {
        let to = vec![TargetName::new("next").unwrap()];
        let matched = rule("trial", RuleOutcome::Matched, vec![]);
        ExplainedRule { mode: Mode::Shadow, stop: true, to, ..matched }
    }

    fn watched() -> ExplainedRequest {
        let (order_key, headers) = (None, Vec::new());
        ExplainedRequest { target: "next".to_owned(), order_key, headers, ..request("1") }
    }

    #[test]
    fn each_rule_says_why() {
        let not = PredicateTrace {
            line: None,
            parts: vec![predicate("metadata.tier", "is \"test\"", "\"gold\"", false)],
            ..predicate("not", "", "", true)
        };
        let explanation = Explanation {
            disposition: "routed".to_owned(),
            reason: None,
            fallback: false,
            rules: vec![
                ExplainedRule {
                    ignore: true,
                    stop: true,
                    ..rule(
                        "no turns",
                        RuleOutcome::NotMatched,
                        vec![predicate(
                            "event",
                            "is \"transcript_updated\"",
                            "\"call_ended\"",
                            false,
                        )],
                    )
                },
                ExplainedRule { stop: true, ..rule("gold", RuleOutcome::Matched, vec![not]) },
                watching(),
                rule(
                    "all",
                    RuleOutcome::NotReached { stopped_by: RuleName::new("gold").unwrap() },
                    vec![],
                ),
                rule("old", RuleOutcome::Disabled, vec![]),
            ],
            requests: vec![request(r#"{"id": "a\u001b[2Jb"}"#)],
            shadow_requests: vec![watched()],
        };
        let expected = "\
Goes to crm
Rules in shadow would send it to next

Rules
  ✗ no turns (ignore) [line 5]
    ✗ event is \"transcript_updated\", found \"call_ended\" [line 7]
  ✓ gold (to crm, then stop) [line 5]
    ✓ not:
      ✗ metadata.tier is \"test\", found \"gold\" [line 7]
  ✓ trial (in shadow: to next, then stop) [line 5]
    it has no condition, so it matches every event
  - all: not looked at, because \"gold\" stopped [line 5]
  - old: not enabled [line 5]

Requests
  crm (http)
    in order with others of \"call_1\"
    POST https://crm.example.com/***
    authorization: ***
    {
      \"id\": \"a\\u001b[2Jb\"
    }

Requests of rules in shadow, which are not sent
  next (http)
    POST https://crm.example.com/***
    1
";
        assert_eq!(explanation.text(), expected);
    }

    #[test]
    fn nothing_found_in_an_event_steers_the_terminal() {
        let hostile = "\u{1b}[2J\u{202e}\u{9b}31m\r\n";
        let explanation = Explanation {
            disposition: "unrouted".to_owned(),
            reason: None,
            fallback: false,
            rules: vec![rule(
                "x",
                RuleOutcome::NotMatched,
                vec![predicate("event", "is \"a\"", hostile, false)],
            )],
            requests: vec![request(&serde_json::to_string(hostile).unwrap())],
            shadow_requests: vec![request(&serde_json::to_string(hostile).unwrap())],
        };
        let text = explanation.text();
        assert!(text.contains("found \\u{1b}[2J"), "{text}");
        assert!(!text.contains(['\u{1b}', '\u{202e}', '\u{9b}', '\r']), "{text}");
    }

    #[test]
    fn long_bodies_are_cut_and_say_so() {
        let many: Vec<usize> = (0..100).collect();
        let mut out = String::new();
        body_text(&mut out, &serde_json::to_string(&many).unwrap());
        assert_eq!(out.lines().count(), BODY_LINES_MAX + 1);
        assert!(out.ends_with("and 42 more lines\n"), "{out}");
        let mut out = String::new();
        body_text(&mut out, &serde_json::to_string(&"é".repeat(5000)).unwrap());
        assert_eq!(out.trim().chars().count(), LINE_MAX + 1);
    }
}
