//! The text of a first configuration.

use super::Answers;

/// What is taken from variables: the name, a stand-in while the text is proved, and what it is.
pub(super) const SECRETS: [(&str, &str, &str); 2] = [
    (
        "RETELL_API_KEY",
        "key_0123456789abcdef",
        "the API key with the webhook badge in Retell's dashboard",
    ),
    (
        "SLACK_WEBHOOK_URL",
        "https://hooks.slack.com/services/T000/B000/XXXX",
        "an incoming webhook: https://api.slack.com/messaging/webhooks",
    ),
];

const HEAD: &str = r#"# Where the events of your voice agents go. docs/configuration.md explains every key, docs/rules.md how conditions are read.
# Edit it while hookswitch runs: a good edit takes effect at once, a broken one changes nothing and says why.

version: 1

listen: 127.0.0.1:8080            # webhooks arrive here; 0.0.0.0:8080 in a container
admin: 127.0.0.1:8081             # status, replay and /metrics

sources:
  retell:
    path: /webhook                # the address to give to Retell: https://your-host/webhook
    verify: { retell: ["${RETELL_API_KEY}"] }     # the API key with the webhook badge in Retell's dashboard

targets:
"#;

const SLACK: &str = r"  slack:                          # an incoming webhook; gets a readable summary of each event
    kind: slack
    url: ${SLACK_WEBHOOK_URL}

";

const HTTP: &str = r"  http:                           # gets the exact bytes that arrived, until it answers 2xx
    kind: http
";

const LOG: &str = r"  log:                            # one line of JSON on standard output, for trying rules out
    kind: log

";

const RULES: &str = r"# Looked at from top to bottom. Every rule that matches counts, until one with `stop` or `ignore`.
rules:
  - name: nobody needs every turn
    when: { event: transcript_updated }
    ignore: true                  # kept and counted, sent nowhere
";

const TESTS: &str = r"
# Targets for events that no rule matches. They are kept and listed as unrouted in any case.
fallback: []

# What must become of events: `hookswitch test` runs these, and so does every load of this file.
tests:
  - name: nobody gets every turn
    event: { event: transcript_updated }
    expect: { ignored: true }

  - name: an analysed call arrives
";

/// Events with a summary in them.
const ANALYZED: &str = "call_analyzed, chat_analyzed";
/// Events after which nothing more comes but their analysis, and that.
const FINISHED: &str = "call_ended, call_analyzed, chat_ended, chat_analyzed";

/// A value in quotes: what JSON writes, YAML reads.
fn quoted(value: &str) -> String {
    serde_json::Value::from(value).to_string()
}

/// The text for these answers.
pub(super) fn configuration(answers: &Answers) -> String {
    let mut parts = vec![HEAD.to_owned()];
    let mut rules = Vec::new();
    if answers.slack {
        parts.push(SLACK.to_owned());
        rules.push(("summaries to Slack", ANALYZED, "slack"));
    }
    if let Some(url) = &answers.http {
        parts.push(format!("{HTTP}    url: {}\n\n", quoted(url)));
        rules.push(("finished calls to the endpoint", FINISHED, "http"));
    }
    if rules.is_empty() {
        parts.push(LOG.to_owned());
        rules.push(("finished calls to the log", FINISHED, "log"));
    }
    parts.push(RULES.to_owned());
    let agents: Vec<_> = answers.agents.iter().map(|id| quoted(id)).collect();
    parts.extend(rules.iter().map(|(name, events, to)| rule(name, events, &agents, to)));
    let agent = agents.first().map_or("agent_1", String::as_str);
    let call = format!("{{ call_id: call_1, agent_id: {agent} }}");
    let to: Vec<_> = rules.iter().map(|(_, _, to)| *to).collect();
    parts.push(TESTS.to_owned());
    parts.push(format!("    event: {{ event: call_analyzed, call: {call} }}\n"));
    parts.push(format!("    expect: {{ to: [{}] }}\n", to.join(", ")));
    parts.concat()
}

fn rule(name: &str, events: &str, agents: &[String], to: &str) -> String {
    let agents = match agents {
        [] => String::new(),
        ids => format!("      agent_id: [{}]\n", ids.join(", ")),
    };
    format!("\n  - name: {name}\n    when:\n      event: [{events}]\n{agents}    to: [{to}]\n")
}
