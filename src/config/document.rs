//! The file as a tree whose nodes know their places, so that a problem found anywhere can be shown in the text.
//!
//! The nodes lie in one arena and a [`Node`] is a copyable handle: the path of a node is found by climbing to the root
//! when, and only when, something is wrong with it. What a node may hold is not known here; that is `shape`.

use std::borrow::Cow;

use crate::secret::Secret;

use super::scalar::{self, Plain};

/// Byte offsets in the text: from, to.
pub(super) type Span = (usize, usize);

/// A whole document.
pub(super) struct Tree {
    nodes: Vec<Data>,
    lines: Vec<Line>,
}

/// A line of the text, in byte offsets.
struct Line {
    end: u32,
    /// Where something stands in it; its end if it is blank or a comment.
    says: u32,
}

struct Data {
    parent: u32,
    step: Step,
    span: Span,
    kind: Kind,
}

/// How a node is reached from its parent.
#[derive(Clone)]
pub(super) enum Step {
    /// It has none.
    Root,
    /// By a key of a map.
    Key(Box<str>, Span),
    /// By its place in a list, from 0.
    Index(u32),
}

/// What a node is.
#[derive(Clone)]
pub(super) enum Kind {
    /// A text, number, `true`, `false` or `null`.
    Scalar(Scalar),
    /// A list.
    List(Vec<u32>),
    /// A map with unique keys, in the order of the file.
    Map(Vec<u32>),
    /// Something was wrong with it and is reported; nobody needs to complain again.
    Broken,
}

/// A scalar as it is written, and what stands there once values from outside are put in. It has no `Debug`: any scalar
/// could be a key.
#[derive(Clone)]
pub(super) struct Scalar {
    /// As it is written, quotes and escapes resolved, `${…}` as it stands.
    pub(super) written: Box<str>,
    /// Not in quotes and not a block: it may be a number, `true` or nothing at all.
    pub(super) plain: bool,
    /// A block under `|` or `>`, whose place begins behind that.
    pub(super) block: bool,
    /// What `env` made of it, if there is a `${` in it.
    pub(super) pieces: Option<Vec<Piece>>,
}

/// A part of a scalar with values put in.
#[derive(Clone)]
pub(super) enum Piece {
    /// From the file itself.
    Written(String),
    /// From outside.
    Inserted {
        /// The value.
        value: Secret,
        /// Whether it is the content of a file, and so a secret wherever it stands.
        from_file: bool,
    },
}

impl Scalar {
    /// The text with values put in.
    pub(super) fn text(&self) -> Cow<'_, str> {
        let Some(pieces) = &self.pieces else { return Cow::Borrowed(&self.written) };
        let part = |piece: &'_ Piece| match piece {
            Piece::Written(text) => text.clone(),
            Piece::Inserted { value, .. } => value.expose().to_owned(),
        };
        Cow::Owned(pieces.iter().map(part).collect())
    }

    /// What YAML reads it as, with values put in.
    pub(super) fn read(&self) -> Plain {
        if self.plain { scalar::resolve(&self.text()) } else { Plain::Text }
    }

    /// Whether nothing at all is written: `key:`.
    pub(super) fn is_absent(&self) -> bool {
        self.plain && self.text().is_empty()
    }

    /// Whether values from outside are put in.
    pub(super) fn is_filled(&self) -> bool {
        self.pieces.as_ref().is_some_and(|pieces| {
            pieces.iter().any(|piece| matches!(piece, Piece::Inserted { .. }))
        })
    }

    /// Whether the content of a file is put in.
    pub(super) fn is_from_file(&self) -> bool {
        self.pieces.as_ref().is_some_and(|pieces| {
            pieces.iter().any(|piece| matches!(piece, Piece::Inserted { from_file: true, .. }))
        })
    }
}

/// A handle on one node.
#[derive(Clone, Copy)]
pub(super) struct Node<'t> {
    tree: &'t Tree,
    id: u32,
}

