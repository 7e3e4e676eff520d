//! Whether several conditions can hold for one event: the search through their combinators.
//!
//! Conditions are brought into a form in which only tests are denied. What must hold in any case is taken first; then one
//! `any` after the other is decided, the one with the fewest ways left first. After each test the tests on its field are
//! looked at alone, so that most ways end early. A way on which every `any` is decided is a list of fields with what is
//! demanded of each, and becomes an event if all of it can be had at once.

use serde_json::Value as Json;

use super::Part;
use super::body;
use super::field::{self, Demand, One};
use super::value::{self, Domain};
use super::work::{Gap, Verdict, Ways, Work};
use crate::name::SourceName;
use crate::rule::{Field, Matcher, Rule};

/// A condition in which only tests are denied.
#[derive(Debug, Clone)]
pub(super) enum Logic<'r> {
    /// All of them hold; of none, true.
    All(Vec<Logic<'r>>),
    /// At least one holds; of none, false.
    Any(Choice<'r>),
    /// A test.
    Leaf(Leaf<'r>),
}

/// Several ways.
#[derive(Debug, Clone)]
pub(super) struct Choice<'r> {
    ways: Vec<Logic<'r>>,
    /// Whether it comes from an `all` that must not hold.
    denied: bool,
    line: Option<u32>,
}

/// One test.
#[derive(Debug, Clone, Copy)]
pub(super) struct Leaf<'r> {
    field: &'r Field,
    demand: Demand<'r>,
    line: Option<u32>,
}

/// An event in the making.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Draft {
    /// Its body.
    pub(super) body: Json,
    /// Its source, if that matters.
    pub(super) source: Option<SourceName>,
    /// Parameters of its query.
    pub(super) query: Vec<(String, String)>,
    /// Its headers, their names in lower case.
    pub(super) headers: Vec<(String, String)>,
}

/// A search for an event for which conditions hold.
pub(super) struct Search<'s> {
    /// The sources that an example can come from.
    pub(super) sources: &'s [SourceName],
    /// What may be spent.
    pub(super) work: &'s Work,
    /// Whether an event that should do really does; the search goes on if not.
    pub(super) accept: &'s mut dyn FnMut(&Draft) -> bool,
}

/// The tests on each field, as far as they are decided.
#[derive(Clone, Default)]
struct Fields<'r>(Vec<(&'r Field, Vec<Demand<'r>>)>);

impl<'r> Logic<'r> {
    /// The condition of a rule.
    pub(super) fn of(rule: &'r Rule) -> Self {
        let always = Self::All(Vec::new());
        rule.when.as_ref().map_or(always, |when| Self::new(when, true, rule.line))
    }

    /// That the condition of a rule does not hold.
    pub(super) fn denied(rule: &'r Rule) -> Self {
        let never = Choice { ways: Vec::new(), denied: true, line: rule.line };
        rule.when.as_ref().map_or(Self::Any(never), |when| Self::new(when, false, rule.line))
    }

    fn new(matcher: &'r Matcher, holds: bool, line: Option<u32>) -> Self {
        let all = |parts: &'r [Matcher]| {
            parts.iter().map(|part| Self::new(part, holds, line)).collect::<Vec<_>>()
        };
        match matcher {
            Matcher::At(line, matcher) => Self::new(matcher, holds, Some(*line)),
            Matcher::Not(matcher) => Self::new(matcher, !holds, line),
            Matcher::All(parts) if holds => Self::All(all(parts)),
            Matcher::Any(parts) if !holds => Self::All(all(parts)),
            Matcher::All(parts) | Matcher::Any(parts) => {
                Self::Any(Choice { ways: all(parts), denied: !holds, line })
            }
            Matcher::Field(field, test) => {
                Self::Leaf(Leaf { field, demand: Demand { test, holds }, line })
            }
        }
    }

    /// What must hold in any case, one by one.
    pub(super) fn conjuncts<'l>(&'l self, found: &mut Vec<&'l Logic<'r>>) {
        match self {
            Self::All(parts) => parts.iter().for_each(|part| part.conjuncts(found)),
            other => found.push(other),
        }
    }

    /// Where it stands in the file.
    pub(super) fn line(&self) -> Option<u32> {
        match self {
            Self::All(parts) => parts.first().and_then(Self::line),
            Self::Any(choice) => choice.line,
            Self::Leaf(leaf) => leaf.line,
        }
    }

    /// It in words.
    pub(super) fn part(&self) -> Part {
        let (what, expected) = match self {
            Self::All(_) => ("`all`".to_owned(), String::new()),
            Self::Any(Choice { denied: false, ways, .. }) => {
                (format!("one of the {} conditions of `any`", ways.len()), String::new())
            }
            Self::Any(Choice { denied: true, ways, .. }) => {
                (format!("that not all {} conditions under `not` hold", ways.len()), String::new())
            }
            Self::Leaf(Leaf { field, demand: Demand { test, holds: true }, .. }) => {
                (format!("`{field}`"), test.expected())
            }
            Self::Leaf(Leaf { field, demand, .. }) => {
                (format!("`not: {field}`"), demand.test.expected())
            }
        };
        Part { what, expected, line: self.line() }
    }

    /// If it is a test that demands one of a few texts: where, and which.
    pub(super) fn texts(&self) -> Option<(&'r Field, &'r [String])> {
        let Self::Leaf(Leaf { field, demand, .. }) = self else { return None };
        let texts = demand.test.texts().filter(|_| demand.holds)?;
        Some((field, texts))
    }
}

