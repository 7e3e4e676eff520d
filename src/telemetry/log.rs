//! Logs: on standard error, pretty on a terminal, JSON otherwise; ids only, one line each.

/// Text that came from outside, made fit for a log line: control characters escaped, cut at 256 bytes.
pub fn clean(text: &str) -> String {
    const MAX: usize = 256;
    let mut out = String::with_capacity(text.len().min(MAX));
    for c in text.chars() {
        let start = out.len();
        if c.is_control()
            || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
        if out.len() > MAX {
            out.truncate(start);
            out.push('…');
            break;
        }
    }
    out
}

/// How the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Pretty {
        /// Whether it may be coloured.
        colour: bool,
    },
    /// One JSON object a line.
    Json,
}

/// Sets the log up for the process. `filter` is in the syntax of `RUST_LOG`; a broken one is replaced by `info`.
pub fn init(_format: Format, _filter: Option<&str>) {
    todo!()
}