impl<'t> Node<'t> {
    fn data(self) -> &'t Data {
        self.tree.data(self.id)
    }

    /// What it is.
    pub(super) fn kind(self) -> &'t Kind {
        &self.data().kind
    }

    /// The scalar, if it is one.
    pub(super) fn scalar(self) -> Option<&'t Scalar> {
        match self.kind() {
            Kind::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// Whether it is a map.
    pub(super) fn is_map(self) -> bool {
        matches!(self.kind(), Kind::Map(_))
    }

    /// Whether it is a scalar.
    pub(super) fn is_scalar(self) -> bool {
        matches!(self.kind(), Kind::Scalar(_))
    }

    /// Its elements, if it is a list.
    pub(super) fn list(self) -> Option<impl ExactSizeIterator<Item = Node<'t>>> {
        match self.kind() {
            Kind::List(ids) => Some(ids.iter().map(move |id| Node { tree: self.tree, id: *id })),
            _ => None,
        }
    }

    /// Its values, if it is a map; [`Node::key`] tells their keys.
    pub(super) fn map(self) -> Option<impl ExactSizeIterator<Item = Node<'t>>> {
        match self.kind() {
            Kind::Map(ids) => Some(ids.iter().map(move |id| Node { tree: self.tree, id: *id })),
            _ => None,
        }
    }

    /// The value of a key, if it is a map that has it. Looks at one key after the other: for maps whose keys are ours.
    pub(super) fn get(self, key: &str) -> Option<Node<'t>> {
        self.map()?.find(|node| node.key() == key)
    }

    /// Its key in the map that holds it; empty if none does.
    pub(super) fn key(self) -> &'t str {
        match &self.data().step {
            Step::Key(name, _) => name,
            _ => "",
        }
    }

    /// What holds it; nothing holds the root.
    pub(super) fn parent(self) -> Option<Self> {
        let data = self.data();
        (!matches!(data.step, Step::Root)).then_some(Node { tree: self.tree, id: data.parent })
    }

    /// Where its text is, values only.
    pub(super) fn span(self) -> Span {
        self.data().span
    }

    /// Where to point at when it is wrong: a scalar itself; else its key, which is shorter than all it holds.
    pub(super) fn mark(self) -> Span {
        let data = self.data();
        let scalar = matches!(data.kind, Kind::Scalar(_)) && data.span.0 < data.span.1;
        match &data.step {
            Step::Key(_, span) if !scalar => *span,
            // The whole file is wrong: its beginning stands for it.
            Step::Root if !scalar => (data.span.0, data.span.0),
            _ => data.span,
        }
    }

    /// Where to point at when its key is wrong.
    pub(super) fn key_mark(self) -> Span {
        match &self.data().step {
            Step::Key(_, span) => *span,
            _ => self.mark(),
        }
    }

    /// The line, from 1, where it begins: that of its key if it has one.
    pub(super) fn line(self) -> u32 {
        let (at, _) = self.key_mark();
        let before = self.tree.lines.partition_point(|line| (line.end as usize) <= at);
        u32::try_from(before + 1).unwrap_or(u32::MAX)
    }

    /// The line, from 1, where it ends. A list or map that is no `[…]` or `{…}` ends for YAML where the next one begins: blank
    /// lines and comments between them are left out.
    pub(super) fn end_line(self) -> u32 {
        let end = self.span().1;
        let lines = &self.tree.lines;
        let within = lines.partition_point(|line| (line.says as usize) < end);
        let within = lines.get(..within).unwrap_or_default();
        let last = within.iter().rposition(|line| line.says < line.end).map_or(0, |at| at + 1);
        u32::try_from(last).unwrap_or(u32::MAX).max(self.line())
    }

    /// Its path: `targets.crm.headers["x y"]`, `rules[2].when`.
    pub(super) fn path(self) -> String {
        let mut steps = Vec::new();
        let mut id = self.id;
        loop {
            let data = self.tree.data(id);
            if matches!(data.step, Step::Root) {
                break;
            }
            steps.push(&data.step);
            id = data.parent;
        }
        let mut path = String::new();
        for step in steps.iter().rev() {
            push_step(&mut path, step);
        }
        path
    }
}

