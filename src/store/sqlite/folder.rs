//! The data folder: one owner, one format, and nothing touched that is not ours.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

use crate::fault::{self, Plant};

use super::migrate::{migrate, take_back};
use super::schema::{self, APPLICATION_ID, FORMAT};

/// The database's name in the folder. SQLite adds `-wal` and `-shm` for its own.
pub(super) const DATABASE: &str = "hookswitch.db";
const LOCK: &str = "hookswitch.lock";
/// An owner has written its number this long after it took the lock. Who is turned away is told within a second.
const NAMED_WITHIN: Duration = Duration::from_millis(500);

/// Why a store cannot be opened. Each text names the thing and the way out.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder cannot be made or looked at.
    #[error("the data folder {path} cannot be used: {source}; choose another one with --data-dir")]
    Folder {
        /// Its path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Nothing can be written into it.
    #[error(
        "the data folder {path} cannot be written to: {source}; \
         give this user the right to, or choose another one with --data-dir"
    )]
    NotWritable {
        /// Its path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another process has it.
    #[error(
        "the data folder {path} is in use by {}; end that one, or choose another folder with --data-dir",
        owner.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
    )]
    InUse {
        /// Its path.
        path: PathBuf,
        /// The other process, if it said.
        owner: Option<u32>,
    },
    /// The file system cannot lock, so nothing would keep two processes apart.
    #[error(
        "the data folder {path} cannot be locked: {source}; \
         choose one on a local disk with --data-dir"
    )]
    NoLocks {
        /// Its path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is something else.
    #[error(
        "{path} is not a hookswitch store, or its beginning is damaged; \
         move it away, or choose another folder with --data-dir"
    )]
    NotAStore {
        /// The file.
        path: PathBuf,
    },
    /// A later version wrote it. It was not touched.
    #[error(
        "{path} has format {found}, and this version knows formats up to {FORMAT}; \
         run the version that wrote it, or choose another folder with --data-dir"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// A part of it is missing.
    #[error(
        "{path} is missing, but its log is there; \
         put it back, or move the log away, or choose another folder with --data-dir"
    )]
    Incomplete {
        /// The file.
        path: PathBuf,
    },
    /// Its contents make no sense, or cannot be read or written.
    #[error(
        "{path} cannot be opened: {source}; \
         put a backup in its place, or choose another folder with --data-dir"
    )]
    Engine {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
}

impl OpenError {
    /// The exit code: 74 (input or output failed) if there is a store that cannot be read, else 73 (cannot create).
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Incomplete { .. } | Self::Engine { .. } => 74,
            _ => 73,
        }
    }
}

/// A folder that is ours for as long as this lives.
#[derive(Debug)]
pub(super) struct Folder {
    /// Absolute.
    pub(super) path: PathBuf,
    /// The database in it.
    pub(super) database: PathBuf,
    /// Released by the system when it is closed, however the process ends.
    _lock: File,
}

impl Folder {
    /// Makes or takes the folder, and makes sure that a store is in it. A folder with something else in it, or in use, is
    /// left as it was.
    pub(super) fn open(path: &Path) -> Result<Self, OpenError> {
        make(path).map_err(|source| OpenError::Folder { path: path.to_owned(), source })?;
        let path = fs::canonicalize(path)
            .map_err(|source| OpenError::Folder { path: path.to_owned(), source })?;
        let database = path.join(DATABASE);
        // Before anything is written: a store of a later version stays as it is, byte for byte.
        look(&database)?;
        let lock = lock(&path)?;
        let engine = |source| OpenError::Engine { path: database.clone(), source };
        let mut found = look(&database)?;
        // A migration that was cut off may have come to the version, and is taken back all the same.
        if found.is_some() && is_there(&journal_of(&database)) {
            take_back(&database).map_err(engine)?;
            found = look(&database)?;
        }
        match found {
            None => create(&path, &database)?,
            Some(FORMAT) => {}
            Some(earlier) => migrate(&path, &database, earlier).map_err(engine)?,
        }
        Ok(Self { path, database, _lock: lock })
    }

    /// The rights of the folder, if they let others in.
    pub(super) fn open_to_others(&self) -> Option<u32> {
        open_to_others(&fs::metadata(&self.path).ok()?)
    }

    /// The log beside the database.
    pub(super) fn log(&self) -> PathBuf {
        log_of(&self.database)
    }
}

pub(super) fn log_of(database: &Path) -> PathBuf {
    beside(database, "-wal")
}

/// What a change that is made without the log is taken back with. There is none but while a store is migrated.
fn journal_of(database: &Path) -> PathBuf {
    beside(database, "-journal")
}

fn beside(database: &Path, end: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

fn is_there(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|file| file.len() > 0)
}

