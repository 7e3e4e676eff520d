//! Values from outside: `${VAR}`, `${VAR:-default}`, `${VAR:?why}`, `${file:/path}`. The only place that reads the
//! environment.
//!
//! They are put into values after YAML was read, never into keys, so no value can change the structure of the file.
//! `$${` writes `${`; nothing else is special. A default may hold further references, eight deep; it ends at its `}`.
//! As in a shell, `:-` and `:?` treat an empty variable like an unset one. A variable that is not set is an error that
//! names it; no value is ever part of an error.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::secret::Secret;

use super::Code;
use super::document::{Kind, Node, Piece, Tree};
use super::findings::Findings;
use super::foreign::{self, Lending, Shown};
use super::inputs::Files;
use super::redact::MASK;
use super::shape::Place;

/// How deep references may stand in the defaults of others.
const NESTING_MAX: usize = 8;
/// Longest value of a scalar with everything put in, in bytes.
const VALUE_MAX: usize = 1 << 20;

/// Where `${VAR}` looks.
pub trait Environment: Send + Sync + fmt::Debug {
    /// The variable's value, if it is set to UTF-8.
    fn variable(&self, name: &str) -> Option<String>;
}

/// The process's own environment.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    #[expect(clippy::disallowed_methods, reason = "the one reading of the environment")]
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }
}

/// Given values: for tests and the demo.
#[derive(Debug, Clone, Default)]
pub struct MapEnvironment(pub BTreeMap<String, String>);

impl Environment for MapEnvironment {
    fn variable(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned()
    }
}

/// What was put in.
#[derive(Debug, Default)]
pub(super) struct Filled {
    /// The names of what was looked up: variables, and files as `file:/path`.
    pub(super) names: BTreeSet<String>,
    /// The variables among them that stand where values are shown.
    pub(super) shown: Shown,
}

/// Puts values into every scalar of `tree`: those that `lending` lends. One that cannot be filled becomes broken, and is
/// reported.
pub(super) fn fill(
    tree: &mut Tree,
    lending: Lending<'_>,
    environment: &dyn Environment,
    files: &mut Files,
    findings: &mut Findings,
) -> Filled {
    let mut filled = Filled::default();
    for id in 0..u32::try_from(tree.len()).unwrap_or(u32::MAX) {
        let Kind::Scalar(scalar) = tree.node(id).kind() else { continue };
        let node = tree.node(id);
        let place = Place::of(node);
        let hidden = lending.hides(place) && scalar.written.contains(MASK);
        if !hidden && !scalar.written.contains("${") {
            continue;
        }
        let mut filling = Filling {
            environment,
            files,
            filled: &mut filled,
            lending,
            place,
            withheld: BTreeSet::new(),
            pieces: Vec::new(),
            size: 0,
        };
        let pieces = match filling.scalar(&scalar.written) {
            Ok(()) => Some(filling.pieces),
            Err(wrong) => {
                filling.withheld.clear();
                report(node, wrong, findings);
                None
            }
        };
        for name in filling.withheld {
            findings.warn(Code::DefaultTaken, node, foreign::by_default(&name), None);
        }
        let pieces = match lending {
            Lending::Everything => pieces,
            Lending::Shown(_) => pieces.map(|pieces| foreign::stand_ins(node, pieces)),
        };
        tree.fill(id, pieces);
    }
    filled
}

fn report(node: Node<'_>, wrong: Wrong, findings: &mut Findings) {
    findings.error_hint(wrong.code, node, wrong.text, wrong.hint);
}

/// A text with its references as they are written, and everything else in it masked: what stands around them, and in them the
/// defaults. What is masked already, and a text without anything to mask, comes back as it is; one whose references are broken is
/// masked whole.
pub(super) fn names_alone(text: &str, mask: &str) -> String {
    let mut shown = Alone { text: String::new(), mask };
    match shown.scalar(text) {
        Ok(()) => shown.text,
        Err(_) => mask.to_owned(),
    }
}

/// What is shown of a text.
struct Alone<'m> {
    text: String,
    mask: &'m str,
}

