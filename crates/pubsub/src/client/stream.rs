//! Streams to groups.

use std::fmt;

use super::command::Command;
use super::error;
use super::guard::StreamGuard;
use super::handle::Handle;
use crate::protocol::{Data, StreamEndError};
use crate::{Result, StreamWriteError};

/// A stream that this client writes to a group.
///
/// Fragments arrive exactly once and in order, even if the connection is recovered in
/// between. A connection that cannot be recovered ends the stream. Dropping this ends
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

    /// Returns the id of the stream.
    pub fn stream_id(&self) -> &str {
        self.guard.stream_id()
    }

    /// Adds a fragment; returns once it is among the 64 that may be in flight.
    ///
    /// # Errors
    ///
    /// [`NotAcknowledged`](crate::ErrorKind::NotAcknowledged) if the service has
    /// ended the stream, [`Closed`](crate::ErrorKind::Closed) if the connection was lost;
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for data that [`Data::check`]
    /// rejects and [`TooLarge`](crate::ErrorKind::TooLarge), after which the stream stays open.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the fragment may or may not have been added.
    pub async fn write(&mut self, data: impl Into<Data>) -> Result<()> {
        let data = data.into();
        let stream_id = self.guard.stream_id().to_owned();
        let outcome = self
            .handle
            .ask(|caller| Command::WriteStream {
                stream_id,
                data,
                caller,
            })
            .await?;
        outcome.map_err(|error| error::stream("GroupStream::write", false, error))
    }

    /// Ends the stream gracefully; returns once the service has accepted every fragment and ended
    /// it.
    ///
    /// # Errors
    ///
    /// Same as [`write`](Self::write).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops waiting. If it is dropped before it was first polled,
    /// or while the command queue is full, the stream ends with an error instead.
    pub async fn end(self) -> Result<()> {
        self.finish("GroupStream::end", None).await
    }

    /// Ends the stream at once, with an error for its subscribers; fragments in flight
    /// may not reach them.
    ///
    /// # Errors
    ///
    /// Same as [`write`](Self::write).
    ///
    /// # Cancel safety
    ///
    /// Same as [`end`](Self::end).
    pub async fn abort(self, error: StreamEndError) -> Result<()> {
        self.finish("GroupStream::abort", Some(error)).await
    }

    async fn finish(
        mut self,
        operation: &'static str,
        error: Option<StreamEndError>,
    ) -> Result<()> {
        let stream_id = self.guard.stream_id().to_owned();
        let error = error.map(Box::new);
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
        if outcome == Err(StreamWriteError::EventsNotRead { was_sent: false }) {
            // The driver does not know of it.
            self.guard.resume();
        }
        // Fragments before the end may have arrived, whatever the outcome.
        outcome.map_err(|failure| error::stream(operation, true, failure))
    }
}

impl fmt::Debug for GroupStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupStream")
            .field("stream_id", &self.guard.stream_id())
            .finish_non_exhaustive()
    }
}
