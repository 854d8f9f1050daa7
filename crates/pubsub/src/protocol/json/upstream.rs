//! Decoding of messages from clients. Every property stays raw until the
//! kind of message is known, and only those that the kind uses are checked: the rest
//! may be anything. If a name is repeated, the last value counts, as in the service's
//! parser. Pure.

use std::fmt;

use serde::Deserialize;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use transport::Text;

use super::frame::{Str, entries, field, format_error, payload};
use super::property::{Pairs, Property};
use crate::protocol::name_rule::{check_event, check_group};
use crate::protocol::{AckError, Data, Metadata, ProtocolError, StreamEndError, UpstreamMessage};

/// Decodes a message from a client.
///
/// # Errors
///
/// A [`ProtocolError`] for anything that the subprotocol does not allow.
pub fn decode_upstream(text: &Text) -> Result<UpstreamMessage, ProtocolError> {
    let frame: Frame<'_> = serde_json::from_str(text).map_err(|error| format_error(&error))?;
    let kind = frame.kind.text("message", "type")?;
    let is = |name: &str| kind.as_str().eq_ignore_ascii_case(name);
    if is("sendToGroup") {
        frame.send_to_group(text)
    } else if is("event") {
        let message = "event";
        let (data, metadata) = frame.data_and_metadata(text, message)?;
        Ok(UpstreamMessage::Event {
            event: frame.event(message)?,
            ack_id: frame.ack_id(message)?,
            data,
            metadata,
        })
    } else if is("joinGroup") {
        Ok(UpstreamMessage::JoinGroup {
            group: frame.group("joinGroup")?,
            ack_id: frame.ack_id("joinGroup")?,
        })
    } else if is("leaveGroup") {
        Ok(UpstreamMessage::LeaveGroup {
            group: frame.group("leaveGroup")?,
            ack_id: frame.ack_id("leaveGroup")?,
        })
    } else if is("sequenceAck") {
        Ok(UpstreamMessage::SequenceAck {
            sequence_id: frame.sequence_id.present("sequenceAck", "sequenceId")?,
        })
    } else if is("ping") {
        Ok(UpstreamMessage::Ping)
    } else if is("streamData") {
        frame.stream_data(text)
    } else if is("streamEnd") {
        let message = "streamEnd";
        let error: Option<Frame<'_>> = frame.error.optional(message, "error")?;
        Ok(UpstreamMessage::StreamEnd {
            stream_id: frame.stream_id.id(message, "streamId")?,
            error: match error {
                Some(error) => Some(StreamEndError {
                    message: error.message.optional(message, "error")?,
                    user_error_code: error.user_error_code.optional(message, "error")?,
                }),
                None => None,
            },
        })
    } else if is("invoke") {
        let message = "invoke";
        if !frame
            .target
            .text(message, "target")?
            .as_str()
            .eq_ignore_ascii_case("event")
        {
            return Err(field(message, "target", "must be event"));
        }
        Ok(UpstreamMessage::Invoke {
            invocation_id: frame.invocation_id.id(message, "invocationId")?,
            event: frame.event(message)?,
            data: frame.optional_data(text, message)?,
            metadata: frame.metadata(message)?.unwrap_or_default(),
        })
    } else if is("cancelInvocation") {
        let invocation_id = frame.invocation_id.id("cancelInvocation", "invocationId")?;
        Ok(UpstreamMessage::CancelInvocation { invocation_id })
    } else if is("invokeResponse") {
        frame.invoke_response(text)
    } else if is("setGroupState") {
        let message = "setGroupState";
        let state = frame.state.value();
        Ok(UpstreamMessage::SetGroupState {
            group: frame.group(message)?,
            ack_id: frame.ack_id(message)?,
            state: state
                .map(|state| entries(state, message, "state"))
                .transpose()?,
        })
    } else if is("subscribeGroupState") {
        Ok(UpstreamMessage::SubscribeGroupState {
            group: frame.group("subscribeGroupState")?,
            ack_id: frame.ack_id("subscribeGroupState")?,
        })
    } else if is("unsubscribeGroupState") {
        Ok(UpstreamMessage::UnsubscribeGroupState {
            group: frame.group("unsubscribeGroupState")?,
            ack_id: frame.ack_id("unsubscribeGroupState")?,
        })
    } else {
        Err(ProtocolError::UnknownKind(kind.into_string()))
    }
}

