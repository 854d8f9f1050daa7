//! Messages that the admin API has a client send: the tests and the page of the emulator act in
//! its place.

use std::sync::Arc;

use pubsub::Subprotocol;
use pubsub::protocol::UpstreamMessage;
use serde::Deserialize;
use serde_json::value::RawValue;
use transport::Message;

use super::Service;

/// A message that a client is to send.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ActedMessage {
    hub: String,
    connection_id: String,
    /// As in the JSON subprotocol, whichever the client speaks.
    message: Box<RawValue>,
}

/// Why a client cannot send a message.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum CannotAct {
    #[error("the hub has no such connection")]
    NoConnection,
    #[error("the connection has lost its socket")]
    Lost,
    #[error("`message` is not one of the JSON subprotocol: {0}")]
    Invalid(String),
    #[error("a client without a subprotocol sends nothing but events named `message`")]
    Simple,
}

impl Service {
    /// Processes a message as if a connected client had sent it now. The client receives what
    /// it would receive; faults on the occasion of a message do not strike.
    pub(crate) fn act(self: &Arc<Self>, acted: &ActedMessage) -> Result<(), CannotAct> {
        let (hub, id) = (acted.hub.to_ascii_lowercase(), &acted.connection_id);
        let frame = Message::text(acted.message.get());
        let message = Subprotocol::Json
            .decode_upstream(frame)
            .map_err(|error| CannotAct::Invalid(error.to_string()))?;
        let is_simple = self.with_hub(&hub, |hub_lock| match hub_lock.hub.connection(id) {
            None => Err(CannotAct::NoConnection),
            Some(connection) if connection.lost.is_some() => Err(CannotAct::Lost),
            Some(connection) => Ok(connection.subprotocol.is_none()),
        })?;
        match message {
            UpstreamMessage::Event { event, data, .. } if is_simple && event == FRAME => {
                self.receive_frame(&hub, id, data);
            }
            _ if is_simple => return Err(CannotAct::Simple),
            message => self.receive(&hub, id, message),
        }
        Ok(())
    }
}

/// The event that a frame of a simple client is.
const FRAME: &str = "message";
