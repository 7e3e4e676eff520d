//! A strict reading of requests of our own, after RFC 9112: what of some bytes may become an event, at most. It shares
//! nothing with the program and mends nothing: at the first doubt it stops, and what follows is nothing.
//!
//! Three liberties, which hyper takes and with which no two readers that go on disagree about where a request ends: a line
//! of a head may end with LF alone (section 2.2), a length may be repeated in other digits of the same number (RFC 9110
//! section 8.6), and a chunk's size may be padded with spaces.

/// What a connection's bytes are.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Bodies that may become events, in order.
    pub events: Vec<Vec<u8>>,
    /// Requests that are whole and beyond doubt.
    pub clear: usize,
    /// Whether bytes follow that are in doubt.
    pub doubtful: bool,
}

/// Why a message is not read.
struct Doubt;

struct Head {
    /// Whether it may be an event: a `POST` to the source, its body as it is.
    is_event: bool,
    framing: Framing,
    /// Whether the connection ends with it: it is refused before its body is read, or has a length beside chunks.
    last: bool,
}

enum Framing {
    Length(usize),
    Chunks,
}

/// Reads the bytes of one connection.
pub fn read(mut bytes: &[u8], source: &str) -> Reading {
    let mut reading = Reading::default();
    while !bytes.is_empty() {
        let Ok((head, body, rest)) = message(bytes, source) else {
            reading.doubtful = true;
            break;
        };
        reading.clear += 1;
        let is_object = serde_json::from_slice::<serde_json::Map<_, _>>(&body).is_ok();
        if head.is_event && is_object {
            reading.events.push(body);
        }
        if head.last {
            break;
        }
        bytes = rest;
    }
    reading
}

fn message<'b>(bytes: &'b [u8], source: &str) -> Result<(Head, Vec<u8>, &'b [u8]), Doubt> {
    let ends =
        |at: &usize| bytes[*at..].starts_with(b"\n\r\n") || bytes[*at..].starts_with(b"\n\n");
    let end = (0..bytes.len()).find(ends).ok_or(Doubt)?;
    let head = head(&bytes[..end], source)?;
    let rest = &bytes[end + 1..];
    let rest = rest.strip_prefix(b"\r\n").or(rest.strip_prefix(b"\n")).ok_or(Doubt)?;
    let (body, rest) = match head.framing {
        Framing::Length(length) => {
            let (body, rest) = rest.split_at_checked(length).ok_or(Doubt)?;
            (body.to_vec(), rest)
        }
        Framing::Chunks => chunks(rest)?,
    };
    Ok((head, body, rest))
}

fn head(bytes: &[u8], source: &str) -> Result<Head, Doubt> {
    let text = std::str::from_utf8(bytes).map_err(|_error| Doubt)?;
    let mut lines = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
    let visible = |c: char| c == '\t' || !c.is_control();
    let words: Vec<_> = lines.next().ok_or(Doubt)?.split(' ').collect();
    let [method, target, version] = words[..] else { return Err(Doubt) };
    let is_new = match version {
        "HTTP/1.1" => true,
        "HTTP/1.0" => false,
        _ => return Err(Doubt),
    };
    let (mut lengths, mut codings, mut as_is) = (Vec::new(), Vec::new(), true);
    let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if method.is_empty()
        || !method.chars().all(token)
        || !target.starts_with('/')
        || !target.bytes().all(|b| b.is_ascii_graphic())
    {
        return Err(Doubt);
    }
    for line in lines {
        let (name, value) = line.split_once(':').ok_or(Doubt)?;
        if name.is_empty() || !name.chars().all(token) || !value.chars().all(visible) {
            return Err(Doubt);
        }
        let value = value.trim_matches([' ', '\t']);
        match name.to_ascii_lowercase().as_str() {
            "content-length" => lengths.push(value.to_owned()),
            "transfer-encoding" => codings.push(value.to_ascii_lowercase()),
            "content-encoding" => as_is &= value.eq_ignore_ascii_case("identity"),
            _ => {}
        }
    }
    let framing = match (codings.as_slice(), lengths.as_slice()) {
        ([], []) => Framing::Length(0),
        ([], [first, others @ ..]) => {
            let length = number(first)?;
            for other in others {
                if number(other)? != length {
                    return Err(Doubt);
                }
            }
            Framing::Length(length)
        }
        ([one], _) if one == "chunked" && is_new => Framing::Chunks,
        _ => return Err(Doubt),
    };
    let is_event = method == "POST" && target == source && as_is;
    let last = !is_event || !is_new || !codings.is_empty() && !lengths.is_empty();
    Ok(Head { is_event, framing, last })
}