impl Alone<'_> {
    fn scalar(&mut self, text: &str) -> Result<(), Wrong> {
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            self.written(before);
            rest = after;
            if !before.ends_with('$') {
                let (reference, left) = reference(after, 0)?;
                self.reference(&reference);
                rest = left;
            }
        }
        self.written(rest);
        Ok(())
    }

    fn written(&mut self, text: &str) {
        let said = text.trim();
        if said.is_empty() || said == self.mask {
            self.text.push_str(text);
        } else if !self.text.ends_with(self.mask) {
            self.text.push_str(self.mask);
        }
    }

    fn reference(&mut self, reference: &Reference) {
        match reference {
            Reference::File(path) => self.text.extend(["${file:", path]),
            Reference::Variable(name, otherwise) => {
                self.text.extend(["${", name]);
                match otherwise {
                    Otherwise::Unset => {}
                    Otherwise::Refuse(why) => {
                        self.text.push_str(":?");
                        self.written(why);
                    }
                    Otherwise::Default(parts) => {
                        self.text.push_str(":-");
                        for part in parts {
                            match part {
                                Part::Text(text) => self.written(text),
                                Part::Reference(reference) => self.reference(reference),
                            }
                        }
                    }
                }
            }
        }
        self.text.push('}');
    }
}

/// What is wrong with a reference.
struct Wrong {
    code: Code,
    text: String,
    hint: Option<String>,
}

fn wrong(text: impl Into<String>) -> Wrong {
    Wrong { code: Code::BadReference, text: text.into(), hint: None }
}

fn unset(text: String) -> Wrong {
    Wrong { code: Code::VariableUnset, ..wrong(text) }
}

impl Wrong {
    fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

struct Filling<'a> {
    environment: &'a dyn Environment,
    files: &'a mut Files,
    filled: &'a mut Filled,
    lending: Lending<'a>,
    place: Place,
    /// Variables that have a default here and were not looked up.
    withheld: BTreeSet<String>,
    pieces: Vec<Piece>,
    size: usize,
}

impl Filling<'_> {
    fn scalar(&mut self, text: &str) -> Result<(), Wrong> {
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            if let Some(before) = before.strip_suffix('$') {
                self.visible(before)?;
                self.written("${");
                rest = after;
                continue;
            }
            self.visible(before)?;
            let (reference, left) = reference(after, 0)?;
            self.put(&reference)?;
            rest = left;
        }
        self.visible(rest)
    }

    /// What stands in the text; where secrets of it were hidden before it was posted, something is put in their place.
    fn visible(&mut self, text: &str) -> Result<(), Wrong> {
        if !self.lending.hides(self.place) {
            self.written(text);
            return Ok(());
        }
        for (at, part) in text.split(MASK).enumerate() {
            if at > 0 {
                self.stand_in(false)?;
            }
            self.written(part);
        }
        Ok(())
    }

    fn written(&mut self, text: &str) {
        match self.pieces.last_mut() {
            Some(Piece::Written(last)) => last.push_str(text),
            _ if text.is_empty() => {}
            _ => self.pieces.push(Piece::Written(text.to_owned())),
        }
    }

    fn put(&mut self, reference: &Reference) -> Result<(), Wrong> {
        match reference {
            Reference::Variable(name, otherwise) if !self.lending.lends(self.place, name) => {
                self.withhold(name, otherwise)
            }
            Reference::Variable(name, otherwise) => {
                self.filled.names.insert(name.clone());
                self.filled.shown.add(self.place, name);
                let value = self.environment.variable(name);
                match (value, otherwise) {
                    (Some(value), Otherwise::Unset) => self.insert(value, false),
                    (Some(value), _) if !value.is_empty() => self.insert(value, false),
                    (_, Otherwise::Default(parts)) => parts.iter().try_for_each(|part| match part {
                        Part::Text(text) => self.insert(text.clone(), false),
                        Part::Reference(reference) => self.put(reference),
                    }),
                    (_, Otherwise::Refuse(why)) if why.is_empty() => {
                        Err(unset(format!("the variable {name} is not set, or empty")))
                    }
                    (_, Otherwise::Refuse(why)) => {
                        Err(unset(format!("the variable {name} is needed: {why}")))
                    }
                    (None, Otherwise::Unset) => Err(unset(format!("the variable {name} is not set"))
                        .hint(format!(
                            "set it, or give a default: ${{{name}:-…}}; `$${{` writes the two characters themselves"
                        ))),
                }
            }
            Reference::File(_) if self.files.are_sealed() => self.stand_in(true),
            Reference::File(path) => {
                self.filled.names.insert(format!("file:{path}"));
                let refused = |why| Wrong {
                    code: Code::BadSecretFile,
                    ..wrong(format!("the file {path} {why}"))
                };
                let value = self.files.secret(path).map_err(refused)?;
                self.insert(value, true)
            }
        }
    }

    /// Does without the value of a variable: by the default, or something in its place where nobody looks at it.
    fn withhold(&mut self, name: &str, otherwise: &Otherwise) -> Result<(), Wrong> {
        match otherwise {
            Otherwise::Default(parts) => {
                if self.place != Place::Closed {
                    self.withheld.insert(name.to_owned());
                }
                let (before, size) = (self.pieces.len(), self.size);
                parts.iter().try_for_each(|part| match part {
                    Part::Text(text) if text == MASK && self.lending.hides(self.place) => {
                        self.stand_in(false)
                    }
                    Part::Text(text) => self.insert(text.clone(), false),
                    Part::Reference(reference) => self.put(reference),
                })?;
                // `${TOKEN:-}` says that there may be none, and not that there is none.
                if self.place == Place::Closed && self.size == size {
                    self.pieces.truncate(before);
                    self.stand_in(false)?;
                }
                Ok(())
            }
            _ if self.place == Place::Closed => self.stand_in(false),
            _ => {
                let refused = Wrong { code: Code::NotLent, ..wrong(foreign::not_lent(name)) };
                Err(refused.hint(foreign::NOT_LENT))
            }
        }
    }

    fn stand_in(&mut self, from_file: bool) -> Result<(), Wrong> {
        self.insert(foreign::STAND_IN.to_owned(), from_file)
    }

    fn insert(&mut self, value: String, from_file: bool) -> Result<(), Wrong> {
        self.size += value.len();
        if self.size > VALUE_MAX {
            return Err(wrong(format!("what is put in here is longer than {VALUE_MAX} bytes")));
        }
        self.pieces.push(Piece::Inserted { value: Secret::new(value), from_file });
        Ok(())
    }
}

