//! Replacing the configuration by a longer one: whole, or not at all, and for whoever could read it before.

use std::fs::{self, Metadata, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, fchown};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

/// Why a file is left as it is.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotReplaced {
    #[error("it is protected from writing")]
    Protected,
    #[error("its owner and group cannot be kept")]
    Owner(#[source] io::Error),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Writes beside the file and renames, so that nobody sees half of it. A link stays, and what it leads to is replaced. Owner,
/// group and mode stay: an instance that runs as somebody else must still be able to read it.
pub(super) fn replace(path: &Path, text: &str) -> Result<(), NotReplaced> {
    let real = path.canonicalize()?;
    let known = fs::metadata(&real)?;
    // A rename asks the folder only, and root may write everything.
    if known.permissions().readonly() || access(&real, Access::WRITE_OK).is_err() {
        return Err(NotReplaced::Protected);
    }
    let mut beside: PathBuf = real.clone();
    beside.set_extension(format!("yaml.{}.tmp", std::process::id()));
    let replaced = written_like(&known, &beside, text)
        .and_then(|()| fs::rename(&beside, &real).map_err(NotReplaced::Io));
    if replaced.is_err() {
        // There may be nothing to remove, and the first failure is the one to tell.
        drop(fs::remove_file(&beside));
    }
    replaced
}

/// Writes a new file with the owner, group and mode of a known one. Until it has them, nobody else can read it.
fn written_like(known: &Metadata, path: &Path, text: &str) -> Result<(), NotReplaced> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    let own = file.metadata()?;
    if (own.uid(), own.gid()) != (known.uid(), known.gid()) {
        fchown(&file, Some(known.uid()), Some(known.gid())).map_err(NotReplaced::Owner)?;
    }
    // After the owner: giving a file away takes bits off its mode.
    file.set_permissions(known.permissions())?;
    Ok(file.sync_all()?)
}

#[cfg(test)]
mod tests {
    use std::fs::{File, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const OLD: &str = "version: 1\n";

    fn config(mode: u32) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rules.yaml");
        fs::write(&path, OLD).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        (folder, path)
    }

    #[test]
    fn owner_group_and_mode_stay() {
        let (_folder, path) = config(0o640);
        // Only root can give files away; for others they are their own before and after.
        let is_given = fchown(File::open(&path).unwrap(), Some(65534), Some(65533)).is_ok();
        let before = fs::metadata(&path).unwrap();
        assert_eq!((before.uid(), before.gid()) == (65534, 65533), is_given);
        replace(&path, "version: 2\n").unwrap();
        let after = fs::metadata(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "version: 2\n");
        assert_eq!((after.uid(), after.gid()), (before.uid(), before.gid()));
        assert_eq!(after.mode() & 0o7777, 0o640);
        assert_ne!(after.ino(), before.ino(), "it is another file under its name");
    }

    #[test]
    fn a_protected_file_is_left_as_it_is() {
        let (folder, path) = config(0o444);
        let refused = replace(&path, "version: 2\n").unwrap_err();
        assert!(matches!(refused, NotReplaced::Protected), "{refused}");
        assert_eq!(fs::read_to_string(&path).unwrap(), OLD);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }
}
