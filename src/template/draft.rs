//! A template before minijinja has it.
//!
//! minijinja looks filters, tests and names up when it renders, which would be on the first event; here they are looked up
//! when the configuration is read.

use std::collections::HashSet;

use minijinja::{Environment, ErrorKind};

use super::Autoescape;
use super::context::NAMES;
use super::environment::{GLOBALS, LINK, LITERAL, Literal, NAME, RECURSION_MAX, shared};
use super::error::TemplateError;
use super::source::{self, Mention, Part, Token, scan};
use crate::secret::Secret;

/// Longest template, in bytes.
const SOURCE_MAX: usize = 256 << 10;
/// Most words and signs in one expression or tag. minijinja works through an expression by recursion.
const WORDS_MAX: usize = 400;
/// Most `elif`, which are nested inside.
const ELIF_MAX: usize = 100;
/// How deep the values that a template makes may nest, at most. minijinja drops and prints them by recursion, and a
/// thread of the runtime has 2 MiB of stack, which some thousand levels fill.
const NESTING_MAX: usize = 1000;

/// A template on its way to minijinja: every literal is a name, every word is looked at.
#[derive(Default)]
pub(super) struct Draft {
    source: String,
    literals: Vec<Secret>,
    /// Names that its tags bind.
    bound: Vec<String>,
    /// Signs that can put a value into a list, an object or a tuple, or be part of a filter that does.
    nesting: usize,
    /// How often it can go through them in itself.
    rounds: usize,
    elifs: usize,
    amplifier: Amplifier,
    /// Whether anything but text is in it.
    pub(super) has_syntax: bool,
}

/// What an event could make a text of any length with, if both are there.
#[derive(Default)]
struct Amplifier {
    /// Something is multiplied, which repeats a list.
    repeats: bool,
    /// Something becomes a text that no limit bounds.
    joins: bool,
}

impl Draft {
    pub(super) fn new(parts: &[Part], autoescape: Autoescape) -> Result<Self, TemplateError> {
        let mut draft = Self { rounds: 1, ..Self::default() };
        for (at, part) in parts.iter().enumerate() {
            match part {
                Part::Literal(text) => {
                    let name = draft.literals.len();
                    draft.source.extend(["{{ ", LITERAL, &name.to_string(), " }}"]);
                    draft.literals.push(text.clone());
                }
                Part::Template(text) => draft.add(text, at + 1 == parts.len(), autoescape)?,
            }
        }
        if draft.source.len() > SOURCE_MAX {
            return Err(TemplateError::new("the template is longer than 256 KiB"));
        }
        if draft.elifs > ELIF_MAX || draft.nesting * draft.rounds > NESTING_MAX {
            return Err(TemplateError::new("the template is too deep or too complex"));
        }
        if draft.amplifier.repeats && draft.amplifier.joins {
            return Err(TemplateError::new(
                "`*` cannot stand in one template with `~` or `format`, since an event could make a text of any length \
                 with them: write the text beside the expression, as in `{{ a * b }} points`",
            ));
        }
        Ok(draft)
    }

    fn add(&mut self, text: &str, last: bool, autoescape: Autoescape) -> Result<(), TemplateError> {
        let (tokens, open) = scan(text);
        if let (Some(open), false) = (open, last) {
            return Err(open.before_literal());
        }
        if open.is_some() {
            // minijinja says best what is missing.
            self.has_syntax = true;
            self.source.push_str(text);
            return Ok(());
        }
        for (at, token) in tokens.iter().enumerate() {
            self.has_syntax |= !matches!(token, Token::Text(_));
            match token {
                Token::Inert(whole) => self.source.push_str(whole),
                Token::Expression { whole, .. } | Token::Tag { whole, .. } => {
                    self.check(token, autoescape)?;
                    self.source.push_str(whole);
                }
                Token::Text(plain) => {
                    let next = tokens.get(at + 1);
                    let expression = matches!(next, Some(Token::Expression { .. }));
                    match plain.strip_suffix('{') {
                        // Before the braces of a literal's name it would open something else.
                        Some(before) if next.is_none() && !last => {
                            self.source.push_str(before);
                            self.source.push_str("{{ '{' }}");
                        }
                        _ => self.source.push_str(plain),
                    }
                    if autoescape == Autoescape::Slack && expression && plain.ends_with('<') {
                        self.source.extend(["{{ ", LINK, " }}"]);
                    }
                }
            }
        }
        Ok(())
    }

