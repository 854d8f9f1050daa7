//! Reading. Frames are read into one flat struct that borrows from the text,
//! payloads as raw JSON: a tagged enum would parse every payload twice. Parts
//! that are rare stay raw until their message is known.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;
use transport::Text;

use crate::protocol::data::is_any;
use crate::protocol::{
    AckError, Data, DownstreamMessage, GroupStateItem, GroupStates, Metadata, ProtocolError,
    Sender, StreamEndError, StreamError, StreamFragment, UpstreamMessage,
};

/// Reads what a client says.
///
/// # Errors
///
/// A [`ProtocolError`] for anything that the subprotocol does not allow.
pub fn decode_upstream(text: &Text) -> Result<UpstreamMessage, ProtocolError> {
    let frame = Frame::parse(text)?;
    let kind = frame.kind.as_str();
    let is = |name: &str| kind.eq_ignore_ascii_case(name);
    if is("sendToGroup") {
        let message = "sendToGroup";
        let group = frame.group(message)?;
        let no_echo = frame.no_echo.unwrap_or(false);
        if let Some(stream) = frame.stream {
            return frame.stream_start(group, no_echo, stream);
        }
        let metadata = frame.metadata(message)?;
        Ok(UpstreamMessage::SendToGroup {
            group,
            ack_id: frame.ack_id,
            no_echo,
            data: frame.data_beside(text, message, &metadata)?,
            ttl_seconds: match frame.ttl_seconds {
                Some(MAX_TTL_SECONDS..) => {
                    return Err(field(message, "ttlSeconds", "must be at most 300"));
                }
                seconds => seconds,
            },
            metadata,
        })
    } else if is("event") {
        let metadata = frame.metadata("event")?;
        Ok(UpstreamMessage::Event {
            event: frame.event("event")?,
            ack_id: frame.ack_id,
            data: frame.data_beside(text, "event", &metadata)?,
            metadata,
        })
    } else if is("joinGroup") {
        Ok(UpstreamMessage::JoinGroup {
            group: frame.group("joinGroup")?,
            ack_id: frame.ack_id,
        })
    } else if is("leaveGroup") {
        Ok(UpstreamMessage::LeaveGroup {
            group: frame.group("leaveGroup")?,
            ack_id: frame.ack_id,
        })
    } else if is("sequenceAck") {
        Ok(UpstreamMessage::SequenceAck {
            sequence_id: present(frame.sequence_id, "sequenceAck", "sequenceId")?,
        })
    } else if is("ping") {
        Ok(UpstreamMessage::Ping)
    } else if is("streamData") {
        frame.stream_data(text)
    } else if is("streamEnd") {
        Ok(UpstreamMessage::StreamEnd {
            stream_id: frame.id(&frame.stream_id, "streamEnd", "streamId")?,
            error: frame.error("streamEnd")?.map(|error| StreamEndError {
                message: error.message,
                user_error_code: error.user_error_code,
            }),
        })
    } else if is("invoke") {
        let message = "invoke";
        if !frame
            .target
            .as_ref()
            .is_some_and(|target| target.as_str().eq_ignore_ascii_case("event"))
        {
            return Err(field(message, "target", "must be event"));
        }
        Ok(UpstreamMessage::Invoke {
            invocation_id: frame.id(&frame.invocation_id, message, "invocationId")?,
            event: frame.event(message)?,
            data: frame.optional_data(text, message)?,
            metadata: frame.metadata(message)?,
        })
    } else if is("cancelInvocation") {
        Ok(UpstreamMessage::CancelInvocation {
            invocation_id: frame.id(&frame.invocation_id, "cancelInvocation", "invocationId")?,
        })
    } else if is("invokeResponse") {
        Ok(UpstreamMessage::InvokeResponse {
            invocation_id: frame.id(&frame.invocation_id, "invokeResponse", "invocationId")?,
            result: frame.invocation_result(text)?,
        })
    } else if is("setGroupState") {
        Ok(UpstreamMessage::SetGroupState {
            group: frame.group("setGroupState")?,
            ack_id: frame.ack_id,
            state: frame
                .state
                .map(|state| entries(state, "setGroupState", "state"))
                .transpose()?,
        })
    } else if is("subscribeGroupState") {
        Ok(UpstreamMessage::SubscribeGroupState {
            group: frame.group("subscribeGroupState")?,
            ack_id: frame.ack_id,
        })
    } else if is("unsubscribeGroupState") {
        Ok(UpstreamMessage::UnsubscribeGroupState {
            group: frame.group("unsubscribeGroupState")?,
            ack_id: frame.ack_id,
        })
    } else {
        Err(ProtocolError::UnknownKind(kind.to_owned()))
    }
}