/// The properties of all messages, and of the objects inside them.
#[derive(Default)]
struct Frame<'a> {
    kind: Property<'a>,
    group: Property<'a>,
    event: Property<'a>,
    data_type: Property<'a>,
    data: Property<'a>,
    ack_id: Property<'a>,
    sequence_id: Property<'a>,
    no_echo: Property<'a>,
    ttl_seconds: Property<'a>,
    metadata: Property<'a>,
    stream: Property<'a>,
    stream_id: Property<'a>,
    stream_sequence_id: Property<'a>,
    idle_timeout_ms: Property<'a>,
    invocation_id: Property<'a>,
    target: Property<'a>,
    success: Property<'a>,
    state: Property<'a>,
    error: Property<'a>,
    name: Property<'a>,
    message: Property<'a>,
    user_error_code: Property<'a>,
}

impl<'a> Frame<'a> {
    fn slot(&mut self, name: &str) -> Option<&mut Property<'a>> {
        Some(match name {
            "type" => &mut self.kind,
            "group" => &mut self.group,
            "event" => &mut self.event,
            "dataType" => &mut self.data_type,
            "data" => &mut self.data,
            "ackId" => &mut self.ack_id,
            "sequenceId" => &mut self.sequence_id,
            "noEcho" => &mut self.no_echo,
            "ttlSeconds" => &mut self.ttl_seconds,
            "metadata" => &mut self.metadata,
            "stream" => &mut self.stream,
            "streamId" => &mut self.stream_id,
            "streamSequenceId" => &mut self.stream_sequence_id,
            "idleTimeoutMs" => &mut self.idle_timeout_ms,
            "invocationId" => &mut self.invocation_id,
            "target" => &mut self.target,
            "success" => &mut self.success,
            "state" => &mut self.state,
            "error" => &mut self.error,
            "name" => &mut self.name,
            "message" => &mut self.message,
            "userErrorCode" => &mut self.user_error_code,
            _ => return None,
        })
    }

    fn send_to_group(&self, text: &Text) -> Result<UpstreamMessage, ProtocolError> {
        let message = "sendToGroup";
        let group = self.group(message)?;
        let no_echo = match self.no_echo.0 {
            Some(_) => self.no_echo.present(message, "noEcho")?,
            None => false,
        };
        if let Some(stream) = self.stream.optional::<Frame<'_>>(message, "stream")? {
            if self.data.value().is_some() || self.data_type.value().is_some() {
                return Err(field(message, "stream", "must not be combined with data"));
            }
            let idle_timeout_ms = stream.idle_timeout_ms.optional(message, "idleTimeoutMs")?;
            if idle_timeout_ms == Some(0) {
                return Err(field(message, "idleTimeoutMs", "must be more than 0"));
            }
            return Ok(UpstreamMessage::StreamStart {
                group,
                no_echo,
                stream_id: stream.stream_id.id(message, "streamId")?,
                idle_timeout_ms,
            });
        }
        let (data, metadata) = self.data_and_metadata(text, message)?;
        Ok(UpstreamMessage::SendToGroup {
            group,
            ack_id: self.ack_id(message)?,
            no_echo,
            data,
            ttl_seconds: match self.ttl_seconds.optional(message, "ttlSeconds")? {
                Some(MAX_TTL_SECONDS..) => {
                    return Err(field(message, "ttlSeconds", "must be at most 300"));
                }
                seconds => seconds,
            },
            metadata,
        })
    }

    fn stream_data(&self, text: &Text) -> Result<UpstreamMessage, ProtocolError> {
        let message = "streamData";
        let number = self
            .stream_sequence_id
            .optional(message, "streamSequenceId")?;
        let fragment = match (number, self.optional_data(text, message)?) {
            (None, None) if self.data_type.0.is_none() => None,
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
            stream_id: self.stream_id.id(message, "streamId")?,
            fragment,
        })
    }

    fn invoke_response(&self, text: &Text) -> Result<UpstreamMessage, ProtocolError> {
        let message = "invokeResponse";
        let result = if self.success.present(message, "success")? {
            Ok(self.optional_data(text, message)?)
        } else {
            let error: Frame<'_> = self.error.optional(message, "error")?.unwrap_or_default();
            let name: Option<String> = error.name.optional(message, "error")?;
            let text: Option<String> = error.message.optional(message, "error")?;
            Err(AckError::new(
                name.unwrap_or_else(|| "Unknown".to_owned()),
                text.unwrap_or_default(),
            ))
        };
        Ok(UpstreamMessage::InvokeResponse {
            invocation_id: self.invocation_id.id(message, "invocationId")?,
            result,
        })
    }

    fn group(&self, message: &'static str) -> Result<String, ProtocolError> {
        match self.group.read::<Str<'_>>() {
            Ok(Some(group)) if check_group(group.as_str()).is_ok() => Ok(group.into_string()),
            _ => Err(field(message, "group", "must be a group name")),
        }
    }

    fn event(&self, message: &'static str) -> Result<String, ProtocolError> {
        match self.event.read::<Str<'_>>() {
            Ok(Some(event)) if check_event(event.as_str()).is_ok() => Ok(event.into_string()),
            _ => Err(field(message, "event", "must be an event name")),
        }
    }

    fn ack_id(&self, message: &'static str) -> Result<Option<u64>, ProtocolError> {
        self.ack_id.optional(message, "ackId")
    }

    /// Returns the metadata, if present.
    fn metadata(&self, message: &'static str) -> Result<Option<Metadata>, ProtocolError> {
        let Ok(pairs) = self.metadata.read::<Pairs>() else {
            return Err(field(message, "metadata", "must be an object of strings"));
        };
        let Some(pairs) = pairs else {
            return Ok(None);
        };
        let mut metadata = Metadata::new();
        for (name, value) in pairs.0 {
            metadata.insert(name, value)?;
        }
        Ok(Some(metadata))
    }

    /// Returns payload and metadata; a message with metadata may have no payload, which counts as
    /// empty text.
    fn data_and_metadata(
        &self,
        text: &Text,
        message: &'static str,
    ) -> Result<(Data, Metadata), ProtocolError> {
        let metadata = self.metadata(message)?;
        let data = match (self.data.0, &metadata) {
            (Some(raw), _) if raw.get() == "null" => {
                return Err(field(message, "data", "must not be null"));
            }
            (Some(_), _) => self.optional_data(text, message)?,
            (None, Some(_)) => Some(Data::Text(Text::default())),
            (None, None) => None,
        };
        let data = data.ok_or_else(|| field(message, "data", "must be present"))?;
        Ok((data, metadata.unwrap_or_default()))
    }

    fn optional_data(
        &self,
        text: &Text,
        message: &'static str,
    ) -> Result<Option<Data>, ProtocolError> {
        let Some(raw) = self.data.value() else {
            return Ok(None);
        };
        let kind = match self.data_type.0 {
            Some(_) => Some(self.data_type.text(message, "dataType")?),
            None => None,
        };
        let kind = kind.as_ref().map_or("json", Str::as_str);
        payload(text, kind, raw.get(), message).map(Some)
    }
}

