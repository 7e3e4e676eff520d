//! What the store counts, shown as gauges every few seconds. The same look finds deliveries that nobody works on: of a
//! target without a lane (a dead letter of a removed target was reopened), or of one whose worker believes it has none.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tracing::warn;

use crate::name::TargetName;
use crate::store::{Counts, Stats, StoreError};

use super::lane::Shown;
use super::roster::Roster;

/// How often.
const EVERY: Duration = Duration::from_secs(5);

/// Shows what the store counts until everything stops.
pub(super) async fn watch(roster: Arc<Roster>) {
    let stopping = roster.parts.tasks.stopping();
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut shown, mut suspects) = (BTreeSet::new(), BTreeSet::new());
    loop {
        tokio::select! {
            () = stopping.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let stats = tokio::select! {
            () = stopping.cancelled() => return,
            stats = roster.parts.store.stats() => stats,
        };
        // A leap of the clock is noticed soon, so that little of what comes after it counts as before.
        roster.ages();
        match stats {
            Ok(stats) => {
                show(&roster, &stats, &mut shown);
                find_work(&roster, &stats, &mut suspects);
            }
            // The program is about to end, and the one who ends it says why.
            Err(StoreError::Poisoned(_) | StoreError::Closed) => {}
            Err(error) => warn!(%error, "what the store holds could not be counted"),
        }
    }
}

fn show(roster: &Roster, stats: &Stats, shown: &mut BTreeSet<TargetName>) {
    let (metrics, now) = (&roster.parts.metrics, roster.parts.clock.now());
    metrics.store_bytes(stats.bytes);
    metrics.quarantined(stats.quarantined);
    for (name, lane) in roster.lanes().iter() {
        metrics.target_state(name, lane.circuit() != Shown::Closed, lane.is_paused());
    }
    let none = Counts::default();
    let configured: BTreeSet<TargetName> =
        roster.parts.published.load().targets.keys().cloned().collect();
    let counted = stats.targets.iter().map(|(name, counts)| (name, counts));
    let counted: BTreeMap<_, _> = counted.collect();
    // Names that were shown before and have nothing now go to zero, once.
    let names: BTreeSet<TargetName> =
        configured.iter().chain(counted.keys().copied()).chain(shown.iter()).cloned().collect();
    for name in &names {
        let counts = counted.get(name).copied().unwrap_or(&none);
        let oldest = counts.oldest_pending.map_or(Duration::ZERO, |at| now.since(at));
        metrics.pending(name, counts.pending, oldest.as_secs_f64());
        metrics.dead_letters(name, counts.dead);
    }
    *shown = configured;
    shown.extend(counted.into_keys().cloned());
}

/// Sees to it that what is pending has a worker that knows of it. One look can come between a commit and its offer, so a
/// worker that believes it has nothing is told only at the second look in a row.
fn find_work(roster: &Arc<Roster>, stats: &Stats, suspects: &mut BTreeSet<TargetName>) {
    let pending = stats.targets.iter().filter(|(_, counts)| counts.pending > 0);
    let pending: Vec<&TargetName> = pending.map(|(name, _)| name).collect();
    let before = std::mem::take(suspects);
    for name in &pending {
        let Some(lane) = roster.lane(name).filter(|lane| lane.is_at_rest()) else { continue };
        if before.contains(*name) {
            lane.refresh();
        } else {
            suspects.insert((*name).clone());
        }
    }
    roster.open(pending.into_iter());
}