/// Reads what the service says.
///
/// # Errors
///
/// [`ProtocolError::UnknownKind`] for kinds, events, senders and types of data
/// that this version does not know, which a client passes over; otherwise what is wrong.
pub fn decode_downstream(text: &Text) -> Result<DownstreamMessage, ProtocolError> {
    let frame = Frame::parse(text)?;
    match frame.kind.as_str() {
        "message" => frame.data_message(text),
        "ack" => {
            let result = match frame.success {
                Some(true) => Ok(()),
                _ => Err(frame.ack_error("ack")?),
            };
            Ok(DownstreamMessage::Ack {
                ack_id: present(frame.ack_id, "ack", "ackId")?,
                result,
            })
        }
        "system" => match frame.event.as_ref().map(Str::as_str) {
            Some("connected") => Ok(DownstreamMessage::Connected {
                connection_id: frame.id(&frame.connection_id, "connected", "connectionId")?,
                // The service writes null, "" or nothing for an anonymous client.
                user_id: frame
                    .user_id
                    .map(Str::into_string)
                    .filter(|user| !user.is_empty()),
                reconnection_token: frame
                    .reconnection_token
                    .map(|token| auth::Secret::new(token.into_string())),
            }),
            Some("disconnected") => Ok(DownstreamMessage::Disconnected {
                message: frame.message.map(Str::into_string),
            }),
            other => Err(ProtocolError::UnknownKind(format!(
                "system event {other:?}"
            ))),
        },
        "pong" => Ok(DownstreamMessage::Pong),
        "invokeResponse" => Ok(DownstreamMessage::InvokeResponse {
            invocation_id: frame.id(&frame.invocation_id, "invokeResponse", "invocationId")?,
            result: frame.invocation_result(text)?,
            metadata: frame.metadata_of_service()?,
        }),
        "cancelInvocation" => Ok(DownstreamMessage::CancelInvocation {
            invocation_id: frame.id(&frame.invocation_id, "cancelInvocation", "invocationId")?,
        }),
        "streamAck" => Ok(DownstreamMessage::StreamAck {
            stream_id: frame.id(&frame.stream_id, "streamAck", "streamId")?,
            expected_sequence_id: frame.expected("streamAck")?,
        }),
        "streamNack" => Ok(DownstreamMessage::StreamNack {
            stream_id: frame.id(&frame.stream_id, "streamNack", "streamId")?,
            expected_sequence_id: frame.expected("streamNack")?,
            name: frame.name.map(Str::into_string).unwrap_or_default(),
            message: frame.message.map(Str::into_string),
        }),
        "streamClosed" => Ok(DownstreamMessage::StreamClosed {
            stream_id: frame.id(&frame.stream_id, "streamClosed", "streamId")?,
            error: frame.error("streamClosed")?.map(|error| {
                AckError::new(
                    error.name.unwrap_or_default(),
                    error.message.unwrap_or_default(),
                )
            }),
        }),
        "groupStateSnapshot" => Ok(DownstreamMessage::GroupStateSnapshot(
            frame.group_states("groupStateSnapshot")?,
        )),
        "groupStateUpdate" => Ok(DownstreamMessage::GroupStateUpdate(
            frame.group_states("groupStateUpdate")?,
        )),
        other => Err(ProtocolError::UnknownKind(other.to_owned())),
    }
}

