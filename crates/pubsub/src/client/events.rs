//! The stream of what happens to a client.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::Stream;
use futures::channel::mpsc;

use crate::Event;

/// What happens to a client, in order; ends when the client is gone.
///
/// The queue behind it is bounded. While it is full the client reads nothing
/// from its socket, so acknowledgements wait too: read events while you await
/// requests. Dropping this discards all further events.
pub struct Events(pub(super) mpsc::Receiver<Event>);

impl Stream for Events {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        Pin::new(&mut self.0).poll_next(cx)
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Events(..)")
    }
}
