//! An address whose path segments and query values may be templates; scheme and host are literal.
//!
//! An event can never decide where a request goes: the address is taken apart before anything is put in, what is put in is
//! percent-encoded, and the result is read again and must have the same origin and as many segments.

use std::sync::Arc;

use url::Url;

use super::source::{Part, Token, scan};
use super::{Autoescape, Context, Source, TemplateError, TextTemplate};

/// Longest address that is sent, in bytes.
const URL_MAX: usize = 16 << 10;

/// Why a text is not an address that we can send to. Nothing of it beyond its host is repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// It is not an absolute http or https address.
    #[error("not an http:// or https:// address: {0}")]
    Address(&'static str),
    /// Its scheme, host or port has a template in it.
    #[error("the host must be literal: templates may stand in path segments and query values")]
    HostTemplate,
    /// One of its templates does not compile.
    #[error(transparent)]
    Template(#[from] TemplateError),
}

/// An address that requests go to, taken apart. Cheap to clone. `Debug` shows its origin: the rest may be a credential.
#[derive(Clone)]
pub struct Address {
    origin: Arc<str>,
    url: Arc<Url>,
}

impl Address {
    /// `scheme://host:port`, which may be shown.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The whole of it: for sending, never for printing.
    pub fn expose(&self) -> &Url {
        &self.url
    }
}

impl std::fmt::Debug for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/…", self.origin)
    }
}

/// A compiled address. `Debug` shows its origin.
#[derive(Clone)]
pub struct UrlTemplate {
    /// The address with a letter in the place of each template: what every result is held against, or what is sent if there
    /// is none.
    skeleton: Address,
    shape: Option<Arc<Shape>>,
}

/// An address cut where a value could do harm.
struct Shape {
    /// `scheme://userinfo@host:port`.
    head: String,
    /// What stands between the slashes; the first is empty.
    segments: Vec<Vec<Piece>>,
    query: Option<Vec<Piece>>,
}

enum Piece {
    Text(String),
    Value(TextTemplate),
}

impl std::fmt::Debug for UrlTemplate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.skeleton.fmt(f)
    }
}

impl UrlTemplate {
    /// Compiles an address.
    pub fn new(source: &Source) -> Result<Self, UrlError> {
        let mut pieces = pieces(source)?.into_iter();
        let first = match pieces.next() {
            Some(Piece::Text(first)) => first,
            Some(Piece::Value(_)) => return Err(UrlError::HostTemplate),
            None => return Err(UrlError::Address("it is empty")),
        };
        let (head, path) = split_head(&first)?;
        let mut rest: Vec<_> = pieces.collect();
        let is_templated = !rest.is_empty();
        if path.is_empty() && is_templated {
            return Err(UrlError::HostTemplate);
        }
        rest.insert(0, Piece::Text(path.to_owned()));
        let shape = Shape::new(head, rest)?;
        let text = shape.write(|_| Ok::<_, UrlError>("x".to_owned()))?;
        let parse = |text| Url::parse(text).map_err(|why| UrlError::Address(reason(why)));
        let skeleton = parse(&text)?;
        if parse(head)?.host() != skeleton.host() {
            return Err(UrlError::Address("it has no host"));
        }
        let origin = skeleton.origin().ascii_serialization().into();
        let skeleton = Address { origin, url: Arc::new(skeleton) };
        Ok(Self { skeleton, shape: is_templated.then(|| Arc::new(shape)) })
    }

    /// `scheme://host:port`, which may be shown.
    pub fn origin(&self) -> &str {
        self.skeleton.origin()
    }

    /// Renders; inserted values are percent-encoded, and the host of the result is checked to be the literal one.
    pub fn render(&self, context: Option<&Context>) -> Result<Address, TemplateError> {
        let Some(shape) = &self.shape else { return Ok(self.skeleton.clone()) };
        let context = context.ok_or(TemplateError::new("the address needs the event's body"))?;
        let text = shape.write(|template| template.render(context))?;
        if text.len() > URL_MAX {
            return Err(TemplateError::new("the address is longer than 16 KiB"));
        }
        let url = Url::parse(&text).map_err(|why| TemplateError::new(reason(why)))?;
        if !self.has_same_shape(&url) {
            return Err(TemplateError::new("a value would change where the address leads"));
        }
        Ok(Address { origin: Arc::clone(&self.skeleton.origin), url: Arc::new(url) })
    }

    /// Whether there is a template in it, so that a context is needed.
    pub fn is_templated(&self) -> bool {
        self.shape.is_some()
    }

    fn has_same_shape(&self, url: &Url) -> bool {
        let segments = |url: &Url| url.path_segments().map_or(0, Iterator::count);
        let skeleton = self.skeleton.expose();
        url.scheme() == skeleton.scheme()
            && url.host() == skeleton.host()
            && url.port() == skeleton.port()
            && url.username() == skeleton.username()
            && url.password() == skeleton.password()
            && url.fragment().is_none()
            && url.query().is_some() == skeleton.query().is_some()
            && segments(url) == segments(skeleton)
    }
}

impl Shape {
    fn new(head: &str, pieces: Vec<Piece>) -> Result<Self, UrlError> {
        let mut shape = Self { head: head.to_owned(), segments: vec![Vec::new()], query: None };
        let mut in_query_value = false;
        for piece in pieces {
            match piece {
                Piece::Text(text) => {
                    shape.add_text(&text);
                    if let Some(sign) = text.chars().rev().find(|c| matches!(c, '=' | '&' | '?')) {
                        in_query_value = sign == '=';
                    }
                }
                Piece::Value(_) if shape.query.is_some() && !in_query_value => {
                    let why = "in the query of an address a template may stand only after `=`";
                    return Err(TemplateError::new(why).into());
                }
                Piece::Value(template) => shape.add_value(template)?,
            }
        }
        Ok(shape)
    }

