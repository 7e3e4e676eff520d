//! The pass over one body: it follows the trie where rules look and skips the rest.

use std::borrow::Cow;
use std::collections::HashSet;

use super::fields::{Fields, Scalar};
use super::reader::Wants;
use super::scan::{Literal, Scanner};
use super::trie::{Child, Node, NodeId, Trie};
use super::{Document, Unreadable};

/// One pass.
pub(super) struct Pass<'b, 'r> {
    scanner: Scanner<'b>,
    trie: &'r Trie,
    fields: Fields,
    /// Which of the base objects are objects: one bit each.
    bases: u8,
}

/// Which children of one object were met.
#[derive(Default)]
struct Met {
    low: u64,
    high: Vec<u64>,
}

impl<'b, 'r> Pass<'b, 'r> {
    /// Checks the whole of `body` and takes out what `trie` asks for; also tells which base object is the first.
    pub(super) fn over(trie: &'r Trie, body: &'b [u8]) -> Result<(Fields, Option<u8>), Unreadable> {
        let mut pass =
            Self { scanner: Scanner::new(body)?, trie, fields: Fields::default(), bases: 0 };
        let found = match pass.scanner.peek() {
            Some(b'{') => None,
            Some(b'[') => Some("array"),
            Some(b'"') => Some("string"),
            Some(b't' | b'f') => Some("boolean"),
            Some(b'n') => Some("null"),
            _ => Some("number"),
        };
        match found {
            None => {
                pass.visit(Trie::ROOT, None, None)?;
            }
            Some(_) => pass.scanner.skip()?,
        }
        pass.scanner.end()?;
        if let Some(found) = found {
            return Err(Unreadable::NotAnObject { found });
        }
        let base = u8::try_from(pass.bases.trailing_zeros()).ok().filter(|&base| base < 8);
        Ok((pass.fields, base))
    }

    /// Reads the value at a node's place, which may be an element that is wanted besides. `unique` is the place at or above
    /// this one below which no key may occur twice. This and what it calls nest at most as deep as the scanner allows.
    fn visit(
        &mut self,
        id: NodeId,
        element: Option<Wants>,
        unique: Option<NodeId>,
    ) -> Result<Scalar, Unreadable> {
        let node = self.trie.node(id);
        let unique = unique.or(node.unique.then_some(id));
        let is_object = self.scanner.peek() == Some(b'{');
        if let Some(base) = node.base.filter(|_| is_object) {
            self.bases |= 1 << base;
        }
        let start = self.scanner.at();
        let wants = match (node.wants, element) {
            (Some(wants), Some(element)) => Some(wants.and(element)),
            (wants, element) => wants.or(element),
        };
        let scalar = self.value(Some((id, node)), wants, unique)?;
        if !node.fields.is_empty() {
            self.fields.add(node.fields.iter().copied(), [scalar.clone()]);
        }
        if !node.raw.is_empty() {
            let tree = Document::parse(self.scanner.since(start).as_bytes())
                .map_err(|error| error.shifted(start))?;
            let kept = self.fields.keep_plain(&tree.value().to_string(), false);
            self.fields.add(node.raw.iter().map(|field| (*field, None)), [kept]);
        }
        Ok(scalar)
    }

