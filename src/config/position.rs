//! The first reading of the file: one pass over `saphyr-parser`'s events that makes the [`Tree`] and refuses what
//! `serde_yaml` would let pass: duplicate keys (the last would win, so a target could vanish), tags, and aliases that
//! grow. Only this file knows `saphyr-parser`.
//!
//! Anchors and aliases are allowed, since a list of agents is often needed twice; what they add is bounded. Merge keys
//! (`<<`) are not: `defaults` is for that, and they would hide where a value comes from.

use std::collections::{HashMap, HashSet};

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, StrInput, Tag};

use super::Code;
use super::document::{Kind, Scalar, Span, Step, Tree};
use super::findings::Findings;
use super::scalar::{self, Plain};

/// Deepest nesting of lists and maps.
pub(super) const DEPTH_MAX: usize = 64;
/// Most nodes of a file. Each takes about 300 bytes until the file is lowered.
pub(super) const NODES_MAX: usize = 100_000;
/// Most of the signs `[`, `{` and `,` on one line. What begins with a bracket may turn out to be a key until its line ends, so
/// `saphyr-parser` keeps all that follows: 1.2 MB of commas would take 250 MB before the first event.
pub(super) const FLOW_MAX: usize = 20_000;
/// Most nodes that all aliases together add.
pub(super) const ALIASED_MAX: usize = 10_000;
/// Most bytes of text that all aliases together add: each of them could stand for a text as long as the file.
pub(super) const ALIASED_BYTES_MAX: usize = 4 << 20;

/// Reads `text`. Without a tree there is at least one error in `findings`; with one there may be, too.
pub(super) fn read(text: &str, findings: &mut Findings) -> Option<Tree> {
    if let Some((at, c)) = text.char_indices().find(|(_, c)| is_control(*c)) {
        let text = format!(
            "the file holds the control character U+{:04X}: it is not a text",
            u32::from(c)
        );
        let place = (Some((at, at + c.len_utf8())), String::new());
        findings.error_at(Code::NotText, place, text, None);
        return None;
    }
    if let Some(at) = crowded_line(text) {
        let hint = "write it on several lines, one value on each".to_owned();
        let text = format!("this line has more than {FLOW_MAX} of the signs `[`, `{{` and `,`");
        findings.error_at(Code::TooLarge, (Some((at, at + 1)), String::new()), text, hint);
        return None;
    }
    let mut pass = Pass::new(text, findings);
    let mut parser = Parser::new_from_str(text);
    let done = pass.run(&mut parser);
    let Pass { tree, .. } = pass;
    if let Err(Stop { code, span, text, hint }) = done {
        findings.error_at(code, (Some(span), String::new()), text, hint);
        return None;
    }
    if tree.root().is_none() {
        let hint =
            "`hookswitch demo` shows a complete one; docs/configuration.md explains every key";
        let place = (None, String::new());
        findings.error_at(Code::Empty, place, "the file is empty", hint.to_owned());
        return None;
    }
    Some(tree)
}

