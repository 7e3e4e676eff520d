//! What a disk may hold after the power failed, rebuilt from a trace.
//!
//! Of each file, what was there when its last sync began is certain. Every later write is there, or not, or in parts of
//! 512 bytes or 4 KiB; a file may have grown without its bytes (zeros). Names that were made, moved or removed since the
//! last sync of the folder are certain neither, each by itself. Nothing is assumed about the order between files, nor
//! between the writes of one.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use rand::RngExt;
use rand::rngs::SmallRng;

use super::trace::Record;

/// Files with their bytes.
pub type Files = BTreeMap<String, Vec<u8>>;

/// Which of the things that are not certain a state has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Luck {
    /// None of them.
    Nothing,
    /// All of them: as after a kill.
    Everything,
    /// Of each file a first part, the last of it torn.
    Prefix,
    /// Any.
    Any,
    /// Any, torn at 512 bytes.
    Torn512,
    /// Any, torn at 4 KiB.
    Torn4096,
    /// All bytes, but no name.
    NoNames,
    /// Sizes and names, but no bytes.
    Zeros,
}

pub const LUCKS: [Luck; 8] = [
    Luck::Nothing,
    Luck::Everything,
    Luck::Prefix,
    Luck::Any,
    Luck::Torn512,
    Luck::Torn4096,
    Luck::NoNames,
    Luck::Zeros,
];

#[derive(Debug, Clone)]
enum Change {
    Write(u64, Arc<[u8]>),
    Truncate(u64),
}

#[derive(Debug, Clone)]
enum Naming {
    Made(String, usize),
    Gone(String),
    Moved(String, String),
}

/// What is certain, and what came after.
#[derive(Debug)]
struct Unsure<Sure, Step> {
    sure: Sure,
    /// Steps that became certain so far.
    done: usize,
    since: Vec<Step>,
}

impl<Sure: Default, Step> Default for Unsure<Sure, Step> {
    fn default() -> Self {
        Self { sure: Sure::default(), done: 0, since: Vec::new() }
    }
}

impl<Sure, Step> Unsure<Sure, Step> {
    fn mark(&self) -> usize {
        self.done + self.since.len()
    }

    /// Everything up to a mark is certain.
    fn settle(&mut self, mark: usize, apply: impl Fn(&mut Sure, Step)) {
        let count = mark.saturating_sub(self.done).min(self.since.len());
        for step in self.since.drain(..count) {
            apply(&mut self.sure, step);
        }
        self.done += count;
    }
}

/// The disk as the trace goes on.
#[derive(Debug, Default)]
pub struct Disk {
    files: Vec<Unsure<Vec<u8>, Change>>,
    names: Unsure<BTreeMap<String, usize>, Naming>,
    /// The file that an inode's number stands for now: numbers are used again.
    inodes: HashMap<u64, usize>,
    /// The mark of each sync that has begun.
    syncs: HashMap<u64, usize>,
}

fn write(bytes: &mut Vec<u8>, at: u64, data: &[u8]) {
    let at = at as usize;
    let end = at + data.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[at..end].copy_from_slice(data);
}

fn change(bytes: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Write(at, data) => write(bytes, *at, data),
        Change::Truncate(length) => bytes.resize(*length as usize, 0),
    }
}

fn name(names: &mut BTreeMap<String, usize>, naming: Naming) {
    match naming {
        Naming::Made(name, file) => {
            names.insert(name, file);
        }
        Naming::Gone(name) => {
            names.remove(&name);
        }
        Naming::Moved(from, to) => {
            if let Some(file) = names.remove(&from) {
                names.insert(to, file);
            }
        }
    }
}

impl Disk {
    /// The next thing that happened.
    pub fn apply(&mut self, record: &Record) {
        match record {
            Record::Open { inode, made: true, name } => {
                let file = self.files.len();
                self.files.push(Unsure::default());
                self.inodes.insert(*inode, file);
                self.names.since.push(Naming::Made(name.clone(), file));
            }
            Record::Write { inode, at, bytes } => {
                self.change(*inode, Change::Write(*at, Arc::from(bytes.as_slice())));
            }
            Record::Truncate { inode, length } => self.change(*inode, Change::Truncate(*length)),
            Record::SyncBegin { ticket, folder: true, .. } => {
                self.syncs.insert(*ticket, self.names.mark());
            }
            Record::SyncBegin { inode, ticket, .. } => {
                let mark = self.inodes.get(inode).map(|file| self.files[*file].mark());
                self.syncs.insert(*ticket, mark.unwrap_or(0));
            }
            Record::SyncEnd { ticket, folder: true, .. } => {
                if let Some(mark) = self.syncs.remove(ticket) {
                    self.names.settle(mark, name);
                }
            }
            Record::SyncEnd { inode, ticket, .. } => {
                if let (Some(mark), Some(file)) =
                    (self.syncs.remove(ticket), self.inodes.get(inode))
                {
                    self.files[*file].settle(mark, |bytes, step| change(bytes, &step));
                }
            }
            Record::Unlink { name } => self.names.since.push(Naming::Gone(name.clone())),
            Record::Rename { from, to } => {
                self.names.since.push(Naming::Moved(from.clone(), to.clone()));
            }
            Record::Open { made: false, .. } | Record::Reply { .. } => {}
        }
    }

