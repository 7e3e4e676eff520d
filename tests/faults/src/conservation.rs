//! The check that closes every scenario. Requests = 2xx + refused (+ cut off, where the scenario cuts); 2xx = stored +
//! duplicates; stored = routed + unrouted + ignored + revised + quarantined; routed × targets = delivered + dead + pending,
//! for each target. The left sides come from the ledger, the right sides from the store's own tables, read after its
//! owner has ended, and what a target received is held against both.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context as _, ensure};
use rusqlite::{Connection, OpenFlags};

use crate::ledger::{Books, Ledger, Print, print};

/// Most outcomes that wait to be settled; a crash can repeat these.
pub const UNSETTLED: u64 = 1_024;

/// What a scenario did that bends the sums.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    /// The targets of each routed event; none if that differs from event to event.
    pub targets: Option<Vec<&'static str>>,
    /// Receipts of one delivery beyond the first that may have been answered 2xx: what crashes may repeat.
    pub repeats_max: u64,
    /// The scenario cuts connections off, so some requests have no answer.
    pub cuts: bool,
    /// Deliveries may still be pending at the end, or have died.
    pub unfinished: bool,
    /// The store is so small that it forgets history: what it has forgotten must have reached every target.
    pub pruned: bool,
    /// The store is a backup: what was answered after it is not in it.
    pub backup: bool,
    /// A target does not get the event's own bytes.
    pub rendered: bool,
    /// Whatever was sent and not answered may be missing, and bodies were sent that the ledger does not know.
    pub foreign: bool,
}

/// What the store holds.
#[derive(Debug, Clone, Default)]
pub struct Stored {
    pub events: u64,
    pub duplicates: u64,
    /// By state: routed, unrouted, ignored, revised, quarantined.
    pub states: [u64; 5],
    /// By target: delivered, dead, pending.
    pub deliveries: HashMap<String, [u64; 3]>,
    by_id: HashMap<String, Held>,
}

/// One stored event: its state, the fingerprint of its body, its targets with the state of the delivery.
type Held = (usize, Print, Vec<(String, i64)>);

impl Stored {
    /// Reads the tables of a store that nobody owns.
    pub fn read(data: &Path) -> anyhow::Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let sql = Connection::open_with_flags(data.join("hookswitch.db"), flags)
            .context("the store of the scenario")?;
        let mut stored = Self::default();
        let mut ids = HashMap::new();
        let mut rows = sql.prepare(
            "SELECT e.seq, hex(e.id), e.state, e.duplicates, e.codec, b.body FROM events e JOIN bodies b USING (seq)",
        )?;
        let mut rows = rows.query([])?;
        while let Some(row) = rows.next()? {
            let (state, codec): (i64, i64) = (row.get(2)?, row.get(4)?);
            ensure!(codec == 0, "bodies are stored as they came");
            let id = hyphenated(&row.get::<_, String>(1)?);
            let state = usize::try_from(state)?;
            stored.events += 1;
            stored.duplicates += u64::try_from(row.get::<_, i64>(3)?)?;
            *stored.states.get_mut(state).context("a state that is known")? += 1;
            let body: Vec<u8> = row.get(5)?;
            ids.insert(row.get::<_, i64>(0)?, id.clone());
            stored.by_id.insert(id, (state, print(&body), Vec::new()));
        }
        let mut rows = sql.prepare(
            "SELECT d.event, t.name, d.state FROM deliveries d JOIN targets t ON t.id = d.target",
        )?;
        let mut rows = rows.query([])?;
        while let Some(row) = rows.next()? {
            let (event, target, state): (i64, String, i64) =
                (row.get(0)?, row.get(1)?, row.get(2)?);
            let of = stored.deliveries.entry(target.clone()).or_default();
            // 0 pending, 1 delivered, 2 dead, 3 dropped by a person or out of the list.
            of[match state {
                0 => 2,
                1 => 0,
                _ => 1,
            }] += 1;
            let id = ids.get(&event).context("a delivery belongs to an event")?;
            if let Some((_, _, deliveries)) = stored.by_id.get_mut(id) {
                deliveries.push((target, state));
            }
        }
        Ok(stored)
    }

    /// Deliveries in all.
    pub fn planned(&self) -> u64 {
        self.deliveries.values().flatten().sum()
    }

    /// Whether an event of this id is there.
    pub fn has(&self, id: &str) -> bool {
        self.by_id.contains_key(id)
    }
}

