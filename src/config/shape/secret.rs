//! Which scalars of a file are secret, by the place where they stand: the same tables, read for that alone. What stands where
//! nobody expects it counts as a secret.

use crate::config::document::{Kind, Node};

use super::{Shape, Variants};

/// How much of a scalar is secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::config) enum Secrecy {
    /// Everything behind the host of an address.
    BeyondHost,
    /// All of it.
    Whole,
}

/// Calls `found` with every scalar at and under `node` that is secret. Without a shape nothing is known of it.
pub(in crate::config) fn secrets<'t>(
    node: Node<'t>,
    shape: Option<&Shape>,
    found: &mut impl FnMut(Node<'t>, Secrecy),
) {
    let values = |node: Node<'t>| node.map().into_iter().flatten();
    let items = |node: Node<'t>| node.list().into_iter().flatten();
    match (shape, node.kind()) {
        (Some(Shape::Object(object)), Kind::Map(_)) => values(node).for_each(|value| {
            secrets(value, object.key(value.key()).map(|key| &key.shape), found);
        }),
        (Some(Shape::Variants(variants)), Kind::Map(_)) => values(node).for_each(|value| {
            secrets(value, variants.shape(value.key()), found);
        }),
        (Some(Shape::Entries(of)), Kind::Map(_)) => {
            values(node).for_each(|value| secrets(value, Some(of), found));
        }
        (Some(Shape::List(of, _)), Kind::List(_)) => {
            items(node).for_each(|item| secrets(item, Some(of), found));
        }
        (Some(Shape::Either(either)), kind) => {
            let shape = match kind {
                Kind::Scalar(_) => &either.scalar,
                Kind::List(_) => &either.list,
                Kind::Map(_) => &either.map,
                Kind::Broken => &None,
            };
            secrets(node, shape.as_ref(), found);
        }
        // Its texts may be shown wherever they stand.
        (Some(Shape::Body | Shape::Data), _) => {}
        (Some(Shape::Url), Kind::Scalar(_)) => found(node, Secrecy::BeyondHost),
        (Some(shape), Kind::Scalar(_)) if shape.is_shown() => {}
        (_, Kind::Scalar(_)) => found(node, Secrecy::Whole),
        (_, Kind::Map(_)) => values(node).for_each(|value| secrets(value, None, found)),
        (_, Kind::List(_)) => items(node).for_each(|item| secrets(item, None, found)),
        (_, Kind::Broken) => {}
    }
}

impl Shape {
    /// Whether a scalar that stands here may be shown whole. Written out, so that a new shape is thought about.
    fn is_shown(&self) -> bool {
        match self {
            Self::Text
            | Self::Template
            | Self::Body
            | Self::Data
            | Self::Flag
            | Self::Whole(..)
            | Self::Decimal(..)
            | Self::Number
            | Self::Literal
            | Self::Duration(..)
            | Self::Size(..)
            | Self::Address
            | Self::Rate
            | Self::Status
            | Self::Word(_) => true,
            Self::Secret
            | Self::SecretOrNone
            | Self::SecretTemplate
            | Self::Url
            | Self::Object(_)
            | Self::Variants(_)
            | Self::Entries(_)
            | Self::List(..)
            | Self::Either(_) => false,
        }
    }
}

impl Variants {
    /// The shape at a key, which is the same in every variant that has it.
    fn shape(&self, key: &str) -> Option<&'static Shape> {
        self.of.iter().find_map(|(_, object)| object.key(key)).map(|key| &key.shape)
    }
}
