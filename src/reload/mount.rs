//! Whether the configuration file is itself a mount point, as with Docker's single-file bind mount or a Kubernetes
//! `subPath`. Such a mount holds on to one file: a rename over it on the host never arrives here.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Whether `path`, its links followed, is a mount point. False if that cannot be told.
pub(super) fn is_mount_point(path: &Path) -> bool {
    let Ok(path) = path.canonicalize() else { return false };
    if let Ok(mounts) = std::fs::read_to_string("/proc/self/mountinfo") {
        return listed(&mounts, &path);
    }
    on_another_device(&path)
}

/// Whether a Linux `mountinfo` lists `path`: its fifth field is the mount point, with blanks and backslashes in octal.
/// Source: `proc_pid_mountinfo(5)`. A bind mount within one file system shows only here.
fn listed(mounts: &str, path: &Path) -> bool {
    let Some(path) = path.to_str() else { return false };
    mounts.lines().filter_map(|line| line.split(' ').nth(4)).any(|point| unescaped(point) == path)
}

fn unescaped(point: &str) -> String {
    point.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\")
}

fn on_another_device(path: &Path) -> bool {
    let device = |path: &Path| std::fs::metadata(path).map(|meta| meta.dev()).ok();
    match (device(path), path.parent().map(device)) {
        (Some(file), Some(Some(folder))) => file != folder,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_file_mount_is_told_from_a_folder_mount() {
        let mounts = "\
22 1 0:21 / / rw,relatime - overlay overlay rw
90 22 8:1 /srv/rules.yaml /etc/hookswitch/rules.yaml ro,relatime - ext4 /dev/sda1 rw
91 22 8:1 /srv/more /data/my\\040rules rw,relatime - ext4 /dev/sda1 rw
";
        assert!(listed(mounts, Path::new("/etc/hookswitch/rules.yaml")));
        assert!(!listed(mounts, Path::new("/etc/hookswitch")));
        assert!(listed(mounts, Path::new("/data/my rules")));
        assert!(!listed(mounts, Path::new("/data/my rules/rules.yaml")));
        assert!(!listed("nonsense\n\n", Path::new("/etc")));
    }

    #[test]
    fn an_ordinary_file_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("rules.yaml");
        std::fs::write(&file, "version: 1\n").unwrap();
        assert!(!is_mount_point(&file));
        assert!(!is_mount_point(&folder.path().join("missing")));
        assert!(!on_another_device(&file));
    }
}
