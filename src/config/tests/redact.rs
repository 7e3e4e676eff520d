//! A text as it may be shown: no secret that stands at a place of one is in it, and its lines are where they were.

use proptest::prelude::*;

use super::posted::posted;
use super::*;

const EXAMPLE: &str = include_str!("../../../rules.example.yaml");
const EVERYTHING: &str = include_str!("../../../tests/fixtures/config/valid/everything.yaml");

/// A key for Standard Webhooks as well, in which no marks of YAML stand.
const CANARY: &str = "whsec_Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5";

fn shown(text: &str) -> String {
    let shown = without_secrets(text);
    assert_eq!(shown.matches('\n').count(), text.matches('\n').count(), "{text}\n--\n{shown}");
    shown
}

#[test]
fn secrets_go_and_names_and_comments_stay() {
    let text = r#"# ours
version: 1
admin_token: ${HOOKSWITCH_ADMIN_TOKEN:-}   # empty means none
sources:
  retell:
    path: /webhook
    verify: { retell: ["${RETELL_API_KEY}", key_literal, '${OLD:-key_default}'], tolerance: 5m } # two
targets:
  slack: { kind: slack, url: "${SLACK_URL:-http://127.0.0.1:8082/slack}", text: "{{ event }}" }
  crm:
    kind: http
    url: https://crm.example.com/hooks/retell?agent={{ agent_id }}
    headers:
      authorization: "Bearer ${CRM_TOKEN}"
      # the next one is long
      x-key: |
        first line
        second line
      x-tenant: ${file:/run/secrets/tenant}
      x-plain: one
        two
    sign: { standard: whsec_Y2FuYXJ5 }
  warehouse: { kind: http, url: http://127.0.0.1:9000 }
  odd: { kind: http, url: "https://user:password@example.com/" }
rules: [{ name: all, to: [crm, slack, warehouse, odd] }]
"#;
    let expected = r#"# ours
version: 1
admin_token: ${HOOKSWITCH_ADMIN_TOKEN:-}   # empty means none
sources:
  retell:
    path: /webhook
    verify: { retell: ["${RETELL_API_KEY}", "***", "${OLD:-***}"], tolerance: 5m } # two
targets:
  slack: { kind: slack, url: "${SLACK_URL:-***}", text: "{{ event }}" }
  crm:
    kind: http
    url: "https://crm.example.com/***"
    headers:
      authorization: "***${CRM_TOKEN}"
      # the next one is long
      x-key: |
        ***

      x-tenant: ${file:/run/secrets/tenant}
      x-plain: "***"

    sign: { standard: "***" }
  warehouse: { kind: http, url: http://127.0.0.1:9000 }
  odd: { kind: http, url: "***" }
rules: [{ name: all, to: [crm, slack, warehouse, odd] }]
"#;
    assert_eq!(shown(text), expected);
    assert_eq!(shown(expected), expected, "there is nothing left to take out");
    let example = EXAMPLE
        .replace(
            "${SLACK_WEBHOOK_URL:-http://127.0.0.1:8082/slack}",
            "\"${SLACK_WEBHOOK_URL:-***}\"",
        )
        .replace("${CRM_URL:-http://127.0.0.1:8082/crm}", "\"${CRM_URL:-***}\"")
        .replace("Bearer ${CRM_TOKEN:-a-token}", "***${CRM_TOKEN:-***}");
    assert_eq!(shown(EXAMPLE), example);
    assert!(shown(EVERYTHING).contains("# "), "comments stay");
}

#[test]
fn a_value_is_as_secret_as_the_most_secret_place_where_an_alias_puts_it() {
    let text = format!(
        "version: 1
sources: {{ retell: {{ path: /w, verify: {{ retell: &keys [ {CANARY} ] }} }} }}
targets:
  one: {{ kind: http, url: 'http://127.0.0.1', body: {{ a: &shown {CANARY}x, b: [&more {CANARY}y] }} }}
  two: {{ kind: http, url: 'http://127.0.0.1', headers: {{ x-a: *shown }}, sign: {{ retell: *more }} }}
"
    );
    load_plain(&text).expect("it loads");
    let shown = shown(&text);
    assert!(!shown.contains(CANARY), "{shown}");
    assert!(shown.contains("&shown \"***\""), "{shown}");
}

#[test]
fn what_cannot_be_read_is_masked_but_for_the_keys() {
    for text in [
        "admin_token: canary\n  x: [\nlisten: 127.0.0.1:1 # canary\n",
        "admin_token: canary\nadmin_token: canary\n",
        "admin_token: !!str canary\n",
        "- canary\n- { url: canary }\n",
        "\"canary",
        "sources: { retell: { verfy: [canary] } }\n",
        "targets: { crm: { kind: sms, key: { a: [canary] }, url: 'http://h/canary' } }\n",
        "targets: [canary]\nrules: canary\nadmin_token: [canary, { a: canary }]\n",
        "\u{feff}admin_token: canary\r\n",
        "admin_token: \"can\\\n  ary\"\n",
    ] {
        let shown = shown(text);
        assert!(!shown.contains("canary") && !shown.contains("can\\"), "{text}\n--\n{shown}");
    }
    assert_eq!(shown("listen: x\nurl: y: z\n"), "listen: *\nurl: *: *\n");
}

/// A text as YAML in the `style`-th of the ways to write it as a value in a block, whose key stands so far in.
fn written(text: &str, style: usize, indent: usize) -> String {
    let deeper = " ".repeat(indent + 2);
    match style {
        0 => format!("{text} # a comment"),
        1 => format!("'{text}'"),
        2 => serde_json::Value::String(text.to_owned()).to_string(),
        3 => format!("|-\n{deeper}{text}\n{deeper}# no comment {CANARY}"),
        4 => format!("|2-\n{deeper}{text}\n\n"),
        5 => format!(">-\n{deeper}{text}\n\n# a comment"),
        6 => format!("\"\\\n{deeper}{text}\\\n{deeper}\""),
        7 => format!("&anchor{indent}\n{deeper}{text}"),
        8 => format!("&anchor{indent} '{text}'   "),
        9 => format!("\n{deeper}\n\n{deeper}# a comment\n{deeper}\"{text}\"\n"),
        10 => format!("&anchor{indent} # a comment\n{deeper}# and another\n{deeper}{text}"),
        11 => format!("&anchor{indent} |- # a comment\n{deeper}{text}"),
        12 => {
            let escaped: Vec<_> =
                text.chars().map(|c| format!("\\U{:08x}", u32::from(c))).collect();
            format!("\"{}\"", escaped.concat())
        }
        _ => format!("\"${{VARIABLE:-{text}}}\""),
    }
}
const STYLES: usize = 14;

/// A configuration with secrets at every place of one, each written in a way of its own.
fn hostile(styles: &[usize], windows: bool) -> String {
    let mut styles = styles.iter().copied().cycle();
    let mut value = |text: &str, indent: usize| written(text, styles.next().unwrap(), indent);
    // Two lines in a header are refused, and so is a key with blanks: style 3 puts more into the value than was asked for.
    let text = format!(
        "version: 1
admin_token: {}
sources:
  a:
    path: /a
    verify:
      retell: {}
  b:
    path: /b
    verify:
      retell:
        - {}
        - {}
targets:
  one:
    kind: http
    url: {}
    sign:
      retell: {}
    body: {{ shown: here }}
  two:
    kind: http
    headers:
      x-a: {}
      x-b: {}
    sign:
      standard: {}
    url: {}
  three:
    kind: slack
    url: {}
rules:
  - name: all
    to: [one, two, three]
tests:
  - name: it
    event: {{ event: call_ended }}
    expect:
      sends:
        one:
          url: {}
          headers:
            x-c: {}
",
        value(CANARY, 0),
        value(CANARY, 6),
        value(CANARY, 8),
        value(CANARY, 8),
        value(&format!("https://example.com/{CANARY}?x={CANARY}"), 4),
        value(CANARY, 6),
        value(CANARY, 6),
        value(&format!("Bearer {CANARY}"), 6),
        value(CANARY, 6),
        value(&format!("https://u:{CANARY}@example.com/"), 4),
        value(&format!("https://example.com/services/{CANARY}"), 4),
        value(&format!("https://example.com/{CANARY}"), 10),
        value(CANARY, 12),
    );
    if windows { text.replace('\n', "\r\n") } else { text }
}

fn assert_hidden(text: &str) {
    let shown = shown(text);
    let hidden = !shown.contains(CANARY) && !shown.contains("whsec_") && !shown.contains("Y2Fu");
    assert!(hidden && !shown.contains("\\U0000"), "{text}\n--\n{shown}");
}

#[test]
fn every_way_to_write_a_secret_is_seen_through() {
    for style in (0..STYLES).filter(|style| *style != 3) {
        let text = hostile(&[style], false);
        if let Err(problems) = load_plain(&text) {
            panic!("style {style} does not load, so it shows nothing:\n{problems}");
        }
        assert_hidden(&text);
        let shown = shown(&text);
        assert!(shown.contains("name: all") && shown.contains("shown: here"), "{style}:\n{shown}");
        // Whoever takes what is shown and changes a rule can look at what that would do.
        if let Err(problems) = posted(&shown).0 {
            panic!("style {style}: what is shown cannot be posted:\n{problems}\n{shown}");
        }
    }
}

proptest! {
    #[test]
    fn no_secret_is_shown(styles in prop::collection::vec(0..STYLES, 1..14), windows: bool, cut in 0..120_usize) {
        let text = hostile(&styles, windows);
        let cut = text.len() * cut / 100;
        assert_hidden(text.get(..cut.min(text.len())).unwrap_or(&text));
    }
}
