//! The file with the certificate of the authority. Shell.

use std::path::{Path, PathBuf};
use std::sync::Arc;

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

    /// Returns it to be shared, once its folder has turned out to be usable.
    pub(crate) fn in_use(self) -> Arc<Self> {
        #[cfg(windows)]
        self.warn_of_other_users();
        Arc::new(self)
    }

    /// Says so if others may read the keys: on Windows a file has the permissions of its folder, and
    /// only those of the user's profile keep other users out.
    #[cfg(windows)]
    fn warn_of_other_users(&self) {
        let profile = std::env::home_dir();
        if !profile.is_some_and(|profile| is_within(&self.folder, &profile)) {
            tracing::warn!(
                "{} is not in your profile: on Windows its permissions decide who may read the key of the certificate authority in it; icacls shows and changes them",
                self.folder.display()
            );
        }
    }
}

/// Whether a folder, which need not exist yet, is in another.
#[cfg(any(windows, test))]
fn is_within(folder: &Path, other: &Path) -> bool {
    // Short names and links lead somewhere else than they say.
    let (Ok(folder), Ok(other)) = (std::path::absolute(folder), other.canonicalize()) else {
        return false;
    };
    let mut there = folder.ancestors().filter_map(|it| it.canonicalize().ok());
    there.next().is_some_and(|there| there.starts_with(&other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_where_its_path_leads() {
        let (own, other) = (
            TemporaryFolder::new().unwrap(),
            TemporaryFolder::new().unwrap(),
        );
        let (own, other) = (own.path(), other.path());
        assert!(is_within(own, own));
        assert!(is_within(&own.join("not/there/yet"), own));
        assert!(!is_within(other, own));
        assert!(!is_within(&other.join("not/there/yet"), own));
        assert!(!is_within(own, &own.join("not there")));
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(other, own.join("link")).unwrap();
            assert!(!is_within(&own.join("link/new"), own));
        }
    }
}
