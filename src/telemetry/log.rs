//! Logs: on standard error, pretty on a terminal, JSON otherwise; ids only, one line each.
//!
//! Whatever a field holds, an event is one line and cannot steer a terminal: the pretty form escapes what JSON escapes by
//! itself. A log that cannot be written (a full disk, a closed pipe) is lost and does not end the process.

use std::fmt::{self, Debug, Write};

use tracing::level_filters::LevelFilter;
use tracing::subscriber::set_global_default;
use tracing::{Subscriber, warn};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::{Writer, debug_fn};

/// Text that came from outside, made fit for a log line: control characters escaped, cut at 256 bytes.
pub fn clean(text: &str) -> String {
    const MAX: usize = 256;
    let mut out = String::with_capacity(text.len().min(MAX));
    for c in text.chars() {
        let start = out.len();
        if steers(c) {
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

/// Whether a character breaks a line, steers a terminal, or turns the direction of the text around.
fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
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
/// Once it is set up, later calls change nothing.
pub fn init(format: Format, filter: Option<&str>) {
    let filter = filter.map(str::trim).filter(|text| !text.is_empty());
    let (chosen, broken) = match filter.map(parsed) {
        None => (informative(), None),
        Some(Ok(chosen)) => (chosen, None),
        Some(Err(why)) => (informative(), Some(why)),
    };
    if set_global_default(subscriber(format, chosen, std::io::stderr)).is_err() {
        return;
    }
    if let Some(error) = broken {
        warn!(
            error,
            "the log filter is broken, `info` is used: write a level (error, warn, info, debug, trace, off), or a filter like `info,hookswitch::store=debug`"
        );
    }
}

/// Reads a filter. A single word that is no level would be the name of a module, and switch everything else off.
fn parsed(text: &str) -> Result<EnvFilter, String> {
    if text.eq_ignore_ascii_case("warning") {
        return Ok(EnvFilter::default().add_directive(LevelFilter::WARN.into()));
    }
    if text.chars().all(char::is_alphanumeric) && text.parse::<LevelFilter>().is_err() {
        return Err("there is no such level".to_owned());
    }
    EnvFilter::builder().parse(text).map_err(|error| error.to_string())
}

fn informative() -> EnvFilter {
    EnvFilter::default().add_directive(LevelFilter::INFO.into())
}

fn subscriber<W>(format: Format, filter: EnvFilter, writer: W) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        // In a log line `target` is where a delivery goes, not a Rust module.
        .with_target(false)
        // It would report a failed write with `eprintln!`, which panics when standard error is gone.
        .log_internal_errors(false);
    match format {
        Format::Json => {
            Box::new(builder.json().flatten_event(true).with_current_span(false).finish())
        }
        Format::Pretty { colour } => {
            let fields = debug_fn(|writer: &mut Writer<'_>, field, value: &dyn Debug| {
                if field.name() != "message" {
                    write!(writer, "{field}=")?;
                }
                write!(Escaped(writer), "{value:?}")
            });
            Box::new(builder.with_ansi(colour).fmt_fields(fields.delimited(" ")).finish())
        }
    }
}

/// Escapes what steers a terminal or breaks the line.
struct Escaped<'a, 'w>(&'a mut Writer<'w>);

impl Write for Escaped<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some((at, c)) = rest.char_indices().find(|&(_, c)| steers(c)) {
            let (plain, after) = rest.split_at(at);
            self.0.write_str(plain)?;
            write!(self.0, "{}", c.escape_default())?;
            rest = after.strip_prefix(c).unwrap_or_default();
        }
        self.0.write_str(rest)
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Sheet(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Sheet {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: Format, filter: EnvFilter, log: impl FnOnce()) -> String {
        let sheet = Sheet::default();
        let writer = sheet.clone();
        let subscriber = subscriber(format, filter, move || writer.clone());
        tracing::subscriber::with_default(subscriber, log);
        String::from_utf8(sheet.0.lock().unwrap().clone()).unwrap()
    }

    fn hostile() {
        let text = "a\nWARN forged\r\u{1b}[2Jb\u{202e}";
        warn!(shown = %text, quoted = text, number = 3, target = "crm", "refused: {text}");
    }

    #[test]
    fn a_pretty_event_is_one_line_that_steers_nothing() {
        let text = logged(Format::Pretty { colour: false }, informative(), hostile);
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(!text.trim_end().contains(steers), "{text:?}");
        let escaped = r"a\nWARN forged\r\u{1b}[2Jb\u{202e}";
        assert!(
            text.contains(&format!("WARN refused: {escaped} shown={escaped} quoted=")),
            "{text}"
        );
        assert!(text.ends_with("number=3 target=\"crm\"\n"), "{text}");
    }

    #[test]
    fn colour_only_where_it_is_asked_for() {
        let plain = logged(Format::Pretty { colour: false }, informative(), || warn!("x"));
        assert!(!plain.contains('\u{1b}'));
        let coloured = logged(Format::Pretty { colour: true }, informative(), || warn!("x"));
        assert!(coloured.contains('\u{1b}'));
    }

    #[test]
    fn json_is_one_object_a_line_with_the_fields_at_its_top() {
        let text = logged(Format::Json, informative(), hostile);
        assert_eq!(text.lines().count(), 1, "{text}");
        let event: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(event["level"], "WARN");
        assert_eq!(event["number"], 3);
        assert_eq!(event["target"], "crm");
        assert_eq!(event["shown"], "a\nWARN forged\r\u{1b}[2Jb\u{202e}");
        assert!(event["message"].as_str().unwrap().starts_with("refused: "));
    }

    #[test]
    fn the_filter_decides() {
        let quiet = EnvFilter::builder().parse("error").unwrap();
        assert_eq!(logged(Format::Json, quiet, hostile), "");
        assert_eq!(logged(Format::Json, informative(), || tracing::debug!("x")), "");
    }

    #[test]
    fn cleaned_text_is_short_and_plain() {
        assert_eq!(clean("call_ended"), "call_ended");
        assert_eq!(clean("a\u{1b}[31m\n"), r"a\u{1b}[31m\n");
        let long = clean(&"é".repeat(1000));
        assert!(long.len() <= 256 + '…'.len_utf8() && long.ends_with('…'));
    }
}