    fn add_text(&mut self, text: &str) {
        if let Some(query) = &mut self.query {
            query.push(Piece::Text(text.to_owned()));
            return;
        }
        let (path, query) = text.split_once('?').map_or((text, None), |(a, b)| (a, Some(b)));
        for (at, segment) in path.split('/').enumerate() {
            if at > 0 {
                self.segments.push(Vec::new());
            }
            if let Some(last) = self.segments.last_mut().filter(|_| !segment.is_empty()) {
                last.push(Piece::Text(segment.to_owned()));
            }
        }
        self.query = query.map(|query| vec![Piece::Text(query.to_owned())]);
    }

    fn add_value(&mut self, template: TextTemplate) -> Result<(), UrlError> {
        let run = self.query.as_mut().or(self.segments.last_mut()).ok_or(UrlError::HostTemplate)?;
        let half = |text: &str| text.rfind('%').is_some_and(|at| at + 3 > text.len());
        if matches!(run.last(), Some(Piece::Text(text)) if half(text)) {
            return Err(TemplateError::new("a template stands in the middle of a %-escape").into());
        }
        run.push(Piece::Value(template));
        Ok(())
    }

    /// Puts the address together, with `value` for each template.
    fn write<E: From<TemplateError>>(
        &self,
        value: impl Fn(&TextTemplate) -> Result<String, E>,
    ) -> Result<String, E> {
        let mut address = self.head.clone();
        for (at, segment) in self.segments.iter().enumerate() {
            if at > 0 {
                address.push('/');
            }
            let text = write_run(segment, &value)?;
            let is_templated = segment.iter().any(|piece| matches!(piece, Piece::Value(_)));
            if is_templated && changes_path(&text) {
                let why = "a segment of the address would be empty, `.` or `..` on this event";
                return Err(TemplateError::new(why).into());
            }
            address.push_str(&text);
        }
        if let Some(query) = &self.query {
            address.push('?');
            address.push_str(&write_run(query, &value)?);
        }
        Ok(address)
    }
}

fn write_run<E>(
    run: &[Piece],
    value: &impl Fn(&TextTemplate) -> Result<String, E>,
) -> Result<String, E> {
    let mut written = String::new();
    for piece in run {
        match piece {
            Piece::Text(text) => written.push_str(text),
            Piece::Value(template) => written.push_str(&value(template)?),
        }
    }
    Ok(written)
}

/// Whether the URL standard (<https://url.spec.whatwg.org/#double-dot-path-segment>) reads a segment as a direction, or
/// servers fold it away.
fn changes_path(segment: &str) -> bool {
    matches!(segment.to_ascii_lowercase().replace("%2e", ".").as_str(), "" | "." | "..")
}

/// The pieces of an address: texts, literals among them, and expressions.
fn pieces(source: &Source) -> Result<Vec<Piece>, UrlError> {
    let mut pieces = Vec::new();
    let parts = source.joined();
    for (at, part) in parts.iter().enumerate() {
        let text = match part {
            Part::Literal(text) => {
                add_text(&mut pieces, text.expose())?;
                continue;
            }
            Part::Template(text) => text,
        };
        let (tokens, open) = scan(text);
        if let Some(open) = open {
            let literal_next = at + 1 < parts.len();
            return Err(if literal_next { open.before_literal() } else { open.unclosed() }.into());
        }
        for token in tokens {
            match token {
                Token::Text(text) => add_text(&mut pieces, text)?,
                Token::Expression { whole, .. } => {
                    let template = TextTemplate::new(&Source::plain(whole), Autoescape::Url)?;
                    pieces.push(Piece::Value(template));
                }
                Token::Tag { .. } | Token::Inert(_) => {
                    return Err(TemplateError::new(
                        "in an address only {{ … }} may stand; a choice is {{ a if b else c }}",
                    )
                    .into());
                }
            }
        }
    }
    Ok(pieces)
}

fn add_text(pieces: &mut Vec<Piece>, text: &str) -> Result<(), UrlError> {
    let problem = [
        (text.contains('#'), "a `#` begins a fragment, which is never sent; write %23"),
        (text.contains('\\'), "there is a backslash in it"),
        (text.contains(char::is_whitespace), "there is white space in it; write %20"),
        (text.contains(char::is_control), "there is a control character in it"),
    ];
    if let Some((_, why)) = problem.into_iter().find(|(found, _)| *found) {
        return Err(UrlError::Address(why));
    }
    match pieces.last_mut() {
        Some(Piece::Text(before)) => before.push_str(text),
        _ => pieces.push(Piece::Text(text.to_owned())),
    }
    Ok(())
}

/// `scheme://userinfo@host:port`, and what follows.
fn split_head(text: &str) -> Result<(&str, &str), UrlError> {
    let (scheme, rest) = text
        .split_once("://")
        .ok_or(UrlError::Address("it does not begin with http:// or https://"))?;
    if !matches!(scheme.to_ascii_lowercase().as_str(), "http" | "https") {
        return Err(UrlError::Address("it does not begin with http:// or https://"));
    }
    let host = rest.find(['/', '?']).unwrap_or(rest.len());
    Ok(text.split_at(scheme.len() + 3 + host))
}

fn reason(why: url::ParseError) -> &'static str {
    match why {
        url::ParseError::EmptyHost => "it has no host",
        url::ParseError::InvalidPort => "its port is not a number up to 65535",
        url::ParseError::InvalidIpv4Address | url::ParseError::InvalidIpv6Address => {
            "its host is not an address"
        }
        url::ParseError::IdnaError | url::ParseError::InvalidDomainCharacter => {
            "its host is not a name"
        }
        _ => "it cannot be read",
    }
}