fn is_control(c: char) -> bool {
    (c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{85}'))
        || matches!(c, '\u{fffe}' | '\u{ffff}')
}

/// Where a line has more signs of flow style than it may. It need not know what is quoted: no text has as many.
fn crowded_line(text: &str) -> Option<usize> {
    let mut signs = 0;
    text.bytes().position(|byte| {
        match byte {
            b'\n' | b'\r' => signs = 0,
            b'[' | b'{' | b',' => signs += 1,
            _ => {}
        }
        signs > FLOW_MAX
    })
}

/// Why the pass cannot go on.
struct Stop {
    code: Code,
    span: Span,
    text: String,
    hint: Option<String>,
}

/// A list or map that is not complete yet.
struct Open {
    id: u32,
    anchor: usize,
    /// In a map: the key whose value comes next, and the keys so far.
    keys: Option<Keys>,
}

#[derive(Default)]
struct Keys {
    next: Option<(Step, Fate)>,
    seen: HashSet<Box<str>>,
}

/// Whether a value joins its map.
#[derive(Clone, Copy, PartialEq)]
enum Fate {
    Kept,
    /// Its key is refused; the value is still read, so that the reading can go on.
    Refused,
}

struct Pass<'t, 'f> {
    tree: Tree,
    open: Vec<Open>,
    anchors: HashMap<usize, u32>,
    aliased: usize,
    aliased_bytes: usize,
    documents: usize,
    offsets: Offsets<'t>,
    findings: &'f mut Findings,
}

impl<'t, 'f> Pass<'t, 'f> {
    fn new(text: &'t str, findings: &'f mut Findings) -> Self {
        Self {
            tree: Tree::new(text),
            open: Vec::new(),
            anchors: HashMap::new(),
            aliased: 0,
            aliased_bytes: 0,
            documents: 0,
            offsets: Offsets::new(text),
            findings,
        }
    }

    fn run(&mut self, parser: &mut Parser<'t, StrInput<'t>>) -> Result<(), Stop> {
        while let Some(next) = parser.next_event() {
            let (event, span) = next.map_err(|error| self.syntax(&error))?;
            let span = (self.offsets.byte(span.start), self.offsets.byte(span.end));
            self.take(event, span)?;
        }
        Ok(())
    }

    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Stop> {
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(stop(
                        Code::Unsupported,
                        span,
                        "a second document begins here: the file is one",
                    )
                    .hint("`---` may stand at the very beginning of the file only; take it out"));
                }
                Ok(())
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_tag(tag.as_deref(), span);
                let plain = style == ScalarStyle::Plain;
                if self.wants_key() {
                    self.key(&text, plain, span);
                    return Ok(());
                }
                let block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
                let scalar = Scalar { written: text.into(), plain, block, pieces: None };
                let id = self.add(span, Kind::Scalar(scalar))?;
                self.anchors.insert(anchor, id);
                Ok(())
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_tag(tag.as_deref(), span);
                self.begin(anchor, span, Kind::List(Vec::new()), None)
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_tag(tag.as_deref(), span);
                self.begin(anchor, span, Kind::Map(Vec::new()), Some(Keys::default()))
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(open) = self.open.pop() {
                    self.tree.close(open.id, span.1);
                    self.anchors.insert(open.anchor, open.id);
                }
                Ok(())
            }
            Event::Alias(anchor) => self.alias(anchor, span),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
        }
    }

    fn wants_key(&self) -> bool {
        let keys = self.open.last().and_then(|open| open.keys.as_ref());
        keys.is_some_and(|keys| keys.next.is_none())
    }

    fn key(&mut self, text: &str, plain: bool, span: Span) {
        let mut fate = Fate::Kept;
        let step = Step::Key(text.into(), span);
        let Some(Open { id, keys: Some(keys), .. }) = self.open.last_mut() else { return };
        let path = |tree: &Tree| tree.node(*id).path_to(&step);
        if plain && scalar::resolve(text) != Plain::Text {
            fate = Fate::Refused;
            let hint = (!text.is_empty()).then(|| format!("put it in quotes: \"{text}\""));
            let text = "a key is a text, and YAML reads this one as something else";
            self.findings.error_at(Code::KeyNotText, (Some(span), path(&self.tree)), text, hint);
        } else if plain && text == "<<" {
            fate = Fate::Refused;
            let hint = "`defaults` holds what every target shares; other maps are written out";
            let text = "merge keys are not supported";
            let place = (Some(span), path(&self.tree));
            self.findings.error_at(Code::Unsupported, place, text, hint.to_owned());
        } else if !keys.seen.insert(text.into()) {
            fate = Fate::Refused;
            let hint = "a map has each key once; rename this one or take it out".to_owned();
            let text = format!("the key `{text}` occurs twice in this map");
            self.findings.error_at(Code::DuplicateKey, (Some(span), path(&self.tree)), text, hint);
        }
        self.findings.clear(span);
        keys.next = Some((step, fate));
    }

    fn begin(
        &mut self,
        anchor: usize,
        span: Span,
        kind: Kind,
        keys: Option<Keys>,
    ) -> Result<(), Stop> {
        if self.wants_key() {
            return Err(stop(Code::KeyNotText, span, "a key is a text, not a list or map")
                .hint("a template such as {{ agent_id }} needs quotes around it"));
        }
        if self.open.len() >= DEPTH_MAX {
            return Err(stop(
                Code::TooLarge,
                span,
                format!("lists and maps nest deeper than {DEPTH_MAX} here"),
            ));
        }
        let id = self.add(span, kind)?;
        self.open.push(Open { id, anchor, keys });
        Ok(())
    }

    /// Adds a node where the next one belongs.
    fn add(&mut self, span: Span, kind: Kind) -> Result<u32, Stop> {
        if self.tree.len() >= NODES_MAX {
            return Err(stop(
                Code::TooLarge,
                span,
                format!("the file has more than {NODES_MAX} values"),
            ));
        }
        let (parent, step, fate) = self.place();
        let id = self.tree.add(parent, step, span, kind);
        if fate == Fate::Kept {
            self.tree.adopt(id);
        }
        Ok(id)
    }

    /// Where the next node belongs.
    fn place(&mut self) -> (u32, Step, Fate) {
        match self.open.last_mut() {
            None => (0, Step::Root, Fate::Refused),
            Some(Open { id, keys: Some(keys), .. }) => {
                let (step, fate) = keys.next.take().unwrap_or((Step::Root, Fate::Refused));
                (*id, step, fate)
            }
            Some(Open { id, keys: None, .. }) => {
                let index = u32::try_from(self.tree.width(*id)).unwrap_or(u32::MAX);
                (*id, Step::Index(index), Fate::Kept)
            }
        }
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<(), Stop> {
        if self.wants_key() {
            return Err(stop(Code::KeyNotText, span, "an alias cannot be a key"));
        }
        let Some(&named) = self.anchors.get(&anchor) else {
            return Err(stop(
                Code::Unsupported,
                span,
                "an alias cannot stand inside what it names",
            ));
        };
        let (parent, step, fate) = self.place();
        let id = self.copy(named, (parent, step), span, self.open.len())?;
        if fate == Fate::Kept {
            self.tree.adopt(id);
        }
        Ok(())
    }

    fn copy(
        &mut self,
        named: u32,
        (parent, step): (u32, Step),
        at: Span,
        depth: usize,
    ) -> Result<u32, Stop> {
        self.aliased += 1;
        if self.aliased > ALIASED_MAX || depth > DEPTH_MAX {
            return Err(stop(Code::TooLarge, at, format!("aliases add more than {ALIASED_MAX} values or nest deeper than {DEPTH_MAX}"))
                .hint("an alias may stand for a list that is needed twice, not for a structure that grows"));
        }
        if let Kind::Scalar(scalar) = self.tree.node(named).kind() {
            self.aliased_bytes += scalar.written.len();
        }
        if let Step::Key(name, _) = &step {
            self.aliased_bytes += name.len();
        }
        if self.aliased_bytes > ALIASED_BYTES_MAX {
            return Err(stop(Code::TooLarge, at, format!("aliases add more than {ALIASED_BYTES_MAX} bytes of text"))
                .hint("an alias may stand for a list that is needed twice, not for a structure that grows"));
        }
        let (_, span, kind) = self.tree.parts(named);
        let (kind, children) = match kind {
            Kind::List(children) => (Kind::List(Vec::new()), children),
            Kind::Map(children) => (Kind::Map(Vec::new()), children),
            kind => (kind, Vec::new()),
        };
        let id = self.tree.add(parent, step, span, kind);
        for child in children {
            let (step, ..) = self.tree.parts(child);
            let child = self.copy(child, (id, step), at, depth + 1)?;
            self.tree.adopt(child);
        }
        Ok(id)
    }

    fn refuse_tag(&mut self, tag: Option<&Tag>, span: Span) {
        if let Some(tag) = tag {
            let core = tag.is_yaml_core_schema();
            let tag = if core { format!("!!{}", tag.suffix) } else { tag.to_string() };
            let hint = "quotes make a text of a value; without them it is a number, `true` or a text by its form";
            let place = (span.0, span.0 + 1);
            let text = format!("tags are not supported, and this value has the tag `{tag}`");
            let path =
                self.open.last().map_or_else(String::new, |open| self.tree.node(open.id).path());
            self.findings.error_at(Code::Unsupported, (Some(place), path), text, hint.to_owned());
        }
    }

    fn syntax(&self, error: &ScanError) -> Stop {
        let at = self.offsets.byte(*error.marker());
        let info = error.info();
        let stopped = stop(Code::NotYaml, (at, at), format!("this is not YAML: {info}"));
        if info.contains("tab") {
            stopped.hint("YAML is indented with spaces, never with tabs")
        } else if info.contains("anchor") {
            stopped.hint("an alias `*name` needs its anchor `&name` before it; a text that begins with * needs quotes")
        } else if self.near(at).contains("${") {
            stopped.hint("within { } and [ ], a value with ${…} needs quotes: { url: \"${URL}\" }")
        } else if info.contains("recursion limit") {
            stop(
                Code::TooLarge,
                (at, at),
                format!("lists and maps nest deeper than {DEPTH_MAX} here"),
            )
        } else {
            stopped.hint("look at the indentation, at quotes that do not end, and at values that begin with one of {[*&!%@`")
        }
    }
}

