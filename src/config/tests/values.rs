//! Values from outside, and where they may be shown.

use std::fs;

use super::*;

fn environment(values: &[(&str, &str)]) -> MapEnvironment {
    MapEnvironment(
        values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
    )
}

/// Loads a file with `data_dir: <written>`, a text that is neither looked into nor secret, and returns its value.
fn filled(written: &str, values: &[(&str, &str)]) -> Result<String, String> {
    let text = format!(
        "version: 1\nsources: {{ a: {{ path: /a, verify: none }} }}\nfallback: []\ndata_dir: {written}\n"
    );
    let loaded = load_text(&text, Path::new(""), &environment(values), &Overrides::default());
    loaded
        .map(|snapshot| snapshot.settings.data_dir.display().to_string())
        .map_err(|problems| problems.list.iter().map(|problem| problem.text.clone()).collect())
}

#[test]
fn each_form_is_put_in() {
    let set = &[("A", "one"), ("EMPTY", ""), ("BRACES", "${A} {{ x }} : #")];
    let ok = |text: &str| Ok(text.to_owned());
    for (written, expected) in [
        ("${A}", ok("one")),
        ("x${A}y${A}z", ok("xoneyonez")),
        ("${A:-two}", ok("one")),
        ("${B:-two}", ok("two")),
        ("${EMPTY:-two}", ok("two")),
        ("${B:-${A}!}", ok("one!")),
        ("${B:-a ${C:-b ${A} c} d}", ok("a b one c d")),
        ("${A:?why}", ok("one")),
        (
            "${B:?set it to a folder}",
            Err("the variable B is needed: set it to a folder".to_owned()),
        ),
        ("${EMPTY:?set it}", Err("the variable EMPTY is needed: set it".to_owned())),
        ("${B}", Err("the variable B is not set".to_owned())),
        ("$${A}", ok("${A}")),
        ("$${A}${A}$${", ok("${A}one${")),
        ("$A $", ok("$A $")),
        ("\"${BRACES}\"", ok("${A} {{ x }} : #")),
        ("${BRACES}", ok("${A} {{ x }} : #")),
        ("${A", Err("a `${` has no `}`".to_owned())),
        ("${B:-x", Err("a `${` has no `}`".to_owned())),
        ("${A-x}", Err("`${A` is not followed by `}`, `:-` or `:?`".to_owned())),
        ("${}", Err("`${` is not followed by the name of a variable".to_owned())),
        ("${9}", Err("`${` is not followed by the name of a variable".to_owned())),
    ] {
        assert_eq!(filled(written, set), expected, "{written}");
    }
}

#[test]
fn a_plain_value_is_read_again_and_a_quoted_one_stays_a_text() {
    let load_with = |written: &str, value: &str| {
        let text = format!(
            "version: 1\nsources: {{ a: {{ path: /a, verify: none }} }}\nfallback: []\nlimits:\n  connections: {written}\n"
        );
        load_text(&text, Path::new(""), &environment(&[("N", value)]), &Overrides::default())
    };
    assert_eq!(load_with("${N}", "8").map(|snapshot| snapshot.settings.connections).ok(), Some(8));
    assert_eq!(
        load_with("1${N}", "8").map(|snapshot| snapshot.settings.connections).ok(),
        Some(18)
    );
    // Where only a number can stand, quotes are no hindrance: YAML demands them within `{ }`.
    assert_eq!(
        load_with("\"${N}\"", "8").map(|snapshot| snapshot.settings.connections).ok(),
        Some(8)
    );
    for (written, value) in [("\"8\"", ""), ("${N}", "eight"), ("${N}", "[8]"), ("${N}", "")] {
        let problems = load_with(written, value).expect_err("it is no number");
        assert!(problems.to_string().contains("expected a whole number"), "{problems}");
    }
    // A rule's literal has any type, so there the quotes decide.
    let text = |written: &str| {
        let text = format!(
            "version: 1\nsources: {{ a: {{ path: /a, verify: none }} }}\nrules:\n  - name: x\n    ignore: true\n    \
             when:\n      agent_id: {written}\nfallback: []\n"
        );
        let loaded =
            load_text(&text, Path::new(""), &environment(&[("N", "8")]), &Overrides::default());
        loaded.unwrap_or_else(|problems| panic!("{problems}")).warnings.list.len()
    };
    assert_eq!(
        (text("${N}"), text("\"${N}\"")),
        (1, 0),
        "a warning tells that a number never equals an agent"
    );
}

