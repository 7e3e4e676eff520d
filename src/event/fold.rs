//! Comparing text without case: Unicode's simple case folding, character by character, without regard to any language.
//!
//! A folded text has as many characters as before, so `ß` is equal to `ẞ` but not to `ss`, and `I` to `i` but not to the
//! Turkish `ı`. The regex crate folds alike under `(?i)`, so all string operators agree; a test holds that.

use std::sync::LazyLock;

/// No character above folds to another; a test holds that.
const LAST: char = '\u{1ffff}';

/// Every character that folds to another one, in order, each with that one.
static FOLDED: LazyLock<Vec<(char, char)>> = LazyLock::new(|| {
    let all = ('\0'..=LAST).map(|c| (c, fold_char(c)));
    all.filter(|(c, folded)| c != folded).collect()
});

/// The representative of all characters that are equal to this one without case.
pub(crate) fn fold_char(c: char) -> char {
    if c.is_ascii() {
        return c.to_ascii_lowercase();
    }
    // Upper-case of the dotless i is `I`, but nothing folds to it.
    if c == 'ı' {
        return c;
    }
    let upper = single(c.to_uppercase()).unwrap_or(c);
    single(upper.to_lowercase()).unwrap_or(upper)
}

/// `text` folded; `None` if it already is.
pub(crate) fn fold(text: &str) -> Option<String> {
    let same = if text.is_ascii() {
        !text.bytes().any(|byte| byte.is_ascii_uppercase())
    } else {
        text.chars().all(|c| fold_char(c) == c)
    };
    (!same).then(|| text.chars().map(fold_char).collect())
}

/// What the characters from `low` to `high` fold to, where that is another character.
pub(crate) fn fold_range(low: char, high: char) -> impl Iterator<Item = char> {
    let first = FOLDED.partition_point(|(c, _)| *c < low);
    let rest = FOLDED.iter().skip(first);
    rest.take_while(move |(c, _)| *c <= high).map(|(_, folded)| *folded)
}

/// All characters that are equal to this one without case, and it itself.
pub(crate) fn equal_chars(c: char) -> impl Iterator<Item = char> {
    let own = fold_char(c);
    let others = FOLDED.iter().filter(move |(_, folded)| *folded == own).map(|(other, _)| *other);
    std::iter::once(own).chain(others)
}

fn single(mut characters: impl Iterator<Item = char>) -> Option<char> {
    let first = characters.next()?;
    characters.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_one_character_to_one() {
        assert_eq!(fold("grüß dich"), None);
        assert_eq!(fold("GRÜẞ Dich").as_deref(), Some("grüß dich"));
        assert_eq!(fold("ΣΑΣ"), Some("σασ".into()));
        assert_eq!(fold("σας"), Some("σασ".into()));
        assert_eq!(fold("Kelvin").as_deref(), Some("kelvin"));
        assert_eq!(fold("ıIİ").as_deref(), Some("ıiİ"));
    }

    #[test]
    fn a_range_folds_as_its_characters_do() {
        let folds = |low, high| fold_range(low, high).collect::<String>();
        assert_eq!(folds('X', 'b'), "xyz");
        assert_eq!(folds('a', 'z'), "");
        assert_eq!(folds('\u{212a}', '\u{212b}'), "kå");
        assert!(('\u{20000}'..=char::MAX).all(|c| fold_char(c) == c), "`LAST` is too low");
    }

    #[test]
    fn equal_characters_are_known() {
        assert_eq!(equal_chars('ς').collect::<String>(), "σΣς");
        assert_eq!(equal_chars('K').collect::<String>(), "kK\u{212a}");
        assert_eq!(equal_chars('中').collect::<String>(), "中");
    }

    /// Every character that has a case: it folds to what the regex crate finds equal, and folding again changes nothing.
    #[test]
    fn agrees_with_the_regex_crate() {
        // The standard library may know a later Unicode than the regex crate.
        let unassigned = regex::Regex::new(r"^\p{Cn}$").unwrap();
        let mut seen = 0;
        for c in ('\u{80}'..=char::MAX).filter(|&c| c.is_alphabetic() || fold_char(c) != c) {
            let folded = fold_char(c);
            assert_eq!(fold_char(folded), folded, "{c:?}");
            if folded == c || unassigned.is_match(c.encode_utf8(&mut [0; 4])) {
                continue;
            }
            seen += 1;
            let expression = format!("^(?i:{c})$");
            let equal = regex::Regex::new(&expression).unwrap();
            assert!(equal.is_match(folded.encode_utf8(&mut [0; 4])), "{c:?} and {folded:?}");
        }
        assert!(seen > 1000, "{seen}");
    }
}
