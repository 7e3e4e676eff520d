//! One event as a target renders it: the document is parsed, and the context made, only if something asks.

use std::cell::OnceCell;

use crate::event::{Document, Event};
use crate::name::RuleName;
use crate::template::{Address, Context, TextTemplate, UrlTemplate};

use super::{AttemptInfo, RenderFailure};

/// What one rendering knows.
pub(super) struct Scope<'e> {
    event: &'e Event,
    rules: &'e [RuleName],
    info: AttemptInfo,
    context: OnceCell<Context>,
}

impl<'e> Scope<'e> {
    pub(super) fn new(event: &'e Event, rules: &'e [RuleName], info: AttemptInfo) -> Self {
        Self { event, rules, info, context: OnceCell::new() }
    }

    pub(super) fn event(&self) -> &'e Event {
        self.event
    }

    pub(super) fn rules(&self) -> &'e [RuleName] {
        self.rules
    }

    pub(super) fn info(&self) -> AttemptInfo {
        self.info
    }

    pub(super) fn document(&self) -> Result<&'e Document, RenderFailure> {
        self.event.document().map_err(RenderFailure::unreadable)
    }

    pub(super) fn context(&self) -> Result<&Context, RenderFailure> {
        let document = self.document()?;
        let make = || Context::new(self.event.envelope(), document, self.rules);
        Ok(self.context.get_or_init(make))
    }

    /// Renders a text; what it says of a failure begins with `place`.
    pub(super) fn text(
        &self,
        place: &str,
        template: &TextTemplate,
    ) -> Result<String, RenderFailure> {
        if let Some(text) = template.fixed() {
            return Ok(text.expose().to_owned());
        }
        template.render(self.context()?).map_err(|why| RenderFailure::template(place, &why))
    }

    /// Renders an address.
    pub(super) fn address(&self, url: &UrlTemplate) -> Result<Address, RenderFailure> {
        let context = if url.is_templated() { Some(self.context()?) } else { None };
        url.render(context).map_err(|why| RenderFailure::template("url", &why))
    }
}