fn hyphenated(hex: &str) -> String {
    let hex = hex.to_ascii_lowercase();
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// Balances the books; returns every sum that does not come out.
pub fn check(ledger: &Ledger, data: &Path, terms: &Terms) -> anyhow::Result<(Stored, Vec<String>)> {
    let stored = Stored::read(data)?;
    let books = ledger.books();
    let mut faults = Vec::new();
    requests(&books, &stored, terms, &mut faults);
    events(&books, &stored, terms, &mut faults);
    deliveries(&books, &stored, terms, &mut faults);
    // A broken sum has thousands of witnesses; a few are enough.
    let more = faults.len().saturating_sub(20);
    faults.truncate(20);
    if more > 0 {
        faults.push(format!("and {more} more"));
    }
    Ok((stored, faults))
}

fn requests(books: &Books, stored: &Stored, terms: &Terms, faults: &mut Vec<String>) {
    let totals = &books.totals;
    let sum = totals.stored + totals.duplicates + totals.refused + totals.cut;
    if totals.requests != sum {
        faults.push(format!("{} requests, {sum} ends of requests", totals.requests));
    }
    if totals.cut > 0 && !terms.cuts {
        faults.push(format!("{} requests had no answer, and nobody was killed", totals.cut));
    }
    // A request that was cut off may have been stored, or counted as a repeat, or neither.
    let (low, high) = (totals.accepted(), totals.accepted() + totals.cut);
    let found = stored.events + stored.duplicates;
    if !(low..=high).contains(&found) && !terms.foreign && !terms.pruned && !terms.backup {
        faults.push(format!(
            "2xx {low} (and {} cut off), but stored {} + duplicates {}",
            totals.cut, stored.events, stored.duplicates
        ));
    }
    if stored.states.iter().sum::<u64>() != stored.events {
        faults.push(format!("{} events stored, but by state {:?}", stored.events, stored.states));
    }
}

fn events(books: &Books, stored: &Stored, terms: &Terms, faults: &mut Vec<String>) {
    for (print, sent) in &books.sent {
        for id in &sent.stored {
            match stored.by_id.get(id) {
                None if terms.backup => {}
                None if terms.pruned && reached(books, id, terms) => {}
                None => faults.push(format!("LOST: {id} was answered 2xx and is not stored")),
                Some((_, found, _)) if found != print => {
                    faults.push(format!("{id} is stored with another body"));
                }
                Some(_) => {}
            }
        }
    }
    let mut bodies: HashMap<Print, u64> = HashMap::new();
    for (id, (_, print, _)) in &stored.by_id {
        let copies = bodies.entry(*print).or_default();
        *copies += 1;
        if *copies > 1 && !terms.foreign {
            faults.push(format!(
                "{id}: its body is stored {copies} times, so a repeat was not noticed"
            ));
        }
        if !books.sent.contains_key(print) && !terms.foreign {
            faults.push(format!("{id} is stored, and nobody sent its body"));
        }
    }
}

/// Whether every target has accepted it.
fn reached(books: &Books, id: &str, terms: &Terms) -> bool {
    let accepted = |target: &&str| {
        let receipts = books.received.get(&((*target).to_owned(), id.to_owned()));
        receipts.is_some_and(|all| all.iter().any(|receipt| (200..300).contains(&receipt.status)))
    };
    terms.targets.as_ref().is_some_and(|targets| targets.iter().all(accepted))
}

fn deliveries(books: &Books, stored: &Stored, terms: &Terms, faults: &mut Vec<String>) {
    let [routed, ..] = stored.states;
    if let Some(targets) = &terms.targets {
        for target in targets {
            let counts = stored.deliveries.get(*target).copied().unwrap_or_default();
            if counts.iter().sum::<u64>() != routed {
                faults.push(format!(
                    "{target}: {routed} events routed, but delivered, dead, pending are {counts:?}"
                ));
            }
        }
    }
    let mut repeats = 0;
    for ((target, id), receipts) in &books.received {
        let Some((_, print, planned)) = stored.by_id.get(id) else {
            if !terms.pruned && !terms.backup {
                faults.push(format!("{target} received {id}, which is not stored"));
            }
            continue;
        };
        if !planned.iter().any(|(known, _)| known == target) {
            faults
                .push(format!("WRONG PLACE: {target} received {id}, which was not planned for it"));
        }
        if !terms.rendered && receipts.iter().any(|receipt| receipt.print != *print) {
            faults.push(format!("{target} received another body for {id}"));
        }
        let good = receipts.iter().filter(|receipt| (200..300).contains(&receipt.status)).count();
        repeats += good.saturating_sub(1) as u64;
    }
    if repeats > terms.repeats_max {
        faults.push(format!("{repeats} deliveries repeated, at most {} may be", terms.repeats_max));
    }
    for (id, (_, _, planned)) in &stored.by_id {
        for (target, state) in planned {
            let receipts = books.received.get(&(target.clone(), id.clone()));
            let good =
                receipts.is_some_and(|all| all.iter().any(|r| (200..300).contains(&r.status)));
            match state {
                1 if !good => faults.push(format!(
                    "{id} counts as delivered to {target}, which has not accepted it"
                )),
                0 if !terms.unfinished => {
                    faults.push(format!("{id} for {target} is still pending"))
                }
                2 | 3 if !terms.unfinished => faults.push(format!("{id} for {target} is dead")),
                _ => {}
            }
        }
    }
}
