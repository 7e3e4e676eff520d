//! `kind: slack`: an incoming webhook with Block Kit.

use crate::template::{BodyTemplate, TextTemplate, UrlTemplate};

use super::Client;

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
