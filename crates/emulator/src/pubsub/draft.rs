//! A message of a client, on its way into the journal. Pure.

use pubsub::Data;
use pubsub::protocol::UpstreamMessage;

use crate::journal::{Details, Message, Payload, Record, Service, Text};

/// A client's message, from its arrival to its record.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) message: Message,
    pub(super) group: Option<Text>,
    payload: Option<Payload>,
}

impl Draft {
    /// Takes down a message; `None` if it only keeps the connection going.
    pub(super) fn of(message: &UpstreamMessage) -> Option<Box<Self>> {
        type Parts<'a> = (
            &'static str,
            Option<&'a str>,
            Option<&'a str>,
            Option<u64>,
            Option<&'a Data>,
        );
        let (operation, group, event, ack_id, data): Parts<'_> = match message {
            UpstreamMessage::JoinGroup { group, ack_id } => {
                ("joinGroup", Some(group), None, *ack_id, None)
            }
            UpstreamMessage::LeaveGroup { group, ack_id } => {
                ("leaveGroup", Some(group), None, *ack_id, None)
            }
            UpstreamMessage::SendToGroup {
                group,
                ack_id,
                data,
                ..
            } => ("sendToGroup", Some(group), None, *ack_id, Some(data)),
            UpstreamMessage::Event {
                event,
                ack_id,
                data,
                ..
            } => ("event", None, Some(event), *ack_id, Some(data)),
            UpstreamMessage::Invoke { event, data, .. } => {
                ("invoke", None, Some(event), None, data.as_ref())
            }
            UpstreamMessage::CancelInvocation { .. } => {
                ("cancelInvocation", None, None, None, None)
            }
            UpstreamMessage::StreamStart { group, .. } => {
                ("streamStart", Some(group), None, None, None)
            }
            UpstreamMessage::StreamData {
                fragment: Some((_, data)),
                ..
            } => ("streamData", None, None, None, Some(data)),
            UpstreamMessage::StreamEnd { .. } => ("streamEnd", None, None, None, None),
            UpstreamMessage::SetGroupState { group, ack_id, .. } => {
                ("setGroupState", Some(group), None, *ack_id, None)
            }
            UpstreamMessage::SubscribeGroupState { group, ack_id } => {
                ("subscribeGroupState", Some(group), None, *ack_id, None)
            }
            UpstreamMessage::UnsubscribeGroupState { group, ack_id } => {
                ("unsubscribeGroupState", Some(group), None, *ack_id, None)
            }
            // Pings, acknowledgements, and responses to what nobody asked.
            _ => return None,
        };
        Some(Box::new(Self {
            message: Message {
                operation: operation.into(),
                event: event.map(Text::from),
                ack_id,
                ..Message::default()
            },
            group: group.map(Text::from),
            payload: data.map(payload),
        }))
    }

    /// Takes down the frame of a client without a subprotocol, which is an event.
    pub(super) fn of_frame(data: &Data) -> Box<Self> {
        Box::new(Self {
            message: Message {
                operation: "event".into(),
                event: Some("message".into()),
                ..Message::default()
            },
            group: None,
            payload: Some(payload(data)),
        })
    }

    /// Returns the record of a message that was carried out, or failed with the error of this name.
    pub(super) fn into_record(self, error: Option<&str>) -> Record {
        let Self {
            mut message,
            group,
            payload,
        } = self;
        message.error = error.map(Text::from);
        let mut record = Record::new(Service::PubSub, Details::Message(message));
        record.group = group;
        record.payload = payload;
        record
    }

    /// Returns the type of the message.
    pub(super) fn operation(&self) -> &Text {
        &self.message.operation
    }
}

/// Returns what the journal keeps of a payload.
pub(super) fn payload(data: &Data) -> Payload {
    match data {
        Data::Text(text) => Payload::of("text", text.as_bytes()),
        Data::Json(text) => Payload::of("json", text.as_bytes()),
        Data::Protobuf(bytes) => Payload::of("protobuf", bytes),
        Data::Binary(bytes) => Payload::of("binary", bytes),
        _ => Payload::of("binary", &[]),
    }
}
