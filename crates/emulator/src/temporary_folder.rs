//! A temporary folder, removed with its owner. What a killed process has left behind is removed
//! by the next one that makes such a folder. Shell.
//!
//! Each folder has a file that its owner keeps locked; the system frees the lock of a
//! process that ends, however it ends. The name cannot be guessed and the folder is its
//! owner's alone, because the system's temporary folder may be everybody's.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::time::{Duration, SystemTime};

use auth::{Clock as _, SharedClock};

use crate::{Error, Result};

/// A folder of this process, removed on drop.
#[derive(Debug)]
pub(crate) struct TemporaryFolder {
    path: PathBuf,
    /// Locked; `None` where the system has no file locks.
    lock: Option<File>,
}

impl TemporaryFolder {
    /// Creates a folder with a unique name.
    pub(crate) fn new() -> Result<Self> {
        let parent = std::env::temp_dir();
        let folder = Self::new_in(&parent)?;
        // What is left behind by processes that end during this one is for the next.
        static SWEPT: Once = Once::new();
        SWEPT.call_once(|| folder.sweep(&parent, SharedClock::default().now()));
        Ok(folder)
    }

    fn new_in(parent: &Path) -> Result<Self> {
        let name = format!("{PREFIX}{}", uuid::Uuid::new_v4().simple());
        let path = parent.join(name);
        let make = || -> io::Result<Option<File>> {
            create(&path)?;
            // Under its final name it has always been locked.
            let (new, lock) = (path.join(".owner.new"), path.join(LOCK));
            let file = OpenOptions::new().write(true).create_new(true).open(&new)?;
            let is_locked = file.lock().is_ok();
            std::fs::rename(new, lock)?;
            Ok(is_locked.then_some(file))
        };
        let lock = make().map_err(|error| {
            Error::new(
                format!("cannot create the folder {}: {error}", path.display()),
                error,
            )
        })?;
        Ok(Self { path, lock })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes the folders of this user's processes that have ended. A failure is no reason not to
    /// start.
    fn sweep(&self, parent: &Path, now: SystemTime) {
        let Ok(own) = std::fs::symlink_metadata(&self.path) else {
            return;
        };
        for entry in std::fs::read_dir(parent).into_iter().flatten().flatten() {
            let path = entry.path();
            let is_ours = entry.file_name().to_string_lossy().starts_with(PREFIX)
                && path != self.path
                && std::fs::symlink_metadata(&path)
                    .is_ok_and(|about| about.is_dir() && is_same_user(&about, &own));
            if is_ours && is_left_behind(&path, now) {
                tracing::debug!(folder = %path.display(), "removing what a killed emulator left behind");
                let _ = std::fs::remove_dir_all(path);
            }
        }
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        // Windows removes no file that is locked.
        self.lock = None;
        // Left behind if it is in use; it is in the system's temporary folder.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// Creates a folder that is its owner's alone.
#[cfg(unix)]
fn create(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;

    std::fs::DirBuilder::new().mode(0o700).create(folder)
}

/// The temporary folder, in which it is created, is this user's alone.
#[cfg(not(unix))]
fn create(folder: &Path) -> io::Result<()> {
    std::fs::create_dir(folder)
}

fn is_left_behind(folder: &Path, now: SystemTime) -> bool {
    let lock = folder.join(LOCK);
    match std::fs::symlink_metadata(&lock) {
        Ok(about) if about.is_file() => {
            let file = OpenOptions::new().write(true).open(lock);
            file.is_ok_and(|file| file.try_lock().is_ok())
        }
        Ok(_) => false,
        // It is being made, or its owner was killed meanwhile.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let made = std::fs::symlink_metadata(folder).and_then(|about| about.modified());
            made.is_ok_and(|made| now.duration_since(made).is_ok_and(|age| age > MAKING))
        }
        Err(_) => false,
    }
}

#[cfg(unix)]
fn is_same_user(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;

    one.uid() == other.uid()
}

/// The temporary folder is this user's alone, and so is what is in it.
#[cfg(not(unix))]
fn is_same_user(_: &Metadata, _: &Metadata) -> bool {
    true
}

const PREFIX: &str = "azwire-emulator-tmp-";
/// Not `.lock`: those who write certificates to the folder have that.
const LOCK: &str = ".owner";
/// How long it may take at most until a new folder has its lock.
const MAKING: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_folders_without_an_owner_are_swept() {
        let parent = TemporaryFolder::new().unwrap();
        let now = SharedClock::default().now();
        let new = || TemporaryFolder::new_in(parent.path()).unwrap();
        let (own, other, left) = (new(), new(), new());
        // As after a kill: the lock is free, and everything is there.
        let left_path = left.path.clone();
        std::fs::write(left_path.join("ca.pem"), "").unwrap();
        let mut left = std::mem::ManuallyDrop::new(left);
        left.lock = None;
        let making = parent.path().join(format!("{PREFIX}making"));
        std::fs::create_dir(&making).unwrap();
        let foreign = parent.path().join("foreign");
        std::fs::create_dir(&foreign).unwrap();

        own.sweep(parent.path(), now);
        assert!(own.path.exists() && other.path.exists());
        assert!(!left_path.exists());
        assert!(making.exists() && foreign.exists());
        own.sweep(parent.path(), now + MAKING * 2);
        assert!(other.path.exists() && foreign.exists());
        assert!(!making.exists());
    }
}
