//! What a configuration was made from: its file, and the files that it names. A reload hashes them to see whether anything
//! changed, instead of trusting events or times of change.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::name::ContentHash;

use super::FILE_MAX;

/// The files that a configuration names, and the hash of all that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inputs {
    /// Every file that `${file:…}` or `ca_file` names, absolute or relative to the working directory, each once, in order
    /// of first mention. One that cannot be read is listed, too.
    pub files: Vec<PathBuf>,
    /// Hash of the configuration file's bytes and of those files' bytes, as they were when they were read.
    pub hash: ContentHash,
}

impl Default for Inputs {
    fn default() -> Self {
        Self { files: Vec::new(), hash: ContentHash([0; 32]) }
    }
}

impl Inputs {
    /// Hashes what the file at `path` and `files` hold now. It equals [`Inputs::hash`] of a load that read the same.
    pub fn hash_now(path: &Path, files: &[PathBuf]) -> ContentHash {
        let mut hasher = InputsHasher::new(read_bounded(path).ok().as_deref());
        for file in files {
            hasher.file(file, read_bounded(file).ok().as_deref());
        }
        hasher.finish()
    }
}

/// Puts [`Inputs::hash`] together.
pub(super) struct InputsHasher(Sha256);

impl InputsHasher {
    /// Begins with the configuration file's bytes, or none if it could not be read.
    pub(super) fn new(text: Option<&[u8]>) -> Self {
        let mut hasher = Self(Sha256::new());
        hasher.part(text);
        hasher
    }

    /// Adds a file that it names.
    pub(super) fn file(&mut self, path: &Path, content: Option<&[u8]>) {
        self.part(Some(path.as_os_str().as_encoded_bytes()));
        self.part(content);
    }

    /// Each part with its length, so that no two lists of parts look the same.
    fn part(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            None => self.0.update([0]),
            Some(bytes) => {
                self.0.update([1]);
                self.0.update((bytes.len() as u64).to_le_bytes());
                self.0.update(bytes);
            }
        }
    }

    /// The hash.
    pub(super) fn finish(self) -> ContentHash {
        ContentHash(self.0.finalize().into())
    }
}

/// At most one byte more than the largest configuration file: enough to see that it is too large.
pub(super) fn read_bounded(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(FILE_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
