//! One check on texts as an automaton that reads a text character by character.
//!
//! Every check on texts but a regular expression is one of four: the beginning, a run to be found, one of some whole
//! texts, a glob. Each is deterministic here (a glob's places are a set of bits), so its opposite is the same automaton
//! with the ends exchanged.

use regex::Regex;

use super::value::{Atom, What};
use super::work::Gap;
use crate::event::fold_char;
use crate::rule::glob::{Glob, Token};
use crate::rule::test::{Check, Constant};

/// Most places of a glob, so that a set of them fits into a word.
const GLOB_MAX: usize = 63;

/// Characters that no automaton tells apart, by one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Symbol {
    /// What automata see that do not ignore case.
    pub(super) plain: char,
    /// What those see that do.
    pub(super) folded: char,
    /// Whether `plain` is one of these characters; else they may be none at all.
    pub(super) real: bool,
}

/// One check on texts.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Automaton<'t> {
    kind: Kind<'t>,
    folded: bool,
}

#[derive(Debug, Clone, PartialEq)]
enum Kind<'t> {
    /// One of these, which are sorted.
    Words(&'t [String]),
    Prefix(Vec<char>),
    /// For each place in the run, how much of its beginning stands before that place once more.
    Run {
        run: Vec<char>,
        back: Vec<usize>,
        ends: bool,
    },
    /// `None` is a star.
    Glob(Vec<Option<Token>>),
    Opaque(Opaque<'t>),
    Never,
}

/// What is not looked into.
#[derive(Debug, Clone, Copy)]
enum Opaque<'t> {
    Regex(&'t Regex),
    Glob(&'t Glob),
}

impl PartialEq for Opaque<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Regex(left), Self::Regex(right)) => left.as_str() == right.as_str(),
            (Self::Glob(left), Self::Glob(right)) => left == right,
            _ => false,
        }
    }
}

/// Where an automaton stands in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Spot {
    /// However the text goes on, it does not match.
    Dead,
    /// However the text goes on, it matches.
    Done,
    /// So much was read.
    At(usize),
    /// These words begin with what was read, which is so many bytes.
    Words(usize, usize, usize),
    /// At these places.
    Set(u64),
    /// Nobody knows.
    Opaque,
}

impl<'t> Automaton<'t> {
    /// The automaton of a check.
    pub(super) fn new(atom: Atom<'t>) -> Self {
        let kind = match atom.what {
            What::Equal(Constant::Text(own)) => Kind::Words(std::slice::from_ref(own)),
            What::Equal(_) => Kind::Never,
            What::Check(check) => match check {
                Check::OneOf(list) => Kind::Words(&list.texts),
                Check::Prefix(own) => Kind::Prefix(own.chars().collect()),
                Check::Suffix(own) => Kind::run(own, true),
                Check::Contains(Constant::Text(own)) => Kind::run(own, false),
                Check::Glob(glob) => match glob.steps() {
                    steps if steps.len() > GLOB_MAX => Kind::Opaque(Opaque::Glob(glob)),
                    steps => Kind::Glob(steps),
                },
                Check::Regex(regex) => Kind::Opaque(Opaque::Regex(regex)),
                Check::Contains(_) | Check::Compare(..) => Kind::Never,
            },
        };
        Self { kind, folded: atom.folded }
    }

    /// Whether it compares texts folded.
    pub(super) fn is_folded(&self) -> bool {
        self.folded
    }

    /// Whether it reads the text at all.
    pub(super) fn reads(&self) -> bool {
        !matches!(self.kind, Kind::Never | Kind::Opaque(_))
    }

    /// Why its outcome is not looked into, if it is not.
    pub(super) fn gap(&self) -> Option<Gap> {
        match self.kind {
            Kind::Opaque(Opaque::Regex(_)) => Some(Gap::Regex),
            Kind::Opaque(Opaque::Glob(_)) => Some(Gap::Glob),
            _ => None,
        }
    }

    /// The same; not looked into if it is a glob.
    pub(super) fn opaque(self, atom: Atom<'t>) -> Self {
        match atom.what {
            What::Check(Check::Glob(glob)) => {
                Self { kind: Kind::Opaque(Opaque::Glob(glob)), ..self }
            }
            _ => self,
        }
    }

    /// The characters that it tells from all others.
    pub(super) fn characters(&self) -> Vec<char> {
        match &self.kind {
            Kind::Words(words) => words.iter().flat_map(|word| word.chars()).collect(),
            Kind::Prefix(run) | Kind::Run { run, .. } => run.clone(),
            Kind::Glob(steps) => steps
                .iter()
                .flatten()
                .filter_map(|token| if let Token::Char(c) = token { Some(*c) } else { None })
                .collect(),
            Kind::Opaque(_) | Kind::Never => Vec::new(),
        }
    }

    /// The ranges of characters that it tells from all others.
    pub(super) fn ranges(&self) -> Vec<(char, char)> {
        let Kind::Glob(steps) = &self.kind else { return Vec::new() };
        let classes = steps.iter().flatten().filter_map(|token| match token {
            Token::Class { ranges, .. } => Some(ranges),
            _ => None,
        });
        classes.flatten().copied().collect()
    }

    /// How much it is to look at.
    pub(super) fn size(&self) -> usize {
        match &self.kind {
            Kind::Words(words) => words.iter().map(String::len).sum::<usize>() / 4,
            Kind::Prefix(run) | Kind::Run { run, .. } => run.len(),
            Kind::Glob(steps) => steps.len(),
            Kind::Opaque(_) | Kind::Never => 1,
        }
    }

