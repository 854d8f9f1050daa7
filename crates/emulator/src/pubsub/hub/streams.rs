//! Streams from a client to a group. Pure, except for the queues.

use std::sync::Arc;
use std::time::Instant;

use pubsub::Data;
use pubsub::protocol::{
    AckError, DataOrigin, DownstreamMessage, Metadata, StreamError, StreamFragment,
};

use super::Hub;
use super::outcome::Outcome;
use crate::pubsub::broadcast::Broadcast;
use crate::pubsub::connection::Connection;
use crate::pubsub::permission::Permission;
use crate::pubsub::stream::{Stream, Verdict};

impl Hub {
    pub(super) fn start_stream(&mut self, id: &str, stream_id: String, stream: Stream) -> Outcome {
        let Some(connection) = self.connection_mut(id) else {
            return Outcome::default();
        };
        let refusal = connection
            .may(Permission::SendToGroup, "send to", &stream.group)
            .err()
            .or_else(|| {
                connection
                    .streams
                    .contains_key(&stream_id)
                    .then(|| AckError::new("BadRequest", "A stream of that id is open already."))
            })
            .or_else(|| {
                (connection.streams.len() >= MAX_STREAMS)
                    .then(|| AckError::new("BadRequest", TOO_MANY_STREAMS))
            });
        if let Some(error) = refusal {
            return Outcome::reply(DownstreamMessage::StreamClosed {
                stream_id,
                error: Some(error),
            });
        }
        let silent = (stream_id.clone(), stream.number, stream.deadline());
        connection.streams.insert(stream_id.clone(), stream);
        Outcome {
            stream: Some(silent),
            ..Outcome::reply(DownstreamMessage::StreamAck {
                stream_id,
                expected_sequence_id: 1,
            })
        }
    }

    pub(super) fn continue_stream(
        &mut self,
        id: &str,
        stream_id: String,
        fragment: Option<(u64, Data)>,
        now: Instant,
    ) -> Outcome {
        let Some(connection) = self.connection_mut(id) else {
            return Outcome::default();
        };
        let Some(stream) = connection.streams.get_mut(&stream_id) else {
            return stream_not_found(stream_id);
        };
        let Some((sequence_id, data)) = fragment else {
            stream.keep_alive(now);
            return Outcome::default();
        };
        let verdict = stream.take(sequence_id, now);
        let expected_sequence_id = stream.expected;
        if verdict == Verdict::Gap {
            return Outcome::reply(DownstreamMessage::StreamNack {
                stream_id,
                expected_sequence_id,
                name: "InvalidSequenceId".to_owned(),
                message: Some(format!(
                    "The expected sequence id is {expected_sequence_id}."
                )),
            });
        }
        let group = Arc::clone(&stream.group);
        let mut receivers = None;
        if verdict == Verdict::Publish {
            let stream = stream.clone();
            let fragment = StreamFragment::new(stream_id.as_str(), sequence_id);
            let mut broadcast = stream_message(connection, &stream, data, fragment);
            let excluded = excluded_publisher(connection, &stream);
            receivers = Some(self.publish(&stream.group, &excluded, &mut broadcast, now));
        }
        Outcome {
            receivers,
            group: Some(group),
            ..Outcome::reply(DownstreamMessage::StreamAck {
                stream_id,
                expected_sequence_id,
            })
        }
    }

    pub(super) fn finish_stream(
        &mut self,
        id: &str,
        stream_id: String,
        error: Option<StreamError>,
        now: Instant,
    ) -> Outcome {
        let removed = self
            .connection_mut(id)
            .and_then(|connection| connection.streams.remove(&stream_id));
        if let Some(stream) = &removed {
            self.canceled.extend(stream.timer);
        }
        let (Some(stream), Some(connection)) = (removed, self.connection(id)) else {
            return stream_not_found(stream_id);
        };
        let slow = self.end_stream(connection, &stream_id, &stream, error, now);
        self.drop_slow(slow, now);
        Outcome {
            group: Some(stream.group),
            ..Outcome::reply(DownstreamMessage::StreamClosed {
                stream_id,
                error: None,
            })
        }
    }

    /// Ends a stream whose publisher has been idle for too long; otherwise
    /// returns when to check again, or `None` if it has ended.
    pub(in crate::pubsub) fn expire_stream(
        &mut self,
        id: &str,
        stream_id: &str,
        number: u64,
        now: Instant,
    ) -> Option<Instant> {
        let connection = self.connection_mut(id)?;
        let stream = connection.streams.get(stream_id)?;
        if stream.number != number {
            return None;
        }
        if now < stream.deadline() {
            return Some(stream.deadline());
        }
        let stream = connection.streams.remove(stream_id)?;
        let closed = DownstreamMessage::StreamClosed {
            stream_id: stream_id.to_owned(),
            error: Some(AckError::new(
                "IdleTimeout",
                "The stream was idle for too long.",
            )),
        };
        let send_queue = Arc::clone(&connection.send_queue);
        let connection = self.connection(id)?;
        let error =
            StreamError::new("IdleTimeout").with_message("The stream was idle for too long.");
        let mut slow = self.end_stream(connection, stream_id, &stream, Some(error), now);
        if let Some(frame) = send_queue.format().encode(&closed)
            && send_queue.push_control(frame).is_err()
        {
            slow.push(Arc::clone(send_queue.id()));
        }
        self.drop_slow(slow, now);
        None
    }

    /// Sends the last message of a stream to its group; returns the connections that are too slow
    /// for it.
    #[must_use]
    pub(super) fn end_stream(
        &self,
        publisher: &Connection,
        stream_id: &str,
        stream: &Stream,
        error: Option<StreamError>,
        now: Instant,
    ) -> Vec<Arc<str>> {
        let fragment = StreamFragment::new(stream_id, stream.expected).with_end(error);
        let mut broadcast = stream_message(publisher, stream, Data::Text("".into()), fragment);
        let excluded = excluded_publisher(publisher, stream);
        let (_, slow) = self.fan_out(&stream.group, &excluded, &mut broadcast, now);
        slow
    }
}

/// Builds the group message for a fragment or the end of a stream.
fn stream_message(
    publisher: &Connection,
    stream: &Stream,
    data: Data,
    fragment: StreamFragment,
) -> Broadcast {
    let message = DownstreamMessage::Data {
        from: DataOrigin::Group {
            group: (&*stream.group).into(),
            from_user_id: publisher.user_id.as_deref().map(Into::into),
        },
        data,
        sequence_id: None,
        metadata: Metadata::new(),
        stream: Some(Box::new(fragment)),
    };
    Broadcast::new(message, None)
}

/// Returns the publisher itself, if it wants no echo.
fn excluded_publisher(publisher: &Connection, stream: &Stream) -> Vec<String> {
    if stream.no_echo {
        vec![publisher.id().to_string()]
    } else {
        Vec::new()
    }
}

fn stream_not_found(stream_id: String) -> Outcome {
    Outcome::reply(DownstreamMessage::StreamClosed {
        stream_id,
        error: Some(AckError::new(
            "StreamNotFound",
            "There is no such open stream.",
        )),
    })
}

/// The text of the refusal of a stream beyond [`MAX_STREAMS`].
pub(in crate::pubsub) const TOO_MANY_STREAMS: &str = "The connection has too many open streams.";
/// Our own limit, because each stream uses memory.
const MAX_STREAMS: usize = 100;
