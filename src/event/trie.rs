//! Everything that singular paths ask for, as one tree of keys that the reader follows through a body.
//!
//! A node stands for one place in the document, so it is visited at most once: a second visit is a key that occurs twice.

use std::collections::HashMap;
use std::sync::Arc;

use super::reader::{FieldId, Wants};
use crate::path::Segment;

/// From this many children on, a node looks its keys up by hash.
const HASHED_FROM: usize = 9;

/// The place of a node in its trie.
pub(super) type NodeId = usize;

/// All places that are read.
#[derive(Debug)]
pub(super) struct Trie {
    nodes: Vec<Node>,
}

/// One place.
#[derive(Debug, Default)]
pub(super) struct Node {
    /// The fields that its value is for; those with a base only if that object is the one looked at.
    pub(super) fields: Vec<(FieldId, Option<u8>)>,
    /// The fields that its value is for as compact JSON.
    pub(super) raw: Vec<FieldId>,
    /// What is kept of its value; `None` if nothing is.
    pub(super) wants: Option<Wants>,
    /// Which of the base objects it is.
    pub(super) base: Option<u8>,
    /// Whether no key may occur twice in any object at and below this place.
    pub(super) unique: bool,
    keys: HashMap<Arc<str>, Child>,
    /// The same, for nodes with few children.
    few: Vec<(Arc<str>, Child)>,
    indexes: HashMap<usize, NodeId>,
    parent: NodeId,
    segment: Option<Segment>,
}

/// One child by key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Child {
    pub(super) node: NodeId,
    /// Its number among its siblings.
    pub(super) ordinal: usize,
}

impl Trie {
    pub(super) const ROOT: NodeId = 0;

    pub(super) fn new() -> Self {
        Self { nodes: vec![Node::default()] }
    }

    pub(super) fn node(&self, id: NodeId) -> &Node {
        self.nodes.get(id).expect("a node id comes from its own trie")
    }

    /// The node at `segments`, made if it is not there.
    pub(super) fn reach<'s>(
        &mut self,
        segments: impl IntoIterator<Item = &'s Segment>,
    ) -> &mut Node {
        let id =
            segments.into_iter().fold(Self::ROOT, |parent, segment| self.child(parent, segment));
        self.nodes.get_mut(id).expect("the node was just reached")
    }

    fn child(&mut self, parent: NodeId, segment: &Segment) -> NodeId {
        let next = self.nodes.len();
        let node = self.nodes.get_mut(parent).expect("a parent stands before its children");
        let ordinal = node.keys.len();
        let id = match segment {
            Segment::Key(key) => {
                node.keys.entry(Arc::clone(key)).or_insert(Child { node: next, ordinal }).node
            }
            Segment::Index(index) => *node.indexes.entry(*index).or_insert(next),
        };
        if id == next {
            self.nodes.push(Node { parent, segment: Some(segment.clone()), ..Node::default() });
        }
        id
    }

    /// Nothing more is asked for.
    pub(super) fn finish(&mut self) {
        for node in self.nodes.iter_mut().filter(|node| node.keys.len() < HASHED_FROM) {
            node.few = node.keys.drain().collect();
            node.few.sort_unstable_by_key(|(_, child)| child.ordinal);
        }
    }

    /// The place of a node as a path.
    pub(super) fn path(&self, id: NodeId) -> String {
        let mut segments = Vec::new();
        let mut node = self.node(id);
        while let Some(segment) = &node.segment {
            segments.push(segment);
            node = self.node(node.parent);
        }
        let mut path = "$".to_owned();
        for segment in segments.into_iter().rev() {
            let plain =
                |key: &str| !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || c == '_');
            let step = match segment {
                Segment::Key(key) if plain(key) => format!(".{key}"),
                Segment::Key(key) => format!("[{key:?}]"),
                Segment::Index(index) => format!("[{index}]"),
            };
            path.push_str(&step);
        }
        path
    }
}

impl Node {
    /// The child at a key.
    pub(super) fn by_key(&self, key: &str) -> Option<Child> {
        if self.keys.is_empty() {
            return self.few.iter().find(|(known, _)| **known == *key).map(|(_, child)| *child);
        }
        self.keys.get(key).copied()
    }

    /// The child at an index.
    pub(super) fn by_index(&self, index: usize) -> Option<NodeId> {
        self.indexes.get(&index).copied()
    }

    /// How many children it has by key.
    pub(super) fn key_count(&self) -> usize {
        self.keys.len() + self.few.len()
    }

    /// Whether it has children by index.
    pub(super) fn has_indexes(&self) -> bool {
        !self.indexes.is_empty()
    }
}
