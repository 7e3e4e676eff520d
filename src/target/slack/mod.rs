//! `kind: slack`: an incoming webhook with Block Kit.
//!
//! Whatever an event says is text to Slack and nothing else: it mentions nobody, links nowhere, formats nothing that we
//! show as plain text. Slack's limits are kept by cutting, since a message that is cut is worth more than none.

mod fit;
mod judge;
mod message;
mod payload;

#[cfg(test)]
mod tests;

use bytes::Bytes;
use hyper::header::HeaderValue;
use serde_json::{Value, json};

use crate::template::{BodyTemplate, TextTemplate, UrlTemplate};

use super::Client;
use super::http::JSON;
use super::request::{RenderFailure, Request};
use super::scope::Scope;
use super::sign::own_headers;

pub(super) use judge::judge;

/// Longest `text` of a message, in characters: <https://docs.slack.dev/reference/methods/chat.postMessage>.
const TEXT_MAX: usize = 40_000;

/// A Slack target.
#[derive(Debug)]
pub struct SlackTarget {
    /// The webhook's address, a secret beyond its host.
    pub url: UrlTemplate,
    /// Text of our own; the fallback text of `blocks` if both are given.
    pub text: Option<TextTemplate>,
    /// Blocks of our own.
    pub blocks: Option<Blocks>,
    /// What sends it.
    pub client: Client,
}

/// Block Kit blocks as a template; a list.
#[derive(Debug, Clone)]
pub struct Blocks(pub BodyTemplate);

impl SlackTarget {
    /// The request for one attempt.
    pub(super) fn render(&self, scope: &Scope<'_>) -> Result<Request, RenderFailure> {
        let address = Some(scope.address(&self.url)?);
        let body = Bytes::from(self.message(scope)?.to_string());
        let headers = own_headers(scope.event(), scope.info(), HeaderValue::from_static(JSON));
        Ok(Request { method: "POST", address, headers, body })
    }

    fn message(&self, scope: &Scope<'_>) -> Result<Value, RenderFailure> {
        let text = self.text.as_ref().map(|text| own_text(text, scope)).transpose()?;
        let Some(Blocks(template)) = &self.blocks else {
            return Ok(match text {
                Some(text) => json!({ "text": text }),
                None => message::default(scope)?,
            });
        };
        let blocks = template
            .render(scope.context()?)
            .map_err(|why| RenderFailure::template("blocks", &why))?;
        let Value::Array(mut blocks) = blocks else {
            return Err(RenderFailure::unsendable("blocks", "they are no list on this event"));
        };
        for block in &mut blocks {
            fit::own_block(block);
        }
        let text = match text {
            Some(text) => text,
            None => message::summary(scope)?,
        };
        Ok(json!({ "text": text, "blocks": blocks }))
    }
}

fn own_text(template: &TextTemplate, scope: &Scope<'_>) -> Result<String, RenderFailure> {
    let text = scope.text("text", template)?;
    if text.trim().is_empty() {
        return Err(RenderFailure::unsendable("text", "it is empty on this event"));
    }
    Ok(fit::cut_escaped(&text, TEXT_MAX))
}
