//! The file with the certificate of the authority. Shell.

use std::path::{Path, PathBuf};

use crate::Result;
use crate::temporary_folder::TemporaryFolder;

/// The folder of the authority, and the file to trust in it.
#[derive(Debug)]
pub(crate) struct AuthorityFile {
    folder: PathBuf,
    certificate: PathBuf,
    /// Removes the folder if it was created for this emulator.
    _temporary: Option<TemporaryFolder>,
}

impl AuthorityFile {
    /// In `folder`, or in a temporary one.
    pub(crate) fn in_folder(folder: Option<&Path>) -> Result<Self> {
        let (folder, temporary) = match folder {
            Some(folder) => (folder.to_owned(), None),
            None => {
                let temporary = TemporaryFolder::new()?;
                (temporary.path().to_owned(), Some(temporary))
            }
        };
        Ok(Self {
            certificate: folder.join("ca.pem"),
            folder,
            _temporary: temporary,
        })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn certificate(&self) -> &Path {
        &self.certificate
    }
}