    /// Refuses what minijinja would find only on an event, and what would undo the escape.
    fn check(&mut self, token: &Token<'_>, autoescape: Autoescape) -> Result<(), TemplateError> {
        let (Token::Expression { inner, .. } | Token::Tag { inner, .. }) = token else {
            return Ok(());
        };
        let words = source::words(inner);
        if words.len() > WORDS_MAX {
            return Err(TemplateError::new("an expression has more than 400 words and signs"));
        }
        self.nesting += words.iter().filter(|word| "([{|,".contains(**word)).count();
        self.amplifier.repeats |= multiplies(&words);
        self.amplifier.joins |= words.contains(&"~");
        if words.contains(&"recursive") {
            self.rounds = RECURSION_MAX;
        }
        if let Some(word) = words.iter().find(|word| word.starts_with("__")) {
            return Err(TemplateError::new(format!("`{word}`: names with `__` are reserved")));
        }
        if let Token::Tag { .. } = token {
            check_tag(&words, autoescape)?;
            match words.first() {
                Some(&"elif") => self.elifs += 1,
                // A macro may call itself.
                Some(&("macro" | "call")) => self.rounds = self.rounds.max(RECURSION_MAX / 4),
                _ => {}
            }
            self.bound.extend(bound(&words).map(str::to_owned));
        }
        let mentions = source::mentions(inner);
        self.amplifier.joins |= mentions.contains(&Mention::Filter("format"));
        mentions.iter().try_for_each(|mention| check_mention(*mention, autoescape))
    }

    /// Its source as minijinja has it, and the environment that holds it under [`NAME`].
    pub(super) fn compile(
        self,
        autoescape: Autoescape,
    ) -> Result<(Box<str>, Environment<'static>), TemplateError> {
        let mut environment = shared(autoescape).clone();
        for (at, literal) in self.literals.iter().enumerate() {
            let value = Literal::value(literal);
            environment.add_global(format!("{LITERAL}{at}"), value);
        }
        environment
            .add_template_owned(NAME, self.source.clone())
            .map_err(|error| TemplateError::compiling(&error, &self.source))?;
        if let Ok(template) = environment.get_template(NAME) {
            check_names(template.undeclared_variables(false), &self.bound)?;
        }
        Ok((self.source.into_boxed_str(), environment))
    }
}

/// Whether there is a `*` that is not half of a `**`.
fn multiplies(words: &[&str]) -> bool {
    words
        .chunk_by(|left, right| left == right)
        .any(|run| run.first() == Some(&"*") && run.len() % 2 == 1)
}

/// The names that a tag binds, and perhaps some more.
fn bound<'w>(words: &'w [&str]) -> impl Iterator<Item = &'w str> {
    let end = match words.first() {
        Some(&"set") => words.iter().position(|word| matches!(*word, "=" | "|")),
        Some(&"for") => words.iter().position(|word| *word == "in"),
        Some(&("with" | "macro" | "call")) => None,
        _ => Some(0),
    };
    let binding = words.iter().take(end.unwrap_or(words.len()));
    binding.copied().filter(|word| source::is_name(word))
}

fn check_tag(words: &[&str], autoescape: Autoescape) -> Result<(), TemplateError> {
    let Some(name) = words.first() else { return Ok(()) };
    if *name == "autoescape" {
        return Err(TemplateError::new(
            "`autoescape` is not for templates to change: the kind of the target decides",
        ));
    }
    let assigns = words.iter().find(|word| matches!(**word, "=" | "|")) == Some(&"=");
    let captures = matches!(*name, "macro" | "call" | "filter") || (*name == "set" && !assigns);
    if captures && autoescape == Autoescape::Slack {
        let hint = if *name == "set" { ": write `{% set name = … %}`" } else { "" };
        return Err(TemplateError::new(format!(
            "`{{% {name} %}}` cannot be used in a Slack text, since what it holds would be escaped twice{hint}"
        )));
    }
    Ok(())
}

fn check_mention(mention: Mention<'_>, autoescape: Autoescape) -> Result<(), TemplateError> {
    let mut state = shared(autoescape).empty_state();
    match mention {
        Mention::Filter(name @ ("safe" | "escape" | "e")) if autoescape == Autoescape::Slack => {
            Err(TemplateError::new(format!(
                "the filter `{name}` is refused in a Slack text: inserted values are always escaped"
            )))
        }
        Mention::Filter(name) => match state.apply_filter(name, &[]) {
            Err(error) if error.kind() == ErrorKind::UnknownFilter => {
                Err(TemplateError::new(format!("there is no filter `{name}`")))
            }
            _ => Ok(()),
        },
        Mention::Test("in") => Ok(()),
        Mention::Test(name) => match state.perform_test(name, &[]) {
            Err(error) if error.kind() == ErrorKind::UnknownTest => {
                Err(TemplateError::new(format!("there is no test `{name}`")))
            }
            _ => Ok(()),
        },
    }
}

/// Refuses names that are never there: with strict values they would fail on every event.
pub(super) fn check_names(used: HashSet<String>, bound: &[String]) -> Result<(), TemplateError> {
    let known = |name: &String| {
        NAMES.contains(&name.as_str())
            || GLOBALS.contains(&name.as_str())
            || name.starts_with("__")
            || bound.contains(name)
    };
    let mut unknown: Vec<_> = used.into_iter().filter(|name| !known(name)).collect();
    unknown.sort();
    unknown.first().map_or(Ok(()), |name| {
        Err(TemplateError::new(format!(
            "`{name}` is unknown: templates see {}; other members of the event are in `payload`",
            NAMES.join(", ")
        )))
    })
}