impl Pass<'_, '_> {
    /// The line of `at`, up to there and a little more.
    fn near(&self, at: usize) -> &str {
        let before = self.offsets.text.get(..at).unwrap_or_default();
        let from = before.rfind('\n').map_or(0, |line| line + 1);
        let to = at + self.offsets.text.get(at..).and_then(|rest| rest.find('\n')).unwrap_or(0);
        self.offsets.text.get(from..to).unwrap_or_default()
    }
}

fn stop(code: Code, span: Span, text: impl Into<String>) -> Stop {
    Stop { code, span, text: text.into(), hint: None }
}

impl Stop {
    fn hint(self, hint: &str) -> Self {
        Self { hint: Some(hint.to_owned()), ..self }
    }
}

/// Byte offsets of characters: `saphyr-parser` counts characters. Every 64th is kept, so the table stays small.
struct Offsets<'t> {
    text: &'t str,
    every: Vec<usize>,
}

const STRIDE: usize = 64;

impl<'t> Offsets<'t> {
    fn new(text: &'t str) -> Self {
        Self { text, every: text.char_indices().step_by(STRIDE).map(|(at, _)| at).collect() }
    }

    fn byte(&self, marker: Marker) -> usize {
        let index = marker.index();
        let from = self.every.get(index / STRIDE).copied().unwrap_or(self.text.len());
        let rest = self.text.get(from..).unwrap_or_default();
        rest.char_indices().nth(index % STRIDE).map_or(self.text.len(), |(at, _)| from + at)
    }
}