    fn change(&mut self, inode: u64, change: Change) {
        if let Some(file) = self.inodes.get(&inode) {
            self.files[*file].since.push(change);
        }
    }

    /// A state that the disk may hold if the power fails now. The memory that connections share does not outlive them.
    pub fn state(&self, luck: Luck, dice: &mut SmallRng) -> Files {
        let mut names = self.names.sure.clone();
        for naming in &self.names.since {
            let there = match luck {
                Luck::Nothing | Luck::NoNames => false,
                Luck::Everything | Luck::Zeros => true,
                _ => dice.random_bool(0.5),
            };
            if there {
                name(&mut names, naming.clone());
            }
        }
        names.retain(|name, _| !name.ends_with("-shm"));
        names.into_iter().map(|(name, file)| (name, self.bytes(file, luck, dice))).collect()
    }

    fn bytes(&self, file: usize, luck: Luck, dice: &mut SmallRng) -> Vec<u8> {
        let file = &self.files[file];
        let mut bytes = file.sure.clone();
        let first = dice.random_range(0..=file.since.len());
        for (number, step) in file.since.iter().enumerate() {
            let whole = match luck {
                Luck::Nothing | Luck::Zeros => false,
                Luck::Everything | Luck::NoNames => true,
                Luck::Prefix => number < first,
                _ => dice.random_bool(0.5),
            };
            match (step, luck) {
                (step, _) if whole => change(&mut bytes, step),
                (Change::Write(at, data), Luck::Zeros) => {
                    let end = *at as usize + data.len();
                    bytes.resize(bytes.len().max(end), 0);
                }
                (Change::Truncate(_), Luck::Zeros) => change(&mut bytes, step),
                (Change::Write(at, data), Luck::Prefix) if number == first => {
                    let part = dice.random_range(0..=data.len()) / 512 * 512;
                    write(&mut bytes, *at, &data[..part]);
                }
                (Change::Write(at, data), Luck::Torn512) => torn(&mut bytes, *at, data, 512, dice),
                (Change::Write(at, data), Luck::Torn4096) => {
                    torn(&mut bytes, *at, data, 4_096, dice);
                }
                _ => {}
            }
        }
        bytes
    }
}

/// Writes any of the sectors that a write touches.
fn torn(bytes: &mut Vec<u8>, at: u64, data: &[u8], sector: usize, dice: &mut SmallRng) {
    let mut from = 0;
    while from < data.len() {
        let place = at as usize + from;
        let end = (from + sector - place % sector).min(data.len());
        if dice.random_bool(0.5) {
            write(bytes, place as u64, &data[from..end]);
        }
        from = end;
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn write_of(byte: u8) -> Record {
        Record::Write { inode: 7, at: 0, bytes: vec![byte; 1_024] }
    }

    fn sync(disk: &mut Disk, inode: u64, folder: bool) {
        disk.apply(&Record::SyncBegin { inode, ticket: 9, folder });
        disk.apply(&Record::SyncEnd { inode, ticket: 9, folder });
    }

    #[test]
    fn only_what_was_synced_is_certain() {
        let (mut disk, mut dice) = (Disk::default(), SmallRng::seed_from_u64(1));
        disk.apply(&Record::Open { inode: 7, made: true, name: "a".to_owned() });
        disk.apply(&write_of(1));
        sync(&mut disk, 7, false);
        assert!(disk.state(Luck::Nothing, &mut dice).is_empty(), "its name was not synced");
        sync(&mut disk, 1, true);
        disk.apply(&write_of(2));
        assert_eq!(disk.state(Luck::Nothing, &mut dice)["a"], [1; 1_024]);
        assert_eq!(disk.state(Luck::Everything, &mut dice)["a"], [2; 1_024]);
        let halves = |dice: &mut SmallRng| {
            let bytes = disk.state(Luck::Torn512, dice)["a"].clone();
            (bytes[0], bytes[1_023])
        };
        let seen: Vec<_> = (0..64).map(|_| halves(&mut dice)).collect();
        assert!(seen.contains(&(1, 2)) && seen.contains(&(2, 1)), "{seen:?}");
    }

    #[test]
    fn a_sync_covers_what_was_there_when_it_began() {
        let (mut disk, mut dice) = (Disk::default(), SmallRng::seed_from_u64(1));
        disk.apply(&Record::Open { inode: 7, made: true, name: "a".to_owned() });
        sync(&mut disk, 1, true);
        disk.apply(&write_of(1));
        disk.apply(&Record::SyncBegin { inode: 7, ticket: 3, folder: false });
        disk.apply(&write_of(2));
        disk.apply(&Record::SyncEnd { inode: 7, ticket: 3, folder: false });
        assert_eq!(disk.state(Luck::Nothing, &mut dice)["a"], [1; 1_024]);
        assert_eq!(disk.state(Luck::Everything, &mut dice)["a"], [2; 1_024]);
    }
}
