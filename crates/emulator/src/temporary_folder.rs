//! A temporary folder, removed with its owner.

use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// A folder of this process, removed on drop.
#[derive(Debug)]
pub(crate) struct TemporaryFolder(PathBuf);

impl TemporaryFolder {
    /// Creates a folder with a unique name.
    pub(crate) fn new() -> Result<Self> {
        let name = format!("azwire-emulator-{}", uuid::Uuid::new_v4().simple());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).map_err(|error| {
            Error::new(
                format!("cannot create the folder {}: {error}", path.display()),
                error,
            )
        })?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        // Left behind if it is in use; it is in the system's temporary folder.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
