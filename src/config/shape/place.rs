//! What a place of the file is for, as the tables say: whether what stands there may be shown, and whether it decides where
//! events go.

use crate::config::document::{Kind, Node};

use super::{Shape, keys};

/// What may be done with a value from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) enum Place {
    /// It is a secret, or is sent and never looked at: keys, tokens, addresses, headers, templates. Also every place that
    /// the tables do not know.
    Closed,
    /// It stands in `rules` or `fallback`, and may be shown.
    Rules,
    /// It may be shown, and stands anywhere else.
    Elsewhere,
}

impl Place {
    /// The place of a scalar.
    pub(in crate::config) fn of(node: Node<'_>) -> Self {
        let shape = match shape(node) {
            Some(Shape::Either(either)) => either.scalar.as_ref(),
            shape => shape,
        };
        match shape {
            None
            | Some(
                Shape::Secret
                | Shape::SecretOrNone
                | Shape::Url
                | Shape::Template
                | Shape::SecretTemplate
                | Shape::Body
                | Shape::Data,
            ) => Self::Closed,
            Some(_) if matches!(top(node), "rules" | "fallback") => Self::Rules,
            Some(_) => Self::Elsewhere,
        }
    }

    /// Whether it is an address, which is no text like another.
    pub(in crate::config) fn is_address(node: Node<'_>) -> bool {
        matches!(shape(node), Some(Shape::Url))
    }
}

/// The key of the root under which it stands.
fn top(node: Node<'_>) -> &str {
    let mut node = node;
    while let Some(parent) = node.parent() {
        if parent.parent().is_none() {
            return node.key();
        }
        node = parent;
    }
    ""
}

/// What the tables demand there.
fn shape(node: Node<'_>) -> Option<&'static Shape> {
    match node.parent() {
        None => Some(&keys::ROOT),
        Some(parent) => within(shape(parent)?, parent, node),
    }
}

fn within(shape: &'static Shape, parent: Node<'_>, node: Node<'_>) -> Option<&'static Shape> {
    match shape {
        Shape::Object(object) => object.key(node.key()).map(|key| &key.shape),
        // What stands at a key is the same in every variant that has it.
        Shape::Variants(variants) => {
            let mut objects = variants.of.iter().map(|(_, object)| object);
            objects.find_map(|object| object.key(node.key())).map(|key| &key.shape)
        }
        Shape::Entries(of) | Shape::List(of, _) => Some(of),
        Shape::Either(either) => {
            let shape = match parent.kind() {
                Kind::List(_) => &either.list,
                Kind::Map(_) => &either.map,
                Kind::Scalar(_) | Kind::Broken => &None,
            };
            within(shape.as_ref()?, parent, node)
        }
        Shape::Body | Shape::Data => Some(shape),
        _ => None,
    }
}
