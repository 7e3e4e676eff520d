//! `kind: http`: any endpoint. Forwards the exact bytes unless `body` is given.

use bytes::Bytes;

use crate::path::Path;
use crate::secret::Secret;
use crate::template::{BodyTemplate, TextTemplate, UrlTemplate};

use super::request::check_header_value;
use super::scope::Scope;
use super::sign::{Headers, original_signature, own_headers};
use super::{Client, RenderFailure, Request, Sign};

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

/// What a body of ours is. A body that is forwarded keeps the type it came with.
const JSON: &str = "application/json";

impl Method {
    fn as_str(self) -> &'static str {
        match self {
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
        }
    }
}

impl HttpTarget {
    /// The request for one attempt. The body of a plain forward is the event's own, not a copy.
    pub(super) fn render(&self, scope: &Scope<'_>) -> Result<Request, RenderFailure> {
        let address = Some(scope.address(&self.url)?);
        let event = scope.event();
        let original_type = event.envelope().request.content_type.as_deref();
        let (body, content_type) = match &self.body {
            Body::Original => (event.body().clone(), original_type),
            Body::Redacted(paths) => (redacted(paths, scope)?, None),
            Body::Template(template) => (rendered(template, scope)?, None),
        };
        let content_type = content_type.filter(|text| check_header_value(text).is_ok());
        let mut headers = own_headers(event, scope.info(), content_type.unwrap_or(JSON));
        headers.extend(match (&self.sign, &self.body) {
            (Some(sign), _) => sign.headers(event, scope.info(), &body),
            (None, Body::Original) => original_signature(event),
            (None, _) => Headers::new(),
        });
        for header in &self.headers {
            headers.push((header.name.clone(), header.render(scope)?, false));
        }
        Ok(Request { method: self.method.as_str(), address, headers, body })
    }
}

impl HeaderTemplate {
    fn render(&self, scope: &Scope<'_>) -> Result<Secret, RenderFailure> {
        let place = || format!("header {}", self.name);
        let value = scope.text(&place(), &self.value)?;
        check_header_value(&value).map_err(|why| RenderFailure::unsendable(&place(), why))?;
        Ok(Secret::new(value))
    }
}

/// The document without these places. It is always written anew: a key that occurs twice could hide a place from us that
/// the receiver's parser sees.
fn redacted(paths: &[Path], scope: &Scope<'_>) -> Result<Bytes, RenderFailure> {
    let mut document = scope.document()?.value().clone();
    for path in paths {
        path.remove(&mut document);
    }
    Ok(Bytes::from(document.to_string()))
}

fn rendered(template: &BodyTemplate, scope: &Scope<'_>) -> Result<Bytes, RenderFailure> {
    let body =
        template.render(scope.context()?).map_err(|why| RenderFailure::template("body", &why))?;
    Ok(Bytes::from(body.to_string()))
}
