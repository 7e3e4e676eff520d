//! The trace that the library before the disk writes, record by record.

use std::path::Path;

use anyhow::{Context as _, bail};

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// A file of this name is open; `made` if it was not there before.
    Open {
        inode: u64,
        made: bool,
        name: String,
    },
    Write {
        inode: u64,
        at: u64,
        bytes: Vec<u8>,
    },
    Truncate {
        inode: u64,
        length: u64,
    },
    /// A sync began; the ticket tells it from others.
    SyncBegin {
        inode: u64,
        ticket: u64,
        folder: bool,
    },
    /// It succeeded.
    SyncEnd {
        inode: u64,
        ticket: u64,
        folder: bool,
    },
    Unlink {
        name: String,
    },
    Rename {
        from: String,
        to: String,
    },
    /// A 204 leaves, for this event.
    Reply {
        id: String,
    },
}

/// The name of a file without its folder.
fn name(path: &[u8]) -> String {
    let path = String::from_utf8_lossy(path);
    path.rsplit('/').next().unwrap_or_default().to_owned()
}

/// The id of the event in the head of an answer.
pub fn event_id(head: &str) -> Option<String> {
    let (_, rest) = head.split_once("x-hookswitch-event-id: ")?;
    rest.get(..36).map(str::to_owned)
}

/// Reads all of it. A process that was killed leaves no half record.
pub fn read(path: &Path) -> anyhow::Result<Vec<Record>> {
    let bytes = std::fs::read(path).context("the trace")?;
    let (mut rest, mut records) = (&bytes[..], Vec::new());
    while let Some((head, more)) = rest.split_at_checked(33) {
        let number = |at: usize| {
            let bytes = head[at..at + 8].try_into().expect("eight of them");
            u64::from_le_bytes(bytes)
        };
        let length = |at: usize| {
            let bytes = head[at..at + 4].try_into().expect("four of them");
            u32::from_le_bytes(bytes) as usize
        };
        let (path, more) = more.split_at_checked(length(25)).context("a whole name")?;
        let (data, more) = more.split_at_checked(length(29)).context("whole data")?;
        rest = more;
        let (inode, second, folder) = (number(1), number(9), number(17) == 1);
        records.push(match head[0] {
            1 => Record::Open { inode, made: second == 1, name: name(path) },
            2 => Record::Write { inode, at: second, bytes: data.to_vec() },
            3 => Record::Truncate { inode, length: second },
            4 => Record::SyncBegin { inode, ticket: second, folder },
            5 => Record::SyncEnd { inode, ticket: second, folder },
            6 => Record::Unlink { name: name(path) },
            7 => Record::Rename { from: name(path), to: name(data) },
            8 => {
                let id = event_id(&String::from_utf8_lossy(data)).context("a 204 has an id")?;
                Record::Reply { id }
            }
            other => bail!("a record of kind {other}"),
        });
    }
    anyhow::ensure!(rest.is_empty(), "the trace ends with {} bytes of no record", rest.len());
    Ok(records)
}