    /// Where it stands before a text.
    pub(super) fn start(&self) -> Spot {
        match &self.kind {
            Kind::Words([]) | Kind::Never => Spot::Dead,
            Kind::Words(words) => Spot::Words(0, words.len(), 0),
            Kind::Prefix(run) | Kind::Run { run, .. } if run.is_empty() => Spot::Done,
            Kind::Prefix(_) | Kind::Run { .. } => Spot::At(0),
            Kind::Glob(steps) => places(steps, 1),
            Kind::Opaque(_) => Spot::Opaque,
        }
    }

    /// Where it stands after one more character.
    pub(super) fn step(&self, spot: Spot, symbol: Symbol) -> Spot {
        let c = if self.folded { symbol.folded } else { symbol.plain };
        match (&self.kind, spot) {
            (Kind::Words(words), Spot::Words(from, to, read)) => {
                step_words(words, (from, to, read), c)
            }
            (Kind::Prefix(run), Spot::At(at)) => match run.get(at) {
                Some(own) if *own == c && at + 1 == run.len() => Spot::Done,
                Some(own) if *own == c => Spot::At(at + 1),
                _ => Spot::Dead,
            },
            (Kind::Run { run, back, ends }, Spot::At(mut at)) => {
                while run.get(at) != Some(&c) {
                    let Some(before) = at.checked_sub(1) else { return Spot::At(0) };
                    at = back.get(before).copied().unwrap_or(0);
                }
                if at + 1 == run.len() && !ends { Spot::Done } else { Spot::At(at + 1) }
            }
            (Kind::Glob(steps), Spot::Set(set)) => {
                let mut next = 0;
                for (place, step) in steps.iter().enumerate().filter(|(p, _)| set >> p & 1 == 1) {
                    match step {
                        None => next |= 1 << place,
                        Some(token) if token.takes(c) => next |= 1 << (place + 1),
                        Some(_) => {}
                    }
                }
                places(steps, next)
            }
            (_, spot) => spot,
        }
    }

    /// Whether a text that ends here matches; `None` if that is not known.
    pub(super) fn ends(&self, spot: Spot) -> Option<bool> {
        Some(match (&self.kind, spot) {
            (_, Spot::Done) => true,
            (_, Spot::Dead) => false,
            (_, Spot::Opaque) => return None,
            (Kind::Words(words), Spot::Words(from, _, read)) => {
                words.get(from).is_some_and(|word| word.len() == read)
            }
            (Kind::Run { run, ends: true, .. }, Spot::At(at)) => at == run.len(),
            (Kind::Glob(steps), Spot::Set(set)) => set >> steps.len() & 1 == 1,
            _ => false,
        })
    }

    /// Whether a text matches however it goes on; `None` if that depends.
    pub(super) fn settled(spot: Spot) -> Option<bool> {
        match spot {
            Spot::Done => Some(true),
            Spot::Dead => Some(false),
            _ => None,
        }
    }
}

impl Kind<'_> {
    fn run(own: &str, ends: bool) -> Self {
        let run: Vec<char> = own.chars().collect();
        let mut back = vec![0; run.len()];
        let mut matched: usize = 0;
        for (place, c) in run.iter().enumerate().skip(1) {
            while run.get(matched) != Some(c) {
                let Some(before) = matched.checked_sub(1) else { break };
                matched = back.get(before).copied().unwrap_or(0);
            }
            matched += usize::from(run.get(matched) == Some(c));
            if let Some(own) = back.get_mut(place) {
                *own = matched;
            }
        }
        Self::Run { run, back, ends }
    }
}

/// Narrows the words down to those that go on with `c`.
fn step_words(words: &[String], (from, to, read): (usize, usize, usize), c: char) -> Spot {
    let mut buffer = [0; 4];
    let next = c.encode_utf8(&mut buffer).as_bytes();
    let known = words.get(from..to).unwrap_or_default();
    let skipped = known.partition_point(|word| rest(word, read) < next);
    let going = known.get(skipped..).unwrap_or_default();
    let count = going.partition_point(|word| rest(word, read).starts_with(next));
    if count == 0 {
        return Spot::Dead;
    }
    Spot::Words(from + skipped, from + skipped + count, read + next.len())
}

fn rest(word: &str, read: usize) -> &[u8] {
    word.as_bytes().get(read..).unwrap_or_default()
}

/// The places of a glob, with those that stars lead to without a character.
fn places(steps: &[Option<Token>], mut set: u64) -> Spot {
    for (place, step) in steps.iter().enumerate() {
        if step.is_none() && set >> place & 1 == 1 {
            set |= 1 << (place + 1);
        }
    }
    let star_ends = steps.last().is_some_and(Option::is_none);
    if set == 0 {
        Spot::Dead
    } else if star_ends && set >> (steps.len() - 1) & 1 == 1 {
        Spot::Done
    } else {
        Spot::Set(set)
    }
}

/// Every character that folds to `c`, if `c` is of ASCII; else those that are known, which may not be all.
pub(super) fn unfolded(c: char) -> (Vec<char>, bool) {
    let rare = match c {
        'k' => Some('\u{212a}'),
        's' => Some('ſ'),
        _ => None,
    };
    let mut all = Vec::new();
    for other in [c].into_iter().chain(c.to_uppercase()).chain(rare) {
        if fold_char(other) == c && !all.contains(&other) {
            all.push(other);
        }
    }
    (all, c.is_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_else_folds_to_ascii() {
        let mut known = std::collections::BTreeMap::new();
        for c in '\0'..='\u{7f}' {
            for other in unfolded(c).0 {
                assert_eq!(known.insert(other, c), None, "{other:?}");
            }
        }
        for c in '\0'..=char::MAX {
            let folded = fold_char(c);
            assert_eq!(known.get(&c).copied(), folded.is_ascii().then_some(folded), "{c:?}");
        }
    }
}