/// Every field of every message, borrowed from the frame's text.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Frame<'a> {
    #[serde(borrow, rename = "type")]
    kind: Str<'a>,
    #[serde(borrow)]
    group: Option<Str<'a>>,
    #[serde(borrow)]
    event: Option<Str<'a>>,
    #[serde(borrow)]
    from: Option<Str<'a>>,
    #[serde(borrow)]
    from_user_id: Option<Str<'a>>,
    #[serde(borrow)]
    connection_id: Option<Str<'a>>,
    #[serde(borrow)]
    user_id: Option<Str<'a>>,
    #[serde(borrow)]
    reconnection_token: Option<Str<'a>>,
    #[serde(borrow)]
    message: Option<Str<'a>>,
    #[serde(borrow)]
    data_type: Option<Str<'a>>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    ack_id: Option<u64>,
    sequence_id: Option<u64>,
    no_echo: Option<bool>,
    success: Option<bool>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    metadata: Option<&'a RawValue>,
    ttl_seconds: Option<u32>,
    #[serde(borrow)]
    invocation_id: Option<Str<'a>>,
    #[serde(borrow)]
    target: Option<Str<'a>>,
    #[serde(borrow)]
    stream: Option<&'a RawValue>,
    #[serde(borrow)]
    stream_id: Option<Str<'a>>,
    stream_sequence_id: Option<u64>,
    expected_sequence_id: Option<u64>,
    #[serde(borrow)]
    name: Option<Str<'a>>,
    #[serde(borrow)]
    state: Option<&'a RawValue>,
    #[serde(borrow)]
    items: Option<&'a RawValue>,
}

impl<'a> Frame<'a> {
    fn parse(text: &'a Text) -> Result<Self, ProtocolError> {
        // serde reads a struct from an array, too.
        if !text.trim_start_matches(WHITE_SPACE).starts_with('{') {
            return Err(ProtocolError::Format("not a JSON object".to_owned()));
        }
        serde_json::from_str(text).map_err(|error| format_error(&error))
    }

    fn group(&self, message: &'static str) -> Result<String, ProtocolError> {
        match &self.group {
            Some(group) if crate::GroupName::new(group.as_str()).is_ok() => {
                Ok(group.as_str().to_owned())
            }
            _ => Err(field(message, "group", "must be a group name")),
        }
    }

    fn event(&self, message: &'static str) -> Result<String, ProtocolError> {
        match &self.event {
            Some(event) if crate::EventName::new(event.as_str()).is_ok() => {
                Ok(event.as_str().to_owned())
            }
            _ => Err(field(message, "event", "must be an event name")),
        }
    }

    fn id(
        &self,
        id: &Option<Str<'a>>,
        message: &'static str,
        name: &'static str,
    ) -> Result<String, ProtocolError> {
        match id {
            Some(id) if !id.as_str().is_empty() => Ok(id.as_str().to_owned()),
            _ => Err(field(message, name, "must be present and not empty")),
        }
    }

    fn expected(&self, message: &'static str) -> Result<u64, ProtocolError> {
        present(self.expected_sequence_id, message, "expectedSequenceId")
    }

    /// What a client sends along; its rules are checked.
    fn metadata(&self, message: &'static str) -> Result<Metadata, ProtocolError> {
        let mut metadata = Metadata::new();
        if let Some(raw) = self.metadata {
            let pairs: Pairs = serde_json::from_str(raw.get())
                .map_err(|_| field(message, "metadata", "must be an object of strings"))?;
            for (name, value) in pairs.0 {
                metadata.insert(name, value)?;
            }
        }
        Ok(metadata)
    }

    fn metadata_of_service(&self) -> Result<Metadata, ProtocolError> {
        match self.metadata {
            None => Ok(Metadata::new()),
            Some(raw) => entries(raw, "message", "metadata").map(Metadata::from_service),
        }
    }

    fn data_message(self, text: &Text) -> Result<DownstreamMessage, ProtocolError> {
        let from = match self.from.as_ref().map(Str::as_str) {
            Some("group") => Sender::Group {
                group: self.id(&self.group, "message", "group")?,
                from_user_id: self
                    .from_user_id
                    .as_ref()
                    .map(|user| user.as_str().to_owned()),
            },
            Some("server") => Sender::Server,
            other => {
                return Err(ProtocolError::UnknownKind(format!(
                    "message from {other:?}"
                )));
            }
        };
        let metadata = self.metadata_of_service()?;
        let stream = self.stream.map(stream_fragment).transpose()?;
        let data = if self.data.is_none() && stream.as_ref().is_some_and(|part| part.is_end) {
            Data::Text(Text::default())
        } else {
            self.data_beside(text, "message", &metadata)?
        };
        Ok(DownstreamMessage::Data {
            from,
            data,
            sequence_id: self.sequence_id,
            metadata,
            stream,
        })
    }

