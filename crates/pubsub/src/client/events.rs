//! The event stream of a client.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;

use super::queue::Receiver;
use crate::Event;

/// The events of a client, in order. The stream ends when the client is gone.
///
/// The queue behind it is bounded. While it is full, the client does not read
/// from its socket, so acks wait too: read events while you await
/// requests. Dropping the stream discards all further events.
///
/// [`messages`](Self::messages) reads JSON into a type of the application's.
///
/// # Cancel safety
///
/// Dropping the future of `next()` loses nothing.
///
/// ```no_run
/// use azwire_pubsub::{Event, Events};
/// use futures::StreamExt;
///
/// # async fn run(mut events: Events) {
/// while let Some(event) = events.next().await {
///     match event {
///         Event::GroupMessage { group, data, .. } => println!("{group}: {} bytes", data.as_bytes().len()),
///         Event::Gap { .. } => println!("something may be missing here"),
///         Event::Stopped => println!("that is all"),
///         _ => {}
///     }
/// }
/// # }
/// ```
pub struct Events {
    queue: Receiver<Event>,
    /// The events that have been taken off the queue.
    taken: VecDeque<Event>,
}

impl Events {
    pub(super) fn new(queue: Receiver<Event>) -> Self {
        Self {
            queue,
            taken: VecDeque::new(),
        }
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        let this = &mut *self;
        if this.taken.is_empty() && ready!(this.queue.poll_take(cx, &mut this.taken)).is_none() {
            return Poll::Ready(None);
        }
        Poll::Ready(this.taken.pop_front())
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Events(..)")
    }
}
