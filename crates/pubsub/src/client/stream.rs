//! Writing a stream to a group.

use std::fmt;

use super::command::Command;
use super::error;
use super::guard::StreamGuard;
use super::handle::Handle;
use crate::Result;
use crate::protocol::{Data, StreamEndError};

/// A stream to a group that this client writes.
///
/// Fragments arrive in order and once, also when the connection was recovered in
/// between. A connection that is lost for good ends the stream. Dropping it ends
/// the stream with an error for its subscribers.
#[must_use]
pub struct GroupStream {
    handle: Handle,
    guard: StreamGuard,
}

impl GroupStream {
    pub(super) fn new(handle: Handle, guard: StreamGuard) -> Self {
        Self { handle, guard }
    }

    /// The name of the stream.
    pub fn stream_id(&self) -> &str {
        self.guard.stream_id()
    }

    /// Adds a fragment; returns once it has a place among the 64 that may be on their way.
    ///
    /// # Errors
    ///
    /// [`NotAcknowledged`](crate::ErrorKind::NotAcknowledged) when the service has
    /// ended the stream, [`Closed`](crate::ErrorKind::Closed) when the connection was lost;
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for data that [`Data::check`]
    /// refuses and [`TooLarge`](crate::ErrorKind::TooLarge), after which the stream goes on.
    ///
    /// # Cancel safety
    ///
    /// A dropped future may or may not have added the fragment.
    pub async fn write(&mut self, data: Data) -> Result<()> {
        let stream_id = self.guard.stream_id().to_owned();
        let outcome = self
            .handle
            .ask(|caller| Command::WriteStream {
                stream_id,
                data,
                caller,
            })
            .await?;
        outcome.map_err(error::stream)
    }

    /// Ends the stream gracefully; returns once the service has every fragment and has ended it.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    ///
    /// # Cancel safety
    ///
    /// A dropped future gives up waiting. Before it was polled for the first time,
    /// or while the queue of commands was full, the stream ends with an error instead.
    pub async fn end(self) -> Result<()> {
        self.finish(None).await
    }

    /// Ends the stream at once, with an error for its subscribers; fragments on
    /// their way may not reach them.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    ///
    /// # Cancel safety
    ///
    /// As [`end`](Self::end).
    pub async fn abort(self, error: StreamEndError) -> Result<()> {
        self.finish(Some(error)).await
    }

    async fn finish(mut self, error: Option<StreamEndError>) -> Result<()> {
        let stream_id = self.guard.stream_id().to_owned();
        let outcome = self
            .handle
            .command(|caller| Command::EndStream {
                stream_id,
                error,
                caller,
            })
            .await?;
        self.guard.end();
        let outcome = outcome.await.map_err(|_| self.handle.lost())?;
        // Fragments before the end may have arrived, whatever became of it.
        outcome.map_err(|failure| error::stream(failure).maybe_delivered())
    }
}

impl fmt::Debug for GroupStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupStream")
            .field("stream_id", &self.guard.stream_id())
            .finish_non_exhaustive()
    }
}
