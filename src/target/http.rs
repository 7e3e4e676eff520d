//! `kind: http`: any endpoint. Forwards the exact bytes unless `body` is given.

use bytes::Bytes;
use hyper::header::{HeaderName, HeaderValue};

use crate::path::Path;
use crate::template::{BodyTemplate, TextTemplate, UrlTemplate};

use super::request::{header_value, hidden_value};
use super::scope::Scope;
use super::sign::{add_original_signature, own_headers};
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

/// One header to send; never one that we set ourselves or that frames the message.
#[derive(Debug, Clone)]
pub struct HeaderTemplate {
    name: HeaderName,
    value: TextTemplate,
    /// What it renders to, if that is always the same and can be sent.
    fixed: Option<HeaderValue>,
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
pub(super) const JSON: &str = "application/json";

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
        let content_type = content_type.and_then(|text| header_value(text).ok());
        let content_type = content_type.unwrap_or(HeaderValue::from_static(JSON));
        let mut headers = own_headers(event, scope.info(), content_type);
        match (&self.sign, &self.body) {
            (Some(sign), _) => sign.add_to(&mut headers, event, scope.info(), &body),
            (None, Body::Original) => add_original_signature(&mut headers, event),
            (None, _) => {}
        }
        for header in &self.headers {
            headers.append(header.name.clone(), header.render(scope)?);
        }
        Ok(Request { method: self.method.as_str(), address, headers, body })
    }
}

impl HeaderTemplate {
    /// A header with its value.
    pub fn new(name: HeaderName, value: TextTemplate) -> Self {
        let fixed = value.fixed().and_then(|text| hidden_value(text.expose()).ok());
        Self { name, value, fixed }
    }

    fn render(&self, scope: &Scope<'_>) -> Result<HeaderValue, RenderFailure> {
        if let Some(value) = &self.fixed {
            return Ok(value.clone());
        }
        let place = format!("header {}", self.name);
        let value = scope.text(&place, &self.value)?;
        hidden_value(&value).map_err(|why| RenderFailure::unsendable(&place, why))
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