impl<'de> Deserialize<'de> for Frame<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FrameVisitor;

        impl<'de> Visitor<'de> for FrameVisitor {
            type Value = Frame<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Frame<'de>, A::Error> {
                let mut frame = Frame::default();
                // An unused name may be malformed, too.
                while let Some(name) = map.next_key::<&RawValue>()? {
                    let name = serde_json::from_str::<Str<'_>>(name.get());
                    let name = name.as_ref().map_or("", Str::as_str);
                    match frame.slot(name) {
                        Some(slot) => *slot = Property(Some(map.next_value()?)),
                        None => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(frame)
            }
        }

        deserializer.deserialize_map(FrameVisitor)
    }
}

/// The smallest time to live in seconds that is too long.
const MAX_TTL_SECONDS: u32 = 301;

#[cfg(test)]
mod tests {
    use super::*;

    /// Every kind of message with every property that it uses.
    const MESSAGES: [&str; 15] = [
        r#"{"type":"joinGroup","group":"g","ackId":1}"#,
        r#"{"type":"leaveGroup","group":"g","ackId":1}"#,
        r#"{"type":"sendToGroup","group":"g","ackId":1,"noEcho":true,"dataType":"text","data":"x","ttlSeconds":3,"metadata":{"k":"v"}}"#,
        r#"{"type":"sendToGroup","group":"g","noEcho":true,"stream":{"streamId":"s","idleTimeoutMs":9}}"#,
        r#"{"type":"event","event":"e","ackId":1,"dataType":"json","data":{"a":1},"metadata":{"k":"v"}}"#,
        r#"{"type":"sequenceAck","sequenceId":4}"#,
        r#"{"type":"ping"}"#,
        r#"{"type":"streamData","streamId":"s","streamSequenceId":2,"dataType":"binary","data":"AQ=="}"#,
        r#"{"type":"streamEnd","streamId":"s","error":{"message":"m","userErrorCode":"u"}}"#,
        r#"{"type":"invoke","invocationId":"i","target":"event","event":"e","dataType":"text","data":"x","metadata":{"k":"v"}}"#,
        r#"{"type":"cancelInvocation","invocationId":"i"}"#,
        r#"{"type":"invokeResponse","invocationId":"i","success":true,"dataType":"text","data":"x"}"#,
        r#"{"type":"setGroupState","group":"g","ackId":1,"state":{"k":"v"}}"#,
        r#"{"type":"subscribeGroupState","group":"g","ackId":1}"#,
        r#"{"type":"unsubscribeGroupState","group":"g","ackId":1}"#,
    ];

