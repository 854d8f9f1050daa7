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
/// Dropping the stream discards all further events.
///
/// # Slow readers
///
/// The queue behind it holds [`event_capacity`](crate::ClientBuilder::event_capacity) events. While it is
/// full, the client reads its socket only as long as something waits for the service: a request, an
/// invocation, a stream, a start or a stop. The answer lies behind data, which is kept meanwhile, up to
/// [`max_unread_bytes`](crate::ClientBuilder::max_unread_bytes). So a request may be awaited between two
/// events. When as much is unread as may be, whatever waits fails at once with
/// [`EventsNotRead`](crate::ErrorKind::EventsNotRead), as do further requests until events are read.
/// Messages without an acknowledgement are still sent; they fail, too, once the service takes no more.
/// No event is lost by it, but a service whose data nobody reads ends the connection after 1,000 messages or
/// 16 MiB; [`Event::Gap`] reports that on the reliable subprotocols.
///
/// | shape of the loop | |
/// | --- | --- |
/// | `while let Some(event) = events.next().await { client.join_group(..).await?; }` | safe, as long as what arrives during the requests fits |
/// | a task that reads the events, and requests from other tasks | safe |
/// | requests only, and `events` is kept but not read | fails as soon as too much is unread; drop `events` instead |
/// | a loop that waits for something else than the client between two events | slow for its length: nothing is read, and the service may end the connection |
/// | a loop that waits for what another event brings | never ends |
///
/// Safe: requests within the loop, and work that takes long in a task of its own.
///
/// ```no_run
/// # use azwire_pubsub::{Client, Event, Events};
/// # use futures::StreamExt;
/// # async fn archive(_: azwire_pubsub::Data) {}
/// # async fn run(client: Client, mut events: Events) -> Result<(), azwire_pubsub::Error> {
/// while let Some(event) = events.next().await {
///     if let Event::GroupMessage { group, data, .. } = event {
///         client.send_to_group(group, "received", None).await?;
///         tokio::spawn(archive(data));
///     }
/// }
/// # Ok(())
/// # }
/// ```
///
/// Unsafe: the events are kept and nobody reads them. It works until 16 MiB have come; then each request
/// fails. A sender that needs no events drops them, as in `let (client, _) = …`.
///
/// ```no_run
/// # use azwire_pubsub::Client;
/// # async fn run(url: &str) -> Result<(), azwire_pubsub::Error> {
/// let (client, _events) = Client::builder(url).build()?; // kept to the end of the block
/// client.start().await?;
/// client.join_group("room-7").await?;
/// loop {
///     client.send_to_group("room-7", "tick", None).await?; // EventsNotRead, some day
/// }
/// # }
/// ```
///
/// Unsafe: the loop waits for an event that only the loop can read, here through a channel.
///
/// ```no_run
/// # use azwire_pubsub::{Client, Event, Events};
/// # use futures::StreamExt;
/// # use futures::channel::mpsc;
/// # async fn run(client: Client, mut events: Events) -> Result<(), azwire_pubsub::Error> {
/// let (mut answers, mut answered) = mpsc::channel(1);
/// while let Some(event) = events.next().await {
///     match event {
///         Event::GroupMessage { group, .. } if group == "questions" => {
///             client.send_to_group("answers", "?", None).await?; // this is answered by the service
///             answered.next().await; // waits forever: nobody reads the message below meanwhile
///         }
///         Event::GroupMessage { .. } => answers.try_send(()).unwrap_or_default(),
///         _ => {}
///     }
/// }
/// # Ok(())
/// # }
/// ```
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
