//! Whether there is one value that makes a combination of checks true, and which.
//!
//! A value is null, a truth, a number, a text, an array or an object, and a check is false on a value that it does not
//! compare. So the question falls into one for each kind: three values to try, a set of numbers, an automaton for texts,
//! and for arrays the choice of elements.

use serde_json::{Number as Digits, Value as Json};

use super::number::Numbers;
use super::text;
use super::work::{Gap, Verdict, Ways, Work};
use crate::event::{Text, Value, fold};
use crate::rule::test::{Check, Constant, Test};

/// Most different `contains` that are looked at together on an array.
const CONTAINS_MAX: usize = 6;

/// One check on one value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Atom<'t> {
    /// The check.
    pub(super) what: What<'t>,
    /// Whether it compares texts folded.
    pub(super) folded: bool,
}

/// A check as a test has it, or an equality with one of its constants.
#[derive(Debug, Clone, Copy)]
pub(super) enum What<'t> {
    /// As a test has it.
    Check(&'t Check),
    /// Equal to this.
    Equal(&'t Constant),
}

/// A combination of checks.
#[derive(Debug, Clone)]
pub(super) enum Formula<'t> {
    /// One check.
    Atom(Atom<'t>),
    /// What does not hold.
    Not(Box<Formula<'t>>),
    /// All of them; of none, true.
    All(Vec<Formula<'t>>),
    /// At least one of them; of none, false.
    Any(Vec<Formula<'t>>),
}

/// What values are possible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Domain {
    /// Texts.
    Texts,
    /// Whatever JSON has.
    Json,
    /// All of that but objects.
    NoObject,
    /// Null, truths, numbers and texts.
    Scalars,
}

impl<'t> Formula<'t> {
    /// That the operators of `test` hold which must hold for some value.
    pub(super) fn some(test: &'t Test) -> Self {
        let parts = test.parts();
        let atom = |check| Self::Atom(Atom { what: What::Check(check), folded: parts.folded });
        Self::All(parts.some.iter().map(atom).collect())
    }

    /// That `not` or `not_in` of `test` excludes the value.
    pub(super) fn excluded(test: &'t Test) -> Self {
        let parts = test.parts();
        let atom = |check| Self::Atom(Atom { what: What::Check(check), folded: parts.folded });
        Self::Any(parts.none.iter().map(atom).collect())
    }

    /// That `test` holds if this is the only value, or that it does not.
    pub(super) fn only(test: &'t Test, holds: bool) -> Self {
        let formula = if test.parts().absent {
            Self::Any(Vec::new())
        } else if test.parts().none.is_empty() {
            Self::some(test)
        } else {
            Self::All(vec![Self::some(test), Self::not(Self::excluded(test))])
        };
        if holds { formula } else { Self::not(formula) }
    }

    /// That it does not hold.
    pub(super) fn not(formula: Self) -> Self {
        Self::Not(Box::new(formula))
    }

    /// Whether it holds if its checks do as `holds` says; `None` if that leaves it open.
    pub(super) fn eval(&self, holds: &mut dyn FnMut(&Atom<'t>) -> Option<bool>) -> Option<bool> {
        match self {
            Self::Atom(atom) => holds(atom),
            Self::Not(part) => part.eval(holds).map(|holds| !holds),
            Self::All(parts) => all(parts.iter().map(|part| part.eval(holds))),
            Self::Any(parts) => {
                all(parts.iter().map(|part| part.eval(holds).map(|h| !h))).map(|none| !none)
            }
        }
    }

    /// Whether it holds for a value that is no array.
    pub(super) fn holds(&self, value: Value<'_>) -> bool {
        self.eval(&mut |atom| Some(atom.holds(value))) == Some(true)
    }

    /// Whether it holds for a text.
    pub(super) fn holds_for_text(&self, plain: &str) -> bool {
        let folded = fold(plain);
        let folded = folded.as_deref().unwrap_or(plain);
        self.holds(Value::Text(Text { plain, folded }))
    }

    /// How many parts it has.
    fn size(&self) -> usize {
        match self {
            Self::Atom(_) => 1,
            Self::Not(part) => part.size(),
            Self::All(parts) | Self::Any(parts) => 1 + parts.iter().map(Self::size).sum::<usize>(),
        }
    }

    /// Every check in it.
    pub(super) fn atoms(&self, found: &mut Vec<Atom<'t>>) {
        match self {
            Self::Atom(atom) => found.push(*atom),
            Self::Not(part) => part.atoms(found),
            Self::All(parts) | Self::Any(parts) => {
                for part in parts {
                    part.atoms(found);
                }
            }
        }
    }

    /// Every check without which it cannot hold, as far as that is plain to see.
    pub(super) fn musts(&self, found: &mut Vec<Atom<'t>>) {
        match self {
            Self::Atom(atom) => found.push(*atom),
            Self::All(parts) => parts.iter().for_each(|part| part.musts(found)),
            Self::Not(_) | Self::Any(_) => {}
        }
    }

    fn numbers(&self) -> Numbers {
        let every = || Numbers::none().complement();
        match self {
            Self::Atom(atom) => atom.numbers(),
            Self::Not(part) => part.numbers().complement(),
            Self::All(parts) => parts.iter().fold(every(), |all, part| all.and(&part.numbers())),
            Self::Any(parts) => {
                parts.iter().fold(Numbers::none(), |any, part| any.or(&part.numbers()))
            }
        }
    }
}

/// Whether all hold; open if none is false and one is open.
fn all(parts: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut all = Some(true);
    for part in parts {
        match part {
            Some(false) => return Some(false),
            None => all = None,
            Some(true) => {}
        }
    }
    all
}

impl Atom<'_> {
    fn holds(&self, value: Value<'_>) -> bool {
        match self.what {
            What::Check(check) => check.holds(value, self.folded),
            What::Equal(constant) => constant.is(value, self.folded),
        }
    }

    fn numbers(&self) -> Numbers {
        let equal = |constant: &Constant| match constant {
            Constant::Number(number) => Numbers::compared(*number, std::cmp::Ordering::is_eq),
            _ => Numbers::none(),
        };
        match self.what {
            What::Check(Check::Compare(holds, number)) => Numbers::compared(*number, holds),
            What::Check(Check::OneOf(list)) => {
                list.others.iter().map(equal).fold(Numbers::none(), |any, one| any.or(&one))
            }
            What::Check(_) => Numbers::none(),
            What::Equal(constant) => equal(constant),
        }
    }

    /// Whether it is the same check of the same test.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (self.what, other.what) {
            (What::Equal(left), What::Equal(right)) => std::ptr::eq(left, right),
            (What::Check(left), What::Check(right)) => std::ptr::eq(left, right),
            _ => false,
        }
    }

    /// What an array must have an element equal to.
    fn element(&self) -> Option<Self> {
        match self.what {
            What::Check(Check::Contains(constant)) => {
                Some(Self { what: What::Equal(constant), ..*self })
            }
            _ => None,
        }
    }
}

/// Whether `formula` holds for some value, of which the plainest that was found is told. Of texts, `likely` ones are
/// preferred.
pub(super) fn solve(
    formula: &Formula<'_>,
    domain: Domain,
    likely: &[&str],
    work: &Work,
) -> Verdict<Json> {
    if let Err(gap) = work.spend(formula.size()) {
        return Verdict::Unknown(gap);
    }
    let mut ways = Ways::default();
    if let Some(text) = ways.took(text::solve(formula, likely, work)) {
        return Verdict::Yes(Json::String(text));
    }
    if domain == Domain::Texts {
        return ways.end();
    }
    if let Err(gap) = work.spend(8) {
        return Verdict::Unknown(gap);
    }
    if let Some(digits) = formula.numbers().pick() {
        return Verdict::Yes(Json::Number(Digits::from_string_unchecked(digits)));
    }
    let plain = [
        (Value::Bool(true), Json::Bool(true)),
        (Value::Bool(false), Json::Bool(false)),
        (Value::Null, Json::Null),
    ];
    for (value, json) in plain {
        if formula.holds(value) {
            return Verdict::Yes(json);
        }
    }
    if domain == Domain::Scalars {
        return ways.end();
    }
    if let Some(elements) = ways.took(array(formula, work)) {
        return Verdict::Yes(Json::Array(elements));
    }
    if domain != Domain::NoObject && formula.holds(Value::Object) {
        return Verdict::Yes(Json::Object(serde_json::Map::new()));
    }
    ways.end()
}

/// The elements of an array for which `formula` holds. What an array is equal to or compares with is nothing, so only
/// `contains` matters.
pub(super) fn array(formula: &Formula<'_>, work: &Work) -> Verdict<Vec<Json>> {
    let mut atoms = Vec::new();
    formula.atoms(&mut atoms);
    let mut elements: Vec<Atom<'_>> = Vec::new();
    for element in atoms.iter().filter_map(Atom::element) {
        if !elements.iter().any(|known| known.is_same(&element)) {
            elements.push(element);
        }
    }
    let mut ways = Ways::default();
    if elements.len() > CONTAINS_MAX {
        ways.leave(Gap::Size);
    }
    let few = elements.len().min(CONTAINS_MAX);
    // Each bit says of one `contains` whether it is to hold.
    for choice in 0_u32..1 << few {
        if let Err(gap) = work.spend(1 + elements.len()) {
            return Verdict::Unknown(gap);
        }
        let chosen = |place: usize| place < few && choice >> place & 1 == 1;
        let holds = formula.eval(&mut |atom| {
            let place =
                atom.element().and_then(|own| elements.iter().position(|e| e.is_same(&own)));
            Some(place.is_some_and(chosen))
        });
        if holds == Some(true)
            && let Some(found) = ways.took(chosen_elements(&elements, &chosen, work))
        {
            return Verdict::Yes(found);
        }
    }
    ways.end()
}

/// An element for each `contains` that was chosen, none of which makes another one hold.
fn chosen_elements(
    elements: &[Atom<'_>],
    chosen: &dyn Fn(usize) -> bool,
    work: &Work,
) -> Verdict<Vec<Json>> {
    let others = || elements.iter().enumerate().filter(|(place, _)| !chosen(*place));
    let mut found = Vec::new();
    for (_, own) in elements.iter().enumerate().filter(|(place, _)| chosen(*place)) {
        let not_others = others().map(|(_, other)| Formula::not(Formula::Atom(*other)));
        let formula =
            Formula::All(std::iter::once(Formula::Atom(*own)).chain(not_others).collect());
        match solve(&formula, Domain::Scalars, &[], work) {
            Verdict::Yes(value) if found.contains(&value) => {}
            Verdict::Yes(value) => found.push(value),
            Verdict::No => return Verdict::No,
            Verdict::Unknown(gap) => return Verdict::Unknown(gap),
        }
    }
    Verdict::Yes(found)
}
