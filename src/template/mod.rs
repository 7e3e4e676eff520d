//! Templates: minijinja with our filters, limits and escapes. The only place that knows minijinja.
//!
//! What a template promises: it renders the same for the same event; it fails with a place and a reason, never silently,
//! where a value is missing; no value of an event can change the structure of what it is put into (JSON, an address,
//! Slack's markup); no literal from `${…}` is ever read as template source; its work and its result are bounded. What it
//! leaves out: including other templates, and reading anything but the event.

mod body;
mod context;
mod convert;
mod draft;
mod engine;
mod environment;
mod error;
mod filters;
mod source;
mod url;

#[cfg(test)]
mod tests;

pub use body::BodyTemplate;
pub use context::Context;
pub(crate) use convert::slack_escape;
pub use engine::{Autoescape, TextTemplate};
pub use error::TemplateError;
pub(crate) use filters::duration_text;
pub use source::{Part, Source};
pub use url::{Address, UrlError, UrlTemplate};
