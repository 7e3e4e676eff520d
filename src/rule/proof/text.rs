//! Whether there is a text that makes a combination of checks true, and which is the shortest.
//!
//! The checks read the text side by side ([`Automaton`]); every combination of places where they can stand together is
//! visited once, the nearest first. So the first text that ends well is a shortest one, and if all places were seen and
//! none ends well there is no such text, which is a proof. Characters that no check tells apart count as one.
//!
//! What a regular expression matches is not known on the way. It is asked only about the texts that are come across, and
//! so it can add to what is found, but a search in which it mattered proves nothing, except where the same expression is
//! both wanted and not wanted.

use std::collections::{BTreeSet, HashSet};

use super::automaton::{Automaton, Spot, Symbol, unfolded};
use super::value::{Atom, Formula, What};
use super::work::{Gap, Verdict, Work};
use crate::event::fold_char;
use crate::rule::test::Check;

/// Most regular expressions whose outcomes are tried out together.
const OPAQUE_MAX: usize = 4;
/// Most characters of one range that are looked through for one that is folded.
const LOOKED_AT_MAX: u32 = 4_096;
/// What stands for characters that nobody mentions, the plainest first.
const PLAIN: &str = "abcdefghijklmnopqrstuvwxyz0123456789-_.";

/// Checks side by side.
struct Side<'f, 't> {
    formula: &'f Formula<'t>,
    atoms: Vec<Atom<'t>>,
    /// For each of the atoms its place in `automata`: those that are alike share one.
    places: Vec<usize>,
    automata: Vec<Automaton<'t>>,
}

/// A place that was reached.
struct Node {
    spots: Vec<Spot>,
    /// From where, and by which character.
    from: Option<(usize, Symbol)>,
}

/// A text for which `formula` holds.
pub(super) fn solve(formula: &Formula<'_>, likely: &[&str], work: &Work) -> Verdict<String> {
    if let Err(gap) = work.spend(1 + likely.len()) {
        return Verdict::Unknown(gap);
    }
    if let Some(text) = likely.iter().find(|text| formula.holds_for_text(text)) {
        return Verdict::Yes((*text).to_owned());
    }
    let mut musts = Vec::new();
    formula.musts(&mut musts);
    let lists = musts.iter().filter(|atom| !atom.folded).filter_map(words);
    if let Some(words) = lists.min_by_key(|words| words.len()) {
        if let Err(gap) = work.spend(words.len()) {
            return Verdict::Unknown(gap);
        }
        let found = words.iter().find(|word| formula.holds_for_text(word));
        return found.map_or(Verdict::No, |word| Verdict::Yes(word.clone()));
    }
    Side::new(formula).search(work)
}

/// The texts to one of which this is an equality.
fn words<'t>(atom: &Atom<'t>) -> Option<&'t [String]> {
    match atom.what {
        What::Check(Check::OneOf(list)) => Some(&list.texts),
        _ => None,
    }
}

impl<'f, 't> Side<'f, 't> {
    fn new(formula: &'f Formula<'t>) -> Self {
        let mut atoms = Vec::new();
        formula.atoms(&mut atoms);
        let mut all: Vec<_> = atoms.iter().map(|atom| Automaton::new(*atom)).collect();
        // Ranges of characters are not led back through folding.
        let reading = || all.iter().filter(|own| own.reads());
        let mixed = reading().any(Automaton::is_folded) && !reading().all(Automaton::is_folded);
        if mixed {
            let ranged = all.iter_mut().zip(&atoms).filter(|(own, _)| !own.ranges().is_empty());
            for (own, atom) in ranged {
                *own = own.clone().opaque(*atom);
            }
        }
        let mut automata: Vec<Automaton<'t>> = Vec::new();
        let places = all.into_iter().map(|own| {
            automata.iter().position(|known| *known == own).unwrap_or_else(|| {
                automata.push(own);
                automata.len() - 1
            })
        });
        let places = places.collect();
        Self { formula, atoms, places, automata }
    }

    fn search(&self, work: &Work) -> Verdict<String> {
        let size: usize = self.automata.iter().map(Automaton::size).sum();
        if let Err(gap) = work.spend(size + 8 * self.atoms.len()) {
            return Verdict::Unknown(gap);
        }
        let start: Vec<Spot> = self.automata.iter().map(Automaton::start).collect();
        if !self.is_possible(&start) {
            return Verdict::No;
        }
        let alphabet = alphabet(&self.automata);
        let mut gap = None;
        let mut seen = HashSet::from([start.clone()]);
        let mut nodes = vec![Node { spots: start, from: None }];
        let mut at = 0;
        while let Some(node) = nodes.get(at) {
            match self.ends(&node.spots) {
                Some(false) => {}
                open => match text_of(&nodes, at) {
                    Some(text) if open == Some(true) || self.formula.holds_for_text(&text) => {
                        return Verdict::Yes(text);
                    }
                    Some(_) => gap = gap.or_else(|| self.automata.iter().find_map(Automaton::gap)),
                    None => gap = gap.or(Some(Gap::Case)),
                },
            }
            let spots = node.spots.clone();
            if let Err(gap) = work.spend(alphabet.len() * (1 + self.automata.len())) {
                return Verdict::Unknown(gap);
            }
            for symbol in &alphabet {
                let pairs = self.automata.iter().zip(&spots);
                let next: Vec<Spot> = pairs.map(|(own, spot)| own.step(*spot, *symbol)).collect();
                if self.is_possible(&next) && !seen.contains(&next) {
                    seen.insert(next.clone());
                    nodes.push(Node { spots: next, from: Some((at, *symbol)) });
                }
            }
            at += 1;
        }
        gap.map_or(Verdict::No, Verdict::Unknown)
    }

