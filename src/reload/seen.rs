//! What the files looked like when they were last loaded: a hash of each, never a time stamp. A `ConfigMap`, a restore or
//! `cp -p` can put new content under an old time.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::config::FILE_MAX;

/// How one file looked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Look {
    /// A file with this SHA-256.
    Content([u8; 32]),
    /// A file that is larger than it may be; its length stands for what is in it.
    TooLarge(u64),
    /// A folder, a pipe, a device. It is not opened: that could wait for ever.
    NotAFile(&'static str),
    /// It could not be read.
    Unreadable(io::ErrorKind),
}

/// How the configuration's files looked: the file itself, and those that it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    main: Look,
    named: BTreeMap<PathBuf, Look>,
}

impl Seen {
    /// Looks at the files now. Blocks.
    pub(super) fn look(main: &Path, named: &[PathBuf]) -> Self {
        let named = named.iter().map(|path| (path.clone(), look(path))).collect();
        Self { main: look(main), named }
    }

    /// How the configuration file itself looked.
    pub(super) fn main(&self) -> &Look {
        &self.main
    }

    /// Whether all of `named` were looked at.
    pub(super) fn covers(&self, named: &[PathBuf]) -> bool {
        named.iter().all(|path| self.named.contains_key(path))
    }

    /// Only those of the named files.
    pub(super) fn narrowed(mut self, named: &[PathBuf]) -> Self {
        self.named.retain(|path, _| named.contains(path));
        self
    }

    /// Whether the named files were the same and looked the same.
    pub(super) fn same_named(&self, other: &Self) -> bool {
        self.named == other.named
    }
}

fn look(path: &Path) -> Look {
    read(path).unwrap_or_else(|error| Look::Unreadable(error.kind()))
}

fn read(path: &Path) -> io::Result<Look> {
    let meta = std::fs::metadata(path)?;
    if meta.is_dir() {
        return Ok(Look::NotAFile("a folder"));
    }
    if !meta.is_file() {
        return Ok(Look::NotAFile("a pipe, a socket or a device"));
    }
    let most = u64::try_from(FILE_MAX).unwrap_or(u64::MAX);
    let mut hash = Sha256::new();
    let mut file = File::open(path)?.take(most.saturating_add(1));
    let mut buffer = vec![0; 64 << 10];
    let mut total: u64 = 0;
    loop {
        let count = match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hash.update(buffer.get(..count).unwrap_or_default());
        total += u64::try_from(count).unwrap_or(u64::MAX);
    }
    Ok(if total > most {
        Look::TooLarge(meta.len())
    } else {
        Look::Content(hash.finalize().into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_counts_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let (main, key) = (folder.path().join("rules.yaml"), folder.path().join("key"));
        std::fs::write(&main, "a").unwrap();
        let named = [key.clone()];
        let first = Seen::look(&main, &named);
        assert_eq!(first.named.get(&key), Some(&Look::Unreadable(io::ErrorKind::NotFound)));

        std::fs::write(&key, "1").unwrap();
        let second = Seen::look(&main, &named);
        assert!(first != second && !first.same_named(&second) && first.main() == second.main());

        let old = std::time::SystemTime::UNIX_EPOCH;
        File::options().write(true).open(&main).unwrap().set_modified(old).unwrap();
        assert_eq!(Seen::look(&main, &named), second);
        std::fs::write(&main, "b").unwrap();
        File::options().write(true).open(&main).unwrap().set_modified(old).unwrap();
        assert_ne!(Seen::look(&main, &named), second);
    }

    #[test]
    fn what_is_not_a_file_is_not_opened() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(look(folder.path()), Look::NotAFile("a folder"));
        let pipe = folder.path().join("pipe");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &pipe,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
            0,
        )
        .unwrap();
        assert_eq!(look(&pipe), Look::NotAFile("a pipe, a socket or a device"));
    }

    #[test]
    fn reading_has_a_bound() {
        let folder = tempfile::tempdir().unwrap();
        let large = folder.path().join("large");
        File::create(&large).unwrap().set_len(1 << 40).unwrap();
        assert_eq!(look(&large), Look::TooLarge(1 << 40));
    }
}
