//! What of the text may be shown with a problem. Everything is masked but keys, the marks of YAML itself and the values
//! that `shape` cleared because their place is no secret: a key that was written where nobody expects one, in a comment or
//! under a misspelt name is masked because nobody cleared it.

use super::document::Span;

/// The text with every character masked that is not in `clear`. A mask has as many bytes as what it hides, so places stay.
pub(super) fn masked(text: &str, clear: &mut Vec<Span>) -> String {
    clear.extend(references(text));
    clear.sort_unstable();
    let mut spans = clear.iter().peekable();
    let mut cleared_to = 0;
    text.char_indices()
        .map(|(at, c)| {
            while let Some((_, to)) = spans.next_if(|(from, _)| *from <= at) {
                cleared_to = cleared_to.max(*to);
            }
            if at < cleared_to || is_structure(c) { c } else { cover(c) }
        })
        .collect()
}

/// The names in `${NAME…}` and `${file:/path}`: what they stand for is a secret, they are not. Their defaults may be.
fn references(text: &str) -> impl Iterator<Item = Span> {
    text.match_indices("${")
        .filter(|(at, _)| !text.get(..*at).is_some_and(|before| before.ends_with('$')))
        .filter_map(|(at, _)| {
            let rest = text.get(at + 2..)?;
            let length = match rest.strip_prefix("file:") {
                Some(path) => 5 + path.find(['}', '\n'])?,
                None => rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')?,
            };
            Some((at, at + 2 + length))
        })
}

/// The words of a text that YAML cannot read: no place is known, so only words that are known keys are cleared.
pub(super) fn known_words(text: &str, known: impl Fn(&str) -> bool) -> Vec<Span> {
    let end_of_word =
        |c: char| c.is_whitespace() || matches!(c, ':' | '{' | '}' | '[' | ']' | ',' | '"' | '\'');
    let mut spans = Vec::new();
    let mut from = 0;
    for piece in text.split_inclusive(end_of_word) {
        let word = piece.trim_end_matches(end_of_word);
        if !word.is_empty() && known(word) {
            spans.push((from, from + word.len()));
        }
        from += piece.len();
    }
    spans
}

fn is_structure(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, ':' | '{' | '}' | '[' | ']' | ',' | '"' | '\'' | '#' | '-' | '|' | '>' | '$')
}

/// A character of the same length in UTF-8.
fn cover(c: char) -> char {
    match c.len_utf8() {
        1 => '*',
        2 => '·',
        3 => '•',
        _ => '🀫',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_cleared_is_shown_and_places_stay() {
        let text = "key: sk_geheim-€ü🎉 # ${OLD:-sk_old}\nurl: x";
        let url = text.find("url").unwrap();
        let shown = masked(text, &mut vec![(url, url + 3), (0, 3)]);
        assert_eq!(shown, "key: *********-•·🀫 # ${OLD:-******}\nurl: *");
        assert_eq!(shown.len(), text.len());
    }

    #[test]
    fn known_words_are_found_between_others() {
        let text = "listen 1:2\nxlisten listen";
        assert_eq!(known_words(text, |word| word == "listen"), [(0, 6), (19, 25)]);
    }
}
