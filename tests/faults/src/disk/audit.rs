//! The audit: no 204 begins to leave before a sync has returned that began after the commit of its event was written.
//!
//! It is fed with what happened, in order, whoever saw that: the library before the disk, or a tracer that knows nothing
//! of it. An event is found by its sixteen bytes in a page that goes into the log; the commit that covers it is the first
//! frame from there on whose header has the size of the database after a commit; the sync must begin after that frame's
//! page was written.

use std::collections::HashMap;

/// What the audit looks at. All of it is about the log, but the answers.
#[derive(Debug)]
pub enum Seen<'a> {
    Write(&'a [u8]),
    SyncBegin(u64),
    SyncEnd(u64),
    /// A 204 begins to leave, for the event with these bytes.
    Reply([u8; 16]),
}

/// Bytes of the header of a frame of the log.
const FRAME: usize = 24;

#[derive(Debug, Default)]
pub struct Audit {
    /// Commits written so far, and those that are certain.
    written: u64,
    synced: u64,
    /// The next page ends a commit.
    ends: bool,
    /// For each sync that has begun, the commits that were written then.
    syncs: HashMap<u64, u64>,
    /// Pages since the last commit, and the events that were looked for and found, with their commit.
    open: Vec<Vec<u8>>,
    committed: HashMap<[u8; 16], u64>,
    pub replies: u64,
    pub syncs_seen: u64,
    /// Answers that left too early.
    pub early: Vec<String>,
}

impl Audit {
    pub fn see(&mut self, seen: &Seen<'_>) {
        match seen {
            Seen::Write(bytes) if bytes.len() == FRAME => {
                self.ends = bytes.get(4..8).is_some_and(|size| size != [0; 4]);
            }
            Seen::Write(bytes) if bytes.len() > FRAME * 4 => {
                self.open.push(bytes.to_vec());
                if std::mem::take(&mut self.ends) {
                    self.written += 1;
                    self.close();
                }
            }
            Seen::Write(_) => {}
            Seen::SyncBegin(ticket) => {
                self.syncs.insert(*ticket, self.written);
            }
            Seen::SyncEnd(ticket) => {
                self.syncs_seen += 1;
                let covered = self.syncs.remove(ticket).unwrap_or(0);
                self.synced = self.synced.max(covered);
            }
            Seen::Reply(id) => self.reply(*id),
        }
    }

    /// Remembers every event id in the pages of a commit: version 7, variant 10, of the years 2004 to 2039, wherever it
    /// stands.
    fn close(&mut self) {
        for page in self.open.drain(..) {
            for window in page.windows(16) {
                if window[6] >> 4 == 7 && window[8] >> 6 == 2 && window[0] == 1 {
                    let id: [u8; 16] = window.try_into().expect("sixteen of them");
                    self.committed.entry(id).or_insert(self.written);
                }
            }
        }
    }

    fn reply(&mut self, id: [u8; 16]) {
        self.replies += 1;
        let hex: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
        match self.committed.get(&id) {
            Some(commit) if *commit <= self.synced => {}
            Some(commit) => self.early.push(format!(
                "{hex} was answered when commit {commit} was written and {} synced",
                self.synced
            )),
            None => self.early.push(format!("{hex} was answered and stands in no commit")),
        }
    }
}

/// The sixteen bytes of an id in its usual form.
pub fn bytes_of(id: &str) -> Option<[u8; 16]> {
    let digits: String = id.chars().filter(|c| *c != '-').collect();
    u128::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 32).map(u128::to_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "01a20d1f-5f81-7989-be9c-a0d805b76215";

    fn page() -> Vec<u8> {
        let mut page = vec![0; 500];
        page[100..116].copy_from_slice(&bytes_of(ID).expect("an id"));
        page
    }

    fn audit(after: &[Seen<'_>]) -> Vec<String> {
        let mut commit = [0; FRAME];
        commit[7] = 3;
        let mut audit = Audit::default();
        audit.see(&Seen::Write(&commit));
        audit.see(&Seen::Write(&page()));
        after.iter().for_each(|seen| audit.see(seen));
        audit.early
    }

    #[test]
    fn a_reply_waits_for_the_sync_of_its_commit() {
        let reply = || Seen::Reply(bytes_of(ID).expect("an id"));
        assert!(audit(&[Seen::SyncBegin(1), Seen::SyncEnd(1), reply()]).is_empty());
        assert_eq!(audit(&[Seen::SyncBegin(1), reply(), Seen::SyncEnd(1)]).len(), 1);
        assert_eq!(audit(&[reply()]).len(), 1);
        assert_eq!(audit(&[Seen::SyncEnd(1), Seen::Reply([1; 16])]).len(), 1);
    }
}
