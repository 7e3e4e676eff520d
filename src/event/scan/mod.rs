//! JSON's grammar (RFC 8259) over bytes, without a tree.
//!
//! It accepts exactly what `serde_json` accepts, with two limits of its own choice: it stops below [`DEPTH_MAX`], and the
//! whole text must be UTF-8, skipped or not. A lone surrogate escape (`"\ud800"`) is grammar; whoever reads that string
//! refuses it ([`Scanner::unescape`]).
//!
//! This is the hottest code of the program: every byte that arrives goes through it once. Lexers return `None` for a
//! fault, and [`Scanner::fault`] looks for its place again, so that the fast path carries no error around.

use super::Unreadable;

/// How deep arrays and objects may nest.
pub(super) const DEPTH_MAX: u32 = 128;

/// A cursor over a body.
pub(super) struct Scanner<'b> {
    text: &'b str,
    bytes: &'b [u8],
    at: usize,
    depth: u32,
}

/// The inside of a string literal.
#[derive(Debug, Clone, Copy)]
pub(super) struct Literal<'b> {
    /// As it stands between the quotes.
    pub(super) raw: &'b str,
    /// Whether it has a backslash.
    pub(super) escaped: bool,
    start: usize,
}

impl<'b> Scanner<'b> {
    /// At the beginning of `body`, which must be UTF-8.
    pub(super) fn new(body: &'b [u8]) -> Result<Self, Unreadable> {
        let text = std::str::from_utf8(body)
            .map_err(|error| Unreadable::Utf8 { at: error.valid_up_to() })?;
        Ok(Self { text, bytes: body, at: 0, depth: 0 })
    }

    /// Where the cursor stands.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// The text from `start` up to the cursor.
    pub(super) fn since(&self, start: usize) -> &'b str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    /// The next byte that is not white space.
    #[inline]
    pub(super) fn peek(&mut self) -> Option<u8> {
        self.at = after_space(self.bytes, self.at);
        self.bytes.get(self.at).copied()
    }

    /// Goes into an array or object, whose bracket is the next byte.
    pub(super) fn enter(&mut self) -> Result<(), Unreadable> {
        if self.depth == DEPTH_MAX {
            return Err(Unreadable::Depth { at: self.at });
        }
        self.depth += 1;
        self.at += 1;
        Ok(())
    }

    /// Goes to the next part of the array or object that [`Self::enter`] went into, which ends with `close`; `false` if
    /// there is none, and it is left. `first` is whether this is the first call.
    pub(super) fn next_part(&mut self, close: u8, first: bool) -> Result<bool, Unreadable> {
        match self.peek() {
            Some(byte) if byte == close => {
                self.at += 1;
                self.depth -= 1;
                Ok(false)
            }
            Some(_) if first => Ok(true),
            Some(b',') => {
                self.at += 1;
                Ok(true)
            }
            _ => Err(self.fault_here("expected a comma or the end")),
        }
    }