    /// Whether a text that ends here is one; `None` if a check that is not looked into decides.
    fn ends(&self, spots: &[Spot]) -> Option<bool> {
        self.eval(&|place| self.automata.get(place)?.ends(*spots.get(place)?))
    }

    /// Whether a text that goes on from here can be one. Each outcome of the checks that are not looked into is tried,
    /// since the same one can occur twice.
    fn is_possible(&self, spots: &[Spot]) -> bool {
        let opaque: Vec<usize> = (0..self.automata.len())
            .filter(|place| self.automata.get(*place).is_some_and(|own| own.gap().is_some()))
            .take(OPAQUE_MAX)
            .collect();
        (0_u32..1 << opaque.len()).any(|choice| {
            let possible = self.eval(&|place| match opaque.iter().position(|own| *own == place) {
                Some(bit) => Some(choice >> bit & 1 == 1),
                None => Automaton::settled(*spots.get(place)?),
            });
            possible != Some(false)
        })
    }

    fn eval(&self, outcome: &dyn Fn(usize) -> Option<bool>) -> Option<bool> {
        self.formula.eval(&mut |atom| {
            let place = self.atoms.iter().position(|own| own.is_same(atom))?;
            outcome(*self.places.get(place)?)
        })
    }
}

/// The text that leads to a node; `None` if characters stand in it that may not exist.
fn text_of(nodes: &[Node], mut at: usize) -> Option<String> {
    let mut text = Vec::new();
    while let Some((from, symbol)) = nodes.get(at)?.from {
        text.push(symbol.real.then_some(symbol.plain)?);
        at = from;
    }
    Some(text.into_iter().rev().collect())
}

/// Characters of which each stands for all that no automaton tells from it.
fn alphabet(automata: &[Automaton<'_>]) -> Vec<Symbol> {
    let mentioned = |folded: bool| -> BTreeSet<char> {
        let own = automata.iter().filter(|own| own.is_folded() == folded);
        own.flat_map(Automaton::characters).collect()
    };
    let (plain, folded) = (mentioned(false), mentioned(true));
    let ranges: Vec<_> = automata.iter().flat_map(Automaton::ranges).collect();
    let some_plain = automata.iter().any(|own| own.reads() && !own.is_folded());
    let some_folded = automata.iter().any(|own| own.reads() && own.is_folded());
    let symbol = |c: char| Symbol { plain: c, folded: fold_char(c), real: true };
    if !ranges.is_empty() {
        let singles = plain.iter().chain(&folded).map(|c| (*c, *c));
        return cells(ranges.iter().copied().chain(singles), some_folded);
    }
    let mut symbols: Vec<Symbol> = plain.iter().copied().map(symbol).collect();
    let other = other(&plain, &folded);
    for c in &folded {
        let (known, complete) = unfolded(*c);
        let new = known.into_iter().filter(|c| !plain.contains(c));
        symbols.extend(new.take(if some_plain { usize::MAX } else { 1 }).map(symbol));
        if some_plain && !complete {
            symbols.push(Symbol { plain: other, folded: *c, real: false });
        }
    }
    symbols.push(symbol(other));
    symbols
}

/// A character that nobody mentions, in whatever case.
fn other(plain: &BTreeSet<char>, folded: &BTreeSet<char>) -> char {
    let free = |c: &char| !plain.contains(c) && !folded.contains(&fold_char(*c));
    PLAIN
        .chars()
        .chain('\u{4e00}'..=char::MAX)
        .find(free)
        .expect("there are more characters than a configuration has bytes for")
}

/// One character of each part into which the ends of `ranges` cut all characters. With `folded` only characters count
/// that are folded.
fn cells(ranges: impl Iterator<Item = (char, char)>, folded: bool) -> Vec<Symbol> {
    let end = u32::from(char::MAX) + 1;
    let cuts = ranges.flat_map(|(low, high)| [u32::from(low), u32::from(high) + 1]);
    let cuts: BTreeSet<u32> = cuts.chain([0, end]).collect();
    let nexts = cuts.iter().copied().skip(1);
    let mut symbols = Vec::new();
    for (low, next) in cuts.iter().copied().zip(nexts) {
        let fits = |c: &char| !folded || fold_char(*c) == *c;
        let within = |c: &char| (low..next).contains(&u32::from(*c));
        let plain = PLAIN.chars().filter(within).find(fits);
        let looked_at =
            (low..next.min(low.saturating_add(LOOKED_AT_MAX))).filter_map(char::from_u32);
        let found = plain.or_else(|| looked_at.clone().find(fits));
        match found {
            Some(c) => symbols.push(Symbol { plain: c, folded: c, real: true }),
            // All were looked at, or there may be one further on.
            None if next - low <= LOOKED_AT_MAX => {}
            None => {
                let c = char::from_u32(low).unwrap_or('\u{e000}');
                symbols.push(Symbol { plain: c, folded: c, real: false });
            }
        }
    }
    symbols
}
