//! What traffic says of a configuration: a `rate` below what the events of an hour would ask of it. Only who has events can tell, so
//! nothing of this is found when a file is read; a preview finds it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::name::TargetName;

use super::code::Stage;
use super::document::Span;
use super::findings::Findings;
use super::{Code, Level, Problem, Problems, Snapshot, mask, position};

/// The hour in which a target would get the most deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Busiest {
    /// When it begins, to the minute.
    pub from: Timestamp,
    /// How many deliveries.
    pub deliveries: u64,
}

/// The warnings of `snapshot`, and one for each target that would get more deliveries in its busiest hour than its `rate` lets
/// through in one, but where a comment of the file allows that.
pub fn with_traffic<'n>(
    snapshot: &Snapshot,
    busiest: impl IntoIterator<Item = (&'n TargetName, Busiest)>,
) -> Problems {
    const HOUR: Duration = Duration::from_hours(1);
    let mut problems = snapshot.warnings.clone();
    let text = snapshot.text.strip_prefix('\u{feff}').unwrap_or(&snapshot.text);
    let exceeded = busiest.into_iter().filter_map(|(name, busiest)| {
        let rate = snapshot.targets.get(name)?.rate?;
        // One alone never waits.
        let through = rate.within(HOUR).max(1);
        (busiest.deliveries > through).then_some((name, busiest, rate, through))
    });
    let mut exceeded = exceeded.peekable();
    if exceeded.peek().is_none() {
        return problems;
    }
    let marks = marks(text);
    let found = exceeded.map(|(name, Busiest { from, deliveries }, rate, through)| {
        let (path, span) = match marks.get(name.as_str()) {
            Some((path, span)) => (path.clone(), Some(*span)),
            None => (format!("targets.{name}"), None),
        };
        let text = format!(
            "in the hour from {} it would get {deliveries} deliveries, and {rate} lets {through} through",
            from.rfc3339()
        );
        let hint = "raise `rate` if the target takes more, or send it less: what is too much waits";
        let (code, hint) = (Code::RateExceeded, Some(hint.to_owned()));
        Problem { code, level: Level::Warning, path, span, text, hint }
    });
    let found = found.collect();
    if problems.text.is_empty() {
        problems.text = mask::masked(text, &mut Vec::new()).into();
    }
    problems.add(Stage::Traffic, found);
    problems
}

/// Where each target has its `rate`: its own, or else the target, which has that of its kind or of `defaults`.
fn marks(text: &str) -> BTreeMap<String, (String, Span)> {
    let tree = position::read(text, &mut Findings::default());
    let targets = tree.as_ref().and_then(|tree| tree.root()?.get("targets")?.map());
    let mark = |target: super::document::Node<'_>| {
        let at = target.get("rate").unwrap_or(target);
        (target.key().to_owned(), (at.path(), at.mark()))
    };
    targets.into_iter().flatten().map(mark).collect()
}