    const NAMES: [&str; 27] = [
        "group",
        "event",
        "dataType",
        "data",
        "ackId",
        "sequenceId",
        "noEcho",
        "ttlSeconds",
        "metadata",
        "stream",
        "streamId",
        "streamSequenceId",
        "idleTimeoutMs",
        "invocationId",
        "target",
        "success",
        "state",
        "error",
        "name",
        "message",
        "userErrorCode",
        "from",
        "fromUserId",
        "connectionId",
        "items",
        "expectedSequenceId",
        "unknown",
    ];

    /// A value that is invalid for every property.
    const ODD: [&str; 6] = [
        "1.5",
        "[]",
        r#""\ud800""#,
        "-1",
        "18446744073709551616",
        "{\"a\":[1]}",
    ];

    fn read(text: &str) -> Result<UpstreamMessage, ProtocolError> {
        decode_upstream(&text.into())
    }

    #[test]
    fn what_a_kind_does_not_use_does_not_matter() {
        for message in MESSAGES {
            let expected = read(message).unwrap();
            let members: serde_json::Map<String, serde_json::Value> =
                serde_json::from_str(message).unwrap();
            let is_stream = members.contains_key("stream");
            for name in NAMES {
                // These two are always checked, so that a stream cannot hide a payload.
                let is_used = members.contains_key(name)
                    || is_stream && ["data", "dataType"].contains(&name)
                    || members["type"] == "sendToGroup" && name == "stream";
                for odd in ODD.into_iter().filter(|_| !is_used) {
                    let first = message.replacen('{', &format!("{{\"{name}\":{odd},"), 1);
                    assert_eq!(read(&first).as_ref(), Ok(&expected), "{first}");
                    let open = &message[..message.len() - 1];
                    let last = format!("{open},\"{name}\":{odd}}}");
                    assert_eq!(read(&last).as_ref(), Ok(&expected), "{last}");
                }
            }
        }
    }

    #[test]
    fn what_a_kind_uses_is_checked_and_the_last_of_two_counts() {
        for message in MESSAGES {
            let expected = read(message).unwrap();
            let members: serde_json::Map<String, serde_json::Value> =
                serde_json::from_str(message).unwrap();
            let open = &message[..message.len() - 1];
            for (name, value) in &members {
                for odd in ODD.into_iter().chain(["null"]) {
                    let is_good = match name.as_str() {
                        "data" => odd != "null",
                        "error" => odd.starts_with('{'),
                        "state" => odd == "null",
                        _ => false,
                    };
                    if is_good {
                        continue;
                    }
                    let first = message.replacen('{', &format!("{{\"{name}\":{odd},"), 1);
                    assert_eq!(read(&first).as_ref(), Ok(&expected), "{first}");
                    let last = format!("{open},\"{name}\":{odd}}}");
                    let is_optional =
                        ["ackId", "data", "error", "metadata", "stream", "ttlSeconds"]
                            .contains(&name.as_str());
                    assert!(
                        read(&last).is_err() || odd == "null" && is_optional,
                        "{last}"
                    );
                    let again = format!("{open},\"{name}\":{odd},\"{name}\":{value}}}");
                    assert_eq!(read(&again).as_ref(), Ok(&expected), "{again}");
                }
            }
        }
    }

