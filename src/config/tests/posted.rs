//! What a text from somebody else is lent: nothing that its author could not see anyhow.

use std::collections::BTreeSet;
use std::sync::Mutex;

use super::*;

/// Notes which variables are looked up.
#[derive(Debug, Default)]
struct Watched(Mutex<BTreeSet<String>>);

impl Environment for Watched {
    fn variable(&self, name: &str) -> Option<String> {
        self.0.lock().unwrap().insert(name.to_owned());
        Some(match name {
            "TIER" => "gold".to_owned(),
            "WAIT" => "7s".to_owned(),
            _ => format!("canary-{name}"),
        })
    }
}

impl Watched {
    fn looked_up(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap()).into_iter().collect()
    }
}

const RUNNING: &str = "version: 1
sources: { retell: { path: /webhook, verify: { retell: [\"${KEY}\"] } } }
defaults: { timeout: \"${WAIT}\" }
targets: { crm: { kind: http, url: \"https://x.example/${PATH_KEY}\", headers: { authorization: \"Bearer ${TOKEN}\" } } }
rules: [{ name: gold, when: { metadata: { tier: \"${TIER}\" } }, to: [crm] }]
fallback: []
";

fn running(environment: &Watched) -> Snapshot {
    let origin = Path::new("rules.yaml");
    let loaded = load_text(RUNNING, origin, environment, &Overrides::default());
    let snapshot = loaded.unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(environment.looked_up(), ["KEY", "PATH_KEY", "TIER", "TOKEN", "WAIT"]);
    snapshot
}

/// Posts a text, and tells what was looked up for it.
pub(super) fn posted(text: &str) -> (Result<Snapshot, Problems>, Vec<String>) {
    let environment = Watched::default();
    let running = running(&environment);
    let loaded = load_posted(text, &running, &environment, &Overrides::default());
    (loaded, environment.looked_up())
}

const HEAD: &str = "version: 1\nsources: { a: { path: /a, verify: none } }\ntargets: { crm: { kind: log } }\nfallback: []\n";

#[test]
fn the_running_text_is_lent_what_it_shows_and_nothing_else() {
    let (loaded, looked_up) = posted(RUNNING);
    let snapshot = loaded.unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(looked_up, ["TIER", "WAIT"]);
    assert_eq!(snapshot.outside, ["TIER", "WAIT"]);
    assert_eq!(snapshot.targets.values().next().expect("one").timeout, Duration::from_secs(7));
}

#[test]
fn what_is_a_secret_or_shown_elsewhere_cannot_be_named_in_rules() {
    for (place, rule) in [
        ("name", "{ name: \"x ${NAME}\", to: [crm] }"),
        ("to[0]", "{ name: x, to: [\"${NAME}\"] }"),
        ("when.event", "{ name: x, when: { event: \"${NAME}\" }, to: [crm] }"),
        (
            "when.fields",
            "{ name: x, when: { fields: { $.v: { glob: \"[a-${NAME}]*\" } } }, to: [crm] }",
        ),
        ("when.fields", "{ name: x, when: { fields: { $.v: { gt: \"${NAME}\" } } }, to: [crm] }"),
        ("enabled", "{ name: x, to: [crm], enabled: \"${NAME}\" }"),
    ] {
        for name in ["KEY", "TOKEN", "PATH_KEY", "HOME", "WAIT"] {
            let text = format!("{HEAD}rules: [{}]\n", rule.replace("NAME", name));
            let (loaded, looked_up) = posted(&text);
            let problems = loaded.expect_err("it is refused");
            assert!(looked_up.is_empty(), "{text}: {looked_up:?}");
            let said = problems.to_string();
            assert!(said.contains(place) && said.contains(name), "{said}");
            assert!(said.contains("is not looked up for a posted text"), "{said}");
            assert!(!format!("{said}{problems:?}").contains("canary"), "{said}");
        }
    }
}

#[test]
fn a_default_is_taken_and_said_to_be() {
    let rules = "rules: [{ name: x, when: { event: \"${KEY:-call_ended}\" }, to: [crm] }]\n";
    let (loaded, looked_up) = posted(&format!("{HEAD}{rules}"));
    let snapshot = loaded.unwrap_or_else(|problems| panic!("{problems}"));
    assert!(looked_up.is_empty());
    let said = snapshot.warnings.to_string();
    assert!(said.contains("the default of KEY is taken here"), "{said}");
    // One that stands in another's default is treated alike.
    let nested = "rules: [{ name: \"${TIER_NAME:-${KEY}}\", to: [crm] }]\n";
    let (loaded, looked_up) = posted(&format!("{HEAD}{nested}"));
    assert!(loaded.is_err() && looked_up.is_empty());
}

#[test]
fn what_nobody_looks_at_has_something_of_the_right_form_in_its_place() {
    let text = r#"version: 1
admin: 0.0.0.0:8081
admin_token: ${ADMIN:-}
sources: { a: { path: /a, verify: { retell: ["${K1}", "${K2:?a key}"] } } }
targets:
  a: { kind: http, url: "${A}", sign: { standard: "${B}" } }
  b: { kind: http, url: "${A}/hooks?x={{ agent_id }}", sign: { standard: "whsec_${B}" } }
  c: { kind: http, url: "https://${HOST}/x", headers: { x-a: "${C}" } }
  d: { kind: http, url: "${SCHEME}://x.example:${PORT}/${A}", body: { t: "${C} {{ event }}" } }
  e: { kind: slack, url: "${A:-http://127.0.0.1:9}", text: "${C}" }
fallback: [a, b, c, d, e]
"#;
    let (loaded, looked_up) = posted(text);
    loaded.unwrap_or_else(|problems| panic!("{problems}"));
    assert!(looked_up.is_empty(), "{looked_up:?}");
}

#[test]
fn no_file_is_looked_for() {
    let folder = tempfile::tempdir().unwrap();
    let there = folder.path().join("secret");
    std::fs::write(&there, "canary-file").unwrap();
    let missing = folder.path().join("missing");
    let said = |path: &Path| {
        let path = path.display();
        let text = format!(
            "version: 1\nsources: {{ a: {{ path: /a, verify: {{ retell: [\"${{file:{path}}}\"] }} }} }}\n\
             targets: {{ t: {{ kind: http, url: \"https://x.example/${{file:{path}}}\", ca_file: {path} }} }}\n\
             fallback: [t]\n\
             tests: [{{ name: n, event: {path}, expect: {{ to: [t] }} }}]\n"
        );
        let snapshot = posted(&text).0.unwrap_or_else(|problems| panic!("{problems}"));
        assert!(snapshot.trials.is_empty() && snapshot.inputs.files.is_empty());
        assert!(snapshot.outside.is_empty(), "{:?}", snapshot.outside);
        snapshot.warnings.to_string()
    };
    assert_eq!(said(&there), said(&missing), "whether it is there cannot be told");
    let shown =
        format!("{HEAD}rules: [{{ name: \"${{file:{}}}\", to: [crm] }}]\n", there.display());
    let said = posted(&shown).0.expect_err("a secret is no name").to_string();
    assert!(said.contains("is for secrets") && !said.contains("canary"), "{said}");
}

#[test]
fn what_is_wrong_is_told_as_ever() {
    let said = posted("version: 1\ntargest: {}\n").0.expect_err("no key").to_string();
    assert!(said.contains("<posted>:2:1") && said.contains("targest"), "{said}");
}

#[test]
fn the_example_can_be_posted() {
    let example = include_str!("../../../rules.example.yaml");
    let (loaded, looked_up) = posted(example);
    loaded.unwrap_or_else(|problems| panic!("{problems}"));
    assert!(looked_up.is_empty(), "{looked_up:?}");
}