    /// The payload; a message that has metadata may go without, and then it is empty text.
    fn data_beside(
        &self,
        text: &Text,
        message: &'static str,
        metadata: &Metadata,
    ) -> Result<Data, ProtocolError> {
        match self.optional_data(text, message)? {
            Some(data) => Ok(data),
            None if !metadata.is_empty() => Ok(Data::Text(Text::default())),
            None => Err(field(message, "data", "must be present")),
        }
    }

    fn optional_data(
        &self,
        text: &Text,
        message: &'static str,
    ) -> Result<Option<Data>, ProtocolError> {
        let Some(raw) = self.data else {
            return Ok(None);
        };
        let raw = raw.get();
        let wrong = |rule| field(message, "data", rule);
        let kind = self.data_type.as_ref().map_or("json", Str::as_str);
        if kind.eq_ignore_ascii_case("json") {
            return Ok(Some(Data::Json(text.slice_ref(raw))));
        }
        let string: Str<'_> =
            serde_json::from_str(raw).map_err(|_| wrong("must be a string for this dataType"))?;
        if kind.eq_ignore_ascii_case("text") {
            return Ok(Some(Data::Text(match string.0 {
                Cow::Borrowed(part) => text.slice_ref(part),
                Cow::Owned(part) => part.into(),
            })));
        }
        let bytes = || {
            STANDARD
                .decode(string.as_str())
                .map_err(|_| wrong("must be base64 for this dataType"))
        };
        if kind.eq_ignore_ascii_case("binary") {
            Ok(Some(Data::Binary(bytes()?.into())))
        } else if kind.eq_ignore_ascii_case("protobuf") {
            let bytes = bytes()?;
            if !is_any(&bytes) {
                return Err(wrong("must be a serialised Any for this dataType"));
            }
            Ok(Some(Data::Protobuf(bytes.into())))
        } else {
            Err(ProtocolError::UnknownKind(format!("dataType {kind:?}")))
        }
    }

    fn stream_start(
        &self,
        group: String,
        no_echo: bool,
        stream: &RawValue,
    ) -> Result<UpstreamMessage, ProtocolError> {
        let message = "sendToGroup";
        if self.data.is_some() || self.data_type.is_some() {
            return Err(field(message, "stream", "must not stand beside data"));
        }
        let stream: FrameStream = part(stream, message, "stream")?;
        if stream.idle_timeout_ms == Some(0) {
            return Err(field(message, "idleTimeoutMs", "must be more than 0"));
        }
        Ok(UpstreamMessage::StreamStart {
            group,
            no_echo,
            stream_id: Some(stream.stream_id)
                .filter(|id| !id.is_empty())
                .ok_or_else(|| field(message, "streamId", "must not be empty"))?,
            idle_timeout_ms: stream.idle_timeout_ms,
        })
    }

    fn stream_data(&self, text: &Text) -> Result<UpstreamMessage, ProtocolError> {
        let message = "streamData";
        let fragment = match (self.stream_sequence_id, self.optional_data(text, message)?) {
            (None, None) if self.data_type.is_none() => None,
            (Some(id @ 1..), Some(data)) => Some((id, data)),
            (Some(0), _) => return Err(field(message, "streamSequenceId", "must be at least 1")),
            _ => {
                return Err(field(
                    message,
                    "data",
                    "must come with streamSequenceId and dataType, or all of them be absent",
                ));
            }
        };
        Ok(UpstreamMessage::StreamData {
            stream_id: self.id(&self.stream_id, message, "streamId")?,
            fragment,
        })
    }

    fn invocation_result(
        &self,
        text: &Text,
    ) -> Result<Result<Option<Data>, AckError>, ProtocolError> {
        if present(self.success, "invokeResponse", "success")? {
            Ok(Ok(self.optional_data(text, "invokeResponse")?))
        } else {
            Ok(Err(self.ack_error("invokeResponse")?))
        }
    }

