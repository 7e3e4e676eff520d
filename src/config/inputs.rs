//! What a configuration was made from: its file, and the files that it names. A reload hashes them to see whether anything
//! changed, instead of trusting events or times of change.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::name::ContentHash;

use super::FILE_MAX;

/// Longest content of a `${file:…}`, in bytes.
const SECRET_MAX: usize = 64 << 10;

/// The files that a configuration names, and the hash of all that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inputs {
    /// Every file that `${file:…}` or `ca_file` names, absolute or relative to the working directory, each once, in order
    /// of first mention. One that cannot be read is listed, too.
    pub files: Box<[PathBuf]>,
    /// Hash of the configuration file's bytes and of those files' bytes, as they were when they were read.
    pub hash: ContentHash,
}

impl Default for Inputs {
    fn default() -> Self {
        Self { files: Box::default(), hash: ContentHash([0; 32]) }
    }
}

impl Inputs {
    /// Hashes what the file at `path` and `files` hold now. It equals [`Inputs::hash`] of a load that read the same.
    pub fn hash_now(path: &Path, files: &[PathBuf]) -> ContentHash {
        let mut hasher = InputsHasher::new(read_bounded(path).ok().as_deref());
        for file in files {
            hasher.file(file, read_regular(file).ok().as_deref());
        }
        hasher.finish()
    }
}

/// Puts [`Inputs::hash`] together.
struct InputsHasher(Sha256);

impl InputsHasher {
    /// Begins with the configuration file's bytes, or none if it could not be read.
    fn new(text: Option<&[u8]>) -> Self {
        let mut hasher = Self(Sha256::new());
        hasher.part(text);
        hasher
    }

    /// Adds a file that it names.
    fn file(&mut self, path: &Path, content: Option<&[u8]>) {
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
    fn finish(self) -> ContentHash {
        ContentHash(self.0.finalize().into())
    }
}

/// The files that a configuration names while it is loaded: each is read once, so that what is hashed is what was used.
pub(super) struct Files {
    folder: PathBuf,
    read: Vec<(PathBuf, Result<Vec<u8>, String>)>,
}

impl Files {
    /// Files relative to `folder`, that of the configuration.
    pub(super) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), read: Vec::new() }
    }

    /// The content of the file at `path`, or why there is none: `cannot be read: …`.
    pub(super) fn content(&mut self, path: &str) -> Result<&[u8], String> {
        let path = self.folder.join(path);
        if !self.read.iter().any(|(known, _)| *known == path) {
            let content = read_regular(&path);
            self.read.push((path.clone(), content));
        }
        let found = self.read.iter().find(|(known, _)| *known == path);
        match found.map(|(_, content)| content) {
            Some(Ok(bytes)) => Ok(bytes),
            Some(Err(why)) => Err(why.clone()),
            None => Err("was not read".to_owned()),
        }
    }

    /// The text of the secret in the file at `path`: UTF-8, at most [`SECRET_MAX`] bytes, one final newline taken off.
    pub(super) fn secret(&mut self, path: &str) -> Result<String, String> {
        let bytes = self.content(path)?;
        if bytes.len() > SECRET_MAX {
            return Err(format!("is longer than {SECRET_MAX} bytes"));
        }
        let Ok(text) = std::str::from_utf8(bytes) else {
            return Err("is not UTF-8 text".to_owned());
        };
        let line = text.strip_suffix('\n').unwrap_or(text);
        Ok(line.strip_suffix('\r').filter(|_| line.len() < text.len()).unwrap_or(line).to_owned())
    }

    /// Everything that was read, beside the configuration's own bytes.
    pub(super) fn inputs(self, text: &[u8]) -> Inputs {
        let mut hasher = InputsHasher::new(Some(text));
        for (path, content) in &self.read {
            hasher.file(path, content.as_deref().ok());
        }
        let hash = hasher.finish();
        Inputs { files: self.read.into_iter().map(|(path, _)| path).collect(), hash }
    }
}

/// A pipe or a device would block a load, or never end.
fn read_regular(path: &Path) -> Result<Vec<u8>, String> {
    let regular = std::fs::metadata(path).map(|data| data.is_file());
    match regular.and_then(|regular| if regular { read_bounded(path).map(Some) } else { Ok(None) })
    {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => Err("is not a regular file".to_owned()),
        Err(error) => Err(format!("cannot be read: {error}")),
    }
}

/// At most one byte more than the largest configuration file: enough to see that it is too large.
pub(super) fn read_bounded(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(FILE_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