impl Node<'_> {
    /// The path of a value that it would hold there.
    pub(super) fn path_to(self, step: &Step) -> String {
        let mut path = self.path();
        push_step(&mut path, step);
        path
    }
}

fn push_step(path: &mut String, step: &Step) {
    match step {
        Step::Root => {}
        Step::Index(index) => path.extend(["[", &index.to_string(), "]"]),
        Step::Key(name, _) => {
            let plain = !name.is_empty()
                && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
            if !plain {
                path.extend(["[", &format!("{name:?}"), "]"]);
            } else if path.is_empty() {
                path.push_str(name);
            } else {
                path.push('.');
                path.push_str(name);
            }
        }
    }
}

impl Tree {
    /// A tree of `text` without nodes; the first that is added is its root.
    pub(super) fn new(text: &str) -> Self {
        let mut lines = Vec::new();
        let mut from = 0;
        for line in text.split_inclusive('\n') {
            let said = line.trim_start();
            let comment = said.is_empty() || said.starts_with('#');
            let end = from + line.len();
            let says = if comment { end } else { end - said.len() };
            let offset = |at| u32::try_from(at).unwrap_or(u32::MAX);
            lines.push(Line { end: offset(end), says: offset(says) });
            from = end;
        }
        Self { nodes: Vec::new(), lines }
    }

    /// The root, if there is a document at all.
    pub(super) fn root(&self) -> Option<Node<'_>> {
        (!self.nodes.is_empty()).then_some(Node { tree: self, id: 0 })
    }

    /// How many nodes there are.
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// A handle on a node that was added.
    pub(super) fn node(&self, id: u32) -> Node<'_> {
        Node { tree: self, id }
    }

    fn data(&self, id: u32) -> &Data {
        self.nodes.get(id as usize).expect("a handle names a node of its own tree")
    }

    /// Adds a node. Its parent learns of it by [`Tree::adopt`].
    pub(super) fn add(&mut self, parent: u32, step: Step, span: Span, kind: Kind) -> u32 {
        let id = u32::try_from(self.nodes.len()).expect("a file of 4 MiB has fewer nodes");
        self.nodes.push(Data { parent, step, span, kind });
        id
    }

    /// Makes `child` one of its parent's values or elements.
    pub(super) fn adopt(&mut self, child: u32) {
        let parent = self.data(child).parent as usize;
        if let Some(Data { kind: Kind::List(ids) | Kind::Map(ids), .. }) =
            self.nodes.get_mut(parent)
        {
            ids.push(child);
        }
    }

    /// How many elements or values `id` has so far.
    pub(super) fn width(&self, id: u32) -> usize {
        match &self.data(id).kind {
            Kind::List(ids) | Kind::Map(ids) => ids.len(),
            _ => 0,
        }
    }

    /// The list or map `id` ends there.
    pub(super) fn close(&mut self, id: u32, end: usize) {
        if let Some(data) = self.nodes.get_mut(id as usize) {
            data.span.1 = end.max(data.span.0);
        }
    }

    /// The step and kind of `id`, for making a copy of it.
    pub(super) fn parts(&self, id: u32) -> (Step, Span, Kind) {
        let data = self.data(id);
        (data.step.clone(), data.span, data.kind.clone())
    }

    /// Replaces what a scalar was made of; nothing in it means that it is broken.
    pub(super) fn fill(&mut self, id: u32, pieces: Option<Vec<Piece>>) {
        let Some(data) = self.nodes.get_mut(id as usize) else { return };
        match (&mut data.kind, pieces) {
            (Kind::Scalar(scalar), Some(pieces)) => scalar.pieces = Some(pieces),
            (kind, _) => *kind = Kind::Broken,
        }
    }
}
