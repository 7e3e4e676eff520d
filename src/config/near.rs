//! *Did you mean*: the known word that a misspelt one is nearest to.

/// Words longer than this are not compared: no key of ours is.
const LENGTH_MAX: usize = 64;

/// The candidate nearest to `word`, if it is near enough to be what was meant.
pub(super) fn nearest<'c>(
    word: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<&'c str> {
    let word = plain(word);
    let length = word.chars().count();
    if length > LENGTH_MAX {
        return None;
    }
    let allowed = match length {
        0 | 1 => 0,
        2..=4 => 1,
        5..=8 => 2,
        _ => 3,
    };
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= LENGTH_MAX + 3)
        .map(|candidate| (distance(&word, &plain(candidate)), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// A hint for people: ``did you mean `x`?``, or nothing.
pub(super) fn did_you_mean<'c>(
    word: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<String> {
    nearest(word, candidates).map(|near| format!("did you mean `{near}`?"))
}

/// Case, hyphens and underscores are what people mix up first.
fn plain(word: &str) -> String {
    word.chars().map(|c| if c == '-' { '_' } else { c.to_ascii_lowercase() }).collect()
}

/// How many characters have to be put in, taken out or replaced (Levenshtein), row by row.
fn distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.chars().count()).collect();
    for (at, from) in left.chars().enumerate() {
        let mut next = Vec::with_capacity(row.len());
        let mut before = at + 1;
        next.push(before);
        for ((to, above_left), above) in right.chars().zip(&row).zip(row.iter().skip(1)) {
            let replaced = above_left + usize::from(from != to);
            before = replaced.min(above + 1).min(before + 1);
            next.push(before);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_word() {
        let words = ["timeout", "concurrency", "retry", "rate", "url"];
        assert_eq!(nearest("timout", words), Some("timeout"));
        assert_eq!(nearest("Time-Out", words), Some("timeout"));
        assert_eq!(nearest("concurency", words), Some("concurrency"));
        assert_eq!(nearest("urll", words), Some("url"));
        assert_eq!(nearest("host", words), None);
        assert_eq!(nearest("", words), None);
        assert_eq!(nearest(&"x".repeat(100_000), words), None);
    }
}