#[test]
fn a_value_cannot_change_the_structure_of_the_file() {
    let value = "x\nadmin: 0.0.0.0:1\n- a: {b: c}";
    assert_eq!(filled("${A}", &[("A", value)]), Ok(value.to_owned()));
}

#[test]
fn values_have_a_bound() {
    let long = "x".repeat(700_000);
    let problems = filled("${A}${A}", &[("A", &long)]).expect_err("it is too long");
    assert_eq!(problems, "what is put in here is longer than 1048576 bytes");
}

#[test]
fn a_file_gives_its_text_without_one_final_newline() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("rules.yaml");
    let text = "version: 1\nadmin: 0.0.0.0:8081\nadmin_token: ${file:token}\n\
                sources: { a: { path: /a, verify: none } }\nfallback: []\n";
    fs::write(&path, text).expect("it can be written");
    let load_now = || load(&path, &environment(&[]), &Overrides::default());
    let token = |content: &[u8]| {
        fs::write(folder.path().join("token"), content).expect("it can be written");
        let snapshot = load_now()
            .map_err(|problems| problems.list.iter().map(|p| p.text.clone()).collect::<String>())?;
        Ok::<_, String>(snapshot.settings.admin_token.map(|token| token.expose().to_owned()))
    };
    assert_eq!(token(b"0123456789abcdef\n"), Ok(Some("0123456789abcdef".to_owned())));
    assert_eq!(token(b"0123456789abcdef\r\n"), Ok(Some("0123456789abcdef".to_owned())));
    assert_eq!(token(b"0123456789abcdef"), Ok(Some("0123456789abcdef".to_owned())));
    // A second newline belongs to the text, and a token has none.
    assert!(token(b"0123456789abcdef\n\n").is_err_and(|text| text.contains("visible ASCII")));
    assert!(token(b"\n").is_err_and(|text| text.contains("needs `admin_token`")));
    assert!(token(b"\xff").is_err_and(|text| text.contains("is not UTF-8 text")));
    assert!(token(&vec![b'x'; 70_000]).is_err_and(|text| text.contains("longer than 65536 bytes")));
    fs::remove_file(folder.path().join("token")).expect("it was there");
    let problems = load_now().expect_err("it is gone");
    assert!(problems.to_string().contains("cannot be read"), "{problems}");
    assert_eq!(*problems.inputs.files, [folder.path().join("token")]);
}

#[test]
fn inputs_change_with_every_file_that_was_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("rules.yaml");
    let text = "version: 1\nadmin_token: ${file:token}\nsources: { a: { path: /a, verify: none } }\nfallback: []\n";
    fs::write(&path, text).expect("it can be written");
    let load_now = || load(&path, &environment(&[]), &Overrides::default());
    let now = |inputs: &Inputs| Inputs::hash_now(&path, &inputs.files);
    // Refused, because the file is not there yet: its appearance is a change.
    let refused = load_now().expect_err("no token").inputs;
    assert_eq!(now(&refused), refused.hash);
    fs::write(folder.path().join("token"), "0123456789abcdef").expect("it can be written");
    assert_ne!(now(&refused), refused.hash);
    let loaded = load_now().expect("it loads");
    assert_eq!(now(&loaded.inputs), loaded.inputs.hash);
    fs::write(folder.path().join("token"), "0123456789abcdeF").expect("it can be written");
    assert_ne!(now(&loaded.inputs), loaded.inputs.hash);
    // The revision names the text alone.
    assert_eq!(load_now().expect("it loads").revision, loaded.revision);
    fs::write(&path, format!("{text}\n")).expect("it can be written");
    assert_ne!(load_now().expect("it loads").revision, loaded.revision);
}