/// Creates the folder for us alone, or warns if others can look into it.
fn make(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(found) if !found.is_dir() => Err(io::ErrorKind::NotADirectory.into()),
        Ok(found) => {
            if let Some(mode) = open_to_others(&found) {
                let folder = path.display();
                tracing::warn!(
                    %folder,
                    mode = format!("{mode:o}"),
                    "other users may reach the data folder, which holds calls word by word; \
                     chmod 700 closes it"
                );
            }
            Ok(())
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            DirBuilder::new().recursive(true).mode(0o700).create(path)?;
            let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
            sync(parent.unwrap_or_else(|| Path::new(".")))
        }
        Err(error) => Err(error),
    }
}

fn open_to_others(found: &fs::Metadata) -> Option<u32> {
    let mode = found.permissions().mode() & 0o777;
    (mode & 0o077 != 0).then_some(mode)
}

/// Makes the entries of a folder durable.
pub(super) fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn lock(folder: &Path) -> Result<File, OpenError> {
    let not_writable = |source| OpenError::NotWritable { path: folder.to_owned(), source };
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let mut file = options.open(folder.join(LOCK)).map_err(not_writable)?;
    match if fault::planted(Plant::NoLock) { Ok(()) } else { file.try_lock() } {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(OpenError::InUse { path: folder.to_owned(), owner: owner(&mut file) });
        }
        Err(TryLockError::Error(source)) => {
            return Err(OpenError::NoLocks { path: folder.to_owned(), source });
        }
    }
    // Who has it, for whoever comes second. The lock is what counts, not this text.
    let mut write = || {
        file.set_len(0)?;
        file.rewind()?;
        file.write_all(format!("{}\n", std::process::id()).as_bytes())
    };
    write().map_err(not_writable)?;
    Ok(file)
}

/// Who has the lock. An owner writes its number a moment after it took the lock; until then the file is empty, or names the
/// one before, who may have been killed. So a number that is nobody's is looked at again for a while. In the end it is
/// taken as it is: the owner may live in another container, whose processes have numbers of their own.
#[expect(clippy::disallowed_methods, reason = "nothing runs yet that this could hold up")]
fn owner(file: &mut File) -> Option<u32> {
    let until = super::now() + NAMED_WITHIN;
    loop {
        let mut text = String::new();
        let read = file.rewind().and_then(|()| file.take(32).read_to_string(&mut text));
        let named = read.ok().and_then(|_| text.strip_suffix('\n')?.parse().ok());
        if named.is_some_and(is_alive) || super::now() > until {
            return named;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether there is such a process here.
fn is_alive(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| !matches!(test_kill_process(pid), Err(Errno::SRCH)))
}

/// The format of the store that is there, if there is one. It is one that we know. Reads 72 bytes and writes nothing.
fn look(database: &Path) -> Result<Option<u32>, OpenError> {
    let path = database.to_owned();
    let mut file = match File::open(database) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let orphan = is_there(&log_of(database)) || is_there(&journal_of(database));
            return if orphan { Err(OpenError::Incomplete { path }) } else { Ok(None) };
        }
        Err(source) => return Err(OpenError::Folder { path, source }),
    };
    let mut header = [0; 72];
    let magic = match file.read_exact(&mut header) {
        Ok(()) => header.first_chunk::<16>(),
        Err(_) => None,
    };
    let number = |at: usize| {
        let bytes = header.get(at..).and_then(|rest| rest.first_chunk::<4>());
        bytes.map_or(0, |bytes| u32::from_be_bytes(*bytes))
    };
    if magic != Some(b"SQLite format 3\0") || number(68) != APPLICATION_ID || number(60) == 0 {
        return Err(OpenError::NotAStore { path });
    }
    match number(60) {
        found if found > FORMAT => Err(OpenError::Newer { path, found }),
        found => Ok(Some(found)),
    }
}

/// Makes an empty store beside its place and moves it there whole, so that a crash leaves either none or one.
fn create(folder: &Path, database: &Path) -> Result<(), OpenError> {
    let not_writable = |source| OpenError::NotWritable { path: folder.to_owned(), source };
    let draft = folder.join("hookswitch.db.new");
    for end in ["", "-journal", "-wal", "-shm"] {
        let mut name = draft.as_os_str().to_owned();
        name.push(end);
        match fs::remove_file(&name) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(not_writable(error));
            }
            _ => {}
        }
    }
    // Calls word by word: for this user's eyes.
    let mut options = OpenOptions::new();
    let file =
        options.write(true).create_new(true).mode(0o600).open(&draft).map_err(not_writable)?;
    schema::create(&draft)
        .map_err(|source| OpenError::Engine { path: database.to_owned(), source })?;
    file.sync_all().map_err(not_writable)?;
    fs::rename(&draft, database).map_err(not_writable)?;
    sync(folder).map_err(not_writable)
}

/// Device and inode of the database and its log. If another file has taken the place of one, what we write goes nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place([(u64, u64); 2]);

impl Place {
    /// As they are now.
    pub(super) fn of(folder: &Folder) -> io::Result<Self> {
        let number = |path: &Path| fs::metadata(path).map(|found| (found.dev(), found.ino()));
        Ok(Self([number(&folder.database)?, number(&folder.log())?]))
    }
}
