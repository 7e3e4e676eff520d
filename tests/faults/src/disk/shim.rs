//! The driver's end of the library before the disk (`tests/faults/shim`): where it is loaded and what it is told.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::instance::{Launch, data};
use crate::scenario::Context;

/// Kinds of calls, as the library numbers them.
pub const OPEN: u64 = 1;
pub const WRITE: u64 = 2;
pub const SYNC: u64 = 4;
pub const TRUNCATE: u64 = 8;
pub const UNLINK: u64 = 32;
pub const RENAME: u64 = 64;
pub const MAP: u64 = 128;
pub const READ: u64 = 256;
pub const REPLY: u64 = 512;

/// The log among the files, and all of them.
pub const LOG: u64 = 2;
pub const ALL: u64 = 127;

/// What stands for a short write among the errors.
pub const SHORT: u64 = 1_000;

/// The library, set up for one folder.
#[derive(Debug)]
pub struct Shim {
    library: PathBuf,
    folder: PathBuf,
    control: PathBuf,
    trace: Option<PathBuf>,
    file: File,
}

/// A fault: which calls, which files, how, from the which on and how many.
#[derive(Debug, Clone, Copy)]
pub struct Fault {
    pub calls: u64,
    pub files: u64,
    pub how: u64,
    pub from: u64,
    pub count: u64,
}

impl Shim {
    /// For an instance in `folder`; none where this system cannot have it.
    pub fn new(context: &Context, folder: &Path) -> anyhow::Result<Option<Self>> {
        let Some(library) = context.shim.clone() else { return Ok(None) };
        let control = folder.join("control");
        let options = File::options().create(true).truncate(false).read(true).write(true).clone();
        let file = options.open(&control).context("the control file")?;
        file.set_len(4_096)?;
        let folder = data(&folder.canonicalize()?);
        Ok(Some(Self { library, folder, control, trace: None, file }))
    }

    /// Has everything written down there, too.
    #[must_use]
    pub fn traced(mut self, trace: PathBuf) -> Self {
        self.trace = Some(trace);
        self
    }

    /// Loads it into what is launched.
    pub fn load(&self, launch: &mut Launch) {
        let mut set = |name: &str, value: &Path| {
            launch.env.push((name.to_owned(), value.display().to_string()));
        };
        set("LD_PRELOAD", &self.library);
        set("HOOKSWITCH_SHIM_FOLDER", &self.folder);
        set("HOOKSWITCH_SHIM_CONTROL", &self.control);
        if let Some(trace) = &self.trace {
            set("HOOKSWITCH_SHIM_TRACE", trace);
        }
    }

    fn put(&self, place: u64, value: u64) -> anyhow::Result<()> {
        Ok(self.file.write_all_at(&value.to_le_bytes(), place * 8)?)
    }

    fn look(&self, place: u64) -> anyhow::Result<u64> {
        let mut bytes = [0; 8];
        self.file.read_exact_at(&mut bytes, place * 8)?;
        Ok(u64::from_le_bytes(bytes))
    }

    /// Nothing goes wrong from now on, and counting begins anew.
    pub fn calm(&self) -> anyhow::Result<()> {
        (0..16).try_for_each(|place| self.put(place, 0))
    }

    /// This goes wrong from now on.
    pub fn fail(&self, fault: Fault) -> anyhow::Result<()> {
        self.calm()?;
        let Fault { calls, files, how, from, count } = fault;
        for (place, value) in [(1, files), (2, how), (3, from), (4, count), (0, calls)] {
            self.put(place, value)?;
        }
        Ok(())
    }

    /// Each sync takes longer by this.
    pub fn slow(&self, millis: u64) -> anyhow::Result<()> {
        self.put(5, millis)
    }

    /// The process is killed at the Nth such call of such files, before it or after.
    pub fn kill(&self, (calls, files): (u64, u64), at: u64, after: bool) -> anyhow::Result<()> {
        self.put(12, 0)?;
        for (place, value) in [(7, files), (8, at), (9, u64::from(after)), (6, calls)] {
            self.put(place, value)?;
        }
        Ok(())
    }

    /// Faults made.
    pub fn injected(&self) -> anyhow::Result<u64> {
        self.look(11)
    }
}