fn number(digits: &str) -> Result<usize, Doubt> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Doubt);
    }
    digits.parse().map_err(|_error| Doubt)
}

fn chunks(mut bytes: &[u8]) -> Result<(Vec<u8>, &[u8]), Doubt> {
    let mut body = Vec::new();
    loop {
        let (line, rest) = line(bytes)?;
        let size = line.split(|byte| *byte == b';').next().unwrap_or_default();
        let size = size.trim_ascii_end();
        if size.is_empty() || size.len() > 15 || !size.iter().all(u8::is_ascii_hexdigit) {
            return Err(Doubt);
        }
        let size = std::str::from_utf8(size).map_err(|_error| Doubt)?;
        let size = usize::from_str_radix(size, 16).map_err(|_error| Doubt)?;
        if size == 0 {
            bytes = rest;
            break;
        }
        let (data, rest) = rest.split_at_checked(size).ok_or(Doubt)?;
        body.extend_from_slice(data);
        bytes = rest.strip_prefix(b"\r\n").ok_or(Doubt)?;
    }
    loop {
        let (line, rest) = line(bytes)?;
        bytes = rest;
        if line.is_empty() {
            return Ok((body, bytes));
        }
        if !line.contains(&b':') {
            return Err(Doubt);
        }
    }
}

/// One line up to CR LF; any other control character in it is a doubt.
fn line(bytes: &[u8]) -> Result<(&[u8], &[u8]), Doubt> {
    let end = bytes.windows(2).position(|two| two == b"\r\n").ok_or(Doubt)?;
    let (line, rest) = bytes.split_at(end);
    if line.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
        return Err(Doubt);
    }
    Ok((line, &rest[2..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Reading {
        read(text.as_bytes(), "/w")
    }

    #[test]
    fn whole_requests_are_read_up_to_one_that_is_refused_unread() {
        let one = "POST /w HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}";
        let two = "POST /w HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n2;x=y\r\n{}\r\n0\r\na: b\r\n\r\n";
        let other = "POST /other HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}";
        let reading = of(&[one, two, other, one].concat());
        let events = vec![b"{}".to_vec(), b"{}".to_vec()];
        assert_eq!(reading, Reading { events, clear: 3, doubtful: false });
    }

    #[test]
    fn a_doubt_ends_it() {
        for head in [
            "content-length: 2\r\ncontent-length: 3",
            "content-length: +2",
            "content-length : 2",
            "a: b\r\n content-length: 2",
            "a: b\rcontent-length: 2",
            "a: b\r\n\tcontent-length: 2",
            "transfer-encoding: gzip, chunked",
            "transfer-encoding: chunked\r\ntransfer-encoding: chunked",
        ] {
            let reading = of(&format!("POST /w HTTP/1.1\r\n{head}\r\n\r\n{{}}"));
            assert_eq!((reading.clear, reading.doubtful), (0, true), "{head:?}");
        }
        for chunks in
            ["2\n{}\r\n0\r\n\r\n", "2\r\n{}0\r\n\r\n", "2;\n\r\n{}\r\n0\r\n\r\n", "2\r\n{}"]
        {
            let head = "POST /w HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n";
            let reading = of(&format!("{head}{chunks}"));
            assert_eq!((reading.clear, reading.doubtful), (0, true), "{chunks:?}");
        }
    }

    #[test]
    fn after_a_length_beside_chunks_nothing_may_follow() {
        let both = "POST /w HTTP/1.1\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
        let next = "POST /w HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}";
        assert_eq!(of(&[both, next].concat()).events.len(), 1);
    }
}