    #[test]
    fn names_may_be_escaped_and_odd() {
        let text =
            r#"{"\u0074ype":"joinGroup","gr\u006fup":"g","\ud800":1,"":2,"TYPE":3,"Group":4}"#;
        let (group, ack_id) = ("g".to_owned(), None);
        assert_eq!(read(text), Ok(UpstreamMessage::JoinGroup { group, ack_id }));
        assert!(read(r#"{type:"ping"}"#).is_err());
        assert!(read(r#"{"type":"ping","a"}"#).is_err());
    }

    #[test]
    fn objects_within_follow_the_same_rules() {
        for (message, twin) in [
            (
                r#"{"type":"streamEnd","streamId":"s","error":{"message":1,"name":[],"message":"m","x":{}}}"#,
                r#"{"type":"streamEnd","streamId":"s","error":{"message":"m"}}"#,
            ),
            (
                r#"{"type":"sendToGroup","group":"g","stream":{"streamId":1,"streamId":"s","endOfStream":5}}"#,
                r#"{"type":"sendToGroup","group":"g","stream":{"streamId":"s"}}"#,
            ),
            (
                r#"{"type":"setGroupState","group":"g","state":{"k":"a","k":"v"}}"#,
                r#"{"type":"setGroupState","group":"g","state":{"k":"v"}}"#,
            ),
        ] {
            assert_eq!(read(message), read(twin), "{message}");
            assert!(read(twin).is_ok());
        }
        for bad in [
            r#"{"type":"streamEnd","streamId":"s","error":["m","n","u"]}"#,
            r#"{"type":"sendToGroup","group":"g","stream":["s",9]}"#,
            r#"{"type":"setGroupState","group":"g","state":[]}"#,
            r#"{"type":"event","event":"e","data":1,"metadata":{"k":"v","k":"v"}}"#,
            r#"["joinGroup","g"]"#,
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn metadata_may_stand_alone_but_not_beside_null() {
        for metadata in ["{}", r#"{"k":"v"}"#] {
            let text = format!(r#"{{"type":"event","event":"e","metadata":{metadata}}}"#);
            let Ok(UpstreamMessage::Event { data, .. }) = read(&text) else {
                panic!("{text}");
            };
            assert_eq!(data, Data::Text("".into()));
            let text = text.replacen('{', r#"{"data":null,"#, 1);
            assert!(read(&text).is_err(), "{text}");
        }
        assert!(read(r#"{"type":"event","event":"e","metadata":null}"#).is_err());
    }

    #[test]
    fn base64_is_read_as_the_service_reads_it() {
        let decoded = |data: &str| {
            let frame =
                format!(r#"{{"type":"event","event":"e","dataType":"binary","data":"{data}"}}"#);
            match read(&frame) {
                Ok(UpstreamMessage::Event {
                    data: Data::Binary(bytes),
                    ..
                }) => Some(bytes.to_vec()),
                _ => None,
            }
        };
        for (data, bytes) in [
            ("AQI=", Some(&[1, 2][..])),
            ("", Some(&[])),
            (r" AQ\nI= ", Some(&[1, 2])),
            (r"A Q\tI\r=", Some(&[1, 2])),
            // The excess bits of the last character are ignored.
            ("AQJ=", Some(&[1, 2])),
            ("/w==", Some(&[255])),
            ("/3==", Some(&[255])),
            ("AQI", None),
            ("AQI==", None),
            ("_w==", None),
            ("A", None),
            (r"AQI=\u00a0", None),
        ] {
            assert_eq!(decoded(data).as_deref(), bytes, "{data}");
        }
    }

    #[test]
    fn what_can_be_read_is_read_again_as_the_same() {
        // A small generator with a fixed seed (Marsaglia's xorshift), so that a failure repeats.
        let mut seed = 0x2545_f491_4f6c_dd1d_u64;
        let mut next = |below: usize| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            usize::try_from(seed % below as u64).unwrap()
        };
        let mut taken = 0;
        for _ in 0..20_000 {
            let mut text = MESSAGES[next(MESSAGES.len())].as_bytes().to_vec();
            for _ in 0..=next(3) {
                let other = MESSAGES[next(MESSAGES.len())].as_bytes();
                let at = next(text.len());
                match next(4) {
                    0 => text[at] = b"{}[]\",:\\u019eE-.nt"[next(18)],
                    1 => {
                        let from = next(other.len());
                        let part = &other[from..];
                        text.splice(at..at, part[..next(part.len() + 1)].iter().copied());
                    }
                    2 => {
                        // Members of another message behind its own.
                        text.truncate(text.len() - 1);
                        text.push(b',');
                        text.extend_from_slice(&other[1..]);
                    }
                    _ => {
                        text.remove(at);
                    }
                }
                if text.is_empty() {
                    break;
                }
            }
            let Ok(text) = String::from_utf8(text) else {
                continue;
            };
            if let Ok(message) = read(&text) {
                taken += 1;
                let written = crate::protocol::json::encode_upstream(&message).unwrap();
                assert_eq!(decode_upstream(&written), Ok(message), "{text}");
            }
        }
        assert!(taken > 2_000, "{taken}");
    }
}