    fn ack_error(&self, message: &'static str) -> Result<AckError, ProtocolError> {
        let error = self.error(message)?;
        let (name, text) = error.map_or((None, None), |error| (error.name, error.message));
        Ok(AckError::new(
            name.unwrap_or_else(|| "Unknown".to_owned()),
            text.unwrap_or_default(),
        ))
    }

    fn error(&self, message: &'static str) -> Result<Option<FrameError>, ProtocolError> {
        self.error
            .map(|error| part(error, message, "error"))
            .transpose()
    }

    fn group_states(&self, message: &'static str) -> Result<GroupStates, ProtocolError> {
        let items: Vec<FrameItem> = match self.items {
            Some(items) => part(items, message, "items")?,
            None => return Err(field(message, "items", "must be present")),
        };
        Ok(GroupStates {
            group: self.id(&self.group, message, "group")?,
            items: items
                .into_iter()
                .map(|item| GroupStateItem {
                    connection_id: item.connection_id,
                    user_id: item.user_id,
                    state: item.state,
                    updated_at_ms: item.updated_at,
                })
                .collect(),
            sequence_id: self.sequence_id,
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FrameError {
    name: Option<String>,
    message: Option<String>,
    user_error_code: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FrameStream {
    stream_id: String,
    idle_timeout_ms: Option<u32>,
    stream_sequence_id: Option<u64>,
    #[serde(default)]
    end_of_stream: Option<bool>,
    error: Option<FrameError>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FrameItem {
    connection_id: String,
    user_id: Option<String>,
    state: Option<BTreeMap<String, String>>,
    updated_at: i64,
}

/// A string that borrows when the JSON holds no escapes; `Option<Cow<str>>` never does.
#[derive(Deserialize)]
#[serde(transparent)]
struct Str<'a>(#[serde(borrow)] Cow<'a, str>);

impl Str<'_> {
    fn as_str(&self) -> &str {
        &self.0
    }

    fn into_string(self) -> String {
        self.0.into_owned()
    }
}

/// The entries of an object with its doubles, which a map would hide.
struct Pairs(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PairsVisitor;

        impl<'de> Visitor<'de> for PairsVisitor {
            type Value = Pairs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of strings")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }

        deserializer.deserialize_map(PairsVisitor)
    }
}

fn stream_fragment(raw: &RawValue) -> Result<Box<StreamFragment>, ProtocolError> {
    let stream: FrameStream = part(raw, "message", "stream")?;
    Ok(Box::new(StreamFragment {
        stream_id: stream.stream_id,
        sequence_id: present(stream.stream_sequence_id, "message", "streamSequenceId")?,
        is_end: stream.end_of_stream.unwrap_or(false),
        error: stream.error.map(|error| StreamError {
            name: error.name.unwrap_or_default(),
            message: error.message,
            user_error_code: error.user_error_code,
        }),
    }))
}

fn entries(
    raw: &RawValue,
    message: &'static str,
    name: &'static str,
) -> Result<BTreeMap<String, String>, ProtocolError> {
    part(raw, message, name)
}

fn part<'a, T: Deserialize<'a>>(
    raw: &'a RawValue,
    message: &'static str,
    name: &'static str,
) -> Result<T, ProtocolError> {
    serde_json::from_str(raw.get())
        .map_err(|_| field(message, name, "must be of the type in the reference"))
}

fn present<T>(
    value: Option<T>,
    message: &'static str,
    name: &'static str,
) -> Result<T, ProtocolError> {
    value.ok_or_else(|| field(message, name, "must be present"))
}

fn field(message: &'static str, field: &'static str, rule: &'static str) -> ProtocolError {
    ProtocolError::Field {
        message,
        field,
        rule,
    }
}

fn format_error(error: &serde_json::Error) -> ProtocolError {
    // The text of serde's error would hold values of strings.
    ProtocolError::Format(format!("line {} column {}", error.line(), error.column()))
}

/// JSON's own white space (RFC 8259 §2).
const WHITE_SPACE: [char; 4] = [' ', '\t', '\n', '\r'];
/// The first life span in seconds that is too long.
const MAX_TTL_SECONDS: u32 = 301;