enum Reference {
    Variable(String, Otherwise),
    File(String),
}

/// What happens if a variable is not set.
enum Otherwise {
    Unset,
    Default(Vec<Part>),
    Refuse(String),
}

enum Part {
    Text(String),
    Reference(Reference),
}

/// Reads a reference after its `${`, and returns what follows its `}`.
fn reference(text: &str, depth: usize) -> Result<(Reference, &str), Wrong> {
    if depth >= NESTING_MAX {
        return Err(wrong(format!("references stand in one another more than {NESTING_MAX} deep")));
    }
    if let Some(rest) = text.strip_prefix("file:") {
        let (path, rest) = rest.split_once('}').ok_or_else(unclosed)?;
        if path.trim().is_empty() {
            return Err(wrong("`${file:}` names no file").hint("write ${file:/run/secrets/name}"));
        }
        return Ok((Reference::File(path.to_owned()), rest));
    }
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).ok_or_else(unclosed)?;
    let (name, rest) = text.split_at(end);
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(wrong("`${` is not followed by the name of a variable")
            .hint("write ${NAME}, ${NAME:-default}, ${NAME:?why} or ${file:/path}; `$${` writes the two characters themselves"));
    }
    let name = name.to_owned();
    if let Some(rest) = rest.strip_prefix('}') {
        return Ok((Reference::Variable(name, Otherwise::Unset), rest));
    }
    if let Some(rest) = rest.strip_prefix(":-") {
        let (parts, rest) = default(rest, depth)?;
        return Ok((Reference::Variable(name, Otherwise::Default(parts)), rest));
    }
    if let Some(rest) = rest.strip_prefix(":?") {
        let (why, rest) = rest.split_once('}').ok_or_else(unclosed)?;
        return Ok((Reference::Variable(name, Otherwise::Refuse(why.trim().to_owned())), rest));
    }
    Err(wrong(format!("`${{{name}` is not followed by `}}`, `:-` or `:?`"))
        .hint(format!("write ${{{name}}}, ${{{name}:-default}} or ${{{name}:?why}}")))
}

fn unclosed() -> Wrong {
    wrong("a `${` has no `}`").hint("close it, or write `$${` for the two characters themselves")
}

/// The parts of a default up to its `}`.
fn default(text: &str, depth: usize) -> Result<(Vec<Part>, &str), Wrong> {
    let mut parts = Vec::new();
    let mut rest = text;
    loop {
        let end = rest.find('}').ok_or_else(unclosed)?;
        match rest.split_once("${") {
            Some((before, after)) if before.len() < end => {
                parts.push(Part::Text(before.to_owned()));
                let (inner, left) = reference(after, depth + 1)?;
                parts.push(Part::Reference(inner));
                rest = left;
            }
            _ => {
                let (last, left) = rest.split_at(end);
                parts.push(Part::Text(last.to_owned()));
                return Ok((parts, left.strip_prefix('}').unwrap_or_default()));
            }
        }
    }
}