    /// Reads a member's key and its colon.
    pub(super) fn key(&mut self) -> Result<Literal<'b>, Unreadable> {
        if self.peek() != Some(b'"') {
            return Err(self.fault_here("expected a key"));
        }
        let key = self.string()?;
        if self.peek() != Some(b':') {
            return Err(self.fault_here("expected a colon"));
        }
        self.at += 1;
        Ok(key)
    }

    /// Reads a string, whose quote is the next byte.
    pub(super) fn string(&mut self) -> Result<Literal<'b>, Unreadable> {
        let start = self.at + 1;
        let end = string_end(self.bytes, start).ok_or_else(|| self.fault(self.at))?;
        self.at = end;
        let raw = self.text.get(start..end - 1).unwrap_or_default();
        Ok(Literal { raw, escaped: raw.as_bytes().contains(&b'\\'), start })
    }

    /// Reads a number, whose first byte is the next one.
    pub(super) fn number(&mut self) -> Result<&'b str, Unreadable> {
        let start = self.at;
        self.at = number_end(self.bytes, start).ok_or_else(|| self.fault(start))?;
        Ok(self.since(start))
    }

    /// Reads `null`, `true` or `false`.
    pub(super) fn word(&mut self) -> Result<Option<bool>, Unreadable> {
        let start = self.at;
        self.at = word_end(self.bytes, start).ok_or_else(|| self.fault(start))?;
        Ok(match self.bytes.get(start) {
            Some(b't') => Some(true),
            Some(b'f') => Some(false),
            _ => None,
        })
    }

    /// Nothing but white space may follow.
    pub(super) fn end(&mut self) -> Result<(), Unreadable> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.fault_here("text after the end of the document")),
        }
    }

    /// Passes over one value of any kind.
    pub(super) fn skip(&mut self) -> Result<(), Unreadable> {
        let bytes = self.bytes;
        let outer = self.depth;
        let mut at = self.at;
        // One bit per level that we are in, the innermost lowest: 1 for an object. `DEPTH_MAX` of them fit.
        let mut objects: u128 = 0;
        loop {
            at = after_space(bytes, at);
            let first = bytes.get(at).copied();
            let end = match first {
                Some(b'"') => string_end(bytes, at + 1),
                Some(b'-' | b'0'..=b'9') => number_end(bytes, at),
                Some(open @ (b'{' | b'[')) => {
                    if self.depth == DEPTH_MAX {
                        return Err(Unreadable::Depth { at });
                    }
                    self.depth += 1;
                    objects = objects << 1 | u128::from(open == b'{');
                    at = after_space(bytes, at + 1);
                    // `]` and `}` stand two after their opening brackets.
                    if bytes.get(at) != Some(&(open + 2)) {
                        if open == b'{' {
                            at = key_end(bytes, at).ok_or_else(|| self.fault_of_key(at))?;
                        }
                        continue;
                    }
                    objects >>= 1;
                    self.depth -= 1;
                    Some(at + 1)
                }
                _ => word_end(bytes, at),
            };
            at = end.ok_or_else(|| self.fault(at))?;
            loop {
                if self.depth == outer {
                    self.at = at;
                    return Ok(());
                }
                at = after_space(bytes, at);
                let in_object = objects & 1 == 1;
                match bytes.get(at) {
                    Some(b',') => {
                        at += 1;
                        if in_object {
                            at = after_space(bytes, at);
                            at = key_end(bytes, at).ok_or_else(|| self.fault_of_key(at))?;
                        }
                        break;
                    }
                    Some(b'}') if in_object => {}
                    Some(b']') if !in_object => {}
                    _ => return Err(fault_at(bytes, at, "expected a comma or the end")),
                }
                objects >>= 1;
                self.depth -= 1;
                at += 1;
            }
        }
    }

    /// Appends the text that `literal` stands for.
    pub(super) fn unescape(literal: Literal<'b>, text: &mut String) -> Result<(), Unreadable> {
        let mut rest = literal.raw;
        while let Some((plain, escape)) = rest.split_once('\\') {
            text.push_str(plain);
            let at = literal.start + (literal.raw.len() - escape.len()) - 1;
            let (c, after) = escaped_char(escape).ok_or(Unreadable::Surrogate { at })?;
            text.push(c);
            rest = after;
        }
        text.push_str(rest);
        Ok(())
    }

    #[cold]
    fn fault_here(&self, what: &'static str) -> Unreadable {
        fault_at(self.bytes, self.at, what)
    }

    /// The fault of a value that begins at `at`.
    #[cold]
    fn fault(&self, at: usize) -> Unreadable {
        match self.bytes.get(at) {
            Some(b'"') => self.fault_of_string(at),
            Some(b'-' | b'0'..=b'9') => {
                let digits = |c: &u8| matches!(c, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
                let length = self.bytes.iter().skip(at).take_while(|c| digits(c)).count();
                fault_at(self.bytes, at + length, "a number is incomplete")
            }
            _ => fault_at(self.bytes, at, "expected a value"),
        }
    }

    #[cold]
    fn fault_of_key(&self, at: usize) -> Unreadable {
        if self.bytes.get(at) != Some(&b'"') {
            return fault_at(self.bytes, at, "expected a key");
        }
        match string_end(self.bytes, at + 1) {
            None => self.fault_of_string(at),
            Some(end) => fault_at(self.bytes, after_space(self.bytes, end), "expected a colon"),
        }
    }

    fn fault_of_string(&self, quote: usize) -> Unreadable {
        let mut at = quote + 1;
        loop {
            at = next_special(self.bytes, at);
            match self.bytes.get(at) {
                Some(b'\\') => match escape_end(self.bytes, at) {
                    Some(end) => at = end,
                    None => return fault_at(self.bytes, at, "an unknown or incomplete escape"),
                },
                Some(_) => return fault_at(self.bytes, at, "a control character in a string"),
                None => return fault_at(self.bytes, at, "a string has no end"),
            }
        }
    }
}

#[cold]
fn fault_at(bytes: &[u8], at: usize, what: &'static str) -> Unreadable {
    if at >= bytes.len() {
        return Unreadable::Syntax { at: bytes.len(), what: "the text ends too early" };
    }
    Unreadable::Syntax { at, what }
}

