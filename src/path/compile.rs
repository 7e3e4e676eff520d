//! From text to a program: jsonpath-rust parses, and what it accepts too easily is refused here.

use std::sync::Arc;

use jsonpath_rust::parser::errors::JsonPathError;
use jsonpath_rust::parser::model;
use jsonpath_rust::parser::parse_json_path;
use serde_json::Value;

use super::eval::{Condition, Operand, Operator, Pick, Program, Query, Step};
use super::{Number, PATH_MAX, PathError, Segment};

/// How deep `(` and `[` may nest.
pub(super) const NEST_MAX: usize = 16;
/// How deep calls may nest in calls: `length(value(…))` is as deep as the RFC's types allow. The parser tries each call
/// several ways, so its time grows with the power of this.
pub(super) const FUNCTION_NEST_MAX: usize = 3;

/// The singular prefix, and the whole path as a program unless the prefix is all there is.
pub(super) fn compile(text: &str) -> Result<(Vec<Segment>, Option<Program>), PathError> {
    if text.is_empty() {
        return Err(PathError::Empty);
    }
    let len = text.chars().count();
    if len > PATH_MAX {
        return Err(PathError::TooLong { len });
    }
    if !text.starts_with('$') {
        return Err(PathError::NoRoot { text: text.into() });
    }
    if text.ends_with(char::is_whitespace) {
        return Err(PathError::Syntax { at: len, what: "white space at the end".into() });
    }
    check_shape(text)?;
    let query = parse_json_path(text).map_err(|error| syntax(text, &error))?;
    let mut lowering = Lowering::default();
    let steps = lowering.steps(query.segments)?;
    let prefix: Vec<Segment> = steps.iter().map_while(plain).collect();
    if prefix.len() == steps.len() {
        return Ok((prefix, None));
    }
    Ok((prefix, Some(Program { constants: lowering.constants, steps })))
}

/// Bounds the parser's work before it begins, and counts the `..`. What stands in quotes is data.
fn check_shape(text: &str) -> Result<(), PathError> {
    let mut open: Vec<bool> = Vec::new();
    let mut quote = None;
    let (mut escaped, mut previous, mut count) = (false, ' ', 0);
    // jsonpath-rust lets white space stand inside a name (`$.custom field`); the RFC does not.
    let in_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || !c.is_ascii();
    let mut name_ended = false;
    for (at, found) in text.chars().enumerate() {
        if let Some(end) = quote {
            match found {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                _ if found == end => quote = None,
                _ => {}
            }
            continue;
        }
        if found.is_ascii_whitespace() {
            name_ended |= in_name(previous);
        } else {
            if name_ended && in_name(found) {
                return Err(PathError::Syntax {
                    at: at + 1,
                    what: format!("unexpected {found:?}"),
                });
            }
            name_ended = false;
        }
        match found {
            '\'' | '"' => quote = Some(found),
            '(' | '[' => open.push(found == '(' && previous.is_ascii_alphanumeric()),
            ')' | ']' => drop(open.pop()),
            '.' if previous == '.' => count += 1,
            _ => {}
        }
        let calls = open.iter().filter(|&&call| call).count();
        if open.len() > NEST_MAX || calls > FUNCTION_NEST_MAX {
            return Err(PathError::Nested);
        }
        previous = found;
    }
    if count > 1 { Err(PathError::Descendants { count }) } else { Ok(()) }
}

/// The parser's error in our words. Its place is only in its text (`--> 1:8`), since its parser is not ours to name.
fn syntax(text: &str, error: &JsonPathError) -> PathError {
    let shown = error.to_string();
    let column = shown.split_once("--> 1:").and_then(|(_, rest)| {
        rest.split(|c: char| !c.is_ascii_digit()).next()?.parse::<usize>().ok()
    });
    let at = column.unwrap_or(1);
    let what = match text.chars().nth(at.saturating_sub(1)) {
        _ if column.is_none() => "something is wrong".to_owned(),
        Some(found) => format!("unexpected {found:?}"),
        None => "it ends too early".to_owned(),
    };
    PathError::Syntax { at, what }
}

