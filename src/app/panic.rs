//! What is said when a thread panics: where, and never what about, because a panic's text may quote an event.

use std::panic::{self, PanicHookInfo};

/// Logs the thread's name and the place of every panic from now on.
pub fn log_panics() {
    panic::set_hook(Box::new(report));
}

fn report(info: &PanicHookInfo<'_>) {
    let thread = std::thread::current();
    let place = info.location().map_or_else(String::new, ToString::to_string);
    tracing::error!(
        thread = thread.name().unwrap_or("unnamed"),
        place,
        "a thread panicked; this is a bug of hookswitch"
    );
}