    fn value(
        &mut self,
        node: Option<(NodeId, &'r Node)>,
        wants: Option<Wants>,
        unique: Option<NodeId>,
    ) -> Result<Scalar, Unreadable> {
        Ok(match self.scanner.peek() {
            Some(b'"') => {
                let literal = self.scanner.string()?;
                match wants {
                    Some(wants) => {
                        let write = |text: &mut String| Scanner::unescape(literal, text);
                        self.fields.keep_text(wants.folded, write)?
                    }
                    None => Scalar::Null,
                }
            }
            Some(b'{') => {
                if unique.is_some() || node.is_some_and(|(_, node)| node.key_count() > 0) {
                    self.object(node, unique)?;
                } else {
                    self.scanner.skip()?;
                }
                Scalar::Object
            }
            Some(b'[') => {
                let wanted = wants.is_some_and(|wants| wants.elements);
                if wanted || unique.is_some() || node.is_some_and(|(_, node)| node.has_indexes()) {
                    self.array(node, wants.filter(|_| wanted), unique)?
                } else {
                    self.scanner.skip()?;
                    Scalar::Array(0..0)
                }
            }
            Some(b'-' | b'0'..=b'9') => {
                let literal = self.scanner.number()?;
                wants.map_or(Scalar::Null, |_| self.fields.keep_number(literal))
            }
            _ => self.scanner.word()?.map_or(Scalar::Null, Scalar::Bool),
        })
    }

    fn object(
        &mut self,
        node: Option<(NodeId, &'r Node)>,
        unique: Option<NodeId>,
    ) -> Result<(), Unreadable> {
        self.scanner.enter()?;
        let mut met = Met::default();
        let mut keys = HashSet::new();
        let mut first = true;
        while self.scanner.next_part(b'}', first)? {
            first = false;
            let literal = self.scanner.key()?;
            let key = text_of(literal);
            if let Some(top) = unique {
                // A key that is no text is kept as it stands: only its like can be its twin.
                let key = key.clone().unwrap_or(Cow::Borrowed(literal.raw));
                if !keys.insert(key) {
                    return Err(Unreadable::DuplicateKey {
                        path: format!("a place below {}", self.trie.path(top)),
                    });
                }
            }
            let child = node.zip(key).and_then(|((_, node), key)| node.by_key(&key));
            match child {
                Some(Child { node: child, ordinal }) => {
                    if met.before(ordinal) {
                        return Err(Unreadable::DuplicateKey { path: self.trie.path(child) });
                    }
                    self.visit(child, None, unique)?;
                }
                None if unique.is_some() => {
                    self.scanner.peek();
                    self.value(None, None, unique)?;
                }
                None => self.scanner.skip()?,
            }
        }
        Ok(())
    }

    fn array(
        &mut self,
        node: Option<(NodeId, &'r Node)>,
        wants: Option<Wants>,
        unique: Option<NodeId>,
    ) -> Result<Scalar, Unreadable> {
        self.scanner.enter()?;
        let inner = wants.map(|wants| Wants { elements: false, ..wants });
        let mut elements = Vec::new();
        let mut index = 0;
        while self.scanner.next_part(b']', index == 0)? {
            let child = node.and_then(|(_, node)| node.by_index(index));
            let element = match child {
                Some(child) => Some(self.visit(child, inner, unique)?),
                None if inner.is_some() || unique.is_some() => {
                    Some(self.value(None, inner, unique)?)
                }
                None => {
                    self.scanner.skip()?;
                    None
                }
            };
            elements.extend(element.filter(|_| inner.is_some()));
            index += 1;
        }
        Ok(self.fields.keep_elements(elements))
    }
}

/// The text of a key; `None` for one that stands for no text, which no rule can name.
fn text_of(literal: Literal<'_>) -> Option<Cow<'_, str>> {
    if !literal.escaped {
        return Some(Cow::Borrowed(literal.raw));
    }
    let mut text = String::with_capacity(literal.raw.len());
    Scanner::unescape(literal, &mut text).ok()?;
    Some(Cow::Owned(text))
}

impl Met {
    /// Whether the child was met before; it is from now on.
    fn before(&mut self, ordinal: usize) -> bool {
        let bit = 1 << (ordinal % 64);
        let word = match (ordinal / 64).checked_sub(1) {
            None => &mut self.low,
            Some(word) => {
                if self.high.len() <= word {
                    self.high.resize(word + 1, 0);
                }
                let Some(word) = self.high.get_mut(word) else { return false };
                word
            }
        };
        let before = *word & bit != 0;
        *word |= bit;
        before
    }
}
