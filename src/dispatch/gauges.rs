//! What the store counts, shown as gauges every few seconds. The same look finds deliveries that nobody works on: of a
//! target without a lane (a dead letter of a removed target was reopened), or of one whose worker believes it has none.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tracing::warn;

use crate::name::TargetName;
use crate::store::{Counts, Stats, StoreError};

use super::roster::Roster;

/// How often.
const EVERY: Duration = Duration::from_secs(5);

/// Shows what the store counts until everything stops.
pub(super) async fn watch(roster: Arc<Roster>) {
    let stopping = roster.parts.tasks.stopping();
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut shown = BTreeSet::new();
    loop {
        tokio::select! {
            () = stopping.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let stats = tokio::select! {
            () = stopping.cancelled() => return,
            stats = roster.parts.store.stats() => stats,
        };
        match stats {
            Ok(stats) => {
                show(&roster, &stats, &mut shown);
                find_work(&roster, &stats);
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
    let none = Counts::default();
    let configured: BTreeSet<TargetName> =
        roster.parts.published.load().targets.keys().cloned().collect();
    let counted = stats.targets.iter().map(|(name, counts)| (name, counts));
    let counted: std::collections::BTreeMap<_, _> = counted.collect();
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

fn find_work(roster: &Arc<Roster>, stats: &Stats) {
    let pending = stats.targets.iter().filter(|(_, counts)| counts.pending > 0);
    for (name, _) in pending.clone() {
        if let Some(lane) = roster.lane(name).filter(|lane| lane.is_at_rest()) {
            lane.refresh();
        }
    }
    roster.open(pending.map(|(name, _)| name));
}
