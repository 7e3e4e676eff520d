//! Listings and counts of the store in memory.

use std::sync::Arc;

use crate::delivery::DeliveryId;
use crate::event::{Envelope, EventId};
use crate::name::TargetName;

use super::super::needle::Needle;
use super::super::{
    Arrivals, Counts, DeadLetter, DeadSelection, DeliveryRecord, DeliveryState, EventFilter,
    EventPage, EventRecord, EventState, Page, Stats, StoreError, Stretch, Tried,
};
use super::state::{Held, State, Stored};

impl State {
    pub(super) fn events(
        &self,
        filter: &EventFilter,
        page: &Page,
    ) -> Result<EventPage, StoreError> {
        let before = match &page.after {
            Some(cursor) => cursor.parse().map_err(|_not_a_number| StoreError::Cursor)?,
            None => u64::MAX,
        };
        let limit = page.limit.clamp(1, 1000);
        let needle = filter.text.as_deref().map(Needle::new).transpose()?;
        let passes = |stored: &Stored| self.passes(filter, needle.as_ref(), stored);
        let mut found = self.events.range(..before).rev().filter(|(_, stored)| passes(stored));
        let mut events = Vec::new();
        let mut last = None;
        for (place, stored) in found.by_ref().take(limit) {
            last = Some(place.to_string());
            events.push((event_record(stored), self.delivery_records(stored)));
        }
        let next = last.filter(|_| found.next().is_some());
        Ok(EventPage { events, next, looked_to: None })
    }

    pub(super) fn arrivals(
        &self,
        filter: &EventFilter,
        from: u64,
        limit: usize,
    ) -> Result<Arrivals, StoreError> {
        let limit = limit.clamp(1, 1000);
        let head = self.events.last_key_value().map_or(0, |(place, _)| place + 1);
        let needle = filter.text.as_deref().map(Needle::new).transpose()?;
        let passes = |stored: &Stored| self.passes(filter, needle.as_ref(), stored);
        let found = self.events.range(from..).filter(|(_, stored)| passes(stored));
        let listed = found.take(limit).map(|(place, stored)| {
            (place + 1, event_record(stored), self.delivery_records(stored))
        });
        let events: Vec<_> = listed.collect();
        let last = events.last().filter(|_| events.len() >= limit).map(|(next, ..)| *next);
        Ok(Arrivals { next: last.unwrap_or(from.max(head)), events, head })
    }

    pub(super) fn stretch(
        &self,
        filter: &EventFilter,
        from: u64,
        (limit, most): (usize, usize),
    ) -> Result<Stretch, StoreError> {
        let needle = filter.text.as_deref().map(Needle::new).transpose()?;
        let passes = |stored: &Stored| self.passes(filter, needle.as_ref(), stored);
        let head = self.events.last_key_value().map_or(0, |(place, _)| place + 1);
        let mut found = Stretch { events: Vec::new(), next: from.max(head), head };
        let mut bytes = 0;
        for (place, stored) in self.events.range(from..).filter(|(_, stored)| passes(stored)) {
            bytes += stored.body.len();
            let full = found.events.len() >= limit.clamp(1, 1000);
            if full || bytes > most && !found.events.is_empty() {
                found.next = *place;
                break;
            }
            let id = stored.envelope.id;
            found.events.push((id, self.body(id).ok()));
        }
        Ok(found)
    }

    pub(super) fn listed(&self, ids: &[EventId]) -> Vec<(EventRecord, Vec<DeliveryRecord>)> {
        let found = ids.iter().filter_map(|id| self.events.get(self.places.get(id)?));
        found.map(|stored| (event_record(stored), self.delivery_records(stored))).collect()
    }

    fn passes(&self, filter: &EventFilter, needle: Option<&Needle>, stored: &Stored) -> bool {
        matches(filter, stored)
            && needle.is_none_or(|needle| has(stored, needle))
            && (!filter.wants_delivery()
                || stored.deliveries.iter().any(|id| self.wanted(filter, *id)))
    }

    fn wanted(&self, filter: &EventFilter, id: DeliveryId) -> bool {
        self.deliveries.get(&id).is_some_and(|held| filter.wants(&held.ready.target, held.state))
    }

    pub(super) fn event(&self, id: EventId) -> Result<(EventRecord, Tried), StoreError> {
        let stored = self.places.get(&id).and_then(|place| self.events.get(place));
        let stored = stored.ok_or(StoreError::NotFound)?;
        let held = stored.deliveries.iter().filter_map(|id| self.deliveries.get(id));
        let deliveries = held.map(|held| (delivery_record(held), held.tried.clone())).collect();
        Ok((event_record(stored), deliveries))
    }

