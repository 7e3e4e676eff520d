//! `kind: http`: any endpoint. Forwards the exact bytes unless `body` is given.

use crate::path::Path;
use crate::template::{BodyTemplate, TextTemplate, UrlTemplate};

use super::{Client, Sign};

/// The methods a target may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// POST, the default.
    Post,
    /// PUT.
    Put,
    /// PATCH.
    Patch,
}

/// One header to send.
#[derive(Debug, Clone)]
pub struct HeaderTemplate {
    /// Its name in lower case; never one that we set ourselves or that frames the message.
    pub name: String,
    /// Its value.
    pub value: TextTemplate,
}

/// What goes out.
#[derive(Debug, Clone)]
pub enum Body {
    /// The exact bytes as they arrived.
    Original,
    /// The document without these places.
    Redacted(Vec<Path>),
    /// A body of our own.
    Template(BodyTemplate),
}

/// An HTTP target.
#[derive(Debug)]
pub struct HttpTarget {
    /// Method.
    pub method: Method,
    /// Address.
    pub url: UrlTemplate,
    /// Headers beside our own, in the order of the file.
    pub headers: Vec<HeaderTemplate>,
    /// Body.
    pub body: Body,
    /// How it is signed.
    pub sign: Option<Sign>,
    /// What sends it.
    pub client: Client,
}
