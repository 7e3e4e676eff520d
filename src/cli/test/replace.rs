//! Replacing the configuration by a longer one: whole, or not at all.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Writes beside the file and renames, so that nobody sees half of it. A link stays, and what it leads to is replaced.
pub(super) fn replace(path: &Path, text: &str) -> io::Result<()> {
    let real = path.canonicalize()?;
    let mut beside: PathBuf = real.clone();
    beside.set_extension(format!("yaml.{}.tmp", std::process::id()));
    let written = File::create_new(&beside).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.set_permissions(fs::metadata(&real)?.permissions())?;
        file.sync_all()
    });
    let replaced = written.and_then(|()| fs::rename(&beside, &real));
    if replaced.is_err() {
        // There may be nothing to remove, and the first failure is the one to tell.
        drop(fs::remove_file(&beside));
    }
    replaced
}
