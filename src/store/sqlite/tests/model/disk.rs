//! What a crash leaves on the disk, made from the files of an open store: exactly the first commits, and whatever of the next
//! one was on its way.

use std::fs;
use std::path::Path;

/// How the bytes beyond the last synced commit look.
#[derive(Debug, Clone, Copy)]
pub(super) enum Tail {
    /// They are not there.
    Cut,
    /// The file has its length, and zeros in it.
    Zeros,
    /// The file has its length, and something else in it.
    Garbage(u8),
}

/// What stands in a log, by SQLite's description of its format (<https://www.sqlite.org/fileformat2.html#walformat>).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Log {
    salt: [u8; 8],
    /// Where each commit ends.
    commits: Vec<u64>,
}

/// The length of a log's header: where the first commit begins.
pub(super) const HEADER: usize = 32;
const FRAME: usize = 24;

impl Log {
    /// Reads the log beside the database in `folder`; an empty one has no commits.
    pub(super) fn read(folder: &Path) -> Self {
        let bytes = fs::read(folder.join("hookswitch.db-wal")).unwrap_or_default();
        let mut log = Self { salt: [0; 8], commits: Vec::new() };
        let Some(header) = bytes.first_chunk::<HEADER>() else { return log };
        let big = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
        log.salt.copy_from_slice(&header[16..24]);
        let frame = FRAME + usize::try_from(big(8)).unwrap();
        let mut at = header.len();
        while at + frame <= bytes.len() && bytes[at + 8..at + 16] == log.salt {
            // The size of the database after a commit; zero in the other frames.
            if big(at + 4) > 0 {
                log.commits.push((at + frame) as u64);
            }
            at += frame;
        }
        log
    }

    /// Where its last commit ends.
    pub(super) fn end(&self) -> u64 {
        self.commits.last().copied().unwrap_or(HEADER as u64)
    }

    /// Whether this one began anew after `earlier` was read.
    pub(super) fn is_newer(&self, earlier: &Self) -> bool {
        self.salt != earlier.salt
    }

    /// A place behind `end` and before the next commit is whole: `part` of 65,536 of the way. `end` itself if there is no
    /// next commit.
    pub(super) fn cut_behind(&self, end: u64, part: u16) -> u64 {
        let next = self.commits.iter().copied().find(|commit| *commit > end);
        let room = next.map_or(0, |next| next - end);
        end + room * u64::from(part) / 65_536
    }
}

/// Copies the files of the store in `from`, with nothing of the log beyond `cut`.
pub(super) fn crash(from: &Path, to: &Path, cut: Option<(u64, Tail)>) {
    fs::create_dir_all(to).unwrap();
    fs::copy(from.join("hookswitch.db"), to.join("hookswitch.db")).unwrap();
    let mut log = fs::read(from.join("hookswitch.db-wal")).unwrap_or_default();
    if let Some((cut, tail)) = cut {
        let cut = usize::try_from(cut).unwrap().min(log.len());
        let lost = log.len() - cut;
        log.truncate(cut);
        match tail {
            Tail::Cut => {}
            Tail::Zeros => log.resize(cut + lost, 0),
            Tail::Garbage(seed) => {
                let noise =
                    (0..=u8::MAX).cycle().map(|at| seed.wrapping_add(at.wrapping_mul(31)) | 1);
                log.extend(noise.take(lost));
            }
        }
    }
    fs::write(to.join("hookswitch.db-wal"), log).unwrap();
}
