//! What a configuration was made from: its file, and the files that it names. A reload hashes them to see whether anything
//! changed, instead of trusting events or times of change.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::name::ContentHash;

use super::FILE_MAX;

/// Longest content of a `${file:…}`, in bytes.
const SECRET_MAX: usize = 64 << 10;
/// Largest event of a test, in bytes.
pub const EVENT_MAX: usize = 1 << 20;
/// Most bytes of all events of tests: they are in memory until the tests have run.
const EVENTS_MAX: usize = 16 << 20;
/// Most files with events: each is looked at every few seconds while the program runs.
const EVENT_FILES_MAX: usize = 1_000;

/// The files that a configuration names, and the hash of all that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inputs {
    /// Every file that `${file:…}`, `ca_file` or a test names, absolute or relative to the working directory, each once, in order
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
            hasher.file(file, read_regular(file).ok().map(|content| digest(&content)));
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
    fn file(&mut self, path: &Path, content: Option<Digest>) {
        self.part(Some(path.as_os_str().as_encoded_bytes()));
        self.part(content.as_ref().map(Digest::as_slice));
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
    /// In order of first mention.
    known: Vec<Known>,
    places: HashMap<PathBuf, usize>,
    events: Budget,
    /// Whether none is to be read.
    sealed: bool,
}

/// A file that was read, or could not be.
struct Known {
    path: PathBuf,
    digest: Option<Digest>,
    content: Result<Bytes, String>,
}

/// What is left for events of tests.
struct Budget {
    bytes: usize,
    files: usize,
}

impl Files {
    /// Files relative to `folder`, that of the configuration.
    pub(super) fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            known: Vec::new(),
            places: HashMap::new(),
            events: Budget { bytes: EVENTS_MAX, files: EVENT_FILES_MAX },
            sealed: false,
        }
    }

    /// None at all: for a text that may not look at files.
    pub(super) fn sealed() -> Self {
        Self { sealed: true, ..Self::new(Path::new("")) }
    }

    /// Whether none is to be read.
    pub(super) fn are_sealed(&self) -> bool {
        self.sealed
    }

    /// The content of the file at `path`, or why there is none: `cannot be read: …`.
    pub(super) fn content(&mut self, path: &str) -> Result<&[u8], String> {
        if self.sealed {
            return Err("is not read here".to_owned());
        }
        let path = self.folder.join(path);
        let content = self.known(path, read_regular, Ok);
        content.as_ref().map(|content| &**content).map_err(Clone::clone)
    }

    /// Reads a file, unless it is known; `keep` says what of its content is kept.
    fn known(
        &mut self,
        path: PathBuf,
        read: impl FnOnce(&Path) -> Result<Vec<u8>, String>,
        keep: impl FnOnce(Vec<u8>) -> Result<Vec<u8>, String>,
    ) -> &Result<Bytes, String> {
        let next = self.known.len();
        let place = *self.places.entry(path.clone()).or_insert(next);
        if place == next {
            let content = read(&path);
            let digest = content.as_deref().ok().map(digest);
            let content = content.and_then(keep).map(Bytes::from);
            self.known.push(Known { path, digest, content });
        }
        &self.known.get(place).expect("it is known or was just added").content
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

    /// The event of a test in the file at `path`. What is in an event is shown, in explanations for instance, so a test may
    /// name only what lies with the configuration: no secret of the machine, whoever wrote the path. `shown` is the path as
    /// it is written.
    pub(super) fn event(&mut self, path: &str, shown: &str) -> Result<Bytes, String> {
        let told = |why: String| format!("the file {shown} {why}");
        if self.sealed {
            return Err(told("is not read here".to_owned()));
        }
        let plain = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
        if !Path::new(path).components().all(plain) {
            return Err(told("is not in the folder of this file or below it".to_owned()));
        }
        let joined = self.folder.join(path);
        let real = joined.canonicalize();
        if let Ok(real) = &real
            && !self.holds(real)
        {
            return Err(told("leads out of the folder of this file".to_owned()));
        }
        let fresh = !self.places.contains_key(&joined);
        if fresh && self.events.files == 0 {
            return Err(told(format!("is one of more than {EVENT_FILES_MAX}")));
        }
        let left = self.events.bytes;
        let read = |_: &Path| read_regular(&real.map_err(|error| unreadable(&error))?);
        let content = self.known(joined, read, |content| affordable(content, left)).clone();
        if fresh {
            self.events.files -= 1;
            self.events.bytes -= content.as_ref().map_or(0, Bytes::len);
        }
        content.map_err(told)
    }

    /// Whether a path without links lies in the folder of the configuration. A link may lead anywhere; a Kubernetes volume
    /// is made of links that stay inside.
    fn holds(&self, real: &Path) -> bool {
        let here = self.folder.as_os_str().is_empty();
        let folder = if here { Path::new(".") } else { &self.folder };
        folder.canonicalize().is_ok_and(|folder| real.starts_with(folder))
    }

    /// The event of a test that is written out.
    pub(super) fn inline(&mut self, text: String) -> Result<Bytes, String> {
        let content = affordable(text.into_bytes(), self.events.bytes)
            .map_err(|why| format!("the event {why}"))?;
        self.events.bytes -= content.len();
        Ok(content.into())
    }

    /// Everything that was read, beside the configuration's own bytes.
    pub(super) fn inputs(self, text: &[u8]) -> Inputs {
        let mut hasher = InputsHasher::new(Some(text));
        for file in &self.known {
            hasher.file(&file.path, file.digest);
        }
        let hash = hasher.finish();
        Inputs { files: self.known.into_iter().map(|file| file.path).collect(), hash }
    }
}

/// Whether there is room for an event.
fn affordable(content: Vec<u8>, left: usize) -> Result<Vec<u8>, String> {
    if content.len() > EVENT_MAX {
        Err(format!("is longer than {EVENT_MAX} bytes"))
    } else if content.len() > left {
        Err(format!("is too much: the events of all tests have at most {EVENTS_MAX} bytes"))
    } else {
        Ok(content)
    }
}

/// SHA-256 of a content.
type Digest = [u8; 32];

fn digest(content: &[u8]) -> Digest {
    Sha256::digest(content).into()
}

fn unreadable(error: &std::io::Error) -> String {
    format!("cannot be read: {error}")
}

/// A pipe or a device would block a load, or never end.
fn read_regular(path: &Path) -> Result<Vec<u8>, String> {
    let regular = std::fs::metadata(path).map(|data| data.is_file());
    match regular.and_then(|regular| if regular { read_bounded(path).map(Some) } else { Ok(None) })
    {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => Err("is not a regular file".to_owned()),
        Err(error) => Err(unreadable(&error)),
    }
}

/// At most one byte more than the largest configuration file: enough to see that it is too large.
pub(super) fn read_bounded(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(FILE_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