/// The segment that a step is, if it names at most one place.
fn plain(step: &Step) -> Option<Segment> {
    match step {
        Step::Child(picks) => match picks.as_slice() {
            [Pick::Name(name)] => Some(Segment::Key(Arc::clone(name))),
            [Pick::Index(index)] => usize::try_from(*index).ok().map(Segment::Index),
            _ => None,
        },
        Step::Descend(_) => None,
    }
}

/// Lowers the parser's tree. Queries from the root inside filters do not depend on the node that is filtered, so they
/// are taken out and evaluated once.
#[derive(Default)]
struct Lowering {
    constants: Vec<Vec<Step>>,
}

impl Lowering {
    fn steps(&mut self, segments: Vec<model::Segment>) -> Result<Vec<Step>, PathError> {
        segments.into_iter().map(|segment| self.step(segment)).collect()
    }

    fn step(&mut self, segment: model::Segment) -> Result<Step, PathError> {
        Ok(match segment {
            model::Segment::Selector(selector) => Step::Child(vec![self.pick(selector)?]),
            model::Segment::Selectors(selectors) => Step::Child(
                selectors
                    .into_iter()
                    .map(|selector| self.pick(selector))
                    .collect::<Result<_, _>>()?,
            ),
            model::Segment::Descendant(inner) => match self.step(*inner)? {
                Step::Child(picks) | Step::Descend(picks) => Step::Descend(picks),
            },
        })
    }

    fn pick(&mut self, selector: model::Selector) -> Result<Pick, PathError> {
        Ok(match selector {
            model::Selector::Name(name) => Pick::Name(name.into()),
            model::Selector::Wildcard => Pick::All,
            model::Selector::Index(index) => Pick::Index(index),
            model::Selector::Slice(start, end, step) => {
                Pick::Slice { start, end, step: step.unwrap_or(1) }
            }
            model::Selector::Filter(filter) => Pick::Filter(self.condition(filter)?),
        })
    }

    fn condition(&mut self, filter: model::Filter) -> Result<Condition, PathError> {
        Ok(match filter {
            model::Filter::Or(parts) => Condition::Any(self.conditions(parts)?),
            model::Filter::And(parts) => Condition::All(self.conditions(parts)?),
            model::Filter::Atom(atom) => self.atom(atom)?,
        })
    }

    fn conditions(&mut self, parts: Vec<model::Filter>) -> Result<Vec<Condition>, PathError> {
        parts.into_iter().map(|part| self.condition(part)).collect()
    }

    fn atom(&mut self, atom: model::FilterAtom) -> Result<Condition, PathError> {
        let (condition, not) = match atom {
            model::FilterAtom::Filter { expr, not } => (self.condition(*expr)?, not),
            model::FilterAtom::Test { expr, not } => match *expr {
                model::Test::Function(function) => {
                    return Err(name_of(&function).err().unwrap_or(PathError::IllTyped {
                        what: "`length`, `count` and `value` give a value, which is not a condition by itself",
                    }));
                }
                test => (Condition::Exists(self.query(test)?), not),
            },
            model::FilterAtom::Comparison(comparison) => (self.comparison(*comparison)?, false),
        };
        Ok(if not { Condition::Not(Box::new(condition)) } else { condition })
    }

    fn comparison(&mut self, comparison: model::Comparison) -> Result<Condition, PathError> {
        use model::Comparison::{Eq, Gt, Gte, Lt, Lte, Ne};
        let (left, operator, right) = match comparison {
            Eq(left, right) => (left, Operator::Equal, right),
            Ne(left, right) => (left, Operator::NotEqual, right),
            Lt(left, right) => (left, Operator::Less, right),
            Lte(left, right) => (left, Operator::LessOrEqual, right),
            Gt(left, right) => (right, Operator::Less, left),
            Gte(left, right) => (right, Operator::LessOrEqual, left),
        };
        Ok(Condition::Compare(self.comparable(left)?, operator, self.comparable(right)?))
    }

    fn comparable(&mut self, comparable: model::Comparable) -> Result<Operand, PathError> {
        Ok(match comparable {
            model::Comparable::Literal(literal) => Operand::Literal(value_of(literal)),
            model::Comparable::Function(function) => self.function(function)?,
            model::Comparable::SingularQuery(query) => {
                let (segments, here) = match query {
                    model::SingularQuery::Current(segments) => (segments, true),
                    model::SingularQuery::Root(segments) => (segments, false),
                };
                let steps = segments
                    .into_iter()
                    .map(|segment| match segment {
                        model::SingularQuerySegment::Index(index) => Pick::Index(index),
                        model::SingularQuerySegment::Name(name) => Pick::Name(name.into()),
                    })
                    .map(|pick| Step::Child(vec![pick]))
                    .collect();
                Operand::Value(if here { Query::Here(steps) } else { self.constant(steps) })
            }
        })
    }