impl<'r> Fields<'r> {
    fn add(&mut self, leaf: Leaf<'r>) {
        match self.0.iter_mut().find(|(known, _)| body::is_same(known, leaf.field)) {
            Some((_, demands)) => demands.push(leaf.demand),
            None => self.0.push((leaf.field, vec![leaf.demand])),
        }
    }

    /// Whether the tests on the field of `leaf` exclude each other once it is added.
    fn exclude(&self, leaf: Leaf<'r>, work: &Work) -> bool {
        let known = self.0.iter().find(|(known, _)| body::is_same(known, leaf.field));
        let mut demands = known.map(|(_, demands)| demands.clone()).unwrap_or_default();
        demands.push(leaf.demand);
        if work.spend(demands.len()).is_err() {
            return false;
        }
        match shape(leaf.field) {
            Shape::One(domain) => {
                let one = One::new(&demands);
                let missing = one.none && *leaf.field != Field::Source;
                !missing && value::solve(&one.value, domain, &[], work) == Verdict::No
            }
            Shape::Several(domain) => field::several(&demands, domain, work) == Verdict::No,
        }
    }
}

/// How many values a field can yield, and which.
enum Shape {
    One(Domain),
    Several(Domain),
}

fn shape(field: &Field) -> Shape {
    match field {
        Field::Source => Shape::One(Domain::Texts),
        Field::Query(_) | Field::Header(_) => Shape::Several(Domain::Texts),
        Field::Path(path) if path.singular().is_none() => Shape::Several(Domain::Json),
        _ => Shape::One(Domain::Json),
    }
}

