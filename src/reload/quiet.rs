//! When to look at the files: not at the first event, since an editor or a `ConfigMap` swap makes several, and not never,
//! since something may write without end. A pure decision; the time is an argument.

use std::time::Duration;

use tokio::time::Instant;

/// After how much quiet we look.
pub const QUIET: Duration = Duration::from_millis(250);
/// After how much unrest we look although it is not quiet.
pub const UNREST: Duration = Duration::from_secs(2);

/// What was heard since we last looked.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Heard(Option<(Instant, Instant)>);

impl Heard {
    /// Something may have changed.
    pub(super) fn maybe(&mut self, now: Instant) {
        let first = self.0.map_or(now, |(first, _)| first);
        self.0 = Some((first, now));
    }

    /// We look now.
    pub(super) fn clear(&mut self) {
        self.0 = None;
    }

    /// When to look, if anything was heard.
    pub(super) fn due(&self) -> Option<Instant> {
        self.0.map(|(first, last)| (last + QUIET).min(first + UNREST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(start: Instant, millis: u64) -> Instant {
        start + Duration::from_millis(millis)
    }

    #[tokio::test(start_paused = true)]
    async fn one_event_is_looked_into_after_the_quiet() {
        let start = Instant::now();
        let mut heard = Heard::default();
        assert_eq!(heard.due(), None);
        heard.maybe(start);
        assert_eq!(heard.due(), Some(after(start, 250)));
        heard.maybe(after(start, 200));
        assert_eq!(heard.due(), Some(after(start, 450)));
        heard.clear();
        assert_eq!(heard.due(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn unrest_without_end_is_looked_into_every_two_seconds() {
        let start = Instant::now();
        let mut heard = Heard::default();
        let mut looks = Vec::new();
        for millis in (0..10_000).step_by(10) {
            let now = after(start, millis);
            if heard.due().is_some_and(|due| due <= now) {
                looks.push(millis);
                heard.clear();
            }
            heard.maybe(now);
        }
        assert_eq!(looks, [2000, 4000, 6000, 8000]);
    }
}