    /// The dead letters of a selection, by id.
    pub(super) fn dead(&self, selection: &DeadSelection) -> Vec<DeliveryId> {
        let queues = self
            .queues
            .iter()
            .filter(|(target, _)| selection.target.as_ref().is_none_or(|wanted| *target == wanted));
        let mut ids: Vec<DeliveryId> = queues
            .flat_map(|(_, queue)| queue.dead.iter().copied())
            .filter(|id| selection.ids.is_empty() || selection.ids.contains(id))
            .filter(|id| {
                self.deliveries.get(id).is_some_and(|held| {
                    let reason = match held.state {
                        DeliveryState::Dead { reason, .. } => Some(reason),
                        _ => None,
                    };
                    (selection.reason.is_none() || selection.reason == reason)
                        && selection.event.is_none_or(|event| event == held.ready.event)
                })
            })
            .collect();
        ids.sort_unstable();
        ids
    }

    pub(super) fn dead_letters(
        &self,
        selection: &DeadSelection,
        page: &Page,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        let before = match &page.after {
            Some(cursor) => Some(DeadLetter::place(cursor).ok_or(StoreError::Cursor)?),
            None => None,
        };
        let dead = self.dead(selection);
        let held = dead.iter().filter_map(|id| self.deliveries.get(id));
        let mut found: Vec<_> = held
            .filter_map(|held| match held.state {
                DeliveryState::Dead { at, .. } => Some((at, held.ready.id, held)),
                _ => None,
            })
            .filter(|(at, id, _)| before.is_none_or(|before| (*at, *id) < before))
            .collect();
        found.sort_unstable_by_key(|(at, id, _)| std::cmp::Reverse((*at, *id)));
        let listed = found.into_iter().take(page.limit.clamp(1, 1000));
        Ok(listed.filter_map(|(_, _, held)| self.dead_letter(held)).collect())
    }

    fn dead_letter(&self, held: &Held) -> Option<DeadLetter> {
        let envelope = &self.events.get(&held.event)?.envelope;
        Some(DeadLetter {
            delivery: delivery_record(held),
            event: envelope.id,
            event_name: envelope.name.clone(),
            subject: envelope.subject.clone(),
            detail: held.tried.last().map(|attempt| attempt.detail.clone()),
        })
    }

    fn delivery_records(&self, stored: &Stored) -> Vec<DeliveryRecord> {
        let held = stored.deliveries.iter().filter_map(|id| self.deliveries.get(id));
        held.map(delivery_record).collect()
    }

    pub(super) fn stats(&self) -> Stats {
        let counted = self.queues.iter().map(|(target, queue)| {
            let counts = Counts {
                pending: queue.pending.len() as u64,
                oldest_pending: queue.pending.first().map(|(age, _)| *age),
                dead: queue.dead.len() as u64,
                paused: queue.paused,
            };
            (target.clone(), counts)
        });
        let targets: Vec<(TargetName, Counts)> =
            counted.filter(|(_, counts)| *counts != Counts::default()).collect();
        let quarantined = self
            .events
            .values()
            .filter(|stored| matches!(stored.state, EventState::Quarantined { .. }))
            .count() as u64;
        Stats { targets, quarantined, events: self.events.len() as u64, bytes: self.bytes }
    }
}

/// Whether the event itself passes; its deliveries are another matter.
fn matches(filter: &EventFilter, stored: &Stored) -> bool {
    let envelope = &stored.envelope;
    let text =
        |wanted: &Option<String>, found: &Option<String>| wanted.is_none() || wanted == found;
    text(&filter.name, &envelope.name)
        && text(&filter.agent_id, &envelope.agent_id)
        && text(&filter.subject, &envelope.subject)
        && filter.since.is_none_or(|since| envelope.received_at >= since)
        && filter.until.is_none_or(|until| envelope.received_at < until)
        && filter.event_state().is_none_or(|state| state == stored.state.as_str())
        && filter.rule.as_ref().is_none_or(|rule| {
            stored.rules.iter().chain(&stored.shadow).any(|matched| matched.as_str() == rule)
        })
}

/// Whether the text is in what the event says of itself, or in its body.
fn has(stored: &Stored, needle: &Needle) -> bool {
    let Envelope { id, name, agent_id, subject, .. } = &*stored.envelope;
    let id = id.to_string();
    needle.is_in_any([Some(&*id), name.as_deref(), agent_id.as_deref(), subject.as_deref()])
        || needle.is_in(&stored.body)
}

fn event_record(stored: &Stored) -> EventRecord {
    EventRecord {
        envelope: Arc::clone(&stored.envelope),
        body_len: stored.body.len() as u64,
        state: stored.state.clone(),
        rules: stored.rules.clone(),
        shadow: stored.shadow.clone(),
        revision: stored.revision,
        duplicates: stored.duplicates,
        edited_from: stored.edited_from,
    }
}

fn delivery_record(held: &Held) -> DeliveryRecord {
    DeliveryRecord {
        id: held.ready.id,
        target: held.ready.target.clone(),
        state: held.state,
        attempts: held.ready.attempts,
        created_at: held.created_at,
        age_from: held.ready.age_from,
        order_key: held.ready.order_key.clone(),
        replay: held.ready.replay,
        revision: held.revision,
    }
}
