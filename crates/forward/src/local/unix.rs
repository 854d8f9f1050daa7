//! Unix sockets that are bound. Shell.

use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::task::{Context, Poll};

use tokio::net::{UnixListener, UnixStream};

/// A bound socket. Its file is removed when this is dropped.
#[derive(Debug)]
pub(super) struct UnixPort {
    listener: UnixListener,
    path: PathBuf,
    /// The device and number of its file, by which it is known to be the own one.
    file: Option<(u64, u64)>,
}

impl UnixPort {
    /// Binds `path`. A file that a program has left there, and where nothing listens, is replaced.
    pub(super) async fn bind(path: &Path) -> io::Result<Self> {
        let listener = match UnixListener::bind(path) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                // What is no socket refuses a connection, too.
                match UnixStream::connect(path).await {
                    Err(refused)
                        if is_socket(path)
                            && refused.kind() == io::ErrorKind::ConnectionRefused =>
                    {
                        std::fs::remove_file(path)?;
                        UnixListener::bind(path)?
                    }
                    _ => return Err(error),
                }
            }
            bound => bound?,
        };
        Ok(Self {
            listener,
            path: path.to_owned(),
            file: file(path),
        })
    }

    pub(super) fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<UnixStream>> {
        let accepted = self.listener.poll_accept(cx);
        accepted.map_ok(|(stream, _)| stream)
    }
}

impl Drop for UnixPort {
    fn drop(&mut self) {
        if self.file.is_some() && file(&self.path) == self.file {
            // What cannot be removed is replaced by the next one who binds it.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn is_socket(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket())
}

fn file(path: &Path) -> Option<(u64, u64)> {
    let metadata = std::fs::symlink_metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}