#[inline]
fn after_space(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\t' | b'\r') = bytes.get(at) {
        at += 1;
    }
    at
}

/// The place after the colon of a member whose key begins at `at`.
#[inline]
fn key_end(bytes: &[u8], at: usize) -> Option<usize> {
    if bytes.get(at) != Some(&b'"') {
        return None;
    }
    let at = after_space(bytes, string_end(bytes, at + 1)?);
    (bytes.get(at) == Some(&b':')).then_some(at + 1)
}

/// The place after the closing quote of a string whose first byte inside is at `at`.
#[inline]
fn string_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at = next_special(bytes, at);
        match bytes.get(at) {
            Some(b'"') => return Some(at + 1),
            Some(b'\\') => at = escape_end(bytes, at)?,
            _ => return None,
        }
    }
}

/// The place after an escape that begins at `at`.
#[inline]
fn escape_end(bytes: &[u8], at: usize) -> Option<usize> {
    match bytes.get(at + 1)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(at + 2),
        b'u' => {
            let digits = bytes.get(at + 2..at + 6)?;
            digits.iter().all(u8::is_ascii_hexdigit).then_some(at + 6)
        }
        _ => None,
    }
}

/// The first quote, backslash or control character at or after `at`; the length of `bytes` if there is none. Eight bytes
/// at a time.
#[inline]
fn next_special(bytes: &[u8], mut at: usize) -> usize {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES << 7;
    let equals = |word: u64, byte: u8| {
        let zero = word ^ (ONES * u64::from(byte));
        zero.wrapping_sub(ONES) & !zero
    };
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let word = u64::from_le_bytes(*chunk);
        let control = word.wrapping_sub(ONES * 0x20) & !word;
        // A borrow can mark a byte above a true mark, never one below, and the lowest is what we take.
        let marks = (control | equals(word, b'"') | equals(word, b'\\')) & HIGH;
        if marks != 0 {
            return at + (marks.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    let special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    bytes
        .get(at..)
        .unwrap_or_default()
        .iter()
        .position(special)
        .map_or(bytes.len(), |step| at + step)
}

/// The place after a number that begins at `at`.
#[inline]
fn number_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    if bytes.get(at) == Some(&b'-') {
        at += 1;
    }
    at = match bytes.get(at)? {
        b'0' => at + 1,
        b'1'..=b'9' => after_digits(bytes, at + 1),
        _ => return None,
    };
    if bytes.get(at) == Some(&b'.') {
        at = some_digits(bytes, at + 1)?;
    }
    if let Some(b'e' | b'E') = bytes.get(at) {
        at += 1;
        if let Some(b'+' | b'-') = bytes.get(at) {
            at += 1;
        }
        at = some_digits(bytes, at)?;
    }
    Some(at)
}

#[inline]
fn some_digits(bytes: &[u8], at: usize) -> Option<usize> {
    let end = after_digits(bytes, at);
    (end > at).then_some(end)
}

#[inline]
fn after_digits(bytes: &[u8], mut at: usize) -> usize {
    while let Some(b'0'..=b'9') = bytes.get(at) {
        at += 1;
    }
    at
}

fn word_end(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = bytes.get(at..)?;
    let word: &[u8] = match rest.first()? {
        b't' => b"true",
        b'f' => b"false",
        b'n' => b"null",
        _ => return None,
    };
    rest.starts_with(word).then_some(at + word.len())
}

/// The character that an escape stands for, given what follows its backslash, and what follows it. `None` is a lone
/// surrogate: the grammar was checked before.
fn escaped_char(escape: &str) -> Option<(char, &str)> {
    let mut rest = escape.chars();
    let plain = match rest.next()? {
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => {
            let (high, rest) = code_unit(rest.as_str())?;
            if !(0xd800..0xdc00).contains(&high) {
                return Some((char::from_u32(high)?, rest));
            }
            let (low, rest) = code_unit(rest.strip_prefix("\\u")?)?;
            if !(0xdc00..0xe000).contains(&low) {
                return None;
            }
            return Some((
                char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00))?,
                rest,
            ));
        }
        other => other,
    };
    Some((plain, rest.as_str()))
}

fn code_unit(digits: &str) -> Option<(u32, &str)> {
    let (unit, rest) = digits.split_at_checked(4)?;
    Some((u32::from_str_radix(unit, 16).ok()?, rest))
}

#[cfg(test)]
mod tests;
