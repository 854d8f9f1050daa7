//! Messages whose JSON has been read into a type of the application's.

use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::{Stream, StreamExt};
use serde::de::DeserializeOwned;

use super::Events;
use crate::protocol::{Metadata, SharedStr};
use crate::{Error, Event};

/// The messages of a client whose JSON is a `T`, as a [`Stream`]; made by [`Events::messages`].
/// It ends when the client has stopped; to go on with a client that is started again, call
/// [`into_events`](Self::into_events).
///
/// | event | what the stream yields |
/// | --- | --- |
/// | a message, whole and of JSON that is a `T` | `Ok` |
/// | any other message: text, bytes, other JSON | [`MessageError::Unreadable`], with the event |
/// | part of a stream, states of a group, [`Gap`](Event::Gap), [`Disconnected`](Event::Disconnected), [`RejoinGroupFailed`](Event::RejoinGroupFailed), and whatever is new | [`MessageError::Other`], with the event |
/// | [`Connected`](Event::Connected), [`Recovering`](Event::Recovering), [`Recovered`](Event::Recovered), [`ReconnectFailed`](Event::ReconnectFailed) | nothing: no message is lost by them |
/// | [`Stopped`](Event::Stopped) | the end |
///
/// No error ends the stream: with `try_next` and `?` an application stops reading at the first.
///
/// # Cancel safety
///
/// A dropped `next()` loses nothing.
#[must_use = "nothing is read before the stream is polled"]
pub struct Messages<T> {
    events: Events,
    item: PhantomData<fn() -> T>,
}

impl Events {
    /// Turns this into a stream of messages whose JSON is a `T`.
    ///
    /// What is not such a message and matters to a reader of messages is an `Err` of the stream,
    /// after which it goes on; [`Messages`] lists what that is.
    ///
    /// ```no_run
    /// use azwire_pubsub::{Events, MessageError};
    /// use futures::StreamExt;
    /// use serde::Deserialize;
    ///
    /// #[derive(Deserialize)]
    /// struct Order {
    ///     item: String,
    /// }
    ///
    /// # async fn run(events: Events) {
    /// let mut orders = events.messages::<Order>();
    /// while let Some(order) = orders.next().await {
    ///     match order {
    ///         Ok(order) => println!("an order of {}", order.value.item),
    ///         Err(error) => eprintln!("{error}"),
    ///     }
    /// }
    /// # }
    /// ```
    pub fn messages<T: DeserializeOwned>(self) -> Messages<T> {
        Messages::new(self)
    }
}

impl<T> Messages<T> {
    fn new(events: Events) -> Self {
        Self {
            events,
            item: PhantomData,
        }
    }

    /// Returns the stream of all events, from where this one is.
    pub fn into_events(self) -> Events {
        self.events
    }
}

impl<T: DeserializeOwned> Stream for Messages<T> {
    type Item = Result<TypedMessage<T>, MessageError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let Some(event) = ready!(self.events.poll_next_unpin(cx)) else {
                return Poll::Ready(None);
            };
            if matches!(event, Event::Stopped) {
                return Poll::Ready(None);
            }
            if let Some(item) = read(event) {
                return Poll::Ready(Some(item));
            }
        }
    }
}

impl<T> fmt::Debug for Messages<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Messages(..)")
    }
}

/// A message and the value that its JSON was read into. `Debug` does not print the value.
#[non_exhaustive]
pub struct TypedMessage<T> {
    /// The value.
    pub value: T,
    /// The group that the message was published to; `None` for one from the server.
    pub group: Option<SharedStr>,
    /// The user who sent it, unless anonymous or the server; never in protobuf.
    pub from_user_id: Option<SharedStr>,
    /// The sequence id, on reliable subprotocols.
    pub sequence_id: Option<u64>,
    /// What goes along with the payload.
    pub metadata: Metadata,
}

impl<T> fmt::Debug for TypedMessage<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Payloads belong to the application.
        f.debug_struct("TypedMessage")
            .field("group", &self.group)
            .field("from_user_id", &self.from_user_id)
            .field("sequence_id", &self.sequence_id)
            .field("metadata", &self.metadata)
            .finish_non_exhaustive()
    }
}

/// An event that is not a message of the expected type. The stream goes on after it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// The payload of a message is not JSON, or not of the expected type.
    #[error("failed to read a message")]
    Unreadable {
        /// The message.
        event: Box<Event>,
        /// What is wrong with it, as [`Data::to_json`](crate::Data::to_json) says it.
        source: Error,
    },
    /// Another event that a reader of messages should know of.
    #[error("{}", describe(.0))]
    Other(Box<Event>),
}

impl MessageError {
    /// Returns the event.
    pub fn event(&self) -> &Event {
        match self {
            Self::Unreadable { event, .. } | Self::Other(event) => event,
        }
    }

    /// As [`event`](Self::event), by value.
    pub fn into_event(self) -> Event {
        match self {
            Self::Unreadable { event, .. } | Self::Other(event) => *event,
        }
    }
}

fn read<T: DeserializeOwned>(event: Event) -> Option<Result<TypedMessage<T>, MessageError>> {
    let value = match &event {
        Event::GroupMessage {
            data, stream: None, ..
        }
        | Event::ServerMessage { data, .. } => data.to_json(),
        Event::Connected { .. }
        | Event::Recovering { .. }
        | Event::Recovered { .. }
        | Event::ReconnectFailed { .. } => return None,
        _ => return Some(Err(MessageError::Other(event.into()))),
    };
    let value = match value {
        Ok(value) => value,
        Err(source) => {
            let event = event.into();
            return Some(Err(MessageError::Unreadable { event, source }));
        }
    };
    let message = match event {
        Event::GroupMessage {
            group,
            from_user_id,
            sequence_id,
            metadata,
            ..
        } => TypedMessage {
            value,
            group: Some(group),
            from_user_id,
            sequence_id,
            metadata,
        },
        Event::ServerMessage {
            sequence_id,
            metadata,
            ..
        } => TypedMessage {
            value,
            group: None,
            from_user_id: None,
            sequence_id,
            metadata,
        },
        // Only messages have a value.
        other => return Some(Err(MessageError::Other(other.into()))),
    };
    Some(Ok(message))
}

fn describe(event: &Event) -> &'static str {
    match event {
        Event::Gap { .. } => "messages may be missing",
        Event::Disconnected { .. } => "the connection is gone; messages may be missing",
        Event::RejoinGroupFailed { .. } => "failed to join a group again",
        Event::GroupMessage { .. } => "received part of a stream",
        Event::GroupState { .. } => "received states of a group",
        _ => "received an event that is not a message",
    }
}
