//! The stream of what happens to a client.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::Stream;

use super::queue::Receiver;
use crate::Event;

/// What happens to a client, in order; ends when the client is gone.
///
/// The queue behind it is bounded. While it is full the client reads nothing
/// from its socket, so acknowledgements wait too: read events while you await
/// requests. Dropping this discards all further events.
///
/// # Cancel safety
///
/// A dropped `next()` loses nothing.
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
    /// What was taken off the queue.
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
