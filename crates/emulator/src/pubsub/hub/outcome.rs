//! The follow-up work of a client's message.

use std::sync::Arc;
use std::time::Instant;

use pubsub::protocol::{AckError, DownstreamMessage};

use crate::pubsub::event_handler::UserEvent;

/// The follow-up work of a message.
#[derive(Debug)]
pub(in crate::pubsub) struct Outcome {
    /// Messages to the client, sent before the acknowledgement.
    pub(in crate::pubsub) replies: Vec<DownstreamMessage>,
    /// The ack id, if the client wants an acknowledgement of `result`.
    pub(in crate::pubsub) ack_id: Option<u64>,
    pub(in crate::pubsub) result: Result<(), AckError>,
    /// How many connections it was queued for.
    pub(in crate::pubsub) receivers: Option<usize>,
    /// The group of the stream that the message is of.
    pub(in crate::pubsub) group: Option<Arc<str>>,
    /// A group whose states the client has subscribed to: they are sent after the acknowledgement.
    pub(in crate::pubsub) subscribed: Option<String>,
    /// The event for the event handler.
    pub(in crate::pubsub) event: Option<UserEvent>,
    /// The invocation to cancel.
    pub(in crate::pubsub) canceled: Option<String>,
    /// A stream that may become idle: its name, number, and when.
    pub(in crate::pubsub) stream: Option<(String, u64, Instant)>,
}

impl Outcome {
    pub(super) fn acked(ack_id: Option<u64>, result: Result<(), AckError>) -> Self {
        Self {
            ack_id,
            result,
            ..Self::default()
        }
    }

    pub(super) fn reply(message: DownstreamMessage) -> Self {
        Self {
            replies: vec![message],
            ..Self::default()
        }
    }
}

impl Default for Outcome {
    fn default() -> Self {
        Self {
            replies: Vec::new(),
            ack_id: None,
            result: Ok(()),
            receivers: None,
            group: None,
            subscribed: None,
            event: None,
            canceled: None,
            stream: None,
        }
    }
}
