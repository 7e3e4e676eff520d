//! Listening to the file system: the only place that knows notify.
//!
//! Folders are watched, not files: a watch on a file stays with what was renamed away. Of an event only that it happened
//! is used, so one without a path, an error or an overflow counts as much as any. It may miss things (network file
//! systems, exhausted watches); the poll stands behind it.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;
use tracing::warn;

/// Most symbolic links that are followed for one file, as on Linux.
const LINKS_MAX: usize = 40;

/// What a folder is known by: one that was removed and made again is another.
type Identity = (u64, u64);

/// The watched folders.
#[derive(Debug)]
pub(super) struct Watch {
    watcher: RecommendedWatcher,
    folders: BTreeMap<PathBuf, Identity>,
    /// Folders that could not be watched, so that each is told once.
    told: BTreeMap<PathBuf, Identity>,
}

impl Watch {
    /// Listens; `maybe` is told of every event. Nothing is watched yet. None, with a warning, if it cannot be set up.
    pub(super) fn new(maybe: Arc<Notify>) -> Option<Self> {
        let handler = move |event: notify::Result<Event>| {
            if may_be_a_change(&event) {
                maybe.notify_one();
            }
        };
        match notify::recommended_watcher(handler) {
            Ok(watcher) => Some(Self { watcher, folders: BTreeMap::new(), told: BTreeMap::new() }),
            Err(error) => {
                warn!(%error, "files cannot be watched; changes are found by looking every few seconds");
                None
            }
        }
    }

    /// Watches the folders in which a change could change one of `files`, and no others. Returns whether that is more than
    /// before, so that what happened in between needs a look. Blocks.
    pub(super) fn follow<'p>(&mut self, files: impl Iterator<Item = &'p Path>) -> bool {
        let wanted: BTreeMap<PathBuf, Identity> = files
            .flat_map(folders_of)
            .filter_map(|folder| identity(&folder).map(|id| (folder, id)))
            .collect();
        let gone: Vec<PathBuf> = self
            .folders
            .iter()
            .filter(|(folder, id)| wanted.get(*folder) != Some(*id))
            .map(|(folder, _)| folder.clone())
            .collect();
        for folder in gone {
            self.folders.remove(&folder);
            // It fails if the folder is gone, and its watch with it.
            drop(self.watcher.unwatch(&folder));
        }
        let mut more = false;
        for (folder, id) in wanted {
            if self.folders.contains_key(&folder) {
                continue;
            }
            match self.watcher.watch(&folder, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    more = true;
                    self.folders.insert(folder, id);
                }
                Err(error) => {
                    if self.told.insert(folder.clone(), id) != Some(id) {
                        warn!(folder = %folder.display(), %error, "a folder cannot be watched; changes in it are found by looking every few seconds");
                    }
                }
            }
        }
        more
    }
}

/// Whether an event may mean a change. Everything may but reading, which is what we do ourselves when we look.
fn may_be_a_change(event: &notify::Result<Event>) -> bool {
    !matches!(
        event,
        Ok(Event { kind: EventKind::Access(kind), attrs, .. })
            if !matches!(kind, AccessKind::Close(AccessMode::Write | AccessMode::Any))
                && attrs.flag().is_none()
    )
}

/// Every folder that holds `file`, or a link on the way to it: a `ConfigMap` is swapped by renaming the link `..data` that
/// lies on the way.
fn folders_of(file: &Path) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    let Ok(mut path) = std::path::absolute(file) else { return folders };
    for _ in 0..LINKS_MAX {
        let Some((link, target, rest)) = first_link(&path) else { break };
        let Some(folder) = link.parent() else { break };
        folders.push(folder.to_owned());
        path = folder.join(target).join(rest);
    }
    folders.extend(path.parent().map(Path::to_owned));
    folders.sort();
    folders.dedup();
    folders
}

/// The first component of `path` that is a symbolic link: the link, what it says, and what follows it.
fn first_link(path: &Path) -> Option<(PathBuf, PathBuf, PathBuf)> {
    let mut so_far = PathBuf::new();
    let mut components = path.components();
    while let Some(component) = components.next() {
        if component == Component::ParentDir {
            // No link is left in what stands before, so this is the folder above.
            so_far.pop();
            continue;
        }
        so_far.push(component);
        if let Ok(target) = std::fs::read_link(&so_far) {
            return Some((so_far, target, components.as_path().to_owned()));
        }
    }
    None
}

fn identity(folder: &Path) -> Option<Identity> {
    std::fs::metadata(folder)
        .ok()
        .filter(std::fs::Metadata::is_dir)
        .map(|meta| (meta.dev(), meta.ino()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use notify::event::{CreateKind, Flag};

    use super::*;

    #[test]
    fn everything_may_be_a_change_but_our_own_reading() {
        let event = |kind| Ok(Event::new(kind));
        assert!(may_be_a_change(&event(EventKind::Any)));
        assert!(may_be_a_change(&event(EventKind::Create(CreateKind::File))));
        assert!(may_be_a_change(&event(EventKind::Access(AccessKind::Close(AccessMode::Write)))));
        assert!(!may_be_a_change(&event(EventKind::Access(AccessKind::Open(AccessMode::Any)))));
        assert!(!may_be_a_change(&event(EventKind::Access(AccessKind::Read))));
        // Neither has a path.
        assert!(may_be_a_change(&Ok(Event::new(EventKind::Other).set_flag(Flag::Rescan))));
        assert!(may_be_a_change(&Err(notify::Error::generic("overflow"))));
    }

    #[test]
    fn every_link_on_the_way_counts() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("config/..2026_1")).unwrap();
        std::fs::write(root.join("config/..2026_1/rules.yaml"), "").unwrap();
        symlink("..2026_1", root.join("config/..data")).unwrap();
        symlink("..data/rules.yaml", root.join("config/rules.yaml")).unwrap();
        symlink("config", root.join("current")).unwrap();
        let found = folders_of(&root.join("current/rules.yaml"));
        assert_eq!(found, [root.clone(), root.join("config"), root.join("config/..2026_1")]);
        assert_eq!(folders_of(&root.join("config/missing.yaml")), [root.join("config")]);
        let up = folders_of(&root.join("current/../rules.yaml"));
        assert_eq!(up, [root.clone(), root.join("config/..")]);

        symlink("loop", root.join("loop")).unwrap();
        assert!(folders_of(&root.join("loop")).contains(&root), "a loop ends");
    }
}
