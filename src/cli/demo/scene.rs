//! The scene: the rules of the example with a few things that go wrong, and how the stand-ins behave.
//!
//! A newcomer should see what a bad day looks like, so one target is out of order, one tenant's calls are refused, and
//! nothing catches what no rule matches. What is changed says so in the file.

use std::time::Duration;

use crate::cli::sink::Script;

/// The rules that everything starts from.
const RULES: &str = include_str!("../../../rules.example.yaml");

/// What is changed in them: what stands there, and what stands there instead.
const CHANGES: [(&str, &str); 4] = [
    (
        "    kind: slack\n",
        "    kind: slack\n    rate: 20/s                    # the demo's: its stand-in bears it, Slack takes one a second\n",
    ),
    (
        "\n# Looked at from top to bottom.",
        r"
  warehouse:                      # the demo's: out of order, so that you see retries and an open circuit
    kind: http
    url: ${WAREHOUSE_URL}

# Looked at from top to bottom.",
    ),
    (
        "\n# For events that no rule matched.",
        r"
  - name: outbound calls to the warehouse
    when: { event: { prefix: call_ }, fields: { $.call.direction: outbound } }
    to: [warehouse]

# For events that no rule matched.",
    ),
    (
        "fallback: [front-desk]\n",
        "# fallback: [front-desk]          # taken out for the demo, so that you see what is unrouted\n",
    ),
];

/// The stand-ins' paths.
pub(super) const SLACK: &str = "/slack";
pub(super) const CRM: &str = "/crm";
pub(super) const WAREHOUSE: &str = "/warehouse";

/// The tenant whose calls the CRM refuses.
pub(super) const REFUSED_TENANT: &str = "bayside-archive";

/// The rules as the demo runs them.
pub(super) fn rules() -> String {
    CHANGES.iter().fold(RULES.to_owned(), |rules, (from, to)| rules.replace(from, to))
}

/// How the stand-ins answer.
pub(super) fn script() -> Script {
    Script { statuses: vec![200], retry_after: None, delay: Duration::ZERO, answer: Some(answer) }
}

/// What a stand-in has against a request.
fn answer(path: &str, body: &[u8]) -> Option<u16> {
    let names_tenant =
        || body.windows(REFUSED_TENANT.len()).any(|part| part == REFUSED_TENANT.as_bytes());
    match path {
        WAREHOUSE => Some(503),
        CRM if names_tenant() => Some(422),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use super::*;
    use crate::config::{self, MapEnvironment, Overrides};

    #[test]
    fn each_change_finds_its_place() {
        for (from, _) in CHANGES {
            assert!(RULES.contains(from), "rules.example.yaml has no {from:?} any more");
        }
    }

    #[test]
    fn the_rules_are_good() {
        let variables = ["SLACK_WEBHOOK_URL", "CRM_URL", "WAREHOUSE_URL"]
            .map(|name| (name.to_owned(), "http://127.0.0.1:9/".to_owned()));
        let environment = MapEnvironment(BTreeMap::from(variables));
        let (origin, overrides) = (Path::new("rules.yaml"), Overrides::default());
        let read = config::load_text(&rules(), origin, &environment, &overrides);
        let snapshot = read.unwrap_or_else(|problems| panic!("{problems}"));
        assert!(snapshot.rules.fallback().is_empty());
        // One finding, for the page to show: nothing catches what no rule matched.
        let [finding] = &*snapshot.warnings.list else { panic!("{}", snapshot.warnings) };
        assert!(finding.text.contains("fallback"), "{}", snapshot.warnings);
    }

    #[test]
    fn the_stand_ins_fail_where_they_should() {
        assert_eq!(answer(WAREHOUSE, b"{}"), Some(503));
        assert_eq!(answer(CRM, br#"{"tenant":"bayside-archive"}"#), Some(422));
        assert_eq!(answer(CRM, br#"{"tenant":"bayside-dental"}"#), None);
        assert_eq!(answer(SLACK, b"bayside-archive"), None);
    }
}
