//! Whatever stands in the file, loading it ends without a panic, and its problems can be shown.

use proptest::prelude::*;

use super::*;

const EXAMPLE: &str = include_str!("../../../rules.example.yaml");
const EVERYTHING: &str = include_str!("../../../tests/fixtures/config/valid/everything.yaml");

/// Loads, and shows what comes of it.
fn survive(text: &str) {
    match load_plain(text) {
        Ok(snapshot) => drop(format!("{snapshot:?}{}", snapshot.warnings)),
        Err(problems) => {
            assert!(problems.list.iter().any(|problem| problem.level == Level::Error));
            let shown = problems.show(Style::Plain);
            assert!(!shown.is_empty());
            for problem in &problems.list {
                if let Some((from, to)) = problem.span {
                    assert!(from <= to && to <= problems.text.len(), "{problem:?}");
                    assert!(problems.place(problem).is_some(), "{problem:?}");
                }
            }
        }
    }
}

/// Pieces of which YAML trouble is made.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z_]{1,12}",
        "[ \t\r\n]{1,4}",
        "[-:?,{}\\[\\]&*!|>'\"%@`#$~<=.0-9]{1,4}",
        Just("${A}".to_owned()),
        Just("${A:-".to_owned()),
        Just("{{ call.x }}".to_owned()),
        Just("\u{feff}".to_owned()),
        Just("\u{85}\u{2028}".to_owned()),
        Just("🎉é".to_owned()),
        Just("\0".to_owned()),
        Just("\n    - &a\n      *a : ".to_owned()),
        Just("<<: !!map ".to_owned()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_survived(text in any::<String>()) {
        survive(&text);
    }

    #[test]
    fn any_pieces_of_yaml_are_survived(pieces in prop::collection::vec(piece(), 0..60)) {
        survive(&pieces.concat());
    }

    #[test]
    fn a_good_file_with_something_put_in_or_taken_out_is_survived(
        text in prop::sample::select(&[EXAMPLE, EVERYTHING]),
        at in any::<prop::sample::Index>(),
        length in 0_usize..40,
        put in piece(),
    ) {
        let places: Vec<_> = text.char_indices().map(|(place, _)| place).collect();
        let from = *at.get(&places);
        let to = places.iter().copied().find(|to| *to >= from + length).unwrap_or(text.len());
        let mut damaged = text.to_owned();
        damaged.replace_range(from..to, &put);
        survive(&damaged);
    }
}