    fn function(&mut self, function: model::TestFunction) -> Result<Operand, PathError> {
        name_of(&function)?;
        match function {
            model::TestFunction::Count(argument) => Ok(Operand::Count(self.nodes(argument)?)),
            model::TestFunction::Value(argument) => Ok(Operand::Value(self.nodes(argument)?)),
            model::TestFunction::Length(argument) => {
                Ok(Operand::Length(Box::new(self.one_value(*argument)?)))
            }
            other => Err(PathError::Function { name: other.to_string() }),
        }
    }

    /// The argument of `count` and `value`: a query.
    fn nodes(&mut self, argument: model::FnArg) -> Result<Query, PathError> {
        let wrong = PathError::IllTyped {
            what: "`count` and `value` take a path, like `count(@.words[*])`",
        };
        match argument {
            model::FnArg::Test(test) if !matches!(*test, model::Test::Function(_)) => {
                self.query(*test)
            }
            _ => Err(wrong),
        }
    }

    /// The argument of `length`: a literal, a path to at most one value, or a function that gives one.
    fn one_value(&mut self, argument: model::FnArg) -> Result<Operand, PathError> {
        let wrong = PathError::IllTyped {
            what: "`length` takes one value: a path without `*`, `..`, slices or filters, or `value(…)`",
        };
        match argument {
            model::FnArg::Literal(literal) => Ok(Operand::Literal(value_of(literal))),
            model::FnArg::Test(test) => match *test {
                model::Test::Function(function) => self.function(*function),
                query => {
                    let query = self.query(query)?;
                    let steps = match &query {
                        Query::Here(steps) => Some(steps),
                        Query::Constant(index) => self.constants.get(*index),
                    };
                    let single = |step: &Step| matches!(step, Step::Child(picks) if matches!(picks.as_slice(), [Pick::Name(_) | Pick::Index(_)]));
                    if steps.is_some_and(|steps| steps.iter().all(single)) {
                        Ok(Operand::Value(query))
                    } else {
                        Err(wrong)
                    }
                }
            },
            model::FnArg::Filter(_) => Err(wrong),
        }
    }

    fn query(&mut self, test: model::Test) -> Result<Query, PathError> {
        match test {
            model::Test::RelQuery(segments) => Ok(Query::Here(self.steps(segments)?)),
            model::Test::AbsQuery(query) => {
                let steps = self.steps(query.segments)?;
                Ok(self.constant(steps))
            }
            model::Test::Function(function) => {
                Err(PathError::Function { name: function.to_string() })
            }
        }
    }

    /// Constants inside a constant were taken out before it, so each may use those that stand before it.
    fn constant(&mut self, steps: Vec<Step>) -> Query {
        self.constants.push(steps);
        Query::Constant(self.constants.len() - 1)
    }
}

/// Refuses the functions that are not offered.
fn name_of(function: &model::TestFunction) -> Result<(), PathError> {
    let name = match function {
        model::TestFunction::Length(_)
        | model::TestFunction::Value(_)
        | model::TestFunction::Count(_) => return Ok(()),
        model::TestFunction::Search(..) => "search",
        model::TestFunction::Match(..) => "match",
        model::TestFunction::Custom(name, _) => name,
    };
    Err(PathError::Function { name: name.to_owned() })
}

fn value_of(literal: model::Literal) -> Value {
    match literal {
        model::Literal::Int(int) => Value::Number(int.into()),
        model::Literal::Float(float) => {
            debug_assert!(
                Number::Float(float).as_f64().is_finite(),
                "the parser's literals are finite"
            );
            serde_json::Number::from_f64(float).map_or(Value::Null, Value::Number)
        }
        model::Literal::String(text) => Value::String(text),
        model::Literal::Bool(truth) => Value::Bool(truth),
        model::Literal::Null => Value::Null,
    }
}
