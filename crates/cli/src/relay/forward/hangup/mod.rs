//! When the configuration is read again: on SIGHUP; on Windows, which has none, when a file has changed.

#[cfg(any(windows, test))]
mod changes;

use std::path::PathBuf;

/// The requests to read the configuration again.
#[derive(Debug)]
pub(super) struct Hangups {
    #[cfg(unix)]
    signal: Option<tokio::signal::unix::Signal>,
    #[cfg(windows)]
    changes: changes::Changes,
}

impl Hangups {
    /// Registers for the signal: from now on the system no longer ends the process for one. Or looks at the
    /// files as they are now.
    pub(super) fn register(files: Vec<PathBuf>) -> Self {
        #[cfg(unix)]
        drop(files);
        Self {
            #[cfg(unix)]
            signal: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup()).ok(),
            #[cfg(windows)]
            changes: changes::Changes::of(files),
        }
    }

    /// Completes with the next one. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) {
        #[cfg(unix)]
        if let Some(signal) = &mut self.signal
            && signal.recv().await.is_some()
        {
            return;
        }
        #[cfg(windows)]
        self.changes.next().await;
        #[cfg(unix)]
        std::future::pending::<()>().await;
    }
}
