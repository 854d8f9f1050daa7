//! What a client is doing, for those who ask and those who wait for it to change.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::Stream;
use transport::_internal::{Watch, Watcher};

use super::Client;
use crate::session::Session;
use crate::{ClientState, Error};

impl Client {
    /// What the client is doing now.
    ///
    /// The state runs ahead of the events, which wait in a queue, and
    /// [`Event::Connected`](crate::Event::Connected) also waits until groups are joined again.
    pub fn state(&self) -> ClientState {
        self.0.state.read(|seen| seen.state)
    }

    /// Whether there is a connection that the service has accepted, on which requests are sent
    /// at once.
    pub fn is_connected(&self) -> bool {
        self.state() == ClientState::Connected
    }

    /// Returns the id of the connection, also while it is being recovered; `None` without a
    /// connection, and on a simple WebSocket, where the service does not report it.
    pub fn connection_id(&self) -> Option<String> {
        self.0.state.read(|seen| seen.connection_id.clone())
    }

    /// Returns the user of the connection; `None` without a connection, for an anonymous user,
    /// and on a simple WebSocket.
    pub fn user_id(&self) -> Option<String> {
        self.0.state.read(|seen| seen.user_id.clone())
    }

    /// Returns the present state and each change after it.
    ///
    /// ```no_run
    /// use azwire_pubsub::{Client, ClientState};
    /// use futures::StreamExt;
    ///
    /// # async fn run(client: &Client) {
    /// let mut changes = client.changes();
    /// while let Some(state) = changes.next().await {
    ///     println!("{state:?}");
    ///     if state == ClientState::Connected {
    ///         break;
    ///     }
    /// }
    /// # }
    /// ```
    pub fn changes(&self) -> StateChanges {
        StateChanges(self.0.state.watcher())
    }

    /// What the connection was lost by last, or an attempt to connect failed by, as reported by
    /// the credential or the transport. [`start`](Self::start) forgets it.
    pub fn last_error(&self) -> Option<Arc<Error>> {
        self.0.state.read(|seen| seen.last_error.clone())
    }
}

/// The states of a client: a [`Stream`] of the present one and of each change after it.
///
/// It ends when the last handle of the client is dropped, or its task has failed, not when the
/// client stops, since it can be started again. Changes that come faster than they are read are
/// joined: the latest counts. A connection that was replaced is a change even if the states
/// between were missed.
///
/// # Cancel safety
///
/// A dropped `next()` loses nothing.
pub struct StateChanges(Watcher<Seen>);

impl StateChanges {
    /// The present state.
    pub fn state(&self) -> ClientState {
        self.0.watch().read(|seen| seen.state)
    }

    /// As [`Client::connection_id`].
    pub fn connection_id(&self) -> Option<String> {
        self.0.watch().read(|seen| seen.connection_id.clone())
    }

    /// As [`Client::last_error`].
    pub fn last_error(&self) -> Option<Arc<Error>> {
        self.0.watch().read(|seen| seen.last_error.clone())
    }
}

impl Clone for StateChanges {
    /// A second reader, which begins with the present state.
    fn clone(&self) -> Self {
        Self(self.0.watch().watcher())
    }
}

impl Stream for StateChanges {
    type Item = ClientState;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<ClientState>> {
        self.get_mut().0.poll_next(cx, |seen| seen.state)
    }
}

impl fmt::Debug for StateChanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StateChanges").field(&self.state()).finish()
    }
}

/// What handles see of the session, which only the driver knows.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    state: ClientState,
    connection_id: Option<String>,
    user_id: Option<String>,
    last_error: Option<Arc<Error>>,
}

/// Where the driver, the only writer, leaves the state.
pub(super) struct StateWriter {
    watch: Watch<Seen>,
    /// What was written last: most rounds change nothing, and need no lock to know it.
    state: ClientState,
    connection_id: Option<String>,
}

impl StateWriter {
    pub(super) fn new() -> Self {
        let state = ClientState::Stopped;
        let seen = Seen {
            state,
            connection_id: None,
            user_id: None,
            last_error: None,
        };
        Self {
            watch: Watch::new(seen),
            state,
            connection_id: None,
        }
    }

    pub(super) fn watch(&self) -> Watch<Seen> {
        self.watch.clone()
    }

    /// Shows the session as it is now.
    pub(super) fn show(&mut self, session: &Session) {
        let (state, connection_id) = (session.state(), session.connection_id());
        if state == self.state && connection_id == self.connection_id.as_deref() {
            return;
        }
        self.state = state;
        self.connection_id = connection_id.map(ToOwned::to_owned);
        self.watch.update(|seen| {
            seen.state = state;
            seen.connection_id.clone_from(&self.connection_id);
            seen.user_id = session.user_id().map(ToOwned::to_owned);
            true
        });
    }

    pub(super) fn set_error(&self, error: impl Into<Option<Error>>) {
        let error = error.into().map(Arc::new);
        self.watch.update(|seen| {
            seen.last_error = error;
            false
        });
    }

    pub(super) fn last_error(&self) -> Option<Arc<Error>> {
        self.watch.read(|seen| seen.last_error.clone())
    }

    /// A copy of the last error, to be returned by value.
    pub(super) fn copy_error(&self) -> Option<Error> {
        self.watch
            .read(|seen| seen.last_error.as_deref().map(Error::copy))
    }

    /// The client is gone.
    pub(super) fn end(&self) {
        self.watch.end();
    }
}
