//! Templates: minijinja with our filters, limits and escapes. The only place that knows minijinja.

mod body;
mod context;
mod engine;
mod filters;
mod url;

pub use body::BodyTemplate;
pub use context::Context;
pub use engine::{Autoescape, Part, Source, TemplateError, TextTemplate};
pub use url::{UrlError, UrlTemplate};
