//! An address whose path segments and query values may be templates; scheme and host are literal.

use super::{Context, Source, TemplateError};
use crate::secret::Secret;

/// Why a text is not an address that we can send to. Nothing of it beyond its host is repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// It is not an absolute http or https address.
    #[error("not an http:// or https:// address: {0}")]
    Address(&'static str),
    /// Its scheme, host or port has a template in it.
    #[error("the host must be literal: templates may stand in path segments and query values")]
    HostTemplate,
    /// One of its templates does not compile.
    #[error(transparent)]
    Template(#[from] TemplateError),
}

/// A compiled address.
#[derive(Debug, Clone)]
pub struct UrlTemplate {}

impl UrlTemplate {
    /// Compiles an address.
    pub fn new(_source: &Source) -> Result<Self, UrlError> {
        todo!()
    }

    /// `scheme://host:port`, which may be shown.
    pub fn origin(&self) -> &str {
        todo!()
    }

    /// Renders; inserted values are percent-encoded, and the host of the result is checked to be the literal one.
    pub fn render(&self, _context: Option<&Context>) -> Result<Secret, TemplateError> {
        todo!()
    }

    /// Whether there is a template in it, so that a context is needed.
    pub fn is_templated(&self) -> bool {
        todo!()
    }
}
