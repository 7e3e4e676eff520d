//! minijinja's environments: one for each way of escaping, shared by all templates.

use std::io;
use std::sync::{Arc, OnceLock};

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Object, ObjectRepr, Value};
use minijinja::{AutoEscape, Environment, Error, Output, State, UndefinedBehavior};

use super::Autoescape;
use super::convert::{self, TEXT_MAX};
use super::error::Blame;
use super::filters;
use crate::secret::Secret;

/// What one rendering may do: instructions, and 64 bytes made for each.
const FUEL: u64 = 1_000_000;
/// How deep a template may go into itself: a loop counts one, a macro four.
pub(super) const RECURSION_MAX: usize = 24;
/// The name of the one template in an environment of its own.
pub(super) const NAME: &str = "template";
/// What begins the names of literals; not for templates to use.
pub(super) const LITERAL: &str = "__literal_";
/// The name of [`LinkStart`].
pub(super) const LINK: &str = "__link";
/// The functions that are always there.
pub(super) const GLOBALS: [&str; 2] = ["dict", "range"];
/// What may follow a `<` in Slack's markup without mentioning anybody.
const LINKS: [&str; 4] = ["http://", "https://", "mailto:", "tel:"];

/// The environment that templates of one kind share.
pub(super) fn shared(autoescape: Autoescape) -> &'static Environment<'static> {
    static NONE: OnceLock<Environment<'static>> = OnceLock::new();
    static SLACK: OnceLock<Environment<'static>> = OnceLock::new();
    static URL: OnceLock<Environment<'static>> = OnceLock::new();
    let cell = match autoescape {
        Autoescape::None => &NONE,
        Autoescape::Slack => &SLACK,
        Autoescape::Url => &URL,
    };
    cell.get_or_init(|| build(autoescape))
}

fn build(autoescape: Autoescape) -> Environment<'static> {
    let mut environment = Environment::new();
    // In debug mode errors carry the values they met.
    environment.set_debug(false);
    environment.set_syntax(syntax());
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(RECURSION_MAX);
    // Our formatter escapes all that is inserted. minijinja's own way would trust strings marked as safe.
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_formatter(move |out, state, value| insert(out, state, value, autoescape));
    environment.remove_global("debug");
    // With it a loop could nest lists to any depth, and minijinja drops and prints them by recursion.
    environment.remove_global("namespace");
    environment.remove_filter("pprint");
    if autoescape == Autoescape::Slack {
        for name in ["safe", "escape", "e"] {
            environment.remove_filter(name);
        }
    }
    filters::add(&mut environment, autoescape);
    environment.add_global(LINK, Value::from_object(LinkStart));
    environment
}

/// Jinja's syntax; the line end at the end is taken off before literals are named, so that theirs stays.
fn syntax() -> SyntaxConfig {
    SyntaxConfig::builder()
        .keep_trailing_newline(true)
        .build()
        .expect("the default delimiters are no conflict")
}

/// Writes one inserted value.
fn insert(
    out: &mut Output<'_>,
    state: &mut State<'_, '_>,
    value: &Value,
    autoescape: Autoescape,
) -> Result<(), Error> {
    if let Some(literal) = value.downcast_object_ref::<Literal>() {
        return Ok(out.write_str(literal.0.expose())?);
    }
    if value.downcast_object_ref::<LinkStart>().is_some() {
        state.set_temp(LINK, Value::from(true));
        return Ok(());
    }
    if value.is_undefined() {
        // `x if y` without an `else`: minijinja has refused every other undefined value.
        return Ok(());
    }
    let text = convert::to_text(value, autoescape)?;
    if autoescape == Autoescape::Slack && state.get_temp(LINK).is_some_and(|flag| flag.is_true()) {
        state.set_temp(LINK, Value::from(false));
        if !LINKS.iter().any(|scheme| text.starts_with(scheme)) {
            return Err(
                Blame("after `<` a value must be a link, so that it can mention nobody").into()
            );
        }
    }
    Ok(out.write_str(&text)?)
}

/// What was put in for `${…}`.
pub(super) struct Literal(Secret);

impl Literal {
    /// For minijinja.
    pub(super) fn value(text: &Secret) -> Value {
        Value::from_object(Self(text.clone()))
    }
}

impl std::fmt::Debug for Literal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Object for Literal {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }
}

/// Stands, in Slack texts, between a `<` of the template and the value after it: `<!channel>` would mention everybody.
#[derive(Debug)]
struct LinkStart;

impl Object for LinkStart {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }
}

/// A result that cannot outgrow [`TEXT_MAX`].
#[derive(Default)]
pub(super) struct Bounded(Vec<u8>);

impl Bounded {
    /// What was written.
    pub(super) fn into_text(self) -> String {
        // minijinja writes whole strings, so nothing is ever replaced here.
        String::from_utf8(self.0)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > TEXT_MAX {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
