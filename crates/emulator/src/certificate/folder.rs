//! The files of an authority. Shell.
//!
//! They are written under other names and then renamed, the key last, so that a
//! full disk or a crash in between leaves the old files. Nothing is written
//! through a link.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::{Error, Result};

/// A folder for the authority's certificate and key.
#[derive(Debug)]
pub(super) struct Folder<'a>(pub(super) &'a Path);

/// The contents of both files in DER, and the certificate's PEM verbatim.
pub(super) struct Files {
    pub(super) certificate: Vec<u8>,
    pub(super) certificate_pem: String,
    pub(super) key: Vec<u8>,
}

impl Folder<'_> {
    pub(super) fn certificate(&self) -> PathBuf {
        self.0.join("ca.pem")
    }

    pub(super) fn key(&self) -> PathBuf {
        self.0.join("ca.key")
    }

    /// Both files; `None` if neither is there.
    pub(super) fn read(&self) -> Result<Option<Files>> {
        let (certificate, key) = (self.certificate(), self.key());
        match (self.is_there(&certificate)?, self.is_there(&key)?) {
            (false, false) => return Ok(None),
            (true, true) => {}
            _ => {
                return Err(self.damaged(format!(
                    "the certificate folder {} holds only one of ca.pem and ca.key",
                    self.0.display()
                )));
            }
        }
        let certificate_pem = self.text(&certificate)?;
        let key_pem = self.text(&key)?;
        Ok(Some(Files {
            certificate: from_pem(&certificate_pem)
                .ok_or_else(|| self.is_no(&certificate, "a certificate", &certificate_pem))?,
            key: from_pem(&key_pem).ok_or_else(|| self.is_no(&key, "a private key", &key_pem))?,
            certificate_pem,
        }))
    }

    /// Writes both files, replacing existing ones, and returns the
    /// certificate's PEM.
    pub(super) fn write(&self, certificate: &[u8], key: &[u8]) -> Result<String> {
        for path in [self.certificate(), self.key()] {
            let about = std::fs::symlink_metadata(&path);
            if about.is_ok_and(|about| about.is_symlink()) {
                return Err(Error::message(format!(
                    "{} is a link, and nothing is written through it; put a new authority where it leads, or remove it",
                    path.display()
                )));
            }
        }
        let pem = to_pem("CERTIFICATE", certificate);
        let write = || {
            let certificate = Temporary::write(self.0, "ca.pem", &pem, 0o644)?;
            let key = Temporary::write(self.0, "ca.key", &to_pem("PRIVATE KEY", key), 0o600)?;
            certificate.rename(&self.certificate())?;
            key.rename(&self.key())
        };
        write().map_err(|error| self.unusable(error))?;
        Ok(pem)
    }

    /// Creates the folder, and keeps other emulators from writing to it until
    /// the file is dropped; `None` where the system has no file locks.
    pub(super) fn lock(&self) -> Result<Option<File>> {
        std::fs::create_dir_all(self.0).map_err(|error| self.unusable(error))?;
        let path = self.0.join(".lock");
        let mut options = OpenOptions::new();
        options.write(true);
        // Neither of the two creates the target of a link.
        let file = match options.clone().create_new(true).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => options.open(&path),
            opened => opened,
        };
        let file = file.map_err(|error| self.unusable(error))?;
        Ok(file.lock().is_ok().then_some(file))
    }

    pub(super) fn unusable(&self, error: io::Error) -> Error {
        Error::new(
            format!(
                "cannot use the certificate folder {}: {error}",
                self.0.display()
            ),
            error,
        )
    }

    /// The error for a damaged folder: `what` is wrong, and how to repair it.
    pub(super) fn damaged(&self, what: impl std::fmt::Display) -> Error {
        Error::message(format!(
            "{what}: it belongs to somebody else, or is damaged, for example by a full disk; delete ca.pem and ca.key in {}, start again, and trust the new ca.pem",
            self.0.display()
        ))
    }

    pub(super) fn is_no(&self, path: &Path, what: &str, text: &str) -> Error {
        let state = match text.trim() {
            "" => "is empty and",
            _ => "is",
        };
        self.damaged(format!("{} {state} not {what} in PEM", path.display()))
    }

    fn is_there(&self, path: &Path) -> Result<bool> {
        match std::fs::symlink_metadata(path) {
            Ok(about) if about.is_symlink() && !path.exists() => Err(Error::message(format!(
                "{} is a link to a file that does not exist, and nothing is written through it; remove it",
                path.display()
            ))),
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(self.unusable(error)),
        }
    }

    fn text(&self, path: &Path) -> Result<String> {
        let bytes = std::fs::read(path).map_err(|error| self.unusable(error))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// Writes a file that only its owner may read, in place of an older one or of a link.
pub(crate) fn write_private(folder: &Path, name: &str, text: &str) -> io::Result<PathBuf> {
    let path = folder.join(name);
    Temporary::write(folder, name, text, 0o600)?.rename(&path)?;
    Ok(path)
}

/// A file under a temporary name, removed unless it is renamed.
struct Temporary(PathBuf);

impl Temporary {
    fn write(folder: &Path, name: &str, text: &str, mode: u32) -> io::Result<Self> {
        let unique = uuid::Uuid::new_v4().simple();
        let temporary = Self(folder.join(format!(".{name}.{unique}.tmp")));
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
        #[cfg(not(unix))]
        let _ = mode;
        let mut file = options.open(&temporary.0)?;
        file.write_all(text.as_bytes())?;
        // A disk may report only now that it is full.
        file.sync_all()?;
        Ok(temporary)
    }

    fn rename(self, path: &Path) -> io::Result<()> {
        std::fs::rename(&self.0, path)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // After the rename there is nothing to remove.
        let _ = std::fs::remove_file(&self.0);
    }
}

fn to_pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut pem = format!("-----BEGIN {label}-----\n");
    // 64 characters per line (RFC 7468 §2).
    for line in text.as_bytes().chunks(64) {
        pem.extend(line.iter().map(|byte| char::from(*byte)));
        pem.push('\n');
    }
    pem.push_str(&format!("-----END {label}-----\n"));
    pem
}

/// Decodes a whole PEM; a truncated one has no end line.
fn from_pem(pem: &str) -> Option<Vec<u8>> {
    let rest = pem.split_once("-----BEGIN ")?.1;
    let (label, rest) = rest.split_once("-----")?;
    let (text, _) = rest.split_once(&format!("-----END {label}-----"))?;
    let text: String = text.split_whitespace().collect();
    STANDARD.decode(text).ok()
}