impl Search<'_> {
    /// An event for which all of `conditions` hold, and that is accepted.
    pub(super) fn run(&mut self, conditions: &[&Logic<'_>]) -> Verdict<Draft> {
        let mut choices = Vec::new();
        let mut fields = Fields::default();
        for condition in conditions {
            if !self.take(condition, &mut fields, &mut choices) {
                return Verdict::No;
            }
        }
        self.choose(&fields, choices)
    }

    /// Takes what must hold in any case; `false` if it cannot.
    fn take<'l, 'r>(
        &self,
        logic: &'l Logic<'r>,
        fields: &mut Fields<'r>,
        choices: &mut Vec<&'l Choice<'r>>,
    ) -> bool {
        match logic {
            Logic::All(parts) => parts.iter().all(|part| self.take(part, fields, choices)),
            Logic::Any(choice) => {
                choices.push(choice);
                true
            }
            Logic::Leaf(leaf) => {
                // If there is nothing left to spend, the search ends before it comes to a verdict.
                if self.work.spend(1 + fields.0.len()).is_err() {
                    return true;
                }
                let possible = !fields.exclude(*leaf, self.work);
                fields.add(*leaf);
                possible
            }
        }
    }

    fn choose<'r>(&mut self, fields: &Fields<'r>, mut choices: Vec<&Choice<'r>>) -> Verdict<Draft> {
        if let Err(gap) = self.work.spend(1 + choices.len()) {
            return Verdict::Unknown(gap);
        }
        let open = |way: &Logic<'r>| match way {
            Logic::Leaf(leaf) => !fields.exclude(*leaf, self.work),
            Logic::All(_) | Logic::Any(_) => true,
        };
        let counts =
            choices.iter().map(|choice| choice.ways.iter().filter(|way| open(way)).count());
        let Some((_, place)) = counts.zip(0..).min() else { return self.event(fields) };
        let choice = choices.swap_remove(place);
        let mut found = Ways::default();
        for way in &choice.ways {
            let (mut fields, mut choices) = (fields.clone(), choices.clone());
            if self.take(way, &mut fields, &mut choices)
                && let Some(draft) = found.took(self.choose(&fields, choices))
            {
                return Verdict::Yes(draft);
            }
        }
        found.end()
    }

    /// An event whose fields yield what is demanded.
    fn event(&mut self, fields: &Fields<'_>) -> Verdict<Draft> {
        let body = match body::solve(&fields.0, self.work) {
            Verdict::Yes(body) => body,
            Verdict::No => return Verdict::No,
            Verdict::Unknown(gap) => return Verdict::Unknown(gap),
        };
        let mut draft = Draft { body, source: None, query: Vec::new(), headers: Vec::new() };
        let mut ways = Ways::default();
        for (field, demands) in &fields.0 {
            let verdict = match field {
                Field::Source => self.source(demands, &mut draft),
                Field::Query(name) => pairs(name, demands, &mut draft.query, self.work),
                Field::Header(name) => pairs(name, demands, &mut draft.headers, self.work),
                Field::Path(path) if path.singular().is_none() => {
                    let values = field::several(demands, Domain::Json, self.work);
                    put(path, values, &mut draft.body)
                }
                _ => continue,
            };
            match verdict {
                Verdict::No => return Verdict::No,
                other => ways.took(other),
            };
        }
        match ways.end::<()>() {
            Verdict::Unknown(gap) => Verdict::Unknown(gap),
            _ if (self.accept)(&draft) => Verdict::Yes(draft),
            _ => Verdict::Unknown(Gap::Together),
        }
    }

    fn source(&self, demands: &[Demand<'_>], draft: &mut Draft) -> Verdict<()> {
        let likely: Vec<&str> = self.sources.iter().map(SourceName::as_str).collect();
        let formula = One::new(demands).value;
        match value::solve(&formula, Domain::Texts, &likely, self.work) {
            Verdict::Yes(Json::String(name)) => {
                // Not every text is a name, and the shortest is none.
                let longer =
                    [name.clone(), format!("{name}a"), format!("a{name}"), format!("a{name}a")];
                let mut fitting = longer.iter().filter(|name| formula.holds_for_text(name));
                draft.source = fitting.find_map(|name| SourceName::new(name).ok());
                draft.source.as_ref().map_or(Verdict::Unknown(Gap::Together), |_| Verdict::Yes(()))
            }
            Verdict::Unknown(gap) => Verdict::Unknown(gap),
            _ => Verdict::No,
        }
    }
}

/// The repetitions of a header or a query parameter.
fn pairs(
    name: &str,
    demands: &[Demand<'_>],
    pairs: &mut Vec<(String, String)>,
    work: &Work,
) -> Verdict<()> {
    match field::several(demands, Domain::Texts, work) {
        Verdict::Yes(values) => {
            let texts = values.iter().filter_map(Json::as_str);
            pairs.extend(texts.map(|value| (name.to_owned(), value.to_owned())));
            Verdict::Yes(())
        }
        Verdict::No => Verdict::No,
        Verdict::Unknown(gap) => Verdict::Unknown(gap),
    }
}

/// Puts values where a general path may find them: a guess, which is checked with all the rest.
fn put(path: &crate::path::Path, values: Verdict<Vec<Json>>, body: &mut Json) -> Verdict<()> {
    let values = match values {
        Verdict::Yes(values) => values,
        Verdict::No => return Verdict::No,
        Verdict::Unknown(gap) => return Verdict::Unknown(gap),
    };
    for (number, value) in values.into_iter().enumerate() {
        let element = format!("[{number}]");
        let plain = path
            .as_str()
            .replace("..[*]", "[*]")
            .replace("..*", "[*]")
            .replace("..", ".")
            .replace(".*", "[*]")
            .replacen("[*]", &element, 1)
            .replace("[*]", "[0]")
            .replace(".[", "[");
        let placed = crate::path::Path::parse(&plain).ok().map(|path| path.set(body, value));
        if !matches!(placed, Some(Ok(()))) {
            return Verdict::Unknown(Gap::Together);
        }
    }
    Verdict::Yes(())
}
