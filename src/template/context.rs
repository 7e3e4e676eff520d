//! What a template sees.

use crate::event::{Document, Envelope};
use crate::name::RuleName;

/// The values of one event for templates: `event`, `agent_id`, `call`, `chat`, `metadata`, `rules`, `received_at`,
/// `payload`. Cheap to make anew for each target.
#[derive(Debug)]
pub struct Context {}

impl Context {
    /// The context of an event.
    pub fn new(_envelope: &Envelope, _document: &Document, _rules: &[RuleName]) -> Self {
        todo!()
    }
}
